"""Whatever a client sends, the sandbox answers or hangs up, and goes on."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fal_skill.sandbox import Sandbox, Settings, running
from sandbox_calls import QUEUE, RUN, SCHNELL, http_client, submitted

HOSTS = (
    "queue.fal.run", "fal.run", "rest.fal.ai", "v3.fal.media", "v3b.fal.media", "api.fal.ai", "fal.ai", "auth.fal.ai",
)  # fmt: skip
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
SEGMENTS = st.lists(
    st.sampled_from(
        ["fal-ai", "flux", "schnell", "requests", "x", "status", "cancel", "stream", "realtime", "workflows", "files",
         "upload", "multipart", "put", "1", "complete", "v1", "models", "pricing", "..", "%2e%2e", "%00", "%ff",
         "a%2Fb", ""]
    ),
    max_size=7,
)  # fmt: skip


def internal_errors(sandbox: Sandbox) -> list[Any]:
    return [note for note in sandbox.report()["notes"] if note["code"] == "internal-error"]


@pytest.mark.parametrize("host", [QUEUE, RUN])
@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1, 2]", b'"x"', b"[" * 50_000])
def test_a_body_that_is_no_json_object_is_a_422(client: httpx.Client, host: str, body: bytes) -> None:
    reply = client.post(f"{host}/{SCHNELL}", content=body)
    assert reply.status_code == 422
    assert reply.json()["detail"][0]["loc"][0] == "body"


def test_no_body_at_all_is_an_empty_call(client: httpx.Client) -> None:
    reply = client.post(f"{RUN}/{SCHNELL}")
    assert (reply.status_code, reply.json()["detail"][0]["type"]) == (422, "missing")


def test_bodies_have_a_limit_that_is_stated() -> None:
    with running(Settings(max_json_bytes=10_000)) as sandbox, http_client(sandbox) as client:
        client.headers["authorization"] = f"Key {sandbox.key}"
        big = json.dumps({"prompt": "x" * 20_000}).encode()
        for content in (big, (big[start : start + 1000] for start in range(0, len(big), 1000))):
            reply = client.post(f"{RUN}/{SCHNELL}", content=content)
            assert reply.status_code == 413
            assert "10000 bytes" in reply.json()["detail"]
        endless = (b"x" * 10_000 for _ in range(1000))
        with suppress(httpx.TransportError):  # hung up on a body of a thousand times the limit: as good
            assert client.post(f"{RUN}/{SCHNELL}", content=endless).status_code == 413
        assert client.post(f"{RUN}/{SCHNELL}", json={"prompt": "x"}).status_code == 200


def test_a_compressed_body_is_not_guessed_at(client: httpx.Client) -> None:
    body = gzip.compress(b'{"prompt": "x"}')
    assert client.post(f"{RUN}/{SCHNELL}", content=body, headers={"content-encoding": "gzip"}).status_code == 422


def test_text_that_utf8_cannot_carry_survives(client: httpx.Client) -> None:
    reply = client.post(f"{RUN}/{SCHNELL}", content=b'{"prompt": "\\ud800 cat"}')
    assert reply.status_code == 200
    assert reply.json()["images"]


def test_headers_of_many_kilobytes_are_refused(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    with pytest.raises(httpx.TransportError):
        raise_for(client.get(QUEUE, headers={"x-long": "x" * 200_000}))
    submitted(client)


def raise_for(reply: httpx.Response) -> None:
    """Count a plain 400 as the refusal that a dropped connection is."""
    if reply.status_code in (400, 431):
        raise httpx.ReadError("refused")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW"])
def test_every_method_at_every_host_gets_an_answer(
    client: httpx.Client, fal_sandbox: Sandbox, host: str, method: str
) -> None:
    for path in ("", SCHNELL, "fal-ai/flux/requests/x", "files/upload", "v1/models"):
        assert 200 <= client.request(method, f"https://{host}/{path}").status_code < 500
    assert internal_errors(fal_sandbox) == []


@MANY
@given(
    host=st.sampled_from(HOSTS),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"]),
    segments=SEGMENTS,
    query=st.text(alphabet="abc=&%20?fal_webhook/:.", max_size=30),
    body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_no_request_makes_an_internal_error(
    client: httpx.Client, fal_sandbox: Sandbox, host: str, method: str, segments: list[str], query: str, body: bytes
) -> None:
    url = httpx.URL(f"https://{host}", raw_path=f"/{'/'.join(segments)}?{query}".encode())
    reply = client.request(method, url, content=body if method in ("POST", "PUT") else None)
    # 501 and 507 are answers of the platform API and of a full store; a 500 would be the sandbox's own failure.
    assert reply.status_code != 500, (method, url, body)
    assert internal_errors(fal_sandbox) == []


@MANY
@given(
    arguments=st.dictionaries(st.sampled_from(["prompt", "image_size", "num_images", "seed", "sync_mode", "é"]), JSON)
)
def test_any_arguments_are_taken_or_refused(
    client: httpx.Client, fal_sandbox: Sandbox, arguments: dict[str, Any]
) -> None:
    reply = client.post(f"{RUN}/{SCHNELL}", json=arguments)
    assert reply.status_code in (200, 422)
    assert internal_errors(fal_sandbox) == []


@MANY
@given(
    data=st.binary(max_size=300)
    | st.binary(max_size=80).map(lambda tail: b"POST /x HTTP/1.1\r\nhost: fal.run\r\n" + tail)
)
def test_any_bytes_at_the_plain_port_do_no_harm(fal_sandbox: Sandbox, client: httpx.Client, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", fal_sandbox.proxy_port), timeout=10) as connection:
        connection.sendall(data)
    assert client.get("https://api.fal.ai/v1/meta").status_code == 200


@MANY
@given(data=st.binary(max_size=300))
def test_any_bytes_inside_tls_do_no_harm(fal_sandbox: Sandbox, client: httpx.Client, data: bytes) -> None:
    context = ssl.create_default_context(cafile=str(fal_sandbox.certificate))
    with (
        socket.create_connection(("127.0.0.1", fal_sandbox.tls_port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="queue.fal.run") as secured,
    ):
        secured.sendall(data)
    assert client.get("https://api.fal.ai/v1/meta").status_code == 200


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes_instead_of_tls_do_no_harm(fal_sandbox: Sandbox, client: httpx.Client, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", fal_sandbox.tls_port), timeout=10) as connection:
        connection.sendall(data)
    assert client.get("https://api.fal.ai/v1/meta").status_code == 200


def test_a_client_that_hangs_up_in_the_middle_of_its_body_is_forgotten(
    client: httpx.Client, fal_sandbox: Sandbox
) -> None:
    context = ssl.create_default_context(cafile=str(fal_sandbox.certificate))
    with (
        socket.create_connection(("127.0.0.1", fal_sandbox.tls_port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="queue.fal.run") as secured,
    ):
        head = f"host: queue.fal.run\r\nauthorization: Key {fal_sandbox.key}\r\ncontent-length: 100\r\n\r\n"
        secured.sendall(f"POST /{SCHNELL} HTTP/1.1\r\n{head}{{".encode())
    submitted(client)
    assert len(fal_sandbox.jobs) == 1
    assert internal_errors(fal_sandbox) == []
