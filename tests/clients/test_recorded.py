"""The same scenarios with the real fal_client, replayed from recordings of the sandbox, and of fal where there are any.

See ``tests/cassettes/README.md`` for how they are made.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fal_client
import httpx
import pytest

from fal_skill.sandbox import Settings, pytest_plugin, running

CASSETTES = Path(__file__).parents[1] / "cassettes"
SCHNELL = "fal-ai/flux/schnell"
SMALL = {"prompt": "a cat", "image_size": {"width": 512, "height": 512}, "num_inference_steps": 1, "seed": 7}

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def subscribe() -> None:
    seen: list[Any] = []
    result = fal_client.subscribe(SCHNELL, SMALL, with_logs=True, interval=0.2, on_queue_update=seen.append)
    assert isinstance(seen[-1], fal_client.Completed)
    (image,) = result["images"]
    assert (image["width"], image["height"], result["seed"]) == (512, 512, 7)
    assert ".fal.media/" in image["url"]


def subscribe_async() -> None:
    async def run() -> Any:
        try:
            return await fal_client.subscribe_async(SCHNELL, SMALL, interval=0.2)
        finally:
            await (await fal_client.async_client._client).aclose()

    assert asyncio.run(run())["images"]


def submit_and_poll() -> None:
    handle = fal_client.submit(SCHNELL, SMALL)
    states = [type(event).__name__ for event in handle.iter_events(with_logs=True, interval=0.2)]
    assert states[-1] == "Completed"
    assert set(states) <= {"Queued", "InProgress", "Completed"}
    assert handle.get()["images"]
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        fal_client.cancel(SCHNELL, handle.request_id)
    assert caught.value.status_code == 400


def run() -> None:
    assert fal_client.run(SCHNELL, SMALL)["has_nsfw_concepts"] == [False]


def refused_arguments() -> None:
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        fal_client.subscribe(SCHNELL, {"num_images": 1}, interval=0.2)
    assert caught.value.status_code == 422
    entry: Any = caught.value.message[0]
    assert (entry["loc"], entry["type"]) == (["body", "prompt"], "missing")  # type: ignore[index]


def unknown_model() -> None:
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        fal_client.run("fal-ai/no-such-model-of-this-name", SMALL)
    assert caught.value.status_code == 404


def upload() -> None:
    url = fal_client.client.SyncClient(key=os.environ["FAL_KEY"]).upload(b"hello", "text/plain", "note.txt")
    assert httpx.get(url).text == "hello"


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (subscribe, subscribe_async, submit_and_poll, run, refused_arguments, unknown_model, upload)
}


def tidied_response(response: dict[str, Any]) -> dict[str, Any]:
    """Leave tokens out of a recording."""
    text = response["body"].get("string", b"")
    if b'"token"' in text:
        import json

        body = json.loads(text)
        body.update(token="left-out", expires_at="2099-01-01T00:00:00+00:00")
        response["body"]["string"] = json.dumps(body).encode()
        response["headers"].pop("content-length", None)
    return response


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    return {
        "filter_headers": ["authorization", "user-agent"],
        "before_record_response": tidied_response,
        "decode_compressed_response": True,
        # Loopback is the proxy's own address while recording from the sandbox.
        "match_on": ["method", "scheme", "host", "path", "query"],
    }


@pytest.fixture
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    return str(CASSETTES / ("live" if "live" in request.keywords else "sandbox"))


@pytest.fixture
def default_cassette_name(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["name"])


@pytest.fixture
def world(request: pytest.FixtureRequest, record_mode: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While recording, the sandbox or fal; while replaying, nothing at all."""
    pytest_plugin.forget_clients()
    live = "live" in request.keywords
    cassette = CASSETTES / ("live" if live else "sandbox") / f"{request.node.callspec.params['name']}.yaml"
    if live and not cassette.exists() and (record_mode == "none" or "FAL_KEY" not in os.environ):
        pytest.skip("not recorded yet: needs FAL_KEY and --record-mode=once, and costs less than a cent")
    if live or record_mode == "none":
        monkeypatch.setenv("FAL_KEY", os.environ.get("FAL_KEY", "replayed:replayed"))
        yield
    else:
        with running(Settings(queue_seconds=0.1, model_seconds=0.3)) as sandbox:
            for name, value in sandbox.variables().items():
                monkeypatch.setenv(name, value)
            yield
    pytest_plugin.forget_clients()


@pytest.mark.vcr
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.usefixtures("world")
def test_recorded_from_the_sandbox(name: str) -> None:
    SCENARIOS[name]()


@pytest.mark.live
@pytest.mark.vcr
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.usefixtures("world")
def test_recorded_from_fal(name: str) -> None:
    SCENARIOS[name]()


def test_every_recording_says_where_it_is_from() -> None:
    recordings = sorted((CASSETTES / "sandbox").glob("*.yaml"))
    assert [file.stem for file in recordings] == sorted(SCENARIOS)
    for file in recordings:
        text = file.read_text()
        assert text.count("x-fal-served-from") == text.count("- request:")
        assert "authorization" not in text.lower()
