"""Make one Veo 3.1 video: submit once, collect as often as needed.

pip install fal-client==1.0.3; FAL_KEY in the environment; set PROMPT; python veo_once.py
After a crash run it again: it collects the same job. It never submits while JOB exists.
"""

import json
import os
import time
from pathlib import Path

import fal_client
import httpx

PROMPT = ""  # your prompt
MODEL = "fal-ai/veo3.1"
ARGUMENTS = {"prompt": PROMPT, "duration": "8s"}
# One file per video, on a disk that survives a restart (not a container's own).
# request_id null: a submission was begun, and its outcome is not known.
JOB = Path("veo-job.json")
LOST = (
    f"a submission was begun and no request id is known; nothing was sent again.\n"
    f"Unless another run is submitting right now: look for the job on https://fal.ai/dashboard\n"
    f"- it is there: put its id into {JOB} as request_id, in quotes, and run this again\n"
    f"- it is not there, some minutes later still: delete {JOB} and run this again"
)


def write(path, mode, request_id):
    with path.open(mode) as file:  # mode "x" fails if another run has the file already
        json.dump({"model": MODEL, "arguments": ARGUMENTS, "request_id": request_id}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def submit():
    fal_client.auth.fetch_auth_credentials()  # no key: stop before the file is made
    # fal-client resends the submit POST when the reply is lost, up to 10 attempts in all;
    # each POST that arrived is a billed job. Allow one. (An internal: pin the version.)
    attempts = fal_client.client.MAX_ATTEMPTS
    write(JOB, "x", None)  # before sending, so that a crash from here on cannot send again
    fal_client.client.MAX_ATTEMPTS = 1
    try:
        handle = fal_client.submit(MODEL, arguments=ARGUMENTS)
    except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
        never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
        code = getattr(error, "status_code", 500)
        refused = 400 <= code < 500 and code not in (408, 409, 499)  # these may have made a job
        if never_sent or refused:
            JOB.unlink()  # no job was made: running again is safe
            raise
        raise SystemExit(f"{type(error).__name__}: {LOST}") from error
    finally:
        fal_client.client.MAX_ATTEMPTS = attempts  # status and result may be retried freely
    print("submitted:", handle.request_id, flush=True)  # in the log, should the disk fail
    new = JOB.with_suffix(".new")
    write(new, "w", handle.request_id)
    new.replace(JOB)
    return handle.request_id


def collect(request_id):
    handle = fal_client.sync_client.get_handle(MODEL, request_id)
    status = shown = None
    for delay in (1, 2, 4, 8, 16, None):
        try:
            for status in handle.iter_events(interval=2):
                if status != shown:
                    print(status, flush=True)
                    shown = status
            return handle.get(interval=2)
        except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
            code = getattr(error, "status_code", None)
            if code == 422 or (code and getattr(status, "error", None)):
                print(f"the job has failed; to pay for a new one, delete {JOB}")
                raise
            if delay is None or (code and code < 500):
                print(f"job {request_id} is kept: run this again to collect it")
                raise
        time.sleep(delay)


def main():
    if not PROMPT:
        raise SystemExit("set PROMPT first")
    if JOB.exists():
        try:
            job = json.loads(JOB.read_text())
        except ValueError:  # the crash came while the file was being written
            raise SystemExit(LOST) from None
        if (job["model"], job["arguments"]) != (MODEL, ARGUMENTS):
            raise SystemExit(f"{JOB} belongs to another call: use another JOB file for this one")
        request_id = job["request_id"]
        if not request_id:
            raise SystemExit(LOST)
        print("collecting:", request_id, flush=True)
    else:
        request_id = submit()

    url = collect(request_id)["video"]["url"]
    print(url, flush=True)
    video = Path(f"veo-{request_id}.mp4")
    if not video.exists():
        response = httpx.get(url, follow_redirects=True, timeout=60)
        response.raise_for_status()
        part = video.with_suffix(".part")
        part.write_bytes(response.content)
        part.replace(video)
    print("saved as", video)


if __name__ == "__main__":
    main()
