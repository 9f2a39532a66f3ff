#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.27,<1", "stamina>=25.1", "fal-client>=1.0.3,<2"]
# ///
"""Bring the registry up to date: the shipped snapshot from dated sources, the user's overlay from the service."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_skill.console import chosen_format, parse_json, parser, print_json, print_text, run, warn
from fal_skill.errors import EXIT_CREDENTIALS, EXIT_DONE, EXIT_FINDINGS, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError
from fal_skill.prices.table import DATA_FILE as PRICES_FILE
from fal_skill.registry.snapshot import DATA_FILE, Registry, default_registry, overlay_file
from fal_skill.registry.sources import listing, merge, npm

if TYPE_CHECKING:
    from fal_skill.live.refresh import Collected
    from fal_skill.registry.diff import Difference
    from fal_skill.registry.overlay import LiveModel

EXAMPLES = (
    "refresh_registry.py --source live                             # fal's platform API, into your overlay",
    "refresh_registry.py --source live --check --diff              # 1 when something changed; writes nothing",
    "refresh_registry.py --source openapi schnell.json page.json   # documents at hand, into your overlay",
    "refresh_registry.py --source npm                              # the SDK's types, into the snapshot at hand",
    "refresh_registry.py --source facts facts.jsonl --source history slugs.json --source npm --from-scratch",
    "refresh_registry.py --source sdk-types endpoints.ts@2026-08-02 --output new.jsonl",
    "refresh_registry.py --prices litellm model_prices.json@1.109.1@2026-11-12",
    "refresh_registry.py --prices pricing-api reply.json@2026-11-20",
)
OVERLAY_KINDS = ("live", "openapi")


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
    readers = {"facts": listing.facts, "history": listing.history}
    if kind != "sdk-types" and kind not in readers:
        raise UsageError(f"unknown source {kind!r}", hint="one of live, openapi, npm, sdk-types, facts, history")
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


class Plan:
    """What the command line asks for: which file is to say what."""

    def __init__(self, asked: argparse.Namespace) -> None:
        """Read the sources; nothing is written."""
        self.asked = asked
        self.prices: dict[str, dict[str, object]] = {}
        self.as_of = ""
        kinds = [kind for kind, *_ in asked.source]
        special = [kind for kind in kinds if kind in OVERLAY_KINDS]
        if special and len(set(kinds)) > 1:
            raise UsageError("live and openapi cannot be mixed with other sources", hint="run the script twice")
        self.overlay = bool(special) and asked.output is None
        self.target = Path(overlay_file()) if self.overlay else asked.output or Path(DATA_FILE)
        self.text = self._special(special[0]) if special else self._snapshot(self._plain_sources())

    def _plain_sources(self) -> list[listing.Source]:
        return [source for kind, *values in self.asked.source for source in sources_from(kind, values)]

    def _snapshot(self, sources: list[listing.Source]) -> str:
        if not self.asked.from_scratch and self.target.exists():
            sources = sources + merge.snapshot_sources(self.target, {source.id for source in sources})
        return merge.document(sources)

    def _special(self, kind: str) -> str:
        from fal_skill.live.updates import models_from_documents, overlay_with, snapshot_with

        complete = kind == "live"
        models: list[LiveModel]
        if complete:
            found = self._collected()
            models, self.as_of = found.models, found.as_of
            self.prices = dict(found.prices)
        else:
            values = [value for _, *given in self.asked.source for value in given]
            if not values:
                raise UsageError("--source openapi needs a FILE")
            models, self.as_of = models_from_documents(values)
        if self.overlay:
            return overlay_with(models, self.as_of, complete=complete)
        present = self.target if self.target.exists() and not self.asked.from_scratch else None
        return snapshot_with(models, self.as_of, present, complete=complete)

    def _collected(self) -> Collected:
        from fal_skill.live.cache import ReplyCache
        from fal_skill.live.keys import credential
        from fal_skill.live.platform import Platform
        from fal_skill.live.refresh import collected

        key = credential()
        found = collected(
            lambda: Platform(key, cache=ReplyCache(None), tell=lambda text: warn(f"note: {text}")),
            prices=key is not None and not self.asked.no_prices,
            fresh=self.asked.fresh,
            tell=lambda text: warn(f"  {text}"),
        )
        if key is None and not self.asked.no_prices:
            warn("note: without a key there are no prices; set FAL_KEY to compare them")
        if found.problems:
            some = ", ".join(sorted(found.problems)[:3])
            warn(f"note: the types of {len(found.problems)} models could not be had: {some}, …")
        return found

    def registries(self, file: Path) -> tuple[Registry | None, Registry]:
        """Return the registry as it is (None when there is none) and as it would be with this file in place."""
        if self.overlay:
            return default_registry(), Registry(str(file), DATA_FILE)
        return (Registry(str(self.target)) if self.target.exists() else None), Registry(str(file))


def compared(plan: Plan, before: Registry | None, after: Registry) -> Difference:
    """Return what would change."""
    from fal_skill.live.updates import stored_prices
    from fal_skill.registry.diff import difference

    # Single documents tell of their own models alone; whatever else the overlay holds has not been looked at.
    seen = {entry.slug for snapshot in after.snapshots[:1] for entry in snapshot.entries()}
    old = {model.slug: model for model in before or ()}
    new = {slug: model for slug in seen if (model := after.get(slug)) is not None}
    dates = (before.as_of if before is not None else "", plan.as_of or after.as_of)
    return difference(old, new, dates, prices=(stored_prices(), plan.prices))


def main() -> int:
    """Build the file that is asked for, say what changes, and put it in place."""
    options = parser(
        "Bring the registry up to date. live and openapi make your overlay, which wins over the snapshot; the other "
        "sources build the snapshot: the newest that states an endpoint's types wins.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_CREDENTIALS, EXIT_UNAVAILABLE),
    )
    options.add_argument(
        "--source",
        action="append",
        nargs="+",
        metavar=("KIND", "VALUE"),
        help="live | openapi FILE[@DATE]… | npm [VERSION[@DATE]…] | sdk-types FILE@DATE… | facts FILE… | "
        "history FILE…; may be repeated",
    )
    options.add_argument(
        "--output", type=Path, metavar="FILE", help="a snapshot file (default: your overlay, or the skill's snapshot)"
    )
    options.add_argument(
        "--prices",
        action="append",
        nargs="+",
        metavar=("KIND", "FILE"),
        help="build the price table instead: litellm FILE@RELEASE@DATE | falaw FILE@RELEASE@DATE | pages FILE | "
        "pricing-api FILE@DATE; may be repeated. The table's own hand-kept quotes are always read again",
    )
    options.add_argument("--from-scratch", action="store_true", help="forget what the present snapshot knows")
    options.add_argument("--diff", action="store_true", help="print what changed: Markdown, or JSON with --format json")
    options.add_argument("--markdown", type=Path, metavar="FILE", help="write what changed to this file, too")
    options.add_argument("--check", action="store_true", help="write nothing; exit code 1 when something changed")
    options.add_argument("--fresh", action="store_true", help="live: do not use what an interrupted run has left")
    options.add_argument("--no-prices", action="store_true", help="live: do not ask for prices")
    asked = options.parse_args()
    if (asked.source is None) == (asked.prices is None):
        raise UsageError("give --source to build the registry, or --prices to build the price table")
    if asked.prices is not None:
        told = refresh_prices(asked.prices, asked.output or Path(PRICES_FILE), asked.from_scratch)
        if chosen_format(asked.format) == "json":
            print_json(told)
        else:
            print_text(f"{told['prices']} models with a price, from {', '.join(told['sources'])}")
        return EXIT_DONE
    plan = Plan(asked)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "registry.jsonl")
        file.write_text(plan.text, encoding="utf-8", newline="\n")
        before, after = plan.registries(file)
        for snapshot in after.snapshots[:1]:
            snapshot.verify()
        changed = compared(plan, before, after) if asked.diff or asked.check or asked.markdown else None
        if not asked.check:
            put_in_place(plan)
        report(plan, after, changed)
    if asked.markdown and changed is not None:
        merge.write(asked.markdown, changed.markdown() + "\n")
    return EXIT_FINDINGS if asked.check and changed is not None and changed.drifted else EXIT_DONE


def put_in_place(plan: Plan) -> None:
    """Write the file, and the prices beside an overlay."""
    if not {kind for kind, *_ in plan.asked.source} & set(OVERLAY_KINDS):
        merge.write(plan.target, plan.text)
        return
    from fal_skill.live import refresh, updates

    merge.write(plan.target, plan.text)
    refresh.forget()  # what a check has fetched serves the update that follows it, and nothing after that
    if plan.overlay and plan.prices:
        updates.store_prices(plan.prices, plan.as_of)
    if plan.overlay:
        os.chmod(plan.target, 0o600)  # noqa: PTH101


def report(plan: Plan, after: Registry, changed: Difference | None) -> None:
    """Say what the registry holds now, and what changed."""
    counts: dict[str, int] = {}
    for entry in after.entries:
        counts[entry.status] = counts.get(entry.status, 0) + 1
    live = sum(model.input_evidence == "live" for model in after)
    if chosen_format(plan.asked.format) == "json":
        said = {
            "snapshot": after.as_of,
            "models": len(after),
            "status": counts,
            "live": live,
            "prices": len(plan.prices),
            "file": str(plan.target),
            "written": not plan.asked.check,
            "sources": after.sources,
        }
        print_json({**said, "diff": changed.as_dict()} if changed is not None else said)
        return
    if changed is not None and (plan.asked.diff or plan.asked.check):
        print_text(changed.markdown())
        return
    print_text(f"{plan.target}: {len(after)} models as of {after.as_of}, {live} of them by the service's own documents")
    print_text("  " + ", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    for source in after.sources:
        print_text(f"  {source['as_of']}  {source['id']}: {source['origin']}")


if __name__ == "__main__":
    run(main)
