"""Turn a still into a clip."""

import sys

import fal_client
import httpx
from fal_client.auth import MissingCredentialsError
from fal_client.client import FalClientHTTPError

MODEL = "fal-ai/kling-video/v3/pro/image-to-video"
STILL = "still.jpg"


def describe(error: FalClientHTTPError) -> str:
    """Return fal's error as readable text, one line per rejected field."""
    lines = [f"fal returned HTTP {error.status_code} for {MODEL}:"]
    detail = error.message
    for item in detail if isinstance(detail, list) else [detail]:
        if isinstance(item, dict):
            # Drop the leading "body": it only says the field was in the request.
            loc = [str(part) for part in item.get("loc") or [] if part != "body"]
            text = item.get("msg") or str(item)
            kind = f" [{item['type']}]" if item.get("type") else ""
            lines.append(f"  {'.'.join(loc) or 'request'}: {text}{kind}")
        else:
            lines.append(f"  {str(item).strip()[:500] or '(no details given)'}")
    if error.status_code in (401, 403):
        lines.append("Check FAL_KEY and the account's balance.")
    elif error.status_code == 422:
        lines.append(f"Input fields: https://fal.ai/models/{MODEL}/api")
    return "\n".join(lines)


def main() -> None:
    """Upload the still and print the URL of the clip."""
    request_ids: list[str] = []  # filled once fal has queued the job
    try:
        url = fal_client.upload_file(STILL)
        result = fal_client.subscribe(
            MODEL,
            arguments={
                "start_image_url": url,
                "prompt": "the curtain moves in a light breeze",
                "duration": "5",
                "generate_audio": False,
            },
            on_enqueue=request_ids.append,
        )
    except FalClientHTTPError as error:
        message = describe(error)
    except MissingCredentialsError as error:
        message = str(error)
    except httpx.HTTPError as error:
        message = f"Could not reach fal: {error or type(error).__name__}"
        if request_ids:
            message += "\nThe job was already queued and may still finish (and be billed)."
    except OSError as error:
        message = f"Could not read {error.filename or STILL}: {error.strerror or error}"
    else:
        print(result["video"]["url"])
        return

    if request_ids:
        message += f"\nRequest id: {request_ids[0]}"
    sys.exit(message)


if __name__ == "__main__":
    main()
