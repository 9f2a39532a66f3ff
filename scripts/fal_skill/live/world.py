"""The models and prices that calls need."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import warn
from ..errors import SkillError

if TYPE_CHECKING:
    from ..prices import PriceTable
    from ..registry import Registry
    from .lookup import Answer
    from .plan import Plan


class World:
    """What is at hand, and what the service says where that is not enough."""

    def __init__(self, options: argparse.Namespace, slugs: list[str]) -> None:
        """Serve calls of these models."""
        self._options = options
        self._registry: Registry | None = None
        self._prices: PriceTable | None = None
        self._answer: Answer | None = None
        self._wanted = list(dict.fromkeys(slugs))

    def registry(self) -> Registry:
        """Return the registry; models that it does not list are asked for once, if there is a key."""
        if self._registry is None:
            from ..registry import default_registry
            from .plan import needs_live

            self._registry = default_registry()
            doubtful = [slug for slug in self._wanted if needs_live(self._registry, slug)]
            if doubtful and not self._options.dry_run:
                from .lookup import asked_live

                self._answer = asked_live(self._registry, doubtful)
                self._registry = self._answer.registry
        return self._registry

    def prices(self) -> PriceTable:
        """Return the price table."""
        if self._prices is None:
            from ..prices import default_prices

            self._prices = default_prices()
        return self._prices

    def plan(self, slug: str, arguments: dict[str, Any], base: Path | None = None) -> Plan:
        """Return the call with all that is known of it."""
        from .plan import planned

        made = planned(self.registry(), slug, arguments, prices=self.prices(), base=base)
        if self._options.max_cost is not None and made.ends[1] is None and not self._options.dry_run:
            self._ask_price(slug)
            made = planned(self.registry(), slug, arguments, prices=self.prices(), base=base)
        if self._answer is not None:
            from .lookup import in_live_words

            made = replace(made, findings=tuple(in_live_words(list(made.findings), slug, self._answer)))
        return made

    def _ask_price(self, slug: str) -> None:
        """Take the service's own price where the table has none, so that a cap can hold."""
        from .lookup import asked_price, with_price

        if self.prices().get(slug) is not None:
            return
        try:
            price, as_of = asked_price(slug)
        except SkillError as error:
            warn(f"note: fal's price of {slug} could not be had: {error.message}")
            return
        if price is not None:
            self._prices = with_price(self.prices(), price, as_of)
