"""One rough 16:9 storyboard frame from fal. Needs FAL_KEY in the environment."""
from pathlib import Path

import fal_client
import httpx

PROMPT = "two figures on a rain-slicked rooftop at night, neon signs behind them, low angle"
OUT = Path("frames")

result = fal_client.subscribe(
    "fal-ai/flux/schnell",
    arguments={
        "prompt": PROMPT,
        "image_size": "landscape_16_9",  # 1024x576, billed as 1 megapixel
        "acceleration": "high",  # speed over beauty; drop this line if frames look too rough
    },
    interval=0.5,  # seconds between status checks; the default asks ten times a second
)

OUT.mkdir(exist_ok=True)
for image in result["images"]:
    url = image["url"]
    file = OUT / httpx.URL(url).path.rsplit("/", 1)[-1]
    response = httpx.get(url, follow_redirects=True, timeout=60)  # the URL is temporary: save now
    response.raise_for_status()
    file.write_bytes(response.content)
    print(f"saved {file}  seed {result['seed']}  {url}")
