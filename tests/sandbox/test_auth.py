from __future__ import annotations

import httpx
import pytest

from fal_skill.sandbox import Sandbox, Settings
from fal_skill.sandbox.auth import ABSENT, EMPTY, OTHER, OURS, Gate
from sandbox_calls import QUEUE, RUN, SCHNELL

PLACES = [
    ("POST", f"{QUEUE}/{SCHNELL}"),
    ("GET", f"{QUEUE}/fal-ai/flux/requests/x/status"),
    ("PUT", f"{QUEUE}/fal-ai/flux/requests/x/cancel"),
    ("POST", f"{RUN}/{SCHNELL}"),
    ("POST", f"{RUN}/{SCHNELL}/stream"),
    ("POST", "https://rest.fal.ai/tokens/"),
    ("POST", "https://rest.fal.ai/storage/auth/token"),
    ("POST", "https://rest.fal.ai/storage/upload/initiate"),
]


@pytest.mark.parametrize(("method", "url"), PLACES)
@pytest.mark.parametrize("key", [None, "Key wrong", "Key", "Bearer {ours}", "{ours}", "Key {ours}x"])
def test_a_missing_or_wrong_key_is_a_401(
    anyone: httpx.Client, fal_sandbox: Sandbox, method: str, url: str, key: str | None
) -> None:
    headers = {} if key is None else {"authorization": key.format(ours=fal_sandbox.key)}
    reply = anyone.request(method, url, headers=headers, content=b"{}" if method == "POST" else None)
    assert reply.status_code == 401
    assert isinstance(reply.json()["detail"], str)


@pytest.mark.parametrize(("method", "url"), PLACES)
def test_the_key_of_an_empty_account_is_a_403(
    anyone: httpx.Client, fal_sandbox: Sandbox, method: str, url: str
) -> None:
    headers = {"authorization": f"Key {fal_sandbox.settings.empty_key}"}
    reply = anyone.request(method, url, headers=headers, content=b"{}" if method == "POST" else None)
    assert reply.status_code == 403
    assert "balance" in reply.json()["detail"]


def test_another_key_than_the_sandboxes_is_noted(anyone: httpx.Client, fal_sandbox: Sandbox) -> None:
    anyone.post(f"{QUEUE}/{SCHNELL}", json={}, headers={"authorization": "Key users-own:secret"})
    report = fal_sandbox.report()
    assert [note["code"] for note in report["notes"]] == ["foreign-key"]
    assert "users-own" not in str(report)


def test_a_refused_call_makes_no_job(anyone: httpx.Client, fal_sandbox: Sandbox) -> None:
    anyone.post(f"{QUEUE}/{SCHNELL}", json={"prompt": "x"})
    assert fal_sandbox.jobs == []


def test_keys_differ_from_run_to_run_and_have_fals_shape() -> None:
    first, second = Settings(), Settings()
    assert len({first.key, second.key, first.empty_key}) == 3
    assert [len(part) for part in first.key.split(":")] == [36, 32]
    assert first.key not in repr(first)


def test_tokens_end() -> None:
    now = [100.0]
    gate = Gate(Settings(), clock=lambda: now[0])
    token = gate.issue(("flux",), 10.0, "realtime")
    assert gate.token(token.text) is token
    now[0] = 110.0
    assert gate.token(token.text) is None


def test_standings() -> None:
    settings = Settings()
    gate = Gate(settings)
    found = [gate.standing(text) for text in (f"Key {settings.key}", f"key  {settings.empty_key}", "Key x", None, "  ")]
    assert found == [OURS, EMPTY, OTHER, ABSENT, ABSENT]


def test_no_key_is_left_in_a_redacted_text() -> None:
    settings = Settings()
    name, secret = settings.key.split(":")
    told = Gate(settings).redacted(f"{settings.key} {settings.empty_key} {name}%3A{secret} {name}%3a{secret} {secret}")
    assert told == "<key> <key> <key> <key> <key>"
