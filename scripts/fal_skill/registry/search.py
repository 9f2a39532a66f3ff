"""Which models fit a task said in plain words.

A request is read (``request.py``) for names, for what is to be done, for media and for a grade. A model gains for each
that its slug, category and media answer, and a little for being listed, the newest of its family, plain, and of a large
line.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .model import Entry
from .plainwords import MEDIA_NOUNS
from .request import Alternatives, Request, category_media, request_of
from .vocabulary import COMMON_WORDS, DEFAULT_TASKS, OPERATION_WORDS
from .wordindex import Row, WordIndex, word_index
from .words import version_likeness

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_LENGTH = 2000
"""A longer request is read up to here."""

_ORDINARY = 0.7
"""What a word of the language gains where something else fits too."""
_TELLING = 0.45
"""Part of a rare word's weight that it gains by itself."""
_PAIR = 2.0
_TASK = 2.0
_VERSION = 3.0
_WEAK = 3.0
"""Answers that are worth less do not say what is wanted."""
_NAMELESS = 4.0
"""What a model loses that has none of the names asked for."""
_LEAST = 1.0
"""A model that gains less does not fit."""
_NONE: list[int] = []


class Hit(NamedTuple):
    """A model that fits, and how well (higher is better; comparable within one search only)."""

    entry: Entry
    score: float


def search(entries: Sequence[Entry], words: str, *, category: str | None = None, limit: int = 10) -> list[Hit]:
    """Return up to ``limit`` models for a task in plain words, the fittest first; empty when nothing fits.

    With a category and no words, the models of that category, the plainest and newest of the large lines first.
    """
    if limit < 1:
        return []
    index = word_index(tuple(entries))
    request = request_of(index, words[:MAX_LENGTH], category)
    if request is not None:
        scores = _scores(index, request)
    elif words.strip() or category is None:
        return []
    else:
        scores = dict.fromkeys(index.by_category.get(category, ()), 0.0)
    hits = []
    for place, score in scores.items():
        row = index.row(place)
        if category is None or row.entry.category == category:
            hits.append(Hit(row.entry, round(score + index.standing(row), 2)))
    hits.sort(key=lambda hit: (-hit.score, len(hit.entry.slug), hit.entry.slug))
    return hits[:limit]


def _scores(index: WordIndex, request: Request) -> dict[int, float]:
    """Return the fit of every model that answers what the request is about, by its place in the index."""
    named: dict[int, float] = {}
    for name, worth in request.names.items():
        _give(named, index.postings[name], worth)
    answers = dict(named)
    for pair in request.pairs:
        _give(answers, _adjacent(index, *pair), _PAIR)
    for alternatives in request.wanted:
        _add(answers, _answering(index, alternatives))
    if request.explicit or max(answers.values(), default=0.0) < _WEAK:  # the media are then what there is to go by
        for category, members in index.by_category.items():
            source, target = category_media(category)
            if target and target == request.target and request.source in ("", source):
                _give(answers, members, 0.0)
    for word in request.ordinary:
        weight = index.weight(word)
        if weight > 4 and word not in COMMON_WORDS and word not in MEDIA_NOUNS and word != "change":
            _give(answers, index.postings[word], _TELLING * weight)
        else:
            _give(answers, answers.keys() & index.postings[word], _ORDINARY)
    for word in request.subject:
        _give(answers, answers.keys() & index.postings[word], _ORDINARY)
    for alternatives in request.graded:
        graded = _answering(index, alternatives)
        _add(answers, {place: graded[place] for place in graded.keys() & answers.keys()} if answers else graded)
    expected = {*request.names, *request.ordinary}
    for alternatives in (*request.wanted, *request.graded):
        expected.update(*alternatives)
    scores = {}
    for place, gain in answers.items():
        row = index.row(place)
        fit = gain + _media_fit(request, row) + _version_fit(request, row)
        if named and place not in named:
            fit -= _NAMELESS
        if fit >= _LEAST:
            scores[place] = fit - _surplus(request, row, expected)
    return scores


def _adjacent(index: WordIndex, first: str, second: str) -> list[int]:
    """Return the places of the slugs in which one word follows the other."""
    both = set(index.postings.get(first, ())).intersection(index.postings.get(second, ()))
    return [place for place in both if (first, second) in pairwise(index.row(place).words)]


def _give(gains: dict[int, float], places: Iterable[int], gain: float) -> None:
    for place in places:
        gains[place] = gains.get(place, 0.0) + gain


def _add(gains: dict[int, float], more: dict[int, float]) -> None:
    for place, gain in more.items():
        gains[place] = gains.get(place, 0.0) + gain


def _answering(index: WordIndex, alternatives: Alternatives) -> dict[int, float]:
    """Return the models that have all words of one of the alternatives, and the worth of the best one."""
    best: dict[int, float] = {}
    for words, worth in alternatives.items():
        first, *rest = (
            index.by_category.get(word[1:], _NONE) if word[0] == "@" else index.postings.get(word, _NONE)
            for word in words
        )
        for place in set(first).intersection(*rest) if rest else first:
            best[place] = max(best.get(place, 0.0), worth)
    return best


def _media_fit(request: Request, row: Row) -> float:
    if not request.target and not request.source:
        return 0.0
    source, target = category_media(row.entry.category)
    fit = 0.0
    if request.target:
        if target == request.target or (not target and request.target in row.entry.media_out):
            fit += _TASK
        elif request.target in row.entry.media_out or {target, request.target} == {"audio", "speech"}:
            fit += 0.5
        else:
            fit -= 3.0
    if request.source:
        if source == request.source or f"{request.source}>{target}" in row.tasks:
            fit += _TASK
        elif request.source in row.entry.media_in or (request.source == "speech" and "audio" in row.entry.media_in):
            fit += 1.0
        else:
            fit -= 2.0
    elif source == "text":
        fit += 0.8
    return fit


def _version_fit(request: Request, row: Row) -> float:
    return sum(
        _VERSION * max((version_likeness(asked, offered) for offered in row.versions), default=0.0)
        for asked in request.versions
    )


def _surplus(request: Request, row: Row, expected: set[str]) -> float:
    """Return what a model pays for what the request does not account for: it is a special case of what is asked."""
    cost = 0.35 * len(row.sizes)
    for word in row.words:
        if word not in expected:
            cost += 0.9 if word in OPERATION_WORDS else 0.2
    if not request.target:
        cost += sum(0.0 if task in DEFAULT_TASKS else 0.4 for task in row.tasks)
    return cost
