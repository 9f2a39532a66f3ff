"""Replies of the platform API on disk, in the user's cache folder: one file each, made again when lost."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

MAX_FILES = 500
"""More files than this are thinned out, the oldest first."""
MAX_AGE_SECONDS = 30 * 86_400
"""Nothing older is kept: it would not even be a good answer to a revalidation."""


class Reply(NamedTuple):
    """One stored reply."""

    body: Any
    """The JSON value."""
    date: str
    """The server's ``Date`` header, or empty."""
    etag: str
    last_modified: str
    stored_at: float
    """Unix time at which the reply was received, or last confirmed."""

    def fresh(self, ttl: float, now: float) -> bool:
        """Whether the reply is younger than so many seconds; a clock that was set back makes it stale."""
        return 0 <= now - self.stored_at < ttl


class ReplyCache:
    """The stored replies of one folder. A folder that cannot be written costs speed, never an answer."""

    def __init__(self, folder: Path | None, clock: Callable[[], float] = time.time) -> None:
        """Keep replies in this folder; without one, nothing is kept."""
        self._folder = folder
        self._clock = clock

    def get(self, address: str, credential: str) -> Reply | None:
        """Return the reply stored for that address and credential, or None."""
        if self._folder is None:
            return None
        try:
            record = json.loads(_file(self._folder, address, credential).read_bytes())
            reply = Reply(**record["reply"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if record.get("address") != address or not -60 <= self._clock() - reply.stored_at < MAX_AGE_SECONDS:
            return None
        return reply

    def put(self, address: str, credential: str, reply: Reply) -> None:
        """Store the reply, in one step, for this user's eyes only."""
        if self._folder is None:
            return
        file = _file(self._folder, address, credential)
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            text = json.dumps({"address": address, "reply": reply._asdict()})
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(text.encode("utf-8"))
            temporary.replace(file)
            _thin_out(self._folder)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _file(folder: Path, address: str, credential: str) -> Path:
    # Accounts differ in prices and favourites, so the credential is part of the name; a digest does not reveal it.
    digest = hashlib.sha256(f"{credential}\0{address}".encode(errors="surrogatepass")).hexdigest()
    return folder / f"{digest[:40]}.json"


def _thin_out(folder: Path) -> None:
    files = list(folder.glob("*.json"))
    if len(files) <= MAX_FILES:
        return
    aged = sorted((file.stat().st_mtime, file) for file in files)
    for _, file in aged[: len(files) - MAX_FILES * 3 // 4]:
        file.unlink(missing_ok=True)
