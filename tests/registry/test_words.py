"""The forms of words in slugs that mean the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.registry.words import edit_distance, recency, segment_words, version, version_likeness


@pytest.mark.parametrize(
    ("segment", "words"),
    [
        ("flux-pro", ("flux", "pro")),
        ("v1.1-ultra", ("#1.1", "ultra")),
        ("v2-5-turbo", ("#2.5", "turbo")),
        ("veo3.1", ("veo", "#3.1")),
        ("hailuo-02", ("hailuo", "#2")),
        ("ltx-video-v095", ("ltx", "video", "#095")),
        ("hunyuan3d-v21", ("hunyuan", "3d", "#21")),
        ("h3.1", ("h", "#3.1")),
        ("h3-1", ("h", "#3.1")),
        ("o1", ("o1",)),
        ("4k", ("4k",)),
        ("v2.2-a14b", ("#2.2", "14b")),
        ("0-6b", ("0.6b",)),
        ("playground-v2.5-1024px", ("playground", "#2.5")),
        ("text-to-video", ("text>video",)),
        ("txt2img", ("text>image",)),
        ("image-to-vidoe", ("image>video",)),
        ("wan-t2v", ("wan", "text>video")),
        ("image2svg", ("image", "svg")),
        ("f5tts", ("f5", "text>speech")),
        ("virtual-try-on", ("virtual", "tryon")),
        ("clarity-upscaler", ("clarity", "upscale")),
        ("sd3.5-large", ("stable", "diffusion", "#3.5", "large")),
        ("...", ()),
        ("²", ()),
    ],
)
def test_the_ways_to_write_a_word_come_to_one_form(segment: str, words: tuple[str, ...]) -> None:
    assert segment_words(segment) == words


@pytest.mark.parametrize(
    ("asked", "nearer", "farther"),
    [
        ("#2.5", "#2.5", "#25"),
        ("#2.5", "#25", "#2.6"),
        ("#3", "#3.1", "#2"),
        ("#2.2", "#2.1", "#2.6"),
        ("#4", "#3.1", "#2"),
    ],
)
def test_a_nearer_version_stands_in_better(asked: str, nearer: str, farther: str) -> None:
    assert 1 >= version_likeness(asked, nearer) > version_likeness(asked, farther) >= 0


def test_a_newer_version_is_more_recent_and_a_date_is_none() -> None:
    assert recency("#3") > recency("#2.5") == recency("#25") > recency("#1")
    assert recency("#2512") == 0


@pytest.mark.parametrize(("digits", "form"), [("02", "#2"), ("3.0", "#3"), ("1.10", "#1.10"), ("095", "#095")])
def test_a_version_number_has_one_form(digits: str, form: str) -> None:
    assert version(digits) == form


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("flux", "flux", 0), ("schnel", "schnell", 1), ("vidoe", "video", 1), ("abc", "xyz", 3), ("a", "abcd", 3)],
)
def test_edits_are_counted_up_to_the_limit(one: str, other: str, distance: int) -> None:
    assert edit_distance(one, other, 2) == distance


@given(st.text(max_size=60))
def test_any_text_has_words(text: str) -> None:
    words = segment_words(text)
    assert all(words)
    assert len(words) <= 2 * len(text) + 3


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_the_edit_distance_is_symmetric(one: str, other: str) -> None:
    assert edit_distance(one, other, 2) == edit_distance(other, one, 2)
