"""The user's overlay: what the service itself says of its models, on top of the snapshot that ships with the skill.

It is a registry file like any other, with three more keys in its header: ``complete`` (whether it lists the whole
catalogue, so that what is missing from it is no longer listed), ``body_bytes`` and ``sha256`` of what follows the
header. It is written in one step: at any interruption the old one or the new one is there, whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UnavailableError
from .model import CATEGORIES, LIVE, Model, Schema
from .snapshot import DATA_FILE, Snapshot, overlay_file
from .sources import merge
from .sources.listing import Claim, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .sources.openapi import Described


class LiveModel(NamedTuple):
    """What the service says of one model."""

    slug: str
    described: Described | None
    """Its types; None where there is no document that can be read."""
    category: str | None
    """fal's own label."""
    first_seen: str | None
    """ISO date at which fal says that it was made."""
    active: bool = True
    """False for a model that fal calls deprecated."""


def live_source(models: Iterable[LiveModel], as_of: str, name: str, origin: str) -> Source:
    """Return what the service says as a dated source, for a merge with others."""
    claims: dict[str, Claim] = {}
    seen: dict[str, tuple[str, str]] = {}
    for model in models:
        first = model.first_seen if model.first_seen and model.first_seen <= as_of else as_of
        # What is deprecated has been seen, but no longer counts as listed: its last day lies before this source's.
        seen[model.slug] = (first, as_of if model.active else min(first, _day_before(as_of)))
        if model.described is not None:
            claims[model.slug] = Claim(model.described.input, model.described.output, LIVE, LIVE)
    return Source(f"{name}-{as_of}", as_of, origin, claims, seen)


def _day_before(day: str) -> str:
    import datetime

    return (datetime.date.fromisoformat(day) - datetime.timedelta(days=1)).isoformat()


def records(models: list[LiveModel], source: Source, older: list[Source], *, complete: bool) -> list[dict[str, Any]]:
    """Return the records that these models make together with what older sources say.

    Args:
        models: what the service says.
        source: the same, as ``live_source`` returns it.
        older: the snapshot's sources, which lend what the service leaves out.
        complete: whether the models are the whole catalogue: then there is also a record for each name that only
            older sources have.
    """
    lent = {slug: claim for each in reversed(older) for slug, claim in each.claims.items()}
    filled = {slug: _filled(claim, lent.get(slug)) for slug, claim in source.claims.items()}
    full = Source(source.id, source.as_of, source.origin, filled, source.seen)
    made = merge.records([full, *older], None if complete else full.slugs)
    labels = {model.slug: model.category for model in models}
    for record in made:
        label = labels.get(record["slug"])
        if label in CATEGORIES and label != "unknown":
            record["category"] = label
    return made


def _filled(claim: Claim, older: Claim | None) -> Claim:
    """Return the claim with what the document leaves out: an output, and which fields take uploads."""
    if older is None or claim.input is None:
        return claim
    fields: dict[str, Schema] = dict(claim.input.get("properties", {}))
    for name, before in ((older.input or {}).get("properties", {})).items():
        if "x-file" in before and name in fields and fields[name].get("type") == "string":
            fields[name] = {**fields[name], "x-file": before["x-file"]}
    given = {**claim.input, "properties": fields} if fields else claim.input
    if claim.output is None and older.output is not None:
        return Claim(given, older.output, LIVE, older.output_evidence)
    return Claim(given, claim.output, LIVE, LIVE)


def overlay_text(made: list[dict[str, Any]], sources: Iterable[Source], *, complete: bool) -> str:
    """Return the text of an overlay file with these records."""
    first, _, rest = merge.text_of(made, sources).partition("\n")
    body = rest.encode()
    header = json.loads(first)
    more = {"complete": complete, "body_bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return json.dumps({**header, **more}, ensure_ascii=False, separators=(",", ":")) + "\n" + rest


def base_sources(path: str = DATA_FILE) -> list[Source]:
    """Return the sources of a snapshot."""
    return merge.snapshot_sources(Path(path))


def sound_overlay(path: str | None = None) -> Snapshot | None:
    """Return the user's overlay if there is one that is whole, by its checksum; otherwise None."""
    file = path or overlay_file()
    if not os.path.exists(file):  # noqa: PTH110
        return None
    try:
        snapshot = Snapshot(file)
        verify(snapshot)
    except UnavailableError:
        return None
    return snapshot


def verify(snapshot: Snapshot) -> None:
    """Read the whole file; UnavailableError when a record or the checksum is not right."""
    snapshot.verify()
    body = Path(snapshot.path).read_bytes().partition(b"\n")[2]
    if hashlib.sha256(body).hexdigest() != snapshot.header.get("sha256"):
        raise UnavailableError(f"the overlay {snapshot.path} does not have the checksum that its header names")


def own_records(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the records of a registry file as they are, definitions put in."""
    from .snapshot import inlined

    lines = Path(snapshot.path).read_text("utf-8").split("\n")[1:-1]
    return [inlined(json.loads(line), snapshot.header["defs"]) for line in lines]


def header_sources(header: Mapping[str, Any]) -> list[Source]:
    """Return the sources that a header names, without what they say."""
    return [Source(item["id"], item["as_of"], item["origin"]) for item in header["sources"]]


def sources_of(models: Iterable[Model]) -> list[Source]:
    """Return what these models' records say, each with its own date, as sources for a merge."""
    made: dict[str, Source] = {}
    for model in models:
        name = model.source or "names"
        source = made.setdefault(name, Source(name, model.schema_date or model.last_seen, name, {}, {}))
        source.seen[model.slug] = (model.first_seen, model.last_seen)
        if model.source is not None:
            source.claims[model.slug] = Claim(
                model.input_schema, model.output_schema, model.input_evidence or LIVE, model.output_evidence or LIVE
            )
    return list(made.values())


def models_of(made: Iterable[dict[str, Any]]) -> list[Model]:
    """Return the records as models."""
    return [Model(record) for record in made]
