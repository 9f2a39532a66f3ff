"""Schemas out of OpenAPI documents, in the shape that fal publishes for each endpoint.

The input is what the submit path's request body names and the output what the result path answers; nothing is guessed
from the names of components. What is kept: types, enums, defaults, required fields, bounds, null. Texts are not.

Shapes that fal's documents have and that this reads: ``anyOf`` with null, ``allOf`` around one ``$ref`` with a default
beside it, ``nullable`` and boolean ``exclusiveMinimum`` of OpenAPI 3.0, ``const``, lists of types,
``x-fal-order-properties``, documents without outputs.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ...errors import UsageError
from ..model import Schema
from .names import file_kind, is_url_list
from .schemas import MAX_DEFAULT_LENGTH

MAX_DEPTH = 14
"""Types that contain themselves are cut off here."""
MAX_NODES = 20_000
"""A document whose references unfold to more is refused: the largest real one has about 2,000."""
MAX_PATTERN = 200

_KEPT = ("minLength", "maxLength", "minItems", "maxItems", "multipleOf", "uniqueItems")
_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
_RESULT_PATH = re.compile(r"/requests/\{[^}]+\}/?$")
_UPLOAD = re.compile(r"(^|_)(url|urls)$")


class Described(NamedTuple):
    """What one document says of its endpoint."""

    slug: str
    input: Schema
    output: Schema | None
    """None where the document does not describe the result."""
    category: str | None
    """fal's own label, or None."""


def described(document: Any, slug: str | None = None) -> Described:
    """Return what an OpenAPI document says.

    Args:
        document: the document as JSON values.
        slug: the endpoint id, where it is known; otherwise the document must name it.

    Raises:
        UsageError: it is no OpenAPI document of an endpoint.
    """
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        raise UsageError("this is no OpenAPI document: it has no paths")
    reader = _Reader(document)
    metadata = reader.at(document, "info", "x-fal-metadata")
    stated = metadata.get("endpointId") if isinstance(metadata.get("endpointId"), str) else None
    submit = _submit_path(document["paths"], slug or stated)
    name = slug or stated or submit.strip("/")
    if name.count("/") < 1:
        raise UsageError(f"the document does not say which endpoint it describes (its path is {submit[:80]!r})")
    operation = reader.at(document["paths"], submit, "post")
    body = reader.resolved(operation.get("requestBody"))
    given = reader.schema(_content(body), "", 0)
    if given.get("type") != "object":
        raise UsageError(f"{name}: the request body is no object")
    category = metadata.get("category")
    return Described(name, given, _output(reader, document["paths"]), category if isinstance(category, str) else None)


def _submit_path(paths: dict[str, Any], slug: str | None) -> str:
    posts = [path for path, item in paths.items() if isinstance(item, dict) and "post" in item]
    own = [path for path in posts if "/requests/" not in path]
    if slug is not None and f"/{slug}" in own:
        return f"/{slug}"
    if len(own) != 1:
        raise UsageError(f"the document has {len(own)} submit paths, expected one", hint="give one endpoint's document")
    return own[0]


def _output(reader: _Reader, paths: dict[str, Any]) -> Schema | None:
    for path in sorted(paths, key=len):
        if not _RESULT_PATH.search(path):
            continue
        responses = reader.at(paths, path, "get", "responses")
        for status in ("200", "2XX", "default"):
            schema = _content(reader.resolved(responses.get(status)))
            if schema is None:
                continue
            made = reader.schema(schema, "", 0)
            return _stripped(made) if made.get("type") == "object" and "properties" in made else None
    return None


def _content(holder: dict[str, Any]) -> Any:
    content = holder.get("content")
    if not isinstance(content, dict):
        return None
    entry = content.get("application/json") or next(iter(content.values()), None)
    return entry.get("schema") if isinstance(entry, dict) else None


def _stripped(schema: Schema) -> Schema:
    """Return an output's schema without what only matters for sending."""
    made: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: _stripped(part) for name, part in value.items()}
        elif key == "items":
            made[key] = _stripped(value)
        elif key == "anyOf":
            made[key] = [_stripped(option) for option in value]
        elif key not in ("default", "x-file"):
            made[key] = value
    return made


class _Reader:
    """Reads the schemas of one document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._nodes = 0

    def at(self, value: Any, *path: str) -> dict[str, Any]:
        """Return the object at that path, empty where there is none."""
        for step in path:
            value = self.resolved(value).get(step)
        return self.resolved(value)

    def resolved(self, value: Any) -> dict[str, Any]:
        """Return the object itself, references followed; empty where it is no object."""
        for _ in range(MAX_DEPTH):
            if not isinstance(value, dict):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            target: Any = self._document
            for step in reference.removeprefix("#/").split("/") if reference.startswith("#/") else [""]:
                step = step.replace("~1", "/").replace("~0", "~")
                target = target.get(step) if isinstance(target, dict) else None
            rest = {key: item for key, item in value.items() if key != "$ref"}
            value = {**target, **rest} if isinstance(target, dict) else rest
        return {}

    def schema(self, given: Any, name: str, depth: int) -> Schema:
        """Return the JSON Schema of this project for a schema of the document."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise UsageError(f"the document unfolds to more than {MAX_NODES} types")
        if depth > MAX_DEPTH:
            return {}
        merged = self._merged(given)
        options = merged.get("anyOf") or merged.get("oneOf")
        kinds = merged.get("type")
        if isinstance(options, list) and options:
            made = self._union([self.schema(option, name, depth + 1) for option in options])
        elif isinstance(kinds, list):
            made = self._union([self.schema({**merged, "type": kind}, name, depth + 1) for kind in kinds])
        else:
            made = self._plain(merged, name, depth)
        if merged.get("nullable") is True:
            made = self._union([made, {"type": "null"}])
        if "default" in merged and _is_default(merged["default"]):
            made = {**made, "default": merged["default"]}
        return made

    def _merged(self, given: Any) -> dict[str, Any]:
        """Return the schema with its ``allOf`` parts folded into it; what stands beside them wins."""
        value = self.resolved(given)
        for _ in range(MAX_DEPTH):
            parts = value.get("allOf")
            if not isinstance(parts, list):
                break
            folded: dict[str, Any] = {}
            for part in (self.resolved(part) for part in parts):
                for key, item in part.items():
                    if key == "properties" and isinstance(folded.get(key), dict) and isinstance(item, dict):
                        folded[key] = {**folded[key], **item}
                    elif key == "required" and isinstance(folded.get(key), list) and isinstance(item, list):
                        folded[key] = [*folded[key], *item]
                    else:
                        folded[key] = item
            value = {**folded, **{key: item for key, item in value.items() if key != "allOf"}}
        return value

    def _union(self, options: list[Schema]) -> Schema:
        flat: list[Schema] = []
        for option in options:
            inner = option.get("anyOf")
            for one in inner if isinstance(inner, list) and set(option) <= {"anyOf", "default"} else [option]:
                if one not in flat:
                    flat.append(one)
        if {} in flat or not flat:
            return {}
        enums = [one for one in flat if set(one) == {"enum"}]
        if len(enums) > 1:
            merged: Schema = {"enum": list(dict.fromkeys(value for one in enums for value in one["enum"]))}
            flat = [merged, *(one for one in flat if one not in enums)]
        return flat[0] if len(flat) == 1 else {"anyOf": flat}

    def _plain(self, given: dict[str, Any], name: str, depth: int) -> Schema:
        members = [given["const"]] if "const" in given else given.get("enum")
        if isinstance(members, list) and members:
            legal = [value for value in members if isinstance(value, (str, int, float, bool, type(None)))]
            null = [{"type": "null"}] if None in legal else []
            values = [value for value in legal if value is not None]
            return self._union([{"enum": values}, *null]) if values else {"type": "null"}
        kind = given.get("type") or ("object" if isinstance(given.get("properties"), dict) else None)
        if kind not in _TYPES:
            return {}
        made: Schema = {"type": kind, **_bounds(given)}
        if kind == "object":
            made.update(self._object(given, depth))
        elif kind == "array":
            made["items"] = self.schema(given.get("items"), name, depth + 1) if given.get("items") else {}
            if is_url_list(name) and made["items"].get("type") == "string":
                made["items"] = {**made["items"], "x-file": file_kind(name)}
        elif kind == "string" and _UPLOAD.search(name) and not is_url_list(name):
            made["x-file"] = file_kind(name)
        return made

    def _object(self, given: dict[str, Any], depth: int) -> Schema:
        properties = given.get("properties")
        if not isinstance(properties, dict) or not properties:
            return {}
        order = given.get("x-fal-order-properties")
        names = [name for name in _texts(order) if name in properties]
        names = list(dict.fromkeys([*names, *properties]))
        made: Schema = {"properties": {name: self.schema(properties[name], name, depth + 1) for name in names}}
        required = given.get("required")
        needed = sorted({name for name in _texts(required) if name in properties})
        if needed:
            made["required"] = needed
        return made


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _bounds(given: dict[str, Any]) -> Schema:
    """Return the limits, in the words of JSON Schema 2020-12."""
    made: Schema = {}
    for low, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        limit, strict = given.get(low), given.get(exclusive)
        if strict is True and _is_number(limit):  # OpenAPI 3.0 says so
            made[exclusive] = limit
        else:
            if _is_number(limit):
                made[low] = limit
            if _is_number(strict):
                made[exclusive] = strict
    for key in _KEPT:
        value = given.get(key)
        if value is True if key == "uniqueItems" else isinstance(value, (int, float)) and value >= 0:
            made[key] = value
    if made.get("multipleOf") == 0:
        del made["multipleOf"]
    pattern = given.get("pattern")
    if isinstance(pattern, str) and len(pattern) <= MAX_PATTERN:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError):
            pass  # another dialect: what cannot be checked is not claimed
        else:
            made["pattern"] = pattern
    return made


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_default(value: Any) -> bool:
    """Whether a default is a fact worth keeping: not null (which means none), no sample text of a page's length."""
    return value is not None and not (isinstance(value, str) and len(value) > MAX_DEFAULT_LENGTH)
