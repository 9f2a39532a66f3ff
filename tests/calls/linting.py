"""What the tests of ``fal_skill.calls`` share."""

from __future__ import annotations

from functools import lru_cache
from textwrap import dedent

from fal_skill.calls import Call, extract
from fal_skill.calls.lint import Checked, Linter
from fal_skill.calls.problem import Problem
from fal_skill.registry import default_registry

PROMPT = '{"prompt": "a cat"}'


@lru_cache(maxsize=1)
def linter() -> Linter:
    return Linter(default_registry())


def calls(text: str, language: str = "python") -> list[Call]:
    return extract(dedent(text), language)


def only(text: str, language: str = "python") -> Call:
    """Return the one call of a text."""
    found = calls(text, language)
    assert len(found) == 1, found
    return found[0]


def checked(text: str, language: str = "python", path: str = "x") -> Checked:
    return linter().checked(dedent(text), language, path)


def problems(text: str, language: str = "python", path: str = "x") -> list[Problem]:
    """Return the problems of a text but for notes."""
    return [problem for problem in checked(text, language, path).problems if problem.finding.severity != "note"]


def codes(text: str, language: str = "python", path: str = "x") -> list[str]:
    """Return the codes of the problems of a text, but for notes, in reading order."""
    return [problem.finding.code for problem in problems(text, language, path)]


def notes(text: str, language: str = "python", path: str = "x") -> list[str]:
    found = checked(text, language, path).problems
    return [problem.finding.code for problem in found if problem.finding.severity == "note"]
