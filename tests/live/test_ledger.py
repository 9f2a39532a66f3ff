"""The ledger: what it lets happen twice, what it keeps, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from fal_skill.errors import UnavailableError, UsageError
from fal_skill.live.jobs import (
    DONE,
    FAILED,
    PREPARED,
    REFUSED,
    SENDING,
    SUBMITTED,
    UNCERTAIN,
    UNFINISHED,
    Call,
    digest_of,
    process_mark,
)
from fal_skill.live.ledger import Ledger

SLUG = "fal-ai/flux/schnell"
KEY = "0a1b2c3d-1111-2222-3333-444455556666:fedcba9876543210"


def call(prompt: str = "a cat", **more: Any) -> Call:
    arguments = {"prompt": prompt}
    return Call(SLUG, digest_of(SLUG, arguments), arguments, "out", **more)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite3")


def another_process(ledger: Ledger, number: int) -> None:
    """Make the row that of a process that has ended."""
    with sqlite3.connect(ledger.path) as db:
        db.execute("update jobs set process = 999999999, process_began = 'x' where id = ?", (number,))
    db.close()


def test_a_job_passes_through_its_states_and_keeps_what_was_said(ledger: Ledger) -> None:
    job, ours = ledger.enter(call(estimate=(0.1, 0.2)))
    assert ours and job.state == PREPARED and job.name == f"job-{job.id}"
    ledger.sending(job, {"prompt": "a cat"})
    assert ledger.fresh(job).state == SENDING
    ledger.submitted(job, "0f1e2d3c-aaaa")
    ledger.ended(job, DONE, result={"seed": 7}, files=[], units=2.0)
    done = ledger.fresh(job)
    assert (done.state, done.request_id, json.loads(done.result or ""), done.units) == (
        DONE,
        "0f1e2d3c-aaaa",
        {"seed": 7},
        2.0,
    )
    assert done.as_dict()["estimate"] == {"low": 0.1, "high": 0.2}


@pytest.mark.parametrize("state", UNFINISHED)
def test_the_same_call_is_not_the_callers_to_send_while_it_has_not_ended(ledger: Ledger, state: str) -> None:
    job, _ = ledger.enter(call())
    ledger._change(job, state=state)
    same, ours = ledger.enter(call())
    assert not ours and same.id == job.id
    other, ours = ledger.enter(call("a dog"))
    assert ours and other.id != job.id
    again, ours = ledger.enter(call(), again=UNFINISHED)
    assert ours and again.id != job.id


@pytest.mark.parametrize("state", [DONE, FAILED, REFUSED])
def test_a_call_that_has_ended_may_be_made_again(ledger: Ledger, state: str) -> None:
    job, _ = ledger.enter(call())
    ledger._change(job, state=state)
    assert ledger.enter(call())[1]


def test_what_a_killed_process_had_only_prepared_is_sent_by_the_next(ledger: Ledger) -> None:
    job, _ = ledger.enter(call())
    another_process(ledger, job.id)
    again, ours = ledger.enter(call())
    assert ours and again.id != job.id
    assert len(ledger.latest(10)) == 1


def test_what_a_living_process_prepares_is_its_own(ledger: Ledger) -> None:
    job, _ = ledger.enter(call())
    assert ledger.enter(call()) == (job, False)


def test_a_number_that_another_process_has_now_is_not_the_old_process(ledger: Ledger) -> None:
    ledger.enter(call())
    if not process_mark(os.getpid()):
        pytest.skip("this system does not tell when a process began")
    with sqlite3.connect(ledger.path) as db:
        db.execute("update jobs set process_began = 'an earlier boot'")
    db.close()
    assert ledger.enter(call())[1]


def test_an_item_of_a_batch_has_one_entry(ledger: Ledger) -> None:
    job, ours = ledger.enter(call(batch="b", item="x:1"))
    ledger.sending(job, {})
    ledger.submitted(job, "id-1")
    ledger.ended(job, DONE)
    assert ours
    assert ledger.enter(call(batch="b", item="x:1")) == (ledger.fresh(job), False)
    assert ledger.enter(call(batch="b", item="x:2"))[1]
    assert ledger.enter(call(batch="other", item="x:1"))[1]


@pytest.mark.parametrize(
    ("state", "sent_again"), [(SENDING, False), (UNCERTAIN, False), (PREPARED, True), (REFUSED, True)]
)
def test_of_a_killed_batch_only_what_was_never_sent_is_sent_again(ledger: Ledger, state: str, sent_again: bool) -> None:
    job, _ = ledger.enter(call(batch="b", item="x:1"))
    ledger._change(job, state=state)
    another_process(ledger, job.id)
    assert ledger.enter(call(batch="b", item="x:1"))[1] is sent_again


def test_a_doubtful_item_that_is_sent_again_stays_on_record(ledger: Ledger) -> None:
    job, _ = ledger.enter(call(batch="b", item="x:1"))
    ledger.uncertain(job, {"code": "maybe-submitted"})
    again, ours = ledger.enter(call(batch="b", item="x:1"), again={UNCERTAIN})
    assert ours and again.id != job.id
    assert [entry.state for entry in ledger.batch("b")] == [UNCERTAIN, PREPARED]


def test_two_threads_cannot_both_enter_one_call(ledger: Ledger) -> None:
    wins: list[bool] = []
    threads = [threading.Thread(target=lambda: wins.append(ledger.enter(call())[1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == [False] * 7 + [True]


def test_the_file_is_for_its_owner_alone(ledger: Ledger) -> None:
    ledger.enter(call())
    for file in ledger.path.parent.glob("ledger*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


@pytest.mark.parametrize("mode", [0o644, 0o606, 0o602])
def test_a_ledger_that_everyone_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ledger.sqlite3"
    Ledger(path).close()
    path.chmod(mode)
    with pytest.raises(UsageError, match="by everyone") as caught:
        Ledger(path)
    assert "chmod 600" in caught.value.hint


def test_a_file_that_is_no_ledger_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_text("this is no database " * 100)
    path.chmod(0o600)
    with pytest.raises(UnavailableError, match="cannot be used"):
        Ledger(path)


def test_a_ledger_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    Ledger(path).close()
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 99")
    db.close()
    with pytest.raises(UnavailableError, match="version 99"):
        Ledger(path)


def test_no_credential_reaches_the_file(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", KEY)
    job, _ = ledger.enter(call())
    ledger.sending(job, {"prompt": f"my key is {KEY}", KEY: 1})
    ledger.uncertain(job, {"message": f"Authorization: Key {KEY}"})
    ledger.ended(job, DONE, result={"echo": KEY}, error={"x": KEY})
    ledger.close()
    raw = b"".join(file.read_bytes() for file in ledger.path.parent.glob("ledger*"))
    assert b"fedcba9876543210" not in raw


def test_private_jobs_keep_a_digest_and_neither_arguments_nor_result(ledger: Ledger) -> None:
    job, _ = ledger.enter(call("a secret wish", private=True))
    ledger.sending(job, {"prompt": "a secret wish"})
    ledger.submitted(job, "id-1")
    ledger.ended(job, DONE, result={"prompt": "a secret wish"})
    kept = ledger.fresh(job)
    assert (kept.arguments, kept.result) == (None, None)
    assert kept.sent_hash == digest_of(SLUG, {"prompt": "a secret wish"})
    ledger.close()
    assert b"secret wish" not in ledger.path.read_bytes()


def test_jobs_are_named_by_id_by_its_beginning_or_by_number(ledger: Ledger) -> None:
    first, _ = ledger.enter(call("1"))
    second, _ = ledger.enter(call("2"))
    ledger.submitted(first, "abcd1111-x")
    ledger.submitted(second, "abcd2222-y")
    assert ledger.job("abcd1111-x") == ledger.fresh(first) == ledger.job("abcd1") == ledger.job(f"job-{first.id}")
    assert ledger.job("abc") is None
    assert ledger.job("nonsense") is None
    assert ledger.job("job-" + "9" * 40) is None
    with pytest.raises(UsageError, match="several request ids"):
        ledger.job("abcd")


def test_a_found_request_id_is_given_to_one_job_only(ledger: Ledger) -> None:
    first, _ = ledger.enter(call("1"))
    second, _ = ledger.enter(call("2"))
    for job in (first, second):
        ledger.uncertain(job, {})
    assert ledger.found(first, "id-1")
    assert not ledger.found(second, "id-1")
    assert not ledger.found(first, "id-2")
    assert ledger.fresh(first).state == SUBMITTED


def test_a_job_of_another_program_can_be_adopted_once(ledger: Ledger) -> None:
    job = ledger.adopt(SLUG, "id-9", "out")
    assert ledger.adopt(SLUG, "id-9", "/elsewhere") == job
    assert [entry.id for entry in ledger.unfinished()] == [job.id]


def test_what_another_process_sends_just_now_is_not_unfinished(ledger: Ledger) -> None:
    job, _ = ledger.enter(call())
    ledger.sending(job, {})
    assert ledger.unfinished() == []
    another_process(ledger, job.id)
    assert [entry.id for entry in ledger.unfinished()] == [job.id]


def test_equal_calls_have_equal_digests_whatever_their_order_or_number_format() -> None:
    assert digest_of(SLUG, {"a": 1, "b": [2.0, {"c": None}]}) == digest_of(SLUG, {"b": [2, {"c": None}], "a": 1.0})
    assert digest_of(SLUG, {"a": 1}) != digest_of(SLUG, {"a": "1"})
    assert digest_of(SLUG, {}) != digest_of("fal-ai/flux/dev", {})
