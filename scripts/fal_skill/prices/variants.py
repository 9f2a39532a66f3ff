"""Models that do the same task with the same arguments for less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .estimates import ORDER_OF_MAGNITUDE, Estimate, estimate
from .table import PriceTable, default_prices

if TYPE_CHECKING:
    import datetime

    from ..registry import Model, Registry

SIZES = ("image_size", "aspect_ratio", "resolution", "duration")
"""Fields whose default differs from model to model: what is compared must be of one size."""
OLD_PRICE_MARGIN = 2.0
"""A price older than a year must be lower by this factor before it counts as lower."""


def cheaper_variants(
    registry: Registry,
    model: Model,
    arguments: dict[str, Any],
    limit: int = 3,
    *,
    today: datetime.date | None = None,
    prices: PriceTable | None = None,
) -> list[tuple[str, dict[str, Any], Estimate]]:
    """Return up to ``limit`` (slug, added arguments, estimate) of models that do this very call for less for sure.

    The category and the output media are the same, every argument is a field of the other model with a legal value,
    and the whole range of the other's cost lies below this model's. Where the call leaves a size to this model's
    default and the other's default differs, that size is among the added arguments. Models that share the beginning
    of the slug come first, then dated prices, then the cheapest. Empty when nothing cheaper is known, or this model's
    own cost is not.
    """
    from ..arguments import check_arguments, has_errors

    table = prices or default_prices()
    own = estimate(model, arguments, today=today, prices=table)
    if own.low is None or limit < 1:
        return []
    priced = set(table.slugs())
    found: list[tuple[tuple[int, bool, float, str], dict[str, Any], Estimate]] = []
    for entry in registry.entries:
        if entry.category != model.category or set(entry.media_out) != set(model.media_out):
            continue
        if entry.slug == model.slug or entry.slug not in priced or entry.status != "known":
            continue
        other = registry.get(entry.slug)
        if other is None or not _takes(other, arguments):
            continue
        added = _same_size(model, other, arguments)
        cost = estimate(other, {**arguments, **added}, today=today, prices=table)
        if cost.low is None or cost.high is None or cost.high >= own.low:
            continue
        old = cost.confidence == ORDER_OF_MAGNITUDE
        if old and cost.high * OLD_PRICE_MARGIN > own.low:
            continue
        if not has_errors(check_arguments(other, {**arguments, **added})):
            found.append(((-_shared_segments(model.slug, other.slug), old, cost.high, other.slug), added, cost))
    return [(rank[3], added, cost) for rank, added, cost in sorted(found, key=lambda item: item[0])[:limit]]


def _same_size(model: Model, other: Model, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the sizes to ask the other model for, so that it makes what this one makes by default."""
    added = {}
    for field in SIZES:
        default = model.default(field)
        if field in arguments or default is None or field not in other.properties or other.default(field) == default:
            continue
        schema = other.properties[field]
        enums = [option["enum"] for option in (schema, *schema.get("anyOf", ())) if "enum" in option]
        if not enums or any(default in enum for enum in enums):
            added[field] = default
    return added


def _takes(other: Model, arguments: dict[str, Any]) -> bool:
    """Return whether the model has all these fields and wants no others; cheaper to ask than a full check."""
    return all(name in other.properties for name in arguments) and all(name in arguments for name in other.required)


def _shared_segments(one: str, other: str) -> int:
    """Return how many leading segments two slugs share; the parts of a version count too."""
    left, right = (slug.replace("-", "/").split("/") for slug in (one, other))
    pairs = list(zip(left, right, strict=False))
    return next((at for at, pair in enumerate(pairs) if pair[0] != pair[1]), len(pairs))
