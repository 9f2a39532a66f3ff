from __future__ import annotations

import json
import uuid

import httpx
import pytest

from fal_skill.sandbox import Sandbox
from sandbox_calls import QUEUE, SCHNELL, completed, submitted


def test_submit_answers_with_all_that_the_python_client_needs(client: httpx.Client) -> None:
    job = submitted(client)
    assert job["status"] == "IN_QUEUE"
    assert job["queue_position"] == 0
    assert uuid.UUID(job["request_id"])
    base = f"{QUEUE}/fal-ai/flux/requests/{job['request_id']}"
    assert (job["response_url"], job["status_url"], job["cancel_url"]) == (base, f"{base}/status", f"{base}/cancel")


def test_a_job_goes_through_its_three_states_and_pending_ones_answer_202(
    client: httpx.Client, fal_sandbox: Sandbox
) -> None:
    fal_sandbox.add_fault("slow-queue=0.2,times=1")
    fal_sandbox.add_fault("slow-model=0.3,times=1")
    job = submitted(client)
    seen: dict[str, int] = {}
    while "COMPLETED" not in seen:
        reply = client.get(job["status_url"])
        seen.setdefault(reply.json()["status"], reply.status_code)
    assert list(seen.items()) == [("IN_QUEUE", 202), ("IN_PROGRESS", 202), ("COMPLETED", 200)]


def test_logs_come_when_asked_for_and_grow(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-model=0.5,times=1")
    job = submitted(client)
    lengths: list[int] = []
    while True:
        status = client.get(job["status_url"], params={"logs": "true"}).json()
        if status["status"] != "IN_QUEUE":
            lengths.append(len(status["logs"]))
        if status["status"] == "COMPLETED":
            break
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]
    assert {"message", "timestamp", "level", "source"} <= status["logs"][0].keys()
    assert client.get(job["status_url"]).json()["logs"] is None


def test_completed_states_its_inference_time(client: httpx.Client) -> None:
    status = completed(client, submitted(client))
    assert status["metrics"]["inference_time"] == pytest.approx(0.1)
    assert "error" not in status


@pytest.mark.parametrize("path", ["fal-ai/flux", SCHNELL], ids=["short", "long"])
@pytest.mark.parametrize("end", ["", "/", "/response"])
def test_the_result_answers_at_both_address_forms(client: httpx.Client, path: str, end: str) -> None:
    job = submitted(client)
    completed(client, job)
    reply = client.get(f"{QUEUE}/{path}/requests/{job['request_id']}{end}")
    assert reply.status_code == 200
    assert reply.headers["x-fal-request-id"] == job["request_id"]
    assert reply.headers["x-fal-billable-units"] == "1"
    assert len(reply.json()["images"]) == 1


def test_the_address_of_another_app_does_not_lead_to_the_job(client: httpx.Client) -> None:
    job = submitted(client)
    reply = client.get(f"{QUEUE}/fal-ai/veo3/requests/{job['request_id']}/status")
    assert (reply.status_code, reply.json()) == (404, {"status": "NOT_FOUND"})


def test_a_result_asked_for_too_early_is_a_400(client: httpx.Client) -> None:
    job = submitted(client)
    reply = client.get(job["response_url"])
    assert (reply.status_code, reply.json()) == (400, {"detail": "Request is still in progress"})


@pytest.mark.parametrize(
    ("verb", "method"), [("/status", "GET"), ("", "GET"), ("/cancel", "PUT"), ("/status/stream", "GET")]
)
def test_an_unknown_request_id_is_a_404(client: httpx.Client, verb: str, method: str) -> None:
    reply = client.request(method, f"{QUEUE}/fal-ai/flux/requests/{uuid.uuid4()}{verb}")
    assert (reply.status_code, reply.json()) == (404, {"status": "NOT_FOUND"})


def test_a_cancelled_job_ends_and_its_result_is_an_error(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-model=60,times=1")
    job = submitted(client)
    reply = client.put(job["cancel_url"])
    assert (reply.status_code, reply.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    status = client.get(job["status_url"])
    assert (status.status_code, status.json()["status"], status.json()["error_type"]) == (
        200,
        "COMPLETED",
        "client_cancelled",
    )
    assert client.get(job["response_url"]).status_code == 499


def test_what_has_ended_cannot_be_cancelled(client: httpx.Client) -> None:
    job = submitted(client)
    completed(client, job)
    reply = client.put(job["cancel_url"])
    assert (reply.status_code, reply.json()) == (400, {"status": "ALREADY_COMPLETED"})


def test_a_job_that_does_not_start_in_time_ends_with_504_and_the_user_header(
    client: httpx.Client, fal_sandbox: Sandbox
) -> None:
    fal_sandbox.add_fault("slow-queue=60,times=1")
    job = submitted(client, headers={"x-fal-request-timeout": "0.2"})
    assert completed(client, job)["error_type"] == "request_timeout"
    reply = client.get(job["response_url"])
    assert (reply.status_code, reply.headers["x-fal-request-timeout-type"]) == (504, "user")
    assert reply.headers["x-fal-error-type"] == "request_timeout"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-fal-request-timeout", "soon"),
        ("x-fal-request-timeout", "0.05"),
        ("x-fal-request-timeout", "nan"),
        ("x-fal-queue-priority", "high"),
    ],
)
def test_headers_that_make_no_sense_are_a_400(client: httpx.Client, header: str, value: str) -> None:
    reply = client.post(f"{QUEUE}/{SCHNELL}", json={"prompt": "x"}, headers={header: value})
    assert (reply.status_code, reply.json()["error_type"]) == (400, "bad_request")


def test_illegal_arguments_are_taken_and_their_result_is_fals_422(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    job = submitted(client, arguments={"promt": "a cat"})
    assert completed(client, job)["error"] == "Invalid status code: 422"
    reply = client.get(job["response_url"])
    assert reply.status_code == 422
    assert reply.headers["x-fal-billable-units"] == "0"
    (entry,) = reply.json()["detail"]
    assert (entry["loc"], entry["type"], entry["msg"]) == (["body", "prompt"], "missing", "Field required")
    # What may merely be unknown to the snapshot is not held against the program: it stands in the report.
    (reported,) = fal_sandbox.report()["jobs"]
    assert "unknown-field" in {finding["code"] for finding in reported["findings"]}


@pytest.mark.parametrize(
    ("slug", "detail"),
    [
        ("fal-ai/flux/schnel", "Path /schnel not found"),
        ("fal-ai/no-such-app", "Application 'no-such-app' not found"),
        ("nobody", "Application 'nobody' not found"),
        ("fal-ai//flux", "Application 'fal-ai//flux' not found"),
    ],
)
def test_unknown_slugs_get_fals_404(client: httpx.Client, slug: str, detail: str) -> None:
    reply = client.post(f"{QUEUE}/{slug}", json={"prompt": "x"})
    assert (reply.status_code, reply.json()) == (404, {"detail": detail})


@pytest.mark.parametrize(
    "slug", ["workflows/someone/pipeline", "comfy/someone/graph", "workflows/someone/pipeline/part"]
)
def test_ids_with_a_namespace_keep_three_segments(client: httpx.Client, slug: str) -> None:
    job = submitted(client, slug, {"anything": 1})
    app = "/".join(slug.split("/")[:3])
    assert job["status_url"] == f"{QUEUE}/{app}/requests/{job['request_id']}/status"
    completed(client, job)
    assert client.get(job["response_url"]).status_code == 200


def test_a_sub_path_of_an_app_is_a_model_of_its_own(client: httpx.Client) -> None:
    job = submitted(client, "fal-ai/flux/dev/image-to-image", {"prompt": "x", "image_url": "https://x.test/a.png"})
    assert job["response_url"].startswith(f"{QUEUE}/fal-ai/flux/requests/")
    assert completed(client, job)["status"] == "COMPLETED"


def test_the_queue_can_be_said_to_be_too_long(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-queue=60")
    first, second = submitted(client), submitted(client)
    assert (first["queue_position"], second["queue_position"]) == (0, 1)
    reply = client.post(f"{QUEUE}/{SCHNELL}?fal_max_queue_length=1", json={"prompt": "x"})
    assert (reply.status_code, reply.json()["error_type"]) == (429, "concurrent_requests_limit")
    assert client.post(f"{QUEUE}/{SCHNELL}?fal_max_queue_length=2", json={"prompt": "x"}).status_code == 200


def test_low_priority_waits_behind_normal(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-queue=60")
    low = submitted(client, headers={"x-fal-queue-priority": "low"})
    normal = submitted(client, headers={"x-fal-queue-priority": "normal"})
    assert client.get(low["status_url"]).json()["queue_position"] == 1
    assert client.get(normal["status_url"]).json()["queue_position"] == 0


def test_the_status_stream_tells_every_change_once_and_ends(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-queue=0.2,times=1")
    job = submitted(client)
    with client.stream("GET", f"{job['status_url']}/stream", params={"logs": "1"}) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        events = [json.loads(line.removeprefix("data: ")) for line in reply.iter_lines() if line.startswith("data: ")]
    states = [event["status"] for event in events]
    assert states[0] == "IN_QUEUE"
    assert states[-1] == "COMPLETED"
    assert states.count("COMPLETED") == 1
    messages = [entry["message"] for event in events for entry in event.get("logs") or ()]
    assert len(messages) == len(set(messages)) > 1


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", SCHNELL, "POST"),
        ("DELETE", SCHNELL, "POST"),
        ("POST", "fal-ai/flux/requests/x/status", "GET"),
        ("GET", "fal-ai/flux/requests/x/cancel", "PUT"),
    ],
)
def test_wrong_methods_are_a_405(client: httpx.Client, method: str, path: str, allowed: str) -> None:
    reply = client.request(method, f"{QUEUE}/{path}")
    assert (reply.status_code, reply.headers["allow"]) == (405, allowed)


def test_the_backup_domain_is_the_same_queue(client: httpx.Client) -> None:
    job = submitted(client)
    assert client.get(job["status_url"].replace("queue.fal.run", "queue.falrun.com")).status_code == 202
