"""What agents there are: ``agents.yaml``, read and checked."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fal_skill.errors import UsageError
from fal_skill.install.shipped import NAME

from ..grading.tasks import ROOT
from .events import Reader, parsed_lines, reader_from

AGENTS_FILE = ROOT / "evals" / "agents.yaml"
PROMPT_WAYS = ("stdin", "argument", "file")
OUTPUTS = ("jsonl", "json", "text")
READ = ("answer", "tokens", "live_tokens", "cost_usd", "tool_calls", "error", "model", "skill_used")


@dataclass(frozen=True)
class Adapter:
    """One agent."""

    name: str
    command: tuple[str, ...]
    prompt: str = "stdin"
    model: tuple[str, ...] = ()
    skills: str = ".agents/skills"
    passed: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    home: Mapping[str, str] = field(default_factory=dict)
    output: str = "text"
    readers: Mapping[str, tuple[Reader, ...]] = field(default_factory=dict)

    def words(self, *, prompt: str, prompt_file: Path, work: Path, home: Path, model: str) -> list[str]:
        """Return the command with everything filled in; the prompt is one word, whatever it holds."""
        filled = {
            "prompt": prompt,
            "prompt_file": str(prompt_file),
            "work": str(work),
            "home": str(home),
            "model": model,
            "skill": NAME,
        }
        words = [*self.command, *(self.model if model else ())]
        if model and self.command and self.command[-1] == "-":  # "read stdin" stays last
            words = [*self.command[:-1], *self.model, "-"]
        return [_filled(word, filled) for word in words]

    def read(self, name: str, events: Iterable[Any]) -> Any:
        """Return what the readers of that name find, or None: sums over several readers, else the first that finds."""
        events = list(events)
        values = [value for reader in self.readers.get(name, ()) if (value := reader.taken(events)) is not None]
        if not values:
            return None
        if name in ("tokens", "live_tokens", "cost_usd", "tool_calls", "skill_used"):
            return sum(value for value in values if isinstance(value, (int, float)))
        return values[0]

    def events(self, text: str) -> tuple[list[Any], int]:
        """Return the events in what it printed, and how many lines could not be read."""
        if self.output == "jsonl":
            return parsed_lines(text)
        if self.output == "json":
            events, broken = parsed_lines(" ".join(text.split("\n")))
            return events, broken
        return [], 0

    def answer(self, text: str, events: list[Any]) -> str:
        """Return its answer; empty when there is none."""
        if self.output == "text":
            return text.strip()
        return str(self.read("answer", events) or "").strip()


def adapters(path: Path = AGENTS_FILE) -> dict[str, Adapter]:
    """Return the agents of a file by name; UsageError when it is not of the shape of agents.yaml."""
    import yaml

    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"cannot read the agents in {path}: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path} holds no agents")
    return {str(name): _adapter(str(name), entry) for name, entry in value.items()}


def adapter_named(name: str, path: Path = AGENTS_FILE, command: str = "") -> Adapter:
    """Return one agent; ``command`` is the command line of the agent ``command``."""
    known = adapters(path)
    if name not in known:
        raise UsageError(f"there is no agent {name[:60]!r}", hint="one of " + ", ".join([*known, "replay"]))
    made = known[name]
    if "{command}" in made.command:
        words = shlex.split(command)
        if not words:
            raise UsageError("--command says what to run", hint="--command 'my-agent --ask {prompt}'")
        way = (
            "argument"
            if any("{prompt}" in word for word in words)
            else "file"
            if any("{prompt_file}" in word for word in words)
            else made.prompt
        )
        made = replace(made, command=tuple(words), prompt=way)
    return made


def _adapter(name: str, entry: Any) -> Adapter:
    where = f"agent {name}"
    if not isinstance(entry, dict) or not isinstance(entry.get("command"), list) or not entry["command"]:
        raise UsageError(f"{where}: command must be a list of words")
    if entry.get("prompt", "stdin") not in PROMPT_WAYS or entry.get("output", "text") not in OUTPUTS:
        raise UsageError(f"{where}: prompt is one of {', '.join(PROMPT_WAYS)}, output one of {', '.join(OUTPUTS)}")
    unknown = set(entry.get("read", {})) - set(READ)
    if unknown:
        raise UsageError(
            f"{where}: there is nothing to read called {unknown.pop()!r}", hint="one of " + ", ".join(READ)
        )

    def fill(text: str) -> str:
        return text.replace("{skill}", NAME)

    readers = {
        key: tuple(reader_from(one, f"{where}: {key}", fill) for one in (value if isinstance(value, list) else [value]))
        for key, value in entry.get("read", {}).items()
    }
    env = entry.get("env", {})
    return Adapter(
        name=name,
        command=tuple(str(word) for word in entry["command"]),
        prompt=entry.get("prompt", "stdin"),
        model=tuple(str(word) for word in entry.get("model", ())),
        skills=str(entry.get("skills", ".agents/skills")),
        passed=tuple(env.get("pass", ())),
        fixed={key: str(value) for key, value in env.get("set", {}).items()},
        home={key: str(value) for key, value in entry.get("home", {}).items()},
        output=entry.get("output", "text"),
        readers=readers,
    )


def _filled(word: str, filled: Mapping[str, str]) -> str:
    # One pass: what is filled in is not looked at again, so that a prompt may hold {model}.
    import re

    return re.sub(r"\{(" + "|".join(filled) + r")\}", lambda match: filled[match[1]], word)
