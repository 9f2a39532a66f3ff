"""What text checks share: finding a thing said, whatever the wording, and not when it is denied."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..grading.answers import Answer, Passage, quoted

MAX_SENTENCE = 2000
"""Longer sentences are cut before patterns are tried on them."""

NEGATION = re.compile(
    r"\b(?:not|no|none|never|neither|nor|without|cannot|avoid|stop|wrong|false|incorrect|myth|outdated|obsolete|stale|legacy|"
    r"deprecated|retired|removed|formerly|previously|older?|used to|instead of|rather than|unlike|non-?existent|fake|beware|"  # noqa: E501
    r"mistake|bug|dead|instead|replac\w+|squat\w*)\b|n['’]t\b|\b(?:dis|un)(?:allowed|supported)\b|❌|✗|🚫",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Found:
    """A thing said, and where."""

    sentence: str
    passage: Passage
    match: re.Match[str]

    def __str__(self) -> str:
        place = self.passage.file or "answer"
        return f'{place} line {self.passage.line}: "{quoted(self.sentence, 220)}"'


def sentences(passages: Iterable[Passage]) -> Iterator[tuple[str, Passage]]:
    """Yield each sentence, bounded, with the passage that it stands in."""
    for passage in passages:
        for sentence in passage.sentences:
            yield sentence[:MAX_SENTENCE], passage


def clauses(sentence: str) -> list[str]:
    """Return the parts of a sentence that are sentences by themselves, though they begin with a small letter."""
    return re.split(r"(?<=\w{4}[.!?;])\s+", sentence)


def code_of(answer: Answer, comment: Passage) -> str:
    """Return the line of code that a comment stands on, or the one after it; empty when there is none."""
    lines = (answer.files.get(comment.file, "") if comment.file else answer.text).split("\n")
    for line in lines[max(0, comment.line - 1) : comment.line + 4]:
        code = re.split(r"(?:^|\s)(?:#|//)", line, maxsplit=1)[0].strip()
        if code:
            return "" if code.startswith("```") else code
    return ""


def said(
    passages: Iterable[Passage], pattern: re.Pattern[str], *, unless: re.Pattern[str] | None = None
) -> Iterator[Found]:
    """Yield the sentences that match, but not those that match ``unless`` as well."""
    for sentence, passage in sentences(passages):
        match = pattern.search(sentence)
        if match and not (unless and unless.search(sentence)):
            yield Found(sentence, passage, match)


def first_said(
    passages: Iterable[Passage], pattern: re.Pattern[str], *, unless: re.Pattern[str] | None = None
) -> Found | None:
    """Return the first sentence that matches, or None."""
    return next(said(passages, pattern, unless=unless), None)


def is_denied(sentence: str) -> bool:
    """Whether the sentence denies, corrects or warns of something."""
    return NEGATION.search(sentence) is not None


def either(*patterns: str) -> re.Pattern[str]:
    """Return one pattern for several, in any letter case."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
