"""What changed between two states of the registry, in words that a person can act on.

Where the older state comes from the SDK's types, it lacks bounds, nulls and many defaults. That the service states
these now is no change at fal: it is counted as restored, and is no drift.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .compact import field_line
from .model import LIVE, MERGED, UNLISTED, Model, Schema

ADDED = "model-added"
GONE = "model-unlisted"
RELISTED = "model-relisted"
FIELD_ADDED = "field-added"
FIELD_REMOVED = "field-removed"
NEWLY_REQUIRED = "newly-required"
NO_LONGER_REQUIRED = "no-longer-required"
ENUM = "enum-changed"
TYPE = "type-changed"
DEFAULT = "default-changed"
BOUNDS = "bounds-changed"
OUTPUT = "output-changed"
PRICE = "price-changed"
TITLES = {
    ADDED: "Models added",
    RELISTED: "Models listed again",
    GONE: "Models no longer listed",
    NEWLY_REQUIRED: "Fields newly required",
    FIELD_REMOVED: "Fields removed",
    FIELD_ADDED: "Fields added",
    NO_LONGER_REQUIRED: "Fields no longer required",
    ENUM: "Enums changed",
    TYPE: "Types changed",
    BOUNDS: "Limits changed",
    DEFAULT: "Defaults changed",
    OUTPUT: "Outputs changed",
    PRICE: "Prices changed",
}
"""Kinds of changes, in the order in which a reader wants them."""
BREAKING = (GONE, NEWLY_REQUIRED, FIELD_REMOVED, TYPE)
MAX_SHOWN = 60
"""Lines per kind in Markdown; the rest is counted. JSON has them all."""
MAX_TEXT = 160

_BOUND_KEYS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems",
    "multipleOf",
)  # fmt: skip
_MISSING = object()


class Change(NamedTuple):
    """One thing that is different."""

    kind: str
    slug: str
    field: str
    """The input's field, the output's path, or empty."""
    before: Any
    after: Any
    words: str

    def as_dict(self) -> dict[str, Any]:
        """Return the change as JSON values."""
        return {**self._asdict(), "breaking": self.kind in BREAKING}


@dataclass(frozen=True)
class Difference:
    """All that is different."""

    before: str
    """ISO date of the older state."""
    after: str
    """ISO date of the newer state."""
    changes: tuple[Change, ...]
    restored: Mapping[str, int] = field(default_factory=dict)
    """What the service states and the types could not: ``bounds``, ``null``, ``integer``, ``default`` -> fields."""

    @property
    def drifted(self) -> bool:
        """Whether anything changed at fal."""
        return bool(self.changes)

    @property
    def counts(self) -> dict[str, int]:
        """Number of changes by kind."""
        found = Counter(change.kind for change in self.changes)
        return {kind: found[kind] for kind in TITLES if kind in found}

    def as_dict(self) -> dict[str, Any]:
        """Return the difference as JSON values."""
        return {
            "before": self.before,
            "after": self.after,
            "counts": self.counts,
            "restored": dict(self.restored),
            "changes": [change.as_dict() for change in self.changes],
        }

    def markdown(self) -> str:
        """Return the difference as Markdown."""
        lines = [f"# What changed at fal between {self.before} and {self.after}", ""]
        if not self.changes:
            lines.append("Nothing.")
        else:
            models = len({change.slug for change in self.changes})
            lines.append(f"{len(self.changes)} changes in {models} models:")
            lines += [f"- {TITLES[kind].lower()}: {count}" for kind, count in self.counts.items()]
        for kind, count in self.counts.items():
            lines += ["", f"## {TITLES[kind]}" + (" (breaking)" if kind in BREAKING else ""), ""]
            own = [change for change in self.changes if change.kind == kind]
            lines += [f"- `{change.slug}`{': ' + change.words if change.words else ''}" for change in own[:MAX_SHOWN]]
            if count > MAX_SHOWN:
                lines.append(f"- … and {count - MAX_SHOWN} more (the JSON has them all)")
        if self.restored:
            told = ", ".join(f"{name} of {count} fields" for name, count in self.restored.items())
            lines += ["", f"Restored from the service's own documents, not counted as changes: {told}."]
        return "\n".join(lines)


def difference(
    before: Mapping[str, Model],
    after: Mapping[str, Model],
    dates: tuple[str, str],
    *,
    prices: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
) -> Difference:
    """Return what changed.

    Args:
        before: the models of the older state, by slug.
        after: the models of the newer state; names that are missing from it were not looked at.
        dates: ISO dates of the two states.
        prices: base prices (``unit_price``, ``unit``) of the two states by slug; compared where both know one.
    """
    changes: list[Change] = []
    restored: Counter[str] = Counter()
    for slug in sorted(after):
        new, old = after[slug], before.get(slug)
        if old is None:
            if new.status != UNLISTED:
                changes.append(Change(ADDED, slug, "", None, new.category, new.category))
            continue
        if old.status != UNLISTED and new.status == UNLISTED:
            changes.append(Change(GONE, slug, "", old.status, new.status, f"last seen {new.last_seen}"))
            continue
        if old.status == UNLISTED and new.status != UNLISTED:
            changes.append(Change(RELISTED, slug, "", old.status, new.status, f"was last seen {old.last_seen}"))
        if old.has_schema and new.has_schema:
            changes += _Fields(old, new, restored).changes()
    changes += _price_changes(*prices)
    order = list(TITLES)
    changes.sort(key=lambda change: (order.index(change.kind), change.slug, change.field))
    return Difference(dates[0], dates[1], tuple(changes), dict(sorted(restored.items())))


class _Fields:
    """The comparison of one model's fields."""

    def __init__(self, old: Model, new: Model, restored: Counter[str]) -> None:
        self.old, self.new, self.restored = old, new, restored
        self.slug = new.slug
        self.exact = old.input_evidence == LIVE
        """Whether the older state states everything, so that what is new to it is new at fal."""
        self.same_kind = self.exact == (new.input_evidence == LIVE)

    def changes(self) -> list[Change]:
        before, after = self.old.properties, self.new.properties
        found: list[Change] = []
        for name in sorted(after.keys() - before.keys()):
            found.append(self.change(FIELD_ADDED, name, None, after[name], f"`{name}`: {_line(after[name])}"))
        for name in sorted(before.keys() - after.keys()):
            found.append(self.change(FIELD_REMOVED, name, before[name], None, f"`{name}` ({_line(before[name])})"))
        needed, was_needed = set(self.new.required), set(self.old.required)
        for name in sorted(needed - was_needed):
            found.append(self.change(NEWLY_REQUIRED, name, False, True, f"`{name}`"))
        for name in sorted((was_needed - needed) & after.keys()):
            found.append(self.change(NO_LONGER_REQUIRED, name, True, False, f"`{name}`"))
        for name in sorted(before.keys() & after.keys()):
            found += self.field(name, before[name], after[name])
        return found + self.outputs()

    def change(self, kind: str, name: str, before: Any, after: Any, words: str) -> Change:
        return Change(kind, self.slug, name, before, after, words)

    def field(self, name: str, before: Schema, after: Schema) -> list[Change]:
        found: list[Change] = []
        old_enum, new_enum = _enum(before), _enum(after)
        if old_enum is not None and new_enum is not None:
            gone, come = _minus(old_enum, new_enum), _minus(new_enum, old_enum)
            # An enum that was merged with other models' says nothing of what this one lost.
            if come or (gone and self.old.input_evidence != MERGED):
                told = [f"{verb} {_texts(values)}" for verb, values in (("gained", come), ("lost", gone)) if values]
                found.append(self.change(ENUM, name, old_enum, new_enum, f"`{name}` {' and '.join(told)}"))
        elif _kinds(before) and _kinds(after) and _kinds(before) != _kinds(after):
            words = f"`{name}`: {_line(before)} → {_line(after)}"
            found.append(self.change(TYPE, name, _line(before), _line(after), words))
        old_default, new_default = before.get("default", _MISSING), after.get("default", _MISSING)
        if old_default is not _MISSING and not _equal(old_default, new_default) and new_default is not _MISSING:
            words = f"`{name}`: {_texts([old_default])} → {_texts([new_default])}"
            found.append(self.change(DEFAULT, name, old_default, new_default, words))
        elif (old_default is _MISSING) != (new_default is _MISSING):
            if self.exact and self.same_kind:
                shown = ["none" if value is _MISSING else _texts([value]) for value in (old_default, new_default)]
                found.append(
                    self.change(
                        DEFAULT, name, before.get("default"), after.get("default"), f"`{name}`: {shown[0]} → {shown[1]}"
                    )
                )
            elif old_default is _MISSING:
                self.restored["default"] += 1
        return found + self.limits(name, before, after)

    def limits(self, name: str, before: Schema, after: Schema) -> list[Change]:
        old, new = _bounds(before), _bounds(after)
        if not self.exact:
            self.restored["bounds"] += bool(new)
            self.restored["null"] += _nullable(after)
            self.restored["integer"] += any(option.get("type") == "integer" for option in _options(after))
            for kind in ("bounds", "null", "integer"):
                if not self.restored[kind]:
                    del self.restored[kind]
            return []
        if old == new or not self.same_kind:
            return []
        told = [
            f"{key} {old.get(key, 'none')} → {new.get(key, 'none')}"
            for key in _BOUND_KEYS
            if old.get(key) != new.get(key)
        ]
        return [self.change(BOUNDS, name, old, new, f"`{name}`: {', '.join(told)}")]

    def outputs(self) -> list[Change]:
        before = {file.path for file in self.old.file_outputs}
        after = {file.path for file in self.new.file_outputs}
        if not before or not after or before == after or not (before - after):
            return []
        words = f"files were at {_texts(sorted(before))}, are at {_texts(sorted(after))}"
        return [self.change(OUTPUT, "", sorted(before), sorted(after), words)]


def _price_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    found = []
    for slug in sorted(before.keys() & after.keys()):
        old, new = before[slug], after[slug]
        if (old["unit_price"], old["unit"]) != (new["unit_price"], new["unit"]):
            words = f"${old['unit_price']:g} per {old['unit']} → ${new['unit_price']:g} per {new['unit']}"
            found.append(Change(PRICE, slug, "", old, new, words))
    return found


def _options(schema: Schema) -> Sequence[Schema]:
    options = schema.get("anyOf")
    return options if isinstance(options, list) else (schema,)


def _enum(schema: Schema) -> list[Any] | None:
    return next((option["enum"] for option in _options(schema) if "enum" in option), None)


def _nullable(schema: Schema) -> bool:
    return any(option.get("type") == "null" for option in _options(schema))


def _kinds(schema: Schema) -> frozenset[str]:
    """Return the JSON types without null; integer counts as number, and an enum as the types of its members."""
    kinds = {"integer": "number"}
    found: set[str] = set()
    for option in _options(schema):
        if "enum" in option:
            found |= {"string" if isinstance(value, str) else "number" for value in option["enum"]}
        elif option.get("type", "null") != "null":
            kind = str(option["type"])
            found.add(kinds.get(kind, kind))
    return frozenset(found)


def _bounds(schema: Schema) -> dict[str, Any]:
    return {key: option[key] for option in _options(schema) for key in _BOUND_KEYS if key in option}


def _minus(values: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """Return the values that the others lack; digits count by their text, for the types print numbers as text."""
    known = {str(value) for value in others}
    return [value for value in values if str(value) not in known]


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) or (not isinstance(one, (dict, list)) and str(one) == str(other))


def _texts(values: Sequence[Any]) -> str:
    import json

    text = ", ".join(json.dumps(value, ensure_ascii=False) for value in values[:8])
    more = f" and {len(values) - 8} more" if len(values) > 8 else ""
    return (text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…") + more


def _line(schema: Schema) -> str:
    text = field_line(schema)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
