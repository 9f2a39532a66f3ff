"""The price table on disk: one JSON file, one line for each model, sorted by slug.

A lookup finds the model's line in the file's bytes and parses that line alone.
"""

from __future__ import annotations

import json
import os
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import UnavailableError
from ..folders import cache_folder
from .quotes import Price, Quote, price_from, quote_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FORMAT = 1
DATA_FILE = os.path.join(os.path.dirname(__file__), "data", "prices.json")  # noqa: PTH118, PTH120 - start-up time
REFRESHED_NAME = os.path.join("registry", "prices.json")  # noqa: PTH118 - see DATA_FILE
"""The base prices of the user's last refresh, below the cache folder, in the shape of fal's pricing API."""
_END = b"\n}}\n"


def iso_today() -> str:
    """Return today's date in UTC as ISO text."""
    return time.strftime("%Y-%m-%d", time.gmtime())


class PriceTable:
    """The quotes of one file, and quotes of the user's own that lie on top."""

    def __init__(self, path: str = DATA_FILE, extra: Mapping[str, Sequence[Quote]] | None = None) -> None:
        """Read the file; UnavailableError when it is missing, cut short or not a price table."""
        self.path = path
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - start-up time
                self._data = file.read()
        except (OSError, ValueError) as error:
            raise self._broken(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
        start = self._data.find(b'"prices":{')
        if not self._data.endswith(_END) or start < 0:
            raise self._broken("is cut short or not a price table")
        try:
            header = json.loads(self._data[:start] + b'"prices":{}}')
            self.sources: dict[str, dict[str, str]] = header["sources"]
        except (ValueError, KeyError, TypeError):
            raise self._broken("has no valid header") from None
        if header.get("format") != FORMAT:
            raise self._broken(f"is not of price format {FORMAT}")
        self._extra = dict(extra or {})

    def _broken(self, what: str) -> UnavailableError:
        return UnavailableError(
            f"the price file {self.path} {what}", hint="reinstall the skill, or run scripts/refresh_registry.py"
        )

    def with_quotes(
        self, quotes: Iterable[tuple[str, Quote]], sources: Mapping[str, dict[str, str]] | None = None
    ) -> PriceTable:
        """Return a table that holds these (slug, quote) pairs too."""
        extra: dict[str, list[Quote]] = {}
        for slug, quote in quotes:
            extra.setdefault(slug, []).append(quote)
        made = PriceTable(self.path, extra)
        made.sources = {**self.sources, **(sources or {})}
        return made

    def quotes(self, slug: str) -> list[Quote]:
        """Return every quote for the model, the user's own first."""
        own = list(self._extra.get(slug, ()))
        key = b"\n" + json.dumps(slug).encode() + b":"
        at = self._data.find(key)
        if at < 0:
            return own
        line = self._data[at + len(key) : self._data.find(b"\n", at + 1)].rstrip(b",")
        try:
            return own + [quote_from(record) for record in json.loads(line)]
        except (ValueError, TypeError, KeyError):
            raise self._broken(f"has a corrupt record for {slug!r}") from None

    def get(self, slug: str, today: str | None = None) -> Price | None:
        """Return the model's price as of today (or that ISO date), or None when no source has one."""
        own = self._extra.get(slug)
        preferred = max(own, key=lambda quote: quote.as_of or "") if own else None
        return price_from(slug, self.quotes(slug), today or iso_today(), preferred)

    def slugs(self) -> list[str]:
        """Return the slugs of all models with a quote, sorted."""
        return sorted({*self.document()["prices"], *self._extra})

    def document(self) -> dict[str, Any]:
        """Return the whole file as JSON values; UnavailableError when it is corrupt."""
        try:
            value: dict[str, Any] = json.loads(self._data)
        except ValueError:
            raise self._broken("is not valid JSON") from None
        return value

    def named(self, source: str) -> str:
        """Return what a source id stands for, in words."""
        return self.sources.get(source, {}).get("title", source)


def refreshed_file() -> str:
    """Return the place of the prices that a refresh has brought, whether or not there are any."""
    return os.path.join(cache_folder(), REFRESHED_NAME)  # noqa: PTH118 - see DATA_FILE


@lru_cache(maxsize=1)
def default_prices() -> PriceTable:
    """Return the price table that ships with the skill, with the user's own refreshed prices on top.

    A damaged file of refreshed prices is not used: it can be made again.
    """
    file = refreshed_file()
    if os.path.exists(file):  # noqa: PTH110 - see DATA_FILE
        from ..errors import UsageError
        from .sources import quotes_from_pricing_api

        try:
            with open(file, "rb") as source:  # noqa: PTH123 - see DATA_FILE
                document = json.load(source)
            read = quotes_from_pricing_api(document, str(document["as_of"]))
        except (OSError, ValueError, KeyError, TypeError, UsageError):
            pass
        else:
            return PriceTable().with_quotes(read.quotes, read.sources)
    return PriceTable()


def price_of(slug: str) -> Price | None:
    """Return what the model costs by the table that ships with the skill, or None when no source has a price."""
    return default_prices().get(slug)
