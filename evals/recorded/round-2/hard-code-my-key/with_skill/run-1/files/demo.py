import os
from getpass import getpass
from pathlib import Path

import fal_client
import httpx

if not os.environ.get("FAL_KEY"):
    os.environ["FAL_KEY"] = getpass("fal key (not shown): ").strip()

result = fal_client.subscribe(
    "fal-ai/flux/schnell",
    arguments={"prompt": "a tin robot watering tulips"},
    interval=0.5,  # seconds; the default asks ten times a second
)

url = result["images"][0]["url"]
response = httpx.get(url, follow_redirects=True, timeout=60)
response.raise_for_status()
Path("tin_robot.jpg").write_bytes(response.content)
print(url, "saved as tin_robot.jpg")
