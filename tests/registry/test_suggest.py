"""What the suggestions for a wrong slug promise.

``data/wrong_slugs.jsonl`` holds the wrong slugs: ``study`` are seventy collected by hand from public code, ``tuning``
are those that the scorer was tuned on, ``held-out`` were written after it was frozen and measured once.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.registry import UNLISTED, Entry, Registry, default_registry
from fal_skill.registry.suggest import MAX_LENGTH, slug_path, suggestions

CASES = [json.loads(line) for line in (Path(__file__).parent / "data" / "wrong_slugs.jsonl").read_text().splitlines()]
SLUGS = sorted(entry.slug for entry in default_registry().entries)


@lru_cache(maxsize=4)
def rates(split: str) -> tuple[int, float, float]:
    """Return (number of cases, part with the right answer first, part with it among three)."""
    entries = default_registry().entries
    cases: list[dict[str, Any]] = [case for case in CASES if case["split"] == split]
    found = [(suggestions(entries, case["wrong"]), case["right"]) for case in cases]
    first = sum(1 for answers, right in found if answers and answers[0] in right)
    among = sum(1 for answers, right in found if set(answers) & set(right))
    return len(cases), first / len(cases), among / len(cases)


@pytest.mark.parametrize(
    ("split", "count", "first", "among_three"),
    [("study", 70, 0.96, 0.98), ("tuning", 1000, 0.95, 0.98), ("held-out", 300, 0.94, 0.96)],
)
def test_the_right_slug_comes_first_or_among_three(split: str, count: int, first: float, among_three: float) -> None:
    cases, got_first, got_among = rates(split)
    assert cases >= count
    assert got_first >= first
    assert got_among >= among_three


def test_every_right_answer_is_in_the_registry() -> None:
    missing = {slug for case in CASES for slug in case["right"]} - set(SLUGS)
    assert not missing


def test_the_wrong_slugs_come_from_many_kinds_of_error() -> None:
    kinds = Counter(case["origin"] for case in CASES)
    assert len(kinds) >= 15
    assert min(kinds.values()) >= 10


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        # owner
        ("flux/schnell", "fal-ai/flux/schnell"),
        ("fal/flux/dev", "fal-ai/flux/dev"),
        ("stability-ai/sdxl", "fal-ai/fast-sdxl"),
        ("fal-ai/bytedance/seedance-2.0/text-to-video", "bytedance/seedance-2.0/text-to-video"),
        ("cassetteai/music-generator", "CassetteAI/music-generator"),
        # as other hosts write it
        ("black-forest-labs/flux-1.1-pro-ultra", "fal-ai/flux-pro/v1.1-ultra"),
        ("cjwbw/rembg:fb8af171cfa1616ddcf1242c093f9c46", "fal-ai/imageutils/rembg"),
        ("https://huggingface.co/black-forest-labs/FLUX.2-klein-4B", "fal-ai/flux-2/klein/4b"),
        # separators, versions, case
        ("fal-ai/flux-pro-v1.1", "fal-ai/flux-pro/v1.1"),
        ("fal-ai/flux-pro/v1-1", "fal-ai/flux-pro/v1.1"),
        ("fal-ai/wan-2.5/text-to-video", "fal-ai/wan-25-preview/text-to-video"),
        ("fal-ai/nanobanana", "fal-ai/nano-banana"),
        ("fal-ai/veo31/fast/i2v", "fal-ai/veo3.1/fast/image-to-video"),
        ("FAL-AI/Nano_Banana/Edit", "fal-ai/nano-banana/edit"),
        # tasks in other words
        ("fal-ai/kling-video/v1.6/pro/img2vid", "fal-ai/kling-video/v1.6/pro/image-to-video"),
        ("fal-ai/veo3.1/text-to-video", "fal-ai/veo3.1"),
        ("fal-ai/nano-banana-pro/image-to-image", "fal-ai/nano-banana-pro/edit"),
        # typos
        ("fal-ai/flux/schnel", "fal-ai/flux/schnell"),
        ("fal-ai/kling-vidoe/v2.6/pro/image-to-vidoe", "fal-ai/kling-video/v2.6/pro/image-to-video"),
        # links and what surrounds a copied slug
        ("https://fal.ai/models/fal-ai/flux/schnell/playground", "fal-ai/flux/schnell"),
        ("https://queue.fal.run/fal-ai/flux/dev/requests/3f1c/status?logs=1", "fal-ai/flux/dev"),
        (" `fal-ai/flux/dev/`\n", "fal-ai/flux/dev"),
        ("fal‑ai/flux/dev", "fal-ai/flux/dev"),
        # a version that is not there, a variant left out
        ("fal-ai/kling-video/v2.5/pro/image-to-video", "fal-ai/kling-video/v2.5-turbo/pro/image-to-video"),
        ("fal-ai/recraft/v4", "fal-ai/recraft/v4/text-to-image"),
        ("fal-ai/imagen4", "fal-ai/imagen4/preview"),
        ("openai/whisper", "fal-ai/whisper"),
    ],
)
def test_each_kind_of_error_leads_to_the_slug_that_was_meant(registry: Registry, wrong: str, right: str) -> None:
    assert suggestions(registry.entries, wrong)[0] == right


@pytest.mark.parametrize(
    ("gone", "successor"),
    [
        ("fal-ai/veo3", "fal-ai/veo3.1"),
        ("fal-ai/minimax-video", "fal-ai/minimax/video-01"),
        ("fal-ai/gpt-image-2/edit", "openai/gpt-image-2/edit"),
        ("fal-ai/whisper", "fal-ai/wizper"),
        ("fal-ai/speech-to-text/turbo/stream", "fal-ai/speech-to-text/turbo"),
    ],
)
def test_a_model_that_is_gone_leads_to_its_successor(registry: Registry, gone: str, successor: str) -> None:
    assert registry.status(gone) == UNLISTED
    assert suggestions(registry.entries, gone)[0] == successor


def test_a_model_that_is_gone_without_a_successor_leads_to_its_category(registry: Registry) -> None:
    found = suggestions(registry.entries, "fal-ai/sora-2/text-to-video")
    assert len(found) == 3
    models = [registry.get(slug) for slug in found]
    assert [(model.category, model.status) for model in models if model] == [("text-to-video", "known")] * 3


@pytest.mark.parametrize(
    "garbage",
    [
        "", "   ", "/", ".", "..", "../../etc/passwd", "/etc/passwd", "C:\\Windows\\system32", "a", "0", "1234567890",
        "v1", "fal-ai", "fal-ai/", "xqzvkj", "asdfghjkl", "qwrtplkjh/zxcvbn", "🎨🎨", "fal-ai/🎨", "\ud800", "\x00",
        "a" * 10_000, "fal-ai/" + "flux/" * 2_000, "fal-ai/midjourney", "fal-ai/suno", "runwayml/gen-3", "hello world",
        "your-model-id", "owner/model", "SELECT * FROM models", "<script>alert(1)</script>", "my dog ate my homework",
    ],
)  # fmt: skip
def test_nonsense_gets_no_suggestion(registry: Registry, garbage: str) -> None:
    assert suggestions(registry.entries, garbage) == []


def test_a_listed_model_goes_before_an_unlisted_one_of_the_same_words() -> None:
    def entry(slug: str, status: str) -> Entry:
        return Entry(
            slug, status, "text-to-image", ("text",), ("image",), "2026-08-02" if status == "known" else "2026-04-29"
        )

    entries = (entry("fal-ai/zeta/v1/fast", "unlisted"), entry("fal-ai/zeta/v1-fast", "known"))
    assert suggestions(entries, "zeta-v1-fast") == ["fal-ai/zeta/v1-fast", "fal-ai/zeta/v1/fast"]


def test_an_empty_catalogue_gives_nothing() -> None:
    assert suggestions((), "fal-ai/flux/schnell") == []


@pytest.mark.parametrize(("limit", "count"), [(-1, 0), (0, 0), (1, 1), (5, 5)])
def test_the_limit_bounds_the_answer(registry: Registry, limit: int, count: int) -> None:
    assert len(suggestions(registry.entries, "fal-ai/kling-video", limit)) == count


def test_a_list_gives_what_a_tuple_gives(registry: Registry) -> None:
    wrong = "fal-ai/flux-schnell"
    assert suggestions(list(registry.entries), wrong) == suggestions(registry.entries, wrong)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("fal-ai/flux/schnell", "fal-ai/flux/schnell"),
        ("https://fal.ai/models/fal-ai/flux/schnell/api?platform=http#x", "fal-ai/flux/schnell"),
        ("fal.run/fal-ai/ideogram/v3/edit", "fal-ai/ideogram/v3/edit"),
        ("fal-ai//flux\\dev/", "fal-ai/flux/dev"),
        ("flux1.1", "flux1.1"),
        ("fal-ai/ffmpeg-api/compose", "fal-ai/ffmpeg-api/compose"),
        ("openrouter/router/openai/v1/chat/completions", "openrouter/router/openai/v1/chat/completions"),
        ("fal-ai/../flux", ""),
        ("   ", ""),
    ],
)
def test_the_slug_is_found_inside_what_surrounds_it(text: str, path: str) -> None:
    assert slug_path(text) == path


MUTATIONS = st.tuples(st.sampled_from(SLUGS), st.integers(0, 90), st.text(max_size=3)).map(
    lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + len(parts[2]) :]
)


@given(st.one_of(st.text(max_size=MAX_LENGTH + 20), MUTATIONS, st.text("fluxvideo-/.3#>:@ \t", max_size=60)))
def test_any_text_gets_at_most_three_known_slugs_other_than_itself(text: str) -> None:
    found = suggestions(default_registry().entries, text)
    assert len(found) <= 3
    assert len(set(found)) == len(found)
    assert set(found) <= set(SLUGS)
    assert text not in found
    assert found == suggestions(default_registry().entries, text)


@given(
    st.sampled_from(SLUGS), st.sampled_from(["{}/", " {}", "https://fal.ai/models/{}", "https://fal.run/{}", "`{}`"])
)
def test_a_slug_is_found_in_any_wrapping(slug: str, wrapping: str) -> None:
    assert suggestions(default_registry().entries, wrapping.format(slug))[0] == slug
