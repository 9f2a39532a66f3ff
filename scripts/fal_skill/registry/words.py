"""The words a slug is made of, brought to one form.

fal's slugs write one thing in many ways (``v1.1``, ``v2-5``, ``wan-25``, ``veo3``, ``hunyuan3d``, ``t2v``), and wrong
slugs add more (``flux1.1``, ``img2vid``, ``veo-3``). Here they all become the same words:

- a plain word in its base form: ``flux``, ``upscale``, ``train``;
- a version, marked with ``#``: ``#1.1``, ``#3``;
- a size: ``14b``, ``720p``, ``4k``;
- a task, ``from>to``: ``text>video``, ``image>3d``.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby

from .vocabulary import ABBREVIATIONS, SILENT_WORDS, TASK_SOURCES, TASK_TARGETS, WORD_FORMS

PUNCTUATION = {code: " " for code in range(128) if not chr(code).isalnum() and chr(code) != "."}
_MAX_TYPO_LENGTH = 40


def version(digits: str) -> str:
    """Return the one form of a version number: ``02`` is ``#2``, ``3.0`` is ``#3``, ``095`` stays (it is 0.9.5)."""
    while digits.endswith(".0"):
        digits = digits[:-2]
    if len(digits) == 2 and digits[0] == "0":
        digits = digits[1]
    return "#" + digits


def is_version(word: str) -> bool:
    """Return whether the word is a version."""
    return word[0] == "#"


def is_task(word: str) -> bool:
    """Return whether the word is a task such as ``text>video``."""
    return ">" in word


def is_size(word: str) -> bool:
    """Return whether the word is a size or a resolution such as ``14b``, ``720p``, ``4k``."""
    return word[0].isdecimal() and word[-1] in "bkp"


def _chunk_words(chunk: str) -> tuple[str, ...]:
    """Return the words of a run of letters, digits and inner dots."""
    if chunk in ABBREVIATIONS:
        return ABBREVIATIONS[chunk]
    if chunk.isalpha():
        return (WORD_FORMS.get(chunk, chunk),)
    for middle in ("2", "to"):
        source, _, target = chunk.partition(middle)
        if source in TASK_SOURCES and target in TASK_TARGETS:
            return (f"{TASK_SOURCES[source]}>{TASK_TARGETS[target]}",)
    bare = chunk[1:] if chunk[0] == "v" and chunk[1:2].isdecimal() else chunk
    if bare[-1].isdecimal() and bare.replace(".", "").isdecimal():
        return (version(bare),)
    if len(chunk) == 2 and chunk[1].isdecimal():  # o1, q3, i1: names, not versions
        return (chunk,)
    if bare[:-1].replace(".", "").isdecimal():  # 14b, 720p, 4k, 3d
        return (bare,)
    if bare[0] == "a" and is_size(bare[1:]) and bare[1:-1].isdecimal():  # a14b: 14 billion active weights
        return (bare[1:],)
    return tuple(_mixed_words(bare))


def _mixed_words(chunk: str) -> list[str]:
    """Return the words of a chunk that glues letters and digits: ``veo3.1``, ``hunyuan3d``, ``image2svg``."""
    made: list[str] = []
    runs = ["".join(run).strip(".") for _, run in groupby(chunk, str.isalpha)]
    runs = [run for run in runs if run.isalpha() or run.replace(".", "").isdecimal()]
    skip = False
    if len(runs) > 2 and len(runs[0]) == len(runs[1]) == 1 and runs[0] != "v":  # f5tts: the name is f5
        made.append(runs[0] + runs[1])
        runs = runs[2:]
    for place, run in enumerate(runs):
        following = runs[place + 1] if place + 1 < len(runs) else ""
        if skip:
            skip = False
        elif run[0].isdecimal():
            if following == "px":  # a resolution in pixels names no model
                skip = True
            elif following in ("d", "b", "p", "k"):
                made.append(run + following)
                skip = True
            elif run != "2" or not following or not made:  # the 2 of image2svg means "to"
                made.append(version(run))
        elif run != "v" or not following:
            made.extend(_chunk_words(run))
    return made


_cached_chunk_words = lru_cache(maxsize=4096)(_chunk_words)


@lru_cache(maxsize=4096)
def segment_words(segment: str) -> tuple[str, ...]:
    """Return the words of one segment of a slug (the text between two slashes), in order."""
    chunks = segment.lower().translate(PUNCTUATION).split()
    made: list[str] = []
    place = 0
    while place < len(chunks):
        chunk = chunks[place].strip(".")
        if place + 2 < len(chunks) and chunks[place + 1] in ("to", "2"):
            source, target = _likely(chunk, TASK_SOURCES), _likely(chunks[place + 2], TASK_TARGETS)
            if source and target:
                made.append(f"{source}>{target}")
                place += 3
                continue
        place += 1
        if not chunk or chunk in SILENT_WORDS:
            continue
        for word in _cached_chunk_words(chunk):
            _append(made, word)
    return tuple(made)


def _likely(chunk: str, table: dict[str, str]) -> str | None:
    """Return the medium of a word beside ``to``, with one typo at most."""
    if chunk in table or len(chunk) < 4:
        return table.get(chunk)
    return next(
        (
            table[name]
            for name in ("text", "image", "video", "audio", "speech", "reference")
            if name in table and (chunk[0] == name[0] or chunk[-1] == name[-1]) and edit_distance(chunk, name, 1) < 2
        ),
        None,
    )


def _append(made: list[str], word: str) -> None:
    """Add a word; a lone digit after a lone digit is its minor version (``v2-5``), before a size its whole part."""
    if made and len(made[-1]) == 2 and made[-1][1].isdecimal():
        if len(word) == 2 and word[0] == "#":
            before = made.pop()
            if before[0] != "#":  # h3-1 is h3.1
                made.append(before[0])
            made.append(f"#{before[1]}.{word[1]}")
            return
        if made[-1][0] == "#" and len(word) == 2 and is_size(word) and word[1] == "b":
            made[-1] = f"{made[-1][1]}.{word}"
            return
    pair = (made[-1] + word) if made else ""
    if pair in WORD_FORMS:  # try-on, lip-sync
        made[-1] = WORD_FORMS[pair]
    else:
        made.append(word)


def version_likeness(asked: str, offered: str) -> float:
    """Return 0..1: how well one version stands in for another; equal digits (``2.5`` and ``25``) count as equal."""
    if asked == offered:
        return 1.0
    if asked.replace(".", "") == offered.replace(".", ""):
        return 0.95
    ours, theirs = _numbers(asked), _numbers(offered)
    if ours[0] == theirs[0]:
        return 0.5 - 0.03 * min(abs(ours[1] - theirs[1]), 9)
    distance = abs(ours[0] + ours[1] / 10 - theirs[0] - theirs[1] / 10)
    return 0.15 / (1 + distance)


def _numbers(word: str) -> tuple[int, int]:
    """Return (major, minor) of a version; two glued digits are both (``25`` is 2.5), longer ones a date or a build."""
    major, _, minor = word[1:].partition(".")
    if not minor and len(major) == 2:
        return int(major[0]), int(major[1])
    return int(major), int(minor.partition(".")[0] or 0)


def recency(word: str) -> float:
    """Return a version as a number for ordering within a family: ``#2.5`` is 2.5; dates and builds are 0."""
    major, minor = _numbers(word)
    return major + minor / 10 if major < 20 else 0.0


def edit_distance(one: str, other: str, limit: int) -> int:
    """Return the number of edits between two words, ``limit + 1`` for any more; a swap of neighbours is one."""
    if abs(len(one) - len(other)) > limit or max(len(one), len(other)) > _MAX_TYPO_LENGTH:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last = row, before
        row = [i]
        for j, against in enumerate(other, 1):
            cost = before[j - 1] if letter == against else 1 + min(before[j - 1], before[j], row[j - 1])
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)
