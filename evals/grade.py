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
"""Grade an agent's answer by running it: one answer, or a whole workspace."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

from fal_skill.console import chosen_format, parser, print_json, print_text, run  # noqa: E402
from fal_skill.errors import EXIT_DONE, EXIT_FINDINGS, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError  # noqa: E402

EXAMPLES = (
    "grade.py --task 4 --output answer.md --files ./made --format json",
    "grade.py --task task.json --output answer.md --no-run",
    "grade.py --workspace evals-workspace/iteration-1 --jobs 2",
)


def main() -> int:
    """Read the command line and grade; returns 1 when a check failed."""
    made = parser(
        "Grade an agent's answer by running it in the isolated sandbox and holding it against the registry.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    made.add_argument(
        "--task", metavar="ID|FILE", help="id or name in evals.json; a JSON task; or a text file: the prompt"
    )
    made.add_argument("--output", metavar="FILE", help="the answer, as Markdown")
    made.add_argument("--files", metavar="DIR", help="files that the agent made")
    made.add_argument("--transcript", metavar="FILE", help="what the agent did on the way")
    made.add_argument("--workspace", metavar="DIR", help="grade every run in an iteration's folder instead")
    made.add_argument("--check", action="append", default=[], metavar="NAME", help="this check alone; may be repeated")
    made.add_argument("--no-run", action="store_true", help="run no code: checks that need a run do not apply")
    made.add_argument(
        "--judge", metavar="COMMAND", help="a program that gives opinions on what code cannot judge; it decides nothing"
    )
    made.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="workspace: answers graded at a time (%(default)s)"
    )
    asked = made.parse_args()
    if asked.workspace:
        if asked.output or asked.task:
            raise UsageError("--workspace grades what lies in it", hint="leave --task and --output out")
        from evals.results.workspace import regrade

        benchmark = regrade(Path(asked.workspace), may_run=not asked.no_run, judge=asked.judge, jobs=max(1, asked.jobs))
        print_json(benchmark["run_summary"])
        return EXIT_DONE
    if not asked.task or not asked.output:
        raise UsageError("--task and --output are needed", hint="or --workspace DIR")
    return _grade_one(asked)


def _grade_one(asked: object) -> int:
    from evals.checks import NAMES
    from evals.grading.answers import read_answer
    from evals.grading.case import Case
    from evals.grading.grader import grade
    from evals.grading.judge import with_opinions
    from evals.grading.tasks import find_task

    options = vars(asked)
    unknown = [name for name in options["check"] if name not in NAMES]
    if unknown:
        raise UsageError(f"there is no check {unknown[0]!r}", hint="one of " + ", ".join(NAMES))
    files, transcript = (Path(options[name]) if options[name] else None for name in ("files", "transcript"))
    answer = read_answer(Path(options["output"]), files, transcript)
    case = Case(find_task(options["task"]), answer, may_run=not options["no_run"])
    grading = with_opinions(grade(case, tuple(options["check"])), answer, options["judge"])
    if chosen_format(options["format"]) == "json":
        print_json(grading.as_dict())
    else:
        marks = {True: "pass", False: "FAIL", None: "n/a "}
        print_text(
            "\n".join(f"{marks[result.passed]}  {name}: {result.evidence}" for name, result in grading.checks.items())
        )
        summary = grading.summary
        print_text(f"{summary['passed']} of {summary['total']} passed, {summary['not_applicable']} not applicable")
    return EXIT_FINDINGS if grading.summary["failed"] else EXIT_DONE


if __name__ == "__main__":
    run(main)
