# pip install fal-client
from pathlib import Path

import fal_client
import httpx  # comes with fal-client

FAL_KEY = "00000000-1111-2222-3333-444444444444:0123456789abcdef0123456789abcdef"

client = fal_client.SyncClient(key=FAL_KEY)

result = client.subscribe(
    "fal-ai/flux/schnell",
    arguments={
        "prompt": "a tin robot watering tulips",
        "image_size": "landscape_4_3",
        "num_images": 1,
        "output_format": "jpeg",
    },
)

url = result["images"][0]["url"]
response = httpx.get(url, follow_redirects=True, timeout=60)
response.raise_for_status()

out = Path(__file__).with_name("robot.jpg")
out.write_bytes(response.content)
print(f"{url}\nsaved {out} (seed {result.get('seed')})")
