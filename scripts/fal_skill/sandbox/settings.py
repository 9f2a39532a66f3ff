"""What a sandbox is told to be: times, keys, limits, faults."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

MAX_JSON_BYTES = 64 * 1024 * 1024
"""Largest JSON body taken (413 beyond): room for the data URIs that fal accepts and discourages."""
MAX_UPLOAD_BYTES = 1024 * 1024 * 1024
"""Largest single upload or part taken (413 beyond)."""
MAX_STORED_BYTES = 8 * 1024 * 1024 * 1024
"""Uploads kept at one time (507 beyond)."""
MAX_REQUESTS_KEPT = 10_000
"""Request records kept for the report; older ones are counted only."""
MAX_JOBS_KEPT = 10_000
"""Jobs kept once their results were taken; older ones are counted only, and answer 404 as expired ones do."""


def made_up_key() -> str:
    """Return a key of fal's usual shape, ``<uuid>:<hex>``, that is worth nothing anywhere else."""
    return f"{new_id()}:{os.urandom(16).hex()}"


def new_id() -> str:
    """Return a random UUID of version 4 as text; the module uuid would be one more import at the start."""
    data = bytearray(os.urandom(16))
    data[6] = data[6] & 0x0F | 0x40
    data[8] = data[8] & 0x3F | 0x80
    text = data.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(frozen=True)
class Settings:
    """Everything that shapes a sandbox. Times are in seconds."""

    key: str = field(default_factory=made_up_key, repr=False)
    """The key that is accepted; the child's FAL_KEY."""
    empty_key: str = field(default_factory=made_up_key, repr=False)
    """The key of an account without balance: every call with it is refused with 403."""
    no_balance: bool = False
    """Whether programs are given the empty key."""
    queue_seconds: float = 0.05
    """Time that a job spends IN_QUEUE at least."""
    model_seconds: float = 0.25
    """Time that a job spends IN_PROGRESS."""
    runners: int | None = None
    """Jobs of one app that run at a time; None = any number."""
    allow_slugs: tuple[str, ...] = ()
    """Shell patterns of ids to accept although no source lists them (private apps, newer models)."""
    allow_hosts: tuple[str, ...] = ()
    """Hosts that are not fal's and may be reached; all others are refused."""
    faults: tuple[str, ...] = ()
    """Faults from the start, in the notation of ``faults.parse``."""
    webhook_seconds: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6)
    """Waits between webhook deliveries: fal's schedule (10 retries over 2 hours in its older pages) on a fast clock."""
    webhook_timeout: float = 5.0
    """Time that a webhook receiver has to answer; fal gives 15 on the first try."""
    realtime_idle_seconds: float = 60.0
    """A realtime connection without a message for this long is closed."""
    max_json_bytes: int = MAX_JSON_BYTES
    max_upload_bytes: int = MAX_UPLOAD_BYTES
