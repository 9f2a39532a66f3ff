"""``sandbox.py serve``: a sandbox for test suites; prints what to export and answers until told to stop."""

from __future__ import annotations

import shlex
import sys

from ..console import chosen_format, print_json, print_text, warn
from ..errors import EXIT_DONE
from .children import Bell, caught_signals
from .exec import summary, writable, write_report
from .local import Sandbox
from .settings import Settings
from .warmup import import_soon


def served(settings: Settings, *, port: int, format: str | None, report: str | None, quiet: bool) -> int:
    """Serve until SIGINT or SIGTERM, then write the report; returns the exit code.

    On stdout: ``export NAME=VALUE`` lines, or one JSON object ``{"url", "env", "unset"}``.
    """
    if report is not None:
        writable(report)
    with caught_signals() as signals, Bell() as bell:
        sandbox = Sandbox(settings, port=port)
        try:
            sandbox.on_ready = import_soon
            sandbox.start()
            sandbox.wait_ready()
            tell(sandbox, chosen_format(format))
            while not signals.end_asked:
                bell.wait(None, None)
            final = {**sandbox.report(final=True), "exit_code": EXIT_DONE, "ended_by": None, "isolation": None}
        finally:
            sandbox.stop()
    if report is not None:
        write_report(report, final)
    if not quiet:
        for line in summary(final):
            warn(line)
    return EXIT_DONE


def tell(sandbox: Sandbox, format: str) -> None:
    """Print the environment that leads a program here."""
    variables = sandbox.variables()
    removed = ["FAL_KEY_ID", "FAL_KEY_SECRET", "FAL_RUN_HOST", "FAL_QUEUE_RUN_HOST", "FAL_FORCE_AUTH_BY_USER"]
    if format == "json":
        print_json({"url": sandbox.url, "env": variables, "unset": removed})
    else:
        print_text(
            "\n".join(
                [f"unset {' '.join(removed)}"]
                + [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
            )
        )
    sys.stdout.flush()
    warn(f"sandbox: serving at {sandbox.url} (admin calls under {sandbox.url}/_sandbox/); stop it with Ctrl-C")
