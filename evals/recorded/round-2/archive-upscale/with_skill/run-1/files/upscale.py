"""Upscale scan_017.jpg 4x with DRCT on fal. Needs FAL_KEY in the environment."""
from pathlib import Path

import fal_client
import httpx
from PIL import Image

SOURCE = Path("scan_017.jpg")
FACTOR = 4

with Image.open(SOURCE) as scan:
    expected = (scan.width * FACTOR, scan.height * FACTOR)
    # Plain interpolation, free and local: what the scan itself holds. Compare faces against this.
    scan.resize(expected, Image.Resampling.LANCZOS).save(f"{SOURCE.stem}_lanczos_{FACTOR}x.png")

image_url = fal_client.upload_file(str(SOURCE))
result = fal_client.subscribe(
    "fal-ai/drct-super-resolution",
    arguments={"image_url": image_url, "upscale_factor": FACTOR},
    interval=1,
)

url = result["image"]["url"]
print("output url (public, temporary):", url)
response = httpx.get(url, follow_redirects=True, timeout=300)
response.raise_for_status()
suffix = Path(httpx.URL(url).path).suffix or ".png"
target = Path(f"{SOURCE.stem}_drct_{FACTOR}x{suffix}")
target.write_bytes(response.content)

with Image.open(target) as upscaled:
    print("saved", target, upscaled.size)
    if upscaled.size != expected:
        print("warning: expected", expected)
