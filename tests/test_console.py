"""The manners that all scripts share, tried on one of them and on the whole set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import SCRIPTS, RunScript
from fal_skill.errors import EXIT_CODES, shown

ALL_SCRIPTS = sorted(path.name for path in SCRIPTS.glob("*.py"))


@pytest.mark.parametrize("script", ALL_SCRIPTS)
def test_help_has_purpose_examples_and_exit_codes(run_script: RunScript, script: str) -> None:
    done = run_script(script, "--help")
    assert done.code == 0
    assert done.err == ""
    assert "examples:" in done.out
    assert "exit codes:" in done.out
    assert len(done.out) < 6000


@pytest.mark.parametrize("script", ALL_SCRIPTS)
def test_a_wrong_option_is_one_line_and_exit_code_2(run_script: RunScript, script: str) -> None:
    done = run_script(script, "--no-such-option")
    assert done.code == 2
    assert "Traceback" not in done.err
    assert done.err.startswith("error: ")


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize("script", ["verify_slug.py", "fetch_schema.py"])
@pytest.mark.parametrize("redirect", [">&-", "| true", "> /dev/full"])
def test_a_closed_or_full_stdout_is_no_traceback(script: str, redirect: str) -> None:
    if redirect == "> /dev/full" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = f'"{sys.executable}" "{SCRIPTS / script}" fal-ai/flux/schnell {redirect}'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_output_survives_an_old_console(run_script: RunScript) -> None:
    done = run_script(
        "verify_slug.py", "fal-ai/schnell-\N{SNOWMAN}", "--format", "text", env={"PYTHONIOENCODING": "cp1252"}
    )
    assert "Traceback" not in done.err
    assert done.code == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a/b", "'a/b'"), ("a\nb", "'a\\nb'"), ("\ud800", "'\\ud800'"), ("x" * 100, "'" + "x" * 80 + "…'")],
)
def test_values_in_messages_stay_on_one_line_and_short(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_exit_codes_are_told_apart() -> None:
    assert sorted(EXIT_CODES) == list(range(9))
