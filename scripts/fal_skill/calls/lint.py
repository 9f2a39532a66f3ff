"""What is wrong with the fal calls of a text, and of all files below some paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..arguments import NOTE, SEVERITIES, WARNING, Finding
from ..registry import Registry
from .call import Call
from .extraction import Extraction, extractions
from .files import MAX_BYTES, SourceFile, Survey, source_files
from .languages import mentions_fal
from .problem import Problem
from .rules import CHECKS, Catalogue, File
from .secrets import redacted
from .suppression import Suppressions
from .values import Place

MAX_PROBLEMS = 500
"""Problems of one file that are kept."""


@dataclass(frozen=True)
class Checked:
    """One file, its calls and its problems."""

    path: str
    calls: tuple[Call, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Sorted by place."""
    suppressed: int = 0
    """Problems that a comment keeps quiet."""
    missing: tuple[str, ...] = ()
    """Optional packages without which the file could not be read, or its arguments not be checked."""


@dataclass
class Linter:
    """Checks texts against a registry."""

    registry: Registry
    catalogue: Catalogue = field(init=False)

    def __post_init__(self) -> None:
        self.catalogue = Catalogue(self.registry)

    def checked(self, text: str, language: str, path: str = "<text>") -> Checked:
        """Return the calls and the problems of a text; never raises for what the text is."""
        found = extractions(text, language, path)
        file = File(path, language, text, tuple(found), self.registry, self.catalogue)
        missing = [each.missing for each in found if each.missing]
        problems: list[Problem] = []
        try:
            for check in CHECKS:
                problems += check(file)
        except ModuleNotFoundError as error:  # jsonschema: names, results and keys can be checked without it
            missing.append(error.name or "jsonschema")
            problems = [problem for check in CHECKS for problem in _until_missing(check(file))]
        problems += _unread(file, found)
        comments = Suppressions(file.lines)
        shown = [_plain(problem) for problem in problems if not comments.holds(problem)]
        shown = list(dict.fromkeys(sorted(shown, key=_order)))[:MAX_PROBLEMS]
        calls = sorted((call for each in found for call in each.calls), key=lambda call: call.place)
        return Checked(path, tuple(calls), tuple(shown), len(problems) - len(shown), tuple(dict.fromkeys(missing)))

    def below(
        self, paths: Iterable[str], survey: Survey, max_bytes: int = MAX_BYTES
    ) -> Iterator[tuple[SourceFile, Checked]]:
        """Yield each file below the paths that has to do with fal, checked. Raises UsageError for a missing path."""
        for source in source_files(paths, survey, max_bytes):
            try:
                made = self.checked(source.text, source.language, source.path)
            except Exception as error:  # one file must not end the check of a whole repository, nor pass for checked
                message = f"this file could not be checked: {type(error).__name__}, a defect of check_calls"
                finding = Finding(WARNING, "not-parsed", "", message, "its calls were not checked")
                made = Checked(source.path, problems=(Problem(source.path, Place(1, 1), finding),))
            yield source, made


def _until_missing(problems: Iterator[Problem]) -> Iterator[Problem]:
    try:
        yield from problems
    except ModuleNotFoundError:
        return


def _order(problem: Problem) -> tuple[Place, int, str, str]:
    finding = problem.finding
    return problem.place, SEVERITIES.index(finding.severity), finding.code, finding.path


def _unread(file: File, found: list[Extraction]) -> Iterator[Problem]:
    for each in found:
        if each.problem and not each.unit.is_example and mentions_fal(each.unit.text.encode("utf-8", "replace")):
            place = each.unit.place(Place(max(each.problem_line, 1), 1))
            message = f"this {each.unit.language} could not be read: {each.problem}"
            yield Problem(file.path, place, Finding(NOTE, "not-parsed", "", message, "its calls were not checked"))


def _plain(problem: Problem) -> Problem:
    """Return the problem without any key that its words may quote."""
    finding = problem.finding
    return problem._replace(
        finding=finding._replace(
            message=redacted(finding.message), hint=redacted(finding.hint), path=redacted(finding.path)
        )
    )
