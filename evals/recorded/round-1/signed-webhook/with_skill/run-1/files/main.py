"""Submit Kling jobs to fal, be called back when they end.  uvicorn main:app"""

import hmac
import json
import logging
import os
import secrets
import sqlite3
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Literal

import fal_client
import httpx
from fastapi import BackgroundTasks, Depends, FastAPI, Header, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from fal_signature import BadDelivery, KeysUnavailable, verify

MODEL = "fal-ai/kling-video/v3/pro/text-to-video"
PUBLIC_BASE_URL = os.environ["PUBLIC_BASE_URL"].rstrip("/")  # https://api.example.com: where fal reaches this app
APP_API_KEY = os.environ["APP_API_KEY"]  # guards POST /videos: it spends money
FAL_USER_ID = os.environ.get("FAL_USER_ID")  # optional: accept deliveries for this fal account only
DATABASE = os.environ.get("DATABASE", "jobs.db")
MEDIA_DIR = Path(os.environ.get("MEDIA_DIR", "media"))
MAX_BODY = 1_000_000

# fal-client repeats a submit whose reply was lost, and fal has no idempotency key: that can be a second, billed job.
# One attempt per request in this process; sweep.py makes up for lost status and result requests.
fal_client.client.MAX_ATTEMPTS = 1

log = logging.getLogger("uvicorn.error")
app = FastAPI()


# --- jobs: submitting -> queued -> done (result known) -> saved (file is ours) | failed | unknown (submit reply lost)


def database() -> closing[sqlite3.Connection]:
    connection = sqlite3.connect(DATABASE, timeout=10, isolation_level=None)  # autocommit
    connection.row_factory = sqlite3.Row
    connection.execute(
        "CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, callback_token TEXT NOT NULL UNIQUE, request_id TEXT,"
        " status TEXT NOT NULL, video_url TEXT, file TEXT, error TEXT, updated REAL NOT NULL)"
    )
    return closing(connection)


def job_by(column: Literal["id", "callback_token"], value: str) -> sqlite3.Row | None:
    with database() as db:
        return db.execute(f"SELECT * FROM jobs WHERE {column} = ?", [value]).fetchone()


def finish(job_id: str, request_id: str, video_url: str | None, error: str | None) -> bool:
    """Record how the job ended. False if that was known: fal may deliver twice, and to two workers."""
    with database() as db:
        changed = db.execute(
            "UPDATE jobs SET status = ?, request_id = coalesce(request_id, ?), video_url = ?, error = ?, updated = ?"
            " WHERE id = ? AND status IN ('submitting', 'queued', 'unknown')",
            ["failed" if error else "done", request_id, video_url, error, time.time(), job_id],
        )
        return changed.rowcount == 1


def save_video(job_id: str) -> None:
    """Copy the file to our side: fal's URL is public and temporary."""
    job = job_by("id", job_id)
    if job is None or job["status"] != "done":
        return
    try:
        url = job["video_url"] or fal_client.result(MODEL, job["request_id"])["video"]["url"]
        MEDIA_DIR.mkdir(parents=True, exist_ok=True)
        target = MEDIA_DIR / f"{job_id}.mp4"
        part = target.with_suffix(f".{secrets.token_hex(4)}.part")
        try:
            with httpx.stream("GET", url, timeout=60, follow_redirects=True) as response, part.open("wb") as file:
                response.raise_for_status()
                for chunk in response.iter_bytes():
                    file.write(chunk)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except Exception as error:
        if isinstance(error, fal_client.FalClientHTTPError) and error.status_code == 422:  # the job failed after all
            with database() as db:
                db.execute("UPDATE jobs SET status = 'failed', error = ? WHERE id = ?", [str(error.message), job_id])
        else:
            log.exception("job %s: video not saved; sweep.py tries again", job_id)
        return
    with database() as db:
        db.execute(
            "UPDATE jobs SET status = 'saved', video_url = ?, file = ?, updated = ? WHERE id = ?",
            [url, str(target), time.time(), job_id],
        )


# --- half 1: submit


class VideoRequest(BaseModel):
    model_config = {"extra": "forbid"}

    prompt: str = Field(min_length=1)
    duration: Literal["3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"] = "5"  # a text, not a number
    aspect_ratio: Literal["16:9", "9:16", "1:1"] = "16:9"
    generate_audio: bool = False  # the model's own default is true, at half as much again


def caller(authorization: Annotated[str, Header()] = "") -> None:
    """Replace this by your own login."""
    if not hmac.compare_digest(authorization.encode(), f"Bearer {APP_API_KEY}".encode()):
        raise HTTPException(401)


@app.post("/videos", status_code=202, dependencies=[Depends(caller)])
def create_video(video: VideoRequest) -> dict[str, Any]:
    job_id, token = str(uuid.uuid4()), secrets.token_urlsafe(32)
    with database() as db:  # before the submit: the delivery must find the job, even if the submit's reply is lost
        db.execute(
            "INSERT INTO jobs (id, callback_token, status, updated) VALUES (?, ?, 'submitting', ?)",
            [job_id, token, time.time()],
        )
    try:
        request_id = fal_client.submit(
            MODEL,
            arguments=video.model_dump(),
            webhook_url=f"{PUBLIC_BASE_URL}/webhooks/fal/{token}",
        ).request_id
    except Exception as error:
        # Refused (4xx) or never connected: there is no job. Anything else: there may be one, so do not submit again;
        # its delivery still arrives under the token.
        refused = isinstance(error, fal_client.FalClientHTTPError) and error.status_code < 500
        refused = refused or isinstance(
            error, (httpx.ConnectError, httpx.ConnectTimeout, fal_client.auth.MissingCredentialsError)
        )
        log.exception("job %s: submit %s", job_id, "refused" if refused else "without a reply")
        with database() as db:
            db.execute(
                "UPDATE jobs SET status = ?, error = ?, updated = ? WHERE id = ? AND status = 'submitting'",
                ["failed" if refused else "unknown", str(error) if refused else None, time.time(), job_id],
            )
        if refused:
            raise HTTPException(502, {"id": job_id, "error": "fal refused the job"}) from error
        return {"id": job_id, "status": "unknown"}
    with database() as db:  # the delivery may have been faster: keep its status
        db.execute(
            "UPDATE jobs SET request_id = ?, updated = ?,"
            " status = CASE status WHEN 'submitting' THEN 'queued' ELSE status END WHERE id = ?",
            [request_id, time.time(), job_id],
        )
    return {"id": job_id, "status": "queued"}


@app.get("/videos/{job_id}", dependencies=[Depends(caller)])
def show_video(job_id: str) -> dict[str, Any]:
    job = job_by("id", job_id)
    if job is None:
        raise HTTPException(404)
    return {key: job[key] for key in ("id", "status", "file", "error")}


# --- half 2: the delivery


async def limited_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413)
    return body


@app.post("/webhooks/fal/{token}")
async def fal_webhook(token: str, request: Request, background: BackgroundTasks) -> dict[str, bool]:
    raw_body = await limited_body(request)
    # 1. Did fal send it?
    try:
        user_id = await run_in_threadpool(verify, request.headers, raw_body)
    except BadDelivery as error:
        log.warning("webhook refused: %s", error)
        raise HTTPException(401) from None
    except KeysUnavailable as error:
        log.error("webhook postponed: %s", error)
        raise HTTPException(503) from None
    # 2. Is it about a job of ours? fal signs for every customer, and any of them can name our address.
    if FAL_USER_ID and not hmac.compare_digest(user_id.encode(), FAL_USER_ID.encode()):
        log.warning("webhook refused: signed for another fal account")
        raise HTTPException(403)
    try:
        event = json.loads(raw_body)
        request_id, status = event["request_id"], event["status"]
    except (ValueError, KeyError, TypeError):
        raise HTTPException(400) from None
    job = await run_in_threadpool(job_by, "callback_token", token)
    if job is None:
        raise HTTPException(404)
    if job["request_id"] and job["request_id"] not in (request_id, event.get("gateway_request_id")):
        log.warning("webhook refused: job %s is not request %s", job["id"], request_id)
        raise HTTPException(403)

    # 3. Record it, answer within fal's 15 seconds, do the slow part afterwards.
    payload = event.get("payload")
    video_url = error = None
    if status == "OK":
        # The payload is null when fal could not put the output into the delivery: save_video asks for it then.
        video_url = ((payload or {}).get("video") or {}).get("url")
    else:
        error = json.dumps({"error": event.get("error"), "payload": payload})
    if await run_in_threadpool(finish, job["id"], request_id, video_url, error):
        log.info("job %s: %s (fal account %s)", job["id"], status, user_id)
        if error is None:
            background.add_task(save_video, job["id"])
    return {"ok": True}
