"""An optional judge for what code cannot judge: any command. It never decides alone.

The command gets one JSON object on stdin, ``{"prompt", "expected_output", "assertions", "answer"}``, and prints
``{"opinions": [{"assertion", "passed", "quote"}]}``. An opinion is kept only when its quote stands in the answer word for
word, and it is kept beside the checks: no check, no pass rate and no gate reads it.
"""  # noqa: E501

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import replace
from typing import Any

from fal_skill.errors import UnavailableError

from .answers import Answer, clean, quoted
from .grader import Grading

SECONDS = 300
MAX_ANSWER = 60_000
MIN_QUOTE = 12
"""Characters; shorter quotes stand in any text."""


def with_opinions(grading: Grading, answer: Answer, command: str | None) -> Grading:
    """Return the grading with the judge's opinions; the same grading where no judge is asked."""
    if not command:
        return grading
    assertions = [*grading.task.others, *(f"{name}: {text}" for name, text in grading.task.assertions.items())]
    question = {
        "prompt": grading.task.prompt,
        "expected_output": grading.task.expected_output,
        "assertions": assertions,
        "answer": answer.text[:MAX_ANSWER],
    }
    return replace(grading, opinions=tuple(_kept(_asked(command, question), assertions, answer)))


def _asked(command: str, question: dict[str, Any]) -> list[Any]:
    try:
        done = subprocess.run(
            shlex.split(command),
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        value = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"the judge gave no answer: {type(error).__name__}: {error}"[:300]) from None
    found = value.get("opinions") if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _kept(opinions: list[Any], assertions: list[str], answer: Answer) -> list[dict[str, Any]]:
    text = " ".join(answer.text.split())
    kept = []
    for opinion in opinions[:100]:
        if not isinstance(opinion, dict) or opinion.get("assertion") not in assertions:
            continue
        quote = " ".join(clean(str(opinion.get("quote", ""))).split())
        if len(quote) >= MIN_QUOTE and quote in text and isinstance(opinion.get("passed"), bool):
            kept.append({"assertion": opinion["assertion"], "passed": opinion["passed"], "quote": quoted(quote, 300)})
    return kept
