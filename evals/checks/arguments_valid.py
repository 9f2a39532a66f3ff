"""Every argument is a field of its model, with a legal value, and those that the task asks for are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fal_skill.calls import Fields, Unknown
from fal_skill.calls.rules.inputs import known_findings

from ..grading.case import told
from ..grading.declared import declared_arguments
from .result import Result, fails, not_applicable, passes

if TYPE_CHECKING:
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
    for call, fields in declared_arguments(case.answer, case.model_calls):
        for chosen in filter(None, map(case.registry.get, call.slugs)):
            for finding, _ in known_findings(chosen, fields) if chosen.has_schema else ():
                if finding.code in ALWAYS or (finding.code in WHEN_SURE and finding.severity == "error"):
                    return fails(f"{call.file} line {call.line}: {finding}")
            declared += [chosen.slug] * chosen.has_schema
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
