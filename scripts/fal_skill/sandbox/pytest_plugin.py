"""A pytest fixture that gives a test a local fal, in process.

Where this package is installed, the fixture is simply there. Where only its folder is on the path, add to
``conftest.py``: ``from fal_skill.sandbox.pytest_plugin import *`` (which also does no harm where it is installed).
Then::

    def test_picture(fal_sandbox):
        result = fal_client.subscribe("fal-ai/flux/schnell", {"prompt": "a cat"})
        assert fal_sandbox.violations == []

Every test starts with an empty sandbox; the server is started once per session. Other settings: override the fixture
``fal_sandbox_settings`` (of session scope).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

__all__ = ["fal_sandbox", "fal_sandbox_server", "fal_sandbox_settings"]

if TYPE_CHECKING:
    from .local import Sandbox
    from .settings import Settings


@pytest.fixture(scope="session")
def fal_sandbox_settings() -> Settings:
    """The settings of the session's sandbox; override it to change them."""
    from .settings import Settings

    return Settings()


@pytest.fixture(scope="session")
def fal_sandbox_server(fal_sandbox_settings: Settings) -> Iterator[Sandbox]:
    """The session's sandbox, without any change to the environment."""
    from .local import running
    from .warmup import import_all

    import_all()
    with running(fal_sandbox_settings) as sandbox:
        yield sandbox


@pytest.fixture
def fal_sandbox(fal_sandbox_server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """An empty sandbox that this test's calls reach, whether made in this process or in one that it starts."""
    from .environment import REMOVED, REMOVED_PREFIX

    variables = fal_sandbox_server.variables()
    for name in list(os.environ):
        if name.upper().startswith(REMOVED_PREFIX) or name.upper() in REMOVED:
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    forget_clients()
    fal_sandbox_server.reset()
    yield fal_sandbox_server
    forget_clients()


def forget_clients() -> None:
    """Make fal_client's shared clients read the environment anew: they keep what they found at their first use."""
    module: Any = sys.modules.get("fal_client")
    if module is None:
        return
    for name in ("sync_client", "async_client"):
        client = getattr(module, name, None)
        kept = getattr(client, "__dict__", {})
        for cached in ("_auth", "_client", "_token_manager", "_executor", "_cdn_client"):
            old = kept.pop(cached, None)
            if cached == "_client" and name == "sync_client" and hasattr(old, "close"):
                old.close()
