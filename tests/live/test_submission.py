"""A submission leaves once, whatever the network does, through the SDK's own client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fal_skill.live.keys import Credential
from fal_skill.live.submission import (
    SETTLED,
    MaybeSubmittedError,
    NotSubmittedError,
    OnceTransport,
    new_client,
    submit_once,
)

SLUG = "fal-ai/flux/schnell"
BASE = f"https://queue.fal.run/{SLUG}/requests/1"
GOOD = {"request_id": "1", "response_url": BASE, "status_url": f"{BASE}/status", "cancel_url": f"{BASE}/cancel"}


class Wire(httpx.BaseTransport):
    """A network that does what it is told, and counts."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response], *, sends: bool = True) -> None:
        self.posts = 0
        self._answer = answer
        self._sends = sends

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.posts += request.method == "POST"
        trace = request.extensions.get("trace")
        if trace is not None:
            trace("connection.connect_tcp.started", {})
            tunnel = {"request": type("Request", (), {"method": b"CONNECT"})}
            trace("http11.send_request_headers.started", tunnel)
            trace("http11.send_request_headers.complete", {"return_value": None})
            trace("http_proxy.start_tls.started", {})
            if self._sends:
                trace("http11.send_request_headers.started", {"request": type("Request", (), {"method": b"POST"})})
        return self._answer(request)


def submitted(wire: Wire, told: list[str] | None = None, arguments: Any = None) -> Any:
    client = new_client(Credential("Key", "id:secret-secret"))
    client.__dict__["_transport"] = OnceTransport(wire)
    heard = [] if told is None else told
    try:
        return submit_once(
            client, SLUG, {"prompt": "x"} if arguments is None else arguments, sending=lambda: heard.append("sending")
        )
    finally:
        client.close()


def raising(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


class Broken(httpx.SyncByteStream):
    def __iter__(self) -> Any:
        yield b'{"request_id": '
        raise httpx.ReadError("cut off")


def test_a_good_reply_gives_the_id_and_one_word_that_it_is_sent() -> None:
    told: list[str] = []
    wire = Wire(lambda request: httpx.Response(200, json=GOOD))
    assert submitted(wire, told).request_id == "1"
    assert (wire.posts, told) == (1, ["sending"])


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadError("reset"),
        httpx.ReadTimeout("late"),
        httpx.WriteError("broken pipe"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
    ],
)
def test_a_connection_that_breaks_after_the_first_byte_leaves_a_doubt_and_no_second_request(error: Exception) -> None:
    wire = Wire(raising(error))
    with pytest.raises(MaybeSubmittedError) as caught:
        submitted(wire)
    assert wire.posts == 1
    assert caught.value.trouble.failure.exit_code == 6


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ConnectTimeout("x"), httpx.ProxyError("407"), httpx.PoolTimeout("x")]
)
def test_a_connection_that_is_never_made_leaves_no_doubt(error: Exception) -> None:
    told: list[str] = []
    wire = Wire(raising(error), sends=False)
    with pytest.raises(NotSubmittedError) as caught:
        submitted(wire, told)
    assert (wire.posts, told, caught.value.sent) == (1, [], False)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("body", ["nginx", '{"detail": "x"}', ""])
def test_a_5xx_leaves_a_doubt_although_the_sdk_would_send_again(status: int, body: str) -> None:
    wire = Wire(lambda request: httpx.Response(status, text=body, headers={"x-fal-request-id": "77"}))
    with pytest.raises(MaybeSubmittedError) as caught:
        submitted(wire)
    assert (wire.posts, caught.value.request_id) == (1, "77")


@pytest.mark.parametrize("status", sorted(SETTLED))
def test_a_refusal_is_no_job_and_is_not_sent_again_by_the_sdk(status: int) -> None:
    wire = Wire(lambda request: httpx.Response(status, json={"detail": "no"}, headers={"location": "https://x.y/"}))
    with pytest.raises(NotSubmittedError) as caught:
        submitted(wire)
    assert (wire.posts, caught.value.sent) == (1, True)


@pytest.mark.parametrize(
    "response",
    [
        lambda: httpx.Response(200, text="<html>hello</html>"),
        lambda: httpx.Response(200, json={}),
        lambda: httpx.Response(200, json=[]),
        lambda: httpx.Response(200, json={**GOOD, "request_id": None}),
        lambda: httpx.Response(200, stream=Broken()),
    ],
)
def test_a_good_status_with_an_unreadable_body_leaves_a_doubt(response: Callable[[], httpx.Response]) -> None:
    wire = Wire(lambda request: response())
    with pytest.raises(MaybeSubmittedError):
        submitted(wire)
    assert wire.posts == 1


def test_arguments_that_are_no_json_are_never_sent() -> None:
    wire = Wire(lambda request: httpx.Response(200, json=GOOD))
    with pytest.raises(NotSubmittedError):
        submitted(wire, arguments={"prompt": {1, 2}})
    assert wire.posts == 0


def test_what_cannot_be_written_down_is_not_sent() -> None:
    wire = Wire(lambda request: httpx.Response(200, json=GOOD))
    client = new_client(Credential("Key", "id:secret-secret"))
    client.__dict__["_transport"] = OnceTransport(wire)

    def full() -> None:
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="full"):
        submit_once(client, SLUG, {}, sending=full)
    client.close()


def test_the_billed_units_of_a_result_are_remembered() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={}, headers={"x-fal-billable-units": "2.5"})

    client = new_client(Credential("Key", "id:secret-secret"))
    client.__dict__["_transport"] = OnceTransport(Wire(answer))
    client._client.get(BASE)
    assert client.billed_units("1") == 2.5
    assert client.billed_units("1") is None
    client.close()
