from pathlib import Path

import fal_client
import httpx

result = fal_client.subscribe(
    "minimax/h3/text-to-video",
    arguments={
        "prompt": (
            "A small folded white paper boat drifts along a flooded street gutter in heavy rain. "
            "Low camera at water level tracks beside the boat as the current carries it past wet "
            "kerbstones and floating leaves. Raindrops splash and ripple the surface, the boat rocks "
            "and spins slightly. Overcast daylight, reflections on wet asphalt, shallow depth of "
            "field, realistic, one continuous shot."
        ),
        "duration": 8,
        "aspect_ratio": "9:16",
        "resolution": "480p",  # leave this out and you get the default, 2K
    },
    interval=2,  # seconds; the default asks ten times a second
)

url = result["video"]["url"]  # public and temporary: download now
file = Path("paper_boat.mp4")
response = httpx.get(url, follow_redirects=True, timeout=60)
response.raise_for_status()
file.write_bytes(response.content)
print(url, "saved as", file)
