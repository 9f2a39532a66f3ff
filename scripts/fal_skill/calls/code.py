"""The fal calls of a program in Python, JavaScript or TypeScript."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from . import results, tree
from .call import AI_SDK, JAVASCRIPT_SDK, MODEL_PATTERNS, OLD_JAVASCRIPT_SDK, PYTHON_SDK, REALTIME, UPLOAD, Call
from .called import Frame, arguments_of
from .evaluation import Evaluator
from .http import http_calls
from .program import Program
from .references import References
from .sdk import Operation, is_fal, operation
from .tree import Node
from .values import BASE64, Fields, Items, Place, Unknown, Value, alternatives, texts

MAX_CALLS = 2000
"""Calls of one file that are looked at."""
MAX_FRAMES = 64
"""Places that one function which wraps fal is followed back to."""

_SLUG = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)+")
_PATTERN_METHODS = frozenset({
    "subscribe", "submit", "run", "stream", "subscribe_async", "submit_async", "run_async", "stream_async",
})  # fmt: skip
_URL = re.compile(r"https://(?:queue\.)?fal\.run/([^?#\s]+)")


class Found(NamedTuple):
    """A call, and where the program makes it."""

    call: Call
    node: Node
    """The CALL of the SDK's function, even when ``call`` has the place of a function's call that leads to it."""
    statuses: tuple[Node, ...] = ()
    """Callbacks that are given the request's status."""


class Analysis:
    """What is worked out of one program: its calls, and the means to ask for more."""

    def __init__(self, program: Program, known: Mapping[str, str] | None = None) -> None:
        """``known``: see :class:`References`."""
        self.program = program
        self.file = program.unit.file
        self.references = References(program, known)
        self.evaluator = Evaluator(program, self.references, is_fal)
        self.reader = results.Reader(program, self.references, self.evaluator)
        self.found: list[Found] = list(self._calls())

    @property
    def calls(self) -> list[Call]:
        """The calls, in reading order."""
        return [found.call for found in self.found]

    def _calls(self) -> Iterator[Found]:
        count = 0
        by_http = "fal.run" in self.program.text or "falrun.com" in self.program.text
        for node in self.program.nodes[tree.CALL]:
            found = self._call(node)
            if not found and by_http:
                found = [Found(made, node) for made in http_calls(self, node)]
            yield from found
            count += len(found)
            if count >= MAX_CALLS:
                return

    def _call(self, node: Node) -> list[Found]:
        language = self.program.language
        made = operation(self.references.of(node.parts[0]), language)
        if made is not None:
            return self._made(node, made, node.parts[1:], node.keys)
        # asyncio.to_thread(fal_client.subscribe, MODEL, arguments=…), functools.partial(…)
        for place, part in enumerate(node.parts[1:]):
            if part.kind in (tree.NAME, tree.MEMBER):
                made = operation(self.references.of(part), language)
                if made is not None and made.client == PYTHON_SDK:
                    return self._made(
                        node, made._replace(is_async=False), node.parts[place + 2 :], node.keys[place + 1 :]
                    )
        made = self._by_looks(node)
        return self._made(node, made, node.parts[1:], node.keys) if made is not None else []

    def _by_looks(self, node: Node) -> Operation | None:
        """Return the operation of a call on an object whose origin is not in this file, by its method and arguments."""
        target = node.parts[0]
        if target.kind != tree.MEMBER or target.text not in _PATTERN_METHODS or len(node.parts) < 2:
            return None
        named = dict(zip(node.keys, node.parts[1:], strict=True))
        if self.program.is_python:
            first = node.parts[1]
            is_call = "arguments" in named or "application" in named or (len(node.parts) > 2 and node.keys[1] == "")
            if is_call and any(_is_slug(text) for text in texts(self.evaluator.value(named.get("application", first)))):
                return operation(f"fal_client.{target.text}", "python")
            return None
        holder = target.parts[0]
        options = node.parts[2] if len(node.parts) > 2 else None
        if options is None or options.kind != tree.OBJECT or "input" not in options.keys:
            return None
        method = f"queue.{target.text}" if holder.kind == tree.MEMBER and holder.text == "queue" else target.text
        is_slug = any(_is_slug(text) for text in texts(self.evaluator.value(node.parts[1])))
        return operation(f"fal.{method}", self.program.language) if is_slug else None

    def _made(self, node: Node, made: Operation, parts: list[Node], keys: tuple[str, ...]) -> list[Found]:
        reading = results.Reading(awaited=True)
        if made.gives and made.gives != "url":
            reading = self.reader.reading(node, made.gives)
        slug_node, arguments_node, options = self._sorted(made, parts, keys)
        if made.pattern == REALTIME:
            kind = results.CONNECTION
            sent = self.reader.reading(node, kind).sent
            arguments_node = sent[0] if sent else None
        frames = self._frames(made, slug_node, arguments_node)
        drafts = [(self._draft(node, made, slug_node, arguments_node, options, *frame), frame[1]) for frame in frames]
        resolved = [(draft, site) for draft, site in drafts if draft.slugs]
        if not resolved:
            resolved = [(self._draft(node, made, slug_node, arguments_node, options, {}, None), None)]
        is_shared = len({draft.slugs for draft, _ in resolved}) > 1
        is_awaited = reading.awaited or not made.is_async or made.pattern in (REALTIME, UPLOAD)
        callbacks = tuple(
            part for name, part in self._option_nodes(made, parts, keys) if name in ("on_queue_update", "onQueueUpdate")
        )
        found = []
        for call, site in resolved:
            accesses = tuple(reading.accesses)
            if is_shared and accesses and site is not None:
                accesses = tuple(self.reader.reading(node, made.gives, site).accesses)
            found.append(Found(replace(call, accesses=accesses, awaited=is_awaited), node, callbacks))
        return found

    def _sorted(
        self, made: Operation, parts: list[Node], keys: tuple[str, ...]
    ) -> tuple[Node | None, Node | None, Fields]:
        """Return the nodes of slug and arguments, and the other named arguments."""
        if made.client != PYTHON_SDK:
            options_node = parts[1] if len(parts) > 1 else None
            options = Fields()
            arguments = None
            if options_node is not None and made.pattern != UPLOAD:
                value = self.evaluator.value(options_node)
                if isinstance(value, Fields):
                    options = value.copied()
                    options.pop("input", None)
                else:
                    options.more = True
                arguments = options_node
            return (parts[0] if parts and made.pattern != UPLOAD else None), arguments, options
        options = Fields()
        positional: list[Node] = []
        named: dict[str, Node] = {}
        for key, part in zip(keys, parts, strict=True):
            if key == "**" or part.kind == tree.SPREAD:
                options.more = True
            elif key:
                named[key] = part
            else:
                positional.append(part)
        for name, part in zip(made.takes[:2], positional, strict=False):
            named.setdefault(name, part)
        for name, part in named.items():
            if name not in ("application", "arguments"):
                options.put(name, self.evaluator.value(part), self.program.place(part))
        if len(positional) > 2 and made.pattern != UPLOAD:
            options.put("", Items(), self.program.place(positional[2]))
        return named.get("application"), named.get("arguments"), options

    def _option_nodes(self, made: Operation, parts: list[Node], keys: tuple[str, ...]) -> list[tuple[str, Node]]:
        if made.client == PYTHON_SDK:
            return [(key, part) for key, part in zip(keys, parts, strict=True) if key]
        if len(parts) > 1 and parts[1].kind == tree.OBJECT:
            return [
                (key, part) for key, part in zip(parts[1].keys, parts[1].parts, strict=True) if isinstance(key, str)
            ]
        return []

    def _frames(
        self, made: Operation, slug: Node | None, arguments: Node | None
    ) -> list[tuple[dict[tuple[Node, str], Value], Node | None]]:
        """Return the calls of the function around, when it is they that settle the slug or the arguments."""
        functions: dict[Node, None] = {}
        if slug is not None and isinstance(self.evaluator.value(slug), Unknown):
            functions.update((function, None) for function, _ in self.evaluator.parameters)
        if arguments is not None and isinstance(self._input(made, arguments, {}), Unknown):
            self.evaluator.value(arguments)
            functions.update((function, None) for function, _ in self.evaluator.parameters)
        return self.frames(functions)

    def frames(self, functions: Iterable[Node]) -> list[tuple[dict[tuple[Node, str], Value], Node | None]]:
        """Return what the calls of some functions of this file pass to them, with the call."""
        frames: list[tuple[dict[tuple[Node, str], Value], Node | None]] = [({}, None)]
        for function in dict.fromkeys(functions):
            frames = [
                ({**frame, **more}, site or other)
                for frame, site in frames
                for more, other in self._sites(function, 0) or [({}, None)]
            ][:MAX_FRAMES]
        return frames

    def _sites(self, function: Node, depth: int) -> list[tuple[dict[tuple[Node, str], Value], Node | None]]:
        found: list[tuple[dict[tuple[Node, str], Value], Node | None]] = []
        for site in self.program.sites(function):
            outer = self.program.function_of(site)
            if outer is function:
                continue
            frames: list[tuple[dict[tuple[Node, str], Value], Node | None]] = [({}, None)]
            if outer is not None and outer.keys and depth < 2:
                frames = self._sites(outer, depth + 1) or frames
            for frame, far in frames:
                self.evaluator.value(site.parts[0])  # starts a new count of work
                passed = arguments_of(self.evaluator, function, site, frame, 1)
                settles = any(not isinstance(value, Unknown) for value in passed.values())
                found.append(({**frame, **passed}, site if settles or far is None else far))
        return found[:MAX_FRAMES]

    def _input(self, made: Operation, node: Node, frame: Frame) -> Value:
        """Return the model's input of a call."""
        value = self.evaluator.value(node, frame)
        if made.client == PYTHON_SDK or made.pattern == REALTIME:
            return value
        if not isinstance(value, Fields):
            return Unknown(value.source) if isinstance(value, Unknown) else Unknown()
        if "input" in value:
            return value["input"]
        return Unknown("") if value.more else None

    def _draft(
        self, node: Node, made: Operation, slug_node: Node | None, arguments_node: Node | None, options: Fields,
        frame: Frame, site: Node | None,
    ) -> Call:  # fmt: skip
        slugs, certain, why = self._slugs(made, slug_node, frame)
        arguments: Any = None
        if arguments_node is not None and made.pattern in MODEL_PATTERNS:
            arguments = self._input(made, arguments_node, frame)
            if not isinstance(arguments, (Fields, Unknown)):
                arguments = None if arguments is None else Unknown(self.program.source(arguments_node))
        elif options.more and made.client == PYTHON_SDK:
            arguments = Unknown("**")
        path = options.get("path")
        if isinstance(path, str) and path.strip("/") and made.pattern in MODEL_PATTERNS - {REALTIME}:
            suffix = path.strip("/")
            if not (made.pattern == "stream" and suffix == "stream"):
                slugs = tuple(f"{slug.rstrip('/')}/{suffix}" for slug in slugs)
        place = self.program.place(site or node)
        if made.client == AI_SDK:  # its transcription and speech models go without the owner
            slugs = tuple(slug if "/" in slug else f"fal-ai/{slug}" for slug in slugs)
        return Call(
            self.file, place, self.program.language, made.client, made.pattern, slugs, certain, arguments, options,
            unresolved=why, slug_places=self._literals(slug_node, slugs), end_line=self.program.end(site or node).line,
            method=made.method, misfits=_misfits(made, options, arguments),
            lacking=_lacking(made, slug_node, arguments_node, options),
        )  # fmt: skip

    def _slugs(self, made: Operation, node: Node | None, frame: Frame) -> tuple[tuple[str, ...], bool, str]:
        if made.pattern == UPLOAD:
            return (), True, ""
        if node is None:
            return (), False, "the call names no model"
        value = self.evaluator.value(node, frame)
        found = tuple(dict.fromkeys(_plain(text) for text in texts(value) if text.strip()))
        if found:
            return found, not isinstance(value, Unknown), ""
        source = self.program.source(node)
        if isinstance(value, Unknown) and len(value.shape) > 1 and any(value.shape):
            return (), False, f"the model is put together while the program runs: {'*'.join(value.shape)[:80]}"
        return (), False, f"the model is not settled in this file: {source}" if source else "the model is not settled"

    def _literals(self, node: Node | None, slugs: tuple[str, ...]) -> tuple[Place | None, ...]:
        """Return where each slug stands in the text as a literal of its own: in the call itself, or before."""
        if node is not None and node.kind == tree.CONST and slugs == (node.value,):
            return (self.program.place(node),)
        return tuple(self._constants.get(slug) for slug in slugs)

    @cached_property
    def _constants(self) -> dict[str, Place]:
        """The first place of each text of the program that may be a slug."""
        found: dict[str, Place] = {}
        for node in self.program.nodes[tree.CONST]:
            if isinstance(node.value, str) and "/" in node.value and node.value not in found:
                found[node.value] = self.program.place(node)
        return found


def _plain(text: str) -> str:
    """Return the slug in a text that may be the full address of its queue."""
    match = _URL.match(text.strip())
    return match[1].strip("/") if match else text.strip()


def _is_slug(text: str) -> bool:
    return text.startswith("fal-ai/") and _SLUG.fullmatch(text) is not None


def _misfits(made: Operation, options: Fields, arguments: Value) -> tuple[str, ...]:
    """Return the named arguments that the function does not take."""
    if not made.takes:
        return ()
    if made.client == PYTHON_SDK:
        return tuple(name for name in options if name not in made.takes)
    if made.client not in (JAVASCRIPT_SDK, OLD_JAVASCRIPT_SDK) or options.more or made.pattern not in MODEL_PATTERNS:
        return ()
    # JavaScript ignores what it does not know: only an input that is not under `input` is lost for sure.
    return tuple(name for name in options if name not in made.takes) if arguments is None else ()


def _lacking(made: Operation, slug: Node | None, arguments: Node | None, options: Fields) -> tuple[str, ...]:
    """Return the arguments that the function needs and is not given."""
    if made.client != PYTHON_SDK or options.more or made.pattern == UPLOAD:
        return ()
    given = {
        *options,
        *(["application"] if slug is not None else []),
        *(["arguments"] if arguments is not None else []),
    }
    needed = made.takes[:2] if made.takes[1] in ("arguments", "request_id") else made.takes[:1]
    return tuple(name for name in needed if name not in given)


def holds_file(value: Value) -> bool:
    """Whether a value is a file's content as base64."""
    return any(
        (isinstance(part, Unknown) and part.kind == BASE64) or (isinstance(part, str) and part.startswith("data:"))
        for part in (value, *alternatives(value))
    )
