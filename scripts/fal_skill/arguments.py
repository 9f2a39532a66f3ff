"""Does a call fit the model? ``(model, arguments) -> findings``.

The severity of a finding follows the evidence behind it:

- **error**: a required field is missing, a scalar has the wrong type, a value is outside an enum that is stated for
  this very endpoint, or the service's own OpenAPI document says so;
- **warning**: the snapshot may be wrong or old: unknown fields, enums of merged types, everything inside nested
  objects, the JSON type of digits, a value that the server may convert, a local path where a URL belongs;
- **note**: worth knowing, nothing to mend.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import shown
from .fields import nearest_field
from .registry.model import DOUBTFUL, LIVE, MERGED, UNLISTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

    from .registry import Model, Registry, Schema

ERROR = "error"
WARNING = "warning"
NOTE = "note"
SEVERITIES = (ERROR, WARNING, NOTE)

MAX_DATA_URI = 256 * 1024
"""Characters of a data: URI above which an upload is the better way; fal's advice is to stay within a few KB."""
MAX_FINDINGS = 50
"""A call with more findings is not worth listing in full."""
MAX_DEPTH = 64
"""Arguments nested deeper than this are refused; the deepest schema has 5 levels."""
_MAX_LEGAL_SHOWN = 12
_URL_SCHEMES = ("http://", "https://", "data:", "gs://", "s3://")

_JSON_TYPES: dict[type, str] = {
    str: "string", bool: "boolean", int: "number", float: "number", list: "array", dict: "object", type(None): "null",
}  # fmt: skip
_TYPES_IN_WORDS = {
    "string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
    "object": "an object", "array": "a list",
}  # fmt: skip
_ARTICLES = {"array": "an array", "object": "an object", "null": "null"}
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems",
           "maxItems", "multipleOf", "pattern", "const", "uniqueItems")  # fmt: skip


class Finding(NamedTuple):
    """One thing that a call should know before it is sent."""

    severity: str
    """error, warning or note."""
    code: str
    """A stable word, such as ``missing-required``."""
    path: str
    """Where in the arguments: ``image_size.width``, ``elements[0].video_url``; empty for the call as a whole."""
    message: str
    """What is the matter."""
    hint: str
    """What to do about it."""

    def as_dict(self) -> dict[str, str]:
        """Return the finding as its JSON object."""
        return self._asdict()

    def __str__(self) -> str:
        where = f" {self.path}:" if self.path else ""
        return f"{self.severity}[{self.code}]{where} {self.message}" + (f" ({self.hint})" if self.hint else "")


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether any finding is an error."""
    return any(finding.severity == ERROR for finding in findings)


def check_slug(registry: Registry, slug: str) -> list[Finding]:
    """Return what there is to say of the name alone: unknown, or no longer listed by the newest source."""
    model = registry.get(slug)
    if model is None:
        if slug.startswith(("workflows/", "comfy/")) and slug.count("/") >= 2:
            return [
                Finding(NOTE, "user-endpoint", "", f"{slug} is a user's own endpoint, which no catalogue lists", "")
            ]
        from .prices import default_prices

        price = default_prices().get(slug)
        if price is not None:
            message = f"no list up to {registry.as_of} has {slug}, but a price of {price.quote.as_of} does: it is newer"
            return [
                Finding(NOTE, "unknown-slug", "", message, "look its fields up on its page on fal.ai, or with --live")
            ]
        likely = registry.suggest(slug)
        hint = f"did you mean {', '.join(likely)}?" if likely else "look it up on fal.ai/models"
        message = f"no source up to {registry.as_of} lists {shown(slug)}: it is misspelt, or newer"
        return [Finding(WARNING, "unknown-slug", "", message, hint)]
    if model.slug != slug:
        message = f"the catalogue writes {shown(slug)} as {model.slug}"
        return [Finding(WARNING, "slug-case", "", message, f"send {model.slug}")]
    if model.status == UNLISTED:
        likely = [other for other in registry.suggest(slug, 4) if other != slug and registry.status(other) != UNLISTED]
        hint = f"check it with --live, or take {' or '.join(likely[:2])}" if likely else "check it with --live"
        message = f"{slug} is unlisted since {model.last_seen}: it may be gone, or merely left out"
        return [Finding(WARNING, "unlisted-slug", "", message, hint)]
    return []


def check_arguments(model: Model, arguments: dict[str, Any]) -> list[Finding]:
    """Return what does not fit, worst first; an empty list where the snapshot has nothing to object to.

    Raises:
        MissingPackageError: jsonschema is not installed (as ModuleNotFoundError, which ``console.run`` words).
    """
    if model.input_schema is None:
        message = f"the fields of {model.slug} are not in the snapshot: nothing could be checked"
        return [Finding(NOTE, "no-schema", "", message, "see --live, or the model's page on fal.ai")]
    if _depth(arguments) > MAX_DEPTH:
        return [Finding(ERROR, "too-deep", "", f"the arguments are nested more than {MAX_DEPTH} levels deep", "")]
    check = _Check(model, arguments)
    found = dict.fromkeys(check.findings())  # the same finding may come from two branches of a union
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))[:MAX_FINDINGS]


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


@lru_cache(maxsize=2048)
def _validator(model: Model) -> Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(model.input_schema or {})


class _Check:
    """The findings on one call."""

    def __init__(self, model: Model, arguments: dict[str, Any]) -> None:
        self.model = model
        self.arguments = arguments
        self.live = model.input_evidence == LIVE
        self.fields = model.properties

    def findings(self) -> Iterator[Finding]:
        for error in _validator(self.model).iter_errors(self.arguments):
            yield from self.translated(error)
        yield from self.unknown_fields(self.arguments, self.model.input_schema or {}, ())
        yield from self.values(self.arguments, self.model.input_schema or {}, ())

    def severity(self, path: tuple[Any, ...], *, sure: bool = True) -> str:
        """Errors need strong evidence: a top-level field of a type that is this endpoint's own."""
        if self.model.input_evidence == DOUBTFUL:
            return WARNING
        return ERROR if self.live or (len(path) <= 1 and sure) else WARNING

    def translated(self, error: ValidationError) -> Iterator[Finding]:
        path, kind = tuple(error.absolute_path), str(error.validator)
        schema: Schema = error.schema if isinstance(error.schema, dict) else {}
        sent: Any = error.instance
        if kind == "required":
            for name in schema["required"]:
                if name not in sent:
                    yield self.missing((*path, name), schema)
        elif kind == "type":
            yield from self.wrong_type(path, sent, [schema])
        elif kind == "enum":
            yield self.not_in_enum(path, sent, schema, [schema])
        elif kind in ("anyOf", "oneOf"):
            yield from self.no_option(path, error, schema[kind])
        elif kind in _BOUNDS:
            message = f"{_brief(sent)} is outside the allowed range"
            yield Finding(
                self.severity(path), "out-of-range", _dotted(path), message, f"{kind} is {error.validator_value}"
            )
        else:
            yield Finding(WARNING, "does-not-fit", _dotted(path), error.message[:200], "")

    def missing(self, path: tuple[Any, ...], schema: Schema) -> Finding:
        name = str(path[-1])
        sent = [field for field in self.arguments if field not in self.fields] if len(path) == 1 else []
        alike = nearest_field(name, sent)
        needed = _kind_in_words(schema.get("properties", {}).get(name, {}))
        hint = f"rename {_one_line(alike)} to {name}" if alike else f"add {name}: {needed}"
        return Finding(
            self.severity(path), "missing-required", _dotted(path), f"the required field {name} is missing", hint
        )

    def wrong_type(self, path: tuple[Any, ...], value: Any, options: list[Schema]) -> Iterator[Finding]:
        if isinstance(value, str) and any("url" in option.get("properties", {}) for option in options):
            # Where the types say fal's file object, its server takes the bare URL too: fal's own examples send it.
            yield from self.file(value, "file", path)
            return
        yield self.type_finding(path, value, options)

    def type_finding(self, path: tuple[Any, ...], value: Any, options: list[Schema]) -> Finding:
        name = _dotted(path)
        expected = " or ".join(dict.fromkeys(_kind_in_words(option) for option in options))
        message = f"{_brief(value)} is {_article(_json_type(value))}, expected {expected}"
        if value is None and len(path) == 1 and path[0] not in self.model.required and not self.live:
            # One optional field in ten takes null, and the SDK's types do not say which.
            return Finding(WARNING, "null-value", name, "null is sent for an optional field", f"leave {name} out")
        wants_file = any("x-file" in option for option in options)
        if wants_file and isinstance(value, dict) and isinstance(value.get("url"), str):
            return Finding(WARNING, "wrong-type", name, message, f"send the URL itself: {_brief(value['url'])}")
        if any(_is_digits([option.get("default", "")]) for option in options) and _json_type(value) == "number":
            return Finding(WARNING, "digit-type", name, message, f'send text: "{_as_text(value)}"')
        if len(path) == 1 and any(_convertible(value, option) for option in options):
            return Finding(WARNING, "wrong-type", name, message, "the server may convert it: send the right JSON type")
        hint = self.type_hint(path, value, options)
        return Finding(self.severity(path), "wrong-type", name, message, hint)

    def type_hint(self, path: tuple[Any, ...], value: Any, options: list[Schema]) -> str:
        types = [option.get("type") for option in options]
        if "array" in types and not isinstance(value, list):
            return f"wrap it in a list: [{_brief(value)}]"
        if isinstance(value, list) and len(value) == 1 and "array" not in types:
            return f"send the value itself: {_brief(value[0])}"
        if any("x-file" in option for option in options):
            return "send the file's URL; upload a local file first"
        literal = next((option["enum"] for option in options if "enum" in option), None)
        if literal:
            return f"one of {_legal(literal)}"
        if "string" in types:
            return "send text" if isinstance(value, (dict, list)) else f'send text: "{value}"'
        return f"send {' or '.join(_kind_in_words(option) for option in options)}"

    def not_in_enum(self, path: tuple[Any, ...], value: Any, field: Schema, options: list[Schema]) -> Finding:
        legal = field["enum"]
        if value is None:
            return self.type_finding(path, value, options)
        by_text = {str(member): member for member in legal}
        if not isinstance(value, (bool, list, dict)) and _as_text(value) in by_text and _is_digits([_as_text(value)]):
            right = by_text[_as_text(value)]
            message = (
                f"{_brief(value)} is {_article(_json_type(value))}, the snapshot has {_article(_json_type(right))}"
            )
            return Finding(
                self.severity(path, sure=False), "digit-type", _dotted(path), message, f"send {_brief(right)}"
            )
        if _json_type(value) not in {_json_type(member) for member in legal} and not _is_digits(legal):
            return self.type_finding(path, value, options)
        near = nearest_field(str(value), [str(member) for member in legal])
        hint = f"did you mean {_brief(by_text[near])}? one of {_legal(legal)}" if near else f"one of {_legal(legal)}"
        sure = self.model.input_evidence != MERGED
        message = f"{_brief(value)} is not one of the {len(legal)} legal values"
        return Finding(self.severity(path, sure=sure), "not-in-enum", _dotted(path), message, hint)

    def no_option(self, path: tuple[Any, ...], error: ValidationError, options: list[Schema]) -> Iterator[Finding]:
        kind = _json_type(error.instance)
        inside = [option for option in options if option.get("type") == kind]
        enums = [option for option in options if "enum" in option]
        if inside and kind in ("object", "array"):
            for context in error.context or ():
                if context.absolute_path != error.absolute_path or context.validator == "required":
                    yield from self.translated(context)
        elif enums and (kind in {_json_type(v) for v in enums[0]["enum"]} or _is_digits(enums[0]["enum"])):
            yield self.not_in_enum(path, error.instance, enums[0], options)
        else:
            yield from self.wrong_type(path, error.instance, options)

    def unknown_fields(self, value: Any, schema: Schema, path: tuple[Any, ...]) -> Iterator[Finding]:
        for option in (schema, *schema.get("anyOf", ())):
            fields = option.get("properties")
            if isinstance(value, dict) and fields:
                for name, part in value.items():
                    if name in fields:
                        yield from self.unknown_fields(part, fields[name], (*path, name))
                    else:
                        yield self.unknown((*path, name), fields)
                return
            if isinstance(value, list) and isinstance(option.get("items"), dict):
                for index, part in enumerate(value[:MAX_FINDINGS]):
                    yield from self.unknown_fields(part, option["items"], (*path, index))

    def unknown(self, path: tuple[Any, ...], fields: dict[str, Schema]) -> Finding:
        name = str(path[-1])
        holders = [field for field, part in fields.items() if name in _nested_names(part)]
        near = nearest_field(name, [field for field in fields if field not in self.arguments])
        if holders:
            hint = f"{_one_line(name)} belongs inside {holders[0]}"
        elif near:
            hint = f"did you mean {near}?"
        else:
            hint = f"remove it: the server ignores it or refuses the call; fields: {_legal(sorted(fields))}"
        return Finding(
            WARNING, "unknown-field", _dotted(path), f"{self.model.slug} has no field {_one_line(name)}", hint
        )

    def values(self, value: Any, schema: Schema, path: tuple[Any, ...]) -> Iterator[Finding]:
        """Findings on values that are of the right type."""
        for option in (schema, *schema.get("anyOf", ())):
            if isinstance(value, dict):
                for name, part in option.get("properties", {}).items():
                    if name in value:
                        yield from self.values(value[name], part, (*path, name))
            elif isinstance(value, list) and isinstance(option.get("items"), dict):
                for index, part in enumerate(value[:MAX_FINDINGS]):
                    yield from self.values(part, option["items"], (*path, index))
            elif isinstance(value, str) and "x-file" in option:
                yield from self.file(value, option["x-file"], path)
            elif isinstance(value, float) and option.get("x-int") and not value.is_integer():
                yield Finding(
                    WARNING, "not-integer", _dotted(path), f"{value} is a fraction", "most likely an integer is meant"
                )

    def file(self, value: str, kind: str, path: tuple[Any, ...]) -> Iterator[Finding]:
        if not value.lower().startswith(_URL_SCHEMES):
            message = (
                f"{_brief(value)} is no URL: the service cannot read a local {kind if kind != 'file' else ''} file"
            )
            hint = "upload the file first: fal_client.upload_file(path), in JavaScript fal.storage.upload(file)"
            yield Finding(WARNING, "local-file", _dotted(path), message.replace("  ", " "), hint)
        elif value.lower().startswith("data:") and len(value) > MAX_DATA_URI:
            message = f"a data: URI of {len(value) // 1024} KB is sent inside the request"
            yield Finding(WARNING, "large-data-uri", _dotted(path), message, "upload the file and send its URL")


def _nested_names(schema: Schema) -> set[str]:
    names: set[str] = set()
    for option in (schema, *schema.get("anyOf", ())):
        inner = option.get("items", option)
        if isinstance(inner, dict):
            names |= set(inner.get("properties", {}))
    return names


def _json_type(value: Any) -> str:
    return _JSON_TYPES.get(type(value), "unknown")


def _article(kind: str) -> str:
    return _ARTICLES.get(kind, f"a {kind}")


def _as_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_digits(values: list[Any]) -> bool:
    return all(_as_text(value).lstrip("-").isdigit() and not isinstance(value, bool) for value in values)


def _convertible(value: Any, schema: Schema) -> bool:
    """Whether fal's servers (pydantic in its lenient mode) are known to convert the value to the schema's type."""
    expected = schema.get("type")
    if expected in ("number", "integer") and isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return len(value) < 40
    if expected == "boolean":
        return value in (0, 1) if isinstance(value, (int, float)) else str(value).lower() in ("true", "false")
    return False


def _kind_in_words(schema: Schema) -> str:
    if "enum" in schema:
        return f"one of {_legal(schema['enum'])}"
    if "anyOf" in schema:
        return " or ".join(_kind_in_words(option) for option in schema["anyOf"])
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return f"a list of {items['x-file']} URLs" if "x-file" in items else "a list"
    if "x-file" in schema:
        return f"the URL of {'an' if schema['x-file'][0] in 'aei' else 'a'} {schema['x-file']}"
    return _TYPES_IN_WORDS.get(str(schema.get("type")), "a value")


def _legal(values: list[Any]) -> str:
    shown = ", ".join(_brief(value) for value in values[:_MAX_LEGAL_SHOWN])
    return shown + (f", … ({len(values)} in all)" if len(values) > _MAX_LEGAL_SHOWN else "")


def _brief(value: Any, limit: int = 60) -> str:
    """Return a value as short JSON on one line."""
    import json

    if isinstance(value, (list, dict)) and len(value) > 8:
        return f"{_article(_json_type(value))} of {len(value)}"
    text = json.dumps(value[: limit + 1] if isinstance(value, str) else value, ensure_ascii=True, default=str)
    return text if len(text) <= limit else text[:limit] + "…"


def _one_line(text: str, limit: int = 120) -> str:
    """Return text from a caller's arguments for use in a message: short, and without control characters."""
    short = text if len(text) <= limit else text[:limit] + "…"
    return short if short.isprintable() else ascii(short)[1:-1]


def _dotted(path: tuple[Any, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return _one_line(text)
