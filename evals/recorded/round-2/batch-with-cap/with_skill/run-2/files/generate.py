"""One square image per row of prompts.csv, with fal-ai/flux/schnell.

    pip install "fal-client==1.0.3"
    export FAL_KEY=...            # id:secret, from https://fal.ai/dashboard/keys
    python generate.py            # run it again to resume
    python generate.py --retry-failed   # sends the failed ones again, and may pay again

images/0001.jpeg (or as fal names it) ... one per row; batch-state.json is the ledger (do not delete it:
it is what prevents paying twice); batch.log has every failure with its reason.
Exit code 0: every row has its image. 1: something is missing, see batch.log.
"""

import csv
import json
import os
import queue
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import fal_client
import httpx

HERE = Path(__file__).resolve().parent  # cron may start this from anywhere
MODEL = "fal-ai/flux/schnell"
# 992x992 is below 1,000,000 pixels: one billed megapixel however fal defines it.
ARGUMENTS = {"image_size": {"width": 992, "height": 992}, "num_images": 1}
UNIT_COST = 0.006  # USD counted per job sent: twice the quote of $0.003, on purpose
MAX_COST = 3.0  # USD, for all jobs of all runs
SLOTS = 4  # jobs in flight
MAX_WAIT = 15 * 60  # seconds for one job's result in one run
MAX_RUN = 10 * 3600  # seconds after which nothing more is sent
SEND_PAUSES = (5, 20, 60, 180)  # before trying again what was certainly not accepted
MAX_FAILURES_IN_A_ROW = 8  # then something is wrong with more than one prompt
REFUSED = (400, 401, 402, 403, 404, 422, 429)  # replies to a submit that made no job

PROMPT_FILE = HERE / "prompts.csv"
STATE = HERE / "batch-state.json"
LOG = HERE / "batch.log"
OUT = HERE / "images"
SENDABLE = ("new", "failed") if "--retry-failed" in sys.argv else ("new",)
WORDS = {"new": "not sent", "sent": "unclear", "submitted": "still running"}

# fal-client repeats a submit whose reply is lost, which makes a second, billed job.
fal_client.client.MAX_ATTEMPTS = 1

lock = threading.RLock()
stop = set()  # why nothing more is sent
interrupted = threading.Event()
started = time.monotonic()
failures_in_a_row = 0
jobs = {}  # prompt -> job; all runs
mine = {}  # the jobs of this prompts.csv


def log(text):
    with lock:
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}"
        print(line, flush=True)
        with LOG.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def note(job, **changes):
    """Change a job and have it on disk before going on."""
    with lock:
        job.update(changes)
        new = STATE.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(jobs, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, STATE)


def reason(error):
    if isinstance(error, fal_client.FalClientHTTPError):
        return f"HTTP {error.status_code}: {error.message}"
    return repr(error)


def spent():
    return sum(job["sent"] for job in jobs.values()) * UNIT_COST


def may_send():
    if time.monotonic() - started > MAX_RUN:
        stop.add("MAX_RUN is over")
    return not stop


def submit(prompt, job):
    """Send once. Only what certainly made no job is tried again, a few times."""
    for pause in (*SEND_PAUSES, None):
        with lock:
            if not may_send():
                return
            if spent() + UNIT_COST > MAX_COST + 1e-9:
                stop.add("budget: one more job could pass MAX_COST")
                return
            # Noted first: if the reply is lost, it counts and is not sent again.
            note(job, state="sent", sent=job["sent"] + 1, error="no reply to the submission")
        try:
            handle = fal_client.submit(MODEL, arguments={**ARGUMENTS, "prompt": prompt})
            return note(job, state="submitted", id=handle.request_id, error=None)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was sent
            note(job, state="new", sent=job["sent"] - 1, error=reason(error))
        except fal_client.FalClientHTTPError as error:
            if error.status_code not in REFUSED:
                raise  # stays "sent": there may be a job
            failed = error.status_code in (400, 422)
            state = "failed" if failed else "new"
            note(job, state=state, sent=job["sent"] - 1, error=reason(error))
            if error.status_code in (401, 402, 403, 404):  # key, balance, model
                stop.add(reason(error))
            if failed or stop:
                return
        if pause is None or interrupted.wait(pause):
            return


def collect(job):
    """Ask for the result by its id until MAX_WAIT; never submits."""
    handle = fal_client.sync_client.get_handle(MODEL, job["id"])
    end, unknown = time.monotonic() + MAX_WAIT, 0
    while time.monotonic() < end:
        status = None
        try:
            status = handle.status()
            if isinstance(status, fal_client.Completed):
                result = handle.get(interval=1)
                if not result.get("images"):
                    return note(job, state="failed", error="the result has no image")
                if any(result.get("has_nsfw_concepts") or []):
                    text = "the safety checker blacked the image out"
                    return note(job, state="failed", error=text)
                return note(job, state="unsaved", error=None, result=result)
        except (httpx.HTTPError, fal_client.FalClientHTTPError, ValueError) as error:
            code = getattr(error, "status_code", None)
            job["error"] = reason(error)
            if code == 422 or (code and getattr(status, "error", None)):
                return note(job, state="failed")
            if code in (401, 402, 403):
                stop.add(reason(error))
                break
            unknown += code == 404
            if unknown == 10:
                return note(job, state="failed", error="fal does not know this request id")
            # Otherwise the job is paid for: ask again by its id.
        if interrupted.wait(1):
            break
    note(job, error=job.get("error") or "no result yet")


def save(job):
    if job.get("file") and (HERE / job["file"]).exists():
        return
    for pause in (0, 2, 8, 30):
        if pause and interrupted.wait(pause):
            return
        try:
            url = job["result"]["images"][0]["url"]  # public and temporary
            response = httpx.get(url, follow_redirects=True, timeout=60)
            response.raise_for_status()
            if not response.content:
                raise OSError("empty file")
            path = OUT / (job["name"] + (Path(httpx.URL(url).path).suffix or ".jpg"))
            part = path.with_suffix(".part")
            part.write_bytes(response.content)
            os.replace(part, path)
            return note(job, state="done", error=None, file=str(path.relative_to(HERE)))
        except (httpx.HTTPError, OSError) as error:
            note(job, state="unsaved", error=f"download failed: {error!r}")


def run(prompt):
    """Bring one row as far as it goes. False: its job may still be running at fal."""
    global failures_in_a_row
    job = mine[prompt]
    before = job["state"]
    if before in ("new", "sent", "failed") and not (before in SENDABLE and may_send()):
        return True
    try:
        if before in SENDABLE:
            submit(prompt, job)
        if job["state"] == "submitted":
            collect(job)
        if job["state"] in ("unsaved", "done"):
            save(job)
    except Exception as error:  # the other rows go on
        job["error"] = reason(error)
        log(f"row {job['name']} {job.get('id') or ''} error: {job['error']}")
        note(job)
    if before != "done":
        word = WORDS.get(job["state"], job["state"])
        log(f"row {job['name']} {job.get('id') or '-'} {word} {job.get('error') or ''}".rstrip())
        with lock:
            failures_in_a_row = 0 if job["state"] == "done" else failures_in_a_row + 1
            if failures_in_a_row == MAX_FAILURES_IN_A_ROW:
                stop.add(f"{failures_in_a_row} failures in a row, the last: {job.get('error')}")
    return job["state"] not in ("sent", "submitted")


def worker(todo):
    try:
        while not interrupted.is_set():
            prompt = todo.get_nowait()
            if not run(prompt):  # keep the slot closed, or more than SLOTS jobs could run
                return log("one slot is closed: its job may still be running")
    except queue.Empty:
        pass
    except Exception as error:  # the ledger cannot be written: send nothing more
        stop.add(f"cannot go on: {error!r}")


def check_price(key):
    """The ledger counts UNIT_COST per job, so the live price must not be above it."""
    try:
        response = httpx.get(
            "https://api.fal.ai/v1/models/pricing",
            params={"endpoint_id": MODEL},
            headers={"Authorization": f"Key {key}"},
            timeout=30,
        )
        response.raise_for_status()
        price = response.json()["prices"][0]
        text = f"{price['unit_price']} {price['currency']} per {price['unit']}"
        usable = price["currency"] == "USD" and "megapixel" in price["unit"].lower()
        if not usable or price["unit_price"] > UNIT_COST:
            sys.exit(f"stopped, nothing sent: fal's price is now {text}; UNIT_COST is {UNIT_COST}")
        log(f"fal's price: {text}")
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        log(f"live price not available ({error!r}); going on with {UNIT_COST} USD per job")


def only_one():
    """Two processes on one ledger would pay twice. The lock goes with the process."""
    file = (HERE / "batch.lock").open("a")
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("generate.py is already running in this folder")
    return file


def interrupt(*_):
    stop.add("interrupted")
    interrupted.set()


def main():
    key = os.environ.get("FAL_KEY", "").strip()
    if not key:
        sys.exit("set FAL_KEY first")
    locked = only_one()
    if STATE.exists():
        jobs.update(json.loads(STATE.read_text(encoding="utf-8")))
    with PROMPT_FILE.open(newline="", encoding="utf-8-sig") as file:
        prompts = [(row["prompt"] or "").strip() for row in csv.DictReader(file)]
    names = {job["name"] for job in jobs.values()}
    for row, prompt in enumerate(prompts, 1):
        if not prompt:
            log(f"row {row:04} skipped: empty prompt")
        elif prompt in mine:
            log(f"row {row:04} skipped: same prompt as row {mine[prompt]['name']}")
        else:
            name = f"{row:04}"
            while prompt not in jobs and name in names:  # no image replaces another
                name += "_"
            names.add(name)
            mine[prompt] = jobs.setdefault(prompt, {"state": "new", "sent": 0, "name": name})
    OUT.mkdir(exist_ok=True)
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), interrupt)

    check_price(key)
    todo = queue.Queue()
    # What was sent by an earlier run is collected first: it may still hold a slot.
    for prompt in sorted(mine, key=lambda prompt: mine[prompt]["state"] != "submitted"):
        todo.put(prompt)
    threads = [threading.Thread(target=worker, args=(todo,)) for _ in range(SLOTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    counts = Counter(WORDS.get(job["state"], job["state"]) for job in mine.values())
    if counts["unclear"]:
        log(
            'unclear: sent, but no reply came. Look for it on https://fal.ai/dashboard; if it is'
            f' there, write its "id" and state "submitted" into {STATE.name}, else state "new"'
        )
    for why in sorted(stop):
        log(f"stopped: {why}")
    summary = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    log(f"{summary or 'no rows'}; counted ${spent():.2f} of ${MAX_COST:.2f}")
    locked.close()
    sys.exit(0 if mine and all(job["state"] == "done" for job in mine.values()) else 1)


if __name__ == "__main__":
    main()
