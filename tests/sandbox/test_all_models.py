"""Every model of the snapshot: a minimal call is accepted, and its result fits the output schema."""

from __future__ import annotations

import asyncio
from typing import Any

from jsonschema import Draft202012Validator

from fal_skill.registry import Registry
from fal_skill.sandbox.files import StoredFile
from fal_skill.sandbox.journal import SDK, Exchange
from fal_skill.sandbox.results import minimal_arguments
from fal_skill.sandbox.service import Service
from fal_skill.sandbox.settings import Settings


def test_every_model_accepts_a_minimal_call_and_answers_in_its_own_schema(registry: Registry, tmp_path: Any) -> None:
    async def run() -> tuple[int, list[str]]:
        loop = asyncio.get_running_loop()
        service = Service(Settings(queue_seconds=0, model_seconds=0), registry, tmp_path, loop.time)
        wrong, seen = [], 0
        for model in registry:
            target = service.catalog.find(model.slug)
            assert not isinstance(target, str)
            exchange = Exchange(0, "POST", "fal.run", f"/{model.slug}", "run", "test")
            job = service.take(target, minimal_arguments(model), exchange, SDK, origin="run", queue_seconds=0)
            await service.board.ended(job)
            seen += 1
            if job.outcome is None or not job.outcome.ok:
                wrong.append(f"{model.slug}: {job.findings}")
                continue
            body = job.outcome.body
            errors = list(Draft202012Validator(model.output_schema or {}).iter_errors(body))
            if errors:
                wrong.append(f"{model.slug}: {errors[0].message}")
            urls = [url for url in texts(body) if "fal.media/" in url]
            stored = {file.url: file for file in service.files}
            if any(not isinstance(stored.get(url), StoredFile) for url in urls):
                wrong.append(f"{model.slug}: a file that the store does not know")
        return seen, wrong

    seen, wrong = asyncio.run(run())
    assert wrong == []
    assert seen == len(registry)


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in texts(part)]
