"""The files of a sandbox: what programs uploaded and what models made, until they expire.

Contents lie in the sandbox's own temporary folder. A generated file may be made only when it is first fetched, so that
a job that nobody looks at costs no encoding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .settings import MAX_STORED_BYTES

Content = bytes | Callable[[], bytes] | Path
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
MAX_FILES_KEPT = 50_000


def safe_name(name: str) -> str:
    """Return a file name that is harmless in an address: one segment of plain characters."""
    plain = _UNSAFE.sub("_", name.replace("\\", "/").rsplit("/", 1)[-1]).strip("._") or "file"
    return plain[-100:]


@dataclass(frozen=True)
class Lifecycle:
    """How long an object stays and who may see it; source: the lifecycle header of both SDKs."""

    seconds: float | None = None
    """Time to live; None = no automatic expiry."""
    acl: str = "allow"
    """allow, hide (404 to others) or forbid (403 to others)."""

    @classmethod
    def of(cls, text: str | None) -> Lifecycle:
        """Return what a lifecycle header asks for; anything that cannot be read asks for nothing."""
        try:
            wanted: Any = json.loads(text or "{}")
        except (ValueError, RecursionError):
            wanted = {}
        if not isinstance(wanted, dict):
            return cls()
        seconds = wanted.get("expiration_duration_seconds")
        acl = wanted.get("initial_acl")
        default = acl.get("default") if isinstance(acl, dict) else None
        return cls(
            float(seconds)
            if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 < seconds < 1e12
            else None,
            default if default in ("hide", "forbid") else "allow",
        )


@dataclass(eq=False, slots=True)
class StoredFile:
    """One object of the store."""

    path: str
    """Path of its address, such as ``/files/b/1f3a/cat.png``."""
    url: str
    content: Content | None = field(repr=False)
    """None while an announced upload has not arrived."""
    content_type: str
    origin: str
    """generated, preview (of a stream) or upload."""
    created_at: float
    lifecycle: Lifecycle
    job_id: str | None = None
    size: int | None = None
    fetched: int = 0

    def expired(self, now: float) -> bool:
        """Return whether its time is over."""
        return self.lifecycle.seconds is not None and now >= self.created_at + self.lifecycle.seconds


class FileStore:
    """All files of a sandbox, by the path of their address."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self.folder = folder
        self._clock = clock
        self._files: dict[str, StoredFile] = {}
        self._serial = 0
        self.uploaded_bytes = 0

    def __iter__(self) -> Iterator[StoredFile]:
        return iter(list(self._files.values()))

    def put(
        self,
        host: str,
        path: str,
        content: Content | None,
        content_type: str,
        *,
        origin: str,
        lifecycle: Lifecycle,
        job_id: str | None = None,
    ) -> StoredFile:
        """Store a file, or announce one that will be uploaded; a file of the same address is replaced."""
        size = len(content) if isinstance(content, bytes) else None
        stored = StoredFile(
            path, f"https://{host}{path}", content, content_type, origin, self._clock(), lifecycle, job_id, size
        )
        old = self._files.get(path)
        if old is not None:
            stored.fetched = old.fetched
            if origin != "upload" and isinstance(old.content, Path):
                stored.content, stored.size = old.content, old.size  # the same call made the same file
        elif len(self._files) >= MAX_FILES_KEPT:
            self.remove(next(iter(self._files)))
        self._files[path] = stored
        return stored

    def get(self, path: str) -> StoredFile | None:
        """Return the file at that path while it has not expired."""
        stored = self._files.get(path)
        return None if stored is None or stored.expired(self._clock()) else stored

    def remove(self, path: str) -> None:
        """Forget a file and delete what it has on disk."""
        stored = self._files.pop(path, None)
        if stored is not None and isinstance(stored.content, Path):
            if stored.origin == "upload":
                self.uploaded_bytes -= stored.size or 0
            stored.content.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all files."""
        for path in list(self._files):
            self.remove(path)

    def new_file(self) -> Path:
        """Return the name of a file that does not exist yet."""
        self._serial += 1
        return self.folder / f"{self._serial:06d}"

    def room_for(self, size: int) -> bool:
        """Return whether so many bytes may still be stored."""
        return self.uploaded_bytes + size <= MAX_STORED_BYTES

    def received(self, stored: StoredFile, file: Path, size: int) -> None:
        """Take the uploaded content of an announced file."""
        if isinstance(stored.content, Path):
            self.uploaded_bytes -= stored.size or 0
            stored.content.unlink(missing_ok=True)
        stored.content, stored.size = file, size
        self.uploaded_bytes += size

    def on_disk(self, stored: StoredFile) -> Path:
        """Return the file's place on disk; makes and writes it first where it has none. Blocks: call it in a thread."""
        content = stored.content
        if isinstance(content, Path):
            return content
        if content is None:
            raise FileNotFoundError(stored.path)
        data = content() if callable(content) else content
        file = self.new_file()
        file.write_bytes(data)
        stored.content, stored.size = file, len(data)
        return file
