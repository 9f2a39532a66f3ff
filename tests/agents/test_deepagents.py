"""deepagents advertises the skill, loads its body, and runs a script from its folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.lane import HERE, Client, run

CLIENT = "deepagents"
pytestmark = pytest.mark.clients


def test_the_full_loop(client: Client, home: Path, put: Callable[..., Path], description: str, body: str) -> None:
    place = put("codex")
    done = run(client, [str(client.python), str(HERE / "probes/deepagents_probe.py"), str(place.parent)], home)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told[0].count(description) == 1
    assert body not in told[0]
    assert body in told[1]
    assert '"status": "known"' in told[2]
