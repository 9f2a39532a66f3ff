"""Generate moth.png with FLUX1.1 [pro] on fal.  Needs FAL_KEY in the environment."""
import fal_client
import httpx  # already a dependency of fal-client

result = fal_client.subscribe(
    "fal-ai/flux-pro/v1.1",
    arguments={
        "prompt": "poster of a moth, linocut",
        "image_size": {"width": 896, "height": 1152},  # for Replicate's "3:4"; no aspect_ratio here
        "output_format": "png",  # fal's default is jpeg
        "safety_tolerance": "2",  # a string on fal
        "enhance_prompt": True,  # Replicate prompt_upsampling
        "num_images": 1,
    },
)

# A blocked image can come back as a normal result (blacked out), so check the flag.
if any(result.get("has_nsfw_concepts") or []):
    raise RuntimeError("fal flagged the output as NSFW; not saving it")

response = httpx.get(result["images"][0]["url"], follow_redirects=True, timeout=60)
response.raise_for_status()
with open("moth.png", "wb") as f:
    f.write(response.content)
