"""Which folders each client reads skills from, and where this skill goes for it.

Sources: the clients' documentation (2026-05 to 2026-11); and, tried on 2026-11-23 with this skill and without network,
Claude Code 2.1.330, Codex 0.169.0, Gemini CLI 0.61.0 and opencode 1.18.33. Cursor, VS Code and Goose were not run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

USER, PROJECT = "user", "project"
SCOPES = (USER, PROJECT)


class Client(NamedTuple):
    """A client, and the folders in which it finds skills; the first of each scope is where this skill goes.

    ``~`` is the home folder; a path that begins with a variable (``$CODEX_HOME``) falls back to the one behind ``|``.
    """

    title: str
    project: tuple[str, ...]
    user: tuple[str, ...]
    twice: str = ""
    """What it does with two skills of one name; empty: not known."""
    then: str = ""
    """What its user has to know or do after an installation."""
    climbs: bool = False
    """Whether it also reads these folders in the project's parents, up to the root of the repository."""

    def folders(self, scope: str) -> tuple[str, ...]:
        """Return the folders it reads in a scope."""
        return self.user if scope == USER else self.project


CLIENTS: dict[str, Client] = {
    "claude-code": Client(
        "Claude Code",
        (".claude/skills",),
        ("$CLAUDE_CONFIG_DIR/skills|~/.claude/skills",),
        twice="takes the user's copy before the project's",
        climbs=True,
    ),
    "codex": Client(
        "Codex",
        (".agents/skills", ".codex/skills"),
        ("~/.agents/skills", "$CODEX_HOME/skills|~/.codex/skills"),
        twice="lists every copy",
        climbs=True,
    ),
    "gemini-cli": Client(
        "Gemini CLI",
        (".agents/skills", ".gemini/skills"),
        ("~/.agents/skills", "~/.gemini/skills"),
        twice="takes the project's copy before the user's",
        then="project skills are read in trusted folders only",
    ),
    "opencode": Client(
        "opencode",
        (".agents/skills", ".claude/skills", ".opencode/skills", ".opencode/skill"),
        (
            "~/.agents/skills",
            "~/.claude/skills",
            "~/.config/opencode/skills",
            "~/.config/opencode/skill",
            "~/.opencode/skills",
            "~/.opencode/skill",
        ),
        twice="of two copies takes one or the other",
        climbs=True,
    ),
    "cursor": Client(
        "Cursor",
        (".agents/skills", ".cursor/skills", ".claude/skills", ".codex/skills"),
        ("~/.agents/skills", "~/.cursor/skills", "~/.claude/skills", "~/.codex/skills"),
    ),
    "vscode": Client(
        "VS Code and Copilot",
        (".agents/skills", ".github/skills", ".claude/skills"),
        ("~/.agents/skills", "~/.copilot/skills", "~/.claude/skills"),
        then="/skills reload makes a running session see it",
    ),
    "goose": Client(
        "Goose",
        (".agents/skills", ".goose/skills", ".claude/skills"),
        ("~/.agents/skills", "~/.config/agents/skills", "~/.config/goose/skills", "~/.claude/skills"),
    ),
}


class Surroundings(NamedTuple):
    """What paths are resolved against."""

    home: Path
    project: Path
    environ: Mapping[str, str]


def here() -> Surroundings:
    """Return the surroundings of this process: its user's home, its working folder, its environment."""
    return Surroundings(Path(os.path.expanduser("~")), Path.cwd(), os.environ)  # noqa: PTH111 - never raises


def resolved(folder: str, around: Surroundings) -> Path:
    """Return the path that an entry of the table stands for."""
    first, _, second = folder.partition("|")
    if first.startswith("$"):
        name, _, rest = first[1:].partition("/")
        value = around.environ.get(name, "").strip()
        return Path(value, rest) if value and Path(value).is_absolute() else resolved(second, around)
    if first.startswith("~/"):
        return around.home / first[2:]
    return around.project / first


def goes_to(client: str, scope: str, around: Surroundings) -> Path:
    """Return the folder of skills in which a client is to find this one."""
    return resolved(CLIENTS[client].folders(scope)[0], around)


def reads(client: str, scope: str, around: Surroundings) -> tuple[Path, ...]:
    """Return all folders of skills that a client reads in a scope."""
    read = CLIENTS[client]
    bases = [around.project]
    if scope == PROJECT and read.climbs and (root := _repository(around.project)):
        bases += [parent for parent in around.project.parents if parent.is_relative_to(root)]
    return tuple(resolved(folder, around._replace(project=base)) for base in bases for folder in read.folders(scope))


def _repository(folder: Path) -> Path | None:
    return next((base for base in (folder, *folder.parents) if (base / ".git").exists()), None)
