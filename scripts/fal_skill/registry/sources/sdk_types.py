"""Reader of the type file of fal's JavaScript SDK (``endpoints.d.ts`` or ``.ts``), all versions since 2024-11.

The file is one flat list of ``export type Name = …;`` with objects, unions, literals, arrays and names, and one
``EndpointTypeMap``. The grammar here covers just that; any other token is an error that names its line, because a
new construct means that the generator changed and the facts drawn from it must be looked at again.

Grammar::

    file    = { "export" [ "declare" ] "type" NAME "=" type [ ";" ] }
    type    = [ "|" ] item { "|" item }
    item    = atom { "[" "]" }
    atom    = STRING | NUMBER | "true" | "false" | keyword | NAME [ "<" type { "," type } ">" ] | object | tuple
            | "(" type ")"
    tuple   = "[" [ type { "," type } ] "]"
    object  = "{" { [ "readonly" ] key [ "?" ] ":" type ( ";" | "," )? } "}"
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

KEYWORDS = {"string", "number", "boolean", "unknown", "any", "void", "never", "null", "undefined", "object"}

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<doc>/\*\*.*?\*/)
  | (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_$][A-Za-z0-9_$]*)
  | (?P<mark>[{}\[\]()<>|:;,=?])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u\{([0-9A-Fa-f]+)\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


class TypeSyntaxError(ValueError):
    """The type file holds something that the grammar does not know."""


class Literal(NamedTuple):
    """A literal type: a string, number or boolean."""

    value: str | int | float | bool


class Keyword(NamedTuple):
    """A built-in type such as ``string``."""

    name: str


class Name(NamedTuple):
    """A reference to another type, or a generic such as ``Array`` or ``Record`` with its parameters."""

    name: str
    parameters: tuple[Type, ...] = ()


class Union(NamedTuple):
    """Alternatives."""

    options: tuple[Type, ...]


class Tuple(NamedTuple):
    """A list of fixed length."""

    items: tuple[Type, ...]


class Field(NamedTuple):
    """One property of an object type."""

    type: Type
    optional: bool
    doc: str


@dataclass(frozen=True)
class Object:
    """An object type."""

    fields: dict[str, Field] = field(default_factory=dict)


Type = Literal | Keyword | Name | Union | Tuple | Object


class Endpoint(NamedTuple):
    """An endpoint's input and output types: nearly always names of declared types."""

    input: Type
    output: Type


@dataclass(frozen=True)
class TypeFile:
    """A parsed type file."""

    types: dict[str, Type]
    endpoints: dict[str, Endpoint]

    def resolved(self, name: str) -> tuple[str, Type]:
        """Return the name and type at the end of a chain of plain aliases; TypeSyntaxError for a loop or a gap."""
        seen = [name]
        while True:
            target = self.types.get(seen[-1])
            if target is None:
                raise TypeSyntaxError(f"type {seen[-1]!r} is used but not declared")
            if not (isinstance(target, Name) and not target.parameters and target.name in self.types):
                return seen[-1], target
            if target.name in seen:
                raise TypeSyntaxError(f"type {name!r} is an alias of itself")
            seen.append(target.name)


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


class _Reader:
    """Recursive descent over the tokens of one file."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.index = 0
        self.doc = ""

    def _tokens(self) -> list[_Token]:
        tokens, position, text = [], 0, self.text
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self.error(position, text[position : position + 20].split(maxsplit=1)[0])
            kind = match.lastgroup or ""
            if kind not in ("space", "comment"):
                tokens.append(_Token(kind, match.group(), position))
            position = match.end()
        tokens.append(_Token("end", "end of file", position))
        return tokens

    def error(self, position: int, token: str, expected: str = "") -> TypeSyntaxError:
        line = self.text.count("\n", 0, position) + 1
        wanted = f", expected {expected}" if expected else ""
        return TypeSyntaxError(f"line {line}: unexpected token {token!r}{wanted}")

    def peek(self) -> _Token:
        while self.tokens[self.index].kind == "doc":
            self.doc = self.tokens[self.index].text
            self.index += 1
        return self.tokens[self.index]

    def next(self) -> _Token:
        token = self.peek()
        if token.kind != "end":
            self.index += 1
        return token

    def take(self, *texts: str) -> bool:
        if self.peek().kind in ("mark", "name") and self.peek().text in texts:
            self.index += 1
            return True
        return False

    def expect(self, text: str) -> None:
        token = self.next()
        if token.text != text or token.kind not in ("mark", "name"):
            raise self.error(token.position, token.text, repr(text))

    def declarations(self) -> dict[str, Type]:
        declared: dict[str, Type] = {}
        while self.peek().kind != "end":
            self.expect("export")
            if self.take("{"):  # `export {};` closes a generated module that has nothing else
                self.expect("}")
                self.take(";")
                continue
            self.take("declare")
            self.expect("type")
            name = self.next()
            if name.kind != "name":
                raise self.error(name.position, name.text, "a type name")
            self.expect("=")
            declared[name.text] = self.type()
            self.take(";")
        return declared

    def type(self) -> Type:
        self.take("|")
        options = [self.item()]
        while self.take("|"):
            options.append(self.item())
        return options[0] if len(options) == 1 else Union(tuple(options))

    def item(self) -> Type:
        made = self.atom()
        while self.take("["):
            self.expect("]")
            made = Name("Array", (made,))
        return made

    def atom(self) -> Type:
        token = self.next()
        if token.kind == "string":
            return Literal(unquoted(token.text))
        if token.kind == "number":
            return Literal(float(token.text) if re.search(r"[.eE]", token.text) else int(token.text))
        if token.kind == "name":
            if token.text in ("true", "false"):
                return Literal(token.text == "true")
            if token.text in KEYWORDS:
                return Keyword(token.text)
            return Name(token.text, self.types_until(">") if self.take("<") else ())
        if token.text == "[":
            return Tuple(self.types_until("]"))
        if token.text == "{":
            return self.object()
        if token.text == "(":
            inner = self.type()
            self.expect(")")
            return inner
        raise self.error(token.position, token.text, "a type")

    def types_until(self, end: str) -> tuple[Type, ...]:
        types = []
        while not self.take(end):
            types.append(self.type())
            if not self.take(",") and self.peek().text != end:
                raise self.error(self.peek().position, self.peek().text, f"',' or {end!r}")
        return tuple(types)

    def object(self) -> Object:
        fields: dict[str, Field] = {}
        self.doc = ""
        while not self.take("}"):
            key = self.next()
            if key.text == "readonly" and self.peek().kind in ("name", "string"):
                key = self.next()
            doc, self.doc = self.doc, ""
            if key.kind not in ("name", "string", "number"):
                raise self.error(key.position, key.text, "a field name")
            name = unquoted(key.text) if key.kind == "string" else key.text
            optional = self.take("?")
            self.expect(":")
            fields[name] = Field(self.type(), optional, comment_text(doc))
            if not self.take(";", ",") and self.peek().text != "}":
                raise self.error(self.peek().position, self.peek().text, "';' or '}'")
        return Object(fields)


def unquoted(token: str) -> str:
    """Return the text of a string literal."""

    def replaced(match: re.Match[str]) -> str:
        for group in (2, 3, 4):
            if match.group(group):
                return chr(int(match.group(group), 16))
        return _ESCAPED.get(match.group(1), match.group(1))

    return _ESCAPE.sub(replaced, token[1:-1])


def comment_text(doc: str) -> str:
    """Return a doc comment as one line of text."""
    lines = (line.strip().removeprefix("*").strip() for line in doc.removeprefix("/**").removesuffix("*/").split("\n"))
    return " ".join(line for line in lines if line)


def parse(text: str) -> TypeFile:
    """Return the types and endpoints of a type file; TypeSyntaxError names the line and token it cannot read."""
    types = _Reader(text.lstrip("\ufeff")).declarations()
    table = types.pop("EndpointTypeMap", None)
    if not isinstance(table, Object):
        raise TypeSyntaxError("the file declares no EndpointTypeMap: is it the SDK's endpoints type file?")
    endpoints: dict[str, Endpoint] = {}
    for slug, entry in table.fields.items():
        sides = []
        for side in ("input", "output"):
            target = entry.type.fields.get(side) if isinstance(entry.type, Object) else None
            if target is None:
                raise TypeSyntaxError(f"endpoint {slug!r} has no {side} type")
            sides.append(target.type)
        endpoints[slug] = Endpoint(*sides)
    return TypeFile(types, endpoints)
