"""How well the checks agree with people: precision and recall against hand labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ..checks import NAMES, TEXT_CHECKS

TARGETS = {True: 0.90, False: 0.95}
"""Least agreement of text checks and of mechanical checks."""


def agreement(pairs: Iterable[tuple[str, str, bool | None, bool | None, str]]) -> dict[str, Any]:
    """Return, per check, how often labels and results agree.

    ``pairs``: (where, check, label, result, evidence). A *fail* is what a check is to find: ``precision`` is the share of
    its fails that people call fails, ``recall`` the share of people's fails that it finds; both None when there are none.
    ``agreement`` counts not-applicable as an outcome of its own.
    """  # noqa: E501
    found: dict[str, list[tuple[str, bool | None, bool | None, str]]] = defaultdict(list)
    for where, name, label, result, evidence in pairs:
        found[name].append((where, label, result, evidence))
    checks = {name: _measured(name, found[name]) for name in NAMES if name in found}
    total = sum(check["labels"] for check in checks.values())
    return {
        "checks": checks,
        "labels": total,
        "agreement": round(sum(check["agreed"] for check in checks.values()) / total, 4) if total else None,
        "below_target": [name for name, check in checks.items() if check["agreement"] < check["target"]],
    }


def _measured(name: str, rows: list[tuple[str, bool | None, bool | None, str]]) -> dict[str, Any]:
    agreed = sum(label is result for _, label, result, _ in rows)
    caught = sum(label is False and result is False for _, label, result, _ in rows)
    named, real = sum(result is False for _, _, result, _ in rows), sum(label is False for _, label, _, _ in rows)
    return {
        "labels": len(rows),
        "agreed": agreed,
        "agreement": round(agreed / len(rows), 4),
        "target": TARGETS[name in TEXT_CHECKS],
        "kind": "text" if name in TEXT_CHECKS else "mechanical",
        "precision": round(caught / named, 4) if named else None,
        "recall": round(caught / real, 4) if real else None,
        "disagreements": [
            {"where": where, "label": label, "result": result, "evidence": evidence}
            for where, label, result, evidence in rows
            if label is not result
        ],
    }


def table(made: dict[str, Any]) -> str:
    """Return the measurement as a Markdown table, and the disagreements below it."""
    lines = [
        "| check | kind | labels | agreement | precision of fails | recall of fails |",
        "|---|---|---|---|---|---|",
    ]

    def shown(value: float | None) -> str:
        return "none" if value is None else f"{value:.0%}"

    for name, check in made["checks"].items():
        mark = " (below target)" if name in made["below_target"] else ""
        lines.append(
            f"| {name} | {check['kind']} | {check['labels']} | {shown(check['agreement'])}{mark} | {shown(check['precision'])} | {shown(check['recall'])} |"  # noqa: E501
        )
    words = {True: "pass", False: "fail", None: "n/a"}
    for name, check in made["checks"].items():
        for one in check["disagreements"]:
            lines.append(
                f"- {name}, {one['where']}: labelled {words[one['label']]}, found {words[one['result']]}: {one['evidence'][:300]}"  # noqa: E501
            )
    return "\n".join(lines)
