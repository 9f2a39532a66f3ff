"""The pieces of source code that a file holds: itself, the examples of a document, the cells of a notebook."""

from __future__ import annotations

from dataclasses import dataclass, field

from .values import Place


@dataclass(frozen=True, slots=True)
class Unit:
    """A text in one language, and where its lines stand in its file."""

    text: str
    language: str
    """python, javascript, typescript, tsx, shell, json, or the name of another text format."""
    file: str
    lines: tuple[Place, ...] = ()
    """For each line of the text its line in the file and the column that it begins at; empty when they are the same."""
    is_example: bool = False
    """Whether it is an excerpt of a document: names may be bound elsewhere, and it may stand for more than it says."""
    group: str = ""
    """Excerpts of one group know each other's imports and clients."""
    is_browser: bool = field(default=False)
    """Whether it is sent to browsers by its place alone: a script of an HTML page."""

    def place(self, place: Place) -> Place:
        """Return the place in the file of a place in the text."""
        if not self.lines:
            return place
        if not 1 <= place.line <= len(self.lines):
            return self.lines[-1] if place.line > 1 else self.lines[0]
        start = self.lines[place.line - 1]
        return Place(start.line, start.column + place.column - 1)


def inner(unit: Unit, text: str, language: str, first_line: int, *, column: int = 1, group: str = "") -> Unit:
    """Return a unit for a text that stands inside a unit, from a line of it on; ``column`` is where its lines begin."""
    count = text.count("\n") + 1
    lines = tuple(unit.place(Place(first_line + index, column)) for index in range(count))
    return Unit(text, language, unit.file, lines, unit.is_example, group or unit.group, unit.is_browser)
