"""Clients that are outdated, deprecated, or imported in a way in which they do not export."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...arguments import ERROR, WARNING
from .. import sdk, tree
from ..call import OLD_JAVASCRIPT_SDK
from ..languages import JSON, REQUIREMENTS, TEXT, TOML, YAML
from ..problem import Edit, Problem
from ..tree import Node
from ..values import Place
from .context import File, Source

DEPRECATED = {
    "@fal-ai/serverless-client": "@fal-ai/client",
    "@fal-ai/serverless-proxy": "@fal-ai/server-proxy",
    "@fal-ai/serverless-nextjs": "@fal-ai/server-proxy",
    "fal-serverless": "fal",
}
"""Packages that others have taken the place of (``@fal-ai/client`` 1.0 and later; fal's model pages name them)."""

_SPECIFIER = re.compile(r"fal[-_.]client(?:\[[\w,\s-]*\])?\s*((?:[=<>!~^]=?=?\s*[\w.*+!-]+\s*,?\s*)+)", re.IGNORECASE)
_POETRY = re.compile(
    r"""^\s*["']?fal[-_]client["']?\s*=\s*(?:\{[^}\n]*version\s*=\s*)?["']([^"'\n]+)["']""", re.MULTILINE
)
_LOCKED = re.compile(r"""^name = "fal-client"\r?\nversion = "([^"\n]+)\"""", re.MULTILINE)
_CLAUSE = re.compile(r"(===|==|~=|!=|<=|>=|<|>|\^|~|=)?\s*v?(\d[\w.*+!-]*)")
_NPM_VERSION = re.compile(r'"@fal-ai/client"\s*:\s*"([~^]?)0\.')
_MEMBERS = frozenset({"config", "run", "subscribe", "stream", "queue", "realtime", "storage"})
"""What both the old and the new client have under the same name."""
_LATEST = (1, 0, 3)
"""fal-client of 2026-09-21."""


def package_problems(file: File) -> Iterator[Problem]:
    """Yield what is wrong with the clients that a file asks for or imports."""
    if file.language in (REQUIREMENTS, TOML, TEXT, YAML, JSON):
        yield from _manifest(file)
    for source in file.sources:
        if source.analysis is not None:
            yield from _imports(file, source)
            yield from _methods(file, source)
            yield from _requirements_in_code(file, source)
        for command in source.extraction.commands:
            names = [word.text for word in command.words]
            if any(name in ("install", "add", "i", "pip", "dlx") for name in names):
                for word in command.words:
                    yield from _installed(file, word.text, source.unit.place(word.place))


def _installed(file: File, text: str, place: Place) -> Iterator[Problem]:
    match = _SPECIFIER.match(text)
    if match and not admits_1(match[1]):
        yield _old(file, place, match[0].strip())
    name = text[:1] + text[1:].partition("@")[0]
    if name in DEPRECATED:
        yield _deprecated(file, place, name)


def _old(file: File, place: Place, text: str) -> Problem:
    message = f"{text} keeps fal-client below 1.0"
    return file.problem(place, WARNING, "old-client", message, "fal-client>=1.0.3,<2")


def _deprecated(file: File, place: Place, name: str, edits: tuple[Edit, ...] = ()) -> Problem:
    message = f"{name} is deprecated: {DEPRECATED[name]} has taken its place"
    hint = f"import {DEPRECATED[name]}" if edits else f"install {DEPRECATED[name]}"
    if name == OLD_JAVASCRIPT_SDK:
        hint += "; run and subscribe then give {data, requestId}"
    return file.problem(place, WARNING, "deprecated-package", message, hint, edits=edits)


def admits_1(specifier: str) -> bool:
    """Whether a version specifier (of pip, poetry or npm) lets some release from 1.0 on in."""
    if "||" in specifier:
        return any(admits_1(part) for part in specifier.split("||"))
    for candidate in ((1, 0, 0), (1, 0, 1), (1, 0, 2), _LATEST, (1, 99, 0), (2, 0, 0), (99, 0, 0)):
        if all(_fits(candidate, operator or "==", text) for operator, text in _CLAUSE.findall(specifier)):
            return True
    return False


def _fits(candidate: tuple[int, ...], operator: str, text: str) -> bool:
    wild = "*" in text or "x" in text
    numbers = tuple(int(part) for part in re.findall(r"\d+", re.split(r"[a-z+!-]", text.replace("*", ""))[0])[:3])
    if not numbers:
        return True
    padded = (*numbers, 0, 0, 0)[:3]
    if operator in ("==", "===", "="):
        return candidate[: len(numbers)] == numbers if wild or len(numbers) < 3 else candidate == padded
    if operator == "~=":
        return candidate >= padded and candidate[: max(len(numbers) - 1, 1)] == numbers[: max(len(numbers) - 1, 1)]
    if operator == "^":
        fixed = 1 if numbers[0] else 2
        return candidate >= padded and candidate[:fixed] == padded[:fixed]
    if operator == "~":
        fixed = min(len(numbers), 2)
        return candidate >= padded and candidate[:fixed] == numbers[:fixed]
    return {"<": candidate < padded, "<=": candidate <= padded, ">": candidate > padded, ">=": candidate >= padded}.get(
        operator, candidate != padded
    )


def _manifest(file: File) -> Iterator[Problem]:
    text = file.text
    for pattern in (_SPECIFIER, _POETRY) if file.language != JSON else ():
        for match in pattern.finditer(text):
            line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
            if "#" not in line and not admits_1(match[1]):
                yield _old(file, _place(text, match.start()), " ".join(match[0].split())[:60])
    for match in _LOCKED.finditer(text):
        if match[1].startswith("0."):
            yield _old(file, _place(text, match.start()), f"the lock on {match[1]}")
    for match in _NPM_VERSION.finditer(text) if file.language == JSON else ():
        message = "@fal-ai/client is held below 1.0"
        yield file.problem(_place(text, match.start()), WARNING, "old-client", message, '"@fal-ai/client": "^1.10.1"')
    for name in DEPRECATED:
        found = re.search(rf"""(?<![\w/@.-]){re.escape(name)}(?=["'\s=<>~!;\[,]|$)""", text)
        if found and (file.language in (JSON, REQUIREMENTS) or (file.language == TOML and name == "fal-serverless")):
            yield _deprecated(file, _place(text, found.start()), name)


def _requirements_in_code(file: File, source: Source) -> Iterator[Problem]:
    """Yield pins in setup.py, in app requirements, and in the script block of PEP 723."""
    analysis = source.analysis
    assert analysis is not None
    for node in analysis.program.nodes[tree.CONST]:
        if (
            isinstance(node.value, str)
            and len(node.value) < 80
            and node.value.lower().startswith(("fal-client", "fal_client"))
        ):
            match = _SPECIFIER.fullmatch(node.value.strip())
            if match and not admits_1(match[1]):
                yield _old(file, analysis.program.place(node), node.value)
    if analysis.program.is_python and "# /// script" in source.unit.text:
        for number, line in enumerate(source.unit.text.split("\n"), 1):
            match = _SPECIFIER.search(line) if line.startswith("#") else None
            if match and not admits_1(match[1]):
                yield _old(file, source.unit.place(Place(number, match.start() + 1)), match[0].strip())


def _place(text: str, at: int) -> Place:
    return Place(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _imports(file: File, source: Source) -> Iterator[Problem]:
    analysis = source.analysis
    assert analysis is not None
    program = analysis.program
    for node in program.nodes[tree.IMPORT]:
        module = str(node.value or "")
        if program.is_python:
            if module.partition(".")[0] == "fal_serverless":
                yield _deprecated(file, program.place(node), "fal-serverless")
            for imported in node.keys if module == "fal_client" else ():
                if imported.name != "*" and imported.name not in sdk.PYTHON_EXPORTS:
                    message = f"fal_client has no {imported.name}: this raises ImportError"
                    hint = "import fal_client; it has run, subscribe, submit, stream, upload_file, …"
                    yield file.problem(program.place(node), ERROR, "wrong-import", message, hint)
            continue
        name = "/".join(module.split("/")[:2])
        if name in DEPRECATED:
            yield _deprecated(file, program.place(node), name, _import_edits(source, node))
        elif module == "@fal-ai/client":
            yield from _wrong_imports(file, source, node)
    for node in program.nodes[tree.CALL] if not program.is_python else ():
        named = node.parts[1].value if len(node.parts) == 2 and node.parts[1].kind == tree.CONST else None
        if node.parts[0].text in ("require", "import") and isinstance(named, str) and named in DEPRECATED:
            yield _deprecated(file, program.place(node), named)


def _wrong_imports(file: File, source: Source, node: Node) -> Iterator[Problem]:
    analysis = source.analysis
    assert analysis is not None
    for imported in node.keys:
        used = any(
            use.parent is not None and use.parent.kind == tree.MEMBER and use.parent.text in _MEMBERS
            for use in analysis.program.named(imported.local)
        )
        if imported.name in ("default", "*") and used:
            what = (
                "default export" if imported.name == "default" else f"{imported.local}.subscribe or the like of its own"
            )
            edits: tuple[Edit, ...] = ()
            statement = _statement(file, source, node)
            if len(node.keys) == 1 and imported.local == "fal" and statement is not None:
                place, old = statement
                quote = "'" if "'" in old else '"'
                new = f"import {{ fal }} from {quote}@fal-ai/client{quote}"
                edits = (Edit(place, old, new),)
            message = f"@fal-ai/client has no {what}"
            yield file.problem(
                analysis.program.place(node), ERROR, "wrong-import", message, 'import { fal } from "@fal-ai/client"',
                edits=edits,
            )  # fmt: skip


def _statement(file: File, source: Source, node: Node) -> tuple[Place, str] | None:
    """Return the place and the text of an import statement of one line, without what ends it."""
    assert source.analysis is not None
    start, end = source.analysis.program.place(node), source.analysis.program.end(node)
    if start.line != end.line or start.line > len(file.lines):
        return None
    old = file.lines[start.line - 1][start.column - 1 : end.column - 1].rstrip("; \t")
    return (start, old) if old.startswith("import ") else None


def _import_edits(source: Source, node: Node) -> tuple[Edit, ...]:
    """Return the edits that move a module from the old client to the new one, when every use of it can move."""
    analysis = source.analysis
    assert analysis is not None
    program = analysis.program
    if str(node.value) != OLD_JAVASCRIPT_SDK or len(node.keys) != 1 or source.unit.is_example:
        return ()
    imported = node.keys[0]
    if imported.name not in ("*", "default") and (imported.name, imported.local) != ("fal", "fal"):
        return ()
    for use in program.named(imported.local):
        parent = use.parent
        if parent is None or parent.kind != tree.MEMBER or parent.parts[0] is not use or parent.text not in _MEMBERS:
            return ()
    statement = _statement(source.file, source, node)
    if statement is None:
        return ()
    place, old = statement
    quote = "'" if "'" in old else '"'
    name = "fal" if imported.local == "fal" else f"fal as {imported.local}"
    edits = [Edit(place, old, f"import {{ {name} }} from {quote}@fal-ai/client{quote}")]
    for found in analysis.found:
        if found.call.client != OLD_JAVASCRIPT_SDK or found.call.method not in ("run", "subscribe", "queue.result"):
            continue
        # The new client gives {data, requestId}: taking .data at once leaves every use of the result as it is.
        awaiting = found.node.parent
        if awaiting is None or awaiting.kind != tree.AWAIT:
            return ()
        edits += [Edit(program.place(awaiting), "", "("), Edit(program.end(awaiting), "", ").data")]
    return tuple(edits)


def _methods(file: File, source: Source) -> Iterator[Problem]:
    analysis = source.analysis
    assert analysis is not None
    program = analysis.program
    for node in program.nodes[tree.CALL]:
        if node.parts[0].kind != tree.MEMBER:
            continue
        method = sdk.unknown_method(analysis.references.of(node.parts[0]), program.language)
        if method:
            client = "fal_client" if program.is_python else "@fal-ai/client"
            message = f"{client} has no function {method}"
            yield file.problem(program.place(node), WARNING, "unknown-method", message, _instead(method))


def _instead(method: str) -> str:
    last = method.rpartition(".")[2].lower()
    if "upload" in last:
        return "upload_file(path) in Python, storage.upload(file) in JavaScript"
    if last in ("get", "poll", "wait", "jobs", "fetch", "get_result", "getresult"):
        return "status and result take the request id; subscribe waits by itself"
    return "run, subscribe, submit, stream; status, result and cancel by request id"
