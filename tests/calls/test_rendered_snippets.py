"""The snippets that this skill renders: nothing to object to as they are, and every mistake put into them is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from calls.linting import checked
from fal_skill.registry import KNOWN, Model, default_registry
from fal_skill.snippets import LANGUAGES, render
from snippets.samples import sample_arguments

EVERY = 47
"""One model in so many is tried; all of them have been."""
MODELS = [model for model in default_registry() if model.has_schema and model.status == KNOWN][::EVERY]


def linted(code: str, language: str) -> tuple[list[str], list[str]]:
    """Return the models that the code calls, and the codes of the problems but for notes."""
    report = checked(code, language.partition("-")[0])
    slugs = [slug for call in report.calls for slug in call.slugs]
    return slugs, [problem.finding.code for problem in report.problems if problem.finding.severity != "note"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.slug)
def test_a_rendered_snippet_is_one_call_with_nothing_to_object_to(model: Model) -> None:
    for language in LANGUAGES:
        for pattern, local_files in (("subscribe", True), ("submit", False)):
            arguments = sample_arguments(model, local_files=local_files)
            slugs, found = linted(render(model, arguments, language=language, pattern=pattern).code, language)
            assert model.slug in slugs, (language, pattern)
            assert found == [], (language, pattern)


def misspelt_field(model: Model, arguments: dict[str, Any]) -> dict[str, Any]:
    return {f"{name}_x" if name == next(iter(arguments)) else name: value for name, value in arguments.items()}


def required_field_left_out(model: Model, arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != model.required[0]}


def wrong_type(model: Model, arguments: dict[str, Any]) -> dict[str, Any]:
    return {**arguments, model.required[0]: {"a": 1}}


@pytest.mark.parametrize("language", ["python", "typescript"])
@pytest.mark.parametrize(
    ("mistake", "codes"),
    [
        (misspelt_field, {"unknown-field"}),
        (required_field_left_out, {"missing-required"}),
        (wrong_type, {"wrong-type", "unknown-field", "missing-required", "not-in-enum"}),
    ],
)
def test_a_mistake_in_the_arguments_is_found_for_every_model(
    language: str, mistake: Callable[[Model, dict[str, Any]], dict[str, Any]], codes: set[str]
) -> None:
    for model in (model for model in MODELS if model.required):
        arguments = mistake(model, sample_arguments(model))
        _, found = linted(render(model, arguments, language=language).code, language)
        assert codes.intersection(found), (model.slug, arguments)


@pytest.mark.parametrize(
    ("language", "right", "wrong", "code"),
    [
        ("python", "fal_client.subscribe(", "fal_client.subscribe_async(", "missing-await"),
        ("python", 'result["', 'result.data["', "result-access"),
        ("javascript", "result.data", "result", "result-access"),
        ("javascript", "await fal.subscribe(", "fal.subscribe(", "missing-await"),
        ("typescript", "input:", "arguments:", "call-shape"),
        ("python", "arguments={", "input={", "call-shape"),
    ],
)
def test_a_mistake_in_the_call_is_found(language: str, right: str, wrong: str, code: str) -> None:
    tried = 0
    for model in MODELS:
        text = render(model, sample_arguments(model), language=language).code
        if right in text:
            tried += 1
            assert code in linted(text.replace(right, wrong), language)[1], (model.slug, text.replace(right, wrong))
    assert tried > len(MODELS) / 2
