"""Running one agent once: fresh folders, caps on time, tokens and money, and everything that it printed kept."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..grading.answers import Answer, clean
from .adapters import Adapter
from .events import parsed
from .folders import environment, made_files, place_skill, snapshot

MAX_OUTPUT = 64 * 1024 * 1024
GRACE_SECONDS = 3.0


@dataclass(frozen=True)
class Caps:
    """What one run may use at most; None: no cap."""

    seconds: float = 900.0
    tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of one run."""

    status: str
    """ok, error, timeout or over-cap."""
    why: str = ""
    answer: Answer | None = None
    seconds: float = 0.0
    tokens: int | None = None
    cost_usd: float | None = None
    tool_calls: int | None = None
    skill_used: bool | None = None
    model: str = ""
    stdout: str = field(default="", repr=False)
    stderr: str = field(default="", repr=False)


def execute(
    adapter: Adapter,
    prompt: str,
    *,
    skill: Path | None = None,
    prepare: Callable[[Path], None] | None = None,
    caps: Caps | None = None,
    model: str = "",
    stop_at_skill: bool = False,
) -> Outcome:
    """Run the agent on the prompt in a folder and a HOME of its own.

    ``skill``: the skill's folder to install, None for none. ``prepare`` puts the task's files into the working folder.
    ``stop_at_skill``: end the run as soon as the skill is used, which is all that a trigger eval asks.
    """
    limits = caps or Caps()
    with tempfile.TemporaryDirectory(prefix="agent-run-", ignore_cleanup_errors=True) as name:
        home, work = Path(name, "home"), Path(name, "work")
        home.mkdir()
        work.mkdir()
        for path, text in adapter.home.items():
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            (home / path).write_text(text, encoding="utf-8")
        if prepare is not None:
            prepare(work)
        if skill is not None:
            base = home / adapter.skills[2:] if adapter.skills.startswith("~/") else work / adapter.skills
            place_skill(skill, base)
        prompt_file = Path(name, "prompt.txt")
        prompt_file.write_text(prompt, encoding="utf-8")
        before = snapshot(work)
        words = adapter.words(prompt=prompt, prompt_file=prompt_file, work=work, home=home, model=model)
        began = time.monotonic()
        watched = _Watched(adapter, limits, stop_at_skill)
        try:
            code = watched.run(
                words,
                work,
                environment(home, adapter.passed, adapter.fixed),
                prompt if adapter.prompt == "stdin" else "",
            )
        except OSError as error:
            return Outcome(
                "error", f"{words[0]} could not be started: {error.strerror or error}", seconds=time.monotonic() - began
            )
        return _outcome(adapter, watched, code, time.monotonic() - began, before, work)


def _outcome(
    adapter: Adapter, watched: _Watched, code: int, seconds: float, before: dict[str, bytes], work: Path
) -> Outcome:
    events, broken = adapter.events(watched.text) if adapter.output != "jsonl" else (watched.events, watched.broken)
    told: dict[str, Any] = {
        name: adapter.read(name, events)
        for name in ("tokens", "cost_usd", "tool_calls", "skill_used", "model", "error")
    }
    if told["tokens"] is None:
        told["tokens"] = adapter.read("live_tokens", events)
    text = adapter.answer(clean(watched.text), events)
    status, why = watched.status, watched.why
    if status == "ok":
        if told["error"]:
            status, why = "error", f"it reported: {str(told['error'])[:300]}"
        elif code != 0 and not watched.triggered:
            status, why = "error", f"exit code {code}: {_last(watched.error_text) or _last(watched.text)}"
        elif not text and not watched.triggered:
            status, why = (
                "error",
                "it gave no answer" + (f", and {broken} lines of its output could not be read" if broken else ""),
            )
    answer = Answer(clean(text), made_files(before, work), clean(watched.text)) if status == "ok" else None
    known = "skill_used" in adapter.readers
    tokens, calls = told["tokens"], told["tool_calls"]
    return Outcome(
        status,
        why,
        answer,
        round(seconds, 2),
        int(tokens) if tokens else None,
        told["cost_usd"],
        int(calls) if calls is not None else None,
        bool(told["skill_used"]) if known else None,
        str(told["model"] or ""),
        watched.text,
        watched.error_text,
    )


class _Watched:
    """A running agent whose output is read as it comes."""

    def __init__(self, adapter: Adapter, caps: Caps, stop_at_skill: bool) -> None:
        self._adapter, self._caps, self._stop_at_skill = adapter, caps, stop_at_skill
        self._parts: list[bytes] = []
        self._errors: list[bytes] = []
        self._size = 0
        self.events: list[Any] = []
        self.broken = 0
        self.status, self.why = "ok", ""
        self.triggered = False
        self._ended = threading.Event()

    @property
    def text(self) -> str:
        return b"".join(self._parts).decode("utf-8", "replace")

    @property
    def error_text(self) -> str:
        return b"".join(self._errors).decode("utf-8", "replace")[-20_000:]

    def run(self, words: list[str], work: Path, variables: dict[str, str], stdin: str) -> int:
        process = subprocess.Popen(
            words,
            cwd=work,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        threads = [
            threading.Thread(target=self._feed, args=(process.stdin, stdin), daemon=True),
            threading.Thread(target=self._read, args=(process.stdout, process), daemon=True),
            threading.Thread(target=self._drain, args=(process.stderr,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            process.wait(timeout=self._caps.seconds)
        except subprocess.TimeoutExpired:
            self._end("timeout", f"it ran longer than {self._caps.seconds:g} s", process)
        # The agent has ended: what it started ends with it, and its pipes with that.
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=GRACE_SECONDS)
        for thread in threads:
            thread.join(timeout=GRACE_SECONDS)
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(OSError, ValueError):
                pipe.close()
        return process.returncode if process.returncode is not None else -1

    def _feed(self, pipe: IO[bytes], text: str) -> None:
        with suppress(OSError, ValueError):
            pipe.write(text.encode("utf-8", "replace"))
        with suppress(OSError, ValueError):
            pipe.close()

    def _drain(self, pipe: IO[bytes]) -> None:
        with suppress(ValueError, OSError):
            for line in iter(lambda: pipe.readline(65_536), b""):
                if sum(map(len, self._errors)) < 1_000_000:
                    self._errors.append(line)

    def _read(self, pipe: IO[bytes], process: subprocess.Popen[bytes]) -> None:
        pending = b""
        with suppress(ValueError, OSError):
            for piece in iter(lambda: pipe.readline(1 << 20), b""):
                self._size += len(piece)
                if self._size > MAX_OUTPUT:
                    self._end("error", f"it printed more than {MAX_OUTPUT >> 20} MB", process)
                    return
                self._parts.append(piece)
                pending += piece
                if not pending.endswith(b"\n"):
                    continue
                line, pending = pending.decode("utf-8", "replace"), b""
                if self._adapter.output == "jsonl":
                    self._event(line, process)
        if pending and self._adapter.output == "jsonl":
            self._event(pending.decode("utf-8", "replace"), process)

    def _event(self, line: str, process: subprocess.Popen[bytes]) -> None:
        event = parsed(line)
        if event is None:
            self.broken += bool(line.strip())
            return
        self.events.append(event)
        if self._stop_at_skill and not self.triggered and self._adapter.read("skill_used", [event]):
            self.triggered = True
            self._kill(process)
        caps = self._caps
        if caps.tokens is not None:
            used = max(
                self._adapter.read("tokens", self.events) or 0, self._adapter.read("live_tokens", self.events) or 0
            )
            if used > caps.tokens:
                self._end("over-cap", f"it used {used} tokens, at most {caps.tokens} are allowed", process)
        if caps.cost_usd is not None:
            cost = self._adapter.read("cost_usd", self.events) or 0.0
            if cost > caps.cost_usd:
                self._end("over-cap", f"it cost ${cost:.4f}, at most ${caps.cost_usd:g} are allowed", process)

    def _end(self, status: str, why: str, process: subprocess.Popen[bytes]) -> None:
        if self.status == "ok":
            self.status, self.why = status, why
        self._kill(process)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it printed nothing"
