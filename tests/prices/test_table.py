"""The price file: readable by line, whole, and loud when it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fal_skill.errors import UnavailableError
from fal_skill.prices import PriceTable, Quote, default_prices
from fal_skill.prices.sources import HAND_FILE, prices_text, quotes_by_hand, quotes_from_table, refreshed
from fal_skill.prices.table import DATA_FILE


def test_every_model_of_the_file_is_found_by_line_and_has_a_source() -> None:
    table = default_prices()
    document = table.document()
    for slug, records in document["prices"].items():
        assert len(table.quotes(slug)) == len(records) > 0
        assert {record["source"] for record in records} <= set(table.sources)


def test_the_file_is_sorted_and_no_figure_is_zero() -> None:
    prices = default_prices().document()["prices"]
    assert list(prices) == sorted(prices)
    figures = [
        figure
        for slug in prices
        for quote in default_prices().quotes(slug)
        for figure in (*quote.figures, *(tier.high for tier in quote.tiers))
    ]
    assert min(figures) > 0


def test_the_kept_quotes_are_all_in_the_file() -> None:
    table = default_prices()
    for slug, quote in quotes_by_hand(json.loads(Path(HAND_FILE).read_text())).quotes:
        assert quote in table.quotes(slug), slug


def test_the_files_speak_of_sources_by_words() -> None:
    table = default_prices()
    assert "litellm" in table.named("litellm-1.109.1")
    assert table.named("nobody") == "nobody"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "cut short"),
        (lambda data: b"", "cut short"),
        (lambda data: data.replace(b'"format":1', b'"format":9'), "price format 1"),
        (lambda data: data.replace(b'"sources":{', b'"sources":['), "no valid header"),
        (lambda data: data.replace(b'"fal-ai/flux/schnell":[', b'"fal-ai/flux/schnell":[['), "corrupt record"),
        (lambda data: data.replace(b'"fal-ai/flux/schnell":[{"unit"', b'"fal-ai/flux/schnell":[{"stray"'), "corrupt"),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, damage: object, message: str) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(damage(Path(DATA_FILE).read_bytes()))  # type: ignore[operator]
    with pytest.raises(UnavailableError, match=message):
        PriceTable(str(path)).get("fal-ai/flux/schnell")


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be read"):
        PriceTable(str(tmp_path / "none.json"))


def test_own_quotes_lie_on_top_without_touching_the_table() -> None:
    own = Quote("image", 0.5, "mine", "2020-01-01", base=True)
    table = default_prices().with_quotes(
        [("a/b", own), ("fal-ai/recraft/v4/text-to-image", own)], {"mine": {"title": "m"}}
    )
    assert table.get("a/b") is not None and "a/b" in table.slugs()
    recraft = table.get("fal-ai/recraft/v4/text-to-image")
    assert recraft is not None and recraft.usd == 0.5 and [other.usd for other in recraft.conflicts] == [0.04]
    assert default_prices().get("a/b") is None


def test_a_refresh_without_news_changes_nothing() -> None:
    text = Path(DATA_FILE).read_text()
    assert prices_text(refreshed(json.loads(text))) == text
    assert quotes_from_table(json.loads(text)).sources == json.loads(text)["sources"]
