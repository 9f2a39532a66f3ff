"""Realtime: WebSockets at ``wss://fal.run/ID/realtime``, msgpack both ways, JSON where the client sends text.

Source: fal_client 1.0.3 (``realtime``, ``ws_connect``), @fal-ai/client 1.10.1 (``realtime.js``).
"""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.websockets import WebSocket, WebSocketDisconnect

from .auth import OURS
from .catalog import Missing, Target
from .inputs import BadBodyError, arguments_of
from .journal import UNKNOWN, Exchange

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from .service import Service

REALTIME_SUFFIX = "/realtime"
MAX_BUFFERING = (1, 60)
UNAUTHORIZED = {"status": "error", "error": "Unauthorized"}
POLICY_VIOLATION = 1008
NORMAL_CLOSURE = 1000


class Realtime:
    """One realtime connection."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def hold(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        """Hold the connection until either side ends it."""
        exchange.place = "realtime"
        socket = WebSocket(scope, receive, send)
        if exchange.surface != "run":
            await socket.close()
            exchange.status = 403
            return
        path = str(scope["path"]).strip("/")
        target = self._service.catalog.find(path)
        if isinstance(target, Missing):
            target = self._service.catalog.find(path.removesuffix(REALTIME_SUFFIX))
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        token = query.get("fal_jwt_token", [""])[0]
        standing = self._service.gate.standing(socket.headers.get("authorization"))
        if not token and standing != OURS:
            # RefusedError before the handshake ends: the client sees a 403, as ASGI has it.
            await socket.close()
            exchange.status = 403
            return
        await socket.accept()
        exchange.status = 101
        if isinstance(target, Missing):
            self._service.judge.unknown_slug(path, self._service.catalog.suggestions(path))
            await self._fail(socket, "NOT_FOUND", target.detail)
            return
        if standing != OURS and not self._may(token, target):
            await socket.send_text(json.dumps(UNAUTHORIZED))
            await socket.close(POLICY_VIOLATION, "Unauthorized")
            return
        buffering = query.get("max_buffering", ["1"])[0]
        if not buffering.isdigit() or not MAX_BUFFERING[0] <= int(buffering[:9]) <= MAX_BUFFERING[1]:
            await self._fail(socket, "BAD_REQUEST", "max_buffering must be from 1 to 60")
            return
        await self._converse(socket, target, exchange)

    def _may(self, token_text: str, target: Target) -> bool:
        token = self._service.gate.token(token_text)
        return token is not None and (target.app.split("/")[-1] in token.apps or target.slug in token.apps)

    async def _converse(self, socket: WebSocket, target: Target, exchange: Exchange) -> None:
        idle = self._service.settings.realtime_idle_seconds
        while True:
            try:
                message = await asyncio.wait_for(socket.receive(), idle)
            except (asyncio.TimeoutError, TimeoutError):
                await socket.send_text(json.dumps({"type": "x-fal-error", "error": "TIMEOUT", "reason": "idle"}))
                await socket.close(NORMAL_CLOSURE)
                return
            if message["type"] == "websocket.disconnect":
                return
            as_text = message.get("text") is not None
            try:
                arguments = _decoded(message)
            except BadBodyError as error:
                await socket.send_text(_error("INVALID_INPUT", str(error)))
                continue
            job = self._service.take(target, arguments, exchange, UNKNOWN, origin="realtime", queue_seconds=0.0)
            self._service.board.collect(job)
            await self._service.board.ended(job)
            outcome = job.outcome
            try:
                if outcome is None or not outcome.ok:
                    await socket.send_text(_error("INVALID_INPUT", json.dumps(outcome.body if outcome else None)))
                elif as_text:
                    await socket.send_text(json.dumps(outcome.body))
                else:
                    await socket.send_bytes(_msgpack().packb(outcome.body, use_bin_type=True))
            except (WebSocketDisconnect, RuntimeError):
                return

    async def _fail(self, socket: WebSocket, error: str, reason: str) -> None:
        await socket.send_text(_error(error, reason))
        await socket.close(POLICY_VIOLATION, reason[:100])


def _msgpack() -> Any:
    # Imported with the first binary message.
    return import_module("msgpack")


def _error(error: str, reason: str) -> str:
    return json.dumps({"type": "x-fal-error", "error": error, "reason": reason})


def _decoded(message: Any) -> dict[str, Any]:
    text = message.get("text")
    if text is not None:
        return arguments_of(text.encode("utf-8", "surrogatepass"))
    try:
        value = _msgpack().unpackb(message.get("bytes") or b"", raw=False, strict_map_key=True)
        # Through JSON: what msgpack can carry and JSON cannot (bytes, dates) is no model argument.
        return arguments_of(json.dumps(value, allow_nan=False).encode())
    except BadBodyError:
        raise
    except Exception as error:  # msgpack raises a wide family of errors on bad bytes
        raise BadBodyError(
            [{"loc": ["body"], "msg": f"not a msgpack map: {type(error).__name__}", "type": "value_error"}]
        ) from None
