from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from fal_skill.sandbox import Sandbox, Settings, running

LCM = "fal-ai/fast-lcm-diffusion"


def token(client: httpx.Client, apps: Any = ("fast-lcm-diffusion",), **body: Any) -> httpx.Response:
    return client.post("https://rest.fal.ai/tokens/", json={"allowed_apps": list(apps), "token_expiration": 60, **body})


@contextmanager
def opened(sandbox: Sandbox, path: str, **headers: str) -> Iterator[ClientConnection]:
    context = ssl.create_default_context(cafile=str(sandbox.certificate))
    with connect(f"wss://fal.run/{path}", ssl=context, proxy=sandbox.url, additional_headers=headers) as socket:
        yield socket


@pytest.fixture
def socket(fal_sandbox: Sandbox, client: httpx.Client) -> Iterator[ClientConnection]:
    text = token(client).json()
    with opened(fal_sandbox, f"{LCM}/realtime?fal_jwt_token={quote(text)}") as made:
        yield made


def test_msgpack_is_answered_with_msgpack(socket: ClientConnection) -> None:
    socket.send(msgpack.packb({"prompt": "a cat", "seed": 5}))
    answer = msgpack.unpackb(socket.recv(timeout=10))
    assert answer["seed"] == 5


def test_text_is_answered_with_json_text(socket: ClientConnection) -> None:
    socket.send(json.dumps({"prompt": "a cat", "seed": 6}))
    answer = socket.recv(timeout=10)
    assert isinstance(answer, str)
    assert json.loads(answer)["seed"] == 6


@pytest.mark.parametrize(
    "message",
    [b"\xc1", b"", msgpack.packb([1]), msgpack.packb({"prompt": b"raw"}), "{", "[1]", msgpack.packb({"prompt": []})],
)
def test_a_message_that_makes_no_sense_is_an_error_and_the_connection_stays(
    socket: ClientConnection, message: Any
) -> None:
    socket.send(message)
    answer = json.loads(socket.recv(timeout=10))
    assert (answer["type"], answer["error"]) == ("x-fal-error", "INVALID_INPUT")
    socket.send(msgpack.packb({"prompt": "a cat"}))
    assert "images" in msgpack.unpackb(socket.recv(timeout=10))


def test_the_key_itself_opens_a_connection(fal_sandbox: Sandbox) -> None:
    with opened(fal_sandbox, f"{LCM}/realtime?max_buffering=10", Authorization=f"Key {fal_sandbox.key}") as socket:
        socket.send(msgpack.packb({"prompt": "a cat"}))
        assert "images" in msgpack.unpackb(socket.recv(timeout=10))


def test_without_key_and_token_the_handshake_is_refused(fal_sandbox: Sandbox) -> None:
    with pytest.raises(InvalidStatus), opened(fal_sandbox, f"{LCM}/realtime"):
        pass


@pytest.mark.parametrize("apps", [["other-app"], ["flux", "fal-ai/other"]])
def test_a_token_opens_only_the_apps_it_was_made_for(
    fal_sandbox: Sandbox, client: httpx.Client, apps: list[str]
) -> None:
    with opened(fal_sandbox, f"{LCM}/realtime?fal_jwt_token={token(client, apps).json()}") as socket:
        assert json.loads(socket.recv(timeout=10)) == {"status": "error", "error": "Unauthorized"}
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("fal-ai/no-such-model/realtime", "NOT_FOUND"),
        (f"{LCM}/realtime?max_buffering=61", "BAD_REQUEST"),
        (f"{LCM}/realtime?max_buffering=x", "BAD_REQUEST"),
    ],
)
def test_a_wrong_address_is_told_before_the_connection_ends(fal_sandbox: Sandbox, path: str, error: str) -> None:
    with opened(fal_sandbox, path, Authorization=f"Key {fal_sandbox.key}") as socket:
        assert json.loads(socket.recv(timeout=10))["error"] == error


@pytest.mark.parametrize(
    "body", [{"allowed_apps": []}, {"allowed_apps": "flux"}, {"token_expiration": 0}, {"token_expiration": "x"}]
)
def test_tokens_for_nothing_are_refused(client: httpx.Client, body: dict[str, Any]) -> None:
    assert token(client, **body).status_code == 422


def test_an_idle_connection_is_ended_with_the_timeout_that_clients_ignore() -> None:
    with (
        running(Settings(realtime_idle_seconds=0.1)) as sandbox,
        opened(sandbox, f"{LCM}/realtime", Authorization=f"Key {sandbox.key}") as socket,
    ):
        assert json.loads(socket.recv(timeout=10))["error"] == "TIMEOUT"
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(message=st.binary(max_size=60) | st.text(max_size=60))
def test_any_message_gets_an_answer(socket: ClientConnection, message: Any) -> None:
    socket.send(message)
    assert socket.recv(timeout=10)
