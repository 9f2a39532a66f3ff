"""What was meant by a slug that is not in the catalogue.

A wrong slug shares words with the right one, in another order, spelling or form. Both are brought to one form
(``words.py``); then a candidate gains for each word, version, size and task it shares with what was asked, by how
telling the word is, and pays for what it has more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .vocabulary import COMMON_WORDS, DEFAULT_TASKS, DEFAULT_WORDS, FOREIGN_OWNERS, OPERATION_WORDS
from .wordindex import HOME_OWNER, Row, WordIndex, word_index
from .words import is_size, is_task, is_version, segment_words, version_likeness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model import Entry

MAX_LENGTH = 300
"""Longer input is no slug; a link to a model with its query may be that long."""

_MAX_WORDS = 16
_MAX_CANDIDATES = 300
_VERSION = 3.3
_SIZE = 1.6
_TASK = 2.2
_OWNER = 1.0
_ALL_BUT_VERSION = 1.5
_UNKNOWN = 4.5
"""What an unknown word of a query weighs."""
_NEEDED = 0.45
"""Part of a query's weight that some model must share; less means that something else was meant."""
_NEEDED_OF_FAMILY = 0.3
"""The same when the first word is the name of a family."""
_NEEDED_OF_BEST = 0.4
"""Part of the best match's shared weight that any other suggestion must share."""

_TRAILING_PAGES = frozenset({"api", "playground", "examples", "llms.txt", "llms"})
_SUBPATHS = frozenset({"requests", "versions"})
_LEADING_PARTS = frozenset({"models", "model", "explore", "docs", "apps", "http:", "https:"})
_EDITS = frozenset({"edit", "image>image"})


Likenesses = list[tuple[str, float]]
"""Known words that a word may stand for, and how alike they are (0..1)."""


class Query(NamedTuple):
    """A wrong slug, taken apart."""

    name: str
    """The slug without its owner and without what surrounds it: scheme, host, page, spaces, quotes; lower case."""
    owner: str
    """Empty when none was given."""
    owner_words: tuple[str, ...]
    words: tuple[str, ...]
    versions: tuple[str, ...]
    sizes: tuple[str, ...]
    tasks: tuple[str, ...]


def slug_path(text: str) -> str:
    """Return the slug inside a link, a quoted or a padded string, in lower case; empty when there is none.

    >>> slug_path("https://queue.fal.run/fal-ai/flux/dev/requests/1234/status?logs=1")
    'fal-ai/flux/dev'
    """
    text = text.strip(" \t\r\n`'\"<>()[],;").lower().replace("\\", "/")
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


def _query(index: WordIndex, path: str) -> Query:
    parts = path.split("/")
    owner, owner_words = "", ()
    first = parts[0].replace("_", "-")
    if len(parts) > 1 and (index.is_owner(first) or not _is_known_name(index, first)):
        owner = first
        owner_words = () if owner.startswith("fal") else segment_words(owner)
        parts = parts[1:]
    found = index.mended([word for part in parts for word in segment_words(part)])[:_MAX_WORDS]
    words = [word for word in found if not (is_version(word) or is_task(word) or is_size(word))]
    if not words or (owner and len(words) == 1 and words[0] in COMMON_WORDS):
        words, owner_words = [*owner_words, *words], ()
    return Query(
        "/".join(parts),
        owner,
        owner_words,
        tuple(words),
        tuple(word for word in found if is_version(word)),
        tuple(word for word in found if is_size(word)),
        tuple(word for word in found if is_task(word)),
    )


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
    if not path or not path.isascii():
        return []
    index = word_index(tuple(entries))
    asked = _query(index, path)
    same = index.exact.get(path)
    ranked = _ranked(index, asked, slug)
    found = [row for _, row in ranked if row is not same]
    if same is not None and same.entry.slug != slug:
        found.insert(0, same)
    elif same is not None and not same.listed and not any(row.listed for row in found):
        found += _peers(index, same)
    return [row.entry.slug for row in found[:limit]]


def _peers(index: WordIndex, gone: Row) -> list[Row]:
    """Return the listed models of the category of one that is gone, the likeliest replacement first."""
    if not gone.category_task:
        return []
    peers = [row for row in index.rows if row.listed and row.entry.category == gone.entry.category]
    return sorted(peers, key=lambda row: (-index.standing(row), row.entry.slug))


def _ranked(index: WordIndex, asked: Query, slug: str) -> list[tuple[float, Row]]:
    meant = [index.alike(word) for word in asked.words]
    reach = _reach(index, meant) or _twins(index, asked, meant)
    covered = max(reach.values(), default=0.0)
    nearest = [place for place, gain in reach.items() if gain >= _NEEDED_OF_BEST * covered]
    for word in (*asked.versions, *asked.sizes, *asked.tasks):
        for place in index.postings.get(word, ()):
            if place in reach:
                reach[place] += 1.5
    nearest.sort(key=lambda place: (-reach[place], place))
    gone = index.exact.get(slug)
    scored = []
    for row in dict.fromkeys((*_stems(index, asked), *(index.rows[place] for place in nearest[:_MAX_CANDIDATES]))):
        # In place of a model that is gone, one that went with it or before is no help.
        if gone is None or row.listed or row.entry.last_seen > gone.entry.last_seen:
            scored.append((_score(index, asked, meant, row), row))
    scored.sort(key=lambda pair: (-pair[0], len(pair[1].entry.slug), pair[1].entry.slug))
    return scored


def _twins(index: WordIndex, asked: Query, meant: Sequence[Likenesses]) -> dict[int, float]:
    """Return the rows that have nothing but what was asked, for a name without a telling word (``t2v-turbo``)."""
    named = {word for likenesses in meant for word, _ in likenesses}
    if not all(meant) or not (asked.tasks or asked.versions):
        return {}
    return {
        place: 1.0
        for word in (*asked.tasks, *asked.versions)
        for place in index.postings.get(word, ())
        if named == set(index.rows[place].words) and index.rows[place].tasks == asked.tasks
    }


def _stems(index: WordIndex, asked: Query) -> list[Row]:
    """Return the rows whose slug is the beginning of what was asked: it has a segment too many."""
    parts = asked.name.split("/")
    heads = ["/".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]
    found = [index.exact.get(f"{owner}/{head}") for head in heads for owner in dict.fromkeys((asked.owner, HOME_OWNER))]
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
    known_family = meant and meant[0] and meant[0][0][1] == 1.0 and meant[0][0][0] in index.families
    needed = _NEEDED_OF_FAMILY if known_family else _NEEDED
    if max(reach.values(), default=0.0) <= needed * total:
        return {}
    return reach if telling >= 1 else {}


def _score(
    index: WordIndex, asked: Query, meant: Sequence[Likenesses], row: Row
) -> float:
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
            score -= 0.8 if word_asked in OPERATION_WORDS else 0.0
    for owner_word in asked.owner_words:
        for word, _ in index.alike(owner_word)[:1]:
            if word not in asked.words and (word in row.owner_words or word in spare):
                score += _OWNER
                if word in spare:
                    spare.remove(word)
    if (asked.words, asked.tasks, asked.sizes) == (row.words, row.tasks, row.sizes):
        score += _ALL_BUT_VERSION
    score += _version_score(index, asked.versions, row) + 0.15 * index.standing(row)
    score += _size_score(asked.sizes, row.sizes)
    score += _task_score(asked, row, spare)
    for word in spare:
        score -= DEFAULT_WORDS.get(word, 0.7 + 0.12 * index.weight(word))
    if asked.owner == row.owner or (row.owner == HOME_OWNER and asked.owner in FOREIGN_OWNERS):
        score += 0.8
    elif row.owner == HOME_OWNER:
        score += 0.4
    if row.family in asked.words:
        score += 0.5
    score += _path_score(asked.name, row)
    if not row.listed:
        score -= 2 * index.age(row)
    return score


def _is_output(word: str, row: Row) -> bool:
    """Return whether the word names the medium that the row's task puts out."""
    return any(task.endswith(">" + word) for task in row.tasks or (row.category_task,))


def _path_score(name: str, row: Row) -> float:
    """Return the gain for a name that is the row's own but for the owner, or one segment longer or shorter."""
    slug = row.entry.slug.lower()
    theirs = slug.partition("/")[2]
    if name in (theirs, slug):
        return 3.0 if row.listed else 1.5
    if theirs.startswith(name + "/"):
        return 0.8
    return 1.5 if name.startswith(theirs + "/") else 0.0


def _version_score(index: WordIndex, asked: Sequence[str], row: Row) -> float:
    spare = list(row.versions)
    score = 0.0
    for version in asked:
        best = max(spare, key=lambda other: version_likeness(version, other), default=None)
        if best is None:
            score -= 0.3
        else:
            spare.remove(best)
            score += _VERSION * version_likeness(version, best)
    # Of versions that nobody asked for, the newest is the likeliest meant.
    newest = index.newest.get(row.family, 0.0)
    return score - (0.5 - 0.3 * min(1.0, row.recency / newest) if newest else 0.35) * len(spare)


def _size_score(asked: Sequence[str], offered: Sequence[str]) -> float:
    shared = sum(1 for size in asked if size in offered)
    return _SIZE * shared - 0.6 * (len(offered) - min(shared, len(offered)))


def _task_score(asked: Query, row: Row, spare: list[str]) -> float:
    """Return the gain for the task; a word that stands for the task (``edit``) is taken off the spare words."""
    if not asked.tasks:
        score = 0.0
        edits = "edit" in asked.words and "edit" not in row.words
        for task in row.tasks:
            if edits and task == "image>image":
                score += 0.5
            else:
                score -= 0.15 if task in DEFAULT_TASKS else 0.6 if task == "image>video" else 0.9
        return score
    score = 0.0
    left = list(row.tasks)
    for task in asked.tasks:
        if task in left:
            left.remove(task)
            score += _TASK
        elif not row.tasks and row.category_task == task:
            score += _TASK * 0.7
            if task == "image>image" and "edit" in spare:
                spare.remove("edit")
        elif task == "image>image" and "edit" in spare:
            spare.remove("edit")
            score += _TASK * 0.7
        elif any(other.rpartition(">")[2] == task.rpartition(">")[2] for other in row.tasks or (row.category_task,)):
            score -= 0.3
        else:
            score -= 0.8
    return score - 0.8 * len(left)
