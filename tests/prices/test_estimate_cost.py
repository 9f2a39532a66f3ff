"""The script: its output, its cap, its errors. Nothing here depends on the day on which it runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conftest import RunScript, one_line_error

SCHNELL = "fal-ai/flux/schnell"
KLING = "fal-ai/kling-video/v3/pro/text-to-video"


def test_the_answer_is_json_with_the_contract_s_keys(run_script: RunScript) -> None:
    done = run_script("estimate_cost.py", SCHNELL, "--arguments", '{"num_images": 2}', "--count", "10")
    assert (done.code, done.err) == (0, "")
    expected = {
        "slug": SCHNELL, "low": 0.06, "high": 0.06, "currency": "USD", "unit": "megapixel", "quantity": 20,
        "as_of": "2026-10-02", "count": 10,
    }  # fmt: skip
    assert {key: done.json[key] for key in expected} == expected
    assert {"assumptions", "source", "confidence", "conflicts", "because", "unit_price", "check"} <= set(done.json)


def test_the_text_says_amount_unit_and_where_to_check(run_script: RunScript) -> None:
    done = run_script("estimate_cost.py", KLING, "--format", "text")
    assert done.code == 0
    for words in ("$0.84", "$0.168 per second", "5 seconds", "https://fal.ai/models/" + KLING, "/v1/models/pricing"):
        assert words in done.out


def test_an_unknown_cost_is_an_answer(run_script: RunScript) -> None:
    done = run_script("estimate_cost.py", "fal-ai/fast-sdxl")
    assert (done.code, done.json["low"], done.json["high"]) == (0, None, None)
    assert "compute seconds" in done.json["because"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((KLING, "--max-cost", "0.84"), 0, ""),
        ((KLING, "--max-cost", "$0.84"), 0, ""),
        ((KLING, "--max-cost", "0.83"), 8, "over budget: up to $0.84 is more than the cap of $0.83"),
        ((KLING, "--max-cost", "1", "--count", "2"), 8, "over budget"),
        ((SCHNELL, "--arguments", '{"image_size": "square_hd"}', "--max-cost", "0.005"), 8, "up to $0.006"),
        ((SCHNELL, "--max-cost", "0"), 8, "over budget"),
        (("fal-ai/fast-sdxl", "--max-cost", "100"), 8, "cannot be guaranteed"),
    ],
)
def test_a_cap_holds_for_the_high_end_and_never_for_the_unknown(
    run_script: RunScript, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = run_script("estimate_cost.py", *arguments)
    assert done.code == code
    assert said in done.err
    assert done.json["slug"] == arguments[0], "the estimate is printed all the same"


def test_a_cap_that_rests_on_an_old_price_says_so(run_script: RunScript) -> None:
    done = run_script("estimate_cost.py", "fal-ai/minimax/video-01", "--max-cost", "5")
    assert done.code == 0
    assert "only order-of-magnitude" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("fal-ai/flux/shnell",), 3, "fal-ai/flux/schnell"),
        (("",), 3, "lists the model"),
        (("../../etc/passwd",), 3, "lists the model"),
        (("a" * 10_000,), 3, "lists the model"),
        ((SCHNELL, "--count", "0"), 2, "--count"),
        ((SCHNELL, "--count=-3"), 2, "--count"),
        ((SCHNELL, "--count", "1.5"), 2, "--count"),
        ((SCHNELL, "--count", "1000001"), 2, "--count"),
        ((SCHNELL, "--count", "9" * 5000), 2, "--count"),
        ((SCHNELL, "--max-cost", "nan"), 2, "--max-cost"),
        ((SCHNELL, "--max-cost", "inf"), 2, "--max-cost"),
        ((SCHNELL, "--max-cost=-1"), 2, "--max-cost"),
        ((SCHNELL, "--max-cost", "cheap"), 2, "--max-cost"),
        ((SCHNELL, "--arguments", "{"), 2, "not valid JSON"),
        ((SCHNELL, "--arguments", "[]"), 2, "expected a JSON object"),
        ((SCHNELL, "--arguments", '{"num_images": NaN}'), 2, "NaN"),
        ((SCHNELL, "--arguments", "@missing.json"), 2, "missing.json"),
        ((SCHNELL, "--prices", "missing.json"), 2, "missing.json"),
        ((SCHNELL, "--prices-date", "2026-01-01"), 2, "--prices-date needs --prices"),
        ((), 2, "required"),
    ],
)
def test_bad_input_is_one_line_and_the_documented_code(
    run_script: RunScript, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = run_script("estimate_cost.py", *arguments)
    assert (done.code, done.out) == (code, "")
    line = one_line_error(done)
    assert said in line and len(line) < 500


def test_arguments_come_from_a_file_or_stdin(run_script: RunScript, tmp_path: Path) -> None:
    path = tmp_path / "call.json"
    path.write_text('{"duration": "10"}')
    assert run_script("estimate_cost.py", KLING, "--arguments", f"@{path}").json["high"] == 1.68
    assert run_script("estimate_cost.py", KLING, "--arguments", "-", stdin='{"duration": "3"}').json["high"] == 0.504


def reply(path: Path, *rows: tuple[str, float, str]) -> str:
    prices = [{"endpoint_id": slug, "unit_price": usd, "unit": unit, "currency": "USD"} for slug, usd, unit in rows]
    path.write_text(json.dumps({"prices": prices, "next_cursor": None, "has_more": False}))
    os.utime(path, (1_700_000_000, 1_700_000_000))  # 2023-11-14
    return str(path)


def test_the_user_s_own_prices_win_and_carry_the_date_of_their_file(run_script: RunScript, tmp_path: Path) -> None:
    file = reply(tmp_path / "own.json", (SCHNELL, 0.5, "megapixels"))
    own = run_script("estimate_cost.py", SCHNELL, "--prices", file).json
    assert (own["low"], own["high"], own["as_of"]) == (0.5, 0.5, "2023-11-14"), "rounding up is known from elsewhere"
    assert "your reply" in own["source"]
    assert any("$0.003" in conflict for conflict in own["conflicts"])
    dated = run_script("estimate_cost.py", SCHNELL, "--prices", file, "--prices-date", "2026-11-01").json
    assert dated["as_of"] == "2026-11-01"


def test_a_base_price_of_the_user_s_own_keeps_the_tiers_that_it_confirms(run_script: RunScript, tmp_path: Path) -> None:
    file = reply(tmp_path / "own.json", (KLING, 0.14, "seconds"))
    done = run_script("estimate_cost.py", KLING, "--prices", file)
    assert (done.json["high"], done.json["as_of"]) == (0.84, "2023-11-14")


def test_a_price_for_a_model_that_the_registry_lacks_is_used(run_script: RunScript, tmp_path: Path) -> None:
    file = reply(tmp_path / "own.json", ("acme/new-model", 0.25, "images"))
    assert run_script("estimate_cost.py", "acme/new-model", "--prices", file).json["high"] == 0.25
    assert run_script("estimate_cost.py", "acme/new-model").code == 3


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"prices": [{}]}', "\x00"])
def test_a_file_that_is_no_reply_is_refused(run_script: RunScript, tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    done = run_script("estimate_cost.py", SCHNELL, "--prices", str(path))
    assert done.code == 2
    one_line_error(done)


def test_the_help_names_the_codes_that_it_returns(run_script: RunScript) -> None:
    done = run_script("estimate_cost.py", "--help")
    assert done.code == 0
    for code in "02378":
        assert f"\n  {code}  " in done.out
