"""A program's names: which statements give a name its value, and which of them reach a place that uses it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from . import tree
from .tree import Imported, Node, Param
from .units import Unit
from .values import EACH, MAX_SOURCE, Path, Place

SELF = frozenset({"self", "cls", "this"})
MAX_SITES = 64
"""Places that call one function, or that use one name, beyond which no more are followed."""


class Binding(NamedTuple):
    """A statement that gives a name its value."""

    name: str
    node: Node
    """The construct: ASSIGN, FOR, FUNCTION (for a parameter or for itself), CLASS or IMPORT."""
    value: Node | None
    """The expression that the value comes from."""
    path: Path
    """Where in that expression's value: ``{data: {images}} = r`` binds images to ("data", "images") of r."""
    at: int
    """Reading order from which the name has this value."""
    parameter: Param | None = None
    imported: Imported | None = None


class Mutation(NamedTuple):
    """A statement that changes an object in place: ``name[key] = value``, ``name.update(value)``, ``del name[key]``."""

    node: Node
    path: tuple[Node | str, ...]
    """Keys from the name to the part that is set; empty for an update of the whole."""
    value: Node | None
    """None when the part is removed."""


@dataclass
class Scope:
    """The names of a module, a class or a function."""

    node: Node
    parent: Scope | None
    names: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    outer: set[str] = field(default_factory=set)
    """Names declared global or nonlocal."""


class Program:
    """The tree of one file, its scopes and its text."""

    def __init__(self, root: Node, unit: Unit) -> None:
        self.root = root
        self.unit = unit
        self.text = unit.text
        self.language = unit.language
        self.nodes: dict[str, list[Node]] = defaultdict(list)
        """All nodes by kind, in reading order."""
        self.attributes: dict[Node, dict[str, list[Binding]]] = {}
        """What a CLASS gives its objects: ``self.x = …``, fields and methods."""
        self.functions: dict[str, list[Node]] = defaultdict(list)
        """The FUNCTION nodes that a name stands for."""
        self._scopes: dict[Node, Scope] = {}
        self._around: dict[Node, frozenset[Node]] = {}
        self._made: dict[Node, list[Binding]] = defaultdict(list)
        self._mutations: dict[tuple[Node, str], list[Mutation]] = defaultdict(list)
        self._order()
        self._scope()
        self._bind()

    @property
    def is_python(self) -> bool:
        """Whether attributes and items are told apart, as Python does."""
        return self.language == "python"

    @cached_property
    def lines(self) -> list[bytes]:
        """The text's lines, in UTF-8."""
        return [line.encode("utf-8", "replace") for line in self.text.split("\n")]

    def place(self, node: Node) -> Place:
        """Return where in the file a node begins."""
        return self.place_at(node.line, node.column)

    def end(self, node: Node) -> Place:
        """Return the place in the file after a node."""
        return self.place_at(node.end_line, node.end_column)

    def place_at(self, line: int, column: int) -> Place:
        """Return the place in the file of a line of the text and a column in bytes."""
        if 0 < line <= len(self.lines):
            raw = self.lines[line - 1]
            if not raw.isascii():
                column = len(raw[:column].decode("utf-8", "ignore"))
        return self.unit.place(Place(line, column + 1))

    def source(self, node: Node, limit: int = MAX_SOURCE) -> str:
        """Return the text of a node on one line, shortened."""
        if node.line < 1 or node.line > len(self.lines):
            return ""
        if node.line == node.end_line:
            raw = self.lines[node.line - 1][node.column : node.end_column]
        else:
            raw = self.lines[node.line - 1][node.column :] + b" ..."
        text = " ".join(raw.decode("utf-8", "ignore").split())
        return text if len(text) <= limit else text[:limit] + "…"

    def _order(self) -> None:
        """Number the nodes in reading order, and note each one's parent and last descendant."""
        found: list[Node] = []
        stack = [self.root]
        while stack:
            node = stack.pop()
            node.order = node.last = len(found)
            found.append(node)
            self.nodes[node.kind].append(node)
            children = node.parts
            if node.kind == tree.OBJECT:
                children = [*children, *(key for key in node.keys if isinstance(key, Node))]
            for child in children:
                child.parent = node
            stack.extend(reversed(children))
        for node in found[1:]:
            parent = node.parent
            assert parent is not None
            node.scope = parent if parent.kind in (tree.FUNCTION, tree.CLASS) else parent.scope
        for node in reversed(found):
            if node.parent is not None and node.last > node.parent.last:
                node.parent.last = node.last

    def _scope(self) -> None:
        """Make the scopes and note which one each node is in."""
        self._scopes[self.root] = Scope(self.root, None)
        for node in sorted((*self.nodes[tree.FUNCTION], *self.nodes[tree.CLASS]), key=lambda node: node.order):
            self._scopes[node] = Scope(node, self.scope(node))
            if node.kind == tree.CLASS:
                self.attributes[node] = defaultdict(list)
        for node in self.nodes[tree.GLOBAL]:
            self.scope(node).outer.update(node.keys)

    @property
    def top_level(self) -> dict[str, list[Binding]]:
        """The bindings of the module's own names."""
        return self._scopes[self.root].names

    def scope(self, node: Node) -> Scope:
        """Return the scope that a node stands in (for a FUNCTION or CLASS, the one around it)."""
        return self._scopes[node.scope or self.root]

    def function_of(self, node: Node) -> Node | None:
        """Return the FUNCTION that a node stands in, or None at the top level."""
        current = node.parent
        while current is not None and current.kind != tree.FUNCTION:
            current = current.parent
        return current

    def class_of(self, node: Node) -> Node | None:
        """Return the CLASS whose ``self`` a node may use."""
        current = node.parent
        while current is not None and current.kind != tree.CLASS:
            current = current.parent
        return current

    # Bindings

    def _bind(self) -> None:
        for node in self.nodes[tree.IMPORT]:
            for imported in node.keys:
                self._add(Binding(imported.local, node, None, (), node.last, imported=imported))
        for node in self.nodes[tree.CLASS]:
            self._add(Binding(node.text, node, node, (), node.last))
        for node in self.nodes[tree.FUNCTION]:
            self._bind_function(node)
        for node in self.nodes[tree.ASSIGN]:
            for target in node.parts[1:]:
                self._target(target, node, node.parts[0], (), node.last)
        for node in self.nodes[tree.FOR]:
            self._target(node.parts[0], node, node.parts[1], (EACH,), node.parts[1].last)
        for node in self.nodes[tree.DELETE]:
            for target in node.parts:
                self._change(target, node, None)
        for node in self.nodes[tree.CALL]:
            self._call_change(node)
        for names in (scope.names for scope in self._scopes.values()):
            for bindings in names.values():
                bindings.sort(key=lambda binding: binding.at)

    def _add(self, binding: Binding) -> None:
        scope = self.scope(binding.node)
        while binding.name in scope.outer and scope.parent is not None:
            scope = scope.parent
        scope.names[binding.name].append(binding)
        self._made[binding.node].append(binding)
        if scope.node.kind == tree.CLASS:
            self.attributes[scope.node][binding.name].append(binding)

    def _bind_function(self, node: Node) -> None:
        if node.text and node.parent is not None and node.parent.kind != tree.OBJECT:
            self.functions[node.text].append(node)
            self._add(Binding(node.text, node, node, (), node.parent.order))
        inner = self._scopes[node].names
        for parameter in node.keys:
            if parameter.pattern is not None:
                for name, path in _names(parameter.pattern):
                    inner[name].append(Binding(name, node, None, path, node.order, parameter))
            else:
                inner[parameter.name].append(Binding(parameter.name, node, None, (), node.order, parameter))
            owner = self.class_of(node)
            if parameter.form == "field" and parameter.pattern is None and owner is not None:
                self.attributes[owner][parameter.name].append(inner[parameter.name][-1])

    def _target(self, target: Node, node: Node, value: Node, path: Path, at: int) -> None:
        if target.kind == tree.NAME:
            if node.text in ("+=", "|=") and node.kind == tree.ASSIGN:
                self._mutate(target, Mutation(node, (), value))
                if node.text == "+=":
                    self._add(Binding(target.text, node, None, path, at))
                return
            self._add(Binding(target.text, node, value, path, at))
            if value.kind == tree.FUNCTION and not value.text:
                self.functions[target.text].append(value)
        elif target.kind == tree.PATTERN:
            for name, inner in _names(target):
                self._add(Binding(name, node, value, (*path, *inner), at))
        elif target.kind in (tree.MEMBER, tree.ITEM):
            owner = self.class_of(target)
            if target.kind == tree.MEMBER and target.parts[0].text in SELF and owner is not None:
                self.attributes[owner][target.text].append(Binding(target.text, node, value, path, at))
            else:
                self._change(target, node, value)

    def _change(self, target: Node, node: Node, value: Node | None) -> None:
        path: list[Node | str] = []
        while target.kind in (tree.MEMBER, tree.ITEM):
            if target.kind == tree.MEMBER and self.is_python:
                return
            path.append(target.text if target.kind == tree.MEMBER else target.parts[1])
            target = target.parts[0]
        if target.kind == tree.NAME and path:
            self._mutate(target, Mutation(node, tuple(reversed(path)), value))

    def _call_change(self, node: Node) -> None:
        function = node.parts[0]
        if function.kind != tree.MEMBER:
            return
        target = function.parts[0]
        if function.text == "assign" and target.text == "Object" and len(node.parts) > 2:
            if node.parts[1].kind == tree.NAME:
                for value in node.parts[2:]:
                    self._mutate(node.parts[1], Mutation(node, (), value))
        elif target.kind == tree.NAME and self.is_python and len(node.parts) > 1:
            if function.text == "update":
                for key, value in zip(node.keys, node.parts[1:], strict=True):
                    self._mutate(target, Mutation(node, (key,) if key not in ("", "**") else (), value))
            elif function.text == "setdefault" and len(node.parts) == 3:
                self._mutate(target, Mutation(node, (node.parts[1],), node.parts[2]))
            elif function.text == "pop":
                self._mutate(target, Mutation(node, (node.parts[1],), None))

    def _mutate(self, name: Node, mutation: Mutation) -> None:
        owner = self.owner(name)
        if owner is not None:
            self._mutations[owner.node, name.text].append(mutation)

    def owner(self, name: Node) -> Scope | None:
        """Return the scope whose variable a NAME is, or None for one that this file does not bind."""
        scope: Scope | None = self.scope(name)
        direct = True
        while scope is not None:
            visible = direct or scope.node.kind != tree.CLASS
            if visible and name.text in scope.names and name.text not in scope.outer:
                return scope
            direct = False
            scope = scope.parent
        return None

    def reaching(self, name: Node) -> tuple[Binding, ...]:
        """Return the bindings whose value a NAME may have, the latest first; empty when this file binds it nowhere."""
        owner = self.owner(name)
        if owner is None:
            return ()
        bindings = owner.names[name.text]
        before = [binding for binding in bindings if binding.at < name.order]
        if not before:
            return tuple(bindings)
        around = self._blocks_around(name)
        kept: list[Binding] = []
        for binding in reversed(before):
            kept.append(binding)
            if self._block_of(binding.node) in around or len(kept) == MAX_SITES:
                break
        return tuple(kept)

    def mutations(self, name: Node, since: int) -> list[tuple[Mutation, bool]]:
        """Return what changed the object that a NAME stands for since an order, and whether it is sure to have."""
        owner = self.owner(name)
        if owner is None:
            return []
        function = self.function_of(name)
        around = self._blocks_around(name)
        found = []
        for mutation in self._mutations.get((owner.node, name.text), ()):
            if self.function_of(mutation.node) is not function:
                found.append((mutation, False))
            elif since < mutation.node.order < name.order and mutation.node.last < name.order:
                found.append((mutation, self._block_of(mutation.node) in around))
        return found

    def _block_of(self, node: Node) -> Node:
        """Return the innermost block that a node is run with: it runs whenever that block does."""
        if node.kind == tree.FOR:
            return node.parts[-1] if len(node.parts) < 4 else node.parts[2]
        current = node.parent
        while current is not None:
            if current.kind == tree.FUNCTION or (current.kind == tree.BLOCK and current.text != "sure"):
                return current
            current = current.parent
        return self.root

    def _blocks_around(self, node: Node) -> frozenset[Node]:
        inner = node.parent
        while inner is not None and inner.kind not in (tree.BLOCK, tree.FUNCTION):
            inner = inner.parent
        if inner is None:
            return frozenset((self.root,))
        found = self._around.get(inner)
        if found is None:
            found = self._around[inner] = self._blocks_around(inner) | {inner}
        return found

    def class_named(self, name: str) -> Node | None:
        """Return the CLASS of that name, or None when there is none or more than one."""
        found = [node for node in self.nodes[tree.CLASS] if node.text == name]
        return found[0] if len(found) == 1 else None

    # Uses

    def named(self, text: str) -> list[Node]:
        """Return every NAME of that text."""
        return self._names.get(text, [])

    @cached_property
    def _names(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes[tree.NAME]:
            found[node.text].append(node)
        return found

    def uses(self, binding: Binding) -> Iterator[tuple[Node, bool]]:
        """Yield each NAME that may have the binding's value, and whether it can have no other but a null."""
        count = 0
        for node in self._names.get(binding.name, ()):
            if node.order <= binding.at and binding.parameter is None:
                continue
            found = self.reaching(node)
            if binding in found:
                others = [other for other in found if other != binding and not _is_empty(other)]
                yield node, not others
                count += 1
                if count >= MAX_SITES:
                    return

    def made_by(self, node: Node) -> list[Binding]:
        """Return the bindings that an ASSIGN or FOR makes."""
        return self._made.get(node, [])

    def parameters_of(self, function: Node, parameter: Param) -> list[Binding]:
        """Return the names that a parameter of a FUNCTION makes."""
        names = self._scopes[function].names
        return [binding for found in names.values() for binding in found if binding.parameter is parameter]

    def sites(self, function: Node) -> list[Node]:
        """Return the CALLs of a function of this file, by its name."""
        names = {name for name, found in self.functions.items() if function in found}
        found = []
        for name in names:
            if len(self.functions[name]) == 1:
                found += self._calls_by_name.get(name, [])
        return found[:MAX_SITES]

    @cached_property
    def _calls_by_name(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes[tree.CALL]:
            target = node.parts[0]
            if target.kind == tree.NAME or (target.kind == tree.MEMBER and target.parts[0].text in SELF):
                found[target.text].append(node)
        return found

    def returns(self, function: Node) -> list[Node]:
        """Return the expressions whose value a FUNCTION returns."""
        if function.value == "expression":
            return [function.parts[-1]]
        return [
            node.parts[0]
            for node in self.nodes[tree.RETURN]
            if node.parts and function.order < node.order <= function.last and self.function_of(node) is function
        ]


def _names(pattern: Node, path: Path = ()) -> Iterator[tuple[str, Path]]:
    stack: list[tuple[Node, Path]] = [(pattern, path)]
    while stack:
        node, where = stack.pop()
        if node.kind == tree.NAME:
            yield node.text, where
        elif node.kind == tree.PATTERN:
            for key, part in zip(node.keys, node.parts, strict=True):
                if key is not None:
                    stack.append((part, (*where, key)))
                elif part.kind == tree.SPREAD and part.parts:
                    stack.append((part.parts[0], (*where, "...")))


def _is_empty(binding: Binding) -> bool:
    value = binding.value
    if value is None:
        return binding.parameter is None and binding.imported is None
    return (value.kind == tree.CONST and value.value in (None, "", False, 0)) or (
        value.kind in (tree.OBJECT, tree.LIST) and not value.parts
    )
