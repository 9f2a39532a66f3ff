"""fal is called by its SDK, not by hand-written HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fal_skill.calls.call import CURL, HTTP, MODEL_PATTERNS, REQUEST_PATTERNS

from .result import Result, fails, not_applicable, passes
from .sdk_pattern import SDKS, elsewhere
from .words import either

if TYPE_CHECKING:
    from fal_skill.calls import Call

    from ..grading.case import Case

_ASKED = either(
    r"\bcurl\b",
    r"\braw http\b",
    r"\bplain http\b",
    r"\brest(?:ful)? (?:api|calls?)\b",
    r"\bwithout (?:the |any |an )?(?:sdk|client|dependenc\w+)\b",
    r"\bno (?:sdk|dependenc\w+)\b",
    r"\b(?:in|using|with) (?:go|golang|rust|ruby|php|c#|java|kotlin|swift|elixir|bash)\b",
)
_ONCE = either(
    r"\bonce\b",
    r"\btwice\b",
    r"\bdouble\b",
    r"\bre-?sen[dt]\w*\b",
    r"\bretr(?:y|ies|ied)\b",
    r"\bidempot\w+\b",
    r"\bsingle (?:post|attempt|try)\b",
)


def check(case: Case) -> Result:
    """Return whether models are run by hand-written requests where there is an SDK."""
    asking = [call for call in case.calls if call.pattern in MODEL_PATTERNS | REQUEST_PATTERNS]
    if not asking:
        return not_applicable("the answer makes no call to a model")
    by_sdk = [call for call in asking if call.client in SDKS]
    allowed = case.task.options("no_hand_rolled_http").get("allow", ())
    by_hand = [call for call in asking if call.client == HTTP and not any(part in call.url for part in allowed)]
    if (
        by_hand
        and not _ASKED.search(case.task.prompt)
        and not (by_sdk and all(_is_once(case, call) for call in by_hand))
    ):
        first = by_hand[0]
        return fails(f"{first.file} line {first.line}: {first.pattern} by hand ({first.method or first.url})")
    by_curl = [call for call in asking if call.client == CURL and call.pattern in MODEL_PATTERNS]
    if by_curl and not by_sdk and not _ASKED.search(case.task.prompt):
        return fails(f"{by_curl[0].file} line {by_curl[0].line}: {by_curl[0].pattern} by curl, and no call by the SDK")
    for run in case.plain_runs:
        remarks = [remark for remark in run.violations if remark["code"] == "hand-rolled-http"]
        if remarks and not by_hand and not _ASKED.search(case.task.prompt):
            return fails(f"when {run.program.where} was run: {remarks[0]['message']}")
    aside = elsewhere(case)
    if aside and not _ASKED.search(case.task.prompt):
        return fails(aside)
    if not by_sdk:
        return not_applicable("no call is made by an SDK or by hand")
    return passes("; ".join(f"line {call.line}: {call.client} {call.method}" for call in by_sdk[:4]))


def _is_once(case: Case, call: Call) -> bool:
    """Whether a submit is posted by hand so that the SDK cannot repeat it, which is a good reason."""
    if call.pattern != "submit":
        return False
    near = [passage for passage in case.answer.comments if abs(passage.line - call.line) < 25]
    return case.task.asks_for("submit_once") or any(_ONCE.search(passage.text) for passage in near)
