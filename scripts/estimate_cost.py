#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["fal-client>=1.0.3,<2", "httpx>=0.27,<1", "stamina>=25.1"]
# ///
"""Say what calls of a fal model will cost, offline and with the date of the price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fal_skill import console
from fal_skill.errors import (
    EXIT_DONE,
    EXIT_OVER_BUDGET,
    EXIT_UNAVAILABLE,
    EXIT_UNKNOWN_SLUG,
    EXIT_USAGE,
    SkillError,
    UnknownSlugError,
    UsageError,
    shown,
)
from fal_skill.prices import MAX_COUNT, PriceTable, default_prices, estimate
from fal_skill.prices.budget import cap_broken, cap_doubt, cap_from, count_from
from fal_skill.registry import UNKNOWN, Model, Registry, default_registry

if TYPE_CHECKING:
    from fal_skill.prices import Estimate

EXAMPLES = (
    'estimate_cost.py fal-ai/flux/schnell --arguments \'{"image_size": "landscape_16_9", "num_images": 4}\'',
    'estimate_cost.py fal-ai/kling-video/v3/pro/text-to-video --arguments \'{"duration": "10"}\' --count 20',
    "estimate_cost.py fal-ai/minimax/speech-2.8-hd --arguments @call.json --max-cost 0.50",
    "estimate_cost.py fal-ai/veo3.1 --prices prices.json      (your own reply of /v1/models/pricing)",
)


def main() -> int:
    """Print the estimate; 8 when a cap was given that the cost may pass, or that cannot be guaranteed."""
    parser = console.parser(
        "Estimate what calls of a model will cost: low and high end, unit, date and source of the price.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_USAGE, EXIT_UNKNOWN_SLUG, EXIT_UNAVAILABLE, EXIT_OVER_BUDGET),
    )
    parser.add_argument("slug", help="the model's id, such as fal-ai/flux/schnell")
    parser.add_argument(
        "--arguments", metavar="JSON", default="{}", help="the call's arguments: JSON, @file or - (stdin)"
    )
    parser.add_argument(
        "--count", metavar="N", default="1", help=f"how many such calls, 1 to {MAX_COUNT:,} (default: 1)"
    )
    parser.add_argument("--max-cost", metavar="USD", help="fail with exit code 8 when all calls together may cost more")
    parser.add_argument("--prices", metavar="FILE", help="a reply of fal's /v1/models/pricing; its prices win")
    parser.add_argument("--live", action="store_true", help="ask fal for today's base price (needs FAL_KEY)")
    parser.add_argument("--prices-date", metavar="DATE", help="date of that reply (default: when the file was written)")
    options = parser.parse_args()

    count, cap = count_from(options.count), cap_from(options.max_cost)
    prices = prices_with(options.prices, options.prices_date)
    answered: dict[str, Any] = {}
    if options.live:
        prices, answered = with_live_price(prices, options.slug)
    model = model_named(default_registry(), options.slug, prices)
    cost = estimate(model, console.read_arguments(options.arguments), count, prices=prices)

    if console.chosen_format(options.format) == "json":
        console.print_json({**cost.as_dict(), **answered})
    else:
        console.print_text(as_text(cost))
    return EXIT_DONE if cap is None else cap_verdict(cost, cap)


def prices_with(file: str | None, date: str | None) -> PriceTable:
    """Return the price table, with the user's own reply of the pricing API on top where there is one."""
    if file is None:
        if date is not None:
            raise UsageError("--prices-date needs --prices")
        return default_prices()
    from fal_skill.prices.sources import file_date, quotes_from_pricing_api

    text, name = console.read_source("@" + file, "--prices")
    read = quotes_from_pricing_api(console.parse_json(text, name), date or file_date(file))
    return default_prices().with_quotes(read.quotes, read.sources)


def with_live_price(prices: PriceTable, slug: str) -> tuple[PriceTable, dict[str, Any]]:
    """Return the table with fal's own price of today on top, and which source answered.

    Without an answer the table stays as it is, and stderr says so, with the date of its price.
    """
    from fal_skill.live.lookup import LIVE, SNAPSHOT, Source, asked_price, with_price

    kept = prices.get(slug)
    date = (kept.as_of if kept is not None else None) or "unknown date"
    try:
        price, as_of = asked_price(slug)
    except SkillError as error:
        reason = error.message + (f" ({error.hint})" if error.hint else "")
        console.warn(f"warning: fal's service did not answer: {reason}; this price is of {date}")
        return prices, {"answered_by": Source(SNAPSHOT, date, reason).as_dict()}
    if price is None:
        console.warn(f"warning: fal's pricing API has no price of {shown(slug)}; this price is of {date}")
        return prices, {"answered_by": Source(SNAPSHOT, date, "fal's pricing API has no price of it").as_dict()}
    return with_price(prices, price, as_of), {"answered_by": Source(LIVE, as_of, None).as_dict()}


def model_named(registry: Registry, slug: str, prices: PriceTable) -> Model:
    """Return the model; one that only a price source names has no schema. UnknownSlugError otherwise."""
    model = registry.get(slug)
    if model is not None:
        return model
    if prices.get(slug) is not None:
        return Model(unlisted_record(slug))
    near = registry.suggest(slug) if 0 < len(slug) <= 200 else []
    hint = f"did you mean {', '.join(near)}?" if near else "find one with find_model.py"
    raise UnknownSlugError(f"no source as of {registry.as_of} lists the model {shown(slug)}", hint=hint)


def unlisted_record(slug: str) -> dict[str, Any]:
    """Return the registry's record of a name about which nothing else is known."""
    return {
        "slug": slug, "status": UNKNOWN, "category": "unknown", "in": [], "out": [], "first_seen": "", "last_seen": "",
    }  # fmt: skip


def cap_verdict(cost: Estimate, cap: float) -> int:
    """Return the exit code of the check against the cap, and say on stderr why it fails or how far it holds."""
    broken, doubt = cap_broken(cost, cap), cap_doubt(cost)
    if broken:
        console.warn(f"over budget: {broken}")
        return EXIT_OVER_BUDGET
    if doubt:
        console.warn(f"note: {doubt}")
    return EXIT_DONE


def as_text(cost: Estimate) -> str:
    """Return the estimate for a person: a line for each thing known, then what was assumed."""
    lines = [cost.slug, f"  cost        {cost.amount}"]
    if cost.because:
        lines.append(f"  because     {cost.because}")
    if cost.rate:
        lines.append(f"  unit price  {cost.rate}")
    if cost.amount_of_units:
        calls = f" in {cost.calls:,} calls" if cost.calls > 1 else ""
        lines.append(f"  quantity    {cost.amount_of_units}{calls}")
    lines += [f"  assumed     {text}" for text in cost.assumptions]
    if cost.source:
        lines.append(f"  price of    {cost.as_of or 'unknown date'}: {cost.source}")
    lines.append(f"  confidence  {cost.confidence}")
    lines += [f"  differs     {text}" for text in cost.conflicts]
    lines.append(f"  check at    {cost.check['page']}  or  {cost.check['api']}")
    return "\n".join(lines)


if __name__ == "__main__":
    console.run(main)
