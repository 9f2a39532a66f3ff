"""The common form that Python, JavaScript and TypeScript are brought to before they are read for calls.

Each language's own tree is lowered to a few kinds of :class:`Node`, so that scopes, constants, calls and the ways
their results are read are worked out once. What has no bearing on a call becomes an OTHER node, whose parts are kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

CONST = "const"
"""A constant: ``value``."""
NAME = "name"
"""A variable: ``text``."""
MEMBER = "member"
"""``parts[0].text``; ``value`` is "?" for optional chaining."""
ITEM = "item"
"""``parts[0][parts[1]]``."""
CALL = "call"
"""``parts[0]`` called with the others; ``keys`` has a name for each argument, "" for a positional one, "**" for a
spread of names. ``value`` is "new" for a constructor."""
OBJECT = "object"
"""``parts`` are the values, ``keys`` their names: a str, a Node for a computed one, None for a spread."""
LIST = "list"
SPREAD = "spread"
JOIN = "join"
"""Text put together from its parts (an f-string, a template literal)."""
ADD = "add"
"""Parts joined by ``+``: text, numbers or lists."""
UNION = "union"
"""Objects joined by ``|``."""
ARITHMETIC = "arithmetic"
"""``parts[0] text parts[1]``."""
EITHER = "either"
"""One of the parts; ``text`` is "or", "and", "if" (``parts[2]`` is then the condition)."""
AWAIT = "await"
FUNCTION = "function"
"""``keys`` are its :class:`Param`, ``parts[-1]`` its body: a BLOCK, or an expression when ``value`` is "expression"."""
COMPREHENSION = "comprehension"
"""``parts[0]`` is a FOR, whose body yields the items; ``text`` is "list" or "dict"."""
COMPARE = "compare"
"""``parts`` compared; ``text`` names the operators: "==", "!=", "in", "case"."""
ASSIGN = "assign"
"""``parts[0]`` is the value, the others are its targets; ``text`` is "=", "+=", "with"; ``value`` an annotation."""
PATTERN = "pattern"
"""A target that takes a value apart: ``parts`` with ``keys`` (str, int; None for a rest)."""
DELETE = "delete"
RETURN = "return"
FOR = "for"
"""``parts`` are target, iterable, body."""
WHILE = "while"
"""``parts`` are condition and body; ``text`` is "for" for a counting loop."""
BRANCH = "branch"
"""``parts[0]`` decides which of the other blocks is run."""
TRY = "try"
BLOCK = "block"
"""Statements; ``text`` is "sure" when they run whenever what is around them does."""
CLASS = "class"
"""``keys`` are the names of its bases, ``parts[-1]`` its body."""
IMPORT = "import"
"""``keys`` are :class:`Imported`, ``text`` the module."""
GLOBAL = "global"
OTHER = "other"
"""Anything else; ``text`` is a JSON type where one is certain, "..." for what a document left out, "typeof",
"instanceof", "regex" (``value`` is then its pattern and flags)."""


class Param(NamedTuple):
    """A parameter of a function."""

    name: str
    default: Node | None
    annotation: str
    form: str
    """"" for one that may be positional, "key" for keyword-only, "*" and "**" for the rest."""
    pattern: Node | None = None
    """The PATTERN that takes the argument apart."""


class Imported(NamedTuple):
    """One name that an import makes."""

    name: str
    """The name in the module; "*" for the module itself, "default" for its default export."""
    local: str
    """The name in this file; "*" for all names."""


class Node:
    """One construct of a program. Lines count from 1, columns from 0 in bytes, as both parsers count them."""

    __slots__ = (
        "column", "end_column", "end_line", "keys", "kind", "last", "line", "order", "parent", "parts", "scope", "text",
        "value",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        span: tuple[int, int, int, int],
        parts: list[Node] | None = None,
        *,
        text: str = "",
        keys: Any = (),
        value: Any = None,
    ) -> None:
        self.kind = kind
        self.line, self.column, self.end_line, self.end_column = span
        self.parts = parts or []
        self.text = text
        self.keys = keys
        self.value = value
        self.parent: Node | None = None
        self.scope: Node | None = None
        """The FUNCTION or CLASS that it stands in; None at the top level."""
        self.order = 0
        """Place in reading order."""
        self.last = 0
        """The greatest order among its descendants."""

    @property
    def span(self) -> tuple[int, int, int, int]:
        """First line and column, last line and the column after it."""
        return self.line, self.column, self.end_line, self.end_column

    def __repr__(self) -> str:
        return f"<{self.kind} {self.text or self.value or ''} {self.line}:{self.column}>"
