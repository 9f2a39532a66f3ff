"""Many dated sources into one record per endpoint, and the records into one file.

For each endpoint the newest source that states its types wins. Where that source had merged the type with other
endpoints', the newest older source that states the endpoint's own type mends its defaults and enums.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...atomic import write
from ...errors import UsageError
from ..model import DIRECT, DOUBTFUL, KNOWN, LISTED, MERGED, UNLISTED, Model, Schema
from ..snapshot import FORMAT, Snapshot
from .listing import Claim, Source, repaired, without_defaults
from .media import Traits, category, media_in, media_out, output_files, with_slug_hint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

__all__ = ["document", "records", "snapshot_sources", "text_of", "write"]

COMMON_DEFINITIONS = 9
"""How many nested objects are kept once in the header. Nine take a quarter off the file; more save little, and each
tie between records makes the file's diffs longer."""
MAX_DEFINITION_LENGTH = 800
"""Every lookup parses the header, so it must stay small: a list of 600 avatars stays in the records that use it."""


def records(sources: Iterable[Source], slugs: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Return one record per endpoint that any source lists, or of these endpoints alone, sorted by slug."""
    dated = sorted(sources, key=lambda source: (source.as_of, bool(source.claims), source.id), reverse=True)
    if not dated:
        raise UsageError("no sources were given", hint="see refresh_registry.py --help")
    every = sorted({slug for source in dated for slug in source.slugs} if slugs is None else slugs)
    return [_record(slug, dated) for slug in every]


def _record(slug: str, dated: list[Source]) -> dict[str, Any]:
    seen = [dates for source in dated if (dates := source.dates(slug))]
    first, last = min(dates[0] for dates in seen), max(dates[1] for dates in seen)
    source, claim = _settled(slug, dated)
    if claim.input is not None and any(s.claims[slug].collided for s in dated if slug in s.claims):
        claim = replace(claim, input_evidence=DOUBTFUL)
    newest = last == dated[0].as_of
    status = UNLISTED if not newest else KNOWN if claim.input is not None else LISTED
    outputs = output_files(claim.output)
    model = Model({"slug": slug, "status": status, "category": "unknown", "in": [], "out": [],
                   "first_seen": first, "last_seen": last, "input": claim.input})  # fmt: skip
    takes = media_in([(file.path, file.kind) for file in model.file_inputs], claim.input)
    needs = {file.kind for file in model.file_inputs if file.required}
    gives = with_slug_hint(media_out(outputs, claim.output), slug)
    traits = Traits(
        slug=slug,
        fields=frozenset(model.properties),
        required=frozenset(model.required),
        takes=frozenset(takes),
        offers=frozenset(file.kind for file in model.file_inputs if "." not in file.path),
        needs=frozenset(needs),
        gives=tuple(gives),
    )
    record: dict[str, Any] = {
        "slug": slug,
        "status": status,
        "category": category(traits, known=claim.output is not None),
        "in": takes,
        "out": gives,
        "first_seen": first,
        "last_seen": last,
    }
    if source is not None:
        record["source"], record["schema_date"] = source.id, source.as_of
        record["evidence"] = {
            side: evidence
            for side, schema, evidence in (
                ("input", claim.input, claim.input_evidence),
                ("output", claim.output, claim.output_evidence),
            )
            if schema is not None
        }
        if claim.input is not None:
            record["input"] = claim.input
        if claim.output is not None:
            record["output"] = claim.output
            record["media"] = [list(item) for item in outputs]
    return record


def _settled(slug: str, dated: list[Source]) -> tuple[Source | None, Claim]:
    claims = [(source, source.claims[slug]) for source in dated if slug in source.claims]
    typed = [(source, claim) for source, claim in claims if claim.input is not None or claim.output is not None]
    if not typed:
        return None, Claim(None, None)
    source, claim = typed[0]
    if claim.input_evidence != MERGED:
        return source, claim
    for _, older in typed[1:]:
        mended = repaired(claim, older)
        if mended is not None:
            return source, mended
    return source, without_defaults(claim)


def snapshot_sources(path: Path, replaced: Collection[str] = ()) -> list[Source]:
    """Return what an existing snapshot says, as the sources that it was made from, so that a refresh loses nothing.

    Args:
        path: the snapshot's file.
        replaced: ids of sources that are read anew, whose claims are not taken from the snapshot.
    """
    snapshot = Snapshot(os.fspath(path))
    snapshot.verify()
    models = [model for entry in snapshot.entries() if (model := snapshot.get(entry.slug))]
    seen = {model.slug: (model.first_seen, model.last_seen) for model in models}
    made: list[Source] = []
    for header in snapshot.header["sources"]:
        claims = {
            model.slug: Claim(
                model.input_schema,
                model.output_schema,
                model.input_evidence or DIRECT,
                model.output_evidence or DIRECT,
                collided=model.input_evidence == DOUBTFUL,
            )
            for model in models
            if model.source == header["id"] and header["id"] not in replaced
        }
        # The newest source carries the dates of all names: the snapshot keeps them by name, not by source.
        made.append(Source(header["id"], header["as_of"], header["origin"], claims, {} if made else seen))
    return made


def document(sources: Iterable[Source]) -> str:
    """Return the text of a snapshot: the same sources give the same bytes."""
    given = list(sources)
    return text_of(records(given), given)


def text_of(made: list[dict[str, Any]], sources: Iterable[Source]) -> str:
    """Return the text of a registry file that holds these records.

    Args:
        made: the records, sorted by slug; they are changed.
        sources: where they come from.
    """
    definitions = _common(made)
    names = {_text(schema): name for name, schema in definitions.items()}
    known = sorted(
        {(source.id, source.as_of, source.origin) for source in sources},
        key=lambda item: (item[1], item[0]),
        reverse=True,
    )
    header = {
        "format": FORMAT,
        "as_of": max(as_of for _, as_of, _ in known),
        "count": len(made),
        "sources": [{"id": name, "as_of": as_of, "origin": origin} for name, as_of, origin in known],
        "defs": definitions,
    }
    lines = [_text(header)]
    for record in made:
        for side in ("input", "output"):
            if side in record:
                record[side] = {
                    key: _factored(value, names) if key == "properties" else value
                    for key, value in record[side].items()
                }
        lines.append(_text(record))
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _objects(value: Any, name: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield (field name, schema) of every nested object schema."""
    if isinstance(value, dict):
        if value.get("type") == "object" and "properties" in value and name:
            yield name, {key: item for key, item in value.items() if key != "default"}
        for key, item in value.items():
            if key == "properties":
                for field, part in item.items():
                    yield from _objects(part, field)
            elif key in ("items", "anyOf"):
                for part in item if isinstance(item, list) else [item]:
                    yield from _objects(part, name)


def _common(made: list[dict[str, Any]]) -> dict[str, Schema]:
    """Return the nested objects whose repetition costs most, by name."""
    uses: Counter[str] = Counter()
    names: dict[str, Counter[str]] = {}
    for record in made:
        for side in ("input", "output"):
            for name, schema in _objects(record.get(side, {})):
                text = _text(schema)
                uses[text] += 1
                names.setdefault(text, Counter())[name] += 1
    small = [text for text in uses if len(text) <= MAX_DEFINITION_LENGTH]
    costly = sorted(small, key=lambda text: (-uses[text] * len(text), text))[:COMMON_DEFINITIONS]
    definitions: dict[str, Schema] = {}
    for text in costly:
        name = min(names[text], key=lambda field: (-names[text][field], field))
        unique, number = name, 2
        while unique in definitions:
            unique, number = f"{name}-{number}", number + 1
        definitions[unique] = json.loads(text)
    return dict(sorted(definitions.items()))


def _factored(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        bare = {key: item for key, item in value.items() if key != "default"}
        name = names.get(_text(bare)) if value.get("type") == "object" else None
        if name is not None:
            kept = {"default": value["default"]} if "default" in value else {}
            return {"$ref": f"#/defs/{name}", **kept}
        return {key: _factored(item, names) for key, item in value.items()}
    return [_factored(item, names) for item in value] if isinstance(value, list) else value
