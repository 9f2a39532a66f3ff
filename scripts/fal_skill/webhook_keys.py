"""fal's public keys: from a file, or fetched and kept for at most 24 hours, as fal's webhook page asks."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from . import atomic
from .errors import UnavailableError, UsageError
from .folders import cache_folder
from .webhooks import Delivery, WebhookError, parsed_jwks, public_keys, verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from http.client import HTTPResponse

JWKS_URL = "https://rest.fal.ai/.well-known/jwks.json"
"""Where fal publishes the keys (its older pages say rest.alpha.fal.ai)."""
MAX_AGE_SECONDS = 24 * 3600
MIN_AGE_SECONDS = 60
"""A set that was fetched more recently is not fetched again, however many forged deliveries come."""
MAX_BYTES = 256 * 1024
SANDBOX_VARIABLE = "FAL_SANDBOX"
"""Set where a program runs against the local sandbox."""
TIMEOUT_SECONDS = 10.0


class KeySet(NamedTuple):
    """Keys, and where they are from."""

    keys: tuple[bytes, ...]
    source: str
    age: float | None
    """Seconds since they were fetched; None: from a file."""


def key_set(source: str = JWKS_URL, *, folder: Path | None = None, max_age: float = MAX_AGE_SECONDS) -> KeySet:
    """Return the keys of an address, or of a file, which is never cached.

    A set in the cache folder counts for ``max_age`` seconds. Raises UsageError for an address that is not https (http
    is taken on loopback), UnavailableError when the set cannot be read, WebhookError ``bad-jwks`` when it is none.
    """
    if "://" not in source:
        return KeySet(public_keys(parsed_jwks(_file(source))), source, None)
    address = urlsplit(source)
    if address.scheme != "https" and not (address.scheme == "http" and _is_loopback(address.hostname)):
        raise UsageError(f"keys are fetched over https, not from {source[:80]!r}")
    if SANDBOX_VARIABLE in os.environ:
        # The sandbox answers at fal's own address, with a key of its own that must not outlive it.
        return KeySet(public_keys(parsed_jwks(_fetched(source))), source, 0.0)
    cache = (folder or Path(cache_folder()) / "jwks") / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.json"
    held = _held(cache, source, max(max_age, MIN_AGE_SECONDS))
    if held is not None:
        return held
    jwks = parsed_jwks(_fetched(source))
    keys = public_keys(jwks)
    with suppress(OSError):  # a cache that cannot be written costs a fetch, no more
        atomic.write(cache, json.dumps({"url": source, "fetched_at": time.time(), "jwks": jwks}))
    return KeySet(keys, source, 0.0)


def verified(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    body: bytes,
    now: float,
    source: str = JWKS_URL,
    *,
    folder: Path | None = None,
) -> Delivery:
    """Return what a delivery says of itself, as :func:`.webhooks.verify` does, with the keys of that address or file.

    Keys from the cache are fetched anew before they are blamed: fal may have changed them since. Raises what
    :func:`key_set` and :func:`.webhooks.verify` raise.
    """
    found = key_set(source, folder=folder)
    try:
        return verify(headers, body, found.keys, now)
    except WebhookError as error:
        if error.code != "bad-signature" or not found.age:
            raise
    with suppress(UnavailableError):  # else the set at hand, less than a day old, has the last word
        found = key_set(source, folder=folder, max_age=0)
    return verify(headers, body, found.keys, now)


def _is_loopback(host: str | None) -> bool:
    return host in ("127.0.0.1", "localhost", "::1")


def _file(name: str) -> bytes:
    try:
        with Path(name).open("rb") as stream:
            return stream.read(MAX_BYTES)
    except OSError as error:
        raise UnavailableError(f"cannot read the keys from {name!r}: {error.strerror or error}") from None
    except ValueError:
        raise UsageError(f"cannot read the keys from {name!r}: not a file name") from None


def _held(cache: Path, source: str, max_age: float) -> KeySet | None:
    """Return the set in the cache if it is of that address, young enough and whole."""
    try:
        held = json.loads(cache.read_text(encoding="utf-8"))
        age = time.time() - float(held["fetched_at"])
        if held["url"] != source or not math.isfinite(age) or not 0 <= age <= max_age:
            return None
        return KeySet(public_keys(held["jwks"]), source, age)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, WebhookError):
        return None


def _fetched(source: str) -> bytes:
    import urllib.error
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        """A key set that has moved is not trusted unseen."""

        def redirect_request(self, *details: Any) -> None:
            return None

    request = urllib.request.Request(source, headers={"Accept": "application/json", "User-Agent": "fal-skill"})
    try:
        response: HTTPResponse
        with urllib.request.build_opener(NoRedirect).open(request, timeout=TIMEOUT_SECONDS) as response:
            data = response.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise UnavailableError(f"cannot fetch the keys: {source} answered {error.code}") from None
    except (OSError, ValueError) as error:
        raise UnavailableError(f"cannot fetch the keys from {source}: {getattr(error, 'reason', error)}") from None
    if len(data) > MAX_BYTES:
        raise WebhookError("bad-jwks", f"the key set at {source} is larger than {MAX_BYTES >> 10} KB")
    return data
