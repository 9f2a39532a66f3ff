"""How a program reads what a call gives back.

A result is followed from the call through assignments, destructuring, loops, callbacks, and functions of the same file,
to the places where a part of it is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from . import tree
from .call import Access
from .evaluation import Evaluator
from .narrowing import OBJECT, OTHER, narrowed, tested_names
from .program import Binding, Program
from .references import References
from .tree import Node
from .values import EACH, Items, Path, alternatives

MAX_DEPTH = 40
"""Steps that a result is followed."""
MAX_ACCESSES = 200
"""Accesses of one result that are kept."""

OUTPUT = "output"
"""The model's output itself."""
WRAPPED = "wrapped"
"""``{data, requestId}`` of the JavaScript client."""
HANDLE = "handle"
"""The request handle of the Python client."""
REPLY = "reply"
"""The queue's answer to a submit, as a JSON object."""
STATUS = "status"
"""A request's status as a JSON object."""
STATUS_OBJECT = "status-object"
"""A request's status as an object of the Python client (Queued, InProgress, Completed)."""
STREAM = "stream"
EVENTS = "events"
"""An iterable of status objects."""
RESPONSE = "response"
"""An HTTP response; what its body holds is written behind a colon."""
CONNECTION = "connection"

_DICT_METHODS = frozenset({"items", "keys", "values", "pop", "copy", "update", "setdefault", "clear", "popitem"})
_EACH_METHODS = frozenset({"map", "forEach", "filter", "find", "some", "every", "flatMap", "findIndex", "sort"})
_TEXT_METHODS = frozenset({
    "length", "toString", "trim", "join", "slice", "split", "includes", "startsWith", "endsWith", "push", "concat",
    "reduce", "at", "replace", "toLowerCase", "toFixed", "hasOwnProperty", "indexOf", "entries", "catch", "finally",
    "match", "reverse", "shift", "flat", "lower", "upper", "strip", "append", "extend", "count", "index", "format",
    "encode", "startswith", "endswith",
})  # fmt: skip
_TRANSPARENT = frozenset({
    "asyncio.run", "asyncio.wait_for", "asyncio.create_task", "asyncio.ensure_future", "asyncio.shield", "typing.cast",
    "cast", "dict", "anyio.run", "Promise.resolve", "structuredClone",
})  # fmt: skip
_TESTS = frozenset({"isinstance", "len", "hasattr", "type", "bool", "Array.isArray", "Boolean", "callable", "id"})


@dataclass(frozen=True, slots=True)
class _Lead:
    """What is known of the value that is being followed."""

    kind: str
    path: Path = ()
    optional: bool = False
    sure: bool = True
    narrowed: bool = False
    """Whether the program has found the value to be no object."""


@dataclass
class Reading:
    """How one result is read."""

    accesses: list[Access] = field(default_factory=list)
    sent: list[Node] = field(default_factory=list)
    """What is sent over the realtime connection that the call opened."""
    awaited: bool = False


class Reader:
    """Follows results through a program."""

    def __init__(self, program: Program, references: References, evaluator: Evaluator) -> None:
        self._program = program
        self._references = references
        self._evaluator = evaluator
        self._tested = tested_names(program)

    def reading(self, node: Node, kind: str, site: Node | None = None) -> Reading:
        """Return how the value of an expression is read; ``kind`` is what it is (OUTPUT, WRAPPED, …).

        With a ``site``, the value is what that call of the function around gives, and not what other calls of it do.
        """
        trail = _Trail(self._program, self._references, self._evaluator, self._tested)
        trail.site = site
        trail.follow(node, _Lead(kind), 0)
        return trail.finished()

    def of_parameter(self, function: Node, kind: str) -> list[Access]:
        """Return how a callback reads its first parameter."""
        trail = _Trail(self._program, self._references, self._evaluator, self._tested)
        trail.callback(function, _Lead(kind), 0)
        return trail.finished().accesses


class _Trail:
    """One result's way through the program."""

    def __init__(
        self, program: Program, references: References, evaluator: Evaluator, tested: frozenset[str]
    ) -> None:  # fmt: skip
        self.program = program
        self.references = references
        self.evaluator = evaluator
        self.tested = tested
        """Names whose type the program tests somewhere."""
        self.site: Node | None = None
        self.reading = Reading()
        self.seen: set[tuple[Node, _Lead]] = set()
        self.guarded: set[Path] = set()

    def finished(self) -> Reading:
        accesses = [
            replace(access, optional=True) if any(access.path[: len(path)] == path for path in self.guarded) else access
            for access in self.reading.accesses
        ]
        self.reading.accesses = list(dict.fromkeys(accesses))
        return self.reading

    def follow(self, node: Node, lead: _Lead, depth: int) -> None:
        """Follow the value that a node has."""
        parent = node.parent
        if parent is None or depth > MAX_DEPTH or (node, lead) in self.seen:
            return
        if len(self.reading.accesses) >= MAX_ACCESSES:
            return
        self.seen.add((node, lead))
        handler = getattr(self, f"in_{parent.kind}", None)
        if handler is None:
            self.record(node, lead)
        else:
            handler(node, parent, lead, depth + 1)

    def record(self, node: Node, lead: _Lead, **more: Any) -> None:
        if lead.path or more.get("sink") or more.get("compared"):
            place = self.program.place(node)
            self.reading.accesses.append(Access(lead.path, lead.kind, place, lead.optional, sure=lead.sure, **more))

    # Where the value stands

    def in_await(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        self.reading.awaited = True
        self.follow(parent, lead, depth)

    def in_member(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        call = parent.parent
        is_called = call is not None and call.kind == tree.CALL and call.parts[0] is parent
        if is_called and call is not None and self.called(call, parent.text, lead, depth):
            return
        if parent.text in _TEXT_METHODS and (not self.program.is_python or lead.path):
            self.record(node, lead)
            return
        kind, _, body = lead.kind.partition(":")
        if kind == RESPONSE:
            if parent.text in ("data", "body") and not self.program.is_python:  # axios
                self.follow(parent, _Lead(body or OUTPUT), depth)
            return
        optional = lead.optional or parent.value == "?"
        inner = replace(lead, path=(*lead.path, parent.text), optional=optional)
        if self.program.is_python:
            if (parent.text not in _DICT_METHODS and not lead.narrowed) or lead.kind in (HANDLE, STATUS_OBJECT):
                self.record(parent, inner, attribute=True)
            return
        if is_called and not self.program.is_python:
            self.record(parent, inner)
            return
        self.follow(parent, inner, depth)

    def called(self, call: Node, name: str, lead: _Lead, depth: int) -> bool:
        """Follow what a method of the value gives; return whether the method is known."""
        first = call.parts[1] if len(call.parts) > 1 else None
        kind, _, body = lead.kind.partition(":")
        if name in ("then", "finally", "catch") and not self.program.is_python and not lead.path:
            self.reading.awaited = True
            if name == "then" and first is not None:
                self.callback(first, lead, depth)
            return True
        if kind == RESPONSE:
            if name == "json":
                self.follow(call, _Lead(body or OUTPUT), depth)
            return True
        if lead.kind == HANDLE and name in ("get", "iter_events", "status"):
            kinds = {"get": OUTPUT, "iter_events": EVENTS, "status": STATUS_OBJECT}
            self.reading.awaited = True
            self.follow(call, _Lead(kinds[name]), depth)
            return True
        if lead.kind == STREAM and name in ("on", "done"):
            self.reading.awaited = True
            if name == "done":
                self.follow(call, _Lead(OUTPUT, optional=True), depth)
            elif first is not None and first.value == "data" and len(call.parts) > 2:
                self.callback(call.parts[2], _Lead(OUTPUT, optional=True), depth)
            return True
        if lead.kind == CONNECTION:
            if name == "send" and first is not None:
                self.reading.sent.append(first)
            return True
        if name == "get" and self.program.is_python and first is not None:
            keys = [key for key in alternatives(self.evaluator.value(first)) if isinstance(key, str)]
            for key in keys:
                self.follow(call, replace(lead, path=(*lead.path, key), optional=True), depth)
            return True
        if name in _EACH_METHODS and not self.program.is_python and first is not None:
            self.callback(first, replace(lead, path=(*lead.path, EACH)), depth)
            return True
        return False

    def in_item(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        if parent.parts[0] is not node:
            return
        key = self.evaluator.value(parent.parts[1])
        optional = lead.optional or parent.value == "?"
        if parent.parts[1].text == "slice":
            self.follow(parent, replace(lead, optional=optional), depth)
        elif isinstance(key, (str, int)) and not isinstance(key, bool):
            self.follow(parent, replace(lead, path=(*lead.path, key), optional=optional), depth)
        elif lead.path:
            self.follow(parent, replace(lead, path=(*lead.path, EACH), optional=optional), depth)

    def in_assign(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        if parent.parts[0] is not node:
            return
        for binding in self.program.made_by(parent):
            self.bound(binding, lead, depth)
        if parent.parent is not None and parent.parent.kind not in (tree.BLOCK, tree.FUNCTION):
            self.follow(parent, lead, depth)  # (r := call())["images"]

    def bound(self, binding: Binding, lead: _Lead, depth: int, taken: Path = ()) -> None:
        """Follow a name that has the value, or the part of it that remains when the steps ``taken`` are made."""
        path = tuple(step for step in binding.path[len(taken) :] if step != "...")
        inner = replace(lead, path=(*lead.path, *path))
        if path and lead.kind in (OUTPUT, WRAPPED, REPLY, STATUS):
            self.record(binding.node, inner)
        is_tested = lead.kind in (OUTPUT, WRAPPED) and binding.name in self.tested
        for use, sure in self.program.uses(binding):
            found = narrowed(use) if is_tested else ""
            if found == OTHER and not inner.path:
                continue  # a walk through all that may be there: here it has come to a text or a list
            optional, is_other = inner.optional or found == OBJECT, inner.narrowed or found == OTHER
            self.follow(use, replace(inner, sure=lead.sure and sure, optional=optional, narrowed=is_other), depth)

    def in_either(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        if (parent.text == "if" and parent.parts[-1] is node) or (
            parent.text == "and" and parent.parts[-1] is not node
        ):
            self.record(node, replace(lead, optional=True))
        else:
            optional = lead.optional or (parent.text == "or" and parent.parts[-1] is not node)
            self.follow(parent, replace(lead, optional=optional), depth)

    def in_compare(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        others = [part for part in parent.parts if part is not node]
        compared: list[Any] = []
        if parent.text in ("in", "not in") and parent.parts[0] is not node:
            for key in (value for part in others for value in alternatives(self.evaluator.value(part))):
                if isinstance(key, str):
                    self.guarded.add((*lead.path, key))
            return
        for part in others:
            value = self.evaluator.value(part)
            compared += value if isinstance(value, Items) else [value]
        constants = tuple(value for value in compared if isinstance(value, (str, int, float, bool)))
        self.record(node, lead, compared=constants)

    def in_branch(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        constants = [
            case.parts[0].value
            for block in parent.parts[1:]
            for case in block.parts[:8]
            if case.kind == tree.COMPARE and case.text == "case" and case.parts[0].kind == tree.CONST
        ]
        self.record(node, replace(lead, optional=True), compared=tuple(constants))

    def in_for(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        if parent.parts[1] is not node:
            return
        self.reading.awaited = True
        kinds = {STREAM: OUTPUT, EVENTS: STATUS_OBJECT}
        for binding in self.program.made_by(parent):
            if lead.kind in kinds:
                inner = _Lead(kinds[lead.kind], binding.path[1:], optional=lead.kind == STREAM)
                self.bound(binding, inner, depth, binding.path)
            elif lead.path:
                self.bound(binding, lead, depth)

    def in_call(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        if parent.parts[0] is node:
            return
        reference = self.references.of(parent.parts[0])
        name = reference or parent.parts[0].text
        if name in _TRANSPARENT or parent.parts[0].text in ("run_until_complete", "spawn", "result"):
            self.reading.awaited = True
            self.follow(parent, lead, depth)
            return
        if parent.parts[0].text in ("includes", "has", "indexOf") and parent.parts[0].kind == tree.MEMBER:
            words = self.evaluator.value(parent.parts[0].parts[0])  # ["COMPLETED", "FAILED"].includes(status)
            constants = tuple(word for word in words if isinstance(word, str)) if isinstance(words, Items) else ()
            self.record(node, lead, compared=constants)
            return
        if name in _TESTS:
            self.record(node, replace(lead, optional=True))
            return
        if name == "json.loads" or name == "JSON.parse":
            return
        self.handed_on(lead)
        functions = self.program.functions.get(parent.parts[0].text, ()) if not reference else ()
        if len(functions) == 1 and functions[0].keys:
            self.passed(node, parent, functions[0], lead, depth)
        self.record(node, lead, sink=self.program.source(parent.parts[0]))

    def passed(self, node: Node, call: Node, function: Node, lead: _Lead, depth: int) -> None:
        params = [param for param in function.keys if param.name not in ("self", "cls")]
        place = next((index for index, part in enumerate(call.parts[1:]) if part is node), 0)
        key = call.keys[place] if place < len(call.keys) else ""
        chosen = next((param for param in params if param.name == key), None) if key else None
        if chosen is None and not key and place < len(params):
            chosen = params[place]
        if chosen is None:
            return
        only = len(self.program.sites(function)) <= 1
        for binding in self.program.parameters_of(function, chosen):
            self.bound(binding, replace(lead, sure=lead.sure and only), depth)

    def callback(self, function: Node, lead: _Lead, depth: int) -> None:
        """Follow the first parameter of a function that is called with the value."""
        if function.kind == tree.NAME:
            found = self.program.functions.get(function.text, [])
            if len(found) != 1:
                return
            function = found[0]
        elif function.kind == tree.MEMBER:
            found = self.program.functions.get(function.text, [])
            function = found[0] if len(found) == 1 else function
        if function.kind != tree.FUNCTION:
            return
        params = [param for param in function.keys if param.name not in ("self", "cls")]
        for binding in self.program.parameters_of(function, params[0]) if params else ():
            self.bound(binding, lead, depth)

    def handed_on(self, lead: _Lead) -> None:
        """Note that whoever gets the call's value may await it."""
        self.reading.awaited = self.reading.awaited or not lead.path

    def in_return(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        self.handed_on(lead)
        self.returned(node, self.program.function_of(parent), lead, depth)

    def in_function(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        if parent.parts[-1] is node and parent.value == "expression":
            self.handed_on(lead)
            self.returned(node, parent, lead, depth)

    def returned(self, node: Node, function: Node | None, lead: _Lead, depth: int) -> None:
        if function is None:
            return
        sites = self.program.sites(function)
        if self.site in sites:
            sites = [self.site]
        elif self.site is not None and len(sites) > 1:
            lead = replace(lead, sure=False)  # some of them may lead to another model
        for site in sites:
            self.follow(site, lead, depth + 4)
        if not sites:
            self.record(node, lead, sink="return")

    def in_block(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        self.record(node, lead)

    def in_object(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        self.contained(node, parent, lead)

    in_list = in_spread = in_object

    def in_join(self, node: Node, parent: Node, lead: _Lead, depth: int) -> None:
        self.contained(node, parent, lead)

    def contained(self, node: Node, parent: Node, lead: _Lead) -> None:
        """The value is put into another one: note which function that is handed to."""
        self.handed_on(lead)
        outer: Node = parent
        while outer.parent is not None and outer.kind in (tree.OBJECT, tree.LIST, tree.SPREAD, tree.JOIN, tree.EITHER):
            holder = outer.parent
            if holder.kind == tree.CALL and holder.parts[0] is not outer:
                self.record(node, lead, sink=self.program.source(holder.parts[0]))
                return
            outer = holder
        self.record(node, lead, sink="return" if outer.kind == tree.RETURN else "")
