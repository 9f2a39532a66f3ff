"""The answer says why this model and not a neighbour."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .result import Result, fails, not_applicable, passes
from .words import either, sentences

if TYPE_CHECKING:
    from ..grading.case import Case

_REASON = either(
    r"\bbecause\b",
    r"\bsince (?:it|you|this|the)\b",
    r"\bwhy\b",
    r"\breasons?\b",
    r"\btrade-?offs?\b",
    r"\b(?:cheap|fast|quick|good|strong|sharp|light|small|new|simpl)(?:er|est)\b",
    r"\b(?:best|better|ideal|suited|suits|right|fits?|sweet spot|perfect|great|solid|strong)\b[^.;]{0,40}\b(?:for|fit|at|choice|match|default|pick|here)\b",  # noqa: E501
    r"\bdesigned (?:for|to)\b",
    r"\bbuilt (?:for|to)\b",
    r"\bmade (?:for|to)\b",
    r"\bmeant for\b",
    r"\b(?:this|that|the) (?:model|endpoint|one) (?:does|makes|takes|erases|removes|keeps|turns|animates|edits|reads|has|gives|returns|needs)\b",  # noqa: E501
    r"\bspeciali[sz]ed\b",
    r"\bpurpose[- ]built\b",
    r"\bdedicated\b",
    r"\b(?:low|lowest|lower) (?:latency|cost|price)\b",
    r"\bquality\b",
    r"\bfidelity\b",
    r"\bfaithful\b",
    r"\b(?:cheap|fast|affordable|inexpensive|quick)\b",
    r"\bsupports?\b",
    r"\baccepts?\b",
    r"\btakes (?:both|a|an|up to|multiple)\b",
    r"\bhandles\b",
    r"\b(?:the )?(?:only|latest|newest|current|flagship)\b",
    r"\b(?:vs\.?|versus|compared (?:to|with)|rather than|instead of|over (?:the )?(?:`|fal-ai|flux|kling|sdxl|nano|seed))\b",  # noqa: E501
    r"\b(?:chose|chosen|choose|picked|pick|recommend\w*|went with|opted|prefer\w*)\b",
    r"\bsteps?\b",
    r"\bsub-second\b",
    r"\bpreserv\w+\b",
    r"\bdiari[sz]\w+\b",
    r"\bso (?:it|you)\b",
    r"\bper (?:image|MP|megapixel|second)\b",
)
_HEADING = either(
    r"\bwhy\b",
    r"\bmodel choice\b",
    r"\brationale\b",
    r"\breason\w*\b",
    r"\bwhich model\b",
    r"\bmodel\b",
    r"\bslug\b",
    r"\bendpoint\b",
)


def check(case: Case) -> Result:
    """Return whether a reason is given for a model that the answer uses."""
    slugs = list(case.used_slugs) or [mention.slug for mention in case.mentions]
    if not slugs:
        return not_applicable("the answer uses no model")
    spoken = _spoken(slugs)
    passages = case.answer.prose
    for sentence, passage in sentences(passages):
        text = sentence if passage.kind != "heading" else ""
        if _REASON.search(text) and (spoken.search(text) or _HEADING.search(passage.heading)):
            return passes(f'line {passage.line}: "{text}"')
    for before, after in zip(passages, passages[1:], strict=False):  # the id in one paragraph, the reason in the next  # noqa: RUF007
        if spoken.search(before.text) and after.kind != "heading" and _REASON.search(after.text):
            return passes(f'line {after.line}: "{after.text}"')
    for passage in passages:
        if spoken.search(passage.text) and _REASON.search(passage.text):
            return passes(f'line {passage.line}: "{passage.text}"')
    if all(case.is_given(slug) or _is_named(case, slug) for slug in slugs) and not case.task.asks_for("slug_rationale"):
        return not_applicable(f"the user chose {slugs[0]}")
    return fails(f"no reason is given for {', '.join(slugs[:3])}")


def _spoken(slugs: list[str]) -> re.Pattern[str]:
    """Return a pattern for the models as people name them: the whole id, or the words of its family."""
    names: list[str] = []
    for slug in slugs:
        names.append(re.escape(slug))
        for part in slug.split("/")[1:]:
            words = [word for word in re.split(r"[-_.]", part) if word]
            if words and not re.fullmatch(
                r"v?\d+|image|video|audio|text|to|edit|pro|tts|remove|upscale|background|stream|fast|turbo|standard",
                words[0],
            ):
                names.append(r"[\s._-]?".join(re.escape(word) for word in words[:2]))
                names.append(rf"\b{re.escape(re.sub(r'[0-9.]+$', '', words[0]) or words[0])}\b")
    return re.compile("|".join(dict.fromkeys(names)), re.IGNORECASE)


def _is_named(case: Case, slug: str) -> bool:
    return _spoken([slug]).search(case.task.prompt) is not None
