"""What calls cost: a dated table of quotes, and estimates from it.

>>> from fal_skill.registry import default_registry
>>> model = default_registry().get("fal-ai/kling-video/v3/pro/text-to-video")
>>> estimate(model, {"prompt": "a cat", "duration": "10"}).amount
'$1.68'
"""

from .estimates import BASE_PRICE, DATED_QUOTE, MAX_COUNT, ORDER_OF_MAGNITUDE, UNKNOWN, Estimate, estimate
from .quotes import UNITS, Price, Quote, Tier, dollars
from .table import PriceTable, default_prices, price_of
from .variants import cheaper_variants

__all__ = [
    "BASE_PRICE",
    "DATED_QUOTE",
    "MAX_COUNT",
    "ORDER_OF_MAGNITUDE",
    "UNITS",
    "UNKNOWN",
    "Estimate",
    "Price",
    "PriceTable",
    "Quote",
    "Tier",
    "cheaper_variants",
    "default_prices",
    "dollars",
    "estimate",
    "price_of",
]
