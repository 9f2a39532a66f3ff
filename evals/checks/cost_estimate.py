"""The answer gives a cost, or says that it is unknown and where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fresh import _is_given
from .money import amounts, constants
from .result import Result, fails, not_applicable, passes
from .words import either, sentences

if TYPE_CHECKING:
    from ..grading.case import Case

_UNKNOWN = either(
    r"\b(?:price|pricing|cost|rate)s?\b[^.;]{0,60}\b(?:unknown|not (?:known|published|listed|in the|available|fixed|stated)|varies|depends|n['’]t (?:know|have|find|published|listed))\b",  # noqa: E501
    r"(?:\b(?:no|not|cannot|unknown|unable)|n['’]t)\b[^.;]{0,50}\b(?:price|pricing|cost|rate|quote|figure)s?\b",
    r"\bbilled\b[^.;]{0,40}\b(?:compute|GPU|per second|by the second|by time)\b",
    r"\bcompute[- ]seconds?\b",
    r"\bunknown\b[^.;]{0,40}\b(?:cost|price)",
)
_WHERE = either(
    r"fal\.ai/(?:models|pricing|dashboard)",
    r"models/pricing",
    r"get_pricing",
    r"scopeful",
    r"\bmodel(?:'s)? page\b",
    r"\bpricing page\b",
    r"\bplayground\b",
    r"\bdashboard\b",
    r"\bbillable",
    r"estimate_cost",
)


def check(case: Case) -> Result:
    """Return whether the answer puts a figure on the call, or honestly none."""
    priced = [
        amount for amount in amounts(case.answer.said) if not amount.is_budget and not _is_given(case, amount.sentence)
    ]
    if priced:
        return passes(f'line {priced[0].passage.line}: "{priced[0].sentence}"')
    for block in case.answer.blocks:
        if block.language in ("", "text", "json") and "$" in block.code:
            line = next(
                (line for line in block.code.split("\n") if "$" in line and any(char.isdigit() for char in line)), ""
            )
            if line and "$(" not in line:
                return passes(f'line {block.line}: "{line.strip()}"')
    named = next(constants(block.code for block in case.answer.code), None)
    if named:
        return passes(f"in code: {named[0]} = {named[1]:g}")
    unsure = [(sentence, passage) for sentence, passage in sentences(case.answer.prose) if _UNKNOWN.search(sentence)]
    if unsure:
        sentence, passage = unsure[0]
        if any(_WHERE.search(other) for other, _ in sentences(case.answer.prose)):
            return passes(f'line {passage.line}: "{sentence}" (and where to look)')
        return fails(f'the price is said to be unknown, but not where to look: line {passage.line}: "{sentence}"')
    if not case.has_code and not case.task.asks_for("cost_estimate"):
        return not_applicable("the answer runs no model")
    return fails("no amount of money is named")
