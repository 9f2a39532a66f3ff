"""Real clients find the skill, load it and reach its scripts: an opt-in lane that says what ran and what could not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from agents.lane import ASKED, RECIPES, Client, UnavailableClientError, asked_for, installed, namespace_command
from conftest import ROOT

RESULTS: dict[str, str] = {}
"""Client -> what became of it, in the order in which they came; for the summary alone."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"clients: real clients, from npm and PyPI; opt in by {ASKED}=all")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the clients that nobody asked for; the summary says how to ask."""
    asked = asked_for()
    names = {item: getattr(getattr(item, "module", None), "CLIENT", None) for item in items}
    out = [item for item, name in names.items() if name in RECIPES and name not in asked]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in set(out)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not asked_for():
        terminalreporter.write_line(f"real clients were not asked for: {ASKED}=all, or one of {', '.join(RECIPES)}")
        return
    terminalreporter.section("real clients")
    shut_in = "in a network namespace of its own" if namespace_command() else "with a proxy that leads nowhere"
    terminalreporter.write_line(f"each with a fresh HOME and {shut_in}")
    for name in asked_for():
        terminalreporter.write_line(f"{name:20}{RESULTS.get(name, 'no test reached it')}")


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """The client that the module's CLIENT names, installed while the module's tests run."""
    name = request.module.CLIENT
    if name in asked_for() and os.environ.get("PYTEST_XDIST_WORKER"):
        pytest.fail("one client at a time: run this lane with -n 0")
    try:
        with installed(name) as made:
            RESULTS[name] = f"ran {made.version}"
            failed = request.session.testsfailed
            yield made
            if request.session.testsfailed > failed:
                RESULTS[name] += ", FAILED"
    except UnavailableClientError as why:
        RESULTS[name] = f"could not run: {why}"
        pytest.skip(f"{name}: {why}")


@pytest.fixture(scope="session")
def description() -> str:
    front = (ROOT / "SKILL.md").read_text(encoding="utf-8").split("---\n", 2)[1]
    return str(yaml.safe_load(front)["description"])


@pytest.fixture(scope="session")
def body() -> str:
    """A line from the end of SKILL.md that stands nowhere else."""
    return (ROOT / "SKILL.md").read_text(encoding="utf-8").rstrip().splitlines()[-1]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / "work").mkdir(parents=True)
    return folder


@pytest.fixture
def put(home: Path) -> Callable[..., Path]:
    """Install the skill with its own installer and a plain python; return the place."""

    def put(name: str, scope: str = "user", *, link: bool = False) -> Path:
        command = [os.path.realpath(sys.executable), "-S", "-E", str(ROOT / "scripts/install_skill.py")]
        command += ["--client", name, "--scope", scope, *(["--link"] if link else [])]
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(home)}
        subprocess.run(command, env=env, cwd=home / "work", capture_output=True, timeout=60, check=True)
        base = home if scope == "user" else home / "work"
        return base / (".claude" if name == "claude-code" else ".agents") / "skills/fal-ai-models-runner"

    return put
