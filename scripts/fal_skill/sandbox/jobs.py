"""Jobs, and the board that moves them: IN_QUEUE, IN_PROGRESS, COMPLETED.

There is no FAILED: a job that failed is COMPLETED with an error, and its result answers with the error's status.
The board is a discrete-event simulation over the loop's clock: a job's state at any moment follows from the events
before it, so that nothing runs while a job "runs" and a thousand jobs cost a thousand small records.
"""

from __future__ import annotations

import asyncio
import bisect
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from .outcomes import Outcome, cancelled, start_timed_out
from .settings import new_id

IN_QUEUE = "IN_QUEUE"
IN_PROGRESS = "IN_PROGRESS"
COMPLETED = "COMPLETED"

UNCOLLECTED_TIMES = 5
"""A job whose result nobody took is kept until there are so many times the jobs that are kept otherwise."""
FORGOTTEN_AT_ONCE = 1000

PRIORITIES = {"normal": 0, "low": 1}


@dataclass(eq=False, slots=True)
class Job:
    """One request to a model, by whatever way it came."""

    slug: str
    app: str
    """``OWNER/ALIAS``, with its namespace where it has one: what status, result and cancel addresses are made of."""
    arguments: dict[str, Any]
    origin: str
    """queue, run, stream, realtime or mcp."""
    make_outcome: Callable[[Job], Outcome] = field(repr=False)
    queue_seconds: float
    model_seconds: float
    make_previews: Callable[[int], list[Any]] = field(repr=False)
    """Makes so many partial outputs, for a stream."""
    doomed: bool = False
    """Whether it is clear from the start that the job will fail."""
    priority: str = "normal"
    start_timeout: float | None = None
    webhook_url: str | None = None
    findings: list[dict[str, str]] = field(default_factory=list)
    id: str = field(default_factory=new_id)
    number: int = 0
    state: str = IN_QUEUE
    ready: bool = False
    submitted_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    cancel_asked: bool = False
    outcome: Outcome | None = None
    collected: bool = False
    """Whether the caller has fetched the result, or had it pushed."""
    webhook_delivered: bool | None = None
    polls: int = 0
    """Status requests answered while the job was pending."""
    first_poll: float = 0.0
    last_poll: float = 0.0
    waiters: list[asyncio.Future[None]] = field(default_factory=list, repr=False)

    @property
    def rank(self) -> tuple[int, int]:
        """Where the job stands in its app's queue."""
        return PRIORITIES.get(self.priority, 0), self.number

    @property
    def inference_seconds(self) -> float | None:
        """Time from start to end, None when the job never ran or has not ended."""
        if self.started_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.started_at


@dataclass(slots=True)
class _App:
    running: int = 0
    queued: list[tuple[tuple[int, int], Job]] = field(default_factory=list)


class JobBoard:
    """All jobs of a sandbox."""

    def __init__(
        self, clock: Callable[[], float], *, runners: int | None, keep: int, on_end: Callable[[Job], None]
    ) -> None:
        self._clock = clock
        self._runners = runners
        self._keep = keep
        self._on_end = on_end
        self._events: list[tuple[float, int, str, Job]] = []
        self._apps: dict[str, _App] = {}
        self._serial = 0
        self._collected: deque[str] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.jobs: dict[str, Job] = {}
        self.submitted = 0
        self.forgotten = 0
        self.most_in_flight = 0
        self.in_flight = 0

    def submit(self, job: Job) -> None:
        """Take a job into the queue of its app."""
        now = self._clock()
        self.submitted += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        job.number = self.submitted
        job.submitted_at = now
        self.jobs[job.id] = job
        bisect.insort(self._app(job).queued, (job.rank, job), key=lambda item: item[0])
        self._at(now + job.queue_seconds, "ready", job)
        if job.start_timeout is not None:
            self._at(now + job.start_timeout, "late", job)
        self.advance()
        self._forget()

    def get(self, request_id: str) -> Job | None:
        """Return the job of that id in its present state, or None."""
        self.advance()
        return self.jobs.get(request_id)

    def position(self, job: Job) -> int:
        """Return how many jobs of the app stand before it; 0 = next."""
        return bisect.bisect_left(self._app(job).queued, job.rank, key=lambda item: item[0])

    def waiting(self, app: str) -> int:
        """Return how many jobs of the app are IN_QUEUE."""
        self.advance()
        return len(self._apps[app].queued) if app in self._apps else 0

    def cancel(self, job: Job) -> bool:
        """Ask a job to end; False when it had ended already."""
        self.advance()
        if job.state == COMPLETED:
            return False
        job.cancel_asked = True
        self._end(job, self._clock(), cancelled())
        return True

    def collect(self, job: Job) -> None:
        """Note that the caller has the result of the job, or will have it."""
        if not job.collected:
            job.collected = True
            self._collected.append(job.id)

    async def ended(self, job: Job) -> None:
        """Wait until the job is COMPLETED."""
        while job.state != COMPLETED:
            await self.changed(job)

    async def changed(self, job: Job, timeout: float | None = None) -> None:
        """Wait until the job changes its state, or the time is over."""
        self.advance()
        if job.state == COMPLETED:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        job.waiters.append(waiter)
        await asyncio.wait([waiter], timeout=timeout)
        if waiter in job.waiters:
            job.waiters.remove(waiter)

    def advance(self) -> None:
        """Bring every job to the state that it has now."""
        now = self._clock()
        while self._events and self._events[0][0] <= now:
            moment, _, kind, job = heapq.heappop(self._events)
            if kind == "ready" and job.state == IN_QUEUE:
                job.ready = True
                self._start_next(job.app, moment)
            elif kind == "late" and job.state == IN_QUEUE:
                self._end(job, moment, start_timed_out())
            elif kind == "end" and job.state == IN_PROGRESS:
                self._end(job, moment, None)
        self._arm()

    def clear(self) -> None:
        """Forget all jobs; those who wait for one are woken."""
        for job in list(self.jobs.values()):
            if job.state != COMPLETED:
                job.state, job.outcome = COMPLETED, cancelled()
            self._wake(job)
        self.jobs.clear()
        self._collected.clear()
        self._events.clear()
        self._apps.clear()
        self.submitted = self.forgotten = self.in_flight = self.most_in_flight = 0
        self._arm()

    def _app(self, job: Job) -> _App:
        return self._apps.setdefault(job.app, _App())

    def _at(self, moment: float, kind: str, job: Job) -> None:
        self._serial += 1
        heapq.heappush(self._events, (moment, self._serial, kind, job))

    def _start_next(self, name: str, moment: float) -> None:
        app = self._apps[name]
        while self._runners is None or app.running < self._runners:
            index = next((index for index, (_, job) in enumerate(app.queued) if job.ready), None)
            if index is None:
                return
            _, job = app.queued.pop(index)
            app.running += 1
            job.state, job.started_at = IN_PROGRESS, moment
            self._at(moment + job.model_seconds, "end", job)
            self._wake(job)

    def _end(self, job: Job, moment: float, outcome: Outcome | None) -> None:
        app = self._app(job)
        was_running = job.state == IN_PROGRESS
        if was_running:
            app.running -= 1
        else:
            app.queued.remove((job.rank, job))
        job.state, job.ended_at = COMPLETED, moment
        job.outcome = outcome if outcome is not None else job.make_outcome(job)
        self.in_flight -= 1
        if was_running:
            self._start_next(job.app, moment)
        if not app.running and not app.queued:
            self._apps.pop(job.app, None)
        self._wake(job)
        self._on_end(job)

    def _wake(self, job: Job) -> None:
        for waiter in job.waiters:
            if not waiter.done():
                waiter.set_result(None)
        job.waiters.clear()

    def _arm(self) -> None:
        moment = self._events[0][0] if self._events else None
        if self._timer is not None:
            if self._timer.when() == moment and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = None if moment is None else asyncio.get_running_loop().call_at(moment, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.advance()

    def _forget(self) -> None:
        # What somebody has taken goes first; a result that nobody took is kept much longer.
        while len(self.jobs) > self._keep and self._collected:
            self._drop(self._collected.popleft())
        if len(self.jobs) > self._keep * UNCOLLECTED_TIMES:
            oldest = list(islice(self.jobs.values(), FORGOTTEN_AT_ONCE))
            for job in oldest:
                if job.state == COMPLETED:
                    self._drop(job.id)

    def _drop(self, request_id: str) -> None:
        if self.jobs.pop(request_id, None) is not None:
            self.forgotten += 1
