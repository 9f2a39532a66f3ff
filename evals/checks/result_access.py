"""The result is read where the SDK and the model's output have it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fal_skill.calls.call import MODEL_PATTERNS, RESULT
from fal_skill.calls.languages import CODE

from ..grading.case import told
from ..grading.programs import OWN_TESTS
from .result import Result, fails, not_applicable, passes

if TYPE_CHECKING:
    from fal_skill.registry import Model

    from ..grading.case import Case

CODES = ("result-access", "output-field", "missing-await", "status-object")
READ = frozenset({"output", "wrapped", "reply"})
_MISREAD = re.compile(
    r"KeyError: '(?:images?|videos?|audios?|data|model_\w+|text|url|output)'|'dict' object has no attribute|TypeError: Cannot (?:read|destructure) propert\w+[^\n]*"  # noqa: E501
    r"|TypeError: (?:string|list) indices must be[^\n]*|IndexError: list index out of range|'NoneType' object is not subscriptable|\w+ is not iterable"  # noqa: E501
)
WHOLE = frozenset({"output", "wrapped"})
KEEPERS = frozenset({"json.dump", "json.dumps", "JSON.stringify", "print", "pprint", "pprint.pprint", "console.log"})
"""Functions that keep or show a result as it is."""
_ASIDES = frozenset({"seed", "prompt", "timings", "has_nsfw_concepts", "duration", "description", "error", "status"})
_LITERAL = re.compile(r"""["']([a-z0-9][\w-]*(?:/[\w.-]+)+)["']""")
_ITEM = re.compile(
    r"""(?<!arguments)(?<!args)(?<!input)(?<!payload)(?<!body)(?:\[\s*["'](\w+)["']\s*\](?!\s*=[^=])|\.get\(\s*["'](\w+)["'][^)\n]*\))"""
)
_DATA = re.compile(r"""\bdata\??\.(\w+)|\bdata\s*:\s*\{\s*(\w+)""")
_UNDEFINED = re.compile(r"^(?:[\w ]+:\s*)?undefined$", re.MULTILINE)


def check(case: Case) -> Result:
    """Return whether results are read as they are given."""
    wrong = case.problems_of(*CODES, at_least="warning")
    if wrong:
        return fails(told(wrong[0]))
    for run in case.plain_runs:
        found = _MISREAD.search(run.output) if run.exit_code else _UNDEFINED.search(run.output)
        if found and run.accepted:
            return fails(f"when {run.program.where} was run it printed: {found[0]}")
    read = [(call, access) for call in case.calls for access in call.accesses if access.path and access.kind in READ]
    if not read:
        fetched = [run for run in case.plain_runs if any(entry["fetched"] for entry in run.report.get("media", ()))]
        if fetched:
            return passes(f"{fetched[0].program.where} fetched the file that was made")
        field = _field_read(case)
        if field:
            return passes(field)
        kept = [
            access
            for call in case.calls
            for access in call.accesses
            if access.kind in WHOLE and not access.path and access.sink in KEEPERS
        ]
        if kept:
            return passes(f"line {kept[0].place.line}: the whole result is kept ({kept[0].sink})")
        return not_applicable("the code reads no result")
    return passes(
        "; ".join(
            dict.fromkeys(
                f"line {access.place.line}: {call.slug or call.pattern} -> {access}" for call, access in read[:6]
            )
        )
    )


def _field_read(case: Case) -> str:
    """Return where an output field of a model that the code names is read, or nothing.

    For results that come back by another way than the call's own value: a record on disk, a function of another file.
    """
    if not any(call.pattern in MODEL_PATTERNS or call.pattern == RESULT for call in case.calls):
        return ""
    blocks = [block for block in case.answer.code if block.language in CODE and not OWN_TESTS.search(block.name)]
    named = {text for block in blocks for text in _LITERAL.findall(block.code)}
    models = [*case.models, *(model for text in sorted(named) if (model := case.registry.get(text)) is not None)]
    lists = {path.path.partition("[")[0] for model in models for path in model.file_outputs if "[]." in path.path}
    fields = {field: model.slug for model in models for field in _fields(model)}
    for block in blocks:
        pattern = _ITEM if block.language == "python" else _DATA
        for match in pattern.finditer(block.code):
            field = next(group for group in match.groups() if group)
            direct = re.match(r"""\??\.?\s*(?:\[\s*["']url|url\b)""", block.code[match.end() : match.end() + 20])
            if field in fields and not (field in lists and direct):
                line = block.line + block.code.count("\n", 0, match.start())
                return f"{block.where} line {line}: {match[0].strip()} of {fields[field]}"
    return ""


def _fields(model: Model) -> set[str]:
    """Return the output fields of a model that hold what it makes."""
    return set((model.output_schema or {}).get("properties", {})) - _ASIDES
