"""The result is read where the SDK and the model's output have it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..grading.case import told
from .result import Result, fails, not_applicable, passes

if TYPE_CHECKING:
    from ..grading.case import Case

CODES = ("result-access", "output-field", "missing-await", "status-object")
READ = frozenset({"output", "wrapped", "reply"})
_MISREAD = re.compile(
    r"KeyError: '(?:images?|videos?|audios?|data|model_\w+|text|url|output)'|'dict' object has no attribute|TypeError: Cannot (?:read|destructure) propert\w+[^\n]*"  # noqa: E501
    r"|TypeError: (?:string|list) indices must be[^\n]*|IndexError: list index out of range|'NoneType' object is not subscriptable|\w+ is not iterable"  # noqa: E501
)
_UNDEFINED = re.compile(r"^(?:[\w ]+:\s*)?undefined$", re.MULTILINE)


def check(case: Case) -> Result:
    """Return whether results are read as they are given."""
    wrong = case.problems_of(*CODES, at_least="warning")
    if wrong:
        return fails(told(wrong[0]))
    for run in case.plain_runs:
        found = _MISREAD.search(run.output) if run.exit_code else _UNDEFINED.search(run.output)
        if found and run.accepted:
            return fails(f"when {run.program.where} was run it printed: {found[0]}")
    read = [(call, access) for call in case.calls for access in call.accesses if access.path and access.kind in READ]
    if not read:
        fetched = [run for run in case.plain_runs if any(entry["fetched"] for entry in run.report.get("media", ()))]
        if fetched:
            return passes(f"{fetched[0].program.where} fetched the file that was made")
        return not_applicable("the code reads no result")
    return passes(
        "; ".join(
            dict.fromkeys(
                f"line {access.place.line}: {call.slug or call.pattern} -> {access}" for call, access in read[:6]
            )
        )
    )
