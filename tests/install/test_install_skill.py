"""The command line of install_skill.py, with the real skill."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import SCRIPTS, Done, RunScript, one_line_error
from fal_skill.install.clients import CLIENTS


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The variables by which Windows and other systems find the home folder."""
    return {"USERPROFILE": str(tmp_path), "CLAUDE_CONFIG_DIR": "", "CODEX_HOME": ""}


def test_install_update_and_uninstall_say_what_they_did(
    run_script: RunScript, home: dict[str, str], tmp_path: Path
) -> None:
    place = tmp_path / ".agents/skills/fal-ai-models-runner"

    def run(*arguments: str) -> Done:
        return run_script("install_skill.py", "--client", "codex", *arguments, env=home)

    dry = run("--dry-run").json
    assert (dry["done"], dry["results"][0]["outcome"]) == (False, "installed")
    assert not place.exists()
    made = run().json
    assert made["done"] is True
    assert made["results"][0]["path"] == str(place)
    assert made["results"][0]["counts"]["written"] == sum(path.is_file() for path in place.rglob("*")) - 1
    assert run("--update").json["results"][0]["outcome"] == "unchanged"
    assert run("--uninstall").json["results"][0]["outcome"] == "removed"
    assert not place.exists()
    nothing = run("--update")
    assert nothing.code == 1
    assert "installed in none" in one_line_error(nothing)


def test_an_installed_script_runs_with_a_plain_python(
    run_script: RunScript, home: dict[str, str], tmp_path: Path
) -> None:
    run_script("install_skill.py", "--client", "all", env=home)
    for folder in (".agents", ".claude"):
        script = tmp_path / folder / "skills/fal-ai-models-runner/scripts/verify_slug.py"
        done = subprocess.run(
            [sys.executable, "-E", "-S", str(script), "fal-ai/flux/schnell", "--format", "json"],
            capture_output=True, cwd=tmp_path, timeout=60, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout)["results"][0]["status"] == "known"


def test_an_installed_copy_installs_itself_for_another_client(
    run_script: RunScript, home: dict[str, str], tmp_path: Path
) -> None:
    run_script("install_skill.py", "--client", "codex", env=home)
    script = tmp_path / ".agents/skills/fal-ai-models-runner/scripts/install_skill.py"
    again = run_script(str(script), "--client", "all", env=home).json
    assert [result["outcome"] for result in again["results"]] in (["unchanged", "linked"], ["unchanged", "installed"])
    assert "runs from" in again["results"][0]["notes"][0]
    gone = run_script(str(script), "--client", "all", "--uninstall", env=home)
    assert gone.code == 0, gone.err
    assert not (tmp_path / ".agents").exists()


def test_project_scope_is_the_current_folder(home: dict[str, str], tmp_path: Path) -> None:
    project = tmp_path / "a project with spaces é"
    project.mkdir()
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "install_skill.py"), "--client", "claude-code", "--scope", "project"],
        capture_output=True, cwd=project, env={"PATH": "", "HOME": str(tmp_path), **home}, timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["scope"] == "project"
    assert (project / ".claude/skills/fal-ai-models-runner/SKILL.md").is_file()


def test_local_changes_are_one_line_and_exit_code_1(
    run_script: RunScript, home: dict[str, str], tmp_path: Path
) -> None:
    run_script("install_skill.py", "--client", "codex", env=home)
    (tmp_path / ".agents/skills/fal-ai-models-runner/SKILL.md").write_text("mine", encoding="utf-8")
    done = run_script("install_skill.py", "--client", "codex", "--uninstall", "--format", "text", env=home)
    assert done.code == 1
    assert "SKILL.md" in one_line_error(done)
    assert "nothing was written" in one_line_error(done)


def test_every_client_and_all_are_choices(run_script: RunScript, home: dict[str, str]) -> None:
    assert set(CLIENTS) == {"claude-code", "codex", "gemini-cli", "opencode", "cursor", "vscode", "goose"}
    done = run_script("install_skill.py", "--client", "all", "--dry-run", "--format", "text", env=home)
    assert done.code == 0
    assert all(name in done.out for name in CLIENTS)
    assert "nothing was written" in done.out


def test_the_bundle_is_written_and_summed(run_script: RunScript, tmp_path: Path) -> None:
    file = tmp_path / "fal-ai-models-runner.skill"
    made = run_script("install_skill.py", "--bundle", str(file)).json
    assert file.stat().st_size == made["bytes"]
    text = run_script("install_skill.py", "--bundle", str(file), "--dry-run", "--format", "text")
    assert text.out.startswith(made["sha256"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no --client"),
        (["--client", "emacs"], "invalid choice"),
        (["--client", "codex", "--bundle", "x.skill"], "does not go with --client"),
        (["--bundle", "x.skill", "--scope", "user"], "does not go with --scope"),
        (["--bundle", "x.tar"], ".skill or .zip"),
        (["--client", "codex", "--uninstall", "--update"], "--uninstall"),
        (["--client", "codex", "--uninstall", "--link"], "--uninstall"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run_script: RunScript, arguments: list[str], words: str) -> None:
    done = run_script("install_skill.py", *arguments)
    assert done.code == 2
    assert words in one_line_error(done)
