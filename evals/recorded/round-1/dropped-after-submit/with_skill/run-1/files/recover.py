"""Collect a fal job that was already submitted. Sends GET requests only: it never submits, so it adds no charge.

    pip install "fal-client>=1.0.3,<2"
    python recover.py                # safe to run as often as you like
"""

import json
import sys
import time
from pathlib import Path
from urllib.parse import urlparse

import fal_client
import httpx

MODEL = "fal-ai/hunyuan-3d/v3.1/pro/image-to-3d"
REQUEST_ID = sys.argv[1] if len(sys.argv) > 1 else "7f1c2a90-3d5e-4b6a-9c0d-1e2f3a4b5c6d"
OUT = Path("recovered") / REQUEST_ID


def collect():
    """Wait for the job and return its result, riding out a bad connection."""
    handle = fal_client.sync_client.get_handle(MODEL, REQUEST_ID)
    failures, shown = 0, None
    while True:
        status = None
        try:
            status = handle.status()
            label = type(status).__name__  # Queued, InProgress or Completed
            if label != shown:
                print(label, flush=True)
                shown = label
            if isinstance(status, fal_client.Completed):
                return handle.get(interval=2)
            failures = 0
            time.sleep(2)
        except fal_client.FalClientHTTPError as error:
            job_error = getattr(status, "error", None)
            if error.status_code == 422 or job_error:
                sys.exit(f"The job itself failed ({error.status_code}): {job_error or error.message}")
            if error.status_code == 404:
                sys.exit("404: wrong id, wrong model, a key of another account, or the result has expired.")
            if error.status_code < 500:
                sys.exit(f"{error.status_code}: {error.message}")  # 401/403: key or balance; the job is not affected
            problem = error
        except httpx.TransportError as error:
            problem = error
        else:
            continue
        failures += 1
        if failures > 8:
            sys.exit(f"Still no luck ({type(problem).__name__}). The job is not lost: run this again later.")
        pause = min(2**failures, 60)
        print(f"{type(problem).__name__}: asking again in {pause} s", flush=True)
        time.sleep(pause)


def files_in(value, name=""):
    """Yield (name, url) of every file in the result; formats that were not made are null."""
    if isinstance(value, dict):
        if isinstance(value.get("url"), str):
            yield name, value["url"]
            return
        for key, inner in value.items():
            yield from files_in(inner, f"{name}-{key}".strip("-"))


def download(url, target):
    if target.exists():
        return
    part = target.with_name(target.name + ".part")
    for attempt in range(1, 6):
        try:
            with httpx.stream("GET", url, follow_redirects=True, timeout=60) as response:
                response.raise_for_status()
                with part.open("wb") as file:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
            part.replace(target)  # a half-downloaded file never gets the real name
            return
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            gone = isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500
            if gone or attempt == 5:
                raise
            time.sleep(2**attempt)


OUT.mkdir(parents=True, exist_ok=True)
saved = OUT / "result.json"
if saved.exists():
    result = json.loads(saved.read_text())
else:
    result = collect()
    saved.write_text(json.dumps(result, indent=2))  # first of all: from here on the URLs are yours

seen, failed = set(), []
for name, url in files_in(result):
    if url in seen:  # model_glb and model_urls.glb may be the same file
        continue
    seen.add(url)
    target = OUT / (name + Path(urlparse(url).path).suffix)
    try:
        download(url, target)
        print("saved", target, target.stat().st_size, "bytes")
    except httpx.HTTPError as error:
        failed.append(name)
        print(f"could not download {name}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
if failed:
    sys.exit(f"Missing: {', '.join(failed)} (URLs in {saved}). 403/404 = no longer there; otherwise run this again.")
if not seen:
    sys.exit(f"The result names no files; see {saved}")
