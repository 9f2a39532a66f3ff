"""What was meant by a slug that is not in the catalogue.

A wrong slug shares words with the right one, in another order, spelling or form. Both are brought to one form
(``words.py``); then a candidate gains for each word, version, size and task it shares with what was asked, by how
telling the word is, and pays for what it has more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .vocabulary import COMMON_WORDS, DEFAULT_TASKS, DEFAULT_WORDS, FOREIGN_OWNERS, OPERATION_WORDS, VARIANT_WORDS
from .wordindex import HOME_OWNER, Row, WordIndex, word_index
from .words import is_size, is_task, is_version, segment_words, version_likeness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model import Entry

MAX_LENGTH = 300
"""Longer input is no slug; a link to a model with its query may be that long."""

_MAX_PATH = 128
"""The longest known slug has 83 characters."""
_MAX_WORDS = 16
_MAX_CANDIDATES = 300
# What a candidate gains and pays, in the scale of word weights (0.6 for a word of every slug, 5 for a rare one). The
# figures were chosen on the ``tuning`` part of tests/registry/data/wrong_slugs.jsonl.
_VERSION = 3.3
_SIZE = 1.6
_TASK = 2.2
_TASK_BY_CATEGORY = 0.7 * _TASK
"""The slug does not spell the task out, but its category is that task."""
_OWNER_WORD = 1.0
_SAME_OWNER = 0.8
_HOME_OWNER = 0.4
_FAMILY = 0.5
_ALL_BUT_VERSION = 0.8
_SAME_NAME = 3.0
_SAME_NAME_GONE = 1.5
_SEGMENT_LEFT_OUT = 0.8
_SEGMENT_TOO_MANY = 1.0
_STANDING = 0.15
_WITHOUT_OPERATION = 0.8
"""Cost of another job than the one asked for."""
_WITHOUT_VERSION = 0.3
_OTHER_TASK = 0.8
_OTHER_TASK_OF_SAME_OUTPUT = 0.3
_SPARE_VARIANT = 0.6
_SPARE_WORD = 0.7
_SPARE_WORD_BY_WEIGHT = 0.12
_SPARE_VERSION = 0.5
_SPARE_SIZE = 0.6
_SPARE_TASKS = {"image>video": 0.6, **dict.fromkeys(DEFAULT_TASKS, 0.15)}
_SPARE_TASK = 0.9
_MAYBE_GONE = 0.4
_GONE = 3.0
_MONTHS_UNSURE = 6
"""A model that the newest source has left out for longer is likelier gone than merely left out."""
_UNKNOWN = 4.5
"""What an unknown word of a query weighs."""
_NEEDED = 0.45
"""Part of a query's weight that some model must share; less means that something else was meant."""
_NEEDED_OF_FAMILY = 0.3
"""The same when the first word is the name of a family."""
_NEEDED_OF_BEST = 0.4
"""Part of the best match's shared weight that any other suggestion must share."""

_LOOKALIKES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-") | dict.fromkeys(
    map(ord, "\u200b\u200c\u200d\u2060\ufeff"), ""
)
"""Dashes and invisible marks that text copied from a page brings along."""
_TRAILING_PAGES = frozenset({"api", "playground", "examples", "llms.txt", "llms"})
_SUBPATHS = frozenset({"requests", "versions"})
_LEADING_PARTS = frozenset({"models", "model", "explore", "docs", "apps", "http:", "https:"})

Likenesses = list[tuple[str, float]]
"""Known words that a word may stand for, and how alike they are (0..1)."""


class Query:
    """A wrong slug, taken apart."""

    __slots__ = ("name", "owner", "owner_words", "sizes", "tasks", "versions", "words")

    def __init__(self, index: WordIndex, path: str) -> None:
        parts = path.split("/")
        self.owner = ""
        """Empty when none was given."""
        owner_words: tuple[str, ...] = ()
        first = parts[0].replace("_", "-")
        if len(parts) > 1 and (index.is_owner(first) or not _is_known_name(index, first)):
            self.owner = first
            known = [index.alike(word)[:1] for word in segment_words(first) if not first.startswith("fal")]
            owner_words = tuple(word for likenesses in known for word, _ in likenesses)
            parts = parts[1:]
        self.name = "/".join(parts)
        """The slug without its owner, in lower case."""
        found = index.mended([word for part in parts for word in segment_words(part)])[:_MAX_WORDS]
        words = tuple(word for word in found if not (is_version(word) or is_task(word) or is_size(word)))
        if not words or (self.owner and len(words) == 1 and words[0] in COMMON_WORDS):
            words, owner_words = owner_words + words, ()
        self.words = words
        self.owner_words = owner_words
        self.versions = tuple(word for word in found if is_version(word))
        self.sizes = tuple(word for word in found if is_size(word))
        self.tasks = tuple(word for word in found if is_task(word))


def slug_path(text: str) -> str:
    """Return the slug inside a link, a quoted or a padded string, in lower case; empty when there is none.

    >>> slug_path("https://queue.fal.run/fal-ai/flux/dev/requests/1234/status?logs=1")
    'fal-ai/flux/dev'
    """
    text = text.translate(_LOOKALIKES).strip(" \t\r\n`'\"<>()[],;").lower().replace("\\", "/")
    text = text.partition("?")[0].partition("#")[0]
    parts = [part.strip() for part in text.split("/")]
    parts = [part for part in parts if part]
    if any(part.strip(".") == "" for part in parts):  # a file path
        return ""
    while parts and (parts[0] in _LEADING_PARTS or (_is_host(parts[0]) and len(parts) > 1)):
        parts.pop(0)
    for place, part in enumerate(parts):
        if place >= 2 and (part in _SUBPATHS or (part in _TRAILING_PAGES and place == len(parts) - 1)):
            parts = parts[:place]
            break
    if parts and ":" in parts[-1]:  # owner/model:version, as other hosts write it
        parts[-1] = parts[-1].partition(":")[0]
    return "/".join(parts)


def _is_host(part: str) -> bool:
    """Return whether a first part is a host name and not a model such as ``flux1.1``."""
    return part.rpartition(".")[2] in ("ai", "run", "com", "co", "dev", "org") and "." in part


def _is_known_name(index: WordIndex, segment: str) -> bool:
    words = index.mended(segment_words(segment))
    return bool(words) and all(word in index.postings or index.alike(word) for word in words)


def suggestions(entries: Sequence[Entry], slug: str, limit: int = 3) -> list[str]:
    """Return up to ``limit`` slugs that may have been meant by ``slug``, the likeliest first; empty for nonsense.

    The slug itself is never among them: asked for a model that is no longer listed, this returns what replaces it.
    """
    if limit < 1 or len(slug) > MAX_LENGTH:
        return []
    path = slug_path(slug)
    if not path or len(path) > _MAX_PATH or not path.isascii():
        return []
    index = word_index(tuple(entries))
    same = index.row_of(path)
    found = [row for row in _ranked(index, Query(index, path), same) if row is not same]
    if same is not None and same.entry.slug != slug:
        found.insert(0, same)
    elif same is not None and not same.listed and not any(row.listed for row in found):
        found += _peers(index, same)
    return [row.entry.slug for row in found[:limit]]


def _peers(index: WordIndex, gone: Row) -> list[Row]:
    """Return the listed models of the category of one that is gone, the likeliest replacement first."""
    if not gone.category_task:
        return []
    peers = [row for row in map(index.row, index.by_category[gone.entry.category]) if row.listed]
    return sorted(peers, key=lambda row: (-index.standing(row), row.entry.slug))


def _ranked(index: WordIndex, asked: Query, same: Row | None) -> list[Row]:
    """Return the rows that may have been meant, the likeliest first; ``same`` is the row of the slug itself."""
    meant = [index.alike(word) for word in asked.words]
    reach = _reach(index, meant) or _twins(index, asked, meant)
    covered = max(reach.values(), default=0.0)
    nearest = [place for place, gain in reach.items() if gain >= _NEEDED_OF_BEST * covered]
    for word in (*asked.versions, *asked.sizes, *asked.tasks):
        for place in index.postings.get(word, ()):
            if place in reach:
                reach[place] += 1.5
    nearest.sort(key=lambda place: (-reach[place], place))
    scored = []
    for row in dict.fromkeys((*_stems(index, asked), *map(index.row, nearest[:_MAX_CANDIDATES]))):
        # In place of a model that is gone, one that went with it or before is no help.
        if same is None or row.listed or row.entry.last_seen > same.entry.last_seen:
            scored.append((-_score(index, asked, meant, row), len(row.entry.slug), row.entry.slug, row))
    return [row for *_, row in sorted(scored)]


def _twins(index: WordIndex, asked: Query, meant: Sequence[Likenesses]) -> dict[int, float]:
    """Return the rows that have nothing but what was asked, for a name without a telling word (``t2v-turbo``)."""
    named = {word for likenesses in meant for word, _ in likenesses}
    if not all(meant) or not (asked.tasks or asked.versions):
        return {}
    return {
        place: 1.0
        for word in (*asked.tasks, *asked.versions)
        for place in index.postings.get(word, ())
        if named == set(index.row(place).words) and index.row(place).tasks == asked.tasks
    }


def _stems(index: WordIndex, asked: Query) -> list[Row]:
    """Return the rows whose slug is the beginning of what was asked: it has a segment too many."""
    parts = asked.name.split("/")
    heads = ["/".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]
    found = [index.row_of(f"{owner}/{head}") for head in heads for owner in dict.fromkeys((asked.owner, HOME_OWNER))]
    return [row for row in found if row is not None]


def _reach(index: WordIndex, meant: Sequence[Likenesses]) -> dict[int, float]:
    """Return for each row the weight of the words that it shares; empty when too little of what was asked is known."""
    reach: dict[int, float] = {}
    telling = 0.0
    for likenesses in meant:
        if likenesses:  # two common words tell as much as one other
            telling += 1.0 if any(word not in COMMON_WORDS for word, _ in likenesses) else 0.5
        gains: dict[int, float] = {}
        for word, likeness in likenesses:
            gain = index.weight(word) * likeness
            for place in index.postings[word]:
                gains[place] = max(gain, gains.get(place, 0.0))
        for place, gain in gains.items():
            reach[place] = reach.get(place, 0.0) + gain
    total = sum(index.weight(likenesses[0][0]) if likenesses else _UNKNOWN for likenesses in meant)
    known_family = meant and meant[0] and meant[0][0][1] == 1.0 and index.is_family(meant[0][0][0])
    needed = _NEEDED_OF_FAMILY if known_family else _NEEDED
    if max(reach.values(), default=0.0) <= needed * total:
        return {}
    return reach if telling >= 1 else {}


def _score(index: WordIndex, asked: Query, meant: Sequence[Likenesses], row: Row) -> float:
    spare = list(row.words)
    score = 0.0
    for word_asked, options in zip(asked.words, meant, strict=True):
        for word, likeness in options:
            if word in spare:
                spare.remove(word)
                score += index.weight(word) * likeness
                break
            if word in row.owner_words or _is_output(word, row):
                score += index.weight(word) * likeness
                break
        else:
            score -= _WITHOUT_OPERATION if word_asked in OPERATION_WORDS else 0.0
    for word in asked.owner_words:
        if word not in asked.words and (word in row.owner_words or word in spare):
            score += _OWNER_WORD
            if word in spare:
                spare.remove(word)
    if _same_words(asked, row):
        score += _ALL_BUT_VERSION
    score += _version_score(index, asked.versions, row) + _STANDING * index.standing(row)
    score += _size_score(asked.sizes, row.sizes)
    score += _task_score(asked, row, spare)
    for word in spare:
        score -= DEFAULT_WORDS.get(word) or _spare_cost(index, word)
    if asked.owner == row.owner or (row.owner == HOME_OWNER and asked.owner in FOREIGN_OWNERS):
        score += _SAME_OWNER
    elif row.owner == HOME_OWNER:
        score += _HOME_OWNER
    if row.family in asked.words:
        score += _FAMILY
    score += _path_score(asked.name, row)
    if not row.listed:
        score -= _GONE if index.months_gone(row) > _MONTHS_UNSURE else _MAYBE_GONE
    return score


def _same_words(asked: Query, row: Row) -> bool:
    """Return whether nothing but a version, a separator or the owner tells the names apart."""
    if (asked.tasks, asked.sizes) != (row.tasks, row.sizes):
        return False
    return asked.words in (row.words, row.owner_words + row.words) or asked.owner_words + asked.words == row.words


def _is_output(word: str, row: Row) -> bool:
    """Return whether the word names the medium that the row's task puts out."""
    return any(_output(task) == word for task in row.tasks or (row.category_task,))


def _path_score(name: str, row: Row) -> float:
    """Return the gain for a name that is the row's own but for the owner, or one segment longer or shorter."""
    theirs = row.key.partition("/")[2]
    if name in (theirs, row.key):
        return _SAME_NAME if row.listed else _SAME_NAME_GONE
    if theirs.startswith(name + "/"):
        return _SEGMENT_LEFT_OUT
    return _SEGMENT_TOO_MANY if name.startswith(theirs + "/") else 0.0


def _version_score(index: WordIndex, asked: Sequence[str], row: Row) -> float:
    spare = list(row.versions)
    score = 0.0
    for version in asked:
        best = max(spare, key=lambda other: version_likeness(version, other), default=None)
        if best is None:
            score -= _WITHOUT_VERSION
        else:
            spare.remove(best)
            score += _VERSION * version_likeness(version, best)
    # Of versions that nobody asked for, the newest is the likeliest meant.
    newest = index.newest(row.family)
    age = 1 - min(1.0, row.recency / newest) if newest else 0.5
    return score - _SPARE_VERSION * (0.4 + 0.6 * age) * len(spare)


def _size_score(asked: Sequence[str], offered: Sequence[str]) -> float:
    shared = sum(1 for size in asked if size in offered)
    return _SIZE * shared - _SPARE_SIZE * (len(offered) - min(shared, len(offered)))


def _task_score(asked: Query, row: Row, spare: list[str]) -> float:
    """Return the gain for the task; a word that stands for the task (``edit``) is taken off the spare words."""
    if not asked.tasks:
        edited = "image>image" in row.tasks and "edit" in asked.words and "edit" not in row.words
        costs = [_SPARE_TASKS.get(task, _SPARE_TASK) for task in row.tasks if not (edited and task == "image>image")]
        return 0.5 * edited - sum(costs)
    score = 0.0
    left = list(row.tasks)
    for task in asked.tasks:
        if task in left:
            left.remove(task)
            score += _TASK
        elif (not row.tasks and row.category_task == task) or (task == "image>image" and "edit" in spare):
            score += _TASK_BY_CATEGORY
            if task == "image>image" and "edit" in spare:
                spare.remove("edit")
        elif any(_output(other) == _output(task) for other in row.tasks or (row.category_task,)):
            score -= _OTHER_TASK_OF_SAME_OUTPUT
        else:
            score -= _OTHER_TASK
    return score - _OTHER_TASK * len(left)


def _output(task: str) -> str:
    return task.rpartition(">")[2]


def _spare_cost(index: WordIndex, word: str) -> float:
    """Return what it costs a candidate to have a word that nobody asked for."""
    return _SPARE_VARIANT if word in VARIANT_WORDS else _SPARE_WORD + _SPARE_WORD_BY_WEIGHT * index.weight(word)
