"""The SDK is called in the way that the task asks for: subscribe, submit, webhook, stream or realtime."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fal_skill.calls.call import (
    AI_SDK,
    HTTP,
    JAVASCRIPT_SDK,
    OLD_JAVASCRIPT_SDK,
    PYTHON_SDK,
    REALTIME,
    REQUEST_PATTERNS,
    RUN,
    STREAM,
    SUBMIT,
    SUBSCRIBE,
)

from ..grading.case import matches, told
from .result import Result, fails, not_applicable, passes
from .words import either

if TYPE_CHECKING:
    from fal_skill.calls import Call

    from ..grading.case import Case

WEBHOOK = "webhook"
SDKS = frozenset({PYTHON_SDK, JAVASCRIPT_SDK, OLD_JAVASCRIPT_SDK, AI_SDK})
_WEBHOOK_OPTIONS = ("webhook_url", "webhookUrl")
_LONG = frozenset(
    {
        "text-to-video",
        "image-to-video",
        "video-to-video",
        "audio-to-video",
        "training",
        "text-to-3d",
        "image-to-3d",
        "3d-to-3d",
    }
)
_ASKED = (
    (either(r"\bweb-?hooks?\b", r"\bcall ?backs? url\b"), (WEBHOOK,)),
    (
        either(r"\brealtime\b", r"\breal[- ]time\b", r"\bweb-?sockets?\b", r"\bas you (?:draw|type)\b"),
        (REALTIME, STREAM),
    ),
    (
        either(
            r"\bstream(?:s|ed|ing)?\b",
            r"\bpartial (?:results?|images?|output)\b",
            r"\bintermediate (?:images?|results?|previews?)\b",
            r"\bsse\b",
        ),
        (STREAM, REALTIME),
    ),
    (
        either(
            r"\bclose the laptop\b",
            r"\bresum\w+\b",
            r"\bbackground (?:job|task|worker)s?\b",
            r"\blater\b.{0,40}\b(?:collect|fetch|pick up)\b",
            r"\bfire and forget\b",
        ),
        (SUBMIT, SUBSCRIBE, WEBHOOK),
    ),
)


def check(case: Case) -> Result:
    """Return whether the pattern and the language fit, and waiting is done with measure."""
    calls = [call for call in case.model_calls if call.client in SDKS]
    once = case.task.asks_for("submit_once")
    if not calls and once:
        # A submit posted by hand, so that the SDK cannot repeat it, and followed by the SDK.
        calls = [call for call in case.calls if call.client in SDKS and call.pattern in REQUEST_PATTERNS]
    options = case.task.options("sdk_pattern")
    wanted = tuple(options.get("patterns", ())) or _asked(case)
    if not calls:
        if case.task.asks_for("sdk_pattern"):
            by_hand = f"; it is called by {case.model_calls[0].client}" if case.model_calls else ""
            return fails(f"the code does not call a model by the SDK{by_hand}")
        return not_applicable("the answer has no SDK call")
    aside = elsewhere(case)
    if aside:
        return fails(aside)
    used = {pattern for call in calls for pattern in patterns(call)}
    languages = options.get("languages", ())
    spoken = {call.language for call in calls}
    if languages and not spoken & set(languages):
        return fails(f"the task asks for {' or '.join(languages)}, the code is in {', '.join(sorted(spoken))}")
    posted = {call.pattern for call in case.model_calls if call.client == HTTP} if once else set()
    if wanted and not (used | posted) & set(wanted):
        first = calls[0]
        return fails(f"the task asks for {' or '.join(wanted)}, {first.file} line {first.line} calls {first.method}")
    if not wanted:
        direct = [
            call
            for call in calls
            if call.pattern == RUN
            and any(model.category in _LONG for model in map(case.registry.get, call.slugs) if model)
        ]
        if direct and used <= {RUN}:
            return fails(
                f"line {direct[0].line}: {direct[0].method} holds the connection through a long job, with no queue and no retries"  # noqa: E501
            )
    waiting = case.problems_of("tight-polling", "time-unit", at_least="warning")
    if waiting:
        return fails(told(waiting[0]))
    for run in case.plain_runs:
        fast = [remark for remark in run.violations if remark["code"] == "polled-too-fast"]
        if fast:
            return fails(f"when {run.program.where} was run: {fast[0]['message']}")
    return passes("; ".join(f"line {call.line}: {call.method} {call.slug or ''}" for call in calls[:4]))


def patterns(call: Call) -> set[str]:
    """Return the patterns that a call is one of; a submit with a webhook is both."""
    made = {call.pattern}
    if any(name in call.options for name in _WEBHOOK_OPTIONS):
        made.add(WEBHOOK)
    return made


def _asked(case: Case) -> tuple[str, ...]:
    return next((wanted for pattern, wanted in _ASKED if pattern.search(case.task.prompt)), ())


_POSTED = re.compile(
    r"""\b(?:httpx|requests|client|session|axios|ky|got)\s*\.\s*post\(|\bmethod\s*[:=]\s*["']POST["']"""
)
_API = re.compile(r"""["'`]https?://(api\.[\w.-]+|[\w.-]+/(?:api|v\d)/)""")


def elsewhere(case: Case) -> str:
    """Return why the answer's own way to the model leads past fal, or nothing.

    So it is where the SDK runs only models that the task does not want, and the code posts to another service.
    """
    wanted = case.task.options("slug_exists").get("any_of", ())
    run = [call for call in case.model_calls if call.client in SDKS]
    slugs = {slug for call in run for slug in call.slugs}
    if not wanted or not slugs or not all(call.slugs for call in run) or any(matches(slug, wanted) for slug in slugs):
        return ""
    for block in case.answer.code:
        hosts = [host for host in _API.findall(block.code) if "fal." not in host]
        if hosts and _POSTED.search(block.code):
            return f"{block.where} posts to {hosts[0]} by hand; the SDK runs only {', '.join(sorted(slugs)[:3])}"
    return ""
