"""At-most-once fal queue submission, resumable after a crash.

fal_client.submit() re-sends its POST after lost responses, and each POST that
arrives is a new job. Here the POST is sent by us, without retries, and a SQLite
journal is committed to disk before and after it:

    (no row) -> submitting -> accepted -> done
                   |  +-> not_sent / rejected   nothing was queued; may be sent again
                   +-> stays `submitting`       outcome unknown; NEVER sent again by itself

Manual commands:
    python fal_once.py list
    python fal_once.py attach  JOB REQUEST_ID   # fal did get it: adopt that request
    python fal_once.py release JOB              # fal did not get it: allow one new POST
"""
from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
import time
import uuid
from pathlib import Path

import fal_client
import httpx
from fal_client.auth import FAL_QUEUE_RUN_HOST, fetch_auth_credentials

log = logging.getLogger("fal_once")

# Next to this file, not in the current directory: a second journal = a second charge.
DB_PATH = Path(os.environ.get("FAL_JOBS_DB") or Path(__file__).with_name("fal_jobs.sqlite3"))
QUEUE_URL = f"https://{FAL_QUEUE_RUN_HOST}/"
POST_TIMEOUT = httpx.Timeout(120.0, connect=10.0)
# Failures while opening the connection (or the proxy tunnel): the request was never written.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
CONNECT_ATTEMPTS = 6
# Answers that mean "not queued". Anything else that isn't a 2xx with a request_id is "unknown".
REJECTED = {400, 401, 402, 403, 404, 405, 413, 415, 422, 429}
RELEASE_AFTER = 15 * 60  # seconds; a POST could still be in flight before that
POLL_SECONDS = 5.0


class JobError(Exception):
    pass


class SubmissionUnknown(JobError):
    """A POST may have reached fal. It will not be repeated without a human decision."""


class SubmissionRejected(JobError):
    """fal refused the POST; nothing was queued. Rerunning sends it again."""


class NotSent(JobError):
    """No connection; nothing was sent. Rerunning tries again."""


# ---------------------------------------------------------------- journal

def _db() -> sqlite3.Connection:
    db = sqlite3.connect(DB_PATH, timeout=30, isolation_level=None)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA synchronous=EXTRA")  # commit = on disk, journal directory included
    db.execute(
        """CREATE TABLE IF NOT EXISTS jobs (
            job TEXT PRIMARY KEY, endpoint TEXT NOT NULL, arguments TEXT NOT NULL,
            state TEXT NOT NULL, attempt TEXT, request_id TEXT UNIQUE,
            result TEXT, note TEXT, updated REAL NOT NULL)"""
    )
    return db


def _get(db, job):
    return db.execute("SELECT * FROM jobs WHERE job=?", (job,)).fetchone()


def _claim(db, job: str, endpoint: str, arguments: str) -> str | None:
    """Atomically win the right to POST. None: someone already has (or had) it."""
    attempt = uuid.uuid4().hex
    won = db.execute(
        """INSERT INTO jobs(job,endpoint,arguments,state,attempt,updated) VALUES(?,?,?,'submitting',?,?)
           ON CONFLICT(job) DO UPDATE SET endpoint=excluded.endpoint, arguments=excluded.arguments,
             state='submitting', attempt=excluded.attempt, note=NULL, updated=excluded.updated
           WHERE jobs.state IN ('not_sent','rejected')""",
        (job, endpoint, arguments, attempt, time.time()),
    ).rowcount
    return attempt if won == 1 else None


def _move(db, job: str, attempt: str, state: str, *, request_id=None, note=None) -> bool:
    """Leave/refresh `submitting`, only if this attempt still owns the job."""
    return db.execute(
        """UPDATE jobs SET state=?, request_id=?, note=?, updated=?
           WHERE job=? AND attempt=? AND state='submitting'""",
        (state, request_id, note, time.time(), job, attempt),
    ).rowcount == 1


# ---------------------------------------------------------------- submit

def _unknown(job: str, row) -> SubmissionUnknown:
    age = int(time.time() - row["updated"])
    return SubmissionUnknown(
        f"{job!r}: a POST was started {age}s ago and its outcome is unknown"
        f"{' (' + row['note'] + ')' if row['note'] else ''}. Not sending it again. "
        "If no other process is submitting it right now, look for it at https://fal.ai/dashboard/requests, then:\n"
        f"  it is there:      python fal_once.py attach {job!r} REQUEST_ID\n"
        f"  it is not there:  python fal_once.py release {job!r}"
    )


def _submit_once(db, job: str, attempt: str, endpoint: str, arguments: dict, auth: str) -> str:
    for n in range(1, CONNECT_ATTEMPTS + 1):
        # Refresh ownership: stop if the job was released/attached while we slept.
        if not _move(db, job, attempt, "submitting"):
            raise JobError(f"{job!r}: taken over by someone else; rerun to follow it")
        try:
            # Fresh client: no stale keep-alive socket, no transport retries, no redirects.
            with httpx.Client(timeout=POST_TIMEOUT, follow_redirects=False) as http:
                response = http.post(QUEUE_URL + endpoint, json=arguments, headers={"Authorization": auth})
            break
        except NEVER_SENT as exc:
            log.warning("connect %d/%d failed (%r); nothing was sent", n, CONNECT_ATTEMPTS, exc)
            if n == CONNECT_ATTEMPTS:
                _move(db, job, attempt, "not_sent", note=repr(exc))
                raise NotSent(f"{job!r}: could not connect to fal, nothing was sent: {exc!r}") from exc
            time.sleep(2 ** (n - 1))
        except httpx.HTTPError as exc:  # timeout, reset, ...: it may have arrived
            _move(db, job, attempt, "submitting", note=repr(exc))
            raise _unknown(job, _get(db, job)) from exc
    # KeyboardInterrupt, kill -9, power loss: the row simply stays `submitting`.

    if response.is_success:
        try:
            request_id = response.json()["request_id"]
        except (ValueError, KeyError, TypeError):
            request_id = None
        if isinstance(request_id, str) and request_id:
            log.info("job %s accepted as fal request %s", job, request_id)  # before the DB write, on purpose
            if not _move(db, job, attempt, "accepted", request_id=request_id):
                raise JobError(f"{job!r}: row changed during the POST; fal request is {request_id}")
            return request_id

    note = (f"HTTP {response.status_code}, x-fal-request-id="
            f"{response.headers.get('x-fal-request-id')}: {response.text[:200]}")
    if response.status_code in REJECTED:
        _move(db, job, attempt, "rejected", note=note)
        raise SubmissionRejected(f"{job!r}: {note}")
    _move(db, job, attempt, "submitting", note=note)
    raise _unknown(job, _get(db, job))


# ---------------------------------------------------------------- wait (GETs only: always safe to repeat)

def _transient(exc: Exception) -> bool:
    return isinstance(exc, httpx.TransportError) or (
        isinstance(exc, fal_client.FalClientHTTPError) and exc.status_code in (408, 429, 502, 503, 504))


def _wait(client: fal_client.SyncClient, endpoint: str, request_id: str) -> dict:
    handle = client.get_handle(endpoint, request_id)
    while True:
        try:
            status = handle.status()
        except Exception as exc:
            if not _transient(exc):
                raise
            log.warning("status check failed (%r); still waiting for %s", exc, request_id)
        else:
            if isinstance(status, fal_client.Completed):
                break
        time.sleep(POLL_SECONDS)
    return handle.get()  # a generation error raises here; rerunning re-reads it, never re-buys


def run_once(job: str, endpoint: str, arguments: dict) -> dict:
    """Result of `job`; submits it only if it was never submitted under this name."""
    blob = json.dumps(arguments, sort_keys=True, allow_nan=False)
    auth = fetch_auth_credentials().header_value  # fail before journaling anything
    client = fal_client.SyncClient()
    db = _db()
    try:
        attempt = _claim(db, job, endpoint, blob)
        if attempt:
            request_id = _submit_once(db, job, attempt, endpoint, arguments, auth)
        else:
            row = _get(db, job)
            if (row["endpoint"], row["arguments"]) != (endpoint, blob):
                raise JobError(f"{job!r} was already submitted with a different endpoint or arguments; "
                               "use a new job name to buy another video")
            if row["state"] == "submitting":
                raise _unknown(job, row)
            if row["state"] == "done":
                return json.loads(row["result"])
            request_id = row["request_id"]
            log.info("job %s: resuming fal request %s", job, request_id)
        result = _wait(client, endpoint, request_id)
        db.execute("UPDATE jobs SET state='done', result=?, updated=? WHERE job=?",
                   (json.dumps(result), time.time(), job))
        return result
    finally:
        db.close()


# ---------------------------------------------------------------- manual decisions

def attach(job: str, request_id: str) -> None:
    db = _db()
    row = _get(db, job)
    if row is None or row["state"] != "submitting":
        raise JobError(f"{job!r} is not in the unknown state")
    status = fal_client.SyncClient().status(row["endpoint"], request_id)  # raises if fal doesn't know it
    if not _move(db, job, row["attempt"], "accepted", request_id=request_id):
        raise JobError(f"{job!r} changed meanwhile; run `list`")
    print(f"{job}: attached to {request_id} ({status}). Rerun your script.")


def release(job: str) -> None:
    db = _db()
    row = _get(db, job)
    if row is None or row["state"] != "submitting":
        raise JobError(f"{job!r} is not in the unknown state")
    wait = RELEASE_AFTER - (time.time() - row["updated"])
    if wait > 0:
        raise JobError(f"too early: the POST may still be in flight. Check the dashboard again in {int(wait) + 1}s")
    if not _move(db, job, row["attempt"], "not_sent", note="released by hand"):
        raise JobError(f"{job!r} changed meanwhile; run `list`")
    print(f"{job}: released. The next run will POST it once.")


def main(argv: list[str]) -> None:
    match argv:
        case ["list"]:
            for r in _db().execute("SELECT * FROM jobs ORDER BY updated"):
                when = time.strftime("%F %T", time.localtime(r["updated"]))
                print(f"{when}  {r['state']:10}  {r['job']}  {r['request_id'] or '-'}  {r['note'] or ''}")
        case ["attach", job, request_id]:
            attach(job, request_id)
        case ["release", job]:
            release(job)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (JobError, sqlite3.IntegrityError, fal_client.FalClientError, httpx.HTTPError) as exc:
        sys.exit(f"error: {exc}")
