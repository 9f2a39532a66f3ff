"""The answers that several parts of the service share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST_ID = "x-fal-request-id"
BILLABLE_UNITS = "x-fal-billable-units"


class Json(JSONResponse):
    """A JSON answer; lone surrogates, which JSON can name and UTF-8 cannot carry, are escaped."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        try:
            return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:
            return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def detail(
    status: int, text: str, *, error_type: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error of fal's platform: ``{"detail": text}``, with its type in body and header where it has one."""
    body: dict[str, Any] = {"detail": text}
    extra = dict(headers or {})
    if error_type is not None:
        body["error_type"] = error_type
        extra["x-fal-error-type"] = error_type
    return Json(body, status, headers=extra)


def units_text(units: float) -> str:
    """Return billable units as the header has them: no trailing zeros."""
    return f"{units:.4f}".rstrip("0").rstrip(".")
