"""The ports: CONNECT, TLS, refusals, tunnels, and connections that misbehave."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from fal_skill.errors import UnavailableError
from fal_skill.sandbox import Sandbox, Settings, running
from fal_skill.sandbox.hosts import bare_host, is_fal_host, is_loopback, surface_of
from fal_skill.sandbox.local import listening_socket
from sandbox_calls import QUEUE, SCHNELL, http_client, until


@contextmanager
def plain(sandbox: Sandbox) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", sandbox.proxy_port), timeout=10) as made:
        yield made


def answer(connection: socket.socket) -> bytes:
    """Read until the other side ends."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def alive(sandbox: Sandbox) -> bool:
    with http_client(sandbox) as client:
        return client.get("https://api.fal.ai/v1/meta").status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"CONNECT \r\n\r\n", b"400"), (b"CONNECT fal.run\r\n\r\n", b"400"),
        (b"CONNECT fal.run:x HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT fal.run:0 HTTP/1.1\r\n\r\n", b"400"), (b"CONNECT fal.run:99999999 HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT :443 HTTP/1.1\r\n\r\n", b"400"), (b"CONNECT fal.run:443 HTTP/1.1\r\n\r\nearly", b"400"),
        (b"CONNECT fal.run:80 HTTP/1.1\r\n\r\n", b"502"), (b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n", b"403"),
        (b"CONNECT [::1]:22 HTTP/1.1\r\n\r\n", b"403"), (b"CONNECT " + b"x" * 20_000, b"431"),
        (b"\x00\x01\x02\r\n\r\n", b"400"), (b"GET\r\n\r\n", b"400"), (b"\xff" * 100 + b"\r\n\r\n", b"400"),
    ],
)  # fmt: skip
def test_requests_that_make_no_sense_are_refused(fal_sandbox: Sandbox, sent: bytes, status: bytes) -> None:
    with plain(fal_sandbox) as connection:
        connection.sendall(sent)
        assert answer(connection).split(b" ")[1] == status
    assert alive(fal_sandbox)


def test_a_request_may_come_in_pieces(fal_sandbox: Sandbox) -> None:
    context = ssl.create_default_context(cafile=str(fal_sandbox.certificate))
    with plain(fal_sandbox) as connection:
        for byte in b"CONNECT api.fal.ai:443 HTTP/1.1\r\nhost: x\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert connection.recv(100) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        with context.wrap_socket(connection, server_hostname="api.fal.ai") as secured:
            for byte in b"GET /v1/meta HTTP/1.1\r\nhost: api.fal.ai\r\nconnection: close\r\n\r\n":
                secured.sendall(bytes([byte]))
            assert secured.recv(12) == b"HTTP/1.1 200"


def test_a_half_closed_connection_still_gets_its_answer(fal_sandbox: Sandbox) -> None:
    with plain(fal_sandbox) as connection:
        connection.sendall(b"GET /_sandbox/health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert answer(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("upto", [0, 3, 30])
def test_connections_that_end_at_once_do_no_harm(fal_sandbox: Sandbox, upto: int) -> None:
    for _ in range(20):
        with plain(fal_sandbox) as connection:
            connection.sendall(b"CONNECT fal.run:443 HTTP/1.1\r\n\r\n"[:upto])
    assert alive(fal_sandbox)


def test_a_client_that_does_not_trust_the_sandbox_is_told_of_in_the_report(fal_sandbox: Sandbox) -> None:
    with httpx.Client(proxy=fal_sandbox.url, trust_env=False) as stranger, pytest.raises(httpx.ConnectError):
        stranger.get("https://fal.run/")
    notes = until(lambda: fal_sandbox.report()["notes"])
    assert any("no TLS" in note["message"] for note in notes)


@pytest.mark.parametrize("url", ["https://example.com/x", "http://example.com/x", "https://fal.run.example.com/"])
def test_other_hosts_are_refused_and_counted(anyone: httpx.Client, fal_sandbox: Sandbox, url: str) -> None:
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            anyone.get(url)
    assert fal_sandbox.report()["refused_hosts"] == {httpx.URL(url).host: 2}


def test_sockets_that_were_led_here_by_address_find_every_host(fal_sandbox: Sandbox) -> None:
    """What the preload modules do: TLS straight to the second port, with the wanted host in SNI."""
    context = ssl.create_default_context(cafile=str(fal_sandbox.certificate))
    for host in ("queue.fal.run", "v3b.fal.media", "rest.alpha.fal.ai", "some.deep.name.fal.ai", "example.com"):
        with (
            socket.create_connection(("127.0.0.1", fal_sandbox.tls_port), timeout=10) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            assert secured.version() in ("TLSv1.2", "TLSv1.3")


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """Another server on this machine, standing for a host that was allowed."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"elsewhere " * 100_000)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make "allowed.test" a name of this machine."""
    ask = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:
        return ask("127.0.0.1" if host == "allowed.test" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.usefixtures("resolver")
def test_an_allowed_host_is_reached_through_the_tunnel(elsewhere: int) -> None:
    with running(Settings(allow_hosts=("allowed.test",))) as sandbox, plain(sandbox) as connection:
        connection.sendall(f"CONNECT allowed.test:{elsewhere} HTTP/1.1\r\n\r\n".encode())
        established = b"HTTP/1.1 200 Connection established\r\n\r\n"
        assert connection.recv(len(established), socket.MSG_WAITALL) == established
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert answer(connection).count(b"elsewhere") == 100_000
        assert sandbox.report()["refused_hosts"] == {}


@pytest.mark.usefixtures("resolver")
def test_an_allowed_host_that_is_down_is_a_502() -> None:
    with listening_socket() as unused:
        port = unused.getsockname()[1]
    with running(Settings(allow_hosts=("allowed.test",))) as sandbox, plain(sandbox) as connection:
        connection.sendall(f"CONNECT allowed.test:{port} HTTP/1.1\r\n\r\n".encode())
        assert answer(connection).startswith(b"HTTP/1.1 502")


def test_fal_itself_cannot_be_allowed() -> None:
    with running(Settings(allow_hosts=("*", "queue.fal.run"))) as sandbox, http_client(sandbox) as client:
        assert client.post(f"{QUEUE}/{SCHNELL}", json={}).status_code == 401
        assert len(sandbox.report()["requests"]) == 1


def test_a_port_that_is_taken_is_a_one_line_error() -> None:
    with listening_socket() as taken, pytest.raises(UnavailableError) as caught:
        Sandbox(port=taken.getsockname()[1])
    assert "cannot be used" in caught.value.message


def test_nothing_listens_on_any_other_address_than_loopback(fal_sandbox: Sandbox) -> None:
    for sock in (fal_sandbox._plain, fal_sandbox._tls):
        assert sock.getsockname()[0] == "127.0.0.1"


def test_ports_and_files_are_gone_afterwards() -> None:
    with running() as sandbox:
        folder, ports = sandbox.folder, (sandbox.proxy_port, sandbox.tls_port)
        assert sandbox.certificate.exists()
    assert not folder.exists()
    for port in ports:
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", port), timeout=2)


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("Fal.Run", "fal.run"), ("queue.fal.run:443", "queue.fal.run"), ("fal.run.", "fal.run"),
        ("[::1]:80", "[::1]"), ("", ""),
    ],
)  # fmt: skip
def test_bare_hosts(header: str, host: str) -> None:
    assert bare_host(header) == host


@pytest.mark.parametrize(
    ("host", "fal", "surface"),
    [
        ("fal.run", True, "run"), ("queue.falrun.com", True, "queue"), ("v9.fal.media", True, "files"),
        ("auth.fal.ai", True, "other"), ("notfal.run", False, None),
        ("fal.run.evil.com", False, None), ("", False, None),
    ],
)  # fmt: skip
def test_which_hosts_are_fals(host: str, fal: bool, surface: str | None) -> None:
    assert (is_fal_host(host), surface_of(host)) == (fal, surface)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True), ("127.9.9.9", True), ("::1", True), ("127.0.0.1.nip.io", False),
        ("1270.0.0.1", False), ("10.0.0.1", False),
    ],
)  # fmt: skip
def test_what_is_loopback(host: str, here: bool) -> None:
    assert is_loopback(host) is here
