"""``npx skills`` installs the bundle whole and nothing else; a source tree it copies with all that is in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agents.lane import Client, run
from conftest import ROOT, RunScript
from fal_skill.install.shipped import shipped_files

CLIENT = "skills"
NAME = "fal-ai-models-runner"
QUIET = {"DO_NOT_TRACK": "1"}
pytestmark = pytest.mark.clients


@pytest.fixture
def bundle(run_script: RunScript, tmp_path: Path) -> Path:
    file = tmp_path / "served" / f"{NAME}.skill"
    run_script("install_skill.py", "--bundle", str(file))
    return file


def installed(home: Path) -> set[str]:
    place = home / f"work/.agents/skills/{NAME}"
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}


def test_the_bundles_address_installs_exactly_the_shipped_files(
    client: Client, home: Path, bundle: Path, description: str
) -> None:
    command = ["skills", "add", f"http://127.0.0.1:{{port}}/{bundle.name}", "-a", "codex", "claude-code", "-y"]
    done = run(client, command, home, env=QUIET, files=bundle.parent)
    assert done.code == 0, done.out + done.err
    assert description in done.out
    assert installed(home) == set(shipped_files(ROOT))
    assert (home / f"work/.claude/skills/{NAME}/SKILL.md").is_file()
    (skill,) = json.loads(run(client, ["skills", "list", "--json"], home, env=QUIET).out)
    assert skill["name"] == NAME


def test_a_source_tree_is_copied_with_all_that_is_in_it(client: Client, home: Path) -> None:
    """Why the bundle is the way: nothing in a source tree says what to leave out. When this fails, something may."""
    source = home / "source"
    (source / "evals").mkdir(parents=True)
    shutil.copy(ROOT / "SKILL.md", source / "SKILL.md")
    shutil.copytree(ROOT / ".claude-plugin", source / ".claude-plugin")
    (source / "evals/evals.json").write_text("{}", encoding="utf-8")
    (source / ".gitattributes").write_text("evals export-ignore\n", encoding="utf-8")
    (source / ".gitignore").write_text("evals/\n", encoding="utf-8")
    (source / "package.json").write_text('{"files": ["SKILL.md"]}', encoding="utf-8")
    done = run(client, ["skills", "add", str(source), "-s", NAME, "-a", "codex", "-y"], home, env=QUIET)
    assert done.code == 0, done.out + done.err
    assert "evals/evals.json" in installed(home)
