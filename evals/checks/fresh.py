"""No unlisted model without a word about it, and no price without its date."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fal_skill.registry import UNLISTED

from .money import amounts
from .result import Result, fails, not_applicable, passes
from .words import Found, either, is_denied, said, sentences

if TYPE_CHECKING:
    from ..grading.case import Case

_AGE = either(
    r"\bun-?listed\b",
    r"\bde-?listed\b",
    r"\bdeprecat\w*",
    r"\bretired\b",
    r"\bsunset\w*",
    r"\bdiscontinu\w*",
    r"\bsupersed\w*",
    r"\bno longer\b",
    r"\bnot (?:\w+ ){0,3}(?:listed|available|offered|in (?:the|fal'?s) (?:\w+ ){0,2}(?:catalog\w*|list|registry|snapshot))",  # noqa: E501
    r"n['’]t (?:\w+ ){0,3}(?:listed|available|offered|exist|in (?:the|fal'?s))",
    r"\b(?:was|been|may be|might be|could be|is) (?:\w+ )?(?:removed|pulled|gone|dropped|taken down|shut down|replaced|renamed|retired|left out)",  # noqa: E501
    r"\blast (?:seen|listed)\b",
    r"\b(?:left|dropped out of|gone from|missing from|absent from|vanished from) the (?:\w+ ){0,2}(?:catalog\w*|list|registry)",  # noqa: E501
    r"\b(?:old|older|stale|legacy|previous|former) (?:id|slug|endpoint|model|name|version|list|catalog\w*|snapshot|source)\b",  # noqa: E501
    r"\bsucceeded by\b",
    r"\bmoved to\b",
    r"\bshut(?:ting)? down\b",
    r"\bverify (?:that )?(?:it|the model|the endpoint|this) (?:is )?still\b",
    r"\bstill (?:listed|available|live|exists?)\b",
    r"\bnot\W{0,4}since\b",
    r"\b(?:may|might) be gone\b",
    r"\bsuccessor\b",
    r"\breplaced by\b",
)
_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"  # noqa: E501
_DATE = re.compile(
    rf"\b20[2-3]\d-[01]\d(?:-[0-3]\d)?\b|\b[0-3]?\d\.?\s+{_MONTH}\s*,?\s+20[2-3]\d\b|\b{_MONTH}\s+(?:[0-3]?\d(?:st|nd|rd|th)?,?\s+)?20[2-3]\d\b"
    r"|\b[01]?\d/[0-3]?\d/20[2-3]\d\b|\b20[2-3]\d/[01]\d\b",
    re.IGNORECASE,
)
_ABOUT_PRICE = either(
    r"pric",
    r"cost",
    r"\$",
    r"USD",
    r"rate",
    r"quote",
    r"bill",
    r"snapshot",
    r"as of",
    r"checked",
    r"estimate",
    r"per (?:image|second|MP|megapixel|1,?000)",
)
_CURRENT_SOURCE = either(
    r"\b(?:get_pricing|models/pricing|pricing API)\b.{0,80}\b(?:just|now|returned|today|says|gave|reports?)\b",
    r"\b(?:fetched|checked|looked up|queried)\b.{0,60}\b(?:today|just now|live)\b",
)


def check(case: Case) -> Result:
    """Return whether what may be old is said to be, and whether prices are dated."""
    slugs = dict.fromkeys([*case.used_slugs, *(mention.slug for mention in case.mentions)])
    old = [slug for slug in slugs if case.registry.status(slug) == UNLISTED]
    silent = [slug for slug in old if not age_mentioned(case, slug)]
    if silent:
        model = case.registry.get(silent[0])
        return fails(
            f"{silent[0]} is unlisted since {model.last_seen if model else '?'}, and the answer does not say so"
        )
    priced = [
        amount for amount in amounts(case.answer.prose) if not amount.is_budget and not _is_given(case, amount.sentence)
    ]
    if priced:
        dated = date_of_price(case)
        leading = None if dated else _todays_price(case)
        if leading:
            return passes(f"no date, but where today's price is: {leading}")
        if dated is None:
            return fails(f'a price without a date: "{priced[0].sentence}"')
        return passes(f"the price is dated: {dated}" + (f"; {old[0]} is said to be old" if old else ""))
    if old:
        return passes(f"{', '.join(old)}: {_words_on_age(case, old[0])}")
    if not slugs:
        return not_applicable("the answer names no model and no price")
    return passes(
        f"every model is listed as of {case.registry.as_of}, and no price is given: {', '.join(list(slugs)[:5])}"
    )


def age_mentioned(case: Case, slug: str) -> bool:
    """Whether the answer says of a model that it is, or may be, no longer listed."""
    return _words_on_age(case, slug) is not None


def _words_on_age(case: Case, slug: str) -> Found | None:
    parts = [part for part in re.split(r"[/-]", slug.partition("/")[2]) if part]
    # The family as people write it: "Sora 2" for fal-ai/sora-2/text-to-video, "Veo 3" for fal-ai/veo3.
    family = slug.split("/")[1] if slug.count("/") else slug
    spoken = re.sub(r"[-_]|(?<=[a-z])(?=\d)", r"[\\s._-]?", re.sub(r"[^\w-]", "", family))
    about = re.compile(rf"{re.escape(slug)}|\b{spoken}\b" if parts else re.escape(slug), re.IGNORECASE)
    for found in said(case.answer.said, _AGE):
        passage = found.passage
        if about.search(found.sentence) or about.search(passage.text) or about.search(passage.heading):
            return found
    generic = either(r"\b(?:this|that|the|it|its?) (?:model|endpoint|slug|id|one)?\b")
    if len(case.used_slugs) == 1 and slug in case.used_slugs:
        return next((found for found in said(case.answer.said, _AGE) if generic.search(found.sentence)), None)
    return None


def date_of_price(case: Case) -> str | None:
    """Return the sentence that dates a price, or None."""
    for sentence, passage in sentences(case.answer.said):
        if (_DATE.search(sentence) and (_ABOUT_PRICE.search(sentence) or _ABOUT_PRICE.search(passage.text))) or (
            _CURRENT_SOURCE.search(sentence) and not is_denied(sentence)
        ):
            return f'line {passage.line}: "{sentence}"'
        if _DATE.search(sentence) and _ABOUT_PRICE.search(passage.heading):
            return f'line {passage.line}: "{sentence}"'
    for block in case.answer.blocks:  # the output of an estimator, quoted
        for line in block.code.split("\n"):
            if len(line) < 1000 and _DATE.search(line) and _ABOUT_PRICE.search(line):
                return f'line {block.line}: "{line.strip()}"'
    return None


_FROM_MEMORY = either(
    r"\bfrom (?:\w+ )?(?:memory|recollection|training data)\b",
    r"\bI (?:remember|recall|recollect)\b",
    r"\bmy (?:memory|training)\b",
)
_PRICE_PAGE = re.compile(r"fal\.ai/models/[\w-]+/|/v1/models/pricing|\bfal\.ai/pricing", re.IGNORECASE)
_TODAY = either(r"\b(?:check|look|see|confirm|verify|compare|today['’]?s?|current|latest|live)\b")


def _todays_price(case: Case) -> str | None:
    """Return the sentence that leads to today's price, for a price that has a source, or None.

    What is from memory has none: then the link does not make up for the date.
    """
    passages = [passage for passage in case.answer.prose if not passage.file]
    if any(_FROM_MEMORY.search(passage.text) for passage in passages):
        return None
    for sentence, passage in sentences(passages):
        if (
            _PRICE_PAGE.search(sentence)
            and _TODAY.search(sentence)
            and re.search(r"\b(?:pric|cost|rate)", sentence, re.I)
        ):
            return f'line {passage.line}: "{sentence}"'
    return None


def _is_given(case: Case, sentence: str) -> bool:
    """Whether every amount of a sentence stands in the prompt already."""
    numbers = re.findall(r"\$\s?([\d.,]*\d)", sentence)
    return bool(numbers) and all(
        re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", case.task.prompt) for number in numbers
    )
