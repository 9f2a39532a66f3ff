"""What a check finds."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..grading.answers import quoted

MAX_EVIDENCE = 700


class Result(NamedTuple):
    """Pass, fail or not applicable, with the evidence."""

    passed: bool | None
    """True: pass; False: fail; None: not applicable."""
    evidence: str
    """What it rests on: a quotation of the answer, what a run did, or why the check does not apply."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"passed": self.passed, "evidence": self.evidence}


def passes(evidence: str) -> Result:
    """Return a pass."""
    return Result(True, quoted(evidence, MAX_EVIDENCE))


def fails(evidence: str) -> Result:
    """Return a fail."""
    return Result(False, quoted(evidence, MAX_EVIDENCE))


def not_applicable(why: str) -> Result:
    """Return that the check does not apply."""
    return Result(None, quoted(why, MAX_EVIDENCE))
