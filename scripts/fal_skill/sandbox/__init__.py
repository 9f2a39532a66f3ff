"""A local fal: programs that use fal run in it unmodified, with no key, no cost and no network.

>>> from fal_skill.sandbox import running
>>> with running() as sandbox:                      # doctest: +SKIP
...     subprocess.run(["python", "app.py"], env=sandbox.environment())
...     print(sandbox.report()["violations"])

The parts: one module per surface of fal (queue, run, realtime, storage, webhooks, platform, mcp), and behind them
``jobs`` (the state machine), ``files``, ``auth``, ``faults``, ``journal`` and ``judge`` (what a program must not do);
in front of them ``app`` (which surface answers), ``server`` and ``front`` (listening, TLS, the CONNECT proxy).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .local import Sandbox, running
    from .settings import Settings

__all__ = ["Sandbox", "Settings", "running"]


def __getattr__(name: str) -> Any:
    # Imported on demand: the pytest plugin is loaded by every pytest run on the machine and must cost it nothing.
    if name in ("Sandbox", "running"):
        from . import local

        return getattr(local, name)
    if name == "Settings":
        from .settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
