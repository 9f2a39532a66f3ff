"""What a call will cost, from ``low`` to ``high``, with all that was assumed; or that it is unknown, and why."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from .inputs import Inputs, meets, pixels
from .quantities import Quantity, named, quantity_of
from .quotes import UNITS, Quote, Tier, dollars
from .table import PriceTable, default_prices, iso_today

if TYPE_CHECKING:
    import datetime

    from ..registry import Model
    from .quotes import Price

DATED_QUOTE = "dated-quote"
"""A source that is less than a year old states the price for calls like this one."""
BASE_PRICE = "base-price"
"""A source less than a year old states one figure, and the model has options that may change it."""
ORDER_OF_MAGNITUDE = "order-of-magnitude"
"""The price is older than a year, or of unknown age."""
UNKNOWN = "unknown"
"""There is no figure; ``because`` says why."""

MAX_COUNT = 1_000_000
MAX_CONFLICTS = 3

PRICE_OPTIONS = (
    "resolution", "target_resolution", "output_resolution", "quality", "rendering_speed", "generate_audio",
    "generate_audio_switch", "enable_audio", "mode", "model", "model_name", "style",
)  # fmt: skip
"""Arguments that change the price of some models. Where a source states one figure only, they put it in doubt."""


class Estimate(NamedTuple):
    """What a number of calls will cost. USD; ``low`` and ``high`` are None when the cost is unknown."""

    slug: str
    low: float | None
    high: float | None
    currency: str
    unit: str | None
    """The unit of the price, a key of ``UNITS``; None without any price."""
    unit_price: tuple[float, float] | None
    """USD per unit, lowest and highest that may apply."""
    quantity: tuple[float, float] | None
    """Units billed over all calls, fewest and most."""
    calls: int
    """How many calls the estimate is for."""
    assumptions: tuple[str, ...]
    as_of: str | None
    """ISO date of the price, or its known beginning."""
    source: str | None
    """Where the price comes from, in words."""
    confidence: str
    because: str | None
    """Why the cost is unknown."""
    conflicts: tuple[str, ...]
    """What other sources say, where it differs."""

    @property
    def known(self) -> bool:
        """Whether there is a figure."""
        return self.high is not None

    @property
    def check(self) -> dict[str, str]:
        """Where to check the price: fal's page, fal's API, and a calculator that is not fal's."""
        return {
            "page": f"https://fal.ai/models/{self.slug}",
            "api": f"GET https://api.fal.ai/v1/models/pricing?endpoint_id={self.slug}",
            "calculator": "https://scopeful.org/tools/fal",
        }

    @property
    def amount(self) -> str:
        """The cost in a few words: ``$0.84``, ``$0.04 to $0.08`` or ``unknown``."""
        if self.low is None or self.high is None:
            return "unknown"
        low, high = dollars(self.low), dollars(self.high)
        return low if low == high else f"{low} to {high}"

    @property
    def summary(self) -> str:
        """The estimate on one line, with its unit and date."""
        if self.low is None:
            rate = f"; {self.rate}" if self.rate else ""
            return f"unknown, because {self.because}{rate}"
        dated = f", as of {self.as_of}" if self.as_of else ", undated"
        return f"{self.amount} ({self.amount_of_units} at {self.rate}{dated}; {self.confidence})"

    @property
    def rate(self) -> str:
        """The unit price in words: ``$0.168 per second``; empty without a price."""
        if self.unit_price is None or self.unit is None:
            return ""
        low, high = (dollars(end) for end in self.unit_price)
        return f"{low if low == high else f'{low} to {high}'} per {UNITS[self.unit]}"

    @property
    def amount_of_units(self) -> str:
        """The quantity in words: ``5 seconds``; empty when unknown."""
        if self.quantity is None or self.unit is None:
            return ""
        low, high = self.quantity
        return named(low, self.unit) if low == high else f"{low:,.6g} to {named(float(f'{high:.6g}'), self.unit)}"

    def as_dict(self) -> dict[str, Any]:
        """Return the estimate as JSON values, in the shape of ``estimate_cost.py``.

        ``quantity`` is a number, or ``{"low", "high"}`` where it is not settled, or null.
        """
        return {
            "slug": self.slug,
            "low": self.low,
            "high": self.high,
            "currency": self.currency,
            "unit": self.unit,
            "quantity": _json_range(self.quantity),
            "assumptions": list(self.assumptions),
            "as_of": self.as_of,
            "source": self.source,
            "confidence": self.confidence,
            "unit_price": _json_range(self.unit_price),
            "count": self.calls,
            "because": self.because,
            "conflicts": list(self.conflicts),
            "check": self.check,
        }


def _json_range(ends: tuple[float, float] | None) -> Any:
    if ends is None:
        return None
    low, high = (int(end) if end == int(end) else end for end in ends)
    return low if low == high else {"low": low, "high": high}


def estimate(
    model: Model,
    arguments: dict[str, Any],
    count: int = 1,
    *,
    today: datetime.date | None = None,
    prices: PriceTable | None = None,
) -> Estimate:
    """Return what ``count`` such calls will cost, in USD.

    An unknown price is a result, never an error and never 0. UsageError when ``count`` is not from 1 to a million.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_COUNT:
        raise UsageError(f"the count must be a whole number from 1 to {MAX_COUNT:,}")
    table = prices or default_prices()
    date = today.isoformat() if today else iso_today()
    price = table.get(model.slug, date)
    if price is None:
        return Estimate(
            model.slug, None, None, "USD", None, None, None, count, (), None, None, UNKNOWN,
            "no source at hand has a price for this model", (),
        )  # fmt: skip
    return _Call(model, arguments, count, price, table, date).estimate()


class _Call:
    """One estimate in the making."""

    def __init__(
        self, model: Model, arguments: dict[str, Any], count: int, price: Price, table: PriceTable, date: str
    ) -> None:
        self.model = model
        self.count = count
        self.price = price
        self.quote: Quote = price.quote
        self.table = table
        self.date = date
        self.inputs = Inputs(model, arguments, self.quote.defaults)
        self.told: list[str] = []

    def estimate(self) -> Estimate:
        rate, because = self._rate()
        found = quantity_of(self.quote, self.inputs)
        because = because or self._excluded() or found.because
        if because or rate is None or found.low is None or found.high is None:
            return self._result(None, rate, None, because or "the source states no figure")
        low, high = self._cost(rate, found)
        low, high = low * self.count, high * self.count
        if not 0 < low <= high or not isfinite(high):
            return self._result(None, rate, None, "the arguments ask for quantities beyond all bounds")
        quantity = (_tidy(found.low * self.count), _tidy(found.high * self.count))
        self.told = [*found.assumptions, *self.told, *self._ignored()]
        return self._result((_tidy(low), _tidy(high)), rate, quantity, None)

    def _rate(self) -> tuple[tuple[float, float] | None, str | None]:
        """Return the USD per unit that applies, and why not where that cannot be said."""
        quote = self.quote
        if not quote.tiers:
            return ((quote.usd, quote.usd) if quote.usd is not None else None), None
        tiers, open_fields = self._tiers({})
        if not tiers:
            tiers, open_fields = self._tiers_of_any_size()
        whole_range = self.price.range
        if not tiers:
            fields = dict.fromkeys(field for tier in quote.tiers for field in tier.when if not field.startswith("any:"))
            values = ", ".join(f"{field} {self._written(field)}" for field in fields)
            return whole_range, f"no price is known for {values}"
        chosen = (min(tier.usd for tier in tiers), max(tier.high for tier in tiers))
        for field in dict.fromkeys(field for tier in tiers for field in tier.when if field not in open_fields):
            value = self.inputs.value(field)
            if not field.startswith("any:") and value.origin in ("default", "source", "unsure"):
                self.told.append(f"{field} is {self._written(field)}, its default; the price depends on it")
        if open_fields:
            names = " and ".join(open_fields)
            self.told.append(f"the price depends on {names}, which the arguments leave open: all tiers count")
        return chosen, None

    def _tiers(self, without: dict[str, None]) -> tuple[list[Tier], list[str]]:
        """Return the tiers that may apply, and the arguments that would settle which."""
        found: list[Tier] = []
        open_fields: dict[str, None] = {}
        for tier in self.quote.tiers:
            when = {field: values for field, values in tier.when.items() if field not in without}
            possible, unsettled = meets(when, self.inputs)
            if possible:
                found.append(tier)
                open_fields.update(dict.fromkeys(unsettled))
                if not unsettled and not without:
                    break
        return found, list(open_fields)

    def _tiers_of_any_size(self) -> tuple[list[Tier], list[str]]:
        """Return the tiers of all sizes when the size asked for lies between those that have a price."""
        size = pixels(self.inputs.value("image_size").value)
        listed = [pixels(text) for tier in self.quote.tiers for text in tier.when.get("image_size", ())]
        areas = [one[0] * one[1] for one in listed if one]
        if size is None or not areas or not min(areas) <= size[0] * size[1] <= max(areas):
            return [], []
        self.told.append(f"{size[0]}x{size[1]} has no price of its own: those of all sizes count")
        return self._tiers({"image_size": None})

    def _written(self, field: str) -> str:
        value = self.inputs.value(field).value
        size = pixels(value) if field == "image_size" else None
        if size:
            return f"{size[0]}x{size[1]}"
        text = str(value).lower() if isinstance(value, (bool, float)) or value is None else ascii(value).strip("'")
        return text[:40]

    def _excluded(self) -> str | None:
        for exclusion in self.quote.exclusions:
            possible, unsettled = meets(exclusion.when, self.inputs)
            if possible and not unsettled:
                return exclusion.because
        return None

    def _cost(self, rate: tuple[float, float], found: Quantity) -> tuple[float, float]:
        """Return the ends of one call's cost, surcharges included."""
        units = (found.low or 0.0, found.high or 0.0)
        first = self.quote.first_usd
        if first is not None:  # An image of less than one unit is billed one.
            units = (max(units[0], found.images[0]), max(units[1], found.images[1]))
        low, high = rate[0] * units[0], rate[1] * units[1]
        if first is not None:
            low += (first - rate[0]) * found.images[0]
            high += (first - rate[1]) * found.images[1]
            self.told.append(f"the first {UNITS[self.quote.unit]} of each image costs {dollars(first)}")
        for surcharge in self.quote.surcharges:
            possible, unsettled = meets(surcharge.when, self.inputs)
            if not possible or unsettled:
                continue
            if surcharge.per == "call":
                low, high = low + surcharge.usd, high + surcharge.usd * found.images[1]
                names = " and ".join(surcharge.when)
                self.told.append(f"{names} adds {dollars(surcharge.usd)}, counted per image at the high end")
            else:
                files = self.inputs.files(surcharge.per)
                low, high = low + surcharge.usd * files, high + surcharge.usd * files
                self.told.append(f"each file in {surcharge.per} adds {dollars(surcharge.usd)}")
        return low, high

    def _ignored(self) -> list[str]:
        """Return a note on arguments that the model does not have: they were not counted."""
        if not self.model.has_schema:
            return ["the model's schema is not known: only the arguments given were counted"]
        # A duration counts although the model has none: it says how long the file is that is sent.
        known = {*self.inputs.properties, "duration"}
        strange = [name for name in self.inputs.arguments if name not in known][:3]
        return [f"not counted, since the model has no such argument: {ascii(name)[:60]}" for name in strange]

    def _options(self) -> list[str]:
        """Return the arguments that may change a price stated without options."""
        if not self.quote.base or self.quote.tiers:
            return []
        return [
            field
            for field in PRICE_OPTIONS
            if len(self.inputs.legal(field)) > 1 or self.inputs.properties.get(field, {}).get("type") == "boolean"
        ]

    def _confidence(self, options: list[str]) -> str:
        as_of = self.price.as_of
        if as_of is None or as_of < f"{int(self.date[:4]) - 1:04d}{self.date[4:]}":
            return ORDER_OF_MAGNITUDE
        return BASE_PRICE if options or (self.quote.base and not self.model.has_schema) else DATED_QUOTE

    def _result(
        self,
        cost: tuple[float, float] | None,
        rate: tuple[float, float] | None,
        quantity: tuple[float, float] | None,
        because: str | None,
    ) -> Estimate:
        price, quote = self.price, self.quote
        options = self._options()
        confidence = self._confidence(options)
        told = [text[:1].lower() + text[1:] for text in self.told] if cost else []
        if cost:
            if self.count > 1:
                told.append(f"{self.count:,} calls")
            if options:
                told.append(f"the source states one price; {', '.join(options)} may change it")
            if quote.note:
                told.append(quote.note)
            if confidence == ORDER_OF_MAGNITUDE:
                age = f"is of {price.as_of}, more than a year ago" if price.as_of else "has no date"
                told.append(f"the price {age}: take it as an order of magnitude")
        return Estimate(
            slug=price.slug,
            low=cost[0] if cost else None,
            high=cost[1] if cost else None,
            currency="USD",
            unit=quote.unit,
            unit_price=rate,
            quantity=quantity,
            calls=self.count,
            assumptions=tuple(dict.fromkeys(told)),
            as_of=price.as_of,
            source=self._source(),
            confidence=confidence if cost else UNKNOWN,
            because=None if cost else because,
            conflicts=tuple(self._conflict(other) for other in price.conflicts[:MAX_CONFLICTS]),
        )

    def _source(self) -> str:
        first, *others = self.price.sources
        agree = f"; {len(others)} more source{'s say' if len(others) > 1 else ' says'} the same" if others else ""
        return self.table.named(first) + agree

    def _conflict(self, other: Quote) -> str:
        unit = f"unit {other.raw_unit!r}" if other.unit == "unknown" else UNITS[other.unit]
        figures = sorted({tier.usd for tier in other.tiers} or {other.usd or 0.0})
        figure = dollars(figures[0]) + (f" to {dollars(figures[-1])}" if len(figures) > 1 else "")
        return f"{figure} per {unit}, {other.as_of or 'undated'}: {self.table.named(other.source)}"


def _tidy(value: float) -> float:
    """Return the number without the noise of binary fractions."""
    return float(f"{value:.12g}")
