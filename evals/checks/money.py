"""Amounts of money in text: what they are, and what they are said to be for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..grading.answers import Passage
from .words import sentences

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_DASH = r"\s*(?:-|–|—|to|and|\.\.)\s*"
AMOUNT = re.compile(
    rf"(?:US)?\$\s?(?P<low>{_NUMBER})(?P<k>k\b)?(?:{_DASH}(?:US)?\$?\s?(?P<high>{_NUMBER})(?![\d.]*\s*(?:x\b|×|%|MP|s\b|sec|image|megapixel)))?"
    rf"|(?P<low2>{_NUMBER})(?:{_DASH}(?P<high2>{_NUMBER}))?\s?(?:USD\b|US dollars?\b|dollars?\b)"
    rf"|\bUSD\s?(?P<low4>{_NUMBER})"
    rf"|(?P<low3>{_NUMBER})(?:{_DASH}(?P<high3>{_NUMBER}))?\s?(?:¢|cents?\b)",
    re.IGNORECASE,
)
UNIT = re.compile(
    r"\s*(?:USD|dollars?)?\s*(?:/|per|an?\b|each|a)\s*(?:[\w-]+\s+){0,2}?"
    r"(?P<unit>MP\b|mega-?pixels?|s\b|secs?\b|seconds?|min\b|minutes?|1,?000\s+char\w*|1?k\s+char\w*|thousand\s+char\w*|char\w*|"
    r"images?|img\b|pictures?|frames?|clips?|videos?|calls?|requests?|runs?|takes?|generations?|tracks?|songs?|files?|models?|mesh(?:es)?|"
    r"chapters?|1?M?\s?tokens|hours?|compute[- ]seconds?|GPU[- ]\w+|month|day|week|piece|each|effects?|lora|training|step|jobs?|assets?)",  # noqa: E501
    re.IGNORECASE,
)
PRICE_NAME = re.compile(
    r"^\s*(?:export\s+)?(?:const\s+|let\s+)?(?P<name>[\w.]*(?:PRICE|COST|RATE|USD)[\w]*)\s*(?::\s*[\w\[\], ]+)?\s*=\s*(?:Decimal\(\s*)?[\"']?(?P<low>\d*\.?\d+)\b",  # noqa: E501
    re.IGNORECASE | re.MULTILINE,
)
_BUDGET = re.compile(
    r"\b(?:budget|cap(?:ped)?|limit|ceiling|max(?:imum)?|stop|under|below|at most|no more than|hard[- ]stop|up to|balance|top[- ]?up)\b|MAX_|--max|≤|<",  # noqa: E501
    re.IGNORECASE,
)
MAX_AMOUNTS = 300


@dataclass(frozen=True)
class Amount:
    """An amount that the answer names."""

    low: float
    high: float
    unit: str
    """What it is per, in one word (megapixel, second, minute, 1k_chars, image, call, …); empty when nothing is said."""
    sentence: str
    passage: Passage
    at: int
    """Where in the sentence it begins."""

    @property
    def text(self) -> str:
        """The amount as a short text."""
        figure = f"${self.low:g}" if self.low == self.high else f"${self.low:g} to ${self.high:g}"
        return figure + (f" per {self.unit}" if self.unit else "")

    @property
    def is_budget(self) -> bool:
        """Whether it is a limit rather than a price, by the words right before it."""
        return _BUDGET.search(self.sentence[max(0, self.at - 40) : self.at]) is not None


def amounts(passages: Iterable[Passage]) -> list[Amount]:
    """Return the amounts of money in the text, in reading order."""
    found: list[Amount] = []
    for sentence, passage in sentences(passages):
        for match in AMOUNT.finditer(sentence):
            made = _amount(match, sentence, passage)
            if made is not None and len(found) < MAX_AMOUNTS:
                found.append(made)
    return found


def _amount(match: re.Match[str], sentence: str, passage: Passage) -> Amount | None:
    groups = match.groupdict()
    texts = [groups[name] for name in ("low", "low2", "low3", "low4") if groups[name]]
    tops = [groups[name] for name in ("high", "high2", "high3") if groups[name]]
    low = float(texts[0].replace(",", ""))
    high = float(tops[0].replace(",", "")) if tops else low
    factor = 0.01 if groups["low3"] else 1000.0 if groups["k"] else 1.0
    if high < low:
        high = low
    after = sentence[match.end() : match.end() + 60].lstrip("*_`) ")
    unit = UNIT.match(after)
    if low == 0 and high == 0:
        return None
    return Amount(
        low * factor, high * factor, unit_named(unit["unit"]) if unit else "", sentence, passage, match.start()
    )


def unit_named(text: str) -> str:
    """Return the price table's word for a unit as people write it."""
    low = " ".join(text.lower().replace("-", " ").split()).rstrip(".")
    known = (
        (("compute", "gpu"), "compute_second"),
        (("mp", "mega"), "megapixel"),
        (("char", "1k", "k char", "1,000", "1000", "thousand"), "1k_chars"),
        (("min",), "minute"),
        (("hour",), "hour"),
        (("month", "week", "day"), "period"),
        (("token", "1m"), "1m_tokens"),
        (("image", "img", "picture", "frame"), "image"),
    )
    if low in ("s", "sec", "secs", "second", "seconds"):
        return "second"
    if low.startswith("char"):
        return "char"
    return next((name for starts, name in known if low.startswith(starts)), "call")


def constants(codes: Iterable[str]) -> Iterator[tuple[str, float]]:
    """Yield (name, value) of the constants in code whose name says that they are a price."""
    for code in codes:
        for match in PRICE_NAME.finditer(code):
            if not _BUDGET.search(match["name"]) and not re.search(
                r"max|cap|budget|limit|total|spent|sample", match["name"], re.I
            ):
                yield match["name"], float(match["low"])
