"""Options of a program's command line, and the values that they have by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import tree
from .functions import KINDS_BY_ANNOTATION
from .program import Program
from .tree import Node
from .values import ARRAY, BOOLEAN, STRING, UNKNOWN, Fields, Namespace, Unknown, Value, alternatives, merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .evaluation import Evaluator


def options_of(program: Program) -> dict[str, list[Node]]:
    """Return the calls of ``add_argument`` of a program by the attribute that holds the option's value."""
    found: dict[str, list[Node]] = {}
    for node in program.nodes[tree.CALL] if "add_argument" in program.text else ():
        if node.parts[0].kind == tree.MEMBER and node.parts[0].text == "add_argument":
            name = _attribute(node)
            if name:
                found.setdefault(name, []).append(node)
    return found


def _given(node: Node) -> dict[str, Node]:
    return {key: part for key, part in zip(node.keys, node.parts[1:], strict=True) if key not in ("", "**")}


def _attribute(node: Node) -> str:
    """Return the attribute that an option's value is kept under, as argparse derives it."""
    chosen = _given(node).get("dest")
    if chosen is not None:
        return chosen.value if isinstance(chosen.value, str) else ""
    names = [
        part.value
        for key, part in zip(node.keys, node.parts[1:], strict=True)
        if not key and part.kind == tree.CONST and isinstance(part.value, str)
    ]
    long = next((name for name in names if name.startswith("--")), names[0] if names else "")
    return long.lstrip("-").replace("-", "_")


def namespace(evaluator: Evaluator, frame: Mapping[tuple[Node, str], Value], depth: int) -> Namespace:
    """Return what ``parse_args`` gives: each option is unknown, and its default is one of its values."""
    made = Namespace(more=True)
    for name, nodes in evaluator.options.items():
        made[name] = merged(_option(evaluator, node, frame, depth) for node in nodes)
    return made


def _option(evaluator: Evaluator, node: Node, frame: Mapping[tuple[Node, str], Value], depth: int) -> Value:
    given = _given(node)
    default = evaluator.within(given["default"], frame, depth) if "default" in given else None
    return Unknown("", _kind(evaluator, given), _choices(default))


def _kind(evaluator: Evaluator, given: dict[str, Node]) -> str:
    action = given["action"].value if "action" in given else ""
    if action in ("store_true", "store_false"):
        return BOOLEAN
    count = given["nargs"].value if "nargs" in given else "?"
    if action == "append" or count != "?":
        return ARRAY
    if action:
        return ""
    return KINDS_BY_ANNOTATION.get(evaluator.program.source(given["type"]), "") if "type" in given else STRING


def parsed_options(configuration: Value) -> Value:
    """Return what ``parseArgs`` of ``node:util`` gives for its configuration."""
    options = configuration.get("options") if isinstance(configuration, Fields) else None
    if not isinstance(options, Fields):
        return UNKNOWN
    values = Fields(more=options.more)
    for name, option in options.items():
        values[name] = _parsed(option)
    return Fields([("values", values), ("positionals", Unknown("", ARRAY))], more=True)


def _parsed(option: Any) -> Value:
    if not isinstance(option, Fields):
        return UNKNOWN
    kind = {"string": STRING, "boolean": BOOLEAN}.get(str(option.get("type")), "")
    default = option.get("default")
    return Unknown("", ARRAY if option.get("multiple") is True else kind, _choices(default))


def _choices(default: Value) -> tuple[Value, ...]:
    return tuple(alternatives(default)) if default is not None else ()
