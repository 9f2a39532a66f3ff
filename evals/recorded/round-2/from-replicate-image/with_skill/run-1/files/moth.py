import fal_client
import httpx

result = fal_client.subscribe(
    "fal-ai/flux-pro/v1.1",
    arguments={
        "prompt": "poster of a moth, linocut",
        "image_size": {"width": 864, "height": 1152},  # exactly 3:4; there is no aspect_ratio here
        "output_format": "png",  # fal's default is jpeg
        "safety_tolerance": "2",  # a string on fal
        "enhance_prompt": True,  # was prompt_upsampling
    },
    interval=0.5,  # seconds between status requests; the default is 0.1
)

# Replicate raises on flagged output; fal may return an image and only flag it.
if any(result.get("has_nsfw_concepts") or []):
    raise RuntimeError("the safety filter flagged the image; moth.png was not written")

# The URL is public and temporary: download at once.
response = httpx.get(result["images"][0]["url"], follow_redirects=True, timeout=60)
response.raise_for_status()
with open("moth.png", "wb") as f:
    f.write(response.content)
