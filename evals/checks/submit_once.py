"""When the reply to a submit is lost, the code does not pay twice. It is run with that fault."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from fal_skill.calls.call import MODEL_PATTERNS, STREAM

from ..grading.running import CannotRunError
from .result import Result, fails, not_applicable, passes

if TYPE_CHECKING:
    from ..grading.case import Case
    from ..grading.running import Run

FAULTS = ("lost-reply", "lost-reply,on=run")


def check(case: Case) -> Result:
    """Return whether a lost reply leads to a second job."""
    good: list[str] = []
    left: list[str] = []
    for program in case.runnable:
        patterns = {call.pattern for call in program.calls}
        if not patterns & (MODEL_PATTERNS - {STREAM}) and (STREAM in patterns or not case.makes_jobs(program)):
            left.append(f"{program.where} submits nothing")
            continue
        try:
            run = case.run(program, FAULTS)
        except CannotRunError as reason:
            left.append(f"{program.where}: {reason}")
            continue
        if not any(fault["strikes"] for fault in run.report.get("faults", ())):
            left.append(f"{program.where}: no submit was made ({run.summary()})")
            continue
        twice = repeated(run)
        if twice:
            return fails(f"{program.where}: with one lost reply {twice}; {run.summary()}")
        good.append(
            f"{program.where}: one reply was lost, {len(run.jobs)} job{'s' * (len(run.jobs) != 1)}, none of them twice; last line: {run.last_line()}"  # noqa: E501
        )
    if good:
        return passes(" | ".join(good))
    reasons = "; ".join(
        [*left, *(f"{program.where}: {program.unsuited}" for program in case.programs if program.unsuited)]
    )
    return not_applicable(reasons or "the answer has no program that submits a job")


def repeated(run: Run, forgiven: int = 0) -> str:
    """Return what was submitted more than once, in words, or nothing.

    ``forgiven``: how many of the jobs that fal itself failed (5xx, not billed) do not count.
    """
    counts = Counter((job["slug"], _key(job["arguments"])) for job in run.jobs)
    for job in [job for job in run.jobs if (job["http_status"] or 0) >= 500][:forgiven]:
        counts[job["slug"], _key(job["arguments"])] -= 1
    again = [(slug, count) for (slug, _), count in counts.items() if count > 1]
    return f"{again[0][0]} was submitted {again[0][1]} times with the same arguments" if again else ""


def _key(value: Any) -> str:
    # Each attempt uploads its files anew: the addresses of uploads do not make two calls different.
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_key(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_key, value)) + "]"
    if isinstance(value, str) and value.startswith("http"):
        return value.rpartition("/")[2].rpartition("_")[2]
    return json.dumps(value)
