"""Put bottle.png on the shelf in bathroom.jpg with Nano Banana 2 on fal (2K).

    pip install fal-client pillow
    export FAL_KEY=...
    python place_bottle.py
"""

import io
import os
import sys
from pathlib import Path

import fal_client
import httpx
from PIL import Image, ImageOps

MODEL = "fal-ai/nano-banana-2/edit"
HERE = Path(__file__).resolve().parent
SCENE = HERE / "bathroom.jpg"
PRODUCT = HERE / "bottle.png"
OUTPUT = HERE / "bottle_on_shelf.png"

# "First image" / "second image" follow the order of image_urls below.
PROMPT = """\
Place the shampoo bottle from the second image on the empty shelf in the first image.

The result is the first image, with the same framing, camera angle, objects and colors; \
the only change is the added bottle. Do not use the white background of the second image.

Bottle: keep it exactly as in the second image: same shape, proportions, cap, colors, \
material and label. Label text and logo must stay identical, sharp and readable. \
One bottle only, upright, label facing the camera.

Integration: the base stands flat on the shelf surface, at realistic shampoo-bottle size \
for this shelf. Match the camera height, perspective and depth of field of the room. \
Relight the bottle with the room's own light: same direction, softness and color \
temperature. Add a contact shadow under the base, a cast shadow consistent with the \
room's other shadows, and reflections only where the shelf or wall is glossy.

Photorealistic product photograph."""

RATIOS = ["21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"]


def load(path: Path) -> Image.Image:
    """Open an image with its camera rotation applied."""
    if not path.is_file():
        sys.exit(f"Missing file: {path}")
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image)


def upload(path: Path) -> str:
    """Upload the file as it is, or a rotated PNG if it relies on an EXIF rotation."""
    with Image.open(path) as image:
        rotated = image.getexif().get(0x0112, 1) != 1
    if not rotated:
        return fal_client.upload_file(path)
    buffer = io.BytesIO()
    load(path).convert("RGB").save(buffer, "PNG")
    return fal_client.upload(buffer.getvalue(), "image/png", file_name=path.stem + ".png")


def nearest_ratio(size: tuple[int, int]) -> str:
    def error(ratio: str) -> float:
        w, h = map(int, ratio.split(":"))
        a, b = size[0] / size[1], w / h
        return max(a, b) / min(a, b)

    return min(RATIOS, key=error)


def free_name(path: Path) -> Path:
    """Never overwrite an earlier (paid) result."""
    candidate, n = path, 2
    while candidate.exists():
        candidate = path.with_stem(f"{path.stem}_{n}")
        n += 1
    return candidate


def main() -> None:
    if not os.environ.get("FAL_KEY"):
        sys.exit("FAL_KEY is not set. Run: export FAL_KEY=<your key from fal.ai/dashboard/keys>")

    scene, _ = load(SCENE), load(PRODUCT)  # both must be readable before anything is sent
    ratio = nearest_ratio(scene.size)  # follow the room photo, not the bottle photo

    print("Uploading images...")
    image_urls = [upload(SCENE), upload(PRODUCT)]

    print(f"Running {MODEL} (2K, {ratio})...")
    try:
        result = fal_client.subscribe(
            MODEL,
            arguments={
                "prompt": PROMPT,
                "image_urls": image_urls,
                "resolution": "2K",
                "aspect_ratio": ratio,
                "num_images": 1,
                "output_format": "png",
            },
            on_enqueue=lambda request_id: print(f"Request id: {request_id}"),
        )
    except fal_client.FalClientHTTPError as e:
        sys.exit(f"fal returned HTTP {e.status_code}: {e}")

    if not result.get("images"):
        sys.exit(f"No image returned: {result}")
    url = result["images"][0]["url"]
    print(f"Result: {url}")

    response = httpx.get(url, follow_redirects=True, timeout=120)
    response.raise_for_status()
    output = free_name(OUTPUT)
    output.write_bytes(response.content)
    with Image.open(output) as image:
        print(f"Saved {output.name} ({image.width}x{image.height})")


if __name__ == "__main__":
    main()
