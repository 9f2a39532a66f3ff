"""Docs are tests: every fenced block compiles and runs, or says why not."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from docs.conftest import RunProgram, node_modules
from docs.pages import README, Block, blocks
from docs.scenarios import Receiver, asking
from fal_skill.arguments import ERROR, check_arguments
from fal_skill.calls import Unknown, extract
from fal_skill.calls.call import MODEL_PATTERNS
from fal_skill.registry import KNOWN, Registry
from fal_skill.sandbox import Sandbox
from sandbox_calls import submitted, until

PYTHON, JAVASCRIPT, SHELL, DATA = (
    {"python"},
    {"js", "javascript", "ts", "typescript"},
    {"sh", "bash"},
    {"json", "yaml", "toml"},
)
OUR_SCRIPTS = re.compile(r"scripts/(\w+\.py)")
SETUP = {"sh .ci/test": "it runs these very tests"}
"""Commands of README.md that a doc test does not run, and why."""
ALLOWED_VIOLATIONS = {
    "rejected-arguments": {"errors.md"},
    "unknown-slug": {"errors.md"},
}
"""What a program in the docs may do wrong to show what then happens: code -> pages."""


def of(languages: set[str]) -> list[Any]:
    return [pytest.param(block, id=str(block)) for block in blocks() if block.language in languages]


def runnable(languages: set[str]) -> list[Any]:
    return [
        pytest.param(block, id=str(block)) for block in blocks() if block.language in languages and not block.not_run
    ]


LANGUAGES = {"js": "javascript", "ts": "typescript"}


def filled(value: Any) -> Any:
    """Return arguments with an address for every part that only a run would tell."""
    if isinstance(value, Unknown):
        return "https://example.com/file"
    if isinstance(value, dict):
        return {name: filled(part) for name, part in value.items()}
    return [filled(part) for part in value] if isinstance(value, list) else value


def test_every_block_has_a_language_that_is_checked() -> None:
    for block in blocks():
        assert block.language in PYTHON | JAVASCRIPT | SHELL | DATA, f"{block}: {block.language!r}"


def test_a_block_that_is_not_run_says_why() -> None:
    for block in blocks():
        assert block.not_run is None or len(block.not_run) > 10, block


def test_most_programs_are_run() -> None:
    programs = [block for block in blocks() if block.language in PYTHON | JAVASCRIPT]
    assert sum(block.not_run is None for block in programs) > 0.75 * len(programs) > 8


@pytest.mark.parametrize("block", of(PYTHON))
def test_python_compiles(block: Block) -> None:
    compile(block.code, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_javascript_compiles(tmp_path: Path) -> None:
    """By TypeScript's compiler, all in one go: strictly what is TypeScript, with the SDK's types."""
    modules = node_modules()
    (tmp_path / "node_modules").symlink_to(modules)
    options = ["--noEmit", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "--strict"]
    names = []
    for number, block in enumerate(block for block in blocks() if block.language in JAVASCRIPT):
        suffix = "mts" if block.language in ("ts", "typescript") else "mjs"
        names.append(f"{block.page.stem}-{block.line}-{number}.{suffix}")
        (tmp_path / names[-1]).write_text(block.code)
    assert names
    command = [str(modules / ".bin" / "tsc"), *options, "--allowJs", *names]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("block", of(PYTHON | JAVASCRIPT))
def test_calls_fit_the_registry_and_the_sdk(block: Block, registry: Registry) -> None:
    for call in extract(block.code, LANGUAGES.get(block.language, block.language)):
        assert not call.misfits and not call.lacking, (call.method, call.misfits, call.lacking)
        if call.slug is None:
            assert call.pattern not in MODEL_PATTERNS, call.unresolved
            continue
        assert registry.status(call.slug) == KNOWN, call.slug
        if call.pattern in MODEL_PATTERNS and block.page.name not in ALLOWED_VIOLATIONS["rejected-arguments"]:
            findings = check_arguments(registry.require(call.slug), filled(call.arguments))
            assert not [finding for finding in findings if finding.severity == ERROR]


@pytest.mark.parametrize("block", runnable(PYTHON | JAVASCRIPT))
def test_a_program_runs(block: Block, sandbox: Sandbox, run_program: RunProgram) -> None:
    done = run_program(block.code, "python" if block.language in PYTHON else "javascript")
    assert done.code == 0, done.err
    assert done.out.strip(), "it printed nothing"
    for violation in sandbox.report(final=True)["violations"]:
        assert block.page.name in ALLOWED_VIOLATIONS.get(violation["code"], set()), violation


def test_the_receiver_in_webhooks_md_accepts_a_delivery_once(sandbox: Sandbox, run_program: RunProgram) -> None:
    (block,) = (block for block in blocks() if block.page.name == "webhooks.md" and "def accepted(" in block.code)
    with Receiver() as receiver, asking(sandbox) as client:
        submitted(client, params={"fal_webhook": receiver.url})
        until(lambda: receiver.deliveries)
    headers, body = receiver.deliveries[0]
    driver = f"""
headers, body = {headers!r}, {body!r}
print(accepted(headers, body), accepted(headers, body), accepted(headers, body + b" "))
"""
    done = run_program(block.code + driver, "python")
    assert done.out.splitlines()[-1] == "True False False", done.err
    assert "refused: bad-signature" in done.out


def commands(block: Block) -> list[list[str]]:
    """Return the commands of a shell block as lists of words, comments and continuations resolved."""
    text = block.code.replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    return [shlex.split(line, comments=True) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("block", runnable(SHELL))
def test_shell_commands_run(block: Block, tmp_path: Path) -> None:
    """With a fresh HOME and no key; `uv run` stands for the Python that runs the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FAL_", "XDG_"))}
    environment |= {"HOME": str(tmp_path), "PYTHONWARNINGS": "error"}
    for words in commands(block):
        if " ".join(words) in SETUP:
            assert block.page == README
            continue
        forgiven = words[-2:] == ["||", "true"]
        words = words[:-2] if forgiven else words
        if words[:3] == ["sh", ".ci/uv", "run"] or words[:2] == ["uv", "run"]:
            words = ["python3", *words[words.index("run") + 1 :]]
        assert words[0] in ("python3", "python"), f"{block}: {words[0]} is not run by the tests"
        assert OUR_SCRIPTS.search(words[1]) or "bench" in words[1], words
        if "bench" in words[1]:
            continue
        done = subprocess.run(
            [sys.executable, *words[1:]],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0 or forgiven, (words, done.stderr.decode())
        assert done.stdout, words


@pytest.mark.parametrize("block", of(DATA))
def test_data_parses(block: Block) -> None:
    if block.language == "json":
        json.loads(block.code)
    elif block.language == "yaml":
        yaml.safe_load(block.code)
    else:
        tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read TOML")
        tomllib.loads(block.code)


def test_inline_commands_name_scripts_and_options_that_exist() -> None:
    """``scripts/x.py … --option`` anywhere in the docs: the script exists and its help knows the option."""
    helps: dict[str, str] = {}
    for page in sorted({block.page for block in blocks()}):
        for span in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
            found = re.match(r"(?:python3? |uv run )?(?:scripts/)?(\w+\.py)\b(.*)", span)
            if not found or not (ROOT / "scripts" / found[1]).exists():
                assert (
                    not found
                    or found[1] in {"configfiles.py"}
                    or "scripts/" not in span
                    or (ROOT / span.split()[0]).exists()
                ), span
                continue
            name = found[1]
            if name not in helps:
                command = [sys.executable, str(ROOT / "scripts" / name), "--help"]
                done = subprocess.run(command, capture_output=True, text=True, timeout=60)
                assert done.returncode == 0, done.stderr
                helps[name] = done.stdout
                if name == "sandbox.py":
                    more = subprocess.run([*command[:2], "exec", "--help"], capture_output=True, text=True, timeout=60)
                    helps[name] += more.stdout
            for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", found[2].partition(" -- ")[0]):
                assert option in helps[name], f"{page.name}: {name} has no {option}"


def test_node_is_there_where_ci_wants_it() -> None:
    """JavaScript blocks are skipped without node; a machine that has it must run them."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed: JavaScript blocks are compiled and run where it is")
    assert any(block.language in JAVASCRIPT and not block.not_run for block in blocks())
