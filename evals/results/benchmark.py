"""The benchmark of an iteration: pass rates for each condition, check and task, and what they cost."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from fal_skill.install.shipped import NAME

from ..checks import NAMES
from .workspace import OK, Iteration, read_json, write_json

WITH, WITHOUT = "with_skill", "without_skill"


def write_benchmark(iteration: Iteration) -> dict[str, Any]:
    """Work out the benchmark of an iteration's graded runs, write it, and return it."""
    made = benchmark(iteration)
    write_json(iteration.folder / "benchmark.json", made)
    return made


def benchmark(iteration: Iteration) -> dict[str, Any]:
    """Return the benchmark: skill-creator's keys, and ``checks``, ``assertions``, ``errors`` of our own.

    Means over runs that ended with an answer; runs that did not are in ``errors`` and in no mean.
    """
    runs: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    seconds: dict[str, list[float]] = defaultdict(list)
    tokens: dict[str, list[float]] = defaultdict(list)
    costs: dict[str, list[float]] = defaultdict(list)
    for folder, record in iteration.runs():
        if record.status != OK:
            errors.append(
                {
                    "task": record.task,
                    "condition": record.condition,
                    "run": record.run,
                    "status": record.status,
                    "why": record.why,
                }
            )
            continue
        grading = read_json(folder / "grading.json")
        if not isinstance(grading, dict):
            continue
        metadata = read_json(folder.parent / "eval_metadata.json") or {}
        for known, value in ((seconds, record.seconds), (tokens, record.tokens), (costs, record.cost_usd)):
            if value is not None:
                known[record.condition].append(float(value))
        runs.append(
            {
                "eval_id": metadata.get("eval_id", 0),
                "eval_name": record.task,
                "configuration": record.condition,
                "run_number": record.run,
                "result": {
                    **{key: grading["summary"][key] for key in ("pass_rate", "passed", "failed", "total")},
                    "time_seconds": record.seconds or 0.0,
                    "tokens": record.tokens or 0,
                    "tool_calls": record.tool_calls or 0,
                    "errors": grading["execution_metrics"]["errors_encountered"],
                },
                "expectations": grading["expectations"],
                "notes": [],
                "checks": {name: result["passed"] for name, result in grading["checks"].items()},
            }
        )
    conditions = sorted({run["configuration"] for run in runs}, key=lambda name: (name != WITH, name))
    summary: dict[str, Any] = {
        condition: {
            "pass_rate": stats(run["result"]["pass_rate"] for run in runs if run["configuration"] == condition),
            "time_seconds": stats(seconds[condition]),
            "tokens": stats(tokens[condition]),
        }
        for condition in conditions
    }
    summary["delta"] = _delta(summary, conditions)
    made = {
        "metadata": {
            "skill_name": NAME,
            "skill_path": ".",
            "executor_model": _models(iteration),
            "analyzer_model": "none: graded by code",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "evals_run": sorted({run["eval_id"] for run in runs}),
            "runs_per_configuration": max((run["run_number"] for run in runs), default=0),
        },
        "run_summary": summary,
        "runs": runs,
        "checks": check_rates(runs, conditions),
        "assertions": assertions(runs),
        "costs_usd": {condition: stats(costs[condition]) for condition in conditions if costs[condition]},
        "measured": {
            condition: {"seconds": len(seconds[condition]), "tokens": len(tokens[condition])}
            for condition in conditions
        },
        "errors": errors,
        "notes": [],
    }
    made["notes"] = notes(made)
    return made


def check_rates(runs: list[dict[str, Any]], conditions: Iterable[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return, for each check and condition: passed, failed, not_applicable, and the pass rate of those that apply."""
    made: dict[str, dict[str, dict[str, Any]]] = {}
    for name in NAMES:
        for condition in conditions:
            found = [run["checks"][name] for run in runs if run["configuration"] == condition and name in run["checks"]]
            if not found:
                continue
            passed, failed = found.count(True), found.count(False)
            rate = round(passed / (passed + failed), 4) if passed + failed else None
            made.setdefault(name, {})[condition] = {
                "passed": passed,
                "failed": failed,
                "not_applicable": found.count(None),
                "pass_rate": rate,
            }
    return made


def assertions(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return which assertions are flaky (runs differ) and which tell nothing (the same in every run of both conditions)."""  # noqa: E501
    seen: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for run in runs:
        for name, passed in run["checks"].items():
            if passed is not None:
                seen[run["eval_name"], name, run["configuration"]].append(passed)
    flaky = [
        {"task": task, "check": name, "condition": condition, "passed": results.count(True), "runs": len(results)}
        for (task, name, condition), results in sorted(seen.items())
        if len(set(results)) > 1
    ]
    pairs = sorted({(task, name) for task, name, _ in seen})
    same = []
    for task, name in pairs:
        by_condition = {
            condition: set(results) for (t, n, condition), results in seen.items() if (t, n) == (task, name)
        }
        outcomes = set().union(*by_condition.values())
        if len(by_condition) > 1 and len(outcomes) == 1:
            same.append({"task": task, "check": name, "always": "passes" if outcomes == {True} else "fails"})
    return {"flaky": flaky, "non_discriminating": same, "counted": len(pairs)}


def stats(values: Iterable[float]) -> dict[str, float]:
    """Return mean, stddev (of a sample), min and max; zeros for no values, as the readers need numbers."""
    known = [float(value) for value in values]
    if not known:
        return {"mean": 0.0, "stddev": 0.0, "min": 0.0, "max": 0.0}
    mean = sum(known) / len(known)
    spread = math.sqrt(sum((value - mean) ** 2 for value in known) / (len(known) - 1)) if len(known) > 1 else 0.0
    return {
        "mean": round(mean, 4),
        "stddev": round(spread, 4),
        "min": round(min(known), 4),
        "max": round(max(known), 4),
    }


def notes(made: dict[str, Any]) -> list[str]:
    """Return what a reader of the benchmark should know."""
    found = []
    if made["errors"]:
        found.append(f"{len(made['errors'])} runs ended without an answer; they are in no pass rate")
    flaky, same = made["assertions"]["flaky"], made["assertions"]["non_discriminating"]
    if flaky:
        named = ", ".join("/".join((one["task"], one["check"])) for one in flaky[:5])
        found.append(f"{len(flaky)} assertions are flaky: {named}")
    always = [one for one in same if one["always"] == "fails"]
    if same:
        found.append(
            f"{len(same)} of {made['assertions']['counted']} assertions come out the same with and without the skill, {len(always)} of them always fail"  # noqa: E501
        )
    for condition, measured in made["measured"].items():
        if not measured["tokens"]:
            found.append(f"tokens were not measured for {condition}: 0 stands for unknown")
        if not measured["seconds"]:
            found.append(f"seconds were not measured for {condition}: 0 stands for unknown")
    return found


def _delta(summary: dict[str, Any], conditions: list[str]) -> dict[str, str]:
    if not conditions:
        return {"pass_rate": "+0.00", "time_seconds": "+0.0", "tokens": "+0"}
    first = summary[conditions[0]]
    second = summary[conditions[1]] if len(conditions) > 1 else None

    def difference(key: str) -> float:
        return float(first[key]["mean"] - (second[key]["mean"] if second else 0.0))

    return {
        "pass_rate": f"{difference('pass_rate'):+.2f}",
        "time_seconds": f"{difference('time_seconds'):+.1f}",
        "tokens": f"{difference('tokens'):+.0f}",
    }


def _models(iteration: Iteration) -> str:
    named = sorted({" ".join(filter(None, (record.agent, record.model))) for _, record in iteration.runs()})
    return ", ".join(named[:4]) or "unknown"
