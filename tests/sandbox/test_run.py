from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from fal_skill.sandbox import Sandbox
from sandbox_calls import RUN, SCHNELL


def events(reply: httpx.Response) -> list[Any]:
    return [json.loads(line.removeprefix("data: ")) for line in reply.iter_lines() if line.startswith("data: ")]


def test_run_answers_with_the_result_itself(client: httpx.Client) -> None:
    reply = client.post(f"{RUN}/{SCHNELL}", json={"prompt": "a cat", "num_images": 2, "seed": 7})
    assert reply.status_code == 200
    assert (len(reply.json()["images"]), reply.json()["seed"]) == (2, 7)
    assert reply.headers["x-fal-request-id"]
    assert reply.headers["x-fal-billable-units"] == "2"


def test_what_is_billed_follows_the_size_where_the_price_does(client: httpx.Client) -> None:
    size = {"width": 1920, "height": 1080}
    reply = client.post(f"{RUN}/fal-ai/flux/dev", json={"prompt": "a cat", "num_images": 2, "image_size": size})
    assert reply.headers["x-fal-billable-units"] == "4"  # two images of two megapixels


def test_the_same_call_gets_the_same_result(client: httpx.Client) -> None:
    first, second, other = (
        client.post(f"{RUN}/{SCHNELL}", json={"prompt": prompt}).json() for prompt in ("a cat", "a cat", "a dog")
    )
    assert first == second != other


def test_run_refuses_illegal_arguments_with_422(client: httpx.Client) -> None:
    reply = client.post(f"{RUN}/{SCHNELL}", json={})
    assert (reply.status_code, reply.json()["detail"][0]["type"]) == (422, "missing")


@pytest.mark.parametrize("slug", ["fal-ai/flux/dev", "fal-ai/any-llm", "workflows/someone/pipeline"])
def test_a_stream_is_a_few_events_the_last_of_which_is_the_result(client: httpx.Client, slug: str) -> None:
    with client.stream("POST", f"{RUN}/{slug}/stream", json={"prompt": "a cat"}) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["x-fal-request-id"]
        told = events(reply)
    assert len(told) == 3
    assert told[-1] == client.post(f"{RUN}/{slug}", json={"prompt": "a cat"}).json()


def test_stream_events_come_one_after_the_other(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-model=0.6,times=1")
    moments = []
    with client.stream("POST", f"{RUN}/{SCHNELL}/stream", json={"prompt": "a cat"}) as reply:
        for line in reply.iter_lines():
            if line.startswith("data: "):
                moments.append(time.monotonic())
    assert moments[0] < moments[1] < moments[2]
    assert moments[2] - moments[0] > 0.2


def test_a_model_without_a_stream_answers_as_fal_does(client: httpx.Client, fal_sandbox: Sandbox) -> None:
    reply = client.post(f"{RUN}/fal-ai/whisper/stream", json={"audio_url": "https://x.test/a.mp3"})
    assert (reply.status_code, reply.json()) == (404, {"detail": "Path /stream not found"})
    assert "no-stream" in {note["code"] for note in fal_sandbox.report()["notes"]}


def test_a_stream_of_an_illegal_call_is_a_plain_422(client: httpx.Client) -> None:
    reply = client.post(f"{RUN}/{SCHNELL}/stream", json={})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/json")


def test_a_start_timeout_that_is_met_does_no_harm(client: httpx.Client) -> None:
    reply = client.post(f"{RUN}/{SCHNELL}", json={"prompt": "x"}, headers={"x-fal-request-timeout": "2"})
    assert reply.status_code == 200


def test_every_streaming_model_named_in_the_catalogue_exists(fal_sandbox: Sandbox) -> None:
    from fal_skill.sandbox.catalog import STREAMING

    known = {entry.slug for entry in fal_sandbox.service.catalog.registry.entries}
    for slug in STREAMING:
        assert slug in known or any(other.startswith(f"{slug}/") for other in known), slug
