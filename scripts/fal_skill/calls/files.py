"""The files that are worth reading below the given paths.

Folders are walked without ever following a link. ``.gitignore`` and ``.ignore`` files are respected (by the optional
package pathspec), from the top of the repository down; a path that is named is read whether it is ignored or not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import UsageError
from .languages import language_of, mentions_fal, needs_head

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAX_BYTES = 1024 * 1024
"""Larger files are left out: generated code, data and bundles."""
MAX_LINE = 20_000
"""Average characters of a line above which a file is taken for generated or minified."""

SKIPPED_FOLDERS = frozenset({
    ".git", ".hg", ".svn", ".jj", "node_modules", ".venv", "venv", "__pycache__", ".tox", ".nox", ".mypy_cache",
    ".ruff_cache", ".pytest_cache", ".hypothesis", ".next", ".nuxt", ".svelte-kit", ".turbo", ".parcel-cache",
    "site-packages", "bower_components", ".terraform", ".gradle", ".idea", ".yarn", ".pnpm-store",
})  # fmt: skip
"""Folders of dependencies and caches, which are read only when they are named."""
_IGNORE_FILES = (".gitignore", ".ignore")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that mentions fal."""

    path: str
    """As it is reached from the given path."""
    language: str
    data: bytes

    @property
    def text(self) -> str:
        """Its text; what is no UTF-8 is replaced."""
        return self.data.decode("utf-8-sig", "replace")


@dataclass
class Survey:
    """What was walked over."""

    files: int = 0
    """Files of a language that is read."""
    lines: int = 0
    """Their lines."""
    skipped: dict[str, int] = field(default_factory=dict)
    """How many files were left out, by reason."""
    too_large: list[str] = field(default_factory=list)
    unread_ignores: bool = False
    """Whether there was a .gitignore that could not be read for want of pathspec."""

    def skip(self, reason: str) -> None:
        """Count a file that is left out."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


def source_files(paths: Iterable[str], survey: Survey, max_bytes: int = MAX_BYTES) -> Iterator[SourceFile]:
    """Yield the files below the paths that mention fal, each once.

    Raises:
        UsageError: a path does not exist.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        try:
            found = os.stat(path)  # noqa: PTH116
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a path"
            raise UsageError(f"cannot read {path!r}: {reason}") from None
        if stat.S_ISDIR(found.st_mode):
            entries = _walked(path, survey)
        elif stat.S_ISREG(found.st_mode):
            entries = iter([(path, found)])
        else:
            raise UsageError(f"{path!r} is neither a file nor a folder")
        for name, status in entries:
            identity = (status.st_dev, status.st_ino)
            if identity in seen and status.st_ino:
                continue
            seen.add(identity)
            source = _read(name, status, survey, max_bytes, is_named=name == path)
            if source is not None:
                yield source


def _read(path: str, status: os.stat_result, survey: Survey, max_bytes: int, *, is_named: bool) -> SourceFile | None:
    language = language_of(path)
    wants_head = language is None and needs_head(path)
    if language is None and not wants_head:
        if is_named:
            language = "text"
        else:
            return None
    if status.st_size > max_bytes:
        survey.skip("too large")
        survey.too_large.append(path)
        return None
    try:
        data = _bytes(path, max_bytes, 256 if wants_head else None)
        if wants_head:
            language = language_of(path, data.decode("utf-8", "replace").partition("\n")[0])
            if language is None:
                return None
            data = _bytes(path, max_bytes, None)
    except OSError:
        survey.skip("not readable")
        return None
    assert language is not None
    if b"\0" in data[:8192]:
        if data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            survey.skip("binary")
            return None
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    survey.files += 1
    lines = data.count(b"\n") + 1
    survey.lines += lines
    if not mentions_fal(data):
        return None
    if len(data) / lines > MAX_LINE or (language in ("javascript", "typescript") and len(data) / lines > 1000):
        survey.skip("minified")
        return None
    return SourceFile(path, language, data)


def _bytes(path: str, max_bytes: int, limit: int | None) -> bytes:
    # A link that was put in the file's place since it was looked at is not followed.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if os.path.islink(path):  # noqa: PTH114 - a link that the caller has named
        flags &= ~getattr(os, "O_NOFOLLOW", 0)
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123
        return file.read(limit or max_bytes + 1)


def _walked(root: str, survey: Survey) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the regular files below a folder, in sorted order."""
    rules = _Rules(root, survey)
    stack = [root]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError:
            survey.skip("not readable")
            continue
        rules.enter(folder, [entry.name for entry in entries])
        folders = []
        for entry in entries:
            try:
                if entry.is_symlink():
                    survey.skip("link")
                elif entry.is_dir(follow_symlinks=False):
                    if entry.name not in SKIPPED_FOLDERS and not rules.ignores(entry.path, is_folder=True):
                        folders.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    known = language_of(entry.name) is not None or needs_head(entry.name)
                    if known and not rules.ignores(entry.path, is_folder=False):
                        yield entry.path, entry.stat(follow_symlinks=False)
            except OSError:
                survey.skip("not readable")
        stack.extend(reversed(folders))


class _Rules:
    """The ignore files that hold for a folder that is walked."""

    def __init__(self, root: str, survey: Survey) -> None:
        self._root = os.path.abspath(root)  # noqa: PTH100
        self._survey = survey
        self._specs: dict[str, GitIgnoreSpec] = {}
        above: list[str] = []
        folder = self._root
        while not os.path.isdir(os.path.join(folder, ".git")):  # noqa: PTH112, PTH118
            parent = os.path.dirname(folder)  # noqa: PTH120
            if parent == folder:
                above = []  # no repository around: only what is below counts
                break
            folder = parent
            above.append(folder)
        for each in above:
            self._load(each)
        excluded = os.path.join(folder, ".git", "info", "exclude")  # noqa: PTH118
        if above or folder == self._root:
            self._load(folder, excluded)
        if above and self.ignores(self._root, is_folder=True):
            self._specs.clear()  # the caller has named a folder that the repository ignores

    def enter(self, folder: str, names: list[str]) -> None:
        """Load the ignore files of a folder."""
        if any(name in names for name in _IGNORE_FILES):
            self._load(os.path.abspath(folder))  # noqa: PTH100

    def _load(self, folder: str, *more: str) -> None:
        lines: list[str] = []
        for path in (*(os.path.join(folder, name) for name in _IGNORE_FILES), *more):  # noqa: PTH118
            try:
                if not os.path.islink(path):  # noqa: PTH114
                    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                        lines += file.read(MAX_BYTES).splitlines()
            except OSError:
                continue
        if not lines:
            return
        try:
            from pathspec import GitIgnoreSpec
        except ModuleNotFoundError:
            self._survey.unread_ignores = True
            return
        try:
            self._specs[folder] = GitIgnoreSpec.from_lines(lines)
        except ValueError:  # a pattern that git would not take either
            self._survey.skip("ignore file not understood")

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Whether the ignore file nearest to a path that has a word on it leaves it out."""
        if not self._specs:
            return False
        whole = os.path.abspath(path)  # noqa: PTH100
        folder = os.path.dirname(whole)  # noqa: PTH120
        while True:
            spec = self._specs.get(folder)
            if spec is not None:
                relative = os.path.relpath(whole, folder).replace(os.sep, "/") + ("/" if is_folder else "")
                found = spec.check_file(relative)
                if found.include is not None:
                    return bool(found.include)
            parent = os.path.dirname(folder)  # noqa: PTH120
            if parent == folder:
                return False
            folder = parent
