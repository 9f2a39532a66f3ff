"""What ``run_model.py`` prints: results on stdout, as JSON or as text."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from ..console import chosen_format, print_json, print_text, warn
from ..errors import SkillError
from .jobs import DONE, Job
from .redaction import redacted_value

if TYPE_CHECKING:
    from .outcome import Outcome
    from .plan import Plan


def print_dry_run(options: argparse.Namespace, plans: list[tuple[int | None, Plan]], error: SkillError | None) -> None:
    """Print exactly what would be sent, and why it would not be."""
    would = {"would_send": error is None, "because": error.message if error is not None else None}
    for line, plan in plans:
        said = {**({"line": line} if line is not None else {}), **plan.as_dict(), **would}
        if chosen_format(options.format) == "json":
            print_json(said, compact=line is not None)
        else:
            _print_plan(said)
    if error is not None:
        warn(f"error: {error.message}" + (f" ({error.hint})" if error.hint else ""))


def _print_plan(said: dict[str, Any]) -> None:
    request = said["request"]
    print_text(f"{request['method']} {request['url']}")
    for name, value in request["headers"].items():
        print_text(f"{name}: {value}")
    print_text(json.dumps(request["body"], ensure_ascii=False, indent=2))
    for upload in said["uploads"]:
        print_text(f"uploads {upload['file']} ({upload['bytes']} bytes) for {upload['field']}")
    for finding in said["findings"]:
        print_text(f"{finding['severity']}[{finding['code']}] {finding['path']} {finding['message']}")


def print_unfinished(options: argparse.Namespace, job: Job, error: SkillError) -> None:
    """Print, where a program reads along, the id of a job that goes on; a person reads it in the error."""
    if chosen_format(options.format) == "json":
        said = {"message": error.message, "next_step": error.hint, "exit_code": error.exit_code}
        print_json({"slug": job.slug, "request_id": job.request_id, "state": job.state, "error": said})


def print_outcome(options: argparse.Namespace, outcome: Outcome) -> int:
    """Print what became of one job; return its exit code."""
    said = {**outcome.as_dict()}
    if chosen_format(options.format) == "json":
        print_json(said)
    else:
        _print_text(said, outcome)
    for trouble in outcome.troubles:
        warn(f"error: {trouble.message} ({trouble.hint})")
    return outcome.exit_code


def _print_text(said: dict[str, Any], outcome: Outcome) -> None:
    print_text(f"{said['state']}  {said['request_id']}  {said['slug']}")
    for file in outcome.files:
        print_text(f"  {file.file}  {file.bytes:,} bytes  {file.content_type or ''}".rstrip())
    if outcome.manifest is not None:
        print_text(f"  {outcome.manifest}")
    if outcome.job.state == DONE and not outcome.files:
        print_text(json.dumps(said["result"], ensure_ascii=False, indent=2))
    billed = outcome.cost.get("billed")
    if billed is not None:
        print_text(f"  billed ${billed:g} ({outcome.cost['billed_source']})")


def print_line(options: argparse.Namespace, said: dict[str, Any]) -> None:
    """Print one result of many: a JSON line, or a line of text."""
    if chosen_format(options.format) == "json":
        print_json(redacted_value(said, shapes=False), compact=True)
        sys.stdout.flush()
        return
    if "summary" in said:
        print_text(", ".join(f"{count} {name}" for name, count in said["summary"].items()))
        return
    error = said.get("error")
    told = f"  {error['message']}" if error else "".join(f"  {file['file']}" for file in said.get("files", ())[:3])
    line = f"line {said['line']}  " if "line" in said else ""
    print_text(f"{line}{said['state']:9}  {said.get('request_id') or said.get('job') or '-'}  {said['slug']}{told}")
