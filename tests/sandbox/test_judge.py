from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from fal_skill.sandbox import Sandbox
from fal_skill.sandbox.journal import HANDMADE, SDK, UNKNOWN, agent_kind
from fal_skill.sandbox.judge import MAX_BASE64
from sandbox_calls import QUEUE, RUN, SCHNELL, completed, http_client, submitted


def codes(sandbox: Sandbox, *, final: bool = False) -> set[str]:
    return {violation["code"] for violation in sandbox.report(final=final)["violations"]}


def polled(client: httpx.Client, job: Any, pause: float) -> None:
    while client.get(job["status_url"]).status_code == 202:
        time.sleep(pause)


def test_a_program_that_does_all_right_has_no_violation(
    client: httpx.Client, anyone: httpx.Client, fal_sandbox: Sandbox
) -> None:
    fal_sandbox.add_fault("slow-model=0.6,times=1")
    job = submitted(client)
    polled(client, job, 0.12)
    url = client.get(job["response_url"]).json()["images"][0]["url"]
    anyone.get(url)
    assert fal_sandbox.report(final=True)["violations"] == []


def test_an_unknown_slug(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    for _ in range(2):
        client.post(f"{QUEUE}/fal-ai/flux/schnel", json={})
    (violation,) = fal_sandbox.violations
    assert (violation["code"], violation["count"]) == ("unknown-slug", 2)
    assert "fal-ai/flux/schnell" in violation["hint"]


def test_rejected_arguments(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    client.post(f"{RUN}/{SCHNELL}", json={"num_images": "many", "prompt": "x"})
    (violation,) = fal_sandbox.violations
    assert violation["code"] == "rejected-arguments"
    assert "num_images" in violation["message"]
    assert violation["request_id"] == fal_sandbox.jobs[0].id


def test_polling_faster_than_the_sdk(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-model=0.5,times=1")
    polled(client, submitted(client), 0.01)
    assert "polled-too-fast" in codes(fal_sandbox)


def test_asking_for_the_result_of_a_pending_job_is_polling(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-model=0.5,times=1")
    job = submitted(client)
    while client.get(job["response_url"]).status_code == 400:
        pass
    assert "polled-too-fast" in codes(fal_sandbox)


def test_asking_again_after_completion_is_not_polling(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    job = submitted(client)
    time.sleep(0.2)
    for _ in range(20):
        assert client.get(job["status_url"]).status_code == 200
    assert "polled-too-fast" not in codes(fal_sandbox)


@pytest.mark.parametrize(
    ("agent", "through_proxy", "kind"),
    [
        ("fal-client/1.0.3 (python)", False, SDK), ("@fal-ai/client/1.10.1", False, SDK), ("node", True, SDK),
        ("@fal-ai/serverless-client/0.14.3", False, SDK), ("python-requests/2.32", False, HANDMADE),
        ("python-httpx/0.28.1", False, HANDMADE), ("Python/3.11 aiohttp/3.9", False, HANDMADE),
        ("Python-urllib/3.11", False, HANDMADE), ("node", False, HANDMADE), ("axios/1.7", False, HANDMADE),
        ("undici", False, HANDMADE), ("curl/8.5", False, UNKNOWN), ("", False, UNKNOWN),
        ("Go-http-client/1.1", False, UNKNOWN),
    ],
)  # fmt: skip
def test_agents_are_told_apart(agent: str, through_proxy: bool, kind: str) -> None:
    assert agent_kind(agent, through_proxy=through_proxy) == kind


@pytest.mark.parametrize(("agent", "found"), [("python-requests/2.32", True), ("curl/8.5", False)])
def test_hand_rolled_http_where_an_sdk_exists(
    client: httpx.Client, fal_sandbox: Sandbox, agent: str, found: bool
) -> None:
    client.post(f"{QUEUE}/{SCHNELL}", json={"prompt": "x"}, headers={"user-agent": agent})
    assert ("hand-rolled-http" in codes(fal_sandbox)) is found


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("data:image/png;base64," + "A" * MAX_BASE64, True), ("A" * (MAX_BASE64 + 1), True),
        ("data:image/png;base64," + "A" * 1000, False), ("https://x.test/" + "a b" * MAX_BASE64, False),
    ],
    ids=["data-uri", "bare-base64", "small", "long-text"],
)  # fmt: skip
def test_a_large_file_inside_the_request(client: httpx.Client, fal_sandbox: Sandbox, url: str, found: bool) -> None:
    submitted(client, "fal-ai/flux/dev/image-to-image", {"prompt": "x", "image_url": url})
    assert ("large-base64" in codes(fal_sandbox)) is found
    assert len(str(fal_sandbox.report()["jobs"])) < 5000


def test_the_same_call_submitted_twice(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    first = submitted(client, SCHNELL, {"prompt": "x", "seed": 1})
    submitted(client, SCHNELL, {"prompt": "x", "seed": 2})
    assert "duplicate-submit" not in codes(fal_sandbox)
    submitted(client, SCHNELL, {"seed": 1, "prompt": "x"})
    (violation,) = [made for made in fal_sandbox.violations if made["code"] == "duplicate-submit"]
    assert first["request_id"] in violation["message"]


@pytest.mark.parametrize("where", ["media", "upload", "elsewhere", "address"])
def test_the_key_sent_where_it_must_not_go(client: httpx.Client, fal_sandbox: Sandbox, where: str) -> None:
    if where == "media":
        url = client.post(f"{RUN}/{SCHNELL}", json={"prompt": "x"}).json()["images"][0]["url"]
        assert client.get(url).status_code == 200
    elif where == "upload":
        body = {"file_name": "a", "content_type": "text/plain"}
        given = client.post("https://rest.fal.ai/storage/upload/initiate", json=body).json()
        client.put(given["upload_url"], content=b"x", headers={"user-agent": "python-httpx/0.28"})
    else:
        with pytest.raises(httpx.TransportError):
            if where == "elsewhere":
                client.get("https://example.com/")
            else:
                with http_client(fal_sandbox) as anyone:
                    anyone.get("http://example.com/", params={"key": fal_sandbox.key})
    assert "key-leak" in codes(fal_sandbox)
    assert fal_sandbox.key.partition(":")[2] not in str(fal_sandbox.report())


def test_what_fal_client_itself_does_is_not_the_programs_fault(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    body = {"file_name": "a", "content_type": "text/plain"}
    given = client.post("https://rest.fal.ai/storage/upload/initiate?storage_type=gcs", json=body).json()
    assert client.put(given["upload_url"], content=b"x").status_code == 200
    assert "key-leak" not in codes(fal_sandbox)


def test_a_job_left_uncollected(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    left, taken, cancelled = (submitted(client, SCHNELL, {"prompt": name}) for name in "abc")
    completed(client, taken)
    client.get(taken["response_url"])
    client.put(cancelled["cancel_url"])
    report = fal_sandbox.report(final=True)
    found = [made["request_id"] for made in report["violations"] if made["code"] == "uncollected-job"]
    # Cancelling c may come too late: then it was not cancelled, and nobody took it.
    assert set(found) - {cancelled["request_id"]} == {left["request_id"]}


def test_while_the_program_runs_nothing_counts_as_uncollected(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    submitted(client)
    assert "uncollected-job" not in codes(fal_sandbox, final=False)
