"""Text to image with Reve 2.1 on fal.ai. Replaces calls to fal-ai/reve/text-to-image.

pip install 'fal-client>=1.0.3,<2'      (the key is read from FAL_KEY)
python reve_image.py "a lighthouse on a cliff at dusk"
"""

import sys
from pathlib import Path

import fal_client
import httpx  # installed with fal-client

MODEL = "reve/2.1/text-to-image"  # was fal-ai/reve/text-to-image; no "fal-ai/" in front of this one


def generate(
    prompt: str,
    *,
    aspect_ratio: str = "3:2",  # always sent: 2.1 defaults to "auto", the old endpoint to "3:2"
    num_images: int = 1,  # each image is billed
    output_format: str = "png",  # or "jpeg", "webp"
) -> dict:
    """Return fal's result: {"images": [{"url": ..., ...}, ...]}, as the old endpoint did."""
    return fal_client.subscribe(
        MODEL,
        arguments={
            "prompt": prompt,
            "aspect_ratio": aspect_ratio,
            "num_images": num_images,
            "output_format": output_format,
        },
        interval=0.5,  # seconds between polls; the default polls ten times a second
    )


def download(result: dict, folder: str | Path = ".") -> list[Path]:
    """Save every image of a result; fal's URLs are public and temporary."""
    files = []
    for image in result["images"]:
        response = httpx.get(image["url"], follow_redirects=True, timeout=60)
        response.raise_for_status()
        file = Path(folder) / httpx.URL(image["url"]).path.rsplit("/", 1)[-1]
        file.write_bytes(response.content)
        files.append(file)
    return files


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('usage: python reve_image.py "PROMPT"')
    for saved in download(generate(sys.argv[1])):
        print("saved", saved)
