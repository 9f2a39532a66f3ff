"""Is this delivery really from fal? ED25519 over the raw body, keys from fal's JWKS. No shared secret, no HMAC."""

import base64
import hashlib
import threading
import time
from collections.abc import Mapping

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

JWKS_URL = "https://rest.fal.ai/.well-known/jwks.json"
MAX_SKEW = 300  # seconds either way; limits replays
MAX_KEY_AGE = 24 * 3600  # fal: do not cache the keys for longer
MIN_REFETCH = 60  # bad signatures must not make us hammer fal

_lock = threading.Lock()
_keys: list[Ed25519PublicKey] = []
_fetched_at = float("-inf")
_tried_at = float("-inf")


class BadDelivery(Exception):
    """Not from fal, or too old: answer 401."""


class KeysUnavailable(Exception):
    """fal's keys cannot be had now: answer 503, and fal delivers again."""


def _public_keys(refetch: bool = False) -> list[Ed25519PublicKey]:
    global _keys, _fetched_at, _tried_at
    with _lock:
        now = time.monotonic()
        expired = now - _fetched_at > MAX_KEY_AGE
        if (expired or refetch) and now - _tried_at > MIN_REFETCH:
            _tried_at = now
            try:
                response = httpx.get(JWKS_URL, timeout=5)
                response.raise_for_status()
                fetched = [
                    Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4)))
                    for key in response.json()["keys"]
                    if key.get("kty", "OKP") == "OKP" and key.get("crv", "Ed25519") == "Ed25519"
                ]
                if fetched:
                    _keys, _fetched_at, expired = fetched, now, False
            except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
                if expired or not _keys:
                    raise KeysUnavailable(str(error)) from error
        if expired or not _keys:
            raise KeysUnavailable("no current keys")
        return _keys


def _signed_by(keys: list[Ed25519PublicKey], signature: bytes, message: bytes) -> bool:
    for key in keys:
        try:
            key.verify(signature, message)
            return True
        except InvalidSignature:
            pass
    return False


def verify(headers: Mapping[str, str], raw_body: bytes) -> str:
    """Return the fal user id that the delivery was signed for, or raise. Blocks: call it in a thread."""
    names = ("request-id", "user-id", "timestamp", "signature")
    request_id, user_id, timestamp, signature_hex = (headers.get(f"x-fal-webhook-{name}", "") for name in names)
    if not (request_id and user_id and timestamp and signature_hex):
        raise BadDelivery("missing header")
    try:
        signed_at, signature = int(timestamp), bytes.fromhex(signature_hex)
    except ValueError:
        raise BadDelivery("malformed header") from None
    if abs(time.time() - signed_at) > MAX_SKEW:
        raise BadDelivery("timestamp outside the window")

    digest = hashlib.sha256(raw_body).hexdigest()  # of the bytes as they came, never of re-serialised JSON
    message = "\n".join([request_id, user_id, timestamp, digest]).encode()
    if _signed_by(_public_keys(), signature, message):
        return user_id
    if _signed_by(_public_keys(refetch=True), signature, message):  # fal may have rotated its keys
        return user_id
    raise BadDelivery("signature does not match")
