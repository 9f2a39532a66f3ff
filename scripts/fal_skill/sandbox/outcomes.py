"""How a job can end: with a result, or with one of fal's errors and its HTTP status.

Two shapes of error exist. A model's error is a list under ``detail`` (422 as a rule); the platform's own is a text
under ``detail`` with an ``error_type``, and the header ``X-Fal-Error-Type`` repeats it. Source: fal's error pages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ERRORS_PAGE = "https://docs.fal.ai/errors#"

MODEL_ERRORS: dict[str, tuple[int, str]] = {
    "content_policy_violation": (
        422,
        "The content could not be processed because it was flagged by a content checker.",
    ),
    "no_media_generated": (422, "No media was generated. Try another prompt."),
    "image_too_small": (422, "The image is too small."),
    "image_too_large": (422, "The image is too large."),
    "image_load_error": (422, "The image could not be loaded. It may be corrupt or of an unsupported format."),
    "file_download_error": (422, "The file could not be downloaded. Is its address public?"),
    "face_detection_error": (422, "No face was found in the image."),
    "file_too_large": (422, "The file is too large."),
    "feature_not_supported": (422, "This combination of inputs is not supported."),
    "generation_timeout": (504, "The generation took too long."),
    "downstream_service_error": (502, "A service that the model relies on failed."),
    "downstream_service_unavailable": (503, "A service that the model relies on is unavailable."),
    "internal_server_error": (500, "Internal server error"),
}
"""Errors of the model itself: type -> (status, message). The statuses of ``downstream_*`` and ``no_media_generated``
are assumed: fal's pages at hand do not give them."""

PLATFORM_ERRORS: dict[str, tuple[int, str]] = {
    "request_timeout": (504, "Request timed out"),
    "startup_timeout": (504, "Runner took too long to start"),
    "runner_scheduling_failure": (503, "No runner could be scheduled"),
    "runner_connection_timeout": (503, "Connection to the runner timed out"),
    "runner_connection_refused": (503, "Connection to the runner was refused"),
    "runner_connection_error": (503, "Connection to the runner failed"),
    "runner_disconnected": (503, "The runner disconnected"),
    "runner_incomplete_response": (502, "The runner sent an incomplete response"),
    "runner_server_error": (500, "The runner failed"),
    "client_disconnected": (499, "The client disconnected"),
    "client_cancelled": (499, "The request was cancelled by the client"),
    "bad_request": (400, "Bad request"),
    "internal_error": (500, "Internal error"),
    "concurrent_requests_limit": (429, "Too many requests at a time"),
}
"""Errors of the platform: type -> (status, message)."""


@dataclass(slots=True)
class Outcome:
    """The end of a job: what its result address answers."""

    status: int = 200
    error: str | None = None
    error_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    billable_units: float = 0
    make_body: Callable[[], Any] | None = field(default=None, repr=False)
    _body: Any = None

    @property
    def ok(self) -> bool:
        """Whether the job gave a result."""
        return self.status < 400

    @property
    def body(self) -> Any:
        """The JSON value that the result address answers.

        A result is made each time that it is asked for, always the same, and not kept: thousands of jobs stay small.
        """
        return self._body if self.make_body is None else self.make_body()


def result(make_body: Callable[[], Any], billable_units: float) -> Outcome:
    """Return a good end whose body is made whenever it is fetched."""
    return Outcome(billable_units=billable_units, make_body=make_body)


def invalid(detail: list[dict[str, Any]], status: int = 422) -> Outcome:
    """Return the end of a job whose model refused its arguments, or failed, with fal's ``detail`` list."""
    return Outcome(
        status=status,
        error=f"Invalid status code: {status}",
        error_type=detail[0]["type"] if detail else None,
        _body={"detail": detail},
    )


def failure(error_type: str) -> Outcome:
    """Return the end of a job that failed with that type; KeyError when fal has no such type."""
    if error_type in MODEL_ERRORS:
        status, message = MODEL_ERRORS[error_type]
        return invalid(
            [{"loc": ["body"], "msg": message, "type": error_type, "url": ERRORS_PAGE + error_type, "input": None}],
            status,
        )
    status, message = PLATFORM_ERRORS[error_type]
    return Outcome(
        status=status,
        error=message,
        error_type=error_type,
        headers={"x-fal-error-type": error_type},
        _body={"detail": message, "error_type": error_type},
    )


def start_timed_out() -> Outcome:
    """Return the end of a job that did not start within the time that its caller set."""
    outcome = failure("request_timeout")
    outcome.headers["x-fal-request-timeout-type"] = "user"
    return outcome


def cancelled() -> Outcome:
    """Return the end of a job that its caller cancelled."""
    return failure("client_cancelled")
