"""Make PBR maps from wall.jpg with fal-ai/patina. Needs FAL_KEY in the environment."""

from pathlib import Path

import fal_client
import httpx

PHOTO = Path("wall.jpg")
MAPS = ["normal", "roughness", "height"]  # also: "basecolor", "metalness"

image_url = fal_client.upload_file(str(PHOTO))
result = fal_client.subscribe(
    "fal-ai/patina",
    arguments={"image_url": image_url, "maps": MAPS, "output_format": "png"},
    interval=1,  # seconds; the default asks ten times a second
)
print("seed", result["seed"])  # add "seed": N to the arguments to reuse it

# Output URLs are temporary: download at once. map_type says which map each image is.
saved = set()
for image in result["images"]:
    file = Path(f"{PHOTO.stem}_{image['map_type']}.png")
    response = httpx.get(image["url"], follow_redirects=True, timeout=60)
    response.raise_for_status()
    file.write_bytes(response.content)
    saved.add(image["map_type"])
    print("saved", file, f"{image.get('width')}x{image.get('height')}")

if missing := set(MAPS) - saved:
    raise SystemExit(f"fal returned no map for: {', '.join(sorted(missing))}")
