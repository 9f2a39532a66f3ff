"""Fresh folders for a run: a HOME and a working folder with what the condition allows, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from fal_skill.errors import UsageError
from fal_skill.install.shipped import NAME, contents, mode, shipped_files, source_root

from ..grading.answers import MAX_FILE_BYTES, clean
from ..grading.placeholders import placeholder
from ..grading.tasks import Task

KEPT_VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "UV_CACHE_DIR",
    "PIP_INDEX_URL",
    "UV_INDEX_URL",
)
"""What an agent sees of the user's environment, besides the variables that its adapter names. Never fal's: it costs money."""  # noqa: E501


def place_task(task: Task, folder: Path) -> None:
    """Put the files into the folder that the task's user has."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, source in task.placed_files():
        if not source.is_file():
            raise UsageError(f"the task {task.name} needs {source}, which is not there")
        _write(folder / path, source.read_bytes())
    for given in task.inputs:
        _write(folder / given.path, placeholder(given))


def place_skill(root: Path, folder: Path) -> Path:
    """Copy a skill's shipped files into a skills folder, under the skill's name; returns the copy.

    This repository's own skill ships what ``install_skill.py`` ships: never evals or tests, which hold the answers.
    """
    if not (root / "SKILL.md").is_file():
        raise UsageError(f"{root} holds no SKILL.md", hint="--skill FOLDER")
    target = folder / NAME
    if root.resolve() == source_root():
        for path, data in contents(root, shipped_files(root)).items():
            _write(target / path, data)
            (target / path).chmod(mode(data))
        return target
    for source in sorted(root.rglob("*")):
        parts = source.relative_to(root).parts
        if (
            source.is_file()
            and not source.is_symlink()
            and not {"evals", "tests", ".git", "node_modules", "__pycache__"} & set(parts)
        ):
            _write(target.joinpath(*parts), source.read_bytes())
    return target


def environment(
    home: Path, passed: Iterable[str], fixed: Mapping[str, str], inherited: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment of an agent."""
    given = os.environ if inherited is None else inherited
    names = [*KEPT_VARIABLES, *(name for name in passed if not name.upper().startswith("FAL_"))]
    kept = {name: given[name] for name in names if name in given}
    folders = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_DATA_HOME": home / ".local/share",
        "TMPDIR": home / "tmp",
    }
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    return {
        **kept,
        **{name: str(path) for name, path in folders.items()},
        "CI": "1",
        "NO_COLOR": "1",
        "TERM": "dumb",
        **fixed,
    }


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return the small files of a folder by their path, without the folders of skills."""
    found: dict[str, bytes] = {}
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in ("node_modules", "__pycache__", "venv")
        )
        for name in sorted(names):
            path = Path(root, name)
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_FILE_BYTES and len(found) < 300:
                found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def made_files(before: Mapping[str, bytes], folder: Path) -> dict[str, str]:
    """Return the text files that are new or changed, by their path."""
    return {
        path: clean(data.decode("utf-8", "replace"))
        for path, data in snapshot(folder).items()
        if before.get(path) != data and b"\0" not in data[:4096]
    }


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
