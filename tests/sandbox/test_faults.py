from __future__ import annotations

from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.errors import UsageError
from fal_skill.sandbox import Sandbox, Settings, running
from fal_skill.sandbox.faults import FaultPlan, parse
from fal_skill.sandbox.outcomes import MODEL_ERRORS, PLATFORM_ERRORS
from sandbox_calls import QUEUE, RUN, SCHNELL, completed, http_client, submitted

CALL = {"prompt": "a cat"}


@pytest.mark.parametrize(
    ("notation", "parts"),
    [
        ("lost-reply", ("lost-reply", None, 1, 1, ("submit",))),
        ("429,times=3,nth=2,on=run", ("429", None, 2, 3, ("run",))),
        ("503,times=all", ("503", None, 1, None, ("submit", "run"))),
        ("slow-queue=2.5", ("slow-queue", 2.5, 1, None, ("any",))),
        ("failed-job=generation_timeout", ("failed-job", "generation_timeout", 1, 1, ("any",))),
        (" dropped-stream=2 , nth=2", ("dropped-stream", 2.0, 2, 1, ("any",))),
    ],
)
def test_the_notation(notation: str, parts: tuple[object, ...]) -> None:
    fault = parse(notation)
    assert (fault.name, fault.value, fault.nth, fault.times, fault.places) == parts


@pytest.mark.parametrize(
    "notation",
    [
        "", "teapot", "429=5", "slow-queue=x", "slow-queue=-1", "failed-job=no-such-type", "429,nth=0", "429,times=x",
        "429,on=nowhere", "429,colour=red", "lost-reply=1", "slow-queue=1e9", "slow-queue=nan",
    ],
)  # fmt: skip
def test_what_is_not_a_fault_is_refused_in_one_line(notation: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(notation)
    assert "\n" not in caught.value.message + caught.value.hint


@given(st.text())
def test_any_text_is_a_fault_or_refused(text: str) -> None:
    with suppress(UsageError):
        parse(text)


@given(nth=st.integers(1, 5), times=st.integers(1, 5), occasions=st.integers(0, 12))
def test_a_fault_strikes_from_its_nth_occasion_on_so_many_times(nth: int, times: int, occasions: int) -> None:
    plan = FaultPlan((f"lost-reply,nth={nth},times={times}",))
    struck = [bool(plan.strike("lost-reply", "submit")) for _ in range(occasions)]
    assert struck == [nth <= number < nth + times for number in range(1, occasions + 1)]


def test_a_lost_reply_leaves_a_job_behind(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("lost-reply,nth=2")
    submitted(client)
    with pytest.raises(httpx.TransportError):
        client.post(f"{QUEUE}/{SCHNELL}", json=CALL)
    assert len(fal_sandbox.jobs) == 2
    requests = fal_sandbox.report()["requests"]
    assert [entry["status"] for entry in requests] == [200, None]
    submitted(client)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_refusals_come_before_anything_is_done(client: httpx.Client, fal_sandbox: Sandbox, status: int) -> None:
    fal_sandbox.add_fault(f"{status},times=2")
    for _ in range(2):
        reply = client.post(f"{QUEUE}/{SCHNELL}", json=CALL)
        assert reply.status_code == status
        assert reply.headers["x-fal-error-type"] == reply.json()["error_type"]
    assert fal_sandbox.jobs == []
    submitted(client)


def test_429_says_when_to_come_back(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("429")
    reply = client.post(f"{RUN}/{SCHNELL}", json=CALL)
    assert (reply.status_code, reply.headers["retry-after"], reply.headers["x-fal-needs-retry"]) == (429, "1", "1")


def test_an_ingress_error_looks_like_a_web_servers_own(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("ingress-503")
    reply = client.post(f"{QUEUE}/{SCHNELL}", json=CALL)
    assert reply.status_code == 503
    assert "nginx" in reply.text
    assert "x-fal-request-id" not in reply.headers


def test_a_fault_strikes_where_it_is_meant_to(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("503,on=status,times=2")
    job = submitted(client)
    assert [client.get(job["status_url"]).status_code for _ in range(2)] == [503, 503]
    assert completed(client, job)["status"] == "COMPLETED"


@pytest.mark.parametrize("error_type", [*MODEL_ERRORS, *PLATFORM_ERRORS])
def test_a_failed_job_is_completed_and_its_result_answers_with_its_status(
    client: httpx.Client, fal_sandbox: Sandbox, error_type: str
) -> None:
    fal_sandbox.add_fault(f"failed-job={error_type}")
    job = submitted(client)
    status = completed(client, job)
    assert status["error_type"] == error_type
    reply = client.get(job["response_url"])
    assert reply.status_code == {**MODEL_ERRORS, **PLATFORM_ERRORS}[error_type][0]
    if error_type in MODEL_ERRORS:
        assert reply.json()["detail"][0]["type"] == error_type
    else:
        assert reply.json() == {"detail": status["error"], "error_type": error_type}
    assert fal_sandbox.report()["cost"]["high"] == 0


def test_content_policy_is_a_422_in_queue_run_and_stream(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("content-policy,times=3")
    job = submitted(client)
    completed(client, job)
    direct = [client.post(f"{RUN}/{path}", json=CALL) for path in (SCHNELL, f"{SCHNELL}/stream")]
    replies = [client.get(job["response_url"]), *direct]
    for reply in replies:
        assert (reply.status_code, reply.json()["detail"][0]["type"]) == (422, "content_policy_violation")


def test_expired_media_answer_404_and_uploads_do_not(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("expired-media")
    url = client.post(f"{RUN}/{SCHNELL}", json=CALL).json()["images"][0]["url"]
    assert client.get(url).status_code == 404
    body = {"file_name": "a.txt", "content_type": "text/plain"}
    given = client.post("https://rest.fal.ai/storage/upload/initiate", json=body).json()
    client.put(given["upload_url"], content=b"x")
    assert client.get(given["file_url"]).status_code == 200


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_dropped_stream_breaks_after_so_many_events(client: httpx.Client, fal_sandbox: Sandbox, after: int) -> None:
    fal_sandbox.add_fault(f"dropped-stream={after}")
    events = []
    with pytest.raises(httpx.TransportError), client.stream("POST", f"{RUN}/{SCHNELL}/stream", json=CALL) as reply:
        for line in reply.iter_lines():
            if line.startswith("data: "):
                events.append(line)
    assert len(events) == after


def test_faults_can_be_given_from_the_start_and_come_back_with_a_reset() -> None:
    with running(Settings(faults=("429",))) as sandbox, http_client(sandbox) as client:
        client.headers["authorization"] = f"Key {sandbox.key}"
        for expected in (429, 200):
            assert client.post(f"{QUEUE}/{SCHNELL}", json=CALL).status_code == expected
        sandbox.reset()
        assert client.post(f"{QUEUE}/{SCHNELL}", json=CALL).status_code == 429


def test_admin_calls_order_list_and_clear_faults(fal_sandbox: Sandbox, client: httpx.Client) -> None:
    admin = f"{fal_sandbox.url}/_sandbox/faults"
    with httpx.Client(trust_env=False) as direct:
        made = direct.post(admin, json={"faults": ["429", "slow-queue=1,times=2"]}).json()["faults"]
        assert [fault["name"] for fault in made] == ["429", "slow-queue"]
        assert client.post(f"{QUEUE}/{SCHNELL}", json=CALL).status_code == 429
        assert direct.get(admin).json()["faults"][0]["strikes"] == 1
        assert direct.delete(admin).json() == {"faults": []}
        assert direct.post(admin, json={"faults": ["teapot"]}).status_code == 400
        for body in (b"{", b"[]", b'{"faults": "429"}', b'{"faults": [1]}'):
            assert direct.post(admin, content=body).status_code == 400
