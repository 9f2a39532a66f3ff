"""The application behind every address: which surface answers, what is recorded, which faults strike.

Nothing that a client sends may end the sandbox: what no surface foresaw becomes a 500 and a note in the report.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from .asking import Ask, DroppedError, RefusedError
from .auth import OTHER
from .faults import STATUSES
from .hosts import bare_host, is_loopback, surface_of
from .journal import Exchange
from .replies import Json, detail

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from .service import Service

NGINX_PAGE = (
    "<html><head><title>503 Service Temporarily Unavailable</title></head><body><center>nginx</center></body></html>"
)
SERVED_FROM = (b"x-fal-served-from", b"sandbox")
"""Says of every answer, and of every recording of one, that it did not come from fal."""
KEYED = frozenset({"queue", "run", "rest", "platform"})
"""Surfaces that want the key, and nothing else, in the Authorization header."""
MAX_SHOWN_PATH = 300
_TOKEN = re.compile(r"((?:fal_jwt_token|signature|token)=)[^&]+")

SURFACES: dict[str, tuple[str, str]] = {
    "queue": ("queue", "Queue"),
    "run": ("run", "Run"),
    "rest": ("rest", "Rest"),
    "files": ("storage", "Storage"),
    "platform": ("platform", "Platform"),
    "site": ("site", "Site"),
    "mcp": ("mcp", "Mcp"),
    "admin": ("admin", "Admin"),
}
"""Surface -> (module, class). Each is imported with its first request: that keeps the start of the sandbox short."""


class Surface(Protocol):
    """One part of fal's service."""

    async def answer(self, ask: Ask) -> Response | None:
        """Return the answer to a request; None when the surface has sent it by itself."""


class Application:
    """The ASGI application of a sandbox."""

    def __init__(self, service: Service, cut: Callable[[Any], None]) -> None:
        """Serve this state; ``cut`` closes the connection of a client address without another byte."""
        self._service = service
        self._cut = cut
        self._surfaces: dict[str, Surface] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hold one WebSocket connection."""
        service = self._service
        host = bare_host(_header(scope, b"host"))
        surface = "admin" if is_loopback(host) else surface_of(host)
        began = service.clock()
        exchange = Exchange(
            at=began - service.began,
            method=scope.get("method", "WEBSOCKET"),
            host=host[:100],
            path=self._shown(scope),
            surface=surface or "refused",
            agent=service.gate.redacted(_header(scope, b"user-agent"))[:100],
        )
        if surface != "admin":
            service.journal.add(exchange)

        async def recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = [*message.get("headers", ()), SERVED_FROM]
            await send(message)

        try:
            if surface is None:
                self._refuse(scope, host)
                raise DroppedError
            if surface != "admin" and scope.get("scheme") in ("http", "ws"):
                await self._to_https(scope, host)(scope, receive, recorded)
                return
            if scope["type"] == "websocket":
                from .realtime import Realtime

                await Realtime(service).hold(scope, receive, send, exchange)
                return
            ask = Ask(Request(scope, receive, recorded), exchange, service.gate)
            if ask.standing == OTHER and surface in KEYED:
                service.journal.note(
                    "foreign-key", host, f"a call to {host} came with another key than the sandbox's",
                    "the program takes its key from elsewhere than FAL_KEY (a .env file that overrides? code?)",
                )  # fmt: skip
            response = await self._response(surface, ask)
            if response is not None:
                await response(scope, receive, recorded)
        except DroppedError:
            exchange.status = None
            self._cut(scope.get("client"))
        except (ClientDisconnect, asyncio.CancelledError, ConnectionError):
            pass
        except Exception as error:  # whatever a client sent, the sandbox goes on
            service.journal.note(
                "internal-error",
                f"{surface} {type(error).__name__}",
                f"{surface}: {type(error).__name__}: {error}"[:300],
            )
            if exchange.status is None and scope["type"] == "http":
                await Json({"detail": "Internal error of the sandbox", "error_type": "internal_error"}, 500)(
                    scope, receive, recorded
                )
            else:
                self._cut(scope.get("client"))
        finally:
            exchange.seconds = service.clock() - began

    async def _response(self, surface: str, ask: Ask) -> Response | None:
        service = self._service
        if surface == "other":
            return detail(404, f"The sandbox has no service at {ask.exchange.host}")
        try:
            refusal = self._refusal(surface, ask) if service.faults.faults else None
            return refusal or await self.surface(surface).answer(ask)
        except RefusedError as refused:
            return refused.response

    def surface(self, name: str) -> Surface:
        """Return the surface of that name."""
        made = self._surfaces.get(name)
        if made is None:
            module, class_name = SURFACES[name]
            made = getattr(import_module(f"{__package__}.{module}"), class_name)(self._service)
            self._surfaces[name] = made
        return made

    def _refusal(self, surface: str, ask: Ask) -> Response | None:
        place = _place(surface, ask)
        fault = self._service.faults.refusal(place)
        if fault is None:
            return None
        ask.exchange.place = place
        if fault.name == "ingress-503":
            return HTMLResponse(NGINX_PAGE, 503)
        status, error_type = STATUSES[fault.name]
        headers = {"retry-after": "1", "x-fal-needs-retry": "1"} if status == 429 else {}
        return detail(
            status, f"{error_type} (a fault ordered from the sandbox)", error_type=error_type, headers=headers
        )

    def _to_https(self, scope: Scope, host: str) -> Response:
        headers = " ".join(value.decode("latin-1") for _, value in scope.get("headers", ()))
        if self._service.gate.holds_key(headers + " " + _address(scope)):
            self._service.judge.key_leak(host, "over http, where anyone on the way can read it")
        address = _address(scope)
        target = "https" + address[4:] if address.startswith("http:") else f"https://{host}{address}"
        return RedirectResponse(target, 308)

    def _refuse(self, scope: Scope, host: str) -> None:
        journal = self._service.journal
        journal.refuse(host or "(no host)")
        headers = " ".join(value.decode("latin-1") for _, value in scope.get("headers", ()))
        if self._service.gate.holds_key(headers + " " + _address(scope)):
            self._service.judge.key_leak(host, f"{scope.get('method', 'WebSocket')} request")

    def _shown(self, scope: Scope) -> str:
        return _TOKEN.sub(r"\1<token>", self._service.gate.redacted(_address(scope)))[:MAX_SHOWN_PATH]


def _place(surface: str, ask: Ask) -> str:
    if surface == "queue":
        _, found, tail = ask.path.partition("/requests/")
        if not found:
            return "submit"
        return "status" if "/status" in tail else "cancel" if tail.endswith("/cancel") else "result"
    if surface == "run":
        return "stream" if ask.path.endswith("/stream") else "run"
    if surface == "rest":
        return "token" if ask.path.startswith("tokens") else "upload"
    if surface == "files":
        return "file" if ask.method in ("GET", "HEAD") else "upload"
    return surface


def _header(scope: Scope, name: bytes) -> str:
    for key, value in scope.get("headers", ()):
        if key == name:
            return str(value.decode("latin-1"))
    return ""


def _address(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    path = scope.get("raw_path", b"").decode("latin-1") or str(scope.get("path", ""))
    return f"{path}?{query}" if query else path
