"""The whole deliverable for one call: slug and why, findings, cost, code, output URL, cheaper variants."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from .arguments import Finding, check_slug
from .prices import UNITS, cheaper_variants, estimate, price_of
from .registry import MERGED, UNLISTED
from .snippets import Snippet, SnippetOptions, main_output, render, result_path
from .snippets.environment import rendered

if TYPE_CHECKING:
    from .prices import Estimate
    from .proof import Proof
    from .registry import Model, Registry

EXPIRY_WARNING = (
    "Output URLs on `*.fal.media` are public and temporary: fal's pages disagree on how long they last (at least 7 "
    "days, or as the account is set). Download or rehost each file at once"
)
"""Sources: fal's FAQ page and its page on the lifecycle header, both 2026."""

FENCE_NAMES = {"python": "python", "python-async": "python", "javascript": "js", "typescript": "ts"}
DOWNLOADING = ("subscribe", "run", "submit")
"""Patterns whose code ends with the result at hand, and saves it."""
DRAFTS: dict[str, tuple[Any, ...]] = {
    "num_images": (1,),
    "resolution": ("360p", "480p", "540p", "580p", "720p", "0.5K", "1K"),
    "image_size": ("square", "square_hd"),
    "duration": (),
    "generate_audio": (False,),
    "quality": ("low",),
    "rendering_speed": ("TURBO",),
    "enhance_prompt": (False,),
}
"""Fields that make a draft cheaper, and the values to try, cheapest first; empty: the least of the enum."""


@dataclass(frozen=True)
class Variant:
    """A cheaper way to iterate."""

    slug: str
    change: dict[str, Any]
    """Arguments that differ from the call of the brief; empty when only the slug does."""
    cost: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"slug": self.slug, "change": self.change, "cost": self.cost.as_dict()}


@dataclass(frozen=True)
class Brief:
    """Everything that a user must be told about one call."""

    model: Model
    snapshot: str
    """ISO date of the registry."""
    why: tuple[str, ...]
    findings: tuple[Finding, ...]
    cost: Estimate
    snippet: Snippet
    result: str
    """The expression that reads the output URL, or the text, from the result."""
    variants: tuple[Variant, ...]
    proof: Proof | None = None
    """What came of running the snippet in the sandbox; None when nobody asked for it."""

    @property
    def expiry_warning(self) -> str | None:
        """What to know of the output URLs; None for a model that gives no file."""
        if not self.model.file_outputs:
            return None
        return EXPIRY_WARNING + (", as the code above does." if self.downloads else ".")

    @property
    def downloads(self) -> bool:
        """Whether the code saves the output."""
        return bool(self.model.file_outputs) and self.snippet.pattern in DOWNLOADING

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form that ``write_brief.py`` prints."""
        model = self.model
        return {
            "slug": model.slug,
            "status": model.status,
            "snapshot": self.snapshot,
            "category": model.category,
            "media": {"in": list(model.media_in), "out": list(model.media_out)},
            "why": list(self.why),
            "findings": [finding.as_dict() for finding in self.findings],
            "cost": self.cost.as_dict(),
            "snippet": self.snippet.as_dict(),
            "result": self.result,
            "output_url_warning": self.expiry_warning,
            "cheaper": [variant.as_dict() for variant in self.variants],
            "proof": self.proof.as_dict() if self.proof else None,
        }


def brief(
    registry: Registry,
    model: Model,
    arguments: dict[str, Any],
    *,
    count: int = 1,
    reason: str = "",
    language: str = "python",
    pattern: str = "subscribe",
) -> Brief:
    """Return the deliverable for ``count`` calls of the model with these arguments.

    Findings of severity error are in it, not raised; what ``render`` raises for arguments that cannot be written as
    code is raised here too.
    """
    options = SnippetOptions(download=bool(model.file_outputs) and pattern in DOWNLOADING)
    snippet = render(model, arguments, language=language, pattern=pattern, options=options)
    cost = estimate(model, arguments, count)
    drafts = [variant for variant in (draft(model, arguments, cost, count),) if variant]
    others = [Variant(*found) for found in cheaper_variants(registry, model, arguments)]
    return Brief(
        model=model,
        snapshot=registry.as_of,
        why=tuple(reasons(registry, model, reason)),
        findings=(*check_slug(registry, model.slug), *snippet.findings),
        cost=cost,
        snippet=snippet,
        result=result_path(model, language) if pattern in DOWNLOADING else main_output(model).path,
        variants=(*others[:2], *drafts),
    )


def reasons(registry: Registry, model: Model, given: str = "") -> list[str]:
    """Return why this model, from facts: what it takes and gives, since when, and its price among its neighbours."""
    words = "".join(char if char.isprintable() else " " for char in given).split()
    said = [" ".join(words)] if words else []
    takes, gives = " + ".join(model.media_in) or "no media", " + ".join(model.media_out) or "data"
    seen = f"listed since {model.first_seen}"
    if model.status == UNLISTED:
        seen += f", unlisted since {model.last_seen}"
    said.append(f"{model.category}: {takes} in, {gives} out; {seen}")
    family = [f"{slug} ({price.label})" if (price := price_of(slug)) else slug for slug in _family(registry, model)]
    if family:
        said.append(f"family: {', '.join(family)}")
    rank = _price_rank(registry, model)
    if rank:
        said.append(rank)
    if model.input_evidence == MERGED:
        said.append("its type is shared with other models at the source, so defaults and enums are less sure")
    return said


def _family(registry: Registry, model: Model, limit: int = 6) -> list[str]:
    """Return listed models of the same category whose slugs begin alike, the nearest relatives first."""
    parts = model.slug.split("/")
    head = "/".join(parts[:2])
    relatives = [
        entry.slug
        for entry in registry.filter(category=model.category)
        if entry.slug != model.slug
        and entry.status != UNLISTED
        and (entry.slug == head or entry.slug.startswith(head + "/"))
    ]

    def nearness(slug: str) -> tuple[int, str]:
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(parts, slug.split("/"), strict=False))
        return -sum(1 for _ in alike), slug

    return sorted(relatives, key=nearness)[:limit]


def _price_rank(registry: Registry, model: Model) -> str:
    """Return where the model's unit price stands among the listed models of its category with the same unit."""
    price = price_of(model.slug)
    if price is None or price.usd is None:
        return ""
    rivals = [price.usd]
    for entry in registry.filter(category=model.category):
        other = price_of(entry.slug)
        if entry.slug != model.slug and entry.status != UNLISTED and other is not None and other.unit == price.unit:
            rivals += [other.usd] if other.usd is not None else []
    if len(rivals) < 3:
        return ""
    cheaper = sum(usd < price.usd for usd in rivals)
    unit = UNITS[price.unit]
    return f"by price per {unit}: number {cheaper + 1} of {len(rivals)} {model.category} models, the cheapest first"


def draft(model: Model, arguments: dict[str, Any], cost: Estimate, count: int) -> Variant | None:
    """Return the same model with the arguments that make a draft cheaper, or None where none are known to."""
    if cost.high is None:
        return None
    change: dict[str, Any] = {}
    best = cost
    for field, values in DRAFTS.items():
        schema = model.properties.get(field)
        if schema is None:
            continue
        for value in values or _least(schema):
            if arguments.get(field) == value or not _is_legal(value, schema):
                continue
            tried = estimate(model, {**arguments, **change, field: value}, count)
            if tried.high is not None and best.high is not None and tried.high < best.high:
                change[field], best = value, tried
                break
    return Variant(model.slug, change, best) if change else None


def _least(schema: dict[str, Any]) -> list[Any]:
    """Return the least member of an enum of lengths (``"5"``, ``5``, ``"5s"``), if it is one."""
    lengths = [(int(text), value) for value in schema.get("enum", ()) if (text := str(value).rstrip("s")).isdigit()]
    return [min(lengths)[1]] if lengths else []


def _is_legal(value: Any, schema: dict[str, Any]) -> bool:
    enums = [option["enum"] for option in (schema, *schema.get("anyOf", ())) if "enum" in option]
    if enums:
        return any(value in enum for enum in enums)
    return schema.get("type") == {bool: "boolean", int: "number", str: "string"}[type(value)]


def markdown(made: Brief) -> str:
    """Return the brief as a Markdown page."""
    code = made.snippet.text.rstrip()
    fence = "```"
    while fence in code:  # a prompt may hold fences of its own
        fence += "`"
    language = FENCE_NAMES[made.snippet.language]
    return rendered("brief.md.j2", brief=made, code=code, fence=fence, language=language, changed=_changed).strip()


def _changed(change: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in change.items())
