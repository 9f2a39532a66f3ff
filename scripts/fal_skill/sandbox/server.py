"""Listening: the HTTP server on its event loop, behind TLS and behind the proxy port."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import TYPE_CHECKING, Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from .front import Gateway

if TYPE_CHECKING:
    from starlette.types import ASGIApp

KEEP_ALIVE_SECONDS = 60
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest WebSocket message taken."""
CLOSE_SECONDS = 1.0


def _websocket(**options: Any) -> asyncio.Protocol:
    # Imported with the first WebSocket: most programs open none, and all would wait for the import.
    from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

    if AutoWebSocketsProtocol is None:
        raise RuntimeError("realtime needs the package websockets")
    return AutoWebSocketsProtocol(**options)


class Server:
    """The listeners of one sandbox and their connections."""

    def __init__(self, app: ASGIApp, context: ssl.SSLContext) -> None:
        logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
        self._config = Config(
            app,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=64 * 1024,
            ws=_websocket,  # type: ignore[arg-type]  # uvicorn calls it like the class that it returns an object of
            ws_max_size=MAX_MESSAGE_BYTES,
        )
        self._config.load()
        self._state = ServerState()
        self._context = context
        self._listeners: list[asyncio.Server] = []
        self._gateway: Gateway | None = None

    def connection(self) -> asyncio.Protocol:
        """Return the HTTP protocol for one new connection."""
        factory: Any = self._config.http_protocol_class
        made: asyncio.Protocol = factory(config=self._config, server_state=self._state, app_state={})
        return made

    async def listen(self, tls: list[socket.socket], plain: list[socket.socket], gateway: Gateway) -> None:
        """Serve these bound sockets: HTTPS on the first, the proxy and plain HTTP on the second."""
        loop = asyncio.get_running_loop()
        self._gateway = gateway
        for sock in tls:
            self._listeners.append(
                await loop.create_server(self.connection, sock=sock, ssl=self._context, backlog=1024)
            )
        for sock in plain:
            self._listeners.append(await loop.create_server(gateway.connection, sock=sock, backlog=1024))

    def cut(self, client: Any) -> None:
        """Close the connection of that client address without another byte."""
        for protocol in list(self._state.connections):
            if getattr(protocol, "client", None) == client:
                transport: asyncio.Transport = protocol.transport
                transport.abort()
                return

    async def close(self) -> None:
        """Stop listening, end all connections."""
        for listener in self._listeners:
            listener.close()
        if self._gateway is not None:
            self._gateway.close()
        for protocol in list(self._state.connections):
            protocol.shutdown()
        tasks = set(self._state.tasks)
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
            for task in pending:
                task.cancel()
        for protocol in list(self._state.connections):
            transport: asyncio.Transport = protocol.transport
            transport.abort()
        await asyncio.sleep(0)
