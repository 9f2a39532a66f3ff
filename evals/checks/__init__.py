"""The checks: one module each, named as the check. Each looks at a case and says pass, fail or not applicable.

A module has ``check(case) -> Result``. What an answer says or does is quoted in the evidence; a check never raises for
what an answer is.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from .result import Result

if TYPE_CHECKING:
    from ..grading.case import Case

NAMES = (
    "slug_exists",
    "arguments_valid",
    "slug_rationale",
    "sdk_pattern",
    "snippet_compiles",
    "snippet_runs",
    "result_access",
    "url_expiry",
    "cost_estimate",
    "cost_accurate",
    "cheap_variant",
    "upload",
    "no_secret",
    "no_hand_rolled_http",
    "facts",
    "concise",
    "proved",
    "submit_once",
    "failure_handling",
    "fresh",
)
TEXT_CHECKS = frozenset(
    {"slug_rationale", "url_expiry", "cost_estimate", "cost_accurate", "cheap_variant", "facts", "proved", "fresh"}
)
"""Checks that read what an answer says; the others are mechanical."""

__all__ = ["NAMES", "TEXT_CHECKS", "Result", "check_named"]


def check_named(name: str) -> Callable[[Case], Result]:
    """Return the check of that name; KeyError when there is none."""
    if name not in NAMES:
        raise KeyError(name)
    found: Callable[[Case], Result] = import_module(f".{name}", __name__).check
    return found
