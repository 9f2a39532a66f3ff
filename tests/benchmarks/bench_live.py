#!/usr/bin/env python3
"""Print what the live scripts cost: against a bare SDK script, for a whole refresh, and for a long ledger.

uv run tests/benchmarks/bench_live.py [RUNS]
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from fal_skill.live.jobs import DONE, Call, digest_of  # noqa: E402
from fal_skill.live.ledger import Ledger  # noqa: E402
from fal_skill.sandbox.local import running  # noqa: E402

SLUG = "fal-ai/flux/schnell"
BARE = (
    "import json, sys, fal_client\n"
    f"result = fal_client.subscribe('{SLUG}', arguments=json.loads(sys.argv[1]))\n"
    "print(result['images'][0]['url'])\n"
)
SAVING = BARE + (
    "import httpx\nurl = result['images'][0]['url']\nopen(url.rsplit('/', 1)[-1], 'wb').write(httpx.get(url).content)\n"
)
JOBS = 100_000


def seconds(command: list[str], environment: dict[str, str], folder: Path) -> float:
    """Return the wall time of one process; it must succeed."""
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False)
    taken = time.perf_counter() - start
    assert done.returncode == 0, done.stderr.decode()
    return taken


def overhead(runs: int) -> None:
    """Print run_model.py against the same call by a bare script; they take turns, so that noise hits both."""
    run_model = [sys.executable, str(SCRIPTS / "run_model.py"), SLUG, "--arguments"]
    with running() as sandbox, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**sandbox.environment(), "HOME": name}
        taken: dict[str, list[float]] = {}
        for number in range(runs + 1):
            for what, command in (
                ("bare subscribe", [sys.executable, "-c", BARE]),
                ("bare subscribe, file saved", [sys.executable, "-c", SAVING]),
                ("run_model --no-download", run_model),
                ("run_model", run_model),
            ):
                arguments = json.dumps({"prompt": f"{what} {number}"})
                more = ["--no-download"] if "--no" in what else []
                taken.setdefault(what, []).append(seconds([*command, arguments, *more], environment, folder))
    medians = {what: statistics.median(values[1:]) for what, values in taken.items()}
    print(f"one call in the sandbox, whole process, median of {runs}")
    for what, median in medians.items():
        against = medians["bare subscribe, file saved" if what == "run_model" else "bare subscribe"]
        print(
            f"  {what:28} {median * 1000:7.0f} ms  {median / against:5.2f}" + ("  (aim 1.3)" if "run" in what else "")
        )


def refresh() -> None:
    """Print how long a refresh of the whole catalogue takes, in the sandbox."""
    with running() as sandbox, tempfile.TemporaryDirectory() as name:
        command = [sys.executable, str(SCRIPTS / "refresh_registry.py"), "--source", "live"]
        environment = {**sandbox.environment(), "HOME": name}
        for what, more in (("models", ["--no-prices"]), ("models and prices", [])):
            taken = seconds([*command, *more], environment, Path(name))
            total = sandbox.service.journal.total
            print(f"refresh, {what}: {taken:.1f} s, {total} requests so far (aim 30 s for 1,400 models)")


def long_ledger() -> None:
    """Print how long ``--list`` takes on a ledger of 100,000 jobs."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "ledger.sqlite3")
        Ledger(path).close()
        arguments = json.dumps({"prompt": "a cat in the rain"})
        rows = (
            (time.time(), time.time(), DONE, SLUG, digest_of(SLUG, {"n": number}), f"{number:032x}", arguments)
            for number in range(JOBS)
        )
        with sqlite3.connect(path) as db:
            db.executemany(
                "insert into jobs (created_at, changed_at, state, slug, call, request_id, arguments)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        db.close()
        command = [sys.executable, str(SCRIPTS / "run_model.py"), "--list", "--ledger", str(path)]
        environment = {**os.environ, "HOME": name}
        listing = statistics.median(seconds(command, environment, Path(name)) for _ in range(9))
        print(f"--list with {JOBS:,} jobs: {listing * 1000:.0f} ms, whole process (aim 200 ms)")
        with Ledger(path) as ledger:
            start = time.perf_counter()
            for number in range(100):
                call = {"prompt": f"new {number}"}
                job, _ = ledger.enter(Call(SLUG, digest_of(SLUG, call), call, name))
                ledger.sending(job, call)
                ledger.submitted(job, f"new-{number}")
                ledger.ended(job, DONE)
            each = (time.perf_counter() - start) / 100
        print(f"one job's four entries with {JOBS:,} jobs: {each * 1000:.1f} ms, each of them on the disk")


if __name__ == "__main__":
    overhead(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
    refresh()
    long_ledger()
