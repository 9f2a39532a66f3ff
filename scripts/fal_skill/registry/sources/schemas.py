"""JSON Schemas out of the SDK's types: names, types, enums, required fields and stated defaults, nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

from ..model import Schema
from .names import file_kind, is_integer, is_url_list
from .sdk_types import Field, Keyword, Literal, Name, Object, Tuple, Type, TypeFile, Union

MAX_DEFAULT_LENGTH = 200
"""Longer default texts are sample prompts: prose, not facts."""
MAX_DEPTH = 12
"""Types that contain themselves are cut off here; the deepest real one has 5 levels."""

_DEFAULT = re.compile(r"Default value: `(.*?)`(?=\s|$|\.)")
_DIGITS = re.compile(r"-?\d+")
_NONE = object()


def stated_default(doc: str) -> Any:
    """Return the default that a doc comment states, as JSON or a bare word (``landscape_4_3``), or None."""
    match = _DEFAULT.search(doc)
    if match is None:
        return None
    try:
        return json.loads(match.group(1))
    except ValueError:
        return match.group(1) or None


def is_digit_enum(values: list[Any]) -> bool:
    """Whether all members are whole numbers, as numbers or as text."""
    return bool(values) and all(
        (isinstance(value, int) and not isinstance(value, bool))
        or (isinstance(value, str) and _DIGITS.fullmatch(value))
        for value in values
    )


def is_file_object(schema: Schema) -> bool:
    """Whether an object is fal's own file object, in whose place its server takes the bare URL too."""
    return {"url", "content_type"} <= set(schema.get("properties", ()))


def schema_of(types: TypeFile, side: Type) -> Schema | None:
    """Return the object schema of an endpoint's input or output, or None where the types say nothing (``any``)."""
    schema = _Builder(types).schema(side, "", 0)
    return schema if schema.get("type") == "object" else None


class _Builder:
    def __init__(self, types: TypeFile) -> None:
        self.types = types

    def schema(self, kind: Type, name: str, depth: int) -> Schema:
        if depth > MAX_DEPTH:
            return {}
        if isinstance(kind, Literal):
            return {"enum": [kind.value]}
        if isinstance(kind, Keyword):
            return {"type": kind.name} if kind.name in ("string", "number", "boolean", "null", "object") else {}
        if isinstance(kind, Tuple):
            members = [self.schema(item, name, depth + 1) for item in kind.items]
            alike = bool(members) and all(member == members[0] for member in members)
            return {"type": "array", "items": members[0] if alike else {}}
        if isinstance(kind, Object):
            return self.object(kind, depth)
        if isinstance(kind, Union):
            return self.union(kind, name, depth)
        if kind.name == "Array":
            items = self.schema(kind.parameters[0], name, depth + 1) if kind.parameters else {}
            if is_url_list(name) and items == {"type": "string"}:
                items["x-file"] = file_kind(name)
            return {"type": "array", "items": items}
        if kind.name == "Record":
            return {"type": "object"}
        if kind.name == "Blob":
            return {"type": "string", "x-file": file_kind(name)}
        resolved = self.schema(self.types.resolved(kind.name)[1], name, depth + 1)
        return {**resolved, "x-file": file_kind(name)} if is_file_object(resolved) else resolved

    def object(self, kind: Object, depth: int) -> Schema:
        properties = {key: self.field(key, field, depth + 1) for key, field in sorted(kind.fields.items())}
        required = sorted(key for key, field in kind.fields.items() if not field.optional)
        schema: Schema = {"type": "object"}
        if properties:
            schema["properties"] = properties
        if required:
            schema["required"] = required
        return schema

    def union(self, kind: Union, name: str, depth: int) -> Schema:
        # `File` resolves to fal's own file object, so only `Blob` tells an upload.
        if any(isinstance(option, Name) and option.name == "Blob" for option in kind.options):
            upload: Schema = {"type": "string", "x-file": file_kind(name)}
            lists = [o for o in kind.options if isinstance(o, Name) and o.name == "Array"]
            return {"anyOf": [upload, {"type": "array", "items": dict(upload)}]} if lists else upload
        literals = [option.value for option in kind.options if isinstance(option, Literal)]
        options: list[Schema] = [{"enum": literals}] if literals else []
        for option in kind.options:
            if isinstance(option, Literal):
                continue
            made = self.schema(option, name, depth + 1)
            if made == {}:
                return {}
            if made not in options:
                options.append(made)
        return options[0] if len(options) == 1 else {"anyOf": options}

    def field(self, name: str, field: Field, depth: int) -> Schema:
        schema = self.schema(field.type, name, depth)
        default = stated_default(field.doc)
        if default is None and field.optional and schema.get("type") == "boolean":
            default = False  # the generator prints no falsy default; right for 701 of 702 such fields
        if default is not None and fits(default, schema):
            schema["default"] = default
        if schema.get("type") == "number" and is_integer(name, default):
            schema["x-int"] = True
        if is_digit_enum(schema.get("enum", [])):
            schema["x-digits"] = True  # until 2026-04 the types print whole numbers as text
        return schema


def fits(default: Any, schema: Schema) -> bool:
    """Whether a stated default can be a value of the field; texts too long to be facts are not taken."""
    if isinstance(default, str) and (len(default) > MAX_DEFAULT_LENGTH or default == "null"):
        return False
    if "anyOf" in schema:
        return any(fits(default, option) for option in schema["anyOf"])
    if "enum" in schema:
        return default in schema["enum"] or str(default) in map(str, schema["enum"])
    expected = schema.get("type")
    if expected == "number":
        return isinstance(default, (int, float)) and not isinstance(default, bool)
    kinds = {"string": str, "boolean": bool, "array": list, "object": dict}
    return expected is None or isinstance(default, kinds.get(expected, object))
