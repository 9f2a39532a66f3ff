"""Local files are uploaded, not sent as paths or as large base64."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fal_skill.calls.call import UPLOAD

from ..grading.case import told
from .result import Result, fails, not_applicable, passes

if TYPE_CHECKING:
    from ..grading.case import Case

CODES = ("local-file", "large-data-uri", "base64-file", "file-object")
_BY_ITSELF = re.compile(r"\b(?:openAsBlob|new Blob|new File|Blob\(|\.files\[)")
_BASE64 = re.compile(r"\bfal_client\.encode\w*\(|b64encode\(|toString\(\s*[\"']base64[\"']\)")


def check(case: Case) -> Result:
    """Return whether the user's files reach fal as uploads."""
    uploads = [call for call in case.calls if call.pattern == UPLOAD]
    stored = [
        entry for run in case.plain_runs for entry in run.report.get("media", ()) if entry["origin"] == "uploaded"
    ]
    if not case.task.inputs and not uploads and not stored:
        return not_applicable("the task has no local files")
    wrong = case.problems_of(*CODES, at_least="warning")
    if wrong:
        return fails(told(wrong[0]))
    large = [remark for run in case.plain_runs for remark in run.violations if remark["code"] == "large-base64"]
    if large:
        return fails(f"when it was run: {large[0]['message']}")
    if stored:
        return passes(f"{len(stored)} files were uploaded when it was run, the first of {stored[0]['bytes']} bytes")
    if uploads:
        return passes("; ".join(f"line {call.line}: {call.method}" for call in uploads[:4]))
    code = "\n".join(block.code for block in case.answer.code)
    if not case.model_calls:
        return not_applicable("the answer runs no model")
    by_itself = _BY_ITSELF.search(code)
    if by_itself and any(call.language in ("javascript", "typescript", "tsx") for call in case.model_calls):
        return passes(f"{by_itself[0]}: the JavaScript client uploads it by itself")
    if _BASE64.search(code):
        return fails("the file is sent as base64")
    return fails("no file is uploaded")
