"""Gemini CLI lists the skill once, activates it, and runs a script from its folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.lane import Client, run
from conftest import SCRIPTS, RunScript

CLIENT = "gemini-cli"
TRUSTED = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
KEY_SIGN_IN = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
pytestmark = pytest.mark.clients


def listing(client: Client, home: Path) -> str:
    done = run(client, ["gemini", "skills", "list"], home, env=TRUSTED)
    assert done.code == 0, done.err
    return done.out + done.err


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("asked", ["gemini-cli", "all"])
def test_the_skill_is_listed_once_with_its_description(
    client: Client, home: Path, put: Callable[..., Path], description: str, asked: str, scope: str
) -> None:
    put(asked, scope)
    text = listing(client, home)
    assert text.count("fal-ai-models-runner [Enabled]") == 1
    assert f"Description: {description}\n" in text


def test_the_bundle_can_be_installed_by_gemini_itself(
    client: Client, home: Path, run_script: RunScript, description: str
) -> None:
    bundle = home / "fal-ai-models-runner.skill"
    run_script("install_skill.py", "--bundle", str(bundle))
    done = run(client, ["gemini", "skills", "install", str(bundle), "--consent"], home, env=TRUSTED)
    assert done.code == 0, done.err
    assert (home / ".gemini/skills/fal-ai-models-runner/scripts" / SCRIPTS.joinpath("verify_slug.py").name).is_file()
    assert f"Description: {description}\n" in listing(client, home)


def test_an_extension_brings_no_skill_from_its_root(client: Client, home: Path, put: Callable[..., Path]) -> None:
    """Why there is no gemini-extension.json: it would have to lie above skills/NAME/. When this fails, it may serve."""
    place = put("gemini-cli")
    extension = home / ".gemini/extensions/fal-ai-models-runner"
    extension.parent.mkdir(parents=True)
    place.rename(extension)
    manifest = {"name": "fal-ai-models-runner", "version": "0.1.0"}
    (extension / "gemini-extension.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert "fal-ai-models-runner [Enabled]" not in listing(client, home)


def test_the_full_loop(client: Client, home: Path, put: Callable[..., Path], body: str) -> None:
    put("gemini-cli")
    settings = home / ".gemini/settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps(KEY_SIGN_IN), encoding="utf-8")
    done = run(
        client,
        ["gemini", "-m", "gemini-2.5-pro", "--approval-mode", "yolo", "-o", "json", "-p", "make me an image"],
        home,
        env={**TRUSTED, "GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:{port}"},
    )
    assert done.code == 0, done.err
    tools = json.loads(done.out[done.out.index("{") :])["stats"]["tools"]["byName"]
    assert {name: tool["success"] for name, tool in tools.items()} == {"activate_skill": 1, "run_shell_command": 1}
    assert body in done.told()
    assert '\\"status\\": \\"known\\"' in done.told().replace("\\\\", "\\")
