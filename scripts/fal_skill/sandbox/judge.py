"""What a program must not do with fal, and how the sandbox notices.

===================  ======================================================================================
``unknown-slug``       a model id that no source lists
``rejected-arguments`` arguments that the model refuses (422)
``polled-too-fast``    status asked more often than the SDK's default of every 0.1 s
``hand-rolled-http``   an HTTP library against queue or run, in a language that has an SDK
``large-base64``       a file of more than 256 KB inside the request, where an upload belongs
``duplicate-submit``   the same call submitted again: a retried submit is a second, billed job
``key-leak``           the key sent to a host that must not see it
``uncollected-job``    a job submitted whose result nobody took
===================  ======================================================================================
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from .jobs import COMPLETED, Job
from .journal import HANDMADE, Exchange, Journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_BASE64 = 256 * 1024
"""Characters of a file inside the arguments above which an upload belongs."""
FASTEST_POLL_SECONDS = 0.09
"""Mean time between polls below which polling is too fast: the SDK's 0.1 s less what a busy machine may blur."""
POLLS_TO_JUDGE = 4
MAX_CALLS_REMEMBERED = 100_000
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{512}")


class Judge:
    """Writes the violations of a sandbox into its journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._calls: dict[bytes, str] = {}

    def clear(self) -> None:
        """Forget the calls seen so far."""
        self._calls.clear()

    def unknown_slug(self, slug: str, suggestions: Iterable[str]) -> None:
        """The program named a model that no source lists."""
        near = ", ".join(suggestions)
        hint = f"did you mean {near}?" if near else "look it up on fal.ai/models, or let it through with --allow-slug"
        self._journal.violation("unknown-slug", slug, f"no source lists the model {slug[:120]!r}", hint)

    def call(self, job: Job, exchange: Exchange, agent: str, *, rejected: bool) -> None:
        """A call was accepted, or its arguments were refused."""
        if rejected:
            first = next((finding for finding in job.findings if finding["severity"] == "error"), None)
            what = f"{first['path']}: {first['message']}" if first else "the arguments do not fit"
            self._journal.violation(
                "rejected-arguments", job.id, f"{job.slug} refuses {what}", first["hint"] if first else "", job.id
            )
        if agent == HANDMADE:
            self._journal.violation(
                "hand-rolled-http",
                f"{exchange.host} {exchange.agent.split('/')[0]}",
                f"{exchange.method} {exchange.host} by {exchange.agent[:60]!r} instead of fal's client",
                "use fal_client or @fal-ai/client: they poll, retry, upload and parse errors",
                job.id,
            )
        large = max((len(text) for text in _embedded_files(job.arguments)), default=0)
        if large > MAX_BASE64:
            self._journal.violation(
                "large-base64", job.id, f"{job.slug} was sent a file of {large // 1024} KB inside the request",
                "upload it and send its URL: fal_client.upload_file, fal.storage.upload", job.id,
            )  # fmt: skip
        digest = _digest(job)
        earlier = self._calls.get(digest)
        if earlier is not None:
            self._journal.violation(
                "duplicate-submit", earlier, f"{job.slug} was called again with the arguments of {earlier}",
                "each submit is a job of its own and is billed: resume the first by its request id", job.id,
            )  # fmt: skip
        elif len(self._calls) < MAX_CALLS_REMEMBERED:
            self._calls[digest] = job.id

    def poll(self, job: Job, now: float) -> None:
        """The state of a pending job was asked for."""
        if job.state == COMPLETED:
            return
        job.polls += 1
        if job.polls == 1:
            job.first_poll = now
        job.last_poll = now
        if job.polls >= POLLS_TO_JUDGE:
            mean = (job.last_poll - job.first_poll) / (job.polls - 1)
            if mean < FASTEST_POLL_SECONDS:
                self._journal.violation(
                    "polled-too-fast", job.id, f"the status of {job.id} was asked every {mean * 1000:.0f} ms",
                    "wait between polls (interval=1 in Python, pollInterval in JavaScript), or use a webhook", job.id,
                )  # fmt: skip

    def key_leak(self, host: str, where: str) -> None:
        """The key was sent to a host that is not fal's API."""
        self._journal.violation(
            "key-leak", host, f"the key was sent to {host} ({where})", "only fal's own API hosts may see the key"
        )

    def uncollected(self, jobs: Iterable[Job]) -> None:
        """The program has ended: name the jobs whose result it never took."""
        for job in jobs:
            elsewhere = job.webhook_url is not None and job.webhook_delivered is None  # an address not delivered to
            if job.origin in ("queue", "mcp") and not (job.collected or job.cancel_asked or elsewhere):
                self._journal.violation(
                    "uncollected-job", job.id, f"nobody took the result of {job.id} ({job.slug})",
                    "wait for it, keep its request id to resume, or cancel it: it is billed all the same", job.id,
                )  # fmt: skip


def _digest(job: Job) -> bytes:
    text = json.dumps([job.slug, job.arguments], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _embedded_files(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str) and len(item) > MAX_BASE64 and (item.startswith("data:") or _BASE64.match(item)):
            yield item
