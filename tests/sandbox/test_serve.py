"""``sandbox.py serve`` as a test suite uses it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fal_skill.sandbox.local import listening_socket

SCRIPT = Path(__file__).parents[2] / "scripts" / "sandbox.py"


@contextmanager
def serving(*options: str, number: int = signal.SIGTERM) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "serve", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(number)
        process.communicate(timeout=30)


def first_json(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("}"):
            break
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def test_the_environment_it_prints_leads_programs_to_it() -> None:
    with serving() as process:
        told = first_json(process)
        environment: dict[str, Any] = {**os.environ, **told["env"]}
        code = "import fal_client; print(fal_client.run('fal-ai/flux/schnell', {'prompt': 'x'})['prompt'])"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("x\n", "")
        jobs = httpx.get(f"{told['url']}/_sandbox/jobs", trust_env=False).json()["jobs"]
        assert [job["slug"] for job in jobs] == ["fal-ai/flux/schnell"]


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_the_text_form_can_be_sourced() -> None:
    with serving("--format", "text") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        assert lines[0].startswith("unset FAL_KEY_ID")
        name, _, value = lines[1].removeprefix("export ").strip().partition("=")
        assert name == "FAL_KEY"
        assert len(shlex.split(value)[0]) == 69


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_to_with_a_report(tmp_path: Path, number: int) -> None:
    file = tmp_path / "report.json"
    with serving("--report", str(file), number=number) as process:
        told = first_json(process)
    assert process.returncode == 0
    assert json.loads(file.read_text())["jobs"] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{told['url']}/_sandbox/health", trust_env=False)


def test_the_port_can_be_chosen_and_a_taken_one_is_a_one_line_error() -> None:
    with listening_socket() as free:
        port = free.getsockname()[1]
    with serving("--port", str(port)) as process:
        assert first_json(process)["url"] == f"http://127.0.0.1:{port}"
        with serving("--port", str(port)) as second:
            _, err = second.communicate(timeout=30)
        assert second.returncode == 7
        (line,) = err.splitlines()
        assert line.startswith(f"error: port {port} cannot be used")
