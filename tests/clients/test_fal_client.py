"""The real fal_client, unmodified, synchronous and asynchronous: every function of it."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import fal_client
import httpx
import pytest
from fal_client.client import CDN_URL, MULTIPART_THRESHOLD, RealtimeError
from PIL import Image

import sandbox_programs
from fal_skill.sandbox import Sandbox

fal_sandbox = sandbox_programs.fal_sandbox
fal_sandbox_server = sandbox_programs.fal_sandbox_server
fal_sandbox_settings = sandbox_programs.fal_sandbox_settings

# fal_client never closes the clients that it makes for uploads: they are collected here, where it is expected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SCHNELL, CAT = "fal-ai/flux/schnell", {"prompt": "a cat", "seed": 7}
LCM = "fal-ai/fast-lcm-diffusion"


def media(url: str) -> httpx.Response:
    """Fetch a file as a program would: the environment leads to the sandbox."""
    return httpx.get(url)


def both(asynchronous: Callable[[], Awaitable[Any]], synchronous: Callable[[], Any], kind: str) -> Any:
    async def run() -> Any:
        try:
            return await asynchronous()
        finally:
            await (await fal_client.async_client._client).aclose()

    return synchronous() if kind == "sync" else asyncio.run(run())


@pytest.fixture(params=["sync", "async"], autouse=True)
def kind(request: pytest.FixtureRequest, fal_sandbox: Sandbox) -> Iterator[str]:
    yield str(request.param)
    gc.collect()


def test_run(kind: str) -> None:
    result = both(lambda: fal_client.run_async(SCHNELL, CAT), lambda: fal_client.run(SCHNELL, CAT), kind)
    assert result["seed"] == 7
    assert media(result["images"][0]["url"]).headers["content-type"] == "image/jpeg"


def test_run_with_hint_and_start_timeout(kind: str) -> None:
    options: dict[str, Any] = {"hint": "warm", "start_timeout": 30, "headers": {"X-Fal-Store-IO": "0"}}
    call = (lambda: fal_client.run_async(SCHNELL, CAT, **options), lambda: fal_client.run(SCHNELL, CAT, **options))
    assert both(*call, kind)["seed"] == 7


def test_subscribe_tells_every_state_and_the_growing_logs(kind: str, fal_sandbox: Sandbox) -> None:
    seen: list[Any] = []
    ids: list[str] = []
    options: dict[str, Any] = {
        "with_logs": True, "on_queue_update": seen.append, "on_enqueue": ids.append, "priority": "low", "hint": "warm",
    }  # fmt: skip
    call = (
        lambda: fal_client.subscribe_async(SCHNELL, CAT, **options),
        lambda: fal_client.subscribe(SCHNELL, CAT, **options),
    )
    assert both(*call, kind)["images"]
    assert [type(event) for event in seen if isinstance(event, fal_client.Queued)]
    assert any(isinstance(event, fal_client.InProgress) and event.logs for event in seen)
    assert isinstance(seen[-1], fal_client.Completed)
    assert seen[-1].metrics["inference_time"] == pytest.approx(0.2)
    (job,) = fal_sandbox.jobs
    assert (job.id, job.priority, job.collected) == (ids[0], "low", True)
    assert fal_sandbox.report(final=True)["violations"] == []


def test_submit_and_what_the_handle_can_do(kind: str, fal_sandbox: Sandbox) -> None:
    async def asynchronous() -> Any:
        handle = await fal_client.submit_async(SCHNELL, CAT)
        first = await handle.status(with_logs=True)
        events = [event async for event in handle.iter_events(with_logs=True, interval=0.1)]
        return handle.request_id, first, events, await handle.get()

    def synchronous() -> Any:
        handle = fal_client.submit(SCHNELL, CAT)
        first = handle.status(with_logs=True)
        return handle.request_id, first, list(handle.iter_events(with_logs=True, interval=0.1)), handle.get()

    request_id, first, events, result = both(asynchronous, synchronous, kind)
    assert isinstance(first, fal_client.Queued)
    assert first.position == 0
    assert isinstance(events[-1], fal_client.Completed)
    assert result["images"]
    assert fal_sandbox.jobs[0].id == request_id


def test_status_result_and_cancel_by_id(kind: str) -> None:
    async def asynchronous() -> Any:
        request_id = (await fal_client.submit_async(SCHNELL, CAT)).request_id
        status = await fal_client.status_async(SCHNELL, request_id, with_logs=True)
        result = await fal_client.result_async(SCHNELL, request_id)
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            await fal_client.cancel_async(SCHNELL, request_id)
        return status, result, caught.value

    def synchronous() -> Any:
        request_id = fal_client.submit(SCHNELL, CAT).request_id
        status = fal_client.status(SCHNELL, request_id, with_logs=True)
        result = fal_client.result(SCHNELL, request_id)
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            fal_client.cancel(SCHNELL, request_id)
        return status, result, caught.value

    status, result, error = both(asynchronous, synchronous, kind)
    assert isinstance(status, (fal_client.Queued, fal_client.InProgress))
    assert result["images"]
    assert error.status_code == 400


def test_a_cancelled_job_ends_for_those_who_wait_for_it(kind: str, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-model=60")

    async def asynchronous() -> Any:
        handle = await fal_client.submit_async(SCHNELL, CAT)
        await handle.cancel()
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            await handle.get()
        return caught.value

    def synchronous() -> Any:
        handle = fal_client.submit(SCHNELL, CAT)
        handle.cancel()
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            handle.get()
        return caught.value

    assert both(asynchronous, synchronous, kind).error_type == "client_cancelled"


def test_a_path_below_the_application(kind: str) -> None:
    arguments = {"prompt": "x", "image_url": "https://x.test/a.png"}
    call = (
        lambda: fal_client.subscribe_async("fal-ai/flux/dev", arguments, path="/image-to-image"),
        lambda: fal_client.subscribe("fal-ai/flux/dev", arguments, path="/image-to-image"),
    )
    assert both(*call, kind)["images"]


def test_stream(kind: str) -> None:
    async def asynchronous() -> Any:
        return [event async for event in fal_client.stream_async("fal-ai/flux/dev", CAT)]

    events = both(asynchronous, lambda: list(fal_client.stream("fal-ai/flux/dev", CAT)), kind)
    assert [event["seed"] for event in events] == [7, 7, 7]


@pytest.mark.parametrize("use_jwt", [True, False])
def test_realtime(kind: str, use_jwt: bool) -> None:
    async def asynchronous() -> Any:
        async with fal_client.realtime_async(LCM, use_jwt=use_jwt, max_buffering=2) as connection:
            await connection.send(CAT)
            return await connection.recv()

    def synchronous() -> Any:
        with fal_client.realtime(LCM, use_jwt=use_jwt, max_buffering=2) as connection:
            connection.send(CAT)
            return connection.recv()

    assert both(asynchronous, synchronous, kind)["seed"] == 7


def test_realtime_tells_of_a_bad_message(kind: str) -> None:
    async def asynchronous() -> None:
        async with fal_client.realtime_async(LCM) as connection:
            await connection.send({})
            await connection.recv()

    def synchronous() -> None:
        with fal_client.realtime(LCM) as connection:
            connection.send({})
            connection.recv()

    with pytest.raises(RealtimeError, match="INVALID_INPUT"):
        both(asynchronous, synchronous, kind)


def test_ws_connect(kind: str) -> None:
    import msgpack
    from fal_client import ws_connect, ws_connect_async

    async def asynchronous() -> Any:
        async with ws_connect_async(LCM, path="/realtime") as socket:
            await socket.send(msgpack.packb(CAT))
            return await socket.recv()

    def synchronous() -> Any:
        with ws_connect(LCM, path="/realtime") as socket:
            socket.send(msgpack.packb(CAT))
            return socket.recv()

    assert msgpack.unpackb(both(asynchronous, synchronous, kind))["seed"] == 7


@pytest.mark.parametrize("repository", [None, "fal"])
def test_uploads(kind: str, tmp_path: Path, repository: Any, fal_sandbox: Sandbox) -> None:
    from fal_client import upload, upload_async, upload_file, upload_file_async, upload_image, upload_image_async

    file = tmp_path / "note.txt"
    file.write_text("hello")
    image = Image.new("RGB", (8, 6), "red")
    options: dict[str, Any] = {"repository": repository}

    async def asynchronous() -> Any:
        return [
            await upload_async(b"hello", "text/plain", "note.txt", **options),
            await upload_file_async(file, **options),
            await upload_image_async(image, "png", **options),
        ]

    def synchronous() -> Any:
        return [
            upload(b"hello", "text/plain", "note.txt", **options),
            upload_file(file, **options),
            upload_image(image, "png", **options),
        ]

    first, second, third = both(asynchronous, synchronous, kind)
    assert media(first).text == media(second).text == "hello"
    assert media(third).content.startswith(b"\x89PNG")
    assert fal_sandbox.violations == []


def test_an_upload_with_a_short_life(kind: str) -> None:
    from fal_client import upload, upload_async

    settings: dict[str, Any] = {
        "lifecycle": fal_client.StorageSettings(expires_in=1, initial_acl=fal_client.StorageACL(default="allow"))
    }
    call = (
        lambda: upload_async(b"hello", "text/plain", **settings),
        lambda: upload(b"hello", "text/plain", **settings),
    )
    url = both(*call, kind)
    assert media(url).status_code == 200
    time.sleep(1.0)
    assert media(url).status_code == 404


def test_a_file_of_many_parts(kind: str, tmp_path: Path) -> None:
    from fal_client import upload_file, upload_file_async

    file = tmp_path / "big.bin"
    with file.open("wb") as out:
        for number in range(MULTIPART_THRESHOLD // (1 << 20) + 1):
            out.write(bytes([number % 251]) * (1 << 20))
    url = both(lambda: upload_file_async(file), lambda: upload_file(file), kind)
    assert url.startswith(CDN_URL)
    with httpx.stream("GET", url) as reply:
        assert int(reply.headers["content-length"]) == file.stat().st_size
        assert all(sent == read for sent, read in zip(reply.iter_bytes(1 << 20), pieces(file), strict=True))


def pieces(file: Path) -> Any:
    with file.open("rb") as source:
        while data := source.read(1 << 20):
            yield data


def test_a_webhook_is_asked_for(kind: str, fal_sandbox: Sandbox) -> None:
    options: dict[str, Any] = {"webhook_url": "https://example.com/hook?x=1&y=2"}
    call = (
        lambda: fal_client.submit_async(SCHNELL, CAT, **options),
        lambda: fal_client.submit(SCHNELL, CAT, **options),
    )
    both(*call, kind)
    assert fal_sandbox.jobs[0].webhook_url == "https://example.com/hook?x=1&y=2"


@pytest.mark.parametrize(
    ("slug", "arguments", "status"),
    [(SCHNELL, {}, 422), ("fal-ai/flux/no-such-model", CAT, 404), ("no-such/app", CAT, 404)],
)
def test_errors_are_those_of_the_client(kind: str, slug: str, arguments: dict[str, Any], status: int) -> None:
    for asynchronous, synchronous in (
        (fal_client.run_async, fal_client.run),
        (fal_client.subscribe_async, fal_client.subscribe),
    ):
        with pytest.raises(fal_client.FalClientHTTPError) as caught:
            both(lambda call=asynchronous: call(slug, arguments), lambda call=synchronous: call(slug, arguments), kind)  # type: ignore[misc]
        assert caught.value.status_code == status
        fal_client.async_client.__dict__.clear()


def test_a_start_timeout_that_runs_out_is_not_retried(kind: str, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-queue=60")
    call = (
        lambda: fal_client.subscribe_async(SCHNELL, CAT, start_timeout=1.1),
        lambda: fal_client.subscribe(SCHNELL, CAT, start_timeout=1.1),
    )
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        both(*call, kind)
    assert (caught.value.status_code, caught.value.error_type) == (504, "request_timeout")
    assert len(fal_sandbox.jobs) == 1


def test_a_lost_reply_makes_the_client_submit_again(kind: str, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("lost-reply")
    call = (lambda: fal_client.subscribe_async(SCHNELL, CAT), lambda: fal_client.subscribe(SCHNELL, CAT))
    assert both(*call, kind)["images"]
    assert len(fal_sandbox.jobs) == 2
    codes = {violation["code"] for violation in fal_sandbox.report(final=True)["violations"]}
    assert codes == {"duplicate-submit", "uncollected-job"}


@pytest.mark.parametrize("fault", ["429,times=2", "ingress-503,times=2", "429,on=status,times=2"])
def test_passing_faults_are_survived(kind: str, fal_sandbox: Sandbox, fault: str) -> None:
    fal_sandbox.add_fault(fault)
    call = (lambda: fal_client.subscribe_async(SCHNELL, CAT), lambda: fal_client.subscribe(SCHNELL, CAT))
    assert both(*call, kind)["images"]
    assert len(fal_sandbox.jobs) == 1


def test_the_backup_domain_serves_when_the_first_cannot_be_reached(kind: str, fal_sandbox: Sandbox) -> None:
    """fal_client 1.0.3 resends to falrun.com when connecting fails."""
    url = f"https://falrun.com/{SCHNELL}"
    reply = httpx.post(url, json=CAT, headers={"authorization": f"Key {fal_sandbox.key}"})
    assert reply.json()["seed"] == 7


CLIENT_TIMEOUT = """
import asyncio, sys, fal_client
options = {"client_timeout": 1.1, "start_timeout": 30}
call = ("fal-ai/flux/schnell", {"prompt": "x"})
try:
    if sys.argv[1] == "sync":
        fal_client.subscribe(*call, **options)
    else:
        asyncio.run(fal_client.subscribe_async(*call, **options))
except fal_client.FalClientTimeoutError as error:
    print("timed out", error.request_id)
"""


@pytest.mark.filterwarnings("ignore:.*start_timeout.*:UserWarning")
def test_a_client_timeout_cancels_and_the_process_can_end(fal_sandbox: Sandbox, kind: str) -> None:
    """The client's own thread polls on until the job is COMPLETED: a cancelled job must get there."""
    fal_sandbox.add_fault("slow-model=600")
    began = time.monotonic()
    command = [sys.executable, "-c", CLIENT_TIMEOUT, kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.startswith("timed out"), done.stderr
    assert time.monotonic() - began < 10
    assert fal_sandbox.jobs[0].cancel_asked
