"""Prove that a webhook request was signed by fal.

fal signs, with Ed25519:   request_id \n user_id \n timestamp \n hex(sha256(raw body))
and publishes its public keys as a JWKS. No shared secret is involved.
"""

import asyncio
import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# Fixed on purpose: never take a key or a key URL from the incoming request.
JWKS_URL = "https://rest.fal.ai/.well-known/jwks.json"
KEYS_MAX_AGE = 12 * 3600  # fal allows caching for at most 24 h
KEYS_MIN_AGE = 60         # bad signatures cannot make us hammer fal's key server
CLOCK_TOLERANCE = 300     # seconds; limits replay of a captured request


class BadSignature(Exception):
    """Not a genuine, fresh fal request -> 401."""


class KeysUnavailable(Exception):
    """fal's keys could not be loaded, so we cannot tell -> 503, fal redelivers."""


@dataclass(frozen=True)
class SignedHeaders:
    request_id: str
    user_id: str
    timestamp: str
    signature: bytes

    @classmethod
    def parse(cls, headers: Mapping[str, str]) -> "SignedHeaders":
        """Cheap checks; call before reading the body."""
        try:
            parsed = cls(
                request_id=headers["x-fal-webhook-request-id"],
                user_id=headers["x-fal-webhook-user-id"],
                timestamp=headers["x-fal-webhook-timestamp"],
                signature=bytes.fromhex(headers["x-fal-webhook-signature"]),
            )
            age = time.time() - int(parsed.timestamp)
        except KeyError as exc:
            raise BadSignature(f"missing header {exc}") from None
        except ValueError:
            raise BadSignature("malformed timestamp or signature") from None
        if abs(age) > CLOCK_TOLERANCE:
            raise BadSignature(f"timestamp is {age:.0f}s away from our clock")
        return parsed


class FalWebhookVerifier:
    def __init__(self) -> None:
        self._keys: list[Ed25519PublicKey] = []
        self._loaded_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def verify(self, signed: SignedHeaders, body: bytes) -> None:
        """Raise unless fal signed exactly these headers and these body bytes."""
        message = "\n".join(
            [signed.request_id, signed.user_id, signed.timestamp, hashlib.sha256(body).hexdigest()]
        ).encode()

        if self._matches(await self._get_keys(max_age=KEYS_MAX_AGE), signed.signature, message):
            return
        # Perhaps fal rotated its keys: reload (at most once a minute) and retry.
        if self._matches(await self._get_keys(max_age=KEYS_MIN_AGE), signed.signature, message):
            return
        raise BadSignature("no fal key matches the signature")

    @staticmethod
    def _matches(keys: list[Ed25519PublicKey], signature: bytes, message: bytes) -> bool:
        for key in keys:
            try:
                key.verify(signature, message)
                return True
            except InvalidSignature:
                continue
        return False

    async def _get_keys(self, max_age: float) -> list[Ed25519PublicKey]:
        async with self._lock:
            now = time.monotonic()
            if now - self._loaded_at > max_age and now - self._tried_at > min(max_age, 5):
                self._tried_at = now
                try:
                    self._keys = await self._fetch_keys()
                    self._loaded_at = now
                except (httpx.HTTPError, ValueError, KeyError, TypeError) as exc:
                    if now - self._loaded_at > KEYS_MAX_AGE:
                        raise KeysUnavailable(f"cannot load {JWKS_URL}: {exc!r}") from exc
            if now - self._loaded_at > KEYS_MAX_AGE:
                raise KeysUnavailable("fal keys not loaded yet")
            return self._keys

    async def _fetch_keys(self) -> list[Ed25519PublicKey]:
        async with httpx.AsyncClient(timeout=5) as client:
            response = await client.get(JWKS_URL)
        response.raise_for_status()
        keys = [
            Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(k["x"] + "=" * (-len(k["x"]) % 4)))
            for k in response.json()["keys"]
            if k.get("kty") == "OKP" and k.get("crv", "Ed25519") == "Ed25519"
        ]
        if not keys:
            raise ValueError("no Ed25519 key in the JWKS")
        return keys
