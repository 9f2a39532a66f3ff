"""Make one Veo 3.1 video; never submit it twice; go on after a crash.

    pip install "fal-client==1.0.3"           # FAL_KEY in the environment
    python veo_once.py jobs/teaser            # run it as often as you like: one folder = one paid job
    python veo_once.py jobs/teaser --adopt ID # only after a lost reply: the request id found in fal's dashboard

Exit codes: 0 the video is there; 1 a person has to look; 75 temporary, run it again.
"""

import argparse
import json
import os
import time
from pathlib import Path

import fal_client
import httpx

MODEL = "fal-ai/veo3.1"
PROMPT = "A lighthouse at dusk, waves breaking on the rocks"
ARGUMENTS = {"prompt": PROMPT, "duration": "8s"}

NEEDS_A_PERSON, RUN_AGAIN = 1, 75
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)  # no byte of the request reached fal
REFUSED = {400, 401, 402, 403, 404, 413, 415, 422, 429}  # fal answered "no": there is no job
COLLECT_PAUSES = (2, 5, 15, 30, 60, 60, 60)  # on top of the client's own retries, which are harmless for a GET


class Stop(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def describe(error):
    return f"{type(error).__name__}: {error}"


def sync_folder(folder):
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def save(path, job):
    """Replace the file in one step, so that a crash leaves the old state or the new one."""
    new = path.with_suffix(f".{os.getpid()}.tmp")
    with new.open("w") as file:
        json.dump(job, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    sync_folder(path.parent)


def load(path):
    try:
        return json.loads(path.read_text() or "{}")
    except ValueError:
        return {}  # half-written: treated like a lost reply, never as "not sent"


def lost(path, job, why):
    return Stop(
        NEEDS_A_PERSON,
        f"{why}: the submission of {job.get('sent_at', 'unknown time')} may have made a job. NOT sent again.\n"
        f"If another process works on {path.parent} right now, leave it to that one. Otherwise look for {MODEL} at that time on https://fal.ai/dashboard:\n"
        f"  it is there:          run this again with --adopt REQUEST_ID\n"
        f"  certainly not there:  delete {path} and run this again",
    )


def submit(path):
    key = os.environ.get("FAL_KEY")
    if not key:
        raise Stop(NEEDS_A_PERSON, "FAL_KEY is not set")
    job = {
        "model": MODEL,
        "arguments": ARGUMENTS,
        "sent_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "request_id": None,
    }
    # Written down BEFORE sending. "x" fails if the file exists, so of two processes only one can send.
    try:
        with path.open("x") as file:
            json.dump(job, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise Stop(RUN_AGAIN, "another process has just started this job")
    sync_folder(path.parent)

    # Not fal_client.submit(): that repeats the POST up to 10 times. httpx sends it once.
    try:
        response = httpx.post(
            f"https://queue.fal.run/{MODEL}",
            headers={"Authorization": f"Key {key}"},
            json=ARGUMENTS,
            timeout=httpx.Timeout(120, connect=15),
        )
    except NOT_SENT as error:
        path.unlink()
        raise Stop(RUN_AGAIN, f"no connection, nothing was sent ({describe(error)})")
    except httpx.HTTPError as error:
        raise lost(path, job, describe(error))
    if response.status_code in REFUSED:
        path.unlink()
        code = RUN_AGAIN if response.status_code == 429 else NEEDS_A_PERSON
        raise Stop(code, f"fal refused the submission, no job: {response.status_code} {response.text[:500]}")
    try:
        response.raise_for_status()
        job["request_id"] = response.json()["request_id"]
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
        raise lost(path, job, f"unusable reply {response.status_code} {response.text[:200]!r}")
    print("request id", job["request_id"], flush=True)  # in the log too, should the disk be full
    save(path, job)
    return job


def collect(path, job):
    """Wait for the job and fetch its result by its id. There are only GETs here."""
    request_id = job["request_id"]
    handle = fal_client.sync_client.get_handle(MODEL, request_id)
    for pause in (*COLLECT_PAUSES, None):
        status = None
        try:
            for status in handle.iter_events(interval=2):
                pass
            return handle.get(interval=2)
        except (httpx.HTTPError, fal_client.FalClientHTTPError, ValueError) as error:  # ValueError: not fal's JSON
            code = getattr(error, "status_code", None)
            # fal has no FAILED status: a failed job is COMPLETED with an error.
            if code == 422 or (code and getattr(status, "error", None)):
                raise Stop(
                    NEEDS_A_PERSON,
                    f"job {request_id} failed for good: {code} {error}\nFor a new, paid attempt use a new folder.",
                )
            if code and code < 500:
                raise Stop(NEEDS_A_PERSON, f"cannot fetch {request_id}: {code} {error}\nA mistyped id can be corrected in {path}.")
            if pause is None:
                raise Stop(RUN_AGAIN, f"still cannot reach {request_id} ({describe(error)}): run this again")
            print(f"{describe(error)}; asking again in {pause} s", flush=True)
        time.sleep(pause)


def download(url, target):
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=60) as response:
            response.raise_for_status()
            with part.open("wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)
        os.replace(part, target)  # the name video.mp4 only ever stands for a whole file
    except httpx.HTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (403, 404, 410):
            raise Stop(NEEDS_A_PERSON, f"the file at {url} is gone or closed ({status})")
        raise Stop(RUN_AGAIN, f"download of {url} failed ({describe(error)}): run this again, it is free")
    finally:
        part.unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="one folder per video that you are willing to pay for")
    parser.add_argument("--adopt", metavar="REQUEST_ID", help="after a lost reply: collect this job")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path, video = options.folder / "job.json", options.folder / "video.mp4"

    job = load(path) if path.exists() else None
    if options.adopt:
        if job and job.get("request_id"):
            raise Stop(NEEDS_A_PERSON, f"{path} has a request id already: {job['request_id']}")
        job = {"model": MODEL, "arguments": ARGUMENTS, **(job or {}), "request_id": options.adopt}
        save(path, job)
    if job is None:
        job = submit(path)
    elif not job.get("request_id"):
        raise lost(path, job, "no request id was written down")
    elif (job.get("model"), job.get("arguments")) != (MODEL, ARGUMENTS):
        raise Stop(NEEDS_A_PERSON, f"{path} belongs to other arguments: use a new folder for a new video")

    if "result" not in job:
        job["result"] = collect(path, job)
        save(path, job)
    url = job["result"]["video"]["url"]
    if not video.exists():
        download(url, video)
    print(url, "saved as", video)


if __name__ == "__main__":
    try:
        main()
    except Stop as stop:
        print(stop)
        raise SystemExit(stop.code)
