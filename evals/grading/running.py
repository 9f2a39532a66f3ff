"""Running untrusted programs in the isolated sandbox, once for each way in which fal may fail them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fal_skill import proof
from fal_skill.errors import UnavailableError

from .answers import Answer, clean
from .placeholders import KINDS, TABLES, made_up, placeholder, shortened
from .programs import NODE_EXTRAS, PYTHON, Program, missing_arguments, stand_in, supporting
from .tasks import ROOT, Input, Task

SANDBOX = ROOT / "scripts" / "sandbox.py"
STAND_INS = Path(__file__).with_name("stand_ins")
"""Packages that only read a .env file, for programs that import them: there is no such file here."""
SECONDS = 60.0
"""Wall-clock limit of one run; the sandbox's models take a quarter of a second."""
MAX_ATTEMPTS = 4
"""Starts of one program, each with one more thing that it turned out to need."""
OUTPUT_BYTES = 256 * 1024
WRITTEN_BYTES = 64 * 1024
MAX_WRITTEN = 60
STILL_AT_WORK = 5.0
"""Seconds: a program that submitted its last job so lately was ended at its work, it did not hang."""
CONFIRMATIONS = b"y\n" * 3
"""What a user types whom a program asks whether to go on."""
MEMORY_MB = 2048
FILE_MB = 128
PROCESSES = 96
_MEDIA_NAME = re.compile(
    r"""["'`]((?:\.{0,1}/)?(?:[\w-]+/)*[\w .-]{1,60}\.(png|jpe?g|webp|gif|mp4|mov|webm|mp3|wav|m4a|ogg|flac|zip|glb))["'`]"""  # noqa: E501
)
_LEFT_OPEN = re.compile(
    r"""^((?:export )?(?:const |let |var )?(?:(?:[A-Z]+_)*(?:PROMPT|TEXT)|prompt)(?:: ?str(?:ing)?)? = )(?:"(?:\.{3}|…)?"|'(?:\.{3}|…)?')(?=\s*(?:;|#|//|$))""",  # noqa: E501
    re.MULTILINE,
)
_READS = re.compile(
    r"upload_file|upload_image|open\(|read_bytes|readFile|createReadStream|Path\(|Image\.open|openAsBlob|storage\.upload"
)
_WRITES = re.compile(
    r"""\b(?:out|output|dest|destination)\w*\b|\bsav(?:e|ing)|\bwrite|["'](?:-o|[wax]b?\+?)["']""", re.IGNORECASE
)
"""What a line says that names a file to be made."""
_NOT_FOUND = re.compile(
    r"No such file or directory: ['\"]([^'\"\n]{1,200})['\"]|no such file or directory, \w+ '([^'\n]{1,200})'"
)
_STRIP_TYPES = (
    'import ts from "typescript"; import { readFileSync, writeFileSync } from "node:fs";'
    "const paths = process.argv.slice(1);"
    "const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };"
    "while (paths.length) {"
    "  const [from, to] = paths.splice(0, 2);"
    "  writeFileSync(to, ts.transpileModule(readFileSync(from, 'utf8'), { compilerOptions: options }).outputText);"
    "}"
)
_OWN_MODULE = re.compile(r"""((?:\bfrom|\bimport)\s*\(?\s*["'])(\.{1,2}/[^"'\n]+?)(?:\.(?:ts|mts|js|mjs))?(["'])""")


@dataclass(frozen=True)
class Run:
    """What a program did in the sandbox."""

    program: Program
    faults: tuple[str, ...]
    exit_code: int
    ended_by: str | None
    """The limit that ended it, or None."""
    output: str
    """The end of what it printed, stdout and stderr together."""
    report: dict[str, Any] = field(repr=False)
    arguments: tuple[str, ...] = ()
    written: str = field(default="", repr=False)
    """The small text files that it left behind, one after the other."""

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """The jobs that it made (see the sandbox's report)."""
        return list(self.report.get("jobs", ()))

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """The jobs that fal would have run."""
        return [job for job in self.jobs if job["http_status"] == 200]

    @property
    def violations(self) -> list[dict[str, Any]]:
        """What it did that it must not do."""
        return list(self.report.get("violations", ()))

    @property
    def at_work(self) -> bool:
        """Whether its time ran out while it was still sending jobs."""
        latest = max((job["submitted_at"] for job in self.jobs), default=-STILL_AT_WORK)
        return self.ended_by == "wall-clock" and latest > self.report["seconds"] - STILL_AT_WORK

    @property
    def hung(self) -> bool:
        """Whether it had to be ended, and was not at work."""
        return self.ended_by is not None and not self.at_work

    @property
    def struck(self) -> bool:
        """Whether every fault that was ordered had its occasion."""
        return all(fault["strikes"] for fault in self.report.get("faults", ()))

    def last_line(self, limit: int = 160) -> str:
        """The last thing that it printed."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1][:limit] if lines else "(nothing printed)"

    def summary(self) -> str:
        """The run on one line."""
        jobs = ", ".join(f"{job['slug']} {job['status']} {job['http_status']}" for job in self.jobs[:4]) or "no job"
        ended = f", ended by the {self.ended_by} limit" if self.ended_by else ""
        return f"exit code {self.exit_code}{ended}; {jobs}; last line: {self.last_line()}"


class CannotRunError(Exception):
    """The program cannot be run here; the text says why."""


def isolation_gap() -> str:
    """Return what is missing for untrusted code to be run here; empty when nothing is."""
    try:
        _require_isolation()
    except CannotRunError as reason:
        return str(reason)
    return ""


@lru_cache(maxsize=1)  # which keeps no exception: what is missing now may be there the next time
def _require_isolation() -> None:
    """Raise CannotRunError where untrusted code cannot be run."""
    try:
        missing = proof.missing_package()
        if missing:
            raise CannotRunError(f"the sandbox needs the package {missing}")
        with tempfile.TemporaryDirectory(prefix="fal-evals-") as name:
            report = Path(name) / "report.json"
            _sandboxed([sys.executable, "-c", ""], Path(name), report, (), 30.0, Path(name) / "output")
            measures = json.loads(report.read_text(encoding="utf-8"))["isolation"]
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        raise CannotRunError(f"the sandbox did not start: {error}") from None
    if not measures or not measures["network_namespace"]:
        raise CannotRunError(f"no network isolation: {(measures or {}).get('why_not', 'unknown reason')}")


def run(
    program: Program,
    task: Task,
    answer: Answer,
    *,
    faults: Iterable[str] = (),
    seconds: float = SECONDS,
    arguments: tuple[str, ...] | None = None,
) -> Run:
    """Run the program in a fresh folder and return what it did; CannotRunError when it cannot be run here.

    It is called as the answer calls it: of several ways the first that makes a job and ends well, else the first that
    makes one (a trial of two rows may end with "38 are left"), else the first. Arguments and input files that it turns
    out to need are made up, and it is started again.

    Args:
        program: what to run.
        task: whose files are laid out.
        answer: whose other files are laid out.
        faults: see ``fal_skill.sandbox.faults``.
        seconds: wall-clock limit.
        arguments: how to call it, where that is known already.
    """
    if program.unsuited:
        raise CannotRunError(program.unsuited)
    gap = isolation_gap()
    if gap:
        raise CannotRunError(gap)
    stated = tuple(task.options("snippet_runs").get("arguments", ()))
    ways = (arguments,) if arguments is not None else (stated,) if stated else program.invocations
    tried = []
    for way in ways:
        made = _started(program, task, answer, way, tuple(faults), seconds)
        if made.jobs and (made.exit_code == 0 or made.at_work or faults):
            return made
        tried.append(made)
    # Without a job, what stopped it says more than a dry run.
    return next((made for made in tried if made.jobs), next((made for made in tried if made.exit_code), tried[0]))


def _started(
    program: Program, task: Task, answer: Answer, arguments: tuple[str, ...], faults: tuple[str, ...], seconds: float
) -> Run:
    extra: dict[str, bytes] = {}
    for attempt in range(MAX_ATTEMPTS):
        with tempfile.TemporaryDirectory(prefix="fal-evals-") as name:
            folder = Path(name, "work")
            folder.mkdir()
            command = _command(program, task, answer, folder)
            for path, data in extra.items():
                _write(folder, path, data)
            _place_arguments(folder, arguments)
            made = _attempt(program, command, arguments, folder, Path(name), faults, seconds)
        if made.jobs or made.exit_code == 0 or attempt == MAX_ATTEMPTS - 1:
            break
        wanted, missing = missing_arguments(made.output), _missing_file(made.output)
        if wanted and not arguments:
            arguments = wanted
        elif missing and missing not in extra:
            extra[missing] = made_up(missing)
        else:
            break
    return made


def _attempt(
    program: Program,
    command: list[str],
    arguments: tuple[str, ...],
    folder: Path,
    outside: Path,
    faults: tuple[str, ...],
    seconds: float,
) -> Run:
    report, output = outside / "report.json", outside / "output.txt"
    before = _small_files(folder)
    code = _sandboxed([*command, *arguments], folder, report, faults, seconds, output)
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - OUTPUT_BYTES))
        text = clean(file.read().decode("utf-8", "replace"))
    try:
        told = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise CannotRunError(f"the sandbox gave no report: {' '.join(text.split())[-200:]}") from None
    after = _small_files(folder)
    written = "\n".join(clean(text) for path, text in after.items() if before.get(path) != text)
    return Run(program, faults, code, told.get("ended_by"), text, told, arguments, written)


def _small_files(folder: Path) -> dict[str, str]:
    """Return the small text files of a working folder by their path."""
    found: dict[str, str] = {}
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("node_modules", "tmp", "__pycache__")]
        for name in names:
            path = Path(root, name)
            if (
                len(found) < MAX_WRITTEN
                and path.is_file()
                and not path.is_symlink()
                and path.stat().st_size < WRITTEN_BYTES
            ):
                data = path.read_bytes()
                if b"\0" not in data:
                    found[str(path.relative_to(folder))] = data.decode("utf-8", "replace")
    return found


def _sandboxed(
    command: list[str], folder: Path, report: Path, faults: Iterable[str], seconds: float, output: Path
) -> int:
    words = [
        sys.executable,
        str(SANDBOX),
        "exec",
        "--isolate",
        "--quiet",
        "--workdir",
        str(folder),
        "--report",
        str(report),
        "--wall-time",
        str(seconds),
        "--cpu-time",
        str(int(seconds)),
        "--memory-mb",
        str(MEMORY_MB),
        "--file-mb",
        str(FILE_MB),
        "--processes",
        str(PROCESSES),
        *(word for fault in faults for word in ("--fault", fault)),
        "--",
        *command,
    ]
    # Output goes to a file: the size of files is limited, that of a pipe's reader is not.
    typed = output.with_name("typed.txt")
    typed.write_bytes(CONFIRMATIONS)
    with output.open("wb") as file, typed.open("rb") as keys:
        done = subprocess.run(
            words,
            cwd=folder,
            env=_environment(os.environ),
            stdin=keys,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=seconds + 60,
            check=False,
        )
    return done.returncode


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in inherited.items() if not name.upper().startswith("FAL_")}
    kept["PYTHONUNBUFFERED"] = "1"
    return kept


def _command(program: Program, task: Task, answer: Answer, folder: Path) -> list[str]:
    """Put everything into the folder and return the command that starts the program."""
    for path, source in task.placed_files():
        _write(folder, path, shortened(path, source.read_bytes()) if source.is_file() else b"")
    for given in task.inputs:
        _write(folder, given.path, placeholder(given))
    for path, text in supporting(answer).items():
        _write(folder, path, text.encode("utf-8", "replace"))
    _write(folder, program.filename, _filled_in(program.block.code).encode("utf-8", "replace"))
    for path, suffix in _files_read(program):
        if not (folder / path).exists():
            _write(folder, path, placeholder(Input(path, KINDS[suffix])))
    if program.language == PYTHON:
        if "dotenv" in program.block.code and find_spec("dotenv") is None:
            _write(folder, "dotenv.py", (STAND_INS / "dotenv.py").read_bytes())
        return [sys.executable, program.filename]
    return _node_command(program, answer, folder)


def _node_command(program: Program, answer: Answer, folder: Path) -> list[str]:
    node = shutil.which("node")
    if node is None:
        raise CannotRunError("node is not installed")
    try:
        project = proof.node_project(NODE_EXTRAS)
    except UnavailableError as error:
        raise CannotRunError(str(error)) from None
    # Copies, not links: what the program changes must not reach the next one. The compiler is not needed inside.
    shutil.copytree(
        project / "node_modules",
        folder / "node_modules",
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("typescript", ".*"),
    )
    shutil.copytree(STAND_INS / "dotenv", folder / "node_modules" / "dotenv", dirs_exist_ok=True)
    if not (folder / "package.json").exists():
        module = ".cjs" not in program.filename and "require(" not in program.block.code
        _write(folder, "package.json", b'{"type": "module"}' if module else b"{}")
    if program.language == "javascript":
        return [node, program.filename]
    return [node, _stripped(program, answer, folder, project)]


def _stripped(program: Program, answer: Answer, folder: Path, project: Path) -> str:
    """Write the program and the answer's own modules without types, and return the program's name then."""
    target = str(Path(program.filename).with_suffix(".mjs"))
    paths = [(folder / program.filename, folder / target)]
    for name in supporting(answer):
        path = folder / name
        if name.endswith((".ts", ".mts")) and not name.endswith(".d.ts") and path.is_file():
            paths.append((path, path.with_suffix(".js")))
    modules = {source.with_suffix("") for source, _ in paths}
    for source, _ in paths:
        code = source.read_text(encoding="utf-8", errors="replace")
        source.write_text(_with_suffixes(code, source.parent, modules), encoding="utf-8")
    done = subprocess.run(
        ["node", "--input-type=module", "-e", _STRIP_TYPES, *(str(path) for pair in paths for path in pair)],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise CannotRunError(f"typescript could not strip the types: {done.stderr.strip()[-200:]}")
    return target


def _with_suffixes(code: str, folder: Path, modules: set[Path]) -> str:
    """Return code that imports its own modules by the suffix that they have without types: ``./a`` as ``./a.js``."""

    def imported(found: re.Match[str]) -> str:
        own = Path(os.path.normpath(folder / found[2])) in modules
        return f"{found[1]}{found[2]}.js{found[3]}" if own else found[0]

    return _OWN_MODULE.sub(imported, code)


def _filled_in(code: str) -> str:
    """Return the code with a text where it leaves one to its user: ``PROMPT = ""``, ``const PROMPT = "..."``."""
    return _LEFT_OPEN.sub(rf'\1"{stand_in("prompt")}"', code)


def _files_read(program: Program) -> list[tuple[str, str]]:
    """Return (path, suffix) of the media that the program seems to read from its folder."""
    found = []
    for line in program.block.code.split("\n"):
        if len(line) < 2000 and "http" not in line:
            for path, suffix in _MEDIA_NAME.findall(line):
                if _WRITES.search(line):
                    continue
                if _READS.search(line) or re.search(
                    r"^\s*(?:const |let )?[A-Z_]*(?:IN|SRC|SOURCE|IMAGE|PHOTO|VIDEO|AUDIO|FILE)\w*\b", line
                ):
                    found.append((path.removeprefix("./"), suffix))
    return [(path, suffix) for path, suffix in found if not path.startswith("/") and ".." not in path]


def _missing_file(output: str) -> str:
    """Return the file that a program could not find, when it is one that a user would have; otherwise nothing."""
    found = _NOT_FOUND.findall(output)
    path = next((name for name in found[-1] if name), "").removeprefix("./") if found else ""
    suffix = path.rpartition(".")[2].lower()
    return path if path and not path.startswith("/") and (suffix in KINDS or suffix in TABLES) else ""


def _place_arguments(folder: Path, arguments: Iterable[str]) -> None:
    """Make files for those arguments that name one."""
    for word in arguments:
        suffix = word.rpartition(".")[2].lower()
        path = Path(word)
        if path.is_absolute() or ".." in path.parts or (folder / path).exists():
            continue
        if suffix in KINDS or suffix in TABLES:
            _write(folder, word, made_up(word))


def _write(folder: Path, path: str, data: bytes) -> None:
    target = folder / path
    # The names come from the answer: nothing may be written outside of the folder, not by way of a link either.
    if (
        ".." in Path(path).parts
        or Path(path).is_absolute()
        or not target.parent.resolve().is_relative_to(folder.resolve())
    ):
        return
    with suppress(OSError, ValueError):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink():
            target.write_bytes(data)
