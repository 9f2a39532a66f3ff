#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["fal-client>=1.0.3,<2", "httpx>=0.27,<1", "jsonschema>=4.20,<5", "rich>=13", "stamina>=25.1"]
# ///
"""Run fal models for real: checked before, submitted once, never lost, files taken home."""

from __future__ import annotations

import argparse
import sys
from math import isfinite

from fal_skill.console import EXIT_INTERRUPTED, parser, run, warn
from fal_skill.errors import (
    EXIT_CREDENTIALS,
    EXIT_DONE,
    EXIT_FINDINGS,
    EXIT_INVALID_ARGUMENTS,
    EXIT_OVER_BUDGET,
    EXIT_STILL_RUNNING,
    EXIT_UNAVAILABLE,
    EXIT_UNKNOWN_SLUG,
    EXIT_USAGE,
    SkillError,
    UsageError,
)
from fal_skill.prices.budget import cap_from

EXAMPLES = (
    """run_model.py fal-ai/flux/schnell --arguments '{"prompt": "a cat"}' --max-cost 0.01 --out cats""",
    """run_model.py fal-ai/flux/schnell --arguments @call.json --dry-run""",
    "run_model.py --resume 1a2b3c4d               # take the result of a job that was submitted before",
    "run_model.py --list                          # what was submitted; --collect and --watch take it home",
    "run_model.py --batch calls.jsonl --concurrency 4 --max-cost 5     # run it again to go on after any interruption",
)
MODES = ("batch", "resume", "list", "collect", "watch", "cancel")
DEFAULT_OUT = "fal-output"


def command_line() -> argparse.ArgumentParser:
    """Return the parser."""
    made = parser(
        "Run a fal model: verify, check, price, submit once, follow, download. Needs FAL_KEY. A job is written down "
        "before it is waited for; an interrupted one is resumed, never paid for twice.",
        examples=EXAMPLES,
        exit_codes=(
            EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNKNOWN_SLUG, EXIT_INVALID_ARGUMENTS, EXIT_CREDENTIALS,
            EXIT_STILL_RUNNING, EXIT_UNAVAILABLE, EXIT_OVER_BUDGET,
        ),
    )  # fmt: skip
    made.add_argument("slug", nargs="?", metavar="SLUG")
    made.add_argument("--arguments", metavar="JSON|@FILE|-", help="what the model is given; local files are uploaded")
    what = made.add_argument_group("instead of running one call")
    what.add_argument(
        "--batch", metavar="FILE", help='JSONL: {"slug", "arguments"} a line, or arguments with SLUG given'
    )
    what.add_argument("--resume", metavar="ID", help="take the result of this job (the beginning of its id will do)")
    what.add_argument("--list", action="store_true", help="show the newest jobs")
    what.add_argument("--collect", action="store_true", help="take home every unfinished job that has ended")
    what.add_argument("--watch", action="store_true", help="wait for every unfinished job and take it home")
    what.add_argument("--cancel", metavar="ID", help="ask fal to cancel this job")
    money = made.add_argument_group("before it is sent")
    money.add_argument("--dry-run", action="store_true", help="show exactly what would be sent; needs no key")
    money.add_argument("--max-cost", metavar="USD", help="refuse what may cost more, all calls together")
    money.add_argument(
        "--allow-unknown-cost", action="store_true", help="with --max-cost: send what has no known price"
    )
    money.add_argument("--force", action="store_true", help="send despite warnings; errors always stop a call")
    money.add_argument("--again", action="store_true", help="submit although the same call is, or may be, running")
    money.add_argument("--retry-failed", action="store_true", help="with --batch: submit failed calls again")
    how = made.add_argument_group("how it runs")
    how.add_argument("--out", metavar="DIR", help=f"where files go (default: {DEFAULT_OUT}/ID)")
    how.add_argument("--overwrite", action="store_true", help="replace files of the same name")
    how.add_argument("--no-download", action="store_true", help="leave files at fal")
    how.add_argument("--wait", metavar="SECONDS", type=float, help="wait no longer than this, then leave with 6")
    how.add_argument("--concurrency", metavar="N", type=int, default=4, help="jobs of a batch at a time (default: 4)")
    how.add_argument("--priority", choices=["normal", "low"])
    how.add_argument("--start-timeout", metavar="SECONDS", type=float, help="give up a job that starts no sooner")
    how.add_argument("--cancel-on-interrupt", action="store_true", help="Ctrl-C cancels the job (default: it goes on)")
    how.add_argument("--private", action="store_true", help="keep a digest of the arguments, not the arguments")
    how.add_argument("--ledger", metavar="FILE", help="default: ledger.sqlite3 in your data folder")
    how.add_argument("--limit", metavar="N", type=int, default=20, help="jobs that --list shows (default: 20)")
    how.add_argument("--state", help="with --list: only jobs in this state")
    how.add_argument("--quiet", action="store_true", help="no progress")
    how.add_argument("--debug", action="store_true", help="show the traceback of an error, without credentials")
    return made


def checked(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options; UsageError when they do not go together."""
    chosen = [mode for mode in MODES if getattr(options, mode) not in (None, False)]
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} cannot be combined")
    options.mode = chosen[0] if chosen else "call"
    if options.mode == "call" and not options.slug:
        raise UsageError("no SLUG was given", hint="such as fal-ai/flux/schnell; see --help")
    if options.mode == "call" and options.arguments is None:
        raise UsageError("no --arguments were given", hint="""such as --arguments '{"prompt": "a cat"}'""")
    if options.mode != "call" and options.arguments is not None:
        raise UsageError(f"--arguments does not go with --{options.mode}")
    if options.slug and options.mode not in ("call", "batch", "resume", "cancel"):
        raise UsageError(f"--{options.mode} takes no SLUG")
    if options.dry_run and options.mode not in ("call", "batch"):
        raise UsageError(f"--dry-run does not go with --{options.mode}")
    if not 1 <= options.concurrency <= 64:
        raise UsageError("--concurrency must be from 1 to 64")
    if not 1 <= options.limit <= 100_000:
        raise UsageError("--limit must be from 1 to 100000")
    if options.wait is not None and not (isfinite(options.wait) and options.wait >= 0):
        raise UsageError("--wait must be 0 or more seconds")
    if options.start_timeout is not None and not (isfinite(options.start_timeout) and options.start_timeout > 1):
        raise UsageError("--start-timeout must be more than 1 second", hint="fal's SDK takes no shorter one")
    options.max_cost = cap_from(options.max_cost)
    return options


def main() -> int:
    """Do what the command line asks for."""
    options = checked(command_line().parse_args())
    from fal_skill.live.redaction import RedactedStream

    if sys.stderr is not None:
        sys.stderr = RedactedStream(sys.stderr)
    from fal_skill.live import commands

    try:
        return int(getattr(commands, f"do_{options.mode}")(options))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SkillError:
        if options.debug:
            warn_traceback()
        raise
    except (ModuleNotFoundError, BrokenPipeError):
        raise  # the caller words these
    except Exception as error:  # nothing unforeseen may show a traceback, and with it what was in the variables
        if options.debug:
            warn_traceback()
        name = type(error).__name__
        hint = "--debug shows more; what was submitted is in --list"
        raise SkillError(f"unforeseen: {name}: {' '.join(str(error).split())[:200]}", hint=hint) from None


def warn_traceback() -> None:
    """Print the traceback of the error at hand; stderr takes the credentials out."""
    import traceback

    warn(traceback.format_exc().rstrip())


if __name__ == "__main__":
    run(main)
