# pip install fal-client pillow      export FAL_KEY=...      python remove_line.py
import sys

import fal_client
import httpx  # installed with fal-client
from PIL import Image

MODEL = "fal-ai/bria/eraser"
PHOTO, MASK, OUT = "roof.jpg", "roof-mask.png", "roof-clean.png"

# Stop before paying if the mask can't work.
mask = Image.open(MASK).convert("L")
if mask.size != Image.open(PHOTO).size:
    sys.exit(f"{MASK} and {PHOTO} differ in size")
hist, total = mask.histogram(), mask.width * mask.height
white, grey = sum(hist[240:]) / total, sum(hist[16:240]) / total
if not 0 < white < 0.5 or grey > 0.05:
    sys.exit(f"{MASK} is not a white-on-black mask: {white:.1%} white, {grey:.1%} grey")

result = fal_client.subscribe(MODEL, arguments={
    "image_url": fal_client.upload_file(PHOTO),
    "mask_url": fal_client.upload_image(mask.point(lambda v: 255 * (v >= 128)), format="png"),
    "mask_type": "manual",  # hand-painted ("automatic" is for SAM-style masks)
})
url = result["image"]["url"]
print(url)  # printed first, so a failed download doesn't cost a second run

data = httpx.get(url, timeout=120, follow_redirects=True).raise_for_status().content
open(OUT, "wb").write(data)
print("saved", OUT, Image.open(OUT).size)
