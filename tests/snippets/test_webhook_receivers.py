"""The receivers that the webhook pattern renders take what fal signed, once, and nothing else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
import types
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fal_client
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import node_project
from fal_skill.snippets import SnippetOptions
from snippets.fake_fal import FakeFal, fake_fal
from snippets.programs import KEY, NODE_START, program, run

FLUX = "fal-ai/flux/schnell"
SIGNER = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
EVENT = {
    "request_id": "r-1",
    "gateway_request_id": "r-1",
    "status": "OK",
    "payload": {"images": [{"url": "https://x/y.png"}]},
}
BODY = json.dumps(EVENT).encode()


@pytest.fixture
def fal() -> Iterator[FakeFal]:
    with fake_fal() as state:
        raw = SIGNER.public_key().public_bytes_raw()
        state.public_key = base64.urlsafe_b64encode(raw).decode().rstrip("=")
        yield state


def signed(body: bytes = BODY, *, age: float = 0, signer: Ed25519PrivateKey = SIGNER) -> dict[str, str]:
    """Return the headers of a delivery as fal's documentation describes them."""
    timestamp = str(int(time.time() - age))
    lines = ["r-1", "user", timestamp, hashlib.sha256(body).hexdigest()]
    return {
        "x-fal-webhook-request-id": "r-1",
        "x-fal-webhook-user-id": "user",
        "x-fal-webhook-timestamp": timestamp,
        "x-fal-webhook-signature": signer.sign("\n".join(lines).encode()).hex(),
    }


def changed(name: str, value: str | None) -> dict[str, str]:
    """Return good headers with one replaced or left out."""
    headers = {**signed(), f"x-fal-webhook-{name}": value or ""}
    return headers if value is not None else {key: item for key, item in headers.items() if not key.endswith(name)}


GOOD: list[Any] = [
    ("good", signed, BODY),
    ("a little late", lambda: signed(age=290), BODY),
    ("a little early", lambda: signed(age=-290), BODY),
]
BAD: list[Any] = [
    ("altered body", signed, BODY.replace(b"r-1", b"r-2")),
    ("empty body", signed, b""),
    ("another's key", lambda: signed(signer=STRANGER), BODY),
    ("late", lambda: signed(age=310), BODY),
    ("early", lambda: signed(age=-310), BODY),
    ("no headers", dict, BODY),
    ("without request id", lambda: changed("request-id", None), BODY),
    ("without user id", lambda: changed("user-id", None), BODY),
    ("without timestamp", lambda: changed("timestamp", None), BODY),
    ("without signature", lambda: changed("signature", None), BODY),
    ("time is no number", lambda: changed("timestamp", "nan"), BODY),
    ("time is endless", lambda: changed("timestamp", "9" * 5000), BODY),
    ("signature is no hex", lambda: changed("signature", "zz"), BODY),
    ("signature is short", lambda: changed("signature", "00"), BODY),
    ("headers are huge", lambda: changed("user-id", "u" * 7000), BODY),
]
CASES = [(*case, True) for case in GOOD] + [(*case, False) for case in BAD]
case = pytest.mark.parametrize(("headers", "body", "good"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])


class RefusedError(Exception):
    """What the stub frameworks raise for an answer that is not 200."""


def stub_fastapi() -> types.ModuleType:
    """Return just enough of FastAPI to import the receiver and to call it."""

    class FastAPI:
        def post(self, path: str) -> Any:
            assert path == "/fal-webhook"
            return lambda function: function

    module = types.ModuleType("fastapi")
    vars(module).update(FastAPI=FastAPI, HTTPException=RefusedError, Request=object, BackgroundTasks=object)
    return module


def stub_flask(state: types.SimpleNamespace) -> types.ModuleType:
    """Return just enough of Flask to import the receiver and to call it."""

    class Flask:
        def __init__(self, name: str) -> None:
            pass

        def post(self, path: str) -> Any:
            assert path == "/fal-webhook"
            return lambda function: function

    def abort(status: int) -> None:
        raise RefusedError(status)

    module = types.ModuleType("flask")
    vars(module).update(Flask=Flask, abort=abort, request=state)
    return module


class Receiver:
    """A Python receiver, called as its framework would."""

    def __init__(self, path: Path, fal: FakeFal | None, framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.framework = framework
        self.request = types.SimpleNamespace()
        monkeypatch.setitem(sys.modules, "fastapi", stub_fastapi())
        monkeypatch.setitem(sys.modules, "flask", stub_flask(self.request))
        spec = importlib.util.spec_from_file_location("fal_webhook_under_test", path)
        assert spec is not None and spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        if fal is not None:
            self.module.JWKS_URL = f"{fal.base}/rest/.well-known/jwks.json"
        self.handled: list[Any] = []
        self.handle = self.module.handle_event
        self.module.handle_event = self.handled.append

    def deliver(self, headers: dict[str, str], body: bytes) -> bool:
        """Return whether the receiver accepted the delivery."""
        try:
            if self.framework == "flask":
                self.request.headers, self.request.get_data = headers, lambda: body
                self.module.receive()
                for thread in threading.enumerate():
                    if thread is not threading.current_thread() and "receive" in thread.name:
                        thread.join()
            else:
                background = types.SimpleNamespace(add_task=lambda function, event: function(event))

                async def read() -> bytes:
                    return body

                asyncio.run(self.module.receive(types.SimpleNamespace(headers=headers, body=read), background))
        except RefusedError:
            return False
        return True


@pytest.fixture(params=[("python", "fastapi"), ("python", "flask"), ("python-async", "fastapi")], ids="-".join)
def receiver(request: pytest.FixtureRequest, tmp_path: Path, fal: FakeFal, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    language, framework = request.param
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "webhook", SnippetOptions(framework=framework))
    return Receiver(path, fal, framework, monkeypatch)


@case
def test_the_python_receivers_accept_only_what_fal_signed_just_now(
    receiver: Receiver, headers: Any, body: bytes, good: bool
) -> None:
    assert receiver.deliver(headers(), body) is good


def test_the_python_receivers_handle_a_delivery_once(receiver: Receiver) -> None:
    for _ in range(2):
        assert receiver.deliver(signed(), BODY)
    deadline = time.monotonic() + 5
    while not receiver.handled and time.monotonic() < deadline:
        time.sleep(0.01)
    assert receiver.handled == [EVENT]


def test_the_python_receivers_fetch_the_keys_once_a_day(receiver: Receiver, fal: FakeFal) -> None:
    for _ in range(3):
        receiver.deliver(signed(), BODY)
    assert [path for _, path in fal.log].count("/rest/.well-known/jwks.json") == 1


def test_the_python_receivers_fetch_changed_keys_before_they_refuse(receiver: Receiver, fal: FakeFal) -> None:
    assert receiver.deliver(signed(), BODY)
    raw = STRANGER.public_key().public_bytes_raw()
    fal.public_key = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert not receiver.deliver(signed(signer=STRANGER), BODY), "at most once a minute"
    receiver.module.key_set["fetched"] -= 61
    assert receiver.deliver(signed(signer=STRANGER), BODY)
    assert [path for _, path in fal.log].count("/rest/.well-known/jwks.json") == 2


def test_the_python_receivers_give_the_id_back_when_the_work_fails(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(event: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(receiver.module, "work", failing)
    receiver.module.handled.add("r-1")
    with pytest.raises(OSError, match="disk full"):
        receiver.handle(EVENT)
    assert receiver.module.handled == set()


def test_the_python_receivers_fetch_a_null_payload_by_id_and_show_a_failure(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = {(FLUX, "r-1"): EVENT["payload"]}
    monkeypatch.setattr(fal_client, "result", lambda slug, request_id: results[slug, request_id])
    receiver.handle({"request_id": "r-1", "status": "OK", "payload": None, "payload_error": "too large"})
    assert capsys.readouterr().out == "https://x/y.png\n"
    failure = {
        "request_id": "r-1",
        "status": "ERROR",
        "error": "Invalid status code: 422",
        "payload": {"detail": ["why"]},
    }
    receiver.handle(failure)
    shown = capsys.readouterr().out
    assert "Invalid status code: 422" in shown and "why" in shown


@pytest.mark.parametrize("language", ["python", "python-async"])
@pytest.mark.parametrize("lost", [0, 1])
def test_the_python_submit_side_asks_for_the_webhook_and_sends_once(
    tmp_path: Path, fal: FakeFal, language: str, lost: int
) -> None:
    fal.faults.lost_replies = lost
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "webhook", SnippetOptions())
    (tmp_path / "fastapi.py").write_text(
        "class FastAPI:\n    def post(self, path):\n        return lambda function: function\n"
        "HTTPException = Request = BackgroundTasks = object\n"
    )
    path.write_text("import sys\nsys.path.insert(0, '.')\n" + path.read_text())
    done = run(fal, path, "https://example.com/hook?a=1&b=2")
    assert (done.code != 0) == bool(lost), done.stderr
    again = run(fal, path, "https://example.com/hook?a=1&b=2")
    assert again.code == 1 and "fal-ai-flux-schnell-job.txt says" in again.stderr and "Traceback" not in again.stderr
    assert ("sending" if lost else fal.submissions[0].request_id) in again.stderr.partition("says")[2][:50]
    assert [job.webhook for job in fal.submissions] == ["https://example.com/hook?a=1&b=2"]


@contextmanager
def express(folder: Path, fal: FakeFal) -> Iterator[str]:
    """Serve the JavaScript receiver; gives its address."""
    path = program(folder, FLUX, {"prompt": "a"}, "javascript", "webhook", SnippetOptions(framework="express"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = path.read_text()
    assert "app.listen(3000)" in text
    path.write_text(text.replace("app.listen(3000)", f'app.listen({port}, "127.0.0.1", () => console.log("ready"))'))
    (folder / "start.mjs").write_text(NODE_START)
    (folder / "node_modules").symlink_to(node_project.node_modules())
    environment = {**os.environ, "FAKE_FAL": fal.base, "FAL_KEY": KEY}
    command = [node_project.node(), "--import", str(folder / "start.mjs"), str(path)]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None and server.stdout.readline() == "ready\n"
            yield f"http://127.0.0.1:{port}/fal-webhook"
        finally:
            server.terminate()


def posted(url: str, headers: dict[str, str], body: bytes) -> int:
    """Return the status of a delivery."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_the_express_receiver_accepts_only_what_fal_signed_just_now_and_fetches_the_keys_once(
    tmp_path: Path, fal: FakeFal
) -> None:
    try:
        node_project.node_modules()
    except node_project.NodeMissingError as error:
        pytest.skip(f"the express receiver is not run: {error}")
    with express(tmp_path, fal) as url:
        answers = {name: posted(url, headers(), body) for name, headers, body, _ in CASES}
    assert answers == {name: 200 if good else 401 for name, _, _, good in CASES}
    assert [path for _, path in fal.log].count("/rest/.well-known/jwks.json") == 1


def test_the_express_submit_side_asks_for_the_webhook_and_sends_once(tmp_path: Path, fal: FakeFal) -> None:
    try:
        node_project.node_modules()
    except node_project.NodeMissingError as error:
        pytest.skip(f"the express receiver is not run: {error}")
    path = program(tmp_path, FLUX, {"prompt": "a"}, "javascript", "webhook", SnippetOptions(framework="express"))
    done = run(fal, path, "https://example.com/hook?a=1&b=2")
    assert done.code == 0, done.stderr
    assert [job.webhook for job in fal.submissions] == ["https://example.com/hook?a=1&b=2"]
    assert fal.submissions[0].request_id in done.stdout
    job = tmp_path / "fal-ai-flux-schnell-job.txt"
    assert job.read_text() == fal.submissions[0].request_id
    assert fal.submissions[0].request_id in run(fal, path, "https://example.com/hook").stderr
    job.unlink()
    fal.faults.lost_replies = 1
    for _ in range(2):
        assert run(fal, path, "https://example.com/hook").code != 0
        assert len(fal.submissions) == 2 and job.read_text() == "sending"
