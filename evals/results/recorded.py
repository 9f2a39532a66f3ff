"""Recorded answers: what CI grades, and what the checks are measured on.

::

    evals/recorded/ROUND/TASK/CONDITION/run-N/
        answer.md      the answer, unchanged
        meta.json      {"source": "recorded from a coding agent", "date", "task", "condition", "run", "prompt", …}
        files/         text files that the agent made (optional)
        transcript.*   what it did on the way (optional: .jsonl, .json, .md, .txt)
        labels.json    {"labelled": "by hand", "date", "checks": {NAME: true|false|null}, "notes": {NAME: why}} (optional)
"""  # noqa: E501

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fal_skill.errors import UsageError

from ..checks import NAMES
from ..grading.answers import Answer, read_answer
from ..grading.tasks import ROOT, Task
from .workspace import TRANSCRIPTS, Iteration, RunRecord, read_json, write_json

RECORDED = ROOT / "evals" / "recorded"
SOURCE = "recorded from a coding agent"
LABELLED = "by hand"
_LOCKS = {"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "uv.lock", "poetry.lock"}
_RUN = re.compile(r"run-(\d+)")
_ROUND = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


@dataclass(frozen=True)
class Recording:
    """One recorded answer."""

    folder: Path
    round: str
    task: str
    condition: str
    run: int
    meta: dict[str, Any]
    labels: dict[str, bool | None]
    """What a person found, by check; empty when nobody has labelled it."""

    @property
    def answer(self) -> Answer:
        """The answer, its files and its transcript."""
        files = self.folder / "files"
        kept = next((self.folder / name for name in TRANSCRIPTS if (self.folder / name).is_file()), None)
        return read_answer(self.folder / "answer.md", files if files.is_dir() else None, kept)

    @property
    def record(self) -> RunRecord:
        """The run as a workspace knows it."""
        meta = self.meta
        return RunRecord(
            self.task,
            self.condition,
            self.run,
            agent=str(meta.get("agent", "")),
            model=str(meta.get("model", "")),
            seconds=meta.get("seconds"),
            tokens=meta.get("tokens"),
            cost_usd=meta.get("cost_usd"),
            tool_calls=meta.get("tool_calls"),
            recorded=f"{meta.get('source', '')}, {meta.get('date', '')}",
        )


def recordings(folder: Path = RECORDED, round: str | None = None) -> Iterator[Recording]:
    """Yield the recorded answers, in order; UsageError when one lacks its metadata or has labels of no check."""
    for path in sorted(folder.glob(f"{round or '*'}/*/*/run-*/answer.md")):
        place = path.parent
        meta = read_json(place / "meta.json")
        number = _RUN.fullmatch(place.name)
        if not isinstance(meta, dict) or number is None:
            raise UsageError(f"{place} has no meta.json", hint="record answers with evals/record.py")
        yield Recording(
            place, place.parents[2].name, place.parents[1].name, place.parent.name, int(number[1]), meta, _labels(place)
        )


def newest(recorded: Iterable[Recording]) -> list[Recording]:
    """Return the answers of the newest round of each task and condition, in order.

    A condition that a change of the skill does not touch, such as none at all, need not be recorded in every round.
    """
    found = list(recorded)
    last: dict[tuple[str, str], str] = {}
    for one in found:
        last[one.task, one.condition] = max(one.round, last.get((one.task, one.condition), ""))
    return [one for one in found if one.round == last[one.task, one.condition]]


def _labels(place: Path) -> dict[str, bool | None]:
    value = read_json(place / "labels.json")
    if value is None:
        return {}
    checks = value.get("checks") if isinstance(value, dict) else None
    if not isinstance(checks, dict) or not all(
        name in NAMES and label in (True, False, None) for name, label in checks.items()
    ):
        raise UsageError(f"{place / 'labels.json'}: checks must be an object of check -> true, false or null")
    return dict(checks)


def store(
    task: Task,
    condition: str,
    run: int,
    round: str,
    answer: Path,
    *,
    files: Path | None = None,
    transcript: Path | None = None,
    meta: dict[str, Any],
    root: Path = RECORDED,
    replace: bool = False,
) -> Path:
    """Put an answer among the recorded ones, with its metadata; returns its folder."""
    if not _ROUND.fullmatch(round) or run < 1:
        raise UsageError("a round is a short name such as round-1, and runs count from 1")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,40}", condition):
        raise UsageError(f"{condition[:60]!r} is no name for a condition", hint="such as with_skill")
    place = root / round / task.name / condition / f"run-{run}"
    if place.exists() and not replace:
        raise UsageError(f"{place} exists", hint="--replace, or another --run")
    taken = read_answer(answer, files, transcript)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    (place / "answer.md").write_text(taken.text, encoding="utf-8")
    given = {path: source.read_text(encoding="utf-8", errors="replace") for path, source in task.placed_files()}
    for name, text in taken.files.items():
        if given.get(name) == text or Path(name).name in _LOCKS:
            continue  # what the agent was given, unchanged; what a package manager wrote
        target = place / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    if transcript is not None:
        suffix = transcript.suffix if f"transcript{transcript.suffix}" in TRANSCRIPTS else ".txt"
        (place / f"transcript{suffix}").write_text(taken.transcript, encoding="utf-8")
    write_json(
        place / "meta.json",
        {"source": SOURCE, **meta, "task": task.name, "condition": condition, "run": run, "prompt": task.prompt},
    )
    return place


def label(place: Path, labels: dict[str, bool | None], notes: dict[str, str], date: str) -> None:
    """Write the labels that a person gave to a recorded answer, over those that it has."""
    before = read_json(place / "labels.json") or {}
    value = {
        "labelled": LABELLED,
        "date": date,
        "checks": {**before.get("checks", {}), **labels},
        "notes": {**before.get("notes", {}), **notes},
    }
    write_json(place / "labels.json", value)


def laid_out(recorded: list[Recording], iteration: Iteration, tasks: dict[str, Task]) -> list[tuple[Path, Task]]:
    """Lay recorded answers out as the runs of an iteration; returns (folder, task) of each that is of a known task."""
    made = []
    for recording in recorded:
        task = tasks.get(recording.task)
        if task is None:
            continue
        folder = iteration.begin(task, recording.condition, recording.run)
        answer = recording.answer
        iteration.finish(folder, recording.record, answer)
        if answer.transcript:
            (folder / "transcript.txt").write_text(answer.transcript, encoding="utf-8")
        made.append((folder, task))
    return made
