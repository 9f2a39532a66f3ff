"""inspect_ai reads the skill and loads its body; its scripts run once every file is handed over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.lane import HERE, Client, run

CLIENT = "inspect-ai"
pytestmark = pytest.mark.clients


def told(client: Client, home: Path, place: Path, *more: str) -> list[str]:
    """Return the description that was read, the body that was loaded, and what the script printed."""
    done = run(client, [str(client.python), str(HERE / "probes/inspect_ai_probe.py"), str(place), *more], home)
    assert done.code == 0, done.err
    return list(json.loads(done.out))


def test_the_full_loop_with_every_file(
    client: Client, home: Path, put: Callable[..., Path], description: str, body: str
) -> None:
    read, loaded, ran = told(client, home, put("codex"), "whole")
    assert read == description
    assert body in loaded
    assert json.loads(ran)["results"][0]["status"] == "known"


def test_files_with_an_underscore_are_left_out_by_inspect_itself(
    client: Client, home: Path, put: Callable[..., Path], body: str
) -> None:
    """Why the files are handed over: when this fails, ``skill([folder])`` is enough."""
    _, loaded, ran = told(client, home, put("codex"))
    assert body in loaded
    assert "ImportError" in ran
