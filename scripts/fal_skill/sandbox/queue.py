"""``queue.fal.run``: submit, status (also as a stream), result, cancel.

Source: fal_client 1.0.3 and @fal-ai/client 1.10.1 (what they send and what they need), fal's queue pages. Pending
states answer 202 and COMPLETED 200 (fal's page on the inference API; the client in the ``fal`` package relies on it).
Arguments are not judged at submit: as with fal, the job takes them, ends at once, and its result is the 422.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from starlette.responses import Response, StreamingResponse

from .asking import Ask, DroppedError, RefusedError
from .auth import refusal
from .catalog import Missing, Target, app_of
from .hosts import QUEUE_HOST
from .inputs import BadBodyError, arguments_of
from .jobs import COMPLETED, IN_PROGRESS, IN_QUEUE, Job
from .replies import BILLABLE_UNITS, REQUEST_ID, Json, detail, units_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .service import Service

PING_SECONDS = 10.0
STREAM_STEP_SECONDS = 0.1
MAX_WEBHOOK_LENGTH = 2048
LOG_LINES = ("Loading the model", "Warming up", "Running inference", "Encoding the output", "Uploading the output")
_NOT_FOUND = {"status": "NOT_FOUND"}


class Queue:
    """The queue service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, ask: Ask) -> Response:
        """Return the answer to a request at the queue's host."""
        head, found, tail = ask.path.partition("/requests/")
        if found and "/" in head:
            return await self._about(ask, head, tail)
        return await self._submit(ask)

    async def _submit(self, ask: Ask) -> Response:
        ask.exchange.place = "submit"
        ask.allow("POST")
        service = self._service
        options = submit_options(ask)
        target = admitted(service, ask, ask.path)
        arguments = await read_arguments(service, ask)
        webhook = ask.query.get("fal_webhook")
        if webhook is not None and (
            len(webhook) > MAX_WEBHOOK_LENGTH or not webhook.startswith(("http://", "https://"))
        ):
            return detail(400, "Invalid fal_webhook: an http or https address is expected", error_type="bad_request")
        longest = ask.query.get("fal_max_queue_length", "")
        if longest.isdigit() and service.board.waiting(target.app) > int(longest[:9]):
            return detail(429, "The queue is longer than fal_max_queue_length", error_type="concurrent_requests_limit")
        job = service.take(
            target, arguments, ask.exchange, ask.agent, origin="queue", webhook_url=webhook or None, **options
        )
        if service.faults.strike("lost-reply", "submit"):
            raise DroppedError
        body = {
            **addresses(job),
            "status": IN_QUEUE,
            "gateway_request_id": job.id,
            "queue_position": service.board.position(job),
        }
        return Json(body, headers={REQUEST_ID: job.id})

    async def _about(self, ask: Ask, head: str, tail: str) -> Response:
        request_id, _, verb = tail.partition("/")
        place = {
            "status": "status",
            "status/stream": "status",
            "": "result",
            "response": "result",
            "cancel": "cancel",
        }.get(verb)
        if place is None:
            return detail(404, f"Path /{verb} not found")
        ask.exchange.place = place
        ask.allow("PUT" if place == "cancel" else "GET")
        denied = refusal(ask.standing, app_of(head).split("/")[-1])
        if denied is not None:
            return denied
        job = self._service.board.get(request_id)
        # Both the short form (owner/alias) and the full id lead to the job.
        if job is None or job.origin not in ("queue", "mcp") or head not in (job.app, job.slug):
            return Json(_NOT_FOUND, 404)
        ask.exchange.job_id = job.id
        if place == "cancel":
            return self._cancelled(job)
        if place == "result":
            return self._result(job)
        logs = ask.query.get("logs", "").lower() in ("1", "true", "yes")
        if verb == "status/stream":
            return StreamingResponse(
                self._events(job, logs), media_type="text/event-stream",
                headers={REQUEST_ID: job.id, "cache-control": "no-cache"},
            )  # fmt: skip
        self._service.judge.poll(job, self._service.clock())
        status = 200 if job.state == COMPLETED else 202
        return Json(self.status_of(job, logs), status, headers={REQUEST_ID: job.id})

    def status_of(self, job: Job, logs: bool) -> dict[str, Any]:
        """Return the status reply of a job."""
        body: dict[str, Any] = {"status": job.state, **addresses(job)}
        if job.state == IN_QUEUE:
            body["queue_position"] = self._service.board.position(job)
            return body
        body["logs"] = self._logs(job) if logs else None
        if job.state == COMPLETED:
            body["metrics"] = {"inference_time": job.inference_seconds}
            if job.outcome is not None and not job.outcome.ok:
                body["error"] = job.outcome.error
                body["error_type"] = job.outcome.error_type
        return body

    def _logs(self, job: Job) -> list[dict[str, Any]]:
        if job.started_at is None:
            return []
        service = self._service
        shown = len(LOG_LINES)
        if job.state == IN_PROGRESS:
            part = (service.clock() - job.started_at) / max(job.model_seconds, 1e-9)
            shown = min(shown, 1 + int(part * shown))
        lines = LOG_LINES[:shown]
        began = service.began_at + job.started_at - service.began
        step = job.model_seconds / len(LOG_LINES)
        return [
            {
                "message": line,
                "level": "INFO",
                "source": "USER",
                "timestamp": datetime.fromtimestamp(began + step * index, timezone.utc).isoformat(),
            }
            for index, line in enumerate(lines)
        ]

    async def _events(self, job: Job, logs: bool) -> AsyncIterator[bytes]:
        board, clock = self._service.board, self._service.clock
        told: tuple[Any, ...] = ()
        lines_told = 0
        last_sent = clock()
        while True:
            status = self.status_of(job, logs)
            lines = status.get("logs") or []
            news = (status["status"], status.get("queue_position"), len(lines))
            if news != told:
                if lines:
                    # Streamed events carry the new lines only: the JavaScript client adds them up.
                    status["logs"], lines_told = lines[lines_told:], len(lines)
                told, last_sent = news, clock()
                yield f"data: {json.dumps(status)}\n\n".encode()
            elif clock() - last_sent > PING_SECONDS:
                last_sent = clock()
                yield b": ping\n\n"
            if status["status"] == COMPLETED:
                return
            await board.changed(job, STREAM_STEP_SECONDS)

    def _result(self, job: Job) -> Response:
        if job.state != COMPLETED or job.outcome is None:
            self._service.judge.poll(job, self._service.clock())
            return Json({"detail": "Request is still in progress"}, 400, headers={REQUEST_ID: job.id})
        self._service.board.collect(job)
        return outcome_response(job)

    def _cancelled(self, job: Job) -> Response:
        if self._service.board.cancel(job):
            return Json({"status": "CANCELLATION_REQUESTED"}, 202, headers={REQUEST_ID: job.id})
        return Json({"status": "ALREADY_COMPLETED"}, 400, headers={REQUEST_ID: job.id})


def addresses(job: Job) -> dict[str, Any]:
    """Return the request id and the three addresses of a queued job, in their short form."""
    base = f"https://{QUEUE_HOST}/{job.app}/requests/{job.id}"
    return {"request_id": job.id, "response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}


def admitted(service: Service, ask: Ask, slug: str) -> Target:
    """Return what the id names; RefusedError when the caller may not run it, or nothing is named."""
    target = service.catalog.find(slug)
    app = (target.app if isinstance(target, Target) else app_of(slug)).split("/")[-1]
    denied = refusal(ask.standing, app)
    if denied is not None:
        raise RefusedError(denied)
    if isinstance(target, Missing):
        service.judge.unknown_slug(slug, service.catalog.suggestions(slug))
        raise RefusedError(detail(404, target.detail, headers={BILLABLE_UNITS: "0"}))
    return target


async def read_arguments(service: Service, ask: Ask) -> dict[str, Any]:
    """Return the arguments in the request's body; RefusedError with 422 when it is not a JSON object."""
    try:
        return arguments_of(await ask.body(service.settings.max_json_bytes))
    except BadBodyError as error:
        raise RefusedError(Json({"detail": error.detail}, 422, headers={BILLABLE_UNITS: "0"})) from None


def submit_options(ask: Ask) -> dict[str, Any]:
    """Return what the headers ask of a job: start timeout, priority, lifecycle; RefusedError when one is wrong."""
    options: dict[str, Any] = {"lifecycle": ask.headers.get("x-fal-object-lifecycle-preference")}
    text = ask.headers.get("x-fal-request-timeout")
    if text is not None:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0.1 < seconds < 1e9:
            raise RefusedError(detail(400, "X-Fal-Request-Timeout: a number above 0.1", error_type="bad_request"))
        options["start_timeout"] = seconds
    priority = ask.headers.get("x-fal-queue-priority", "normal")
    if priority not in ("normal", "low"):
        raise RefusedError(detail(400, "X-Fal-Queue-Priority must be normal or low", error_type="bad_request"))
    options["priority"] = priority
    return options


def outcome_response(job: Job) -> Response:
    """Return what the end of the job answers."""
    outcome = job.outcome
    if outcome is None:
        raise RuntimeError(f"job {job.id} has not ended")
    units = units_text(outcome.billable_units if outcome.ok else 0)
    return Json(outcome.body, outcome.status, headers={REQUEST_ID: job.id, BILLABLE_UNITS: units, **outcome.headers})
