"""One rough 16:9 storyboard frame with FLUX.1 [schnell] on fal.

    export FAL_KEY="..."                       # from https://fal.ai/dashboard/keys
    python frame.py                            # the rooftop frame
    python frame.py "getaway van, rear view"   # any other frame
"""

import sys
import time
from pathlib import Path

import fal_client
import httpx

MODEL = "fal-ai/flux/schnell"
PROMPT = "two figures on a rain-slicked rooftop at night, neon signs behind them, low angle"
FRAMES = Path("frames")


def main() -> None:
    prompt = sys.argv[1] if len(sys.argv) > 1 else PROMPT
    try:
        result = fal_client.subscribe(
            MODEL,
            arguments={
                "prompt": prompt,
                "image_size": "landscape_16_9",  # 1024x576, billed as 1 megapixel
                "num_inference_steps": 4,
                # "seed": 7,  # set it to repeat a frame; otherwise each run differs
            },
            interval=0.5,  # seconds between status checks
        )
    except fal_client.auth.MissingCredentialsError:
        sys.exit("FAL_KEY is not set: get a key at https://fal.ai/dashboard/keys")
    except fal_client.FalClientHTTPError as error:
        sys.exit(f"fal answered {error.status_code}: {error.message}")

    # The URL is temporary, so download at once.
    url = result["images"][0]["url"]
    response = httpx.get(url, follow_redirects=True, timeout=60)
    response.raise_for_status()
    FRAMES.mkdir(exist_ok=True)
    suffix = Path(httpx.URL(url).path).suffix or ".jpg"
    file = FRAMES / f"{time.strftime('%Y%m%d-%H%M%S')}-seed{result['seed']}{suffix}"
    file.write_bytes(response.content)
    print(f"{file}  (seed {result['seed']})\n{url}")

    if any(result.get("has_nsfw_concepts") or []):
        print("The safety checker flagged this frame; it may be blank. Reword the prompt.")


if __name__ == "__main__":
    main()
