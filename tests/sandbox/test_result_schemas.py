"""Results and minimal calls: whatever the arguments and whatever the schema, they fit and never fail."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fal_skill.registry import Model, default_registry
from fal_skill.sandbox.results import make_result, minimal_arguments


def model_of(output: dict[str, Any], **inputs: dict[str, Any]) -> Model:
    """Return a made-up model with this output schema and these input fields."""
    seen = {"first_seen": "2026-01-01", "last_seen": "2026-01-01"}
    media: dict[str, Any] = {"category": "unknown", "in": [], "out": []}
    schemas = {"input": {"type": "object", "properties": inputs}, "output": output}
    return Model({"slug": "a/b", "status": "known", **media, **seen, **schemas})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_TELLING = st.sampled_from(
    ["5", "8s", "1:1", "0:0", "2K", "1080p", "99999x1", "png", "mp3_44100_128", "hex", "auto", "\ud800", "-1", "9" * 60]
)  # fmt: skip
_SLUGS = [entry.slug for entry in default_registry().entries]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_arguments_make_a_result_fail(data: st.DataObject) -> None:
    model = default_registry().get(data.draw(st.sampled_from(_SLUGS)))
    assert model is not None
    names = st.sampled_from(sorted(model.properties)) if model.properties else st.just("prompt")
    drawn = data.draw(
        st.dictionaries(names | st.sampled_from(["duration", "seed", "size"]), _JSON | _TELLING, max_size=5)
    )
    arguments = {**minimal_arguments(model), **drawn, "sync_mode": False}
    result = make_result(model, arguments, data.draw(st.text(max_size=5)), lambda *_: "https://example.com/file")
    assert list(Draft202012Validator(model.output_schema or {}).iter_errors(result)) == []
    json.dumps(result, allow_nan=False, ensure_ascii=False).encode()


def _numbers(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    bounds = st.fixed_dictionaries({}, optional={"minimum": st.integers(-50, 0), "maximum": st.integers(1, 50)})
    return bounds.map(lambda bound: {"type": kind, **bound})


_SCALARS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    _numbers("number"),
    _numbers("integer"),
    st.just({"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5}),
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.just({}),
    st.just({"const": {"a": 1}}),
    st.just({"type": ["null", "string"]}),
    st.sampled_from(["uri", "date-time", "uuid"]).map(lambda form: {"type": "string", "format": form}),
    st.just({"type": "string", "pattern": "^#[0-9a-f]{6}$"}),
    st.integers(0, 30).map(lambda least: {"type": "string", "minLength": least, "maxLength": least + 5}),
    st.lists(st.integers() | st.text(max_size=3), min_size=1, max_size=3).map(lambda members: {"enum": members}),
    st.just({"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url", "file_size"]}),
)
_FIELD_NAMES = st.sampled_from(
    [
        "images",
        "video",
        "audio",
        "seed",
        "prompt",
        "text",
        "duration",
        "width",
        "index",
        "partial",
        "image_url",
        "x",
        "a b",
    ]
)


def _objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(_FIELD_NAMES, inner, max_size=4).flatmap(
        lambda fields: (
            st.lists(st.sampled_from(sorted(fields)), unique=True).map(
                lambda required: {"type": "object", "properties": fields, "required": required}
            )
            if fields
            else st.just({"type": "object"})
        )
    )


_SCHEMAS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        _objects(inner),
        st.tuples(inner, st.integers(0, 3)).map(lambda pair: {"type": "array", "items": pair[0], "minItems": pair[1]}),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": [*options, {"type": "null"}]}),
        _objects(inner).map(lambda part: {"allOf": [part]}),
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schema=_objects(_SCHEMAS))
def test_whatever_a_live_schema_demands_the_result_fits_it(schema: dict[str, Any]) -> None:
    result = make_result(
        model_of(schema), {"prompt": "a cat", "seed": 3}, "seed", lambda *_: "https://example.com/file"
    )
    assert [f"{error.json_path} {error.message}" for error in Draft202012Validator(schema).iter_errors(result)] == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schema=_objects(_SCHEMAS))
def test_whatever_a_live_schema_demands_the_minimal_call_fits_it(schema: dict[str, Any]) -> None:
    model = model_of({}, **schema.get("properties", {}))
    assert model.input_schema is not None
    model.input_schema["required"] = schema.get("required", [])
    arguments = minimal_arguments(model)
    assert [str(error.message) for error in Draft202012Validator(model.input_schema).iter_errors(arguments)] == []


def test_a_schema_that_contains_itself_ends() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    node["properties"]["child"] = node
    assert "child" in make_result(model_of(node), {}, "seed", lambda *_: "https://example.com/file")
