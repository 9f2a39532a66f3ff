#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["cryptography>=43"]
# ///
"""Say whether a recorded webhook delivery came from fal, unaltered and in time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from fal_skill.console import chosen_format, parse_json, parser, print_json, print_text, read_source, run
from fal_skill.errors import EXIT_DONE, EXIT_FINDINGS, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError
from fal_skill.webhook_keys import JWKS_URL, verified
from fal_skill.webhooks import SeenFile, WebhookError

EXAMPLES = (
    "verify_webhook.py --headers headers.txt --body body.json",
    "verify_webhook.py --headers headers.json --body body.json --jwks jwks.json --seen seen.db",
    "verify_webhook.py --headers headers.txt --body body.json --now 1790000000   # a delivery of that time",
)
MAX_BODY_BYTES = 64 * 1024 * 1024


def read_headers(source: str) -> list[tuple[str, str]]:
    """Return the headers in a JSON object, or in lines such as ``X-Fal-Webhook-Timestamp: 1790000000``."""
    text, name = read_source(source if source == "-" else f"@{source}", "--headers")
    if text.lstrip().startswith("{"):
        value = parse_json(text, name)
        if not all(isinstance(item, str) for item in value.values()):
            raise UsageError(f"{name}: each header must be a text")
        return list(value.items())
    lines = (line.partition(":") for line in text.splitlines())
    # What has a space before the colon is a request line, such as "POST /fal-webhook HTTP/1.1".
    headers = [(field.strip(), value.strip()) for field, colon, value in lines if colon and " " not in field.strip()]
    if not headers:
        raise UsageError(f"{name} holds no headers", hint='expected lines such as "X-Fal-Webhook-Signature: 3f…"')
    return headers


def read_body(name: str) -> bytes:
    """Return the bytes of the body's file."""
    try:
        with Path(name).open("rb") as stream:
            data = stream.read(MAX_BODY_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read --body from {name!r}: {error.strerror or error}") from None
    except ValueError:
        raise UsageError(f"cannot read --body from {name!r}: not a file name") from None
    if len(data) > MAX_BODY_BYTES:
        raise UsageError(f"{name} is larger than {MAX_BODY_BYTES >> 20} MB")
    return data


def main() -> int:
    """Judge the delivery that the command line names."""
    options = parser(
        "Say whether a recorded webhook delivery came from fal, unaltered and in time. The body is read as raw bytes.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    options.add_argument("--headers", required=True, metavar="FILE|-", help="JSON object, or one 'Name: value' a line")
    options.add_argument("--body", required=True, metavar="FILE", help="the raw body")
    options.add_argument("--jwks", default=JWKS_URL, metavar="FILE|URL", help=f"default: {JWKS_URL}, kept for 24 h")
    options.add_argument("--seen", metavar="FILE", help="remember request ids there, and refuse a second delivery")
    options.add_argument("--now", type=float, metavar="SECONDS", help="judge the timestamp as at this unix time")
    asked = options.parse_args()
    headers, body = read_headers(asked.headers), read_body(asked.body)
    now = time.time() if asked.now is None else asked.now
    result: dict[str, Any] = {"valid": True, "code": None, "message": None, "hint": None}
    try:
        delivery = verified(headers, body, now, asked.jwks)
        result |= {**delivery._asdict(), "age_seconds": round(now - delivery.timestamp, 3), "keys": asked.jwks}
        if asked.seen and not SeenFile(Path(asked.seen)).claim(delivery.request_id, time.time()):
            raise WebhookError(
                "repeated", f"request {delivery.request_id} was delivered before", "answer 200 and do nothing"
            )
    except WebhookError as error:
        result |= {"valid": False, "code": error.code, "message": error.message, "hint": error.hint or None}
    if chosen_format(asked.format) == "json":
        print_json(result)
    elif result["valid"]:
        print_text(f"valid: request {result['request_id']}, signed {result['age_seconds']:.0f} s ago")
    else:
        print_text(
            f"INVALID ({result['code']}): {result['message']}" + (f" ({result['hint']})" if result["hint"] else "")
        )
    return EXIT_DONE if result["valid"] else EXIT_FINDINGS


if __name__ == "__main__":
    run(main)
