"""``fal.run``: direct calls, and streams of server-sent events under ``/stream``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from .asking import Ask, DroppedError
from .catalog import Target
from .jobs import IN_QUEUE, Job
from .queue import admitted, outcome_response, read_arguments, submit_options
from .replies import BILLABLE_UNITS, REQUEST_ID, detail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .service import Service

STREAM_STEPS = 3
"""Events of a stream: partial outputs, then the final one."""


class Run:
    """The synchronous service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, ask: Ask) -> Response:
        """Return the answer to a request at the direct host."""
        service = self._service
        slug, streamed = ask.path, False
        if ask.path.endswith("/stream"):
            slug, streamed = ask.path.removesuffix("/stream"), True
        ask.exchange.place = "stream" if streamed else "run"
        ask.allow("POST", "GET")
        token = ask.query.get("fal_jwt_token")
        if token is not None and service.gate.token(token) is not None:
            # Browsers and JavaScript's connectionMode "client" bring a token instead of the key.
            ask.standing = "ours"
        target = self._target(ask, slug, streamed)
        if streamed and not service.catalog.streams(slug):
            service.journal.note(
                "no-stream", slug, f"no source says that {slug} streams: answered as fal does without one",
                "if it does, let it through with --allow-slug",
            )  # fmt: skip
            return detail(404, "Path /stream not found", headers={BILLABLE_UNITS: "0"})
        options = submit_options(ask)
        arguments = await read_arguments(service, ask)
        job = service.take(
            target,
            arguments,
            ask.exchange,
            ask.agent,
            origin="stream" if streamed else "run",
            queue_seconds=0.0,
            **options,
        )
        service.board.collect(job)
        if service.faults.strike("lost-reply", ask.exchange.place):
            raise DroppedError
        if streamed:
            return await self._stream(job)
        await service.board.ended(job)
        return outcome_response(job)

    def _target(self, ask: Ask, slug: str, streamed: bool) -> Target:
        # Ids such as fal-ai/flux-lora/stream are listed under their own name.
        if streamed and self._service.catalog.registry.get(ask.path) is not None:
            return admitted(self._service, ask, ask.path)
        return admitted(self._service, ask, slug)

    async def _stream(self, job: Job) -> Response:
        board = self._service.board
        while job.state == IN_QUEUE:
            await board.changed(job)
        if job.doomed:
            await board.ended(job)
            return outcome_response(job)
        return StreamingResponse(
            self._events(job), media_type="text/event-stream",
            headers={REQUEST_ID: job.id, "cache-control": "no-cache"},
        )  # fmt: skip

    async def _events(self, job: Job) -> AsyncIterator[bytes]:
        board, faults = self._service.board, self._service.faults
        dropped = faults.strike("dropped-stream")
        previews = job.make_previews(STREAM_STEPS - 1)
        for number in range(STREAM_STEPS):
            if dropped is not None and number >= dropped.value:
                raise DroppedError
            await board.changed(job, job.model_seconds / STREAM_STEPS)
            if number < STREAM_STEPS - 1:
                event = previews[number]
            else:
                await board.ended(job)
                event = job.outcome.body if job.outcome is not None else None
            yield f"data: {json.dumps(event)}\n\n".encode()
