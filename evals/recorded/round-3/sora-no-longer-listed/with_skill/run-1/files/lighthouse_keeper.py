"""Make an 8 second clip on fal: a lighthouse keeper climbing a spiral stair, handheld.

pip install 'fal-client>=1.0.3,<2'
export FAL_KEY=...                     # from https://fal.ai/dashboard/keys
python lighthouse_keeper.py            # Sora 2
python lighthouse_keeper.py veo-fast   # if fal no longer serves Sora 2
"""

import sys
from pathlib import Path

import fal_client
import httpx

PROMPT = (
    "Handheld shot following close behind an elderly lighthouse keeper as he climbs a tight "
    "spiral stone stair inside a lighthouse tower. The camera sways and bobs slightly with the "
    "operator's own footsteps. The keeper carries a brass lantern in one hand and slides the "
    "other along a worn iron rail. Lantern light moves over damp curved walls; pale dusk falls "
    "through a narrow window as he passes it. One continuous take, natural light, shallow depth "
    "of field. Sound: boots ringing on the steps, steady breathing, wind and distant surf."
)

# The fields differ between models: Sora's duration is a number, Veo's is a text.
MODELS = {
    "sora": (
        "fal-ai/sora-2/text-to-video",
        {"prompt": PROMPT, "duration": 8, "resolution": "720p", "aspect_ratio": "16:9"},
    ),
    "veo-fast": (
        "fal-ai/veo3.1/fast",
        {"prompt": PROMPT, "duration": "8s", "resolution": "720p", "aspect_ratio": "16:9", "generate_audio": True},
    ),
}


def generate(slug, arguments):
    # fal-client would resend a submission whose reply was lost: a second, billed job. Send it once.
    attempts, fal_client.client.MAX_ATTEMPTS = fal_client.client.MAX_ATTEMPTS, 1
    try:
        handle = fal_client.submit(slug, arguments=arguments)
    finally:
        fal_client.client.MAX_ATTEMPTS = attempts
    print(f"{slug}: request {handle.request_id}")

    last = None
    for event in handle.iter_events(interval=2):
        name = type(event).__name__
        if name != last:
            print(f"  {name}")
            last = name
    return handle.request_id, handle.get(interval=2)


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "sora"
    if name not in MODELS:
        sys.exit(f"usage: lighthouse_keeper.py [{' | '.join(MODELS)}]")
    slug, arguments = MODELS[name]

    try:
        request_id, result = generate(slug, arguments)
    except fal_client.auth.MissingCredentialsError:
        sys.exit("FAL_KEY is not set: get a key at https://fal.ai/dashboard/keys")
    except httpx.TransportError as error:
        sys.exit(f"connection lost ({error}); before you run this again, look for the job on https://fal.ai/dashboard")
    except fal_client.FalClientHTTPError as error:
        hint = ""
        if name == "sora" and error.status_code in (404, 410):
            hint = "\nfal seems to have dropped Sora 2; try: python lighthouse_keeper.py veo-fast"
        sys.exit(f"{slug} answered {error.status_code}: {error.message}{hint}")

    url = result["video"]["url"]
    print(url)
    # The URL is public and temporary, so keep a copy.
    file = Path(f"lighthouse_keeper_{name}_{request_id[:8]}.mp4")  # each take has its own name
    with httpx.stream("GET", url, follow_redirects=True, timeout=60) as response:
        response.raise_for_status()
        with file.open("wb") as out:
            for chunk in response.iter_bytes():
                out.write(chunk)
    print(f"saved {file}")


if __name__ == "__main__":
    main()
