"""What a request in plain words asks for: names, concepts, media, a grade."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from .concepts import CONCEPTS, GRADES, LANGUAGES, MULTILINGUAL, OTHER_LANGUAGES
from .plainwords import (
    ASIDE_MARKS,
    BASE_FORMS,
    INPUT_MARKS,
    MEDIA_NOUNS,
    NAME_RUNS,
    ORDINARY_WORDS,
    OUTPUT_MARKS,
    STOP_WORDS,
    SUBJECT_ENDS,
    SUBJECT_MARKS,
    UNITS,
)
from .vocabulary import WORD_FORMS
from .words import PUNCTUATION, is_size, is_task, is_version, segment_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .wordindex import WordIndex

Alternatives = dict[frozenset[str], float]
"""Sets of words, and the worth of a slug that has all words of one; ``@`` marks a category instead of a word."""

_MAX_WORDS = 80
_BREAK = "¦"
"""Stands for a comma and the like while a request is read."""
_CONCEPT = 5.0
_SECOND = 0.4
"""Part of a concept's worth beside a leading one."""
_SAME = "same"
_TRAINING = ">weights"
_MARKS = INPUT_MARKS | OUTPUT_MARKS | ASIDE_MARKS
_TRANSFORMED = frozenset({"image", "video", "audio", "3d"})
_CATEGORY_MEDIA = {"vision": ("image", "text"), "llm": ("text", "text"), "training": ("", "weights")}


class Request:
    """A request, read. A plain class, because it is made at each start of a script."""

    __slots__ = (
        "explicit", "graded", "names", "ordinary", "pairs", "source", "subject", "target", "versions", "wanted",
    )  # fmt: skip

    names: dict[str, float]
    """Words that name models, and what each is worth."""
    versions: tuple[str, ...]
    ordinary: tuple[str, ...]
    """Words of the language that some slug has."""
    subject: tuple[str, ...]
    """Such words from the part that tells what is to be seen or heard."""
    pairs: tuple[tuple[str, str], ...]
    """Neighbouring words."""
    wanted: tuple[Alternatives, ...]
    """One for each concept and language, the leading concept first."""
    graded: tuple[Alternatives, ...]
    """One for each grade."""
    source: str
    """Medium of the input, or empty."""
    target: str
    """Medium of the output, or empty; ``weights`` for training."""
    explicit: bool
    """Whether the request states the task as such: ``text to video``."""

    def __init__(self, index: WordIndex, text: str) -> None:
        told, subject = _without_subject(_chunks(text))
        words = _joined(segment_words(" ".join(told)))
        plain = {*told, *words}
        names: dict[str, float] = {}
        versions: list[str] = []
        ordinary: list[str] = []
        for place, word in enumerate(words):
            if is_version(word):
                after = words[place + 1] if place + 1 < len(words) else ""
                if place and after not in UNITS and (words[place - 1] in names or "." in word):
                    versions.append(word)
            elif is_task(word) or word in STOP_WORDS:
                continue
            elif word not in index.postings:
                names.update(_meant_names(index, word))
            elif word in ORDINARY_WORDS or is_size(word) or len(word) == 1:
                ordinary.append(word)
            else:
                names[word] = max(3.0, 1.6 * index.weight(word))
        stated = next((word for word in words if is_task(word)), "")
        self.source, self.target, wanted = _concept_wishes(told, plain, stated)
        self.names = names
        self.versions = tuple(versions)
        self.ordinary = tuple(dict.fromkeys(ordinary))
        self.subject = tuple(
            word for word in dict.fromkeys(subject) if word in index.postings and word not in STOP_WORDS
        )
        self.pairs = tuple(dict.fromkeys(pairwise(words)))
        self.wanted = (*wanted, *_language_wishes(told))
        self.graded = tuple(grades for ways, _, grades in concept_table(GRADES) if any(way <= plain for way in ways))
        self.explicit = bool(stated)

    def __bool__(self) -> bool:
        """Whether any word of the request says something about models."""
        return bool(
            self.names or self.ordinary or self.subject or self.wanted or self.graded or self.source or self.target
        )


def category_media(category: str) -> tuple[str, str]:
    """Return (input medium, output medium) of a category; empty where it names none."""
    source, _, target = category.partition("-to-")
    return _CATEGORY_MEDIA.get(category, (source, target) if target else ("", ""))


def request_of(index: WordIndex, text: str, category: str | None = None) -> Request | None:
    """Return what a request asks for, or None when no word of it says anything about models.

    A category settles the media, whatever the words say of them.
    """
    request = Request(index, text)
    if not request:
        return None
    if category is not None and any(category_media(category)):
        request.source, request.target = category_media(category)
    return request


def _chunks(text: str) -> list[str]:
    for mark in ",;!?\n":
        text = text.replace(mark, f" {_BREAK} ")
    return [_base(chunk) for chunk in text.lower().translate(PUNCTUATION).split()[:_MAX_WORDS]]


def _base(word: str) -> str:
    """Return a word of a request in its base form: without a plural, and as slugs have it."""
    word = BASE_FORMS.get(word) or WORD_FORMS.get(word, word)
    if len(word) > 3 and word[-1] == "s" and word[-2] not in "sui":
        word = word[:-1]
        word = BASE_FORMS.get(word) or WORD_FORMS.get(word, word)
    return word


def _without_subject(chunks: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return (the request without what is to be seen or heard in the result, that)."""
    told: list[str] = []
    subject: list[str] = []
    inside = False
    before = ""
    for word in chunks:
        if inside and (word in SUBJECT_ENDS or word == _BREAK):
            inside = False
        if word == _BREAK:
            before = ""
            continue
        (subject if inside else told).append(word)
        if word in SUBJECT_MARKS or (word == "of" and before in MEDIA_NOUNS):
            inside = True
        before = word
    return told, subject


def _joined(words: Sequence[str]) -> list[str]:
    made = list(words)
    for run, meant in NAME_RUNS.items():
        for place in range(len(made) - len(run) + 1):
            if tuple(made[place : place + len(run)]) == run:
                made[place : place + len(run)] = meant
    return made


def _meant_names(index: WordIndex, word: str) -> dict[str, float]:
    """Return the names that an unknown word may be: glued (``fluxschnell``), or with one typo when it is long."""
    if not word.isalpha():
        return {}
    parts = index.parted(word)
    if any(part not in ORDINARY_WORDS for part in parts):
        return {part: 3.0 for part in parts if part not in ORDINARY_WORDS}
    if len(word) < 6:
        return {}
    near = [pair for pair in index.near(word, 1) if pair[0] not in ORDINARY_WORDS]
    return {name: 1.4 * index.weight(name) * likeness for name, likeness in near[:2]}


def _concept_wishes(told: Sequence[str], words: set[str], explicit: str) -> tuple[str, str, list[Alternatives]]:
    """Return (input medium, output medium, alternatives of each concept that the request names)."""
    plain = {*words, *({MEDIA_NOUNS.get(word, "") for word in told} & {"image", "video", "audio"})}
    source, target = _media(told)
    if explicit:
        source, _, target = explicit.partition(">")
    found = []
    for ways, task, alternatives in concept_table(CONCEPTS):
        length = max((len(way) for way in ways if way <= plain), default=0)
        if length:
            found.append((_is_aside(task, explicit, target), -length, task, alternatives))
    if found and found[0][2] == _TRAINING:
        return "", "weights", [found[0][3]]
    found.sort(key=lambda item: item[:2])  # stable: the table's order settles a tie
    task = next((task for aside, _, task, _ in found if task and not aside), "")
    if task == _SAME and not explicit:
        medium = source or target
        source = target = medium if medium in _TRANSFORMED else "image"
    elif task and not explicit:
        concept_source, _, concept_target = task.partition(">")
        if target in ("", concept_source, concept_target, source) or concept_target == "text":
            source, target = (source if source != target else "") or concept_source, concept_target
    wanted = [
        {choice: worth * (_SECOND if place or aside else 1.0) for choice, worth in alternatives.items()}
        for place, (aside, _, _, alternatives) in enumerate(found)
    ]
    return source, target, wanted


def _is_aside(task: str, explicit: str, target: str) -> bool:
    """Return whether a concept is beside the point: another task is stated, or it makes what is not wanted."""
    source, _, made = task.partition(">")
    if explicit:
        from_, _, to = explicit.partition(">")
        return task not in ("", _SAME) and (made != to or source not in (from_, "reference"))
    return source == "text" and made in ("audio", "speech") and target in ("image", "video", "3d")


def _media(told: Sequence[str]) -> tuple[str, str]:
    """Return (input medium, output medium) as the request's grammar has them; empty where it says nothing."""
    source = target = ""
    for place, word in enumerate(told):
        medium = MEDIA_NOUNS.get(word)
        if not medium:
            continue
        marks = [other for other in told[max(0, place - 4) : place] if other in _MARKS]
        mark = marks[-1] if marks else ""
        if mark in ASIDE_MARKS and target:
            continue
        if mark in INPUT_MARKS:
            source = source or medium
        else:
            target = target or medium
    return source, target


def _language_wishes(told: Sequence[str]) -> list[Alternatives]:
    own = {language: found for ways, _, found in concept_table(LANGUAGES) for way in ways for language in way}
    multilingual = word_choices(MULTILINGUAL)
    others = OTHER_LANGUAGES.split()
    return [{**multilingual, **own.get(word, {})} for word in told if word in own or word in others]


_Line = tuple[tuple[frozenset[str], ...], str, Alternatives]
"""An entry of the table of concepts: ways to ask, task, slugs' words."""


@lru_cache(maxsize=4)
def concept_table(text: str) -> tuple[_Line, ...]:
    """Return the entries of a table in the form that ``concepts.py`` describes."""
    made: list[_Line] = []
    ways: list[str] = []
    found: list[str] = []
    for line in (*text.strip("\n").split("\n"), ""):
        if found and not line.startswith(" "):
            task, _, alternatives = " ".join(found).strip().partition(": ")
            asked = tuple(frozenset(map(_base, way.split())) for way in " ".join(ways).split("|"))
            made.append((asked, task.replace("-", ""), word_choices(alternatives)))
            ways, found = [], []
        (found if line.startswith(" ") else ways).append(line)
    return tuple(made)


def word_choices(text: str) -> Alternatives:
    """Return the sets of words that an entry of the tables names, and the worth of each."""
    made = {}
    for item in text.split():
        words, _, worth = item.partition(":")
        made[frozenset(words.split("+"))] = float(worth) if worth else _CONCEPT
    return made
