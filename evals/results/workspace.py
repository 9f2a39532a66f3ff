"""A workspace on disk, in the superset that agentskills.io and Anthropic's skill-creator tools both read.

::

    iteration-1/
      benchmark.json                      run_summary, runs, notes; and our own "checks", "errors", "assertions"
      eval-NAME/eval_metadata.json        read by the aggregate script
      eval-NAME/CONDITION/eval_metadata.json     the same, read by the viewer
      eval-NAME/CONDITION/run-1/
        outputs/                          what the viewer shows: flat files, ``</script`` neutralised
        grading.json  timing.json         grading.json has no "timing": tokens would be lost
        run.json                          our own: status, agent, tokens, cost, why it failed
        answer.md  files/  transcript.*   what came out, unchanged

``expectations`` (skill-creator) and ``assertion_results`` (agentskills.io) are the same list. Checks that do not apply are
left out of it, since both readers take null for a fail.
"""  # noqa: E501

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fal_skill.atomic import write as write_file
from fal_skill.errors import UnavailableError, UsageError
from fal_skill.registry import default_registry

from ..grading.answers import Answer, quoted, read_answer
from ..grading.case import Case
from ..grading.grader import Grading, grade
from ..grading.judge import with_opinions
from ..grading.tasks import Task, load_tasks

OK = "ok"
STATUSES = (OK, "error", "timeout", "over-cap")
"""ok: an answer came. All others are errors of the run, not fails of the answer."""
MAX_SHOWN = 400_000
TRANSCRIPTS = ("transcript.jsonl", "transcript.json", "transcript.md", "transcript.txt")
_SCRIPT_END = re.compile(r"</(script)", re.IGNORECASE)
_WEB = frozenset({".html", ".htm", ".svg", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx"})
_CONDITION = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


@dataclass(frozen=True)
class RunRecord:
    """What is known of one run besides its answer."""

    task: str
    condition: str
    run: int
    status: str = OK
    agent: str = ""
    model: str = ""
    why: str = ""
    """Why there is no answer; empty when there is one."""
    seconds: float | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    tool_calls: int | None = None
    skill_used: bool | None = None
    recorded: str = ""
    """For a recorded answer: from what, and when."""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


class Iteration:
    """One iteration's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run_folder(self, task: str, condition: str, run: int) -> Path:
        """Return the folder of one run."""
        if not _CONDITION.fullmatch(condition):
            raise UsageError(f"{condition[:60]!r} is no name for a condition", hint="such as with_skill")
        return self.folder / f"eval-{task}" / condition / f"run-{run}"

    def is_done(self, task: str, condition: str, run: int) -> bool:
        """Whether the run has ended with an answer; others are done again by ``--resume``."""
        record = self.record(self.run_folder(task, condition, run))
        return record is not None and record.status == OK

    def record(self, folder: Path) -> RunRecord | None:
        """Return what is known of a run, or None when it has not ended."""
        value = read_json(folder / "run.json")
        if not isinstance(value, dict):
            return None
        known = {name: value[name] for name in RunRecord.__dataclass_fields__ if name in value}
        try:
            return RunRecord(**known)
        except TypeError:
            return None

    def runs(self) -> Iterator[tuple[Path, RunRecord]]:
        """Yield the folder and the record of every run that has ended, in order."""
        found = []
        for path in self.folder.glob("eval-*/*/run-*/run.json"):
            record = self.record(path.parent)
            if record is not None:
                found.append((path.parent, record))
        yield from sorted(found, key=lambda item: (item[1].task, item[1].condition, item[1].run))

    def begin(self, task: Task, condition: str, run: int) -> Path:
        """Make the folders of a run afresh, with the task's metadata where both readers look for it."""
        folder = self.run_folder(task.name, condition, run)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "outputs").mkdir(parents=True)
        metadata = {
            "eval_id": task.id,
            "eval_name": task.name,
            "prompt": task.prompt,
            "assertions": [f"{name}: {text}" for name, text in task.assertions.items()],
        }
        for place in (folder.parent.parent, folder.parent):
            write_json(place / "eval_metadata.json", metadata)
        return folder

    def finish(self, folder: Path, record: RunRecord, answer: Answer | None) -> None:
        """Write what came of a run; its record last, so that a run without one has not ended."""
        if answer is not None:
            write_file(folder / "answer.md", _encodable(answer.text))
            for name, text in answer.files.items():
                _write_inside(folder / "files", name, text)
            _show(folder / "outputs", answer)
        write_json(folder / "timing.json", _timing(record))
        write_json(folder / "run.json", record.as_dict())

    def answer(self, folder: Path) -> Answer | None:
        """Return the answer of a run, or None when it has none."""
        if not (folder / "answer.md").is_file():
            return None
        files = folder / "files"
        kept = next((folder / name for name in TRANSCRIPTS if (folder / name).is_file()), None)
        return read_answer(folder / "answer.md", files if files.is_dir() else None, kept)


def grade_run(
    iteration: Iteration, folder: Path, task: Task, *, may_run: bool = True, judge: str | None = None
) -> Grading | None:
    """Grade the answer of a run and write its grading.json; None when there is no answer."""
    answer = iteration.answer(folder)
    record = iteration.record(folder)
    if answer is None or record is None or record.status != OK:
        return None
    grading = with_opinions(grade(Case(task, answer, default_registry(), may_run)), answer, judge)
    write_json(folder / "grading.json", grading_json(grading, record))
    return grading


def grading_json(grading: Grading, record: RunRecord) -> dict[str, Any]:
    """Return a grading in the shape that both readers take."""
    expectations = [
        {
            "text": f"{name}: {grading.task.assertions.get(name) or name.replace('_', ' ')}",
            "passed": result.passed,
            "evidence": _plain(result.evidence),
        }
        for name, result in grading.checks.items()
        if result.passed is not None
    ]
    summary = grading.summary
    uncertain = [
        f"{name} does not apply: {_plain(result.evidence)}"
        for name, result in grading.checks.items()
        if result.passed is None
    ]
    return {
        "expectations": expectations,
        "assertion_results": expectations,
        "summary": {
            "passed": summary["passed"],
            "failed": summary["failed"],
            "total": summary["total"],
            "pass_rate": summary["pass_rate"] if summary["pass_rate"] is not None else 0.0,
            "not_applicable": summary["not_applicable"],
        },
        "execution_metrics": {
            "tool_calls": {},
            "total_tool_calls": record.tool_calls or 0,
            "total_steps": record.tool_calls or 0,
            "errors_encountered": len(grading.errors),
        },
        "user_notes_summary": {
            "uncertainties": uncertain,
            "needs_review": [_plain(text) for text in grading.errors.values()],
            "workarounds": [],
        },
        "checks": {
            name: {"passed": result.passed, "evidence": _plain(result.evidence)}
            for name, result in grading.checks.items()
        },
        "errors": grading.errors,
        "opinions": list(grading.opinions),
        "grading_seconds": grading.seconds,
    }


def regrade(
    folder: Path, *, may_run: bool = True, judge: str | None = None, jobs: int = 1, tasks: Path | None = None
) -> dict[str, Any]:
    """Grade every run of an iteration and write its benchmark; returns the benchmark."""
    from .benchmark import write_benchmark

    if not folder.is_dir():
        raise UsageError(f"no such folder: {str(folder)!r}")
    iteration = Iteration(folder)
    known = {task.name: task for task in (load_tasks(tasks) if tasks else load_tasks())}
    todo = [(path, known[record.task]) for path, record in iteration.runs() if record.task in known]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        list(pool.map(lambda item: grade_run(iteration, *item, may_run=may_run, judge=judge), todo))
    return write_benchmark(iteration)


def _timing(record: RunRecord) -> dict[str, Any]:
    """Return timing.json: all three figures where they are known, none where they are not."""
    made: dict[str, Any] = {}
    if record.tokens is not None:
        made["total_tokens"] = record.tokens
    if record.seconds is not None:
        made["duration_ms"] = round(record.seconds * 1000)
        made["total_duration_seconds"] = round(record.seconds, 1)
    return made


def _plain(text: str) -> str:
    """Return evidence without double quotes, which end an attribute in the viewer's page."""
    return _SCRIPT_END.sub(r"<\\/\1", quoted(text, 900).replace('"', "'"))


def _show(outputs: Path, answer: Answer) -> None:
    """Write the flat copies that the viewer shows."""
    shown = {"answer.md": answer.text, **{name.replace("/", "__"): text for name, text in answer.files.items()}}
    for name, text in shown.items():
        target = name + (".txt" if Path(name).suffix.lower() in _WEB else "")
        _write_inside(outputs, target, _SCRIPT_END.sub(r"<\\/\1", text[:MAX_SHOWN]))


def _write_inside(folder: Path, name: str, text: str) -> None:
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts:
        return
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8", errors="replace")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, _encodable(json.dumps(value, indent=1, ensure_ascii=False)) + "\n")


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def read_json(path: Path) -> Any:
    """Return a JSON document, or None when there is none or it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            raise UnavailableError(f"cannot read {path}: {error.strerror or error}") from None
        return None
