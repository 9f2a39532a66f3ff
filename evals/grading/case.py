"""A case: one answer to one task, and what the checks want to know of it, worked out once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from subprocess import SubprocessError
from typing import NamedTuple

from fal_skill.calls import Call, Extraction, extractions
from fal_skill.calls.call import MODEL_PATTERNS
from fal_skill.calls.problem import Problem
from fal_skill.calls.rules import CHECKS, Catalogue, File
from fal_skill.errors import SkillError
from fal_skill.registry import Model, Registry, default_registry

from .answers import Answer, Block, Passage
from .programs import Program, programs_of
from .running import SECONDS, CannotRunError, Run, run
from .tasks import Task

MAX_PROGRAMS = 4
"""Programs of one answer that are run."""
NO_MODELS = frozenset(
    {
        "fal-ai/client",
        "fal-ai/server-proxy",
        "fal-ai/serverless-client",
        "fal-ai/serverless-proxy",
        "fal-ai/fal-js",
        "fal-ai/fal",
        "fal-ai/mcp",
        "fal-ai/docs",
        "fal-ai/fal-java",
        "fal-ai/models",
        "fal-ai/skills",
    }
)
"""Names of that form that are packages and repositories."""
_SEVERITIES = ("note", "warning", "error")
_FAL_ID = re.compile(r"(?<![@\w./-])(fal-ai(?:/[A-Za-z0-9][\w.-]*)+)(/?[*…]|/\.\.\.|/<|\{|/\{)?")
_QUOTED_ID = re.compile(r"`([a-z0-9][\w-]*(?:/[A-Za-z0-9][\w.-]*)+)`")
_MODEL_PAGE = re.compile(r"fal\.ai/models/([a-z0-9][\w-]*(?:/[A-Za-z0-9][\w.-]*)+)")
_PAGE_TAILS = ("/api", "/playground", "/llms.txt", "/examples")


class Mention(NamedTuple):
    """An endpoint id that the answer names in words."""

    slug: str
    sentence: str
    passage: Passage


@dataclass
class Case:
    """One answer to one task."""

    task: Task
    answer: Answer
    registry: Registry = field(default_factory=default_registry)
    may_run: bool = True
    """Whether programs may be run; when not, checks that need a run do not apply."""
    _runs: dict[tuple[Block, tuple[str, ...], float], Run | CannotRunError] = field(default_factory=dict, repr=False)

    @cached_property
    def extractions(self) -> tuple[tuple[Block | None, Extraction], ...]:
        """What the call extraction finds in each piece of code, with the block that it stands in."""
        found: list[tuple[Block | None, Extraction]] = []
        for block in self.answer.code:
            if block.is_file:
                found += [(block, made) for made in extractions(block.code, block.language, block.name)]
        fences = self.answer.blocks
        for made in extractions(self.answer.text, "markdown", "answer"):
            line = made.unit.lines[0].line if made.unit.lines else 1
            inside = [block for block in fences if block.line <= line <= block.line + block.code.count("\n") + 1]
            found.append((inside[-1] if inside else None, made))
        return tuple(found)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What the linter finds in the answer and its files."""
        catalogue = Catalogue(self.registry)
        texts = [("answer", "markdown", self.answer.text)]
        texts += [(block.name, block.language, block.code) for block in self.answer.code if block.is_file]
        found: dict[tuple[object, ...], Problem] = {}
        for path, language, text in texts:
            made = tuple(one for block, one in self.extractions if one.unit.file == path)
            file = File(path, language, text, made, self.registry, catalogue)
            for rule in CHECKS:
                for problem in rule(file):
                    finding = problem.finding
                    found[problem.file, problem.place, finding.code, finding.path, finding.message] = problem
        return tuple(found.values())

    def problems_of(self, *codes: str, at_least: str = "note") -> list[Problem]:
        """Return the linter's problems with these codes, of that severity or worse."""
        least = _SEVERITIES.index(at_least)
        return [
            problem
            for problem in self.problems
            if problem.finding.code in codes and _SEVERITIES.index(problem.finding.severity) >= least
        ]

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every call to fal that the answer's code makes."""
        return tuple(call for _, made in self.extractions for call in made.calls)

    @cached_property
    def model_calls(self) -> tuple[Call, ...]:
        """The calls that run a model."""
        return tuple(call for call in self.calls if call.pattern in MODEL_PATTERNS)

    @cached_property
    def calls_in(self) -> dict[Block, tuple[Call, ...]]:
        """The calls of each block."""
        made: dict[Block, tuple[Call, ...]] = {}
        for block, found in self.extractions:
            if block is not None:
                made[block] = (*made.get(block, ()), *found.calls)
        return made

    @cached_property
    def used_slugs(self) -> tuple[str, ...]:
        """The models that the code calls, without those that the prompt alone names."""
        return tuple(dict.fromkeys(slug for call in self.model_calls for slug in call.slugs))

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """The models that the code calls, as far as the registry knows them."""
        return tuple(model for slug in self.used_slugs if (model := self.registry.get(slug)) is not None)

    @cached_property
    def owners(self) -> frozenset[str]:
        """The first parts of all known ids."""
        return frozenset(entry.slug.partition("/")[0] for entry in self.registry.entries)

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """The endpoint ids that the answer names in words, comments included."""
        from ..checks.words import sentences

        found = []
        for sentence, passage in sentences(self.answer.said):
            for slug in self._ids(sentence):
                found.append(Mention(slug, sentence, passage))
        return tuple(dict.fromkeys(found))

    def _ids(self, text: str) -> list[str]:
        found = [match[1] for match in _FAL_ID.finditer(text) if not match[2]]
        found += [slug for slug in _QUOTED_ID.findall(text) if slug.partition("/")[0] in self.owners]
        found += _MODEL_PAGE.findall(text)
        kept = []
        for slug in found:
            for tail in _PAGE_TAILS:
                slug = slug.removesuffix(tail)
            slug = slug.rstrip("./-_")
            if (
                slug not in NO_MODELS
                and slug.count("/") >= 1
                and not re.search(r"\.(?:py|m?js|ts|png|jpe?g|mp[34]|wav|json|md|txt|csv)$", slug)
            ):
                kept.append(slug)
        return list(dict.fromkeys(kept))

    def is_family(self, slug: str) -> bool:
        """Whether the name is the beginning of known ids."""
        return any(entry.slug.startswith((slug + "/", slug + "-")) for entry in self.registry.entries)

    def is_given(self, slug: str) -> bool:
        """Whether the prompt, or a file that the task comes with, names the id."""
        if re.search(rf"(?<![\w./-]){re.escape(slug)}(?![\w/-])", self.task.prompt):
            return True
        return any(slug in text for text in self.given_texts)

    @cached_property
    def given_texts(self) -> tuple[str, ...]:
        """The text of the files that the task comes with."""
        texts = []
        for _, source in self.task.placed_files():
            if source.is_file() and source.stat().st_size < 1 << 20:
                texts.append(source.read_text(encoding="utf-8", errors="replace"))
        return tuple(texts)

    @cached_property
    def programs(self) -> tuple[Program, ...]:
        """The programs that ask something of fal."""
        return programs_of(self.answer, self.calls_in)

    @property
    def runnable(self) -> tuple[Program, ...]:
        """The programs that can be run here, at most a few."""
        return tuple(program for program in self.programs if not program.unsuited)[:MAX_PROGRAMS]

    def run(self, program: Program, faults: Iterable[str] = (), seconds: float = SECONDS) -> Run:
        """Return what the program did under these faults; CannotRunError when it cannot be run here."""
        if not self.may_run:
            raise CannotRunError("running was not asked for")
        key = (program.block, tuple(faults), seconds)
        if key not in self._runs:
            plain = self._runs.get((program.block, (), SECONDS))
            known = plain.arguments if isinstance(plain, Run) and plain.jobs else None
            try:
                self._runs[key] = run(program, self.task, self.answer, faults=key[1], seconds=seconds, arguments=known)
            except CannotRunError as error:
                self._runs[key] = error
            except (OSError, SkillError, ValueError, SubprocessError) as error:
                self._runs[key] = CannotRunError(f"{type(error).__name__}: {error}")
        found = self._runs[key]
        if isinstance(found, CannotRunError):
            raise found
        return found

    def makes_jobs(self, program: Program) -> bool:
        """Whether the program runs a model: by a call that was read, or by what it did when it was run."""
        if any(call.pattern in MODEL_PATTERNS for call in program.calls):
            return True
        with suppress(CannotRunError):
            return bool(self.run(program).jobs)
        return False

    @property  # not cached_property: before Python 3.12 its lock is one for all cases, and runs take their time
    def plain_runs(self) -> tuple[Run, ...]:
        """What the programs that can be run did when nothing went wrong."""
        found = []
        for program in self.runnable:
            with suppress(CannotRunError):
                found.append(self.run(program))
        return tuple(found)

    @property
    def has_code(self) -> bool:
        """Whether the answer gives code that runs a model."""
        return bool(self.model_calls)


def told(problem: Problem) -> str:
    """Return a linter's problem as evidence: where, what, and the hint."""
    return f"{problem.file} line {problem.place.line}: {problem.finding}"


def matches(slug: str, patterns: Iterable[str]) -> bool:
    """Whether an id is one of those, ``*`` standing for anything."""
    return any(fnmatchcase(slug.lower(), pattern.lower()) for pattern in patterns)
