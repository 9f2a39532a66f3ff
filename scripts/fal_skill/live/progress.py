"""Telling a person what a job does: a bar on a terminal, plain lines otherwise; always on stderr."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, Protocol

from ..console import warn
from .redaction import redacted
from .replies import one_line

MAX_LINE = 300
MAX_LOG_LINES = 500
"""Log lines told of one job; a model that logs every step would bury the rest."""


class Progress(Protocol):
    """Hears what happens to jobs; from any thread."""

    def say(self, text: str) -> None:
        """A line for the user."""

    def state(self, job: str, text: str) -> None:
        """A job is in this state."""

    def log(self, job: str, line: str) -> None:
        """A job's runner wrote a line."""

    def count(self, finished: int, total: int) -> None:
        """So many of a batch's items are finished."""

    def close(self) -> None:
        """Nothing more comes."""


class Silent:
    """Says nothing but what must be said."""

    def say(self, text: str) -> None:
        """Print the line all the same."""
        warn(shown(text))

    def state(self, job: str, text: str) -> None:
        """Do nothing."""

    def log(self, job: str, line: str) -> None:
        """Do nothing."""

    def count(self, finished: int, total: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Lines:
    """One plain line for each change."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print the line."""
        warn(shown(text))

    def state(self, job: str, text: str) -> None:
        """Print the state if it is a new one."""
        with self._lock:
            if self._last.get(job) == text:
                return
            self._last[job] = text
        warn(shown(f"{time.monotonic() - self._began:6.1f} s  {job}  {text}"))

    def log(self, job: str, line: str) -> None:
        """Print the log line."""
        warn(shown(f"{time.monotonic() - self._began:6.1f} s  {job}  | {line}"))

    def count(self, finished: int, total: int) -> None:
        """Print how far a batch is, about twenty times in all."""
        if finished == total or finished % max(1, total // 20) == 0:
            warn(f"{finished} of {total} finished")

    def close(self) -> None:
        """Do nothing."""


class Bar:
    """A live line with a spinner, and a bar for a batch; log lines scroll above it."""

    def __init__(self, total: int | None) -> None:
        """Show a bar of so many items, or a spinner for one job."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
        if total is not None:
            columns += [BarColumn(), MofNCompleteColumn()]
        self._rich = RichProgress(
            *columns,
            TimeElapsedColumn(),
            console=Console(stderr=True, highlight=False),
            transient=True,
            # The bar lives on stderr; results on stdout must stay as they are, and where they are.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._rich.add_task("", total=total)
        self._rich.start()

    def say(self, text: str) -> None:
        """Print the line above the bar."""
        self._rich.console.print(shown(text), markup=False, soft_wrap=True)

    def state(self, job: str, text: str) -> None:
        """Show the state beside the bar."""
        self._rich.update(self._task, description=shown(f"{job}  {text}"))

    def log(self, job: str, line: str) -> None:
        """Print the log line above the bar."""
        self._rich.console.print(shown(f"{job} | {line}"), markup=False, soft_wrap=True, style="dim")

    def count(self, finished: int, total: int) -> None:
        """Move the bar."""
        self._rich.update(self._task, completed=finished, total=total)

    def close(self) -> None:
        """Take the bar away."""
        self._rich.stop()


def shown(text: str) -> str:
    """Return text that is fit for a terminal: one line, no control characters, no credentials, bounded."""
    return one_line(redacted(text), MAX_LINE)


def chosen(*, quiet: bool, total: int | None = None) -> Progress:
    """Return the progress that suits stderr."""
    if quiet:
        return Silent()
    if sys.stderr is not None and sys.stderr.isatty():
        try:
            return Bar(total)
        except ModuleNotFoundError:  # rich is a comfort, not a need
            return Lines()
    return Lines()


class LogReader:
    """Tells a job's new log lines: each poll brings all earlier ones again."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}
        self._told = 0

    def new(self, logs: Any) -> list[str]:
        """Return the lines of this poll that no earlier one had."""
        counts: dict[tuple[str, str], int] = {}
        fresh: list[str] = []
        for entry in logs if isinstance(logs, list) else []:
            message = entry.get("message") if isinstance(entry, dict) else entry
            if not isinstance(message, str) or not message.strip():
                continue
            key = (str(entry.get("timestamp")) if isinstance(entry, dict) else "", message)
            counts[key] = counts.get(key, 0) + 1
            if counts[key] > self._seen.get(key, 0):
                self._seen[key] = counts[key]
                fresh.append(message)
        room = MAX_LOG_LINES - self._told
        self._told += len(fresh)
        if len(fresh) > room >= 0:
            fresh = [*fresh[:room], "further log lines are not shown"]
        elif room < 0:
            fresh = []
        return fresh
