"""4x upscale of a photo with fal's Topaz endpoint, in its most literal setting.

    pip install fal-client httpx pillow numpy
    export FAL_KEY=...
    python upscale.py scan_017.jpg            # free: checks size + schema, shows the price
    python upscale.py scan_017.jpg --run      # paid: one image
"""
import argparse
import io
import json
import sys
from pathlib import Path

import fal_client
import httpx
import numpy as np
from PIL import Image, ImageOps

ENDPOINT = "fal-ai/topaz/upscale/image"
SCHEMA_URL = f"https://fal.ai/api/openapi/queue/openapi.json?endpoint_id={ENDPOINT}"
FACTOR = 4
SETTINGS = {
    "model": "High Fidelity V2",   # not Redefine / Recovery / Wonder: those synthesise detail
    "upscale_factor": FACTOR,
    "face_enhancement": False,     # ON by default, and it redraws faces
    "output_format": "png",        # no second round of JPEG loss
}
# (max output megapixels, USD per image). Remembered, not looked up: check the model page.
PRICE_TIERS = [(24, 0.08), (48, 0.16), (96, 0.32)]


def price(megapixels):
    return next((usd for cap, usd in PRICE_TIERS if megapixels <= cap), None)


def check_schema():
    """A parameter the API does not know could be ignored silently, which would
    leave face enhancement on. So look before paying."""
    text = httpx.get(SCHEMA_URL, timeout=30, follow_redirects=True).raise_for_status().text
    wanted = ["image_url", *SETTINGS, SETTINGS["model"], SETTINGS["output_format"]]
    missing = [w for w in wanted if f'"{w}"' not in text]
    if missing:
        sys.exit(f"Not in the endpoint's current schema: {missing}. Fix SETTINGS; see {SCHEMA_URL}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("photo", type=Path)
    ap.add_argument("--run", action="store_true", help="actually call fal (costs money)")
    ap.add_argument("--expect", default="1200x900", help="size the scan should have, or 'any'")
    ap.add_argument("--skip-schema-check", action="store_true")
    a = ap.parse_args()

    src = ImageOps.exif_transpose(Image.open(a.photo)).convert("RGB")
    w, h = src.size
    if a.expect != "any" and a.expect != f"{w}x{h}":
        sys.exit(f"{a.photo} is {w}x{h}, expected {a.expect}. Wrong file? (--expect any to override)")
    mp = w * h * FACTOR**2 / 1e6
    usd = price(mp)
    print(f"{w}x{h} -> {w*FACTOR}x{h*FACTOR} ({mp:.2f} MP), about "
          + (f"${usd:.2f}" if usd else "(above the tiers I know)"))

    # Zero-invention reference, free: what you compare the result against.
    plain = a.photo.with_name(f"{a.photo.stem}_4x_lanczos.png")
    src.resize((w * FACTOR, h * FACTOR), Image.Resampling.LANCZOS).save(plain)
    print(f"wrote {plain} (plain resampling)")

    if not a.skip_schema_check:
        try:
            check_schema()
        except httpx.HTTPError as e:
            sys.exit(f"Could not read the schema ({e!r}). --skip-schema-check to go on without.")
        print("schema check passed")
    if not a.run:
        print("Nothing sent, nothing charged. Add --run to upscale.")
        return

    # Family photo: let the uploaded file and the result expire from fal's CDN after a day.
    # Upright RGB pixels, losslessly, so that what goes in is what we compare with.
    upright = a.photo.with_name(f".{a.photo.stem}_upload.png")
    src.save(upright)
    try:
        url = fal_client.upload_file(upright, lifecycle=fal_client.StorageSettings(expires_in="1d"))
    finally:
        upright.unlink()
    result = fal_client.subscribe(
        ENDPOINT,
        {"image_url": url, **SETTINGS},
        headers={"X-Fal-Object-Lifecycle-Preference": json.dumps({"expiration_duration_seconds": 86400})},
        on_enqueue=lambda rid: print("request id", rid),  # recover with fal_client.result(ENDPOINT, rid)
    )
    data = httpx.get(result["image"]["url"], timeout=300, follow_redirects=True).raise_for_status().content
    out = a.photo.with_name(f"{a.photo.stem}_4x_topaz.png")
    out.write_bytes(data)
    big = Image.open(io.BytesIO(data)).convert("RGB")
    print(f"wrote {out} {big.size[0]}x{big.size[1]}")
    if big.size != (w * FACTOR, h * FACTOR):
        print("WARNING: not exactly 4x")

    # Shrink back and compare: an honest upscale returns (nearly) the scan.
    back = big.resize((w, h), Image.Resampling.BOX)
    d = np.abs(np.asarray(back, np.int16) - np.asarray(src, np.int16)).max(axis=2)
    diff = a.photo.with_name(f"{a.photo.stem}_4x_changes.png")
    Image.fromarray(np.clip(d * 8, 0, 255).astype(np.uint8)).save(diff)
    print(f"shrunk back vs scan: mean {d.mean():.2f}, 99th pct {np.percentile(d, 99):.0f}, max {d.max()} (of 255)")
    print(f"wrote {diff} (differences x8: bright = altered; look at the faces)")


if __name__ == "__main__":
    main()
