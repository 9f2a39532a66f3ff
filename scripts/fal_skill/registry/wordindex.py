"""The catalogue by words: which slugs hold which, and how telling each word is."""

from __future__ import annotations

from functools import cached_property, lru_cache
from math import log
from typing import TYPE_CHECKING

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


class Row:
    """One slug, taken apart; never changed. A plain class, because there is one for each model at each start."""

    __slots__ = (
        "category_task", "entry", "family", "head", "key", "line", "listed", "owner", "owner_words", "recency", "sizes",
        "tasks", "versions", "words",
    )  # fmt: skip

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.key = entry.slug.lower()
        self.owner, *segments = self.key.split("/")
        kinds = [_kinds(segment) for segment in segments]
        self.owner_words: tuple[str, ...] = () if self.owner == HOME_OWNER else segment_words(self.owner)
        """Empty for fal's own namespace, which says nothing."""
        words: list[str] = []
        versions: tuple[str, ...] = ()
        sizes: tuple[str, ...] = ()
        tasks: tuple[str, ...] = ()
        for kind in kinds:
            words += kind[0]
            versions += kind[1]
            sizes += kind[2]
            tasks += kind[3]
        self.words = tuple(words)
        """Plain words of the name, in order."""
        self.versions, self.sizes, self.tasks = versions, sizes, tasks
        """Of these, the tasks that the slug spells out."""
        self.head = kinds[0][0] if kinds else ()
        """The plain words of the name's first segment: ``("kling", "video")``."""
        self.family = words[0] if words else self.owner
        """The first telling word after the owner."""
        self.line = _line(self.owner, segments)
        """The slug's first two segments: ``fal-ai/kling-video``."""
        self.category_task = _category_task(entry.category)
        """The task by the model's category, such as ``text>video``; empty when the category is none."""
        self.listed = entry.status != UNLISTED
        self.recency = max(map(recency, versions)) if versions else 0.0


@lru_cache(maxsize=4096)
def _kinds(segment: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return (plain words, versions, sizes, tasks) of a segment."""
    words: list[str] = []
    versions: list[str] = []
    sizes: list[str] = []
    tasks: list[str] = []
    for word in segment_words(segment):
        kind = versions if is_version(word) else tasks if is_task(word) else sizes if is_size(word) else words
        kind.append(word)
    return tuple(words), tuple(versions), tuple(sizes), tuple(tasks)


def _line(owner: str, segments: Sequence[str]) -> str:
    return f"{owner}/{segments[0]}" if segments else owner


@lru_cache(maxsize=64)
def _category_task(category: str) -> str:
    source, _, target = category.partition("-to-")
    return f"{source}>{target}" if target else ""


class WordIndex:
    """The catalogue's slugs by word, and how telling each word is.

    It is built at each start of a script, so that it makes no more than postings at once; rows are made when asked for.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.postings: dict[str, list[int]] = {}
        """Places in ``entries`` of the slugs that have the word, by word."""
        self.by_category: dict[str, list[int]] = {}
        self.owners = {HOME_OWNER}
        self._rows: dict[int, Row] = {}
        self._places: dict[str, int] = {}
        self._line_sizes: dict[str, int] = {}
        self._newest: dict[str, float] = {}
        for place, entry in enumerate(entries):
            key = entry.slug.lower()
            owner, *segments = key.split("/")
            words = set() if owner == HOME_OWNER else set(segment_words(owner))
            for segment in segments:
                words.update(segment_words(segment))
            for word in words:
                self.postings.setdefault(word, []).append(place)
            self.by_category.setdefault(entry.category, []).append(place)
            self.owners.add(owner)
            if entry.status != UNLISTED:
                line = _line(owner, segments)
                self._line_sizes[line] = self._line_sizes.get(line, 0) + 1
            self._places[key] = place
        self._scale = 0.6 + log(1 + len(entries))

    def row(self, place: int) -> Row:
        """Return the slug at a place, taken apart."""
        row = self._rows.get(place)
        if row is None:
            row = self._rows[place] = Row(self.entries[place])
        return row

    def row_of(self, key: str) -> Row | None:
        """Return the row of a slug in lower case, or None."""
        place = self._places.get(key)
        return None if place is None else self.row(place)

    def weight(self, word: str) -> float:
        """Return how telling the word is, 0.6 (everywhere) to 5 (rare or unknown)."""
        return min(_highest_weight(word), self._scale - log(1 + len(self.postings.get(word, ()))))

    def is_family(self, word: str) -> bool:
        """Return whether some model's name begins with the word."""
        return any(self.row(place).family == word for place in self.postings.get(word, ()))

    def newest(self, family: str) -> float:
        """Return the highest version of a family that is listed, as a number; 0 when it has none."""
        if family not in self._newest:
            rows = map(self.row, self.postings.get(family, ()))
            self._newest[family] = max((row.recency for row in rows if row.family == family and row.listed), default=0)
        return self._newest[family]

    def standing(self, row: Row) -> float:
        """Return what speaks for a model whatever is asked: a large line, the newest of its family, few words, listed.

        About 0 to 2 for a listed model and 4 less for another.
        """
        standing = 0.3 * log(1 + self._line_sizes.get(row.line, 0)) - 0.1 * len(row.words)
        newest = self.newest(row.family)
        if newest:
            # A slug without a version is as a rule neither the newest nor an old one.
            unversioned = 0.5 if row.versions else 0.6
            standing += 0.8 * (min(1.0, row.recency / newest) if row.recency > 1 else unversioned)
        return standing if row.listed else standing - 4.0

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """The plain words of all slugs."""
        return tuple(word for word in self.postings if word.isalpha())

    @cached_property
    def _glued(self) -> dict[str, tuple[str, ...]]:
        """First segments of several words, by the words run together (``nanobanana``)."""
        rows = map(self.row, range(len(self.entries)))
        return {"".join(row.head): row.head for row in rows if len(row.head) > 1}

    @cached_property
    def _as_of(self) -> int:
        return _months(max((entry.last_seen for entry in self.entries), default=""))

    def months_gone(self, row: Row) -> int:
        """Return for how many months the row has not been listed."""
        return self._as_of - _months(row.entry.last_seen)

    def alike(self, word: str) -> list[tuple[str, float]]:
        """Return (known word, likeness 0..1) for a word: itself when known, else what it may be meant for."""
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
        """Return (known word, likeness) for the known words within so many typos of the word.

        In a word of three letters only a swap of two counts as a typo, and a short word keeps its first letter.
        """
        found = []
        letters = set(word)
        for other in self.vocabulary:
            if (
                abs(len(other) - len(word)) > limit
                or len(other) < 3
                or len(letters.symmetric_difference(other)) > 2 * limit
            ):
                continue
            if (len(word) < 4 or (len(word) < 6 and word[0] != other[0])) and sorted(word) != sorted(other):
                continue
            distance = edit_distance(word, other, limit)
            if distance <= limit:
                found.append((other, 1 - 0.6 * distance / max(4, min(len(word), 9) - 1)))
        return found

    def parted(self, word: str) -> list[str]:
        """Return the known words that a glued word (``nanobanana``) is made of, the fewest; empty without any."""
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
        parted: list[str] = []
        for word in made:
            known = word in self.postings or not word.isalpha()
            parted.extend([word] if known else self._glued.get(word) or self.parted(word) or [word])
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


@lru_cache(maxsize=2)
def word_index(entries: tuple[Entry, ...]) -> WordIndex:
    """Return the index of these entries, built once for each tuple."""
    return WordIndex(entries)
