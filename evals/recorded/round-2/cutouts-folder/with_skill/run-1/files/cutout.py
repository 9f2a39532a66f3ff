# Removes the background of products/*.jpg with fal, into cutouts/NAME.png.
# pip install "fal-client>=1.0.3,<2"; export FAL_KEY=...; python cutout.py
# Run it again to resume. --retry-failed sends the failed ones again, and pays again.
import json
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fal_client
import httpx

os.chdir(Path(__file__).resolve().parent)  # the same record from wherever it is run
MODEL = "fal-ai/bria/background/remove"
FILES = sorted(
    str(path)
    for path in Path("products").iterdir()
    if path.suffix.lower() in (".jpg", ".jpeg") and path.name[0] != "."
)
UNIT_COST = 0.025  # USD, counted per job; quoted price $0.018 (2026-07-24)
MAX_COST = 5.0  # USD, for all jobs of all runs: 200 jobs at UNIT_COST
MAX_WAIT = 15 * 60  # seconds for a job's result in one run; the next run goes on
STATE = Path("fal-ai-bria-background-remove-batch.json")
OUT = Path("cutouts")
SENDABLE = ("new", "failed") if "--retry-failed" in sys.argv else ("new",)
WORDS = {"new": "not sent", "sent": "unclear", "submitted": "still running"}

# fal-client sends a submit again when its reply is lost, which makes a second,
# billed job: allow one attempt.
fal_client.client.MAX_ATTEMPTS = 1
# One run at a time: two would pay for the same files. Freed when the process ends.
only = socket.socket()
try:
    only.bind(("127.0.0.1", 47391))
except OSError:
    raise SystemExit("cutout.py is already running (port 47391 is taken)")
stop = set()  # why nothing more is sent
jobs = json.loads(STATE.read_text()) if STATE.exists() else {}
names = {job.get("name") for job in jobs.values()}
mine = {}
for path in FILES:
    job = mine[path] = jobs.setdefault(path, {"state": "new", "sent": 0})
    name = Path(path).stem
    while name in names:  # no output replaces another
        name += "_"
    names.add(job.setdefault("name", name))
    png = OUT / (job["name"] + ".png")
    if job["state"] == "new" and png.exists():  # the record was lost, the output not
        job.update(state="done", sent=1, files=[str(png)])
lock = threading.RLock()


def note(job, **changes):
    with lock:
        job.update(changes)
        STATE.with_suffix(".new").write_text(json.dumps(jobs, indent=1))
        os.replace(STATE.with_suffix(".new"), STATE)


def submit(path, job):
    file_url = fal_client.upload_file(path)
    with lock:
        sent = sum(other["sent"] for other in jobs.values())
        if (sent + 1) * UNIT_COST > MAX_COST + 1e-9:
            return stop.add("over budget: one more job could pass MAX_COST")
        # Noted first: if the reply is lost, it counts and is not sent again.
        note(job, state="sent", sent=job["sent"] + 1, error="no reply")
    try:
        handle = fal_client.submit(
            MODEL,
            arguments={"image_url": file_url},
        )
        note(job, state="submitted", id=handle.request_id, error=None)
    except (httpx.ConnectError, httpx.ConnectTimeout):  # not sent
        note(job, state="new", sent=job["sent"] - 1)
        raise
    except fal_client.FalClientHTTPError as error:
        if error.status_code < 500:  # refused: no job, no cost
            state = "failed" if error.status_code in (400, 404, 422) else "new"
            note(job, state=state, sent=job["sent"] - 1)
        raise


def collect(job):
    handle = fal_client.sync_client.get_handle(MODEL, job["id"])
    status, end = None, time.monotonic() + MAX_WAIT
    while time.monotonic() < end and "Ctrl-C" not in stop:
        try:
            status = handle.status()
            if isinstance(status, fal_client.Completed):
                result = handle.get()
                return note(job, state="unsaved", error=None, result=result)
        except (httpx.HTTPError, fal_client.FalClientHTTPError) as error:
            code = getattr(error, "status_code", None)
            if code == 422 or (code and getattr(status, "error", None)):
                return note(job, state="failed", error=error.message)
            if code in (401, 403, 404):
                raise
            # The job is paid for: ask for it again by its id.
            job["error"] = getattr(error, "message", None) or repr(error)
        time.sleep(1)
    note(job, error=job.get("error") or "no result yet")


def save(job):
    if all(map(os.path.exists, job.get("files", [""]))):
        return
    if "result" not in job:
        return note(job, state="failed", error=f"{job['files'][0]} was deleted")
    for pause in (0, 2, 8):
        time.sleep(pause)
        try:
            result, files = job["result"], []
            url = result["image"]["url"]
            response = httpx.get(url, follow_redirects=True, timeout=60)
            response.raise_for_status()
            if not response.content.startswith(b"\x89PNG"):
                raise OSError(f"not a PNG: {url}")
            file = OUT / (job["name"] + ".png")
            file.with_suffix(".part").write_bytes(response.content)
            os.replace(file.with_suffix(".part"), file)
            files.append(str(file))
            return note(job, state="done", error=None, files=files)
        except (httpx.HTTPError, OSError) as error:
            note(job, state="unsaved", error=f"download failed: {error!r}")


def run(path):
    job = mine[path]
    try:
        if job["state"] in SENDABLE and not stop:
            submit(path, job)
        if job["state"] == "submitted":
            collect(job)
        if job["state"] in ("unsaved", "done"):
            save(job)
    except Exception as error:  # the other jobs go on
        note(job, error=getattr(error, "message", None) or repr(error))
        code = getattr(getattr(error, "response", None), "status_code", None)
        if code in (401, 403):  # the key or the balance: no other job would pass
            stop.add(f"{code} {job['error']}")
    if job["state"] != "new":
        print(job["state"], path, job.get("error") or "", flush=True)


def check_price():  # fal's base price of today; free to ask
    auth = fal_client.auth.fetch_auth_credentials()
    try:
        response = httpx.get(
            "https://api.fal.ai/v1/models/pricing",
            params={"endpoint_id": MODEL},
            headers={"Authorization": f"{auth.scheme} {auth.token}"},
            timeout=30,
        )
        response.raise_for_status()
        price = response.json()["prices"][0]
        price, unit = float(price["unit_price"]), price["unit"]
    except (httpx.HTTPError, LookupError, TypeError, ValueError) as error:
        return print(f"price not checked ({error!r}); counting ${UNIT_COST} per job")
    print(f"price today: ${price} per {unit}; counting ${UNIT_COST} per job", flush=True)
    if price > UNIT_COST:
        raise SystemExit("dearer than UNIT_COST: nothing sent. Raise UNIT_COST first.")


fal_client.auth.fetch_auth_credentials()  # no key: stop before anything is noted
check_price()
OUT.mkdir(parents=True, exist_ok=True)
signal.signal(signal.SIGINT, lambda *_: stop.add("Ctrl-C"))
with ThreadPoolExecutor(max_workers=2) as pool:
    list(pool.map(run, mine))

counts = Counter()
for path, job in mine.items():
    word = WORDS.get(job["state"], job["state"])
    counts[word] += 1
    if job["state"] != "done" and job.get("error"):
        print(f"{word}: {path}: {job['error']}")
if counts["unclear"]:
    print('"unclear": look for it on https://fal.ai/dashboard, write its "id" and')
    print(f'state "submitted" into {STATE}, or state "new" to pay again')
for reason in stop:
    print("stopped:", reason)
print(", ".join(f"{count} {word}" for word, count in counts.items()) or "no values")
sys.exit(set(counts) != {"done"})
