"""What a rule gets to see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ...arguments import ERROR, NOTE, WARNING, Finding
from ...registry import KNOWN, LISTED, UNLISTED, Registry
from ..call import Call
from ..code import Analysis
from ..extraction import Extraction
from ..problem import Edit, Problem
from ..units import Unit
from ..values import Place

SEVERITIES = (NOTE, WARNING, ERROR)


@dataclass(frozen=True)
class File:
    """One file: its text and what it holds."""

    path: str
    language: str
    text: str
    extractions: tuple[Extraction, ...]
    registry: Registry
    catalogue: Catalogue

    @cached_property
    def lines(self) -> list[str]:
        """The file's lines, without their ends."""
        return [line.rstrip("\r") for line in self.text.split("\n")]

    def problem(
        self, place: Place, severity: str, code: str, message: str, hint: str = "", *, path: str = "",
        call: Call | None = None, edits: tuple[Edit, ...] = (),
    ) -> Problem:  # fmt: skip
        """Return a problem of this file."""
        return Problem(self.path, place, Finding(severity, code, path, message, hint), call, edits)

    @cached_property
    def sources(self) -> list[Source]:
        """The file's pieces of source code."""
        return [Source(self, extraction) for extraction in self.extractions]


@dataclass(frozen=True)
class Source:
    """One piece of source code of a file."""

    file: File
    extraction: Extraction

    @property
    def unit(self) -> Unit:
        """Its text."""
        return self.extraction.unit

    @property
    def analysis(self) -> Analysis | None:
        """For a program: what is worked out of it."""
        return self.extraction.analysis

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that it makes."""
        return self.extraction.calls


@dataclass
class Catalogue:
    """Names of the registry in the forms that rules ask for."""

    registry: Registry
    _families: set[str] = field(default_factory=set)

    @cached_property
    def families(self) -> frozenset[str]:
        """Every beginning of a known slug, from its first two parts on, and short of the whole."""
        found: set[str] = set()
        for entry in self.registry.entries:
            parts = entry.slug.split("/")
            found.update("/".join(parts[:length]) for length in range(1, len(parts)))
        return frozenset(found)

    @cached_property
    def owners(self) -> frozenset[str]:
        """The first part of every known slug."""
        return frozenset(entry.slug.partition("/")[0] for entry in self.registry.entries)

    @cached_property
    def _by_folded(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for entry in self.registry.entries:
            found.setdefault(entry.slug.lower(), []).append(entry.slug)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Listed slugs by what follows the owner."""
        found: dict[str, list[str]] = {}
        for entry in self.registry.entries:
            if entry.status != UNLISTED:
                found.setdefault(entry.slug.partition("/")[2].lower(), []).append(entry.slug)
        return found

    def successor(self, slug: str) -> str | None:
        """Return the one listed model that a slug is another writing of: of its case, its owner, or its address."""
        plain = slug.strip().strip("/")
        for prefix in ("https://", "http://"):
            plain = plain.removeprefix(prefix)
        for prefix in ("fal.ai/models/", "www.fal.ai/models/", "queue.fal.run/", "fal.run/"):
            plain = plain.removeprefix(prefix)
        for whole in (plain, f"fal-ai/{plain}"):  # the address of a page, or a name without the usual owner
            model = self.registry.get(whole)
            if whole != slug and model is not None and model.slug != slug and model.status in (KNOWN, LISTED):
                return model.slug
        found = set(self._by_folded.get(plain.lower(), ())) - {slug}
        if not found:
            name = plain.partition("/")[2].lower()
            candidates = {plain.lower(), name} if "/" in name or name.count("-") or "/" in plain else {plain.lower()}
            for candidate in candidates:
                if candidate:
                    found |= {
                        other for other in (*self._by_name.get(candidate, ()), *self._by_folded.get(candidate, ()))
                        if self._says_enough(candidate)
                    }  # fmt: skip
        found = {other for other in found - {slug} if self.registry.status(other) in (KNOWN, LISTED)}
        return found.pop() if len(found) == 1 else None

    @staticmethod
    def _says_enough(name: str) -> bool:
        """Whether a name without its owner can stand for one model: ``music`` cannot."""
        return any(char.isdigit() for char in name) and len(name) >= 6


def chosen(severity: str, *, at_most: str = ERROR) -> str:
    """Return a severity, lowered to what the evidence allows."""
    return min(severity, at_most, key=SEVERITIES.index)


def all_calls(file: File) -> Iterator[tuple[Source, Call]]:
    """Yield every call of a file with the source that makes it."""
    for source in file.sources:
        for call in source.calls:
            yield source, call
