"""Put bottle.png on the shelf in bathroom.jpg with Nano Banana 2 on fal.ai.

pip install "fal-client>=1.0.3,<2" pillow
export FAL_KEY=...
python place_bottle.py                     # 2K, about $0.12
python place_bottle.py --resolution 0.5K   # cheap draft, about $0.06
"""

import argparse
import math
import sys
from pathlib import Path

import fal_client
import httpx  # installed with fal-client
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
SCENE = HERE / "bathroom.jpg"
PRODUCT = HERE / "bottle.png"

# The ratios in the model's schema that a photo is likely to have.
RATIOS = ["21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16"]

PROMPT = """\
Image 1 is a photo of a bathroom with an empty shelf. Image 2 is a product shot of a shampoo bottle on a white background.

Edit image 1: stand the bottle from image 2 upright on the empty shelf, its base resting flat on the shelf surface, \
at the real-life size of a shampoo bottle relative to the shelf.

Perspective: match image 1's camera height, angle, lens and vanishing points, and its depth of field.
Light: relight the bottle with image 1's light only - same direction, softness and color temperature. Drop the studio \
lighting and the white background of image 2 entirely. Add a contact shadow under the base, a cast shadow that agrees with \
the other shadows in the room, and a reflection if the shelf or wall is glossy. Match image 1's exposure, contrast and grain.

Keep the bottle exactly as in image 2: shape, proportions, cap, colors, logo and every word on the label, sharp and unaltered.
Keep the rest of image 1 unchanged: same framing, same objects, nothing added or removed. One bottle only. \
Photorealistic, no cut-out edges or halo."""


def closest_ratio(path: Path) -> str:
    """The model's ratio nearest to the photo's, so that the scene sets the framing and not the bottle shot."""
    with Image.open(path) as image:
        width, height = ImageOps.exif_transpose(image).size  # phone photos may be stored sideways

    def distance(ratio: str) -> float:
        w, h = map(int, ratio.split(":"))
        return abs(math.log(width / height) - math.log(w / h))

    return min(RATIOS, key=distance)


def free_name(stem: str, suffix: str) -> Path:
    """A file name that is not taken: a result that was paid for is never overwritten."""
    path, number = HERE / f"{stem}{suffix}", 2
    while path.exists():
        path, number = HERE / f"{stem}-{number}{suffix}", number + 1
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description="Put bottle.png on the shelf in bathroom.jpg.")
    parser.add_argument("--resolution", default="2K", choices=["0.5K", "1K", "2K", "4K"])
    resolution = parser.parse_args().resolution

    for path in (SCENE, PRODUCT):
        if not path.is_file():
            sys.exit(f"{path} is missing")

    try:
        scene_url = fal_client.upload_file(SCENE)
        product_url = fal_client.upload_file(PRODUCT)
        result = fal_client.subscribe(
            "fal-ai/nano-banana-2/edit",
            arguments={
                "prompt": PROMPT,
                "image_urls": [scene_url, product_url],  # the order that the prompt calls image 1 and image 2
                "resolution": resolution,
                "aspect_ratio": closest_ratio(SCENE),
                "num_images": 1,
                "output_format": "png",
            },
            interval=1,  # seconds between status checks
            on_enqueue=lambda request_id: print("request id:", request_id),
        )
    except fal_client.auth.MissingCredentialsError:
        sys.exit("Set FAL_KEY first: https://fal.ai/dashboard/keys")
    except fal_client.FalClientHTTPError as error:
        # For a 422, message is a list that names each refused field; a 403 "locked" is about the balance.
        sys.exit(f"fal answered {error.status_code}: {error.message}")

    # Output URLs are public and temporary: download at once.
    for image in result["images"]:
        print("url:", image["url"])
        response = httpx.get(image["url"], follow_redirects=True, timeout=120)
        response.raise_for_status()
        file = free_name(f"shelf-{resolution}", ".png")
        file.write_bytes(response.content)
        with Image.open(file) as saved:
            print(f"saved {file.name}: {saved.width} x {saved.height}")


if __name__ == "__main__":
    main()
