"""Who is calling: the key, short-lived tokens for the realtime and upload services, and what a wrong one gets."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING

from .replies import Json, detail

if TYPE_CHECKING:
    from starlette.responses import Response

    from .settings import Settings

OURS = "ours"
EMPTY = "empty"
OTHER = "other"
ABSENT = "absent"

LOCKED = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
"""Text of the 403 as users report it; fal's documents at hand do not give it."""
MAX_TOKENS = 10_000


@dataclass(frozen=True)
class Token:
    """A short-lived right: to some apps by realtime and stream, or to upload."""

    text: str
    apps: tuple[str, ...]
    expires_at: float


class Gate:
    """Keeps the keys and tokens of a sandbox."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._key = settings.key
        self._empty_key = settings.empty_key
        self._clock = clock
        self._pattern = re.compile("|".join(_forms(key) for key in (self._key, self._empty_key)), re.IGNORECASE)
        self._tokens: dict[str, Token] = {}

    def standing(self, authorization: str | None, scheme: str = "key") -> str:
        """Return whose key an Authorization header holds: ``ours``, ``empty``, ``other`` or ``absent``."""
        given, _, key = (authorization or "").strip().partition(" ")
        key = key.strip()
        if not given:
            return ABSENT
        if given.lower() != scheme:
            return OTHER
        if compare_digest(key.encode(), self._key.encode()):
            return OURS
        if compare_digest(key.encode(), self._empty_key.encode()):
            return EMPTY
        return OTHER

    def holds_key(self, text: str) -> bool:
        """Return whether a text (a header, an address) holds one of the keys."""
        return self._pattern.search(text) is not None

    def redacted(self, text: str) -> str:
        """Return the text without keys and tokens."""
        return self._pattern.sub("<key>", text)

    def issue(self, apps: tuple[str, ...], seconds: float, kind: str) -> Token:
        """Return a new token in the shape of a JWT (which clients do not look into)."""
        now = self._clock()
        if len(self._tokens) >= MAX_TOKENS:
            self._tokens = {text: token for text, token in self._tokens.items() if token.expires_at > now}
        claims = {"allowed_apps": list(apps), "exp": int(now + seconds), "kind": kind, "jti": os.urandom(8).hex()}
        parts = [_part({"alg": "none", "typ": "JWT"}), _part(claims), os.urandom(24).hex()]
        token = Token(".".join(parts), apps, now + seconds)
        self._tokens[token.text] = token
        return token

    def token(self, text: str) -> Token | None:
        """Return the token of that text while it is valid."""
        token = self._tokens.get(text)
        return token if token is not None and token.expires_at > self._clock() else None


def _forms(key: str) -> str:
    """Return a pattern for a key as it may stand in a text: whole, percent-encoded, or its secret part alone."""
    name, _, secret = key.rpartition(":")
    return f"(?:{re.escape(name)}(?::|%3A))?{re.escape(secret)}"


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def refusal(standing: str, app: str) -> Response | None:
    """Return what fal's queue, run and storage services answer to such a caller; None when all is well."""
    if standing == OURS:
        return None
    if standing == EMPTY:
        return detail(403, LOCKED)
    reason = "Authentication is required to access this application." if standing == ABSENT else "Invalid credentials."
    return detail(401, f'Cannot access application "{app}". {reason}' if app else reason)


def platform_refusal(standing: str) -> Response | None:
    """Return what the platform API answers to such a caller; an empty balance does not matter to it."""
    if standing in (OURS, EMPTY):
        return None
    message = "Authentication is required" if standing == ABSENT else "Invalid API key"
    return Json({"error": {"type": "authorization_error", "message": message, "docs_url": "https://docs.fal.ai"}}, 401)
