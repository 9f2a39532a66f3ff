"""The answer says that output URLs are temporary. Code that downloads does not say it by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .result import Result, fails, not_applicable, passes
from .words import clauses, code_of, either, is_denied, sentences

if TYPE_CHECKING:
    from ..grading.answers import Passage
    from ..grading.case import Case

_SUBJECT = either(
    r"\burls?\b",
    r"\blinks?\b",
    r"\bfiles?\b",
    r"\boutputs?\b",
    r"\bassets?\b",
    r"\bmedia\b",
    r"\bhost(?:ed|ing|s)?\b",
    r"\bcdn\b",
    r"\bimages?\b",
    r"\bvideos?\b",
    r"\bclips?\b",
    r"\baudio\b",
    r"\bresults?\b",
    r"\bweights\b",
    r"\bmp[34]\b",
    r"\bglb\b",
    r"\bmesh\w*\b",
    r"\bstorage\b",
    r"\bpng\b",
    r"\bit\b",
    r"\bthey\b",
    r"\bthem\b",
)
_STRONG_SUBJECT = either(
    r"\burls?\b",
    r"\blinks?\b",
    r"fal\.media",
    r"\boutputs?\b",
    r"\bhosted\b",
    r"\bcdn\b",
    r"\b(?:generated|output|result|returned|finished) (?:files?|images?|videos?|media|assets?)",
)
_TEMPORARY = either(
    r"\btemporar(?:y|ily)\b",
    r"\bexpir(?:e|es|ed|y|ing|ation)\b",
    r"\bephemeral\b",
    r"\bshort[- ]lived\b",
    r"\btransient\b",
    r"\bimpermanent\b",
    r"\bperishable\b",
    r"(?:\bnot|n['’]t|\bnever|\bno)\b[^.;]{0,40}\b(?:permanent\w*|forever|indefinite\w*|long[- ]term|guarantee\w*|durable|archiv\w+|eternal|kept|retained|persist\w*|last)\b",  # noqa: E501
    r"\b(?:won['’]t|don['’]t|doesn['’]t|do not|does not|will not|may not|might not) (?:\w+ ){0,2}(?:last|live|stay|persist|remain|survive|work|be (?:there|around|available|valid))\b",  # noqa: E501
    r"\b(?:time|date)[- ]limited\b",
    r"\blimited (?:time|lifetime|retention|period)\b",
    r"\bretention\b",
    r"\bretain(?:ed|s)?\b",
    r"\b(?:deleted|purged|removed|cleaned up|garbage[- ]collected|disappear\w*|vanish\w*|go(?:es)? away|stops? working|rots?|go(?:es)? stale|gone|dies?|die off)\b",  # noqa: E501
    r"\b(?:at least|only|about|around|roughly|for|after|within) (?:\w+ )?(?:\d+|seven|thirty|one|a few|several) ?(?:hours?|days?|weeks?|months?)\b",  # noqa: E501
    r"\bnot a (?:permanent|long[- ]term|durable|storage|home|archive|backup)\b",
    r"\blifecycle\b",
    r"\bif you (?:want|need) (?:it|them|the \w+) (?:to (?:last|stay|keep)|long[- ]term|permanently)\b",
    r"\bguaranteed (?:for )?only\b",
    r"\brather than (?:relying|depending|counting|hot-?linking)\b",
    r"\b(?:don['’]t|do not|never|(?:shouldn|wouldn|can|mustn)['’]t|(?:should|would|must) not|cannot|rather than) (?:\w+ )?(?:rely|depend|count|trust|hot-?link|treat|store|persist|save|serve)\b[^.;]{0,60}\b(?:urls?|links?|cdn|fal\.media|it|them)\b",  # noqa: E501
    r"\b(?:own|your|durable|permanent|long[- ]term|object) (?:storage|bucket|s3|cdn|host\w*)\b",
)
_OTHER_THING = either(
    r"\btokens?\b",
    r"\bjwt\b",
    r"\bcredits?\b",
    r"\bsession\b",
    r"\bsignatures?\b",
    r"\btimestamps?\b",
    r"\bjwks\b",
    r"\bpre-?signed\b",
    r"\bapi keys?\b",
    r"\bcertificate\b",
    r"\bcache\b",
    r"\bpayloads?\b",
    r"\btimeout\b",
    r"\bdead-?line\b",
    r"\btemp(?:orary)? (?:file|folder|dir)\w*",
    r"\bscratch\b",
    r"\bframe rate\b",
)
_SLUG = re.compile(r"`?\b(?:fal-ai|[a-z0-9-]+)/[\w.-]+(?:/[\w.-]+)*`?")
_BRIEF = either(
    r"\btemporar(?:y|ily)\b",
    r"\bexpir(?:e|es|ing)\b",
    r"\b(?:ephemeral|short[- ]lived|transient)\b",
    r"\bnot permanent\b",
    r"\b(?:won['’]t|doesn['’]t|does not|will not|may not) (?:last|live|stay|persist)\b",
)
"""Words of a comment that need no subject, as the code that it stands on has it."""
_URL_READ = re.compile(r"(?i)\burls?\b|_urls?\b|\[[\"']url[\"']\]")
_OTHER_SERVICE = re.compile(
    r"(?i)\b(?:replicate|openai|midjourney|runway(?:ml)?|stability(?: ai)?|hugging ?face|together(?: ai)?|fireworks)\b"
)
_FOREVER = either(
    r"\b(?:urls?|links?)\b[^.;]{0,30}\b(?:never expires?|do(?:es)? ?n[o'’]t expire|(?:are|is|stay) permanent|permanent links?|(?:stay|live|kept)s? (?:up )?forever)\b",  # noqa: E501
    r"\bpermanent (?:url|link)s?\b",
)


def check(case: Case) -> Result:
    """Return whether the answer warns of URLs that do not last."""
    shown = [passage for passage in case.answer.said if not (passage.kind == "comment" and passage.file)]
    for said, passage in sentences(shown):
        for clause in clauses(said):
            sentence = _SLUG.sub("MODEL", clause)  # a model may be gone, too
            if _OTHER_SERVICE.search(sentence) and not re.search(r"(?i)\bfal\b", sentence):
                continue  # how long another service keeps its files
            if (
                _TEMPORARY.search(sentence)
                and (_is_about_output(sentence, passage.heading) or _is_on_url(case, said, passage))
                and not _is_forever(sentence)
            ):
                return passes(f'line {passage.line}: "{sentence}"')
    for sentence, passage in sentences(shown):
        if _is_forever(sentence):
            return fails(f'line {passage.line} says the contrary: "{sentence}"')
    if not _makes_files(case):
        return not_applicable("the answer makes no files")
    download = re.search(
        r"urlretrieve|write_bytes|writeFile|iter_bytes|arrayBuffer|\.content\b|curl -[oO]|wget ",
        "\n".join(block.code for block in case.answer.code),
    )
    return fails(
        "nothing is said of how long output URLs last" + (", although the code downloads the file" if download else "")
    )


def _is_about_output(sentence: str, heading: str) -> bool:
    if _STRONG_SUBJECT.search(sentence):
        return (
            _OTHER_THING.search(sentence) is None
            or re.search(r"\b(?:output|result|fal\.media|download|hosted|files?|images?|videos?)\b", sentence, re.I)
            is not None
        )
    if _OTHER_THING.search(sentence):
        return False
    if _STRONG_SUBJECT.search(heading):
        return _SUBJECT.search(sentence) is not None
    return (
        _SUBJECT.search(sentence) is not None
        and re.search(
            r"\b(?:fal|download\w*|re-?host\w*|sav(?:es?|ed|ing)|cop(?:y|ies|ied)|keeps?|store[sd]?|cdn|public)\b",
            sentence,
            re.I,
        )
        is not None
    )


def _is_on_url(case: Case, said: str, passage: Passage) -> bool:
    """Whether a comment in code that the answer shows says it of the output URL that the code beside it reads."""
    if passage.kind != "comment" or passage.file or not _BRIEF.search(said) or _OTHER_THING.search(said):
        return False
    code = code_of(case.answer, passage)
    return _URL_READ.search(code) is not None and re.search(r"(?i)upload|sign", code) is None


def _is_forever(sentence: str) -> bool:
    return _FOREVER.search(sentence) is not None and not is_denied(
        re.sub(r"never expires?|n[o'’]t expire", "", sentence, flags=re.I)
    )


def _makes_files(case: Case) -> bool:
    if any(model.file_outputs for model in case.models):
        return True
    return case.task.asks_for("url_expiry")
