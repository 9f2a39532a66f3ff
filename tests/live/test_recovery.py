"""Submissions whose reply was lost are found in the account's history, and never guessed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from fal_skill.errors import UnavailableError
from fal_skill.live.jobs import SENDING, SUBMITTED, UNCERTAIN, Call, Job, digest_of
from fal_skill.live.ledger import Ledger
from fal_skill.live.platform import PastRequest
from fal_skill.live.recovery import searched

SLUG = "fal-ai/flux/schnell"


class History:
    """Stands for the platform client."""

    def __init__(self, *requests: PastRequest, fails: bool = False) -> None:
        self.requests_on_record = requests
        self.fails = fails
        self.asked: list[tuple[str, float, float]] = []

    def requests(self, slug: str, start: float, end: float) -> Any:
        self.asked.append((slug, start, end))
        if self.fails:
            raise UnavailableError("out of order")
        return iter(self.requests_on_record)


def past(request_id: str, arguments: Any, slug: str = SLUG) -> PastRequest:
    return PastRequest(request_id, slug, "2026-11-23T08:00:00Z", None, arguments)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite3")


def lost(ledger: Ledger, prompt: str, state: str = UNCERTAIN) -> Job:
    arguments = {"prompt": prompt}
    job, _ = ledger.enter(
        Call(SLUG, digest_of(SLUG, arguments), arguments, "/tmp"), again={UNCERTAIN, SENDING, SUBMITTED}
    )
    ledger.sending(job, arguments)
    ledger._change(job, state=state)
    return ledger.fresh(job)


def test_an_entry_with_the_same_input_that_nobody_knows_is_the_job(ledger: Ledger) -> None:
    job = lost(ledger, "a cat", SENDING)
    history = History(past("id-dog", {"prompt": "a dog"}), past("id-cat", {"prompt": "a cat"}))
    search = searched(ledger, history, [job])  # type: ignore[arg-type]
    assert [found.request_id for found in search.found] == ["id-cat"]
    assert (ledger.fresh(job).state, search.open, search.problem) == (SUBMITTED, (), None)
    ((slug, start, end),) = history.asked
    assert slug == SLUG and start < (job.sent_at or 0) < end <= time.time() + 301


@pytest.mark.parametrize("arguments", [{"prompt": "another"}, {"prompt": "a cat", "seed": 1}, None, "a cat"])
def test_an_entry_with_another_input_is_not(ledger: Ledger, arguments: Any) -> None:
    job = lost(ledger, "a cat")
    search = searched(ledger, History(past("id-1", arguments)), [job])  # type: ignore[arg-type]
    assert [entry.id for entry in search.open] == [job.id] and ledger.fresh(job).state == UNCERTAIN


def test_a_request_that_another_entry_has_is_not_given_twice(ledger: Ledger) -> None:
    done = lost(ledger, "a cat")
    ledger.found(done, "id-1")
    job = lost(ledger, "a cat")
    search = searched(ledger, History(past("id-1", {"prompt": "a cat"})), [ledger.fresh(done), job])  # type: ignore[arg-type]
    assert [entry.id for entry in search.open] == [job.id]


def test_equal_calls_take_one_entry_each(ledger: Ledger) -> None:
    jobs = [lost(ledger, "a cat") for _ in range(3)]
    search = searched(ledger, History(*(past(f"id-{n}", {"prompt": "a cat"}) for n in range(2))), jobs)  # type: ignore[arg-type]
    assert sorted(job.request_id or "" for job in search.found) == ["id-0", "id-1"]
    assert len(search.open) == 1


def test_a_history_that_cannot_be_read_is_told(ledger: Ledger) -> None:
    job = lost(ledger, "a cat")
    search = searched(ledger, History(fails=True), [job])  # type: ignore[arg-type]
    assert (search.found, search.problem) == ((), "out of order")
