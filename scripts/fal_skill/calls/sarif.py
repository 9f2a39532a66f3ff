"""Problems as a SARIF 2.1.0 log, the form that code scanning services read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from .. import __version__
from ..arguments import ERROR, NOTE, WARNING
from .problem import Problem
from .rules import rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {ERROR: "error", WARNING: "warning", NOTE: "note"}


def sarif(problems: Iterable[Problem], as_of: str) -> dict[str, Any]:
    """Return the log; ``as_of`` is the date of the registry's snapshot."""
    found = list(problems)
    codes = sorted({problem.finding.code for problem in found})
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "check_calls",
                        "version": __version__,
                        "rules": [_rule(code) for code in codes],
                        "properties": {"snapshot": as_of},
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem, codes) for problem in found],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    made = rule(code)
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in code.split("-")),
        "shortDescription": {"text": made.title},
        "fullDescription": {"text": made.why},
        "help": {"text": made.why},
    }


def _result(problem: Problem, codes: list[str]) -> dict[str, Any]:
    finding = problem.finding
    text = finding.message + (f" ({finding.hint})" if finding.hint else "")
    where = f"{finding.path}: " if finding.path else ""
    region = {"startLine": problem.place.line, "startColumn": problem.place.column}
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": _LEVELS[finding.severity],
        "message": {"text": where + text},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": _uri(problem.file)}, "region": region}},
        ],
    }


def _uri(path: str) -> str:
    """Return a path relative to the working folder as a URI reference, and an absolute one as it is."""
    return quote(os.path.relpath(path) if not os.path.isabs(path) else path, safe="/~").replace("%5C", "/")  # noqa: PTH117
