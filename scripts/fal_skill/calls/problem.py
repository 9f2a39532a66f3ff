"""A finding with its place in a file, and the edits that would mend it."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..arguments import Finding
from .call import Call
from .values import Place


class Edit(NamedTuple):
    """A replacement of text within one line."""

    place: Place
    """Where the old text begins."""
    old: str
    """What must stand there; the edit is not made otherwise. Empty for an insertion."""
    new: str


class Problem(NamedTuple):
    """One finding in one file."""

    file: str
    place: Place
    finding: Finding
    call: Call | None = None
    """The call that it is about, where it is about one."""
    edits: tuple[Edit, ...] = ()
    """What ``--fix`` does; empty when nothing is safe to do."""

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as its JSON object: the finding's keys and ``file``, ``line``, ``column``, ``fixable``."""
        return {
            **self.finding.as_dict(),
            "file": self.file,
            "line": self.place.line,
            "column": self.place.column,
            "fixable": bool(self.edits),
        }
