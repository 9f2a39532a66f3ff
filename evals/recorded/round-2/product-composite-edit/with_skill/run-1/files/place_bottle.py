"""Put bottle.png on the shelf in bathroom.jpg with Nano Banana 2 on fal.

pip install 'fal-client>=1.0.3,<2'
export FAL_KEY=...        # from https://fal.ai/dashboard/keys
python place_bottle.py
"""

import time
from pathlib import Path

import fal_client
import httpx  # comes with fal-client

HERE = Path(__file__).resolve().parent
RESOLUTION = "2K"  # "0.5K" at half the price while you tune the prompt

PROMPT = (
    "Image 1 is an empty bathroom shelf. Image 2 is our shampoo bottle, a packshot on a white background. "
    "Place the bottle from image 2 standing upright on the shelf in image 1. "
    "Match the room's light direction, color temperature and softness, the camera perspective and depth of field, "
    "and a believable real-life size. Add a contact shadow where the base touches the shelf, and a soft cast shadow "
    "and reflections consistent with the surfaces. "
    "Keep the bottle's shape, proportions, colors, logo and label text exactly as in image 2, with no white halo. "
    "Leave the rest of image 1, its framing and camera angle unchanged. Add no other objects."
)

# The order matters: the prompt speaks of "image 1" and "image 2".
bathroom = fal_client.upload_file(HERE / "bathroom.jpg")
bottle = fal_client.upload_file(HERE / "bottle.png")

result = fal_client.subscribe(
    "fal-ai/nano-banana-2/edit",
    arguments={
        "prompt": PROMPT,
        "image_urls": [bathroom, bottle],
        "resolution": RESOLUTION,  # the default is 1K
        "aspect_ratio": "3:2",  # that of bathroom.jpg (1920x1280)
        "num_images": 1,
        "output_format": "png",
    },
    interval=0.5,  # seconds; the default polls ten times a second
)

# fal's output URLs are public and temporary: save the file at once.
stamp = time.strftime("%Y%m%d-%H%M%S")
for number, image in enumerate(result["images"], start=1):
    print(image["url"])
    response = httpx.get(image["url"], follow_redirects=True, timeout=60)
    response.raise_for_status()
    target = HERE / f"bottle_on_shelf-{RESOLUTION}-{stamp}-{number}.png"
    target.write_bytes(response.content)
    print("saved as", target)
