"""Whether a cost stays within a cap."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from ..errors import UsageError, shown
from .estimates import BASE_PRICE, MAX_COUNT, ORDER_OF_MAGNITUDE
from .quotes import dollars

if TYPE_CHECKING:
    from .estimates import Estimate


def count_from(text: str) -> int:
    """Return the number of calls that ``--count`` names."""
    try:
        count = int(text)
    except ValueError:
        count = 0
    if not 1 <= count <= MAX_COUNT:
        raise UsageError(f"--count {shown(text, 30)} is not a whole number from 1 to {MAX_COUNT:,}")
    return count


def cap_from(text: str | None) -> float | None:
    """Return the cap in USD that ``--max-cost`` names, or None without one."""
    if text is None:
        return None
    try:
        cap = float(text.removeprefix("$"))
    except ValueError:
        cap = -1.0
    if not isfinite(cap) or cap < 0:
        raise UsageError(f"--max-cost {shown(text, 30)} is not an amount in USD", hint="such as 2.50")
    return cap


def cap_broken(cost: Estimate, cap: float) -> str | None:
    """Return why the cost may pass the cap, or None when it cannot."""
    if cost.high is None:
        return f"a cap of {dollars(cap)} cannot be guaranteed, the cost is unknown: {cost.because}"
    if cost.high > cap:
        return f"up to {dollars(cost.high)} is more than the cap of {dollars(cap)}"
    return None


def cap_doubt(cost: Estimate) -> str | None:
    """Return why a cap that holds by the estimate may not hold, or None."""
    if cost.confidence in (BASE_PRICE, ORDER_OF_MAGNITUDE):
        return f"within the cap by a price that is only {cost.confidence}; check {cost.check['page']}"
    return None
