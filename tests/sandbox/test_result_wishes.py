"""Wishes: what a call asks for is read in all spellings that the models on fal use."""

from __future__ import annotations

from typing import Any

import pytest

from fal_skill.sandbox.results.sizes import PRESETS, size
from fal_skill.sandbox.results.wishes import format_in, seconds_in


@pytest.mark.parametrize(
    ("values", "video", "expected"),
    [
        ({"aspect_ratio": "16:9", "resolution": "1080p"}, True, (1920, 1080)),
        ({"aspect_ratio": "9:16", "resolution": "720p"}, True, (720, 1280)),
        ({"aspect_ratio": "1:1", "resolution": "480p"}, True, (480, 480)),
        ({"resolution": "480p"}, True, (854, 480)),
        ({"resolution": "4k"}, True, (3840, 2160)),
        ({"aspect_ratio": "21:9"}, True, (1680, 720)),
        ({"aspect_ratio": "auto", "resolution": "auto"}, True, (1280, 720)),
        ({}, True, (1280, 720)),
        ({"aspect_ratio": "1:1", "resolution": "2K"}, False, (2048, 2048)),
        ({"resolution": "4K"}, False, (4096, 4096)),
        ({"resolution": "0.5K"}, False, (512, 512)),
        ({"aspect_ratio": {"ratio": "1:1"}}, False, (1024, 1024)),
        ({"image_size": "1536x1024"}, False, (1536, 1024)),
        ({"image_size": "auto_2K"}, False, (2048, 2048)),
        ({"resolution": "992x512"}, True, (992, 512)),
        ({"width": 300, "height": 200}, False, (300, 200)),
        ({"image_size": {"width": float("inf"), "height": 10**400}}, False, (16383, 16383)),
        ({"image_size": {"width": float("nan"), "height": -3}}, False, (1024, 1024)),
        ({"aspect_ratio": "0:9"}, False, (1024, 1024)),
        ({"aspect_ratio": "landscape"}, True, (1280, 720)),
    ],
)
def test_sizes_follow_presets_ratios_and_resolutions(values: Any, video: bool, expected: tuple[int, int]) -> None:
    assert size(values, {}, video=video) == expected


def test_what_is_asked_wins_over_the_default_size() -> None:
    defaults = {"image_size": "landscape_4_3", "resolution": "2K"}
    assert size({"aspect_ratio": "1:1"}, defaults, video=False) == (2048, 2048)
    assert size({}, defaults, video=False) == PRESETS["landscape_4_3"]


@pytest.mark.parametrize("ratio", ["21:9", "16:9", "4:3", "1:1", "2:3", "9:21", "2.35:1"])
def test_an_aspect_ratio_is_kept_within_a_hundredth(ratio: str) -> None:
    width, height = size({"aspect_ratio": ratio}, {}, video=False)
    wide, high = map(float, ratio.split(":"))
    assert width / height == pytest.approx(wide / high, rel=0.01)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        ("5", 5),
        ("8s", 8),
        ("2.5 sec", 2.5),
        ("2 min", 120),
        ("250ms", 0.25),
        ("auto", None),
        (True, None),
        (None, None),
    ],
)
def test_lengths_are_read_in_all_spellings(value: Any, expected: float | None) -> None:
    assert seconds_in(value) == expected


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("mp3_44100_128", "audio", "mp3"),
        ("ogg_opus", "audio", "ogg"),
        ("X264 (.mp4)", "video", "mp4"),
        ("webm_vp9", "video", "webm"),
        ("mkv_h265", "video", "mkv"),
        ("jpg", "image", "jpeg"),
        ({"container": "raw", "encoding": "pcm_s16le"}, "audio", "pcm"),
        (["fbx", "glb"], "3d", "fbx"),
        ("png", "audio", None),
        (7, "image", None),
    ],
)
def test_formats_are_read_in_all_spellings(value: Any, kind: str, expected: str | None) -> None:
    assert format_in(value, kind) == expected
