"""The answer offers a cheaper way to iterate: another model or size, or a trial of a few outputs at a named cost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .result import Result, fails, not_applicable, passes
from .words import MAX_SENTENCE, either, sentences

if TYPE_CHECKING:
    from ..grading.case import Case

_CHEAP = either(
    r"\bcheap(?:er|est|ly)?\b",
    r"\bless expensive\b",
    r"\blower[- ](?:cost|price|tier)\b",
    r"\bsave (?:money|cost|credits)\b",
    r"\bbudget (?:option|version|variant|model|friendly)\b",
    r"\b(?:half|third|quarter|tenth|fraction|\d+ ?%|\d+(?:\.\d+)?[x×])\b[^.;]{0,25}\b(?:the )?(?:price|cost|cheaper|less)\b",  # noqa: E501
    r"\bcosts? (?:less|half|a fraction|only)\b",
    r"\bcut(?:s|ting)? (?:the )?(?:cost|bill|price)\b",
    r"\b(?:cost|price)s? (?:drops?|falls?|goes down|down)\b",
    r"\baffordable\b",
    r"\binexpensive\b",
    r"\bfor (?:just )?\$0?\.\d+",
)
_ITERATE = either(
    r"\biterat\w+\b",
    r"\bdrafts?\b",
    r"\bdrafting\b",
    r"\bprototyp\w+\b",
    r"\bpreviews?\b",
    r"\btest(?:s|ing)? (?:with|on|at|first|the|your|run|prompt|renders?|frames?)\b",
    r"\btune\b",
    r"\btuning\b",
    r"\btweak\w*\b",
    r"\bexperiment\w*\b",
    r"\bexplor\w+\b",
    r"\bdry[- ]run\b",
    r"\bfirst (?:try|run|with|at)\b",
    r"\btry (?:out|first|with|it|settings|at|a)\b",
    r"\btrial\b",
    r"(?<![-\w])try\b(?! again)[^.;]{0,40}\b(?:first|cheap\w*)\b",
    r"\bwhile (?:you|dialing|developing|working)\b",
    r"\bdial(?:ing|led)? in\b",
    r"\bsmoke[- ]test\b",
    r"\brough (?:pass|cut|versions?)\b",
    r"\bfinals?\b",
    r"\bbefore (?:you )?(?:committing|commit|running|the full|scaling|the final|paying)\b",
    r"\bsample\b",
    r"\bstart with\b",
)
_MEANS = either(
    r"`[^`]+`",
    r"\b(?:fal-ai|openai|bytedance|google|minimax|xai)/",
    r"\bschnell\b",
    r"\bfewer steps\b",
    r"\b(?:lower|smaller|less|reduced|half) (?:resolution|size|quality|res|duration)\b",
    r"\bshorter\b",
    r"\b\d+p\b",
    r"\b(?:\d+|five|three|four) ?(?:s|sec|second)s?\b",
    r"\bturbo\b",
    r"\bstandard\b",
    r"\blite\b",
    r"\bfast\b",
    r"\bmini\b",
    r"\bflash\b",
    r"\bone (?:image|frame|row|file|clip|run)\b",
    r"\bfirst (?:few|\d+)\b",
    r"\b\d+ ?(?:rows|files|images|frames|prompts|items|steps)\b",
    r"--limit",
    r"\bnum_\w+",
    r"\bduration\b",
    r"\bresolution\b",
    r"\b512\b",
    r"\bsquare\b",
    r"\baudio off\b",
    r"\bwithout audio\b",
    r"\bfaces?\b",
    r"\btextures?\b",
)
_PRICE = re.compile(r"\$\s?\d|\bcents?\b|¢")
_NONE = either(
    r"\balready\b[^.;]{0,30}\bcheap(?:est)?\b",
    r"\b(?:no|none|not? any)\b[^.;]{0,40}\bcheaper\b",
    r"\bcheapest\b[^.;]{0,40}\b(?:model|endpoint|option|on fal|there is|listed)\b",
    r"\bnone is known\b",
)


def check(case: Case) -> Result:
    """Return whether a cheaper model, size or length is offered to try things out with."""
    for sentence, passage in sentences(case.answer.said):
        heading = passage.heading
        cheap = _CHEAP.search(sentence) or _CHEAP.search(heading)
        iterate = _ITERATE.search(sentence) or _ITERATE.search(heading)
        if passage.kind == "heading":
            continue
        if _NONE.search(sentence):
            return passes(f'line {passage.line}: "{sentence}"')
        priced = iterate and _PRICE.search(sentence)  # "3 s, to test the move: $0.34"
        if _MEANS.search(sentence) and ((cheap and iterate) or priced or _is_offer(sentence)):
            return passes(f'line {passage.line}: "{sentence}"')
    trial = _trial(case)
    if trial:
        return passes(trial)
    if not case.has_code and not case.task.asks_for("cheap_variant"):
        return not_applicable("the answer runs no model")
    return fails("no cheaper way to try things out is offered")


_OFFER = either(
    r"\bcheaper\b[^.;]{0,60}\b(?:option|alternative|variant|model|version|tier|endpoint|route|choice|one|way|swap|use|switch)\b",
    r"\b(?:option|alternative|variant|use|switch(?:ing)?|swap|drop|go|set|lower|reduce|try)\b[^.;]{0,80}\bcheaper\b",
    r"\bto (?:save|cut|reduce|lower)\b[^.;]{0,30}\b(?:money|costs?|bill|price|spend)\b",
    r"\bfor (?:cheap(?:er)?|fast(?:er)?|quick) (?:drafts?|iterations?|tests?|previews?|experiments?)\b",
    r"\b(?:iterate|draft|prototype|experiment|test)\w*\b[^.;]{0,60}\b(?:with|on|at|using)\b[^.;]{0,80}(?:`|\bschnell\b|\bturbo\b|\blow|\bfast\b|\bsmall|\bcheap|\blite\b|\b\d+p\b|\b[35] ?s\b|\bfewer\b|\bshort)",  # noqa: E501
    r"\b(?:use|using|with|on|via)\b[^.;]{0,60}\b(?:while|for|when|to) (?:you )?(?:iterat\w+|draft\w*|prototyp\w+|experiment\w*|test\w*|explor\w+)\b",  # noqa: E501
    r"\bcheaper\b[^.;]{0,20}:\s",
)


_FEW = either(
    r"--(?:limit|count|rows|first|only|sample|trial|max-(?:rows|images|items|jobs|files))[ =](?:[1-9]|1\d|20)\b",
    r"\b(?:one|two|three|four|five|[1-9]|1\d|20) (?:\w+ )?(?:images?|rows?|files?|photos?|pictures?|clips?|frames?|prompts?|items?)\b[^.;]{0,20}\bfirst\b",  # noqa: E501
    r"\b(?:first|only) (?:\w+ )?(?:one|two|three|four|five|[1-9]|1\d|20) (?:\w+ )?(?:images?|rows?|files?|photos?|pictures?|clips?|frames?|prompts?|items?)\b",  # noqa: E501
)
_TO_SEE = either(
    r"\b(?:look|check|see|judge|compare|inspect)\b",
    r"\b(?:trial|test|sample|smoke)\b",
    r"(?<!re)\btry\b",
    r"\bbefore (?:you|the)\b",
)


def _trial(case: Case) -> str:
    """Return where a trial of a few outputs is offered with what it costs, or nothing."""
    for passage in case.answer.prose:
        text = passage.text[:MAX_SENTENCE]
        if not passage.file and _FEW.search(text) and _TO_SEE.search(text) and _PRICE.search(text):
            return f'line {passage.line}: "{text}"'
    for block in case.answer.blocks:
        for offset, line in enumerate(block.code.split("\n")):
            if len(line) <= MAX_SENTENCE and _FEW.search(line) and _PRICE.search(line.partition("#")[2]):
                return f'line {block.line + offset}: "{line.strip()}"'
    return ""


def _is_offer(sentence: str) -> bool:
    return _OFFER.search(sentence) is not None
