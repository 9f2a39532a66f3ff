#!/usr/bin/env python3
"""Generate one FLUX.1 [schnell] image on fal.ai. Built for cron: always exits within 60 s.

    FAL_KEY=... flux.py "a red fox in the snow" -o fox.jpg

Stdout: the path of the saved image, nothing else. Stderr: log lines.
Exit codes: 0 image saved | 1 failed | 2 bad usage or config (nothing submitted)
            124 out of time (job cancelled) | 128+N stopped by signal N (job cancelled)
            142 hard kill by the kernel timer at 57 s
Needs Python 3.9+ on Linux/macOS; standard library only.
"""
import os
import signal
import sys
import time

# Seconds since start.
WORK_BY = 45.0    # no finished job by now: give up and cancel it
FINISH_BY = 54.0  # end of cancelling / of downloading a finished image
KILL_AT = 57.0    # kernel kills the process, whatever it is doing
T0 = time.monotonic()


def arm_kill_timer():
    """SIGALRM with its default action: the kernel ends the process, all threads included,
    even if Python is stuck in DNS, TLS or a blocked write. Needs no cooperation from our code."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.setitimer(signal.ITIMER_REAL, KILL_AT)


if __name__ == "__main__":
    arm_kill_timer()  # before the slower imports

import argparse  # noqa: E402
import http.client  # noqa: E402
import json  # noqa: E402
import queue  # noqa: E402
import threading  # noqa: E402
import urllib.error  # noqa: E402
import urllib.request  # noqa: E402

# FAL_QUEUE_URL is for testing against a fake server; your key is sent to it.
QUEUE_URL = os.environ.get("FAL_QUEUE_URL", "https://queue.fal.run").rstrip("/")
MODEL = "fal-ai/flux/schnell"
REQUESTS = f"{QUEUE_URL}/fal-ai/flux/requests"  # request URLs carry no sub-path ("/schnell")
RETRYABLE = {408, 429, 500, 502, 503, 504}
NET_ERRORS = (OSError, http.client.HTTPException)  # URLError and timeouts are OSErrors


class Failed(Exception):
    pass


def left(until):
    return max(0.0, until - (time.monotonic() - T0))


def log(message):
    try:
        print(f"flux: {message}", file=sys.stderr or open(os.devnull, "w"), flush=True)
    except OSError:
        pass  # a broken log must not keep us from cancelling


def describe(error):
    if isinstance(error, urllib.error.HTTPError):
        try:
            return f"HTTP {error.code}: {error.read(500).decode(errors='replace')}"
        except NET_ERRORS:
            return f"HTTP {error.code}"
    return f"{type(error).__name__}: {error}"


class Job:
    """One generation. run() is executed in a worker thread; settle() in the main thread."""

    def __init__(self, key, prompt, output):
        self.key, self.prompt, self.output = key, prompt, output
        self.lock = threading.Lock()
        self.aborted = False       # set by settle(): do not submit any more
        self.sent = False          # the submit request may have reached fal
        self.submit_over = threading.Event()
        self.id = None
        self.finished = False      # nothing left to cancel on fal's side
        self.image_url = None

    # ---- worker thread -------------------------------------------------------------------

    def run(self):
        self.submit()
        self.wait_until_completed()
        self.fetch_result()
        return self.download()

    def request(self, method, url, body=None, headers=None):
        req = urllib.request.Request(url, method=method, data=body, headers=headers or {})
        req.add_unredirected_header("Authorization", f"Key {self.key}")
        return req

    def submit(self):
        # Sent exactly once. A retry after a lost response could pay for a second image.
        job = self

        class Gate:
            def connect(self):
                super().connect()
                with job.lock:  # last point before bytes that cost money leave
                    if job.aborted:
                        raise ConnectionAbortedError("gave up before submitting")
                    job.sent = True

        class GatedHTTPS(Gate, http.client.HTTPSConnection):
            pass

        class GatedHTTP(Gate, http.client.HTTPConnection):
            pass

        class HTTPSHandler(urllib.request.HTTPSHandler):
            def https_open(self, req):
                return self.do_open(GatedHTTPS, req)

        class HTTPHandler(urllib.request.HTTPHandler):
            def http_open(self, req):
                return self.do_open(GatedHTTP, req)

        opener = urllib.request.build_opener(HTTPSHandler, HTTPHandler)
        body = {
            "prompt": self.prompt,
            "num_images": 1,
            "output_format": "png" if self.output and self.output.lower().endswith(".png") else "jpeg",
        }
        headers = {
            "Content-Type": "application/json",
            # fal drops the job itself if it has not started by then: covers the cases in which
            # we cannot cancel (network down, kill -9, submit response lost).
            "X-Fal-Request-Timeout": str(int(max(2, left(WORK_BY) - 10))),
        }
        req = self.request("POST", f"{QUEUE_URL}/{MODEL}", json.dumps(body).encode(), headers)
        try:
            # Patient on purpose: the id needed for cancelling is in this response.
            with opener.open(req, timeout=left(WORK_BY) or 1) as resp:
                self.id = json.load(resp)["request_id"]
            log(f"submitted {self.id}")
        except urllib.error.HTTPError as e:
            if e.code < 500:
                self.sent = False  # rejected: no job exists
            raise Failed(f"submit failed: {describe(e)}")
        except (*NET_ERRORS, ValueError, KeyError, TypeError) as e:
            raise Failed(f"submit failed: {describe(e)}")
        finally:
            self.submit_over.set()

    def wait_until_completed(self):
        pause = 0.3
        while True:
            try:
                req = self.request("GET", f"{REQUESTS}/{self.id}/status")
                with urllib.request.urlopen(req, timeout=10) as resp:
                    status = json.load(resp)
                if status.get("status") == "COMPLETED":
                    self.finished = True
                    if status.get("error"):
                        raise Failed(f"job {self.id} failed: {status['error']}")
                    return
            except urllib.error.HTTPError as e:
                if e.code not in RETRYABLE:
                    raise Failed(f"status check failed: {describe(e)}")
            except (*NET_ERRORS, ValueError):
                pass  # job is still running: keep trying, the main thread holds the clock
            time.sleep(pause)
            pause = min(pause * 1.3, 2)

    def fetch_result(self):
        result = self.get_with_retries(self.request("GET", f"{REQUESTS}/{self.id}"), "result", json.loads)
        try:
            self.image_url = result["images"][0]["url"]
        except (KeyError, IndexError, TypeError):
            raise Failed(f"no image in result: {str(result)[:300]}")
        if any(result.get("has_nsfw_concepts") or []):
            raise Failed("blocked by the safety checker (fal returned a black image)")

    def download(self):
        data = self.get_with_retries(urllib.request.Request(self.image_url), "image", bytes)
        if not data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n")):
            raise Failed(f"downloaded {len(data)} bytes that are not a JPEG or PNG")
        path = self.output or f"flux-{time.strftime('%Y%m%d-%H%M%S')}-{self.id[:8]}.jpg"
        part = f"{path}.{os.getpid()}.part"
        try:
            with open(part, "wb") as f:
                f.write(data)
            os.replace(part, path)  # the image appears complete or not at all
        except OSError as e:
            try:
                os.unlink(part)
            except OSError:
                pass
            raise Failed(f"cannot write {path}: {e}")
        return path

    def get_with_retries(self, req, what, parse):
        for attempt in range(3):
            try:
                with urllib.request.urlopen(req, timeout=10) as resp:
                    return parse(resp.read())
            except (*NET_ERRORS, ValueError) as e:
                final = isinstance(e, urllib.error.HTTPError) and e.code not in (429, 502, 503)
                if final or attempt == 2:
                    raise Failed(f"cannot fetch {what}: {describe(e)}")
            time.sleep(1 + attempt)

    # ---- main thread ---------------------------------------------------------------------

    def settle(self):
        """After a failure: leave no job running on fal if we can help it."""
        with self.lock:
            self.aborted = True
        if self.sent and not self.submit_over.is_set():
            self.submit_over.wait(min(6, left(FINISH_BY)))  # id may be about to arrive
        if self.id is None:
            if self.sent:
                log("submit got no usable answer; fal may have accepted the job, id unknown")
        elif not self.finished:
            t = threading.Thread(target=self.cancel, daemon=True)
            t.start()
            t.join(left(FINISH_BY))
            if t.is_alive():
                log(f"cancel of {self.id} got no answer; job may still run")
        elif self.image_url:
            log(f"the image was generated and is paid for: {self.image_url}")

    def cancel(self):
        while True:
            try:
                req = self.request("PUT", f"{REQUESTS}/{self.id}/cancel")
                with urllib.request.urlopen(req, timeout=4):
                    log(f"cancel of {self.id} accepted")
                    return
            except urllib.error.HTTPError as e:
                if e.code not in RETRYABLE:  # 400 ALREADY_COMPLETED, 404 ...
                    log(f"cancel of {self.id} refused: {describe(e)} (result, if any: {REQUESTS}/{self.id})")
                    return
            except NET_ERRORS:
                pass
            time.sleep(0.5)


def main():
    p = argparse.ArgumentParser(description="Generate one FLUX.1 [schnell] image on fal.ai (exits within 60 s).")
    p.add_argument("prompt")
    p.add_argument("-o", "--output", help=".jpg or .png file (default: flux-<time>-<id>.jpg here)")
    args = p.parse_args()

    # Everything that can be checked before spending money.
    key = os.environ.get("FAL_KEY", "").strip()
    if not key:
        p.error("FAL_KEY is not set (cron does not read your shell profile)")
    if not args.prompt.strip():
        p.error("prompt is empty")
    if args.output and not args.output.lower().endswith((".jpg", ".jpeg", ".png")):
        p.error("--output must end in .jpg, .jpeg or .png")
    folder = os.path.dirname(args.output or "") or "."
    if not (os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)):
        p.error(f"cannot write to folder {folder}")
    if args.output and os.path.isdir(args.output):
        p.error(f"{args.output} is a folder")

    events = queue.SimpleQueue()  # its put() is safe inside a signal handler
    for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(s, lambda n, _: events.put(("signal", n)))

    job = Job(key, args.prompt, args.output)

    def work():
        try:
            events.put(("saved", job.run()))
        except Failed as e:
            events.put(("failed", str(e)))
        except BaseException as e:
            events.put(("failed", f"unexpected {type(e).__name__}: {e}"))

    threading.Thread(target=work, daemon=True).start()
    kind, value = "timeout", None
    try:
        try:
            kind, value = events.get(timeout=left(WORK_BY))
        except queue.Empty:
            if job.finished:  # paid for, nothing to cancel: use the rest to download it
                kind, value = events.get(timeout=left(FINISH_BY))
    except queue.Empty:
        pass

    if kind == "saved":
        print(value, flush=True)
        return 0
    if kind == "signal":
        log(f"stopped by signal {value}")
        code = 128 + value
    elif kind == "timeout":
        log(f"no image after {time.monotonic() - T0:.0f} s, giving up")
        code = 124
    else:
        log(value)
        code = 1
    job.settle()
    return code


if __name__ == "__main__":
    code = 1
    try:
        code = main()
    except SystemExit as e:  # argparse
        code = e.code if isinstance(e.code, int) else 1
    except BaseException as e:
        log(f"unexpected {type(e).__name__}: {e}")
    os._exit(code)  # do not wait for the worker thread
