"""Whether a model can be called by a pattern: known, unknown, or contradicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..arguments import Finding
    from ..registry import Model

WAITING = {"stream": "/stream", "realtime": "/realtime"}
"""Patterns that only some models serve, and the path under the model's id where they do (fal-client 1.0.3)."""


def check_pattern(model: Model, pattern: str) -> list[Finding]:
    """Return what is uncertain about calling the model by the pattern.

    Raises:
        UsageError: the pattern cannot work for this model.
    """
    from ..arguments import NOTE, WARNING, Finding

    own = next((name for name, path in WAITING.items() if model.slug.endswith(path)), None)
    if own == pattern:
        return []
    if own is not None and pattern in WAITING:
        raise UsageError(
            f"{model.slug} is the {own} path of a model: it cannot be called by pattern {pattern}",
            hint=f"use --pattern {own}",
        )
    if own is not None:
        message = f"{model.slug} is the {own} path of a model; whether the queue takes it is not known"
        return [Finding(WARNING, "pattern-unknown", "", message, f"use --pattern {own}")]
    if pattern in WAITING:
        if model.category == "training":
            raise UsageError(
                f"{model.slug} trains a model: it gives one result in the end and does not {pattern}",
                hint="use --pattern submit",
            )
        if _listed(model.slug + WAITING[pattern]):
            return []
        where = "a stream_url" if pattern == "stream" else "a realtime section"
        message = f"the snapshot does not know whether {model.slug} has a {WAITING[pattern]} path"
        return [Finding(WARNING, "pattern-unknown", "", message, f"look for {where} on the model's page on fal.ai")]
    if pattern == "run" and ({"video", "3d", "weights"} & set(model.media_out) or model.category == "training"):
        message = "run holds one connection open until the result is there, and a lost connection loses the result"
        return [Finding(NOTE, "pattern-unfit", "", message, "use --pattern submit for jobs of minutes")]
    return []


def _listed(slug: str) -> bool:
    from ..registry import UNKNOWN, default_registry

    return default_registry().status(slug) != UNKNOWN
