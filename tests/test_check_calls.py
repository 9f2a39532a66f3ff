"""check_calls.py as its user runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT, RunScript, one_line_error

BAD = 'import fal_client\nr = fal_client.subscribe("fal-ai/flux/dev", {"prompt": "a"})\nprint(r.data)\n'
WARN = 'import fal_client\nfal_client.run("fal-ai/flux-schnell", arguments=a)\n'
GOOD = 'import fal_client\nr = fal_client.run("fal-ai/flux/dev", {"prompt": "a"})\nprint(r["images"][0]["url"])\n'
NODE = (
    'import { fal } from "@fal-ai/client";\nconst r = await fal.run("fal-ai/flux/dev", { input: { prompt: '
    '"a" } });\nr.images;\n'
)
KEY = "7d41a9c2-90b3-4c5e-8f6a-1b2c3d4e5f60:9f8e7d6c5b4a39281706f5e4d3c2b1a0"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [(GOOD, [], 0), (WARN, [], 0), (WARN, ["--strict"], 1), (BAD, [], 1), ("print('nothing of the kind')", [], 0)],
)
def test_errors_give_exit_code_1_and_warnings_only_when_asked(
    run_script: RunScript, project: Path, text: str, options: list[str], code: int
) -> None:
    (project / "a.py").write_text(text)
    done = run_script("check_calls.py", str(project), *options)
    assert done.code == code, done.err
    assert done.err == ""


def test_the_json_report_keeps_its_contract(run_script: RunScript, project: Path) -> None:
    (project / "a.py").write_text(BAD)
    (project / "b.ts").write_text(NODE)
    (project / ".env").write_text(f"FAL_KEY={KEY}\n")
    report = run_script("check_calls.py", str(project)).json
    assert set(report) == {"snapshot", "calls", "findings", "summary"}
    for call in report["calls"]:
        assert set(call) >= {"file", "line", "language", "slug", "pattern", "arguments", "findings"}
        for finding in call["findings"]:
            assert set(finding) >= {"severity", "code", "path", "message", "hint"}
    assert [(call["language"], call["slug"], call["arguments"]) for call in report["calls"]] == [
        ("python", "fal-ai/flux/dev", {"prompt": "a"}),
        ("typescript", "fal-ai/flux/dev", {"prompt": "a"}),
    ]
    assert [finding["code"] for finding in report["findings"]] == ["hard-coded-key"]
    assert report["summary"]["errors"] == 3
    assert report["summary"]["files_about_fal"] == 3
    assert KEY not in json.dumps(report)


def test_the_text_report_has_a_line_for_each_problem_and_a_summary(run_script: RunScript, project: Path) -> None:
    (project / "a.py").write_text(BAD)
    done = run_script("check_calls.py", str(project / "a.py"), "--format", "text")
    first, last = done.out.strip().split("\n")
    assert first.startswith(f"{project / 'a.py'}:3:7: error[result-access] data: ")
    assert last.startswith("1 file, 1 fal call (0 unresolved): 1 error, 0 warnings; snapshot of ")


def test_texts_of_a_repository_cannot_steer_the_terminal(run_script: RunScript, project: Path) -> None:
    (project / "a\x1b[2Jb.py").write_text('import fal_client\nfal_client.run("fal-ai/\x1b[31mflux", arguments=a)\n')
    done = run_script("check_calls.py", str(project), "--format", "text", "--notes")
    assert "\x1b" not in done.out
    assert "a\\x1b[2Jb.py:2:" in done.out


def test_notes_are_shown_when_asked(run_script: RunScript, project: Path) -> None:
    (project / "a.py").write_text("import fal_client\ndef f(m): fal_client.run(m, {})\n")
    assert "unresolved-call" not in run_script("check_calls.py", str(project), "--format", "text").out
    assert "note[unresolved-call]" in run_script("check_calls.py", str(project), "--format", "text", "--notes").out


def test_the_sarif_log_is_one_document(run_script: RunScript, project: Path) -> None:
    (project / "a.py").write_text(BAD)
    done = run_script("check_calls.py", str(project), "--format", "sarif")
    assert done.code == 1
    assert done.json["version"] == "2.1.0"
    assert done.json["runs"][0]["results"][0]["ruleId"] == "result-access"


@pytest.mark.parametrize(
    ("text", "options", "language"),
    [(GOOD, [], "python"), (GOOD, ["--language", "python"], "python"), (NODE, [], "typescript"),
     (f"# Doc\n\n```python\n{GOOD}```\n", ["--language", "markdown"], "python")],
)  # fmt: skip
def test_stdin_is_read_in_the_language_it_is_in(
    run_script: RunScript, text: str, options: list[str], language: str
) -> None:
    report = run_script("check_calls.py", "-", *options, stdin=text).json
    assert [(call["file"], call["language"]) for call in report["calls"]] == [("<stdin>", language)]


def test_fixes_are_written_and_told(run_script: RunScript, project: Path) -> None:
    path = project / "a.py"
    path.write_text('import fal_client\nfal_client.run("fal-ai/gpt-image-2", arguments=a)\n')
    done = run_script("check_calls.py", str(project), "--fix", "--format", "text")
    assert done.code == 0
    assert f"{path}:2: fixed[renamed-slug]" in done.out
    assert '"openai/gpt-image-2"' in path.read_text()
    assert run_script("check_calls.py", str(project)).json["summary"]["warnings"] == 0


def test_without_fix_nothing_is_written(run_script: RunScript, project: Path) -> None:
    path = project / "a.py"
    path.write_text('import fal_client\nfal_client.run("fal-ai/gpt-image-2", arguments=a)\n')
    before = path.read_bytes()
    report = run_script("check_calls.py", str(project)).json
    assert report["calls"][0]["findings"][0]["fixable"]
    assert path.read_bytes() == before


def test_output_is_bounded(run_script: RunScript, project: Path) -> None:
    (project / "a.py").write_text("import fal_client\n" + 'fal_client.run("fal-ai/flux/dev", {"prompt": "a"})\n' * 30)
    report = run_script("check_calls.py", str(project), "--limit", "5").json
    assert len(report["calls"]) == 5
    assert report["summary"]["calls_left_off"] == 25
    (project / "b.py").write_text(
        "import fal_client\nfal_client.run('fal-ai/flux/dev', {'prompt': '%s'})\n" % ("x" * 50_000)
    )
    assert len(run_script("check_calls.py", str(project / "b.py")).out) < 5000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no PATH"),
        (["missing.py"], "No such file"),
        (["--limit", "0", "."], "at least 1"),
        (["--explain", "nonsense"], "unknown code"),
        (["-", "--fix"], "stdin"),
        ([".", "--format", "xml"], "invalid choice"),
    ],
)
def test_misuse_is_one_line_with_exit_code_2(run_script: RunScript, arguments: list[str], words: str) -> None:
    done = run_script("check_calls.py", *arguments)
    assert done.code == 2
    assert words in one_line_error(done)


def test_every_code_can_be_explained(run_script: RunScript) -> None:
    done = run_script("check_calls.py", "--explain", "failed-status")
    assert done.code == 0
    assert "COMPLETED" in done.out


def test_python_is_checked_without_the_optional_packages(run_script: RunScript, project: Path) -> None:
    blocked = project.parent / "blocked"
    blocked.mkdir()
    for name in ("tree_sitter", "tree_sitter_javascript", "tree_sitter_typescript", "markdown_it", "pathspec"):
        (blocked / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module named {name}', name={name!r})\n")
    (project / "a.py").write_text(BAD)
    (project / "b.ts").write_text(NODE)
    (project / "c.md").write_text(f"```python\n{BAD}```\n")
    environment = {"PYTHONPATH": str(blocked)}
    done = run_script("check_calls.py", str(project), env=environment)
    assert done.code == 1
    assert [call["file"][-4:] for call in done.json["calls"]] == ["a.py"]
    assert done.err.splitlines() == [
        "error: JavaScript and TypeScript not checked in 1 file: uv run scripts/check_calls.py …, or pip install "
        "tree-sitter tree-sitter-javascript tree-sitter-typescript",
        "error: Markdown not checked in 1 file: uv run scripts/check_calls.py …, or pip install markdown-it-py",
    ]
    (project / "a.py").write_text(GOOD)
    assert run_script("check_calls.py", str(project), env=environment).code == 7


def test_names_are_checked_without_jsonschema(run_script: RunScript, project: Path) -> None:
    blocked = project.parent / "blocked"
    blocked.mkdir()
    (blocked / "jsonschema.py").write_text(
        "raise ModuleNotFoundError('No module named jsonschema', name='jsonschema')\n"
    )
    (project / "a.py").write_text(BAD + WARN)
    done = run_script("check_calls.py", str(project), env={"PYTHONPATH": str(blocked)})
    found = [finding["code"] for call in done.json["calls"] for finding in call["findings"]]
    assert found == ["result-access", "unknown-slug"]
    assert "the arguments not checked in 1 file" in done.err


def packages_of_the_script() -> set[str]:
    block = (ROOT / "scripts" / "check_calls.py").read_text(encoding="utf-8").split("# ///")[1]
    return set(re.findall(r'"([^"]+)"', block.partition("dependencies")[2]))


def test_the_pre_commit_hook_runs_this_command_with_what_it_needs(run_script: RunScript, project: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["id"] == "check-fal-calls"
    assert hook["language"] == "python"
    # jsonschema comes with the package itself
    assert {*hook["additional_dependencies"], "jsonschema>=4.20,<5"} == packages_of_the_script()
    (project / "a.py").write_text(BAD)
    command = [sys.executable, *hook["entry"].split()[1:], str(project / "a.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT / "scripts", check=False)
    assert done.returncode == 1
    assert "error[result-access]" in done.stdout


def step(action: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step for step in action["runs"]["steps"] if step["name"] == name)


@pytest.fixture
def action() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return made


def test_the_action_installs_what_the_script_needs(action: dict[str, Any]) -> None:
    assert action["runs"]["using"] == "composite"
    assert set(re.findall(r'"([a-z-]+[>=][^"]+)"', step(action, "install")["run"])) == packages_of_the_script()


def test_inputs_of_the_action_reach_the_shell_by_the_environment_alone(action: dict[str, Any]) -> None:
    for each in action["runs"]["steps"]:
        assert "${{" not in each["run"], "an input must not be read as code by the shell"


@pytest.mark.skipif(shutil.which("bash") is None, reason="the action's steps are bash scripts")
@pytest.mark.parametrize(("text", "options", "code"), [(GOOD, "", 0), (BAD, "", 1), (WARN, "--strict", 1)])
def test_the_actions_step_checks_and_writes_its_log(
    action: dict[str, Any], project: Path, text: str, options: str, code: int
) -> None:
    (project / "a.py").write_text(text)
    folder = project.parent / "check-calls" / "bin"
    folder.mkdir(parents=True)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    environment = {
        **os.environ, "FOLDER": str(folder.parent), "SCRIPT": str(ROOT / "scripts" / "check_calls.py"),
        "PATHS": ". a.py",
        "OPTIONS": options, "SARIF": "log.sarif",
    }  # fmt: skip
    command = ["bash", "-e", "-o", "pipefail", "-c", step(action, "check")["run"]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project, env=environment, check=False)
    assert done.returncode == code, done.stderr
    assert json.loads((project / "log.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert "1 fal call " in done.stdout
