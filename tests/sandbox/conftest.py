"""A running sandbox for the tests, and plain HTTP clients that reach it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from fal_skill.sandbox import Sandbox, Settings, pytest_plugin
from sandbox_calls import http_client

fal_sandbox = pytest_plugin.fal_sandbox
fal_sandbox_server = pytest_plugin.fal_sandbox_server


@pytest.fixture(scope="session")
def fal_sandbox_settings() -> Settings:
    """Jobs that are quick, so that the tests are."""
    return Settings(queue_seconds=0.02, model_seconds=0.1)


@pytest.fixture
def anyone(fal_sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A client without a key."""
    with http_client(fal_sandbox) as client:
        yield client


@pytest.fixture
def client(fal_sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A client with the sandbox's key, and the name of an SDK."""
    headers = {"authorization": f"Key {fal_sandbox.key}", "user-agent": "fal-client/1.0.3 (python)"}
    with http_client(fal_sandbox, headers=headers) as made:
        yield made
