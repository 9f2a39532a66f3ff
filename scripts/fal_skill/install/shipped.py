"""The files that make up the skill on a user's machine: a rule, not a list.

Shipped is what lies in ``references/``, ``scripts/`` and ``templates/`` under a suffix of :data:`SUFFIXES`, with
SKILL.md and the licence. Never shipped are evals and tests (they hold the expected answers), caches, hidden files and
whatever is named like a secret; and a file that holds a key in fal's form stops everything.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SkillError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME = "fal-ai-models-runner"
"""The skill's name, which the specification wants its folder to have too."""
FILES = ("LICENSE", "SKILL.md")
FOLDERS = ("references", "scripts", "templates")
DATA = frozenset((".csv", ".json", ".jsonl", ".toml", ".tsv", ".txt", ".yaml", ".yml"))
PAGES = frozenset((".css", ".html", ".j2", ".md"))
PROGRAMS = frozenset((".cjs", ".js", ".mjs", ".py", ".ts", ".typed"))
MEDIA = frozenset((".glb", ".jpg", ".mp3", ".mp4", ".png", ".svg", ".wav", ".webm", ".webp"))
SUFFIXES = DATA | PAGES | PROGRAMS | MEDIA
CACHES = frozenset(("__pycache__", "__pypackages__"))
NEVER_FOLDERS = CACHES | {"build", "dist", "evals", "node_modules", "tests"}
NEVER_DATA = frozenset(("credential", "credentials", "secret", "secrets", "token", "tokens"))
"""Names of data files that hold secrets; a program or a page of that name is about them."""
EXECUTABLE, PLAIN = 0o755, 0o644

_KEY = re.compile(rb"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}:[0-9a-f]{32}\b", re.IGNORECASE)


class KeyFoundError(SkillError):
    """A file that would be shipped holds a key."""


def source_root() -> Path:
    """Return the folder that holds SKILL.md and this package; UnavailableError when it is not a skill's folder."""
    root = Path(__file__).resolve().parents[3]
    missing = [name for name in ("SKILL.md", *FOLDERS) if not (root / name).exists()]
    if missing:
        raise UnavailableError(
            f"{root} is not the whole skill: {', '.join(missing)} is missing",
            hint="run install_skill.py from a checkout, an unpacked bundle or an installed copy",
        )
    return root


def is_shipped(path: str) -> bool:
    """Return whether a file belongs to the skill, by its path below the root (``/`` between the parts).

    >>> is_shipped("scripts/find_model.py"), is_shipped("evals/evals.json"), is_shipped("scripts/.env")
    (True, False, False)
    """
    if path in FILES:
        return True
    *folders, name = path.split("/")
    if not folders or folders[0] not in FOLDERS or any(_is_left_out(folder) for folder in folders):
        return False
    stem, dot, ending = name.rpartition(".")
    suffix = dot + ending.lower()
    if name.startswith((".", "test_")) or name == "conftest.py" or (suffix in DATA and stem.lower() in NEVER_DATA):
        return False
    return suffix in SUFFIXES


def _is_left_out(folder: str) -> bool:
    return folder.startswith(".") or folder in NEVER_FOLDERS


def shipped_files(root: Path) -> tuple[str, ...]:
    """Return the paths of the shipped files below the root, sorted, ``/`` between the parts.

    Links inside the folders are not followed: what is shipped lies here.
    """
    return tuple(sorted(path for path in _walk(root) if is_shipped(path)))


def _walk(root: Path) -> Iterator[str]:
    for name in FILES:
        if (root / name).is_file():
            yield name
    for top in FOLDERS:
        # The three folders may be links, as an installation by --link makes them; nothing below them may.
        for folder, folders, names in os.walk(root / top):
            folders[:] = sorted(name for name in folders if not _is_left_out(name))
            below = Path(folder).relative_to(root).as_posix()
            yield from (f"{below}/{name}" for name in names if not (Path(folder) / name).is_symlink())


def contents(root: Path, files: Iterable[str]) -> dict[str, bytes]:
    """Return the bytes of these files; KeyFoundError when one holds a key in fal's form (``id:secret``)."""
    found: dict[str, bytes] = {}
    for path in files:
        try:
            data = (root / path).read_bytes()
        except OSError as error:
            raise UnavailableError(f"cannot read {root / path}: {error.strerror or error}") from None
        if _KEY.search(data):
            raise KeyFoundError(f"{path} holds what looks like a fal key: nothing was written", hint="take it out")
        found[path] = data
    return found


def digest(data: bytes) -> str:
    """Return the SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def mode(data: bytes) -> int:
    """Return the permissions a file gets: by its first bytes, for not every system keeps that bit."""
    return EXECUTABLE if data.startswith(b"#!") else PLAIN


def version(skill: bytes) -> str | None:
    """Return the version in the frontmatter of a SKILL.md, or None.

    >>> version(b'---\\nname: x\\nmetadata:\\n  version: "0.1.0"\\n---\\n')
    '0.1.0'
    """
    front = skill.decode("utf-8", "replace").split("\n---", 1)[0]
    found = re.search(r"^\s+version:\s*[\"']?([\w.+-]+)", front, re.MULTILINE)
    return found[1] if found else None


def skill_name(skill: bytes) -> str | None:
    """Return the name in the frontmatter of a SKILL.md, or None."""
    front = skill.decode("utf-8", "replace").split("\n---", 1)[0]
    found = re.search(r"^name:\s*[\"']?([\w.-]+)", front, re.MULTILINE)
    return found[1] if found else None
