# 250 wallpapers of 1920x1080 from fal-ai/flux/dev, one per line of prompts.txt.
# pip install "fal-client>=1.0.3,<2" pillow; FAL_KEY in the environment.
# Run it again to resume. --retry-failed sends the failed ones again, and pays again.
# Don't like an image? Change its line in prompts.txt, raise MAX_COST by UNIT_COST and
# run again: the new image takes the old one's number and replaces its file.
import io
import itertools
import json
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
from PIL import Image, ImageOps

MODEL = "fal-ai/flux/dev"
COUNT = 250
SIZE = (1920, 1080)
PROMPTS = Path("prompts.txt").read_text(encoding="utf-8-sig").split("\n")
PROMPTS = [line.strip() for line in PROMPTS if line.strip()]
UNITS = 2  # megapixels that fal should bill per image; it stops if fal bills more
UNIT_COST = UNITS * 0.025  # USD per image
MAX_COST = 12.5  # USD, for all jobs of all runs
MAX_WAIT = 15 * 60  # seconds for a job's result in one run; the next run goes on
STATE = Path("fal-ai-flux-dev-batch.json")
OUT = Path("wallpapers")
SENDABLE = ("new", "failed") if "--retry-failed" in sys.argv else ("new",)
WORDS = {"new": "not sent", "sent": "unclear", "submitted": "still running"}

# fal-client sends a submit again when its reply is lost, which makes a second,
# billed job: allow one attempt.
fal_client.client.MAX_ATTEMPTS = 1
stop = set()  # why nothing more is sent
jobs = json.loads(STATE.read_text()) if STATE.exists() else {}
if len(PROMPTS) != COUNT or len(set(PROMPTS)) != COUNT:
    sys.exit(f"prompts.txt: {len(PROMPTS)} lines, {len(set(PROMPTS))} different; need {COUNT}")
for prompt, job in jobs.items():  # a line that was taken out gives its number back
    if prompt not in PROMPTS:
        job.pop("name", None), job.pop("files", None)
taken = {job.get("name") for job in jobs.values()}
numbers = (f"wallpaper_{number:03}" for number in itertools.count(1))
free = (name for name in numbers if name not in taken)
mine = {}
for prompt in PROMPTS:
    job = mine[prompt] = jobs.setdefault(prompt, {"state": "new", "sent": 0})
    if "name" not in job:
        job["name"] = next(free)
lock = threading.RLock()


def note(job, **changes):
    with lock:
        job.update(changes)
        STATE.with_suffix(".new").write_text(json.dumps(jobs, indent=1))
        os.replace(STATE.with_suffix(".new"), STATE)


billed = {}  # request id: units, from the header of fal's reply


def read_units(response):
    units = response.headers.get("x-fal-billable-units")
    if units and response.is_success:
        billed[response.url.path.split("/requests/")[-1].split("/")[0]] = float(units)


def check_units(job):
    if job.get("billed", 0) > UNITS:
        stop.add(f"fal billed {job['billed']:g} units for {job['name']}, not {UNITS}")


def submit(prompt, job):
    with lock:
        sent = sum(other["sent"] for other in jobs.values())
        if (sent + 1) * UNIT_COST > MAX_COST + 1e-9:
            return stop.add("over budget: one more job could pass MAX_COST")
        # Noted first: if the reply is lost, it counts and is not sent again.
        note(job, state="sent", sent=job["sent"] + 1, error="no reply")
    try:
        handle = fal_client.submit(
            MODEL,
            arguments={
                "image_size": {"width": 1920, "height": 1080},
                "output_format": "png",
                "prompt": prompt,
            },
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
    handle.client.event_hooks = {"response": [read_units]}
    status, end = None, time.monotonic() + MAX_WAIT
    while time.monotonic() < end and "Ctrl-C" not in stop:
        try:
            status = handle.status()
            if isinstance(status, fal_client.Completed):
                result = handle.get()
                units = {"billed": billed[job["id"]]} if job["id"] in billed else {}
                note(job, state="unsaved", error=None, result=result, **units)
                return check_units(job)
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
    for pause in (0, 2, 8):
        time.sleep(pause)
        try:
            url = job["result"]["images"][0]["url"]  # temporary: download at once
            response = httpx.get(url, follow_redirects=True, timeout=60)
            response.raise_for_status()
            with Image.open(io.BytesIO(response.content)) as image:
                made = image.size
                if made != SIZE:  # 1080 is no multiple of 16: the model may round it
                    image = ImageOps.fit(image, SIZE, Image.Resampling.LANCZOS)
                part, file = OUT / (job["name"] + ".part"), OUT / (job["name"] + ".png")
                image.save(part, format="PNG")
            os.replace(part, file)
            return note(job, state="done", error=None, files=[str(file)], made=made)
        except (httpx.HTTPError, OSError) as error:
            note(job, state="unsaved", error=f"download failed: {error!r}")


def run(prompt):
    job = mine[prompt]
    try:
        if job["state"] in SENDABLE and not stop:
            submit(prompt, job)
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
        print(job["state"], job["name"], job.get("error") or "", flush=True)


fal_client.auth.fetch_auth_credentials()  # no key: stop before anything is noted
OUT.mkdir(parents=True, exist_ok=True)
signal.signal(signal.SIGINT, lambda *_: stop.add("Ctrl-C"))
for job in mine.values():
    check_units(job)
first = mine[PROMPTS[0]]
if first["state"] == "new":  # one image alone, to see what fal really bills
    run(PROMPTS[0])
    if "billed" not in first:
        stop.add("not known what the first image was billed: look, then run again")
with ThreadPoolExecutor(max_workers=4) as pool:
    list(pool.map(run, mine))

counts = Counter()
for prompt, job in mine.items():
    word = WORDS.get(job["state"], job["state"])
    counts[word] += 1
    if job["state"] != "done" and job.get("error"):
        print(f"{word}: {job['name']}: {job['error']}")
black, fitted = [], 0
for job in mine.values():
    if job["state"] == "done":
        fitted += tuple(job["made"]) != SIZE
        if any(job["result"].get("has_nsfw_concepts") or []):
            black.append(job["name"])
if black:
    print("flagged by the safety checker, probably black:", ", ".join(black))
if fitted:
    print(f"{fitted} came in another size and were fitted to {SIZE[0]}x{SIZE[1]}")
units = sum(job.get("billed", 0) for job in jobs.values())
silent = sum("billed" not in job and job["sent"] > 0 for job in jobs.values())
print(f"billed: {units:g} units x $0.025 = ${units * 0.025:.2f}", end="")
print(f", {silent} jobs unknown" if silent else "")
if counts["unclear"]:
    print('"unclear": look for it on https://fal.ai/dashboard, write its "id" and')
    print(f'state "submitted" into {STATE}, or state "new" to pay again')
for reason in stop:
    print("stopped:", reason)
print(", ".join(f"{count} {word}" for word, count in counts.items()) or "no values")
sys.exit(set(counts) != {"done"} or bool(black))
