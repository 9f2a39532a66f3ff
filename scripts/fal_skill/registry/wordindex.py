"""The catalogue by words: which slugs hold which, and how telling each word is."""

from __future__ import annotations

from functools import lru_cache
from math import log
from typing import TYPE_CHECKING, NamedTuple

from .model import UNLISTED
from .vocabulary import COMMON_WORDS, FOREIGN_OWNERS, RELATED_WORDS, VARIANT_WORDS, WORD_FORMS, WORD_RUNS
from .words import edit_distance, is_size, is_task, is_version, recency, segment_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model import Entry

_MAX_WEIGHT = 5.0
_VARIANT_WEIGHT = 1.8
_MEDIUM_WEIGHT = 0.9
_LONGEST_GLUED = 32
HOME_OWNER = "fal-ai"


class Row(NamedTuple):
    """One slug, taken apart."""

    entry: Entry
    owner: str
    """Lower case."""
    owner_words: tuple[str, ...]
    """Empty for fal's own namespace, which says nothing."""
    family: str
    """The first telling word after the owner."""
    line: str
    """The slug's first two segments: ``fal-ai/kling-video``."""
    words: tuple[str, ...]
    """Plain words of the name, in order."""
    versions: tuple[str, ...]
    sizes: tuple[str, ...]
    tasks: tuple[str, ...]
    """Tasks that the slug spells out."""
    category_task: str
    """The task by the model's category, such as ``text>video``; empty when the category is none."""
    listed: bool
    recency: float


class WordIndex:
    """The catalogue's rows, their postings by word, and the weight of each word."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.rows = [_row(entry) for entry in entries]
        self.exact = {row.entry.slug.lower(): row for row in self.rows}
        self.owners = {row.owner for row in self.rows} | {HOME_OWNER}
        postings: dict[str, list[int]] = {}
        for place, row in enumerate(self.rows):
            for word in {*row.owner_words, *row.words, *row.sizes, *row.versions, *row.tasks}:
                postings.setdefault(word, []).append(place)
        self.postings = postings
        scale = log(1 + len(self.rows))
        self.weights = {
            word: min(_highest_weight(word), 0.6 + scale - log(1 + len(places))) for word, places in postings.items()
        }
        self.line_sizes: dict[str, int] = {}
        self.newest: dict[str, float] = {}
        for row in self.rows:
            if row.listed:
                self.line_sizes[row.line] = self.line_sizes.get(row.line, 0) + 1
                self.newest[row.family] = max(self.newest.get(row.family, 0.0), row.recency)
        self.as_of = max((_months(row.entry.last_seen) for row in self.rows), default=0)
        self.families = {row.family for row in self.rows}
        self.vocabulary = [word for word in postings if word.isalpha()]

    def weight(self, word: str) -> float:
        """Return how telling the word is, 0.6 (everywhere) to 5 (rare or unknown)."""
        return self.weights.get(word, _MAX_WEIGHT)

    def standing(self, row: Row) -> float:
        """Return what speaks for a model whatever is asked: a large line, the newest of its family, few words, listed.

        About 0 to 2 for a listed model and 4 less for another.
        """
        standing = 0.3 * log(1 + self.line_sizes.get(row.line, 0)) - 0.1 * len(row.words)
        newest = self.newest.get(row.family, 0.0)
        if newest:
            # A slug without a version is as a rule neither the newest nor an old one.
            unversioned = 0.5 if row.versions else 0.6
            standing += 0.8 * (min(1.0, row.recency / newest) if row.recency > 1 else unversioned)
        return standing if row.listed else standing - 4.0

    def age(self, row: Row) -> float:
        """Return for how many years the row has not been listed, at most 1."""
        return min(1.0, (self.as_of - _months(row.entry.last_seen)) / 12)

    def alike(self, word: str) -> list[tuple[str, float]]:
        """Return (known word, likeness 0..1) for a word of a query: itself when known, else what it may be meant for."""
        related = [pair for pair in RELATED_WORDS.get(word, ()) if pair[0] in self.postings]
        if word in self.postings:
            return [(word, 1.0), *related]
        if related:
            return related
        for other in (word + "s", word[:-1], word + "d", word + "r"):
            if len(word) > 3 and other in self.postings:
                return [(other, 0.95)]
        for ending in ("labs", "v"):  # topazlabs, llavav15
            if len(word) > len(ending) + 2 and word.endswith(ending) and word[: -len(ending)] in self.postings:
                return [(word[: -len(ending)], 0.9)]
        forms = [WORD_FORMS[form] for form in WORD_FORMS if len(word) > 4 and edit_distance(word, form, 1) < 2]
        if forms and forms[0] in self.postings:
            return [(forms[0], 0.85)]
        near = self.near(word, 1) if len(word) >= 3 else []
        if near:
            return near
        starts = [other for other in self.vocabulary if len(word) > 3 and other.startswith(word)]
        if starts:
            return [(other, 0.5 + 0.4 * len(word) / len(other)) for other in starts]
        within = [
            other
            for other in self.vocabulary
            if len(other) > 4 and other not in COMMON_WORDS and word.startswith(other)
        ]
        if within:
            best = max(within, key=len)
            if len(best) * 2 > len(word):
                return [(best, 0.5 + 0.3 * len(best) / len(word))]
        return self.near(word, 2) if len(word) >= 7 else []

    def near(self, word: str, limit: int) -> list[tuple[str, float]]:
        found = []
        letters = set(word)
        for other in self.vocabulary:
            if abs(len(other) - len(word)) > limit or len(other) < 3 or len(letters.symmetric_difference(other)) > 2 * limit:
                continue
            if len(word) < 4 and sorted(word) != sorted(other):  # three letters: only a swap is a typo
                continue
            if len(word) < 6 and word[0] != other[0] and sorted(word) != sorted(other):
                continue
            distance = edit_distance(word, other, limit)
            if distance <= limit:
                found.append((other, 1 - 0.6 * distance / max(4, min(len(word), 9) - 1)))
        return found

    def parted(self, word: str) -> list[str]:
        """Return the known words that a glued word is made of (``nanobanana``), the fewest; empty when there are none."""
        length = len(word)
        if not 6 <= length <= _LONGEST_GLUED:
            return []
        ways: list[list[str] | None] = [None] * (length + 1)
        ways[0] = []
        for end in range(3, length + 1):
            for start in range(max(0, end - 16), end - 2):
                way = ways[start]
                part = word[start:end]
                part = WORD_FORMS.get(part, part)
                if way is None or part not in self.postings:
                    continue
                known = ways[end]
                if known is None or len(way) + 1 < len(known):
                    ways[end] = [*way, part]
        return ways[length] or []

    def mended(self, words: Sequence[str]) -> list[str]:
        """Return the words of a query with the ones joined or parted that the catalogue writes otherwise."""
        made = list(words)
        for run, meant in WORD_RUNS.items():
            for place in range(len(made) - len(run) + 1):
                if tuple(made[place : place + len(run)]) == run:
                    made[place : place + len(run)] = meant
        place = 0
        while place + 1 < len(made):
            joined = made[place] + made[place + 1]
            if joined.isalpha() and self._is_one_word(joined, made[place], made[place + 1]):
                made[place : place + 2] = [joined]
            place += 1
        parted = []
        for word in made:
            known = word in self.postings or not word.isalpha()
            parted.extend([word] if known else self.parted(word) or [word])
        return parted

    def _is_one_word(self, joined: str, first: str, second: str) -> bool:
        if joined in self.postings:
            return True
        unknown = first not in self.postings or second not in self.postings
        return unknown and len(joined) >= 8 and min(len(first), len(second)) > 2 and bool(self.near(joined, 2))

    def is_owner(self, segment: str) -> bool:
        """Return whether a first segment is an owner, here or on another host."""
        return segment in self.owners or segment in FOREIGN_OWNERS


def _months(date: str) -> int:
    return int(date[:4]) * 12 + int(date[5:7]) if len(date) >= 7 and date[:4].isdigit() and date[5:7].isdigit() else 0


def _highest_weight(word: str) -> float:
    if word in ("image", "video", "audio", "speech", "text"):
        return _MEDIUM_WEIGHT
    return _VARIANT_WEIGHT if word in VARIANT_WORDS else _MAX_WEIGHT


def _row(entry: Entry) -> Row:
    owner, _, name = entry.slug.lower().partition("/")
    segments = [segment_words(segment) for segment in name.split("/")]
    words: list[str] = []
    versions: list[str] = []
    sizes: list[str] = []
    tasks: list[str] = []
    for segment in segments:
        for word in segment:
            kind = versions if is_version(word) else tasks if is_task(word) else sizes if is_size(word) else words
            kind.append(word)
    source, _, target = entry.category.partition("-to-")
    return Row(
        entry,
        owner,
        () if owner == HOME_OWNER else segment_words(owner),
        words[0] if words else owner,
        "/".join(entry.slug.lower().split("/", 2)[:2]),
        tuple(words),
        tuple(versions),
        tuple(sizes),
        tuple(tasks),
        f"{source}>{target}" if target else "",
        entry.status != UNLISTED,
        max(map(recency, versions), default=0.0),
    )


@lru_cache(maxsize=2)
def word_index(entries: tuple[Entry, ...]) -> WordIndex:
    """Return the index of these entries, built once for each tuple."""
    return WordIndex(entries)
