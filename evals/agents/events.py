"""Reading what an agent prints: JSON events, and readers that are data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from fal_skill.errors import UsageError

TAKES = ("last", "sum", "count", "text")
MAX_LINE = 8 * 1024 * 1024
_MISSING = object()


@dataclass(frozen=True)
class Reader:
    """One thing to take from the events."""

    path: str
    where: Mapping[str, str] = field(default_factory=dict)
    each: str = ""
    item: Mapping[str, str] = field(default_factory=dict)
    take: str = "last"
    after: Mapping[str, str] = field(default_factory=dict)

    def values(self, events: Iterable[Any]) -> list[Any]:
        """Return the values, in order."""
        found: list[Any] = []
        for event in events:
            if self.after and matches(event, self.after):
                found.clear()
            if not matches(event, self.where):
                continue
            holders = inside(event, self.each) if self.each else [event]
            for holder in holders if isinstance(holders, list) else []:
                if matches(holder, self.item):
                    value = inside(holder, self.path)
                    if value is not _MISSING and value is not None:
                        found.append(value)
        return found

    def taken(self, events: Iterable[Any]) -> Any:
        """Return the one value, or None when the events have none: unknown is never 0."""
        values = self.values(events)
        if self.take == "count":
            return len(values)
        if not values:
            return None
        if self.take == "sum":
            return sum(value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool))
        return "".join(str(value) for value in values) if self.take == "text" else values[-1]


def reader_from(value: Any, where: str, fill: Callable[[str], str] = str) -> Reader:
    """Return the reader of a YAML mapping; UsageError when it is not one."""
    known = set(Reader.__dataclass_fields__)
    if not isinstance(value, dict) or not isinstance(value.get("path"), str) or set(value) - known:
        raise UsageError(f"{where}: a reader has a path, and may have {', '.join(sorted(known - {'path'}))}")
    if value.get("take", "last") not in TAKES:
        raise UsageError(f"{where}: take is one of {', '.join(TAKES)}")
    patterns = {
        key: {name: fill(str(text)) for name, text in value.get(key, {}).items()} for key in ("where", "item", "after")
    }
    return Reader(value["path"], each=str(value.get("each", "")), take=str(value.get("take", "last")), **patterns)


def inside(value: Any, path: str) -> Any:
    """Return the part of an event at a dotted path, or a mark that there is none."""
    for step in path.split("."):
        if not isinstance(value, dict) or step not in value:
            return _MISSING
        value = value[step]
    return value


def matches(event: Any, patterns: Mapping[str, str]) -> bool:
    """Whether an event has a value of that pattern at each of these paths."""
    for path, pattern in patterns.items():
        value = inside(event, path)
        if value is _MISSING or isinstance(value, (dict, list)) or not fnmatchcase(str(value), pattern):
            return False
    return True


def parsed_lines(text: str) -> tuple[list[Any], int]:
    """Return the JSON values of the lines, and how many lines are none."""
    events: list[Any] = []
    broken = 0
    for line in text.split("\n"):
        if not line.strip():
            continue
        event = parsed(line)
        if event is None:
            broken += 1
        else:
            events.append(event)
    return events, broken


def parsed(line: str) -> Any:
    """Return the JSON object of one line, or None when it is none."""
    if len(line) > MAX_LINE:
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
