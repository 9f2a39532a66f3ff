"""The skill as one file: a zip that is the same, byte for byte, wherever it is made from the same files.

Sorted names, one fixed time, permissions from the contents; and stored, not deflated, because zlib's output differs
from version to version. The skill's folder is the top level, as claude.ai and the ``.skill`` format want it.
"""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import NamedTuple

from ..errors import UnavailableError, UsageError
from .shipped import NAME, contents, digest, mode, shipped_files

TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time that the format knows."""
ENDINGS = (".skill", ".zip")
UNIX = 3
"""The system on whose terms the permissions are stored."""
MAX_BYTES = 30 * 1024 * 1024
"""What claude.ai and the Skills API take."""


class Bundle(NamedTuple):
    """An archive that was made."""

    file: Path
    size: int
    sha256: str
    files: tuple[str, ...]
    """Names in the archive, sorted."""


def archive(root: Path) -> tuple[bytes, tuple[str, ...]]:
    """Return the archive's bytes and the names in it."""
    made = contents(root, shipped_files(root))
    buffer = io.BytesIO()
    names = []
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archived:
        for path, data in sorted(made.items()):
            entry = zipfile.ZipInfo(f"{NAME}/{path}", TIME)
            entry.create_system = UNIX
            entry.external_attr = (0o100000 | mode(data)) << 16
            archived.writestr(entry, data)
            names.append(entry.filename)
    return buffer.getvalue(), tuple(names)


def bundled(root: Path, file: Path, *, dry_run: bool) -> Bundle:
    """Write the archive, replacing an older one at once; return what it is. UsageError for a name that is none."""
    if file.suffix.lower() not in ENDINGS:
        raise UsageError(f"--bundle {str(file)!r}: expected a name that ends in {' or '.join(ENDINGS)}")
    data, names = archive(root)
    if len(data) > MAX_BYTES:
        raise UsageError(f"the bundle has {len(data) >> 20} MB, claude.ai takes {MAX_BYTES >> 20}")
    if not dry_run:
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            if file.is_dir():
                raise UsageError(f"--bundle {str(file)!r} is a folder")
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(data)
            fresh.replace(file)
        except OSError as error:
            raise UnavailableError(f"cannot write {file}: {error.strerror or error}") from None
        finally:
            fresh.unlink(missing_ok=True)
    return Bundle(file, len(data), digest(data), names)
