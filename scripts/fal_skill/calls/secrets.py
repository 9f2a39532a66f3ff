"""fal keys in text: telling a key from a placeholder, and keeping it out of every output."""

from __future__ import annotations

import re

KEY = re.compile(
    r"(?<![0-9a-fA-F-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}:[0-9a-f]{32}(?![0-9a-f])"
)
"""``<key id>:<key secret>``, as the dashboard gives it."""
REDACTED = "[key]"

_PLACEHOLDER = re.compile(
    r"your|xxx|example|placeholder|<|>|\.\.\.|…|\*\*|test|fake|dummy|mock|change|todo|insert|replace|secret|sample|demo|"
    r"fal[_-]?key|api[_-]?key|key[_-]?id|\$|\{|%|dev[_-]|local|none|null|token|enter|paste|here|env|fixture|unit",
    re.IGNORECASE,
)
_KEY_LIKE = re.compile(r"[A-Za-z0-9_.:+/=-]{20,200}")
_SAME_DIGIT = re.compile(r"(.)\1{7}")


def redacted(text: str) -> str:
    """Return text in which every fal key is replaced."""
    return KEY.sub(REDACTED, text)


def is_key(text: str) -> bool:
    """Whether a text, found where a key belongs, is one: of fal's form, or long and of mixed letters and digits."""
    found = KEY.search(text)
    if found is not None:
        return not is_made_up(found[0])
    text = text.removeprefix("Key ").removeprefix("Bearer ").strip()
    if _PLACEHOLDER.search(text) or not _KEY_LIKE.fullmatch(text):
        return False
    digits = sum(char.isdigit() for char in text)
    letters = sum(char.isalpha() for char in text)
    return digits >= 4 and letters >= 4 and not _SAME_DIGIT.search(text)


def is_made_up(key: str) -> bool:
    """Whether a text of a key's form is an example: all zeros, or a counting pattern."""
    digits = key.replace("-", "").replace(":", "")
    return len(set(digits)) <= 4 or digits.startswith(("12345678", "01234567", "deadbeef", "abcdef01"))
