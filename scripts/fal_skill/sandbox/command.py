"""The command line of ``sandbox.py``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..console import Parser, parser
from ..errors import EXIT_DONE, EXIT_FINDINGS, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError
from .settings import Settings

EXAMPLES = (
    "sandbox.py exec -- python app.py",
    "sandbox.py exec --report run.json --strict -- node app.mjs",
    "sandbox.py exec --fault lost-reply --fault 429,times=2 -- python app.py",
    "sandbox.py exec --isolate --wall-time 60 -- python untrusted.py",
    "sandbox.py serve --format text > sandbox.env &    # then: . ./sandbox.env",
)
NOTES = """\
exec leaves with the program's own exit code (128 + N when signal N ended it, 124 after --wall-time), unless
--strict finds violations. serve prints the variables to export and answers until it is interrupted.
faults: NAME[=VALUE][,nth=N][,times=N|all][,on=PLACE]; names: lost-reply, 429, 500, 502, 503, 504, ingress-503,
slow-queue=S, slow-model=S, failed-job=TYPE, content-policy, expired-media, dropped-stream=N, webhook-fails=N,
webhook-repeats=N"""

ISOLATED_SECONDS = 300.0
"""Wall-clock limit of isolated programs, unless another is given."""


def main() -> int:
    """Read the command line and do what it says; returns the exit code."""
    words, command = _split(sys.argv[1:])
    asked = command_line().parse_args(words)
    settings = settings_of(asked)
    if asked.what == "serve":
        if command:
            raise UsageError("serve runs no command", hint="did you mean exec?")
        from .serve import served

        return served(settings, port=asked.port, format=asked.format, report=asked.report, quiet=asked.quiet)
    from .exec import Order, executed
    from .isolation import Limits, Plan

    limits = Limits(asked.cpu_time, asked.memory_mb, asked.file_mb, asked.processes)
    plan = Plan(limits, Path(asked.workdir) if asked.workdir else None, tuple(asked.copy), tuple(asked.env))
    return executed(
        Order(
            command=command,
            settings=settings,
            report=asked.report,
            strict=asked.strict,
            quiet=asked.quiet,
            seconds=asked.wall_time or (ISOLATED_SECONDS if asked.isolate else None),
            isolation=plan if asked.isolate else None,
        )
    )


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def command_line() -> Parser:
    """Return the parser of all that stands before ``--``."""
    made = parser(
        "Run any program against a local fal: no key, no cost, no network.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    made.usage = "%(prog)s exec [options] -- COMMAND…\n       %(prog)s serve [options]"
    made.epilog = f"{made.epilog}\n\n{NOTES}"
    add = made.add_argument
    add("what", choices=["exec", "serve"], help="exec: run one program; serve: print the environment and wait")
    add("--report", metavar="FILE", help="write the JSON report there at the end; - for stdout")
    add("--strict", action="store_true", help="exec: violations make the exit code 1")
    add("--quiet", action="store_true", help="no summary on stderr")
    add("--fault", action="append", default=[], metavar="FAULT", help="order a fault, see below; may be repeated")
    add(
        "--queue-time", type=_seconds, default=Settings.queue_seconds, metavar="S", help="time IN_QUEUE (%(default)s s)"
    )
    add(
        "--model-time",
        type=_seconds,
        default=Settings.model_seconds,
        metavar="S",
        help="time IN_PROGRESS (%(default)s s)",
    )
    add("--runners", type=_count, metavar="N", help="jobs of one app that run at a time (default: any number)")
    add(
        "--allow-slug",
        action="append",
        default=[],
        metavar="PATTERN",
        help="accept ids that no source lists; may be repeated",
    )
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="let the program reach this host; may be repeated",
    )
    add("--no-balance", action="store_true", help="give the program the key of an account without balance")
    add("--port", type=_port, default=0, metavar="N", help="serve: port of the proxy (default: a free one)")
    add(
        "--wall-time",
        type=_limit,
        metavar="S",
        help=f"exec: end the program after so many seconds (isolated: {ISOLATED_SECONDS:.0f})",
    )
    inside = made.add_argument_group("isolation (exec --isolate), for programs that you do not trust")
    add = inside.add_argument
    add("--isolate", action="store_true", help="scrubbed environment, temporary folder, limits, no other network")
    add("--cpu-time", type=_count, default=60, metavar="S", help="CPU seconds of each process (%(default)s)")
    add("--memory-mb", type=_count, default=4096, metavar="MB", help="writable memory of each process (%(default)s)")
    add("--file-mb", type=_count, default=512, metavar="MB", help="size of each file written (%(default)s)")
    add("--processes", type=_count, default=128, metavar="N", help="processes at a time (%(default)s)")
    add("--workdir", metavar="DIR", help="working folder (default: a temporary one with the files that COMMAND names)")
    add("--copy", action="append", default=[], metavar="PATH", help="copy this too; may be repeated")
    add("--env", action="append", default=[], metavar="NAME", help="pass this variable on; may be repeated")
    return made


def settings_of(asked: argparse.Namespace) -> Settings:
    """Return the settings that the command line asks for; UsageError when a fault is not one."""
    from .faults import parse

    for notation in asked.fault:
        parse(notation)
    return Settings(
        queue_seconds=asked.queue_time,
        model_seconds=asked.model_time,
        runners=asked.runners,
        allow_slugs=tuple(asked.allow_slug),
        allow_hosts=tuple(asked.allow_host),
        faults=tuple(asked.fault),
        no_balance=asked.no_balance,
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("expected 0 to 86400 seconds")
    return seconds


def _limit(text: str) -> float:
    seconds = _seconds(text)
    if seconds <= 0:
        raise argparse.ArgumentTypeError("expected more than 0 seconds")
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 10**6:
        raise argparse.ArgumentTypeError("expected 1 to 1000000")
    return count


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 65536:
        raise argparse.ArgumentTypeError("expected 0 to 65535")
    return port
