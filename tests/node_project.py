"""The npm packages that JavaScript tests need, installed once beside their lock file."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

PROJECT = Path(__file__).parent / "js"
MIN_NODE = 20
"""Node's major version from which ``File`` is a global."""


class NodeMissingError(Exception):
    """JavaScript cannot be run or compiled here; the text says why."""


@lru_cache(maxsize=1)
def node() -> str:
    """Return the path of node; NodeMissingError when there is none that is new enough."""
    found = shutil.which("node")
    if found is None:
        raise NodeMissingError("node is not installed")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < MIN_NODE:
        raise NodeMissingError(f"node is {version}, the snippets need {MIN_NODE} or newer")
    return found


@lru_cache(maxsize=1)
def node_modules() -> Path:
    """Return the folder with the installed packages; NodeMissingError when npm cannot install them."""
    node()
    npm = shutil.which("npm")
    if npm is None:
        raise NodeMissingError("npm is not installed")
    folder, mark = PROJECT / "node_modules", PROJECT / "node_modules" / ".installed"
    wanted = (PROJECT / "package-lock.json").read_text()
    with (Path(tempfile.gettempdir()) / "fal-snippet-checks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of one test run
        if mark.exists() and mark.read_text() == wanted:
            return folder
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=240)
        except subprocess.TimeoutExpired:
            raise NodeMissingError("npm ci did not finish in 240 s") from None
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()
            raise NodeMissingError(f"npm ci failed: {reason[-1] if reason else done.returncode}")
        mark.write_text(wanted)
    return folder
