"""opencode lists the skill once, loads it by its skill tool, and runs a script from its folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.lane import Client, run

CLIENT = "opencode"
QUIET = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
MODEL = {"limit": {"context": 100_000, "output": 4096}}
PROVIDER = {
    "npm": "@ai-sdk/openai-compatible",
    "options": {"baseURL": "http://127.0.0.1:{port}/v1", "apiKey": "x"},
    "models": {"m": MODEL},
}
CONFIG = {"model": "stub/m", "small_model": "stub/m", "share": "disabled", "provider": {"stub": PROVIDER}}
pytestmark = pytest.mark.clients


def listed(client: Client, home: Path) -> list[dict[str, Any]]:
    """Return the entries of that name."""
    done = run(client, ["opencode", "debug", "skill"], home, env=QUIET)
    assert done.code == 0, done.err
    return [skill for skill in json.loads(done.out) if skill["name"] == "fal-ai-models-runner"]


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("asked", ["opencode", "claude-code", "all"])
def test_the_skill_is_listed_once_with_description_and_body(
    client: Client, home: Path, put: Callable[..., Path], description: str, body: str, asked: str, scope: str
) -> None:
    put(asked, scope)
    (skill,) = listed(client, home)
    assert skill["description"] == description
    assert body in skill["content"]


def test_the_full_loop(client: Client, home: Path, put: Callable[..., Path], body: str) -> None:
    put("opencode")
    config = {"OPENCODE_CONFIG_CONTENT": json.dumps(CONFIG)}
    done = run(client, ["opencode", "run", "--format", "json", "make me an image"], home, env={**QUIET, **config})
    assert done.code == 0, done.err
    events = [json.loads(line) for line in done.out.splitlines() if line.startswith("{")]
    tools = {event["part"]["tool"]: event["part"]["state"] for event in events if event["type"] == "tool_use"}
    assert {name: state["status"] for name, state in tools.items()} == {"skill": "completed", "bash": "completed"}
    assert json.loads(tools["bash"]["output"])["results"][0]["status"] == "known"
    assert body in done.told()
