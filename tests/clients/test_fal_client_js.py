"""The real @fal-ai/client, unmodified: every function of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import sandbox_programs
from fal_skill.sandbox import Sandbox
from sandbox_programs import RunNode

fal_sandbox = sandbox_programs.fal_sandbox
fal_sandbox_server = sandbox_programs.fal_sandbox_server
fal_sandbox_settings = sandbox_programs.fal_sandbox_settings
npm_packages = sandbox_programs.npm_packages
run_node = sandbox_programs.run_node


HEAD = """
import { fal, createFalClient } from "@fal-ai/client";
const CAT = { prompt: "a cat", seed: 7 };
const SCHNELL = "fal-ai/flux/schnell";
const say = (value) => console.log(JSON.stringify(value));
"""


def told(run_node: RunNode, code: str, *words: str, node: str | None = None) -> list[Any]:
    """Run the program and return the JSON lines that it printed."""
    done = run_node(HEAD + code, *words, node=node)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_run(run_node: RunNode) -> None:
    code = """
const result = await fal.run(SCHNELL, { input: CAT, startTimeout: 30, storageSettings: { expiresIn: "1h" } });
const file = await fetch(result.data.images[0].url);
say([result.data.seed, result.requestId.length, file.status, file.headers.get("content-type")]);
await file.arrayBuffer();
"""
    assert told(run_node, code) == [[7, 36, 200, "image/jpeg"]]


@pytest.mark.parametrize("mode", ["polling", "streaming"])
def test_subscribe(run_node: RunNode, fal_sandbox: Sandbox, mode: str) -> None:
    fal_sandbox.add_fault("slow-queue=0.5,times=1")
    fal_sandbox.add_fault("slow-model=0.8,times=1")
    code = f"""
const states = [];
const result = await fal.subscribe(SCHNELL, {{
  input: CAT, logs: true, mode: "{mode}", pollInterval: 150, priority: "low", hint: "warm",
  onEnqueue: (id) => say(id),
  onQueueUpdate: (update) => states.push([update.status, (update.logs || []).length]),
}});
say(states);
say([result.data.seed, result.requestId]);
"""
    request_id, states, (seed, same_id) = told(run_node, code)
    assert (seed, same_id) == (7, request_id)
    assert states[0][0] == "IN_QUEUE"
    assert states[-1] == ["COMPLETED", 5]
    assert any(state == "IN_PROGRESS" and logs for state, logs in states)
    (job,) = fal_sandbox.jobs
    assert (job.id, job.priority) == (request_id, "low")
    assert fal_sandbox.report(final=True)["violations"] == []


def test_the_queue_functions(run_node: RunNode, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-model=0.5,times=1")
    code = """
const job = await fal.queue.submit(SCHNELL, { input: CAT, webhookUrl: "https://example.com/hook" });
const requestId = job.request_id;
say([job.status, job.queue_position]);
say((await fal.queue.status(SCHNELL, { requestId, logs: true })).status);
const stream = await fal.queue.streamStatus(SCHNELL, { requestId, logs: true });
let last;
for await (const event of stream) last = event;
say(last.status);
say((await stream.done()).status);
say((await fal.queue.subscribeToStatus(SCHNELL, { requestId })).status);
say((await fal.queue.result(SCHNELL, { requestId })).data.seed);
say(await fal.queue.cancel(SCHNELL, { requestId }).catch((error) => [error.name, error.status]));
"""
    found = told(run_node, code)
    assert found[0] == ["IN_QUEUE", 0]
    assert found[1] in ("IN_QUEUE", "IN_PROGRESS")
    assert found[2:] == ["COMPLETED", "COMPLETED", "COMPLETED", 7, ["ApiError", 400]]
    assert fal_sandbox.jobs[0].webhook_url == "https://example.com/hook"


def test_a_job_can_be_cancelled(run_node: RunNode, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-model=600")
    code = """
const { request_id: requestId } = await fal.queue.submit(SCHNELL, { input: CAT });
say((await fal.queue.cancel(SCHNELL, { requestId })) === undefined);
say(await fal.queue.result(SCHNELL, { requestId }).catch((error) => error.status));
"""
    assert told(run_node, code) == [True, 499]


def test_a_timeout_cancels_the_job(run_node: RunNode, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-model=600")
    code = """
say(await fal.subscribe(SCHNELL, { input: CAT, timeout: 300, pollInterval: 100 }).catch((error) => error.message));
await new Promise((resolve) => setTimeout(resolve, 300));
"""
    (message,) = told(run_node, code)
    assert "timed out" in message
    assert fal_sandbox.jobs[0].cancel_asked


@pytest.mark.parametrize("mode", ["server", "client"])
def test_stream(run_node: RunNode, mode: str) -> None:
    code = f"""
const stream = await fal.stream("fal-ai/flux/dev", {{ input: CAT, connectionMode: "{mode}" }});
const seeds = [];
for await (const event of stream) seeds.push(event.seed);
say([seeds, (await stream.done()).seed, stream.requestId.length]);
"""
    assert told(run_node, code) == [[[7, 7, 7], 7, 36]]


def test_stream_of_a_model_without_one(run_node: RunNode) -> None:
    code = """
const stream = await fal.stream("fal-ai/whisper", { input: { audio_url: "https://x.test/a.mp3" } });
say(await stream.done().catch((error) => [error.status, error.body.detail]));
"""
    assert told(run_node, code) == [[404, "Path /stream not found"]]


UPLOADS = """
const small = await fal.storage.upload(new Blob(["hello"], { type: "text/plain" }), { lifecycle: { expiresIn: "1h" } });
say(await (await fetch(small)).text());
const big = new Blob([new Uint8Array(91 * 1024 * 1024).fill(65)], { type: "application/octet-stream" });
const reply = await fetch(await fal.storage.upload(big));
say(Number(reply.headers.get("content-length")) === big.size);
const input = await fal.storage.transformInput({ image_url: new Blob(["x"], { type: "image/png" }), deep: [{ n: 1 }] });
say([input.image_url.startsWith("https://v3.fal.media/files/"), input.deep]);
const made = await fal.run("fal-ai/flux/dev/image-to-image", { input: { prompt: "x", image_url: new Blob(["x"]) } });
say(made.data.images.length);
"""


def test_storage(run_node: RunNode, fal_sandbox: Sandbox) -> None:
    assert told(run_node, UPLOADS) == ["hello", True, [True, [{"n": 1}]], 1]
    assert fal_sandbox.violations == []


REALTIME = """
let over = false;
const connection = fal.realtime.connect("fal-ai/fast-lcm-diffusion", {
  connectionKey: "one", throttleInterval: 0, maxBuffering: 2,
  onResult: (result) => { say(result.seed); over = true; connection.close(); },
  // The client takes its own close, which has no code, for an error.
  onError: (error) => { if (!over) { say(error.message); process.exit(1); } process.exit(0); },
});
connection.send(CAT);
"""
TOKEN_PROVIDER = REALTIME.replace(
    'connectionKey: "one"',
    """
  tokenProvider: async (app) => {
    const reply = await fetch("https://rest.fal.ai/tokens/", {
      method: "POST",
      headers: { authorization: `Key ${process.env.FAL_KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ allowed_apps: ["fast-lcm-diffusion"], token_expiration: 60 }),
    });
    return reply.json();
  },
  tokenExpirationSeconds: 60""",
)


def websocket_switch(node: str) -> list[str]:
    """Return the switch that gives this Node its WebSocket; skip where there is none."""
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    major = int(version.lstrip("v").split(".")[0])
    if major < 20:
        pytest.skip(f"node {version.strip()} has no WebSocket, and the client needs one")
    return ["--experimental-websocket"] if major < 22 else []


@pytest.mark.parametrize("code", [REALTIME, TOKEN_PROVIDER], ids=["default-token", "own-token"])
def test_realtime(run_node: RunNode, code: str) -> None:
    assert told(run_node, code, *websocket_switch(shutil.which("node") or "node")) == [7]


def test_realtime_errors_are_told(run_node: RunNode) -> None:
    code = REALTIME.replace("connection.send(CAT);", "connection.send({});")
    done = run_node(HEAD + code, *websocket_switch(shutil.which("node") or "node"))
    assert done.returncode == 1
    assert "INVALID_INPUT" in done.stdout


def test_errors_are_those_of_the_client(run_node: RunNode) -> None:
    code = """
const kind = (error) => [error.name, error.status, error.body.detail];
say(await fal.run(SCHNELL, { input: {} }).catch((error) => [error.name, error.status, error.fieldErrors[0].loc]));
say(await fal.subscribe(SCHNELL, { input: {} }).catch((error) => [error.name, error.status]));
say(await fal.run("fal-ai/flux/no-such-model", { input: CAT }).catch(kind));
const stranger = createFalClient({ credentials: "wrong" });
say(await stranger.run(SCHNELL, { input: CAT }).catch((error) => error.status));
"""
    assert told(run_node, code) == [
        ["ValidationError", 422, ["body", "prompt"]],
        ["ValidationError", 422],
        ["ApiError", 404, "Path /no-such-model not found"],
        401,
    ]


@pytest.mark.parametrize("fault", ["lost-reply", "429", "503"])
def test_passing_faults_are_retried(run_node: RunNode, fal_sandbox: Sandbox, fault: str) -> None:
    fal_sandbox.add_fault(fault)
    code = "say((await fal.subscribe(SCHNELL, { input: CAT, pollInterval: 100 })).data.seed);"
    assert told(run_node, code) == [7]
    assert len(fal_sandbox.jobs) == (2 if fault == "lost-reply" else 1)


def test_a_user_timeout_is_not_retried(run_node: RunNode, fal_sandbox: Sandbox) -> None:
    fal_sandbox.add_fault("slow-queue=600")
    code = """
const call = fal.subscribe(SCHNELL, { input: CAT, startTimeout: 1.1, pollInterval: 100 });
say(await call.catch((error) => [error.status, error.isUserTimeout]));
"""
    assert told(run_node, code) == [[504, True]]
    assert len(fal_sandbox.jobs) == 1


def test_other_hosts_are_refused_by_every_way_of_node(run_node: RunNode, fal_sandbox: Sandbox) -> None:
    code = """
import http from "node:http";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
const settled = (emitter, good) => new Promise((resolve) => {
  emitter.on("error", (error) => resolve(error.code));
  emitter.on(good, () => { emitter.destroy(); resolve("connected"); });
});
for (const url of ["https://example.com/", "http://example.com/", "https://example.com:8443/"]) {
  say(await fetch(url).then((reply) => reply.status, (error) => error.cause.code));
}
say(await settled(https.get("https://example.com/"), "response"));
say(await settled(http.get("http://example.com/"), "response"));
say(await settled(net.connect(5432, "example.com"), "connect"));
say(await settled(net.connect({ port: 5432, host: "10.0.0.1" }), "connect"));
say(await settled(tls.connect({ host: "fal.run", port: 443, servername: "fal.run" }), "secureConnect"));
const server = net.createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1", async () => {
  say(await settled(net.connect(server.address().port, "127.0.0.1"), "connect"));
  server.close();
});
"""
    found = told(run_node, code)
    assert found[:3] == ["UND_ERR_SOCKET"] * 3
    assert found[3:7] == ["ECONNRESET", "ECONNRESET", "ECONNREFUSED", "ECONNREFUSED"]
    assert found[7:] == ["connected", "connected"]
    assert fal_sandbox.report()["refused_hosts"]["example.com"] == 6


NODES = [Path(word) for word in os.environ.get("FAL_TEST_NODES", "").split(os.pathsep) if word]


@pytest.mark.parametrize("node", NODES or [Path(shutil.which("node") or "node")], ids=str)
def test_every_node_given_finds_the_sandbox_by_fetch_and_websocket(run_node: RunNode, node: Path) -> None:
    """``FAL_TEST_NODES`` lists further node programs (18 to 24), separated as in PATH."""
    version = subprocess.run([str(node), "--version"], capture_output=True, text=True, check=True).stdout
    major = int(version.lstrip("v").split(".")[0])
    code = "say((await fal.subscribe(SCHNELL, { input: CAT, pollInterval: 100 })).data.seed);\n"
    words = []
    if major >= 20:
        code, words = code + REALTIME, websocket_switch(str(node))
    assert told(run_node, code, *words, node=str(node)) == ([7, 7] if major >= 20 else [7])
