"""Nothing false is said about fal, and what the task turns on is said.

The known false claims lie in ``false_claims.yaml``. Besides them, a promise that nothing is paid twice is held against
a run in which the reply to the submit is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..grading.case import told
from . import submit_once
from .result import Result, fails, not_applicable, passes
from .words import either, is_denied, sentences

if TYPE_CHECKING:
    from ..grading.answers import Block
    from ..grading.case import Case

CLAIMS_FILE = Path(__file__).with_name("false_claims.yaml")
MAX_LINE = 2000
_OLD_FORM = either(
    r"\b(?:older?|former|previous|legacy|outdated|deprecated|original|broken|wrong|bad|your|before|don['’]t|do not|instead of|March 2026|what you have|the blog)\b"  # noqa: E501
)
_NEXT_TIME = either(
    r"\bnext (?:time|job|run)\b", r"\bin (?:the )?future\b", r"\bfrom now on\b", r"\bprevent\w*\b", r"\bavoid\b"
)
_PROMISE = either(
    r"\b(?:can(?:not|['’]t)|never|won['’]t|will not|no (?:risk|chance|way) of|impossible|guarantee\w*|at most once|exactly once|only once)\b[^.;]{0,40}\b(?:double[- ]?(?:charg|bill|pay|submi)\w*|(?:charged|billed|paid|pay|submitted|submit) (?:for )?(?:\w+ ){0,3}(?:twice|again)|duplicate (?:job|charge|submission)s?)\b",  # noqa: E501
    r"\b(?:no|prevents?|avoids?|rules? out|eliminates?)\b[^.;]{0,20}\b(?:double[- ](?:charg|bill|pay)\w*|duplicate (?:jobs?|charges?|submissions?|billing)|paying twice)\b",  # noqa: E501
)
_HEDGED = either(
    r"\bunless\b",
    r"\bexcept\b",
    r"\bcan still\b",
    r"\bmay still\b",
    r"\bto (?:avoid|prevent)\b",
    r"\bas far as\b",
    r"\balmost\b",
    r"\bhow\b",
    r"\?",
    r"\brerun\w*\b",
    r"\bre-?start\w*\b",
    r"\bctrl\b",
)


@dataclass(frozen=True)
class Claim:
    """One false claim."""

    id: str
    why: str
    source: str
    said: tuple[re.Pattern[str], ...]
    code: tuple[re.Pattern[str], ...]
    unless: re.Pattern[str] | None
    denied: bool
    rules: tuple[str, ...]
    patterns: tuple[str, ...]
    """Patterns of calls that it is about; empty: all. An answer that makes calls, but none of these, cannot make it."""


@lru_cache(maxsize=1)
def claims() -> tuple[Claim, ...]:
    """Return the known false claims."""
    import yaml

    return tuple(_claim(entry) for entry in yaml.safe_load(CLAIMS_FILE.read_text(encoding="utf-8")))


def _claim(entry: dict[str, Any]) -> Claim:
    def patterns(key: str) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(text, re.IGNORECASE if key == "said" else 0) for text in entry.get(key, ()))

    unless = re.compile(entry["unless"], re.IGNORECASE) if entry.get("unless") else None
    return Claim(
        entry["id"],
        entry["why"],
        entry["source"],
        patterns("said"),
        patterns("code"),
        unless,
        bool(entry.get("denied", True)),
        tuple(entry.get("rules", ())),
        tuple(entry.get("patterns", ())),
    )


def check(case: Case) -> Result:
    """Return whether anything false is said, and whether what must be said is."""
    found = next(false_claims(case), None)
    if found is not None:
        claim, evidence = found
        return fails(f"{claim.id}: {evidence}; but {claim.why} ({claim.source})")
    broken = _broken_promise(case)
    if broken:
        return fails(broken)
    options = case.task.options("facts")
    whole = "\n".join([case.answer.text, *case.answer.files.values()])
    confirmed = []
    for wanted in options.get("says", ()):
        match = re.search(wanted["pattern"], whole, re.IGNORECASE)
        if match is None:
            return fails(f"the answer does not say that {wanted['what']}")
        confirmed.append(f'{wanted["what"]}: "{_line_of(whole, match)}"')
    for unwanted in options.get("says_not", ()):
        for block in case.answer.code:
            match = re.search(unwanted["pattern"], block.code)
            if match and not _is_for_next_time(case, block):
                return fails(f"{block.where} has {unwanted['what']}: {match[0]}")
    if confirmed:
        return passes("; ".join(confirmed))
    if not case.calls and "fal" not in case.answer.text.lower():
        return not_applicable("the answer says nothing about fal")
    return passes(f"none of {len(claims())} known false claims")


def false_claims(case: Case) -> Iterator[tuple[Claim, str]]:
    """Yield the false claims that the answer makes, with its words."""
    made = {call.pattern for call in case.model_calls}
    for claim in claims():
        if claim.patterns and made and not made & set(claim.patterns):
            continue
        for problem in case.problems_of(*claim.rules, at_least="warning") if claim.rules else ():
            if not _is_shown_as_wrong(case, problem.file, problem.place.line):
                yield claim, told(problem)
        for sentence, passage in sentences(case.answer.said):
            if any(pattern.search(sentence) for pattern in claim.said) and not _is_cleared(
                claim, sentence, passage.text
            ):
                yield claim, f'line {passage.line}: "{sentence}"'
        for block in case.answer.code:
            for number, line in _lines(block):
                if any(pattern.search(line) for pattern in claim.code) and not (
                    claim.unless and claim.unless.search(line)
                ):
                    file = block.name if block.is_file else "answer"
                    if not _is_shown_as_wrong(case, file, number):
                        yield claim, f'{file} line {number}: "{line.strip()}"'


def _is_cleared(claim: Claim, sentence: str, passage: str) -> bool:
    if claim.unless and claim.unless.search(sentence):
        return True
    return claim.denied and (
        is_denied(sentence)
        or (
            len(passage) < 600
            and re.search(r"\b(?:does not|doesn['’]t|isn['’]t|not) (?:exist|real|needed|work)\b", passage, re.I)
            is not None
        )
    )


def _lines(block: Block) -> Iterator[tuple[int, str]]:
    if block.language == "diff":
        return
    for offset, line in enumerate(block.code.split("\n")):
        if len(line) <= MAX_LINE:
            yield block.line + offset, line


def _is_for_next_time(case: Case, block: Block) -> bool:
    """Whether a block shows how to do it another time, by its heading or the words right above it."""
    above = [passage for passage in case.answer.prose if passage.line < block.line and not passage.file]
    if block.is_file or not above:
        return False
    return any(_NEXT_TIME.search(text) for text in (above[-1].heading, above[-1].text[-300:]))


def _is_shown_as_wrong(case: Case, file: str, line: int) -> bool:
    """Whether code is shown as what the user had, or as the old way: by the prompt, or by the words right above it."""
    text = case.answer.text if file == "answer" else case.answer.files.get(file, "")
    lines = text.split("\n")
    own = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    if own and (own in case.task.prompt or any(own in given for given in case.given_texts)) and file == "answer":
        return True
    above = [passage for passage in case.answer.prose if passage.line < line and not passage.file]
    return file == "answer" and bool(above) and _OLD_FORM.search(above[-1].text[-300:]) is not None


def _broken_promise(case: Case) -> str:
    for sentence, passage in sentences(case.answer.said):
        if _PROMISE.search(sentence) and not _HEDGED.search(sentence):
            kept = submit_once.check(case)
            if kept.passed is False:
                return f'line {passage.line} promises: "{sentence}"; but {kept.evidence}'
    return ""


def _line_of(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    line = text[start : end if end >= 0 else len(text)].strip()
    return line if len(line) <= 160 else match[0]
