"""Every argument is a field of its model, with a legal value, and those that the task asks for are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fal_skill.arguments import check_arguments
from fal_skill.calls import Fields, Unknown

from ..grading.case import told
from .result import Result, fails, not_applicable, passes

if TYPE_CHECKING:
    from fal_skill.calls import Call
    from fal_skill.registry import Model

    from ..grading.case import Case

ALWAYS = ("missing-required", "unknown-field", "not-in-enum", "out-of-range", "too-deep")
"""Findings that count at any evidence: a field of a sister model is silently dropped, or refused."""
WHEN_SURE = ("wrong-type", "does-not-fit", "call-shape", "not-integer", "null-value", "unknown-method")
"""Findings that count where the evidence is strong."""


def check(case: Case) -> Result:
    """Return whether the arguments fit."""
    wrong = [*case.problems_of(*ALWAYS, at_least="warning"), *case.problems_of(*WHEN_SURE, at_least="error")]
    if wrong:
        return fails("; ".join(told(problem) for problem in wrong[:3]))
    for run in case.plain_runs:
        refused = [remark for remark in run.violations if remark["code"] == "rejected-arguments"]
        if refused:
            return fails(f"when {run.program.where} was run: {refused[0]['message']} ({refused[0]['hint']})")
    missing = _unmet(case, case.task.options("arguments_valid").get("must", {}))
    if missing:
        return fails(missing)
    declared = []
    for call, fields in _declared(case):
        for slug in call.slugs:
            chosen = case.registry.get(slug)
            if chosen is None or not chosen.has_schema:
                continue
            unfit = _unfit(chosen, fields)
            if unfit:
                return fails(f"{call.file} line {call.line}: {slug}: {unfit}")
            declared.append(slug)
    checked = [slug for call in case.model_calls if isinstance(call.arguments, Fields) for slug in call.slugs]
    known = [
        slug for slug in dict.fromkeys(checked) if (model := case.registry.get(slug)) is not None and model.has_schema
    ]
    sent = [job for run in case.plain_runs for job in run.accepted if case.registry.get(job["slug"]) is not None]
    if not known and sent:
        return passes(f"{sent[0]['slug']} accepted what was sent when it was run: {', '.join(sent[0]['arguments'])}")
    if not known and declared:
        return passes(f"what the request's class declares fits {declared[0]}, snapshot {case.registry.as_of}")
    if not known:
        return not_applicable("no arguments of a model that the registry has a schema of")
    jobs = sum(len(run.accepted) for run in case.plain_runs)
    ran = f"; {jobs} jobs with them were accepted in the sandbox" if jobs else ""
    return passes(f"no findings for {', '.join(known[:5])}, snapshot {case.registry.as_of}{ran}")


def _unmet(case: Case, must: dict[str, Any]) -> str:
    sent = [call.arguments for call in case.model_calls if isinstance(call.arguments, Fields)]
    sent += [job["arguments"] for run in case.plain_runs for job in run.jobs]
    for name, wanted in must.items():
        if not any(name in model.properties for model in case.models):
            continue  # the model that was chosen has no such field
        values = [arguments[name] for arguments in sent if name in arguments]
        if any(isinstance(value, Unknown) and not value.choices for value in values):
            continue
        settled = [each for value in values for each in (value.choices if isinstance(value, Unknown) else (value,))]
        if not any(_same(value, wanted) for value in settled):
            shown = ", ".join(repr(value) for value in settled[:3]) or "nothing"
            return f"the task asks for {name} = {wanted!r}, the code sends {shown}"
    return ""


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, (int, float)) and isinstance(wanted, (int, float)):
        return float(value) == float(wanted)
    return type(value) is type(wanted) and bool(value == wanted)


_DUMPED = re.compile(r"\A(?:\w+\s*=\s*)?(\w+)\.(?:model_dump|dict)\(([^()]*)\)\Z")
_FREE = object()
"""Stands for a value that the class leaves open."""


def _declared(case: Case) -> Iterator[tuple[Call, dict[str, tuple[Any, ...]]]]:
    """Yield the calls whose arguments are what a class of the same file declares, with the values of each field.

    So it is in a server that takes a request as a pydantic model and sends ``request.model_dump()``.
    """
    for call in case.model_calls:
        dumped = _DUMPED.match(call.arguments.source) if isinstance(call.arguments, Unknown) else None
        if dumped is None or re.search(r"\b(?:include|exclude|by_alias)\s*=", dumped[2]):
            continue
        tree = _parsed(case.answer.files.get(call.file, ""))
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


def _fields(declared: ast.ClassDef) -> dict[str, tuple[Any, ...]]:
    """Return the fields of a class with the values that they may have, or ``_FREE``."""
    made: dict[str, tuple[Any, ...]] = {}
    for line in declared.body:
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        if line.target.id.startswith("_") or line.target.id == "model_config":
            continue
        literal = next(
            (
                node.slice
                for node in ast.walk(line.annotation)
                if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal"
            ),
            None,
        )
        if literal is not None:
            options = literal.elts if isinstance(literal, ast.Tuple) else [literal]
            made[line.target.id] = tuple(option.value for option in options if isinstance(option, ast.Constant))
        elif isinstance(line.value, ast.Constant) and line.value.value is not None:
            made[line.target.id] = (line.value.value,)
        else:
            made[line.target.id] = (_FREE,)
    return made


def _unfit(model: Model, fields: dict[str, tuple[Any, ...]]) -> str:
    """Return what a model has against fields with these values, or nothing."""
    strange = [name for name in fields if name not in model.properties]
    if strange:
        return f"{strange[0]} is no field of it"
    lacking = [name for name in model.required if name not in fields]
    if lacking:
        return f"{lacking[0]} is required"
    for name, values in fields.items():
        for value in values:
            if value is _FREE:
                continue
            for finding in check_arguments(model, {name: value}):
                if finding.path.startswith(name) and (
                    finding.code in ALWAYS or (finding.code in WHEN_SURE and finding.severity == "error")
                ):
                    return str(finding)
    return ""
