"""From a file's text to the fal calls that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from . import languages
from .call import Call
from .code import Analysis
from .commands import Command, commands
from .configs import json_calls
from .program import Program
from .python import NotParsedError, python_tree
from .shell import embedded_units, shell_calls
from .units import Unit

MAX_UNITS = 500
"""Code blocks, scripts and here-documents of one file that are read."""
MAX_NESTING = 4
"""Languages inside languages: a shell block of a document that writes a Python file."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """One piece of source code, and the calls that it makes."""

    unit: Unit
    calls: tuple[Call, ...] = ()
    analysis: Analysis | None = None
    """For a program: where to ask for more than its calls."""
    commands: tuple[Command, ...] = ()
    """For shell text: its commands."""
    problem: str = ""
    """Why the text could not be read; empty when it was."""
    problem_line: int = 0
    missing: str = ""
    """The optional package without which the text cannot be read."""
    inner: tuple[Extraction, ...] = field(default=())
    """The programs that shell text holds."""


def extract(text: str, language: str, path: str = "<text>") -> list[Call]:
    """Return every fal call of a text, in the order of the file.

    ``language`` is one of :mod:`.languages`. What cannot be resolved is there with the reason in ``unresolved``.

    Raises:
        ModuleNotFoundError: the language needs an optional package (tree-sitter, markdown-it-py) that is not installed.
    """
    found: list[Call] = []
    for extraction in extractions(text, language, path):
        if extraction.missing:
            raise ModuleNotFoundError(f"No module named {extraction.missing!r}", name=extraction.missing)
        found += extraction.calls
    return sorted(found, key=lambda call: call.place)


def extractions(text: str, language: str, path: str) -> list[Extraction]:
    """Return what each piece of source code of a file holds; never raises for what the text is."""
    try:
        units = _units(text, language, path)
    except ModuleNotFoundError as error:
        return [Extraction(Unit(text, language, path), missing=error.name or "markdown_it")]
    found: list[Extraction] = []
    known: dict[str, dict[str, str]] = {}
    for unit in units[:MAX_UNITS]:
        made = _extraction(unit, known.get(unit.group, {}))
        found.append(made)
        found += _flat(made)
        if unit.group and made.analysis is not None:
            known[unit.group] = made.analysis.references.exported()
    return found


def _flat(extraction: Extraction) -> list[Extraction]:
    return [each for made in extraction.inner for each in (made, *_flat(made))]


def _units(text: str, language: str, path: str) -> list[Unit]:
    if language == languages.MARKDOWN:
        from .markdown import markdown_units

        return markdown_units(text, path)
    if language == languages.NOTEBOOK:
        from .notebooks import notebook_units

        return notebook_units(text, path)
    if language == languages.MARKUP:
        from .markup import markup_units

        return markup_units(text, path)
    return [Unit(text, language, path)]


def _extraction(unit: Unit, known: Mapping[str, str], depth: int = 0) -> Extraction:
    if unit.language == languages.MARKUP and depth < MAX_NESTING:  # HTML inside a document
        from .markup import markup_units

        scripts = [
            Unit(made.text, made.language, unit.file, unit.lines, unit.is_example, "javascript", True)
            for made in markup_units(unit.text, unit.file)
        ]
        return Extraction(unit, inner=tuple(_extraction(script, known, depth + 1) for script in scripts))
    if unit.language in languages.CODE:
        return _program(unit, known)
    if unit.language == languages.SHELL:
        found = commands(unit.text)
        pieces = list(embedded_units(unit, found))[:MAX_UNITS] if depth < MAX_NESTING else []
        held = tuple(_extraction(piece, {}, depth + 1) for piece in pieces)
        return Extraction(unit, tuple(shell_calls(unit, found)), commands=tuple(found), inner=held)
    if unit.language == languages.JSON:
        return Extraction(unit, tuple(json_calls(unit)))
    return Extraction(unit)


def _program(unit: Unit, known: Mapping[str, str]) -> Extraction:
    try:
        if unit.language == languages.PYTHON:
            root = python_tree(unit.text)
        else:
            from .javascript import javascript_tree

            root = javascript_tree(unit.text, unit.language)
    except NotParsedError as error:
        return Extraction(unit, problem=str(error), problem_line=error.line)
    except ModuleNotFoundError as error:
        return Extraction(unit, missing=error.name or "tree_sitter")
    analysis = Analysis(Program(root, unit), known)
    return Extraction(unit, tuple(analysis.calls), analysis)
