"""HTTP requests that may be repeated: reading from the platform API, with patience and manners.

Only requests that change nothing pass here. A submission never does: see ``submission``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import httpx
import stamina

from ..errors import SkillError
from .replies import Trouble, retry_after, trouble, trouble_of_exception, trouble_of_reply

USER_AGENT = "fal-ai-models-runner (+https://fal.ai)"
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
RETRIED = (408, 425, 429, 500, 502, 503, 504)
MAX_BYTES = 128 * 1024 * 1024


class Patience(NamedTuple):
    """How long a request is tried again."""

    attempts: int
    seconds: float
    """Total time that retries may take; a longer Retry-After is passed on to the user."""


PATIENT = Patience(5, 90.0)
"""For work that has no other source."""
HASTY = Patience(2, 8.0)
"""For questions that the snapshot can answer too."""

Parameters = Sequence[tuple[str, str]]
Tell = Callable[[str], None]

# Without a handler of its own, the retry library's log lines would go to stderr in a form of their own.
logging.getLogger("stamina").addHandler(logging.NullHandler())


class HttpError(SkillError):
    """A request failed for good; ``trouble`` says why."""

    def __init__(self, said: Trouble) -> None:
        error = said.as_error()
        super().__init__(error.message, error.hint)
        self.trouble = said
        self.exit_code = said.failure.exit_code


class Answer(NamedTuple):
    """A good reply."""

    status: int
    headers: Mapping[str, str]
    body: Any
    """The JSON value; None with 304."""


class _AgainError(Exception):
    """A reply that is worth another attempt."""

    def __init__(self, said: Trouble) -> None:
        super().__init__(said.message)
        self.trouble = said


def new_client(**options: Any) -> httpx.Client:
    """Return a client for reading: system proxies and certificates, bounded times, no redirects.

    Raises:
        HttpError: no secure connection can be made on this machine.
    """
    try:
        return httpx.Client(timeout=TIMEOUT, follow_redirects=False, headers={"user-agent": USER_AGENT}, **options)
    except OSError as error:  # the list of authorities that SSL_CERT_FILE names cannot be used
        raise HttpError(trouble("tls", f"SSL_CERT_FILE: {error}")) from None
    except (ValueError, httpx.InvalidURL) as error:
        raise HttpError(trouble("proxy", str(error))) from None


def read_json(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    params: Parameters = (),
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    tell: Tell | None = None,
    patience: Patience = PATIENT,
) -> Answer:
    """Return the JSON reply to a request that may be repeated.

    429 and 5xx are tried again, after the time that ``Retry-After`` names or with growing pauses; so are broken
    connections. ``tell`` hears of every pause.

    Raises:
        HttpError: it failed for good; its exit code says how.
    """

    def wait(error: Exception) -> bool | float:
        said = error.trouble if isinstance(error, _AgainError) else trouble_of_exception(error)
        if not isinstance(error, (_AgainError, httpx.TransportError)) or said.failure.retry == "no":
            return False
        pause = said.retry_after
        if pause is not None and pause > patience.seconds:
            return False
        if tell is not None:
            tell(f"{said.failure.meaning}; trying again" + (f" in {pause:.0f} s" if pause else ""))
        return True if pause is None else pause

    try:
        for attempt in stamina.retry_context(
            on=wait, attempts=patience.attempts, timeout=patience.seconds, wait_max=20.0
        ):
            with attempt:
                return _once(client, method, url, params, headers, body)
    except _AgainError as error:
        raise HttpError(error.trouble) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise HttpError(trouble_of_exception(error)) from None
    raise AssertionError("unreachable: the last attempt returns or raises")


def _once(
    client: httpx.Client, method: str, url: str, params: Parameters, headers: Mapping[str, str] | None, body: Any
) -> Answer:
    request = client.build_request(method, url, params=list(params), headers=dict(headers or {}), json=body)
    response = client.send(request, stream=True)
    try:
        data = bytearray()
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > MAX_BYTES:
                raise HttpError(trouble("bad-reply", f"more than {MAX_BYTES >> 20} MB"))
    finally:
        response.close()
    answered = dict(response.headers)
    if response.status_code == 304:
        return Answer(304, answered, None)
    if response.status_code in RETRIED:
        raise _AgainError(
            trouble_of_reply(response.status_code, answered, bytes(data))._replace(retry_after=retry_after(answered))
        )
    if not response.is_success:
        raise HttpError(trouble_of_reply(response.status_code, answered, bytes(data)))
    try:
        return Answer(response.status_code, answered, json.loads(bytes(data)))
    except (ValueError, RecursionError):
        raise HttpError(trouble("bad-reply", f"no JSON: {bytes(data[:80]).decode('utf-8', 'replace')}")) from None
