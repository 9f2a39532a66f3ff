#!/usr/bin/env python3
"""Generate an 8-second handheld clip of a lighthouse keeper with Sora 2 on fal.

    pip install fal-client
    export FAL_KEY=...            # https://fal.ai/dashboard/keys
    python lighthouse.py          # every run is a new, paid generation

Interrupted? Fetch the same clip without paying again:
    python lighthouse.py --request-id <id printed at the start>
"""

import argparse
import sys
from pathlib import Path

import fal_client
import httpx
from fal_client.auth import MissingCredentialsError

ENDPOINT = "fal-ai/sora-2/text-to-video"

PROMPT = """\
Handheld documentary shot, one continuous take, inside an old stone lighthouse \
at dusk. A weathered lighthouse keeper in his sixties, grey beard, navy wool \
sweater, climbs a narrow iron spiral staircase, a brass lantern in his left \
hand, his right hand sliding along the rail.

Camera: follows a few steps behind and below him, 28mm lens, eye level with his \
back, natural footstep sway and small reframing corrections, catching up as he \
rounds the curve. No cuts.

Action: he climbs at a steady, tired pace; halfway through he pauses for one \
breath and glances up toward the lamp room; then he climbs on.

Light: warm swinging lantern light on wet whitewashed stone, cold blue dusk \
through one slit window. Muted colours, fine film grain.

Sound: boots ringing on iron, his breathing, the lantern handle creaking, \
muffled wind and surf outside. No music, no dialogue."""


def parse_args():
    p = argparse.ArgumentParser(description="Lighthouse clip with Sora 2 on fal.")
    p.add_argument("-o", "--output", type=Path, default=Path("lighthouse.mp4"))
    p.add_argument("--prompt", default=PROMPT)
    p.add_argument("--aspect", choices=["16:9", "9:16"], default="16:9")
    p.add_argument("--request-id", help="fetch an earlier request; submits nothing")
    return p.parse_args()


def wait(handle):
    last = None
    for status in handle.iter_events(interval=3):
        if isinstance(status, fal_client.Queued):
            text = f"queued (position {status.position})"
        elif isinstance(status, fal_client.InProgress):
            text = "generating..."
        else:
            text = "finished"
        if text != last:
            print(text, flush=True)
            last = text
    return handle.get()


def download(url, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with httpx.stream("GET", url, follow_redirects=True, timeout=120) as r:
        r.raise_for_status()
        with part.open("wb") as f:
            for chunk in r.iter_bytes():
                f.write(chunk)
    part.replace(path)


def main():
    args = parse_args()
    if args.output.exists():
        sys.exit(f"{args.output} already exists; choose another name with -o.")

    request_id = args.request_id
    try:
        client = fal_client.SyncClient()
        if request_id:
            handle = client.get_handle(ENDPOINT, request_id)
        else:
            handle = client.submit(
                ENDPOINT,
                arguments={
                    "prompt": args.prompt,
                    "duration": 8,  # seconds; the default is 4
                    "aspect_ratio": args.aspect,
                    "resolution": "720p",
                },
            )
            request_id = handle.request_id
            print(f"request id: {request_id}", flush=True)

        url = wait(handle)["video"]["url"]
        print(f"video url: {url}", flush=True)
        download(url, args.output)
    except MissingCredentialsError:
        sys.exit("No fal credentials: export FAL_KEY first (https://fal.ai/dashboard/keys).")
    except fal_client.FalClientHTTPError as e:
        hint = ""
        if e.status_code in (401, 403):
            hint = "\nCheck FAL_KEY and the account's balance."
        elif e.status_code in (404, 410) or e.status_code >= 500:
            hint = f"\nIs {ENDPOINT} still being served? See https://fal.ai/models/{ENDPOINT}"
        sys.exit(f"fal returned HTTP {e.status_code}: {e.message}{hint}")
    except (httpx.HTTPError, KeyboardInterrupt) as e:
        reason = "Interrupted" if isinstance(e, KeyboardInterrupt) else f"Network error: {e}"
        if request_id:
            reason += f"\nThe request is still on fal. Resume: python {sys.argv[0]} --request-id {request_id}"
        sys.exit(reason)

    print(f"saved {args.output} ({args.output.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
