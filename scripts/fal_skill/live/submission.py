"""Submitting exactly once, with fal's own SDK.

fal_client 1.0.3 sends a submission again, up to ten times, when the connection breaks, when no reply comes in time and
on 408, 409, 429 and a web server's 502 to 504 (``_maybe_retry_request``). fal has no idempotency key, so a lost reply
becomes a second, billed job. The SDK retries what it sees as an httpx error; so the transport below, which the client
is built on, shows it none for a submission: whatever is not a good reply leaves as an exception that the SDK does not
know. Everything else (addresses, credentials, backup domain, polling with its retries) stays the SDK's.
It can go when the SDK can be told not to retry a submission.

The transport also knows when the first byte leaves: the connection pool reports it (httpcore's ``trace`` extension).
Before that moment a failure costs nothing and may be tried again; from then on there may be a job.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from contextvars import ContextVar
from functools import cached_property
from typing import Any, NamedTuple

import fal_client
import fal_client.client as sdk
import httpx
from fal_client.auth import AuthCredentials

from .keys import Credential
from .redaction import redacted
from .replies import Trouble, trouble, trouble_of_exception, trouble_of_reply

SUBMIT_SECONDS = 120.0
"""Time to wait for the reply to a submission; the SDK's own default."""
SETTLED = frozenset(
    {301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 408, 409, 411, 413, 414, 415, 422, 425, 429, 431}
)
"""Statuses by which the queue says that it took no job. After any other error reply there may be one."""

Sending = Callable[[], None]

# The SDK tells of its switch to a backup domain by a warning; without a handler it would go to stderr as it is.
logging.getLogger("fal_client").addHandler(logging.NullHandler())


class NotSubmittedError(Exception):
    """There is no job: nothing was sent, or the reply says so."""

    def __init__(self, said: Trouble, *, sent: bool) -> None:
        super().__init__(said.message)
        self.trouble = said
        self.sent = sent
        """Whether the request was sent, so that the refusal is fal's."""


class MaybeSubmittedError(Exception):
    """The request was sent, and what came back does not settle whether there is a job."""

    def __init__(self, said: Trouble, request_id: str | None = None) -> None:
        super().__init__(said.message)
        self.trouble = said
        self.request_id = request_id
        """The id from the reply's header, where a reply with an unreadable body came."""


class _Attempt:
    """One submission under way."""

    def __init__(self, sending: Sending) -> None:
        self.sending = sending
        self.sent = False

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """Hear of each step of the connection pool; at the first that sends the request itself, say so.

        Steps that make a connection name no request, and those that open a tunnel through a proxy name a CONNECT.
        """
        method = getattr(info.get("request"), "method", None)
        if self.sent or method in (None, b"CONNECT"):
            return
        self.sending()
        self.sent = True


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


class OnceTransport(httpx.BaseTransport):
    """Passes requests on; one that is a submission leaves once, and never shows the SDK a reason to repeat it."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.units: dict[str, float] = {}
        """Billed units that replies named, by the last part of their address: for a result, its request id."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the reply; for a submission raise NotSubmittedError or MaybeSubmittedError where it is not good."""
        attempt = _attempt.get()
        if attempt is None or request.method != "POST":
            return self._noted(request, self._inner.handle_request(request))
        if attempt.sent:
            raise MaybeSubmittedError(trouble("maybe-submitted", "a second request was about to leave"))
        request.extensions = {**request.extensions, "trace": attempt.trace}
        try:
            response = self._inner.handle_request(request)
            response.read()
        except httpx.HTTPError as error:
            said = trouble_of_exception(error)
            if attempt.sent:
                lost = trouble("maybe-submitted", f"{said.failure.meaning}: {said.said}")
                raise MaybeSubmittedError(lost) from error
            raise NotSubmittedError(said, sent=False) from error
        if response.is_success:
            return response
        headers = dict(response.headers)
        said = trouble_of_reply(response.status_code, headers, response.content)
        if response.status_code in SETTLED:
            raise NotSubmittedError(said, sent=True)
        lost = trouble("maybe-submitted", f"fal answered HTTP {response.status_code}: {said.said}")
        raise MaybeSubmittedError(lost._replace(status=response.status_code), headers.get("x-fal-request-id"))

    def _noted(self, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        # The SDK's handle returns the result alone; what it cost stands in a header.
        with contextlib.suppress(KeyError, ValueError):
            self.units[request.url.path.rpartition("/")[2]] = float(response.headers["x-fal-billable-units"])
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class OnceClient(fal_client.SyncClient):
    """The SDK's client on a transport that submits once."""

    @cached_property
    def _transport(self) -> OnceTransport:
        return OnceTransport(sdk.BackupDomainTransport())

    def billed_units(self, request_id: str) -> float | None:
        """Return the billed units that the reply with this request's result named, or None."""
        return self._transport.units.pop(request_id, None)

    @cached_property
    def _client(self) -> httpx.Client:
        credential = self._auth
        return httpx.Client(
            transport=self._transport,
            headers={"Authorization": credential.header_value, "User-Agent": sdk.USER_AGENT},
            timeout=self.default_timeout,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()


def new_client(credential: Credential) -> OnceClient:
    """Return a client of the SDK that uses this credential.

    Raises:
        UnavailableError: no secure connection can be made on this machine.
    """
    made = OnceClient(default_timeout=SUBMIT_SECONDS)
    made.__dict__["_auth"] = AuthCredentials(credential.scheme, credential.token)
    try:
        made.__dict__["_transport"] = OnceTransport(sdk.BackupDomainTransport())
    except OSError as error:  # the list of authorities that SSL_CERT_FILE names cannot be used
        raise trouble("tls", f"SSL_CERT_FILE: {error}").as_error() from None
    return made


class Receipt(NamedTuple):
    """A submission that fal has confirmed."""

    request_id: str
    handle: fal_client.SyncRequestHandle


def submit_once(
    client: OnceClient,
    slug: str,
    arguments: dict[str, Any],
    *,
    sending: Sending,
    priority: str | None = None,
    start_timeout: float | None = None,
    headers: dict[str, str] | None = None,
) -> Receipt:
    """Submit the call, at most once, and return its receipt.

    Args:
        client: from ``new_client``.
        slug: the endpoint id.
        arguments: the model's input.
        sending: called when the connection stands and before the first byte leaves; what it raises stops the call.
        priority: ``normal`` or ``low``.
        start_timeout: seconds within which the job must start.
        headers: further headers.

    Raises:
        NotSubmittedError: there is no job.
        MaybeSubmittedError: there may be one. Never answer it with another submission.
    """
    attempt = _Attempt(sending)
    token = _attempt.set(attempt)
    try:
        handle = client.submit(
            slug,
            arguments,
            priority=priority,  # type: ignore[arg-type]
            start_timeout=start_timeout,
            headers=dict(headers or {}),
        )
    except (ValueError, KeyError, TypeError, httpx.HTTPError) as error:
        # A good status with a body that is not the queue's; or arguments that cannot be written as JSON.
        if attempt.sent:
            raise MaybeSubmittedError(trouble("maybe-submitted", f"its reply cannot be read: {error}")) from error
        raise NotSubmittedError(trouble_of_exception(error), sent=False) from error
    finally:
        _attempt.reset(token)
    if not isinstance(handle.request_id, str) or not handle.request_id:
        raise MaybeSubmittedError(trouble("maybe-submitted", f"its reply names no id: {redacted(repr(handle))}"))
    return Receipt(handle.request_id, handle)
