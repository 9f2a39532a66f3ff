"""Grading: every check that applies to a task, over one answer."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ..checks import NAMES, Result, check_named
from .case import Case
from .tasks import Task


@dataclass(frozen=True)
class Grading:
    """What came of grading one answer."""

    task: Task
    checks: dict[str, Result]
    errors: dict[str, str] = field(default_factory=dict)
    """Checks that could not be carried out, and why: errors of the harness, not of the answer."""
    opinions: tuple[dict[str, Any], ...] = ()
    """What a judge said, where one was asked. It decides nothing."""
    seconds: float = 0.0

    @property
    def summary(self) -> dict[str, Any]:
        """The counts: passed, failed, not_applicable, total (passed and failed), pass_rate."""
        passed = sum(result.passed is True for result in self.checks.values())
        failed = sum(result.passed is False for result in self.checks.values())
        total = passed + failed
        return {
            "passed": passed,
            "failed": failed,
            "not_applicable": len(self.checks) - total,
            "total": total,
            "pass_rate": round(passed / total, 4) if total else None,
            "errors": len(self.errors),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form that ``grade.py`` prints."""
        made: dict[str, Any] = {
            "task": {"id": self.task.id, "name": self.task.name},
            "checks": {name: result.as_dict() for name, result in self.checks.items()},
            "summary": self.summary,
        }
        if self.errors:
            made["errors"] = dict(self.errors)
        if self.opinions:
            made["opinions"] = list(self.opinions)
        return made


def grade(case: Case, only: tuple[str, ...] = ()) -> Grading:
    """Return the grading of a case: the checks of its task, or all where the task names none; ``only`` narrows them."""
    wanted = [name for name in NAMES if case.task.checks is None or name in case.task.checks]
    if only:
        wanted = [name for name in only if name in NAMES]
    began = time.monotonic()
    checks: dict[str, Result] = {}
    errors: dict[str, str] = {}
    for name in wanted:
        try:
            checks[name] = check_named(name)(case)
        except Exception as error:  # a defect of a check must not cost the other checks, nor count as a fail
            errors[name] = f"{type(error).__name__}: {error}"[:300]
            checks[name] = Result(None, f"the check could not be carried out: {errors[name]}")
    return Grading(case.task, checks, errors, seconds=round(time.monotonic() - began, 2))
