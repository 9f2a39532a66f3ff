"""Taking keys out of text: the one function behind every log, error, ledger row, cassette and report.

Two things are taken out: the user's own credentials, in whatever form they stand in the text (as they are, in URLs,
in JSON, in base64), and whatever has the shape of a credential of fal's.
"""

from __future__ import annotations

import base64
import json
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "[***]"
MIN_LENGTH = 6
"""Shorter values are no keys: taking them out would shred the text. Longer than the mark, so that the mark itself can
never hold a secret, and each replacement makes the text shorter."""
MAX_DEPTH = 100
VARIABLES = ("FAL_KEY", "FAL_KEY_SECRET")

_SHAPES = (
    re.compile(r"(?i)((?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?)(?:(?:key|bearer|basic|token)\s+)?[^\s'\",;}\]]+"),
    re.compile(r"\b([Kk]ey|[Bb]earer)(\s+)(?=\S*\d)[A-Za-z0-9._~+/=:-]{20,}"),
    re.compile(r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?::|%3A)[0-9a-z]{8,}"),
    re.compile(r"(?i)\b(fal_key(?:_secret)?['\"]?\s*[:=]\s*['\"]?)[^\s'\",;&}\]]{6,}"),
    re.compile(r"(?i)\b(fal_jwt_token=)[^&\s'\"]+"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"),
    re.compile(r"(?i)(://)[^/\s@'\"]*:[^/\s@'\"]*(@)"),
)


def credentials(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the secrets that the environment holds: whole keys, and their secret halves."""
    given = os.environ if environ is None else environ
    found: dict[str, None] = {}
    for name in VARIABLES:
        value = given.get(name, "")
        for part in (value, value.strip(), value.partition(":")[2].strip()):
            if len(part) >= MIN_LENGTH:
                found[part] = None
    return tuple(found)


def redacted(text: str, secrets: tuple[str, ...] | None = None) -> str:
    """Return the text without credentials: the environment's (or these), and all that have a credential's shape."""
    text = without(text, credentials() if secrets is None else secrets)
    for shape in _SHAPES:
        text = shape.sub(_marked, text)
    return text


def without(text: str, secrets: tuple[str, ...]) -> str:
    """Return the text without these secrets in any of the forms in which programs write them."""
    if not secrets:
        return text
    pattern = _pattern(secrets)
    while True:
        cleaned = pattern.sub(MARK, text)
        if cleaned == text:
            return text
        text = cleaned


def redacted_value(value: Any, secrets: tuple[str, ...] | None = None, *, shapes: bool = True, depth: int = 0) -> Any:
    """Return a JSON value without credentials, keys of objects included.

    Args:
        value: the value.
        secrets: what to take out; default: the environment's credentials.
        shapes: whether to take out what merely looks like a credential too. Results of models keep that: they hold
            signed URLs and the user's own words.
        depth: how deep the value lies; what lies too deep is cut off.
    """
    known = credentials() if secrets is None else secrets
    if isinstance(value, str):
        return redacted(value, known) if shapes else without(value, known)
    if depth > MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {
            redacted_value(str(key), known, shapes=shapes): redacted_value(item, known, shapes=shapes, depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redacted_value(item, known, shapes=shapes, depth=depth + 1) for item in value]
    return value


def forms(secret: str) -> tuple[str, ...]:
    """Return the texts in which the secret may stand: plain, in URLs, in JSON, as a Python literal, in base64."""
    raw = secret.encode("utf-8", "surrogatepass")
    found = [secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]]
    found += [quote(raw, safe=""), quote(raw), quote_plus(raw)]
    for offset in range(3):
        # Whatever stands around it, base64 shows the bytes between two borders of three in the same letters.
        start = (-offset) % 3
        body = raw[start : start + (len(raw) - start) // 3 * 3]
        coded = base64.b64encode(body).decode()
        found += [coded, coded.replace("+", "-").replace("/", "_")]
    return tuple(dict.fromkeys(form for form in found if len(form) >= MIN_LENGTH))


@lru_cache(maxsize=8)
def _pattern(secrets: tuple[str, ...]) -> re.Pattern[str]:
    every = {form for secret in secrets if len(secret) >= MIN_LENGTH for form in forms(secret)}
    ordered = sorted(every, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, ordered)) or r"(?!)", re.IGNORECASE)


def _marked(match: re.Match[str]) -> str:
    groups = [group for group in match.groups() if group is not None]
    if len(groups) == 2 and groups[1] == "@":
        return f"{groups[0]}{MARK}@"
    return "".join(groups) + MARK


class RedactedStream:
    """A text stream that takes credentials out of whatever is written: the last line of defence for stderr."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text without credentials."""
        self._stream.write(redacted(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
