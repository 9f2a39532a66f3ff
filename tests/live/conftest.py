"""A sandbox in this process for the live code, and a way to run the scripts against it as a user does."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import SCRIPTS, Done
from fal_skill.sandbox.asking import Ask
from fal_skill.sandbox.local import Sandbox, running
from fal_skill.sandbox.platform import Platform
from fal_skill.sandbox.queue import Queue
from fal_skill.sandbox.replies import Json
from fal_skill.sandbox.settings import Settings

SCHNELL = "fal-ai/flux/schnell"


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


async def with_history(platform: Platform, ask: Ask) -> Any:
    """Answer ``/v1/models/requests/by-endpoint`` as fal's document describes it: requests that have begun."""
    if ask.path != "v1/models/requests/by-endpoint":
        return await platform_answer(platform, ask)
    service = platform._service
    slug = ask.query.get("endpoint_id")
    service.board.advance()
    jobs = [job for job in service.board.jobs.values() if job.slug == slug and job.started_at is not None]
    start = int(ask.query.get("cursor", "0"))
    page = jobs[start : start + 100]
    more = start + 100 < len(jobs)
    items = [
        {
            "request_id": job.id,
            "endpoint_id": job.slug,
            "sent_at": iso(service.began_at + job.submitted_at - service.began),
            "started_at": iso(service.began_at + job.submitted_at - service.began),
            "ended_at": None,
            "json_input": job.arguments,
        }
        for job in page
    ]
    return Json({"items": items, "has_more": more, "next_cursor": str(start + 100) if more else None})


platform_answer = Platform.answer


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox has the account's history of requests, too."""
    monkeypatch.setattr(Platform, "answer", with_history)


@pytest.fixture
def slow_submits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A submission takes a while before and after the job is made, so that kills fall into that time."""
    submit = Queue._submit
    pauses = random.Random(7)

    async def slowly(queue: Queue, ask: Ask) -> Any:
        await asyncio.sleep(pauses.uniform(0, 0.015))
        response = await submit(queue, ask)
        await asyncio.sleep(pauses.uniform(0, 0.03))
        return response

    monkeypatch.setattr(Queue, "_submit", slowly)


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """A sandbox of the test's own; parametrise indirectly with Settings."""
    settings = getattr(request, "param", None) or Settings(queue_seconds=0.01, model_seconds=0.05)
    with running(settings) as made:
        yield made


@pytest.fixture
def environment(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The environment in which a script meets the sandbox, with folders of the test's own."""

    def made(sandbox: Sandbox, **more: str) -> dict[str, str]:
        kept = sandbox.environment({key: value for key, value in os.environ.items() if not key.startswith("XDG_")})
        return {**kept, "HOME": str(tmp_path / "home"), **more}

    return made


RunLive = Callable[..., Done]


@pytest.fixture
def live(sandbox: Sandbox, environment: Callable[..., dict[str, str]], tmp_path: Path) -> RunLive:
    """Run ``scripts/NAME`` against the sandbox, in a folder of the test's own."""

    def run(name: str, *arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Done:
        done = subprocess.run(
            [sys.executable, str(SCRIPTS / name), *arguments],
            input=stdin.encode(),
            capture_output=True,
            env={**environment(sandbox), **(env or {})},
            cwd=tmp_path,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def ledger_file(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".local" / "share" / "fal-ai-models-runner" / "ledger.sqlite3"
