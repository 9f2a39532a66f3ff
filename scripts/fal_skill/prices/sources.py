"""Where the price table comes from: one reader for each source, and the merge that writes the file.

This is build code: nothing here runs when a price is looked up, except the reader of the user's own API reply.
"""

from __future__ import annotations

import json
import os
import re
import time
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from .quotes import Quote, Tier, newest_first, quote_from, record_from
from .table import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HAND_FILE = os.path.join(os.path.dirname(__file__), "data", "hand_quotes.json")  # noqa: PTH118, PTH120 - see USER_SOURCE
USER_SOURCE = "pricing-api"
"""Id of a reply of fal's own API; read at run time too, so this module keeps to light imports."""
END_OF_TIME = "9999"

LITELLM_PREFIX = "fal_ai/"
FALAW_GUESSES = ("approximate", "empirical")
"""falaw's words for figures that nobody stated; they are left out."""
FALAW_DEFAULTS = ("resolution", "duration", "aspect_ratio", "generate_audio")

_UNIT_WORDS = {
    "image": "image", "megapixel": "megapixel", "second": "second", "video second": "second", "audio second": "second",
    "input second": "second", "minute": "minute", "minute of video": "minute", "video": "video", "audio": "audio",
    "request": "call", "call": "call", "training": "call", "compute second": "compute_second",
}  # fmt: skip
"""fal's words for units that mean one thing, in the singular. Left out on purpose: units, generations, credits, video
segments, which differ from model to model, and steps: one trainer's page asks a tenth of what its base price says."""


class Collection(NamedTuple):
    """The quotes of some sources."""

    sources: dict[str, dict[str, str]]
    """Source id -> ``title``, and ``kind``: a newer collection replaces all quotes of its kind."""
    quotes: list[tuple[str, Quote]]
    """(slug, quote) pairs."""


def unit_from(text: str, slug: str) -> tuple[str, float]:
    """Return the unit that fal's word stands for, and how many of it one price covers: "1000 characters", "5 seconds".

    A word without one certain meaning gives ``unknown``.
    """
    word = " ".join(text.lower().replace(",", "").split())
    singular = word[:-1] if word.endswith("s") else word
    if singular in _UNIT_WORDS:
        return _UNIT_WORDS[singular], 1.0
    match = re.fullmatch(r"(\d+)(k|m)? ?(second|minute|character|token)s?", word)
    if match is None:
        return ("1k_chars", 0.001) if singular == "character" else ("unknown", 1.0)
    count = float(match[1]) * {"k": 1e3, "m": 1e6}.get(match[2] or "", 1.0)
    if count <= 0:
        return "unknown", 1.0
    if match[3] == "character":
        return "1k_chars", count / 1000
    if match[3] == "token":
        # Only video tokens can be counted from arguments; other models' tokens depend on what they answer.
        return ("video_token", count) if "seedance" in slug else ("unknown", 1.0)
    return match[3], count


def base_quote(slug: str, usd: Any, unit: str, source: str, as_of: str | None, currency: str = "USD") -> Quote | None:
    """Return the quote of one figure without options, or None when the figure is none (0 means "not said")."""
    if isinstance(usd, bool) or not isinstance(usd, (int, float)) or not isfinite(usd) or usd <= 0:
        return None
    if currency != "USD":
        return Quote("unknown", float(usd), source, as_of, base=True, raw_unit=f"{unit} in {currency}")
    name, count = unit_from(unit, slug)
    raw = unit if name in ("unknown", "compute_second") else None
    return Quote(name, _figure(usd / count), source, as_of, base=True, raw_unit=raw)


def quotes_from_pricing_api(document: Any, as_of: str) -> Collection:
    """Return the quotes of a reply of ``GET /v1/models/pricing``, or of a list of such replies, of that ISO date.

    UsageError when the document is no such reply or the date is none.
    """
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", as_of):
        raise UsageError(f"{as_of[:30]!r} is not a date", hint="expected YYYY-MM-DD")
    source = {USER_SOURCE: {"title": "your reply of fal's pricing API (/v1/models/pricing)", "kind": USER_SOURCE}}
    found: list[tuple[str, Quote]] = []
    for page in document if isinstance(document, list) else [document]:
        rows = page.get("prices") if isinstance(page, dict) else None
        if not isinstance(rows, list):
            raise UsageError(
                'this is no reply of the pricing API: expected {"prices": [{"endpoint_id", "unit_price"…}]}'
            )
        for row in rows:
            slug, unit = (row.get("endpoint_id"), row.get("unit")) if isinstance(row, dict) else (None, None)
            if not isinstance(slug, str) or not isinstance(unit, str):
                raise UsageError("a row of the pricing API's reply lacks endpoint_id or unit")
            quote = base_quote(slug, row.get("unit_price"), unit, USER_SOURCE, as_of, str(row.get("currency", "USD")))
            if quote:
                found.append((slug, quote))
    return Collection(source, found)


def file_date(path: str) -> str:
    """Return the ISO date (UTC) at which the file was last written."""
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(os.stat(path).st_mtime))  # noqa: PTH116 - light imports
    except (OSError, ValueError, OverflowError):
        return time.strftime("%Y-%m-%d", time.gmtime())


def quotes_from_catalogue(document: Mapping[str, Any]) -> Collection:
    """Return the quotes of a dated list ``{"as_of", "source", "prices": {slug: {"unit", "usd"}}}``."""
    as_of = str(document["as_of"])
    source = f"pages-{as_of}"
    rows = document["prices"].items()
    found = [(slug, base_quote(slug, row["usd"], row["unit"], source, as_of)) for slug, row in rows]
    title = f"fal's model pages, unit and base price only, collected {as_of}"
    return Collection({source: {"title": title, "kind": "pages"}}, [(slug, quote) for slug, quote in found if quote])


def quotes_from_falaw(document: Iterable[Mapping[str, Any]], release: str, as_of: str) -> Collection:
    """Return the quotes of falaw's ``data/models.json``: what it took from fal's API or pages, with the day it did.

    ``as_of`` is the release's date, for the rows that name no day. Its guesses and measurements are left out.
    """
    source = f"falaw-{release}"
    units = {"per_image": "image", "per_megapixel": "megapixel", "per_second": "second", "per_call": "call"}
    found: list[tuple[str, Quote]] = []
    for row in document:
        cost = row.get("cost_estimate") or {}
        notes = str(cost.get("notes", ""))
        if not cost or cost.get("source") in FALAW_GUESSES or "measured" in notes:
            continue
        unit = "video_token" if "per video token" in notes else units.get(cost["kind"], "unknown")
        if unit == "call" and str(row.get("category")).endswith("to_video"):
            unit = "video"
        day = re.search(r"(?:fetched|read|checked) (\d{4}-\d\d-\d\d)", notes)
        specs = row.get("param_specs") or {}
        defaults = {name: specs[name]["default"] for name in FALAW_DEFAULTS if "default" in specs.get(name, {})}
        quote = Quote(unit, _figure(cost["amount"]), source, day[1] if day else as_of, base=True)
        found.append((row["id"], quote._replace(defaults=defaults or None)))
    title = f"fal's pricing API or page, as recorded by falaw {release} (MIT)"
    return Collection({source: {"title": title, "kind": "falaw"}}, found)


def quotes_from_litellm(document: Mapping[str, Any], release: str, as_of: str) -> Collection:
    """Return the quotes of litellm's price map: flat prices, tiers by resolution, and tables by quality and size.

    ``as_of`` is the release's date. Rows that name no page of fal's are undated: they are older than the map.
    """
    source = f"litellm-{release}"
    tables: dict[str, list[Tier]] = {}
    rows: dict[str, Mapping[str, Any]] = {}
    for key, row in document.items():
        if not key.startswith(LITELLM_PREFIX):
            continue
        name = key.removeprefix(LITELLM_PREFIX)
        keyed = re.fullmatch(r"([a-z]+)/(\d+)-x-(\d+)/(.+)", name)
        if keyed:
            size = f"{keyed[2]}x{keyed[3]}"
            tier = Tier({"quality": (keyed[1],), "image_size": (size,)}, _figure(row["output_cost_per_image"]))
            tables.setdefault(keyed[4], []).append(tier)
        elif "/" in name:  # A bare name is litellm's alias, no id of fal's.
            rows[name] = row
    found = []
    for slug, row in rows.items():
        quote = _litellm_quote(row, source, as_of if row.get("source") else None)
        if quote and slug in tables:
            usual = re.search(r"quality=(\w+), image_size=(\w+)", str(row.get("metadata", {}).get("notes", "")))
            defaults = {"quality": usual[1], "image_size": usual[2]} if usual else None
            quote = quote._replace(base=False, defaults=defaults, tiers=tuple(sorted(tables[slug], key=_order)))
        if quote:
            found.append((slug, quote))
    title = f"litellm {release} (MIT), dated by its release"
    return Collection({source: {"title": title, "kind": "litellm"}}, found)


def _litellm_quote(row: Mapping[str, Any], source: str, as_of: str | None) -> Quote | None:
    for unit, key in (("image", "output_cost_per_image"), ("second", "output_cost_per_second")):
        if key not in row:
            continue
        if "output_cost_per_pixel" in row:
            return Quote("megapixel", _figure(row[key]), source, as_of, rounding="up")
        tiers = [
            Tier({"resolution": (name.removeprefix(key + "_").lower(),)}, _figure(usd))
            for name, usd in row.items()
            if name.startswith(key + "_")
        ]
        made = "call" if "3D" in str(row.get("metadata", {}).get("comment", "")) else unit
        return Quote(made, _figure(row[key]), source, as_of, base=not tiers, tiers=tuple(sorted(tiers, key=_order)))
    if "output_cost_per_token" in row:
        return Quote("unknown", _figure(row["output_cost_per_token"]), source, as_of, raw_unit="tokens")
    return None


def quotes_by_hand(document: Mapping[str, Any]) -> Collection:
    """Return the quotes of ``data/hand_quotes.json``."""
    found = []
    for record in document["quotes"]:
        stated = {name: value for name, value in record.items() if name != "slugs"}
        found += [(slug, quote_from(stated)) for slug in record["slugs"]]
    return Collection(dict(document["sources"]), found)


def collection_from(kind: str, document: Any, *, release: str = "", as_of: str = "") -> Collection:
    """Return the quotes of a document of that kind: ``litellm``, ``falaw``, ``pages``, ``pricing-api`` or ``hand``.

    ``release`` and ``as_of`` (ISO date) say what the document itself does not: litellm and falaw need both, the
    pricing API's reply its date. UsageError when one is missing or the document is of another kind.
    """
    if kind in ("litellm", "falaw") and not (release and re.fullmatch(r"\d{4}-\d\d-\d\d", as_of)):
        raise UsageError(f"prices from {kind} need its release and the date of that release, YYYY-MM-DD")
    readers = {
        "litellm": lambda: quotes_from_litellm(document, release, as_of),
        "falaw": lambda: quotes_from_falaw(document, release, as_of),
        "pages": lambda: quotes_from_catalogue(document),
        "pricing-api": lambda: quotes_from_pricing_api(document, as_of),
        "hand": lambda: quotes_by_hand(document),
    }
    if kind not in readers:
        raise UsageError(f"unknown source of prices {kind!r}", hint="one of " + ", ".join(readers))
    try:
        read = readers[kind]()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"the document is not of the kind {kind}: {type(error).__name__} {error}"[:200]) from None
    if not read.quotes:
        raise UsageError(f"the document of the kind {kind} holds no price")
    return read


def quotes_from_table(document: Mapping[str, Any]) -> Collection:
    """Return the quotes that a price file holds; the inverse of ``merged_prices``."""
    found = [(slug, quote_from(record)) for slug, records in document["prices"].items() for record in records]
    return Collection(dict(document["sources"]), found)


def merged_prices(*collections: Collection) -> dict[str, Any]:
    """Return the price file's document: every quote of every model, newest first. All quotes stay, none is chosen."""
    sources: dict[str, dict[str, str]] = {}
    prices: dict[str, list[Quote]] = {}
    for collection in collections:
        sources.update(collection.sources)
        for slug, quote in collection.quotes:
            if quote not in prices.setdefault(slug, []):
                prices[slug].append(quote)
    used = {quote.source for quotes in prices.values() for quote in quotes}
    if lost := sorted(used - set(sources)):
        raise UsageError(f"quotes name sources that are not described: {', '.join(lost)}")
    return {
        "format": FORMAT,
        "sources": {name: sources[name] for name in sorted(used)},
        "prices": {
            slug: [record_from(quote) for quote in newest_first(prices[slug], END_OF_TIME)] for slug in sorted(prices)
        },
    }


def refreshed(current: Mapping[str, Any] | None, *collections: Collection) -> dict[str, Any]:
    """Return the document of a price file after new collections have come in.

    Quotes of the current file stay unless a new collection is of the same kind of source and so replaces them.
    """
    kinds = {record["kind"] for collection in collections for record in collection.sources.values()}
    kept = quotes_from_table(current) if current else Collection({}, [])
    sources = {name: record for name, record in kept.sources.items() if record["kind"] not in kinds}
    stays = Collection(sources, [(slug, quote) for slug, quote in kept.quotes if quote.source in sources])
    return merged_prices(stays, *collections)


def prices_text(document: Mapping[str, Any]) -> str:
    """Return the price file's text: a header, then one line for each model."""

    def compact(value: Any) -> str:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"))

    lines = ",\n".join(f"{json.dumps(slug)}:{compact(records)}" for slug, records in document["prices"].items())
    return f'{{"format":{document["format"]},\n"sources":{compact(document["sources"])},\n"prices":{{\n{lines}\n}}}}\n'


def _order(tier: Tier) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(tier.when.items())


def _figure(value: float) -> float:
    """Return the number without the noise of binary fractions."""
    return float(f"{value:.10g}")
