"""What statements that change an object in place make of its fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import tree
from .called import Frame
from .program import Mutation
from .tree import Node
from .values import EACH, Fields, Unknown, Value, alternatives

if TYPE_CHECKING:
    from .evaluation import Evaluator

MAX_TEST = 200
"""Parts of one condition that are looked at."""

_MEMBERSHIP = frozenset({"includes", "has", "hasOwn", "hasOwnProperty"})


def change(
    evaluator: Evaluator, made: Fields, mutation: Mutation, certain: bool, frame: Frame, depth: int
) -> None:  # fmt: skip
    """Make the change that a statement makes, to fields that are a copy; ``certain`` is whether it is reached."""
    path = [evaluator.within(step, frame, depth) if isinstance(step, Node) else step for step in mutation.path]
    target: Value = made
    for step in path[:-1]:
        inner = target.get(step) if isinstance(target, dict) and isinstance(step, str) else None
        if isinstance(inner, Fields):
            inner = target[step] = inner.copied()
        target = inner
    if not isinstance(target, Fields):
        return
    value = evaluator.within(mutation.value, frame, depth) if mutation.value is not None else None
    if not path:
        target.spread(value, certain=certain)
    elif isinstance(path[-1], str):
        _set(evaluator, target, path[-1], value, mutation, certain)
    else:
        _set_each(evaluator, target, path[-1], value, mutation, frame, depth)


def _set(
    evaluator: Evaluator, target: Fields, key: str, value: Value, mutation: Mutation, certain: bool
) -> None:  # fmt: skip
    is_tested = not certain and _is_tested(mutation.node)
    if is_tested:
        target.doubtful.add(key)
    elif certain:
        target.doubtful.discard(key)
    if mutation.value is None:
        target.drop(key, certain=certain)
        return
    if is_tested and isinstance(value, Unknown):
        value = Unknown(value.source, value.kind)  # which of its values get here, the test decides
    target.put(key, value, evaluator.program.place(mutation.node), certain=certain)


def _set_each(
    evaluator: Evaluator, target: Fields, key: Value, value: Value, mutation: Mutation, frame: Frame, depth: int
) -> None:
    """Set the field whose name is unknown: all that it may be in a plain loop; otherwise nobody knows which."""
    names = [name for name in alternatives(key) if isinstance(name, str)]
    loop = _loop(mutation.node)
    step = mutation.path[-1]
    if loop is None or mutation.value is None or not isinstance(step, Node):
        target.doubt(names or (target if mutation.value is None else ()))
        return
    bound = [binding.path for binding in evaluator.program.reaching(step) if binding.node is loop]
    if not bound:
        target.doubt(names)
        return
    table = _table(loop)
    taken = [binding.path for binding in evaluator.program.reaching(mutation.value) if binding.node is loop]
    if table is not None and bound == [(EACH, 0)] and taken == [(EACH, 1)]:  # input[key] = value, for all of a table
        target.spread(evaluator.within(table, frame, depth), certain=False)
        return
    target.more = target.more or len(names) < len(alternatives(key)) or not names
    for name in names:
        part = Unknown(value.source, value.kind) if isinstance(value, Unknown) else value
        target.put(name, part, evaluator.program.place(mutation.node), certain=False)


def _loop(node: Node) -> Node | None:
    """Return the loop over items that runs a statement each time, whatever the item is."""
    block = node.parent
    if block is None or block.parent is None or block.parent.kind != tree.FOR:
        return None
    is_plain = all(part.kind != tree.BRANCH for part in block.parts if part.order < node.order)
    return block.parent if is_plain else None


def _table(loop: Node) -> Node | None:
    """Return the object whose names and values a loop takes one after another: ``table.items()``."""
    source = loop.parts[1]
    if source.kind != tree.CALL or source.parts[0].kind != tree.MEMBER:
        return None
    if source.parts[0].text == "items" and len(source.parts) == 1:
        return source.parts[0].parts[0]
    is_entries = source.parts[0].text == "entries" and source.parts[0].parts[0].text == "Object"
    return source.parts[1] if is_entries and len(source.parts) == 2 else None


def _is_tested(node: Node) -> bool:
    """Whether a statement is run only when a test of membership allows it: ``if (name in schema.properties)``."""
    current = node
    while current.parent is not None and current.parent.kind not in (tree.FUNCTION, tree.CLASS):
        parent = current.parent
        if parent.kind == tree.BRANCH and current is not parent.parts[0]:
            for part in _parts(parent.parts[0]):
                is_compared = part.kind == tree.COMPARE and part.text in ("in", "not in")
                if is_compared or (
                    part.kind == tree.CALL and part.parts[0].kind == tree.MEMBER and part.parts[0].text in _MEMBERSHIP
                ):
                    return True
        current = parent
    return False


def names_in(node: Node, name: str) -> bool:
    """Whether an expression uses a name."""
    return any(part.kind == tree.NAME and part.text == name for part in _parts(node))


def _parts(node: Node) -> Iterator[Node]:
    stack = [node]
    for _ in range(MAX_TEST):
        if not stack:
            return
        current = stack.pop()
        yield current
        stack += current.parts
