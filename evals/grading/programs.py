"""The programs in an answer that can be run: which blocks and files they are, and what they need."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec

from fal_skill.calls import Call
from fal_skill.calls.call import CANCEL, MODEL_PATTERNS, RESULT, STATUS, UPLOAD

from .answers import Answer, Block
from .invocations import arguments_of, commands

PYTHON = "python"
JAVASCRIPT = ("javascript", "typescript")
RUNNABLE = (PYTHON, *JAVASCRIPT)
SUFFIXES = {"python": ".py", "javascript": ".mjs", "typescript": ".ts"}
NODE_EXTRAS = ("sharp@0.34",)
"""What answers use beside the SDK, as npm installs it."""
NODE_MODULES = frozenset({"@fal-ai/client", "dotenv", "sharp", "typescript"})
"""Packages that JavaScript programs find; node's own are always there."""
NODE_BUILTINS = frozenset(
    [
        "assert",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "crypto",
        "dns",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "querystring",
        "readline",
        "stream",
        "string_decoder",
        "timers",
        "tls",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "worker_threads",
        "zlib",
    ]
)
ASKING = frozenset({*MODEL_PATTERNS, STATUS, RESULT, CANCEL, UPLOAD})

_PY_IMPORT = re.compile(r"^[ \t]*(?:import[ \t]+([\w., \t]+)|from[ \t]+([\w.]+)[ \t]+import)", re.MULTILINE)
_JS_IMPORT = re.compile(
    r"""^[ \t]*import\b[^;'"]*?from\s*["']([^"']+)["']|^[ \t]*import\s*["']([^"']+)["']|\brequire\(\s*["']([^"']+)["']"""  # noqa: E501
    r"""|\bimport\(\s*["']([^"']+)["']""",
    re.MULTILINE,
)
_SERVERS = re.compile(
    r"\b(?:uvicorn\.run|app\.run\(|FastAPI\(|Flask\(|Starlette\(|web\.run_app|HTTPServer\(|serve_forever|createServer\("
    r"|express\(|Hono\(|Fastify\(|\.listen\(|NextRequest|NextResponse|export\s+(?:async\s+)?(?:function|const)\s+(?:GET|POST)\b"
    r"|streamlit|gradio|BaseHTTPRequestHandler|Bun\.serve|Deno\.serve)"
)
_BROWSER = re.compile(
    r"""["']use client["']|from\s+["'](?:react|vue|svelte|solid-js|next)(?:/[^"']*)?["']|\bdocument\.(?:querySelector|getElementById|createElement|body)"""  # noqa: E501
    r"""|\bwindow\.|import\.meta\.env|localStorage\b"""
)
_SOURCES = (".py", ".mjs", ".js", ".cjs", ".ts", ".mts", ".tsx", ".jsx")
OWN_TESTS = re.compile(r"(?:^|/)(?:tests?/|test_|conftest\.)|[._]test\.\w+$|(?:^|/)mock[\w-]*\.\w+$")
"""Names of an answer's own tests, which are not what it delivers."""
_USAGE = re.compile(r"^usage:? +(?:\w+ +)?\S+\.(?:py|m?js|ts) +([^\[\n]{1,200})", re.IGNORECASE | re.MULTILINE)
_PLACEHOLDER = re.compile(r"[<'\"]?([A-Za-z][\w-]*)[>'\"]?")
_ARGPARSE_MISSING = re.compile(r"the following arguments are required: (.+)")


@dataclass(frozen=True)
class Program:
    """Code that can be started by itself."""

    block: Block
    filename: str
    calls: tuple[Call, ...]
    invocations: tuple[tuple[str, ...], ...] = ((),)
    """What to call it with, as the answer itself does; the likeliest first."""
    unsuited: str = ""
    """Why it is not run here; empty when it can be."""
    is_fragment: bool = False
    """Whether it leans on names that other code makes, so that it is not meant to be started."""

    @property
    def language(self) -> str:
        """python, javascript or typescript."""
        return self.block.language

    @property
    def where(self) -> str:
        """Where it stands, in words."""
        return self.block.where


def programs_of(answer: Answer, calls_in: dict[Block, tuple[Call, ...]]) -> tuple[Program, ...]:
    """Return the programs of an answer that ask something of fal, those that can be run first.

    ``calls_in``: the fal calls that each block makes.
    """
    blocks = [block for block in answer.code if block.language in (*RUNNABLE, "tsx")]
    names = _filenames(blocks)
    imported = _imported_names([block for block in blocks if not OWN_TESTS.search(names[block])])
    invocations = commands(answer)
    found = []
    asking = {block: tuple(call for call in calls_in.get(block, ()) if call.pattern in ASKING) for block in blocks}
    stems = {block: names[block].rpartition("/")[2].rpartition(".")[0] for block in blocks}
    modules_asking = {stems[block]: asking[block] for block in blocks if block.name and asking[block]}
    for block in blocks:
        # What asks fal may stand in a module of the answer's own: then the program is what imports it.
        calls = asking[block] or tuple(
            call for name in _imported_names([block]) for call in modules_asking.get(name, ())
        )
        if not calls or OWN_TESTS.search(names[block]) or (stems[block] in imported and block.name):
            continue
        if is_excerpt(block, answer):
            continue
        found.append(
            Program(
                block,
                names[block],
                calls,
                arguments_of(names[block], invocations, len(blocks)),
                _unsuited(block, stem_names(names)),
                _is_fragment(block),
            )
        )
    whole = [program for program in found if not program.is_fragment]
    return tuple(sorted(_distinct(whole or found), key=lambda program: bool(program.unsuited)))


def stem_names(names: dict[Block, str]) -> frozenset[str]:
    """Return the names under which the answer's own modules can be imported."""
    return frozenset(name.rpartition("/")[2].rpartition(".")[0] for name in names.values())


def _distinct(programs: Iterable[Program]) -> list[Program]:
    """Leave out blocks that repeat a file, as answers do that write a file and show it too."""
    seen: set[str] = set()
    kept = []
    for program in programs:
        text = "".join(program.block.code.split())
        if text not in seen:
            seen.add(text)
            kept.append(program)
    return kept


def is_excerpt(block: Block, answer: Answer) -> bool:
    """Whether a block is cut from a file that is delivered whole: most of its lines stand there, in other company."""
    if block.is_file:
        return False
    lines = [line for line in _bare(block.code) if re.search(r"\w", line)]
    for name, text in answer.files.items():
        if name.endswith(_SOURCES) and len(lines) > 1:
            whole = set(_bare(text))
            if sum(line in whole for line in lines) > len(lines) / 2:
                return True
    return False


def _bare(code: str) -> list[str]:
    """Return the lines of code without their spaces and comments."""
    return ["".join(re.sub(r"(?:^|\s)(?:#|//)\s.*$", "", line).split()) for line in code.split("\n")]


def supporting(answer: Answer) -> dict[str, str]:
    """Return the answer's named code and data, which a program may import or read, by path."""
    blocks = [block for block in answer.code if block.name and not block.is_file]
    return {**{block.name.lstrip("/"): block.code for block in blocks if ".." not in block.name}, **answer.files}


def _filenames(blocks: list[Block]) -> dict[Block, str]:
    names: dict[Block, str] = {}
    for number, block in enumerate(blocks, 1):
        suffix = SUFFIXES.get(block.language, ".tsx")
        if block.language == "javascript" and "require(" in block.code and not _JS_IMPORT.match(block.code):
            suffix = ".cjs"
        name = block.name.lstrip("/") if block.name and ".." not in block.name else ""
        if not name or not name.endswith(_SOURCES):
            name = f"program{number}{suffix}"
        names[block] = name
    return names


def _imported_names(blocks: list[Block]) -> frozenset[str]:
    found: set[str] = set()
    for block in blocks:
        for module in modules(block):
            found.add(
                module.rpartition("/")[2].partition(".")[0] if module.startswith(".") else module.partition(".")[0]
            )
    return frozenset(found)


def modules(block: Block) -> list[str]:
    """Return the modules that the code imports, as written."""
    if block.language == PYTHON:
        found = []
        for plain, source in _PY_IMPORT.findall(block.code):
            found += [part.split()[0] for part in plain.split(",") if part.strip()] if plain else [source]
        return found
    return [next(name for name in groups if name) for groups in _JS_IMPORT.findall(block.code)]


def _is_fragment(block: Block) -> bool:
    if block.is_file:
        return False
    return not any("fal" in module for module in modules(block))


def _unsuited(block: Block, own: frozenset[str]) -> str:
    if block.language == "tsx" or (block.language != PYTHON and _BROWSER.search(block.code)):
        return "it is code for a browser"
    if _SERVERS.search(block.code):
        return "it is a server, or a part of one"
    missing = [module for module in modules(block) if not _is_available(module, block.language, own)]
    if missing:
        return f"it needs {missing[0]}, which is not installed here"
    return ""


def _is_available(module: str, language: str, own: frozenset[str]) -> bool:
    if language == PYTHON:
        top = module.partition(".")[0]
        if module.startswith(".") or top in own or top in sys.stdlib_module_names or top == "dotenv":
            return True
        try:
            return find_spec(top) is not None
        except (ImportError, ValueError):
            return False
    if module.startswith((".", "node:", "file:")) or module.partition("/")[0] in NODE_BUILTINS:
        return True
    name = "/".join(module.split("/")[:2]) if module.startswith("@") else module.partition("/")[0]
    return name in NODE_MODULES


def missing_arguments(output: str) -> tuple[str, ...]:
    """Return stand-ins for the arguments that argparse, or a usage line, says are required; or none."""
    match = _ARGPARSE_MISSING.search(output)
    if match is None:
        usage = _USAGE.search(output)
        return tuple(stand_in(name) for name in _PLACEHOLDER.findall(usage[1])) if usage else ()
    made: list[str] = []
    for name in match[1].split(", "):
        option = name.split("/")[-1].strip()
        plain = option.lstrip("-").replace("-", "_")
        made += [option, stand_in(plain)] if option.startswith("-") else [stand_in(plain)]
    return tuple(made)


def stand_in(name: str) -> str:
    """Return a plausible value for a command line argument of that name."""
    kinds = (
        (("image", "photo", "picture", "still", "frame", "mask"), "input.png"),
        (("video", "clip"), "input.mp4"),
        (("audio", "voice", "sound", "mp3", "wav"), "input.mp3"),
        (("zip", "archive"), "input.zip"),
        (("csv", "prompts"), "prompts.csv"),
        (("request_id", "id"), "00000000-0000-4000-8000-000000000000"),
        (("count", "number", "num", "seed", "seconds", "budget", "cost"), "1"),
        (("out", "output", "dest"), "out"),
    )
    low = name.lower()
    return next((value for words, value in kinds if any(word in low for word in words)), "a lighthouse at dusk")
