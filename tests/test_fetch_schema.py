"""The contract of fetch_schema.py: short for an agent, complete for a program."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from conftest import RunScript, one_line_error
from fal_skill.registry import Registry
from fal_skill.registry.compact import field_line, input_lines, output_lines
from fal_skill.registry.documents import openapi_document

CHARACTERS_PER_TOKEN = 4
SIZE = {"type": "object", "properties": {"w": {"type": "number"}}}


def test_schnell_costs_an_agent_at_most_400_tokens(run_script: RunScript) -> None:
    for form in ("text", "json"):
        done = run_script("fetch_schema.py", "fal-ai/flux/schnell", "--format", form)
        assert done.code == 0
        assert len(done.out) / CHARACTERS_PER_TOKEN <= 400


def test_the_largest_models_stay_bounded(registry: Registry) -> None:
    for model in registry:
        for lines in (input_lines(model), output_lines(model)):
            assert sum(len(name) + len(line) for name, line in lines.items()) / CHARACTERS_PER_TOKEN < 1000, model.slug


def test_no_field_is_dropped_in_silence(registry: Registry) -> None:
    for model in registry:
        shown = {name.rstrip("*") for name in input_lines(model)}
        assert shown == set(model.properties) or "…" in shown, model.slug


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ({"type": "string"}, "text"),
        ({"type": "number", "x-int": True, "default": 4}, "int = 4"),
        ({"enum": ["a", "b"], "default": "a"}, '"a" | "b" = "a"'),
        ({"type": "string", "x-file": "image"}, "image URL"),
        ({"type": "array", "items": {"type": "string", "x-file": "image"}}, "[image URL, …]"),
        (
            {"anyOf": [{"enum": ["a"]}, {"type": "object", "properties": {"w": {"type": "number"}}}]},
            '"a" | {w: number}',
        ),
        ({"type": "integer", "minimum": 1, "maximum": 12}, "int ≥ 1, ≤ 12"),
        ({"enum": ["5", "6"], "x-digits": True}, '"5" | "6"  (digits may be numbers: unsure)'),
        ({"type": "boolean", "default": False}, "bool = false"),
        ({"enum": [str(number) for number in range(40)]}, " | ".join(f'"{n}"' for n in range(14)) + " | … (40 in all)"),
        ({}, "any"),
        ({"type": "object"}, "{…}"),
    ],
)
def test_a_field_is_one_line(schema: dict[str, object], line: str) -> None:
    assert field_line(schema) == line


@pytest.mark.parametrize("style", ["compact", "json-schema", "openapi"])
@pytest.mark.parametrize("output", [[], ["--output"]])
def test_every_style_has_json_and_text(run_script: RunScript, style: str, output: list[str]) -> None:
    slug = "fal-ai/kling-video/v3/pro/image-to-video"
    done = run_script("fetch_schema.py", slug, "--style", style, *output)
    assert done.code == 0
    key = "openapi" if style == "openapi" else "output" if output else "input"
    assert done.json["snapshot"] == "2026-08-02"
    assert done.json["evidence"] in ("direct", "repaired", "merged")
    assert done.json[key]
    assert run_script("fetch_schema.py", slug, "--style", style, *output, "--format", "text").code == 0


def test_a_json_schema_is_one(registry: Registry) -> None:
    for model in registry:
        for schema in (model.input_schema, model.output_schema):
            if schema is not None:
                Draft202012Validator.check_schema(schema)


def test_the_openapi_document_names_the_request_body_and_the_result(registry: Registry) -> None:
    document = openapi_document(registry.require("fal-ai/flux/schnell"))
    paths = document["paths"]
    assert "prompt" in document["components"]["schemas"]["Input"]["properties"]
    assert paths["/fal-ai/flux/schnell"]["post"]["requestBody"]["required"]
    assert "/fal-ai/flux/schnell/requests/{request_id}/cancel" in paths


def test_a_model_known_by_name_only_says_so(run_script: RunScript, registry: Registry) -> None:
    slug = next(model.slug for model in registry if not model.has_schema)
    done = run_script("fetch_schema.py", slug)
    assert done.code == 0
    assert "known by name only" in done.err
    assert done.json["input"] == {}


@pytest.mark.parametrize(
    ("slug", "code"), [("", 2), ("fal-ai/flux-schnell", 3), ("../../etc/passwd", 3), ("x" * 10_000, 3)]
)
def test_a_bad_slug_is_one_line(run_script: RunScript, slug: str, code: int) -> None:
    done = run_script("fetch_schema.py", slug)
    assert done.code == code
    assert len(one_line_error(done)) < 400
    assert done.out == ""
