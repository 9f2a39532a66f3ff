"""The contract with fal-client: every name and parameter that the rendered Python code uses exists in it.

For each version that pyproject.toml allows at its ends: the one that is installed, and, where that differs, the oldest
in an environment of its own.
"""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from docs.versions import specifiers
from fal_skill.registry import default_registry
from fal_skill.snippets import SnippetOptions, render

FLUX, KLING = "fal-ai/flux/schnell", "fal-ai/kling-video/v3/pro/image-to-video"
CALLS: tuple[tuple[str, dict[str, Any]], ...] = ((FLUX, {"prompt": "a cat"}), (KLING, {"start_image_url": "photo.jpg"}))
OPTIONS = (
    SnippetOptions(),
    SnippetOptions(logs=True),
    SnippetOptions(download=True, logs=True, errors=True, client_timeout=60, expires="7d"),
    SnippetOptions(download=True, errors=True, expires="7d"),
    SnippetOptions(unit_cost=0.01, download=True),
)
PROBE = """
import importlib, inspect, json, sys
wanted = json.load(sys.stdin)
problems = []
for name, keywords in wanted:
    value = importlib.import_module("fal_client")
    for part in name.split(".")[1:]:
        if not hasattr(value, part):
            problems.append(f"{name} does not exist")
            break
        value = getattr(value, part)
    else:
        if not keywords:
            continue
        parameters = inspect.signature(value).parameters
        problems += [f"{name} has no {word}" for word in keywords if word not in parameters]
print(json.dumps(problems))
"""
METHODS = {"iter_events": "SyncRequestHandle", "get": "SyncRequestHandle", "cancel": "SyncRequestHandle"}


def programs() -> list[str]:
    """Return Python programs of every pattern, with every option that it takes."""
    from fal_skill.errors import UsageError
    from fal_skill.snippets import PATTERNS

    registry, found = default_registry(), []
    for language in ("python", "python-async"):
        for pattern in PATTERNS:
            for slug, arguments in CALLS:
                for options in OPTIONS:
                    try:
                        made = render(
                            registry.require(slug), arguments, language=language, pattern=pattern, options=options
                        )
                    except UsageError:
                        continue  # the option does not apply to the pattern
                    found.append(made.code)
    return found


@cache
def used() -> dict[str, frozenset[str]]:
    """Return the dotted names of fal_client in these programs, and the keywords that each is called with."""
    found: dict[str, set[str]] = {}
    for code in programs():
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Attribute) and (name := _dotted(node)).startswith("fal_client."):
                found.setdefault(name, set())
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            keywords = {word.arg for word in node.keywords if word.arg}
            name = _dotted(node.func)
            if name.startswith("fal_client."):
                found.setdefault(name, set()).update(keywords)
            elif name.startswith("handle.") and node.func.attr in METHODS:
                found.setdefault(f"fal_client.{METHODS[node.func.attr]}.{node.func.attr}", set()).update(keywords)
    return {name: frozenset(keywords) for name, keywords in found.items()}


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def problems(python: str) -> list[str]:
    """Return what of it the fal_client of that Python lacks."""
    wanted = json.dumps([[name, sorted(keywords)] for name, keywords in sorted(used().items())])
    done = subprocess.run([python, "-c", PROBE], input=wanted, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def test_the_programs_use_what_they_are_known_to_use() -> None:
    """So that a change which hides the calls from this reader cannot make the contract empty."""
    functions = {"subscribe", "subscribe_async", "submit", "stream", "run", "realtime", "upload_file"}
    deeper = {"client.MAX_ATTEMPTS", "FalClientHTTPError", "SyncRequestHandle.iter_events", "sync_client.get_handle"}
    assert {f"fal_client.{name}" for name in functions | deeper} <= set(used())
    assert {"arguments", "with_logs", "on_queue_update", "interval", "headers"} <= used()["fal_client.subscribe"]


def test_the_contract_would_see_a_missing_parameter() -> None:
    code = "import sys, json; exec(sys.argv[1])"
    wanted = json.dumps([["fal_client.subscribe", ["webhook_url"]], ["fal_client.no_such_name", []]])
    done = subprocess.run([sys.executable, "-c", code, PROBE], input=wanted, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [
        "fal_client.subscribe has no webhook_url",
        "fal_client.no_such_name does not exist",
    ]


def test_the_installed_fal_client_is_allowed_and_has_it_all() -> None:
    assert specifiers("fal-client").contains(version("fal-client"))
    assert problems(sys.executable) == []


def test_the_oldest_allowed_fal_client_has_it_all(tmp_path: Path) -> None:
    oldest = specifiers("fal-client").oldest
    if version("fal-client") == oldest:
        return  # the test above was it
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv, which would install the oldest allowed fal-client, is not there")
    python = tmp_path / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path)],
        [uv, "pip", "install", "--quiet", "--python", str(python), f"fal-client=={oldest}"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        if done.returncode:
            pytest.skip(f"fal-client {oldest} could not be installed: {done.stderr.strip()[-200:]}")
    assert problems(str(python)) == []
