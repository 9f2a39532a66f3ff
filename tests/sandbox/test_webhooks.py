from __future__ import annotations

import base64
import hashlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fal_skill.sandbox import Sandbox
from sandbox_calls import QUEUE, SCHNELL, submitted, until


class Receiver:
    """A webhook receiver that answers with the statuses that it was given, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.received: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("content-length", "0")
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?x=1&y=ä"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def hooked(client: httpx.Client, url: str, arguments: dict[str, Any] | None = None) -> Any:
    return submitted(client, SCHNELL, arguments, params={"fal_webhook": url})


def delivery(sandbox: Sandbox) -> Any:
    """Wait until the last delivery is over, one way or the other."""

    def over() -> Any:
        return next((made for made in sandbox.report()["webhooks"] if made["delivered"] or made["why"]), None)

    return until(over)


def verified(headers: dict[str, str], body: bytes, jwks: Any) -> bool:
    """Check a delivery in the way that fal documents."""
    lines = [headers[f"x-fal-webhook-{name}"] for name in ("request-id", "user-id", "timestamp")]
    message = "\n".join([*lines, hashlib.sha256(body).hexdigest()]).encode()
    signature = bytes.fromhex(headers["x-fal-webhook-signature"])
    for key in jwks["keys"]:
        raw = base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
        except InvalidSignature:
            continue
        return abs(time.time() - int(headers["x-fal-webhook-timestamp"])) <= 300
    return False


def test_a_good_end_is_delivered_and_signed(client: httpx.Client, fal_sandbox: Sandbox, receiver: Receiver) -> None:
    job = hooked(client, receiver.url)
    assert delivery(fal_sandbox)["delivered"] is True
    ((headers, body),) = receiver.received
    told = json.loads(body)
    assert (told["request_id"], told["gateway_request_id"], told["status"]) == (job["request_id"],) * 2 + ("OK",)
    assert told["payload"] == client.get(job["response_url"]).json()
    jwks = client.get("https://rest.fal.ai/.well-known/jwks.json").json()
    assert verified(headers, body, jwks)
    assert not verified(headers, body + b" ", jwks)


def test_a_failure_is_delivered_with_its_detail(client: httpx.Client, fal_sandbox: Sandbox, receiver: Receiver) -> None:
    hooked(client, receiver.url, {})
    delivery(fal_sandbox)
    told = json.loads(receiver.received[0][1])
    assert (told["status"], told["error"]) == ("ERROR", "Invalid status code: 422")
    assert told["payload"]["detail"][0]["type"] == "missing"


def test_a_receiver_that_fails_is_tried_again(client: httpx.Client, fal_sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.statuses = [500, 503]
    hooked(client, receiver.url)
    assert [attempt["status"] for attempt in delivery(fal_sandbox)["attempts"]] == [500, 503, 200]
    assert len({body for _, body in receiver.received}) == 1


def test_a_redirect_is_a_permanent_failure(client: httpx.Client, fal_sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.statuses = [302]
    hooked(client, receiver.url)
    made = delivery(fal_sandbox)
    assert (made["delivered"], len(made["attempts"]), len(receiver.received)) == (False, 1, 1)


@pytest.mark.parametrize("url", ["https://example.com/hook", "http://10.0.0.1/hook", "http://127.0.0.1.nip.io/"])
def test_nothing_is_delivered_to_other_machines(client: httpx.Client, fal_sandbox: Sandbox, url: str) -> None:
    job = hooked(client, url)
    until(lambda: client.get(job["status_url"]).status_code == 200)
    report = fal_sandbox.report(final=True)
    (made,) = report["webhooks"]
    assert (made["delivered"], made["attempts"], made["why"]) == (None, [], "not a loopback address")
    # The program cannot be blamed for not collecting what fal would have pushed.
    assert "uncollected-job" not in {violation["code"] for violation in report["violations"]}


@pytest.mark.parametrize("url", ["ftp://x/", "hook", "http://" + "x" * 3000])
def test_a_webhook_address_that_is_none_is_refused(client: httpx.Client, url: str) -> None:
    reply = client.post(f"{QUEUE}/{SCHNELL}", json={"prompt": "x"}, params={"fal_webhook": url})
    assert reply.status_code == 400


def test_deliveries_can_be_lost(client: httpx.Client, fal_sandbox: Sandbox, receiver: Receiver) -> None:
    fal_sandbox.add_fault("webhook-fails=2")
    hooked(client, receiver.url)
    made = delivery(fal_sandbox)
    assert len(made["attempts"]) == 3
    assert len(receiver.received) == 1


def test_deliveries_can_be_repeated(client: httpx.Client, fal_sandbox: Sandbox, receiver: Receiver) -> None:
    fal_sandbox.add_fault("webhook-repeats=1")
    hooked(client, receiver.url)
    until(lambda: len(receiver.received) == 2)
    assert len({json.loads(body)["request_id"] for _, body in receiver.received}) == 1
