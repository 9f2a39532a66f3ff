"""Whether a webhook delivery comes from fal: ED25519 over four lines, keys from fal's JWKS, each request id once.

The signed text is four lines joined by newlines: request id, user id, timestamp, and the lower-case hex SHA-256 of the
raw body. Headers: ``X-Fal-Webhook-Request-Id``, ``-User-Id``, ``-Timestamp`` (unix seconds), ``-Signature`` (hex). Any
key of the set may have signed; a timestamp counts for 300 seconds either way. Source: fal's webhook pages, 2025-10 and
2026-09.

>>> keys = public_keys(fetched_jwks)                                  # doctest: +SKIP
>>> delivery = verify(request.headers, raw_body, keys, time.time())   # doctest: +SKIP
>>> if seen.claim(delivery.request_id, time.time()): work(raw_body)   # doctest: +SKIP
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import EXIT_FINDINGS, SkillError, UnavailableError, shown

if TYPE_CHECKING:
    from pathlib import Path

WINDOW_SECONDS = 300
"""How far a timestamp may be from now, either way."""
MAX_HEADER_LENGTH = 1024
MAX_KEYS = 64
KEY_BYTES = 32
DEFAULT_CAPACITY = 10_000
KEEP_SECONDS = 24 * 3600
"""How long a request id is remembered: longer than fal retries (up to 2 hours, by its pages)."""
PREFIX = "x-fal-webhook-"
NAMES = ("request-id", "user-id", "timestamp", "signature")


class WebhookError(SkillError):
    """A delivery that must not be acted on; ``code`` is a stable word for the reason."""

    exit_code = EXIT_FINDINGS

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


class Delivery(NamedTuple):
    """What a genuine delivery says of itself."""

    request_id: str
    user_id: str
    timestamp: int
    """When it was signed, in unix seconds."""


def verify(
    headers: Mapping[str, str] | Iterable[tuple[str, str]], body: bytes, keys: Sequence[bytes], now: float
) -> Delivery:
    """Return what the delivery says of itself if fal signed it.

    ``headers`` is a mapping or pairs, whatever the case of the names; ``keys`` come from :func:`public_keys`; ``now``
    is in unix seconds. The body must be the bytes as they came: parsed and written again, they have another hash.
    Raises WebhookError, and nothing else, with one of the codes ``missing-header``, ``bad-header``, ``too-old``,
    ``too-early``, ``bad-signature``, ``no-keys``, ``not-raw``. A good signature does not mean that the delivery is new:
    see :class:`SeenRequests`.
    """
    if not isinstance(body, (bytes, bytearray)):
        raise WebhookError("not-raw", "the body is no bytes", "pass the raw body, before any JSON parsing")
    values = _headers(headers)
    timestamp = _timestamp(values["timestamp"], now)
    if not re.fullmatch(r"[0-9a-fA-F]{128}", values["signature"], re.ASCII):
        raise WebhookError("bad-header", f"{PREFIX}signature is not 128 hex digits: {shown(values['signature'])}")
    if not keys:
        raise WebhookError("no-keys", "there is no key to verify with", "fetch fal's key set")
    digest = hashlib.sha256(body).hexdigest()
    lines = (values["request-id"], values["user-id"], values["timestamp"], digest)
    if not _signed("\n".join(lines).encode("utf-8"), bytes.fromhex(values["signature"]), keys):
        raise WebhookError(
            "bad-signature",
            "no key of the set has signed this body and these headers",
            "forged, altered on the way, or not the raw body",
        )
    return Delivery(values["request-id"], values["user-id"], timestamp)


def _headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        given_pairs = headers.items() if isinstance(headers, Mapping) else headers
        pairs = [(str(name).lower(), value) for name, value in given_pairs]
    except Exception as error:  # whatever a framework's own mapping may raise
        raise WebhookError("bad-header", f"the headers cannot be read: {type(error).__name__}") from None
    for name in NAMES:
        given = [value for other, value in pairs if other == PREFIX + name]
        if not given:
            raise WebhookError("missing-header", f"{PREFIX}{name} is missing", "an unsigned request is not from fal")
        if len(given) > 1:
            raise WebhookError("bad-header", f"{PREFIX}{name} is there {len(given)} times")
        value = given[0]
        if not isinstance(value, str) or not 0 < len(value) <= MAX_HEADER_LENGTH:
            raise WebhookError("bad-header", f"{PREFIX}{name} is no text of 1 to {MAX_HEADER_LENGTH} characters")
        # A line break would move the borders between the four signed lines.
        if not re.fullmatch(r"[\x21-\x7e]+", value):
            raise WebhookError("bad-header", f"{PREFIX}{name} has characters that no such header has: {shown(value)}")
        found[name] = value
    return found


def _timestamp(text: str, now: float) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        raise WebhookError("bad-header", f"{PREFIX}timestamp is no number of seconds: {shown(text)}")
    timestamp = int(text)
    late = now - timestamp
    if not late <= WINDOW_SECONDS:
        message = f"signed {late:.0f} s ago, {WINDOW_SECONDS} s are allowed"
        raise WebhookError("too-old", message, "a replay, or this machine's clock is fast")
    if not late >= -WINDOW_SECONDS:
        message = f"signed {-late:.0f} s from now, {WINDOW_SECONDS} s are allowed"
        raise WebhookError("too-early", message, "this machine's clock is slow")
    return timestamp


def _signed(message: bytes, signature: bytes, keys: Sequence[bytes]) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    for key in keys[:MAX_KEYS]:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return True
    return False


def public_keys(jwks: Any) -> tuple[bytes, ...]:
    """Return the ED25519 keys of a parsed JWKS document, 32 bytes each; WebhookError ``bad-jwks`` when it is none.

    Keys of other kinds are passed over; a set without a single ED25519 key is an error.
    """
    entries = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(entries, list):
        expected = 'expected {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "…"}]}'
        raise WebhookError("bad-jwks", "the key set is no JWKS document", expected)
    found = []
    for entry in entries[:MAX_KEYS]:
        if not isinstance(entry, dict) or entry.get("kty", "OKP") != "OKP" or entry.get("crv", "Ed25519") != "Ed25519":
            continue
        text = entry.get("x")
        if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]{43}=?", text, re.ASCII):
            message = f"a key of the set has no x of {KEY_BYTES} bytes in base64url: {shown(str(text))}"
            raise WebhookError("bad-jwks", message)
        try:
            found.append(base64.urlsafe_b64decode(text.rstrip("=") + "="))
        except (ValueError, binascii.Error):
            raise WebhookError("bad-jwks", f"a key of the set is no base64url: {shown(text)}") from None
    if not found:
        raise WebhookError("bad-jwks", "the key set holds no ED25519 key")
    return tuple(found)


def parsed_jwks(text: str | bytes) -> Any:
    """Return the value of a JWKS document's text; WebhookError ``bad-jwks`` when it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WebhookError("bad-jwks", "the key set is no JSON document") from None


class SeenRequests:
    """Remembers request ids, so that each delivery is worked on once; in memory, at most ``capacity`` ids.

    One process alone knows what it holds: several workers need a store that they share, such as :class:`SeenFile`.
    """

    def __init__(self, capacity: int = DEFAULT_CAPACITY, seconds: float = KEEP_SECONDS) -> None:
        self._capacity, self._seconds = capacity, seconds
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._seen)

    def claim(self, request_id: str, now: float) -> bool:
        """Return True, and remember the id, if it is new.

        Claim only what :func:`verify` has accepted, or anyone could fill the store.
        """
        with self._lock:
            while self._seen and next(iter(self._seen.values())) <= now - self._seconds:
                self._seen.popitem(last=False)
            if request_id in self._seen:
                return False
            while len(self._seen) >= self._capacity:
                self._seen.popitem(last=False)
            self._seen[request_id] = now
            return True

    def forget(self, request_id: str) -> None:
        """Take the id out again: its work has failed, and the next delivery shall be worked on."""
        with self._lock:
            self._seen.pop(request_id, None)


class SeenFile:
    """The same in a file that several processes share (SQLite)."""

    def __init__(self, file: Path, capacity: int = DEFAULT_CAPACITY, seconds: float = KEEP_SECONDS) -> None:
        self._file, self._capacity, self._seconds = file, capacity, seconds

    def claim(self, request_id: str, now: float) -> bool:
        """Return True, and remember the id, if it is new; UnavailableError when the file cannot be used."""
        return bool(self._done("insert or ignore into seen values (?, ?)", (request_id, now), now))

    def forget(self, request_id: str) -> None:
        """Take the id out again: its work has failed, and the next delivery shall be worked on."""
        self._done("delete from seen where request_id = ?", (request_id,), None)

    def _done(self, statement: str, values: tuple[Any, ...], now: float | None) -> int:
        """Run the statement and return how many rows it changed; with ``now``, old rows go first."""
        import sqlite3
        from contextlib import closing

        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._file, timeout=10)) as base, base:
                base.execute("create table if not exists seen (request_id text primary key, at real)")
                if now is not None:
                    base.execute("delete from seen where at <= ?", (now - self._seconds,))
                changed = base.execute(statement, values).rowcount
                if now is not None:
                    newest = "select rowid from seen order by at desc, rowid desc limit ?"
                    base.execute(f"delete from seen where rowid not in ({newest})", (self._capacity,))
                return changed
        except (sqlite3.Error, OSError) as error:
            raise UnavailableError(f"cannot remember request ids in {self._file}: {error}") from None
