"""Comments that keep the linter quiet: ``fal: ignore`` and ``fal: ignore[code, code]``.

A comment holds for its own line; one that stands alone holds for the next line, and for the call that begins there.
"""

from __future__ import annotations

import re

from .problem import Problem

_COMMENT = re.compile(r"(?:#|//|/\*|<!--|--|\{/\*)\s*fal:\s*ignore(?:\[([\w\s,*-]*)\])?")
_ALONE = re.compile(r"^\s*(?:#|//|/\*|<!--|--|\{/\*)\s*fal:\s*ignore")
ALL = frozenset({"*"})


class Suppressions:
    """The comments of one file."""

    def __init__(self, lines: list[str]) -> None:
        self._by_line: dict[int, frozenset[str]] = {}
        for number, line in enumerate(lines, 1):
            match = _COMMENT.search(line) if "fal:" in line else None
            if match is not None:
                codes = frozenset(code.strip() for code in (match[1] or "*").split(",") if code.strip()) or ALL
                held = number + 1 if _ALONE.match(line) else number
                self._by_line[held] = self._by_line.get(held, frozenset()) | codes

    def holds(self, problem: Problem) -> bool:
        """Whether a comment is about this problem."""
        if not self._by_line:
            return False
        lines = {problem.place.line}
        if problem.call is not None and problem.call.line <= problem.place.line <= max(
            problem.call.end_line, problem.call.line
        ):
            lines.add(problem.call.line)
        return any(
            codes == ALL or "*" in codes or problem.finding.code in codes
            for codes in (self._by_line.get(line, frozenset()) for line in lines)
        )
