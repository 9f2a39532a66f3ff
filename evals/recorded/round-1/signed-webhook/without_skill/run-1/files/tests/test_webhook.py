"""Offline: fal's key is replaced by one made here, fal's API by a stub.
Run: python -m pytest"""

import base64
import hashlib
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent.parent))
import fal_webhook  # noqa: E402
import main  # noqa: E402

RealAsyncClient = httpx.AsyncClient
USER, REQ = "user-1", "req-1"
VIDEO = "https://v3.fal.media/files/x/out.mp4"
OK = {"request_id": REQ, "gateway_request_id": REQ, "status": "OK", "payload": {"video": {"url": VIDEO}}}


@pytest.fixture
def env(tmp_path, monkeypatch):
    monkeypatch.setenv("FAL_KEY", "test")
    monkeypatch.setenv("FAL_USER_ID", USER)
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://api.example.com")
    monkeypatch.setenv("JOBS_DB", str(tmp_path / "jobs.sqlite3"))
    monkeypatch.setattr(main, "verifier", fal_webhook.FalWebhookVerifier())
    s = SimpleNamespace(key=Ed25519PrivateKey.generate(), jwks_up=True, jwks_calls=0, finished=[], early=None)

    def jwks(request):
        assert str(request.url) == fal_webhook.JWKS_URL
        s.jwks_calls += 1
        if not s.jwks_up:
            return httpx.Response(500)
        x = base64.urlsafe_b64encode(s.key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        return httpx.Response(200, json={"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]})

    monkeypatch.setattr(fal_webhook.httpx, "AsyncClient",
                        lambda **kw: RealAsyncClient(transport=httpx.MockTransport(jwks), **kw))

    async def submit(model, arguments, webhook_url):
        s.model, s.arguments, s.path = model, arguments, webhook_url.removeprefix("https://api.example.com")
        if s.early:
            await s.early()
        return SimpleNamespace(request_id=REQ)

    async def finished(*args):
        s.finished.append(args)

    monkeypatch.setattr(main.fal_client, "submit_async", submit)
    monkeypatch.setattr(main, "on_finished", finished)

    def signed(event, user=USER, ts=None, key=None):
        body = json.dumps(event).encode()
        ts = str(int(time.time()) if ts is None else ts)
        message = "\n".join([REQ, user, ts, hashlib.sha256(body).hexdigest()]).encode()
        return body, {
            "X-Fal-Webhook-Request-Id": REQ, "X-Fal-Webhook-User-Id": user, "X-Fal-Webhook-Timestamp": ts,
            "X-Fal-Webhook-Signature": (key or s.key).sign(message).hex(),
        }

    def deliver(event=OK, **kw):
        body, headers = signed(event, **kw)
        return s.http.post(s.path, content=body, headers=headers).status_code

    s.signed, s.deliver = signed, deliver
    s.status = lambda: s.http.get(f"/videos/{s.job}").json()
    with TestClient(main.app) as s.http:
        s.submit = lambda: setattr(s, "job", s.http.post("/videos", json={"prompt": "a cat"}).json()["job_id"])
        yield s


def test_happy_path_and_redelivery(env):
    env.submit()
    assert env.model == "fal-ai/kling-video/v3/pro/text-to-video" and env.arguments["duration"] == "5"
    assert env.status()["status"] == "queued"
    assert env.deliver() == 200 and env.deliver() == 200
    assert env.status()["video_url"] == VIDEO
    assert len(env.finished) == 1 and env.jwks_calls == 1


def test_webhook_before_submit_returns(env):
    async def early():
        body, headers = env.signed(OK)
        async with RealAsyncClient(transport=httpx.ASGITransport(main.app), base_url="https://x") as c:
            assert (await c.post(env.path, content=body, headers=headers)).status_code == 200

    env.early = early
    env.submit()
    assert env.status()["status"] == "done"


@pytest.mark.parametrize("kw, code", [
    ({"key": Ed25519PrivateKey.generate()}, 401),
    ({"ts": int(time.time()) - 3600}, 401),
    ({"ts": int(time.time()) + 3600}, 401),
    ({"ts": "soon"}, 401),
    ({"user": "other-fal-customer"}, 403),
])
def test_rejects(env, kw, code):
    env.submit()
    assert env.deliver(**kw) == code
    assert env.status()["status"] == "queued" and not env.finished


@pytest.mark.parametrize("header", ["Request-Id", "User-Id", "Timestamp", "Signature"])
def test_missing_or_altered_header(env, header):
    env.submit()
    body, headers = env.signed(OK)
    name = f"X-Fal-Webhook-{header}"
    altered = str(int(time.time()) - 9) if header == "Timestamp" else "00"
    assert env.http.post(env.path, content=body, headers={**headers, name: altered}).status_code == 401
    headers.pop(name)
    assert env.http.post(env.path, content=body, headers=headers).status_code == 401
    assert env.status()["status"] == "queued"


def test_altered_body(env):
    env.submit()
    body, headers = env.signed(OK)
    assert env.http.post(env.path, content=body.replace(b"out", b"bad"), headers=headers).status_code == 401


def test_unknown_token_and_foreign_request(env):
    env.submit()
    body, headers = env.signed(OK)
    assert env.http.post("/webhooks/fal/guess", content=body, headers=headers).status_code == 404
    assert env.deliver({**OK, "request_id": "other", "gateway_request_id": "other"}) == 200
    assert env.status()["status"] == "queued"


def test_internal_retry_matches_gateway_id(env):
    env.submit()
    assert env.deliver({**OK, "request_id": "second-run"}) == 200
    assert env.status()["status"] == "done"


def test_error_event(env):
    env.submit()
    assert env.deliver({"request_id": REQ, "status": "ERROR", "error": "Invalid status code: 422",
                        "payload": {"detail": [{"msg": "bad prompt"}]}}) == 200
    assert env.status()["status"] == "failed" and "bad prompt" in env.status()["error"]


def test_payload_error_fetches_result(env, monkeypatch):
    env.submit()

    async def result(model, request_id):
        assert request_id == REQ
        return OK["payload"]

    monkeypatch.setattr(main.fal_client, "result_async", result)
    assert env.deliver({**OK, "payload": None, "payload_error": "not serializable"}) == 200
    assert env.status()["video_url"] == VIDEO


def test_jwks_down_is_503_then_recovers(env):
    env.submit()
    env.jwks_up = False
    assert env.deliver() == 503
    env.jwks_up = True
    main.verifier._tried_at = float("-inf")
    assert env.deliver() == 200


def test_key_rotation_and_refetch_limit(env):
    env.submit()
    for _ in range(5):
        assert env.deliver(key=Ed25519PrivateKey.generate()) == 401
    assert env.jwks_calls == 1
    env.key = Ed25519PrivateKey.generate()
    main.verifier._loaded_at -= 61
    main.verifier._tried_at -= 61
    assert env.deliver() == 200 and env.jwks_calls == 2
