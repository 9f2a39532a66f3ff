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
"""Run the evals: agents on tasks with and without the skill, recorded answers, or trigger queries; then grade and report."""  # noqa: E501

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

from fal_skill.console import chosen_format, parser, print_json, print_text, run, warn  # noqa: E402
from fal_skill.errors import EXIT_DONE, EXIT_FINDINGS, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError  # noqa: E402

EXAMPLES = (
    "run.py --agent claude --condition with_skill --condition without_skill --tasks 1,4,video --runs 3 --total-cost-usd 20",  # noqa: E501
    "run.py --agent codex --condition with_skill --condition old_skill=../skill-of-last-month --shard 1/4 --resume",
    "run.py --agent command --command 'my-agent --ask {prompt}' --condition with_skill",
    "run.py --agent replay --gate --html report.html --junit junit.xml --markdown summary.md",
    "run.py --agent claude --triggers --split train --runs 3",
)
WORKSPACE = ROOT / "evals-workspace"


def main() -> int:
    """Read the command line and run; returns 1 when the gate does not pass."""
    asked = command_line().parse_args()
    if asked.runs < 1 or asked.jobs < 1:
        raise UsageError("--runs and --jobs count from 1")
    if asked.triggers:
        return _triggers(asked)
    from evals.results.workspace import Iteration

    folder = Path(asked.workspace or WORKSPACE) / f"iteration-{asked.iteration}"
    iteration = Iteration(folder)
    if folder.exists() and any(folder.glob("eval-*")) and not asked.resume and asked.agent != "replay":
        raise UsageError(f"{folder} holds runs already", hint="--resume to go on, or another --iteration")
    todo = _replayed(asked, iteration) if asked.agent == "replay" else _run(asked, iteration)
    if not asked.no_grade:
        _grade(asked, iteration, todo)
    return _report(asked, iteration)


def command_line() -> argparse.ArgumentParser:
    """Return the parser."""
    made = parser(
        "Run agents on the tasks, in fresh folders, and grade what they answer by running it.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    add = made.add_argument
    add(
        "--agent",
        required=True,
        metavar="NAME",
        help="claude, codex, gemini, opencode, command, or replay (recorded answers)",
    )
    add("--agents", metavar="FILE", help="agents as data (evals/agents.yaml)")
    add(
        "--command",
        default="",
        metavar="WORDS",
        help="for the agent command: what to run, with {prompt} or {prompt_file}, else stdin",
    )
    add(
        "--condition",
        action="append",
        default=[],
        metavar="NAME[=SKILL]",
        help="with_skill (this skill), without_skill (none), or NAME=FOLDER; may be repeated",
    )
    add("--tasks", default="", metavar="LIST", help="ids, names or categories, with commas between (all)")
    add("--runs", type=int, default=1, metavar="N", help="runs of each task and condition (%(default)s)")
    add("--shard", default="1/1", metavar="i/n", help="the i-th of n parts of the runs")
    add("--resume", action="store_true", help="do what is missing, and what ended in an error, again")
    add("--workspace", metavar="DIR", help="where the results go (evals-workspace)")
    add("--iteration", type=int, default=1, metavar="N")
    add("--jobs", type=int, default=2, metavar="N", help="at a time (%(default)s)")
    add("--model", default="", metavar="NAME")
    add("--timeout", type=float, default=900.0, metavar="S", help="wall-clock cap of each run (%(default)s)")
    add("--max-tokens", type=int, metavar="N", help="token cap of each run")
    add("--max-cost-usd", type=float, metavar="USD", help="money cap of each run")
    add("--total-cost-usd", type=float, metavar="USD", help="begin no run once this much is spent")
    add("--no-grade", action="store_true", help="run only; grade later with grade.py --workspace")
    add("--no-run", action="store_true", help="grade without running code")
    add("--judge", metavar="COMMAND", help="a program that gives opinions; it decides nothing")
    add("--recorded", metavar="DIR", help="replay: folder of recorded answers (evals/recorded)")
    add("--round", metavar="NAME", help="replay: this round alone (default: of each task and condition its newest)")
    add("--gate", action="store_true", help="exit 1 below a threshold, or below the last benchmark")
    add("--baseline", metavar="FILE", help="the last benchmark (evals/recorded/benchmark.json)")
    add("--write-baseline", action="store_true", help="keep this benchmark as the last one")
    add("--html", metavar="FILE")
    add("--junit", metavar="FILE")
    add("--markdown", metavar="FILE")
    add("--triggers", action="store_true", help="trigger rates of the queries in triggers.json")
    add("--split", choices=["train", "validation"], help="triggers: this part alone")
    return made


def _run(asked: argparse.Namespace, iteration: Any) -> list[tuple[Path, Any]]:
    from evals.agents.adapters import AGENTS_FILE, adapter_named
    from evals.agents.campaign import Campaign, carry_out, plan, shard_of
    from evals.agents.execution import Caps

    adapter = adapter_named(asked.agent, Path(asked.agents) if asked.agents else AGENTS_FILE, asked.command)
    tasks = _tasks(asked.tasks)
    conditions = _conditions(asked.condition)
    campaign = Campaign(
        adapter,
        conditions,
        Caps(asked.timeout, asked.max_tokens, asked.max_cost_usd),
        asked.model,
        asked.total_cost_usd,
        asked.jobs,
    )
    planned = plan(tasks, conditions, asked.runs, shard_of(asked.shard))
    carry_out(campaign, planned, iteration, warn)
    known = {task.name: task for task in tasks}
    return [
        (folder, known[record.task])
        for folder, record in iteration.runs()
        if record.task in known and not (folder / "grading.json").is_file()
    ]


def _replayed(asked: argparse.Namespace, iteration: Any) -> list[tuple[Path, Any]]:
    from evals.agents.campaign import shard_of
    from evals.results.recorded import RECORDED, laid_out, newest, recordings

    base = Path(asked.recorded) if asked.recorded else RECORDED
    index, count = shard_of(asked.shard)
    wanted = set(_conditions(asked.condition)) if asked.condition else None
    tasks = {task.name: task for task in _tasks(asked.tasks)}
    answers = list(recordings(base, asked.round))
    found = [one for one in newest(answers) if wanted is None or one.condition in wanted]
    if not found:
        raise UsageError(
            f"no recorded answer of that round and condition in {base}", hint="record some with evals/record.py"
        )
    return laid_out(found[index - 1 :: count], iteration, tasks)


def _grade(asked: argparse.Namespace, iteration: Any, todo: list[tuple[Path, Any]]) -> None:
    from evals.results.workspace import grade_run

    def one(item: tuple[Path, Any]) -> None:
        folder, task = item
        grading = grade_run(iteration, folder, task, may_run=not asked.no_run, judge=asked.judge)
        if grading is not None:
            summary = grading.summary
            warn(f"{task.name} {folder.parent.name} {folder.name}: {summary['passed']} of {summary['total']} passed")

    with ThreadPoolExecutor(max_workers=asked.jobs) as pool:
        list(pool.map(one, todo))


def _report(asked: argparse.Namespace, iteration: Any) -> int:
    from evals.grading.running import isolation_gap
    from evals.grading.tasks import load_tasks
    from evals.results import report
    from evals.results.benchmark import write_benchmark
    from evals.results.gate import failures, flips, thresholds
    from evals.results.recorded import RECORDED
    from evals.results.workspace import read_json, write_json

    made = write_benchmark(iteration)
    baseline = Path(asked.baseline) if asked.baseline else RECORDED / "benchmark.json"
    last = read_json(baseline) if asked.agent == "replay" or asked.baseline else None
    gap = "it was not asked for" if asked.no_run else isolation_gap()
    if asked.gate and gap:
        warn(f"no code was run ({gap}): the gate leaves aside what only a run can tell")
    failed = failures(made, thresholds(), last, ran=not gap) if asked.gate else None
    changed = flips(made, last) if last else []
    tasks = {task.name: task for task in load_tasks()}
    summary = report.markdown(made, last=last, gate=failed, flips=changed)
    if asked.html:
        Path(asked.html).write_text(report.html(iteration, made, tasks, last=last, flips=changed), encoding="utf-8")
    if asked.junit:
        Path(asked.junit).write_text(report.junit(iteration, made, failed), encoding="utf-8")
    if asked.markdown:
        Path(asked.markdown).write_text(summary, encoding="utf-8")
    if asked.write_baseline:
        slim = {
            **made,
            "runs": [{key: value for key, value in one.items() if key != "expectations"} for one in made["runs"]],
        }
        write_json(baseline, slim)
    if chosen_format(asked.format) == "json":
        print_json(
            {
                "folder": str(iteration.folder),
                "run_summary": made["run_summary"],
                "checks": made["checks"],
                "errors": made["errors"],
                "gate": failed,
            }
        )
    else:
        print_text(summary)
    return EXIT_FINDINGS if failed else EXIT_DONE


def _triggers(asked: argparse.Namespace) -> int:
    from evals.agents.adapters import AGENTS_FILE, adapter_named
    from evals.agents.campaign import shard_of
    from evals.agents.execution import Caps
    from evals.agents.triggers import load_queries, trigger_rates
    from evals.results.workspace import write_json

    adapter = adapter_named(asked.agent, Path(asked.agents) if asked.agents else AGENTS_FILE, asked.command)
    index, count = shard_of(asked.shard)
    queries = load_queries(split=asked.split)[index - 1 :: count]
    keep = Path(asked.workspace or WORKSPACE) / f"triggers-{asked.iteration}"
    if keep.exists() and not asked.resume:
        raise UsageError(f"{keep} holds runs already", hint="--resume to go on, or another --iteration")
    made = trigger_rates(
        adapter,
        queries,
        ROOT,
        runs=asked.runs,
        caps=Caps(asked.timeout, asked.max_tokens, asked.max_cost_usd),
        model=asked.model,
        jobs=asked.jobs,
        keep=keep,
        told=warn,
    )
    write_json(keep / "triggers.json", made)
    if chosen_format(asked.format) == "json":
        print_json(made)
    else:
        for one in made["results"]:
            mark = {True: "pass", False: "FAIL", None: "err "}[one["pass"]]
            print_text(f"{mark}  {one['triggers']}/{one['runs']}  {one['query'][:100]}")
        print_text(str(made["summary"]))
    return EXIT_DONE


def _tasks(wanted: str) -> list[Any]:
    from evals.grading.tasks import load_tasks

    tasks = load_tasks()
    words = [word.strip() for word in wanted.split(",") if word.strip()]
    for word in words:
        if not any(word in (str(task.id), task.name, task.category) for task in tasks):
            raise UsageError(f"no task has the id, name or category {word[:60]!r}")
    return [task for task in tasks if not words or {str(task.id), task.name, task.category} & set(words)]


def _conditions(words: list[str]) -> dict[str, Path | None]:
    made: dict[str, Path | None] = {}
    for word in words or ["with_skill", "without_skill"]:
        name, sign, folder = word.partition("=")
        if sign:
            made[name] = Path(folder)
        elif name in ("with_skill", "without_skill"):
            made[name] = ROOT if name == "with_skill" else None
        else:
            raise UsageError(f"the condition {name[:60]!r} needs a skill", hint=f"{name}=FOLDER")
    return made


if __name__ == "__main__":
    run(main)
