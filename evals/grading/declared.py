"""Arguments that a class declares: a server takes its request as a pydantic model, and sends what that dumps."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from fal_skill.calls import Call, Fields, Unknown

from .answers import Answer

_PLAIN = (str, int, float, bool)
_DUMPED = re.compile(r"\A(?:\w+\s*=\s*)?(\w+)\.(?:model_dump|dict)\(([^()]*)\)\Z")


def declared_arguments(answer: Answer, calls: Iterable[Call]) -> Iterator[tuple[Call, Fields]]:
    """Yield the calls whose arguments are what a class of the same file declares, with its fields."""
    for call in calls:
        dumped = _DUMPED.match(call.arguments.source) if isinstance(call.arguments, Unknown) else None
        if dumped is None or re.search(r"\b(?:include|exclude|by_alias)\s*=", dumped[2]):
            continue
        tree = _parsed(answer.files.get(call.file, ""))
        classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        for function in ast.walk(tree):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for parameter in (*function.args.args, *function.args.kwonlyargs):
                named = parameter.annotation.id if isinstance(parameter.annotation, ast.Name) else ""
                inside = function.lineno <= call.line <= (function.end_lineno or 0)
                if parameter.arg == dumped[1] and named in classes and inside:
                    yield call, _fields(classes[named])


def _parsed(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _fields(declared: ast.ClassDef) -> Fields:
    """Return the fields of a class: defaults, the choices of a ``Literal``, the rest unknown."""
    made = Fields()
    for line in declared.body:
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        name = line.target.id
        if name.startswith("_") or name == "model_config":
            continue
        literals = [
            node.slice
            for node in ast.walk(line.annotation)
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal"
        ]
        options = [node for literal in literals for node in ast.walk(literal) if isinstance(node, ast.Constant)]
        if not options and isinstance(line.value, ast.Constant) and isinstance(line.value.value, _PLAIN):
            made[name] = line.value.value  # the default is sent when nobody says otherwise
            continue
        choices = tuple(option.value for option in options if isinstance(option.value, _PLAIN))
        made[name] = Unknown(ast.unparse(line.annotation), choices=choices)
    return made
