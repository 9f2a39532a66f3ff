"""Does the description bring the skill up when it should, and leave it alone when not?

Each query is run several times, in a folder and a HOME of its own with the installed skill and nothing that mentions it:
no copy of another worker's, no text added to the prompt. The skill counts as used whenever it is used in the run, not only
by the first tool call. A run that breaks is an error and counts neither way. Queries of the same text stay apart.
"""  # noqa: E501

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fal_skill.errors import UsageError
from fal_skill.install.shipped import NAME

from ..grading.tasks import ROOT
from ..results.workspace import read_json, write_json
from .adapters import Adapter
from .execution import Caps, execute

TRIGGERS_FILE = ROOT / "evals" / "triggers.json"
SPLITS = ("train", "validation")
THRESHOLD = 0.5


@dataclass(frozen=True)
class Query:
    """What a user says, and whether the skill should come up."""

    index: int
    query: str
    should_trigger: bool
    split: str


def load_queries(path: Path = TRIGGERS_FILE, split: str | None = None) -> list[Query]:
    """Return the queries of a file, of one split or of both; UsageError when it is not of the shape of triggers.json."""  # noqa: E501
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        made = [
            Query(number, str(one["query"]), bool(one["should_trigger"]), str(one.get("split", "train")))
            for number, one in enumerate(value)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} holds no trigger queries: {error}") from None
    return [query for query in made if split is None or query.split == split]


def trigger_rates(
    adapter: Adapter,
    queries: list[Query],
    skill: Path,
    *,
    runs: int = 3,
    caps: Caps | None = None,
    model: str = "",
    jobs: int = 1,
    keep: Path | None = None,
    told: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return the trigger rate of each query, and the summary; UsageError when the adapter cannot tell.

    ``keep``: a folder for what each run printed; runs that lie there already with an outcome are not done again.
    """
    if "skill_used" not in adapter.readers:
        raise UsageError(
            f"the agent {adapter.name} does not say which skill it uses",
            hint="give it a skill_used reader in agents.yaml",
        )

    def one(item: tuple[Query, int]) -> tuple[int, bool | None, str]:
        query, run = item
        place = keep / f"query-{query.index}" / f"run-{run}" if keep is not None else None
        before = read_json(place / "outcome.json") if place is not None else None
        if isinstance(before, dict) and before.get("query") == query.query and before.get("triggered") is not None:
            return query.index, before["triggered"], ""
        outcome = execute(adapter, query.query, skill=skill, caps=caps, model=model, stop_at_skill=True)
        # A run that was cut short after the skill came up has told what was asked.
        triggered = True if outcome.skill_used else False if outcome.status == "ok" else None
        if place is not None:
            write_json(
                place / "outcome.json",
                {"query": query.query, "triggered": triggered, "status": outcome.status, "why": outcome.why},
            )
            (place / "transcript.txt").write_text(outcome.stdout, encoding="utf-8", errors="replace")
        told(
            f"query {query.index} run {run}: {'used' if triggered else 'error: ' + outcome.why if triggered is None else 'not used'}"  # noqa: E501
        )
        return query.index, triggered, outcome.why

    items = [(query, run) for run in range(1, runs + 1) for query in queries]
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        outcomes = list(pool.map(one, items))
    return report(queries, outcomes)


def report(queries: list[Query], outcomes: list[tuple[int, bool | None, str]]) -> dict[str, Any]:
    """Return the results: per query its rate over the runs that did not break, and the summary per split."""
    results = []
    for query in queries:
        own = [(triggered, why) for index, triggered, why in outcomes if index == query.index]
        told = [triggered for triggered, _ in own if triggered is not None]
        rate = sum(told) / len(told) if told else None
        good = None if rate is None else (rate >= THRESHOLD) is query.should_trigger
        results.append(
            {
                "query": query.query,
                "should_trigger": query.should_trigger,
                "split": query.split,
                "trigger_rate": rate,
                "triggers": sum(told),
                "runs": len(told),
                "errors": len(own) - len(told),
                "pass": good,
                "why": next((why for triggered, why in own if triggered is None), ""),
            }
        )
    summary: dict[str, Any] = _summary(results)
    summary["splits"] = {split: _summary([one for one in results if one["split"] == split]) for split in SPLITS}
    return {"skill_name": NAME, "threshold": THRESHOLD, "results": results, "summary": summary}


def _summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    told = [one for one in results if one["pass"] is not None]
    hits = sum(one["triggers"] for one in told if one["should_trigger"])
    false_alarms = sum(one["triggers"] for one in told if not one["should_trigger"])
    wanted = sum(one["runs"] for one in told if one["should_trigger"])
    return {
        "total": len(results),
        "passed": sum(one["pass"] is True for one in results),
        "failed": sum(one["pass"] is False for one in results),
        "errors": len(results) - len(told),
        "recall": round(hits / wanted, 4) if wanted else None,
        "precision": round(hits / (hits + false_alarms), 4) if hits + false_alarms else None,
    }
