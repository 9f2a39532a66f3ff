"""Turn a still into a clip."""

import sys

import fal_client
import httpx
from fal_client.auth import MissingCredentialsError
from fal_client.client import FalClientHTTPError

MODEL = "fal-ai/kling-video/v3/pro/image-to-video"


def explain(response: httpx.Response) -> str:
    """Say in a few plain lines why fal did not do what it was asked."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.text or response.reason_phrase
    lines = [f"{MODEL} failed (HTTP {response.status_code}):"]
    # The model sends a list of problems, the platform a text.
    for problem in detail if isinstance(detail, list) else [detail]:
        if isinstance(problem, dict):
            field = ".".join(str(part) for part in problem.get("loc", []) if part != "body")
            text = problem.get("msg", problem)
            lines.append(f"  {field}: {text}" if field else f"  {text}")
        else:
            lines.append(f"  {problem}")
    return "\n".join(lines)


def main() -> None:
    """Upload the still and print the URL of the clip."""
    url = fal_client.upload_file("still.jpg")
    result = fal_client.subscribe(
        MODEL,
        arguments={
            "start_image_url": url,
            "prompt": "the curtain moves in a light breeze",
            "duration": "5",
            "generate_audio": False,
        },
    )
    print(result["video"]["url"])


if __name__ == "__main__":
    try:
        main()
    # The upload raises httpx's own error, for instance for a wrong key.
    except (FalClientHTTPError, httpx.HTTPStatusError) as error:
        sys.exit(explain(error.response))
    except httpx.TransportError as error:
        sys.exit(
            f"The connection to fal failed ({type(error).__name__}: {error}).\n"
            "  The job may have started all the same: look at fal.ai/dashboard before you run this again."
        )
    except MissingCredentialsError:
        sys.exit("No fal key found: set FAL_KEY.")
    except FileNotFoundError as error:
        sys.exit(f"File not found: {error.filename}")
