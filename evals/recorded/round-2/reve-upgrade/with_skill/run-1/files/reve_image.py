"""Reve 2.1 on fal. Replaces calls to fal-ai/reve/text-to-image.

    pip install 'fal-client>=1.0.3,<2'      # FAL_KEY in the environment
    python reve_image.py "A red fox in a misty forest at dawn"
"""
import sys
from pathlib import Path

import fal_client
import httpx

MODEL = "reve/2.1/text-to-image"  # was fal-ai/reve/text-to-image; no "fal-ai/" in front


def generate(prompt, aspect_ratio="3:2", num_images=1, output_format="png"):
    """Return fal's result; the URLs are result["images"][i]["url"], as before."""
    return fal_client.subscribe(
        MODEL,
        arguments={
            "prompt": prompt,
            "aspect_ratio": aspect_ratio,  # always send it: 2.1 defaults to "auto", the old model to 3:2
            "num_images": num_images,  # billed per image
            "output_format": output_format,
        },
        interval=0.5,  # seconds between polls; the default asks ten times a second
    )


def save(result, folder="."):
    """Download every image (fal's URLs are public and temporary); return the paths."""
    paths = []
    for image in result["images"]:
        path = Path(folder) / httpx.URL(image["url"]).path.rsplit("/", 1)[-1]
        response = httpx.get(image["url"], follow_redirects=True, timeout=60)
        response.raise_for_status()
        path.write_bytes(response.content)
        paths.append(path)
    return paths


if __name__ == "__main__":
    for path in save(generate(sys.argv[1])):
        print("saved", path)
