"""fal video jobs by webhook: POST /videos submits, POST /fal/webhook/{token} receives.

Environment: FAL_KEY, PUBLIC_URL (https://api.example.com, as fal sees this app).
"""

import base64
import hashlib
import json
import logging
import os
import secrets
import sqlite3
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import fal_client
import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter, BackgroundTasks, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

MODEL = "fal-ai/kling-video/v3/pro/text-to-video"
JWKS_URL = "https://rest.fal.ai/.well-known/jwks.json"
MAX_BODY = 1_000_000  # a video delivery is about 1 KB
VIDEO_DIR = Path(os.environ.get("VIDEO_DIR", "videos"))
DB_PATH = os.environ.get("FAL_JOBS_DB", "fal_jobs.db")

# fal-client resends a submit whose reply was lost (10 attempts by default), and fal has no
# idempotency key: that would be a second, billed video. This is process-wide.
fal_client.client.MAX_ATTEMPTS = 1

log = logging.getLogger("fal_video")
router = APIRouter()


# --- Job store: SQLite stands in for your database ----------------------------------------
# status: sending -> submitted -> received -> done | failed
#         (unknown: no reply to the submit; fal may be making the video all the same)


@contextmanager
def db():
    connection = sqlite3.connect(DB_PATH, timeout=10)
    connection.row_factory = sqlite3.Row
    try:
        with connection:  # commits, or rolls back
            yield connection
    finally:
        connection.close()


def init_store():
    with db() as d:
        d.execute(
            "CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, token TEXT UNIQUE NOT NULL,"
            " request_id TEXT, status TEXT NOT NULL, event TEXT, video TEXT, error TEXT,"
            " created REAL NOT NULL)"
        )


def set_job(job_id, **values):
    columns = ", ".join(f"{name} = ?" for name in values)
    with db() as d:
        d.execute(f"UPDATE jobs SET {columns} WHERE id = ?", [*values.values(), job_id])


# --- Half 1: submit -----------------------------------------------------------------------


class VideoRequest(BaseModel):
    prompt: str = Field(min_length=1)
    duration: Literal["3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"] = "5"
    aspect_ratio: Literal["16:9", "9:16", "1:1"] = "16:9"
    generate_audio: bool = True  # fal's default; costs half as much again


def submit_video(arguments: dict) -> str:
    fal_client.auth.fetch_auth_credentials()  # raises here if FAL_KEY is missing
    public_url = os.environ["PUBLIC_URL"].rstrip("/")
    job_id = str(uuid.uuid4())
    token = secrets.token_urlsafe(32)  # known to you and fal only; never show it to clients
    with db() as d:  # before the submit: the delivery may come before the submit's reply is saved
        d.execute(
            "INSERT INTO jobs (id, token, status, created) VALUES (?, ?, 'sending', ?)",
            (job_id, token, time.time()),
        )
    try:
        handle = fal_client.submit(
            MODEL, arguments=arguments, webhook_url=f"{public_url}/fal/webhook/{token}"
        )
    except Exception as error:
        code = getattr(error, "status_code", None)
        refused = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)) or (
            code is not None and code < 500 and code != 408
        )
        with db() as d:  # "unknown" is not retried (it may be billed): its webhook may still come
            d.execute(
                "UPDATE jobs SET status = ?, error = ? WHERE id = ? AND status = 'sending'",
                ("failed" if refused else "unknown", f"submit: {error}", job_id),
            )
        if refused:
            raise
        log.exception("fal job %s: no reply to the submit", job_id)
        return job_id
    with db() as d:
        d.execute(
            "UPDATE jobs SET request_id = ?,"
            " status = CASE status WHEN 'sending' THEN 'submitted' ELSE status END WHERE id = ?",
            (handle.request_id, job_id),
        )
    return job_id


@router.post("/videos", status_code=202)  # every call costs money: put your own auth on it
def create_video(video: VideoRequest):  # def, not async def: fal_client.submit blocks
    try:
        return {"job_id": submit_video(video.model_dump())}
    except (httpx.HTTPError, fal_client.FalClientHTTPError) as error:
        log.error("fal refused the submit: %s", error)
        raise HTTPException(502, "fal did not accept the job") from error


# --- Half 2: is the caller fal? -----------------------------------------------------------


class KeysUnavailable(Exception):
    pass


_keys: list[Ed25519PublicKey] = []
_fetched = _tried = 0.0
_keys_lock = threading.Lock()


def public_keys(max_age):
    global _keys, _fetched, _tried
    with _keys_lock:
        now = time.time()
        if now - _fetched > max_age and now - _tried > 5:  # forged calls cannot make us hammer fal
            _tried = now
            try:
                response = httpx.get(JWKS_URL, timeout=5)
                response.raise_for_status()
                _keys = [
                    Ed25519PublicKey.from_public_bytes(
                        base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
                    )
                    for key in response.json()["keys"]
                ]
                _fetched = now
            except (httpx.HTTPError, ValueError, KeyError) as error:
                log.error("fal's public keys: %s", error)
        if now - _fetched > max_age:
            raise KeysUnavailable
        return _keys


def signed_fields(headers):
    """The four signed headers, or None if one is missing, malformed or not of now."""
    request_id, user_id, timestamp, signature = (
        headers.get(f"x-fal-webhook-{name}", "")
        for name in ("request-id", "user-id", "timestamp", "signature")
    )
    try:
        fresh = abs(time.time() - int(timestamp)) <= 300
        signature = bytes.fromhex(signature)
    except ValueError:
        return None
    if not (request_id and user_id and fresh and signature):
        return None
    return request_id, user_id, timestamp, signature


def signature_is_fals(fields, raw_body):
    request_id, user_id, timestamp, signature = fields
    digest = hashlib.sha256(raw_body).hexdigest()
    message = "\n".join((request_id, user_id, timestamp, digest)).encode()
    for max_age in (86400, 60):  # no match: fal may have changed its keys, look again
        for key in public_keys(max_age):
            try:
                key.verify(signature, message)
                return True
            except InvalidSignature:
                pass
    return False


# --- Half 2: receive ----------------------------------------------------------------------


def claim(token, event):
    """(job id, is it the first delivery), or None if this is no job of ours."""
    ids = [event["request_id"], event.get("gateway_request_id") or event["request_id"]]
    with db() as d:
        first = d.execute(  # one statement, so two workers cannot both claim
            "UPDATE jobs SET status = 'received', event = ?, request_id = COALESCE(request_id, ?)"
            " WHERE token = ? AND status IN ('sending', 'submitted', 'unknown')"
            " AND (request_id IS NULL OR request_id IN (?, ?))",
            (json.dumps(event), ids[0], token, *ids),
        ).rowcount
        job = d.execute(
            "SELECT id FROM jobs WHERE token = ? AND request_id IN (?, ?)", (token, *ids)
        ).fetchone()
    return (job["id"], first == 1) if job else None


@router.post("/fal/webhook/{token}", include_in_schema=False)
async def fal_webhook(token: str, request: Request, background: BackgroundTasks):
    fields = signed_fields(request.headers)
    if fields is None:
        raise HTTPException(401)
    raw = bytearray()  # the raw bytes: parsed and dumped again they have another hash
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise HTTPException(413)
    try:
        genuine = await run_in_threadpool(signature_is_fals, fields, bytes(raw))
    except KeysUnavailable:
        raise HTTPException(503) from None  # fal delivers again
    if not genuine:
        raise HTTPException(401)

    # It is fal. Is it our job? Any fal customer can have fal call this address.
    event = json.loads(bytes(raw))
    claimed = await run_in_threadpool(claim, token, event)
    if claimed is None:
        raise HTTPException(404)
    job_id, first = claimed
    if first:  # stored already; fal waits only 15 seconds, so the work comes after the answer
        background.add_task(finish, job_id)
    return {"ok": True}


def finish(job_id):
    """Store the video of a received job. May be run again: it overwrites its own file."""
    try:
        with db() as d:
            job = d.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        event = json.loads(job["event"])
        if event["status"] != "OK":
            detail = {"error": event.get("error"), "payload": event.get("payload")}
            set_job(job_id, status="failed", error=json.dumps(detail))
            return
        # The payload is null when fal could not put the output into the delivery.
        result = event.get("payload") or fal_client.result(MODEL, job["request_id"])
        # The URL is public and temporary: keep a copy of your own.
        VIDEO_DIR.mkdir(parents=True, exist_ok=True)
        target = VIDEO_DIR / f"{job_id}.mp4"
        partial = target.with_suffix(f".{secrets.token_hex(4)}.part")
        with httpx.stream("GET", result["video"]["url"], follow_redirects=True, timeout=60) as r:
            r.raise_for_status()
            with partial.open("wb") as file:
                for chunk in r.iter_bytes():
                    file.write(chunk)
        partial.replace(target)
        set_job(job_id, status="done", video=str(target), error=None)
        # Tell your user here.
    except Exception:  # fal has its 200 and will not call again: reconcile() repeats this
        log.exception("fal job %s: left as 'received'", job_id)


def reconcile(older_than=3600):
    """Run at start and from a timer: finishes interrupted work, and asks fal once about each
    job whose webhook never came."""
    with db() as d:
        jobs = d.execute(
            "SELECT * FROM jobs WHERE status = 'received'"
            " OR (status = 'submitted' AND created < ?)",
            (time.time() - older_than,),
        ).fetchall()
    for job in jobs:
        try:
            if job["status"] == "submitted":
                status = fal_client.status(MODEL, job["request_id"])
                if not isinstance(status, fal_client.Completed):
                    continue
                event = {"request_id": job["request_id"], "status": "OK", "payload": None}
                if getattr(status, "error", None):
                    event |= {"status": "ERROR", "error": status.error}
                if not (claim(job["token"], event) or (None, False))[1]:
                    continue
            finish(job["id"])
        except Exception:
            log.exception("fal job %s: not reconciled", job["id"])
