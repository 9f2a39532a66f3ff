"""Fixtures for tests in which real clients of fal run, unmodified, against a sandbox.

A test module takes them by name: ``fal_sandbox = sandbox_programs.fal_sandbox``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import node_project
from fal_skill.sandbox import Sandbox, Settings, pytest_plugin

fal_sandbox = pytest_plugin.fal_sandbox
fal_sandbox_server = pytest_plugin.fal_sandbox_server

RunNode = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def fal_sandbox_settings() -> Settings:
    """Jobs that are quick, and still seen in all their states."""
    return Settings(queue_seconds=0.05, model_seconds=0.2)


@pytest.fixture(scope="session")
def npm_packages() -> Path | str:
    """The installed npm packages, or why there are none. For the whole session: npm must not be led to the sandbox."""
    try:
        return node_project.node_modules()
    except node_project.NodeMissingError as error:
        return str(error)


@pytest.fixture
def run_node(npm_packages: Path | str, fal_sandbox: Sandbox, tmp_path: Path) -> RunNode:
    """Run an unmodified JavaScript module that imports from ``tests/js/node_modules``."""
    if isinstance(npm_packages, str):
        pytest.skip(npm_packages)
    (tmp_path / "node_modules").symlink_to(npm_packages, target_is_directory=True)

    def run(code: str, *words: str, node: str | None = None) -> subprocess.CompletedProcess[str]:
        (tmp_path / "program.mjs").write_text(code)
        return subprocess.run(
            [node or node_project.node(), *words, "program.mjs"], cwd=tmp_path, env=fal_sandbox.environment(),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run
