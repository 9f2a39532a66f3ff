"""The real service. Needs FAL_KEY and costs about $0.003: ``pytest -m live``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import SCRIPTS

KEY = os.environ.get("FAL_KEY", "")
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not KEY, reason="FAL_KEY is not set: the real service was not asked"),
]
SCHNELL = "fal-ai/flux/schnell"


def run(folder: Path, name: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / name), *arguments, "--format", "json"],
        cwd=folder, env={**os.environ, "XDG_CACHE_HOME": str(folder), "XDG_DATA_HOME": str(folder)},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert KEY not in done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_catalogue_knows_the_model_and_its_limits(tmp_path: Path) -> None:
    said = run(tmp_path, "fetch_schema.py", SCHNELL, "--live", "--style", "json-schema")
    assert said["answered_by"]["kind"] == "live" and said["evidence"] == "live"
    assert said["input"]["properties"]["num_inference_steps"]["maximum"] >= 4


def test_the_price_is_answered(tmp_path: Path) -> None:
    said = run(tmp_path, "estimate_cost.py", SCHNELL, "--live")
    assert said["answered_by"]["kind"] == "live" and 0 < said["low"] < 0.1


def test_a_cheap_call_comes_home(tmp_path: Path) -> None:
    arguments = json.dumps({"prompt": "a plain grey square", "image_size": "square", "num_inference_steps": 1})
    said = run(tmp_path, "run_model.py", SCHNELL, "--arguments", arguments, "--max-cost", "0.01", "--out", "out")
    assert said["state"] == "done" and Path(said["files"][0]["file"]).stat().st_size > 500
    print("billed", said["cost"], "result keys", sorted(said["result"]))


def test_the_history_lists_what_was_run(tmp_path: Path) -> None:
    """Settles what fal's documents leave open: whether inputs are listed, and how soon."""
    import time

    from fal_skill.live.keys import required_credential
    from fal_skill.live.platform import Platform

    with Platform(required_credential()) as platform:
        found = list(platform.requests(SCHNELL, time.time() - 3600, time.time() + 60))
    assert found and any(isinstance(request.arguments, dict) for request in found)
