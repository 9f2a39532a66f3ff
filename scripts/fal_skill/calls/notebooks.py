"""The code cells of a Jupyter notebook, as one program whose lines know where they stand in the file."""

from __future__ import annotations

import json

from .languages import PYTHON
from .units import Unit
from .values import Place


def notebook_units(text: str, file: str) -> list[Unit]:
    """Return the notebook's code as one unit, or nothing when it is no notebook in Python."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return []
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return []
    metadata = notebook.get("metadata")
    kernel = metadata.get("language_info") if isinstance(metadata, dict) else None
    name = kernel.get("name") if isinstance(kernel, dict) else None
    if isinstance(name, str) and name != PYTHON:
        return []
    code: list[str] = []
    places: list[Place] = []
    finder = _Finder(text)
    for cell in cells:
        source = cell.get("source") if isinstance(cell, dict) and cell.get("cell_type") == "code" else None
        if isinstance(source, list):
            source = "".join(line for line in source if isinstance(line, str))
        if not isinstance(source, str) or (
            source.lstrip().startswith("%%") and not source.lstrip().startswith("%%time")
        ):
            continue
        for line in source.split("\n"):
            # magics and shell commands stand where statements do
            is_magic = line.lstrip().startswith(("!", "%"))
            code.append(line[: len(line) - len(line.lstrip())] + "pass" if is_magic else line)
            places.append(finder.place(line))
    return [Unit("\n".join(code), PYTHON, file, tuple(places))] if code else []


class _Finder:
    """Finds the lines of cells in the notebook's text, from the top down."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0

    def place(self, line: str) -> Place:
        """Return the place of the next occurrence of a line of code; the last place when there is none."""
        for written in (json.dumps(line, ensure_ascii=False)[1:-1], json.dumps(line)[1:-1]):
            found = self._text.find(written, self._at) if written else -1
            if found >= 0:
                self._line += self._text.count("\n", self._counted, found)
                self._counted = found
                self._at = found + len(written)
                start = self._text.rfind("\n", 0, found) + 1
                return Place(self._line, found - start + 1)
        return Place(self._line, 1)
