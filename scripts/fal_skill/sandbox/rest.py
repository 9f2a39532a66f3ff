"""``rest.fal.ai``: short-lived tokens, announcing uploads, and the keys that sign webhooks.

Source: fal_client 1.0.3 (``CDNTokenManager``, ``_upload_via_storage``, ``_get_realtime_token``), @fal-ai/client 1.10.1
(``auth.js``, ``storage.js``).
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .asking import Ask
from .auth import refusal
from .files import Lifecycle, safe_name
from .hosts import UPLOAD_HOST
from .queue import read_arguments
from .replies import Json, detail

if TYPE_CHECKING:
    from starlette.responses import Response

    from .service import Service

UPLOAD_TOKEN_SECONDS = 3600.0
DEFAULT_TOKEN_SECONDS = 120.0
MAX_TOKEN_SECONDS = 86_400.0


class Rest:
    """The REST service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, ask: Ask) -> Response:
        """Return the answer to a request at the REST host."""
        if ask.path == ".well-known/jwks.json":
            ask.allow("GET")
            return Json(self._service.webhooks.signer_made().jwks())
        handlers = {
            "tokens": self._realtime_token,
            "tokens/realtime": self._realtime_token,
            "storage/auth/token": self._upload_token,
            "storage/upload/initiate": self._initiate,
            "storage/upload/initiate-multipart": self._initiate,
        }
        handler = handlers.get(ask.path)
        if handler is None:
            return detail(404, "Not Found")
        ask.exchange.place = "token" if ask.path.startswith("tokens") else "upload"
        ask.allow("POST")
        denied = refusal(ask.standing, "")
        if denied is not None:
            return denied
        return handler(ask, await read_arguments(self._service, ask))

    def _realtime_token(self, ask: Ask, body: dict[str, Any]) -> Response:
        apps = body.get("allowed_apps")
        seconds = body.get("token_expiration", DEFAULT_TOKEN_SECONDS)
        if not isinstance(apps, list) or not apps or not all(isinstance(app, str) for app in apps):
            return _missing("allowed_apps", body)
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 < seconds <= MAX_TOKEN_SECONDS:
            return _missing("token_expiration", body)
        return Json(self._service.gate.issue(tuple(apps), float(seconds), "realtime").text)

    def _upload_token(self, ask: Ask, body: dict[str, Any]) -> Response:
        token = self._service.gate.issue((), UPLOAD_TOKEN_SECONDS, "upload")
        # With an offset, not "Z": fal_client parses it with datetime.fromisoformat and compares it with an aware time.
        expires = datetime.fromtimestamp(int(token.expires_at), timezone.utc).isoformat()
        return Json(
            {"token": token.text, "token_type": "Bearer", "base_url": f"https://{UPLOAD_HOST}", "expires_at": expires}
        )

    def _initiate(self, ask: Ask, body: dict[str, Any]) -> Response:
        name, content_type = body.get("file_name"), body.get("content_type")
        if not isinstance(name, str):
            return _missing("file_name", body)
        if not isinstance(content_type, str):
            return _missing("content_type", body)
        lifecycle = ask.headers.get("x-fal-object-lifecycle") or ask.headers.get("x-fal-object-lifecycle-preference")
        stored = self._service.files.put(
            UPLOAD_HOST, upload_path(name), None, content_type, origin="upload", lifecycle=Lifecycle.of(lifecycle)
        )
        kind = "multipart" if ask.path.endswith("multipart") else "put"
        signature = self._service.gate.issue((stored.path,), UPLOAD_TOKEN_SECONDS, "signature").text
        address = f"https://{UPLOAD_HOST}/upload/{kind}{stored.path}?signature={signature}"
        return Json({"upload_url": address, "file_url": stored.url})


def upload_path(name: str) -> str:
    """Return a new path for an uploaded file."""
    return f"/files/b/{os.urandom(4).hex()}/{os.urandom(10).hex()}_{safe_name(name)}"


def _missing(field: str, body: dict[str, Any]) -> Response:
    kind = "value_error" if field in body else "missing"
    message = "Invalid value" if field in body else "Field required"
    return Json({"detail": [{"loc": ["body", field], "msg": message, "type": kind, "input": body.get(field)}]}, 422)
