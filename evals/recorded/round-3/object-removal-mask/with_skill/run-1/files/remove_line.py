from pathlib import Path

import fal_client
import httpx

result = fal_client.subscribe(
    "fal-ai/object-removal/mask",
    arguments={
        "image_url": fal_client.upload_file("roof.jpg"),
        "mask_url": fal_client.upload_file("roof-mask.png"),  # white = remove
        "model": "best_quality",
        "mask_expansion": 15,  # the default; lower it if the edit reaches too far past the line
    },
    interval=1,
)

url = result["images"][0]["url"]  # public and temporary: save it now
out = Path("roof-clean" + Path(httpx.URL(url).path).suffix)
out.write_bytes(httpx.get(url, follow_redirects=True, timeout=60).raise_for_status().content)
print("saved", out)
