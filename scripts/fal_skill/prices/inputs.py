"""The values that a call will have: its arguments, and the defaults of those it leaves out."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..registry import Model
    from .quotes import Conditions

IMAGE_SIZES: dict[str, tuple[int, int]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
"""Width and height in pixels of fal's image size presets."""

MAX_NUMBER = 1e7
"""No quantity in arguments is larger; fal's widest image has 14,142 pixels."""
_MAX_DEPTH = 32


class Value(NamedTuple):
    """The value of one argument, and where it comes from."""

    value: Any
    origin: str
    """``given``, ``default`` (of the schema), ``unsure`` (of a shared type), ``source`` (of the price) or nothing."""

    @property
    def known(self) -> bool:
        """Whether there is a value at all."""
        return self.origin != ""


class Inputs:
    """The arguments of one call, seen together with the model's defaults."""

    def __init__(self, model: Model, arguments: dict[str, Any], defaults: dict[str, Any] | None = None) -> None:
        self.model = model
        self.arguments = arguments
        self.properties = model.properties
        self._defaults = defaults or {}

    def __contains__(self, field: str) -> bool:
        return field in self.properties or field in self.arguments

    def value(self, field: str) -> Value:
        """Return the argument's value; null counts as left out."""
        given = self.arguments.get(field)
        if given is not None:
            return Value(given, "given")
        schema = self.properties.get(field, {})
        stated = schema.get("default")
        unsure = bool(schema.get("x-unsure"))
        if stated is not None and not unsure:
            return Value(stated, "default")
        if field in self._defaults:
            return Value(self._defaults[field], "source")
        if stated is not None:
            return Value(stated, "unsure")
        return Value(None, "")

    def first(self, fields: Iterable[str]) -> str | None:
        """Return the first of these arguments that is given, else the first with a default, else the first known."""
        names = list(fields)
        for names_of in (
            [name for name in names if self.arguments.get(name) is not None],
            [name for name in names if self.value(name).known],
            [name for name in names if name in self.properties],
        ):
            if names_of:
                return names_of[0]
        return None

    def legal(self, field: str) -> tuple[Any, ...]:
        """Return the values that the schema lists for the argument, or none."""
        schema = self.properties.get(field, {})
        found: list[Any] = []
        for option in (schema, *schema.get("anyOf", ())):
            found += option.get("enum", ())
        return tuple(found)

    def has(self, name: str) -> bool:
        """Return whether a key of that name holds something, at any depth of the arguments."""
        return any(value not in (None, "", [], {}) for value in _values(self.arguments, name, 0))

    def files(self, field: str) -> int:
        """Return how many files the argument holds: a list's length, 1 for a text, 0 when left out."""
        value = self.arguments.get(field)
        if isinstance(value, (list, tuple)):
            return len(value)
        return 0 if value in (None, "") else 1


def _values(value: Any, name: str, depth: int) -> Iterator[Any]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if key == name:
                yield item
            yield from _values(item, name, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _values(item, name, depth + 1)


def number(value: Any) -> float | None:
    """Return a positive, finite number from 5, 5.0, "5" or "5s", or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip().lower()
        text = text[:-1].rstrip() if text.endswith("s") else text
        if not text or len(text) > 20 or not text.isascii() or not text.replace(".", "", 1).isdigit():
            return None
        value = float(text)
    if not isinstance(value, (int, float)) or not 0 < value <= MAX_NUMBER or not isfinite(value):
        return None
    return float(value)


def whole(value: Any) -> int | None:
    """Return a positive whole number from 2, 2.0 or "2", or None."""
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def pixels(value: Any) -> tuple[int, int] | None:
    """Return (width, height) from a preset's name, ``{"width", "height"}`` or "1024x768", or None."""
    if isinstance(value, str):
        preset = IMAGE_SIZES.get(value.strip().lower())
        if preset:
            return preset
        width, _, height = value.lower().partition("x")
        value = {"width": width.strip(), "height": height.strip()}
    if not isinstance(value, dict):
        return None
    sides = whole(value.get("width")), whole(value.get("height"))
    return (sides[0], sides[1]) if sides[0] and sides[1] else None


def texts(field: str, value: Any) -> tuple[str, ...]:
    """Return the value as conditions write it: lower case, booleans as true and false, sizes also as WIDTHxHEIGHT."""
    found: list[str] = []
    size = pixels(value) if field == "image_size" else None
    if size:
        found.append(f"{size[0]}x{size[1]}")
    if isinstance(value, bool):
        found.append(str(value).lower())
    elif isinstance(value, str):
        found.append(value.strip().lower()[:100])
    elif isinstance(value, (int, float)) and abs(value) <= MAX_NUMBER:
        found.append(f"{value:g}")
    return tuple(found)


def meets(when: Conditions, inputs: Inputs) -> tuple[bool, tuple[str, ...]]:
    """Return whether the call can meet the conditions, and the arguments on which that depends without being known."""
    open_fields: list[str] = []
    for field, accepted in when.items():
        if field.startswith("any:"):
            if not inputs.has(field[4:]):
                return False, ()
            continue
        found = inputs.value(field)
        written = texts(field, found.value) if found.known else ()
        if any(_accepts(pattern, text) for pattern in accepted for text in written):
            continue
        if not found.known or "auto" in written:
            open_fields.append(field)
            continue
        return False, ()
    return True, tuple(open_fields)


def _accepts(pattern: str, text: str) -> bool:
    for sign in (">", "<="):
        if pattern.startswith(sign):
            value, bound = number(text), number(pattern[len(sign) :])
            return value is not None and bound is not None and (value > bound) == (sign == ">")
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return pattern == text
