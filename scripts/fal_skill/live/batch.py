"""Many calls from a file, several at a time, so that any interruption can be taken up again.

An item of a batch is known by its call and by how many equal calls stand before it in the file: lines may be added,
removed and moved between runs. Each has one entry in the ledger; what has been submitted is never submitted again.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..console import MAX_INPUT_BYTES, parse_json, read_bounded, refuse_key
from ..errors import (
    EXIT_CREDENTIALS,
    EXIT_DONE,
    EXIT_FINDINGS,
    EXIT_OVER_BUDGET,
    EXIT_STILL_RUNNING,
    EXIT_UNAVAILABLE,
    CredentialsError,
    InvalidArgumentsError,
    SkillError,
    StillRunningError,
    UsageError,
)
from .jobs import CANCELLED, DONE, FAILED, PREPARED, REFUSED, SENDING, SUBMITTED, UNCERTAIN, Job
from .ledger import Ledger
from .outcome import Outcome
from .plan import Plan, Rules, over_budget, refusal
from .runner import Runner

MAX_CONCURRENCY = 64
MAX_SHOWN = 5
COUNTED = (SENDING, SUBMITTED, UNCERTAIN, DONE, FAILED, CANCELLED)
"""States of calls that count against the cap: what has been submitted, whatever became of it."""


@dataclass(frozen=True)
class Item:
    """One line of a batch."""

    line: int
    plan: Plan
    key: str
    """Its call's digest, and its number among equal ones."""


@dataclass(frozen=True)
class Result:
    """What became of one item."""

    item: Item
    outcome: Outcome | None
    error: SkillError | None
    job: Job | None

    @property
    def state(self) -> str:
        """Its job's state, or ``not-sent``."""
        job = self.outcome.job if self.outcome is not None else self.job
        return job.state if job is not None and job.state not in (PREPARED, REFUSED) else "not-sent"

    @property
    def exit_code(self) -> int:
        """0 when it is done, else why not."""
        if self.error is not None:
            return self.error.exit_code
        return self.outcome.exit_code if self.outcome is not None else EXIT_DONE

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        slug = self.item.plan.slug
        if self.outcome is not None:
            return {"line": self.item.line, **self.outcome.as_dict()}
        error = None
        if self.error is not None:
            error = {"message": self.error.message, "next_step": self.error.hint, "exit_code": self.error.exit_code}
        request_id = self.job.request_id if self.job is not None else None
        return {"line": self.item.line, "slug": slug, "request_id": request_id, "state": self.state, "error": error}


def calls_in(file: Path, slug: str | None) -> list[tuple[int, str, dict[str, Any]]]:
    """Return (line number, slug, arguments) of each call in a JSONL file.

    A line is ``{"slug": …, "arguments": {…}}``, or the arguments alone where the slug is given for all.

    Raises:
        UsageError: the file cannot be read, or a line is no call.
    """
    try:
        with file.open("rb") as source:
            text = read_bounded(source, str(file))
            refuse_key(text, str(file))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from None
    calls = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name = f"{file} line {number}"
        value = parse_json(line, name)
        if not isinstance(value, dict):
            raise UsageError(f"{name} is no JSON object")
        if slug is not None and "arguments" not in value:
            calls.append((number, slug, value))
            continue
        own, arguments = value.get("slug", slug), value.get("arguments", {})
        if not isinstance(own, str) or not own.strip() or not isinstance(arguments, dict):
            raise UsageError(f"{name} is no call", hint='expected {"slug": "…", "arguments": {…}}')
        calls.append((number, own, arguments))
    if not calls:
        raise UsageError(f"{file} holds no calls", hint=f"one JSON object a line, at most {MAX_INPUT_BYTES >> 20} MB")
    return calls


def items_of(plans: list[tuple[int, Plan]]) -> list[Item]:
    """Return the items with their keys."""
    counts: dict[str, int] = {}
    items = []
    for line, plan in plans:
        digest = plan.digest
        counts[digest] = counts.get(digest, 0) + 1
        items.append(Item(line, plan, f"{digest}:{counts[digest]}"))
    return items


def unfit(items: list[Item], rules: Rules) -> SkillError | None:
    """Return why the batch must not start: calls that would be refused, all of them counted; or None."""
    reasons = [(item, error) for item in items if (error := refusal(item.plan, rules)) is not None]
    if not reasons:
        return None
    told = "; ".join(f"line {item.line}: {error.message}" for item, error in reasons[:MAX_SHOWN])
    more = f"; and {len(reasons) - MAX_SHOWN} more lines" if len(reasons) > MAX_SHOWN else ""
    return InvalidArgumentsError(f"{len(reasons)} of {len(items)} calls do not fit: {told}{more}", reasons[0][1].hint)


@contextlib.contextmanager
def only_one(ledger: Path, name: str) -> Iterator[None]:
    """Hold the batch for this process; UsageError when another one is at it. The system lets go when it ends."""
    try:
        import fcntl
    except ImportError:  # Windows: the ledger's own entries keep two processes from sending one item twice
        yield
        return
    import hashlib

    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:16]
    handle = os.open(ledger.with_name(f"{ledger.name}.{digest}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"another process is running the batch {name}") from None
        yield
    finally:
        os.close(handle)


class Batch:
    """One run over a batch."""

    def __init__(self, runner: Runner, name: str, items: list[Item], folder: Path, rules: Rules) -> None:
        """Run these items; ``name`` is what the ledger knows the batch by, ``folder`` holds a folder for each."""
        self._runner = runner
        self._ledger: Ledger = runner.ledger
        self._name = name
        self._items = items
        self._folder = folder
        self._rules = rules
        self._budget = threading.Lock()
        self._reserved: dict[str, float] = {}
        self._halt: SkillError | None = None
        self._spent = self._spent_before()

    def _spent_before(self) -> float:
        jobs = self._ledger.batch(self._name)
        return sum(job.estimate_high or 0.0 for job in jobs if job.state in COUNTED)

    def run(self, concurrency: int, tell: Callable[[Result], None]) -> int:
        """Run all items, tell each result as it comes, and return the exit code that fits them all."""
        codes: list[int] = []
        todo = iter(self._items)
        progress = self._runner.progress
        progress.count(0, len(self._items))
        with ThreadPoolExecutor(concurrency, thread_name_prefix="batch") as pool:
            running: set[Future[Result]] = set()
            try:
                for item in todo:
                    running.add(pool.submit(self._one, item))
                    if len(running) >= concurrency:
                        running = self._told(running, codes, tell)
                while running:
                    running = self._told(running, codes, tell)
            except BaseException:
                # Workers look at this between two steps; a submission under way is brought to its end.
                self._runner.interrupts.stop.set()
                raise
        return worst(codes)

    def _told(
        self, running: set[Future[Result]], codes: list[int], tell: Callable[[Result], None]
    ) -> set[Future[Result]]:
        done, left = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            result = future.result()
            codes.append(result.exit_code)
            tell(result)
            self._runner.progress.count(len(codes), len(self._items))
        return left

    def _one(self, item: Item) -> Result:
        job: Job | None = None
        try:
            if self._halt is not None:
                raise self._halt
            if self._runner.interrupts.stop.is_set():
                raise StillRunningError("interrupted", hint="run the same command again to go on")
            job = self._entry(item)
            if job.state == DONE and _complete(job):
                return Result(item, _remembered(job), None, job)
            if job.state in (FAILED, CANCELLED):
                said = json.loads(job.error or "{}").get("message", "it failed")
                raise SkillError(f"failed in an earlier run: {said}", hint="--retry-failed submits it again")
            if job.request_id is None:
                raise StillRunningError(
                    "it may have been submitted: its reply was lost and fal's history does not show it",
                    hint="look at fal.ai/dashboard; --again submits it once more",
                )
            return Result(item, self._runner.finished(job), None, job)
        except CredentialsError as error:
            self._halt = error  # it would be the same for every other item
            return self._failed(item, job, error)
        except SkillError as error:
            return self._failed(item, job, error)

    def _failed(self, item: Item, job: Job | None, error: SkillError) -> Result:
        job = job or self._ledger.item(self._name, item.key)
        return Result(item, None, error, self._ledger.fresh(job) if job is not None else None)

    def _entry(self, item: Item) -> Job:
        """Return the item's entry in the ledger, submitted now if it was not before."""
        with self._budget:
            mine = self._ledger.item(self._name, item.key)
            high = item.plan.ends[1]
            counted = mine is not None and mine.state in COUNTED and mine.state not in self._runner.settings.again
            if self._rules.max_cost is not None and not counted:
                spent = self._spent + sum(self._reserved.values())
                error = over_budget([item.plan], self._rules, spent)
                if error is not None:
                    raise error
                self._reserved[item.key] = high or 0.0
        folder = self._folder / f"{item.line:05d}"
        try:
            return self._runner.started(item.plan, folder, batch=self._name, item=item.key)
        except StillRunningError:
            raise  # it may have been submitted, so it counts
        except SkillError:
            with self._budget:
                self._reserved.pop(item.key, None)
            raise


def _complete(job: Job) -> bool:
    """Whether the files that were saved are still there."""
    return all(Path(file["file"]).is_file() for file in json.loads(job.files or "[]"))


def _remembered(job: Job) -> Outcome:
    from .downloads import Saved

    files = tuple(Saved(**file) for file in json.loads(job.files or "[]"))
    return Outcome(job, json.loads(job.result) if job.result else None, files)


def worst(codes: list[int]) -> int:
    """Return the exit code that tells most about a batch."""
    for code in (EXIT_CREDENTIALS, EXIT_OVER_BUDGET, EXIT_STILL_RUNNING, EXIT_UNAVAILABLE):
        if code in codes:
            return code
    return EXIT_FINDINGS if any(codes) else EXIT_DONE
