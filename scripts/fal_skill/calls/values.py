"""What a program passes, as far as its text settles it; the rest is marked as unknown and never invented.

A value is a JSON value (text, number, true/false, null, a list, :class:`Fields`) or an :class:`Unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

STRING = "string"
NUMBER = "number"
BOOLEAN = "boolean"
ARRAY = "array"
OBJECT = "object"
UPLOAD = "upload"
"""The URL that an upload returned."""
BASE64 = "base64"
"""A file's bytes as base64 text, with or without ``data:`` before it."""
FILE = "file"
"""An open file or a path object, which JSON cannot hold."""

TEXT_KINDS = frozenset({STRING, UPLOAD, BASE64})
"""The kinds that are text when they are sent."""

MAX_CHOICES = 64
"""More alternatives for one value than this are not followed."""
MAX_SOURCE = 60
"""Characters of an expression that are kept to name an unknown part."""

Value = Any
"""A JSON value, or Unknown."""
Path = tuple[Any, ...]
"""Steps into a value: a key (str), an index (int), or EACH for all items of a list."""
EACH = None
HOLE = "\0"
"""What stands for an unknown part in the outline of a text."""


class Place(NamedTuple):
    """A position in a file: line and column count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A part of a call that its text does not settle."""

    source: str = ""
    """The expression that stands there, shortened to one line."""
    kind: str = ""
    """What is certain all the same: a JSON type, UPLOAD, BASE64 or FILE; empty when nothing is."""
    choices: tuple[Value, ...] = ()
    """Values that it takes on some path through the program; there may be others."""
    shape: tuple[str, ...] = ()
    """For text with holes: the pieces around them, one more than there are holes."""
    outlines: tuple[str, ...] = ()
    """For text with holes and with parts that are choices: how it may read, with HOLE for each hole."""


UNKNOWN = Unknown()


class Fields(dict[str, Value]):
    """An object of a program: a dict that knows where its fields stand and whether it may have more."""

    __slots__ = ("doubtful", "maybe", "more", "places")

    def __init__(
        self,
        fields: Iterable[tuple[str, Value]] = (),
        *,
        places: dict[str, Place] | None = None,
        maybe: Iterable[str] = (),
        more: bool = False,
    ) -> None:
        super().__init__(fields)
        self.places: dict[str, Place] = dict(places or {})
        self.maybe: set[str] = set(maybe)
        """Names of fields that are there on some paths only."""
        self.more = more
        """Whether fields may be there that the text does not name."""
        self.doubtful: set[str] = set()
        """Names of fields that the program itself tests before it sends them: nothing can be said against them."""

    def copied(self) -> Fields:
        """Return a copy whose fields can be changed."""
        made = type(self)(self.items(), places=self.places, maybe=self.maybe, more=self.more)
        made.doubtful = set(self.doubtful)
        return made

    def put(self, name: str, value: Value, place: Place | None, *, certain: bool = True) -> None:
        """Set a field, or add a possible value for it when the statement may not be reached."""
        if certain:
            self.maybe.discard(name)
            self[name] = value
        elif name not in self:
            self.maybe.add(name)
            self[name] = value
        else:
            self[name] = merged([self[name], value])
        if place is not None:
            self.places[name] = place

    def doubt(self, names: Iterable[str]) -> None:
        """Note that fields may have been replaced, removed or added in a way that the text does not settle."""
        self.more = True
        for name in names:
            self.doubtful.add(name)
            if name in self:
                value = self[name]
                self[name] = Unknown(value.source if isinstance(value, Unknown) else "", "", alternatives(value))

    def drop(self, name: str, *, certain: bool = True) -> None:
        """Remove a field, or note that it may be missing."""
        if certain:
            self.pop(name, None)
            self.maybe.discard(name)
        elif name in self:
            self.maybe.add(name)

    def spread(self, value: Value, *, certain: bool = True) -> None:
        """Take over the fields of another object, as ``{**value}`` and ``{...value}`` do."""
        if isinstance(value, dict):
            inner_maybe = value.maybe if isinstance(value, Fields) else set()
            places = value.places if isinstance(value, Fields) else {}
            for name, part in value.items():
                self.put(name, part, places.get(name), certain=certain and name not in inner_maybe)
            self.more = self.more or (isinstance(value, Fields) and value.more)
            self.doubtful |= value.doubtful if isinstance(value, Fields) else set()
        elif isinstance(value, Unknown) and value.choices and all(_spreads(choice) for choice in value.choices):
            for choice in value.choices:  # {...(cond && {seed})}
                self.spread(choice or {}, certain=False)
        elif value not in (None, False, ""):
            self.more = True


class Namespace(Fields):
    """An object whose fields are read as attributes, in Python too."""

    __slots__ = ()


def _spreads(choice: Value) -> bool:
    return choice is None or choice is False or choice == "" or isinstance(choice, dict)


class Items(list[Value]):
    """A list of a program; ``more`` says whether items may be there that the text does not name."""

    __slots__ = ("more",)

    def __init__(self, items: Iterable[Value] = (), *, more: bool = False) -> None:
        super().__init__(items)
        self.more = more


def is_known(value: Value) -> bool:
    """Whether nothing in the value is unknown."""
    if isinstance(value, Unknown):
        return False
    if isinstance(value, dict):
        return not getattr(value, "more", False) and all(is_known(part) for part in value.values())
    if isinstance(value, list):
        return not getattr(value, "more", False) and all(is_known(part) for part in value)
    return True


def alternatives(value: Value) -> tuple[Value, ...]:
    """Return the values that it is known to take: itself when it is known."""
    return value.choices if isinstance(value, Unknown) else (value,)


def texts(value: Value) -> tuple[str, ...]:
    """Return the texts among the values that it is known to take."""
    return tuple(dict.fromkeys(choice for choice in alternatives(value) if isinstance(choice, str)))


def outlines(value: Value) -> tuple[str, ...]:
    """Return how a text with holes may read, with HOLE for each hole; empty for every other value."""
    if not isinstance(value, Unknown):
        return ()
    return value.outlines or ((HOLE.join(value.shape),) if value.shape else ())


def kind_of(value: Value) -> str:
    """Return the JSON type of a known value, or what is certain of an unknown one; empty when nothing is."""
    if isinstance(value, Unknown):
        return value.kind
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, (int, float)):
        return NUMBER
    if isinstance(value, str):
        return STRING
    if isinstance(value, dict):
        return OBJECT
    return ARRAY if isinstance(value, list) else ""


def merged(values: Iterable[Value]) -> Value:
    """Return what is common to the values that a name may have: objects are united, other values become choices."""
    found: list[Value] = []
    for value in values:
        if not any(same(value, other) for other in found):
            found.append(value)
    if not found:
        return UNKNOWN
    if len(found) == 1:
        return found[0]
    objects = [value for value in found if isinstance(value, Fields)]
    if len(objects) == len(found):
        return _united(objects)
    choices: list[Value] = []
    for value in found:
        choices += alternatives(value)
    kinds = {kind_of(value) for value in found}
    source = next((value.source for value in found if isinstance(value, Unknown)), "")
    outlined = tuple(dict.fromkeys(line for value in found for line in outlines(value)))
    return Unknown(source, kinds.pop() if len(kinds) == 1 else "", _distinct(choices), (), outlined[:MAX_CHOICES])


def _united(objects: list[Fields]) -> Fields:
    made = objects[0].copied()
    for other in objects[1:]:
        made.maybe |= other.maybe | (made.keys() ^ other.keys())
        made.more = made.more or other.more
        made.doubtful |= other.doubtful
        for name, part in other.items():
            made[name] = merged([made[name], part]) if name in made else part
        made.places = {**other.places, **made.places}
    return made


def same(one: Value, other: Value) -> bool:
    """Whether two values are equal and of equal types: 1, 1.0 and true are three values."""
    if isinstance(one, Fields) and isinstance(other, Fields):
        return one is other or (one.more == other.more and one.maybe == other.maybe and _same_items(one, other))
    return type(one) is type(other) and bool(one == other)


def _same_items(one: Fields, other: Fields) -> bool:
    return one.keys() == other.keys() and all(same(part, other[name]) for name, part in one.items())


def _distinct(values: Iterable[Value]) -> tuple[Value, ...]:
    found: list[Value] = []
    for value in values:
        if len(found) < MAX_CHOICES and not any(same(value, other) for other in found):
            found.append(value)
    return tuple(found)


def joined(parts: Iterable[Value], source: str) -> Value:
    """Return text put together from parts: the text when all are known, else an Unknown with its shape and choices."""
    shape = [""]
    options: list[tuple[str, ...]] = [("",)]
    drafts: list[tuple[str, ...]] = []
    settled = True
    has_drafts = False
    kind = STRING
    for part in parts:
        if isinstance(part, Unknown):
            settled = False
            pieces = part.shape or ("", "")
            shape[-1] += pieces[0]
            shape += pieces[1:]
            options.append(texts(part))
            drafts.append(options[-1] or part.outlines or ((HOLE.join(part.shape),) if part.shape else (HOLE,)))
            has_drafts = has_drafts or bool(options[-1] or part.outlines)
            kind = BASE64 if part.kind == BASE64 else kind
            continue
        text = as_text(part)
        if text is None:
            settled = False
            shape.append("")
            options.append(())
            drafts.append((HOLE,))
        else:
            shape[-1] += text
            options.append((text,))
            drafts.append((text,))
    if settled:
        return shape[0]
    choices = _products(options)
    outlined = _products(drafts) if has_drafts and not choices else ()
    if shape[0].lower().startswith("data:"):
        kind = BASE64
    return Unknown(source, kind, choices, tuple(shape), outlined)


def _products(options: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return every text that takes one piece from each group; none when they are too many."""
    count = 1
    for option in options:
        count *= len(option)
    return tuple("".join(words) for words in product(*options)) if 0 < count <= MAX_CHOICES else ()


def as_text(value: Value) -> str | None:
    """Return a plain value as it reads inside text, or None for what has no plain form."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, (str, int, float)) else None


def inside(value: Value, path: Path) -> Value:
    """Return the part of a value at a path; UNKNOWN where the text does not settle it."""
    for place, step in enumerate(path):
        if isinstance(value, Unknown):
            if not value.choices:
                return UNKNOWN
            found = [inside(choice, path[place:]) for choice in value.choices]
            return Unknown("", "", _distinct(choice for part in found for choice in alternatives(part)))
        if step is EACH:
            items = (
                list(value.values() if isinstance(value, dict) else value) if isinstance(value, (list, dict)) else []
            )
            more = not isinstance(value, (list, dict)) or getattr(value, "more", False)
            value = _any_of(items) if items and not more else Unknown("", "", _choices(items))
        elif isinstance(step, str) and isinstance(value, dict):
            if step not in value:
                return UNKNOWN
            value = value[step]
        elif isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return UNKNOWN
    return value


def _choices(items: Iterable[Value]) -> tuple[Value, ...]:
    return _distinct(choice for item in items for choice in alternatives(item))


def _any_of(items: list[Value]) -> Value:
    """Return one item of a list, whichever: the item itself when there is one, else a choice."""
    return items[0] if len(items) == 1 else Unknown("", "", _choices(items))


def unknown_paths(value: Value, path: Path = ()) -> Iterator[tuple[Path, Unknown]]:
    """Yield the place of each unknown part of a value."""
    if isinstance(value, Unknown):
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from unknown_paths(part, (*path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from unknown_paths(part, (*path, index))


def place_of(value: Value, path: Path) -> Place | None:
    """Return where the innermost field of a path stands in the file, or None when no field of it has a place."""
    place = None
    for step in path:
        if isinstance(value, Fields):
            place = value.places.get(step, place)
        if (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)
        ):
            value = value[step]
        else:
            break
    return place


def from_json(value: Any) -> Value:
    """Return plain JSON data as a value of a program."""
    if isinstance(value, dict):
        return Fields((name, from_json(part)) for name, part in value.items())
    return Items(from_json(part) for part in value) if isinstance(value, list) else value


def as_json(value: Value) -> Any:
    """Return the value for a JSON document: an unknown part is ``{"$unknown": EXPRESSION}``, further fields ``"..."``.

    The choices of an unknown part, where there are any, are listed beside it as ``"choices"``.
    """
    if isinstance(value, Unknown):
        made: dict[str, Any] = {"$unknown": value.source}
        if value.choices:
            made["choices"] = [as_json(choice) for choice in value.choices]
        return made
    if isinstance(value, dict):
        made = {name: as_json(part) for name, part in value.items()}
        if getattr(value, "more", False):
            made["..."] = {"$unknown": ""}
        return made
    if isinstance(value, list):
        items = [as_json(part) for part in value]
        return [*items, {"$unknown": "..."}] if getattr(value, "more", False) else items
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {"$unknown": str(value)}
    return value
