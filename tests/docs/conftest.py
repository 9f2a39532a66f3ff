"""One sandbox for all doc tests: it is emptied before each, and every program runs in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import node_project
from conftest import ROOT, Done
from fal_skill.sandbox import Sandbox, Settings, media
from fal_skill.sandbox.local import running

RunProgram = Callable[..., Done]
FILES = {"photo.jpg": ("image", "jpg"), "speech.mp3": ("audio", "mp3")}
"""What programs in the docs upload: name -> (medium, format)."""


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[Sandbox]:
    with running(Settings(queue_seconds=0.02, model_seconds=0.2)) as made:
        yield made


@pytest.fixture
def sandbox(sandbox_server: Sandbox) -> Sandbox:
    sandbox_server.reset()
    return sandbox_server


@pytest.fixture
def run_program(sandbox: Sandbox, tmp_path: Path) -> RunProgram:
    """Run Python or JavaScript text as a program that finds the sandbox where it looks for fal."""

    def run(code: str, language: str, *words: str, env: dict[str, str] | None = None, seconds: float = 60) -> Done:
        for name, (kind, form) in FILES.items():
            if name in code:
                (tmp_path / name).write_bytes(media.make(kind, format=form).content)
        command = [sys.executable, "-W", "error", "program.py"]
        if language == "python":
            (tmp_path / "program.py").write_text(code, encoding="utf-8")
        else:
            modules = tmp_path / "node_modules"
            if not modules.exists():
                modules.symlink_to(node_modules())
            (tmp_path / "program.mjs").write_text(code, encoding="utf-8")
            command = [node_project.node(), "program.mjs"]
        variables: dict[str, Any] = {**sandbox.environment(), "HOME": str(tmp_path), **(env or {})}
        variables["PYTHONPATH"] = os.pathsep.join([str(ROOT / "scripts"), variables.get("PYTHONPATH", "")])
        done = subprocess.run(
            [*command, *words],
            cwd=tmp_path,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
        )
        return Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    return run


def node_modules() -> Path:
    """Return the JavaScript packages; skip, and say why, where there is no node."""
    try:
        return node_project.node_modules()
    except node_project.NodeMissingError as error:
        pytest.skip(f"JavaScript is not run: {error}")
