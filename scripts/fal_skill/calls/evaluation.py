"""What an expression's value is, as far as the text of its file settles it: constants are folded, the rest is unknown.

Followed are assignments, item assignments, conditional expressions, text and lists put together, spreads, tables of
constants, defaults of environment variables and of parameters, attributes of ``self``, and functions of the same file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from . import tree
from .called import Frame, called, part_of, pattern_key
from .changes import change, names_in
from .functions import HARMLESS, KINDS_BY_ANNOTATION
from .options import options_of
from .program import SELF, Binding, Program
from .references import References
from .tree import Node
from .values import (
    BASE64,
    BOOLEAN,
    EACH,
    NUMBER,
    OBJECT,
    STRING,
    UNKNOWN,
    Fields,
    Items,
    Namespace,
    Unknown,
    Value,
    alternatives,
    inside,
    joined,
    merged,
    texts,
)

MAX_DEPTH = 40
"""Steps from one expression to another that its value comes from."""
MAX_WORK = 20_000
"""Expressions looked at for one value; more are left unknown."""
MAX_TOTAL_WORK = 1_000_000
"""The same for all values of one file."""

_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "endsWith": str.endswith, "endswith": str.endswith, "startsWith": str.startswith, "startswith": str.startswith,
}  # fmt: skip


class Evaluator:
    """Works out values of expressions of one program."""

    def __init__(self, program: Program, references: References, is_fal: Callable[[str], bool]) -> None:
        """``is_fal`` tells the references of fal's own functions, which leave the objects they get alone."""
        self.program = program
        self.references = references
        self.is_fal = is_fal
        self._memo: dict[Node, tuple[Value, list[tuple[Node, str]]]] = {}
        self._active: set[tuple[Node, int]] = set()
        self._work = 0
        self._budget = MAX_TOTAL_WORK
        self.parameters: list[tuple[Node, str]] = []
        """Parameters that the last value depended on and no frame settled."""

    def value(self, node: Node, frame: Frame | None = None) -> Value:
        """Return the value of an expression; UNKNOWN, or an Unknown that says more, where the text leaves it open."""
        if not frame and node in self._memo:
            found, parameters = self._memo[node]
            self.parameters = list(parameters)
            return found
        self._budget -= self._work
        self._work = 0
        self.parameters = []
        found = self.within(node, frame or {}, 0)
        if not frame:
            self._memo[node] = found, list(self.parameters)
        return found

    def within(self, node: Node, frame: Frame, depth: int) -> Value:
        """Return the value of an expression that another one is made of, ``depth`` steps from the first."""
        self._work += 1
        key = (node, id(frame))
        if depth > MAX_DEPTH or self._work > min(MAX_WORK, self._budget) or key in self._active:
            return Unknown(self.program.source(node))
        self._active.add(key)
        handler = _HANDLERS.get(node.kind)
        found = handler(self, node, frame, depth + 1) if handler else Unknown(self.program.source(node))
        self._active.discard(key)
        if isinstance(found, Unknown) and not found.source:
            found = Unknown(self.program.source(node), found.kind, found.choices, found.shape, found.outlines)
        return found

    @cached_property
    def options(self) -> dict[str, list[Node]]:
        """The calls that add options to the program's command line, by the attribute that holds the value."""
        return options_of(self.program)

    # Plain expressions

    def _const(self, node: Node, frame: Frame, depth: int) -> Value:
        return node.value

    def _other(self, node: Node, frame: Frame, depth: int) -> Value:
        return Unknown(self.program.source(node), node.text if node.text in (STRING, NUMBER, BOOLEAN) else "")

    def _first(self, node: Node, frame: Frame, depth: int) -> Value:
        return self.within(node.parts[0], frame, depth) if node.parts else UNKNOWN

    def _object(self, node: Node, frame: Frame, depth: int) -> Value:
        made = Fields()
        spans = node.value or (None,) * len(node.parts)
        for key, part, span in zip(node.keys, node.parts, spans, strict=True):
            name = self.within(key, frame, depth) if isinstance(key, Node) else key
            if key is None:
                made.spread(self.within(part, frame, depth))
                continue
            names = [name] if isinstance(name, str) else [name for name in alternatives(name) if isinstance(name, str)]
            place = self.program.place_at(span[0], span[1]) if span else self.program.place(part)
            if not names:
                made.more = True
            elif part.kind == tree.CONST and part.text == "undefined":
                continue  # as in JSON, an undefined field is not there
            for each in names:
                made.put(each, self.within(part, frame, depth), place, certain=len(names) == 1)
        return made

    def _list(self, node: Node, frame: Frame, depth: int) -> Value:
        made = Items()
        for part in node.parts:
            if part.kind == tree.SPREAD:
                inner = self.within(part.parts[0], frame, depth) if part.parts else UNKNOWN
                made += inner if isinstance(inner, list) else []
                made.more = made.more or not isinstance(inner, list) or getattr(inner, "more", False)
            elif part.kind == tree.OTHER and part.text == "...":
                made.more = True
            else:
                made.append(self.within(part, frame, depth))
        return made

    def _join(self, node: Node, frame: Frame, depth: int) -> Value:
        return joined((self.within(part, frame, depth) for part in node.parts), self.program.source(node))

    def _add(self, node: Node, frame: Frame, depth: int) -> Value:
        parts = [self.within(part, frame, depth) for part in node.parts]
        if all(type(part) in (int, float) for part in parts):
            return sum(parts)
        if any(isinstance(part, list) for part in parts):
            made = Items(more=False)
            for part in parts:
                made += part if isinstance(part, list) else []
                made.more = made.more or not isinstance(part, list) or getattr(part, "more", False)
            return made
        if any(
            isinstance(part, str) or (isinstance(part, Unknown) and part.kind in (STRING, BASE64)) for part in parts
        ):
            return joined(parts, self.program.source(node))
        return UNKNOWN

    def _union(self, node: Node, frame: Frame, depth: int) -> Value:
        made = Fields()
        for part in node.parts:
            made.spread(self.within(part, frame, depth))
        return made

    def _arithmetic(self, node: Node, frame: Frame, depth: int) -> Value:
        left, right = (self.within(part, frame, depth) for part in node.parts)
        if node.text == "%" and isinstance(left, str):
            return Unknown("", STRING)
        if type(left) not in (int, float) or type(right) not in (int, float):
            return Unknown("", "")
        try:
            if node.text == "*" and abs(left) < 1e12 and abs(right) < 1e12:
                return left * right
            if node.text == "/":
                return left / right
            if node.text == "-":
                return left - right
        except (ArithmeticError, ValueError):
            pass
        return Unknown("", NUMBER)

    def _either(self, node: Node, frame: Frame, depth: int) -> Value:
        options = node.parts[:2] if node.text == "if" else node.parts
        if node.text == "if":
            known = self._decided(node.parts[2], frame, depth)
            if known is not None:  # what a text ends with: the other branch is for another text
                certain, holds = known
                taken = self.within(options[0 if holds else 1], frame, depth)
                return taken if certain else merged([taken, UNKNOWN])
        values = [self.within(option, frame, depth) for option in options]
        if node.text == "and":
            last = values[-1]  # {...(size && {image_size: size})}: the object, or something that adds nothing
            return Unknown("", "", (None, *alternatives(last))) if isinstance(last, Fields) else UNKNOWN
        if node.text == "or" and not isinstance(values[0], Unknown):
            return values[0] if values[0] not in (None, "", 0, False) else merged(values[1:])
        if node.text == "or" and isinstance(values[-1], Fields) and not values[-1]:
            return values[0]  # options || {}
        return merged(values)

    def _decided(self, node: Node, frame: Frame, depth: int) -> tuple[bool, bool] | None:
        """Return whether a test of a text's beginning or end is certain, and how it ends for the known texts."""
        if node.kind != tree.CALL or len(node.parts) != 2 or node.parts[0].kind != tree.MEMBER:
            return None
        piece = node.parts[1].value if node.parts[1].kind == tree.CONST else None
        test = _TEXT_TESTS.get(node.parts[0].text)
        if test is None or not isinstance(piece, str):
            return None
        value = self.within(node.parts[0].parts[0], frame, depth)
        answers = {test(text, piece) for text in texts(value)}
        return (not isinstance(value, Unknown), answers.pop()) if len(answers) == 1 else None

    def _compare(self, node: Node, frame: Frame, depth: int) -> Value:
        return Unknown("", BOOLEAN)

    def _comprehension(self, node: Node, frame: Frame, depth: int) -> Value:
        if node.text != "dict":
            return Items(more=True)
        loop = node.parts[0]
        # {k: v for k, v in options.items() if v is not None}
        body = loop.parts[-1].parts
        keeps = loop.parts[0].kind == tree.PATTERN and [part.text for part in body[:2]] == [
            part.text for part in loop.parts[0].parts[:2]
        ]
        source = loop.parts[1]
        if keeps and source.kind == tree.CALL and source.parts[0].text == "items" and source.parts[0].parts:
            inner = self.within(source.parts[0].parts[0], frame, depth)
            if isinstance(inner, Fields):
                made = inner.copied()
                if any(names_in(condition, loop.parts[0].parts[0].text) for condition in body[2:]):
                    made.doubt(inner)  # {k: v for k, v in options.items() if k in allowed}
                    return made
                for name, part in inner.items():
                    if len(body) > 2 and part is None:
                        made.drop(name)
                    elif len(body) > 2 and isinstance(part, Unknown):
                        made.drop(name, certain=False)
                return made
        return Fields(more=True)

    # Names

    def _name(self, node: Node, frame: Frame, depth: int) -> Value:
        bindings = self.program.reaching(node)
        if not bindings:
            return Unknown(node.text)
        values = [self._bound(binding, frame, depth) for binding in bindings]
        found = merged(values)
        if isinstance(found, (Fields, Items)):
            found = self._changed(found, node, bindings[-1].at, frame, depth)
        return found

    def _bound(self, binding: Binding, frame: Frame, depth: int) -> Value:
        if binding.parameter is not None:
            return self._argument(binding, frame, depth)
        if binding.value is None or binding.imported is not None:
            return Unknown(binding.name)
        if binding.value.kind in (tree.FUNCTION, tree.CLASS):
            return Unknown(binding.name)
        if binding.node.kind == tree.FOR:
            return self._looped(binding, frame, depth)
        if binding.node.kind == tree.ASSIGN and binding.node.text == "with":
            return Unknown(binding.name)
        value = self.within(binding.value, frame, depth)
        if isinstance(value, Unknown) and not value.kind and not value.choices and not binding.path:
            kind = KINDS_BY_ANNOTATION.get(str(binding.node.value or ""), "")
            return Unknown(value.source, kind, (), value.shape, value.outlines) if kind else value
        return inside(value, binding.path)

    def _looped(self, binding: Binding, frame: Frame, depth: int) -> Value:
        assert binding.value is not None
        source, path = binding.value, binding.path
        if source.kind == tree.CALL and source.parts[0].kind == tree.MEMBER and len(source.parts) == 1:
            table = self.within(source.parts[0].parts[0], frame, depth)
            if source.parts[0].text == "items" and isinstance(table, dict) and len(path) > 1 and path[1] in (0, 1):
                pairs = Items([Items([name, part]) for name, part in table.items()])
                return inside(pairs, path)
            if source.parts[0].text == "values" and isinstance(table, dict):
                return inside(Items(table.values()), path)
            return Unknown(binding.name)
        if source.kind == tree.CALL and source.parts[0].text == "enumerate" and len(path) > 1 and path[1] == 1:
            source, path = source.parts[1] if len(source.parts) > 1 else source, (EACH, *path[2:])
        elif source.kind == tree.CALL and f"{source.parts[0].text}" == "entries" and len(source.parts) == 2:
            table = self.within(source.parts[1], frame, depth)  # Object.entries(table)
            if isinstance(table, dict):
                return inside(Items([Items([name, part]) for name, part in table.items()]), path)
        found = self.within(source, frame, depth)
        if isinstance(found, dict) and path == (EACH,):  # for name in table
            found = Items(found)
        return inside(found, path)

    def _argument(self, binding: Binding, frame: Frame, depth: int) -> Value:
        parameter = binding.parameter
        assert parameter is not None
        name = parameter.name or pattern_key(parameter)
        if (binding.node, name) in frame:
            return inside(frame[binding.node, name], binding.path)
        self.parameters.append((binding.node, name))
        kind = "" if parameter.form in ("*", "**") else KINDS_BY_ANNOTATION.get(parameter.annotation, "")
        if parameter.form == "**":
            return Unknown(binding.name, OBJECT)
        default = self.within(parameter.default, frame, depth) if parameter.default is not None else None
        if default is None or binding.path:
            return Unknown(binding.name, kind if not binding.path else "")
        return Unknown(binding.name, kind, alternatives(default))

    def _changed(self, value: Fields | Items, node: Node, since: int, frame: Frame, depth: int) -> Value:
        mutations = self.program.mutations(node, since)
        if isinstance(value, Items):
            return Items(value, more=value.more or self._escapes(node, since) or bool(mutations))
        escapes = self._escapes(node, since)
        if not mutations and not escapes:
            return value
        made = value.copied()
        for mutation, certain in mutations:
            change(self, made, mutation, certain, frame, depth)
        made.more = made.more or escapes
        return made

    def _escapes(self, node: Node, since: int) -> bool:
        """Return whether the object was handed to a function that may have changed it before the node."""
        owner = self.program.owner(node)
        for other in self.program.named(node.text):
            if not since < other.order < node.order or other.parent is None or self.program.owner(other) is not owner:
                continue
            call = other.parent
            if call.kind == tree.MEMBER and call.parent is not None and call.parent.parts[0] is call:
                if (
                    call.text in ("append", "extend", "insert", "push", "unshift", "splice")
                    and call.parent.kind == tree.CALL
                ):
                    return True
                continue
            if call.kind != tree.CALL or call.parts[0] is other:
                continue
            called = self.references.of(call.parts[0])
            name = called or call.parts[0].text
            is_log = "log" in name.lower() or call.parts[0].text in ("info", "debug", "warning", "error", "print")
            if name not in HARMLESS and not is_log and not self.is_fal(called):
                return True
        return False

    # Parts of values

    def _member(self, node: Node, frame: Frame, depth: int) -> Value:
        target = node.parts[0]
        if target.kind == tree.NAME and target.text in SELF:
            owner = self.program.class_of(node)
            return self._attribute(owner, node.text, frame, depth) if owner else UNKNOWN
        if target.kind == tree.NAME:
            for binding in self.program.reaching(target):
                if binding.value is not None and binding.value.kind == tree.CLASS:
                    return self._attribute(binding.value, node.text, frame, depth)
        if self.program.is_python and self.options:  # args.model after argparse
            holder = self.within(target, frame, depth)
            if isinstance(holder, Namespace):
                return part_of(holder, node.text)
        if node.text == "value" and self.program.is_python:  # Model.FLUX.value of an enumeration
            return self.within(target, frame, depth) if target.kind == tree.MEMBER else UNKNOWN
        if self.program.is_python or self.references.of(target) == "process.env":
            return UNKNOWN
        return part_of(self.within(target, frame, depth), node.text)

    def _attribute(self, owner: Node, name: str, frame: Frame, depth: int) -> Value:
        seen: set[Node] = set()
        current: Node | None = owner
        while current is not None and current not in seen:
            seen.add(current)
            bindings = self.program.attributes.get(current, {}).get(name, ())
            values = [self._bound(binding, frame, depth) for binding in bindings]
            if values:
                return merged(values)
            bases = [self.program.class_named(base) for base in current.keys]
            current = next((base for base in bases if base is not None), None)
        return UNKNOWN

    def _item(self, node: Node, frame: Frame, depth: int) -> Value:
        reference = self.references.of(node.parts[0])
        if reference in ("os.environ", "process.env"):
            return Unknown("", STRING)
        value = self.within(node.parts[0], frame, depth)
        key = self.within(node.parts[1], frame, depth)
        if isinstance(key, Unknown):
            keys = [choice for choice in key.choices if isinstance(choice, (str, int))]
            if keys and isinstance(value, (dict, list)):
                return merged(part_of(value, each) for each in keys)
            return part_of(value, EACH)
        return part_of(value, key)


_HANDLERS: dict[str, Callable[[Evaluator, Node, Frame, int], Value]] = {
    tree.CONST: Evaluator._const,
    tree.OTHER: Evaluator._other,
    tree.NAME: Evaluator._name,
    tree.MEMBER: Evaluator._member,
    tree.ITEM: Evaluator._item,
    tree.CALL: called,
    tree.OBJECT: Evaluator._object,
    tree.LIST: Evaluator._list,
    tree.JOIN: Evaluator._join,
    tree.ADD: Evaluator._add,
    tree.UNION: Evaluator._union,
    tree.ARITHMETIC: Evaluator._arithmetic,
    tree.EITHER: Evaluator._either,
    tree.COMPARE: Evaluator._compare,
    tree.COMPREHENSION: Evaluator._comprehension,
    tree.AWAIT: Evaluator._first,
    tree.ASSIGN: Evaluator._first,
}
