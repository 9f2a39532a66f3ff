"""Untrusted programs: scrubbed environment, temporary folder, limits, and a network that holds the sandbox alone.

On Linux where user namespaces are allowed, the program gets namespaces of its own:

- network: a loopback device alone. The sandbox listens inside by way of two sockets that were opened there and handed
  out, so that nothing leads from inside to any other address of this machine;
- processes: when the first of them ends, the kernel ends them all; ``/proc`` shows only them (where it may be mounted).

Where namespaces are not allowed the other measures still hold, and both stderr and the report say what is missing.
This protects from runaway and nosy programs. It is no virtual machine: files that the user may read can be read.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..console import warn
from ..errors import UsageError
from .children import Child, Signals

KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "VIRTUAL_ENV", "NODE_PATH", "SYSTEMROOT")
"""What the program sees of the user's environment, besides what leads it to the sandbox."""
MAX_COPIED_BYTES = 512 * 1024 * 1024
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one process of the program may use, and how many there may be."""

    cpu_seconds: int = 60
    memory_mb: int = 4096
    """Writable memory of each process. Address space is not limited: Node reserves more than any machine has."""
    file_mb: int = 512
    """Size of each file written."""
    processes: int = 128


@dataclass(frozen=True)
class Plan:
    """How a program is shut in."""

    limits: Limits
    folder: Path | None = None
    """Its working folder; None = a temporary one that is deleted at the end."""
    copies: tuple[str, ...] = ()
    """Files and folders to copy into the temporary folder, besides those that the command names."""
    passed: tuple[str, ...] = ()
    """Names of further variables that the program may see."""


@dataclass(frozen=True)
class Measures:
    """What is in force, for the report."""

    network: bool
    processes: bool
    why_not: str = ""

    def as_dict(self, plan: Plan) -> dict[str, Any]:
        """Return the measures for the report."""
        limits = plan.limits
        return {
            "network_namespace": self.network,
            "process_namespace": self.processes,
            "why_not": self.why_not,
            "environment": "scrubbed",
            "folder": "temporary" if plan.folder is None else str(plan.folder),
            "limits": {
                "cpu_seconds": limits.cpu_seconds, "memory_mb": limits.memory_mb,
                "file_mb": limits.file_mb, "processes": limits.processes,
            },
        }  # fmt: skip


def scrubbed(
    variables: Mapping[str, str], inherited: Mapping[str, str], home: Path, passed: Sequence[str] = ()
) -> dict[str, str]:
    """Return the environment of an isolated program."""
    kept = {name: inherited[name] for name in (*KEPT_VARIABLES, *passed) if name in inherited}
    if any(name.upper().startswith("FAL_") for name in passed):
        raise UsageError("--env does not pass fal's own variables: the program gets the sandbox's key")
    return {**kept, **variables, "HOME": str(home), "TMPDIR": str(home / "tmp"), "USER": "sandbox"}


def working_folder(plan: Plan, command: Sequence[str], parent: Path) -> Path:
    """Return the working folder, with copies of the files that the command names; UsageError when one is missing."""
    if plan.folder is not None:
        if not plan.folder.is_dir():
            raise UsageError(f"--workdir: no such folder: {str(plan.folder)!r}")
        (plan.folder / "tmp").mkdir(exist_ok=True)
        return plan.folder.resolve()
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=parent))
    (folder / "tmp").mkdir()
    here = Path.cwd().resolve()
    named = [word for word in command[1:] if word and not word.startswith("-") and not Path(word).is_absolute()]
    for word in (*plan.copies, *(word for word in named if _exists(here / word))):
        _copy_in((here / word).resolve(), here, folder)
    return folder


def _absolute(program: str) -> str:
    """Return a program named by a path from the user's folder, so that it is found from any other."""
    return str(Path(program).absolute()) if os.sep in program or "/" in program else program


def _processes_of_user() -> int:
    """Return how many processes the user has now: without a namespace RLIMIT_NPROC counts them all."""
    own = os.getuid()
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            count += folder.stat().st_uid == own
        except OSError:
            continue
    return count


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a word too long, or of characters that no file name has
        return False


def _copy_in(source: Path, here: Path, folder: Path) -> None:
    if not _exists(source):
        raise UsageError(f"--copy: no such file: {str(source)!r}")
    if source == here:
        raise UsageError(
            "the working folder itself is not copied", hint="name the files: --copy FILE, or use --workdir"
        )
    target = folder / (source.relative_to(here) if source.is_relative_to(here) else source.name)
    size = sum(file.stat().st_size for file in ([source] if source.is_file() else source.rglob("*")) if file.is_file())
    if size > MAX_COPIED_BYTES:
        raise UsageError(
            f"{source.name!r} has {size // MEGABYTE} MB, at most {MAX_COPIED_BYTES // MEGABYTE} are copied"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def limit_function(limits: Limits, *, processes: bool) -> Callable[[], None]:
    """Return a function that puts the limits on the process that calls it."""
    try:
        import resource
    except ImportError:  # Windows
        return lambda: None

    wanted = [
        ("RLIMIT_CPU", limits.cpu_seconds),
        ("RLIMIT_DATA", limits.memory_mb * MEGABYTE),
        ("RLIMIT_FSIZE", limits.file_mb * MEGABYTE),
        ("RLIMIT_CORE", 0),
    ]
    if processes:
        wanted.append(("RLIMIT_NPROC", limits.processes))
    known = [(getattr(resource, name), value) for name, value in wanted if hasattr(resource, name)]

    def apply() -> None:
        for kind, value in known:
            _, hard = resource.getrlimit(kind)
            # One second between the soft and the hard limit of CPU time lets SIGXCPU be seen as such.
            top = value + 1 if kind == resource.RLIMIT_CPU else value
            resource.setrlimit(kind, (value, top if hard == resource.RLIM_INFINITY else min(top, hard)))

    return apply


def cpu_limit_hit(code: int) -> bool:
    """Return whether an exit code is that of a program ended by the CPU limit."""
    return hasattr(signal, "SIGXCPU") and code == 128 + signal.SIGXCPU


def isolated(
    command: Sequence[str], plan: Plan, seconds: float | None, sandbox: Any, signals: Signals
) -> tuple[int, dict[str, Any]]:
    """Run the command shut in; return (exit code, what the report adds)."""
    folder = working_folder(plan, command, sandbox.folder)
    command = [_absolute(command[0]), *command[1:]]
    environment = scrubbed(sandbox.variables({}), os.environ, folder, plan.passed)
    measures = Measures(False, False, "namespaces exist on Linux alone")
    if sys.platform.startswith("linux"):
        from .namespaces import Inside, NamespacesUnavailableError

        try:
            inside = Inside(
                command, environment, folder, limit_function(plan.limits, processes=os.getuid() != 0),
                ports=(sandbox.tls_port, sandbox.proxy_port), processes=plan.limits.processes,
            )  # fmt: skip
        except NamespacesUnavailableError as reason:
            measures = Measures(False, False, str(reason))
        else:
            sandbox.also_listen(*inside.sockets, inside.post)
            sandbox.on_failure = lambda: inside.send(signal.SIGTERM)
            sandbox.start()
            code, ended_by = inside.wait(signals, seconds)
            return _done(sandbox, code, ended_by, Measures(True, inside.own_processes, inside.why_not), plan)
    warn(f"sandbox: no network isolation: {measures.why_not}; the program can reach this machine's network")
    limits = plan.limits
    bound = sys.platform.startswith("linux") and os.getuid() != 0
    if bound:
        limits = replace(limits, processes=limits.processes + _processes_of_user())
    else:
        warn("sandbox: the number of processes is not limited")
    child = Child(command, environment, folder=folder, adopt=True, prepare=limit_function(limits, processes=bound))
    sandbox.on_failure = lambda: child.send(signal.SIGTERM)
    sandbox.start()
    code, ended_by = child.wait(signals, seconds)
    return _done(sandbox, code, ended_by, measures, plan)


def _done(sandbox: Any, code: int, ended_by: str | None, measures: Measures, plan: Plan) -> tuple[int, dict[str, Any]]:
    sandbox.wait_ready()
    if ended_by is None and cpu_limit_hit(code):
        ended_by = "cpu"
    if measures.network and measures.why_not:
        warn(f"sandbox: {measures.why_not}")
    return code, {"ended_by": ended_by, "isolation": measures.as_dict(plan)}
