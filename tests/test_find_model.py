"""The contract of find_model.py, as a user runs it."""

from __future__ import annotations

import json
import re

import pytest

from conftest import RunScript, one_line_error
from fal_skill.registry import CATEGORIES

MODEL_KEYS = {"slug", "category", "media", "price", "score", "status", "last_seen"}


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["fast 16:9 draft of a street with flux schnell"], "fal-ai/flux/schnell"),
        (["fast", "draft", "with", "flux", "schnell"], "fal-ai/flux/schnell"),
        (["upscale", "--category", "video-to-video", "--limit", "3"], None),
        (["--category", "text-to-speech", "--limit", "100"], None),
        (["sora 2 text to video"], "fal-ai/sora-2/text-to-video"),
    ],
)
def test_models_have_the_documented_keys(run_script: RunScript, arguments: list[str], first: str | None) -> None:
    done = run_script("find_model.py", *arguments, "--format", "json")
    assert done.code == 0, done.err
    assert done.err == ""
    assert set(done.json) == {"snapshot", "models"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", done.json["snapshot"])
    models = done.json["models"]
    assert models
    for model in models:
        assert set(model) == MODEL_KEYS
        assert set(model["media"]) == {"in", "out"}
        assert model["category"] in CATEGORIES
        assert isinstance(model["score"], float)
    if first:
        assert models[0]["slug"] == first
    if "--category" in arguments:
        assert {model["category"] for model in models} == {arguments[arguments.index("--category") + 1]}


def test_a_price_has_its_unit_and_its_date_and_an_unknown_one_is_null(run_script: RunScript) -> None:
    models = run_script("find_model.py", "flux schnell", "--limit", "20").json["models"]
    prices = {model["slug"]: model["price"] for model in models}
    price = prices["fal-ai/flux/schnell"]
    assert set(price) == {"usd", "unit", "range", "as_of"}
    assert (price["usd"], price["unit"]) == (0.003, "megapixel")
    assert price["range"] == [0.003, 0.003]
    assert re.match(r"\d{4}-\d\d", price["as_of"])
    assert None in prices.values()
    assert all(price is None or price["unit"] != "unknown" for price in prices.values())


def test_the_default_limit_is_ten_and_a_limit_holds(run_script: RunScript) -> None:
    assert len(run_script("find_model.py", "kling").json["models"]) == 10
    assert len(run_script("find_model.py", "kling", "--limit", "3").json["models"]) == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "no task words and no --category"),
        (["  "], "no task words and no --category"),
        (["x", "--category", "text-to-vidoe"], "did you mean text-to-video?"),
        (["x", "--category", "t2v"], "did you mean text-to-video?"),
        (["x", "--category", "paintings"], "one of text-to-image, image-to-image"),
        (["x", "--category", ""], "unknown category"),
        (["x", "--category", "z" * 10_000], "unknown category"),
        (["x", "--limit", "0"], "not a whole number from 1 to 100"),
        (["x", "--limit", "many"], "not a whole number from 1 to 100"),
        (["x", "--limit", "9" * 5_000], "not a whole number from 1 to 100"),
        (["x", "--categories"], "--categories lists all categories"),
        (["x", "--no-such-option"], "unrecognized arguments"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_code_2(
    run_script: RunScript, arguments: list[str], expected: str
) -> None:
    done = run_script("find_model.py", *arguments)
    assert done.code == 2
    assert done.out == ""
    assert expected in one_line_error(done)
    assert len(done.err) < 1_000


@pytest.mark.parametrize("words", ["qwertzuiop", "🎨", "of the", "\x01\x02", "q" * 50_000])
def test_no_match_is_an_empty_list_a_hint_and_code_1(run_script: RunScript, words: str) -> None:
    done = run_script("find_model.py", words, "--format", "json")
    assert done.code == 1
    assert done.json["models"] == []
    assert "name the medium" in done.err
    assert done.err.count("\n") == 1
    assert len(done.err) < 500


def test_no_match_in_a_category_names_the_category(run_script: RunScript) -> None:
    done = run_script("find_model.py", "qwertzuiop", "--category", "llm", "--format", "text")
    assert (done.code, done.out) == (1, "")
    assert "in llm" in done.err


def test_the_categories_are_counted(run_script: RunScript) -> None:
    document = run_script("find_model.py", "--categories").json
    found = {item["category"]: item for item in document["categories"]}
    assert set(found) <= set(CATEGORIES)
    assert found["text-to-image"]["models"] >= found["text-to-image"]["listed"] > 100
    assert sum(item["models"] for item in found.values()) >= 1_646


def test_the_text_is_a_table_with_dates(run_script: RunScript) -> None:
    done = run_script("find_model.py", "kling 3 pro", "--format", "text", "--limit", "4")
    heading, columns, *rows = done.out.splitlines()
    assert "as of 20" in heading
    assert columns.split() == ["score", "model", "category", "media", "price"]
    assert len(rows) == 4
    assert any(re.search(r"\$\d.* per second \(20\d\d", row) for row in rows)


def test_an_unlisted_model_is_marked_in_both_formats(run_script: RunScript) -> None:
    (model,) = run_script("find_model.py", "sora 2 text to video", "--limit", "1").json["models"]
    assert model["status"] == "unlisted"
    text = run_script("find_model.py", "sora 2 text to video", "--limit", "1", "--format", "text").out
    assert f"unlisted since {model['last_seen']}" in text


def test_json_has_one_model_a_line(run_script: RunScript) -> None:
    done = run_script("find_model.py", "kling", "--limit", "5")
    lines = done.out.splitlines()
    assert len(lines) == 7
    assert all(json.loads(line.rstrip(","))["slug"] for line in lines[1:-1])


def test_the_same_words_give_the_same_bytes(run_script: RunScript) -> None:
    assert run_script("find_model.py", "lip sync").out == run_script("find_model.py", "lip sync").out
