"""Asking the service about single models, and falling back to what is at hand when it does not answer."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..console import warn
from ..errors import CredentialsError, SkillError, shown
from ..registry import UNLISTED, Model, Registry
from ..registry import overlay as overlays
from ..registry.overlay import LiveModel
from .http import HASTY
from .keys import credential
from .platform import Listed, Platform, UnitPrice
from .refresh import live_model

if TYPE_CHECKING:
    from ..arguments import Finding
    from ..prices import PriceTable

LIVE = "live"
SNAPSHOT = "snapshot"


class Source(NamedTuple):
    """Which source answered."""

    kind: str
    """``live`` or ``snapshot``."""
    as_of: str
    """ISO date of the answer."""
    warning: str | None
    """Why the service did not answer, where it was asked."""

    def as_dict(self) -> dict[str, Any]:
        """Return the source as JSON values."""
        return self._asdict()


class Answer(NamedTuple):
    """The registry with what the service says of some models."""

    registry: Registry
    source: Source
    missing: frozenset[str]
    """Of the names asked for, those that the service does not list."""


def asked_live(registry: Registry, slugs: Iterable[str], platform: Platform | None = None) -> Answer:
    """Return the registry with the service's word on these models; without it when the service does not answer.

    The fallback is told on stderr, with the date of what answers instead.
    """
    wanted = list(
        dict.fromkeys(slug for slug in slugs if "/" in slug and not slug.startswith(("workflows/", "comfy/")))
    )
    if not wanted:
        return Answer(registry, Source(SNAPSHOT, registry.as_of, None), frozenset())
    try:
        with _service(platform) as service:
            found = service.models(wanted, openapi=True)
            found = {slug: _completed(service, listed) for slug, listed in found.items()}
            as_of = service.as_of or datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    except SkillError as error:
        return Answer(registry, fallback(error, registry.as_of), frozenset())
    missing = frozenset(wanted) - found.keys()
    models = models_from(registry, list(found.values()), as_of)
    gone = [_unlisted(model) for slug in missing if (model := registry.get(slug)) is not None and model.slug == slug]
    return Answer(registry.with_models([*models, *gone]), Source(LIVE, as_of, None), missing)


def in_live_words(findings: list[Finding], slug: str, answer: Answer) -> list[Finding]:
    """Return the findings on a name with the service's word in place of the snapshot's, where it was asked."""
    if answer.source.kind != LIVE:
        return findings
    does = "does not list it" if slug in answer.missing else "calls it deprecated"
    message = f"{shown(slug)}: fal's catalogue of {answer.source.as_of} {does}"
    return [
        finding._replace(message=message, hint=re.sub(r"check it with --live(, or )?", "", finding.hint))
        if finding.code in ("unknown-slug", "unlisted-slug")
        else finding
        for finding in findings
    ]


def _service(platform: Platform | None) -> contextlib.AbstractContextManager[Platform]:
    """Return the given client, which its owner closes, or a new one."""
    if platform is not None:
        return contextlib.nullcontext(platform)
    return Platform(credential(), patience=HASTY)


def found_live(
    registry: Registry, words: str, category: str | None, slugs: list[str], limit: int
) -> tuple[dict[str, bool], list[Model], Source]:
    """Ask the service about models that fit a task.

    Args:
        registry: what is at hand.
        words: the task, for the service's own search.
        category: only models of this category.
        slugs: what the registry found: the service says which of them it lists.
        limit: at most so many of the service's finds.

    Returns:
        (which of the slugs are listed, models that only the service found, in its order, and which source answered).
    """
    try:
        with _service(None) as service:
            listed = service.models(slugs)
            finds = service.search(words, category=category, limit=limit) if words else []
            as_of = service.as_of
    except SkillError as error:
        return {}, [], fallback(error, registry.as_of)
    fresh = [row for row in finds if row.slug and row.slug not in slugs and row.active]
    known = {slug: slug in listed and listed[slug].active for slug in slugs}
    made = {model.slug: model for model in _named(registry, fresh, as_of)}
    return known, [made[row.slug] for row in fresh], Source(LIVE, as_of, None)


def _named(registry: Registry, rows: list[Listed], as_of: str) -> list[Model]:
    """Return rows of a search, which have no documents, as models."""
    said = [live_model(row)[0] for row in rows]
    source = overlays.live_source(said, as_of, "platform-api", "fal's platform API")
    older = overlays.sources_of(model for row in rows if (model := registry.get(row.slug)) is not None)
    return overlays.models_of(overlays.records(said, source, older, complete=False))


def fallback(error: SkillError, as_of: str) -> Source:
    """Say that the service did not answer and what answers instead; return that as the source."""
    reason = error.message + (f" ({error.hint})" if isinstance(error, CredentialsError) and error.hint else "")
    warn(f"warning: fal's service did not answer: {reason}; this is from the snapshot of {as_of}")
    return Source(SNAPSHOT, as_of, reason)


def _completed(service: Platform, listed: Listed) -> Listed:
    """Return the row with the public document where its own could not be made."""
    if listed.openapi is not None:
        return listed
    try:
        return listed._replace(openapi=service.public_openapi(listed.slug))
    except SkillError:
        return listed


def models_from(registry: Registry, listed: list[Listed], as_of: str) -> list[Model]:
    """Return what the service says of these models, filled up from the registry where it says less."""
    said: list[LiveModel] = []
    for row in listed:
        one, problem = live_model(row)
        if problem is not None:
            warn(f"note: the service's types of {row.slug} could not be read ({problem}); those at hand are used")
        said.append(one)
    source = overlays.live_source(said, as_of, "platform-api", "fal's platform API")
    older = overlays.sources_of(model for row in listed if (model := registry.get(row.slug)) is not None)
    return overlays.models_of(overlays.records(said, source, older, complete=False))


def _unlisted(model: Model) -> Model:
    return Model({**model.record, "status": UNLISTED})


def asked_price(slug: str, platform: Platform | None = None) -> tuple[UnitPrice | None, str]:
    """Return the base price that the service names (None where it has none) and its ISO date.

    Raises:
        SkillError: there is no key, or the service does not answer.
    """
    with _service(platform) as service:
        found = service.prices([slug]).known.get(slug)
        return found, service.as_of


def with_price(prices: PriceTable, price: UnitPrice, as_of: str) -> PriceTable:
    """Return the price table with the service's own price on top."""
    from ..prices.sources import quotes_from_pricing_api

    read = quotes_from_pricing_api({"prices": [price.as_row()]}, as_of)
    return prices.with_quotes(read.quotes, read.sources)
