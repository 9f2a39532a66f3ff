"""Linux namespaces for one program, by the system calls themselves: no helper program needs to be installed.

Three processes: the sandbox (outside), a guard (forked from it, enters the namespaces, is process 1 inside) and the
program. The guard opens the listening sockets inside and hands them out, starts the program with its limits, counts
processes, and ends with it; when the guard ends, the kernel ends whatever is left inside.
"""

from __future__ import annotations

import array
import base64
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from ..errors import UsageError
from .children import FORWARDED, TIMED_OUT, Signals, die_with_parent, supervised

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_REC_PRIVATE = 0x4000 | 0x40000
MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1
PR_SET_NO_NEW_PRIVS = 38
COUNT_SECONDS = 0.1
NOT_FOUND = b"no such program"
OWN_PROCESSES = 2
"""The first process inside and the courier do not count as the program's."""


class NamespacesUnavailableError(Exception):
    """This machine does not allow them; the message says why."""


class Inside:
    """A program in namespaces of its own."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        prepare: Callable[[], None],
        *,
        ports: tuple[int, int],
        processes: int,
    ) -> None:
        """Start it; NamespacesUnavailableError, or UsageError when there is no such program.

        ``prepare`` runs in the program's process before it begins; ``ports`` are those to listen at inside.
        """
        if len(list(Path("/proc/self/task").iterdir())) > 1:
            raise NamespacesUnavailableError("this process has threads, and cannot be forked safely")
        outer, inner = socket.socketpair()
        self._courier, courier = socket.socketpair()
        self._posting = threading.Lock()
        user, group = os.getuid(), os.getgid()
        self._pid = os.fork()
        if self._pid == 0:
            outer.close()
            self._courier.close()
            _as_guard(_Order(command, environment, folder, prepare, ports, processes, inner, courier, user, group))
        inner.close()
        courier.close()
        self._control = outer
        self.sockets = self._first_word()
        self._ended: str | None = None

    def _first_word(self) -> tuple[socket.socket, socket.socket]:
        message, handles, _, _ = socket.recv_fds(self._control, 4096, 2)
        word, _, rest = message.partition(b"\n")
        if word != b"ready" or len(handles) != 2:
            for handle in handles:
                os.close(handle)
            os.waitpid(self._pid, 0)
            self._control.close()
            raise NamespacesUnavailableError(rest.decode(errors="replace") or "the kernel refused")
        self.own_processes = rest.startswith(b"proc")
        self.why_not = "" if self.own_processes else "the program can see this machine's processes in /proc"
        first, second = (socket.socket(fileno=handle) for handle in handles)
        return first, second

    def post(self, url: str, body: bytes, headers: dict[str, str], seconds: float) -> int | str:
        """Deliver a webhook inside: return the receiver's status, or the name of what went wrong."""
        letter = json.dumps([url, base64.b64encode(body).decode(), headers, seconds]).encode() + b"\n"
        with self._posting:
            try:
                self._courier.settimeout(seconds + 5.0)
                self._courier.sendall(letter)
                with self._courier.makefile("rb") as answers:
                    answer: int | str = json.loads(answers.readline() or b'"ProgramEnded"')
                    return answer
            except (OSError, ValueError) as error:
                return type(error).__name__

    def wait(self, signals: Signals, limit: float | None) -> tuple[int, str | None]:
        """Return (exit code, which limit ended it or None); raise UsageError when there was no such program."""
        signals.forward_to(self.send)
        ended_by = supervised(self._pid, self._guard_gone, self.send, signals, limit)
        signals.forward_to(None)
        last = self._last_word()
        if ended_by is not None:
            return TIMED_OUT, ended_by
        if last.startswith(NOT_FOUND):
            raise UsageError(last.decode(errors="replace"), hint="write the command after --")
        word, _, number = last.partition(b" ")
        if word == b"limit":
            return 128 + signal.SIGKILL, "processes"
        if word == b"exit" and number.isdigit():
            return int(number), None
        return 128 + signal.SIGKILL, None

    def _guard_gone(self) -> bool:
        try:
            return os.waitpid(self._pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    def _last_word(self) -> bytes:
        self._control.settimeout(1.0)
        try:
            return self._control.recv(4096)
        except OSError:
            return b""
        finally:
            self._control.close()
            self._courier.close()

    def send(self, number: int) -> None:
        """Send the program a signal."""
        try:
            if number == signal.SIGKILL:
                os.kill(self._pid, signal.SIGKILL)
            else:
                self._control.send(f"signal {number}\n".encode())
        except OSError:
            pass


class _Order:
    """What the guard is told."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        prepare: Callable[[], None],
        ports: tuple[int, int],
        processes: int,
        control: socket.socket,
        courier: socket.socket,
        user: int,
        group: int,
    ) -> None:
        self.command = command
        self.environment = environment
        self.folder = folder
        self.prepare = prepare
        self.ports = ports
        self.processes = processes
        self.control = control
        self.courier = courier
        self.user = user
        self.group = group


def _as_guard(order: _Order) -> NoReturn:
    """Be the guard; never return into the code of the process that was forked."""
    try:
        _guard(order)
    except BaseException as error:
        with suppress(OSError):
            order.control.send(f"failed\n{type(error).__name__}: {error}".encode())
    finally:
        os._exit(1)


def _call(libc: ctypes.CDLL, name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _guard(order: _Order) -> None:
    die_with_parent()
    os.setsid()
    for number in FORWARDED:
        signal.signal(number, signal.SIG_DFL)
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc, "unshare", CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{order.user} {order.user} 1")
    Path("/proc/self/gid_map").write_text(f"{order.group} {order.group} 1")
    _raise_loopback()
    handles = [_listening(port) for port in order.ports]
    # The process namespace begins with the next child.
    pid = os.fork()
    if pid == 0:
        try:
            _first_inside(order, libc, handles)
        except BaseException as error:
            order.control.send(f"failed\n{type(error).__name__}: {error}".encode())
        finally:
            os._exit(1)
    for handle in handles:
        handle.close()
    while True:
        try:
            os.waitpid(pid, 0)
            os._exit(0)
        except InterruptedError:
            continue


def _first_inside(order: _Order, libc: ctypes.CDLL, handles: list[socket.socket]) -> None:
    die_with_parent()
    own_proc = False
    try:
        _call(libc, "mount", b"none", b"/", None, MS_REC_PRIVATE, None)
        _call(libc, "mount", b"proc", b"/proc", b"proc", MS_NOSUID_NODEV_NOEXEC, None)
        own_proc = True
    except OSError:
        pass  # containers often forbid it
    _hand_out(order.control, b"ready\nproc" if own_proc else b"ready\n", handles)
    for handle in handles:
        handle.close()
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.fork() == 0:
        _carry(order)
    order.courier.close()
    pid = os.fork()
    if pid == 0:
        _become(order)
    _watch(order, pid, own_proc)


def _carry(order: _Order) -> NoReturn:
    """Deliver webhooks from inside, one letter per line, until the sandbox hangs up."""
    try:
        order.control.close()
        with order.courier, order.courier.makefile("rb") as letters:
            for letter in letters:
                from .webhooks import post_once

                url, body, headers, seconds = json.loads(letter)
                status = post_once(url, base64.b64decode(body), headers, seconds)
                order.courier.sendall(json.dumps(status).encode() + b"\n")
    finally:
        os._exit(0)


def _become(order: _Order) -> NoReturn:
    try:
        os.setpgid(0, 0)
        order.control.close()
        order.prepare()
        os.chdir(order.folder)
        os.execvpe(order.command[0], list(order.command), dict(order.environment))
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        os._exit(127)
    except BaseException:
        os._exit(126)


def _watch(order: _Order, program: int, own_proc: bool) -> NoReturn:
    """Pass on signals, count processes, collect the dead; end when the program does."""
    began = time.monotonic()
    word = b"exit 1"
    while True:
        done, status = os.waitpid(-1, os.WNOHANG)
        if done == program:
            code = os.waitstatus_to_exitcode(status)
            quick = time.monotonic() - began < 1.0
            if code == 127 and quick and not _resolvable(order):
                word = NOT_FOUND + f": {order.command[0]!r}".encode()
            else:
                word = f"exit {code if code >= 0 else 128 - code}".encode()
            break
        if done:
            continue
        if (
            own_proc
            and sum(entry.name.isdigit() for entry in Path("/proc").iterdir()) > order.processes + OWN_PROCESSES
        ):
            word = b"limit processes"
            break
        ready, _, _ = select.select(
            [order.control], [], [], min(COUNT_SECONDS, 0.002 + (time.monotonic() - began) / 20)
        )
        if ready:
            data = order.control.recv(4096)
            if not data:
                break
            for line in data.splitlines():
                if line.startswith(b"signal "):
                    try:
                        os.killpg(program, int(line.split()[1]))
                    except (ProcessLookupError, PermissionError, ValueError):
                        continue
    order.control.send(word)
    os._exit(0)


def _resolvable(order: _Order) -> bool:
    from shutil import which

    return which(order.command[0], path=order.environment.get("PATH")) is not None


def _hand_out(control: socket.socket, message: bytes, sockets: list[socket.socket]) -> None:
    rights = array.array("i", [sock.fileno() for sock in sockets])
    control.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def _listening(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(("127.0.0.1", port))
    sock.listen(1024)
    return sock


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh", b"lo", 0) + b"\0" * 22
        answer = fcntl.ioctl(sock.fileno(), SIOCGIFFLAGS, request)
        (flags,) = struct.unpack_from("h", answer, 16)
        fcntl.ioctl(sock.fileno(), SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP) + b"\0" * 22)


if not sys.platform.startswith("linux"):
    raise ImportError("namespaces exist on Linux alone")
