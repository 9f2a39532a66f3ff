"""One archive: the same bytes each time, and what uploads want of it."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from conftest import ROOT
from fal_skill.errors import UsageError
from fal_skill.install.bundle import MAX_BYTES, archive, bundled
from fal_skill.install.shipped import NAME, shipped_files

WANTED = [f"{NAME}/{path}" for path in ("LICENSE", "SKILL.md", "references/a.md")] + [
    f"{NAME}/{path}" for path in ("scripts/fal_skill/__init__.py", "scripts/run.py", "templates/t.j2")
]


def test_the_bytes_depend_on_the_files_alone(skill: Path, tmp_path: Path) -> None:
    first = bundled(skill, tmp_path / "a.skill", dry_run=False)
    for path in skill.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        if path.is_file():
            path.chmod(0o600)
    second = bundled(skill, tmp_path / "b.zip", dry_run=False)
    assert first.sha256 == second.sha256
    assert first.file.read_bytes() == second.file.read_bytes()
    (skill / "references/a.md").write_text("other", encoding="utf-8")
    assert bundled(skill, tmp_path / "c.zip", dry_run=True).sha256 != first.sha256


def test_the_archive_is_one_folder_of_sorted_shipped_files(skill: Path, tmp_path: Path) -> None:
    made = bundled(skill, tmp_path / "a.skill", dry_run=False)
    with zipfile.ZipFile(made.file) as archived:
        assert archived.testzip() is None
        assert archived.namelist() == WANTED == list(made.files)
        entries = {entry.filename: entry for entry in archived.infolist()}
    assert {entry.date_time for entry in entries.values()} == {(1980, 1, 1, 0, 0, 0)}
    assert entries[f"{NAME}/scripts/run.py"].external_attr >> 16 & 0o777 == 0o755
    assert entries[f"{NAME}/SKILL.md"].external_attr >> 16 & 0o777 == 0o644


def test_the_real_archive_holds_what_is_shipped_and_fits_an_upload() -> None:
    data, names = archive(ROOT)
    assert list(names) == sorted(f"{NAME}/{path}" for path in shipped_files(ROOT))
    assert len(data) < MAX_BYTES / 2
    assert not [name for name in names if "/evals/" in name or "/tests/" in name or "__pycache__" in name]


def test_a_dry_run_writes_nothing(skill: Path, tmp_path: Path) -> None:
    bundled(skill, tmp_path / "a.skill", dry_run=True)
    assert not (tmp_path / "a.skill").exists()


@pytest.mark.parametrize("name", ["README.md", "skill", "folder.skill"])
def test_a_name_that_is_no_archive_is_refused(skill: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.skill").mkdir()
    with pytest.raises(UsageError):
        bundled(skill, tmp_path / name, dry_run=False)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "nothing half-written stays"
