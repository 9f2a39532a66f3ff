"""Waiting for a request: how often its status is asked for, in which unit, and for which status."""

from __future__ import annotations

from collections.abc import Iterator

from ...arguments import ERROR, WARNING
from .. import results, tree
from ..call import PYTHON_SDK, RESULT, STATUS, SUBMIT, SUBSCRIBE, Access, Call
from ..code import Found
from ..problem import Problem
from ..tree import Node
from ..values import NUMBER, Place, Unknown, alternatives
from .context import File, Source

MIN_INTERVAL = 0.1
"""Seconds between two polls: what the Python client does by itself."""
MIN_TIMEOUT_MS = 1000
"""A JavaScript timeout below this was most likely meant in seconds."""
MAX_INTERVAL = 60
"""Seconds between two polls above which milliseconds were most likely meant."""

_FAILED = frozenset({"FAILED", "FAILURE", "CANCELLED", "CANCELED", "TIMEOUT", "TIMED_OUT", "SUCCEEDED", "SUCCESS"})
_DICT_FAILED = _FAILED | {"ERROR"}
_SLEEPS = ("sleep", "wait", "delay", "settimeout", "backoff", "pause", "timeout")
_STATUS_OBJECT = frozenset({"position", "logs", "metrics", "error", "error_type", "__class__", "__dict__"})


def waiting_problems(file: File) -> Iterator[Problem]:
    """Yield loops that poll too fast, units that are mixed up, and statuses that fal does not have."""
    for source in file.sources:
        for call in source.calls:
            yield from _options(file, call)
        if source.analysis is not None:
            for found in source.analysis.found:
                yield from _loop(file, source, found)
                yield from _statuses(file, source, found)


def _number(call: Call, name: str) -> float | None:
    value = call.options.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e15 else None


def _options(file: File, call: Call) -> Iterator[Problem]:
    def problem(name: str, code: str, message: str, hint: str) -> Problem:
        place = call.options.places.get(name, call.place)
        return file.problem(place, WARNING, code, message, hint, path=name, call=call)

    if call.client == PYTHON_SDK:
        interval = _number(call, "interval")
        if interval is not None and interval < MIN_INTERVAL:
            yield problem("interval", "tight-polling", f"interval={interval:g} asks {_often(interval)}", "interval=1")
        elif interval is not None and interval > MAX_INTERVAL:
            yield problem(
                "interval", "time-unit", f"interval={interval:g} waits {interval:g} seconds", "it is in seconds"
            )
        for name in ("client_timeout", "start_timeout"):
            value = _number(call, name)
            if value is not None and value > 100_000:
                message = f"{name}={value:g} is {value / 86400:.0f} days"
                yield problem(name, "time-unit", message, "it is in seconds")
        return
    poll = _number(call, "pollInterval")
    if poll is not None and poll < MIN_INTERVAL * 1000:
        message = f"pollInterval: {poll:g} asks {_often(poll / 1000)}"
        yield problem("pollInterval", "tight-polling", message, "it is in milliseconds: 1000 is once a second")
    timeout = _number(call, "timeout")
    if call.pattern in (SUBSCRIBE, STATUS) and timeout is not None and 0 < timeout < MIN_TIMEOUT_MS:
        message = f"timeout: {timeout:g} gives up after {timeout / 1000:g} seconds"
        yield problem("timeout", "time-unit", message, "it is in milliseconds")
    start = _number(call, "startTimeout")
    if start is not None and start > 100_000:
        yield problem(
            "startTimeout", "time-unit", f"startTimeout: {start:g} is {start / 86400:.0f} days", "it is in seconds"
        )


def _often(seconds: float) -> str:
    return f"{1 / seconds:.0f} times a second" if seconds > 0 else "without a pause"


def _loop(file: File, source: Source, found: Found) -> Iterator[Problem]:
    """Yield a loop that asks for the status without waiting in between."""
    call, node = found.call, found.node
    asks = call.pattern == STATUS or (call.client == "http" and call.pattern == RESULT)
    if not asks or call.method in ("queue.subscribeToStatus", "queue.streamStatus"):
        return
    loop = _loop_around(node)
    if loop is None or (loop.kind == tree.FOR and not _counts(loop)):
        return  # one status for each of many requests
    assert source.analysis is not None
    analysis = source.analysis
    sleeps = [
        part for part in analysis.program.nodes[tree.CALL]
        if loop.order < part.order <= loop.last and _is_sleep(part, analysis.references.of(part.parts[0]))
    ]  # fmt: skip
    if not sleeps:
        message = "this loop asks for the status without a pause"
        hint = "wait a second between two polls, or let subscribe do it"
        yield file.problem(call.place, WARNING, "tight-polling", message, hint, call=call)
        return
    unit = 1.0 if analysis.program.is_python else 0.001
    waits = [seconds for part in sleeps for seconds in _seconds(analysis.evaluator.value, part, unit)]
    if len(waits) == len(sleeps) and sum(waits) < MIN_INTERVAL:
        message = f"this loop asks for the status {_often(sum(waits))}"
        yield file.problem(call.place, WARNING, "tight-polling", message, "wait a second between two polls", call=call)


def _loop_around(node: Node) -> Node | None:
    """Return the loop that a call is run in again and again, within its function."""
    current = node.parent
    while current is not None and current.kind != tree.FUNCTION:
        if current.kind == tree.WHILE:
            return current
        if current.kind == tree.FOR and node.order > current.parts[1].last:
            return current
        current = current.parent
    return None


def _counts(loop: Node) -> bool:
    """Whether a for loop only counts its rounds."""
    source = loop.parts[1]
    return source.kind == tree.CALL and source.parts[0].text in ("range", "count", "cycle", "repeat")


def _is_sleep(call: Node, reference: str) -> bool:
    name = (reference or call.parts[0].text).lower()
    last = name.rpartition(".")[2]
    return any(word in last for word in _SLEEPS)


def _seconds(value_of: object, call: Node, unit: float) -> Iterator[float]:
    assert callable(value_of)
    is_timer = call.parts[0].text == "setTimeout"
    arguments = call.parts[2:3] if is_timer else call.parts[1:2]
    for argument in arguments:
        value = value_of(argument)
        if isinstance(value, Unknown) and value.kind != NUMBER and not value.choices:
            return
        numbers = [choice for choice in alternatives(value) if type(choice) in (int, float)]
        if numbers:
            yield max(numbers) * unit


def _statuses(file: File, source: Source, found: Found) -> Iterator[Problem]:
    assert source.analysis is not None
    call = found.call
    kind = results.STATUS_OBJECT if call.client == PYTHON_SDK else results.STATUS
    accesses: list[Access] = [access for access in call.accesses if access.kind in (kind, results.STATUS)]
    if call.pattern == SUBMIT:
        accesses = [access for access in call.accesses if access.kind in (results.STATUS_OBJECT, results.REPLY)]
    for callback in found.statuses:
        accesses += source.analysis.reader.of_parameter(_function(source, callback), kind)
    said: set[tuple[str, Place]] = set()
    for access in accesses:
        for code, severity, message, hint in _misread(access):
            if (code, access.place) not in said:
                said.add((code, access.place))
                yield file.problem(access.place, severity, code, message, hint, path=str(access), call=call)


def _function(source: Source, node: Node) -> Node:
    """Return the function that a callback names."""
    assert source.analysis is not None
    functions = source.analysis.program.functions.get(node.text, []) if node.kind != tree.FUNCTION else []
    return functions[0] if len(functions) == 1 else node


def _misread(access: Access) -> Iterator[tuple[str, str, str, str]]:
    hint = "IN_QUEUE, IN_PROGRESS, COMPLETED; a failed request is COMPLETED with error, and its result answers 4xx/5xx"
    words = [word for word in access.compared if isinstance(word, str)]
    if access.kind == results.STATUS_OBJECT:
        if access.path and not access.attribute and isinstance(access.path[0], str):
            message = f"a status is an object: [{access.path[0]!r}] raises TypeError"
            yield "status-object", ERROR, message, "test isinstance(status, fal_client.Completed)"
        elif access.path and access.path[0] not in _STATUS_OBJECT and not access.optional:
            message = f"a status has no {access.path[0]}: this raises AttributeError"
            yield "status-object", ERROR, message, "test isinstance(status, fal_client.Completed)"
        elif not access.path and words:
            message = f"a status is an object: it never equals {words[0]!r}"
            yield "status-object", ERROR, message, "test isinstance(status, fal_client.Completed)"
        return
    if access.kind in (results.STATUS, results.REPLY) and access.path == ("status",):
        wrong = [word for word in words if word.upper() in _DICT_FAILED]
        if wrong:
            yield "failed-status", WARNING, f"the queue never says {' or '.join(dict.fromkeys(wrong))}", hint
