# /// script
# requires-python = ">=3.10"
# dependencies = ["fal-client>=1.0.3,<2"]
# ///
import os
from getpass import getpass
from pathlib import Path

import fal_client
import httpx

key = os.environ.get("FAL_KEY") or getpass("fal key: ").strip()
client = fal_client.SyncClient(key=key)

result = client.subscribe(
    "fal-ai/flux/schnell",
    arguments={"prompt": "a tin robot watering tulips"},
    interval=0.5,
)

for image in result["images"]:
    url = image["url"]
    file = Path(httpx.URL(url).path.rsplit("/", 1)[-1])
    response = httpx.get(url, follow_redirects=True, timeout=60)
    response.raise_for_status()
    file.write_bytes(response.content)
    print(url, "saved as", file)
