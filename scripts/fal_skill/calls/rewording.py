"""What methods make of text: the text where they are simple, its outline where it has holes."""

from __future__ import annotations

import re
from collections.abc import Callable

from . import tree
from .tree import Node
from .values import HOLE, STRING, Unknown, Value, outlines, texts

MAX_TEXT = 300
"""Characters of a text that is rewritten."""
MAX_REPEATS = 2
"""Repeats in a regular expression that is applied; with more, a text could keep it busy."""

_REGEX = re.compile(r"(?:[\w/:@%&=,;#~ '\"<>!-]|\\[/.dswDSW\\+*?|^$-]|[.^$|]|[+*?](?![+*?]))+")
"""Regular expressions that mean the same in both languages, without groups and classes."""

Edit = Callable[[str], str]


def reworded(value: Value, name: str, arguments: list[Node], *, is_python: bool) -> Value | None:
    """Return what a method of a text gives, or None when the method or the text is not known well enough."""
    if not isinstance(value, str) and not (isinstance(value, Unknown) and (value.choices or value.shape)):
        return None
    edit = _edit(name, arguments, is_python)
    if edit is None:
        return None
    if isinstance(value, str):
        return edit(value) if len(value) <= MAX_TEXT else None
    found = tuple(dict.fromkeys(edit(text) for text in texts(value) if len(text) <= MAX_TEXT))
    drafts = tuple(dict.fromkeys(edit(text) for text in outlines(value) if len(text) <= MAX_TEXT))
    shape = tuple(drafts[0].split(HOLE)) if len(drafts) == 1 and value.shape else ()
    return Unknown("", STRING, found, shape, drafts if not shape else ()) if found or drafts else None


def _edit(name: str, arguments: list[Node], is_python: bool) -> Edit | None:
    words = [part.value if part.kind == tree.CONST and isinstance(part.value, str) else None for part in arguments]
    return _python(name, words) if is_python else _javascript(name, words, arguments)


def _python(name: str, words: list[str | None]) -> Edit | None:
    match name, words:
        case (("strip" | "lstrip" | "rstrip" | "lower" | "upper"), []):
            return lambda text: str(getattr(text, name)())
        case (("strip" | "lstrip" | "rstrip" | "removeprefix" | "removesuffix"), [str(piece)]):
            return lambda text: str(getattr(text, name)(piece))
        case "replace", [str(old), str(new)]:
            return lambda text: text.replace(old, new)
    return None


def _javascript(name: str, words: list[str | None], arguments: list[Node]) -> Edit | None:
    match name, words:
        case (("trim" | "trimStart" | "trimEnd"), []):
            method = {"trim": "strip", "trimStart": "lstrip", "trimEnd": "rstrip"}[name]
            return lambda text: str(getattr(text, method)())
        case (("toLowerCase" | "toUpperCase"), []):
            return str.lower if name == "toLowerCase" else str.upper
        case (("replace" | "replaceAll"), [str(old), str(new)]) if "$" not in new:
            return lambda text: text.replace(old, new, 1 if name == "replace" else -1)
        case (("replace" | "replaceAll"), [None, str(new)]) if "$" not in new and arguments[0].text == "regex":
            pattern, flags = arguments[0].value
            return _substitution(pattern, flags, new)
    return None


def _substitution(pattern: str, flags: str, new: str) -> Edit | None:
    repeats = sum(pattern.count(char) for char in "+*?")
    if len(pattern) > 60 or repeats > MAX_REPEATS or not _REGEX.fullmatch(pattern) or set(flags) - set("gi"):
        return None
    try:
        found = re.compile(pattern, re.IGNORECASE if "i" in flags else 0)
    except re.error:
        return None
    return lambda text: found.sub(lambda _: new, text, count=0 if "g" in flags else 1)
