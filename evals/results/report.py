"""Reports of an iteration: one self-contained HTML page, JUnit XML, and a Markdown summary.

Answers and evidence are untrusted text: everything is escaped, control characters and terminal escapes are taken out, and
the page has no script at all, nor anything that it would load.
"""  # noqa: E501

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ..checks import NAMES
from ..grading.answers import clean
from ..grading.tasks import Task
from .benchmark import WITH, WITHOUT
from .workspace import OK, Iteration, read_json

TEMPLATES = Path(__file__).with_name("templates")
MAX_ANSWER = 60_000
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
MARKS = {True: "pass", False: "fail", None: "n/a"}


@dataclass(frozen=True)
class Shown:
    """One run as the page shows it."""

    task: str
    condition: str
    run: int
    status: str
    why: str
    answer: str
    files: dict[str, str]
    checks: list[dict[str, Any]]
    seconds: float | None
    tokens: int | None
    recorded: str
    agent: str

    @property
    def passed(self) -> int:
        """Checks that pass."""
        return sum(check["passed"] is True for check in self.checks)

    @property
    def counted(self) -> int:
        """Checks that apply."""
        return sum(check["passed"] is not None for check in self.checks)


def shown_runs(iteration: Iteration) -> list[Shown]:
    """Return the runs of an iteration with their answers and evidence, fit to be shown."""
    found = []
    for folder, record in iteration.runs():
        grading = read_json(folder / "grading.json") or {}
        answer = iteration.answer(folder)
        checks = [{"name": name, **result} for name, result in grading.get("checks", {}).items()]
        found.append(
            Shown(
                record.task,
                record.condition,
                record.run,
                record.status,
                visible(record.why),
                visible((answer.text if answer else "")[:MAX_ANSWER]),
                {visible(name): visible(text[:MAX_ANSWER]) for name, text in (answer.files if answer else {}).items()},
                [{**check, "evidence": visible(str(check.get("evidence", "")))} for check in checks],
                record.seconds,
                record.tokens,
                visible(record.recorded),
                visible(" ".join(filter(None, (record.agent, record.model)))),
            )
        )
    return found


def visible(text: str) -> str:
    """Return untrusted text without what could act on a reader's terminal, page or XML parser."""
    return _NOT_XML.sub("\ufffd", clean(text))


def html(
    iteration: Iteration,
    made: dict[str, Any],
    tasks: dict[str, Task],
    *,
    last: dict[str, Any] | None = None,
    flips: list[dict[str, Any]] | None = None,
) -> str:
    """Return the page."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    runs = shown_runs(iteration)
    conditions = [name for name in made["run_summary"] if name != "delta"]
    return environment.get_template("report.html.j2").render(
        made=made,
        conditions=conditions,
        checks=check_rows(made, conditions, last),
        tasks=task_rows(made, conditions),
        runs=runs,
        prompts={name: visible(task.prompt) for name, task in tasks.items()},
        marks=MARKS,
        flips=flips or [],
        ok=OK,
        bars=bars(made, conditions),
    )


def check_rows(made: dict[str, Any], conditions: list[str], last: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return a row per check: the pass rate of each condition, the difference, and the change since the last benchmark."""  # noqa: E501
    rows = []
    for name in NAMES:
        rates = made["checks"].get(name)
        if not rates:
            continue
        with_, without = (rates.get(condition, {}).get("pass_rate") for condition in (WITH, WITHOUT))
        before = (last or {}).get("checks", {}).get(name, {}).get(WITH, {}).get("pass_rate")
        rows.append(
            {
                "name": name,
                "cells": [rates.get(condition) for condition in conditions],
                "difference": with_ - without if with_ is not None and without is not None else None,
                "change": with_ - before if with_ is not None and before is not None else None,
            }
        )
    return rows


def task_rows(made: dict[str, Any], conditions: list[str]) -> list[dict[str, Any]]:
    """Return a row per task: for each condition its runs' passed and total checks."""
    rows = []
    for name in dict.fromkeys(run["eval_name"] for run in made["runs"]):
        cells = []
        for condition in conditions:
            runs = [run for run in made["runs"] if run["eval_name"] == name and run["configuration"] == condition]
            passed, total = (sum(run["result"][key] for run in runs) for key in ("passed", "total"))
            cells.append(
                {"passed": passed, "total": total, "runs": len(runs), "rate": passed / total if total else None}
                if runs
                else None
            )
        rows.append({"name": name, "cells": cells})
    return rows


def bars(made: dict[str, Any], conditions: list[str]) -> dict[str, Any]:
    """Return the geometry of the bar chart: pass rates per check, one bar for each condition; lengths in pixels."""
    left, width, thick, gap = 170, 420, 13, 8
    rows = []
    y = 10
    for name in NAMES:
        rates = made["checks"].get(name)
        if not rates:
            continue
        marks = []
        for place, condition in enumerate(conditions[:2]):
            rate = rates.get(condition, {}).get("pass_rate")
            if rate is not None:
                marks.append(
                    {"y": y + place * (thick + 1), "width": round(rate * width, 1), "rate": rate, "kind": place}
                )
        rows.append({"name": name, "y": y + thick + 4, "marks": marks})
        y += len(conditions[:2]) * (thick + 1) + gap
    return {
        "rows": rows,
        "left": left,
        "width": width,
        "thick": thick,
        "height": y + 4,
        "total": left + width + 60,
        "conditions": conditions[:2],
    }


def junit(iteration: Iteration, made: dict[str, Any], gate: list[str] | None = None) -> str:
    """Return JUnit XML: a suite per condition, a case per task, run and check; checks that do not apply are skipped."""
    suites = []
    runs = shown_runs(iteration)
    for condition in dict.fromkeys(run.condition for run in runs):
        cases: list[str] = []
        counts = {"failures": 0, "errors": 0, "skipped": 0}
        for run in (run for run in runs if run.condition == condition):
            where = f"classname={quoteattr(f'{condition}.{run.task}')}"
            if run.status != OK:
                counts["errors"] += 1
                cases.append(f'<testcase {where} name="run-{run.run}"><error message={quoteattr(run.why)}/></testcase>')
            for check in run.checks:
                inner = ""
                if check["passed"] is None:
                    counts["skipped"] += 1
                    inner = f"<skipped message={quoteattr(check['evidence'])}/>"
                elif not check["passed"]:
                    counts["failures"] += 1
                    inner = (
                        f"<failure message={quoteattr(check['evidence'][:300])}>{escape(check['evidence'])}</failure>"
                    )
                cases.append(
                    f"<testcase {where} name={quoteattr(check['name'] + f' run-{run.run}')}>{inner}</testcase>"
                )
        numbers = " ".join(f'{name}="{count}"' for name, count in counts.items())
        suites.append(
            f'<testsuite name={quoteattr(condition)} tests="{len(cases)}" {numbers}>' + "".join(cases) + "</testsuite>"
        )
    if gate is not None:
        cases = [
            f'<testcase classname="gate" name={quoteattr(text[:80])}><failure message={quoteattr(visible(text))}/></testcase>'  # noqa: E501
            for text in gate
        ]
        cases = cases or ['<testcase classname="gate" name="thresholds and regressions"/>']
        suites.append(
            f'<testsuite name="gate" tests="{len(cases)}" failures="{len(gate)}" errors="0" skipped="0">'
            + "".join(cases)
            + "</testsuite>"
        )
    return '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>' + "\n".join(suites) + "</testsuites>\n"


def markdown(
    made: dict[str, Any],
    *,
    last: dict[str, Any] | None = None,
    gate: list[str] | None = None,
    flips: list[dict[str, Any]] | None = None,
) -> str:
    """Return the summary that CI shows: pass rate per check, with, without, and the change since the last benchmark."""
    conditions = [name for name in made["run_summary"] if name != "delta"]
    extra = [" difference |"] if {WITH, WITHOUT} <= set(conditions) else []
    head = "| check |" + "".join(f" {name} |" for name in conditions) + "".join(extra) + (" change |" if last else "")
    lines = ["# Evals", "", head, "|" + "---|" * (head.count("|") - 1)]
    for row in check_rows(made, conditions, last):
        cells = "".join(f" {_rate(cell)} |" for cell in row["cells"])
        lines.append(
            f"| {row['name']} |{cells}"
            + (f" {_points(row['difference'])} |" if extra else "")
            + (f" {_points(row['change'])} |" if last else "")
        )
    summary = made["run_summary"]
    lines += ["", "| | pass rate | seconds | tokens |", "|---|---|---|---|"]
    for name in conditions:
        stats, measured = summary[name], made["measured"][name]
        seconds = f"{stats['time_seconds']['mean']:.0f}" if measured["seconds"] else "not measured"
        tokens = f"{stats['tokens']['mean']:.0f}" if measured["tokens"] else "not measured"
        lines.append(
            f"| {name} | {stats['pass_rate']['mean']:.0%} ± {stats['pass_rate']['stddev']:.0%} | {seconds} | {tokens} |"
        )
    lines += ["", *(f"- {note}" for note in made["notes"])]
    if flips:
        lines += [
            "",
            "Changed since the last benchmark:",
            *(
                f"- {one['task']} {one['condition']} run {one['run']}: {one['check']} {MARKS[one['before']]} -> {MARKS[one['now']]}"  # noqa: E501
                for one in flips[:40]
            ),
        ]
    if gate is not None:
        lines += ["", "Gate: " + ("passed" if not gate else "FAILED"), *(f"- {text}" for text in gate)]
    return visible("\n".join(lines)) + "\n"


def _rate(cell: dict[str, Any] | None) -> str:
    if not cell or cell["pass_rate"] is None:
        return "–"
    return f"{cell['pass_rate']:.0%} ({cell['passed']}/{cell['passed'] + cell['failed']})"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:+.0f}"
