"""Upscale a photo 4x on fal with DRCT super-resolution, plus a free Lanczos reference.

    pip install "fal-client>=1.0.3,<2" httpx pillow
    export FAL_KEY=...            # your key, never in the code
    python upscale.py scan_017.jpg --expect 1200x900
"""
import argparse
import json
import sys
from pathlib import Path

import fal_client
import httpx
from PIL import Image, ImageChops, ImageStat

MODEL = "fal-ai/drct-super-resolution"
FACTOR = 4
KEEP_SECONDS = 86400  # a family photo: let fal's copies, public by URL, expire after a day

parser = argparse.ArgumentParser()
parser.add_argument("photo", type=Path)
parser.add_argument("--expect", metavar="WxH", help="stop, before anything is uploaded or paid, if the photo has another size")
args = parser.parse_args()

original = Image.open(args.photo).convert("RGB")
width, height = original.size
if args.expect and args.expect.lower() != f"{width}x{height}":
    sys.exit(f"{args.photo} is {width}x{height}, not {args.expect}: wrong file? Nothing was uploaded or charged.")
target = (width * FACTOR, height * FACTOR)

# The zero-invention reference: plain interpolation, local, free.
reference_file = args.photo.with_name(f"{args.photo.stem}_x{FACTOR}_lanczos.png")
original.resize(target, Image.Resampling.LANCZOS).save(reference_file)

image_url = fal_client.upload_file(str(args.photo), lifecycle=fal_client.StorageSettings(expires_in=KEEP_SECONDS))
result = fal_client.subscribe(
    MODEL,
    arguments={"image_url": image_url, "upscale_factor": FACTOR},
    headers={"X-Fal-Object-Lifecycle-Preference": json.dumps({"expiration_duration_seconds": KEEP_SECONDS})},
    interval=1,
)

# The URL is temporary: save the bytes as they came, without re-encoding.
url = result["image"]["url"]
print("result:", url)
response = httpx.get(url, follow_redirects=True, timeout=120)
response.raise_for_status()
suffix = Path(httpx.URL(url).path).suffix or ".png"
output_file = args.photo.with_name(f"{args.photo.stem}_x{FACTOR}_drct{suffix}")
output_file.write_bytes(response.content)
print("saved", output_file, "and, to compare,", reference_file)

# Does it still agree with the scan? Shrunk back, both should be almost the same picture as the original.
for name, file in (("drct", output_file), ("lanczos", reference_file)):
    upscaled = Image.open(file).convert("RGB")
    if upscaled.size != target:
        print(f"WARNING: {file} is {upscaled.size}, expected {target}")
    difference = ImageChops.difference(original, upscaled.resize(original.size, Image.Resampling.BOX)).convert("L")
    mean, most = ImageStat.Stat(difference).mean[0], difference.getextrema()[1]
    print(f"{name:8} shrunk back, differs from the scan by {mean:.2f} of 255 on average, {most} at most")
