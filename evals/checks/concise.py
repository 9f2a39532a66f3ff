"""The answer is no longer than the task needs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .result import Result, fails, passes

if TYPE_CHECKING:
    from ..grading.case import Case

WORDS = 600
"""Words of prose that an answer may have when its task does not say."""
CODE_LINES = 260
"""Lines of code, in the answer and its files together, when the task does not say."""
MAX_HEADINGS = 14
MIN_REPEATED = 8
"""Lines of code that must repeat in full to count as given twice."""


def check(case: Case) -> Result:
    """Return whether the answer keeps within its length, and says nothing twice."""
    options = case.task.options("concise")
    limit, most_lines = int(options.get("words", WORDS)), int(options.get("lines", CODE_LINES))
    words = case.answer.words
    lines = sum(1 for block in case.answer.blocks for line in block.code.split("\n") if line.strip())
    headings = sum(1 for passage in case.answer.prose if passage.kind == "heading" and not passage.file)
    if words > limit:
        return fails(f"{words} words of prose, at most {limit} are needed")
    if lines > most_lines:
        return fails(f"{lines} lines of code in the answer, at most {most_lines} are needed")
    if headings > MAX_HEADINGS:
        return fails(f"{headings} headings")
    twice = _repeated(case)
    if twice:
        return fails(f"given twice: {twice}")
    return passes(f"{words} words of prose (at most {limit}), {lines} lines of code")


def _repeated(case: Case) -> str:
    texts = Counter(
        "".join(block.code.split())
        for block in case.answer.blocks
        if sum(1 for line in block.code.split("\n") if line.strip()) >= MIN_REPEATED
    )
    again = next((text for text, count in texts.items() if count > 1), "")
    if again:
        return next(block.where for block in case.answer.blocks if "".join(block.code.split()) == again)
    said = Counter(" ".join(passage.text.lower().split()) for passage in case.answer.prose if len(passage.text) > 120)
    return next((f'"{text[:100]}…"' for text, count in said.items() if count > 1), "")
