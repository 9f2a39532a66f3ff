"""The code runs to its end in an isolated sandbox, and every job is accepted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fal_skill.calls.call import MODEL_PATTERNS

from ..grading.programs import PYTHON
from ..grading.running import CannotRunError
from .result import Result, fails, not_applicable, passes

if TYPE_CHECKING:
    from ..grading.case import Case
    from ..grading.running import Run

_NEEDS_PACKAGE = re.compile(r"(?:ModuleNotFoundError: No module named|Cannot find package) '([\w@/.-]+)'")
_OWN_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}:[0-9a-f]{16,}")
_CRASH = re.compile(r"Traceback \(most recent call last\)|^\s+at .+:\d+:\d+\)?$|SyntaxError|\bError: ", re.MULTILINE)
_GUARD = re.compile(
    r"\b(?:expected|wrong|first|too (?:small|short|large|few|little)|not (?:a|an|the|enough|\d)|no detail|detail|placeholder|size|pixels?|images?|drawings?|duplicates?)\b",  # noqa: E501
    re.IGNORECASE,
)
"""What a program says that looks at its input before it pays: stand-ins are not what it was written for."""
_NEEDS_INPUT = re.compile(r"EOFError: EOF when reading a line")
_NEEDS_VARIABLE = re.compile(
    r"KeyError: '([A-Z][A-Z0-9_]{3,})'|(?:environment variable|env var)\s+[`'\"]?([A-Z][A-Z0-9_]{3,})|(?:set|missing|required?)\s+[`'\"]?([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b",  # noqa: E501
    re.IGNORECASE,
)


def check(case: Case) -> Result:
    """Return whether the programs of the answer run."""
    if not case.programs:
        return not_applicable("the answer has no program that calls fal")
    good: list[str] = []
    left: list[str] = []
    for program in case.programs[:6]:
        try:
            run = case.run(program)
        except CannotRunError as reason:
            left.append(f"{program.where}: {reason}")
            continue
        if not run.jobs and not any(call.pattern in MODEL_PATTERNS for call in program.calls):
            left.append(f"{program.where} asks for a job that was made elsewhere")
            continue
        why_not = _excuse(run)
        if why_not:
            left.append(f"{program.where}: {why_not}")
        elif (wrong := _wrong(run)) and program.is_fragment:
            left.append(f"{program.where} is a fragment: {wrong}")
        elif wrong:
            return fails(f"{program.where}: {wrong}; {run.summary()}")
        else:
            remarks = ", ".join(sorted({remark["code"] for remark in run.violations}))
            good.append(f"{program.where}: {run.summary()}" + (f"; violations: {remarks}" if remarks else ""))
    if good:
        return passes(" | ".join(good))
    return not_applicable("; ".join(left))


def _excuse(run: Run) -> str:
    """Return why a failure is not the program's fault, or nothing."""
    if run.exit_code == 0:
        silent = not run.jobs and not run.output.strip() and not run.report.get("refused_hosts")
        return "it is a module: started by itself it does nothing" if silent and _defines_only(run) else ""
    package = _NEEDS_PACKAGE.search(run.output)
    if package and "fal" not in package[1]:
        return f"it needs {package[1]}, which is not installed here"
    if _NEEDS_INPUT.search(run.output):
        return "it asks questions at the terminal"
    variable = _NEEDS_VARIABLE.search(run.output)
    if (
        variable
        and not run.jobs
        and (name := next((each for each in variable.groups() if each), ""))
        and "FAL_KEY" not in name
        and name.isupper()
    ):
        return f"it needs the variable {name}"
    if _OWN_KEY.search(run.program.block.code) and re.search(r"\b401\b|[Ii]nvalid credentials", run.output):
        return "it brings a key of its own, which the sandbox does not take"
    if (
        not run.jobs
        and not run.hung
        and run.exit_code > 0
        and _GUARD.search(run.output)
        and not _CRASH.search(run.output)
    ):
        return f"it refuses what it was given, before any call: {run.last_line()}"
    refused = [
        host for host in run.report.get("refused_hosts", {}) if not host.endswith(("fal.ai", "fal.run", "fal.media"))
    ]
    if refused:
        return f"it needs {refused[0]}, which the sandbox does not let it reach"
    return ""


def _wrong(run: Run) -> str:
    if run.hung:
        return f"it did not end ({run.ended_by} limit)"
    refused = [job for job in run.jobs if job["http_status"] not in (200, None)]
    if refused:
        return f"{refused[0]['slug']} answered {refused[0]['http_status']}"
    if run.exit_code != 0 and not run.at_work and not _judges_its_output(run):
        return f"it ended with exit code {run.exit_code}"
    if any(job["http_status"] is None for job in run.jobs):
        return ""  # submitted, and left to be collected later
    if not run.accepted:
        unknown = [remark for remark in run.violations if remark["code"] == "unknown-slug"]
        return unknown[0]["message"] if unknown else "it ran no job"
    return ""


def _judges_its_output(run: Run) -> bool:
    """Whether the job was done and its file fetched before the program ended with a remark on what it got.

    The sandbox's media are stand-ins: "shorter than the voice", "no texture" is the program doing well.
    """
    collected = bool(run.accepted) and all(job["collected"] for job in run.jobs)
    fetched = any(entry["fetched"] for entry in run.report.get("media", ()) if entry["origin"] != "uploaded")
    return collected and fetched and run.exit_code > 0 and not run.hung and not _CRASH.search(run.output)


def _defines_only(run: Run) -> bool:
    """Whether the code has functions to be called by others, and nothing that calls a model when it is started."""
    code = run.program.block.code
    if run.program.language == PYTHON:
        return re.search(r"^(?:async )?def ", code, re.MULTILINE) is not None and "__main__" not in code
    return re.search(r"^export |\bmodule\.exports\b", code, re.MULTILINE) is not None
