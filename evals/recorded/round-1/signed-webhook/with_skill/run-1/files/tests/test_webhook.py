"""python -m pytest   The receiving route against a key pair of our own: no fal, no network, no cost."""

import base64
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.update(PUBLIC_BASE_URL="https://example.com", APP_API_KEY="test")

import fal_signature  # noqa: E402
import main  # noqa: E402

USER = "user-1"


class Keys:
    """What fal publishes; counts how often it is asked."""

    def __init__(self):
        self.private, self.asked, self.up = Ed25519PrivateKey.generate(), 0, True

    def get(self, url, **_):
        assert url == fal_signature.JWKS_URL
        self.asked += 1
        if not self.up:
            raise fal_signature.httpx.ConnectError("down")
        x = base64.urlsafe_b64encode(self.private.public_key().public_bytes_raw()).decode().rstrip("=")
        body = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}
        return fal_signature.httpx.Response(200, json=body, request=fal_signature.httpx.Request("GET", url))


@pytest.fixture
def fal(monkeypatch, tmp_path):
    keys = Keys()
    monkeypatch.setattr(fal_signature.httpx, "get", keys.get)
    for name, value in {"_keys": [], "_fetched_at": float("-inf"), "_tried_at": float("-inf")}.items():
        monkeypatch.setattr(fal_signature, name, value)
    monkeypatch.setattr(main, "DATABASE", str(tmp_path / "jobs.db"))
    monkeypatch.setattr(main, "FAL_USER_ID", None)
    with main.database() as db:
        for job_id, token, request_id, status in [
            ("job", "token", "req", "queued"),
            ("lost", "token-lost", None, "unknown"),
        ]:
            db.execute(
                "INSERT INTO jobs (id, callback_token, request_id, status, updated) VALUES (?, ?, ?, ?, 0)",
                [job_id, token, request_id, status],
            )
    return keys


@pytest.fixture
def saved(monkeypatch):
    calls = []
    monkeypatch.setattr(main, "save_video", calls.append)
    return calls


def body(**changes):
    event = {"request_id": "req", "gateway_request_id": "req", "status": "OK",
             "payload": {"video": {"url": "https://v3.fal.media/v.mp4"}}}  # fmt: skip
    return json.dumps({**event, **changes}).encode()


def signed(private, raw, at=None, user=USER):
    at = str(int(time.time() if at is None else at))
    message = "\n".join(["req", user, at, hashlib.sha256(raw).hexdigest()]).encode()
    return {
        "X-Fal-Webhook-Request-Id": "req",
        "X-Fal-Webhook-User-Id": user,
        "X-Fal-Webhook-Timestamp": at,
        "X-Fal-Webhook-Signature": private.sign(message).hex(),
    }


def post(raw, headers, token="token"):
    with TestClient(main.app) as client:
        return client.post(f"/webhooks/fal/{token}", content=raw, headers=headers).status_code


def status(job_id="job"):
    return main.job_by("id", job_id)["status"]


def test_genuine(fal, saved):
    assert post(body(), signed(fal.private, body())) == 200
    assert (status(), saved) == ("done", ["job"])


def test_twice_is_worked_once(fal, saved):
    for _ in range(2):
        assert post(body(), signed(fal.private, body())) == 200
    assert saved == ["job"]


def test_failed_job(fal, saved):
    raw = body(status="ERROR", error="Invalid status code: 422", payload={"detail": [{"msg": "no"}]})
    assert post(raw, signed(fal.private, raw)) == 200
    assert (status(), saved) == ("failed", [])


def test_payload_null_is_fetched_by_id(fal, saved):
    raw = body(payload=None, payload_error="too big")
    assert post(raw, signed(fal.private, raw)) == 200
    assert (status(), saved) == ("done", ["job"])


def test_lost_submit_reply_is_found_by_its_token(fal, saved):
    assert post(body(), signed(fal.private, body()), "token-lost") == 200
    assert (status("lost"), main.job_by("id", "lost")["request_id"]) == ("done", "req")


@pytest.mark.parametrize("name", ["Request-Id", "User-Id", "Timestamp", "Signature"])
def test_missing_header(fal, saved, name):
    headers = signed(fal.private, body())
    del headers[f"X-Fal-Webhook-{name}"]
    assert (post(body(), headers), status()) == (401, "queued")


@pytest.mark.parametrize("shift", [-301, 302])
def test_outside_the_window(fal, saved, shift):
    assert (post(body(), signed(fal.private, body(), time.time() + shift)), status()) == (401, "queued")


def test_changed_body(fal, saved):
    assert (post(body(status="ERROR"), signed(fal.private, body())), status()) == (401, "queued")


def test_changed_header(fal, saved):
    headers = {**signed(fal.private, body()), "X-Fal-Webhook-User-Id": "another"}
    assert (post(body(), headers), status()) == (401, "queued")


def test_garbage_signature(fal, saved):
    for signature in ("zz", "00", "é"):
        headers = {**signed(fal.private, body()), "X-Fal-Webhook-Signature": signature.encode()}
        assert (post(body(), headers), status()) == (401, "queued")


def test_forger_cannot_make_us_hammer_the_keys(fal, saved):
    forged = signed(Ed25519PrivateKey.generate(), body())
    for _ in range(5):
        assert post(body(), forged) == 401
    assert fal.asked == 1


def test_rotated_key(fal, saved, monkeypatch):
    assert post(body(), signed(Ed25519PrivateKey.generate(), body())) == 401  # the old key is cached now
    fal.private = Ed25519PrivateKey.generate()
    monkeypatch.setattr(fal_signature, "_tried_at", float("-inf"))  # a minute later
    assert post(body(), signed(fal.private, body())) == 200


def test_keys_unavailable_asks_fal_to_come_again(fal, saved):
    fal.up = False
    assert (post(body(), signed(fal.private, body())), status()) == (503, "queued")


def test_signed_by_fal_but_not_our_job(fal, saved, monkeypatch):
    raw = body(request_id="theirs", gateway_request_id="theirs")
    assert post(raw, signed(fal.private, raw)) == 403
    assert post(body(), signed(fal.private, body()), "guess") == 404
    monkeypatch.setattr(main, "FAL_USER_ID", "somebody-else")
    assert post(body(), signed(fal.private, body())) == 403
    assert (status(), saved) == ("queued", [])


def test_too_large(fal, saved):
    assert post(b"x" * (main.MAX_BODY + 1), {}) == 413


def test_submit_needs_the_key(fal):
    with TestClient(main.app) as client:
        assert client.post("/videos", json={"prompt": "x"}).status_code == 401
