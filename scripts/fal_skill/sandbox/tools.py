"""The tools of fal's MCP server. Source: fal's pages on it (autumn 2026, and March 2026 for the older ones)."""

from __future__ import annotations

import base64
import binascii
import time
from typing import TYPE_CHECKING, Any

from .catalog import Missing
from .files import Lifecycle
from .hosts import REST_HOST, UPLOAD_HOST
from .jobs import COMPLETED, Job
from .journal import SDK, Exchange
from .queue import Queue, addresses
from .rest import upload_path

if TYPE_CHECKING:
    from .service import Service

MAX_FOUND = 100
MAX_PRICED = 50
MAX_DATA_BYTES = 1024 * 1024
MAX_FILE_BYTES = 90 * 1024 * 1024
WAIT_SECONDS = 45.0

RELAY_TOOLS = (
    "search_models", "get_model_schema", "get_pricing", "search_docs", "recommend_model", "run_model", "submit_job",
    "check_job", "get_job_result", "cancel_job", "upload_file",
)  # fmt: skip
TOKEN_TOOLS = (
    "search_models", "get_model_schema", "get_pricing", "search_docs", "recommend_model", "run_model", "submit_job",
    "check_job_old", "upload_file",
)  # fmt: skip


class Tools:
    """The tools, acting on one sandbox."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._queue = Queue(service)

    async def search_models(
        self, query: str = "", category: str | None = None, limit: int = 20, cursor: str | None = None
    ) -> dict[str, Any]:
        """Find models by words and category."""
        from ..registry.search import search

        entries = self._service.catalog.registry.entries
        count = min(max(1, limit), MAX_FOUND)
        start = int(cursor) if cursor is not None and cursor.isdigit() else 0
        if query or category:
            found = [hit.entry for hit in search(entries, query, category=category, limit=start + count + 1)]
        else:
            found = list(entries)
        page = found[start : start + count]
        return {
            "models": [
                {"endpoint_id": entry.slug, "category": entry.category, "status": entry.status} for entry in page
            ],
            "next_cursor": str(start + count) if len(found) > start + count else None,
        }

    async def get_model_schema(self, endpoint_id: str) -> dict[str, Any]:
        """Return the input and output schema of a model."""
        model = self._service.catalog.registry.get(endpoint_id)
        if model is None:
            near = self._service.catalog.suggestions(endpoint_id)
            return {"error": f"Model not found: {endpoint_id}", "did_you_mean": near}
        return {"endpoint_id": endpoint_id, "input": model.input_schema, "output": model.output_schema}

    async def get_pricing(self, endpoint_id: str) -> dict[str, Any]:
        """Return the base price of one model, or of up to 50 separated by commas."""
        from ..prices import price_of

        prices = []
        for slug in [part.strip() for part in endpoint_id.split(",") if part.strip()][:MAX_PRICED]:
            price = price_of(slug)
            known = price is not None and price.usd is not None
            prices.append({"endpoint_id": slug, "unit_price": price.usd if price and known else None,
                           "unit": price.unit if price and known else None, "currency": "USD"})  # fmt: skip
        return {"prices": prices}

    async def search_docs(self, query: str) -> dict[str, Any]:
        """Search fal's documentation."""
        return {"query": query, "results": [], "note": "the sandbox has no copy of fal's documentation"}

    async def recommend_model(self, task: str) -> dict[str, Any]:
        """Recommend models for a task."""
        found = await self.search_models(task, limit=5)
        return {"task": task, "recommendations": found["models"]}

    async def run_model(
        self, endpoint_id: str, input: dict[str, Any], expiration_seconds: int | None = None, store_payload: bool = True
    ) -> dict[str, Any]:
        """Run a model and wait for its result, for about 45 seconds."""
        job = self._submitted(endpoint_id, input, expiration_seconds)
        if isinstance(job, dict):
            return job
        deadline = time.monotonic() + WAIT_SECONDS
        while job.state != COMPLETED and (left := deadline - time.monotonic()) > 0:
            await self._service.board.changed(job, left)
        if job.state != COMPLETED:
            return {"status": "processing", **addresses(job)}
        return self._result(job)

    async def submit_job(
        self, endpoint_id: str, input: dict[str, Any], expiration_seconds: int | None = None, store_payload: bool = True
    ) -> dict[str, Any]:
        """Submit a model run and return at once."""
        job = self._submitted(endpoint_id, input, expiration_seconds)
        return job if isinstance(job, dict) else {"status": job.state, **addresses(job)}

    async def check_job(self, endpoint_id: str, request_id: str, status_url: str | None = None) -> dict[str, Any]:
        """Return the state of a job."""
        job = self._job(request_id)
        return self._queue.status_of(job, logs=True) if job is not None else _unknown(request_id)

    async def check_job_old(self, endpoint_id: str, request_id: str, action: str = "status") -> dict[str, Any]:
        """Return the state or the result of a job, or cancel it (action: status, result or cancel)."""
        if action == "result":
            return await self.get_job_result(endpoint_id, request_id)
        if action == "cancel":
            return await self.cancel_job(endpoint_id, request_id)
        return await self.check_job(endpoint_id, request_id)

    async def get_job_result(
        self, endpoint_id: str, request_id: str, response_url: str | None = None
    ) -> dict[str, Any]:
        """Return the result of a job that has ended."""
        job = self._job(request_id)
        if job is None:
            return _unknown(request_id)
        return self._result(job) if job.state == COMPLETED else {"status": job.state, **addresses(job)}

    async def cancel_job(self, endpoint_id: str, request_id: str, cancel_url: str | None = None) -> dict[str, Any]:
        """Cancel a job."""
        job = self._job(request_id)
        if job is None:
            return _unknown(request_id)
        return {"status": "CANCELLATION_REQUESTED" if self._service.board.cancel(job) else "ALREADY_COMPLETED"}

    async def upload_file(
        self,
        prepare_upload: bool = False,
        file_size: int | None = None,
        url: str | None = None,
        data: str | None = None,
        file_name: str = "upload.bin",
    ) -> dict[str, Any]:
        """Bring a file to fal: base64 data below 1 MB, or prepare an upload of up to 90 MB."""
        files = self._service.files
        if data is not None:
            try:
                content = base64.b64decode(data, validate=True)
            except (binascii.Error, ValueError):
                return {"error": "data is not base64"}
            if len(content) > MAX_DATA_BYTES:
                return {"error": "data is larger than 1 MB: use prepare_upload"}
            stored = files.put(
                UPLOAD_HOST,
                upload_path(file_name),
                content,
                "application/octet-stream",
                origin="upload",
                lifecycle=Lifecycle(),
            )
            return {"url": stored.url, "file_name": file_name, "file_size": len(content)}
        if prepare_upload:
            if file_size is not None and not 0 < file_size <= MAX_FILE_BYTES:
                return {"error": "file_size must be from 1 byte to 90 MB"}
            stored = files.put(
                UPLOAD_HOST,
                upload_path(file_name),
                None,
                "application/octet-stream",
                origin="upload",
                lifecycle=Lifecycle(),
            )
            signature = self._service.gate.issue((stored.path,), 3600.0, "signature").text
            return {
                "upload_url": f"https://{UPLOAD_HOST}/upload/put{stored.path}?signature={signature}",
                "url": stored.url,
                "method": "PUT",
            }
        if url is not None:
            return {"error": "the sandbox fetches nothing from other hosts: send data, or prepare_upload"}
        return {"error": "give one of prepare_upload, url, data"}

    def _submitted(self, slug: str, arguments: dict[str, Any], expires: int | None) -> Job | dict[str, Any]:
        target = self._service.catalog.find(slug)
        if isinstance(target, Missing):
            near = self._service.catalog.suggestions(slug)
            self._service.judge.unknown_slug(slug, near)
            return {"error": f"Model not found: {slug}", "did_you_mean": near}
        exchange = Exchange(
            at=self._service.clock() - self._service.began,
            method="POST",
            host=REST_HOST,
            path="",
            surface="mcp",
            agent="mcp",
        )
        lifecycle = f'{{"expiration_duration_seconds": {int(expires)}}}' if expires else None
        return self._service.take(target, arguments, exchange, SDK, origin="mcp", lifecycle=lifecycle)

    def _job(self, request_id: str) -> Job | None:
        job = self._service.board.get(request_id)
        return job if job is not None and job.origin in ("queue", "mcp") else None

    def _result(self, job: Job) -> dict[str, Any]:
        self._service.board.collect(job)
        outcome = job.outcome
        if outcome is None or not outcome.ok:
            return {
                "status": "failed", "request_id": job.id, "error": outcome.error if outcome else "no outcome",
                "http_status": outcome.status if outcome else 500, "detail": outcome.body if outcome else None,
            }  # fmt: skip
        return {"status": "completed", "request_id": job.id, "result": outcome.body}


def _unknown(request_id: str) -> dict[str, Any]:
    return {"error": f"No such job: {request_id}"}
