"""What references/facts.yaml says of protocol and SDKs, as programs: the real SDKs against the sandbox.

A scenario gets (sandbox, run_program) and raises AssertionError when the claim does not hold.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from docs.conftest import RunProgram
from fal_skill.sandbox import Sandbox
from fal_skill.webhooks import SeenRequests, public_keys, verify
from sandbox_calls import QUEUE, SCHNELL, completed, http_client, submitted, until

Scenario = Callable[[Sandbox, RunProgram], None]
SCENARIOS: dict[str, Scenario] = {}
KLING = "fal-ai/kling-video/v3/pro/image-to-video"
SUBMIT_PYTHON = f"""
import fal_client
handle = fal_client.submit("{SCHNELL}", arguments={{"prompt": "a cat"}})
print(handle.get()["images"][0]["url"])
"""
SUBMIT_JAVASCRIPT = f"""
import {{ createFalClient }} from "@fal-ai/client";
const fal = createFalClient(CONFIG);
const {{ request_id: requestId }} = await fal.queue.submit("{SCHNELL}", {{ input: {{ prompt: "a cat" }} }});
await fal.queue.subscribeToStatus("{SCHNELL}", {{ requestId, pollInterval: 100 }});
console.log((await fal.queue.result("{SCHNELL}", {{ requestId }})).data.images[0].url);
"""


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__] = function
    return function


def said(run: RunProgram, code: str, language: str = "python", **options: Any) -> str:
    """Return what a program printed; it must end well."""
    done = run(code, language, **options)
    assert done.code == 0, done.err
    return done.out


@contextmanager
def asking(sandbox: Sandbox) -> Iterator[Any]:
    """Yield an HTTP client with the key."""
    with http_client(
        sandbox, headers={"authorization": f"Key {sandbox.key}", "user-agent": "fal-client/1.0.3"}
    ) as client:
        yield client


# Keys


@scenario
def the_key_comes_from_the_environment(sandbox: Sandbox, run: RunProgram) -> None:
    said(run, SUBMIT_PYTHON)
    said(run, SUBMIT_JAVASCRIPT.replace("CONFIG", "{}"), "javascript")
    number, _, secret = sandbox.key.partition(":")
    said(run, SUBMIT_PYTHON, env={"FAL_KEY": "", "FAL_KEY_ID": number, "FAL_KEY_SECRET": secret})
    done = run(SUBMIT_PYTHON, "python", env={"FAL_KEY": "", "HOME": "/nonexistent"})
    assert "MissingCredentialsError" in done.err


@scenario
def javascript_without_a_key_gets_401(sandbox: Sandbox, run: RunProgram) -> None:
    done = run(SUBMIT_JAVASCRIPT.replace("CONFIG", "{}"), "javascript", env={"FAL_KEY": ""})
    assert done.code != 0
    assert "401" in done.err


@scenario
def a_wrong_key_is_401(sandbox: Sandbox, run: RunProgram) -> None:
    assert _status(run, "wrong:key").startswith("401")


def _status(run: RunProgram, key: str) -> str:
    code = f"""
import fal_client
try:
    fal_client.submit("{SCHNELL}", arguments={{"prompt": "a cat"}})
except fal_client.FalClientHTTPError as error:
    print(error.status_code, error.message)
"""
    return said(run, code, env={"FAL_KEY": key})


@scenario
def an_empty_balance_is_403(sandbox: Sandbox, run: RunProgram) -> None:
    text = _status(run, sandbox.settings.empty_key)
    assert text.startswith("403")
    assert "balance" in text.lower() or "locked" in text.lower()


# The queue


@scenario
def a_submit_is_the_bare_input(sandbox: Sandbox, run: RunProgram) -> None:
    said(run, SUBMIT_PYTHON)
    said(run, SUBMIT_JAVASCRIPT.replace("CONFIG", "{}"), "javascript")
    assert [job.arguments for job in sandbox.jobs] == [{"prompt": "a cat"}] * 2
    with asking(sandbox) as client:
        assert {"request_id", "status_url", "response_url", "cancel_url"} <= set(submitted(client))


@scenario
def requests_lie_under_two_segments(sandbox: Sandbox, run: RunProgram) -> None:
    said(run, SUBMIT_PYTHON)
    said(run, SUBMIT_JAVASCRIPT.replace("CONFIG", "{}"), "javascript")
    asked = [
        request["path"].partition("?")[0] for request in sandbox.report()["requests"] if request["method"] == "GET"
    ]
    following = {path.partition("/requests/")[0] for path in asked if "/requests/" in path}
    assert following == {"/fal-ai/flux"}, following


@scenario
def a_failed_job_is_completed_with_an_error(sandbox: Sandbox, run: RunProgram) -> None:
    sandbox.add_fault("failed-job=internal_server_error")
    with asking(sandbox) as client:
        job = submitted(client)
        status = completed(client, job)
        assert status["status"] == "COMPLETED"
        assert status["error"] and status["error_type"]
        assert client.get(job["response_url"]).status_code == 500


@scenario
def a_result_too_early_is_an_error(sandbox: Sandbox, run: RunProgram) -> None:
    sandbox.add_fault("slow-model=2")
    with asking(sandbox) as client:
        assert client.get(submitted(client)["response_url"]).status_code >= 400


@scenario
def cancel_has_three_answers(sandbox: Sandbox, run: RunProgram) -> None:
    with asking(sandbox) as client:
        first, second = submitted(client), submitted(client)
        accepted = client.put(first["cancel_url"])
        assert (accepted.status_code, accepted.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
        completed(client, second)
        late = client.put(second["cancel_url"])
        assert (late.status_code, late.json()) == (400, {"status": "ALREADY_COMPLETED"})
        unknown = client.put(f"{QUEUE}/fal-ai/flux/requests/00000000-0000-4000-8000-000000000000/cancel")
        assert (unknown.status_code, unknown.json()) == (404, {"status": "NOT_FOUND"})


@scenario
def unknown_things_are_404(sandbox: Sandbox, run: RunProgram) -> None:
    with asking(sandbox) as client:
        assert client.post(f"{QUEUE}/fal-ai/no-such-model", json={}).status_code == 404
        assert client.get(f"{QUEUE}/fal-ai/flux/requests/00000000-0000-4000-8000-000000000000").status_code == 404


@scenario
def a_start_timeout_of_a_second_is_refused(sandbox: Sandbox, run: RunProgram) -> None:
    sandbox.add_fault("slow-queue=30")
    code = f"""
import fal_client
try:
    fal_client.submit("{SCHNELL}", arguments={{"prompt": "a"}}, start_timeout=1)
except ValueError:
    print("refused")
try:
    fal_client.submit("{SCHNELL}", arguments={{"prompt": "a"}}, start_timeout=1.1).get()
except fal_client.FalClientHTTPError as error:
    print(error.status_code, error.response_headers["x-fal-request-timeout-type"])
"""
    assert said(run, code).split() == ["refused", "504", "user"]


# Paying twice


@scenario
def a_lost_reply_makes_two_jobs_in_python(sandbox: Sandbox, run: RunProgram) -> None:
    sandbox.add_fault("lost-reply")
    said(run, SUBMIT_PYTHON)
    assert len(sandbox.jobs) == 2


@scenario
def a_lost_reply_makes_two_jobs_in_javascript(sandbox: Sandbox, run: RunProgram) -> None:
    sandbox.add_fault("lost-reply")
    said(run, SUBMIT_JAVASCRIPT.replace("CONFIG", "{}"), "javascript")
    assert len(sandbox.jobs) == 2


@scenario
def no_retries_in_the_config_still_makes_two_jobs(sandbox: Sandbox, run: RunProgram) -> None:
    sandbox.add_fault("lost-reply")
    said(run, SUBMIT_JAVASCRIPT.replace("CONFIG", "{ retry: { maxRetries: 0 } }"), "javascript")
    assert len(sandbox.jobs) == 2


@scenario
def a_gateway_error_while_collecting_is_passing(sandbox: Sandbox, run: RunProgram) -> None:
    sandbox.add_fault("502,on=result")
    code = f"""
import fal_client
handle = fal_client.submit("{SCHNELL}", arguments={{"prompt": "a cat"}})
try:
    handle.get()
except fal_client.FalClientHTTPError as error:
    print(error.status_code)
print(fal_client.result("{SCHNELL}", handle.request_id)["images"][0]["content_type"])
"""
    assert said(run, code).split() == ["502", "image/jpeg"]
    assert len(sandbox.jobs) == 1


# Reading


@scenario
def only_javascript_wraps_the_result(sandbox: Sandbox, run: RunProgram) -> None:
    assert "fal.media" in said(run, SUBMIT_PYTHON)
    assert "fal.media" in said(run, SUBMIT_JAVASCRIPT.replace("CONFIG", "{}"), "javascript")
    with asking(sandbox) as client:
        job = submitted(client)
        completed(client, job)
        assert "images" in client.get(job["response_url"]).json()


@scenario
def logs_come_again_at_every_poll(sandbox: Sandbox, run: RunProgram) -> None:
    sandbox.add_fault("slow-model=0.8")
    code = f"""
import fal_client
updates = []
asked = {{"with_logs": True, "on_queue_update": updates.append, "interval": 0.1}}
fal_client.subscribe("{SCHNELL}", arguments={{"prompt": "a"}}, **asked)
logs = [update.logs for update in updates if isinstance(update, fal_client.InProgress)]
assert len(logs) > 3
assert all(later[: len(earlier)] == earlier for earlier, later in zip(logs, logs[1:]))
handle = fal_client.submit("{SCHNELL}", arguments={{"prompt": "b"}})
assert {{update.logs for update in handle.iter_events() if isinstance(update, fal_client.InProgress)}} == {{None}}
"""
    said(run, code)


@scenario
def a_422_in_python_is_a_list(sandbox: Sandbox, run: RunProgram) -> None:
    code = f"""
import json
import fal_client
try:
    fal_client.subscribe("{KLING}", arguments={{"prompt": "orbit"}})
except fal_client.FalClientHTTPError as error:
    print(json.dumps([error.status_code, error.message, isinstance(error.response_headers, dict)]))
"""
    status, message, has_headers = json.loads(said(run, code))
    assert (status, has_headers) == (422, True)
    assert message[0]["loc"] == ["body", "start_image_url"]
    assert {"loc", "msg", "type"} <= set(message[0])


@scenario
def a_422_in_javascript_hides_its_reason(sandbox: Sandbox, run: RunProgram) -> None:
    code = f"""
import {{ ApiError, ValidationError, fal }} from "@fal-ai/client";
try {{
  await fal.subscribe("{KLING}", {{ input: {{ prompt: "orbit" }} }});
}} catch (error) {{
  const kinds = [error instanceof ValidationError, error instanceof ApiError];
  console.log(JSON.stringify([error.message, error.body.detail[0].loc, error.fieldErrors.length, kinds]));
}}
"""
    message, loc, count, kinds = json.loads(said(run, code, "javascript"))
    assert message == "Unprocessable Entity"
    assert loc == ["body", "start_image_url"]
    assert (count, kinds) == (1, [True, True])


@scenario
def a_platform_error_has_a_type(sandbox: Sandbox, run: RunProgram) -> None:
    sandbox.add_fault("failed-job=runner_disconnected")
    with asking(sandbox) as client:
        job = submitted(client)
        completed(client, job)
        reply = client.get(job["response_url"])
        assert (reply.status_code, reply.json()["error_type"]) == (503, "runner_disconnected")
        assert isinstance(reply.json()["detail"], str)
        assert reply.headers["x-fal-error-type"] == "runner_disconnected"


# Files


@scenario
def the_lifecycle_header_is_sent_by_both(sandbox: Sandbox, run: RunProgram) -> None:
    python = f"""
import json
import fal_client
headers = {{"X-Fal-Object-Lifecycle-Preference": json.dumps({{"expiration_duration_seconds": 604800}})}}
fal_client.subscribe("{SCHNELL}", arguments={{"prompt": "a"}}, headers=headers)
"""
    javascript = f"""
import {{ fal }} from "@fal-ai/client";
await fal.subscribe("{SCHNELL}", {{ input: {{ prompt: "b" }}, storageSettings: {{ expiresIn: "7d" }} }});
"""
    said(run, python)
    said(run, javascript, "javascript")
    asked = sandbox.call(lambda service: [stored.lifecycle.seconds for stored in service.files])
    assert asked == [604800, 604800]


# Stream and realtime


@scenario
def a_refused_stream_in_python_is_an_sse_error(sandbox: Sandbox, run: RunProgram) -> None:
    code = f"""
import fal_client, httpx_sse
try:
    list(fal_client.stream("{SCHNELL}", arguments={{}}))
except httpx_sse.SSEError as error:
    print(isinstance(error, fal_client.FalClientError), "422" in str(error))
"""
    assert said(run, code).split() == ["False", "False"]


@scenario
def a_refused_stream_in_javascript_ends_silently(sandbox: Sandbox, run: RunProgram) -> None:
    code = f"""
import {{ fal }} from "@fal-ai/client";
const stream = await fal.stream("{SCHNELL}", {{ input: {{}} }});
HANDLED
for await (const event of stream) console.log("event", event);
console.log("ended");
await new Promise((resolve) => setTimeout(resolve, 100));
"""
    handled = 'stream.done().catch((error) => console.log("rejected", error.status));'
    lines = said(run, code.replace("HANDLED", handled), "javascript").splitlines()
    assert sorted(lines) == ["ended", "rejected 422"]
    assert run(code.replace("HANDLED", ""), "javascript").code != 0


@scenario
def realtime_fetches_a_token_first(sandbox: Sandbox, run: RunProgram) -> None:
    code = """
import fal_client
with fal_client.realtime("fal-ai/fast-lightning-sdxl") as connection:
    connection.send({"prompt": "a"})
    assert connection.recv()["images"]
"""
    said(run, code)
    asked = [
        (request["method"], request["host"], request["path"].partition("?")[0])
        for request in sandbox.report()["requests"]
    ]
    assert asked[:2] == [
        ("POST", "rest.fal.ai", "/tokens/"),
        ("WEBSOCKET", "fal.run", "/fal-ai/fast-lightning-sdxl/realtime"),
    ]


# Webhooks


class Receiver:
    """A server on loopback that keeps what it gets."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        deliveries = self.deliveries

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                deliveries.append((dict(self.headers.items()), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Receiver:
        self.thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@scenario
def a_webhook_is_a_query_parameter(sandbox: Sandbox, run: RunProgram) -> None:
    with Receiver() as receiver:
        python = f"""
import fal_client
fal_client.submit("{SCHNELL}", arguments={{"prompt": "a"}}, webhook_url="{receiver.url}")
"""
        javascript = f"""
import {{ fal }} from "@fal-ai/client";
await fal.queue.submit("{SCHNELL}", {{ input: {{ prompt: "a" }}, webhookUrl: "{receiver.url}" }});
"""
        said(run, python)
        said(run, javascript, "javascript")
        until(lambda: len(receiver.deliveries) == 2)
    assert all("fal_webhook=" in request["path"] for request in sandbox.report()["requests"])
    assert [(job.arguments, job.webhook_url) for job in sandbox.jobs] == [({"prompt": "a"}, receiver.url)] * 2


@scenario
def a_delivery_of_the_sandbox_verifies(sandbox: Sandbox, run: RunProgram) -> None:
    with Receiver() as receiver, asking(sandbox) as client:
        submitted(client, params={"fal_webhook": receiver.url})
        until(lambda: len(receiver.deliveries) == 1)
        sandbox.add_fault("content-policy")
        submitted(client, params={"fal_webhook": receiver.url})
        until(lambda: len(receiver.deliveries) == 2)
        keys = public_keys(client.get("https://rest.fal.ai/.well-known/jwks.json").json())
    for headers, body in receiver.deliveries:
        assert verify(headers, body, keys, time.time()).request_id == json.loads(body)["request_id"]
    good, bad = (json.loads(body) for _, body in receiver.deliveries)
    assert (good["status"], bad["status"]) == ("OK", "ERROR")
    assert good["payload"]["images"] and bad["payload"]["detail"] and bad["error"] == "Invalid status code: 422"
    assert good["gateway_request_id"]


@scenario
def a_repeated_delivery_is_claimed_once(sandbox: Sandbox, run: RunProgram) -> None:
    sandbox.add_fault("webhook-repeats=1")
    with Receiver() as receiver, asking(sandbox) as client:
        submitted(client, params={"fal_webhook": receiver.url})
        until(lambda: len(receiver.deliveries) == 2)
        keys = public_keys(client.get("https://rest.fal.ai/.well-known/jwks.json").json())
    seen = SeenRequests()
    verified = [verify(headers, body, keys, time.time()) for headers, body in receiver.deliveries]
    assert [seen.claim(delivery.request_id, time.time()) for delivery in verified] == [True, False]
