"""Drop-in replacement for the fal-ai/reve/text-to-image call.

    - result = fal_client.subscribe("fal-ai/reve/text-to-image", arguments=args)
    + result = reve_image.subscribe(args)

Takes the same arguments (prompt, aspect_ratio, num_images, output_format, sync_mode)
and returns the same shape: {"images": [{"url", "content_type", "width", "height", ...}]}.

REVE_PROVIDER=reve  (default) Reve's own v2 API.  Needs REVE_API_TOKEN, and FAL_KEY because
                    images are uploaded to fal storage so that "url" stays an https URL
                    (FAL_KEY is not needed with sync_mode=True, which returns data URIs).
REVE_PROVIDER=fal   fal, endpoint from REVE_FAL_ENDPOINT (default: the one you use today).

Requires: fal-client, pillow.
"""

import base64
import io
import logging
import os

import fal_client
import httpx
from PIL import Image

log = logging.getLogger(__name__)

DEFAULT_ASPECT_RATIO = "3:2"
OLD_FAL_ENDPOINT = "fal-ai/reve/text-to-image"
ARGUMENTS = {"prompt", "aspect_ratio", "num_images", "output_format", "sync_mode"}
# From Reve's Python SDK 0.1.9 (reve.v2.image.AspectRatio). Superset of the old fal list.
ASPECT_RATIOS = {
    "4:1", "3:1", "21:9", "2:1", "17:9", "16:9", "3:2", "4:3", "5:4", "1:1",
    "4:5", "3:4", "2:3", "9:16", "1:2", "1:3", "1:4", "auto",
}  # fmt: skip
TIMEOUT = httpx.Timeout(300, connect=10)


class ReveError(RuntimeError):
    def __init__(self, message, status_code=None, request_id=None, retry_after=None):
        super().__init__(message)
        self.status_code = status_code
        self.request_id = request_id
        self.retry_after = retry_after


def subscribe(arguments: dict) -> dict:
    args = {"aspect_ratio": DEFAULT_ASPECT_RATIO, **arguments}
    provider = os.environ.get("REVE_PROVIDER", "reve")
    if provider == "fal":
        endpoint = os.environ.get("REVE_FAL_ENDPOINT", OLD_FAL_ENDPOINT)
        return fal_client.subscribe(endpoint, arguments=args)
    if provider == "reve":
        return _reve_v2(args)
    raise ValueError(f"REVE_PROVIDER must be 'reve' or 'fal', not {provider!r}")


def _reve_v2(args: dict) -> dict:
    # Check everything before the first paid call.
    if unknown := args.keys() - ARGUMENTS:
        raise ValueError(f"unsupported arguments: {sorted(unknown)}")
    if not args.get("prompt"):
        raise ValueError("prompt is required")
    if args["aspect_ratio"] not in ASPECT_RATIOS:
        raise ValueError(f"unsupported aspect_ratio: {args['aspect_ratio']!r}")
    output_format = args.get("output_format", "png")
    if output_format not in ("png", "jpeg", "webp"):
        raise ValueError(f"unsupported output_format: {output_format!r}")
    sync_mode = args.get("sync_mode", False)
    token = os.environ.get("REVE_API_TOKEN")
    if not token:
        raise ReveError("REVE_API_TOKEN is not set")
    if not sync_mode and not (os.environ.get("FAL_KEY") or os.environ.get("FAL_KEY_ID")):
        raise ReveError("FAL_KEY is not set: needed to host the images (or use sync_mode=True)")

    host = os.environ.get("REVE_API_HOST", "https://api.reve.com").rstrip("/")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    payload = {
        "prompt": args["prompt"],
        "aspect_ratio": args["aspect_ratio"],  # explicit: the v2 default is "auto"
        "version": os.environ.get("REVE_VERSION", "latest"),
    }
    images = []
    with httpx.Client(timeout=TIMEOUT, headers=headers) as client:
        for _ in range(args.get("num_images", 1)):  # v2 returns one image per call
            body = _post(client, f"{host}/v2/image/create", payload)
            data, size = _encode(base64.b64decode(body["image"]), output_format)
            images.append(_file(data, size, output_format, sync_mode))
            log.info(
                "reve version=%s request_id=%s credits_used=%s credits_remaining=%s size=%sx%s",
                body.get("version"), body.get("request_id"), body.get("credits_used"),
                body.get("credits_remaining"), *size,
            )  # fmt: skip
    return {"images": images}


def _post(client: httpx.Client, url: str, payload: dict) -> dict:
    response = client.post(url, json=payload)
    try:
        body = response.json()
    except ValueError:
        body = {}
    request_id = body.get("request_id") or response.headers.get("x-reve-request-id")
    if response.is_error:
        message = body.get("message") or body.get("error") or response.text
        raise ReveError(
            f"Reve API error {response.status_code}: {message}",
            response.status_code, request_id, response.headers.get("retry-after"),
        )  # fmt: skip
    if str(body.get("content_violation", "")).lower() in ("true", "1", "yes"):
        raise ReveError("Reve flagged a content violation", response.status_code, request_id)
    if not body.get("image"):
        raise ReveError("Reve returned no image", response.status_code, request_id)
    return body


def _encode(data: bytes, output_format: str) -> tuple[bytes, tuple[int, int]]:
    image = Image.open(io.BytesIO(data))
    if image.format.lower() == output_format:
        return data, image.size
    out = io.BytesIO()
    (image.convert("RGB") if output_format == "jpeg" else image).save(out, output_format, quality=95)
    return out.getvalue(), image.size


def _file(data: bytes, size: tuple[int, int], output_format: str, sync_mode: bool) -> dict:
    content_type = f"image/{output_format}"
    if sync_mode:
        url = f"data:{content_type};base64,{base64.b64encode(data).decode()}"
    else:
        url = fal_client.upload(data, content_type)
    return {
        "url": url,
        "content_type": content_type,
        "file_name": f"image.{output_format}",
        "file_size": len(data),
        "width": size[0],
        "height": size[1],
    }


if __name__ == "__main__":
    import sys

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    prompt = " ".join(sys.argv[1:]) or "a red bicycle leaning on a white wall"
    for img in subscribe({"prompt": prompt, "aspect_ratio": "3:2"})["images"]:
        print(img["url"][:200], f"{img['width']}x{img['height']}")
