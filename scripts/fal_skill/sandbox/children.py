"""Running a program as a child so that nothing of it outlives the sandbox.

On Linux the sandbox adopts what its child leaves behind (a "subreaper"), and the child dies with the sandbox even if
that is killed outright. Elsewhere the child's process group is what is ended.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from ..errors import UsageError

GRACE_SECONDS = 3.0
"""Time that a program gets to end by itself after a signal."""
TIMED_OUT = 124
"""Exit code when the wall-clock limit ended the program; that of coreutils' timeout."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
FORWARDED = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]
_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]


def prctl(option: int, value: int) -> bool:
    """Call Linux' prctl; False where there is none or it fails."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    try:
        return int(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)) == 0
    except (OSError, AttributeError):
        return False


def ending(number: int) -> bool:
    """Return whether a signal asks a program to end."""
    return number in _ENDING


def die_with_parent() -> None:
    """Make the calling process end when its parent does."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A running program."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        folder: Path | None = None,
        adopt: bool = False,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """Start it; UsageError when there is no such program.

        ``adopt``: whatever descends from this process at the end is the program's and ends with it. Right for a
        process that does nothing else, such as the command line; wrong inside a test run or a server.
        ``prepare`` is called in the program's process before it begins (POSIX alone).
        """
        # On a terminal the program stays in the foreground group, so that it can read and gets Ctrl-C by itself.
        self._own_group = os.name == "posix" and not (sys.stdin is not None and sys.stdin.isatty())
        self._adopt = adopt and sys.platform.startswith("linux")
        if self._adopt:
            prctl(_PR_SET_CHILD_SUBREAPER, 1)
        steps = [*([die_with_parent] if self._adopt else []), *([prepare] if prepare and os.name == "posix" else [])]
        try:
            self.process = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=folder,
                start_new_session=self._own_group,
                preexec_fn=(lambda: [step() for step in steps]) if steps else None,
            )
        except FileNotFoundError as error:
            raise UsageError(f"no such program: {str(error.filename)!r}", hint="write the command after --") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot run {command[0]!r}: {reason}") from None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def send(self, number: int) -> None:
        """Send it a signal; its whole group where it has one of its own."""
        try:
            if self._own_group:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
        except (ProcessLookupError, PermissionError):
            pass

    def wait(self, signals: Signals, limit: float | None = None) -> tuple[int, str | None]:
        """Return (exit code, which limit ended it or None). A program that a signal ended has 128 + its number."""
        signals.forward_to(self._signalled)
        ended_by = supervised(self.process.pid, lambda: self.process.poll() is not None, self.send, signals, limit)
        signals.forward_to(None)
        if self._own_group:
            self.send(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        if self._adopt:
            end_orphans()
        code = self.process.returncode
        if ended_by is not None:
            return TIMED_OUT, ended_by
        return (code if code >= 0 else 128 - code), None

    def _signalled(self, number: int) -> None:
        if number == signal.SIGINT and not self._own_group:
            return  # the terminal has sent it to the program as well
        self.send(number)


def supervised(
    pid: int, gone: Callable[[], bool], send: Callable[[int], None], signals: Signals, limit: float | None
) -> str | None:
    """Wait until the process is gone; return which limit ended it, or None.

    When the time (seconds) is over it is asked to end; when it was asked, by that or by a signal, and does not, it is
    ended.
    """
    deadline = None if limit is None else time.monotonic() + limit
    ended_by = None
    with Bell() as bell:
        while not gone():
            moments = [moment for moment in (deadline, signals.kill_at) if moment is not None]
            bell.wait(pid, max(0.0, min(moments) - time.monotonic()) if moments else None)
            now = time.monotonic()
            if signals.kill_at is not None and now >= signals.kill_at:
                send(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
                signals.kill_at = now + GRACE_SECONDS
            elif deadline is not None and now >= deadline:
                ended_by, deadline = "wall-clock", None
                send(signal.SIGTERM)
                signals.kill_at = now + GRACE_SECONDS
    return ended_by


class Bell:
    """Waits for the end of a process, for a signal, or for a moment, whichever is first."""

    POLL_SECONDS = 0.02

    def __enter__(self) -> Bell:
        self._end, self._begin = socket.socketpair()
        for side in (self._end, self._begin):
            side.setblocking(False)
        self._before = -2
        with suppress(ValueError):  # outside the main thread no signals arrive
            self._before = signal.set_wakeup_fd(self._begin.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before != -2:
            signal.set_wakeup_fd(self._before)
        self._end.close()
        self._begin.close()

    def wait(self, pid: int | None, seconds: float | None) -> None:
        """Return when the process (if any) has ended, a signal has come, or the time is over; sometimes earlier."""
        handle = -1
        if pid is not None:
            try:
                handle = os.pidfd_open(pid)
            except (AttributeError, OSError):
                # Where there is no such handle, look now and then.
                seconds = self.POLL_SECONDS if seconds is None else min(seconds, self.POLL_SECONDS)
        try:
            watched = [self._end.fileno(), *([handle] if handle >= 0 else [])]
            ready, _, _ = select.select(watched, [], [], seconds)
            if self._end.fileno() in ready:
                self._end.recv(4096)
        finally:
            if handle >= 0:
                os.close(handle)


class Signals:
    """The signals that have come, and who is to get them."""

    def __init__(self) -> None:
        self.kill_at: float | None = None
        """When a program that was asked to end is ended."""
        self._waiting: list[int] = []
        self._handler: Callable[[int], None] | None = None

    @property
    def end_asked(self) -> bool:
        """Whether any signal so far asks to end."""
        return self.kill_at is not None or any(ending(number) for number in self._waiting)

    def forward_to(self, handler: Callable[[int], None] | None) -> None:
        """Give every signal to the handler, those that came before it too; None: keep what comes."""
        self._handler = handler
        while handler is not None and self._waiting:
            self._take(handler, self._waiting.pop(0))

    def caught(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._handler is None:
            self._waiting.append(number)
        else:
            self._take(self._handler, number)

    def _take(self, handler: Callable[[int], None], number: int) -> None:
        if ending(number) and self.kill_at is None:
            self.kill_at = time.monotonic() + GRACE_SECONDS
        handler(number)


@contextmanager
def caught_signals() -> Iterator[Signals]:
    """While inside, no signal ends this process: they wait for a program to be given to."""
    signals = Signals()
    before: dict[int, Any] = {}
    with suppress(ValueError):  # outside the main thread signals go to whoever runs that
        for number in FORWARDED:
            before[number] = signal.signal(number, signals.caught)
    try:
        yield signals
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def descendants(root: int) -> list[int]:
    """Return the ids of all processes below that one; Linux alone, elsewhere none."""
    parents: dict[int, int] = {}
    try:
        names = [entry.name for entry in Path("/proc").iterdir()]
    except OSError:
        return []
    for name in names:
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_bytes()
                parents[int(name)] = int(stat.rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    found = {root}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        grown = bool(more)
        found |= more
    return sorted(found - {root})


def end_orphans() -> None:
    """End and collect every process that the child left behind."""
    if not sys.platform.startswith("linux"):
        return
    for number, patience in ((signal.SIGTERM, 0.5), (signal.SIGKILL, 2.0)):
        deadline = time.monotonic() + patience
        alive = _living()
        for pid in alive:
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                continue
        while alive and time.monotonic() < deadline:
            time.sleep(0.01)
            alive = _living()
        if not alive:
            return


def _living() -> list[int]:
    # Those that have ended wait to be collected by their adopted parent, which is this process.
    living = []
    for pid in descendants(os.getpid()):
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                living.append(pid)
        except ChildProcessError:
            living.append(pid)
        except OSError:
            continue
    return living
