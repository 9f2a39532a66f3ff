"""One dated source: which endpoints it lists, and what it says of their inputs and outputs."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ..model import DIRECT, MERGED, REPAIRED, Schema
from .names import file_kind, is_integer, is_url_list
from .schemas import fits, is_file_object, schema_of
from .sdk_types import Endpoint, Name, Type, TypeFile, TypeSyntaxError, parse

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Claim:
    """What one source says of one endpoint's types."""

    input: Schema | None
    output: Schema | None
    input_evidence: str = DIRECT
    output_evidence: str = DIRECT
    collided: bool = False
    """Whether another owner's endpoint names the same input type, so that one of the two has the other's fields."""
    enums_merged: bool = False
    """Whether enums may lack members: the generator of 2026-04 merged types that differ in nothing else."""


@dataclass(frozen=True)
class Source:
    """A dated source of facts.

    Attributes:
        id: short name, such as ``sdk-types-1.10.1``.
        as_of: ISO date of the facts (not of their publication).
        origin: what it is, in words.
        claims: what it says, by slug.
        seen: first and last ISO date at which each slug was listed; empty for a source that lists just now.
    """

    id: str
    as_of: str
    origin: str
    claims: dict[str, Claim] = field(default_factory=dict)
    seen: dict[str, tuple[str, str]] = field(default_factory=dict)

    def dates(self, slug: str) -> tuple[str, str] | None:
        """Return when the source saw the slug first and last, or None if it does not list it."""
        if slug in self.seen:
            return self.seen[slug]
        return (self.as_of, self.as_of) if slug in self.claims else None

    @property
    def slugs(self) -> set[str]:
        """All names that it lists."""
        return self.claims.keys() | self.seen.keys()


def checked_date(text: str, name: str) -> str:
    """Return the ISO date; UsageError when it is none."""
    if not _DATE.fullmatch(text):
        raise UsageError(f"{name} has the date {text!r}, expected YYYY-MM-DD")
    return text


def read_text(path: Path) -> str:
    """Return a source file's text; UsageError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def sdk_types(text: str, source_id: str, as_of: str) -> Source:
    """Return the facts of an SDK type file; UsageError names the line that it cannot read."""
    try:
        types = parse(text)
        uses = Counter(side for endpoint in types.endpoints.values() for side in endpoint)
        owners: dict[Type, set[str]] = {}
        for slug, endpoint in types.endpoints.items():
            owners.setdefault(endpoint.input, set()).add(slug.split("/")[0].lower())
        claims = {}
        for slug, endpoint in sorted(types.endpoints.items()):
            collided = isinstance(endpoint.input, Name) and len(owners[endpoint.input]) > 1
            claims[slug] = replace(_claim(types, endpoint, uses), collided=collided)
    except TypeSyntaxError as error:
        raise UsageError(f"{source_id}: {error}", hint="the generator changed: extend sources/sdk_types.py") from None
    return Source(source_id, as_of, "types of fal's JavaScript SDK (MIT)", claims)


def _claim(types: TypeFile, endpoint: Endpoint, uses: Counter[Type]) -> Claim:
    def evidence(side: Type) -> str:
        # A type is another's too when it is an alias, or when two endpoints name it: their owners' names collided.
        if not isinstance(side, Name):
            return DIRECT
        return MERGED if uses[side] > 1 or types.resolved(side.name)[0] != side.name else DIRECT

    return Claim(
        schema_of(types, endpoint.input),
        _stripped(schema_of(types, endpoint.output)),
        evidence(endpoint.input),
        evidence(endpoint.output),
        enums_merged=evidence(endpoint.input) == MERGED,
    )


def facts(text: str, name: str) -> Source:
    """Return the facts of an endpoint-facts file: a header line, then one JSON object per endpoint.

    Each object has ``slug``, ``input``, ``output`` (JSON Schemas with this project's annotations) and ``shared``
    (``{"input": bool, "output": bool}``: whether the type was merged with other endpoints').
    """
    lines = text.splitlines()
    if not lines:
        raise UsageError(f"{name} is empty, expected a header line and one JSON object per endpoint")
    header = _json_object(lines[0], f"{name} line 1")
    as_of = checked_date(str(header.get("as_of", "")), name)
    claims: dict[str, Claim] = {}
    for number, line in enumerate(lines[1:], 2):
        where = f"{name} line {number}"
        record = _json_object(line, where)
        slug, shared = record.get("slug"), record.get("shared", {})
        if not isinstance(slug, str) or not slug or slug in claims:
            raise UsageError(f"{where} has no slug of its own")
        for side in ("input", "output"):
            if not isinstance(record.get(side), dict):
                raise UsageError(f"{where} ({slug}) has no {side} schema")
        claims[slug] = Claim(
            _annotated(record["input"]),
            _stripped(_annotated(record["output"])),
            MERGED if shared.get("input") else DIRECT,
            MERGED if shared.get("output") else DIRECT,
        )
    return Source(f"facts-{as_of}", as_of, "types of fal's JavaScript SDK, main branch (MIT), as facts", claims)


def history(text: str, name: str) -> Source:
    """Return the names of a slug-history file: ``{"until": date, "slugs": {slug: [first_seen, last_seen]}}``."""
    document = _json_object(text, name)
    until = checked_date(str(document.get("until", "")), name)
    slugs = document.get("slugs")
    if not isinstance(slugs, dict):
        raise UsageError(f"{name} has no table of slugs")
    seen = {}
    for slug, dates in slugs.items():
        if not isinstance(dates, list) or len(dates) != 2:
            raise UsageError(f"{name}: {slug} has no pair of dates")
        seen[slug] = (checked_date(str(dates[0]), name), checked_date(str(dates[1]), name))
    return Source(f"slug-history-{until}", until, "names in all versions of the SDK's types since 2024-11", {}, seen)


def _json_object(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{where} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{where} is not a JSON object")
    return value


def _annotated(schema: Schema, name: str = "") -> Schema:
    """Return the schema with this project's hints, which are drawn from names, drawn by this project's rules."""
    made: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {field: _annotated(part, field) for field, part in sorted(value.items())}
        elif key == "items" and isinstance(value, dict):
            made[key] = _annotated(value, name)
            if is_url_list(name) and value.get("type") == "string":
                made[key]["x-file"] = file_kind(name)
        elif key == "anyOf":
            made[key] = [_annotated(option, name) for option in value]
        elif key == "x-file":
            made[key] = file_kind(name)
        elif key == "x-int":
            continue
        elif key == "default":
            if fits(value, schema):
                made[key] = value
        else:
            made[key] = value
    if schema.get("type") == "number" and is_integer(name, schema.get("default")):
        made["x-int"] = True
    if is_file_object(made):
        made["x-file"] = file_kind(name)
    return made


def _stripped(schema: Schema | None) -> Schema | None:
    """Return an output's schema without defaults: nobody sends an output."""
    if schema is None:
        return None
    made: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {field: _stripped(part) for field, part in value.items()}
        elif key == "items":
            made[key] = _stripped(value)
        elif key == "anyOf":
            made[key] = [_stripped(option) for option in value]
        elif key not in ("default", "x-file", "x-digits"):
            made[key] = value
    return made


def repaired(claim: Claim, older: Claim) -> Claim | None:
    """Return the merged claim mended by an older one that states the endpoint's own type, or None if it does not.

    The older claim's defaults replace the merged ones, and where enums were merged its members are added.
    """
    if claim.input is None or older.input is None or older.input_evidence == MERGED:
        return None
    fields = claim.input.get("properties", {})
    known = older.input.get("properties", {})
    mended = {name: _mended(field, known.get(name), claim.enums_merged) for name, field in fields.items()}
    return Claim({**claim.input, "properties": mended}, claim.output, REPAIRED, claim.output_evidence)


def without_defaults(claim: Claim) -> Claim:
    """Return a merged claim that nothing mends, without its defaults: one in six endpoints has a wrong one."""
    fields = {
        name: {key: value for key, value in field.items() if key != "default"}
        for name, field in (claim.input or {}).get("properties", {}).items()
    }
    return replace(claim, input=claim.input and {**claim.input, "properties": fields})


def _mended(field: Schema, older: Schema | None, enums_merged: bool) -> Schema:
    made = {key: value for key, value in field.items() if key != "default"}
    if older is None:
        return made
    if enums_merged and "enum" in field and "enum" in older:
        kinds = {type(value) for value in field["enum"]}
        made["enum"] = field["enum"] + [v for v in older["enum"] if v not in field["enum"] and type(v) in kinds]
    if "default" in older and fits(older["default"], made):
        made["default"] = older["default"]
    return made
