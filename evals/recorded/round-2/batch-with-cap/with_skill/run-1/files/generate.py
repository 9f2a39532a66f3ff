# /// script
# requires-python = ">=3.9"
# dependencies = ["fal-client>=1.0.3,<2", "httpx"]
# ///
"""One square image per row of prompts.csv, with fal-ai/flux/schnell.

Run it again to resume: rows that are done are never sent again. Needs FAL_KEY.
  --limit N        only the first N rows (a paid trial)
  --retry-failed   send failed rows again (pays again if they succeed)
Writes images/, state.json (what was sent and paid: keep it), generate.log, failures.csv.
"""
import argparse
import csv
import fcntl  # Linux and macOS
import json
import logging
import os
import signal
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fal_client
import httpx

MODEL = "fal-ai/flux/schnell"
# 992x992 is 0.98 megapixel: 1 billed megapixel, whether fal counts 1,000,000 or 1,048,576.
ARGUMENTS = {"image_size": {"width": 992, "height": 992}, "num_images": 1}
MEGAPIXELS = 1  # billed per image with these ARGUMENTS
KNOWN_PRICE = 0.003  # USD per megapixel, 2026-10-02; the live price is read before anything is sent
MAX_COST = 3.0  # USD, for all jobs of all runs
CONCURRENCY = 4
MAX_WAIT = 15 * 60  # seconds for one job's result in one run; the next run goes on
OUTAGE_PAUSES = (30, 120, 600, 1800)  # seconds; a row that was certainly not sent is tried again
MAX_FAILURES = 10  # in a row, then nothing more is sent

HERE = Path(__file__).resolve().parent
STATE, OUT, FAILURES = HERE / "state.json", HERE / "images", HERE / "failures.csv"
WORDS = {"new": "not sent", "sent": "unclear", "submitted": "still running"}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--limit", type=int)
parser.add_argument("--retry-failed", action="store_true")
options = parser.parse_args()
SENDABLE = ("new", "failed") if options.retry_failed else ("new",)

logging.basicConfig(
    level=logging.INFO,
    format="%(asctime)s %(message)s",
    handlers=[logging.StreamHandler(sys.stdout), logging.FileHandler(HERE / "generate.log", encoding="utf-8")],
)
logging.getLogger("httpx").setLevel(logging.WARNING)
log = logging.getLogger("generate")

lock_file = open(HERE / "state.lock", "w")  # two runs at a time would pay twice
try:
    fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit("another run is at work in this folder: nothing was sent")

# fal-client sends a submit again when its reply is lost, which makes a second,
# billed job: allow one attempt.
fal_client.client.MAX_ATTEMPTS = 1
stop = set()  # why nothing more is sent
failures_in_a_row = 0
lock = threading.RLock()

jobs = json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}
names = {job["name"] for job in jobs.values()}
mine = {}
with open(HERE / "prompts.csv", newline="", encoding="utf-8-sig") as file:
    rows = list(csv.DictReader(file))
for number, row in enumerate(rows[: options.limit], 1):
    prompt = (row["prompt"] or "").strip()
    row_id = (row.get("id") or "").strip() or str(number)
    if not prompt:
        log.info("row %s has no prompt: skipped", row_id)
        continue
    key = f"{row_id}: {prompt}"  # a changed prompt is a new job, a moved row is not
    if key in mine:
        sys.exit(f"row {key!r} occurs twice: nothing was sent")
    job = mine[key] = jobs.setdefault(key, {"row": row_id, "prompt": prompt, "state": "new", "reserved": 0})
    if "name" not in job:
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in row_id.zfill(4))
        while name in names:  # no output replaces another
            name += "_"
        names.add(name)
        job["name"] = name


def note(job, **changes):
    with lock:
        job.update(changes)
        new = STATE.with_suffix(".new")
        with open(new, "w", encoding="utf-8") as out:
            json.dump(jobs, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        os.replace(new, STATE)


def price_per_image(credentials):
    """The live price, never less than the known one; no price, no run."""
    for pause in (0, 5, 30):
        time.sleep(pause)
        try:
            reply = httpx.get(
                "https://api.fal.ai/v1/models/pricing",
                params={"endpoint_id": MODEL},
                headers=credentials.as_headers(),
                timeout=30,
            )
            reply.raise_for_status()
            price = next(p for p in reply.json()["prices"] if p["endpoint_id"] == MODEL)
            if not price["unit"].startswith("megapixel") or price.get("currency", "USD") != "USD":
                sys.exit(f"{MODEL} is not billed in USD per megapixel any more: {price}: nothing was sent")
            return max(float(price["unit_price"]), KNOWN_PRICE) * MEGAPIXELS
        except httpx.HTTPStatusError as error:
            problem = f"{error.response.status_code} {error.response.text[:300]}"
            if error.response.status_code in (401, 403):
                break
        except (httpx.HTTPError, LookupError, StopIteration, TypeError, ValueError) as error:
            problem = repr(error)
    log.error("the price could not be read, nothing was sent: %s", problem)
    sys.exit(1)


def submit(job):
    with lock:
        spent = sum(other["reserved"] for other in jobs.values())
        if spent + UNIT_COST > MAX_COST + 1e-9:
            return stop.add("over budget: one more job could pass MAX_COST")
        # Noted first: if the reply is lost, it counts and is not sent again.
        before = job["reserved"]
        note(job, state="sent", reserved=before + UNIT_COST, error="no reply: the job may exist")
    try:
        handle = fal_client.submit(MODEL, arguments={**ARGUMENTS, "prompt": job["prompt"]})
        note(job, state="submitted", id=handle.request_id, error=None)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # not sent
        note(job, state="new", reserved=before, error=repr(error))
    except fal_client.FalClientHTTPError as error:
        code = error.status_code
        if code >= 500 or code in (408, 409, 499):  # may have arrived: stays "sent"
            return note(job, error=f"{code} {error.message}: the job may exist")
        # Refused: no job, no cost.
        note(job, state="failed" if code in (400, 404, 422) else "new", reserved=before, error=f"{code} {error.message}")
        if code in (401, 402, 403):  # the key or the balance: no other job would pass
            stop.add(job["error"])


def submit_with_pauses(job):
    for pause in (*OUTAGE_PAUSES, None):
        if stop:
            return
        submit(job)
        if job["state"] != "new" or stop:
            return
        if pause is None:
            return stop.add(f"fal cannot be reached: {job['error']}")
        log.info("row %s: not sent, again in %s s: %s", job["row"], pause, job["error"])
        end = time.monotonic() + pause
        while time.monotonic() < end and not stop:
            time.sleep(1)


def collect(job):
    handle = fal_client.sync_client.get_handle(MODEL, job["id"])
    status, end = None, time.monotonic() + MAX_WAIT
    while time.monotonic() < end and "interrupted" not in stop:
        try:
            status = handle.status()
            if isinstance(status, fal_client.Completed):
                result = handle.get(interval=1)
                if not result.get("images"):
                    return note(job, state="failed", error=f"no image in the result: {result}")
                return note(job, state="unsaved", error=None, result=result)
        except (httpx.HTTPError, fal_client.FalClientHTTPError) as error:
            code = getattr(error, "status_code", None)
            reason = f"{code} {error.message}" if code else repr(error)
            if code == 422 or (code and getattr(status, "error", None)):
                return note(job, state="failed", error=reason)
            job["error"] = reason
            if code in (401, 402, 403):
                stop.add(reason)
            if code in (401, 402, 403, 404):
                return note(job)
            # The job is paid for: ask for it again by its id.
        time.sleep(1)
    note(job, error=job.get("error") or f"no result after {MAX_WAIT} s")
    if not isinstance(status, fal_client.Completed) and "interrupted" not in stop:
        # It may still run: another job beside it could be one too many at a time.
        stop.add(f"row {job['row']} did not finish: {job['error']}")


def save(job):
    if job.get("files") and all((HERE / file).exists() for file in job["files"]):
        return
    for pause in (0, 2, 8, 30):
        time.sleep(pause)
        try:
            url = job["result"]["images"][0]["url"]
            response = httpx.get(url, follow_redirects=True, timeout=60)
            response.raise_for_status()
            if not response.headers.get("content-type", "image/").startswith("image/"):
                raise httpx.DecodingError(f"no image: {response.headers['content-type']}")
            file = OUT / (job["name"] + (Path(httpx.URL(url).path).suffix or ".jpg"))
            part = file.with_name(file.name + ".part")
            part.write_bytes(response.content)
            os.replace(part, file)
            flagged = any(job["result"].get("has_nsfw_concepts") or [])
            warning = "the safety checker flagged it: the image is probably black" if flagged else None
            return note(job, state="done", error=warning, files=[str(file.relative_to(HERE))])
        except (httpx.HTTPError, OSError) as error:
            note(job, state="unsaved", error=f"paid, but the download failed: {error!r}")
            code = getattr(getattr(error, "response", None), "status_code", None)
    if code in (404, 410):  # later runs would not find it either
        note(job, state="failed", error=f"paid, but the file is gone at fal ({code}): {url}")


def run(job):
    global failures_in_a_row
    if job["state"] == "done" and all((HERE / file).exists() for file in job["files"]):
        return
    worked = job["state"] != "failed" or options.retry_failed
    try:
        if job["state"] in SENDABLE and not stop:
            submit_with_pauses(job)
        elif job["state"] in ("new", "failed", "sent"):
            worked = False  # nothing happens to it in this run
        if job["state"] == "submitted":
            collect(job)
        if job["state"] in ("unsaved", "done"):
            save(job)
    except Exception as error:  # the other jobs go on
        try:
            note(job, error=repr(error))
        except OSError as full:  # what cannot be noted must not be sent
            stop.add(f"state.json cannot be written: {full!r}")
    if not worked or job["state"] == "new":
        return
    log.info("row %s: %s %s", job["row"], WORDS.get(job["state"], job["state"]), job.get("error") or "")
    with lock:
        failures_in_a_row = 0 if job["state"] == "done" else failures_in_a_row + 1
        if failures_in_a_row >= MAX_FAILURES:
            stop.add(f"{MAX_FAILURES} failures in a row")


try:
    credentials = fal_client.auth.fetch_auth_credentials()
except fal_client.auth.MissingCredentialsError:
    sys.exit("FAL_KEY is not set: nothing was sent")
UNIT_COST = price_per_image(credentials)
log.info("%s rows, at most $%.4f per image, cap $%.2f", len(mine), UNIT_COST, MAX_COST)
OUT.mkdir(exist_ok=True)
for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, lambda *_: stop.add("interrupted"))
# Jobs that an earlier run left at fal come first, so that there are never more than CONCURRENCY.
order = sorted(mine.values(), key=lambda job: job["state"] != "submitted")
with ThreadPoolExecutor(max_workers=CONCURRENCY) as pool:
    list(pool.map(run, order))

counts = Counter(WORDS.get(job["state"], job["state"]) for job in mine.values())
with open(FAILURES, "w", newline="", encoding="utf-8") as file:
    out = csv.writer(file)
    out.writerow(["id", "prompt", "state", "reason", "request_id"])
    for job in mine.values():
        if job["state"] != "done" or job.get("error"):
            state = WORDS.get(job["state"], job["state"])
            out.writerow([job["row"], job["prompt"], state, job.get("error") or "", job.get("id", "")])
if counts["unclear"]:
    log.info('"unclear": look for it on https://fal.ai/dashboard, then write its "id" and state "submitted" into')
    log.info('state.json, or state "new" if it is not there')
for reason in stop:
    log.info("stopped: %s", reason)
spent = sum(job["reserved"] for job in jobs.values())
log.info("%s; at most $%.2f spent of $%.2f", ", ".join(f"{n} {word}" for word, n in counts.items()), spent, MAX_COST)
sys.exit(set(counts) != {"done"})
