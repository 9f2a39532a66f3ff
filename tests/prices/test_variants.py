"""Cheaper models for the same call: only those that surely cost less and take the arguments as they are."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from fal_skill.arguments import check_arguments, has_errors
from fal_skill.prices import Quote, cheaper_variants, default_prices, estimate
from fal_skill.registry import Registry

TODAY = datetime.date(2026, 11, 23)
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("fal-ai/flux-pro/v1.1", {"prompt": "x", "image_size": "square_hd"}),
    ("fal-ai/flux-pro/v1.1-ultra", {"prompt": "x"}),
    ("fal-ai/kling-video/v3/pro/text-to-video", {"prompt": "x", "duration": "5"}),
    ("fal-ai/kling-video/v3/pro/image-to-video", {"prompt": "x", "start_image_url": "https://example.com/a.png"}),
    ("fal-ai/minimax/speech-2.8-hd", {"prompt": "a" * 300}),
]


@pytest.mark.parametrize(("slug", "arguments"), CALLS)
def test_a_variant_does_the_same_task_with_the_same_arguments_for_less(
    registry: Registry, slug: str, arguments: dict[str, Any]
) -> None:
    model = registry.get(slug)
    assert model is not None
    own = estimate(model, arguments, today=TODAY)
    found = cheaper_variants(registry, model, arguments, limit=5, today=TODAY)
    assert found
    for name, added, cost in found:
        other = registry.get(name)
        assert other is not None and other.category == model.category and set(other.media_out) == set(model.media_out)
        assert cost.slug == name and cost.high is not None and own.low is not None and cost.high < own.low
        assert set(arguments) <= set(other.properties)
        assert not has_errors(check_arguments(other, {**arguments, **added}))


def test_the_family_comes_first(registry: Registry) -> None:
    model = registry.get("fal-ai/kling-video/v3/pro/text-to-video")
    assert model is not None
    found = cheaper_variants(registry, model, {"prompt": "x"}, limit=1, today=TODAY)
    assert [slug for slug, _, _ in found] == ["fal-ai/kling-video/v3/standard/text-to-video"]


def test_a_field_that_the_other_model_lacks_rules_it_out(registry: Registry) -> None:
    model = registry.get("fal-ai/flux-pro/v1.1-ultra")
    assert model is not None
    arguments = {"prompt": "x", "aspect_ratio": "16:9"}
    found = [slug for slug, _, _ in cheaper_variants(registry, model, arguments, limit=50, today=TODAY)]
    assert found and "fal-ai/flux/schnell" not in found


def test_models_are_compared_at_the_size_that_this_one_makes(registry: Registry) -> None:
    model, other = registry.get("fal-ai/flux/schnell"), registry.get("fal-ai/sana")
    assert model is not None and other is not None
    assert estimate(other, {"prompt": "x"}, today=TODAY).low is None, "its own default size is not known"
    found = {slug: added for slug, added, _ in cheaper_variants(registry, model, {"prompt": "x"}, today=TODAY)}
    assert found["fal-ai/sana"] == {"image_size": "landscape_4_3"}


def test_nothing_is_cheaper_than_what_has_no_price(registry: Registry) -> None:
    model = registry.get("fal-ai/fast-sdxl")
    assert model is not None
    assert cheaper_variants(registry, model, {"prompt": "x"}, today=TODAY) == []
    schnell = registry.get("fal-ai/flux/schnell")
    assert schnell is not None
    assert cheaper_variants(registry, schnell, {"prompt": "x"}, limit=0, today=TODAY) == []


def test_an_old_price_must_be_lower_by_half(registry: Registry) -> None:
    model = registry.get("fal-ai/recraft/v4/text-to-image")
    assert model is not None
    old = {"fal-ai/flux/schnell": 0.03, "fal-ai/flux/dev": 0.019}
    rows = [(slug, Quote("image", usd, "mine", "2020-01-01")) for slug, usd in old.items()]
    prices = default_prices().with_quotes(rows, {"mine": {"title": "mine"}})
    listed = cheaper_variants(registry, model, {"prompt": "x"}, limit=50, today=TODAY, prices=prices)
    found = [slug for slug, _, _ in listed]
    assert "fal-ai/flux/dev" in found and "fal-ai/flux/schnell" not in found
