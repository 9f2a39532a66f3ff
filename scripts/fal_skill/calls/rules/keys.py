"""fal keys where they do not belong: in the text of a program, in what a browser gets, in a client's configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...arguments import ERROR, NOTE, WARNING
from .. import tree
from ..languages import ENV, JSON, MARKDOWN, TEXT, TOML, YAML
from ..problem import Problem
from ..secrets import KEY, is_key, is_made_up
from ..tree import Node
from ..values import Place
from .context import File, Source

_NAME = re.compile(r"fal.?(?:ai)?.?(?:api)?.?(?:key|credentials?|secret|token)", re.IGNORECASE)
_PUBLIC = re.compile(
    r"\b(?:NEXT_PUBLIC|VITE|REACT_APP|EXPO_PUBLIC|GATSBY|NUXT_PUBLIC|PUBLIC|VUE_APP|STORYBOOK)_\w*FAL\w*(?:KEY|TOKEN|CREDENTIAL|SECRET)\w*"
)
_SETTING = re.compile(
    r"""["']?\b(\w*FAL\w*(?:KEY|SECRET|CREDENTIALS)\w*)["']?\s*[:=]\s*["']?([^\s"'#,}]{8,300})""", re.IGNORECASE
)
_BROWSER_DIRECTIVE = re.compile(r"""^\s*["']use client["']""", re.MULTILINE)
_IN_BROWSER = re.compile(
    r"\b(?:document\.(?:getElementById|querySelector|createElement)|window\.location|localStorage\.)"
)
_TEST = re.compile(
    r"(?:^|/)(?:tests?|__tests__|specs?|fixtures)/|(?:^|/)(?:test_[^/]*|conftest)\.py$|_test\.py$|\.(?:test|spec)\.\w+$"
)
"""Paths of tests."""
_STARTERS = frozenset({"spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork", "execa", "$"})
"""Functions of Node that start a process; Python's take ``env`` by name."""
_HINT = "keep it in the environment variable FAL_KEY, and make a new one: this one is known now"


def key_problems(file: File) -> Iterator[Problem]:
    """Yield the keys of a file, never with the key itself."""
    lines = set()
    for number, line in enumerate(file.lines, 1):
        for match in KEY.finditer(line) if len(line) < 20_000 else ():
            if not is_made_up(match[0]):
                lines.add(number)
                yield file.problem(
                    Place(number, match.start() + 1), ERROR, "hard-coded-key", "a fal key stands in the text", _HINT
                )
    for source in file.sources:
        if source.analysis is not None:
            yield from _program(file, source, lines)
    if file.language in (ENV, YAML, TOML, JSON, TEXT):
        yield from _settings(file, lines)
    yield from _public(file)


def _program(file: File, source: Source, known: set[int]) -> Iterator[Problem]:
    for node, text in _credentials(source):
        assert source.analysis is not None
        place = source.analysis.program.place(node)
        if place.line in known or not text:
            continue
        if is_key(text):
            yield file.problem(place, ERROR, "hard-coded-key", "a key stands in the code", _HINT)
        elif not _is_dummy(file, source, node):
            message = "the code has a place for a key"
            yield file.problem(place, NOTE, "placeholder-key", message, "leave it out: the SDK reads FAL_KEY by itself")
    yield from _browser(file, source)


def _is_dummy(file: File, source: Source, node: Node) -> bool:
    """Whether a text that is no key is none on purpose: in a test, or for a process that is started."""
    if _TEST.search(file.path.replace("\\", "/")):
        return True
    analysis = source.analysis
    assert analysis is not None
    current: Node | None = node
    while current is not None and current.kind in (tree.CONST, tree.OBJECT, tree.UNION):
        holder = current.parent
        if holder is not None and holder.kind == tree.CALL and current in holder.parts:
            key = holder.keys[holder.parts.index(current) - 1] if current is not holder.parts[0] else ""
            return key == "env"
        if holder is not None and holder.kind == tree.OBJECT and current in holder.parts:
            call = holder.parent
            key = holder.keys[holder.parts.index(current)]
            if key == "env" and call is not None and call.kind == tree.CALL:
                return call.parts[0].text in _STARTERS
        current = holder
    return False


def _credentials(source: Source) -> Iterator[tuple[Node, str]]:
    """Yield each constant that stands where a fal key belongs."""
    analysis = source.analysis
    assert analysis is not None
    program = analysis.program
    for node in program.nodes[tree.ASSIGN]:
        value = node.parts[0]
        if value.kind == tree.CONST and isinstance(value.value, str):
            for target in node.parts[1:]:
                name = target.text
                if target.kind == tree.ITEM and target.parts[1].kind == tree.CONST:
                    name = str(target.parts[1].value)
                if _NAME.search(name) and not _is_name_of_variable(value.value):
                    yield value, value.value
    for node in program.nodes[tree.OBJECT]:
        for key, value in zip(node.keys, node.parts, strict=True):
            if value.kind == tree.CONST and isinstance(value.value, str) and isinstance(key, str):
                is_header = key.lower() == "authorization" and value.value.startswith("Key ")
                is_named = _NAME.search(key) is not None and not _is_name_of_variable(value.value)
                if is_named or is_header or (key == "credentials" and _in_client_call(source, node)):
                    yield value, value.value
    for node in program.nodes[tree.CALL]:
        reference = analysis.references.of(node.parts[0])
        for key, value in zip(node.keys, node.parts[1:], strict=True):
            if value.kind != tree.CONST or not isinstance(value.value, str):
                continue
            if key == "key" and reference.endswith(("SyncClient", "AsyncClient")):
                yield value, value.value
        if reference.endswith(("getenv", "environ.get", "environ.setdefault")) and len(node.parts) > 2:
            variable, default = node.parts[1], node.parts[2]
            given = default.value if default.kind == tree.CONST and isinstance(default.value, str) else ""
            counts = is_key(given) or (bool(given) and reference.endswith("setdefault"))
            if counts and _NAME.search(str(variable.value or "")):
                yield default, given


def _is_name_of_variable(text: str) -> bool:
    """Whether a text names an environment variable or a header and is no key at all."""
    return not text or re.fullmatch(r"[A-Z][A-Z0-9_]*|[a-z_]+|[\w.-]+/[\w./-]+", text) is not None


def _in_client_call(source: Source, node: Node) -> bool:
    call = node.parent
    if call is None or call.kind != tree.CALL or source.analysis is None:
        return False
    reference = source.analysis.references.of(call.parts[0])
    return reference.endswith((".config", "createFalClient"))


def _settings(file: File, known: set[int]) -> Iterator[Problem]:
    for number, line in enumerate(file.lines, 1):
        if number in known or len(line) > 5000 or line.lstrip().startswith(("#", "//")):
            continue
        for match in _SETTING.finditer(line):
            if is_key(match[2]):
                place = Place(number, match.start(2) + 1)
                yield file.problem(place, ERROR, "hard-coded-key", f"{match[1]} holds a key", _HINT)


def _public(file: File) -> Iterator[Problem]:
    if file.language == MARKDOWN:
        return
    seen = set()
    for number, line in enumerate(file.lines, 1):
        for match in _PUBLIC.finditer(line) if "FAL" in line and len(line) < 5000 else ():
            is_key = file.language != JSON or line[match.end() :].startswith('":')
            if match[0] not in seen and is_key:
                seen.add(match[0])
                message = f"{match[0]} is built into the page: every visitor can read the key"
                hint = "name it FAL_KEY, and call fal through a server proxy (proxyUrl)"
                yield file.problem(Place(number, match.start() + 1), ERROR, "browser-key", message, hint)


def _browser(file: File, source: Source) -> Iterator[Problem]:
    """Yield credentials that are given to the client in code that runs in a browser."""
    analysis = source.analysis
    assert analysis is not None
    text = source.unit.text
    runs_there = source.unit.is_browser or _BROWSER_DIRECTIVE.search(text) or (
        analysis.program.language != "python" and _IN_BROWSER.search(text)
    )  # fmt: skip
    if not runs_there:
        return
    for node in analysis.program.nodes[tree.CALL]:
        reference = analysis.references.of(node.parts[0])
        if not reference.endswith((".config", "createFalClient")) or "fal" not in reference.lower():
            continue
        for options in node.parts[1:2]:
            for key, value in zip(options.keys, options.parts, strict=True) if options.kind == tree.OBJECT else ():
                if key != "credentials" or _PUBLIC.search(analysis.program.source(value, 200)):
                    continue
                message = "this code runs in a browser, and gives the client a key"
                hint = "use proxyUrl and a server proxy; a key that the visitor brings stays the visitor's risk"
                yield file.problem(analysis.program.place(value), WARNING, "browser-key", message, hint)
