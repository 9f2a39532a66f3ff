"""The code parses, in the language that it says it is in."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import warnings
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from pathlib import Path
from typing import TYPE_CHECKING

from ..grading.programs import is_excerpt, modules
from .result import Result, fails, not_applicable, passes

if TYPE_CHECKING:
    from ..grading.answers import Block
    from ..grading.case import Case

MAX_CODE = 200_000
NODE_SECONDS = 20
_CODE = ("python", "javascript", "typescript", "tsx")
_PROMPT = re.compile(r"^(?:>>> |\.\.\. )", re.MULTILINE)
_CUT = re.compile(r"^\s*(?:#|//)?\s*(?:\.{3}|…)\s*,?\s*$|<[a-z][\w .-]* [\w .-]*>", re.MULTILINE)
"""What stands where code was left out: a line of dots, or words in angle brackets ("<uploaded photo>")."""
_JSON_COMMENT = re.compile(r"^\s*(?://|#).*$", re.MULTILINE)


def check(case: Case) -> Result:
    """Return whether every block and file of code parses."""
    blocks = [block for block in case.answer.code if block.language in _CODE or _is_config(block)]
    problems = {block: made.problem for block, made in case.extractions if block is not None and made.problem}
    for block in blocks:
        wrong = _wrong(block, problems.get(block, ""))
        if wrong and not _is_cut(block, case):
            return fails(f"{block.where} ({block.language}): {wrong}")
    if not blocks:
        return not_applicable("the answer has no code")
    counts = ", ".join(
        f"{sum(block.language == language for block in blocks)} {language}"
        for language in dict.fromkeys(b.language for b in blocks)
    )
    return passes(f"all parse: {counts}")


def _wrong(block: Block, problem: str) -> str:
    if len(block.code) > MAX_CODE:
        return f"{len(block.code)} characters are too many"
    if block.language == "python":
        return _python(block)
    if block.language == "json":
        return _json(block.code)
    if problem:
        return problem
    return _node(block) if block.language == "javascript" else ""


def _python(block: Block) -> str:
    # A fragment may be meant for the body of an async function; a whole program may not.
    flags = 0 if _imports_fal(block) else PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = _PROMPT.sub("", block.code) if block.code.lstrip().startswith(">>>") else block.code
    code = _dedented(code)
    if flags and re.search(r"^return\b", code, re.MULTILINE):
        code = "async def excerpt():\n" + re.sub(r"^", " ", code, flags=re.MULTILINE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(code, "answer", "exec", flags=flags, dont_inherit=True)
    except SyntaxError as error:
        return "" if flags and _is_excerpt(code) else f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _is_excerpt(code: str) -> bool:
    """Whether it is the inside of a dict or of a call, shown to say what is sent."""
    for opening, closing in (("excerpt = {", "}"), ("excerpt(", ")")):
        try:
            compile(f"{opening}\n{code}\n{closing}", "answer", "exec")
        except (SyntaxError, ValueError):
            continue
        return True
    return False


def _is_cut(block: Block, case: Case) -> bool:
    """Whether a block is a part of code that the answer gives whole: cut from it, or with marks where it was cut."""
    if is_excerpt(block, case.answer):
        return True
    whole = any(other is not block and _imports_fal(other) for other in case.answer.code)
    return whole and not _imports_fal(block) and _CUT.search(block.code) is not None


def _imports_fal(block: Block) -> bool:
    return any("fal" in module for module in modules(block))


def _dedented(code: str) -> str:
    first = re.search(r"^[ \t]+(?=\S)", code)
    if first is None:
        return code
    return "\n".join(line.removeprefix(first[0]) for line in code.split("\n"))


def _node(block: Block) -> str:
    """Ask node for a second opinion; what it says of fragments with ``...`` or a bare ``return`` is left aside."""
    node = shutil.which("node")
    if (
        node is None
        or not any("fal" in module for module in modules(block))
        or ("<" in block.code and "/>" in block.code)
    ):
        return ""
    suffix = ".cjs" if "require(" in block.code and not re.search(r"^\s*import\s", block.code, re.MULTILINE) else ".mjs"
    with tempfile.TemporaryDirectory(prefix="fal-evals-") as folder:
        path = Path(folder, "answer" + suffix)
        path.write_text(block.code, encoding="utf-8", errors="replace")
        try:
            done = subprocess.run(
                [node, "--check", str(path)], capture_output=True, text=True, timeout=NODE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return ""
    return next((line for line in done.stderr.splitlines() if "SyntaxError" in line), "") if done.returncode else ""


def _is_config(block: Block) -> bool:
    return block.language == "json" and re.search(r'"(?:mcpServers|servers|mcp|dependencies)"', block.code) is not None


def _json(code: str) -> str:
    try:
        json.loads(_JSON_COMMENT.sub("", code))
    except (ValueError, RecursionError) as error:
        return f"it is not JSON: {error}"
    return ""
