"""Failures end in a clear report, keep the request id, and never in a new submission. The code is run with each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fal_skill.calls.call import MODEL_PATTERNS, REALTIME, RUN, STREAM, SUBMIT

from ..grading.running import CannotRunError
from .result import Result, fails, not_applicable, passes
from .submit_once import repeated
from .words import either

if TYPE_CHECKING:
    from ..grading.case import Case
    from ..grading.programs import Program
    from ..grading.running import Run


@dataclass(frozen=True)
class Failure:
    """One way in which fal may fail a program, and what must come of it."""

    faults: tuple[str, ...]
    for_streams: bool = False
    keeps_id: bool = False
    """Whether the job is done and paid for, so that its id must not be lost."""


FAILURES = {
    "failed-job": Failure(("failed-job",)),
    "rejected": Failure(("content-policy",), for_streams=True),
    "collect-5xx": Failure(("503,on=result,times=3",), keeps_id=True),
    "dropped-stream": Failure(("dropped-stream",), for_streams=True),
    "slow-job": Failure(("slow-model=600",)),
}
STREAM_ONLY = frozenset({"dropped-stream"})
RESUBMISSIONS = 1
"""Further submissions of a job that failed, and so is not billed, that a program may make by itself."""
DEFAULT = ("failed-job", "rejected", "collect-5xx", "dropped-stream")
_ASKED = either(
    r"\brobust\w*\b",
    r"\breliab\w+\b",
    r"\bproduction\b",
    r"\bfail(?:s|ed|ure|ures)?\b",
    r"\bcrash\w*\b",
    r"\bunattended\b",
    r"\bovernight\b",
    r"\bcron\b",
    r"\bhang(?:s|ing)?\b",
    r"\btime-?outs?\b",
    r"\bresum\w+\b",
    r"\berrors?\b",
    r"\bretr(?:y|ies)\b",
    r"\bdouble[- ]charg\w+\b",
    r"\btwice\b",
    r"\bdrop(?:s|ped)?\b",
    r"\bbreaks?\b",
    r"\blocked\b",
)
_TRACEBACK = re.compile(
    r"^Traceback \(most recent call last\):|^Node\.js v\d+|triggerUncaughtException|UnhandledPromiseRejection",
    re.MULTILINE,
)
_SAYS_WHY = either(
    r"internal[ _]server[ _]error",
    r"content[ _]policy",
    r"runner_scheduling",
    r"\b(?:50[0-4]|422|403)\b",
    r"\bfail(?:ed|ure)\b",
    r"\berror\b",
    r"\brefused\b",
    r"\bbroke\b",
    r"\binterrupt\w*\b",
    r"\bincomplete\b",
    r"\bdropped\b",
    r"\bdid not (?:finish|complete)\b",
    r"\btimed? ?out\b",
    r"\bdeadline\b",
    r"\bstill running\b",
    r"\bg(?:a|i)v(?:e|ing) up\b",
    r"\b(?:out of|no) time\b",
    r"\bcancel\w*\b",
    r"\btoo long\b",
    r"\bnot finished\b",
    r"\babort\w*\b",
    r"\bstream ended\b",
)


_REASON = either(r"content[ _-]polic", r"\bflagged\b", r"content[ _-]checker", r"\bunsafe\b")
"""How fal's refusal, or a program in its own words, tells why an input was rejected."""


def check(case: Case) -> Result:
    """Return whether each failure that applies ends well."""
    options = case.task.options("failure_handling")
    if not case.task.asks_for("failure_handling") and not _ASKED.search(case.task.prompt):
        return not_applicable("the task does not ask for it")
    good: list[str] = []
    left: list[str] = []
    for program in case.runnable:
        patterns = {call.pattern for call in program.calls} & MODEL_PATTERNS
        if patterns <= {REALTIME} and not case.makes_jobs(program):
            left.append(f"{program.where} runs no job")
            continue
        patterns = patterns or {SUBMIT}  # by hand
        for name in options.get("faults", DEFAULT):
            failure = FAILURES[name]
            if not _applies(failure, name, patterns):
                continue
            try:
                run = case.run(program, failure.faults, float(options.get("deadline", 60.0)))
            except CannotRunError as reason:
                left.append(f"{program.where}: {reason}")
                break
            if not any(fault["strikes"] for fault in run.report.get("faults", ())):
                left.append(f"{program.where}: {name} had no occasion ({run.summary()})")
                continue
            wrong = _wrong(failure, name, run, program, readable=bool(options.get("readable")))
            if not wrong and name == "rejected" and options.get("reasons") and not _REASON.search(_told(run)):
                wrong = "the reason that fal gave (the content policy) is nowhere to be found"
            if wrong:
                return fails(f"{program.where} with {name}: {wrong}; {run.summary()}")
            good.append(f"{name}: exit code {run.exit_code}, {run.last_line(100)}")
    if good:
        return passes(" | ".join(good))
    left += [f"{program.where}: {program.unsuited}" for program in case.programs if program.unsuited]
    return not_applicable("; ".join(left) or "the answer has no program")


def _applies(failure: Failure, name: str, patterns: set[str]) -> bool:
    streams = STREAM in patterns
    if name in STREAM_ONLY:
        return streams
    if failure.keeps_id:
        return not patterns <= {STREAM, RUN, REALTIME}
    return failure.for_streams or not patterns <= {STREAM}


def _wrong(failure: Failure, name: str, run: Run, program: Program, *, readable: bool) -> str:
    """Return what is wrong with how a program took a failure, or nothing."""
    if run.hung:
        return "it does not end"
    twice = repeated(run, forgiven=RESUBMISSIONS)
    if twice:
        return f"{twice}: each is billed"
    told = _told(run)
    printed = f"{_TRACEBACK.split(run.output)[0]}\n{run.written}"  # a URL inside a traceback is no report
    done = bool(run.accepted) and run.exit_code == 0
    if failure.keeps_id:
        if done and all(job["collected"] for job in run.accepted):
            return ""  # it asked again and got the result
        lost = [job["request_id"] for job in run.accepted if not job["collected"] and job["request_id"] not in printed]
        if lost:
            return "the result was not collected, and the request id is nowhere to be found"
    if _TRACEBACK.search(run.output):
        # A traceback tells the reason. It is a clear report where the id of the job stands beside it.
        if readable or STREAM in {call.pattern for call in program.calls}:
            return "it ends in a traceback"
        if not any(job["request_id"] in printed for job in run.jobs):
            return "it ends in a traceback, and the request id is nowhere to be found"
    if not _SAYS_WHY.search(told):
        return "nothing that it prints says that something failed"
    if run.exit_code == 0 and len(run.jobs) <= 1 and name != "collect-5xx":
        return "it ends with exit code 0, as if all were well"
    return ""


def _told(run: Run) -> str:
    """Return all that a program told: printed, and written to text files."""
    return f"{run.output}\n{run.written}"
