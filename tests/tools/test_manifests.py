"""Manifests are made from one source, and a check says when they are not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, Done
from fal_skill import __version__

SOURCES = ("SKILL.md", "pyproject.toml", "LICENSE", "AGENTS.md", "CHANGELOG.md", "scripts/fal_skill/__init__.py")


def run(tool: str, *arguments: str) -> Done:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / tool), *arguments],
        capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The sources of the manifests, and what is made of them."""
    for name in (*SOURCES, "scripts/verify_slug.py", ".claude-plugin/plugin.json", ".claude-plugin/marketplace.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert run("manifests.py", "--root", str(tmp_path)).code == 0
    return tmp_path


def changed(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")


def test_the_manifests_are_up_to_date() -> None:
    done = run("manifests.py", "--check")
    assert done.code == 0, done.err


def test_making_them_twice_changes_nothing(tree: Path) -> None:
    assert run("manifests.py", "--root", str(tree)).out == ""
    assert run("manifests.py", "--check", "--root", str(tree)).code == 0


@pytest.mark.parametrize("name", [".claude-plugin/plugin.json", ".claude-plugin/marketplace.json", "AGENTS.md"])
def test_a_change_by_hand_is_found_and_not_repaired_by_the_check(tree: Path, name: str) -> None:
    changed(tree / name, __version__, "99.1.1")
    done = run("manifests.py", "--check", "--root", str(tree))
    assert done.code == 1
    assert name in done.err
    assert "99.1.1" in (tree / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["SKILL.md", "pyproject.toml", "CHANGELOG.md", "scripts/fal_skill/__init__.py"])
def test_versions_that_differ_are_an_error(tree: Path, name: str) -> None:
    changed(tree / name, __version__, "99.1.1")
    done = run("manifests.py", "--check", "--root", str(tree))
    assert done.code == 1
    assert f"{name} 99.1.1" in done.err


@pytest.mark.parametrize(("old", "new"), [('license = "MIT"', 'license = "BSD"'), ('name = "fal-ai', 'name = "other')])
def test_a_name_or_licence_that_differs_is_an_error(tree: Path, old: str, new: str) -> None:
    changed(tree / "pyproject.toml", old, new)
    assert run("manifests.py", "--check", "--root", str(tree)).code == 1


def test_authors_addresses_and_keywords_come_from_pyproject(tree: Path) -> None:
    more = 'authors = [{name = "A. Person", email = "a@example.com"}]\nkeywords = ["fal"]\n'
    urls = '[project.urls]\nHomepage = "https://example.com"\nRepository = "https://example.com/r"\n\n'
    changed(tree / "pyproject.toml", 'readme = "README.md"\n', f'readme = "README.md"\n{more}')
    changed(tree / "pyproject.toml", "[project.optional-dependencies]", f"{urls}[project.optional-dependencies]")
    run("manifests.py", "--root", str(tree))
    made = json.loads((tree / ".claude-plugin/plugin.json").read_text(encoding="utf-8"))
    assert made["author"] == {"name": "A. Person", "email": "a@example.com"}
    assert (made["homepage"], made["repository"]) == ("https://example.com", "https://example.com/r")
    assert made["keywords"] == ["fal"]


def test_the_marketplace_offers_this_repository_as_one_plugin_with_one_skill() -> None:
    market = json.loads((ROOT / ".claude-plugin/marketplace.json").read_text(encoding="utf-8"))
    plugin = json.loads((ROOT / ".claude-plugin/plugin.json").read_text(encoding="utf-8"))
    (entry,) = market["plugins"]
    assert entry["source"] == "./"
    assert {key: value for key, value in plugin.items() if key != "skills"} == {
        key: value for key, value in entry.items() if key != "source"
    }
    assert plugin["skills"] == ["./"], "the root is the skill"


CHANGES = (
    "# Changelog\n\n## 0.3.0 (unreleased)\n\n- c\n\n## 0.2.0 (2026-02-01)\n\n- b\n\n## 0.1.0 (2026-01-01)\n\n- a\n"
)


@pytest.mark.parametrize(
    ("version", "code", "out"),
    [("0.2.0", 0, "- b\n"), ("v0.1.0", 0, "- a\n"), ("0.3.0", 1, ""), ("0.2", 1, ""), ("9.9.9", 1, "")],
)
def test_the_notes_of_a_release_are_its_dated_section(tmp_path: Path, version: str, code: int, out: str) -> None:
    file = tmp_path / "CHANGELOG.md"
    file.write_text(CHANGES, encoding="utf-8")
    done = run("changelog.py", version, "--file", str(file))
    assert (done.code, done.out) == (code, out)
