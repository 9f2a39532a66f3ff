"""The command ``render_snippet.py``: its output, exit codes and one-line errors."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "render_snippet.py"
FLUX = "fal-ai/flux/schnell"


def ran(*arguments: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, cwd=cwd, timeout=60)


def test_json_is_the_default_when_the_output_is_no_terminal() -> None:
    done = ran(FLUX, "--arguments", '{"prompt": "a cat"}')
    assert done.returncode == 0 and done.stderr == ""
    made = json.loads(done.stdout)
    assert list(made) == ["code", "filename", "language", "pattern", "install", "run", "findings"]
    assert (made["filename"], made["language"], made["pattern"]) == ("fal_subscribe.py", "python", "subscribe")
    assert made["install"] == "pip install 'fal-client>=1.0.3,<2'" and made["findings"] == []
    assert made["run"] == "python fal_subscribe.py"
    ast.parse(made["code"])


def test_text_is_the_code_alone() -> None:
    done = ran(FLUX, "--arguments", '{"prompt": "é 😀"}', "--format", "text")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("import fal_client\n") and '"é 😀"' in done.stdout and done.stdout.endswith(")\n")
    ast.parse(done.stdout)


def test_findings_go_to_stderr_in_text(tmp_path: Path) -> None:
    done = ran(FLUX, "--arguments", '{"prompt": "a", "stepz": 3}', "--format", "text")
    assert done.returncode == 0
    assert "warning[unknown-field] stepz" in done.stderr and "stepz" in done.stdout


@pytest.mark.parametrize("form", ["json", "text"])
def test_arguments_that_must_fail_give_no_code_unless_forced(form: str) -> None:
    call = (FLUX, "--arguments", '{"image_size": "square"}', "--format", form)
    done = ran(*call)
    assert done.returncode == 4
    assert "error: no code" in done.stderr and "import fal_client" not in done.stdout
    if form == "json":
        made = json.loads(done.stdout)
        assert made["code"] is None and made["findings"][0]["code"] == "missing-required"
    forced = ran(*call, "--force")
    assert forced.returncode == 0 and "import fal_client" in forced.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["fal-ai/flux/schnel"], 3, "fal-ai/flux/schnell"),
        ([""], 2, "empty"),
        (["../../etc/passwd"], 3, "unknown slug"),
        (["x" * 10_000], 3, "unknown slug"),
        ([FLUX, "--arguments", "{"], 2, "not valid JSON"),
        ([FLUX, "--arguments", "[1]"], 2, "is an array"),
        ([FLUX, "--arguments", '{"prompt": NaN}'], 2, "NaN"),
        ([FLUX, "--arguments", "@/no/such/file"], 2, "cannot read"),
        ([FLUX, "--arguments", '{"prompt": "\\ud800"}'], 4, "lone surrogate"),
        ([FLUX, "--arguments", '{"prompt": "a", "seed": 99999999999999999999}', "--language", "javascript"], 4, "2^53"),
        ([FLUX, "--arguments", '{"x": ' + "[" * 60 + "]" * 60 + "}"], 4, "nested"),
        ([FLUX, "--arguments", '{"x": ' + "[" * 900 + "]" * 900 + "}"], 4, "nested"),
        ([FLUX, "--arguments", '{"x": ' + "[" * 9000 + "]" * 9000 + "}"], 2, "nested"),
        ([FLUX, "--pattern", "batch", "--unit-cost", "nan"], 2, "--unit-cost"),
        ([FLUX, "--language", "ruby"], 2, "invalid choice"),
        ([FLUX, "--pattern", "poll"], 2, "invalid choice"),
        ([FLUX, "--client-timeout", "0"], 2, "more than 1 second"),
        ([FLUX, "--client-timeout", "nan"], 2, "more than 1 second"),
        ([FLUX, "--expires", "soon"], 2, "--expires"),
        ([FLUX, "--framework", "flask"], 2, "pattern webhook"),
        ([FLUX, "--pattern", "batch", "--max-cost", "-1"], 2, "--max-cost"),
        ([FLUX, "--values", "a.csv"], 2, "--values applies to pattern batch alone"),
        ([FLUX, "--out", "images"], 2, "--out applies to pattern batch alone"),
        ([FLUX, "--pattern", "batch", "--values", "photos/*.jpg"], 2, "takes no file"),
        ([FLUX, "--pattern", "batch", "--values", "x" * 9000], 2, "none of the forms"),
        ([FLUX, "--pattern", "batch", "--values", "a.csv", "--language", "javascript"], 2, "--language python"),
        ([FLUX, "--unknown"], 2, "--unknown"),
        ([], 2, "SLUG"),
    ],
)
def test_bad_input_is_one_line_with_the_documented_exit_code(arguments: list[str], code: int, said: str) -> None:
    if "--arguments" not in arguments and len(arguments) > 1:
        arguments = [*arguments, "--arguments", '{"prompt": "a"}']
    done = ran(*arguments)
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert said in done.stderr and "Traceback" not in done.stderr
    assert len(lines) == 1 and len(lines[0]) < 600
    assert done.stdout == ""


def test_a_batch_over_a_file_needs_no_value_in_the_arguments() -> None:
    done = ran(FLUX, "--pattern", "batch", "--values", "prompts.csv", "--out", "images", "--max-cost", "3")
    assert done.returncode == 0 and done.stderr == ""
    made = json.loads(done.stdout)
    assert list(made) == ["code", "filename", "language", "pattern", "install", "run", "findings"]
    assert 'open("prompts.csv"' in made["code"] and 'OUT = Path("images")' in made["code"]
    ast.parse(made["code"])


def test_arguments_are_read_from_a_file_and_from_stdin(tmp_path: Path) -> None:
    (tmp_path / "call.json").write_text('{"prompt": "from a file"}')
    assert "from a file" in ran(FLUX, "--arguments", "@call.json", cwd=tmp_path).stdout
    assert "from stdin" in ran(FLUX, "--arguments", "-", stdin='{"prompt": "from stdin"}').stdout


def test_a_closed_output_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, str(SCRIPT), FLUX, "--arguments", '{"prompt": "a"}']
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert done.returncode == 0 and done.stderr == ""


def test_a_users_own_endpoint_is_rendered_with_a_note() -> None:
    done = ran("workflows/me/storyboard", "--arguments", '{"image_url": "a.png"}')
    assert done.returncode == 0, done.stderr
    assert "user-endpoint" in [finding["code"] for finding in json.loads(done.stdout)["findings"]]


def test_a_larger_program_names_each_of_its_files_in_text() -> None:
    call = (FLUX, "--arguments", '{"prompt": "a"}', "--language", "typescript", "--pattern", "webhook")
    done = ran(*call, "--framework", "nextjs", "--format", "text")
    assert "// --- lib/fal-submit.ts ---" in done.stdout


def test_the_help_shows_examples_and_exit_codes() -> None:
    done = ran("--help")
    assert done.returncode == 0
    for part in ("examples:", "exit codes:", "3  unknown slug", "4  invalid arguments", "--pattern", "--framework"):
        assert part in done.stdout
