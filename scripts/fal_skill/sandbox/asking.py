"""One request on its way through the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request

from .journal import agent_kind
from .replies import detail

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response

    from .auth import Gate
    from .journal import Exchange

DRAINED_TIMES = 4
"""An oversized body is read and thrown away up to so many times its limit, so that the client gets to read the 413."""


class RefusedError(Exception):
    """The request gets this answer and nothing more is done for it."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class DroppedError(Exception):
    """The request gets no answer: its connection is cut."""


class Ask:
    """A request, its record, and who sent it."""

    def __init__(self, request: Request, exchange: Exchange, gate: Gate) -> None:
        self.request = request
        self.exchange = exchange
        self.headers = request.headers
        self.method = request.method
        # A trailing slash means nothing to fal's queue: its own CLI sends one.
        self.path = str(request.scope["path"]).strip("/")
        self.query = request.query_params
        self.agent = agent_kind(exchange.agent, through_proxy="x-fal-client-proxy" in request.headers)
        self.authorization: str | None = request.headers.get("authorization")
        self.standing = gate.standing(self.authorization)

    async def body(self, limit: int) -> bytes:
        """Return the whole body; RefusedError with 413 when it is longer than the limit (bytes)."""
        announced = self.headers.get("content-length", "")
        too_long = announced.isdigit() and int(announced[:18]) > limit
        parts: list[bytes] = []
        size = 0
        async for part in self.request.stream():
            size += len(part)
            too_long = too_long or size > limit
            if not too_long:
                parts.append(part)
            elif size > limit * DRAINED_TIMES:
                break
        if too_long:
            raise RefusedError(too_large(limit))
        return b"".join(parts)

    async def save(self, file: Path, limit: int) -> int:
        """Write the body to a file and return its size; RefusedError (413) when it exceeds the limit (bytes)."""
        announced = self.headers.get("content-length", "")
        if announced.isdigit() and int(announced[:18]) > limit:
            raise RefusedError(too_large(limit))
        size = 0
        try:
            with file.open("wb") as out:
                async for part in self.request.stream():
                    size += len(part)
                    if size > limit:
                        raise RefusedError(too_large(limit))
                    out.write(part)
        except (RefusedError, ClientDisconnect):
            file.unlink(missing_ok=True)
            raise
        return size

    def allow(self, *methods: str) -> None:
        """Refuse every other method with 405."""
        if self.method not in methods:
            raise RefusedError(detail(405, "Method Not Allowed", headers={"allow": ", ".join(methods)}))


def too_large(limit: int) -> Response:
    """Return the answer to a body that is too long."""
    return detail(413, f"Request body too large: the limit is {limit} bytes")


Json = dict[str, Any]
