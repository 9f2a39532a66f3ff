#!/usr/bin/env python3
"""Build the offline registry from dated sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fal_skill.console import chosen_format, parse_json, parser, print_json, print_text, run
from fal_skill.errors import EXIT_DONE, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError
from fal_skill.prices.table import DATA_FILE as PRICES_FILE
from fal_skill.registry.snapshot import DATA_FILE, Registry
from fal_skill.registry.sources import listing, merge, npm

EXAMPLES = (
    "refresh_registry.py --source npm                              # the SDK's types, into the snapshot at hand",
    "refresh_registry.py --source facts facts.jsonl --source history slugs.json --source npm --from-scratch",
    "refresh_registry.py --source sdk-types endpoints.ts@2026-08-02 --output new.jsonl",
    "refresh_registry.py --prices litellm model_prices.json@1.109.1@2026-11-12",
    "refresh_registry.py --prices pricing-api reply.json@2026-11-20",
)


def sources_from(kind: str, values: list[str]) -> list[listing.Source]:
    """Return the sources that one ``--source`` option names."""
    if kind == "npm":
        made = []
        for value in values or list(npm.VERSIONS):
            version, _, date = value.partition("@")
            as_of = date or npm.VERSIONS.get(version)
            if as_of is None:
                raise UsageError(
                    f"the date of the types in version {version} is not known", hint=f"say it: npm {version}@YYYY-MM-DD"
                )
            text = npm.types_text(version)
            made.append(listing.sdk_types(text, f"sdk-types-{version}", listing.checked_date(as_of, version)))
        return made
    if not values:
        raise UsageError(f"--source {kind} needs a FILE")
    if kind == "sdk-types":
        made = []
        for value in values:
            name, mark, date = value.rpartition("@")
            if not mark:
                raise UsageError(f"{value} needs the date of its types", hint=f"{value}@YYYY-MM-DD")
            as_of = listing.checked_date(date, name)
            made.append(listing.sdk_types(listing.read_text(Path(name)), f"sdk-types-{as_of}", as_of))
        return made
    readers = {"facts": listing.facts, "history": listing.history}
    if kind not in readers:
        raise UsageError(f"unknown source {kind!r}", hint="one of npm, sdk-types, facts, history")
    return [readers[kind](listing.read_text(Path(value)), value) for value in values]


def refresh_prices(wanted: list[list[str]], output: Path, from_scratch: bool) -> dict[str, Any]:
    """Write the price table with the quotes of these documents, and return what it holds."""
    from fal_skill.prices import sources

    collections = [sources.collection_from("hand", json_document(Path(sources.HAND_FILE)))]
    for kind, *values in wanted:
        for value in values:
            name, *said = value.split("@")
            release, as_of = (said[0], said[1]) if len(said) == 2 else ("", said[0] if said else "")
            collections.append(sources.collection_from(kind, json_document(Path(name)), release=release, as_of=as_of))
    current = json_document(output) if output.exists() and not from_scratch else None
    made = sources.refreshed(current, *collections)
    merge.write(output, sources.prices_text(made))
    return {"prices": len(made["prices"]), "sources": list(made["sources"])}


def json_document(path: Path) -> Any:
    """Return the JSON value in a file; UsageError when it cannot be read."""
    return parse_json(listing.read_text(path), str(path))


def main() -> int:
    """Build the snapshot and say what it holds."""
    options = parser(
        "Build the offline registry from dated sources: the newest that states an endpoint's types wins.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    options.add_argument(
        "--source",
        action="append",
        nargs="+",
        metavar=("KIND", "VALUE"),
        help="npm [VERSION[@DATE]…] | sdk-types FILE@DATE… | facts FILE… | history FILE…; may be repeated",
    )
    options.add_argument("--output", type=Path, metavar="FILE", help="default: the skill's own")
    options.add_argument(
        "--prices",
        action="append",
        nargs="+",
        metavar=("KIND", "FILE"),
        help="build the price table instead: litellm FILE@RELEASE@DATE | falaw FILE@RELEASE@DATE | pages FILE | "
        "pricing-api FILE@DATE; may be repeated. The table's own hand-kept quotes are always read again",
    )
    options.add_argument("--from-scratch", action="store_true", help="forget what the present snapshot knows")
    asked = options.parse_args()
    as_json = chosen_format(asked.format) == "json"
    if (asked.source is None) == (asked.prices is None):
        raise UsageError("give --source to build the registry, or --prices to build the price table")
    if asked.prices is not None:
        told = refresh_prices(asked.prices, asked.output or Path(PRICES_FILE), asked.from_scratch)
        if as_json:
            print_json(told)
        else:
            print_text(f"{told['prices']} models with a price, from {', '.join(told['sources'])}")
        return EXIT_DONE
    output = asked.output or Path(DATA_FILE)
    sources = [source for kind, *values in asked.source for source in sources_from(kind, values)]
    if not asked.from_scratch and output.exists():
        sources += merge.snapshot_sources(output, {source.id for source in sources})
    merge.write(output, merge.document(sources))
    registry = Registry(str(output))
    registry.snapshots[0].verify()
    counts: dict[str, int] = {}
    for entry in registry.entries:
        counts[entry.status] = counts.get(entry.status, 0) + 1
    if as_json:
        print_json({"snapshot": registry.as_of, "models": len(registry), "status": counts, "sources": registry.sources})
    else:
        print_text(f"{output}: {len(registry)} models as of {registry.as_of}")
        print_text("  " + ", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
        for source in registry.sources:
            print_text(f"  {source['as_of']}  {source['id']}: {source['origin']}")
    return EXIT_DONE


if __name__ == "__main__":
    run(main)
