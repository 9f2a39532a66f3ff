"""A minimal fal on loopback: queue, run, stream, storage and keys, with the faults that the snippets must survive."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgpack
from websockets.sync.server import ServerConnection, serve

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@dataclass
class Job:
    """One accepted submission."""

    request_id: str
    slug: str
    arguments: dict[str, Any]
    headers: dict[str, str]
    webhook: str | None
    polls: int = 0
    cancelled: bool = False
    collected: int = 0


@dataclass
class Faults:
    """What goes wrong, and how often."""

    lost_replies: int = 0
    """Submissions (and direct calls) that are accepted and then cut off without a reply."""
    gateway_replies: int = 0
    """Submissions that are accepted and answered with nginx's 502."""
    refuse_submit: int | None = None
    """HTTP status of every submission; nothing is accepted."""
    cut_status: int = 0
    """Looks at a job's status that are cut off without an answer."""
    broken_status: int = 0
    """Looks at a running job's status that are answered with 502."""
    cut_results: int = 0
    """Looks at a job's result that are cut off without an answer."""
    broken_results: int = 0
    """Looks at a finished job's result that are answered with 502."""
    fail_job: int | None = None
    """HTTP status of every job's result: the job itself has failed."""
    polls_needed: int = 2
    """Looks at a job until it is done."""
    refuse_stream: bool = False
    deaf: bool = False
    """Jobs go on although they are cancelled."""
    slow_status: float = 0
    """Seconds that each look at a job's status takes."""
    slow_run: float = 0
    """Seconds that a direct call takes."""


@dataclass
class FakeFal:
    """The server's state, which a test reads and sets."""

    base: str
    faults: Faults = field(default_factory=Faults)
    jobs: dict[str, Job] = field(default_factory=dict)
    direct: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    uploads: list[tuple[str, str, bytes]] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    public_key: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def submissions(self) -> list[Job]:
        """The accepted submissions, in order."""
        return list(self.jobs.values())

    def output(self) -> dict[str, Any]:
        file = {"url": f"{self.base}/files/b/out.png", "content_type": "image/png", "width": 1, "height": 1}
        media = {"url": f"{self.base}/files/b/out.bin"}
        return {"images": [file], "video": media, "audio": media, "text": "said", "output": "said", "seed": 1}


DETAIL = [{"loc": ["body", "prompt"], "msg": "prompt was refused", "type": "content_policy_violation"}]


@contextmanager
def fake_fal() -> Iterator[FakeFal]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    state = FakeFal("")

    class Handler(_Handler):
        fal = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def fake_realtime() -> Iterator[str]:
    """Serve a realtime path that answers each message with ``{"echo": message}``; gives its ``ws://`` address."""

    def answer(connection: ServerConnection) -> None:
        for message in connection:
            assert isinstance(message, bytes)
            sent = msgpack.unpackb(message)
            if sent.get("prompt") == "fail":
                connection.send(json.dumps({"type": "x-fal-error", "error": "BAD", "reason": "no such style"}))
            else:
                connection.send(
                    msgpack.packb({"echo": sent, "path": connection.request.path if connection.request else ""})
                )

    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    fal: FakeFal
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(20)

    def do_GET(self) -> None:
        self.route()

    def do_POST(self) -> None:
        self.route()

    def do_PUT(self) -> None:
        self.route()

    def route(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = urlsplit(self.path)
        _, host, *rest = parts.path.split("/")
        with self.fal.lock:
            self.fal.log.append((self.command, parts.path))
        handler = {"queue": self.queue, "run": self.run, "rest": self.rest, "cdn": self.cdn, "files": self.files}.get(
            host
        )
        if handler is None:
            self.reply(404, {"detail": f"Path {self.path} not found"})
        else:
            handler("/".join(rest), parse_qs(parts.query), body)

    def reply(self, status: int, body: Any, content_type: str = "application/json", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        with suppress(OSError):
            self.end_headers()
            self.wfile.write(data)

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def finish(self) -> None:
        # A client that has given up is no error of the server's.
        with suppress(OSError):
            super().finish()

    def cut(self) -> None:
        self.close_connection = True

    def queue(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        if "/requests/" not in path:
            return self.submit(path, query, body)
        request_id, _, action = path.split("/requests/")[1].partition("/")
        job, faults = self.fal.jobs.get(request_id), self.fal.faults
        if job is None:
            return self.reply(404, {"status": "NOT_FOUND"})
        if action == "cancel":
            job.cancelled = True
            return self.reply(202, {"status": "CANCELLATION_REQUESTED"})
        cut = faults.cut_status if action == "status" else faults.cut_results
        if cut:
            with self.fal.lock:
                setattr(faults, "cut_status" if action == "status" else "cut_results", cut - 1)
            return self.cut()
        if action == "status" and job.polls > 1 and faults.broken_status:
            faults.broken_status -= 1
            return self.reply(502, b"<html>bad gateway</html>", "text/html")
        if action == "status":
            return self.reply(200, self.status(job, logs=query.get("logs", ["0"])[0] in ("1", "true")))
        job.collected += 1
        if faults.fail_job:
            return self.reply(faults.fail_job, {"detail": DETAIL})
        if job.collected <= faults.broken_results:
            return self.reply(502, b"<html>bad gateway</html>", "text/html")
        return self.reply(200, self.fal.output(), x_fal_request_id=job.request_id)

    def status(self, job: Job, *, logs: bool) -> dict[str, Any]:
        time.sleep(self.fal.faults.slow_status)
        with self.fal.lock:
            job.polls += 1
        stopped = job.cancelled and not self.fal.faults.deaf
        lines = [{"timestamp": f"t{number}", "message": f"step {number}"} for number in range(job.polls)]
        urls = self.urls(job)
        if job.polls < self.fal.faults.polls_needed and not stopped:
            if job.polls == 1:
                return {"status": "IN_QUEUE", "queue_position": 0, **urls}
            return {"status": "IN_PROGRESS", "logs": lines if logs else None, **urls}
        failed = {"error": "Invalid status code", "error_type": "x"} if self.fal.faults.fail_job else {}
        return {"status": "COMPLETED", "logs": lines if logs else None, "metrics": {}, **failed, **urls}

    def urls(self, job: Job) -> dict[str, str]:
        app = "/".join(job.slug.split("/")[:2])
        base = f"{self.fal.base}/queue/{app}/requests/{job.request_id}"
        return {
            "request_id": job.request_id,
            "response_url": base,
            "status_url": base + "/status",
            "cancel_url": base + "/cancel",
        }

    def submit(self, slug: str, query: dict[str, list[str]], body: bytes) -> None:
        faults = self.fal.faults
        if not self.headers.get("authorization", "").startswith("Key "):
            return self.reply(401, {"detail": "Cannot access application"})
        if faults.refuse_submit:
            return self.reply(faults.refuse_submit, {"detail": "refused"})
        job = Job(
            str(uuid.uuid4()), slug, json.loads(body), dict(self.headers.items()), query.get("fal_webhook", [None])[0]
        )
        with self.fal.lock:
            self.fal.jobs[job.request_id] = job
            lost = faults.lost_replies > 0
            faults.lost_replies -= lost
            gateway = not lost and faults.gateway_replies > 0
            faults.gateway_replies -= gateway
        if lost:
            return self.cut()
        if gateway:
            return self.reply(502, b"<html>502 Bad Gateway nginx</html>", "text/html")
        return self.reply(200, {"status": "IN_QUEUE", "queue_position": 0, **self.urls(job)})

    def run(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        slug = path.removesuffix("/stream")
        with self.fal.lock:
            self.fal.direct.append((slug, json.loads(body)))
        if not path.endswith("/stream"):
            if self.fal.faults.refuse_submit:
                return self.reply(self.fal.faults.refuse_submit, {"detail": "refused"})
            if self.fal.faults.fail_job:
                return self.reply(self.fal.faults.fail_job, {"detail": DETAIL})
            time.sleep(self.fal.faults.slow_run)
            return self.reply(200, self.fal.output(), x_fal_request_id=str(uuid.uuid4()))
        if self.fal.faults.refuse_stream:
            return self.reply(422, {"detail": DETAIL})
        events = [{"partial": True}, self.fal.output()]
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        return self.reply(200, text.encode(), "text/event-stream")

    def rest(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        if path == "storage/auth/token":
            token = {"token": "t", "token_type": "Bearer", "base_url": f"{self.fal.base}/cdn"}
            return self.reply(200, {**token, "expires_at": "2099-01-01T00:00:00+00:00"})
        if path == "storage/upload/initiate":
            name = json.loads(body)["file_name"]
            urls = {"upload_url": f"{self.fal.base}/cdn/put/{name}", "file_url": f"{self.fal.base}/files/{name}"}
            return self.reply(200, urls)
        if path == ".well-known/jwks.json":
            return self.reply(200, {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": self.fal.public_key}]})
        if path == "tokens/":
            return self.reply(200, "token")
        return self.reply(404, {"detail": "Not Found"})

    def cdn(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        name = self.headers.get("x-fal-file-name") or path.rsplit("/", 1)[-1]
        with self.fal.lock:
            self.fal.uploads.append((name, self.headers.get("content-type", ""), body))
        self.reply(200, {"access_url": f"{self.fal.base}/files/{name}"})

    def files(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        self.reply(200, PIXEL, "image/png")
