"""The gate of CI: pass rates per check against thresholds, and against the last benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fal_skill.errors import UsageError

from ..checks import NAMES
from ..grading.tasks import ROOT

THRESHOLDS_FILE = ROOT / "evals" / "thresholds.yaml"


def thresholds(path: Path = THRESHOLDS_FILE) -> dict[str, Any]:
    """Return the thresholds; UsageError when the file names a check that there is not."""
    import yaml

    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = [name for name in value.get("at_least", {}) if name not in NAMES]
    if unknown:
        raise UsageError(f"{path}: there is no check {unknown[0]!r}")
    return dict(value)


def failures(
    made: dict[str, Any], limits: dict[str, Any], last: dict[str, Any] | None = None, *, ran: bool = True
) -> list[str]:
    """Return why a benchmark does not pass the gate; empty when it does.

    ``last``: the benchmark to hold it against. A check with too few results to say anything is left aside there.
    ``ran``: whether code was run; when not, checks that need a run may lack the results that they had.
    """
    condition = limits.get("condition", "with_skill")
    found = []
    for name, least in limits.get("at_least", {}).items():
        rates = made["checks"].get(name, {}).get(condition)
        if rates and rates["pass_rate"] is not None and rates["pass_rate"] < least:
            found.append(f"{name}: {rates['pass_rate']:.0%} of {condition} pass, at least {least:.0%} must")
    if made["errors"] and not limits.get("errors_allowed", False):
        found.append(
            f"{len(made['errors'])} runs ended in an error: {made['errors'][0]['task']}: {made['errors'][0]['why']}"
        )
    broken = sum(run["result"]["errors"] for run in made["runs"])
    if broken:
        found.append(f"{broken} checks could not be carried out")
    if last is not None:
        found += _regressions(made, last, limits, condition, ran=ran)
    return found


def _regressions(
    made: dict[str, Any], last: dict[str, Any], limits: dict[str, Any], condition: str, *, ran: bool
) -> list[str]:
    """Return the checks that do worse than in the last benchmark, on the runs that both hold."""
    drop, least = float(limits.get("max_drop", 0.05)), int(limits.get("min_results", 5))
    tolerated = int(limits.get("max_new_fails", 0))
    before = outcomes(last)
    shared = [(before[key], new) for key, new in outcomes(made).items() if key in before and key[1] == condition]
    found = []
    for name in NAMES:
        pairs = [(old.get(name), new.get(name)) for old, new in shared]
        had = [old for old, _ in pairs if old is not None]
        has = [new for _, new in pairs if new is not None]
        if len(had) < least:
            continue
        if ran and len(has) < len(had) / 2:
            found.append(f"{name}: {len(has)} results of {condition}, {len(had)} before: was the code not run?")
        elif (
            len(has) >= least
            and has.count(False) > had.count(False) + tolerated
            and sum(has) / len(has) < sum(had) / len(had) - drop
        ):
            found.append(f"{name}: {sum(has) / len(has):.0%} of {condition} pass, {sum(had) / len(had):.0%} did before")
    return found


def outcomes(made: dict[str, Any]) -> dict[tuple[str, str, int], dict[str, bool | None]]:
    """Return the outcome of each check by task, condition and number of the run."""
    return {
        (run["eval_name"], run["configuration"], run["run_number"]): run.get("checks", {})
        for run in made.get("runs", ())
    }


def flips(made: dict[str, Any], last: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the checks whose outcome for the same task, condition and run is another one than before."""
    before = outcomes(last)
    found = []
    for run in made["runs"]:
        old = before.get((run["eval_name"], run["configuration"], run["run_number"]), {})
        for name, passed in run["checks"].items():
            if name in old and old[name] != passed:
                found.append(
                    {
                        "task": run["eval_name"],
                        "condition": run["configuration"],
                        "run": run["run_number"],
                        "check": name,
                        "before": old[name],
                        "now": passed,
                    }
                )
    return found
