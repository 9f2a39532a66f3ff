"""JSON values as literals of a programming language: the same value when the language reads them back, or an error.

Nothing a user passes reaches a snippet except through these functions, so a prompt cannot become code: there is no
string interpolation, no template is applied to the result, and characters that an editor would hide (controls, bidi
marks, zero-width joiners) are written as escapes. ``</`` and ``<!--`` are broken up in JavaScript, so that a literal
may stand inside a ``<script>`` element.

What is refused, each with an :class:`InvalidArgumentsError` that names the place: NaN and infinities (JSON has none),
lone surrogates (they cannot be sent as UTF-8), integers that JavaScript would round, nesting deeper than
:data:`MAX_DEPTH`, literals longer than :data:`MAX_CHARACTERS`, keys that are not strings, and types that JSON lacks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import InvalidArgumentsError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 50
"""Nested lists and objects; CPython's parser gives up at 100 or 200 brackets, depending on its version."""
MAX_CHARACTERS = 1_000_000
"""Length of one literal; a larger value (base64, most often) belongs in a file."""
MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer up to which JavaScript's numbers are exact."""
MAX_DIGITS = 300
"""Digits of an integer in Python; more than a JSON number of any API means anything by."""
WIDTH = 88
"""Columns; what would pass them is broken up, one item a line."""

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")
_SHORT_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Expression(NamedTuple):
    """Source code that stands in a value where a literal would: the name of a variable, say."""

    code: str


class _Language(NamedTuple):
    constants: dict[object, str]
    number: Callable[[int | float, str], str]
    string: Callable[[str, str], str]
    key: Callable[[str, str], str]
    indent: int
    spaced: bool
    quoted_keys: bool


def python_literal(value: Any, indent: int = 0, *, before: int = 0, width: int = WIDTH) -> str:
    """Return the value as Python source, laid out as black and ruff do it.

    ``indent`` is the indentation (in spaces) of the line that it starts on, ``before`` the characters between the
    indentation and the value, ``width`` the columns that a line may have.
    ``ast.literal_eval`` gives back an equal value of equal types. Raises InvalidArgumentsError (see the module).
    """
    return _rendered(value, _PYTHON, indent, before, width)


def javascript_literal(value: Any, indent: int = 0, *, before: int = 0, width: int = WIDTH) -> str:
    """Return the value as JavaScript source, which is TypeScript source too; the layout as for Python.

    Evaluated, it gives an equal value; a whole float such as 7.0 becomes 7, which JavaScript does not tell apart.
    Raises InvalidArgumentsError (see the module).
    """
    return _rendered(value, _JAVASCRIPT, indent, before, width)


def _rendered(value: Any, language: _Language, indent: int, before: int, width: int) -> str:
    text = _written(value, language, indent, indent + before, width, "", 0)
    if len(text) > MAX_CHARACTERS:
        raise _refused("", f"makes a literal of {len(text)} characters, the limit is {MAX_CHARACTERS}")
    return text


def _refused(path: str, why: str, hint: str = "") -> InvalidArgumentsError:
    shown = path if len(path) <= 120 else path[:120] + "…"
    return InvalidArgumentsError(f"cannot be written as code: {shown or 'the value'} {why}", hint=hint)


def _written(value: Any, language: _Language, indent: int, column: int, width: int, path: str, depth: int) -> str:
    """Return the literal; ``indent`` is where its line starts, ``column`` where it starts itself."""
    if isinstance(value, Expression):
        return value.code
    if value is None or isinstance(value, bool):
        return language.constants[value]
    if isinstance(value, (int, float)):
        return language.number(value, path)
    if isinstance(value, str):
        return language.string(value, path)
    if not isinstance(value, (dict, list, tuple)):
        raise _refused(path, f"is of type {type(value).__name__}, which JSON does not have")
    if depth >= MAX_DEPTH:
        raise _refused(path, f"is nested more than {MAX_DEPTH} deep")
    if len(value) > MAX_CHARACTERS // 4:
        raise _refused(path, f"has {len(value)} items, too many for one literal")
    is_object = isinstance(value, dict)
    opening, closing = "{}" if is_object else "[]"
    if not value:
        return opening + closing
    inner = indent + language.indent
    items = []
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in entries:
        if is_object:
            if not isinstance(name, str):
                raise _refused(path, f"has the key {name!r}, which is not a string")
            where = f"{path}.{name}" if path else name
            if isinstance(item, Expression) and item.code == name and not language.quoted_keys:
                items.append(name)
                continue
            key = language.key(name, where) + ": "
        else:
            where, key = f"{path}[{name}]", ""
        items.append(key + _written(item, language, inner, inner + len(key), width, where, depth + 1))
    pad = " " if language.spaced and is_object else ""
    line = opening + pad + ", ".join(items) + pad + closing
    if column + len(line) < width and "\n" not in line:
        return line
    margin = "\n" + " " * inner
    return opening + margin + ("," + margin).join(items) + ",\n" + " " * indent + closing


def _python_number(value: int | float, path: str) -> str:
    return _digits(value, path)


def _javascript_number(value: int | float, path: str) -> str:
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise _refused(
                path,
                f"is an integer beyond 2^53 - 1 ({_shortened(value)}), which JavaScript would round",
                hint="use Python, or a smaller number",
            )
        return _digits(value, path)
    text = _digits(value, path)
    return text.removesuffix(".0")


def _shortened(value: int) -> str:
    return f"about 2^{value.bit_length()}" if value.bit_length() > 100 else str(value)


def _digits(value: int | float, path: str) -> str:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise _refused(path, f"is {value}, which JSON does not allow", hint="leave the field out")
        return float.__repr__(value)
    if value.bit_length() > MAX_DIGITS * 3.32:
        raise _refused(path, f"is an integer of more than {MAX_DIGITS} digits")
    return int.__repr__(value)


def _checked(text: str, path: str) -> str:
    # str subclasses (enum members, markup strings) are rendered by their characters alone.
    text = str.__str__(text)
    if len(text) > MAX_CHARACTERS:
        raise _refused(path, f"has {len(text)} characters, the limit is {MAX_CHARACTERS}", hint="pass a file instead")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _refused(
            path, f"holds the lone surrogate U+{ord(text[error.start]):04X}, which is not text and cannot be sent"
        ) from None
    return text


def _python_string(text: str, path: str) -> str:
    text = _checked(text, path)
    quote = "'" if '"' in text and "'" not in text else '"'
    escapes = {**_SHORT_ESCAPES, quote: "\\" + quote}

    def escaped(char: str) -> str:
        if char in escapes:
            return escapes[char]
        if char.isprintable():
            return char
        code = ord(char)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return quote + "".join(map(escaped, text)) + quote


def _javascript_string(text: str, path: str) -> str:
    text = _checked(text, path)
    escapes = {**_SHORT_ESCAPES, '"': '\\"'}

    def escaped(char: str) -> str:
        if char in escapes:
            return escapes[char]
        if char.isprintable():
            return char
        code = ord(char)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\u{{{code:x}}}"

    body = "".join(map(escaped, text))
    return '"' + body.replace("</", "<\\/").replace("<!--", "\\x3c!--") + '"'


def _javascript_key(name: str, path: str) -> str:
    if name == "__proto__":
        # As a plain key it would set the prototype of the object instead of a property.
        return '["__proto__"]'
    return name if _IDENTIFIER.match(name) else _javascript_string(name, path)


_PYTHON = _Language(
    constants={None: "None", True: "True", False: "False"},
    number=_python_number,
    string=_python_string,
    key=_python_string,
    indent=4,
    spaced=False,
    quoted_keys=True,
)
_JAVASCRIPT = _Language(
    constants={None: "null", True: "true", False: "false"},
    number=_javascript_number,
    string=_javascript_string,
    key=_javascript_key,
    indent=2,
    spaced=True,
    quoted_keys=False,
)
