"""MCP servers of fal in the configurations of clients."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...arguments import ERROR, NOTE, WARNING
from ..call import MCP, Call
from ..languages import JSON, TOML, YAML
from ..problem import Problem
from ..secrets import KEY, is_key
from ..values import Fields, Items, Place, Unknown
from .context import File, all_calls

RELAY = "https://mcp.fal.ai/mcp-relay"
MISSING_PACKAGES = ("@modelcontextprotocol/server-http", "@fal-ai/mcp", "@fal-ai/mcp-server")
"""npm names that answer 404 (checked 2026-11-23)."""

_OLD_ADDRESS = re.compile(r"https?://mcp\.fal\.ai/mcp/?(?![\w-])")
_SETTING = re.compile(
    r"""(?:["']|\b(?:url|serverUrl|httpUrl|endpoint)\s*[:=]\s*["']?)(https?://mcp\.fal\.ai/mcp/?)["']?\s*(?:[,}\]]|$)"""
)
"""The address as the whole value of a setting."""
_EXPANDED = re.compile(r"\$\{?\w*FAL\w*")
_PACKAGE = re.compile("(?:" + "|".join(map(re.escape, MISSING_PACKAGES)) + r")(?:@[\w.^~-]+)?(?![\w/-])")
_RUNNERS = frozenset({"npx", "bunx", "dlx", "npm", "pnpm", "yarn", "exec"})


def server_problems(file: File) -> Iterator[Problem]:
    """Yield servers at an old address, packages that do not exist, and keys in clear."""
    said: set[tuple[str, int]] = set()
    for _, call in all_calls(file):
        if call.pattern == MCP:
            for problem in _server(file, call):
                said.add((problem.finding.code, problem.place.line))
                yield problem
    if file.language in (JSON, TOML, YAML):
        for number, line in enumerate(file.lines, 1):
            match = _SETTING.search(line) if "mcp.fal.ai" in line else None
            if match and ("mcp-endpoint", number) not in said:
                yield _old(file, Place(number, match.start(1) + 1))
    yield from _packages(file)


def _packages(file: File) -> Iterator[Problem]:
    """Yield what is run from npm under a name that nobody holds."""
    for _, call in all_calls(file):
        if call.pattern == MCP:
            name = next((found[0] for text in _texts(call.options) if (found := _PACKAGE.fullmatch(text.strip()))), "")
            if name:
                yield _missing(file, call.place, name, call)
    for source in file.sources:
        for command in source.extraction.commands:
            words = [word.text for word in command.words]
            if _RUNNERS.intersection(words):
                yield from (
                    _missing(file, source.unit.place(word.place), word.text)
                    for word in command.words
                    if _PACKAGE.fullmatch(word.text)
                )
    if file.language in (TOML, YAML):
        for number, line in enumerate(file.lines, 1):
            match = _PACKAGE.search(line) if not line.lstrip().startswith("#") else None
            if match and _RUNNERS.intersection(re.findall(r"\w+", line)):
                yield _missing(file, Place(number, match.start() + 1), match[0])


def _missing(file: File, place: Place, name: str, call: Call | None = None) -> Problem:
    hint = f"connect to {RELAY} directly, or through npx mcp-remote"
    return file.problem(place, ERROR, "mcp-package", f"the npm package {name} does not exist", hint, call=call)


def _old(file: File, place: Place, call: Call | None = None) -> Problem:
    message = "this is the address of fal's earlier MCP server"
    return file.problem(place, WARNING, "mcp-endpoint", message, f"{RELAY}, with sign-in in the browser", call=call)


def _server(file: File, call: Call) -> Iterator[Problem]:
    if _OLD_ADDRESS.search(call.url):
        yield _old(file, call.place, call)
    for text in _texts(call.options):
        if is_key(text) and KEY.search(text) is None and not _is_found_as_setting(call, text):
            message = "a fal key stands in the configuration"
            yield file.problem(
                call.place,
                ERROR,
                "hard-coded-key",
                message,
                "the relay signs in in the browser and needs no key",
                call=call,
            )
            break
    header = call.options.get("header", call.options.get("H"))
    # In single quotes the header is known, and what stands in it is not expanded.
    if isinstance(header, Unknown) and call.language == "shell" and _EXPANDED.search(header.source):
        message = "the shell writes the key itself into the client's configuration"
        hint = f"{RELAY} needs no key; elsewhere let the client read the variable"
        yield file.problem(call.place, WARNING, "key-on-command-line", message, hint, call=call)
    if "mcp-relay" in call.url and any(
        "FAL_KEY" in text or text.startswith(("Key ", "Bearer ")) for text in _texts(call.options)
    ):
        yield file.problem(
            call.place,
            NOTE,
            "mcp-endpoint",
            "the relay takes no key",
            "leave out the header: sign in in the browser",
            call=call,
        )


def _is_found_as_setting(call: Call, text: str) -> bool:
    """Whether the text is the value of a variable named after fal, which is found in any file."""
    env = call.options.get("env")
    return isinstance(env, Fields) and any(part == text and "FAL" in name.upper() for name, part in env.items())


def _texts(value: object) -> Iterator[str]:
    stack: list[object] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Fields):
            stack.extend(item.values())
        elif isinstance(item, Items):
            stack.extend(item)
