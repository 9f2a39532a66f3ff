"""The sandbox's one plain port: an HTTP proxy that knows CONNECT, and plain HTTP for its own admin calls.

A CONNECT to fal ends here: TLS is terminated on the same connection and the HTTP server takes over. A CONNECT to any
other host ends here as well (the request is read, recorded and cut off), unless the host was allowed: then bytes are
passed on unread.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from typing import cast

from .hosts import bare_host, is_fal_host, is_loopback

MAX_HEAD_BYTES = 16 * 1024
HEAD_SECONDS = 30.0
HANDSHAKE_SECONDS = 15.0
CONNECT_SECONDS = 15.0
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

ProtocolFactory = Callable[[], asyncio.Protocol]


class Gateway:
    """What the connections of the plain port share."""

    def __init__(
        self,
        make_http: ProtocolFactory,
        context: ssl.SSLContext,
        *,
        allow_hosts: tuple[str, ...],
        refused: Callable[[str, str], None],
    ) -> None:
        """``refused(host, why)`` is told of every connection that was not let through."""
        self.make_http = make_http
        self.context = context
        self.allow_hosts = frozenset(host.lower() for host in allow_hosts)
        self.refused = refused
        self.tasks: set[asyncio.Task[None]] = set()
        self.transports: set[asyncio.BaseTransport] = set()

    def allows(self, host: str) -> bool:
        """Return whether the (bare) host is not fal's and may be reached."""
        return not is_fal_host(host) and (host in self.allow_hosts or "*" in self.allow_hosts)

    def connection(self) -> asyncio.Protocol:
        """Return the protocol for one new connection."""
        return Front(self)

    def close(self) -> None:
        """Cut all tunnels."""
        for task in self.tasks:
            task.cancel()
        for transport in list(self.transports):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()


class Front(asyncio.Protocol):
    """Reads the first request line of a connection and hands it to whom it is for."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request, not for ever."""
        self._transport = cast("asyncio.Transport", transport)
        self._gateway.transports.add(transport)
        self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._leave()

    def data_received(self, data: bytes) -> None:
        """Collect the head of the first request and act on it."""
        transport = self._transport
        if transport is None or self._busy:
            # Nothing may follow a CONNECT before it was answered.
            if transport is not None:
                transport.abort()
            return
        self._head += data
        if not self._head.startswith(b"CONNECT "[: len(self._head)]):
            self._pass_to_http(transport)
        elif b"\r\n\r\n" in self._head:
            self._connect(transport)
        elif len(self._head) > MAX_HEAD_BYTES:
            self._say(transport, 431, "Request Header Fields Too Large")

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._gateway.transports.discard(self._transport)

    def _say(self, transport: asyncio.Transport, status: int, reason: str) -> None:
        text = f"HTTP/1.1 {status} {reason}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        transport.write(text.encode("latin-1", "replace"))
        transport.close()

    def _pass_to_http(self, transport: asyncio.Transport) -> None:
        self._leave()
        protocol = self._gateway.make_http()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(self._head)

    def _connect(self, transport: asyncio.Transport) -> None:
        gateway = self._gateway
        line = self._head.partition(b"\r\n")[0]
        after = self._head.partition(b"\r\n\r\n")[2]
        parts = line.decode("latin-1").split(" ")
        authority = parts[1] if len(parts) == 3 else ""
        host, _, port_text = authority.rpartition(":")
        host = bare_host(host)
        if after or not host or not port_text.isdigit() or not 0 < int(port_text[:6]) < 65536:
            self._say(transport, 400, "Bad Request")
            return
        port = int(port_text)
        self._busy = True
        if gateway.allows(host):
            self._start(self._tunnel(transport, host, port))
        elif is_loopback(host):
            gateway.refused(host, "loopback addresses are reached directly, see NO_PROXY")
            self._say(transport, 403, "Forbidden: loopback addresses are reached directly, see NO_PROXY")
        elif is_fal_host(host) and port != 443:
            gateway.refused(f"{host}:{port}", "fal is served at port 443 alone")
            self._say(transport, 502, "Bad Gateway")
        else:
            transport.write(_ESTABLISHED)
            self._start(self._terminate(transport, host))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._gateway.tasks.add(task)
        task.add_done_callback(self._gateway.tasks.discard)

    async def _terminate(self, transport: asyncio.Transport, host: str) -> None:
        waiting = _Waiting()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport, waiting, self._gateway.context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except (OSError, ssl.SSLError, asyncio.TimeoutError) as error:
            self._gateway.refused(host, f"no TLS: {getattr(error, 'reason', None) or type(error).__name__}")
            transport.abort()
            self._leave()
            return
        self._leave()
        if secured is not None:
            waiting.hand_over(secured, self._gateway.make_http())

    async def _tunnel(self, transport: asyncio.Transport, host: str, port: int) -> None:
        ends = Ends(self._gateway.transports)
        try:
            opening = asyncio.get_running_loop().create_connection(lambda: Pipe(ends, transport), host, port)
            far, _ = await asyncio.wait_for(opening, CONNECT_SECONDS)
        except (OSError, asyncio.TimeoutError):
            self._say(transport, 502, "Bad Gateway")
            return
        self._leave()
        near = Pipe(ends, far)
        transport.set_protocol(near)
        near.connection_made(transport)
        transport.write(_ESTABLISHED)


class _Waiting(asyncio.Protocol):
    """Holds what arrives between the end of the handshake and the moment the HTTP server takes over."""

    def __init__(self) -> None:
        self._early: list[bytes] = []
        self._lost = False

    def data_received(self, data: bytes) -> None:
        self._early.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True

    def hand_over(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        if self._lost:
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        for data in self._early:
            protocol.data_received(data)


class Ends:
    """What the two ends of a tunnel share."""

    def __init__(self, open_transports: set[asyncio.BaseTransport]) -> None:
        self.open_transports = open_transports
        self.finished = 0
        """How many ends have said all that they had to say."""


class Pipe(asyncio.Protocol):
    """Passes on what it receives; a full buffer on one side stops reading on the other."""

    def __init__(self, ends: Ends, other: asyncio.Transport) -> None:
        self._ends = ends
        self._other = other
        self._own: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the own side, so that it can be cut."""
        self._own = transport
        self._ends.open_transports.add(transport)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self._other.write(data)

    def eof_received(self) -> bool:
        """Pass on the end of one direction; keep the other open until it ends as well."""
        self._ends.finished += 1
        if self._ends.finished == 2:
            self._other.close()
            return False
        if self._other.can_write_eof():
            self._other.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side as well."""
        if self._own is not None:
            self._ends.open_transports.discard(self._own)
        self._other.close()

    def pause_writing(self) -> None:
        """Stop reading at the other side."""
        self._other.pause_reading()

    def resume_writing(self) -> None:
        """Read on at the other side."""
        self._other.resume_reading()
