"""Claude Code lists the skill once, loads it by its Skill tool, and runs a script from its folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.lane import Client, Ran, run
from conftest import ROOT
from fal_skill.install.shipped import shipped_files

CLIENT = "claude-code"
QUIET = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
STUB = {**QUIET, "ANTHROPIC_API_KEY": "x", "ANTHROPIC_BASE_URL": "http://127.0.0.1:{port}"}
PRINT = ["claude", "-p", "make me an image", "--output-format", "stream-json", "--verbose"]
pytestmark = pytest.mark.clients


def session(client: Client, home: Path) -> tuple[list[dict[str, Any]], Ran]:
    """Return the events of one session, and the run itself."""
    done = run(client, [*PRINT, "--allowedTools", "Skill", "Bash(python3:*)"], home, env=STUB)
    assert done.code == 0, done.out + done.err
    return [json.loads(line) for line in done.out.splitlines() if line.startswith("{")], done


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("asked", ["claude-code", "all"])
def test_the_full_loop(
    client: Client, home: Path, put: Callable[..., Path], description: str, body: str, asked: str, scope: str
) -> None:
    put(asked, scope)
    events, done = session(client, home)
    start = next(event for event in events if event.get("subtype") == "init")
    assert start["skills"].count("fal-ai-models-runner") == 1
    assert description[:200] in done.told()
    assert body in done.told()
    results = [
        block
        for event in events
        if event["type"] == "user"
        for block in event["message"]["content"]
        if isinstance(block, dict) and block.get("type") == "tool_result"
    ]
    assert [bool(block.get("is_error")) for block in results] == [False, False], results
    assert json.loads(results[1]["content"])["results"][0]["status"] == "known"


def test_the_plugin_manifests_are_valid_and_bring_the_skill(client: Client, home: Path) -> None:
    repository = home / "repository"
    for name in (*shipped_files(ROOT), ".claude-plugin/plugin.json", ".claude-plugin/marketplace.json"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, repository / name)
    for command in (
        ["validate", str(repository)],
        ["marketplace", "add", str(repository)],
        ["install", "fal-ai-models-runner@fal-ai-models-runner"],
    ):
        done = run(client, ["claude", "plugin", *command], home, env=QUIET)
        assert done.code == 0, done.out + done.err
    details = run(client, ["claude", "plugin", "details", "fal-ai-models-runner"], home, env=QUIET)
    assert "Skills (1)  fal-ai-models-runner" in details.out
