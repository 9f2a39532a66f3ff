"""The tasks that agents are given, and what is asked of an answer to each.

A task is an entry of ``evals.json``: the public keys ``id``, ``prompt``, ``expected_output``, ``files`` and ``assertions``,
and our own: ``name``, ``category``, ``inputs`` (files to be made by kind), ``checks`` (name -> options).
An assertion begins with the name of the check that decides it: ``"upload: Local files are uploaded."``.
"""  # noqa: E501

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fal_skill.errors import UnavailableError, UsageError

ROOT = Path(__file__).resolve().parents[2]
TASKS_FILE = ROOT / "evals" / "evals.json"
MAX_TASK_BYTES = 4 * 1024 * 1024
_ASSERTION = re.compile(r"([a-z_]+):\s*(.+)", re.DOTALL)


@dataclass(frozen=True)
class Input:
    """A file that the user of a task has: made by its kind, never stored."""

    path: str
    kind: str
    """image, mask (white on black), video, audio, archive, 3d or file."""
    width: int = 1024
    """Pixels."""
    height: int = 1024
    seconds: float = 5.0


@dataclass(frozen=True)
class Task:
    """What an agent is asked, and how its answer is judged."""

    id: int
    name: str
    prompt: str
    expected_output: str = ""
    category: str = ""
    files: tuple[str, ...] = ()
    """Files of this repository that the agent gets, relative to the skill's root."""
    inputs: tuple[Input, ...] = ()
    checks: dict[str, dict[str, Any]] | None = None
    """The checks that apply, with their options; None: all of them, each deciding for itself."""
    assertions: dict[str, str] = field(default_factory=dict)
    """What each check asks for, in words, by the check's name."""
    others: tuple[str, ...] = ()
    """Assertions that no check decides."""

    def options(self, check: str) -> dict[str, Any]:
        """Return the options of a check; empty where the task has none."""
        return (self.checks or {}).get(check, {})

    def asks_for(self, check: str) -> bool:
        """Whether the task itself names the check."""
        return self.checks is not None and check in self.checks

    def placed_files(self) -> list[tuple[str, Path]]:
        """Return (path in the working folder, source) of the files that the agent gets."""
        placed = []
        for name in self.files:
            parts = Path(name).parts
            inner = parts[3:] if parts[:2] == ("evals", "files") and len(parts) > 3 else parts[-1:]
            placed.append((str(Path(*inner)), ROOT / name))
        return placed


def load_tasks(path: Path = TASKS_FILE) -> list[Task]:
    """Return the tasks of a file; UsageError when it is not of the shape of evals.json."""
    value = _read_json(path)
    entries = value.get("evals") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise UsageError(f"{path} holds no list of evals", hint='expected {"skill_name": …, "evals": […]}')
    return [task_from(entry, f"{path}: entry {number}") for number, entry in enumerate(entries, 1)]


def find_task(wanted: str, path: Path = TASKS_FILE) -> Task:
    """Return the task of that id or name, or the one that a file holds; UsageError when there is none.

    A file is a JSON task, an ``evals.json`` with one entry, or plain text: then it is the prompt.
    """
    tasks = load_tasks(path)
    found = next((task for task in tasks if wanted in (str(task.id), task.name)), None)
    if found is not None:
        return found
    file = Path(wanted)
    try:
        known = file.is_file()
    except (OSError, ValueError):
        known = False
    if not known:
        raise UsageError(
            f"no task and no file {wanted[:80]!r}", hint=f"an id from 1 to {len(tasks)}, a name, or a file"
        )
    text = _read_text(file)
    if not text.lstrip().startswith(("{", "[")):
        return Task(0, _slug_of(file.stem), text.strip())
    value = _parsed(text, file)
    entries = value.get("evals", [value]) if isinstance(value, dict) else value
    if not isinstance(entries, list) or len(entries) != 1:
        raise UsageError(f"{file} does not hold exactly one task")
    return task_from(entries[0], str(file), name=_slug_of(file.stem))


def task_from(entry: Any, where: str, name: str = "") -> Task:
    """Return the task of a JSON entry; UsageError when it cannot be one."""
    if not isinstance(entry, dict) or not isinstance(entry.get("prompt"), str) or not entry["prompt"].strip():
        raise UsageError(f"{where} is not a task", hint="it needs at least a prompt")
    said, others = _assertions(entry.get("assertions", entry.get("expectations", ())), where)
    number = entry.get("id", 0)
    if isinstance(number, str) and not number.isdigit():
        number, name = 0, _slug_of(str(number))
    return Task(
        id=int(number),
        name=_slug_of(str(entry.get("name") or name or f"task-{number}")),
        prompt=entry["prompt"],
        expected_output=str(entry.get("expected_output", "")),
        category=str(entry.get("category", "")),
        files=tuple(_texts(entry.get("files", ()), where, "files")),
        inputs=tuple(_inputs(entry.get("inputs", ()), where)),
        checks=_checks(entry.get("checks"), where),
        assertions=said,
        others=others,
    )


def _checks(value: Any, where: str) -> dict[str, dict[str, Any]] | None:
    from ..checks import NAMES

    if value is None:
        return None
    if isinstance(value, list):
        value = {name: {} for name in value if isinstance(name, str)}
    if not isinstance(value, dict) or not all(isinstance(options, dict) for options in value.values()):
        raise UsageError(f"{where}: checks must be a list of names, or an object of name -> options")
    unknown = [name for name in value if name not in NAMES]
    if unknown:
        raise UsageError(f"{where}: there is no check {unknown[0]!r}", hint="one of " + ", ".join(NAMES))
    return dict(value)


def _assertions(value: Any, where: str) -> tuple[dict[str, str], tuple[str, ...]]:
    from ..checks import NAMES

    said: dict[str, str] = {}
    others: list[str] = []
    for text in _texts(value, where, "assertions"):
        match = _ASSERTION.fullmatch(text)
        if match and match[1] in NAMES and match[1] not in said:
            said[match[1]] = match[2]
        else:
            others.append(text)
    return said, tuple(others)


def _inputs(value: Any, where: str) -> list[Input]:
    if not isinstance(value, (list, tuple)):
        raise UsageError(f"{where}: inputs must be a list")
    made = []
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("path"), str):
            raise UsageError(f"{where}: an input needs a path and a kind")
        measures = {name: item[name] for name in ("width", "height", "seconds") if name in item}
        if not all(isinstance(size, (int, float)) and 0 < size < 10_000 for size in measures.values()):
            raise UsageError(f"{where}: the width and height of an input are pixels, its length seconds")
        made.append(Input(safe_path(item["path"], where), str(item.get("kind", "file")), **measures))
    return made


def safe_path(path: str, where: str) -> str:
    """Return a path that stays inside the folder it is put into; UsageError for any other."""
    parts = Path(path).parts
    if not parts or Path(path).is_absolute() or ".." in parts or "\0" in path:
        raise UsageError(f"{where}: {path[:80]!r} leads out of the folder")
    return path


def _texts(value: Any, where: str, what: str) -> list[str]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: {what} must be a list of texts")
    return list(value)


def _slug_of(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "task"


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TASK_BYTES + 1)
    except OSError as error:
        raise UnavailableError(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) > MAX_TASK_BYTES:
        raise UsageError(f"{path} is larger than {MAX_TASK_BYTES >> 20} MB")
    return data.decode("utf-8", "replace")


def _read_json(path: Path) -> Any:
    return _parsed(_read_text(path), path)


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid JSON: {error}") from None
