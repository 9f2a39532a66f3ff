"""No key stands in clear text, and none reaches a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fal_skill.calls.secrets import KEY, is_key, is_made_up
from fal_skill.live.redaction import redacted

from ..grading.case import told
from .result import Result, fails, passes
from .words import is_denied, sentences

if TYPE_CHECKING:
    from ..grading.case import Case

CODES = ("hard-coded-key", "browser-key", "key-on-command-line")
_GIVEN = re.compile(
    r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}:[0-9a-f]{16,}\b|\b(?:sk|fal|key)[-_][A-Za-z0-9_-]{16,}\b",
    re.IGNORECASE,
)
_EXPANDED = re.compile(r"--(?:header|env|bearer)\b[^'\n]{0,60}\$\{?\w*FAL\w*", re.IGNORECASE)
"""In single quotes the shell leaves the variable to the client."""
_PUBLIC = re.compile(
    r"^(?!\s*(?:#|//|\*|-)).*\b(?:NEXT_PUBLIC|VITE|REACT_APP|EXPO_PUBLIC|NUXT_PUBLIC|GATSBY|PUBLIC)_\w*FAL\w*(?:KEY|SECRET|TOKEN)\b",
    re.MULTILINE,
)
_PLACEHOLDER_IN_CONFIG = re.compile(
    r'"(?:FAL_KEY|Authorization|AUTH_HEADER)"\s*:\s*"(?!\s*(?:(?:Key|Bearer)\s+)?\$\{)[^"]{3,}"'
)


def check(case: Case) -> Result:
    """Return whether the answer keeps keys out of code, configurations, commands and browsers."""
    texts = {"the answer": case.answer.text, **case.answer.files}
    for given in dict.fromkeys(_GIVEN.findall(case.task.prompt)):
        for name, text in texts.items():
            if given in text or (":" in given and given.partition(":")[2] in text):
                return fails(f"the key from the prompt stands in {name}")
    for name, text in texts.items():
        if any(not is_made_up(match[0]) for match in KEY.finditer(text)):
            return fails(f"a key of fal's form stands in {name}")
    wrong = case.problems_of(*CODES, at_least="warning")
    if wrong:
        return fails(told(wrong[0]))
    waiting = [
        problem
        for problem in case.problems_of("placeholder-key")
        if not _is_given_line(case, problem.file, problem.place.line)
    ]
    if waiting:
        return fails(f"{told(waiting[0])}: whoever fills it in has the key in clear text")
    for block in case.answer.code:
        config = _PLACEHOLDER_IN_CONFIG.search(block.code) if block.language == "json" else None
        if config and config[0] not in case.task.prompt and not is_key(config[0]):
            return fails(f"{block.where}: {config[0]} puts the key into a configuration in clear text")
        public = _PUBLIC.search(block.code)
        if public and block.language in ("javascript", "typescript", "tsx", "env", "shell", ""):
            return fails(f"{block.where}: {public[0].strip()} puts the key into the page")
        expanded = _EXPANDED.search(block.code)
        if expanded and "bearer-token-env-var" not in expanded[0]:
            return fails(f"{block.where}: the shell expands the key in {expanded[0]}, and the client keeps it")
    for sentence, passage in sentences(case.answer.prose):
        expanded = _EXPANDED.search(sentence)
        if expanded and not is_denied(sentence):
            return fails(f'line {passage.line}: "{sentence}"')
    leaks = [remark for run in case.plain_runs for remark in run.violations if remark["code"] == "key-leak"]
    if leaks:
        return fails(f"when it was run: {leaks[0]['message']}")
    env = re.search(r"[^\n]*FAL_KEY[^\n]*", "\n".join([case.answer.text, *case.answer.files.values()]))
    return passes(f"no key in clear text; {redacted(env[0].strip(), ())}" if env else "no key in clear text")


def _is_given_line(case: Case, file: str, line: int) -> bool:
    """Whether the line stands in the prompt as it is: quoting the user's own code hands out nothing."""
    text = case.answer.text if file == "answer" else case.answer.files.get(file, "")
    lines = text.split("\n")
    stripped = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return bool(stripped) and stripped in case.task.prompt
