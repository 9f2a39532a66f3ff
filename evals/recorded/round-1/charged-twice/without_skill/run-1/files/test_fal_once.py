"""pip install -r requirements.txt pytest && pytest -q   (local fake queue: no key, no network, no cost)"""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import fal_client
import fal_client.client as fc
import pytest

import fal_once

ARGS = {"prompt": "p", "duration": "8s"}
RESULT = {"video": {"url": "https://example/v.mp4"}}


class FakeQueue:
    """Counts accepted POSTs. `plan`: what to do to each POST after accepting it."""

    def __init__(self, *plan):
        self.plan, self.posts, self.gets = list(plan), 0, 0
        self.drop_gets = 0
        self.lock = threading.Lock()
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}/"
        threading.Thread(target=self._loop, daemon=True).start()

    def _loop(self):
        while True:
            c, _ = self.sock.accept()
            threading.Thread(target=self._serve, args=(c,), daemon=True).start()

    def _serve(self, c):
        data = b""
        while b"\r\n\r\n" not in data:
            part = c.recv(65536)
            if not part:
                return
            data += part
        head, body = data.split(b"\r\n\r\n", 1)
        size = next((int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length")), 0)
        while len(body) < size:
            body += c.recv(65536)
        if head.startswith(b"POST"):
            with self.lock:
                self.posts += 1
                n = self.posts
                act = self.plan.pop(0) if self.plan else "ok"
            if act == "drop":
                return c.close()
            if act == "hang":
                time.sleep(8)
                return c.close()
            if act == "ok":
                base = f"{self.url}fal-ai/veo3.1/requests/req-{n}"
                status, out = 200, dict(request_id=f"req-{n}", response_url=base,
                                        status_url=base + "/status", cancel_url=base + "/cancel")
            else:
                status, out = act
        else:
            self.gets += 1
            if self.drop_gets:
                self.drop_gets -= 1
                return c.close()
            status = 200
            out = {"status": "COMPLETED", "logs": None, "metrics": {}} if b"/status" in head.split(b"\r\n")[0] else RESULT
        payload = out.encode() if isinstance(out, str) else json.dumps(out).encode()
        c.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(payload)) + payload)
        c.close()


@pytest.fixture
def queue(monkeypatch, tmp_path):
    def start(*plan):
        q = FakeQueue(*plan)
        monkeypatch.setattr(fc, "QUEUE_URL_FORMAT", q.url)
        monkeypatch.setattr(fal_once, "QUEUE_URL", q.url)
        return q
    monkeypatch.setenv("FAL_KEY", "id:secret")
    monkeypatch.setattr(fal_once, "DB_PATH", tmp_path / "jobs.sqlite3")
    monkeypatch.setattr(fal_once, "POST_TIMEOUT", fal_once.httpx.Timeout(1.0))
    monkeypatch.setattr(fal_once, "POLL_SECONDS", 0.05)
    return start


def run():
    return fal_once.run_once("job", "fal-ai/veo3.1", ARGS)


# --- what happened to you: stock fal_client 1.0.3, one submit() call
@pytest.mark.parametrize("fault", ["drop", "hang", (502, "<center>nginx</center>")])
def test_stock_client_submits_twice(queue, fault):
    q = queue(fault)
    handle = fal_client.SyncClient(default_timeout=1).submit("fal-ai/veo3.1", arguments=ARGS)
    assert (q.posts, handle.request_id) == (2, "req-2")  # req-1 was accepted too


# --- the replacement
def test_happy_path_and_rerun(queue):
    q = queue()
    assert run() == RESULT and run() == RESULT
    assert q.posts == 1


@pytest.mark.parametrize("fault", ["drop", "hang", (502, "<center>nginx</center>"), (500, "x"), (408, "x"),
                                   (409, "x"), (307, "x"), (200, "not json"), (200, "[]")])
def test_unknown_outcome_never_resent_then_attach(queue, fault):
    q = queue(fault)
    for _ in range(3):
        with pytest.raises(fal_once.SubmissionUnknown):
            run()
    with pytest.raises(fal_once.JobError, match="too early"):
        fal_once.release("job")
    assert q.posts == 1
    fal_once.attach("job", "req-1")
    assert run() == RESULT and q.posts == 1


def test_release_allows_exactly_one_more(queue, monkeypatch):
    q = queue("drop")
    with pytest.raises(fal_once.SubmissionUnknown):
        run()
    monkeypatch.setattr(fal_once, "RELEASE_AFTER", 0)
    fal_once.release("job")
    assert run() == RESULT and run() == RESULT and q.posts == 2


def test_rejected_can_be_fixed_and_rerun(queue):
    q = queue((401, {"detail": "bad key"}))
    with pytest.raises(fal_once.SubmissionRejected):
        run()
    assert run() == RESULT and q.posts == 2  # only the second was accepted


def test_connect_failure_is_retried_in_place(queue, monkeypatch):
    q = queue()
    monkeypatch.setattr(fal_once, "QUEUE_URL", "http://127.0.0.1:1/")
    monkeypatch.setattr(fal_once.time, "sleep", lambda s: monkeypatch.setattr(fal_once, "QUEUE_URL", q.url))
    assert run() == RESULT and q.posts == 1


def test_no_connection_at_all_then_rerun(queue, monkeypatch):
    q = queue()
    monkeypatch.setattr(fal_once, "CONNECT_ATTEMPTS", 1)
    monkeypatch.setattr(fal_once, "QUEUE_URL", "http://127.0.0.1:1/")
    with pytest.raises(fal_once.NotSent):
        run()
    monkeypatch.setattr(fal_once, "QUEUE_URL", q.url)
    assert run() == RESULT and q.posts == 1


def test_polling_survives_longer_outage_than_client_retries(queue, monkeypatch):
    q = queue()
    q.drop_gets = 25
    monkeypatch.setattr(fc, "BASE_DELAY", 0.001)
    assert run() == RESULT and q.posts == 1


def test_other_arguments_under_same_name_refused(queue):
    q = queue()
    run()
    with pytest.raises(fal_once.JobError, match="different"):
        fal_once.run_once("job", "fal-ai/veo3.1", {**ARGS, "prompt": "other"})
    assert q.posts == 1


def test_concurrent_runs_post_once(queue):
    q = queue()

    def one(_):
        try:
            return run()
        except fal_once.SubmissionUnknown:  # the other one was mid-POST
            return None
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(8)))
    assert RESULT in results and q.posts == 1
    assert run() == RESULT and q.posts == 1


CHILD = """
import sys, fal_client.client as fc, fal_once
fc.QUEUE_URL_FORMAT = fal_once.QUEUE_URL = sys.argv[1]
fal_once.run_once("job", "fal-ai/veo3.1", {"prompt": "p", "duration": "8s"})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX only")
@pytest.mark.parametrize("when", ["during_post", "while_polling"])
def test_kill_9(queue, monkeypatch, when):
    q = queue("hang" if when == "during_post" else "ok")
    if when == "while_polling":
        q.drop_gets = 10**6
    child = subprocess.Popen([sys.executable, "-c", CHILD, q.url], cwd=os.path.dirname(fal_once.__file__),
                             env={**os.environ, "FAL_JOBS_DB": str(fal_once.DB_PATH)})
    deadline = time.time() + 15
    while not (q.posts if when == "during_post" else q.gets) and time.time() < deadline:
        time.sleep(0.02)
    child.kill()
    child.wait()
    q.drop_gets = 0
    if when == "during_post":
        with pytest.raises(fal_once.SubmissionUnknown):
            run()
        fal_once.attach("job", "req-1")
    assert run() == RESULT and q.posts == 1
