"""Collect the result of a fal queue job that was already submitted.

Only reads: status, result, file downloads. It never submits and never cancels,
so it starts no new job. Safe to re-run; finished files are skipped and
partial downloads resume.

    export FAL_KEY=...            # same fal account that submitted the job
    python recover_fal.py         # or: python recover_fal.py REQUEST_ID [ENDPOINT]
"""

import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlparse

import fal_client
import httpx

REQUEST_ID = sys.argv[1] if len(sys.argv) > 1 else "7f1c2a90-3d5e-4b6a-9c0d-1e2f3a4b5c6d"
ENDPOINT = sys.argv[2] if len(sys.argv) > 2 else "fal-ai/hunyuan-3d/v3.1/pro/image-to-3d"
OUT = Path("recovered") / REQUEST_ID
POLL_SECONDS = 5


def http_status(exc):
    """HTTP status behind an exception, None if no response arrived (network trouble)."""
    return getattr(getattr(exc, "response", None), "status_code", None)


def patiently(call, what, retry_codes, max_http_retries=8):
    """Run call(). Network trouble: retry for ever. HTTP retry_codes: a few times."""
    http_failures = 0
    while True:
        try:
            return call()
        except httpx.TransportError as exc:  # includes ReadTimeout
            print(f"{what}: {type(exc).__name__}, retrying (Ctrl-C is harmless)")
        except Exception as exc:
            http_failures += 1
            if http_status(exc) not in retry_codes or http_failures > max_http_retries:
                raise
            print(f"{what}: HTTP {http_status(exc)}, retrying")
        time.sleep(POLL_SECONDS)


def wait_until_completed():
    last = None
    while True:
        status = patiently(
            lambda: fal_client.status(ENDPOINT, REQUEST_ID, with_logs=False),
            "status", {429, 500, 502, 503, 504},
        )
        line = type(status).__name__
        if isinstance(status, fal_client.Queued):
            line += f" (position {status.position})"
        if line != last:
            print("status:", line)
            last = line
        if isinstance(status, fal_client.Completed):
            if getattr(status, "error", None):
                print("fal reports an error for this job:", status.error)
            return
        time.sleep(POLL_SECONDS)


def find_files(node, path=()):
    """Every URL in the result, as (key path, url, suggested file name)."""
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and value.startswith(("https://", "http://")):
                name = node.get("file_name") if key == "url" else None
                yield path if key == "url" else (*path, key), value, name
            else:
                yield from find_files(value, (*path, key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from find_files(value, (*path, str(i)))


def download(url, target):
    part = target.with_name(target.name + ".part")

    def attempt():
        have = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        # No fal key here: file URLs are not the fal API.
        with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=60) as r:
            if r.status_code == 416:  # leftover does not fit the file: start over
                part.unlink()
                raise httpx.ReadError("bad partial file")
            r.raise_for_status()
            with part.open("ab" if r.status_code == 206 else "wb") as f:
                for chunk in r.iter_bytes():
                    f.write(chunk)

    patiently(attempt, target.name, {429, 500, 502, 503, 504})
    part.replace(target)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    result_file = OUT / "result.json"

    if result_file.exists():
        result = json.loads(result_file.read_text())
    else:
        try:
            wait_until_completed()
            result = patiently(
                lambda: fal_client.result(ENDPOINT, REQUEST_ID),
                "result", {429, 502, 503, 504},
            )
        except Exception as exc:
            code = http_status(exc)
            if code is None:
                raise
            hint = {
                401: "FAL_KEY is missing or wrong.",
                403: "This key may not read the job: use a key of the account that submitted it.",
                404: "Unknown here: check the id, and that the key belongs to the same account/team.",
            }.get(code, "Probably the job's own failure; the message above says why.")
            sys.exit(f"HTTP {code}: {exc}\n{hint}\nNothing was submitted.")
        result_file.write_text(json.dumps(result, indent=2))  # keep the URLs before anything else
    print("result saved:", result_file)

    seen, names = set(), set()
    for path, url, name in find_files(result):
        if url in seen:
            continue
        seen.add(url)
        name = os.path.basename(name or unquote(urlparse(url).path)) or "file"
        if name in names:
            name = "_".join((*path, name))
        names.add(name)
        target = OUT / name
        if not target.exists():
            download(url, target)
        print(f"  {'.'.join(path)}: {target} ({target.stat().st_size:,} bytes)")
    if not seen:
        print("No file URLs in the result; look at", result_file)


if __name__ == "__main__":
    main()
