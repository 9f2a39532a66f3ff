"""Is the call legal, and what does fal say when it is not?

The rules are those of ``fal_skill.arguments``; this module only puts its errors into the words and the shape of fal's
answer, which is that of FastAPI and pydantic: a list of ``{"loc", "msg", "type", "input", "ctx"?}`` under ``detail``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from .outcomes import ERRORS_PAGE

if TYPE_CHECKING:
    from ..arguments import Finding
    from ..registry import Model, Schema

MAX_DEPTH = 100
MAX_ECHO = 1000
MAX_ECHO_ITEMS = 100
_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_TYPES: dict[str, tuple[str, str]] = {
    "string": ("string_type", "Input should be a valid string"),
    "number": ("float_type", "Input should be a valid number"),
    "integer": ("int_type", "Input should be a valid integer"),
    "boolean": ("bool_type", "Input should be a valid boolean"),
    "array": ("list_type", "Input should be a valid list"),
    "object": ("model_attributes_type", "Input should be a valid dictionary or object to extract fields from"),
}
_BOUNDS: dict[str, tuple[str, str, str]] = {
    "minimum": ("greater_than_equal", "Input should be greater than or equal to {}", "ge"),
    "maximum": ("less_than_equal", "Input should be less than or equal to {}", "le"),
    "exclusiveMinimum": ("greater_than", "Input should be greater than {}", "gt"),
    "exclusiveMaximum": ("less_than", "Input should be less than {}", "lt"),
    "multipleOf": ("multiple_of", "Input should be a multiple of {}", "multiple_of"),
    "minLength": ("string_too_short", "String should have at least {} characters", "min_length"),
    "maxLength": ("string_too_long", "String should have at most {} characters", "max_length"),
    "minItems": ("too_short", "List should have at least {} items", "min_length"),
    "maxItems": ("too_long", "List should have at most {} items", "max_length"),
    "pattern": ("string_pattern_mismatch", "String should match pattern '{}'", "pattern"),
}


class BadBodyError(ValueError):
    """A request body that is not a JSON object; ``detail`` is what fal's server says of it."""

    def __init__(self, detail: list[dict[str, Any]]) -> None:
        super().__init__(detail[0]["msg"])
        self.detail = detail


def arguments_of(body: bytes) -> dict[str, Any]:
    """Return the model arguments in a request body; an empty body is an empty object; BadBodyError otherwise."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        position = getattr(error, "pos", 0)
        raise BadBodyError(
            [
                _entry(
                    "json_invalid",
                    ["body", position],
                    "JSON decode error",
                    {},
                    {"error": str(getattr(error, "msg", error))[:200]},
                )
            ]
        ) from None
    if not isinstance(value, dict):
        kind, message = _TYPES["object"]
        raise BadBodyError(
            [_entry(kind, ["body"], message, value if isinstance(value, (int, float, bool, type(None))) else "…")]
        )
    if _too_deep(value):
        raise BadBodyError([_entry("value_error", ["body"], f"Value error, more than {MAX_DEPTH} levels deep", {})])
    return value


def _too_deep(value: Any) -> bool:
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            part
            for item in level
            if isinstance(item, (dict, list))
            for part in (item.values() if isinstance(item, dict) else item)
        ]
    return depth > MAX_DEPTH


def _refused(constant: str) -> None:
    raise ValueError(f"Out of range float values are not JSON compliant: {constant}")


def findings_of(model: Model | None, arguments: dict[str, Any]) -> list[Finding]:
    """Return what ``check_arguments`` has to say; nothing where no model is known."""
    if model is None:
        return []
    from ..arguments import check_arguments

    return check_arguments(model, arguments)


def detail_of(model: Model, arguments: dict[str, Any], findings: list[Finding]) -> list[dict[str, Any]]:
    """Return fal's ``detail`` list for the errors among the findings; empty when the call is legal."""
    return [_detail(model, arguments, finding) for finding in findings if finding.severity == "error"]


def _detail(model: Model, arguments: dict[str, Any], finding: Finding) -> dict[str, Any]:
    path: list[str | int] = [name or int(index) for name, index in _PART.findall(finding.path)]
    loc: list[str | int] = ["body", *path]
    if finding.code == "missing-required":
        return _entry("missing", loc, "Field required", _value_at(arguments, path[:-1]))
    value = _value_at(arguments, path)
    schema = _schema_at(model.input_schema or {}, path)
    if finding.code == "not-in-enum":
        options = (schema, *schema.get("anyOf", ()))
        legal: list[str] = [repr(item) for option in options for item in option.get("enum", ())]
        expected = " or ".join(filter(None, [", ".join(legal[:-1]), *legal[-1:]]))
        return _entry("literal_error", loc, f"Input should be {expected}", value, {"expected": expected})
    if finding.code == "out-of-range":
        bound, _, limit = finding.hint.partition(" is ")
        if bound in _BOUNDS:
            kind, message, name = _BOUNDS[bound]
            return _entry(kind, loc, message.format(limit), value, {name: _number(limit)})
    if finding.code == "wrong-type":
        for option in (schema, *schema.get("anyOf", ())):
            if option.get("type") in _TYPES:
                kind, message = _TYPES[option["type"]]
                return _entry(kind, loc, message, value)
    return _entry("value_error", loc, f"Value error, {finding.message}", value, {"error": {}})


def _entry(
    kind: str, loc: list[str | int], message: str, value: Any, ctx: dict[str, Any] | None = None
) -> dict[str, Any]:
    entry: dict[str, Any] = {"loc": loc, "msg": message, "type": kind, "url": ERRORS_PAGE + kind}
    if ctx is not None:
        entry["ctx"] = ctx
    entry["input"] = _bounded(value)
    return entry


def _bounded(value: Any) -> Any:
    """Return the value; a long text, or anything with one in it, is cut rather than sent back whole."""
    if isinstance(value, str):
        return value if len(value) <= MAX_ECHO else value[:MAX_ECHO] + "…"
    if isinstance(value, dict):
        return {key: _bounded(item) for key, item in list(value.items())[:MAX_ECHO_ITEMS]}
    if isinstance(value, list):
        return [_bounded(item) for item in value[:MAX_ECHO_ITEMS]]
    return value


def _value_at(value: Any, path: list[str | int]) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _schema_at(schema: Schema, path: list[str | int]) -> Schema:
    for part in path:
        for option in (schema, *schema.get("anyOf", ())):
            inner = option.get("items") if isinstance(part, int) else option.get("properties", {}).get(part)
            if isinstance(inner, dict):
                schema = inner
                break
        else:
            return {}
    return schema


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
