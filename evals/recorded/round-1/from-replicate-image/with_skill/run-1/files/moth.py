import fal_client
import httpx

result = fal_client.subscribe(
    "fal-ai/flux-pro/v1.1",
    arguments={
        "prompt": "poster of a moth, linocut",
        "image_size": {"width": 864, "height": 1152},  # exactly 3:4, and under 1 megapixel
        "output_format": "png",
        "safety_tolerance": "2",  # a string on fal
        "enhance_prompt": True,  # Replicate: prompt_upsampling
    },
    interval=0.5,  # poll twice a second; the default is ten times
)

# Fail on flagged output, rather than saving a censored image.
if any(result.get("has_nsfw_concepts") or []):
    raise RuntimeError("fal flagged the output as NSFW; moth.png not written")

response = httpx.get(result["images"][0]["url"], follow_redirects=True, timeout=60)
response.raise_for_status()
with open("moth.png", "wb") as f:
    f.write(response.content)
