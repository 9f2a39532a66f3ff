"""What tests of a name's type tell where the name is used: ``isinstance``, ``typeof``, ``Array.isArray``."""

from __future__ import annotations

from . import tree
from .program import Program
from .tree import Node

OBJECT = "object"
"""The value is an object with named fields, or may be one."""
OTHER = "other"
"""The value is something else: text, a list, an object of a class."""

MAX_SIBLINGS = 50
"""Statements before one in its block that may have returned already."""

_DICTS = frozenset({"dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict"})
_TESTS = frozenset({"isinstance", "hasattr", "callable", "isArray", "type"})


def tested_names(program: Program) -> frozenset[str]:
    """Return the names whose type the program tests somewhere."""
    found = set()
    for node in program.nodes[tree.CALL]:
        if node.parts[0].text in _TESTS and len(node.parts) > 1 and node.parts[1].kind == tree.NAME:
            found.add(node.parts[1].text)
    for node in program.nodes[tree.OTHER]:
        if node.text in ("typeof", "instanceof") and node.parts and node.parts[0].kind == tree.NAME:
            found.add(node.parts[0].text)
    return frozenset(found)


def narrowed(use: Node) -> str:
    """Return OBJECT or OTHER for a NAME at a place that only such a value reaches; empty when no test tells."""
    name, current = use.text, use
    while current.parent is not None and current.kind != tree.FUNCTION:
        parent = current.parent
        found = _around(name, current, parent)
        if found:
            return found
        current = parent
    return ""


def _around(name: str, current: Node, parent: Node) -> str:
    """Return what is known because a construct has let its part be run."""
    if parent.kind == tree.BRANCH and current is not parent.parts[0]:
        return _tells(parent.parts[0], name, current is parent.parts[1])
    if parent.kind == tree.EITHER and parent.text == "if":
        place = parent.parts.index(current)
        return _tells(parent.parts[2], name, place == 0) if place < 2 else ""
    if parent.kind == tree.EITHER:
        before = parent.parts[: parent.parts.index(current)]
        return next((found for part in before if (found := _tells(part, name, parent.text == "and"))), "")
    if parent.kind == tree.BLOCK and current in parent.parts[:MAX_SIBLINGS]:
        for part in parent.parts[: parent.parts.index(current)]:
            if part.kind == tree.BRANCH and len(part.parts) > 1 and _returns(part.parts[1]):
                found = _tells(part.parts[0], name, False)
                if found:
                    return found
    return ""


def _returns(block: Node) -> bool:
    return block.kind == tree.BLOCK and bool(block.parts) and block.parts[-1].kind == tree.RETURN


def _tells(test: Node, name: str, holds: bool, depth: int = 0) -> str:
    """Return what a condition tells of a name when it holds, or when it does not."""
    if depth > 20:
        return ""
    if test.kind == tree.OTHER and test.text == "boolean" and len(test.parts) == 1:
        return _tells(test.parts[0], name, not holds, depth + 1)
    if test.kind == tree.EITHER and test.text in ("and", "or"):
        found = [_tells(part, name, holds, depth + 1) for part in test.parts]
        if (test.text == "and") == holds:
            return next((each for each in found if each), "")
        return "" if not all(found) else OTHER if set(found) == {OTHER} else OBJECT
    kind = _type(test, name)
    if kind is None:
        return ""
    is_dict, is_only = kind
    if holds:
        return OBJECT if is_dict else OTHER
    return OTHER if is_dict and is_only else ""


def _type(test: Node, name: str) -> tuple[bool, bool] | None:
    """Return whether a test is for an object with named fields, and whether every such object passes it."""
    if test.kind == tree.CALL and len(test.parts) > 1 and _is(test.parts[1], name):
        function = test.parts[0].text
        if function == "isinstance" and len(test.parts) == 3:
            types = test.parts[2]
            names = {part.text for part in (types.parts if types.kind == tree.LIST else [types])}
            return not names.isdisjoint(_DICTS), "dict" in names or "Mapping" in names
        return (False, False) if function in ("isArray", "hasattr", "callable") else None
    if test.kind == tree.OTHER and test.text == "instanceof" and test.parts and _is(test.parts[0], name):
        return False, False
    if test.kind == tree.COMPARE and len(test.parts) == 2 and test.text in ("==", "is"):
        for one, other in (test.parts, test.parts[::-1]):
            asks = one.text == "typeof" or (
                one.kind == tree.CALL and one.parts[0].text == "type" and len(one.parts) == 2
            )
            if asks and one.parts and _is(one.parts[-1], name):
                is_dict = other.value == "object" if other.kind == tree.CONST else other.text in _DICTS
                return is_dict, is_dict
    return None


def _is(node: Node, name: str) -> bool:
    return node.kind == tree.NAME and node.text == name
