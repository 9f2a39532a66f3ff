"""What a call gives back: known functions of libraries, methods of values, functions of the same file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import tree
from .functions import COPIES, KINDS_BY_CALL, TEXT_METHODS
from .options import namespace, parsed_options
from .program import SELF
from .rewording import reworded
from .tree import Node, Param
from .values import (
    ARRAY,
    BASE64,
    EACH,
    STRING,
    UNKNOWN,
    UPLOAD,
    Fields,
    Items,
    Unknown,
    Value,
    alternatives,
    from_json,
    inside,
    merged,
)  # fmt: skip

if TYPE_CHECKING:
    from .evaluation import Evaluator

Frame = Mapping[tuple[Node, str], Value]
"""The arguments of calls that are being followed, by function and parameter."""


ENVIRONMENT = frozenset({"os.environ.get", "os.getenv", "environ.get", "getenv", "Deno.env.get"})
"""Functions that read a variable of the environment; a second argument is what it is when it is not set."""


def part_of(value: Value, key: Any) -> Value:
    """Return an item of a table, or what it may be when the table or the key is not settled."""
    if isinstance(value, Fields) and key not in value and key is not EACH:
        return Unknown("", "", tuple(alternatives(inside(value, (EACH,))))) if value.more else UNKNOWN
    return inside(value, (key,)) if key is None or isinstance(key, (str, int)) else UNKNOWN


def called(evaluator: Evaluator, node: Node, frame: Frame, depth: int) -> Value:
    """Return the value that a CALL gives back, ``depth`` steps from the expression that was asked for."""
    reference = evaluator.references.of(node.parts[0])
    arguments = node.parts[1:]
    known = _by_reference(evaluator, node, reference, arguments, frame, depth)
    if known is not None:
        return known
    target = node.parts[0]
    if target.kind == tree.MEMBER:
        return _method(evaluator, node, target, arguments, frame, depth)
    functions = evaluator.program.functions.get(target.text, []) if target.kind == tree.NAME else []
    return _returned(evaluator, functions[0], node, frame, depth) if len(functions) == 1 else UNKNOWN


def _by_reference(
    evaluator: Evaluator, node: Node, reference: str, arguments: list[Node], frame: Frame, depth: int
) -> Value | None:
    if reference in ENVIRONMENT:
        default = evaluator.within(arguments[1], frame, depth) if len(arguments) > 1 else None
        return Unknown("", STRING, alternatives(default) if default is not None else ())
    if reference in ("util.parseArgs", "node:util.parseArgs", "parseArgs"):
        return parsed_options(evaluator.within(arguments[0], frame, depth) if arguments else UNKNOWN)
    if reference in COPIES:
        made: Value = evaluator.within(arguments[0], frame, depth) if arguments and node.keys[0] == "" else Fields()
        if reference == "dict":
            made = made.copied() if isinstance(made, Fields) else Fields(more=True)
            for key, part in zip(node.keys, arguments, strict=True):
                if key == "**":
                    made.spread(evaluator.within(part, frame, depth))
                elif key:
                    made.put(key, evaluator.within(part, frame, depth), evaluator.program.place(part))
        return made
    if reference == "Object.assign":
        united = Fields()
        for part in arguments:
            united.spread(evaluator.within(part, frame, depth))
        return united
    if reference in ("json.loads", "JSON.parse") and arguments:
        return _parsed(evaluator.within(arguments[0], frame, depth))
    if reference in ("typing.cast", "cast") and len(arguments) == 2:
        return evaluator.within(arguments[1], frame, depth)
    if reference == "fetch" or reference.startswith(("requests.", "httpx.")):
        return UNKNOWN
    name = reference.replace("SyncClient().", "").replace("AsyncClient().", "")
    if name.endswith(".storage.upload"):
        return Unknown("", UPLOAD)
    if name in KINDS_BY_CALL:
        return Unknown("", KINDS_BY_CALL[name])
    return None


def _method(evaluator: Evaluator, node: Node, target: Node, arguments: list[Node], frame: Frame, depth: int) -> Value:
    owner, name = target.parts[0], target.text
    if owner.kind == tree.NAME and owner.text in SELF:
        functions = evaluator.program.functions.get(name, [])
        return _returned(evaluator, functions[0], node, frame, depth) if len(functions) == 1 else UNKNOWN
    if evaluator.program.is_python and name in ("parse_args", "parse_known_args", "parse_intermixed_args"):
        made = namespace(evaluator, frame, depth)
        return Items([made, Unknown("", ARRAY)]) if name == "parse_known_args" else made
    value = evaluator.within(owner, frame, depth)
    if name == "get" and arguments and isinstance(value, dict):
        key = evaluator.within(arguments[0], frame, depth)
        found = part_of(value, key if isinstance(key, str) else EACH)
        default = evaluator.within(arguments[1], frame, depth) if len(arguments) > 1 else None
        return merged([found, default]) if default is not None and isinstance(found, Unknown) else found
    if name == "copy":
        return value
    text = reworded(value, name, arguments, is_python=evaluator.program.is_python)
    if text is not None:
        return text
    if name in ("decode", "toString") and isinstance(value, Unknown) and value.kind == BASE64:
        return value
    first = arguments[0].value if arguments and arguments[0].kind == tree.CONST else None
    if name == "toString":
        return Unknown("", BASE64 if first == "base64" else STRING)
    if name in TEXT_METHODS:
        return Unknown("", STRING)
    if name in ("map", "filter", "split", "keys", "values", "tolist"):
        return Unknown("", ARRAY)
    return UNKNOWN


def _returned(evaluator: Evaluator, function: Node, call: Node, frame: Frame, depth: int) -> Value:
    inner = dict(frame)
    inner.update(arguments_of(evaluator, function, call, frame, depth))
    before = len(evaluator.parameters)
    values = [evaluator.within(value, inner, depth) for value in evaluator.program.returns(function)]
    del evaluator.parameters[before:]
    return merged(values) if values else UNKNOWN


def arguments_of(
    evaluator: Evaluator, function: Node, call: Node, frame: Frame, depth: int
) -> dict[tuple[Node, str], Value]:
    """Return what a call passes to each parameter of a function of the same file."""
    made: dict[tuple[Node, str], Value] = {}
    params: list[Param] = [param for param in function.keys if not (param.name in SELF and param is function.keys[0])]
    place = 0
    for key, part in zip(call.keys, call.parts[1:], strict=True):
        if part.kind == tree.SPREAD or key == "**":
            return {}
        if key:
            made[function, key] = evaluator.within(part, frame, depth)
        elif place < len(params):
            made[function, params[place].name or pattern_key(params[place])] = evaluator.within(part, frame, depth)
            place += 1
    for param in params:
        if (function, param.name) not in made and param.default is not None and param.pattern is None:
            made[function, param.name] = evaluator.within(param.default, {}, depth)
    return made


def pattern_key(parameter: Param) -> str:
    """Return a name for a parameter that is taken apart and has none."""
    pattern = parameter.pattern
    return f"{{{pattern.line}:{pattern.column}}}" if pattern is not None else ""


def _parsed(value: Value) -> Value:
    if not isinstance(value, str):
        return UNKNOWN
    try:
        return from_json(json.loads(value))
    except (ValueError, RecursionError):
        return UNKNOWN
