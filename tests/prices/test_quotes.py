"""Which of several quotes counts, and what becomes of the others."""

from __future__ import annotations

import math

import pytest

from fal_skill.prices import Price, Quote, Tier, dollars, price_of
from fal_skill.prices.inputs import number, pixels, whole
from fal_skill.prices.quotes import price_from, quote_from, record_from

TODAY = "2026-11-23"


def chosen(*quotes: Quote, preferred: Quote | None = None) -> Price:
    made = price_from("a/b", quotes, TODAY, preferred)
    assert made is not None
    return made


def test_the_newest_quote_wins_and_the_one_that_disagrees_stays_visible() -> None:
    old, new = Quote("image", 0.05, "old", "2025-01-01"), Quote("image", 0.03, "new", "2026-01-01")
    made = chosen(old, new)
    assert (made.usd, made.as_of, made.conflicts, made.quotes) == (0.03, "2026-01-01", (old,), (new, old))


def test_an_undated_quote_loses_to_any_dated_one() -> None:
    dated, undated = Quote("image", 0.05, "a", "2025-01-01"), Quote("image", 0.03, "b")
    assert chosen(undated, dated).quote is dated
    assert chosen(undated).as_of is None


def test_a_date_known_by_its_beginning_counts_as_the_earliest_it_can_be() -> None:
    year, day = Quote("image", 0.05, "a", "2026"), Quote("image", 0.03, "b", "2026-01-01")
    assert chosen(year, day).quote is day


def test_quotes_that_round_differently_are_one_price() -> None:
    made = chosen(Quote("image", 0.04, "a", "2026-01-02"), Quote("image", 0.0398, "b", "2026-01-01"))
    assert (made.sources, made.conflicts) == (("a", "b"), ())


def test_a_newer_base_price_confirms_the_tiers_of_an_older_quote() -> None:
    tiers = (Tier({"resolution": ("480p",)}, 0.05), Tier({"resolution": ("1080p",)}, 0.15))
    full = Quote("second", 0.15, "page", "2026-01-01", tiers=tiers)
    base = Quote("second", 0.05, "api", "2026-06-01", base=True)
    made = chosen(base, full)
    assert (made.quote, made.as_of, made.sources, made.conflicts) == (full, "2026-06-01", ("api", "page"), ())


def test_a_base_price_that_options_multiply_confirms_them_too() -> None:
    full = Quote("second", 0.168, "page", "2026-01-01", base_usd=0.14, tiers=(Tier({"audio": ("true",)}, 0.168),))
    assert chosen(Quote("second", 0.14, "api", "2026-06-01", base=True), full).quote is full


def test_a_newer_base_price_that_no_tier_knows_replaces_them() -> None:
    full = Quote("second", 0.15, "page", "2026-01-01", tiers=(Tier({"resolution": ("480p",)}, 0.05),))
    base = Quote("second", 0.2, "api", "2026-06-01", base=True)
    made = chosen(base, full)
    assert (made.quote, made.conflicts) == (base, (full,))


def test_a_unit_without_meaning_counts_only_when_there_is_no_other() -> None:
    vague = Quote("unknown", 1.0, "api", "2026-06-01", raw_unit="units")
    clear = Quote("image", 0.04, "page", "2026-01-01")
    assert chosen(vague, clear).quote is clear
    assert chosen(vague, clear).conflicts == (vague,)
    assert chosen(vague).quote is vague


def test_a_preferred_quote_wins_over_newer_ones() -> None:
    own, new = Quote("image", 0.05, "own", "2024-01-01"), Quote("image", 0.03, "new", "2026-01-01")
    made = chosen(new, preferred=own)
    assert (made.quote, made.as_of, made.conflicts) == (own, "2024-01-01", (new,))


def test_a_quote_of_the_future_does_not_count_yet() -> None:
    later = Quote("image", 0.05, "a", "2026-12-01")
    assert price_from("a/b", [later], TODAY) is None
    assert price_from("a/b", [later], "2026-12-01") is not None


def test_how_units_are_rounded_outlives_a_change_of_the_price() -> None:
    old = Quote("megapixel", 0.04, "page", "2026-01-01", rounding="up")
    made = chosen(Quote("megapixel", 0.09, "api", "2026-06-01"), old)
    assert (made.usd, made.quote.rounding, made.conflicts) == (0.09, "up", (old,))


def test_image_and_megapixel_at_one_figure_are_no_conflict() -> None:
    made = chosen(Quote("megapixel", 0.04, "a", "2026-01-01"), Quote("image", 0.04, "b", "2025-01-01"))
    assert (made.unit, made.conflicts) == ("megapixel", ())


def test_a_quote_survives_the_way_through_json() -> None:
    quote = Quote(
        "second", 0.168, "page", "2026-01-01", base_usd=0.14, defaults={"duration": "5"},
        tiers=(Tier({"generate_audio": ("true",)}, 0.168, 0.2),), note="words",
    )  # fmt: skip
    assert quote_from(record_from(quote)) == quote


def test_known_conflicts_are_in_the_table_that_ships() -> None:
    nano, kling = price_of("fal-ai/nano-banana"), price_of("fal-ai/kling-video/v3/pro/text-to-video")
    assert nano is not None and nano.usd == 0.039 and [other.usd for other in nano.conflicts] == [0.0398]
    assert kling is not None and kling.label == "$0.112 to $0.196 per second" and kling.conflicts
    speech = price_of("fal-ai/minimax/speech-02-hd")
    assert speech is not None and speech.label == "$0.05 per 1,000 characters"


def test_a_slug_without_price_has_none() -> None:
    assert price_of("fal-ai/aura-sr") is None
    assert price_of("") is None
    assert price_of('a"b\n') is None


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0.84, "$0.84"), (0.003, "$0.003"), (3, "$3.00"), (0.0398, "$0.0398"), (1234.5, "$1,234.50"),
     (2.4e-06, "$0.0000024"), (0, "$0.00"), (0.00125, "$0.00125")],
)  # fmt: skip
def test_amounts_are_written_with_the_digits_that_matter(usd: float, text: str) -> None:
    assert dollars(usd) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5.0), ("5", 5.0), ("8s", 8.0), ("1.5 s", 1.5), (2.5, 2.5), (True, None), ("", None), ("s", None), ("5m", None),
     (0, None), (-1, None), (math.nan, None), (math.inf, None), (10**400, None), ("9" * 50, None), ("٣", None),
     ([], None), (None, None), ("1.2.3", None), (".", None)],
)  # fmt: skip
def test_a_number_is_positive_finite_and_may_be_written_with_seconds(value: object, expected: float | None) -> None:
    assert number(value) == expected


def test_whole_numbers_may_be_written_as_floats_but_not_be_fractions() -> None:
    assert (whole(2.0), whole("3"), whole(2.5), whole(False)) == (2, 3, None, None)


@pytest.mark.parametrize(
    ("size", "expected"),
    [("square_hd", (1024, 1024)), ("square", (512, 512)), ("portrait_4_3", (768, 1024)), ("portrait_16_9", (576, 1024)),
     ("landscape_4_3", (1024, 768)), ("landscape_16_9", (1024, 576)), ("1536x1024", (1536, 1024)),
     ({"width": 10, "height": "20"}, (10, 20)), ({"width": 10}, None), ("auto", None), ("x", None), (7, None),
     ({"width": -1, "height": 5}, None), ({"width": {}, "height": []}, None)],
)  # fmt: skip
def test_a_size_is_a_preset_two_sides_or_nothing(size: object, expected: tuple[int, int] | None) -> None:
    assert pixels(size) == expected
