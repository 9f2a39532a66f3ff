#!/usr/bin/env python3
"""Make one image with FLUX.1 [schnell] on fal.ai, for cron: always gone within 60 seconds.

    FAL_KEY=... python flux.py "a lighthouse at dusk" -o lighthouse.jpg

Prints the path of the saved image on stdout, everything else goes to stderr.

Exit codes: 0 saved; 1 failed; 2 usage, key or output path (nothing was submitted); 3 out of time;
4 the reply to the submission was lost (a job may exist); 128+N stopped by signal N
(142 = SIGALRM, the last-resort limit).
"""

import os
import signal

# Seconds from the start of the process.
GENERATE_BY = 35  # not finished by then: cancel the job
GIVE_UP_AT = 50  # leave, whatever is still going on
KILL_AT = 55  # the kernel ends the process

# Set before the slow imports and left to the default action, so that no Python code has to run for it: it also
# ends a process that is stuck in DNS, in an import or in a write to a full pipe.
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
signal.alarm(KILL_AT)

import time  # noqa: E402

STARTED = time.monotonic()

import argparse  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import threading  # noqa: E402
from pathlib import Path  # noqa: E402

import fal_client  # noqa: E402
import httpx  # noqa: E402

MODEL = "fal-ai/flux/schnell"
START_WITHIN = 20  # fal itself drops a job that has not started by then, even if we are gone or lost its id
REQUEST_TIMEOUT = 15  # for the submission and each attempt to download
SIGNAL_GRACE = 8  # after SIGTERM: time to cancel and to hear that it worked

# By default the SDK sends a submission up to ten times when no reply comes: each may be a job that is billed.
fal_client.client.MAX_ATTEMPTS = 1
fal_client.client.QUEUE_POLL_TIMEOUT = httpx.Timeout(5)  # status, result, cancel; the default is 120 s


class Failure(Exception):
    def __init__(self, message: str, code: int = 1):
        super().__init__(message)
        self.code = code


def left(until: float) -> float:
    return max(0.0, STARTED + until - time.monotonic())


def log(message: str) -> None:
    try:
        print(f"flux: {message}", file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        pass  # stderr is closed; a log line must not stop the cancelling


def is_passing(error: Exception) -> bool:
    """Worth asking again: a broken connection, a busy or failing server. Never used for the submission."""
    if isinstance(error, fal_client.FalClientHTTPError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (408, 429) or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)


def describe(error: Exception) -> str:
    if isinstance(error, fal_client.FalClientHTTPError):
        return f"{error.status_code}: {error.message}"  # message is fal's "detail": a list or a text
    return f"{type(error).__name__}: {error}"


class Job(threading.Thread):
    """Submits, follows, downloads. A daemon, so it can never keep the process alive."""

    def __init__(self, prompt: str, output: Path, image_format: str):
        super().__init__(daemon=True)
        self.prompt, self.output, self.image_format = prompt, output, image_format
        self.stop = threading.Event()  # set by main: do not submit any more
        self.submitting = False
        self.answered = threading.Event()  # the submission has a reply (or failed)
        self.request_id = None
        self.completed = False
        self.image_url = None
        self.failure = None
        self.done = threading.Event()

    def run(self) -> None:
        try:
            self.work()
        except Failure as failure:
            self.failure = failure
        except Exception as error:
            self.failure = Failure(describe(error))
        finally:
            self.answered.set()
            self.done.set()

    def work(self) -> None:
        handle = self.submit()
        self.follow(handle)
        result = self.again(lambda: handle.get(interval=0.5))
        if any(result.get("has_nsfw_concepts") or []):
            raise Failure("the safety checker blanked the image; change the prompt (nothing saved)")
        self.image_url = result["images"][0]["url"]
        self.save(self.again(self.download))

    def submit(self):
        client = fal_client.SyncClient(default_timeout=REQUEST_TIMEOUT)
        if self.stop.is_set() or left(GENERATE_BY) < 5:
            raise Failure("too late to submit, nothing was submitted", code=3)
        self.submitting = True
        try:
            handle = client.submit(
                MODEL,
                arguments={"prompt": self.prompt, "num_images": 1, "output_format": self.image_format},
                start_timeout=START_WITHIN,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Failure(f"no connection to fal, nothing was submitted: {describe(error)}")
        except fal_client.FalClientHTTPError as error:
            if error.status_code < 500:
                raise Failure(f"fal refused the submission, no job was made: {describe(error)}")
            raise self.lost(error)
        except Exception as error:  # a broken connection, a timeout, a reply that is not fal's
            raise self.lost(error)
        self.request_id = handle.request_id
        self.answered.set()
        log(f"request {self.request_id}")
        return handle

    def lost(self, error: Exception) -> Failure:
        return Failure(
            f"the submission got no usable reply ({describe(error)}). Not sent again. A job may exist; fal drops it "
            f"unless it starts within {START_WITHIN} s. See https://fal.ai/dashboard",
            code=4,
        )

    def follow(self, handle) -> None:
        while True:
            status = self.again(handle.status)
            if isinstance(status, fal_client.Completed):
                break
            time.sleep(0.5)
        self.completed = True
        if error := status.error:  # there is no FAILED status
            try:
                handle.get()  # answers with the details, as an error
            except Exception as details:
                error = describe(details)
            late = status.error_type == "request_timeout"
            raise Failure(f"the job failed ({status.error_type}): {error}", code=3 if late else 1)

    def again(self, call):
        pause, logged = 0.5, False
        while True:
            try:
                return call()
            except Exception as error:
                if not is_passing(error):
                    raise
                if not logged:
                    log(f"asking again after {describe(error)}")
                logged = True
            time.sleep(pause)  # main decides when the time is up
            pause = min(pause * 2, 4)

    def download(self) -> bytes:
        response = httpx.get(self.image_url, follow_redirects=True, timeout=REQUEST_TIMEOUT)
        response.raise_for_status()
        if not response.content.startswith((b"\xff\xd8\xff", b"\x89PNG")):
            raise Failure(f"not an image: {self.image_url}")
        return response.content

    def save(self, data: bytes) -> None:
        part = self.output.with_name(f".{self.output.name}.{os.getpid()}.part")
        try:
            part.write_bytes(data)
            part.replace(self.output)  # the file is whole or not there
        finally:
            part.unlink(missing_ok=True)


def cancel(job: Job, until: float) -> str:
    """Ask fal to cancel, with a client of its own: the job's connection may be what is stuck."""
    client = fal_client.SyncClient(default_timeout=5)
    handle = client.get_handle(MODEL, job.request_id)
    while True:
        try:
            handle.cancel()
            return "cancel requested"
        except Exception as error:
            if getattr(error, "status_code", None) == 400:
                job.completed = True
                return "too late to cancel, the job has just completed"
            if not is_passing(error) or left(until) < 1:
                return f"CANCEL FAILED ({describe(error)})"
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description="Make one image with FLUX.1 [schnell] on fal.ai.")
    parser.add_argument("prompt")
    parser.add_argument("-o", "--output", type=Path, help="a .jpg or .png; default: flux-DATE-TIME-PID.jpg here")
    args = parser.parse_args()

    # Whatever would waste a paid image is checked before it is paid for.
    if not args.prompt.strip():
        parser.error("the prompt is empty")
    output = args.output or Path(time.strftime(f"flux-%Y%m%d-%H%M%S-{os.getpid()}.jpg"))
    image_format = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}.get(output.suffix.lower())
    if image_format is None or output.is_dir():
        parser.error("--output must be a file that ends in .jpg, .jpeg or .png")
    try:
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        parser.error(f"cannot write to {output.parent}: {error.strerror}")
    if not os.environ.get("FAL_KEY", "").strip():
        parser.error("FAL_KEY is not set (cron does not read your shell's profile)")

    job = Job(args.prompt, output, image_format)
    caught = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: caught.append(number))

    def wait(event: threading.Event, until: float, for_signal: bool = False) -> None:
        while left(until) and not event.is_set() and not (for_signal and caught):
            event.wait(min(0.2, left(until)))

    job.start()
    wait(job.done, GENERATE_BY, for_signal=True)
    if job.completed:
        wait(job.done, GIVE_UP_AT, for_signal=True)  # made and paid for: only the image is still to be fetched

    end = min(GIVE_UP_AT, time.monotonic() - STARTED + SIGNAL_GRACE) if caught else GIVE_UP_AT
    gave_up = not job.done.is_set()
    if gave_up and not job.completed:
        job.stop.set()
        if job.submitting:
            wait(job.answered, end)  # without the id nothing can be cancelled
    if job.request_id and not job.completed:  # we gave up, or lost track of a job that may still run
        log(f"{cancel(job, end)}: {job.request_id}")
    if gave_up:
        wait(job.done, end)  # a job that finishes in spite of the cancelling is paid for: take its image

    done, failure = job.done.is_set(), job.failure
    if done and failure is None:
        print(output)
        return 0
    if not done and job.submitting and not job.request_id:
        failure = job.lost(TimeoutError("no reply in time"))
    log(str(failure or "not finished in time"))
    if job.image_url:
        log(f"the image was made, fetch it soon: {job.image_url}")
    elif job.completed and not done:
        log(f"the job is over but its result could not be fetched: {job.request_id}, see https://fal.ai/dashboard")
    elif job.request_id and not done:
        log(f"the end is not confirmed, the job may still run: {job.request_id}, see https://fal.ai/dashboard")
    if caught:
        return 128 + caught[0]
    if failure and (not gave_up or failure.code == 4):
        return failure.code
    return 3


if __name__ == "__main__":
    code = main()
    try:
        sys.stdout.flush()
    except OSError:
        code = code or 1
    os._exit(code)  # do not wait for threads
