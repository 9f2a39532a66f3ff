"""The command line of ``check_calls.py``, which pre-commit runs as ``python -m fal_skill.calls``."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from ..arguments import ERROR, SEVERITIES, WARNING
from ..console import parser, print_json, print_text, read_bounded, warn
from ..errors import EXIT_DONE, EXIT_FINDINGS, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError
from ..registry import default_registry
from .files import MAX_BYTES, Survey
from .fixes import fixed, write
from .languages import CODE, language_of, looks_like
from .lint import Checked, Linter
from .problem import Problem
from .rules import RULES
from .secrets import redacted

EXAMPLES = (
    "check_calls.py .",
    "check_calls.py src/app.py docs --format json",
    "check_calls.py . --fix",
    "check_calls.py . --format sarif > fal.sarif",
    "check_calls.py - --language python < snippet.py",
    "check_calls.py --explain failed-status",
)
MAX_TEXT = 1000
"""Characters of one argument that a report shows."""
LANGUAGES = sorted({*CODE, "shell", "markdown", "notebook", "markup", "json", "toml", "yaml", "env", "requirements"})
PARTS = {"tree_sitter": "JavaScript and TypeScript", "markdown_it": "Markdown", "jsonschema": "the arguments"}


class Result(NamedTuple):
    """What one run found."""

    checked: list[Checked]
    survey: Survey
    fixes: list[Problem]
    as_of: str

    @property
    def problems(self) -> list[Problem]:
        """All problems that are left, by file and place."""
        return [problem for checked in self.checked for problem in checked.problems]

    @property
    def missing(self) -> dict[str, int]:
        """Packages that were missing, and for how many files."""
        found: dict[str, int] = {}
        for checked in self.checked:
            for name in checked.missing:
                family = "tree_sitter" if name.startswith("tree_sitter") else name
                found[family] = found.get(family, 0) + 1
        return found

    def count(self, severity: str) -> int:
        """Return how many problems have a severity."""
        return sum(problem.finding.severity == severity for problem in self.problems)


def checked_paths(paths: list[str], language: str | None, max_bytes: int, fix: bool) -> Result:
    """Check files, folders and stdin."""
    registry = default_registry()
    linter = Linter(registry)
    survey = Survey()
    found: list[Checked] = []
    fixes: list[Problem] = []
    if "-" in paths:
        if fix:
            raise UsageError("--fix writes files, and stdin is none")
        found.append(checked_stdin(linter, language, survey))
    for source, checked in linter.below([path for path in paths if path != "-"], survey, max_bytes):
        if fix and any(problem.edits for problem in checked.problems):
            text, done = fixed(source.text, checked.problems)
            try:
                written = write(source.path, text, source.data)
            except OSError as error:
                warn(f"warning: {source.path} could not be written: {error.strerror or error}")
                written = False
            if written:
                fixes += done
                checked = linter.checked(text, source.language, source.path)
        found.append(checked)
    return Result(found, survey, fixes, registry.as_of)


def checked_stdin(linter: Linter, language: str | None, survey: Survey) -> Checked:
    """Check what comes from stdin."""
    if sys.stdin is None:
        raise UsageError("the path is -, but stdin is closed")
    text = read_bounded(sys.stdin.buffer, "stdin")
    survey.files += 1
    survey.lines += text.count("\n") + 1
    chosen = language or language_of("stdin", text.partition("\n")[0]) or looks_like(text) or "markdown"
    return linter.checked(text, chosen, "<stdin>")


def report(result: Result, limit: int) -> dict[str, Any]:
    """Return the JSON report."""
    calls = []
    loose = []
    for checked in result.checked:
        by_call: dict[int, list[dict[str, Any]]] = {}
        for problem in checked.problems:
            if problem.call is None or not any(problem.call is call for call in checked.calls):
                loose.append(problem.as_dict())
            else:
                by_call.setdefault(id(problem.call), []).append(problem.as_dict())
        for call in checked.calls:
            calls.append({**shortened(call.as_dict()), "findings": by_call.get(id(call), [])})
    calls.sort(key=lambda call: not call["findings"])
    kept = sorted(calls[:limit], key=lambda call: (call["file"], call["line"], call["column"]))
    return {
        "snapshot": result.as_of,
        "calls": kept,
        "findings": loose[:limit],
        "summary": summary(result, calls, limit),
    }


def summary(result: Result, calls: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """Return the figures of a run."""
    left_off = max(len(calls) - limit, 0)
    return {
        "files": result.survey.files,
        "lines": result.survey.lines,
        "files_about_fal": len(result.checked),
        "calls": len(calls),
        "calls_left_off": left_off,
        "unresolved": sum(1 for call in calls if call["unresolved"]),
        "errors": result.count(ERROR),
        "warnings": result.count(WARNING),
        "notes": len(result.problems) - result.count(ERROR) - result.count(WARNING),
        "suppressed": sum(checked.suppressed for checked in result.checked),
        "fixed": len(result.fixes),
        "skipped": dict(sorted(result.survey.skipped.items())),
        "not_read_for_want_of": result.missing,
    }


def shortened(value: Any) -> Any:
    """Return a value for a report: long texts cut, keys left out."""
    if isinstance(value, str):
        text = redacted(value)
        return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
    if isinstance(value, dict):
        return {redacted(name): shortened(part) for name, part in value.items()}
    return [shortened(part) for part in value] if isinstance(value, list) else value


def print_report(result: Result, limit: int, least: str) -> None:
    """Print the problems for a person."""
    shown = [p for p in result.problems if SEVERITIES.index(p.finding.severity) <= SEVERITIES.index(least)]
    for problem in result.fixes:
        print_line(f"{problem.file}:{problem.place.line}: fixed[{problem.finding.code}] {problem.finding.message}")
    for problem in shown[:limit]:
        print_line(f"{problem.file}:{problem.place.line}:{problem.place.column}: {problem.finding}")
    if len(shown) > limit:
        print_text(f"… and {len(shown) - limit} more (--limit)")
    calls = [call for checked in result.checked for call in checked.calls]
    unresolved = sum(1 for call in calls if call.unresolved)
    fixable = sum(1 for problem in result.problems if problem.edits)
    print_text(
        f"{counted(result.survey.files, 'file')}, {counted(len(calls), 'fal call')} ({unresolved} unresolved): "
        f"{counted(result.count(ERROR), 'error')}, {counted(result.count(WARNING), 'warning')}; "
        f"snapshot of {result.as_of}" + (f"; {fixable} can be mended with --fix" if fixable else "")
    )


def counted(count: int, noun: str) -> str:
    """Return a count with its noun in the right number."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def print_line(text: str) -> None:
    """Print one line; what a terminal would act on is escaped, for the names and texts in it are a repository's."""
    print_text("".join(char if char.isprintable() else ascii(char)[1:-1] for char in text))


def tell_what_is_missing(result: Result) -> None:
    """Say on stderr, in one line each, what was not read and what to install for it."""
    for name, files in result.missing.items():
        what = PARTS.get(name, name)
        packages = {
            "tree_sitter": "tree-sitter tree-sitter-javascript tree-sitter-typescript", "markdown_it": "markdown-it-py",
        }.get(name, name)  # fmt: skip
        remedy = f"uv run scripts/check_calls.py …, or pip install {packages}"
        warn(f"error: {what} not checked in {counted(files, 'file')}: {remedy}")
    if result.survey.unread_ignores:
        warn("warning: .gitignore was not read: pip install pathspec")
    for path in result.survey.too_large[:5]:
        warn(f"warning: {path} is too large and was not read (--max-bytes)")


def explain(code: str) -> int:
    """Print what a code says, and why."""
    if code not in RULES:
        raise UsageError(f"unknown code {code!r}", hint=f"one of {', '.join(sorted(RULES))}")
    print_text(f"{code}: {RULES[code].title}\n{RULES[code].why}")
    return EXIT_DONE


def main() -> int:
    """Check what the command line names."""
    options = parser(
        "Find every fal call below the paths (Python, JavaScript, TypeScript, Markdown, notebooks, shell, JSON) and "
        "check it against the offline registry. A comment `fal: ignore[code]` keeps a line quiet.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    # console.parser gives every script json and text; this one has a third format.
    next(action for action in options._actions if action.dest == "format").choices = ["json", "text", "sarif"]
    options.add_argument("paths", nargs="*", metavar="PATH", help="files, folders, or - for stdin")
    options.add_argument("--fix", action="store_true", help="mend what is safe: renamed models, deprecated imports")
    options.add_argument("--strict", action="store_true", help="warnings too give exit code 1")
    options.add_argument("--limit", type=int, default=1000, metavar="N", help="calls and findings shown (default 1000)")
    options.add_argument("--notes", action="store_true", help="show notes in the text report")
    options.add_argument("--language", choices=LANGUAGES, help="the language of stdin")
    options.add_argument(
        "--max-bytes", type=int, default=MAX_BYTES, metavar="N", help="larger files are left out (1 MiB)"
    )
    options.add_argument("--explain", metavar="CODE", help="say what a code means")
    asked = options.parse_args()
    if asked.explain:
        return explain(asked.explain)
    if not asked.paths:
        raise UsageError("no PATH was given", hint="such as . for this folder; see --help")
    if asked.limit < 1 or asked.max_bytes < 1:
        raise UsageError("--limit and --max-bytes must be at least 1")
    result = checked_paths(asked.paths, asked.language, asked.max_bytes, asked.fix)
    form = asked.format or ("text" if sys.stdout.isatty() else "json")
    if form == "sarif":
        from .sarif import sarif

        print_json(sarif(result.problems[: asked.limit], result.as_of))
    elif form == "json":
        print_json(report(result, asked.limit))
    else:
        print_report(result, asked.limit, "note" if asked.notes else WARNING)
    tell_what_is_missing(result)
    if result.count(ERROR) or (asked.strict and result.count(WARNING)):
        return EXIT_FINDINGS
    return EXIT_UNAVAILABLE if result.missing else EXIT_DONE
