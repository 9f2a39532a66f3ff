"""Models that no source lists, that are no longer listed, or that have another name."""

from __future__ import annotations

import pytest

from calls.linting import codes, linter, notes, problems


def run(slug: str) -> str:
    return f'import fal_client\nfal_client.run("{slug}", arguments=a)'


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("fal-ai/flux/schnell", []),
        ("fal-ai/flux-schnell", ["unknown-slug"]),
        ("fal-ai/gemini-flash-edit", ["unlisted-slug"]),
        ("fal-ai/bytedance/seedance-2.0/fast/image-to-video", ["renamed-slug"]),
        ("fal-ai/gpt-image-2", ["renamed-slug"]),
        ("fal-ai/Flux/Dev", ["renamed-slug"]),
        ("flux/schnell", ["renamed-slug"]),
        ("https://fal.ai/models/fal-ai/flux/dev", ["renamed-slug"]),
        ("workflows/me/mine", []),
        ("me/my-app", []),
    ],
)
def test_a_called_model_is_looked_up(slug: str, expected: list[str]) -> None:
    assert codes(run(slug)) == expected


def test_an_unknown_name_says_what_may_have_been_meant() -> None:
    (problem,) = problems(run("fal-ai/flux-schnell"))
    assert problem.finding.severity == "warning"
    assert "fal-ai/flux/schnell" in problem.finding.hint


def test_an_app_of_an_unknown_owner_may_be_the_users_own() -> None:
    assert notes(run("me/my-app")) == ["unknown-slug"]


@pytest.mark.parametrize("slug", ["fal-ai/flux", "fal-ai/kling-video"])
@pytest.mark.parametrize("function", ["status", "result", "cancel"])
def test_two_parts_are_enough_to_ask_about_a_request(function: str, slug: str) -> None:
    assert codes(f'import fal_client\nfal_client.{function}("{slug}", request_id)') == []


def test_a_model_is_blamed_at_its_literal_and_once() -> None:
    text = 'import fal_client\nM = "fal-ai/flux-schnell"\nfal_client.run(M, a)\nfal_client.submit(M, a)\n'
    found = problems(text)
    assert [(problem.finding.code, problem.place.line) for problem in found] == [("unknown-slug", 2)]


def test_constants_outside_of_calls_are_looked_up_too() -> None:
    text = 'MODELS = {"a": "fal-ai/flux-schnell", "b": "fal-ai/flux/dev"}'
    assert codes(text) == ["unknown-slug"]
    assert codes("export const MODEL = 'fal-ai/flux-schnell';", "typescript") == ["unknown-slug"]
    assert codes('{"model": "fal-ai/flux-schnell"}', "json") == ["unknown-slug"]
    assert codes("model: fal-ai/flux-schnell\n", "yaml") == ["unknown-slug"]


@pytest.mark.parametrize(
    "text",
    [
        'x.startswith("fal-ai/kling-video")',
        'if model == "fal-ai/something-old": pass',
        'REPO = "fal-ai/fal-js"',
        'FAMILY = "fal-ai/flux"',
        '"""Uses fal-ai/flux-schnell in a sentence."""',
        'URL = "fal-ai/flux/requests/1/status"',
    ],
)
def test_names_that_call_no_model_are_left_alone(text: str) -> None:
    assert codes(text) == []


def test_a_wrong_name_in_prose_is_a_note() -> None:
    assert notes("Never write `fal-ai/flux-schnell`.", "markdown") == ["unknown-slug"]
    assert codes("Never write `fal-ai/flux-schnell`.", "markdown") == []


def test_an_unresolved_model_is_a_note() -> None:
    assert notes("import fal_client\ndef f(m): fal_client.run(m, {})") == ["unresolved-call"]


def test_a_name_that_many_models_share_has_no_successor() -> None:
    catalogue = linter().catalogue
    for name in ("fal-ai/image-to-video", "fal-ai/edit", "x/text-to-image", "fal-ai/veo3", "fal-ai/flux-schnell"):
        assert catalogue.successor(name) is None, name


def test_every_successor_is_listed_and_another_name() -> None:
    catalogue = linter().catalogue
    registry = linter().registry
    for entry in registry.entries:
        found = catalogue.successor(entry.slug) if entry.status == "unlisted" else None
        assert found is None or (found != entry.slug and registry.status(found) in ("known", "listed"))
