"""Job storage. SQLite so the example runs; swap these functions for your own DB.

What matters is that `finish` is ONE conditional UPDATE: it makes duplicate
deliveries, and the race between the submit response and the webhook, harmless.

status: submitting | queued | submit_unknown  ->  done | failed (final)
"""

import json
import os
import secrets
import sqlite3
import uuid
from contextlib import closing


def _connect() -> sqlite3.Connection:
    db = sqlite3.connect(os.environ.get("JOBS_DB", "jobs.sqlite3"), timeout=5, isolation_level=None)
    db.row_factory = sqlite3.Row
    return db


def init() -> None:
    with closing(_connect()) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(
            """CREATE TABLE IF NOT EXISTS jobs (
                 id TEXT PRIMARY KEY,
                 callback_token TEXT NOT NULL UNIQUE,
                 request_id TEXT UNIQUE,
                 status TEXT NOT NULL,
                 video_url TEXT,
                 error TEXT,
                 arguments TEXT NOT NULL,
                 created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"""
        )


def create(arguments: dict) -> tuple[str, str]:
    job_id, token = str(uuid.uuid4()), secrets.token_urlsafe(32)
    with closing(_connect()) as db:
        db.execute(
            "INSERT INTO jobs (id, callback_token, status, arguments) VALUES (?, ?, 'submitting', ?)",
            (job_id, token, json.dumps(arguments)),
        )
    return job_id, token


def mark_queued(job_id: str, request_id: str) -> None:
    """No-op on the status if the webhook was quicker than the submit response."""
    with closing(_connect()) as db:
        db.execute(
            """UPDATE jobs SET request_id = COALESCE(request_id, ?),
                 status = CASE WHEN status = 'submitting' THEN 'queued' ELSE status END
               WHERE id = ?""",
            (request_id, job_id),
        )


def mark_submit_error(job_id: str, status: str, error: str) -> None:
    with closing(_connect()) as db:
        db.execute(
            "UPDATE jobs SET status = ?, error = ? WHERE id = ? AND status = 'submitting'",
            (status, error, job_id),
        )


def finish(job_id: str, request_id: str, status: str, video_url: str | None, error: str | None) -> bool:
    """True only for the one call that moves the job to its final state."""
    with closing(_connect()) as db:
        cursor = db.execute(
            """UPDATE jobs SET request_id = ?, status = ?, video_url = ?, error = ?
               WHERE id = ? AND status NOT IN ('done', 'failed')
                 AND (request_id IS NULL OR request_id = ?)""",
            (request_id, status, video_url, error, job_id, request_id),
        )
        return cursor.rowcount == 1


def by_id(job_id: str) -> sqlite3.Row | None:
    with closing(_connect()) as db:
        return db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()


def by_token(token: str) -> sqlite3.Row | None:
    with closing(_connect()) as db:
        return db.execute("SELECT * FROM jobs WHERE callback_token = ?", (token,)).fetchone()
