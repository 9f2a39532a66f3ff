#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "cryptography>=43",
#     "fal-client>=1.0.3,<2",
#     "jinja2>=3.1,<4",
#     "jsonschema>=4.20,<5",
#     "markdown-it-py>=3,<5",
#     "mcp>=1.20,<3",
#     "msgpack>=1.0,<2",
#     "pillow>=10",
#     "pyyaml>=6,<7",
#     "starlette>=0.40,<2",
#     "tree-sitter>=0.23",
#     "tree-sitter-javascript>=0.23",
#     "tree-sitter-typescript>=0.23",
#     "trustme>=1.1,<2",
#     "uvicorn>=0.30,<1",
#     "websockets>=13",
# ]
# ///
"""Measure the checks against the hand labels of the recorded answers."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

from fal_skill.console import chosen_format, parser, print_json, print_text, run  # noqa: E402
from fal_skill.errors import EXIT_DONE, EXIT_FINDINGS, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError  # noqa: E402


def main() -> int:
    """Grade every labelled answer and print how far checks and labels agree; 1 when a check is below its target."""
    made = parser(
        "Measure precision and recall of the checks against labels given by hand.",
        examples=("agreement.py", "agreement.py --round round-1 --check facts --check proved"),
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    made.add_argument("--recorded", metavar="DIR", help="folder of recorded answers (evals/recorded)")
    made.add_argument("--round", metavar="NAME", help="this round alone")
    made.add_argument("--check", action="append", default=[], metavar="NAME", help="this check alone; may be repeated")
    made.add_argument("--no-run", action="store_true", help="run no code")
    made.add_argument("--jobs", type=int, default=1, metavar="N", help="answers graded at a time (%(default)s)")
    asked = made.parse_args()
    from evals.grading.case import Case
    from evals.grading.grader import grade
    from evals.grading.tasks import find_task
    from evals.results.agreement import agreement, table
    from evals.results.recorded import RECORDED, Recording, recordings

    labelled = [
        one for one in recordings(Path(asked.recorded) if asked.recorded else RECORDED, asked.round) if one.labels
    ]
    if not labelled:
        raise UsageError("no labelled answer was found", hint="evals/record.py --label …")

    def rows(one: Recording) -> list[tuple[str, str, bool | None, bool | None, str]]:
        names = tuple(name for name in one.labels if not asked.check or name in asked.check)
        graded = grade(Case(find_task(one.task), one.answer, may_run=not asked.no_run), names).checks if names else {}
        where = f"{one.round}/{one.task}/{one.condition}/run-{one.run}"
        return [(where, name, one.labels[name], result.passed, result.evidence) for name, result in graded.items()]

    with ThreadPoolExecutor(max_workers=max(1, asked.jobs)) as pool:
        measured: dict[str, Any] = agreement(row for found in pool.map(rows, labelled) for row in found)
    if chosen_format(asked.format) == "json":
        print_json(measured)
    else:
        print_text(table(measured))
    return EXIT_FINDINGS if measured["below_target"] else EXIT_DONE


if __name__ == "__main__":
    run(main)
