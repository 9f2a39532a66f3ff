"""The workflows: what every one of them needs, and that they run what is there; actionlint checks the syntax in CI."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT

FOLDER = ROOT / ".github/workflows"
FILES = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"[\w-]+/[\w./-]+@(v\d+[\w.]*|[0-9a-f]{40})")
WRITERS = {"release.yml", "registry-drift.yml"}
"""The workflows that may write to the repository."""


def workflow(file: Path) -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return made


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = workflow(file)["jobs"]
    return made


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_job_ends_by_itself_and_every_action_is_pinned(file: Path) -> None:
    for name, job in jobs(file).items():
        if "uses" in job:
            assert job["uses"].startswith("./"), "only workflows of this repository"
            continue
        assert job.get("timeout-minutes"), name
        for step in job["steps"]:
            if "uses" in step:
                assert PINNED.fullmatch(step["uses"]), step["uses"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_only_a_release_and_the_drift_check_may_write(file: Path) -> None:
    granted = [workflow(file)["permissions"], *(job.get("permissions", {}) for job in jobs(file).values())]
    may_write = any(value == "write" for rights in granted for value in rights.values())
    assert not may_write or file.name in WRITERS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_script_that_a_workflow_runs_exists(file: Path) -> None:
    for job in jobs(file).values():
        for step in job.get("steps", []):
            for name in re.findall(r"(?<![\w/])((?:scripts|tools|evals|tests|\.ci)/[\w./-]+)", step.get("run", "")):
                assert (ROOT / name).exists(), name


def test_a_shell_script_sees_no_text_from_outside() -> None:
    """What somebody else may choose (titles, branches) goes through the environment, never into the script's text."""
    for file in FILES:
        for job in jobs(file).values():
            for step in job.get("steps", []):
                assert "${{" not in step.get("run", ""), f"{file.name}: {step.get('name')}"


def test_the_tests_run_on_three_systems_and_five_pythons() -> None:
    matrix = jobs(FOLDER / "ci.yml")["test"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert matrix["python"] == ["3.10", "3.11", "3.12", "3.13", "3.14"]


def test_a_release_is_what_ci_has_tested() -> None:
    made = jobs(FOLDER / "release.yml")
    assert made["publish"]["needs"] == "ci"
    assert made["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in workflow(FOLDER / "ci.yml")[True], "PyYAML reads the key on as true"


def test_the_lane_of_real_clients_names_them_all() -> None:
    from agents.lane import RECIPES

    matrix = jobs(FOLDER / "clients.yml")["client"]["strategy"]["matrix"]
    assert matrix["client"] == sorted(RECIPES)
