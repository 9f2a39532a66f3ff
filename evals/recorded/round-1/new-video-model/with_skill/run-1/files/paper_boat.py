"""One 8-second 9:16 clip from MiniMax H3 on fal: about $0.40 per run.

    pip install "fal-client>=1.0.3,<2"
    export FAL_KEY=...                    # from https://fal.ai/dashboard/keys
    python paper_boat.py                  # new clip (billed)
    python paper_boat.py REQUEST_ID       # collect a clip that was already submitted (not billed again)
"""
import sys
from pathlib import Path

import fal_client
import httpx

MODEL = "minimax/h3/text-to-video"
OUTPUT = Path("paper_boat.mp4")
ARGUMENTS = {
    "prompt": (
        "A small folded white paper boat drifts down a street gutter in heavy rain. "
        "Low tracking shot at water level, moving alongside the boat. Fat raindrops splash "
        "on the fast-running water and the wet asphalt; the boat rocks, nudges the kerb and "
        "spins free. Overcast grey light, wet reflections, shallow depth of field, realistic."
    ),
    "aspect_ratio": "9:16",  # default: 16:9
    "duration": 8,           # seconds, an integer; default: 5
    "resolution": "480P",    # the cheapest; capital P. Default: 2K, at 2.6 times the price
}


def submit():
    # fal-client resends a submit whose reply is lost: a second, billed job. Send it once.
    attempts, fal_client.client.MAX_ATTEMPTS = fal_client.client.MAX_ATTEMPTS, 1
    try:
        return fal_client.submit(MODEL, arguments=ARGUMENTS).request_id
    finally:
        fal_client.client.MAX_ATTEMPTS = attempts


def main():
    try:
        request_id = sys.argv[1] if len(sys.argv) > 1 else submit()
        print(f"request {request_id} (to collect it later: python {sys.argv[0]} {request_id})", flush=True)
        result = fal_client.sync_client.get_handle(MODEL, request_id).get(interval=2)
    except fal_client.FalClientHTTPError as error:
        raise SystemExit(f"fal answered {error.status_code}: {error.message}")

    url = result["video"]["url"]  # public and temporary, so download it now
    response = httpx.get(url, follow_redirects=True, timeout=120)
    response.raise_for_status()
    OUTPUT.write_bytes(response.content)
    print(f"{url} saved as {OUTPUT}")


if __name__ == "__main__":
    main()
