"""Making the edits that problems suggest: only where the text is still what they were made for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable

from .problem import Edit, Problem


def fixed(text: str, problems: Iterable[Problem]) -> tuple[str, list[Problem]]:
    """Return the text with the problems mended that can be, and those problems.

    All edits of a problem are made or none. Where the edits of two problems touch each other, the first one's are made.
    """
    lines = text.split("\n")
    taken: dict[int, list[tuple[int, int]]] = {}
    done: list[Problem] = []
    edits: list[Edit] = []
    for problem in problems:
        if problem.edits and all(_applies(lines, edit) and _is_free(taken, edit) for edit in problem.edits):
            for edit in problem.edits:
                taken.setdefault(edit.place.line, []).append(_range(edit))
            edits += problem.edits
            done.append(problem)
    for edit in sorted(edits, key=lambda edit: edit.place, reverse=True):
        line = lines[edit.place.line - 1]
        start, end = _range(edit)
        lines[edit.place.line - 1] = line[:start] + edit.new + line[end:]
    return "\n".join(lines), done


def _range(edit: Edit) -> tuple[int, int]:
    start = edit.place.column - 1
    return start, start + len(edit.old)


def _applies(lines: list[str], edit: Edit) -> bool:
    if not 1 <= edit.place.line <= len(lines):
        return False
    start, end = _range(edit)
    return 0 <= start <= len(lines[edit.place.line - 1]) and lines[edit.place.line - 1][start:end] == edit.old


def _is_free(taken: dict[int, list[tuple[int, int]]], edit: Edit) -> bool:
    start, end = _range(edit)
    return all(end <= other or start >= other_end for other, other_end in taken.get(edit.place.line, ()))


def write(path: str, text: str, before: bytes) -> bool:
    """Write a file's new text in one step, with its mode; return False when it is no longer what was read."""
    with open(path, "rb") as file:  # noqa: PTH123
        if file.read() != before:
            return False
    mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
    target = os.path.realpath(path)
    mode = os.stat(target).st_mode & 0o7777  # noqa: PTH116
    number, name = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".check_calls.")  # noqa: PTH120
    try:
        with open(number, "wb") as file:  # noqa: PTH123
            file.write(mark + text.encode("utf-8"))
        os.chmod(name, mode)  # noqa: PTH101
        os.replace(name, target)  # noqa: PTH105
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise
    return True
