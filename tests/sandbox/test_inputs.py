from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.arguments import Finding
from fal_skill.registry import KNOWN, Model, Registry
from fal_skill.sandbox.inputs import BadBodyError, arguments_of, detail_of, findings_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def model(properties: dict[str, Any], required: tuple[str, ...] = (), evidence: str = "live") -> Model:
    return Model({
        "slug": "a/b", "status": KNOWN, "category": "unknown", "in": [], "out": [], "first_seen": "", "last_seen": "",
        "evidence": {"input": evidence},
        "input": {"type": "object", "properties": properties, "required": list(required)},
    })  # fmt: skip


def details(properties: dict[str, Any], arguments: dict[str, Any], *required: str) -> list[dict[str, Any]]:
    made = model(properties, required)
    return detail_of(made, arguments, findings_of(made, arguments))


@pytest.mark.parametrize(
    ("schema", "value", "kind"),
    [
        ({"type": "string"}, 1, "string_type"),
        ({"type": "number"}, [], "float_type"),
        ({"type": "integer"}, {}, "int_type"),
        ({"type": "boolean"}, "perhaps", "bool_type"),
        ({"type": "array", "items": {}}, "x", "list_type"),
        ({"type": "object"}, "x", "model_attributes_type"),
        ({"enum": ["a", "b"]}, "c", "literal_error"),
        ({"type": "number", "minimum": 1}, 0, "greater_than_equal"),
        ({"type": "number", "maximum": 1}, 2, "less_than_equal"),
        ({"type": "number", "exclusiveMinimum": 1}, 1, "greater_than"),
        ({"type": "number", "exclusiveMaximum": 1}, 1, "less_than"),
        ({"type": "string", "minLength": 2}, "a", "string_too_short"),
        ({"type": "string", "maxLength": 2}, "abc", "string_too_long"),
        ({"type": "array", "minItems": 1}, [], "too_short"),
        ({"type": "array", "maxItems": 1}, [1, 2], "too_long"),
    ],
)
def test_errors_have_the_type_that_fals_server_gives_them(schema: dict[str, Any], value: Any, kind: str) -> None:
    (entry,) = details({"field": schema}, {"field": value})
    assert (entry["type"], entry["loc"], entry["input"]) == (kind, ["body", "field"], value)
    assert entry["url"].endswith(f"#{kind}")


def test_nested_errors_have_their_whole_path() -> None:
    inner = {"type": "object", "properties": {"size": {"type": "number"}}, "required": ["size"]}
    found = details({"parts": {"type": "array", "items": inner}}, {"parts": [{"size": 1}, {"size": "x"}, {}]})
    assert [entry["loc"] for entry in found] == [["body", "parts", 1, "size"], ["body", "parts", 2, "size"]]


def test_warnings_are_not_held_against_the_call(registry: Registry) -> None:
    schnell = registry.get("fal-ai/flux/schnell")
    assert schnell is not None
    arguments = {"prompt": "x", "no_such_field": 1}
    findings = findings_of(schnell, arguments)
    assert [finding.severity for finding in findings] == ["warning"]
    assert detail_of(schnell, arguments, findings) == []


def test_a_long_value_is_not_sent_back_whole() -> None:
    (entry,) = details({"field": {"type": "number"}}, {"field": "x" * 100_000})
    assert len(entry["input"]) < 2000


def test_a_finding_of_a_code_to_come_still_makes_an_entry() -> None:
    finding = Finding("error", "some-new-code", "field[0].part", "is odd", "")
    (entry,) = detail_of(model({}), {"field": []}, [finding])
    assert (entry["type"], entry["loc"]) == ("value_error", ["body", "field", 0, "part"])


@pytest.mark.parametrize("body", [b"", b"  \n", b"{}"])
def test_no_body_is_an_empty_object(body: bytes) -> None:
    assert arguments_of(body) == {}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "json_invalid"),
        (b"\xff\xfe", "json_invalid"),
        (b'{"a": NaN}', "json_invalid"),
        (b"[1]", "model_attributes_type"),
        (b'"text"', "model_attributes_type"),
        (b"null", "model_attributes_type"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "value_error"),
        (b"[" * 100_000, "json_invalid"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "json_invalid"),
    ],
)
def test_bodies_that_are_no_object_are_refused_in_fals_form(body: bytes, kind: str) -> None:
    with pytest.raises(BadBodyError) as caught:
        arguments_of(body)
    assert caught.value.detail[0]["type"] == kind
    json.dumps(caught.value.detail)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    try:
        assert isinstance(arguments_of(body), dict)
    except BadBodyError as error:
        json.dumps(error.detail)


@given(st.dictionaries(st.sampled_from(["prompt", "image_size", "num_images", "seed", "x"]), JSON))
def test_any_arguments_are_judged_without_an_exception(arguments: dict[str, Any]) -> None:
    from fal_skill.registry import default_registry

    schnell = default_registry().get("fal-ai/flux/schnell")
    assert schnell is not None
    for entry in detail_of(schnell, arguments, findings_of(schnell, arguments)):
        assert entry["loc"][0] == "body"
        json.dumps(entry)
