"""What happened: one record per request, refused hosts, notes and violations."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .settings import MAX_REQUESTS_KEPT

SDK = "sdk"
HANDMADE = "handmade"
UNKNOWN = "unknown"

_SDK_AGENT = re.compile(r"^(@fal-ai/|fal-client/|fal-sdk/|fal/)|\bai-sdk/|^litellm/")
_HANDMADE_AGENT = re.compile(
    r"python-requests|python-httpx|aiohttp|python-urllib|urllib3|^node$|^node[ /-]|undici|axios|^got\b|node-fetch"
    r"|superagent|^bun/|^deno/|^needle|^ky\b|node\.js",
    re.IGNORECASE,
)
"""User agents of HTTP libraries of Python and JavaScript, the two languages for which fal has SDKs."""


def agent_kind(user_agent: str, *, through_proxy: bool) -> str:
    """Return ``sdk``, ``handmade`` (an HTTP library of a language that has an SDK) or ``unknown``."""
    if through_proxy or _SDK_AGENT.search(user_agent):
        return SDK
    return HANDMADE if _HANDMADE_AGENT.search(user_agent) else UNKNOWN


@dataclass(slots=True)
class Exchange:
    """One request and what became of it."""

    at: float
    """Seconds since the sandbox began."""
    method: str
    host: str
    path: str
    """With its query, without keys and tokens."""
    surface: str
    agent: str
    place: str = ""
    """What was asked: submit, status, result, run, stream, upload, file, …"""
    status: int | None = None
    """HTTP status; None when no reply was sent."""
    job_id: str | None = None
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the record for the report."""
        return {
            "at": round(self.at, 4), "method": self.method, "host": self.host, "path": self.path, "place": self.place,
            "status": self.status, "request_id": self.job_id, "agent": self.agent, "seconds": round(self.seconds, 4),
        }  # fmt: skip


@dataclass(slots=True)
class Remark:
    """A violation or a note; the same one about the same subject is counted, not repeated."""

    code: str
    message: str
    hint: str
    job_id: str | None
    count: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Return the remark for the report."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "request_id": self.job_id,
            "count": self.count,
        }


@dataclass
class Journal:
    """The memory of a sandbox."""

    exchanges: deque[Exchange] = field(default_factory=lambda: deque(maxlen=MAX_REQUESTS_KEPT))
    total: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """Hosts that are not fal's, and how often each was refused."""
    webhooks: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_REQUESTS_KEPT))
    _violations: dict[tuple[str, str], Remark] = field(default_factory=dict)
    _notes: dict[tuple[str, str], Remark] = field(default_factory=dict)

    def add(self, exchange: Exchange) -> None:
        """Keep the record of a request."""
        self.total += 1
        self.exchanges.append(exchange)

    def refuse(self, host: str) -> bool:
        """Count a refused host; True at its first time."""
        known = host in self.refused
        if known or len(self.refused) < 1000:
            self.refused[host] = self.refused.get(host, 0) + 1
        return not known

    def violation(self, code: str, subject: str, message: str, hint: str = "", job_id: str | None = None) -> None:
        """Record what the program must not do."""
        self._remark(self._violations, code, subject, message, hint, job_id)

    def note(self, code: str, subject: str, message: str, hint: str = "", job_id: str | None = None) -> None:
        """Record what is worth knowing."""
        self._remark(self._notes, code, subject, message, hint, job_id)

    @property
    def violations(self) -> list[Remark]:
        """The violations so far."""
        return list(self._violations.values())

    @property
    def notes(self) -> list[Remark]:
        """The notes so far."""
        return list(self._notes.values())

    def clear(self) -> None:
        """Forget everything."""
        for kept in (self.exchanges, self.webhooks):
            kept.clear()
        for table in (self.refused, self._violations, self._notes):
            table.clear()
        self.total = 0

    def _remark(
        self, table: dict[tuple[str, str], Remark], code: str, subject: str, message: str, hint: str, job_id: str | None
    ) -> None:
        known = table.get((code, subject))
        if known is not None:
            known.count += 1
        elif len(table) < 5000:
            table[code, subject] = Remark(code, message, hint, job_id)
