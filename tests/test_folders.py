"""Where files of the user's go."""

from __future__ import annotations

import sys

import pytest

from fal_skill import folders


def test_xdg_variables_are_followed_only_when_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert folders.cache_folder() == "/somewhere/fal-ai-models-runner"
    assert folders.data_folder() == "/home/me/.local/share/fal-ai-models-runner"


@pytest.mark.parametrize(
    ("platform", "cache", "data"),
    [
        ("darwin", "/home/me/Library/Caches/", "/home/me/Library/Application Support/"),
        ("win32", "/local/", "/local/"),
    ],
)
def test_other_systems_have_their_own_places(
    monkeypatch: pytest.MonkeyPatch, platform: str, cache: str, data: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert folders.cache_folder().startswith(cache + "fal-ai-models-runner")
    assert folders.data_folder().startswith(data + "fal-ai-models-runner")
