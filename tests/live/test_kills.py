"""The promise behind every batch: whatever kills the program, no job is lost and none is paid for twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import SCRIPTS
from fal_skill.live.jobs import DONE, UNCERTAIN
from fal_skill.live.ledger import Ledger
from fal_skill.sandbox.local import Sandbox

DRIVER = Path(__file__).with_name("kill_driver.py")
KILLS = 100
CALLS = 150

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the driver forks, which this system cannot")


def killed_again_and_again(
    sandbox: Sandbox, environment: dict[str, str], folder: Path, *, kills: int, calls: int
) -> tuple[dict[str, int], Ledger, Counter[str]]:
    """Run a batch through so many kills and to its end; return (what happened, the ledger, lines by prompt)."""
    prompts = [f"picture {number // 2 if number % 10 == 1 else number}" for number in range(calls)]
    lines = [json.dumps({"slug": "fal-ai/flux/schnell", "arguments": {"prompt": prompt}}) for prompt in prompts]
    (folder / "calls.jsonl").write_text("\n".join(lines))
    done = subprocess.run(
        [
            sys.executable, str(DRIVER), "11", str(kills), "0.25", "--", "--batch", "calls.jsonl", "--ledger",
            "ledger.sqlite3", "--out", "out", "--concurrency", "4", "--quiet",
        ],
        env={**environment, "PYTHONPATH": f"{SCRIPTS}{os.pathsep}{environment['PYTHONPATH']}"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), Ledger(folder / "ledger.sqlite3"), Counter(prompts)


def paid(sandbox: Sandbox) -> Counter[str]:
    return Counter(str(job.arguments["prompt"]) for job in sandbox.jobs)


@pytest.mark.usefixtures("history", "slow_submits")
def test_a_hundred_kills_lose_no_job_and_pay_for_none_twice(
    sandbox: Sandbox, environment: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    happened, ledger, wanted = killed_again_and_again(sandbox, environment(sandbox), tmp_path, kills=KILLS, calls=CALLS)
    assert happened["killed"] == KILLS
    jobs = ledger.latest(10_000)
    doubtful = [job for job in jobs if job.state == UNCERTAIN]
    assert all(count <= wanted[prompt] for prompt, count in paid(sandbox).items()), "paid twice"
    assert {job.id for job in sandbox.jobs} == {job.request_id for job in jobs if job.request_id}, "a job is lost"
    assert Counter(job.state for job in jobs) == Counter(
        {DONE: CALLS - len(doubtful), **({UNCERTAIN: len(doubtful)} if doubtful else {})}
    )
    # What nobody can know is said, not hidden: a call that was cut off before it reached the server.
    assert happened["code"] == (6 if doubtful else 0)
    assert len(sandbox.jobs) == CALLS - len(doubtful)
    for job in jobs:
        if job.state == DONE:
            files = json.loads(job.files or "[]")
            assert files and all(Path(file["file"]).stat().st_size == file["bytes"] for file in files)


@pytest.mark.usefixtures("slow_submits")
def test_without_the_history_a_doubtful_call_is_reported_and_never_sent_again(
    sandbox: Sandbox, environment: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    happened, ledger, wanted = killed_again_and_again(sandbox, environment(sandbox), tmp_path, kills=25, calls=60)
    jobs = ledger.latest(10_000)
    doubtful = [job for job in jobs if job.state == UNCERTAIN]
    assert doubtful, "no kill fell into a submission: the test proves nothing"
    assert all(count <= wanted[prompt] for prompt, count in paid(sandbox).items()), "paid twice"
    unknown = {job.id for job in sandbox.jobs} - {job.request_id for job in jobs}
    assert len(unknown) <= len(doubtful), "a job is lost that no entry accounts for"
    assert happened["code"] == 6
