"""The part of JSON Schema that making values needs: unions decided, bounds kept, plain fits."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...registry import Schema

DEEPEST = 24
"""Schemas that nest deeper than this (only a recursive one does) are cut off with an empty value."""
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "integer": (int,), "boolean": (bool,), "object": (dict,),
    "array": (list,), "null": (type(None),),
}  # fmt: skip
_LARGEST = 2.0**63
_SAMPLES = ("sandbox", "", "0", "a", "en", "#808080", "2026-01-01", "2026-01-01T00:00:00Z", "00:00:01",
            "00000000-0000-4000-8000-000000000000", "https://example.com/")  # fmt: skip
_FORMATS = {
    "uri": "https://example.com/", "date": "2026-01-01", "date-time": "2026-01-01T00:00:00Z", "time": "00:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000", "email": "sandbox@example.com",
}  # fmt: skip


def empty(kind: str) -> Any:
    """Return the empty value of a type."""
    return {"object": {}, "array": [], "string": "", "boolean": False, "null": None}.get(kind, 0)


def settled(schema: Schema, *, prefer_text: bool = False) -> Schema:
    """Return the schema with its unions decided and its parts merged: the first option that is not null."""
    for _ in range(DEEPEST):
        if schema.get("allOf"):
            rest = {key: part for key, part in schema.items() if key != "allOf"}
            schema = merged([rest, *schema["allOf"]])
            continue
        options = schema.get("anyOf") or schema.get("oneOf")
        if not options:
            break
        usable = [option for option in options if isinstance(option, dict) and option.get("type") != "null"]
        usable = usable or [{"type": "null"}]
        texts = [option for option in usable if option.get("type") == "string"]
        chosen = texts[0] if prefer_text and texts else usable[0]
        schema = merged([{key: part for key, part in schema.items() if key not in ("anyOf", "oneOf")}, chosen])
    return schema


def merged(parts: list[Schema]) -> Schema:
    """Return one schema that asks for what all parts ask for."""
    whole: Schema = {}
    for part in parts:
        for key, value in part.items():
            if key == "properties":
                whole[key] = {**whole.get(key, {}), **value}
            elif key == "required":
                whole[key] = [*whole.get(key, []), *(name for name in value if name not in whole.get(key, []))]
            else:
                whole[key] = value
    return whole


def main_type(schema: Schema) -> str:
    """Return the type of a schema; ``any`` when it allows everything."""
    stated = schema.get("type")
    if isinstance(stated, list):
        return next((str(kind) for kind in stated if kind != "null"), "null")
    if isinstance(stated, str):
        return stated
    return "object" if "properties" in schema else "array" if "items" in schema else "any"


def fits(value: Any, schema: Schema) -> bool:
    """Whether a value plainly fits: type, choices and bounds; a union when it fits one of its options."""
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return any(fits(value, option) for option in schema[union])
    if "allOf" in schema:
        return all(fits(value, option) for option in schema["allOf"])
    if "enum" in schema or "const" in schema:
        return any(
            type(value) is type(member) and value == member for member in schema.get("enum", [schema.get("const")])
        )
    stated = schema.get("type")
    if stated is not None:
        names = stated if isinstance(stated, list) else [stated]
        allowed = tuple(python for each in names for python in _TYPES.get(each, ()))
        if not isinstance(value, allowed) or (isinstance(value, bool) and "boolean" not in names):
            return False
    if isinstance(value, str):
        return shaped(value, schema) == value
    if is_number(value):
        return bool(abs(value) <= _LARGEST and bounded(value, schema) == value)  # NaN fails the comparison
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        inside = all(fits(part, fields[key]) for key, part in value.items() if key in fields)
        return inside and all(key in value for key in schema.get("required", ()))
    return True


def bounded(value: float, schema: Schema) -> float:
    """Return the number of the schema's type that lies within its bounds, nearest to the value."""
    whole = main_type(schema) == "integer"
    step = schema.get("multipleOf") or (1 if whole else 0)
    nudge = step or 1e-6
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    low = max(low, schema["exclusiveMinimum"] + nudge) if is_number(schema.get("exclusiveMinimum")) else low
    high = min(high, schema["exclusiveMaximum"] - nudge) if is_number(schema.get("exclusiveMaximum")) else high
    made = max(low, min(high, value))
    if step:
        made = math.floor(made / step) * step
        made = math.ceil(low / step) * step if made < low else made
    return int(made) if whole or (isinstance(value, int) and made == int(made)) else made


def shaped(text: str, schema: Schema) -> str:
    """Return a text of the schema's format, pattern and length; the text itself where it already is."""
    if schema.get("format") in _FORMATS and schema["format"] != "uri":
        text = _FORMATS[schema["format"]]
    elif schema.get("format") == "uri" and not text.startswith(("http", "data:")):
        text = _FORMATS["uri"]
    text = text[: schema["maxLength"]] if is_number(schema.get("maxLength")) else text
    text = text.ljust(schema["minLength"], ".") if is_number(schema.get("minLength")) else text
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        try:
            tried = (text, str(schema.get("default", "")), *schema.get("examples", ()), *_SAMPLES)
            return next((str(sample) for sample in tried if re.search(pattern, str(sample))), text)
        except re.error:  # a pattern in JavaScript's dialect
            return text
    return text


def is_number(value: Any) -> bool:
    """Whether a value is a number, which a boolean is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
