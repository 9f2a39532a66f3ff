"""Reading the sources: their units, dates, guesses and tables, and the file that comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.errors import UsageError
from fal_skill.prices import UNITS, Quote, Tier
from fal_skill.prices.sources import (
    Collection,
    base_quote,
    collection_from,
    merged_prices,
    prices_text,
    quotes_by_hand,
    quotes_from_catalogue,
    quotes_from_falaw,
    quotes_from_litellm,
    quotes_from_pricing_api,
    refreshed,
    unit_from,
)


@pytest.mark.parametrize(
    ("text", "unit", "count"),
    [
        ("images", "image", 1),
        ("image", "image", 1),
        ("megapixels", "megapixel", 1),
        ("seconds", "second", 1),
        ("5 seconds", "second", 5),
        ("30 seconds", "second", 30),
        ("minutes", "minute", 1),
        ("minute of video", "minute", 1),
        ("1000 characters", "1k_chars", 1),
        ("1,000 characters", "1k_chars", 1),
        ("characters", "1k_chars", 0.001),
        ("requests", "call", 1),
        ("trainings", "call", 1),
        ("compute seconds", "compute_second", 1),
        ("1m tokens", "unknown", 1),
        ("units", "unknown", 1),
        ("generations", "unknown", 1),
        ("steps", "unknown", 1),
        ("video segments", "unknown", 1),
        ("processed megapixels", "unknown", 1),
        ("credits", "unknown", 1),
        ("1", "unknown", 1),
        ("0 seconds", "unknown", 1),
        ("", "unknown", 1),
    ],
)
def test_a_word_for_a_unit_means_one_thing_or_nothing(text: str, unit: str, count: float) -> None:
    assert unit_from(text, "a/b") == (unit, count)


def test_tokens_can_be_counted_for_videos_only() -> None:
    assert unit_from("1m tokens", "fal-ai/bytedance/seedance/v1/pro/text-to-video") == ("video_token", 1e6)


@given(st.text(max_size=40))
def test_any_word_for_a_unit_can_be_read(text: str) -> None:
    unit, count = unit_from(text, "a/b")
    assert unit in UNITS and count > 0


def test_prices_per_several_units_become_prices_per_one() -> None:
    quote = base_quote("a/b", 0.5, "5 seconds", "s", "2026-01-01")
    assert quote is not None and (quote.unit, quote.usd) == ("second", 0.1)


@pytest.mark.parametrize("usd", [0, -1, None, "free", True, float("nan"), float("inf")])
def test_a_figure_that_is_none_gives_no_quote(usd: Any) -> None:
    assert base_quote("a/b", usd, "images", "s", "2026-01-01") is None


def test_another_currency_is_not_taken_for_dollars() -> None:
    reply = {"prices": [{"endpoint_id": "a/b", "unit_price": 1, "unit": "images", "currency": "EUR"}]}
    ((_, quote),) = quotes_from_pricing_api(reply, "2026-01-01").quotes
    assert (quote.unit, quote.raw_unit) == ("unknown", "images in EUR")


def test_pages_of_the_pricing_api_are_read_one_after_the_other() -> None:
    pages = [
        {"prices": [{"endpoint_id": "a/b", "unit_price": 0.02, "unit": "images", "currency": "USD"}], "has_more": True},
        {"prices": [{"endpoint_id": "a/c", "unit_price": 0, "unit": "seconds"}], "has_more": False},
    ]
    assert [slug for slug, _ in quotes_from_pricing_api(pages, "2026-01-01").quotes] == ["a/b"]


@pytest.mark.parametrize(
    "reply", [{}, [], None, {"prices": {}}, {"prices": [1]}, {"prices": [{"unit": "images"}]}, [3]]
)
def test_what_is_no_reply_of_the_pricing_api_is_refused(reply: Any) -> None:
    if reply == []:
        assert quotes_from_pricing_api(reply, "2026-01-01").quotes == []
        return
    with pytest.raises(UsageError, match="pricing API"):
        quotes_from_pricing_api(reply, "2026-01-01")


@pytest.mark.parametrize("date", ["", "yesterday", "2026-1-1", "20260101"])
def test_a_date_that_is_none_is_refused(date: str) -> None:
    with pytest.raises(UsageError, match="not a date"):
        quotes_from_pricing_api({"prices": []}, date)


FALAW = [
    {"id": "a/flat", "category": "image",
     "cost_estimate": {"kind": "per_image", "amount": 0.03, "source": "api", "notes": "fetched 2026-08-15"}},
    {"id": "a/guess", "category": "tts", "cost_estimate": {"kind": "per_token", "amount": 1, "source": "approximate"}},
    {"id": "a/felt", "category": "avatar", "cost_estimate": {"kind": "per_second", "amount": 1, "source": "empirical"}},
    {"id": "a/measured", "category": "music",
     "cost_estimate": {"kind": "per_call", "amount": 1, "source": "manual", "notes": "measured live 2026-10-25"}},
    {"id": "a/nothing", "category": "lora"},
    {"id": "a/clip", "category": "text_to_video",
     "cost_estimate": {"kind": "per_call", "amount": 0.4, "source": "docs", "notes": "page, read 2026-10-13"}},
    {"id": "a/tokens", "category": "text_to_video", "param_specs": {"duration": {"default": "auto"}, "resolution": {}},
     "cost_estimate": {"kind": "per_token", "amount": 1.4e-05, "source": "api",
                       "notes": "fetched 2026-10-26 (billed per video token)"}},
    {"id": "a/undated", "category": "music",
     "cost_estimate": {"kind": "per_second", "amount": 0.002, "source": "manual", "notes": "per second"}},
]  # fmt: skip


def test_falaw_is_read_without_its_guesses_and_with_its_days() -> None:
    read = dict(quotes_from_falaw(FALAW, "1.0", "2026-10-30").quotes)
    assert set(read) == {"a/flat", "a/clip", "a/tokens", "a/undated"}
    assert (read["a/flat"].unit, read["a/flat"].as_of) == ("image", "2026-08-15")
    assert read["a/clip"].unit == "video"
    assert (read["a/tokens"].unit, read["a/tokens"].defaults) == ("video_token", {"duration": "auto"})
    assert read["a/undated"].as_of == "2026-10-30"


LITELLM = {
    "fal_ai/a/plain": {"output_cost_per_image": 0.04},
    "fal_ai/a/tiers": {
        "output_cost_per_second": 0.13, "output_cost_per_second_2K": 0.13, "output_cost_per_second_480p": 0.05,
        "source": "https://fal.ai/models/a/tiers",
    },
    "fal_ai/high/1024-x-768/o/table": {"output_cost_per_image": 0.145},
    "fal_ai/low/512-x-512/o/table": {"output_cost_per_image": 0.005},
    "fal_ai/o/table": {
        "output_cost_per_image": 0.145, "source": "https://fal.ai", "metadata": {
            "notes": "the default request (quality=high, image_size=landscape_4_3 at 1024x768)"},
    },
    "fal_ai/table": {"output_cost_per_image": 0.145},
    "fal_ai/a/area": {"output_cost_per_image": 0.025, "output_cost_per_pixel": 2.4e-08, "source": "https://fal.ai"},
    "fal_ai/a/mesh": {"output_cost_per_image": 0.02, "metadata": {"comment": "image-to-3D"}, "source": "https://fal.ai"},
    "fal_ai/a/chat": {"output_cost_per_token": 3.5e-06, "source": "https://fal.ai"},
    "openai/gpt": {"output_cost_per_image": 9},
}  # fmt: skip


def test_litellm_is_read_with_tiers_tables_and_areas() -> None:
    read = dict(quotes_from_litellm(LITELLM, "1.0", "2026-11-12").quotes)
    assert set(read) == {"a/plain", "a/tiers", "o/table", "a/area", "a/mesh", "a/chat"}
    assert (read["a/plain"].as_of, read["a/plain"].base) == (None, True)
    assert read["a/tiers"].tiers == (Tier({"resolution": ("2k",)}, 0.13), Tier({"resolution": ("480p",)}, 0.05))
    assert read["o/table"].tiers[0] == Tier({"quality": ("high",), "image_size": ("1024x768",)}, 0.145)
    assert read["o/table"].defaults == {"quality": "high", "image_size": "landscape_4_3"}
    assert (read["a/area"].unit, read["a/area"].rounding) == ("megapixel", "up")
    assert read["a/mesh"].unit == "call"
    assert read["a/chat"].unit == "unknown"


CATALOGUE = {"as_of": "2025-10-30", "prices": {"a/b": {"unit": "images", "usd": 0.04}, "a/c": {"unit": "x", "usd": 0}}}
BY_HAND = {
    "sources": {"page": {"title": "fal's page", "kind": "hand"}},
    "quotes": [
        {"slugs": ["a/b", "a/z"], "unit": "image", "usd": 0.03, "as_of": "2026-01-01", "source": "page",
         "tiers": [{"when": {"resolution": ["2K"]}, "usd": 0.03}]},
    ],
}  # fmt: skip


def test_the_same_sources_make_the_same_bytes_whatever_their_order() -> None:
    parts = [quotes_from_catalogue(CATALOGUE), quotes_by_hand(BY_HAND), quotes_from_falaw(FALAW, "1.0", "2026-10-30")]
    text = prices_text(merged_prices(*parts))
    assert text == prices_text(merged_prices(*reversed(parts)))
    assert text == prices_text(refreshed(json.loads(text), *parts)) == prices_text(refreshed(json.loads(text)))
    assert [line.split(":")[0] for line in text.splitlines()[3:-1]] == sorted(
        json.dumps(s) for s in json.loads(text)["prices"]
    )


def test_conditions_are_compared_in_lower_case() -> None:
    assert quotes_by_hand(BY_HAND).quotes[0][1].tiers[0].when == {"resolution": ("2k",)}


def test_new_quotes_of_a_kind_replace_the_old_and_leave_other_kinds_alone() -> None:
    before = merged_prices(quotes_from_falaw(FALAW, "1.0", "2026-10-30"), quotes_by_hand(BY_HAND))
    after = refreshed(before, quotes_from_falaw(FALAW[:1], "2.0", "2026-12-01"))
    assert set(after["sources"]) == {"falaw-2.0", "page"}
    assert set(after["prices"]) == {"a/flat", "a/b", "a/z"}


def test_every_quote_of_a_model_stays_newest_first() -> None:
    document = merged_prices(quotes_from_catalogue(CATALOGUE), quotes_by_hand(BY_HAND))
    assert [record["as_of"] for record in document["prices"]["a/b"]] == ["2026-01-01", "2025-10-30"]


def test_a_quote_of_a_source_that_is_not_described_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody"):
        merged_prices(Collection({}, [("a/b", Quote("image", 1.0, "nobody"))]))


@pytest.mark.parametrize(
    ("kind", "document", "slug"),
    [
        ("litellm", LITELLM, "a/plain"),
        ("falaw", FALAW, "a/flat"),
        ("pages", CATALOGUE, "a/b"),
        ("hand", BY_HAND, "a/z"),
        ("pricing-api", {"prices": [{"endpoint_id": "a/b", "unit_price": 1, "unit": "images"}]}, "a/b"),
    ],
)
def test_a_document_is_read_by_the_name_of_its_kind(kind: str, document: Any, slug: str) -> None:
    read = collection_from(kind, document, release="1.0", as_of="2026-11-12")
    assert slug in dict(read.quotes)
    assert merged_prices(read)["prices"][slug]


@pytest.mark.parametrize("kind", ["litellm", "falaw", "pages", "hand", "pricing-api"])
@pytest.mark.parametrize("document", [None, 3, "text", [], {}, [1], {"prices": 1}, {"fal_ai/a/b": 1}, {"quotes": [{}]}])
def test_a_document_of_another_kind_is_a_usage_error(kind: str, document: Any) -> None:
    with pytest.raises(UsageError):
        collection_from(kind, document, release="1.0", as_of="2026-11-12")


def test_a_release_without_its_date_is_refused() -> None:
    with pytest.raises(UsageError, match="date of that release"):
        collection_from("litellm", LITELLM, release="1.0")
    with pytest.raises(UsageError, match="unknown source"):
        collection_from("rumours", {})
