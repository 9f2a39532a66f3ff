"""Arguments that do not fit the model, files inside requests, and calls that the SDK does not take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...arguments import ERROR, WARNING, Finding, check_arguments
from ...registry import Model, Schema
from ..call import JAVASCRIPT_SDK, LOOKUP, MODEL_PATTERNS, PYTHON_SDK, REALTIME, Call
from ..problem import Problem
from ..values import (
    ARRAY,
    BASE64,
    FILE,
    OBJECT,
    STRING,
    TEXT_KINDS,
    Fields,
    Path,
    Place,
    Unknown,
    Value,
    is_known,
    place_of,
    unknown_paths,
)  # fmt: skip
from .context import File, all_calls, chosen

MAX_CHOICES = 32
"""Alternative values of one call that are checked."""

_PLACEHOLDER = re.compile(r"[<>{}|…]|\.\.\.|^\W*$|your|example|placeholder|^[A-Z][A-Z0-9_]+$", re.IGNORECASE)
_LOCAL_PATH = re.compile(r"^(?:\.{0,2}/|~/|[A-Za-z]:\\|file:)|^[^\s:?*]+\.[A-Za-z0-9]{2,5}$")
_WEBHOOK_FIELDS = frozenset({"webhook_url", "webhook", "webhookUrl", "callback_url", "fal_webhook"})
_SILENT = frozenset({"no-schema"})


def input_problems(file: File) -> Iterator[Problem]:
    """Yield what is wrong with the arguments of the file's calls."""
    for source, call in all_calls(file):
        yield from _shape(file, call)
        if call.pattern not in MODEL_PATTERNS and call.pattern != LOOKUP:
            continue
        if call.slugs and isinstance(call.arguments, Fields):
            yield from _arguments(file, call, is_example=source.unit.is_example)
        if call.arguments is not None:
            yield from _files(file, call)


def _arguments(file: File, call: Call, *, is_example: bool) -> Iterator[Problem]:
    assert isinstance(call.arguments, Fields)
    if not call.arguments and is_example:
        return  # input: {} of a reference page
    models = [model for model in map(file.registry.get, call.slugs) if model is not None]
    if not models or len(models) < len(call.slugs):
        return
    common: dict[tuple[str, str], tuple[Finding, Path]] | None = None
    for model in models:
        found = {
            (finding.code, finding.path): (finding, path) for finding, path in known_findings(model, call.arguments)
        }
        common = found if common is None else {key: item for key, item in common.items() if key in found}
    for finding, path in (common or {}).values():
        severity = finding.severity
        if call.pattern == REALTIME or len(models) > 1 or not call.certain:
            severity = chosen(severity, at_most=WARNING)
        if finding.code == "unknown-field" and finding.path in _WEBHOOK_FIELDS:
            hint = "a webhook is no input but the query parameter fal_webhook: webhook_url of submit, webhookUrl in JS"
            finding = finding._replace(hint=hint)
        place = place_of(call.arguments, path) or call.place
        yield Problem(call.file, place, finding._replace(severity=severity), call)


def known_findings(model: Model, arguments: Fields) -> list[tuple[Finding, Path]]:
    """Return the findings on the known parts of a call's arguments, each with its path.

    What is unknown is filled with a value that fits, and every finding that rests on such a value is dropped.
    """
    schema = model.input_schema or {}
    unknown = list(unknown_paths(arguments))
    concrete, open_paths = _filled(arguments, schema)
    found: dict[tuple[str, str], tuple[Finding, Path]] = {}
    blocked = {path for path, _ in unknown}
    for finding in check_arguments(model, concrete):
        path = _path(finding.path)
        if _is_sound(finding, path, blocked, open_paths, arguments):
            found.setdefault((finding.code, finding.path), (finding, path))
    tried = 0
    for path, part in unknown:
        for choice in part.choices:
            tried += 1
            if tried > MAX_CHOICES or not is_known(choice) or choice is None:
                continue
            for finding in check_arguments(model, _with(concrete, path, choice)):
                at = _path(finding.path)
                is_sound = _is_plausible(finding, choice) and not _is_doubtful(arguments, at)
                if at[: len(path)] == path and is_sound:
                    finding = finding._replace(severity=chosen(finding.severity, at_most=WARNING))
                    found.setdefault((finding.code, finding.path), (finding, at))
        mismatch = _kind_finding(model, concrete, path, part) if not _is_doubtful(arguments, path) else None
        if mismatch is not None:
            found.setdefault((mismatch.code, mismatch.path), (mismatch, path))
    return list(found.values())


def _is_sound(finding: Finding, path: Path, blocked: set[Path], open_paths: set[Path], arguments: Fields) -> bool:
    """Whether a finding rests on what the text says, and on nothing that was filled in."""
    if finding.code in _SILENT or _is_doubtful(arguments, path):
        return False
    if finding.code == "missing-required":
        return path[:-1] not in open_paths and not any(path[: len(other)] == other for other in blocked)
    if finding.code == "unknown-field":
        return True
    if any(path[: len(other)] == other or other[: len(path)] == path for other in blocked):
        return False
    if any(other[: len(path)] == path and other for other in open_paths if other):
        return finding.code not in ("does-not-fit", "wrong-type")
    return _is_plausible(finding, _at(arguments, path))


def _is_doubtful(value: Value, path: Path) -> bool:
    """Whether the program itself tests a field on the path before it sends it."""
    for step in path:
        if isinstance(value, Fields) and step in value.doubtful:
            return True
        value = _at(value, (step,))
    return False


def _is_plausible(finding: Finding, value: Any) -> bool:
    """Whether a finding is about a real value, and not about what a document puts in its place."""
    if not isinstance(value, str):
        return True
    if finding.code == "local-file":
        return not _PLACEHOLDER.search(value) and _LOCAL_PATH.search(value) is not None
    if finding.code in ("not-in-enum", "wrong-type"):
        return not re.search(r"[<>{}…]|\.\.\.|^your[ _-]", value, re.IGNORECASE)
    return True


def _kind_finding(model: Model, concrete: dict[str, Any], path: Path, part: Unknown) -> Finding | None:
    """Return a finding on a value of which only the kind is known, where that kind cannot fit."""
    samples = {STRING: "text", ARRAY: [], OBJECT: {}}
    kind = STRING if part.kind in TEXT_KINDS else part.kind
    if kind not in samples or part.choices or not path:
        return None
    accepted = {option.get("type") for option in _options(_schema_at(model.input_schema or {}, path))}
    accepted |= {"string" for option in _options(_schema_at(model.input_schema or {}, path)) if "enum" in option}
    if not accepted or None in accepted or not accepted.isdisjoint({kind, "number", "integer", "boolean"}):
        return None
    for finding in check_arguments(model, _with(concrete, path, samples[kind])):
        if finding.code == "wrong-type" and _path(finding.path) == path:
            words = {STRING: "text", ARRAY: "a list", OBJECT: "an object"}[kind]
            expected = finding.message.partition(", expected ")[2]
            message = f"{part.source or 'the value'} is {words}, expected {expected}"
            hint = f"wrap it in a list: [{part.source}]" if "array" in accepted and kind == STRING else ""
            return Finding(WARNING, "wrong-type", finding.path, message, hint)
    return None


def _filled(value: Value, schema: Schema) -> tuple[dict[str, Any], set[Path]]:
    """Return arguments with the unknown parts filled in, and the paths of objects and lists that may hold more."""
    open_paths: set[Path] = set()

    def fill(part: Value, at: Schema, path: Path) -> Any:
        if isinstance(part, Unknown):
            return _sample(at)
        if isinstance(part, dict):
            if getattr(part, "more", False):
                open_paths.add(path)
            return {name: fill(inner, _field(at, name), (*path, name)) for name, inner in part.items()}
        if isinstance(part, list):
            if getattr(part, "more", False):
                open_paths.add(path)
            return [fill(inner, _items(at), (*path, index)) for index, inner in enumerate(part)]
        return part

    made = fill(value, schema, ())
    assert isinstance(made, dict)
    return made, open_paths


def _options(schema: Schema) -> list[Schema]:
    return [option for option in (schema, *schema.get("anyOf", ())) if "anyOf" not in option and option]


def _field(schema: Schema, name: str) -> Schema:
    for option in _options(schema):
        if name in option.get("properties", {}):
            return dict(option["properties"][name])
    return {}


def _items(schema: Schema) -> Schema:
    return next((dict(option["items"]) for option in _options(schema) if isinstance(option.get("items"), dict)), {})


def _schema_at(schema: Schema, path: Path) -> Schema:
    for step in path:
        schema = _field(schema, step) if isinstance(step, str) else _items(schema)
    return schema


def _sample(schema: Schema) -> Any:
    """Return a value that fits a schema."""
    option = next(iter(_options(schema)), {})
    if "enum" in option:
        return option["enum"][0]
    kind = option.get("type")
    if kind == "object":
        fields = option.get("properties", {})
        return {name: _sample(fields.get(name, {})) for name in option.get("required", ())}
    return {"number": 1, "integer": 1, "boolean": True, "array": []}.get(str(kind), "https://example.invalid/file")


def _with(concrete: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    if isinstance(concrete, dict):
        return {**concrete, path[0]: _with(concrete.get(path[0]), path[1:], value)}
    if isinstance(concrete, list) and isinstance(path[0], int):
        return [_with(part, path[1:], value) if index == path[0] else part for index, part in enumerate(concrete)]
    return concrete


def _at(value: Value, path: Path) -> Value:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _path(dotted: str) -> Path:
    """Return the steps of a finding's path: ``elements[0].url`` is ("elements", 0, "url")."""
    steps: list[Any] = []
    for part in re.finditer(r"\[(\d+)\]|([^.\[\]]+)", dotted):
        steps.append(int(part[1]) if part[1] is not None else part[2])
    return tuple(steps)


def _files(file: File, call: Call) -> Iterator[Problem]:
    """Yield the files that a call holds instead of pointing at them."""
    for path, part in unknown_paths(call.arguments):
        place: Place = place_of(call.arguments, path) or call.place
        name = ".".join(str(step) for step in path)
        if part.kind == BASE64:
            hint = "upload it and send its URL: " + (
                "fal_client.upload_file(path)" if call.language == "python" else "fal.storage.upload(file)"
            )
            message = "a file is sent as base64 inside the request"
            yield file.problem(place, WARNING, "base64-file", message, hint, path=name, call=call)
        elif part.kind == FILE and call.client == PYTHON_SDK:
            message = f"{part.source or 'a file'} is no JSON value"
            yield file.problem(
                place, ERROR, "file-object", message, "send fal_client.upload_file(path)", path=name, call=call
            )


def _shape(file: File, call: Call) -> Iterator[Problem]:
    """Yield what the SDK's function does not take, or needs and is not given."""
    models = [file.registry.get(slug) for slug in call.slugs]
    fields = {name for model in models if model is not None for name in model.properties}
    for name in call.misfits:
        if call.client == JAVASCRIPT_SDK or call.language != "python":
            if name in ("arguments", "args"):
                message, hint = f"{call.method} takes no {name}: the model gets no input", "write input: { … }"
            elif name in fields or name in ("prompt", "image_url", "text", "data", "body", "params"):
                message, hint = f"{name} is not under input: the model gets no input", f"write input: {{ {name}: … }}"
            else:
                continue
            yield file.problem(call.place, ERROR, "call-shape", message, hint, path=name, call=call)
            continue
        place = call.options.places.get(name, call.place)
        yield file.problem(
            place, ERROR, "call-shape", _refused(call, name), _instead(name, fields), path=name, call=call,
        )  # fmt: skip
    for name in call.lacking:
        message = f"fal_client.{call.method} needs {name}"
        hint = "pass arguments={…}" if name == "arguments" else f"pass {name}"
        yield file.problem(call.place, ERROR, "call-shape", message, hint, path=name, call=call)


def _refused(call: Call, name: str) -> str:
    if not name:
        return f"fal_client.{call.method} takes two positional arguments, the others by name"
    return f"fal_client.{call.method} takes no argument {name}: it raises TypeError"


def _instead(name: str, fields: set[str]) -> str:
    if name in ("input", "inputs", "args", "params", "payload"):
        return "call it arguments"
    if name == "webhook_url":
        return "only submit takes a webhook"
    if name in fields:
        return f"put it inside arguments: {{{name!r}: …}}"
    hints = {
        "timeout": "client_timeout (seconds) ends the waiting", "logs": "with_logs=True", "model": "the first argument",
        "poll_interval": "interval, in seconds", "model_id": "the first argument", "endpoint": "the first argument",
    }  # fmt: skip
    return hints.get(name, "")
