"""Many runs: which ones, in parallel, within a budget, and resumed where they were interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fal_skill.errors import UsageError

from ..grading.tasks import Task
from ..results.workspace import Iteration, RunRecord
from .adapters import Adapter
from .execution import Caps, Outcome, execute
from .folders import place_task


@dataclass(frozen=True)
class Planned:
    """One run to do."""

    task: Task
    condition: str
    run: int


@dataclass(frozen=True)
class Campaign:
    """What is to be run, and how."""

    adapter: Adapter
    conditions: dict[str, Path | None]
    """Condition -> the skill's folder, None for no skill."""
    caps: Caps
    model: str = ""
    total_cost_usd: float | None = None
    jobs: int = 1


def plan(tasks: Iterable[Task], conditions: Iterable[str], runs: int, shard: tuple[int, int] = (1, 1)) -> list[Planned]:
    """Return the runs of a shard: every n-th of the whole list, so that each task's conditions are spread."""
    every = [Planned(task, condition, run) for run in range(1, runs + 1) for task in tasks for condition in conditions]
    index, count = shard
    return every[index - 1 :: count]


def shard_of(text: str) -> tuple[int, int]:
    """Return (i, n) of ``i/n``; UsageError when it is not that."""
    left, _, right = text.partition("/")
    if not (left.isdigit() and right.isdigit() and 1 <= int(left) <= int(right) <= 1000):
        raise UsageError(f"--shard {text[:40]!r} is not i/n", hint="such as 1/4")
    return int(left), int(right)


def carry_out(
    campaign: Campaign, planned: list[Planned], iteration: Iteration, told: Callable[[str], None]
) -> list[RunRecord]:
    """Do the runs that have not ended with an answer yet; returns the records of those done now.

    No run is begun once the sum of costs has reached the campaign's budget.
    """
    lock = threading.Lock()
    spent = 0.0
    stopped = False

    def one(item: Planned) -> RunRecord | None:
        nonlocal spent, stopped
        if iteration.is_done(item.task.name, item.condition, item.run):
            return None
        with lock:
            if campaign.total_cost_usd is not None and spent >= campaign.total_cost_usd:
                if not stopped:
                    told(f"stopped: ${spent:.4f} spent of ${campaign.total_cost_usd:g}; --resume goes on from here")
                stopped = True
                return None
        folder = iteration.begin(item.task, item.condition, item.run)
        outcome = execute(
            campaign.adapter,
            item.task.prompt,
            skill=campaign.conditions[item.condition],
            prepare=lambda work: place_task(item.task, work),
            caps=campaign.caps,
            model=campaign.model,
        )
        with lock:
            spent += outcome.cost_usd or 0.0
        record = _record(campaign, item, outcome)
        suffix = {"jsonl": "jsonl", "json": "json"}.get(campaign.adapter.output, "txt")
        (folder / f"transcript.{suffix}").write_text(outcome.stdout, encoding="utf-8", errors="replace")
        if outcome.stderr:
            (folder / "stderr.txt").write_text(outcome.stderr, encoding="utf-8", errors="replace")
        iteration.finish(folder, record, outcome.answer)
        told(
            f"{item.task.name} {item.condition} run {item.run}: {record.status}"
            + (f" ({record.why})" if record.why else "")
        )
        return record

    with ThreadPoolExecutor(max_workers=max(1, campaign.jobs)) as pool:
        return [record for record in pool.map(one, planned) if record is not None]


def _record(campaign: Campaign, item: Planned, outcome: Outcome) -> RunRecord:
    return RunRecord(
        item.task.name,
        item.condition,
        item.run,
        outcome.status,
        campaign.adapter.name,
        outcome.model or campaign.model,
        outcome.why,
        outcome.seconds,
        outcome.tokens,
        outcome.cost_usd,
        outcome.tool_calls,
        outcome.skill_used,
    )
