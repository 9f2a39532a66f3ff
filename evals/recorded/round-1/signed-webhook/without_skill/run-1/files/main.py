import asyncio
import json
import logging
import os
from contextlib import asynccontextmanager
from typing import Literal

import fal_client
from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from pydantic import BaseModel, Field

import jobs
from fal_webhook import BadSignature, FalWebhookVerifier, KeysUnavailable, SignedHeaders

log = logging.getLogger("uvicorn.error")

MODEL = "fal-ai/kling-video/v3/pro/text-to-video"
MAX_WEBHOOK_BYTES = 1_000_000  # a video webhook is a few hundred bytes of JSON
verifier = FalWebhookVerifier()


@asynccontextmanager
async def lifespan(_: FastAPI):
    if not os.environ.get("FAL_KEY"):
        raise RuntimeError("FAL_KEY is not set")
    if not os.environ.get("PUBLIC_BASE_URL", "").startswith("https://"):
        raise RuntimeError("PUBLIC_BASE_URL must be the public https:// address of this app")
    if not os.environ.get("FAL_USER_ID"):
        log.warning("FAL_USER_ID is not set: webhooks are not pinned to your fal account")
    jobs.init()
    yield


app = FastAPI(lifespan=lifespan)


# ---------------------------------------------------------------- 1. submit


class VideoRequest(BaseModel):
    prompt: str = Field(min_length=1)
    # fal wants a *string* of whole seconds here, not a number
    duration: Literal["3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"] = "5"
    aspect_ratio: Literal["16:9", "9:16", "1:1"] = "16:9"
    generate_audio: bool = True
    negative_prompt: str | None = None
    cfg_scale: float | None = Field(default=None, ge=0, le=1)


# TODO: put your own authentication / quota here; every call costs money at fal.
@app.post("/videos", status_code=202)
async def submit_video(body: VideoRequest) -> dict:
    arguments = body.model_dump(exclude_none=True)
    # Store the job BEFORE submitting: the webhook may beat the submit response.
    job_id, token = jobs.create(arguments)
    webhook_url = f"{os.environ['PUBLIC_BASE_URL'].rstrip('/')}/webhooks/fal/{token}"

    try:
        # fal_client waits 120 s and re-POSTs after a timeout (up to 10 tries), which could
        # start a second paid job. Giving up at 30 s avoids that and bounds this route.
        handle = await asyncio.wait_for(
            fal_client.submit_async(MODEL, arguments=arguments, webhook_url=webhook_url), timeout=30
        )
    except fal_client.FalClientHTTPError as exc:
        # 4xx: fal refused it. Anything else: fal may have taken it.
        refused = 400 <= exc.status_code < 500
        jobs.mark_submit_error(job_id, "failed" if refused else "submit_unknown", str(exc))
        log.error("fal submit failed, job=%s http=%s: %s", job_id, exc.status_code, exc)
        raise HTTPException(502, {"error": "fal did not accept the job", "job_id": job_id}) from exc
    except Exception as exc:
        # E.g. a timeout: the job may exist and its webhook may still come.
        jobs.mark_submit_error(job_id, "submit_unknown", repr(exc))
        log.exception("fal submit outcome unknown, job=%s", job_id)
        raise HTTPException(502, {"error": "could not confirm submission", "job_id": job_id}) from exc

    jobs.mark_queued(job_id, handle.request_id)
    return {"job_id": job_id, "status": "queued"}


@app.get("/videos/{job_id}")
async def get_video(job_id: str) -> dict:
    job = jobs.by_id(job_id)
    if job is None:
        raise HTTPException(404)
    return {"job_id": job["id"], "status": job["status"], "video_url": job["video_url"], "error": job["error"]}


# --------------------------------------------------------------- 2. receive


async def read_limited(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_WEBHOOK_BYTES:
            raise HTTPException(413)
    return bytes(body)


@app.post("/webhooks/fal/{token}", include_in_schema=False)
async def fal_webhook(token: str, request: Request, background: BackgroundTasks) -> dict:
    # (a) Is it fal? Verify the RAW bytes, before any JSON parsing.
    try:
        signed = SignedHeaders.parse(request.headers)
        raw = await read_limited(request)
        await verifier.verify(signed, raw)
    except BadSignature as exc:
        log.warning("rejected fal webhook: %s", exc)
        raise HTTPException(401) from None
    except KeysUnavailable as exc:
        log.error("cannot verify fal webhook: %s", exc)
        raise HTTPException(503) from None

    # (b) Is it OUR fal account? Every fal customer can point a job at this URL,
    #     and fal would sign that one just as well.
    our_user_id = os.environ.get("FAL_USER_ID")
    if our_user_id and signed.user_id != our_user_id:
        log.warning("fal webhook for another account: %s", signed.user_id)
        raise HTTPException(403)

    # (c) Is it a job we started?
    job = jobs.by_token(token)
    if job is None:
        log.warning("genuine fal webhook (user=%s) for an unknown job", signed.user_id)
        raise HTTPException(404)

    event = json.loads(raw)
    # If fal re-ran the request internally, `request_id` is the new run's id and
    # `gateway_request_id` is the id that submit returned to us.
    request_id = event.get("gateway_request_id") or event["request_id"]
    if job["request_id"] and job["request_id"] not in (request_id, event.get("request_id")):
        log.error("webhook for job=%s carries foreign request=%s; ignored", job["id"], request_id)
        return {"ok": True}
    request_id = job["request_id"] or request_id
    if job["status"] in ("done", "failed"):
        return {"ok": True}  # redelivery

    # (d) Store the outcome, then answer 2xx quickly (fal gives us about 15 s).
    status, video_url, error = await outcome(event, request_id)
    if jobs.finish(job["id"], request_id, status, video_url, error):
        log.info("job=%s request=%s fal_user=%s -> %s", job["id"], request_id, signed.user_id, status)
        background.add_task(on_finished, job["id"], status, video_url)
    return {"ok": True}


async def outcome(event: dict, request_id: str) -> tuple[str, str | None, str | None]:
    payload = event.get("payload")
    if event.get("status") != "OK":
        detail = payload.get("detail") if isinstance(payload, dict) else None
        return "failed", None, json.dumps({"error": event.get("error"), "detail": detail})

    if payload is None:  # `payload_error`: it worked, but fal could not put the result in the webhook
        try:
            payload = await asyncio.wait_for(fal_client.result_async(MODEL, request_id), timeout=8)
        except Exception as exc:
            log.error("cannot fetch result of request=%s: %r", request_id, exc)
            raise HTTPException(503) from exc  # fal redelivers, we try again

    try:
        return "done", payload["video"]["url"], None
    except (KeyError, TypeError):
        return "failed", None, json.dumps({"error": "result has no video.url", "payload": payload})


async def on_finished(job_id: str, status: str, video_url: str | None) -> None:
    """Runs once per job, after the 200 has been sent.

    Copy the file to your own storage here (don't treat fal's URL as permanent) and
    notify the user. A BackgroundTask dies with the process: for must-happen
    work, enqueue to Celery/arq/etc. or sweep the `jobs` table instead.
    """
