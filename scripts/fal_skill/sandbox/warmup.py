"""Importing what the first calls need before they come.

In a process of its own that is done beside, while the program is still starting. Inside somebody's test run it is done
before the server starts: pytest rewrites modules while it imports them, and CPython 3.11 cannot do that in two threads.
"""

from __future__ import annotations

import asyncio
import threading
from importlib import import_module

SOON_SECONDS = 0.02
"""Not at once: a program that has ended already shall not wait for imports that nobody needs any more."""
MODULES = (
    "app", "front", "server", "service", "queue", "inputs", "results", "results.build", "run", "rest", "storage",
    "realtime", "webhooks", "admin", "report", "site", "platform", "media.images",
)  # fmt: skip


def import_all() -> None:
    """Import the surfaces and what they need, but for the MCP server, which alone takes a second."""
    for name in MODULES:
        import_module(f"{__package__}.{name}")
    import_module("jsonschema")


def import_soon() -> None:
    """Begin to import in a thread, soon; call it on the event loop."""
    thread = threading.Thread(target=import_all, name="fal-sandbox-warm-up", daemon=True)
    asyncio.get_running_loop().call_later(SOON_SECONDS, thread.start)
