"""What can go wrong with a live call: one table with the exit code, whether a retry helps, and the next step.

``references/errors.md`` says the same for people. Sources: fal's error pages (types, bodies, headers), and the
exceptions that fal_client 1.0.3 and httpx 0.28 raise. fal's types are an open set: what is not listed falls back to
the meaning of its HTTP status.
"""

from __future__ import annotations

from typing import NamedTuple

from ..errors import (
    EXIT_CREDENTIALS,
    EXIT_FINDINGS,
    EXIT_INVALID_ARGUMENTS,
    EXIT_STILL_RUNNING,
    EXIT_UNAVAILABLE,
    EXIT_UNKNOWN_SLUG,
)

NO = "no"
"""The same call fails again."""
YES = "yes"
"""The same call may succeed: fal does not bill what failed so."""
LATER = "later"
"""The same call may succeed after a wait, or after what the next step asks for."""
RESUME = "resume"
"""A job exists, or may: ask for it again by its id; a new submission may be billed twice."""


class Failure(NamedTuple):
    """One row of the table."""

    code: str
    """A stable word."""
    exit_code: int
    retry: str
    """``no``, ``yes``, ``later`` or ``resume``."""
    meaning: str
    next_step: str


def _table(*rows: Failure) -> dict[str, Failure]:
    return {row.code: row for row in rows}


FAILURES: dict[str, Failure] = _table(
    # Who is asking
    Failure("no-key", EXIT_CREDENTIALS, NO, "no key was found", "set FAL_KEY; keys are made at fal.ai/dashboard/keys"),
    Failure(
        "malformed-key",
        EXIT_CREDENTIALS,
        NO,
        "the key cannot be sent",
        "set FAL_KEY again, without quotes or a line break",
    ),
    Failure(
        "unauthorized",
        EXIT_CREDENTIALS,
        NO,
        "fal does not accept the key",
        "check FAL_KEY: id, colon, secret; make a new one at fal.ai/dashboard/keys",
    ),
    Failure(
        "balance",
        EXIT_CREDENTIALS,
        LATER,
        "the account is locked or its balance is exhausted",
        "top up at fal.ai/dashboard/billing, then run it again; the key is not at fault",
    ),
    Failure(
        "forbidden",
        EXIT_CREDENTIALS,
        NO,
        "the key may not do this",
        "use a key with that scope, or ask the owner of the model for access",
    ),
    # What is asked for
    Failure(
        "unknown-endpoint",
        EXIT_UNKNOWN_SLUG,
        NO,
        "fal has no such model or path",
        "check the id: scripts/verify_slug.py SLUG --live",
    ),
    Failure(
        "unknown-request",
        EXIT_FINDINGS,
        NO,
        "fal does not know this request id",
        "it has expired, belongs to another account or model, or is mistyped; see --list",
    ),
    Failure("bad-request", EXIT_INVALID_ARGUMENTS, NO, "fal cannot read the request", "mend what the message names"),
    Failure(
        "invalid-arguments",
        EXIT_INVALID_ARGUMENTS,
        NO,
        "the model refuses the arguments",
        "mend the fields; see scripts/fetch_schema.py SLUG --live",
    ),
    Failure(
        "input-file",
        EXIT_INVALID_ARGUMENTS,
        NO,
        "the model cannot use an input file",
        "give a file that is public, sound, and within the model's limits",
    ),
    Failure(
        "content-policy",
        EXIT_INVALID_ARGUMENTS,
        NO,
        "a content checker refused the input or the output",
        "change the prompt or the input file; the same call is refused again",
    ),
    Failure(
        "no-media",
        EXIT_INVALID_ARGUMENTS,
        LATER,
        "the model made nothing of this input",
        "change the prompt or the seed",
    ),
    Failure(
        "too-large", EXIT_INVALID_ARGUMENTS, NO, "the request is too large", "upload files instead of embedding them"
    ),
    # When fal is busy or broken
    Failure(
        "rate-limited",
        EXIT_UNAVAILABLE,
        LATER,
        "too many requests at a time",
        "wait as long as Retry-After says, then again; lower --concurrency",
    ),
    Failure(
        "start-timeout",
        EXIT_UNAVAILABLE,
        YES,
        "the job did not start within the time that you set",
        "it did not run and is not billed: submit it again, with a longer start timeout",
    ),
    Failure(
        "startup-timeout", EXIT_UNAVAILABLE, YES, "no runner started in time", "submit it again; 5xx is not billed"
    ),
    Failure(
        "generation-timeout",
        EXIT_UNAVAILABLE,
        LATER,
        "the model took too long",
        "ask for less (fewer steps, a smaller size, a shorter clip)",
    ),
    Failure(
        "gateway-timeout", EXIT_UNAVAILABLE, YES, "fal's gateway gave up waiting", "submit it again; 5xx is not billed"
    ),
    Failure(
        "runner-lost", EXIT_UNAVAILABLE, YES, "the runner was lost or never found", "submit it again; 5xx is not billed"
    ),
    Failure(
        "model-error",
        EXIT_UNAVAILABLE,
        YES,
        "the model failed",
        "submit it again once; 5xx is not billed; if it fails again, change the arguments or the model",
    ),
    Failure(
        "downstream",
        EXIT_UNAVAILABLE,
        LATER,
        "a service behind the model failed",
        "submit it again later; 5xx is not billed",
    ),
    Failure("server-error", EXIT_UNAVAILABLE, LATER, "fal failed", "try again later"),
    Failure("cancelled", EXIT_FINDINGS, NO, "the job was cancelled", "submit it again if it is still wanted"),
    Failure(
        "job-failed",
        EXIT_FINDINGS,
        LATER,
        "the job ended with an error",
        "read the message; the same call may fail again",
    ),
    # A job exists, or may
    Failure("still-running", EXIT_STILL_RUNNING, RESUME, "the job has not finished", "run_model.py --resume ID"),
    Failure(
        "maybe-submitted",
        EXIT_STILL_RUNNING,
        RESUME,
        "the job may have been submitted",
        "run_model.py --collect looks for it, fal.ai/dashboard lists it if it exists; --again only if it does not",
    ),
    # The network, before a reply
    Failure(
        "dns",
        EXIT_UNAVAILABLE,
        LATER,
        "the name of the host was not found",
        "check the network connection and the name server",
    ),
    Failure("proxy", EXIT_UNAVAILABLE, LATER, "the proxy refused or failed", "check HTTPS_PROXY and NO_PROXY"),
    Failure(
        "tls",
        EXIT_UNAVAILABLE,
        NO,
        "the secure connection failed",
        "check the clock and SSL_CERT_FILE; a company's proxy needs its certificate there",
    ),
    Failure(
        "refused",
        EXIT_UNAVAILABLE,
        LATER,
        "the connection was refused",
        "check the network, firewall and proxy; nothing was sent",
    ),
    Failure(
        "connect-timeout",
        EXIT_UNAVAILABLE,
        LATER,
        "no connection was made in time",
        "check the network; nothing was sent",
    ),
    Failure("read-timeout", EXIT_UNAVAILABLE, LATER, "no reply came in time", "try again"),
    Failure("broken-connection", EXIT_UNAVAILABLE, LATER, "the connection broke", "try again"),
    Failure(
        "redirects",
        EXIT_UNAVAILABLE,
        NO,
        "the reply leads elsewhere again and again",
        "check the proxy and FAL_RUN_HOST",
    ),
    Failure(
        "bad-address", EXIT_UNAVAILABLE, NO, "the address cannot be used", "check FAL_RUN_HOST and FAL_QUEUE_RUN_HOST"
    ),
    Failure(
        "bad-reply",
        EXIT_UNAVAILABLE,
        LATER,
        "the reply is not what fal sends",
        "something between here and fal answers in its place, or fal changed: try again, check the proxy",
    ),
    Failure(
        "disk",
        EXIT_UNAVAILABLE,
        LATER,
        "a file cannot be written",
        "make room or choose another --out; the job is kept: --resume ID",
    ),
    Failure(
        "download",
        EXIT_UNAVAILABLE,
        LATER,
        "a file could not be downloaded",
        "run_model.py --resume ID downloads again, without a new job",
    ),
    Failure(
        "expired",
        EXIT_FINDINGS,
        NO,
        "a file of the result is gone",
        "output URLs are temporary; only a new job makes it again",
    ),
)

TYPES: dict[str, str] = {
    "content_policy_violation": "content-policy",
    "no_media_generated": "no-media",
    "generation_timeout": "generation-timeout",
    "downstream_service_error": "downstream",
    "downstream_service_unavailable": "downstream",
    "internal_server_error": "model-error",
    "request_timeout": "gateway-timeout",
    "startup_timeout": "startup-timeout",
    "runner_scheduling_failure": "runner-lost",
    "runner_connection_timeout": "runner-lost",
    "runner_connection_refused": "runner-lost",
    "runner_connection_error": "runner-lost",
    "runner_disconnected": "runner-lost",
    "runner_incomplete_response": "runner-lost",
    "runner_server_error": "model-error",
    "client_disconnected": "cancelled",
    "client_cancelled": "cancelled",
    "bad_request": "bad-request",
    "internal_error": "server-error",
    "concurrent_requests_limit": "rate-limited",
    "feature_not_supported": "invalid-arguments",
    "sequence_too_long": "invalid-arguments",
    "sequence_too_short": "invalid-arguments",
    **dict.fromkeys(
        (
            "image_too_small", "image_too_large", "image_load_error", "file_download_error", "face_detection_error",
            "file_too_large", "audio_duration_too_long", "audio_duration_too_short", "video_duration_too_long",
            "video_duration_too_short", "unsupported_audio_format", "unsupported_image_format",
            "unsupported_video_format", "invalid_archive", "archive_file_count_below_minimum",
        ),
        "input-file",
    ),
}  # fmt: skip
"""fal's error types -> row. What is not here is told by its status."""

STATUSES: dict[int, str] = {
    400: "bad-request",
    401: "unauthorized",
    402: "balance",
    403: "forbidden",
    404: "unknown-endpoint",
    405: "unknown-endpoint",
    408: "gateway-timeout",
    413: "too-large",
    422: "invalid-arguments",
    429: "rate-limited",
    499: "cancelled",
    504: "gateway-timeout",
}

BALANCE_WORDS = ("locked", "balance", "exhaust", "credit", "top up", "payment", "billing", "insufficient", "suspended")
"""Words in the text of a 403 that mean money. fal's exact text is not documented."""


def as_markdown() -> str:
    """Return the table as the page ``references/errors.md`` shows it."""
    rows = [
        f"| `{failure.code}` | {failure.exit_code} | {failure.retry} | {failure.meaning} | {failure.next_step} |"
        for failure in FAILURES.values()
    ]
    return "\n".join(("| code | exit | again? | meaning | next step |", "|---|---|---|---|---|", *rows))
