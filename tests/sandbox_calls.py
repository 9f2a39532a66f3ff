"""Plain calls to a running sandbox, as an HTTP library makes them."""

from __future__ import annotations

import ssl
import time
from typing import Any

import httpx

from fal_skill.sandbox import Sandbox

SCHNELL = "fal-ai/flux/schnell"
QUEUE = "https://queue.fal.run"
RUN = "https://fal.run"


def http_client(sandbox: Sandbox, **options: Any) -> httpx.Client:
    """A client that goes through the CONNECT proxy and has no key of its own."""
    context = ssl.create_default_context(cafile=str(sandbox.certificate))
    return httpx.Client(proxy=sandbox.url, verify=context, trust_env=False, timeout=20, **options)


def submitted(
    client: httpx.Client, slug: str = SCHNELL, arguments: dict[str, Any] | None = None, **options: Any
) -> Any:
    """Submit a job and return fal's answer to it."""
    reply = client.post(f"{QUEUE}/{slug}", json={"prompt": "a cat"} if arguments is None else arguments, **options)
    assert reply.status_code == 200, reply.text
    return reply.json()


def until(holds: Any, seconds: float = 10.0) -> Any:
    """Wait until the function returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return value


def completed(client: httpx.Client, job: Any) -> Any:
    """Wait until a job is COMPLETED and return its last status."""

    def status() -> Any:
        reply = client.get(job["status_url"], params={"logs": "1"})
        assert reply.status_code in (200, 202), reply.text
        return reply.json() if reply.status_code == 200 else None

    return until(status)
