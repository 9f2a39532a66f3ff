"""What is read from OpenAPI documents of the shapes that fal publishes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fal_skill.errors import UsageError
from fal_skill.registry import Registry
from fal_skill.registry.documents import openapi_document
from fal_skill.registry.sources.openapi import described

DATA = Path(__file__).parent / "data" / "openapi"


def document(name: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    return made


def fields(name: str) -> dict[str, Any]:
    properties: dict[str, Any] = described(document(name)).input["properties"]
    return properties


def test_bounds_integers_nulls_and_defaults_are_kept() -> None:
    found = fields("flux-schnell")
    assert found["num_inference_steps"] == {"type": "integer", "minimum": 1, "maximum": 12, "default": 4}
    assert found["guidance_scale"] == {"type": "number", "minimum": 1, "maximum": 20, "default": 3.5}
    assert found["seed"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert found["sync_mode"]["default"] is False
    size = found["image_size"]
    assert size["default"] == "landscape_4_3"
    assert size["anyOf"][0]["properties"]["width"] == {
        "type": "integer", "maximum": 14142, "exclusiveMinimum": 0, "default": 512,
    }  # fmt: skip
    assert "square_hd" in size["anyOf"][1]["enum"]


def test_the_slug_category_and_required_fields_are_the_documents() -> None:
    said = described(document("flux-schnell"))
    assert (said.slug, said.category, said.input["required"]) == ("fal-ai/flux/schnell", "text-to-image", ["prompt"])


def test_fields_stand_in_fals_own_order() -> None:
    assert list(fields("flux-schnell"))[:3] == ["num_inference_steps", "image_size", "seed"]


def test_no_texts_are_kept() -> None:
    for name in ("flux-schnell", "kling-v3-pro", "brand-new"):
        text = json.dumps(described(document(name)))
        assert "title" not in text and "description" not in text and "examples" not in text


def test_all_of_around_a_reference_keeps_the_default_beside_it() -> None:
    voice = fields("kling-v3-pro")["voice"]
    assert voice["default"] == {"id": "calm"}
    assert voice["properties"]["pitch"] == {"type": "integer", "minimum": -12, "maximum": 12, "default": 0}
    assert voice["required"] == ["id"]


def test_uploads_are_found_by_name_in_lists_and_nested_objects_too() -> None:
    found = fields("kling-v3-pro")
    assert found["start_image_url"] == {"type": "string", "x-file": "image"}
    assert found["end_image_url"]["anyOf"][0]["x-file"] == "image"
    element = found["elements"]["anyOf"][0]["items"]["properties"]
    assert element["reference_image_urls"]["items"]["x-file"] == "image"
    assert found["elements"]["anyOf"][0]["maxItems"] == 4


def test_a_constant_is_an_enum_of_one() -> None:
    assert fields("kling-v3-pro")["shot_type"] == {"enum": ["customize"], "default": "customize"}


def test_the_output_is_that_of_the_result_path_without_defaults() -> None:
    output = described(document("flux-schnell")).output
    assert output is not None
    assert output["properties"]["images"]["items"]["properties"]["content_type"] == {"type": "string"}
    assert described(document("brand-new")).output is None


def test_openapi_3_0_ways_of_saying_null_and_exclusive_are_read() -> None:
    found = fields("brand-new")
    assert found["frames"] == {
        "anyOf": [{"type": "integer", "minimum": 16, "exclusiveMaximum": 257, "multipleOf": 8}, {"type": "null"}]
    }
    assert found["style"] == {"anyOf": [{"enum": ["photo", "drawing"]}, {"type": "null"}]}
    assert found["colour"]["pattern"] == "^#[0-9a-f]{6}$"


def test_types_that_contain_themselves_are_cut_off() -> None:
    assert fields("brand-new")["tree"]["properties"]["children"]["items"]["properties"]["name"] == {"type": "string"}


@pytest.mark.parametrize("name", ["flux-schnell", "kling-v3-pro", "brand-new"])
def test_what_is_made_is_a_valid_schema(name: str) -> None:
    said = described(document(name))
    Draft202012Validator.check_schema(said.input)
    for field in said.input["properties"].values():
        if "default" in field:
            Draft202012Validator(field).validate(field["default"])


def test_our_own_documents_are_read_back(registry: Registry) -> None:
    for entry in registry.entries[::40]:
        model = registry.require(entry.slug)
        if model.has_schema and model.input_schema != {"type": "object"}:
            said = described(openapi_document(model), model.slug)
            assert set(said.input.get("properties", {})) == set(model.properties)
            assert said.input.get("required", []) == sorted(model.required)


@pytest.mark.parametrize(
    "broken",
    [
        None, [], "text", {}, {"paths": []}, {"paths": {}}, {"paths": {"/a/b": {}}},
        {"paths": {"/a/b": {"post": {}}, "/c/d": {"post": {}}}},
        {"paths": {"/a/b": {"post": {"requestBody": {"content": {"x/y": {"schema": {"type": "string"}}}}}}}},
        {"paths": {"/alone": {"post": {"requestBody": {"content": {"x/y": {"schema": {"type": "object"}}}}}}}},
    ],
)  # fmt: skip
def test_what_describes_no_endpoint_is_refused_in_one_line(broken: Any) -> None:
    with pytest.raises(UsageError) as caught:
        described(broken)
    assert "\n" not in caught.value.message


def test_references_that_multiply_are_refused() -> None:
    made = document("flux-schnell")
    schemas = made["components"]["schemas"]
    for level in range(12):
        ref = {"$ref": f"#/components/schemas/Bomb{level + 1}"}
        schemas[f"Bomb{level}"] = {"type": "object", "properties": {f"f{n}": ref for n in range(8)}}
    schemas["SchnellTextToImageInput"]["properties"]["bomb"] = {"$ref": "#/components/schemas/Bomb0"}
    with pytest.raises(UsageError, match="unfolds to more than"):
        described(made)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["type", "properties", "items", "anyOf", "allOf", "oneOf", "enum", "const", "default", "required", "$ref",
             "nullable", "minimum", "exclusiveMinimum", "pattern", "x-fal-order-properties", "a_url"]
        ) | st.text(max_size=4),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@given(json_values)
@example({"type": []})
@example({"enum": [None]})
@example({"properties": {"a": None}, "required": [[]], "x-fal-order-properties": [{}]})
@example({"anyOf": [{"type": ["null"]}, {"type": "null"}]})
def test_no_schema_can_break_the_reading(schema: Any) -> None:
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"field": schema}}}}}
    made = {"paths": {"/a/b": {"post": {"requestBody": body}}}, "x": schema}
    try:
        said = described(made)
    except UsageError:
        return
    Draft202012Validator.check_schema(said.input)
