"""Faults to order: what a program must survive, and rarely sees before its users do.

Notation, on the command line and in admin calls: ``NAME[=VALUE][,nth=N][,times=N|all][,on=PLACE]``. A fault strikes
from the N-th occasion on (default the first), so many times (default once, or always for a lasting condition).

=====================  ====================================================================================
``lost-reply``         the request is carried out, its reply never arrives (on: submit)
``429`` … ``504``      the request is refused with that status before it is carried out (on: submit, run)
``ingress-503``        refused by a web server before fal's own: HTML with "nginx", which both SDKs retry
``slow-queue=S``       jobs wait S seconds (default 5) IN_QUEUE; lasting
``slow-model=S``       jobs take S seconds (default 5) IN_PROGRESS; lasting
``failed-job=TYPE``    the job fails with that error type (default internal_server_error)
``content-policy``     the job ends with 422 content_policy_violation
``expired-media``      generated files answer 404; lasting
``dropped-stream=N``   a stream breaks after N events (default 1)
``webhook-fails=N``    the first N deliveries of a webhook do not reach their receiver (default 1)
``webhook-repeats=N``  a webhook is delivered N times more (default 1), as fal may do
=====================  ====================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from .outcomes import MODEL_ERRORS, PLATFORM_ERRORS

STATUSES: dict[str, tuple[int, str]] = {
    "429": (429, "concurrent_requests_limit"),
    "500": (500, "internal_error"),
    "502": (502, "runner_incomplete_response"),
    "503": (503, "runner_scheduling_failure"),
    "504": (504, "startup_timeout"),
}
PLACES = ("submit", "run", "stream", "status", "result", "cancel", "upload", "file", "platform", "token", "any")
_ONCE = 1
_ALWAYS = None
_DEFAULTS: dict[str, tuple[Any, int | None, tuple[str, ...]]] = {
    "lost-reply": (None, _ONCE, ("submit",)),
    "ingress-503": (None, _ONCE, ("submit", "run")),
    "slow-queue": (5.0, _ALWAYS, ("any",)),
    "slow-model": (5.0, _ALWAYS, ("any",)),
    "failed-job": ("internal_server_error", _ONCE, ("any",)),
    "content-policy": (None, _ONCE, ("any",)),
    "expired-media": (None, _ALWAYS, ("any",)),
    "dropped-stream": (1.0, _ONCE, ("any",)),
    "webhook-fails": (1.0, _ONCE, ("any",)),
    "webhook-repeats": (1.0, _ONCE, ("any",)),
    **dict.fromkeys(STATUSES, (None, _ONCE, ("submit", "run"))),
}


@dataclass(slots=True)
class Fault:
    """One fault, and how often it has had its occasion."""

    name: str
    value: Any
    nth: int
    times: int | None
    places: tuple[str, ...]
    occasions: int = 0
    strikes: int = 0

    def strikes_now(self) -> bool:
        """Count an occasion; return whether the fault strikes at it."""
        self.occasions += 1
        if self.occasions < self.nth or (self.times is not None and self.strikes >= self.times):
            return False
        self.strikes += 1
        return True

    def as_dict(self) -> dict[str, Any]:
        """Return the fault for the report."""
        return {
            "name": self.name, "value": self.value, "nth": self.nth, "times": self.times or "all",
            "on": list(self.places), "strikes": self.strikes,
        }  # fmt: skip


def parse(notation: str) -> Fault:
    """Return the fault written so; UsageError when it is not one."""
    head, *options = [part.strip() for part in notation.split(",")]
    name, _, text = head.partition("=")
    if name not in _DEFAULTS:
        raise UsageError(f"unknown fault {name[:60]!r}", hint="one of " + ", ".join(_DEFAULTS))
    value, times, places = _DEFAULTS[name]
    if text:
        value = _value(name, text)
    nth = 1
    for option in options:
        key, _, text = option.partition("=")
        if key == "nth":
            nth = _count(notation, text)
        elif key == "times":
            times = None if text == "all" else _count(notation, text)
        elif key == "on" and text in PLACES:
            places = (text,)
        else:
            raise UsageError(
                f"fault {notation[:80]!r}: cannot read {option[:40]!r}",
                hint=f"nth=N, times=N|all, on={'|'.join(PLACES)}",
            )
    return Fault(name, value, nth, times, places)


def _value(name: str, text: str) -> Any:
    if name == "failed-job":
        if text not in MODEL_ERRORS and text not in PLATFORM_ERRORS:
            raise UsageError(
                f"fault failed-job: unknown error type {text[:60]!r}",
                hint="one of " + ", ".join([*MODEL_ERRORS, *PLATFORM_ERRORS]),
            )
        return text
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 86_400 or _DEFAULTS[name][0] is None:
        raise UsageError(f"fault {name}: {text[:40]!r} is not a value it takes", hint="see the notation of faults")
    return number


def _count(notation: str, text: str) -> int:
    if not text.isdigit() or not 0 < int(text[:9]) < 10**6:
        raise UsageError(f"fault {notation[:80]!r}: {text[:20]!r} is not a count from 1 to 999999")
    return int(text)


class FaultPlan:
    """The faults of a sandbox."""

    def __init__(self, notations: tuple[str, ...] = ()) -> None:
        self.faults = [parse(notation) for notation in notations]

    def add(self, notation: str) -> None:
        """Plan one more fault; UsageError when it is not one."""
        self.faults.append(parse(notation))

    def clear(self) -> None:
        """Plan no fault."""
        self.faults.clear()

    def strike(self, name: str, place: str = "any") -> Fault | None:
        """Return the fault of that name if it strikes at this occasion."""
        for fault in self.faults:
            if fault.name == name and (place in fault.places or "any" in fault.places) and fault.strikes_now():
                return fault
        return None

    def refusal(self, place: str) -> Fault | None:
        """Return the fault that refuses this request, if one strikes."""
        for fault in self.faults:
            refuses = fault.name in STATUSES or fault.name == "ingress-503"
            if refuses and (place in fault.places or "any" in fault.places) and fault.strikes_now():
                return fault
        return None
