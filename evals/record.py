#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "jsonschema>=4.20,<5",
#     "markdown-it-py>=3,<5",
#     "pillow>=10",
#     "tree-sitter>=0.23",
#     "tree-sitter-javascript>=0.23",
#     "tree-sitter-typescript>=0.23",
# ]
# ///
"""Put an agent's answer among the recorded ones, label one by hand, or print the prompts to give."""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

from fal_skill.console import parser, print_json, run  # noqa: E402
from fal_skill.errors import EXIT_DONE, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError  # noqa: E402

EXAMPLES = (
    "record.py --task photo-to-silent-clip --condition with_skill --round round-1 --run 1 --answer answer.md --files work --tokens 41000 --seconds 95",  # noqa: E501
    "record.py --task 4 --condition with_skill --round round-1 --run 1 --label proved=fail 'facts=pass:says ED25519' upload=n/a",  # noqa: E501
    "record.py --task 4 --prepare ./work          # lay out the task's files, and print its prompt",
)
_LABELS = {"pass": True, "true": True, "fail": False, "false": False, "n/a": None, "na": None, "null": None}


def main() -> int:
    """Read the command line and record."""
    made = parser(
        "Record an answer of a coding agent, or label one by hand.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    add = made.add_argument
    add("--task", required=True, metavar="ID|NAME")
    add("--condition", metavar="NAME", help="with_skill, without_skill, …")
    add("--round", default="round-1", metavar="NAME", help="the round that it belongs to (%(default)s)")
    add("--run", type=int, default=1, metavar="N", help="which of several answers to the same task (%(default)s)")
    add("--answer", metavar="FILE", help="the answer, as Markdown")
    add("--files", metavar="DIR", help="the agent's working folder: text files that it made are kept")
    add("--transcript", metavar="FILE")
    add("--agent", default="", help="which client")
    add("--model", default="")
    add("--seconds", type=float, help="wall-clock seconds")
    add("--tokens", type=int, help="tokens in all")
    add("--tool-calls", type=int)
    add("--cost-usd", type=float)
    add("--date", default=time.strftime("%Y-%m-%d"), help="when it was recorded or labelled (today)")
    add("--replace", action="store_true", help="write over an answer that is there")
    add("--label", nargs="+", default=[], metavar="CHECK=pass|fail|n/a[:WHY]", help="labels given by hand")
    add("--prepare", metavar="DIR", help="lay out the files that the task's user has, and print the prompt")
    asked = made.parse_args()
    from evals.grading.tasks import find_task
    from evals.results.recorded import RECORDED, label, store

    task = find_task(asked.task)
    if asked.prepare:
        from evals.agents.folders import place_task

        place_task(task, Path(asked.prepare))
        print_json({"task": task.name, "prompt": task.prompt, "folder": asked.prepare})
        return EXIT_DONE
    if not asked.condition:
        raise UsageError("--condition is needed", hint="with_skill or without_skill")
    place = RECORDED / asked.round / task.name / asked.condition / f"run-{asked.run}"
    if asked.answer:
        meta = {
            "date": asked.date,
            "agent": asked.agent,
            "model": asked.model,
            "seconds": asked.seconds,
            "tokens": asked.tokens,
            "tool_calls": asked.tool_calls,
            "cost_usd": asked.cost_usd,
        }
        files, transcript = (Path(value) if value else None for value in (asked.files, asked.transcript))
        place = store(
            task,
            asked.condition,
            asked.run,
            asked.round,
            Path(asked.answer),
            files=files,
            transcript=transcript,
            meta={key: value for key, value in meta.items() if value not in (None, "")},
            replace=asked.replace,
        )
    if asked.label:
        if not place.is_dir():
            raise UsageError(f"there is no recorded answer in {place}")
        label(place, *_labels(asked.label), asked.date)
    if not asked.answer and not asked.label:
        raise UsageError("nothing to do", hint="--answer FILE, --label … or --prepare DIR")
    print_json({"folder": str(place)})
    return EXIT_DONE


def _labels(words: list[str]) -> tuple[dict[str, bool | None], dict[str, str]]:
    from evals.checks import NAMES

    labels: dict[str, bool | None] = {}
    notes: dict[str, str] = {}
    for word in words:
        name, _, rest = word.partition("=")
        value, _, why = rest.partition(":")
        if name not in NAMES or value.lower() not in _LABELS:
            raise UsageError(
                f"{word[:60]!r} is no label", hint="CHECK=pass|fail|n/a[:WHY], CHECK one of " + ", ".join(NAMES)
            )
        labels[name] = _LABELS[value.lower()]
        if why:
            notes[name] = why
    return labels, notes


if __name__ == "__main__":
    run(main)
