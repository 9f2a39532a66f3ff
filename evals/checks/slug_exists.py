"""Every endpoint id in the answer is one that fal lists, or its age is mentioned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fal_skill.prices import price_of
from fal_skill.registry import UNKNOWN, UNLISTED

from ..grading.case import matches
from .fresh import age_mentioned
from .result import Result, fails, not_applicable, passes
from .words import is_denied

if TYPE_CHECKING:
    from ..grading.case import Case

_USER_ENDPOINTS = ("workflows/", "comfy/")
_TAILS = ("/stream", "/realtime")


def check(case: Case) -> Result:
    """Return whether the ids exist, and whether they are those that the task is about."""
    called = list(case.used_slugs)
    asked = [slug for call in case.calls for slug in call.slugs if slug not in called]
    named = [mention for mention in case.mentions if not case.is_given(mention.slug)]
    options = case.task.options("slug_exists")
    wrong = [slug for slug in called if not _exists(case, slug)]
    wrong += [slug for slug in asked if not _exists(case, slug) and not case.is_family(slug)]
    if wrong:
        near = case.registry.suggest(wrong[0])
        hint = f"; near it: {', '.join(near[:3])}" if near else ""
        return fails(f"{wrong[0]} is called, and no source up to {case.registry.as_of} lists it{hint}")
    unwanted = [slug for slug in called if matches(slug, options.get("none_of", ()))]
    if unwanted:
        return fails(f"{unwanted[0]} is called, which the task rules out")
    old = [slug for slug in called if case.registry.status(slug) == UNLISTED and not age_mentioned(case, slug)]
    if old:
        return fails(f"{old[0]} is no longer listed, and the answer does not say so")
    for mention in named:
        if _exists(case, mention.slug) or case.is_family(mention.slug) or is_denied(mention.sentence):
            continue
        return fails(f'{mention.slug} is named, and no source lists it: "{mention.sentence}"')
    every = [*called, *asked, *(mention.slug for mention in case.mentions)]
    wanted = options.get("any_of", ())
    if wanted and not any(matches(slug, wanted) for slug in every):
        return fails(
            f"none of {', '.join(wanted)} is used; the answer names {', '.join(dict.fromkeys(every)) or 'no model'}"
        )
    if not every:
        return not_applicable("the answer names no endpoint id")
    good = [slug for slug in dict.fromkeys([*called, *(mention.slug for mention in case.mentions)])]  # noqa: C416
    return passes("; ".join(f"{slug} is {_status(case, slug)}" for slug in good[:6]))


def _exists(case: Case, slug: str) -> bool:
    if slug.startswith(_USER_ENDPOINTS):
        return True
    names = [slug, *(slug.removesuffix(tail) for tail in _TAILS)]
    return any(case.registry.status(name) != UNKNOWN or price_of(name) is not None for name in names)


def _status(case: Case, slug: str) -> str:
    model = case.registry.get(slug)
    if model is None:
        return "the beginning of known ids" if case.is_family(slug) else "named as wrong, or given by the user"
    return model.status + (f" since {model.last_seen}" if model.status == UNLISTED else "")
