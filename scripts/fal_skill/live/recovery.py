"""Finding out what became of submissions whose reply was lost: the account's own history tells.

A call that was cut off between its first byte and its reply may have become a job. It is never sent again by itself.
fal's history of requests (``/v1/models/requests/by-endpoint``) has the input of each request that has begun, so an
entry with the same input, sent at that time and known to nobody else, is that job. Calls that are equal to the letter
are interchangeable: which of two entries is given to which of them makes no difference. That there is no entry proves
nothing: a job that still waits is not listed, and inputs may not be stored.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from ..errors import SkillError
from .jobs import SENDING, UNCERTAIN, Job, digest_of
from .ledger import Ledger
from .platform import PastRequest, Platform
from .replies import trouble

BEFORE_SECONDS = 300.0
"""How far the clocks of fal and of this machine may differ."""
SEARCHED_SECONDS = 86_400.0
"""How long after its submission a job is looked for: one that waited longer has been given up by most."""


class Search(NamedTuple):
    """What a search has brought."""

    found: tuple[Job, ...]
    """Jobs that have their request id now."""
    open: tuple[Job, ...]
    """Calls of which nobody knows."""
    problem: str | None
    """Why the history could not be read, or None."""


def doubtful(jobs: list[Job]) -> list[Job]:
    """Return the jobs that may have been submitted and have no request id."""
    return [job for job in jobs if job.state in (SENDING, UNCERTAIN) and job.request_id is None]


def searched(ledger: Ledger, platform: Platform, jobs: list[Job]) -> Search:
    """Look for these calls in the account's history and enter the request ids that are found."""
    wanted = doubtful(jobs)
    for job in wanted:
        if job.state == SENDING:  # its process has ended in the middle of it
            ledger.uncertain(job, trouble("maybe-submitted", "the program was killed while it submitted").as_dict())
    found: list[int] = []
    problem: str | None = None
    for slug in dict.fromkeys(job.slug for job in wanted):
        own = [job for job in wanted if job.slug == slug]
        try:
            found += _matched(ledger, platform, slug, own)
        except SkillError as error:
            problem = error.message
    fresh = [ledger.fresh(job) for job in wanted]
    return Search(
        tuple(job for job in fresh if job.id in found), tuple(job for job in fresh if job.id not in found), problem
    )


def _matched(ledger: Ledger, platform: Platform, slug: str, jobs: list[Job]) -> list[int]:
    sent = [job.sent_at or job.created_at for job in jobs]
    end = min(max(sent) + SEARCHED_SECONDS, time.time()) + BEFORE_SECONDS
    by_input: dict[str, list[PastRequest]] = {}
    for request in platform.requests(slug, min(sent) - BEFORE_SECONDS, end):
        if isinstance(request.arguments, dict) and not ledger.knows(request.request_id):
            by_input.setdefault(digest_of(slug, request.arguments), []).append(request)
    found = []
    for job in jobs:
        candidates = sorted(by_input.get(job.sent_hash or "", ()), key=lambda request: request.sent_at)
        for request in candidates:
            by_input[job.sent_hash or ""].remove(request)
            if ledger.found(job, request.request_id):
                found.append(job.id)
                break
    return found
