#!/usr/bin/env python3
"""Generate one rough 16:9 storyboard frame on fal (FLUX.1 [schnell]).

    pip install fal-client
    export FAL_KEY="..."            # https://fal.ai/dashboard/keys
    python frame.py                 # the rooftop frame
    python frame.py "prompt" --seed 42 --out frames/sc03_sh02.jpg
"""
import argparse
import sys
import time
from pathlib import Path

import fal_client
import httpx  # installed with fal-client

MODEL = "fal-ai/flux/schnell"
PROMPT = (
    "two figures on a rain-slicked rooftop at night, "
    "neon signs behind them, low angle"
)


def generate(prompt: str, seed: int | None = None) -> dict:
    args = {
        "prompt": prompt,
        "image_size": "landscape_16_9",  # 1024x576; under 1 MP = cheapest billing step
        "num_inference_steps": 4,        # what schnell is built for
        "num_images": 1,                 # each image is billed
        "output_format": "jpeg",
    }
    if seed is not None:
        args["seed"] = seed
    return fal_client.subscribe(MODEL, arguments=args, client_timeout=120)


def main() -> None:
    ap = argparse.ArgumentParser(description="One storyboard frame on fal.")
    ap.add_argument("prompt", nargs="?", default=PROMPT)
    ap.add_argument("--seed", type=int, help="reuse a seed to reproduce a frame")
    ap.add_argument("--out", type=Path, help="default: frames/<time>_<seed>.jpg")
    opts = ap.parse_args()

    start = time.monotonic()
    try:
        result = generate(opts.prompt, opts.seed)
    except fal_client.auth.MissingCredentialsError:
        sys.exit("No fal credentials: set FAL_KEY first.")
    except fal_client.FalClientHTTPError as e:
        sys.exit(f"fal returned HTTP {e.status_code}: {e}")
    except fal_client.FalClientTimeoutError as e:
        sys.exit(f"Gave up waiting: {e}")
    except httpx.TransportError as e:
        sys.exit(f"Could not reach fal: {e}")

    image, seed = result["images"][0], result.get("seed")
    out = opts.out or Path("frames") / f"{time.strftime('%Y%m%d-%H%M%S')}_{seed}.jpg"
    out.parent.mkdir(parents=True, exist_ok=True)

    try:
        response = httpx.get(image["url"], timeout=60, follow_redirects=True)
        response.raise_for_status()
    except httpx.HTTPError as e:  # already paid for: don't lose the link
        sys.exit(f"Generated, but the download failed ({e}). Image: {image['url']}")
    out.write_bytes(response.content)

    print(
        f"{out}  {image.get('width')}x{image.get('height')}  "
        f"seed {seed}  {time.monotonic() - start:.1f}s"
    )
    if any(result.get("has_nsfw_concepts") or []):
        print("Note: safety checker flagged this one; the frame may be blacked out.")


if __name__ == "__main__":
    main()
