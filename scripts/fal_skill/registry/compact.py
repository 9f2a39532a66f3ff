"""A schema in as few words as an agent needs: one line per field.

``*`` marks a required field, ``= value`` its default, ``|`` alternatives.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Model, Schema

MAX_FIELDS = 60
MAX_ENUM = 14
MAX_NESTED = 12
MAX_LINE = 480
"""Bounds on what is shown; the largest model has 111 fields and an enum of 600 avatars. What is cut is counted."""

_LIMITS = (
    ("minimum", "≥", ""), ("exclusiveMinimum", ">", ""), ("maximum", "≤", ""), ("exclusiveMaximum", "<", ""),
    ("minLength", "≥", " characters"), ("maxLength", "≤", " characters"), ("minItems", "≥", " items"),
    ("maxItems", "≤", " items"),
)  # fmt: skip


def input_lines(model: Model) -> dict[str, str]:
    """Return one line per input field, required ones first."""
    return _lines(model.input_schema or {})


def output_lines(model: Model) -> dict[str, str]:
    """Return one line per output field."""
    return _lines(model.output_schema or {})


def _lines(schema: Schema) -> dict[str, str]:
    fields, required = schema.get("properties", {}), schema.get("required", ())
    ordered = sorted(fields, key=lambda name: (name not in required, name))
    lines = {name + ("*" if name in required else ""): field_line(fields[name]) for name in ordered[:MAX_FIELDS]}
    if len(ordered) > MAX_FIELDS:
        lines["…"] = f"{len(ordered) - MAX_FIELDS} more fields: --style json-schema"
    return lines


def field_line(schema: Schema) -> str:
    """Return type, alternatives and default of one field."""
    text = _type(schema, 0)
    text += _limits(schema)
    if "default" in schema:
        text += f" = {_text(schema['default'])}"
    if schema.get("x-digits"):
        text += "  (digits may be numbers: unsure)"
    return text if len(text) <= MAX_LINE else text[:MAX_LINE] + "…"


def _limits(schema: Schema) -> str:
    """Return the limits of a value, where the service itself states them."""
    known = [f"{word} {schema[key]}{unit}" for key, word, unit in _LIMITS if key in schema]
    return f" {', '.join(known)}" if known else ""


def _type(schema: Schema, depth: int) -> str:
    if "enum" in schema:
        values = schema["enum"]
        shown = " | ".join(_text(value) for value in values[:MAX_ENUM])
        return shown + (f" | … ({len(values)} in all)" if len(values) > MAX_ENUM else "")
    if "anyOf" in schema:
        return " | ".join(_type(option, depth) + _limits(option) for option in schema["anyOf"])
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items", {})
        inner = _type(items, depth)
        return f"[{inner}, …]" if inner != "any" else "[…]"
    if kind == "object":
        return _object(schema, depth)
    if "x-file" in schema:
        return f"{schema['x-file']} URL"
    if kind == "number":
        return "int" if schema.get("x-int") else "number"
    return {"string": "text", "boolean": "bool", "integer": "int", "null": "null"}.get(str(kind), "any")


def _object(schema: Schema, depth: int) -> str:
    fields, required = schema.get("properties", {}), schema.get("required", ())
    if not fields or depth >= 2:
        return "{…}"
    ordered = sorted(fields, key=lambda name: (name not in required, name))
    parts = []
    for name in ordered[:MAX_NESTED]:
        default = f" = {_text(fields[name]['default'])}" if "default" in fields[name] else ""
        parts.append(f"{name}{'*' if name in required else ''}: {_type(fields[name], depth + 1)}{default}")
    if len(ordered) > MAX_NESTED:
        parts.append(f"… {len(ordered) - MAX_NESTED} more")
    return "{" + ", ".join(parts) + "}"


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:80] + "…"
