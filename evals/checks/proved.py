"""The answer quotes evidence that its code ran or its arguments were checked, and the evidence is true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..grading.answers import quoted
from . import arguments_valid, snippet_runs
from .result import Result, fails, not_applicable, passes
from .words import either, sentences

if TYPE_CHECKING:
    from ..grading.case import Case

_RAN = either(
    r"\b(?:I|we|I['’]ve|I have) (?:\w+ ){0,2}(?:ran|run|executed|tested|tried|exercised)\b",
    r"\bran (?:it|this|them|the (?:\w+ ){0,3}(?:script|code|snippet|program))?\b[^.\n]{0,60}\b(?:sandbox|locally|mock|stub|fake|emulator|loopback|end[- ]to[- ]end)\b",  # noqa: E501
    r"\b(?:was|were|been|is) (?:\w+ )?(?:run|executed|tested|exercised)\b[^.\n]{0,80}\b(?:sandbox|locally|mock|stub|fake|emulator|loopback|against|exit|end[- ]to[- ]end)\b",  # noqa: E501
    r"\bran in the (?:local |isolated )?sandbox\b",
    r"\bexit code 0\b",
    r"\bsandbox run\b",
    r"\bproof:",
    r"\bverified (?:by running|in the sandbox|end[- ]to[- ]end)\b",
    r"\bCOMPLETED 200\b",
)
_CHECKED = either(
    r"\b(?:arguments?|inputs?|params?|parameters|fields?|call|payload|slug|id|endpoint|model|schema)\b[^.\n]{0,60}\b(?:were|was|are|is|been|have been)?\s*(?:checked|validated|verified|confirmed|cross-?checked)\b[^.\n]{0,80}\b(?:schema|registry|snapshot|openapi|offline|findings|20\d\d-\d\d|verify_slug|type definitions|endpoints\.d\.ts)\b",  # noqa: E501
    r"\b(?:checked|validated|verified|confirmed|cross-?checked)\b[^.\n]{0,90}\b(?:against|with|in|by|from|using|via)\b[^.\n]{0,60}\b(?:schema|registry|snapshot|openapi|verify_slug|fetch_schema|write_brief|type definitions|endpoints\.d\.ts|types)\b",  # noqa: E501
    r"\bno findings\b",
    r"\bfindings: (?:none|0|\[\])",
    r"\"findings\": ?\[\]",
    r"\bverify_slug(?:\.py)?\b[^.\n]{0,80}\b(?:known|listed|ok|clean|passes|passed|exit|no findings|reports?|says|returned|confirmed)\b",  # noqa: E501
    r"\bstatus:? `?known`?\b",
    r"\bknown\b[^.\n]{0,40}\b(?:registry|snapshot)\b",
    r"\bregistry (?:of|snapshot)\b[^.\n]{0,30}20\d\d",
)
_DETAIL = either(
    r"20\d\d-\d\d-\d\d",
    r"\bno findings\b",
    r"\bfindings\b",
    r"\bexit code\b",
    r"\bCOMPLETED\b",
    r"\bsnapshot\b",
    r"\b\d+ (?:jobs?|requests?|files?|POSTs?|submissions?)\b",
    r"https?://\S*(?:openapi|schema)",
    r"\boutput\b[^.\n]{0,30}:",
    r"\bprinted\b",
    r"\b(?:passed|passes)\b",
    r"\bendpoints\.d\.ts\b",
    r"\bfal[-_]client[ =]+\d",
    r"\bexit(?:ed|s)? (?:with )?(?:code )?\d\b",
)
_OUTPUT_BLOCK = re.compile(
    r"exit code 0|COMPLETED|\"findings\": ?\[\]|\bknown\b.{0,80}\blisted 20|snapshot of 20|ran in the|request_id|saved |\.fal\.media/",  # noqa: E501
    re.IGNORECASE,
)
_UNPROVED = either(
    r"(?:\bnot|n['’]t|\bnever|\bun)[ -]?(?:\w+ ){0,3}(?:run|ran|executed|tested|verified|validated|tried|checked)\b",
    r"\buntested\b",
    r"\bunverified\b",
    r"\bfrom memory\b",
    r"\bto the best of my (?:knowledge|memory)\b",
    r"\bno (?:network|access|key)\b[^.\n]{0,50}\b(?:run|test|verify|check)\b",
)
_SNAPSHOT = re.compile(r"\b(20\d\d-\d\d-\d\d)\b")


def check(case: Case) -> Result:
    """Return whether something is proved, and whether it is so."""
    if not case.model_calls and not case.programs:
        return not_applicable("the answer gives no code that calls fal")
    claim = _claim(case)
    if claim is None:
        admitted = next(
            (
                f'line {passage.line}: "{sentence}"'
                for sentence, passage in sentences(case.answer.said)
                if _UNPROVED.search(sentence)
            ),
            "",
        )
        return fails(
            f"nothing is proved; {admitted}"
            if admitted
            else "no evidence is quoted that the code ran or its arguments were checked"
        )
    kind, evidence = claim
    arguments = arguments_valid.check(case)
    if arguments.passed is False and not arguments.evidence.startswith("the task asks"):
        return fails(f"claimed: {evidence}; but {arguments.evidence}")
    if kind == "ran":
        ran = snippet_runs.check(case)
        if ran.passed is False:
            return fails(f"claimed: {evidence}; but {ran.evidence}")
        untold = _untold(case)
        if untold:
            return fails(f"claimed: {evidence}; but {untold}")
        return passes(f"{evidence}; run again: {ran.evidence}")
    if arguments.passed is None and snippet_runs.check(case).passed is None:
        return fails(f"claimed: {evidence}; but it cannot be confirmed: {arguments.evidence}")
    return passes(f"{evidence}; checked again: {arguments.evidence}")


def _claim(case: Case) -> tuple[str, str] | None:
    """Return what is claimed (ran, checked) and the words that do, or None."""
    blocks = [block for block in case.answer.blocks if block.language in ("", "text", "json", "shell")]
    quoted_output = next(
        (
            line
            for block in blocks
            for line in block.code.split("\n")
            if len(line) < 2000 and _OUTPUT_BLOCK.search(line)
        ),
        "",
    )
    for kind, pattern in (("ran", _RAN), ("checked", _CHECKED)):
        for sentence, passage in sentences(case.answer.prose):
            if not pattern.search(sentence) or _denies(sentence, pattern):
                continue
            detail = _DETAIL.search(passage.text) or quoted_output
            if detail:
                return kind, f'line {passage.line}: "{quoted(sentence, 240)}"'
    told = next(
        (
            line
            for block in blocks
            for line in block.code.split("\n")
            if re.search(r"ran in the (?:local )?sandbox|snapshot of 20\d\d-|\bknown\b.{0,80}\blisted 20\d\d-", line)
        ),
        "",
    )
    return ("checked", f'quoted output: "{quoted(told)}"') if told else None


def _denies(sentence: str, pattern: re.Pattern[str]) -> bool:
    """Whether the sentence says that it was *not* done: that part of it, not what follows a "but"."""
    for part in re.split(r"\b(?:but|however|although|though|only)\b|[;—–]", sentence):
        if pattern.search(part):
            return (
                _UNPROVED.search(part) is not None
                or re.search(
                    r"\b(?:you (?:can|should|could)|to (?:run|test|verify|check)|if you|once you|before you|please|would)\b",  # noqa: E501
                    part,
                    re.IGNORECASE,
                )
                is not None
            )
    return False


def _untold(case: Case) -> str:
    """Return why the transcript contradicts a claimed run, or nothing; without a transcript there is nothing to say."""
    if not case.answer.transcript:
        return ""
    ran = re.search(
        r"sandbox\.py|write_brief\.py[^\n]*--prove|\bpython3? [\w./-]+\.py|\bnode [\w./-]+\.(?:m?js|cjs)|\bnpx tsx\b|uv run",  # noqa: E501
        case.answer.transcript,
    )
    return "" if ran else "the transcript shows no command that runs anything"
