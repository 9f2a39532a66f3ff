"""What a search by task words promises.

``data/task_queries.jsonl`` holds requests with the slugs (as patterns) that answer them: ``tuning`` are those that the
tables were tuned on, ``held-out`` were written after they were frozen and measured once.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.registry import CATEGORIES, UNLISTED, Entry, Registry, default_registry
from fal_skill.registry.concepts import CONCEPTS, GRADES, LANGUAGES, MULTILINGUAL
from fal_skill.registry.plainwords import ORDINARY_WORDS
from fal_skill.registry.request import concept_table, word_choices
from fal_skill.registry.search import search
from fal_skill.registry.vocabulary import OPERATION_WORDS, RELATED_WORDS, VARIANT_WORDS
from fal_skill.registry.wordindex import word_index

CASES = [json.loads(line) for line in (Path(__file__).parent / "data" / "task_queries.jsonl").read_text().splitlines()]
SLUGS = {entry.slug for entry in default_registry().entries}


def slugs(words: str, category: str | None = None, limit: int = 10) -> list[str]:
    return [hit.entry.slug for hit in search(default_registry().entries, words, category=category, limit=limit)]


@lru_cache(maxsize=4)
def rates(split: str) -> tuple[int, float, float]:
    """Return (number of requests, part with a fitting model first, part with one among five)."""
    cases = [case for case in CASES if case["split"] == split]
    first = among = 0
    for case in cases:
        fits = [
            any(fnmatchcase(slug, pattern) for pattern in case["right"])
            for slug in slugs(case["words"], case.get("category"), 5)
        ]
        first += fits[:1] == [True]
        among += any(fits)
    return len(cases), first / len(cases), among / len(cases)


@pytest.mark.parametrize(
    ("split", "count", "first", "among_five"), [("tuning", 190, 0.94, 0.97), ("held-out", 60, 0.88, 0.95)]
)
def test_a_fitting_model_comes_first_or_among_five(split: str, count: int, first: float, among_five: float) -> None:
    cases, got_first, got_among = rates(split)
    assert cases >= count
    assert got_first >= first
    assert got_among >= among_five


def test_every_accepted_pattern_names_a_model() -> None:
    patterns = {pattern for case in CASES for pattern in case["right"]}
    assert not [pattern for pattern in patterns if not any(fnmatchcase(slug, pattern) for slug in SLUGS)]


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("fast 16:9 draft of a rain-soaked neon street with Flux schnell", "fal-ai/flux/schnell"),
        ("nano banana pro", "fal-ai/nano-banana-pro"),
        ("seedream 4.5", "fal-ai/bytedance/seedream/v4.5/text-to-image"),
        ("kling 2.6 pro text to video", "fal-ai/kling-video/v2.6/pro/text-to-video"),
        ("elevenlabs turbo", "fal-ai/elevenlabs/tts/turbo-v2.5"),
        ("fluxschnell", "fal-ai/flux/schnell"),
    ],
)
def test_a_named_model_comes_first(words: str, slug: str) -> None:
    assert slugs(words)[0] == slug


@pytest.mark.parametrize(
    ("words", "category"),
    [
        ("10 s clip from this photo with Kling", "image-to-video"),
        ("turn my drawing into a video", "image-to-video"),
        ("upscale video", "video-to-video"),
        ("upscale a photo", "image-to-image"),
        ("transcribe a video", "speech-to-text"),
        ("describe a picture", "vision"),
        ("picture of a woman wearing a red dress", "text-to-image"),
        ("a song about a cat and a train", "text-to-audio"),
        ("read this text aloud", "text-to-speech"),
        ("train a lora", "training"),
        ("3d model from image", "image-to-3d"),
        ("veo image to video", "image-to-video"),
    ],
)
def test_the_media_asked_for_decide_the_category(words: str, category: str) -> None:
    (first, *_) = search(default_registry().entries, words, limit=1)
    assert first.entry.category == category


@pytest.mark.parametrize(
    ("words", "patterns"),
    [
        ("text to speech in German", ["*multilingual*", "*minimax*speech*", "*elevenlabs*", "*gemini*"]),
        ("read this text aloud in Japanese", ["fal-ai/kokoro/japanese"]),
        ("cheap video model", ["*turbo*", "*fast*", "*lite*", "*distill*", "*mini*", "*flash*"]),
        ("best video from text", ["*pro*", "*master*", "*4k*", "*quality*", "*max*"]),
    ],
)
def test_languages_and_grades_are_understood(words: str, patterns: list[str]) -> None:
    assert any(fnmatchcase(slugs(words)[0], pattern) for pattern in patterns)


def test_the_newest_version_comes_first_unless_one_is_asked_for() -> None:
    assert slugs("kling pro text to video")[0] == "fal-ai/kling-video/v3/pro/text-to-video"
    assert slugs("kling 1.6 pro text to video")[0] == "fal-ai/kling-video/v1.6/pro/text-to-video"


def test_a_listed_model_goes_before_an_unlisted_one_of_the_same_fit() -> None:
    entries = tuple(
        Entry(f"fal-ai/zeta/{name}", status, "text-to-image", ("text",), ("image",), "2026-04-29")
        for name, status in (("a", "unlisted"), ("b", "known"))
    )
    assert [hit.entry.slug for hit in search(entries, "zeta")] == ["fal-ai/zeta/b", "fal-ai/zeta/a"]


def test_an_unlisted_model_is_found_by_its_name(registry: Registry) -> None:
    (first, *_) = search(registry.entries, "sora 2 text to video")
    assert (first.entry.slug, first.entry.status) == ("fal-ai/sora-2/text-to-video", UNLISTED)


@pytest.mark.parametrize("category", ["text-to-image", "training", "speech-to-text", "3d-to-3d"])
def test_a_category_without_words_lists_its_models(category: str) -> None:
    hits = search(default_registry().entries, "", category=category, limit=1000)
    assert {hit.entry for hit in hits} == set(default_registry().filter(category=category))
    assert hits[0].entry.status != UNLISTED


def test_a_category_bounds_the_answer_and_settles_the_media() -> None:
    hits = search(default_registry().entries, "upscale", category="video-to-video")
    assert hits
    assert {hit.entry.category for hit in hits} == {"video-to-video"}
    assert "upscale" in hits[0].entry.slug


@pytest.mark.parametrize("words", ["", "  ", "asdf qwer zxcv", "🎨", "a", "of the and", "\ud800", "1 2 3"])
def test_words_that_say_nothing_find_nothing(words: str) -> None:
    assert slugs(words) == []


def test_words_that_say_nothing_find_nothing_in_a_category_either() -> None:
    assert slugs("qwertzuiop", category="llm") == []


def test_an_unknown_category_has_no_models() -> None:
    assert slugs("flux", category="no-such-category") == []


@pytest.mark.parametrize(("limit", "count"), [(-1, 0), (0, 0), (1, 1), (7, 7)])
def test_the_limit_bounds_the_answer(limit: int, count: int) -> None:
    assert len(slugs("kling", limit=limit)) == count


def test_scores_fall() -> None:
    scores = [hit.score for hit in search(default_registry().entries, "remove background", limit=50)]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("table", [CONCEPTS, GRADES, LANGUAGES], ids=["concepts", "grades", "languages"])
def test_no_entry_of_the_tables_points_to_nothing(table: str) -> None:
    index = word_index(default_registry().entries)
    categories = {f"@{category}" for category in index.by_category}
    choices = [choice for _, _, found in concept_table(table) for choice in found]
    assert choices
    dead = [choice for choice in choices if not choice <= categories | set(index.postings)]
    assert not dead


def test_no_word_of_the_tables_is_unknown_to_the_slugs() -> None:
    known = set(word_index(default_registry().entries).postings)
    related = {word for pairs in RELATED_WORDS.values() for word, _ in pairs}
    multilingual = {word for choice in word_choices(MULTILINGUAL) for word in choice}
    assert not (ORDINARY_WORDS | VARIANT_WORDS | OPERATION_WORDS | related | multilingual) - known


def test_every_task_of_the_concepts_is_one_that_categories_have() -> None:
    media = {"text", "image", "video", "audio", "speech", "3d", "weights", "reference", ""}
    tasks = {task for _, task, _ in concept_table(CONCEPTS)}
    assert tasks
    assert all(task in ("", "same") or set(task.split(">")) <= media for task in tasks)


SOME_WORDS = """
    a the flux kling veo 3 2.5 v1.1 fast cheap image photo video song from to into of with my remove background text
    speech in german train lora upscale 16:9 10 s , . 3d model schnel image-to-video
"""
WORDS = st.lists(st.sampled_from(SOME_WORDS.split()), max_size=14).map(" ".join)


@given(st.one_of(WORDS, st.text(max_size=200)), st.sampled_from([None, *CATEGORIES]), st.integers(0, 20))
def test_any_words_get_known_models_in_a_fixed_order(words: str, category: str | None, limit: int) -> None:
    hits = search(default_registry().entries, words, category=category, limit=limit)
    assert len(hits) <= limit
    assert len({hit.entry.slug for hit in hits}) == len(hits)
    assert {hit.entry.slug for hit in hits} <= SLUGS
    assert all(category in (None, hit.entry.category) for hit in hits)
    assert hits == search(list(default_registry().entries), words, category=category, limit=limit)
