"""A job as the ledger knows it.

A call passes through these states, each of them on disk before the step that it announces::

    prepared ──▶ sending ──▶ submitted ──▶ done | failed | cancelled
        │           │
        │           ├──▶ refused     the reply says that there is no job
        │           └──▶ uncertain   no reply, or one that does not settle it: there may be a job
        └ nothing was sent: it may be sent (again)

``sending`` is written when the connection stands and before the first byte of the request leaves. A process that is
killed leaves its call in the state that it had reached, so a call found as ``sending`` whose process has ended is
uncertain, and a ``prepared`` one is safe to send.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

PREPARED = "prepared"
SENDING = "sending"
SUBMITTED = "submitted"
UNCERTAIN = "uncertain"
REFUSED = "refused"
DONE = "done"
FAILED = "failed"
CANCELLED = "cancelled"
UNFINISHED = (SENDING, SUBMITTED, UNCERTAIN)
"""States in which a job runs, or may."""


class Job(NamedTuple):
    """One row of the ledger. Times are Unix seconds, amounts USD."""

    id: int
    created_at: float
    changed_at: float
    state: str
    slug: str
    call: str
    """Digest of the call as the user gave it, local files by content."""
    sent_hash: str | None
    """Digest of the arguments as they were sent, uploads by address."""
    arguments: str | None
    """JSON of the arguments as sent, without credentials; None with ``--private``."""
    private: int
    request_id: str | None
    sent_at: float | None
    finished_at: float | None
    batch: str | None
    """Which batch it belongs to: the file's path."""
    item: str | None
    """Which call of the batch it is: its digest, and its number among equal ones."""
    folder: str | None
    """Where its files belong."""
    process: int | None
    process_began: str | None
    estimate_low: float | None
    estimate_high: float | None
    units: float | None
    """What ``x-fal-billable-units`` said."""
    billed: float | None
    error: str | None
    """JSON of what went wrong."""
    result: str | None
    """JSON of the result, without embedded files."""
    files: str | None
    """JSON list of the files that were saved."""

    @property
    def name(self) -> str:
        """What the user calls the job: its request id, or ``job-7`` while it has none."""
        return self.request_id or f"job-{self.id}"

    def as_dict(self) -> dict[str, Any]:
        """Return what a listing says of the job."""
        return {
            "job": self.id,
            "request_id": self.request_id,
            "slug": self.slug,
            "state": self.state,
            "created_at": iso(self.created_at),
            "finished_at": iso(self.finished_at) if self.finished_at else None,
            "batch": self.batch,
            "item": self.item,
            "folder": self.folder,
            "estimate": {"low": self.estimate_low, "high": self.estimate_high},
            "billed": self.billed,
            "error": json.loads(self.error) if self.error else None,
        }


class Call(NamedTuple):
    """What is to be entered before a submission."""

    slug: str
    digest: str
    """Digest of the call as the user gave it."""
    arguments: dict[str, Any]
    folder: str
    private: bool = False
    estimate: tuple[float | None, float | None] = (None, None)
    batch: str | None = None
    item: str | None = None


def digest_of(slug: str, arguments: Any) -> str:
    """Return the digest of a call: equal for equal arguments, whatever the order of their fields."""
    text = json.dumps([slug, _plain(arguments)], sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return the value with 2.0 written as 2: services write numbers back as they like."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def iso(unix: float) -> str:
    """Return a Unix time as ISO text in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix))


MAX_SENDING_SECONDS = 600.0
"""No submission takes longer: past that, whoever was at it has ended, even where the system cannot tell."""


def alive(job: Job) -> bool:
    """Whether the process that entered the job is still running (and is not another of the same number)."""
    if job.process is None or (job.sent_at is not None and time.time() - job.sent_at > MAX_SENDING_SECONDS):
        return False
    if job.process == os.getpid():
        return job.process_began == process_mark(os.getpid())
    if os.name != "posix":
        return time.time() - job.created_at < MAX_SENDING_SECONDS  # signal 0 would end the process there
    try:
        os.kill(job.process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return job.process_began == process_mark(job.process)


def process_mark(process: int) -> str:
    """Return a mark of when the process began, so that a reused number is seen; empty where the system tells none."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot}:{text.rpartition(')')[2].split()[19]}"
    except (OSError, IndexError, ValueError):
        return ""
