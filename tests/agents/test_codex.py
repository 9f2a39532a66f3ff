"""Codex lists the skill once, loads it, and runs a script from its folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.lane import Client, run

CLIENT = "codex"
PROVIDER = '{name="stub",base_url="http://127.0.0.1:{port}/v1",wire_api="responses",env_key="STUB_KEY"}'
EXEC = ["codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"]
EXEC += ["-c", "model=stub-model", "-c", "model_provider=stub"]
pytestmark = pytest.mark.clients


def catalogue(client: Client, home: Path) -> list[str]:
    """Return what the model is told of the skill: one description for each copy that is listed."""
    done = run(client, ["codex", "debug", "prompt-input", "hi"], home)
    assert done.code == 0, done.err
    texts = [part["text"] for item in json.loads(done.out) for part in item.get("content", []) if "text" in part]
    return re.findall(r"^- fal-ai-models-runner: (.*) \(file: \S+/SKILL\.md\)$", "\n".join(texts), re.MULTILINE)


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("asked", ["codex", "all"])
def test_the_skill_is_listed_once_with_its_whole_description(
    client: Client, home: Path, put: Callable[..., Path], description: str, asked: str, scope: str
) -> None:
    put(asked, scope)
    assert catalogue(client, home) == [description]


def test_a_linked_installation_is_listed_too(
    client: Client, home: Path, put: Callable[..., Path], description: str
) -> None:
    put("codex", link=True)
    assert catalogue(client, home) == [description]


def test_a_skill_md_that_is_a_link_is_overlooked(client: Client, home: Path, put: Callable[..., Path]) -> None:
    """Why --link copies SKILL.md: when this fails, it need not any more."""
    page = put("codex") / "SKILL.md"
    page.rename(home / "SKILL.md")
    page.symlink_to(home / "SKILL.md")
    assert catalogue(client, home) == []


def test_the_full_loop(client: Client, home: Path, put: Callable[..., Path], body: str) -> None:
    put("codex")
    done = run(
        client,
        [*EXEC, "-c", f"model_providers.stub={PROVIDER}", "make me an image"],
        home,
        env={"STUB_KEY": "x"},
    )
    assert done.code == 0, done.err
    ran = [json.loads(line)["item"] for line in done.out.splitlines() if '"item.completed"' in line]
    commands = [item for item in ran if item["type"] == "command_execution"]
    assert [item["exit_code"] for item in commands] == [0, 0], commands
    assert body in commands[0]["aggregated_output"]
    assert json.loads(commands[1]["aggregated_output"])["results"][0]["status"] == "known"
    assert body in done.told()
