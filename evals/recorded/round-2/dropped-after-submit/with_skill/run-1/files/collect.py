"""Collect a finished (or still running) fal job by its request id. Never submits anything.

pip install "fal-client>=1.0.3,<2"; FAL_KEY must be of the account that submitted the job.
Safe to run again as often as needed: python collect.py [REQUEST_ID]
"""

import json
import sys
import time
from pathlib import Path

import fal_client
import httpx

MODEL = "fal-ai/hunyuan-3d/v3.1/pro/image-to-3d"
REQUEST_ID = sys.argv[1] if len(sys.argv) > 1 else "7f1c2a90-3d5e-4b6a-9c0d-1e2f3a4b5c6d"
OUT = Path(f"fal-{REQUEST_ID}")
GIVE_UP_AFTER = 10  # failed attempts in a row, with growing pauses (about 6 minutes)


def patiently(ask):
    """Call ask() until the network and fal's gateway let it through; only GETs go in here."""
    for attempt in range(1, GIVE_UP_AFTER + 1):
        try:
            return ask()
        except (httpx.TransportError, fal_client.FalClientHTTPError, httpx.HTTPStatusError) as error:
            code = getattr(error, "status_code", None)
            if isinstance(error, httpx.HTTPStatusError):
                code = error.response.status_code
            if (code and code < 500) or attempt == GIVE_UP_AFTER:
                raise
            pause = min(2**attempt, 60)
            print(f"{type(error).__name__} {code or ''}: asking again in {pause} s", file=sys.stderr)
            time.sleep(pause)


def wait_and_fetch():
    handle = fal_client.sync_client.get_handle(MODEL, REQUEST_ID)
    shown = None
    while True:
        status = patiently(handle.status)
        if status != shown:
            print(status)
            shown = status
        if isinstance(status, fal_client.Completed):
            break
        time.sleep(5)
    if getattr(status, "error", None):
        handle.get()  # raises with fal's reason
    return patiently(handle.get)


def files_in(value):
    """Yield (url, file_name) of every file in the result: GLB, OBJ, MTL, FBX, USDZ, textures, thumbnail."""
    if isinstance(value, dict):
        if isinstance(value.get("url"), str):
            yield value["url"], value.get("file_name")
        else:
            for item in value.values():
                yield from files_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from files_in(item)


def download(url, target):
    part = target.with_name(target.name + ".part")
    with httpx.stream("GET", url, follow_redirects=True, timeout=60) as response:
        response.raise_for_status()
        with part.open("wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
    part.replace(target)  # a half-downloaded file never gets the final name


def main():
    result = wait_and_fetch()
    OUT.mkdir(exist_ok=True)
    (OUT / "result.json").write_text(json.dumps(result, indent=2))  # first: it holds the URLs
    saved = {}
    for url, file_name in files_in(result):
        if url in saved.values():
            continue  # model_glb and model_urls.glb may be the same file
        name = Path(file_name or httpx.URL(url).path).name or "file"
        if name in saved:
            name = f"{len(saved)}-{name}"
        saved[name] = url
        if not (OUT / name).exists():
            patiently(lambda: download(url, OUT / name))
        print("saved", OUT / name)


try:
    main()
except fal_client.FalClientHTTPError as error:
    sys.exit(f"{error.status_code} {error.error_type or ''} {error.message}")
except httpx.HTTPStatusError as error:
    sys.exit(f"download failed: {error}")
except httpx.TransportError as error:
    sys.exit(f"{type(error).__name__}: the network is still down. The job goes on at fal; run this again later.")
