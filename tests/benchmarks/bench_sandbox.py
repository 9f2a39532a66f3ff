#!/usr/bin/env python3
"""Print what the sandbox costs: its start, a call through it, what it bears; with ratios to baselines of this run.

uv run tests/benchmarks/bench_sandbox.py [--calls N] [--jobs N] [--rate N] [--seconds S]

Everything is loopback, and bounded in count and time.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
sys.path.insert(0, str(SCRIPTS))
SANDBOX = [sys.executable, str(SCRIPTS / "sandbox.py"), "exec", "--quiet"]

READY = """
import sys, time
sys.path.insert(0, sys.argv[1])
from fal_skill.sandbox import Sandbox
sandbox = Sandbox()
sandbox.start()
sandbox.wait_ready()
print(time.time())
sandbox.stop()
"""

SUBSCRIBE = """
import json, sys, time
import fal_client
times = []
for number in range(int(sys.argv[1])):
    began = time.perf_counter()
    fal_client.subscribe("fal-ai/flux/schnell", {"prompt": f"a cat {number}"})
    times.append(time.perf_counter() - began)
print(json.dumps(times))
"""

BARE = """
import json, sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
base = f"https://127.0.0.1:{sys.argv[1]}/fal-ai/flux/requests/one"
RESULT = {"images": [{"url": "https://x.test/a.png", "width": 1024, "height": 768, "content_type": "image/jpeg"}],
          "timings": {"inference": 1.0}, "seed": 1, "has_nsfw_concepts": [False], "prompt": "a cat"}
async def submit(request):
    await request.json()
    return JSONResponse({"request_id": "one", "response_url": base, "status_url": f"{base}/status",
                         "cancel_url": f"{base}/cancel", "status": "IN_QUEUE", "queue_position": 0})
async def status(request):
    return JSONResponse({"status": "COMPLETED", "logs": None, "metrics": {"inference_time": 0}})
async def result(request):
    return JSONResponse(RESULT)
app = Starlette(routes=[
    Route("/fal-ai/flux/schnell", submit, methods=["POST"]),
    Route("/fal-ai/flux/requests/one/status", status),
    Route("/fal-ai/flux/requests/one", result),
])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), ssl_certfile=sys.argv[2], ssl_keyfile=sys.argv[2],
            log_level="error", access_log=False)
"""

IN_FLIGHT = """
import asyncio, json, sys, time
import fal_client
async def main():
    jobs, gate, client = int(sys.argv[1]), asyncio.Semaphore(16), fal_client.AsyncClient()
    async def submit(number):
        async with gate:
            return await client.submit("fal-ai/flux/schnell", {"prompt": f"a cat {number}"})
    async def result(handle):
        async with gate:
            return await handle.get(interval=1)
    began = time.perf_counter()
    handles = await asyncio.gather(*map(submit, range(jobs)))
    submitted = time.perf_counter() - began
    await asyncio.sleep(max(0.0, float(sys.argv[2]) - submitted))
    results = await asyncio.gather(*map(result, handles))
    ids = {handle.request_id for handle in handles}
    print(json.dumps([submitted, len(ids), sum(bool(made["images"]) for made in results)]))
asyncio.run(main())
"""

STEADY = """
import asyncio, json, os, ssl, sys, time
KEY, PORT = os.environ["FAL_KEY"], int(os.environ["FAL_SANDBOX"].split(":")[1])
CONTEXT = ssl.create_default_context()
# A client that costs next to nothing, so that what is measured is the sandbox: httpx alone would be the limit.
class Connection:
    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", PORT, ssl=CONTEXT, server_hostname="queue.fal.run")
        return self
    async def ask(self, method, path, body=b""):
        head = (f"{method} {path} HTTP/1.1\\r\\nhost: queue.fal.run\\r\\nauthorization: Key {KEY}\\r\\n"
                f"user-agent: fal-client/benchmark\\r\\ncontent-length: {len(body)}\\r\\n\\r\\n")
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\\r\\n\\r\\n")
        size = int(answer.lower().partition(b"content-length: ")[2].partition(b"\\r\\n")[0])
        return int(answer[9:12]), json.loads(await self.reader.readexactly(size))
async def main():
    rate, seconds = float(sys.argv[1]), float(sys.argv[2])
    free = asyncio.Queue()
    for _ in range(16):
        free.put_nowait(await Connection().open())
    async def ask(*words):
        connection = await free.get()
        try:
            return await connection.ask(*words)
        finally:
            free.put_nowait(connection)
    times = []
    async def job(number):
        began = time.perf_counter()
        status, made = await ask("POST", "/fal-ai/flux/schnell", json.dumps({"prompt": f"a cat {number}"}).encode())
        assert status == 200
        path = "/fal-ai/flux/requests/" + made["request_id"]
        await asyncio.sleep(0.31)
        while (await ask("GET", path + "/status"))[1]["status"] != "COMPLETED":
            await asyncio.sleep(0.1)
        status, made = await ask("GET", path)
        assert status == 200 and made["images"]
        times.append(time.perf_counter() - began)
    began, tasks, number = time.perf_counter(), set(), 0
    while (now := time.perf_counter() - began) < seconds:
        while number < now * rate:
            task = asyncio.create_task(job(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        await asyncio.sleep(0.005)
    waiting = len(tasks)
    await asyncio.gather(*tasks)
    times.sort()
    print(json.dumps({"submitted": number, "done": len(times), "waiting_at_the_end": waiting,
                      "median": times[len(times) // 2], "p99": times[int(len(times) * 0.99)]}))
asyncio.run(main())
"""


def wall(command: list[str], **options: Any) -> float:
    """Return the seconds that a command takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, **options)
    return time.perf_counter() - began


def start(runs: int) -> None:
    """Print the time from a fresh process to a sandbox that answers, and what ``exec -- true`` costs."""
    ready, baseline, whole = [], [], []
    for _ in range(runs):
        began = time.time()
        done = subprocess.run([sys.executable, "-c", READY, str(SCRIPTS)], capture_output=True, text=True, check=True)
        ready.append(float(done.stdout) - began)
        baseline.append(wall([sys.executable, "-c", "import starlette, uvicorn"]))
        whole.append(wall([*SANDBOX, "--", "true"]))
    base = statistics.median(baseline)
    print(f"import starlette, uvicorn     {base * 1000:8.0f} ms   1.00")
    for name, times in (("start of python to ready", ready), ("sandbox.py exec -- true", whole)):
        taken = statistics.median(times)
        print(f"{name:28}  {taken * 1000:8.0f} ms   {taken / base:.2f}")


@contextmanager
def bare_server(folder: Path) -> Iterator[dict[str, str]]:
    """Serve the four requests of a subscribe by starlette alone, over TLS; yield the environment that leads there."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "leaf.pem"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port), str(folder / "leaf.pem")])
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        host = f"127.0.0.1:{port}"
        lead = {"FAL_RUN_HOST": host, "FAL_QUEUE_RUN_HOST": host, "SSL_CERT_FILE": str(folder / "ca.pem")}
        yield {**os.environ, **lead, "FAL_KEY": "a:b"}
    finally:
        process.terminate()
        process.wait()


def subscribe(calls: int, rounds: int) -> None:
    """Print the time of one subscribe of the real client, without model time, beside the bare handler's."""
    from fal_skill.sandbox import Settings, running

    command = [sys.executable, "-c", SUBSCRIBE, str(calls)]
    times: dict[str, list[float]] = {"bare starlette": [], "sandbox": []}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds):
            with bare_server(Path(name)) as environment:
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                times["bare starlette"] += json.loads(done.stdout)
            with running(Settings(queue_seconds=0, model_seconds=0)) as sandbox:
                environment = sandbox.environment()
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
                times["sandbox"] += json.loads(done.stdout)
    base = statistics.median(times["bare starlette"])
    for kind, taken in times.items():
        middle = statistics.median(taken)
        print(f"subscribe, {kind:18} {middle * 1000:7.2f} ms   {middle / base:.2f}   ({len(taken)} calls)")


def measured(options: list[str], program: str, *words: str) -> tuple[Any, dict[str, Any], int]:
    """Run a program in a sandbox; return what it printed, the report's counts, and the sandbox's peak memory (MB)."""
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "report.json"
        command = [*SANDBOX, *options, "--report", str(report), "--", sys.executable, "-c", program, *words]
        # The program counts its own memory: what is left for RUSAGE_SELF of the sandbox is asked of /proc.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        peak = 0
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.2)
        out = process.stdout.read() if process.stdout else ""
        if process.returncode:
            raise SystemExit(f"the program failed: {out}")
        return json.loads(out), json.loads(report.read_text())["counts"], peak


def resident(pid: int) -> int:
    """Return the resident memory of a process in MB; 0 where it cannot be read."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) // 1024
    except OSError:
        pass
    return 0


def in_flight(jobs: int) -> None:
    """Print what becomes of so many jobs in flight at a time from one async client."""
    seconds = 4 + jobs / 100
    (submitted, ids, results), counts, peak = measured(
        ["--model-time", str(seconds)], IN_FLIGHT, str(jobs), str(seconds)
    )
    print(
        f"{jobs} jobs in flight: at most {counts['most_in_flight']} at a time, submitted in {submitted:.1f} s, "
        f"{ids} ids, {results} results, {jobs - results} lost, sandbox at {peak} MB"
    )


def steady(rate: float, seconds: float) -> None:
    """Print what becomes of a steady stream of jobs."""
    told, counts, peak = measured([], STEADY, str(rate), str(seconds))
    print(
        f"{rate:.0f} jobs/s for {seconds:.0f} s: {told['done']} of {told['submitted']} done, "
        f"{told['waiting_at_the_end']} still waiting when the last was sent, "
        f"median {told['median'] * 1000:.0f} ms, 99 % within {told['p99'] * 1000:.0f} ms "
        f"(300 ms are the model's), {counts['requests']} requests, sandbox at {peak} MB"
    )


def main() -> None:
    """Run all benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="starts")
    parser.add_argument("--calls", type=int, default=300, help="subscribe calls of each of three rounds")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs in flight")
    parser.add_argument("--rate", type=float, default=200, help="jobs a second")
    parser.add_argument("--seconds", type=float, default=60, help="how long")
    asked = parser.parse_args()
    start(asked.runs)
    subscribe(asked.calls, 3)
    in_flight(asked.jobs)
    steady(asked.rate, asked.seconds)


if __name__ == "__main__":
    main()
