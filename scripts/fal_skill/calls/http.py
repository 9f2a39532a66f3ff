"""Calls that a program makes to fal's addresses with an HTTP library instead of the client."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from . import tree
from .call import CANCEL, HTTP, RESULT, RUN, STATUS, STREAM, SUBMIT, Access, Call
from .called import ENVIRONMENT, Frame
from .results import OUTPUT, REPLY, RESPONSE
from .tree import Node
from .values import HOLE, Fields, Unknown, alternatives, from_json, outlines, texts

if TYPE_CHECKING:
    from .code import Analysis

_ADDRESS = re.compile(r"\A(?:https?|wss)://(queue\.|ws\.)?(?:fal\.run|falrun\.com)(/[^?#]*)?")
_SENDERS = frozenset({
    "get", "post", "put", "delete", "request", "stream", "send", "fetch", "urlopen", "Request", "$fetch", "ofetch",
    "axios", "ky", "got", "api", "open", "create", "connect", "aconnect_sse", "connect_sse", "http", "apiFetch",
    "fetchWithTimeout", "fetchWithRetry", "fetchJson", "undiciFetch", "needle", "superagent", "WebSocket",
})  # fmt: skip
"""Names of functions that send a request; any other that is given an address may just print it."""
_READERS = frozenset({"get", "open", "create", "connect", "http", "api"})
"""Those of them that take the address first, or a default second when they are no request at all."""
_BODY_KEYS = ("json", "data", "body", "content", "payload", "json_data", "params")
_OPTION_KEYS = frozenset({*_BODY_KEYS, "headers", "method", "timeout"})


class Target(NamedTuple):
    """What an address of fal stands for."""

    pattern: str
    slug: str
    """Empty when it is not settled."""


def target(url: str, method: str) -> Target | None:
    """Return what an address with this HTTP method asks for, or None when it is none of fal's model addresses."""
    match = _ADDRESS.match(url)
    if match is None:
        return None
    is_queue = match[1] == "queue."
    path = (match[2] or "").strip("/")
    slug, _, rest = path.partition("/requests")
    slug = slug.strip("/")
    if rest:
        last = rest.rstrip("/").rpartition("/")[2]
        if last == "status" or rest.rstrip("/").endswith("status/stream"):
            return Target(STATUS, slug)
        return Target(CANCEL if last == "cancel" else RESULT, slug)
    if not is_queue and slug.endswith("/stream"):
        return Target(STREAM, slug.removesuffix("/stream"))
    return Target(SUBMIT if is_queue else RUN, slug)


def http_calls(analysis: Analysis, node: Node) -> list[Call]:
    """Return the calls that a CALL sends to fal by HTTP: one, or one for each model that the function is called for."""
    url_node, others = _address(analysis, node)
    if url_node is None:
        return []
    first = _call(analysis, node, url_node, others, {})
    if first is None:
        return []
    if first.slugs or first.pattern not in (SUBMIT, RUN, STREAM):
        return [first]
    analysis.evaluator.value(url_node)
    frames = analysis.frames([function for function, _ in analysis.evaluator.parameters])
    found: list[Call] = []
    for frame, site in frames:
        made = _call(analysis, node, url_node, others, frame) if frame else None
        if made is not None and made.slugs:
            place = analysis.program.place(site) if site is not None and len(frames) > 1 else made.place
            accesses = first.accesses
            if accesses and site is not None and len(frames) > 1:
                accesses = tuple(analysis.reader.reading(node, _kind(first.pattern), site).accesses)
            found.append(replace(made, place=place, accesses=accesses))
    return found or [first]


def _call(
    analysis: Analysis, node: Node, url_node: Node, others: list[tuple[str, Node]], frame: Frame
) -> Call | None:  # fmt: skip
    value = analysis.evaluator.value(url_node, frame)
    urls = texts(value) or outlines(value)
    method = _method(analysis, node, others)
    found = [(made, url) for made, url in ((target(url, method), url) for url in urls) if made is not None]
    if not found:
        return None
    # the same program may stream and not stream: it is a stream that needs to be told
    chosen, url = next(((made, url) for made, url in found if made.pattern == STREAM), found[0])
    pattern = chosen.pattern
    slugs = tuple(dict.fromkeys(made.slug for made, _ in found if "/" in made.slug and HOLE not in made.slug))
    why = "" if slugs or pattern in (STATUS, RESULT, CANCEL) else f"the model is not settled: {_readable(url)}"
    arguments = _body(analysis, node, others, frame) if pattern in (SUBMIT, RUN, STREAM) else None
    accesses: tuple[Access, ...] = () if frame else tuple(analysis.reader.reading(node, _kind(pattern)).accesses)
    return Call(
        analysis.file, analysis.program.place(node), analysis.program.language, HTTP, pattern, slugs,
        not isinstance(value, Unknown), arguments, accesses=accesses, unresolved=why,
        end_line=analysis.program.end(node).line, method=analysis.program.source(node.parts[0]), url=_readable(url),
    )  # fmt: skip


def _kind(pattern: str) -> str:
    """Return what the response to a request holds."""
    bodies = {SUBMIT: REPLY, RUN: OUTPUT, RESULT: OUTPUT, STATUS: "status"}
    return f"{RESPONSE}:{bodies[pattern]}" if pattern in bodies else RESPONSE


def _address(analysis: Analysis, node: Node) -> tuple[Node | None, list[tuple[str, Node]]]:
    """Return the argument that is an address of fal, and the other arguments with their names."""
    named = list(zip(node.keys, node.parts[1:], strict=True))
    for place, (key, part) in enumerate(named[:3]):
        if key not in ("", "url") or part.kind not in (
            tree.CONST, tree.JOIN, tree.ADD, tree.NAME, tree.MEMBER, tree.ITEM, tree.EITHER, tree.CALL,
        ):  # fmt: skip
            continue
        if part.kind == tree.CONST and not (isinstance(part.value, str) and _ADDRESS.match(part.value)):
            continue
        value = analysis.evaluator.value(part)
        if any(_ADDRESS.match(url) for url in (*texts(value), *outlines(value))):
            others = named[:place] + named[place + 1 :]
            name = node.parts[0].text
            if (name in _READERS and place > 0) or analysis.references.of(node.parts[0]) in ENVIRONMENT:
                return None, []  # os.environ.get("FAL_URL", "https://queue.fal.run"): a default
            sends = name in _SENDERS or any(key in _OPTION_KEYS for key, _ in others)
            sends = sends or any(_is_options(other) for _, other in others)
            return (part, others) if sends else (None, [])
    return None, []


def _is_options(node: Node) -> bool:
    return node.kind == tree.OBJECT and any(key in _OPTION_KEYS for key in node.keys if isinstance(key, str))


def _readable(url: str) -> str:
    return url.replace(HOLE, "*")[:200]


def _method(analysis: Analysis, node: Node, others: list[tuple[str, Node]]) -> str:
    for key, part in others:
        if key == "method" or (not key and part.kind == tree.CONST):
            value = analysis.evaluator.value(part)
            if isinstance(value, str) and value.isalpha():
                return value.upper()
        if part.kind == tree.OBJECT and "method" in part.keys:
            value = analysis.evaluator.value(part.parts[part.keys.index("method")])
            return value.upper() if isinstance(value, str) else ""
    return node.parts[0].text.upper()


def _body(
    analysis: Analysis, node: Node, others: list[tuple[str, Node]], frame: Frame
) -> Fields | Unknown | None:  # fmt: skip
    """Return the JSON that is sent, as far as it is known."""
    candidates = [part for key, part in others if key in _BODY_KEYS]
    for _, part in others:
        if part.kind == tree.OBJECT and not candidates:
            if _is_options(part):
                candidates += [
                    inner for key, inner in zip(part.keys, part.parts, strict=True) if key in ("body", "json", "data")
                ]
            else:
                candidates.append(part)  # axios.post(url, input)
    positional = [part for key, part in others if not key and part.kind in (tree.NAME, tree.CALL)]
    for part in [*candidates, *([] if candidates else positional[:1])]:
        made = json_of(analysis, part, frame)
        if made is not None:
            return made
    return Unknown("") if candidates or positional else None


def json_of(analysis: Analysis, node: Node, frame: Frame) -> Fields | Unknown | None:
    """Return the object that an expression sends as JSON: itself, or what it writes out as JSON text."""
    for _ in range(4):
        if node.kind == tree.CALL and len(node.parts) > 1:
            reference = analysis.references.of(node.parts[0])
            if reference in ("json.dumps", "JSON.stringify", "orjson.dumps"):
                node = node.parts[1]
                continue
            if node.parts[0].kind == tree.MEMBER and node.parts[0].text == "encode":
                node = node.parts[0].parts[0]
                continue
        if node.kind == tree.MEMBER and node.parts[0].kind == tree.CALL:
            break
        if node.kind == tree.CALL and node.parts[0].kind == tree.MEMBER and node.parts[0].text == "encode":
            node = node.parts[0].parts[0]
            continue
        if node.kind == tree.NAME:
            bindings = analysis.program.reaching(node)
            value = bindings[0].value if len(bindings) == 1 and not bindings[0].path else None
            if value is not None and value.kind == tree.CALL:
                node = value
                continue
        break
    value = analysis.evaluator.value(node, frame)
    for choice in alternatives(value):
        if isinstance(choice, Fields):
            return choice
        if isinstance(choice, str):
            try:
                made = from_json(json.loads(choice))
            except (ValueError, RecursionError):
                continue
            if isinstance(made, Fields):
                return made
    return Unknown(analysis.program.source(node))
