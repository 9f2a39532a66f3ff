"""What all tests share: the real registry, and a way to run a script as its user does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fal_skill.registry import Registry

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"


class Done(NamedTuple):
    """A finished script."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests in the background lets them ignore Ctrl-C, and the programs under test inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

RunScript = Callable[..., Done]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry()  # not the default: a developer may have an overlay of his own


@pytest.fixture
def run_script(tmp_path: Path) -> RunScript:
    """Run ``scripts/NAME`` in a fresh process with an empty HOME and without any fal key."""

    def run(name: str, *arguments: str, stdin: str | bytes | None = "", env: dict[str, str] | None = None) -> Done:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("FAL_")}
        done = subprocess.run(
            [sys.executable, str(SCRIPTS / name), *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env={**kept, "HOME": str(tmp_path), "PYTHONWARNINGS": "error", **(env or {})},
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    return run


def one_line_error(done: Done) -> str:
    """Return the error line of a failed script; fail if there is a traceback or more than one line."""
    assert "Traceback" not in done.err, done.err
    lines = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, done.err
    return lines[0]
