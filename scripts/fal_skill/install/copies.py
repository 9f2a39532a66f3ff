"""An installed copy: what it holds, how it differs from the shipped files, and its replacement at once or not at all.

A copy carries a record of what was put there, so that a later run can tell a local change from an old version. A new
state is built beside the copy and swapped in by renaming: an interrupted run leaves the old copy, or the new one.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UnavailableError
from .shipped import CACHES, NAME, digest, mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RECORD = ".installed.json"
STAGING = f".{NAME}.staging"
OLD, NEW = "old", "new"
STALE_SECONDS = 600.0
"""After this time a staging folder is taken for the rest of a run that was killed."""
ABSENT, COPY, LINK, CHECKOUT, OTHER = "absent", "copy", "link", "checkout", "other"


class LinksUnavailableError(UnavailableError):
    """This system, or this user, cannot make symbolic links (Windows without developer mode, some network drives)."""


class Held(NamedTuple):
    """What is at the place of a copy."""

    kind: str
    """``absent``, ``copy``, ``link`` (or junction), ``checkout`` (a git repository) or ``other`` (not a folder)."""
    leads_to: Path | None = None
    """Where a link ends, also when nothing is there."""
    files: Mapping[str, str] = {}
    """Path -> digest of all files but caches and the record."""
    recorded: Mapping[str, str] | None = None
    """Path -> digest as they were put there; None when this program did not."""
    version: str | None = None
    """The version on record."""


class Changes(NamedTuple):
    """How a copy gets from what it holds to what it shall hold; paths below it, sorted."""

    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """Changed or added locally, and left so."""
    replaced: tuple[str, ...] = ()
    """Changed locally, and overwritten because that was asked for; they are among the written or removed too."""
    conflicts: tuple[str, ...] = ()
    """Changed locally and different in the new version: somebody has to decide."""

    @property
    def is_none(self) -> bool:
        """Whether nothing has to be written or removed."""
        return not (self.written or self.removed or self.conflicts)


def held(path: Path) -> Held:
    """Return what is at this path; if a killed run left the path empty, what that run had set aside."""
    if not os.path.lexists(path):
        aside = path.parent / STAGING / OLD
        if not os.path.lexists(aside):
            return Held(ABSENT)
        path = aside
    if is_link(path):
        return Held(LINK, leads_to=Path(os.path.realpath(path)))
    if not path.is_dir():
        return Held(OTHER)
    if (path / ".git").exists():
        return Held(CHECKOUT)
    version, recorded = _record(path)
    return Held(COPY, None, dict(_digests(path)), recorded, version)


def is_link(path: Path) -> bool:
    """Return whether the last part of the path is a symbolic link, or a junction of Windows."""
    if path.is_symlink():
        return True
    beside = os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - realpath gives text
    return os.path.normcase(os.path.realpath(path)) != os.path.normcase(beside)


def changes(now: Held, wanted: Mapping[str, str], *, force: bool) -> Changes:
    """Return what has to be done to a copy, or to nothing, for the wanted files (path -> digest).

    A file that is as it was recorded may be replaced or removed. A local change stays if the wanted file is the
    recorded one, and is a conflict otherwise, unless ``force`` overwrites it. Files that were added stay; but of a
    folder that this program did not make, ``force`` leaves nothing but the wanted files.
    """
    recorded = now.recorded or {}
    written: list[str] = []
    removed: list[str] = []
    kept: list[str] = []
    replaced: list[str] = []
    conflicts: list[str] = []
    for path in sorted({*now.files, *wanted}):
        old, new, put = now.files.get(path), wanted.get(path), recorded.get(path)
        if old == new:
            continue
        if old is None or old == put:
            (removed if new is None else written).append(path)
        elif new is None:
            (removed if force and now.recorded is None else kept).append(path)
        elif force:
            written.append(path)
            replaced.append(path)
        else:
            (kept if new == put else conflicts).append(path)
    # A folder that becomes a link, or the other way round, has no room for what was kept in it.
    conflicts += [path for path in kept if any(_collide(path, new) for new in wanted)]
    kept = [path for path in kept if path not in conflicts]
    if force:
        removed, replaced, conflicts = removed + conflicts, replaced + conflicts, []
    return Changes(*(tuple(sorted(paths)) for paths in (written, removed, kept, replaced, conflicts)))


def _collide(one: str, other: str) -> bool:
    return one.startswith(f"{other}/") or other.startswith(f"{one}/")


def digests(wanted: Mapping[str, bytes | Path]) -> dict[str, str]:
    """Return path -> digest of files (their bytes) and links (the path they lead to)."""
    return {path: digest(item) if isinstance(item, bytes) else _link_digest(item) for path, item in wanted.items()}


def _link_digest(target: Path | str) -> str:
    return f"link to {target}"


def put(path: Path, wanted: Mapping[str, bytes | Path], kept: tuple[str, ...], version: str | None) -> None:
    """Make the folder hold the wanted files and those that are kept, and record it; whatever was there goes.

    Raises UnavailableError when it cannot be written or another run is at it, LinksUnavailableError when a link
    cannot be made; the old state is back then.
    """
    with _Staging(path) as staging:
        fresh = staging.new
        for name in kept:
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path / name, fresh / name, follow_symlinks=False)
        # SKILL.md last: a client that looks meanwhile finds no half skill.
        for name in sorted(wanted.keys() - set(kept), key=lambda name: (name == "SKILL.md", name)):
            _make(fresh / name, wanted[name])
        (fresh / RECORD).write_bytes(_record_text(wanted, version))
        staging.swap()


def note_record(path: Path, wanted: Mapping[str, bytes | Path], version: str | None) -> bool:
    """Bring the record of a copy up to date whose files need no change; return whether it had to be written."""
    text = _record_text(wanted, version)
    record = path / RECORD
    try:
        if record.is_file() and record.read_bytes() == text:
            return False
        fresh = path / f"{RECORD}.{os.getpid()}"
        fresh.write_bytes(text)
        fresh.replace(record)
    except OSError as error:
        raise _unavailable(path, error) from None
    return True


def put_link(path: Path, target: Path) -> None:
    """Make the path a relative link to a folder; only a link or nothing may be there. LinksUnavailableError if not."""
    with _Staging(path) as staging:
        staging.new.rmdir()
        _symlink(os.path.relpath(os.path.realpath(target), os.path.realpath(path.parent)), staging.new)
        staging.swap()


def take_away(path: Path) -> None:
    """Remove a copy or a link, whatever it holds, and the folders above it that are left empty."""
    if is_link(path):
        try:
            path.unlink()
        except OSError as error:
            raise _unavailable(path, error) from None
    else:
        with _Staging(path) as staging:
            staging.set_aside()
    for folder in (path.parent, path.parent.parent):
        if folder == path.parent or folder.name.startswith("."):
            try:
                folder.rmdir()  # refuses unless it is empty
            except OSError:
                return


class _Staging:
    """A folder beside the copy, on the same file system, in which its successor is built; one run at a time has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent / STAGING
        self.new = self.folder / NEW
        self.old = self.folder / OLD

    def __enter__(self) -> _Staging:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._clear_stale()
            self.new.mkdir(parents=True)
        except OSError as error:
            raise _unavailable(self.path, error) from None
        return self

    def _clear_stale(self) -> None:
        if not self.folder.exists():
            return
        if os.path.lexists(self.old) and not os.path.lexists(self.path):
            self.old.replace(self.path)
        elif time.time() - self.folder.stat().st_mtime < STALE_SECONDS:
            raise UnavailableError(
                f"another run is writing to {self.path.parent}",
                hint=f"wait for it; if there is none, delete {self.folder}",
            )
        shutil.rmtree(self.folder)

    def set_aside(self) -> None:
        """Move what is at the path into the staging folder, which will be deleted."""
        self.path.replace(self.old)

    def swap(self) -> None:
        """Put the new state in the place of the old one; the old one is back if that fails."""
        was_there = os.path.lexists(self.path)
        if was_there:
            self.set_aside()
        try:
            self.new.replace(self.path)
        except OSError:
            if was_there:
                self.old.replace(self.path)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self.old.is_symlink():
            self.old.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise _unavailable(self.path, error) from None


def _unavailable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"cannot write {path}: {error.strerror or error}", hint="check its permissions, and that no program uses it"
    )


def _make(file: Path, item: bytes | Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(item, bytes):
        file.write_bytes(item)
        file.chmod(mode(item))
    else:
        _symlink(str(item), file)


def _symlink(target: str, link: Path) -> None:
    try:
        os.symlink(target, link, target_is_directory=True)  # noqa: PTH211 - the text of the link matters
    except (OSError, NotImplementedError, AttributeError) as error:
        raise LinksUnavailableError(
            f"no symbolic link can be made in {link.parent.parent.parent}: {error}",
            hint="leave out --link to copy; on Windows, developer mode allows links",
        ) from None


def _digests(path: Path) -> Iterator[tuple[str, str]]:
    for folder, folders, names in os.walk(path):
        here = Path(folder)
        links = [name for name in folders if is_link(here / name)]
        folders[:] = [name for name in folders if name not in CACHES and name not in links]
        for name in (*names, *links):
            file = here / name
            below = file.relative_to(path).as_posix()
            if below == RECORD:
                continue
            if file.is_symlink():
                # Windows gives the path in its longest form.
                yield below, _link_digest(os.readlink(file).removeprefix("\\\\?\\"))  # noqa: PTH115 - its text
            elif name in links:
                yield below, _link_digest(os.path.realpath(file))
            else:
                try:
                    yield below, digest(file.read_bytes())
                except OSError as error:
                    raise UnavailableError(f"cannot read {file}: {error.strerror or error}") from None


def _record_text(wanted: Mapping[str, bytes | Path], version: str | None) -> bytes:
    value = {
        "about": "Written by install_skill.py to tell local changes from old versions. Do not edit.",
        "name": NAME,
        "version": version,
        "files": dict(sorted(digests(wanted).items())),
    }
    return (json.dumps(value, indent=1) + "\n").encode("utf-8")


def _record(path: Path) -> tuple[str | None, dict[str, str] | None]:
    try:
        value = json.loads((path / RECORD).read_bytes())
        files = {str(name): str(item) for name, item in value["files"].items()}
        version = value.get("version")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # No record, or none that can be read: then every difference counts as a local change.
        return None, None
    return (version if isinstance(version, str) else None), files
