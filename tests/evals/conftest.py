"""What the tests of the evals share: the path to them, and fixture answers.

The answers here are written for these tests. They are no recordings, and nothing is measured on them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

CaseOf = Callable[..., Any]


@pytest.fixture
def case_of() -> CaseOf:
    """Make a case of a fixture answer: ``case_of(text, prompt=…, checks=…, inputs=…, files=…, may_run=…)``."""
    from evals.grading.answers import Answer, clean
    from evals.grading.case import Case
    from evals.grading.tasks import Task

    def make(
        text: str,
        prompt: str = "Make an image with fal.",
        *,
        checks: dict[str, dict[str, Any]] | None = None,
        inputs: tuple[Any, ...] = (),
        files: dict[str, str] | None = None,
        may_run: bool = False,
        transcript: str = "",
    ) -> Any:
        task = Task(1, "fixture", prompt, checks=checks, inputs=inputs)
        return Case(task, Answer(clean(text), files or {}, transcript), may_run=may_run)

    return make
