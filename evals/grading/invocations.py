"""How an answer says that its programs are started: the commands in its shell blocks and in its package.json."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping

from .answers import Answer

MAX_INVOCATIONS = 4
_COMMAND = re.compile(
    r"^\s*(?:\$\s+)?((?:[A-Z_]+=\S+\s+)*(?:nohup\s+)?(?:uv run|python3?|node|npx tsx|tsx|npx ts-node|bun(?: run)?|deno run|npm (?:run\s+[\w:-]+|start))"  # noqa: E501
    r"(?:[ \t](?:'[^'\n]*'|\"[^\"\n]*\"|[^\n|&;#>'\"])*)?)",
    re.MULTILINE,
)
_NPM = re.compile(r"^npm (?:run\s+)?([\w:-]+)\s*(?:--)?\s*(.*)$")
_FREE = re.compile(
    r"--?(?:dry[-_]?run|quote|check|plan|price|estimate|cost|status|list|help|h|version|test|self[-_]?test|probe|offline"
    r"|resume|collect|request[-_]?id|adopt|resend|redo|retry[-\w]*|fetch)(?:=.*)?"
)
"""Options with which a program asks for no new job."""
_FREE_COMMANDS = frozenset(
    {"check", "quote", "plan", "status", "list", "finish", "collect", "attach", "release", "verify"}
)
_PROGRAM = re.compile(r"\.(?:py|m?js|cjs|ts|mts)$")
_PLACEHOLDERS = ("<", "[", "...", "…")


def commands(answer: Answer) -> list[list[str]]:
    """Return the commands of the answer that start a program, in words, with the npm scripts that its package has."""
    scripts = _scripts(answer.files)
    texts = [found for block in answer.code if block.language == "shell" for found in _COMMAND.findall(block.code)]
    texts += [found for passage in answer.prose for found in _COMMAND.findall("\n".join(_quoted(passage.text)))]
    texts += [found for passage in answer.comments for found in _COMMAND.findall(passage.text)]
    made = []
    for text in texts:
        npm = _NPM.match(text.strip())
        if npm:
            text = f"{scripts[npm[1]]} {npm[2]}" if npm[1] in scripts else ""
        made.append(_words(text))
    return [words for words in made if words]


def arguments_of(filename: str, invocations: list[list[str]], programs: int) -> tuple[tuple[str, ...], ...]:
    """Return the arguments with which the answer starts the program, those that ask for a job first.

    ``programs``: how many blocks of code the answer has; a single one is meant whatever the command calls it.
    """
    base = filename.rpartition("/")[2]
    found: list[tuple[str, ...]] = []
    for words in invocations:
        at = next((place for place, word in enumerate(words) if word.rpartition("/")[2] == base), None)
        if at is None and programs == 1:
            at = next((place for place, word in enumerate(words) if _PROGRAM.search(word)), None)
        if at is None or any(word.startswith(_PLACEHOLDERS) for word in words[at + 1 :]):
            continue
        found.append(tuple(words[at + 1 :]))
    # Answers show the free trial run first; what is to be graded is the run that makes a job.
    paid = [
        each
        for each in found
        if not any(_FREE.fullmatch(word) for word in each) and not (each and each[0] in _FREE_COMMANDS)
    ]
    paid.sort(key=lambda each: "--limit" in each)  # a trial of a few leaves the rest undone
    return tuple(dict.fromkeys([*paid[:MAX_INVOCATIONS], ()]))


def _quoted(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def _scripts(files: Mapping[str, str]) -> dict[str, str]:
    for name, text in files.items():
        if name.rpartition("/")[2] == "package.json":
            try:
                scripts = json.loads(text).get("scripts", {})
            except (ValueError, AttributeError, RecursionError):
                continue
            if isinstance(scripts, dict):
                return {name: command for name, command in scripts.items() if isinstance(command, str)}
    return {}


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return []
