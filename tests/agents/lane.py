"""The lane of real clients: which there are, how one is installed for a while, and how it is run shut in.

Opt-in, for it downloads 100 to 400 MB a client: ``FAL_SKILL_CLIENTS=all`` or names with commas between. Each client is
installed into a temporary folder outside the repository and removed when its tests are done: one is there at a time.
``FAL_SKILL_CLIENTS_LATEST=1`` takes the newest versions in the place of those that are pinned here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ASKED, LATEST = "FAL_SKILL_CLIENTS", "FAL_SKILL_CLIENTS_LATEST"
HERE = Path(__file__).resolve().parent
INSTALL_SECONDS, RUN_SECONDS = 900, 120
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class Recipe(NamedTuple):
    """The packages of a client, pinned to the versions that were tried; the first is the client itself."""

    npm: tuple[str, ...] = ()
    pypi: tuple[str, ...] = ()


RECIPES: dict[str, Recipe] = {
    "claude-code": Recipe(npm=("@anthropic-ai/claude-code@2.1.330",)),
    "codex": Recipe(npm=("@openai/codex@0.169.0",)),
    "deepagents": Recipe(pypi=("deepagents==0.7.32",)),
    "gemini-cli": Recipe(npm=("@google/gemini-cli@0.61.0",)),
    "inspect-ai": Recipe(pypi=("inspect-ai==0.3.285",)),
    # Its skill tool looks for rg, and would download one.
    "opencode": Recipe(npm=("opencode-ai@1.18.33",), pypi=("ripgrep==14.1.0",)),
    "pydantic-ai-skills": Recipe(pypi=("pydantic-ai-skills==2.1.0",)),
    # 1.7 wants Node 22.20, which npm has as a package; with Node 20 one silently gets an older version.
    "skills": Recipe(npm=("skills@1.7.4", "node@22")),
}


class Client(NamedTuple):
    """A client that is installed for the moment."""

    name: str
    version: str
    folder: Path
    path: str
    """PATH with its commands in front."""
    python: Path | None
    """The interpreter that can import it, for a library."""


class Ran(NamedTuple):
    """What a client did, and what it asked of the stub."""

    code: int | None
    out: str
    err: str
    requests: list[dict[str, Any]]

    def told(self) -> str:
        """Return all that it sent to the model, as one text."""
        return "\n".join(json.dumps(request["body"], ensure_ascii=False) for request in self.requests)


class UnavailableClientError(Exception):
    """A client could not be installed, or does not run here."""


def asked_for(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the clients that the environment asks for; an unknown name is a ValueError."""
    names = [name.strip() for name in environ.get(ASKED, "").split(",") if name.strip()]
    unknown = set(names) - {*RECIPES, "all"}
    if unknown:
        raise ValueError(f"{ASKED} names {', '.join(sorted(unknown))}; known: all, {', '.join(RECIPES)}")
    return tuple(RECIPES) if "all" in names else tuple(names)


@contextmanager
def installed(name: str) -> Iterator[Client]:
    """Install a client into a temporary folder, which is deleted at the end. UnavailableClientError says why not."""
    if os.name == "nt":
        raise UnavailableClientError("the lane needs a POSIX system")
    recipe = RECIPES[name]
    folder = Path(tempfile.mkdtemp(prefix=f"client-{name}-"))
    try:
        paths = [str(Path(os.path.realpath(sys.executable)).parent), os.environ.get("PATH", os.defpath)]
        python = None
        if recipe.npm:
            _install_npm(folder, recipe.npm)
            paths.insert(0, str(folder / "node_modules/.bin"))
        if recipe.pypi:
            python = _install_pypi(folder, recipe.pypi)
            paths.insert(0, str(python.parent)) if recipe.npm else None
        yield Client(name, _version(folder, recipe), folder, os.pathsep.join(paths), python)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wanted(package: str) -> str:
    if not os.environ.get(LATEST):
        return package
    return re.sub(r"(?<=.)(@|==)[\d.]+$", "", package)


def _install_npm(folder: Path, packages: Sequence[str]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableClientError("npm is not installed")
    (folder / "package.json").write_text("{}", encoding="utf-8")
    _checked([npm, "install", "--no-audit", "--no-fund", "--loglevel=error", *map(_wanted, packages)], folder)


def _install_pypi(folder: Path, packages: Sequence[str]) -> Path:
    _checked([os.path.realpath(sys.executable), "-m", "venv", str(folder / "venv")], folder)
    python = folder / "venv/bin/python"
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--only-binary=:all:"]
    _checked([str(python), "-m", "pip", "install", *quiet, *map(_wanted, packages)], folder)
    return python


def _checked(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace",
                              timeout=INSTALL_SECONDS, check=False)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableClientError(f"cannot be installed: {error}") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        telling = [line for line in lines if "error" in line.lower()] or lines
        raise UnavailableClientError(f"cannot be installed: {telling[-1].strip()[:200]}")


def _version(folder: Path, recipe: Recipe) -> str:
    if recipe.npm:
        package = recipe.npm[0].rpartition("@")[0]
        found = json.loads((folder / "node_modules" / package / "package.json").read_text(encoding="utf-8"))
        return str(found["version"])
    name = recipe.pypi[0].partition("==")[0].replace("-", "_")
    metadata = next((folder / "venv").rglob(f"{name}-*.dist-info"), None)
    return metadata.name[len(name) + 1 : -len(".dist-info")] if metadata else "unknown"


@cache
def namespace_command() -> tuple[str, ...]:
    """Return the words that start a program in a network namespace of its own; empty where that is not possible."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    for words in ([unshare, "-n"], [unshare, "-r", "-n"]):
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
            return tuple(words)
    return ()


def run(
    client: Client, command: Sequence[str], home: Path, *, env: Mapping[str, str] | None = None,
    files: Path | None = None, seconds: int = RUN_SECONDS,
) -> Ran:  # fmt: skip
    """Run a command of the client with this HOME, an otherwise empty environment, and nothing but loopback.

    ``{port}`` in the command or in a variable is the stub's port; ``files`` is a folder that the stub serves by GET.
    """
    words = namespace_command()
    nowhere = {} if words else dict.fromkeys(PROXY_VARIABLES, "http://127.0.0.1:9")
    work = home / "work"
    work.mkdir(exist_ok=True)
    (home / "tmp").mkdir(exist_ok=True)
    order = {
        "command": list(command),
        "env": {"PATH": client.path, "HOME": str(home), "TMPDIR": str(home / "tmp"), "LANG": "C.UTF-8",
                "NO_PROXY": "127.0.0.1,localhost", **nowhere, **(env or {})},
        "folder": str(work),
        "seconds": seconds,
        "skill": "fal-ai-models-runner",
        "files": str(files) if files else None,
        "namespace": bool(words),
    }  # fmt: skip
    file = home / "order.json"
    file.write_text(json.dumps(order), encoding="utf-8")
    done = subprocess.run(
        [*words, sys.executable, str(HERE / "loopback.py"), str(file)],
        capture_output=True, text=True, encoding="utf-8", timeout=seconds + 30, check=False,
    )  # fmt: skip
    file.unlink()
    if done.returncode:
        raise RuntimeError(f"the loopback runner failed: {done.stderr[-2000:]}")
    return Ran(**json.loads(done.stdout))
