"""What is shipped is a rule, and the rule lets out what nobody should find on a user's machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from fal_skill.errors import UnavailableError
from fal_skill.install import shipped
from fal_skill.install.shipped import FILES, FOLDERS, KeyFoundError, contents, is_shipped, shipped_files

KEY = "01234567-89ab-cdef-0123-456789abcdef:" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("SKILL.md", True),
        ("LICENSE", True),
        ("references/costs.md", True),
        ("references/facts.yaml", True),
        ("scripts/find_model.py", True),
        ("scripts/fal_skill/registry/data/registry.jsonl", True),
        ("scripts/fal_skill/sandbox/media/clip.mp4", True),
        ("scripts/fal_skill/sandbox/node_preload.cjs", True),
        ("templates/_python.j2", True),
        ("templates/javascript-token.j2", True),
        ("scripts/fal_skill/calls/secrets.py", True),
        ("README.md", False),
        ("pyproject.toml", False),
        ("evals/evals.json", False),
        ("tests/conftest.py", False),
        ("scripts/tests/test_x.py", False),
        ("scripts/test_x.py", False),
        ("scripts/conftest.py", False),
        ("references/evals/answers.md", False),
        ("scripts/__pycache__/x.cpython-311.pyc", False),
        ("scripts/x.pyc", False),
        ("scripts/x.py~", False),
        ("scripts/x.py.orig", False),
        ("scripts/node_modules/x/index.js", False),
        ("scripts/.env", False),
        ("scripts/.cache/x.json", False),
        ("scripts/credentials.json", False),
        ("references/Secrets.YAML", False),
        ("scripts/server.pem", False),
        ("scripts/id_rsa", False),
        ("templates/.DS_Store", False),
        (".claude-plugin/plugin.json", False),
    ],
)
def test_what_is_shipped(path: str, expected: bool) -> None:
    assert is_shipped(path) is expected


@given(st.text("abz./_-~é", max_size=30))
def test_nothing_outside_the_folders_is_shipped(path: str) -> None:
    if is_shipped(path):
        assert path in FILES or path.split("/")[0] in FOLDERS


def test_every_file_beside_a_shipped_one_is_shipped_too() -> None:
    lost = [
        path.relative_to(ROOT).as_posix()
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
        if not is_shipped(path.relative_to(ROOT).as_posix())
    ]
    assert not lost, "add the suffix to shipped.py, or put the file where it is not shipped"


def test_the_shipped_files_are_those_that_the_scripts_open() -> None:
    files = set(shipped_files(ROOT))
    assert {
        "SKILL.md",
        "LICENSE",
        "scripts/install_skill.py",
        "scripts/fal_skill/registry/data/registry.jsonl",
    } <= files
    named = re.findall(r"`((?:scripts|references|templates)/[\w./-]+)`", (ROOT / "SKILL.md").read_text("utf-8"))
    assert set(named) <= files


def test_links_inside_the_folders_are_not_followed(tmp_path: Path, skill: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("private", encoding="utf-8")
    try:
        (skill / "references/link.md").symlink_to(outside)
        (skill / "references/folder").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links here")
    assert not [path for path in shipped_files(skill) if "link" in path or "folder" in path]


def test_a_key_stops_everything(skill: Path) -> None:
    (skill / "references/notes.md").write_text(f"FAL_KEY={KEY}", encoding="utf-8")
    with pytest.raises(KeyFoundError, match=r"references/notes\.md"):
        contents(skill, shipped_files(skill))


def test_no_shipped_file_holds_a_key() -> None:
    assert contents(ROOT, shipped_files(ROOT)).keys() == set(shipped_files(ROOT))


def test_a_folder_that_is_not_the_whole_skill_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "scripts/fal_skill/install/shipped.py"))
    with pytest.raises(UnavailableError, match=r"SKILL\.md, references, scripts, templates is missing"):
        shipped.source_root()
