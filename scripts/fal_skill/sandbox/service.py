"""The state behind all surfaces of one sandbox, and what several of them do: take a call, make its result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .auth import Gate
from .catalog import Catalog, Target
from .faults import FaultPlan
from .files import FileStore, Lifecycle, safe_name
from .hosts import OUTPUT_HOST
from .inputs import detail_of, findings_of
from .jobs import Job, JobBoard
from .journal import Exchange, Journal
from .judge import Judge
from .outcomes import Outcome, failure, invalid, result
from .settings import MAX_JOBS_KEPT, Settings
from .webhooks import Webhooks

if TYPE_CHECKING:
    from ..registry import Model, Registry


class Service:
    """One local fal."""

    def __init__(self, settings: Settings, registry: Registry, folder: Path, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.clock = clock
        self.began = clock()
        self.began_at = time.time()
        self.catalog = Catalog(registry, settings.allow_slugs)
        self.gate = Gate(settings)
        self.faults = FaultPlan(settings.faults)
        self.journal = Journal()
        self.judge = Judge(self.journal)
        self.files = FileStore(folder, clock)
        self.board = JobBoard(
            clock, runners=settings.runners, keep=MAX_JOBS_KEPT, on_end=lambda job: self.webhooks.ended(job)
        )
        self.webhooks = Webhooks(self)

    def take(
        self,
        target: Target,
        arguments: dict[str, Any],
        exchange: Exchange,
        agent: str,
        *,
        origin: str,
        queue_seconds: float | None = None,
        lifecycle: str | None = None,
        **options: Any,
    ) -> Job:
        """Return a new job on the board for this call; its arguments are judged, its end is planned."""
        findings = findings_of(target.model, arguments)
        refused = detail_of(target.model, arguments, findings) if target.model is not None else []
        wanted = Lifecycle.of(lifecycle)
        make_outcome, doomed = self._planned(target, arguments, refused, wanted)
        slow_queue, slow_model = self.faults.strike("slow-queue"), self.faults.strike("slow-model")
        queue_time = self.settings.queue_seconds if queue_seconds is None else queue_seconds
        job = Job(
            slug=target.slug,
            app=target.app,
            arguments=arguments,
            origin=origin,
            make_outcome=make_outcome,
            doomed=doomed,
            make_previews=lambda events: self._previews(target, arguments, wanted, job.id, events),
            queue_seconds=slow_queue.value if slow_queue else queue_time,
            # What the model refuses, it refuses before it works.
            model_seconds=0.0 if refused else slow_model.value if slow_model else self.settings.model_seconds,
            findings=[finding.as_dict() for finding in findings],
            **options,
        )
        exchange.job_id = job.id
        self.judge.call(job, exchange, agent, rejected=bool(refused))
        self.board.submit(job)
        return job

    def _planned(
        self, target: Target, arguments: dict[str, Any], refused: list[dict[str, Any]], lifecycle: Lifecycle
    ) -> tuple[Callable[[Job], Outcome], bool]:
        if refused:
            outcome = invalid(refused)
            return (lambda job: outcome), True
        policy, fault = self.faults.strike("content-policy"), self.faults.strike("failed-job")
        if policy or fault:
            error_type = "content_policy_violation" if policy else str(fault.value if fault else "")
            return (lambda job: failure(error_type)), True
        units = billable_units(target.model, arguments)
        return (lambda job: result(lambda: self._result(target, arguments, lifecycle, job.id), units)), False

    def _result(self, target: Target, arguments: dict[str, Any], lifecycle: Lifecycle, job_id: str) -> Any:
        if target.model is None:
            return {"output": f"made by the sandbox for {target.slug}"}
        from .results import make_result

        seed = seed_of(target, arguments)
        return make_result(target.model, arguments, seed, self._publisher(seed, lifecycle, job_id, "generated"))

    def _previews(
        self, target: Target, arguments: dict[str, Any], lifecycle: Lifecycle, job_id: str, events: int
    ) -> list[Any]:
        if target.model is None:
            return [{"output": "made by the sandbox"}] * events
        from .results import stream_events

        seed = seed_of(target, arguments)
        publish = self._publisher(seed, lifecycle, job_id, "preview")
        return list(stream_events(target.model, arguments, seed, publish, events + 1))[:events]

    def _publisher(self, seed: str, lifecycle: Lifecycle, job_id: str, origin: str) -> Callable[..., str]:
        def publish(data: Any, content_type: str, file_name: str) -> str:
            # Two files of one job may have the same name.
            number = names[file_name] = names.get(file_name, 0) + 1
            address = sha256(f"{seed}\0{lifecycle}\0{origin}\0{file_name}\0{number}".encode()).hexdigest()
            path = f"/files/b/{address[:8]}/{address[8:30]}_{safe_name(file_name)}"
            stored = self.files.put(
                OUTPUT_HOST, path, data, content_type, origin=origin, lifecycle=lifecycle, job_id=job_id
            )
            return stored.url

        names: dict[str, int] = {}
        return publish

    def reset(self) -> None:
        """Forget jobs, files and the journal; keep keys, and restore the faults of the settings."""
        self.webhooks.cancel()
        self.board.clear()
        self.files.clear()
        self.journal.clear()
        self.judge.clear()
        self.faults = FaultPlan(self.settings.faults)


def seed_of(target: Target, arguments: dict[str, Any]) -> str:
    """Return what the result follows from: the same call always gets the same one, at the same addresses."""
    return target.slug + json.dumps(arguments, sort_keys=True, separators=(",", ":"))


def billable_units(model: Model | None, arguments: dict[str, Any]) -> float:
    """Return the units that a call is billed for: those of our estimate, else the number of images, or 1.

    Where a range is estimated it is the most. fal counts what was made; the sandbox counts before it makes anything.
    """
    if model is not None:
        from ..prices import estimate

        quantity = estimate(model, arguments).quantity
        if quantity is not None:
            return quantity[1]
    images = arguments.get("num_images", 1)
    return float(images) if isinstance(images, int) and not isinstance(images, bool) and 0 < images <= 1000 else 1.0
