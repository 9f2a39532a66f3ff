from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.sandbox import Sandbox
from fal_skill.sandbox.report import MAX_TEXT, shortened
from sandbox_calls import QUEUE, RUN, SCHNELL, completed, submitted, until

ARGUMENTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


def test_the_report_has_the_keys_of_the_contract(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    completed(client, submitted(client))
    report = fal_sandbox.report()
    assert {"exit_code", "requests", "jobs", "violations", "cost", "media"} <= report.keys()
    (job,) = report["jobs"]
    assert {"slug", "arguments", "findings", "cost", "status"} <= job.keys()
    json.dumps(report)


def test_costs_are_added_up_and_what_is_unknown_is_counted(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    client.post(
        f"{RUN}/{SCHNELL}", json={"prompt": "x", "image_size": {"width": 1000, "height": 1000}, "num_images": 2}
    )
    client.post(f"{RUN}/workflows/someone/pipeline", json={})
    cost = fal_sandbox.report()["cost"]
    assert (cost["low"], cost["high"]) == (pytest.approx(0.006), pytest.approx(0.006))
    assert cost["jobs_of_unknown_price"] == 1


def test_a_refused_call_costs_nothing(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    client.post(f"{RUN}/{SCHNELL}", json={})
    assert fal_sandbox.report()["cost"] == {"low": 0, "high": 0, "currency": "USD", "jobs_of_unknown_price": 0}


def test_what_was_cancelled_may_or_may_not_be_billed(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-model=60")
    job = submitted(client)
    until(lambda: client.get(job["status_url"]).json()["status"] == "IN_PROGRESS")
    client.put(job["cancel_url"])
    (job,) = fal_sandbox.report()["jobs"]
    assert job["cost"]["low"] == 0 < job["cost"]["high"]


def test_requests_are_listed_with_place_status_and_job(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    job = submitted(client)
    client.get(f"{QUEUE}/fal-ai/flux/requests/{job['request_id']}/status?logs=0")
    client.post(f"{QUEUE}/no/such-model", json={})
    found = [(entry["place"], entry["status"], entry["request_id"]) for entry in fal_sandbox.report()["requests"]]
    assert found == [("submit", 200, job["request_id"]), ("status", 202, job["request_id"]), ("submit", 404, None)]


def test_neither_keys_nor_tokens_stand_in_the_report(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    body = {"allowed_apps": ["flux"], "token_expiration": 60}
    token = client.post("https://rest.fal.ai/tokens/", json=body).json()
    client.post(f"{RUN}/{SCHNELL}/stream?fal_jwt_token={token}", json={"prompt": "x"})
    client.get(f"{QUEUE}/{fal_sandbox.key}/x", headers={"user-agent": f"agent {fal_sandbox.key}"})
    text = json.dumps(fal_sandbox.report())
    assert token not in text
    assert fal_sandbox.key.partition(":")[2] not in text


def test_embedded_files_are_named_by_their_size() -> None:
    assert shortened({"image_url": "data:image/png;base64," + "A" * 5000}) == {
        "image_url": "data:image/png;base64,… (5022 characters)"
    }


@given(ARGUMENTS)
def test_shortened_arguments_are_those_given_when_these_are_short(value: Any) -> None:
    assert len(json.dumps(value)) > MAX_TEXT or shortened(value) == value


def test_the_admin_call_is_the_same_report(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    submitted(client)
    with httpx.Client(trust_env=False) as direct:
        told = direct.get(f"{fal_sandbox.url}/_sandbox/report?final=1").json()
        assert [job["slug"] for job in told["jobs"]] == [SCHNELL]
        assert "uncollected-job" in {violation["code"] for violation in told["violations"]}
        assert direct.get(f"{fal_sandbox.url}/_sandbox/jobs").json()["jobs"][0]["slug"] == SCHNELL
        assert direct.get(f"{fal_sandbox.url}/_sandbox/health").json()["ready"] is True
        assert direct.post(f"{fal_sandbox.url}/_sandbox/reset").json() == {"reset": True}
        assert direct.get(f"{fal_sandbox.url}/_sandbox/report").json()["jobs"] == []
        assert direct.get(f"{fal_sandbox.url}/other").status_code == 404
