"""The scripts of HTML pages and of Vue, Svelte and Astro components."""

from __future__ import annotations

import re

from .languages import JAVASCRIPT, TYPESCRIPT
from .units import Unit

_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script\s*>", re.IGNORECASE | re.DOTALL)
_TYPED = re.compile(r"""\blang\s*=\s*["']?(?:ts|typescript)""", re.IGNORECASE)
_NOT_CODE = re.compile(r"""\btype\s*=\s*["']?(?:application/(?:ld\+)?json|importmap|text/(?:template|html|x-))""", re.I)
_SERVER = re.compile(r"\A---\r?\n(.*?)^---\s*$", re.DOTALL | re.MULTILINE)
_SERVER_PARTS = ("+page.server", "+layout.server", "+server", ".server.")


def markup_units(text: str, file: str) -> list[Unit]:
    """Return a unit for each script, padded so that its lines and columns are those of the file."""
    units = []
    server = _SERVER.match(text)
    if server is not None and file.lower().endswith(".astro"):
        units.append(Unit(_padded(text, server.start(1), server.end(1)), TYPESCRIPT, file))
    is_server = any(part in file.lower() for part in _SERVER_PARTS)
    for match in _SCRIPT.finditer(text):
        attributes = match[1]
        if _NOT_CODE.search(attributes) or not match[2].strip():
            continue
        language = TYPESCRIPT if _TYPED.search(attributes) or file.lower().endswith(".astro") else JAVASCRIPT
        code = _padded(text, match.start(2), match.end(2))
        units.append(Unit(code, language, file, is_browser=not is_server, group="markup"))
    return units


def _padded(text: str, start: int, end: int) -> str:
    line = text.rfind("\n", 0, start) + 1
    return "\n" * text.count("\n", 0, start) + " " * (start - line) + text[start:end]
