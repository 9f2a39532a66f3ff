"""The code blocks and the inline code of a Markdown document.

Needs the optional package markdown-it-py: without it :func:`markdown_units` raises ModuleNotFoundError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .languages import fence_language
from .units import Unit
from .values import Place

_FENCE_IN_HTML = re.compile(r"^([ \t]*)(`{3,}|~{3,})([^\n`]*)\n(.*?)^[ \t]*\2[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_DIFF_REMOVED = re.compile(r"^-.*$", re.MULTILINE)
_DIFF_MARK = re.compile(r"^[+ ]", re.MULTILINE)


def markdown_units(text: str, file: str) -> list[Unit]:
    """Return a unit for each code block whose language is known."""
    return [unit for unit in _units(text, file) if unit.text.strip()]


def _units(text: str, file: str) -> Iterator[Unit]:
    lines = text.split("\n")
    for info, content, first in _blocks(text):
        language = fence_language(info, content)
        if language == "diff":  # what the change leaves
            content = _DIFF_MARK.sub(" ", _DIFF_REMOVED.sub("", content))
            language = fence_language("", content)
        if language is None or language == "markdown":
            continue
        places = []
        for index, line in enumerate(content.split("\n")):
            number = first + index
            whole = lines[number - 1] if number <= len(lines) else ""
            indent = len(whole) - len(line) if line and whole.rstrip("\r").endswith(line.rstrip("\r")) else 0
            places.append(Place(number, max(indent, 0) + 1))
        group = "javascript" if language in ("javascript", "typescript", "tsx") else language
        yield Unit(content, language, file, tuple(places), True, group)


def _blocks(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield the info string, the content and the first line's number of each code block."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").disable("inline")
    for token in parser.parse(text):
        if token.map is None:
            continue
        if token.type == "fence":
            yield token.info, token.content, token.map[0] + 2
        elif token.type == "code_block":
            yield "", token.content, token.map[0] + 1
        elif token.type == "html_block":  # a component that holds code blocks
            for match in _FENCE_IN_HTML.finditer(token.content):
                line = token.content[: match.start(4)].count("\n")
                yield match[3], match[4], token.map[0] + line + 1


def inline_code(text: str) -> Iterator[tuple[str, Place]]:
    """Yield each inline code span outside of code blocks, and its place."""
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.lstrip("> \t")
        mark = stripped[:3]
        if mark in ("```", "~~~") and (not fence or mark == fence):
            fence = "" if fence else mark
        elif not fence:
            for match in _INLINE.finditer(line):
                yield match[1], Place(number, match.start(1) + 1)
