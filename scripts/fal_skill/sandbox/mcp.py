"""``mcp.fal.ai``: fal's tools over MCP, by the official SDK over streamable HTTP; they act on this same sandbox.

``/mcp-relay`` has today's eleven tools; the service signs in by OAuth in a browser, the sandbox asks for nothing.
``/mcp`` has the nine tools of March 2026 and wants ``Authorization: Bearer KEY``. Source: fal's pages
on its MCP server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .asking import Ask
from .auth import OURS
from .replies import Json, detail
from .tools import RELAY_TOOLS, TOKEN_TOOLS, Tools

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from .service import Service

PATHS = {"mcp-relay": RELAY_TOOLS, "mcp": TOKEN_TOOLS}
INSTRUCTIONS = "A local imitation of fal's MCP server: nothing here costs money or leaves this machine."


class Mcp:
    """The hosted MCP server."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._endpoints: dict[str, Endpoint] = {}

    async def answer(self, ask: Ask) -> Any:
        """Return what answers a request at the MCP host."""
        ask.exchange.place = "mcp"
        if ask.path not in PATHS:
            return detail(404, "Not Found")
        if ask.path == "mcp":
            standing = self._service.gate.standing(ask.authorization, "bearer")
            if standing != OURS:
                headers = {"www-authenticate": "Bearer"}
                return Json(
                    {"error": "invalid_token", "error_description": "Authentication required"}, 401, headers=headers
                )
        endpoint = self._endpoints.get(ask.path)
        if endpoint is None:
            endpoint = self._endpoints[ask.path] = Endpoint(f"/{ask.path}", Tools(self._service), PATHS[ask.path])
        await endpoint.started()
        return endpoint


class Endpoint:
    """One MCP server; an ASGI application."""

    def __init__(self, path: str, tools: Tools, names: tuple[str, ...]) -> None:
        with unchanged_logging():
            self._server, self._app = made_server(path)
        for name in names:
            self._server.add_tool(getattr(tools, name), name=name.removesuffix("_old"))
        self._running: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def started(self) -> None:
        """Wait until the server takes sessions; its task ends with the event loop."""
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())
        await self._ready.wait()

    async def _run(self) -> None:
        async with self._server.session_manager.run():
            self._ready.set()
            await asyncio.Event().wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._app(scope, receive, send)


@contextmanager
def unchanged_logging() -> Iterator[None]:
    """Undo what the SDK's constructor does to the root logger of the whole process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def made_server(path: str) -> tuple[Any, ASGIApp]:
    """Return (server, its ASGI application) by whichever major version of the SDK is installed."""
    from mcp.server.transport_security import TransportSecuritySettings

    # The name in the Host header is fal's, not the loopback name that the SDK would insist on.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    try:
        from mcp.server.mcpserver import MCPServer
    except ModuleNotFoundError:
        fastmcp: Any = import_module("mcp.server.fastmcp")  # mcp < 2
        old: Any = fastmcp.FastMCP(
            "fal",
            instructions=INSTRUCTIONS,
            stateless_http=True,
            streamable_http_path=path,
            transport_security=security,
        )
        return old, old.streamable_http_app()
    server = MCPServer("fal", instructions=INSTRUCTIONS)
    app = server.streamable_http_app(streamable_http_path=path, stateless_http=True, transport_security=security)
    return server, app
