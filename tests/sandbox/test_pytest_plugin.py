"""The fixture, in the hands of somebody else's test suite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fal_client
import pytest

from fal_skill.sandbox import Sandbox, pytest_plugin

SCRIPTS = Path(__file__).parents[2] / "scripts"

SUITE = """
import asyncio, os, subprocess, sys
import fal_client, pytest

CALL = ("fal-ai/flux/schnell", {"prompt": "a cat"})

def test_a_call_in_process(fal_sandbox):
    assert fal_client.subscribe(*CALL)["images"]
    assert [job.slug for job in fal_sandbox.jobs] == [CALL[0]]
    assert fal_sandbox.violations == []

def test_every_test_starts_with_an_empty_sandbox(fal_sandbox):
    assert fal_sandbox.jobs == []

@pytest.mark.parametrize("time", [1, 2])
def test_each_test_may_have_an_event_loop_of_its_own(fal_sandbox, time):
    assert asyncio.run(fal_client.run_async(*CALL))["images"]

def test_a_child_process_finds_it_too(fal_sandbox):
    subprocess.run([sys.executable, "-c", f"import fal_client; fal_client.run(*{CALL!r})"], check=True)
    assert len(fal_sandbox.jobs) == 1

def test_faults_can_be_ordered(fal_sandbox):
    fal_sandbox.add_fault("content-policy")
    with pytest.raises(fal_client.FalClientHTTPError):
        fal_client.run(*CALL)

def test_uploads(fal_sandbox, tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    assert fal_client.upload_file(tmp_path / "a.txt").startswith("https://v3.fal.media/")

def test_afterwards_the_environment_is_as_before():
    assert os.environ.get("FAL_KEY") == "users-own"
    assert "FAL_SANDBOX" not in os.environ
"""


def pytest_run(folder: Path, *options: str) -> tuple[int, str]:
    environment = {**os.environ, "FAL_KEY": "users-own", "PYTHONPATH": str(SCRIPTS), "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("options", [(), ("-p", "no:fal_sandbox")], ids=["as-installed", "without-entry-point"])
def test_a_suite_of_ones_own_runs_against_the_sandbox(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "conftest.py").write_text("from fal_skill.sandbox.pytest_plugin import *\n")
    (tmp_path / "test_app.py").write_text(SUITE)
    code, out = pytest_run(tmp_path, *options)
    assert code == 0, out
    assert "8 passed" in out


def test_settings_can_be_overridden(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        """
import pytest
from fal_skill.sandbox import Settings
from fal_skill.sandbox.pytest_plugin import *

@pytest.fixture(scope="session")
def fal_sandbox_settings():
    return Settings(allow_slugs=("me/my-app",), model_seconds=0)
"""
    )
    (tmp_path / "test_app.py").write_text(
        'import fal_client\ndef test_own(fal_sandbox):\n    assert fal_client.run("me/my-app", {})["output"]\n'
    )
    code, out = pytest_run(tmp_path)
    assert code == 0, out


def test_a_suite_that_does_not_use_it_does_not_pay_for_it(tmp_path: Path) -> None:
    heavy = {"starlette", "uvicorn", "trustme", "mcp", "jsonschema"}
    suite = f"import sys\ndef test_nothing():\n    assert not {heavy!r} & set(sys.modules)\n"
    (tmp_path / "test_app.py").write_text(suite)
    code, out = pytest_run(tmp_path, "-p", "no:fal_sandbox", "-p", "fal_skill.sandbox.pytest_plugin")
    assert code == 0, out


def test_shared_clients_forget_what_they_found(fal_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    fal_client.run("fal-ai/flux/schnell", {"prompt": "x"})
    monkeypatch.setenv("FAL_KEY", "another")
    fal_client.run("fal-ai/flux/schnell", {"prompt": "y"})
    pytest_plugin.forget_clients()
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        fal_client.run("fal-ai/flux/schnell", {"prompt": "z"})
    assert caught.value.status_code == 401
