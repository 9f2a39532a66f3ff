"""Reading fal's error replies and httpx's exceptions: which row of the table, and what to tell the user."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import (
    EXIT_CREDENTIALS,
    EXIT_FINDINGS,
    EXIT_INVALID_ARGUMENTS,
    EXIT_OVER_BUDGET,
    EXIT_STILL_RUNNING,
    EXIT_UNAVAILABLE,
    EXIT_UNKNOWN_SLUG,
    CredentialsError,
    InvalidArgumentsError,
    OverBudgetError,
    SkillError,
    StillRunningError,
    UnavailableError,
    UnknownSlugError,
)
from .failures import BALANCE_WORDS, FAILURES, STATUSES, TYPES, Failure
from .redaction import redacted

if TYPE_CHECKING:
    from ..registry import Model

MAX_MESSAGE = 400
MAX_FIELDS = 8
_CLASSES: dict[int, type[SkillError]] = {
    EXIT_FINDINGS: SkillError,
    EXIT_UNKNOWN_SLUG: UnknownSlugError,
    EXIT_INVALID_ARGUMENTS: InvalidArgumentsError,
    EXIT_CREDENTIALS: CredentialsError,
    EXIT_STILL_RUNNING: StillRunningError,
    EXIT_UNAVAILABLE: UnavailableError,
    EXIT_OVER_BUDGET: OverBudgetError,
}
FIELD_HINTS: dict[str, str] = {
    "missing": "add it",
    "literal_error": "take one of the values named",
    "enum": "take one of the values named",
    "extra_forbidden": "remove it",
    "json_invalid": "send valid JSON",
    "file_download_error": "the URL must be public and must answer with the file",
    "content_policy_violation": "change the prompt or the input file",
}
"""What to do about a field, by pydantic's or fal's type of the error, where the registry has no better hint."""


class FieldError(NamedTuple):
    """One entry of a 422's ``detail`` list."""

    path: str
    """Dotted path in the arguments; empty for the call as a whole."""
    type: str
    message: str
    hint: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return where + self.message + (f" [{self.hint}]" if self.hint else "")


class Trouble(NamedTuple):
    """A failure and what was said about it."""

    failure: Failure
    said: str
    """The server's or the system's own words, without credentials, on one line."""
    status: int | None = None
    error_type: str | None = None
    fields: tuple[FieldError, ...] = ()
    retry_after: float | None = None
    """Seconds, where the reply names them."""

    @property
    def message(self) -> str:
        """The failure on one line."""
        code = f" (HTTP {self.status}{f', {self.error_type}' if self.error_type else ''})" if self.status else ""
        told = "; ".join(map(str, self.fields[:MAX_FIELDS])) or self.said
        return f"{self.failure.meaning}{code}" + (f": {told}" if told else "")

    @property
    def hint(self) -> str:
        """The next step."""
        return self.failure.next_step

    def as_error(self, request_id: str | None = None) -> SkillError:
        """Return the exception whose exit code the table names."""
        hint = self.hint.replace(" ID", f" {request_id}") if request_id else self.hint
        return _CLASSES[self.failure.exit_code](one_line(self.message, 1000), hint=hint)

    def as_dict(self) -> dict[str, Any]:
        """Return the failure as JSON values."""
        return {
            "code": self.failure.code,
            "http_status": self.status,
            "error_type": self.error_type,
            "message": self.message,
            "fields": [field._asdict() for field in self.fields],
            "retry": self.failure.retry,
            "next_step": self.failure.next_step,
            "exit_code": self.failure.exit_code,
        }


def trouble(code: str, said: str = "") -> Trouble:
    """Return that row of the table with these words."""
    return Trouble(FAILURES[code], one_line(redacted(said)))


def one_line(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return text on one line, without control characters, of bounded length."""
    clean = " ".join("".join(char if char.isprintable() else " " for char in text[: limit * 4]).split())
    return clean if len(clean) <= limit else clean[:limit] + "…"


def trouble_of_reply(
    status: int,
    headers: Mapping[str, str],
    body: Any,
    *,
    about_request: bool = False,
    model: Model | None = None,
    arguments: dict[str, Any] | None = None,
) -> Trouble:
    """Return what an error reply of fal's queue, storage or platform API means.

    Args:
        status: its HTTP status.
        headers: its headers.
        body: its body: a JSON value, or text.
        about_request: whether the address named a request id, so that a 404 is about that.
        model: the model, where its fields are known: for the hints of a 422.
        arguments: what was sent.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    said, error_type, entries = _parts(body)
    error_type = error_type or lower.get("x-fal-error-type")
    fields = tuple(_field(entry, _hints(model, arguments)) for entry in entries)
    if error_type is None and entries:
        error_type = next((field.type for field in fields if field.type in TYPES), None)
    code = _code(status, error_type, f"{said} {error_type or ''}", lower, about_request=about_request)
    return Trouble(
        FAILURES[code], one_line(redacted(said)), status, error_type and one_line(redacted(error_type), 80), fields,
        retry_after(lower),
    )  # fmt: skip


def _code(status: int, error_type: str | None, said: str, headers: Mapping[str, str], *, about_request: bool) -> str:
    if status == 504 and headers.get("x-fal-request-timeout-type", "").lower() == "user":
        return "start-timeout"
    if status == 403 and any(word in said.lower() for word in BALANCE_WORDS):
        return "balance"
    if status in (401, 402, 403):
        return STATUSES[status]
    if error_type in TYPES:
        return TYPES[error_type]
    if status == 404 and about_request:
        return "unknown-request"
    if status in STATUSES:
        return STATUSES[status]
    return "server-error" if status >= 500 else "bad-request" if status >= 400 else "bad-reply"


def _parts(body: Any) -> tuple[str, str | None, list[dict[str, Any]]]:
    """Return (words, error type, entries of a ``detail`` list) of any of the shapes of error bodies."""
    if isinstance(body, (bytes, bytearray)):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            return _page_text(body), None, []
        body = parsed
    if not isinstance(body, dict):
        return json.dumps(body)[:MAX_MESSAGE] if body is not None else "", None, []
    error = body.get("error")
    if isinstance(error, dict):  # the platform API
        return str(error.get("message", "")), str(error["type"]) if error.get("type") else None, []
    detail, kind = body.get("detail"), body.get("error_type")
    error_type = kind if isinstance(kind, str) else None
    if isinstance(detail, list):
        entries = [entry for entry in detail if isinstance(entry, dict)]
        words = "; ".join(str(entry.get("msg", "")) for entry in entries[:MAX_FIELDS])
        return words, error_type, entries
    for value in (detail, error, body.get("message"), body.get("status")):
        if isinstance(value, str) and value:
            return value, error_type, []
    return json.dumps(body)[:MAX_MESSAGE], error_type, []


def _page_text(text: str) -> str:
    """Return the words of a reply that is no JSON; of a web page only its title."""
    import re

    title = re.search(r"<title[^>]*>([^<]{0,200})", text[:20_000], re.IGNORECASE)
    return f"a web page: {title.group(1)}" if title else text[:MAX_MESSAGE]


def _field(entry: dict[str, Any], hints: Mapping[str, str]) -> FieldError:
    location = entry.get("loc")
    parts = [part for part in location if isinstance(part, (str, int))] if isinstance(location, list) else []
    path = ""
    for part in parts[1:] if parts[:1] == ["body"] else parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    kind = str(entry.get("type", ""))
    path = one_line(redacted(path), 120)
    hint = hints.get(path) or hints.get(path.partition(".")[0].partition("[")[0]) or FIELD_HINTS.get(kind, "")
    return FieldError(path, one_line(redacted(kind), 80), one_line(redacted(str(entry.get("msg", ""))), 200), hint)


def _hints(model: Model | None, arguments: dict[str, Any] | None) -> dict[str, str]:
    """Return this project's own hints by path: what the offline check has to say of the same call."""
    if model is None or arguments is None or not model.has_schema:
        return {}
    from ..arguments import check_arguments

    return {finding.path: finding.hint for finding in reversed(check_arguments(model, arguments)) if finding.hint}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a ``Retry-After`` header names (a number, or a date), or None. At most an hour."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), 3600))
    import time
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return max(0.0, min(moment - time.time(), 3600.0))


def trouble_of_exception(error: BaseException, *, about_request: bool = False, **known: Any) -> Trouble:
    """Return what an exception of fal_client, httpx or the system means; ``known`` as in ``trouble_of_reply``."""
    import httpx

    response = getattr(error, "response", None)
    if isinstance(response, httpx.Response):
        headers = dict(response.headers)
        try:
            body: Any = response.content
        except httpx.StreamError:
            body = ""
        return trouble_of_reply(response.status_code, headers, body, about_request=about_request, **known)
    said = one_line(redacted(str(error)))
    return Trouble(FAILURES[_exception_code(error)], said or type(error).__name__)


def _exception_code(error: BaseException) -> str:
    import httpx

    name = type(error).__name__
    if name == "MissingCredentialsError":
        return "no-key"
    if isinstance(error, httpx.ProxyError):
        return "proxy"
    if isinstance(error, (httpx.ConnectError, httpx.NetworkError)):
        causes = " ".join(f"{type(cause).__name__} {cause}" for cause in _causes(error))
        if "gaierror" in causes or any(word in causes for word in ("Name or service", "nodename", "getaddrinfo")):
            return "dns"
        if (
            any(isinstance(cause, ssl.SSLError) for cause in _causes(error))
            or "SSL" in causes
            or "certificate" in causes
        ):
            return "tls"
        return "refused" if isinstance(error, httpx.ConnectError) else "broken-connection"
    if isinstance(error, httpx.ConnectTimeout):
        return "connect-timeout"
    if isinstance(error, httpx.TimeoutException):
        return "read-timeout"
    if isinstance(error, httpx.LocalProtocolError):
        return "malformed-key"
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        return "bad-address"
    if isinstance(error, httpx.TooManyRedirects):
        return "redirects"
    if isinstance(error, httpx.TransportError):
        return "broken-connection"
    if isinstance(error, (httpx.HTTPError, ValueError, KeyError, TypeError)):
        return "bad-reply"
    return "disk" if isinstance(error, OSError) else "server-error"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 12:
        yield error
        error, seen = error.__cause__ or error.__context__, seen + 1
