"""What a source says a model costs, and which of several quotes counts.

A quote is one dated statement: so many dollars per unit, with tiers by argument where the source has them. A model's
price is the newest of its quotes; where an older quote of the same figure knows more (tiers, rounding), the newer one
confirms it. Quotes that say something else stay visible as conflicts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNITS: dict[str, str] = {
    "image": "image",
    "megapixel": "megapixel",
    "second": "second",
    "minute": "minute",
    "video": "video",
    "audio": "audio",
    "call": "call",
    "1k_chars": "1,000 characters",
    "video_token": "video token",
    "compute_second": "compute second",
    "unknown": "unit of unknown meaning",
}
"""The units of a price, and how to name one of them. Prices are USD per one unit."""

MEGAPIXEL_BINARY = 1 << 20
"""Pixels of a megapixel on the pages of fal that give an example: 1024x1024 is one, 2048x2048 are four."""
MEGAPIXEL_DECIMAL = 1_000_000
"""The usual meaning. Most pages do not say which, so both count."""
MEGAPIXEL_GRACE = 1.04
"""fal bills 1920x1080, 2.07 decimal megapixels, as two: whoever reads it decimally must forgive that much."""

SAME = 0.02
"""Two prices within two per cent are one price: sources round."""

Conditions = dict[str, tuple[str, ...]]
"""Argument -> accepted values as lower-case text; ``*`` = any, ``x*`` = begins with, ``>n`` and ``<=n`` = numbers.
The name ``any:NAME`` stands for the key NAME anywhere in the arguments, however deep."""


class Tier(NamedTuple):
    """The price that holds when the arguments meet the conditions."""

    when: Conditions
    usd: float
    usd_high: float | None = None
    """Upper end where the source leaves a margin."""

    @property
    def high(self) -> float:
        """The upper end of the unit price, USD."""
        return self.usd if self.usd_high is None else self.usd_high


class Surcharge(NamedTuple):
    """USD on top when the arguments meet the conditions."""

    when: Conditions
    usd: float
    per: str
    """``call``, or the name of an argument that holds a file or a list of files: once for each."""


class Exclusion(NamedTuple):
    """Arguments for which the price says nothing, and why."""

    when: Conditions
    because: str


class Quote(NamedTuple):
    """One source's statement of what a model costs."""

    unit: str
    usd: float | None
    """USD per unit; the base price where tiers follow. None when the source names only the unit."""
    source: str
    """Id of the source; see the table's ``sources``."""
    as_of: str | None = None
    """ISO date, or its known beginning ("2026"); None when the source does not say."""
    base: bool = False
    """The source states one figure and is silent on options such as resolution or audio."""
    raw_unit: str | None = None
    """The source's own word for the unit, where it has no certain meaning here."""
    rounding: str | None = None
    """``up``: quantities are billed in whole units, per image; ``none``: pro rata; None: not stated."""
    pixels_per_megapixel: int | None = None
    """Where a source settles it; otherwise both readings count."""
    first_usd: float | None = None
    """The first unit of each image costs this instead of ``usd``."""
    base_usd: float | None = None
    """What fal's pricing API states for this model, in its own unit, where that is not the price of a call."""
    minimum: float | None = None
    """Fewest units billed."""
    field: str | None = None
    """The argument that holds the quantity, where its name alone does not tell."""
    defaults: dict[str, Any] | None = None
    """Defaults of arguments, where the source states what the schema lacks."""
    tiers: tuple[Tier, ...] = ()
    surcharges: tuple[Surcharge, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    note: str | None = None

    @property
    def detail(self) -> int:
        """How much the quote says beyond one figure."""
        extras = (self.tiers, self.surcharges, self.exclusions, self.rounding, self.first_usd, self.defaults)
        return sum(1 for extra in extras if extra) + (self.pixels_per_megapixel is not None)

    @property
    def figures(self) -> tuple[float, ...]:
        """Every USD per unit that the quote names."""
        found = (self.usd, self.base_usd, self.first_usd, *(tier.usd for tier in self.tiers))
        return tuple(figure for figure in found if figure is not None)


class Price(NamedTuple):
    """What a model costs, as far as the sources tell."""

    slug: str
    quote: Quote
    """The quote that counts."""
    as_of: str | None
    """Date of the newest quote that states or confirms it."""
    sources: tuple[str, ...]
    """Ids of the sources that state it, newest first."""
    conflicts: tuple[Quote, ...]
    """Quotes that say something else."""
    quotes: tuple[Quote, ...]
    """All quotes, newest first."""

    @property
    def unit(self) -> str:
        """The unit: a key of ``UNITS``."""
        return self.quote.unit

    @property
    def usd(self) -> float | None:
        """USD per unit; the base price where tiers follow."""
        return self.quote.usd

    @property
    def range(self) -> tuple[float, float] | None:
        """The lowest and highest USD per unit over all tiers."""
        ends = [(tier.usd, tier.high) for tier in self.quote.tiers] or (
            [(self.quote.usd, self.quote.usd)] if self.quote.usd is not None else []
        )
        return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None

    @property
    def label(self) -> str:
        """The price in a few words: ``$0.003 per megapixel``, ``$0.112 to $0.196 per second``."""
        ends = self.range
        if ends is None or self.unit == "unknown":
            return "unknown"
        low, high = ends
        figure = dollars(low) if low == high else f"{dollars(low)} to {dollars(high)}"
        return f"{figure} per {UNITS[self.unit]}"


def dollars(usd: float) -> str:
    """Return an amount as text: two decimals at least, more where they matter."""
    if usd >= 100:
        return f"${usd:,.2f}"
    places = 2
    while places < 10 and abs(round(usd, places) - usd) > 0.005 * usd:
        places += 1
    text = f"{usd:.{max(places, 4)}f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"${whole}.{decimals:0<2}"


def newest_first(quotes: Iterable[Quote], today: str) -> list[Quote]:
    """Return the quotes that hold by that date, the newest first, undated ones last; the fuller first on one date."""
    held = [quote for quote in quotes if quote.as_of is None or quote.as_of <= today]
    return sorted(held, key=lambda quote: (quote.as_of or "", quote.detail, quote.source), reverse=True)


def agrees(new: Quote, old: Quote) -> bool:
    """Return whether the newer quote says what the older one says: each figure it states, the older one has."""
    if new.usd is None or old.usd is None:
        return False
    stated = [tier.usd for tier in new.tiers] if new.tiers and old.tiers else [new.usd]
    return all(any(_same(figure, other) for other in old.figures) for figure in stated)


def price_from(slug: str, quotes: Sequence[Quote], today: str, preferred: Quote | None = None) -> Price | None:
    """Return the model's price as of that ISO date, or None without any quote.

    ``preferred`` counts as the newest, whatever its date. A quote whose unit means nothing certain counts only when
    there is no other: it cannot be multiplied by anything.
    """
    held = newest_first(quotes, today)
    if preferred is not None:
        held = [preferred, *(quote for quote in held if quote is not preferred)]
    if not held:
        return None
    newest = next((quote for quote in held if quote.unit != "unknown"), held[0])
    same = [quote for quote in held if quote is newest or (quote.unit == newest.unit and agrees(newest, quote))]
    chosen = max(same, key=lambda quote: (quote.detail, quote is newest))
    if chosen.rounding is None:  # A price may change without the way in which its units are counted.
        rules = [quote.rounding for quote in held if quote.unit == chosen.unit and quote.rounding]
        if rules:
            chosen = chosen._replace(rounding=rules[0])
    conflicts = tuple(
        quote for quote in held if quote.usd is not None and quote not in same and not restates(chosen, quote)
    )
    sources = tuple(dict.fromkeys(quote.source for quote in same))
    return Price(slug, chosen, newest.as_of, sources, conflicts, tuple(held))


def restates(chosen: Quote, other: Quote) -> bool:
    """Return whether the other quote names one of the chosen figures, in the same unit or in a vaguer word for it."""
    if chosen.base_usd is not None and other.usd is not None and _same(chosen.base_usd, other.usd):
        return True
    near = other.unit in (chosen.unit, "unknown") or {chosen.unit, other.unit} == {"image", "megapixel"}
    return near and any(_same(one, two) for one in chosen.figures for two in other.figures)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= SAME * max(abs(one), abs(other))


def quote_from(record: dict[str, Any]) -> Quote:
    """Return the quote that a JSON record of the price table states."""
    values = dict(record)
    values["tiers"] = tuple(
        Tier(_conditions(tier["when"]), tier["usd"], tier.get("usd_high")) for tier in record.get("tiers", ())
    )
    values["surcharges"] = tuple(
        Surcharge(_conditions(item["when"]), item["usd"], item["per"]) for item in record.get("surcharges", ())
    )
    values["exclusions"] = tuple(
        Exclusion(_conditions(item["when"]), item["because"]) for item in record.get("exclusions", ())
    )
    values.setdefault("usd", None)
    return Quote(**values)


def record_from(quote: Quote) -> dict[str, Any]:
    """Return the quote as a JSON record without what is not stated; the inverse of ``quote_from``."""
    record: dict[str, Any] = {}
    for name, value in quote._asdict().items():
        if name in ("tiers", "surcharges", "exclusions"):
            if value:
                record[name] = [_stated(item._asdict()) for item in value]
        elif value is not None and value is not False:
            record[name] = value
    return record


def _stated(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _conditions(record: dict[str, Any]) -> Conditions:
    return {name: tuple(str(value).lower() for value in values) for name, values in record.items()}
