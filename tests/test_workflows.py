"""The scheduled job runs commands that exist."""

from __future__ import annotations

import re
import shlex

import yaml

from conftest import ROOT, RunScript

WORKFLOW = ROOT / ".github" / "workflows" / "registry-drift.yml"


def commands() -> list[list[str]]:
    """Return the words of each call of the refresh script in the workflow."""
    steps = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]["refresh"]["steps"]
    text = "\n".join(step.get("run", "") for step in steps).replace("\\\n", " ")
    return [shlex.split(found) for found in re.findall(r"refresh_registry\.py ([^>|\n]*)", text)]


def test_every_option_of_the_scheduled_job_is_one_of_the_scripts(run_script: RunScript) -> None:
    known = run_script("refresh_registry.py", "--help").out
    found = commands()
    assert len(found) == 2
    for words in found:
        assert all(re.search(rf"{word}\b", known) for word in words if word.startswith("--"))


def test_the_job_asks_for_no_more_rights_than_it_uses() -> None:
    document = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    assert document["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert "secrets.FAL_KEY" in WORKFLOW.read_text("utf-8")
    for step in document["jobs"]["refresh"]["steps"]:
        assert "secrets." not in step.get("run", ""), "a secret belongs in env, never in a command"
