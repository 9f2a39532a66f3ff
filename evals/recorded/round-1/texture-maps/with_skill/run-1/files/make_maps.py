"""Make PBR maps from a photo with fal-ai/patina.

    pip install "fal-client>=1.0.3,<2"
    export FAL_KEY=...            # from https://fal.ai/dashboard/keys
    python make_maps.py [photo]   # default: wall.jpg; every run is a paid call

Writes <photo>_normal.png, <photo>_roughness.png and <photo>_height.png next to the photo.
"""

import sys
from pathlib import Path

import fal_client
import httpx

MAPS = ["normal", "roughness", "height"]  # also there: "basecolor", "metalness"

photo = Path(sys.argv[1] if len(sys.argv) > 1 else "wall.jpg")
if not photo.is_file():
    sys.exit(f"no such photo: {photo}")

try:
    result = fal_client.subscribe(
        "fal-ai/patina",
        arguments={
            "image_url": fal_client.upload_file(photo),
            "maps": MAPS,
            "output_format": "png",  # lossless: JPEG blocks would show up as bumps
        },
        on_enqueue=lambda request_id: print("request", request_id),
        interval=1,  # the default polls ten times a second
    )
except fal_client.auth.MissingCredentialsError:
    sys.exit("FAL_KEY is not set")
except fal_client.FalClientHTTPError as error:
    sys.exit(f"fal answered {error.status_code}: {error.message}")
except httpx.HTTPStatusError as error:  # from the upload: 401 = key, 403 = most often the balance
    sys.exit(f"upload failed: {error.response.status_code} {error.response.text}")

# Each image says which map it is; do not rely on the order of the list.
urls = {image["map_type"]: image["url"] for image in result["images"]}
for name, url in urls.items():
    print(name, url)  # before the download, so that a failed one can be fetched again without paying

for name, url in urls.items():
    response = httpx.get(url, follow_redirects=True, timeout=60)
    response.raise_for_status()
    target = photo.with_name(f"{photo.stem}_{name}.png")
    target.write_bytes(response.content)
    print("saved", target)

missing = [name for name in MAPS if name not in urls]
if missing:
    sys.exit(f"fal did not return: {', '.join(missing)}")
