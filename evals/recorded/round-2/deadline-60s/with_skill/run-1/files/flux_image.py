#!/usr/bin/env python3
"""One FLUX.1 [schnell] image from a prompt:  flux_image.py "a lighthouse at dusk" [-o FILE.jpg|.png]

Needs FAL_KEY in the environment. Prints the path of the saved image.
Exit: 0 saved; 1 failed; 2 usage; 124 out of time; 128+N ended by signal N (142: the kernel's alarm, below).
"""
import signal
import time

START = time.monotonic()
HARD_LIMIT = 57  # s: the kernel kills the process
LAST_CALL = 54  # s: end of cancelling, or of downloading a finished image
GIVE_UP = 44  # s: stop waiting for the job and cancel it
START_TIMEOUT = 30  # s: fal itself drops the job if it has not started by then, even if we are gone

# First of all, before the slow imports. The default action of SIGALRM needs no Python code to run, so
# a hanging DNS lookup, TLS handshake, import or full pipe cannot hold it up. Never give it a handler.
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
signal.alarm(HARD_LIMIT)

import argparse
import os
import sys
import tempfile
import threading
from pathlib import Path

import fal_client
import httpx

MODEL = "fal-ai/flux/schnell"

# fal-client sends a request up to 10 times, the submission too: a lost reply would make a second, paid job.
fal_client.client.MAX_ATTEMPTS = 1
fal_client.client.QUEUE_POLL_TIMEOUT = httpx.Timeout(5)  # status, result, cancel; the default is 120


class Failure(Exception):
    """A failure whose text is for the user."""


class Stopped(Exception):
    """A signal asks us to end."""


def left(until):
    return max(0.0, START + until - time.monotonic())


def explain(error):
    if isinstance(error, fal_client.FalClientHTTPError):
        return f"fal answered {error.status_code}: {error.message}"
    return str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"


class Job:
    """Runs in a daemon thread, so that the main thread is always free to watch the clock and signals."""

    def __init__(self, key, arguments, out):
        self.client = fal_client.SyncClient(key=key, default_timeout=15.0)
        self.arguments, self.out = arguments, out
        self.handle = None
        self.maybe_made = False  # a submission was sent, and no usable reply has come
        self.submitted = threading.Event()  # the submission is over, well or badly
        self.over = False  # the job has ended at fal: nothing is left to cancel
        self.url = None
        self.error = None
        self.done = threading.Event()

    def run(self):
        try:
            self.submit()
            self.collect()
            self.download()
        except BaseException as error:
            self.error = error
        finally:
            self.done.set()

    def submit(self):
        self.maybe_made = True
        try:
            self.handle = self.client.submit(MODEL, arguments=self.arguments, start_timeout=START_TIMEOUT)
            self.maybe_made = False
        except (httpx.ConnectError, httpx.ConnectTimeout):
            self.maybe_made = False  # nothing was sent
            raise
        except fal_client.FalClientHTTPError as error:
            self.maybe_made = error.status_code >= 500
            raise
        finally:
            self.submitted.set()

    def ask(self, question, until):
        """Ask about the job again and again: that makes no new job."""
        while True:
            try:
                return question()
            except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
                code = getattr(error, "status_code", 500)
                if (code < 500 and code not in (408, 409, 429)) or left(until) < 1:
                    raise
            time.sleep(0.5)

    def collect(self):
        while not isinstance(status := self.ask(self.handle.status, GIVE_UP), fal_client.Completed):
            time.sleep(0.5)
        self.over = True
        if status.error:  # fal has no status FAILED: a failed job is COMPLETED with an error
            self.handle.get()  # raises with the reason in full
            raise Failure(f"the job failed: {status.error}")
        result = self.ask(self.handle.get, LAST_CALL)
        if any(result.get("has_nsfw_concepts") or []):
            raise Failure("the safety checker flagged the image; nothing was saved")
        self.url = result["images"][0]["url"]

    def download(self):
        while True:
            try:
                response = httpx.get(self.url, follow_redirects=True, timeout=5)
                response.raise_for_status()
                break
            except httpx.HTTPError:
                if left(LAST_CALL) < 1:
                    raise
            time.sleep(0.5)
        if not response.content.startswith((b"\xff\xd8", b"\x89PNG")):
            raise Failure("the downloaded file is not an image")
        self.out = self.out or Path(f"flux-{self.handle.request_id}.jpg")
        part = self.out.with_name(f".{self.out.name}.{os.getpid()}.part")
        try:
            part.write_bytes(response.content)
            part.replace(self.out)  # whole or not at all
        finally:
            part.unlink(missing_ok=True)

    def cancel(self):
        """Returns what became of the job, for the error message."""
        self.submitted.wait(left(LAST_CALL - 4))  # its id may still arrive
        if self.handle is None:
            if not self.maybe_made:
                return "no job was made"
            return (f"a job may exist, its id never arrived; fal drops it if it has not started within "
                    f"{START_TIMEOUT} s; see https://fal.ai/dashboard")
        name = f"request {self.handle.request_id}"
        if self.over:
            return f"{name} has ended" + (f", its image is at {self.url}" if self.url else "")
        answer = [f"{name} could not be cancelled; see https://fal.ai/dashboard"]

        def ask():
            try:
                self.ask(self.handle.cancel, LAST_CALL)
                answer[0] = f"{name}: cancellation accepted"
            except fal_client.FalClientHTTPError as error:
                if error.status_code in (400, 404):  # ALREADY_COMPLETED, NOT_FOUND
                    answer[0] = f"{name}: nothing to cancel, {explain(error)}"
            except Exception:
                pass

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(left(LAST_CALL))
        return answer[0]


def stop(signum, frame):
    for number in STOPPERS:
        signal.signal(number, signal.SIG_IGN)  # the alarm still holds
    raise Stopped(signum)


STOPPERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main():
    parser = argparse.ArgumentParser(description="Make one image with " + MODEL)
    parser.add_argument("prompt")
    parser.add_argument("-o", "--output", type=Path, help=".jpg or .png (default: flux-REQUEST_ID.jpg)")
    options = parser.parse_args()
    suffix = options.output.suffix.lower() if options.output else ".jpg"
    if not options.prompt.strip():
        parser.error("the prompt is empty")
    if suffix not in (".jpg", ".jpeg", ".png"):
        parser.error("the output must end in .jpg or .png")
    # Whatever can fail for free should fail before the job is paid for.
    key = os.environ.get("FAL_KEY", "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise Failure("FAL_KEY is not set, or malformed (cron does not read your shell's profile)")
    if options.output and options.output.is_dir():
        raise Failure(f"{options.output} is a folder")
    with tempfile.TemporaryFile(dir=options.output.parent if options.output else "."):
        pass  # the folder exists and can be written to

    arguments = {
        "prompt": options.prompt,
        "num_images": 1,
        "output_format": "png" if suffix == ".png" else "jpeg",
    }
    job = Job(key, arguments, options.output)
    code, reason = 1, ""
    try:
        for number in STOPPERS:
            signal.signal(number, stop)
        threading.Thread(target=job.run, daemon=True).start()
        job.done.wait(left(GIVE_UP))
        if not job.done.is_set() and job.over:
            job.done.wait(left(LAST_CALL))  # paid for: use the rest to fetch it
        if job.done.is_set() and job.error is None:
            print(job.out, flush=True)
            return 0
        if job.done.is_set():
            reason = explain(job.error)
        else:
            code, reason = 124, "out of time"
    except Stopped as stopped:
        code, reason = 128 + stopped.args[0], f"stopped by signal {stopped.args[0]}"
    raise SystemExit((code, f"{reason} ({job.cancel()})"))


if __name__ == "__main__":
    message = None
    try:
        status = main()
    except SystemExit as end:
        # argparse ends with a number, main() with a number and a message
        status, message = end.code if isinstance(end.code, tuple) else (end.code, None)
    except BaseException as error:
        status, message = 1, explain(error)
    try:
        if message:
            print(f"flux_image: {message}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)  # do not wait for threads
