#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["fal-client>=1.0.3,<2", "httpx>=0.27,<1", "stamina>=25.1"]
# ///
"""Find the models for a task said in plain words, offline, with media and dated prices."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fal_skill import console
from fal_skill.errors import EXIT_DONE, EXIT_FINDINGS, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError, shown
from fal_skill.prices import price_of
from fal_skill.registry import CATEGORIES, LISTED, UNLISTED, Registry, default_registry
from fal_skill.registry.words import edit_distance, segment_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fal_skill.prices import Price
    from fal_skill.registry.search import Hit

MAX_LIMIT = 100

EXAMPLES = (
    'find_model.py "fast 16:9 draft of a street with flux schnell"',
    'find_model.py "10 s clip from this photo with Kling"',
    "find_model.py upscale --category video-to-video --limit 5",
    "find_model.py --category text-to-speech",
    "find_model.py --categories",
)


def main() -> int:
    """Print the models that fit, or the categories; 1 when nothing fits."""
    parser = console.parser(
        "Find the models for a task, offline: by model names, what is to be done, media, and a grade such as cheap\n"
        "or best. Exit code 1 when nothing fits.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    parser.add_argument("words", metavar="TASK WORDS", nargs="*", help="the task, in plain English words")
    parser.add_argument("--category", metavar="C", help="only models of this category (see --categories)")
    parser.add_argument("--categories", action="store_true", help="list the categories instead, with their models")
    parser.add_argument(
        "--limit", metavar="N", default="10", help=f"at most so many models, 1 to {MAX_LIMIT} (default: 10)"
    )
    parser.add_argument("--live", action="store_true", help="ask fal too: which are listed today, and newer models")
    options = parser.parse_args()

    words = " ".join(options.words).strip()
    limit = limit_from(options.limit)
    category = category_from(options.category)
    as_json = console.chosen_format(options.format) == "json"
    if options.categories:
        if words or category:
            raise UsageError("--categories lists all categories", hint="leave the words and --category out")
        print_categories(default_registry(), as_json=as_json)
        return EXIT_DONE
    if not words and category is None:
        raise UsageError("no task words and no --category", hint='such as find_model.py "remove background"')

    registry = default_registry()
    hits = registry.search(words, category=category, limit=limit)
    models = [described(hit) for hit in hits]
    head: dict[str, Any] = {"snapshot": registry.as_of}
    if options.live:
        models, head["answered_by"] = with_live_finds(registry, words, category, models, limit)
    if as_json:
        console.print_text(as_json_lines({**head, "models": models}, "models"))
    elif models:
        console.print_text(as_table(models, registry.as_of))
    if not models:
        console.warn(
            f"no model of {registry.as_of} fits {shown(words)}"
            + (f" in {category}" if category else "")
            + "; name the medium (image, video, speech, music, 3d), what is to be done, or a model family;"
            + " --categories lists what there is"
        )
    return EXIT_DONE if models else EXIT_FINDINGS


def with_live_finds(
    registry: Registry, words: str, category: str | None, models: list[dict[str, Any]], limit: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the models with what fal says today: which it lists, and below them what only its own search finds."""
    from fal_skill.live.lookup import LIVE, found_live

    listed, more, source = found_live(registry, words, category, [model["slug"] for model in models], limit)
    if source.kind != LIVE:
        return models, source.as_dict()
    for model in models:
        if listed[model["slug"]]:
            model.update(status=LISTED if model["status"] == UNLISTED else model["status"], last_seen=source.as_of)
        else:
            model["status"] = UNLISTED
    found = [
        {
            "slug": model.slug,
            "category": model.category,
            "media": {"in": list(model.media_in), "out": list(model.media_out)},
            "price": priced(price_of(model.slug)),
            "score": None,
            "status": model.status,
            "last_seen": source.as_of,
        }
        for model in more
    ]
    return [*models, *found], source.as_dict()


def limit_from(text: str) -> int:
    """Return the limit that the option names."""
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise UsageError(f"--limit {shown(text, 30)} is not a whole number from 1 to {MAX_LIMIT}")
    return limit


def category_from(text: str | None) -> str | None:
    """Return the category that the option names, or None without one; UsageError names the legal ones."""
    if text is None or text in CATEGORIES:
        return text
    likely = likely_category(text)
    raise UsageError(
        f"unknown category {shown(text, 40)}" + (f", did you mean {likely}?" if likely else ""),
        hint="one of " + ", ".join(CATEGORIES),
    )


def likely_category(text: str) -> str | None:
    """Return the category that a wrong one may mean: ``t2v`` and ``text-to-vidoe`` are text-to-video."""
    asked = text.strip().lower()[:40]
    for word in segment_words(asked):
        category = word.replace(">", "-to-")
        if category in CATEGORIES:
            return category
    distance, category = min((edit_distance(asked, category, 3), category) for category in CATEGORIES)
    return category if distance <= 3 and 2 * distance < len(category) else None


def described(hit: Hit) -> dict[str, Any]:
    """Return what the JSON output says of a model."""
    entry = hit.entry
    return {
        "slug": entry.slug,
        "category": entry.category,
        "media": {"in": list(entry.media_in), "out": list(entry.media_out)},
        "price": priced(price_of(entry.slug)),
        "score": hit.score,
        "status": entry.status,
        "last_seen": entry.last_seen,
    }


def priced(price: Price | None) -> dict[str, Any] | None:
    """Return a price in USD per unit, its range over the model's options, and its date; None when none is known."""
    if price is None or price.range is None or price.unit == "unknown":
        return None
    return {
        "usd": price.usd,
        "unit": price.unit,
        "range": list(price.range),
        "as_of": price.as_of,
    }


def as_json_lines(document: dict[str, Any], items: str) -> str:
    """Return a JSON document with each of its items on one line: half the length for the agent that reads it."""
    head = json.dumps({key: value for key, value in document.items() if key != items}, ensure_ascii=False)
    lines = ",\n".join("  " + json.dumps(item, ensure_ascii=False) for item in document[items])
    body = f"[\n{lines}\n]" if lines else "[]"
    return f"{head[:-1]}, {json.dumps(items)}: {body}}}"


def as_table(models: Iterable[dict[str, Any]], as_of: str) -> str:
    """Return the models as aligned columns, under a line that says as of when."""
    rows = [("score", "model", "category", "media", "price")]
    for model in models:
        media = "+".join(model["media"]["in"]) + ">" + "+".join(model["media"]["out"])
        note = f"  unlisted since {model['last_seen']}" if model["status"] == UNLISTED else ""
        score = "fal" if model["score"] is None else f"{model['score']:.1f}"
        rows.append((score, model["slug"], model["category"], media, price_text(model) + note))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [f"models as of {as_of}; prices by their own dates"]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join((*cells, row[4])).rstrip())
    return "\n".join(lines)


def price_text(model: dict[str, Any]) -> str:
    """Return the price of a described model in a few words, with its date."""
    price = price_of(model["slug"])
    return f"{price.label} ({price.as_of or 'undated'})" if price and model["price"] else "unknown"


def print_categories(registry: Registry, *, as_json: bool) -> None:
    """Print every category with the number of its models, and of those that the newest source lists."""
    counts = {category: [0, 0] for category in CATEGORIES}
    for entry in registry.entries:
        count = counts.setdefault(entry.category, [0, 0])
        count[0] += 1
        count[1] += entry.status != UNLISTED
    found = [(category, models, listed) for category, (models, listed) in counts.items() if models]
    if as_json:
        named = [{"category": category, "models": models, "listed": listed} for category, models, listed in found]
        console.print_text(as_json_lines({"snapshot": registry.as_of, "categories": named}, "categories"))
    else:
        lines = [f"{'category':18}models  of these listed as of {registry.as_of}"]
        lines += [f"{category:18}{models:6}  {listed:6}" for category, models, listed in found]
        console.print_text("\n".join(lines))


if __name__ == "__main__":
    console.run(main)
