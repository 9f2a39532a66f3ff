"""``sandbox.py exec``: run a program against a sandbox of its own and report what it did."""

from __future__ import annotations

import gc
import json
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..console import counted, print_text, warn
from ..errors import EXIT_FINDINGS, UnavailableError, UsageError
from .children import Child, Signals, caught_signals
from .isolation import Plan, isolated
from .local import Sandbox
from .settings import Settings
from .warmup import import_soon

SHOWN_REMARKS = 12


@dataclass(frozen=True)
class Order:
    """What is to be run, and how."""

    command: Sequence[str]
    settings: Settings
    report: str | None = None
    """File for the JSON report, ``-`` for stdout."""
    strict: bool = False
    """Whether violations make the exit code 1."""
    quiet: bool = False
    seconds: float | None = None
    """Wall-clock limit."""
    isolation: Plan | None = None


def executed(order: Order) -> int:
    """Run the order; return the program's exit code, or 1 when ``strict`` and it did what it must not do."""
    if not order.command:
        raise UsageError("no command to run", hint="sandbox.py exec [options] -- python app.py")
    if order.report is not None:
        writable(order.report)
    # The many imports of a start make garbage collections that find nothing: without them it is 5 % shorter.
    gc.disable()
    with caught_signals() as signals:
        sandbox = Sandbox(order.settings)
        sandbox.on_ready = _started
        try:
            code, extra = _run(order, sandbox, signals)
            report = {**sandbox.report(final=True), "exit_code": code, **extra}
        finally:
            sandbox.stop()
    if order.report is not None:
        write_report(order.report, report)
    if not order.quiet:
        for line in summary(report):
            warn(line)
    if order.strict and report["violations"] and code == 0:
        return EXIT_FINDINGS
    return code


def _started() -> None:
    gc.freeze()
    gc.enable()
    import_soon()


def _run(order: Order, sandbox: Sandbox, signals: Signals) -> tuple[int, dict[str, Any]]:
    if order.isolation is not None:
        return isolated(order.command, order.isolation, order.seconds, sandbox, signals)
    # The program starts while the server still imports: its first connection waits in the socket's queue, and
    # starting it before there is a second thread keeps fork safe.
    child = Child(order.command, sandbox.environment(), adopt=True)
    sandbox.on_failure = lambda: child.send(signal.SIGTERM)
    sandbox.start()
    code, ended_by = child.wait(signals, order.seconds)
    sandbox.wait_ready()
    return code, {"ended_by": ended_by, "isolation": None}


def summary(report: dict[str, Any]) -> list[str]:
    """Return the report in a few lines for a person."""
    cost, counts = report["cost"], report["counts"]
    unknown = cost["jobs_of_unknown_price"]
    price = f"${cost['low']:.4g}" if cost["low"] == cost["high"] else f"${cost['low']:.4g} to ${cost['high']:.4g}"
    made = [entry for entry in report["media"] if entry["origin"] == "generated"]
    fetched = sum(entry["fetched"] for entry in made)
    lines = [
        f"sandbox: exit code {report['exit_code']}"
        + (f" (ended by the {report['ended_by']} limit)" if report.get("ended_by") else "")
        + f", {counted(counts['requests'], 'request')}, {counted(counts['jobs'], 'job')}"
        + f", {counted(len(made), 'file')} made, {fetched} fetched"
        + f"; at fal this would have cost {price}"
        + (f" and {unknown} jobs of unknown price" if unknown else "")
    ]
    for host, count in list(report["refused_hosts"].items())[:SHOWN_REMARKS]:
        lines.append(f"sandbox: refused {host} ({count} times): it is not fal's; allow it with --allow-host {host}")
    remarks = [("violation", remark) for remark in report["violations"]] + [
        ("note", remark) for remark in report["notes"]
    ]
    for kind, remark in remarks[:SHOWN_REMARKS]:
        times = f" ({remark['count']} times)" if remark["count"] > 1 else ""
        hint = f": {remark['hint']}" if remark["hint"] else ""
        lines.append(f"sandbox: {kind} [{remark['code']}] {remark['message']}{times}{hint}")
    if len(remarks) > SHOWN_REMARKS:
        lines.append(f"sandbox: and {len(remarks) - SHOWN_REMARKS} more (see --report)")
    return lines


def writable(name: str) -> None:
    """Raise UsageError when no report can be written to that file; ``-`` is stdout."""
    if name == "-":
        return
    path = Path(name)
    if (
        path.is_dir()
        or not path.absolute().parent.is_dir()
        or not os.access(path if path.exists() else path.absolute().parent, os.W_OK)
    ):
        raise UsageError(f"cannot write the report to {name!r}", hint="name a file in a folder that exists")


def write_report(name: str, report: dict[str, Any]) -> None:
    """Write the report to that file, or to stdout for ``-``."""
    text = json.dumps(report, indent=1)
    if name == "-":
        print_text(text)
        return
    try:
        Path(name).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UnavailableError(f"cannot write the report to {name!r}: {error.strerror or error}") from None
