"""The report of a run: requests, jobs, media, cost, violations. JSON keys are a public interface: add, never rename."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .jobs import Job
from .settings import MAX_JOBS_KEPT

if TYPE_CHECKING:
    from .service import Service

MAX_TEXT = 500
"""Longer texts in reported arguments are cut; a data: URI says its size instead."""
MAX_ITEMS = 200
MAX_LISTED = 20_000


def report_of(service: Service, *, final: bool) -> dict[str, Any]:
    """Return the report so far; ``final`` means that the program has ended, so that what nobody collected is named."""
    service.board.advance()
    jobs = list(service.board.jobs.values())
    if final:
        service.judge.uncollected(jobs)
    journal = service.journal
    listed = [job_entry(service, job) for job in jobs[-MAX_LISTED:]]
    return {
        "exit_code": None,
        "requests": [exchange.as_dict() for exchange in journal.exchanges],
        "jobs": listed,
        "media": media_entries(service),
        "cost": total_cost(listed),
        "violations": [remark.as_dict() for remark in journal.violations],
        "notes": [remark.as_dict() for remark in journal.notes],
        "webhooks": list(journal.webhooks),
        "refused_hosts": dict(journal.refused),
        "faults": [fault.as_dict() for fault in service.faults.faults],
        "counts": {
            "requests": journal.total,
            "jobs": service.board.submitted,
            "jobs_forgotten": service.board.forgotten,
            "most_in_flight": service.board.most_in_flight,
            "kept_at_most": MAX_JOBS_KEPT,
        },
        "seconds": round(service.clock() - service.began, 3),
        "began_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(service.began_at)),
        "snapshot": service.catalog.registry.as_of,
    }


def job_entry(service: Service, job: Job) -> dict[str, Any]:
    """Return what the report says of one job."""
    outcome = job.outcome
    failed = outcome is not None and not outcome.ok
    return {
        "request_id": job.id,
        "slug": job.slug,
        "origin": job.origin,
        "arguments": shortened(job.arguments),
        "findings": job.findings,
        "cost": cost_of(service, job),
        "status": job.state,
        "http_status": outcome.status if outcome is not None else None,
        "error_type": outcome.error_type if failed and outcome is not None else None,
        "priority": job.priority,
        "cancelled": job.cancel_asked,
        "collected": job.collected,
        "polls": job.polls,
        "submitted_at": round(job.submitted_at - service.began, 4),
        "inference_seconds": None if job.inference_seconds is None else round(job.inference_seconds, 4),
        "webhook_url": job.webhook_url,
        "webhook_delivered": job.webhook_delivered,
    }


def cost_of(service: Service, job: Job) -> dict[str, Any]:
    """Return what the call would have cost at fal, in USD; unknown is null, never 0. Failed jobs are not billed."""
    unknown: dict[str, Any] = {"low": None, "high": None, "currency": "USD"}
    failed = job.outcome is not None and not job.outcome.ok
    ran = job.started_at is not None
    if failed and not (job.cancel_asked and ran):
        return {"low": 0.0, "high": 0.0, "currency": "USD"}
    model = service.catalog.registry.get(job.slug)
    if model is None:
        return unknown
    try:
        from ..prices import estimate

        made = estimate(model, job.arguments)
    except Exception as error:  # a price that cannot be worked out must not cost the report
        service.journal.note(
            "no-estimate", job.slug, f"no estimate for {job.slug}: {type(error).__name__}: {error}"[:300]
        )
        return unknown
    # Whether a job that was cancelled while it ran is billed, no source says.
    return {"low": 0.0 if failed and made.low is not None else made.low, "high": made.high, "currency": "USD"}


def total_cost(jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sum over the jobs whose price is known, and how many are not."""
    costs = [job["cost"] for job in jobs]
    known = [cost for cost in costs if cost["low"] is not None]
    return {
        "low": round(sum(cost["low"] for cost in known), 6),
        "high": round(sum(cost["high"] for cost in known), 6),
        "currency": "USD",
        "jobs_of_unknown_price": len(costs) - len(known),
    }


def media_entries(service: Service) -> list[dict[str, Any]]:
    """Return the files made and uploaded, and whether the program fetched each."""
    return [
        {
            "url": stored.url,
            "origin": stored.origin,
            "content_type": stored.content_type,
            "bytes": stored.size,
            "request_id": stored.job_id,
            "fetched": stored.fetched > 0,
        }
        for stored in list(service.files)[-MAX_LISTED:]
        if stored.content is not None
    ]


def shortened(value: Any, depth: int = 0) -> Any:
    """Return arguments fit for a report: long texts cut, embedded files replaced by their size."""
    if isinstance(value, str):
        if len(value) <= MAX_TEXT:
            return value
        if value.startswith("data:"):
            return f"{value[:40].partition(',')[0]},… ({len(value)} characters)"
        return f"{value[:MAX_TEXT]}… ({len(value)} characters)"
    if depth > 20:
        return "…"
    if isinstance(value, dict):
        return {key[:MAX_TEXT]: shortened(item, depth + 1) for key, item in list(value.items())[:MAX_ITEMS]}
    if isinstance(value, list):
        return [shortened(item, depth + 1) for item in value[:MAX_ITEMS]]
    return value
