"""The rendering of a snippet, and the one-line helpers that a brief quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..literals import javascript_literal, python_literal
from .batches import checkable, job_cost, varied
from .context import Program
from .options import SnippetOptions, checked_options
from .outputs import javascript_access, main_output, python_access
from .support import check_pattern
from .uploads import with_placeholders
from .values import parsed_values

if TYPE_CHECKING:
    from ..arguments import Finding
    from ..registry import Model, Registry
    from .batches import JobCost, Reads


@dataclass(frozen=True)
class SnippetFile:
    """One file of a snippet."""

    filename: str
    code: str


@dataclass(frozen=True)
class Snippet:
    """A program that calls one model, and what is known about it."""

    code: str
    """The program; of several files, the first."""
    filename: str
    language: str
    pattern: str
    install: str
    """The command that installs what the program imports."""
    run: str
    """The command that runs the program, or what runs it."""
    findings: tuple[Finding, ...] = ()
    """What is to be said of the arguments and of the pattern; an error makes the call fail."""
    more_files: tuple[SnippetFile, ...] = ()
    """Further files that belong to the program."""
    reads: Reads | None = None
    """Pattern batch with values of its own source: what the program reads and writes."""

    @property
    def text(self) -> str:
        """All files as one text; a comment names each further one."""
        mark = "#" if self.language.startswith("python") else "//"
        parts = [self.code, *(f"{mark} --- {file.filename} ---\n{file.code}" for file in self.more_files)]
        return "\n".join(parts)

    @property
    def has_errors(self) -> bool:
        """Whether a finding says that the call must fail."""
        return any(finding.severity == "error" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form that ``render_snippet.py`` prints."""
        made: dict[str, Any] = {
            "code": self.code,
            "filename": self.filename,
            "language": self.language,
            "pattern": self.pattern,
            "install": self.install,
            "run": self.run,
            "findings": [finding.as_dict() for finding in self.findings],
        }
        if self.more_files:
            made["more_files"] = [{"filename": file.filename, "code": file.code} for file in self.more_files]
        return made


_DEFAULT_OPTIONS = SnippetOptions()


def render(
    model: Model,
    arguments: dict[str, Any],
    *,
    language: str = "python",
    pattern: str = "subscribe",
    options: SnippetOptions = _DEFAULT_OPTIONS,
) -> Snippet:
    """Return the program that calls the model with these arguments.

    Raises UsageError when the options do not fit the language or the pattern, or the pattern does not fit the model;
    InvalidArgumentsError when a value cannot be written as code (see :mod:`fal_skill.literals`); UnavailableError when
    the templates cannot be read. Arguments that do not fit the model are reported in ``findings``, not raised.
    """
    from ..arguments import WARNING, Finding, check_arguments

    options = checked_options(options, language, pattern)
    refuse_unwritable(arguments, language)
    checked, cost = with_placeholders(model, arguments), None
    if pattern == "batch":
        source = parsed_values(options.values, language) if options.values is not None else None
        vary = varied(model, arguments, source)
        checked = checkable(model, arguments, vary, source)
        if options.unit_cost is None:
            cost = job_cost(model, checked, vary)
    findings = [*check_pattern(model, pattern), *check_arguments(model, checked)]
    if options.download and not main_output(model).is_file:
        message = "the snapshot knows no file in the model's result: nothing is downloaded"
        findings.append(Finding(WARNING, "no-file-output", "", message, "print the result, and see what it holds"))
    if pattern == "batch" and options.unit_cost is None:
        hint = "see fal's pricing page of the model"
        if cost is None:
            message = "no fixed price is known: the program asks for UNIT_COST before it spends"
            findings.append(Finding(WARNING, "cost-unknown", "", message, hint))
        elif cost.caveat:
            findings.append(Finding(WARNING, "cost-unsure", "", f"UNIT_COST may be too low: {cost.caveat}", hint))
    return replace(written(model, arguments, language, pattern, options, cost), findings=tuple(findings))


def written(
    model: Model,
    arguments: dict[str, Any],
    language: str,
    pattern: str,
    options: SnippetOptions = _DEFAULT_OPTIONS,
    cost: JobCost | None = None,
) -> Snippet:
    """Return the snippet without any check of the arguments; what it raises is the same as of :func:`render`."""
    refuse_unwritable(arguments, language)
    program = Program(model, arguments, language, pattern, checked_options(options, language, pattern), cost)
    (filename, code), *others = program.files()
    return Snippet(
        code=code,
        filename=filename,
        language=language,
        pattern=pattern,
        install=program.install(),
        run=program.run(),
        reads=program.reads(),
        more_files=tuple(SnippetFile(name, text) for name, text in others),
    )


def refuse_unwritable(arguments: dict[str, Any], language: str) -> None:
    """Raise InvalidArgumentsError for arguments that the language cannot write: before anything walks through them."""
    literal = python_literal if language.startswith("python") else javascript_literal
    literal(arguments)


def endpoint(registry: Registry, slug: str) -> Model:
    """Return the model of a slug, or of a user's own endpoint, which no catalogue lists.

    Raises what ``Registry.require`` raises for any other name.
    """
    return (user_model(slug) if registry.get(slug) is None else None) or registry.require(slug)


def user_model(slug: str) -> Model | None:
    """Return a model without schema for a user's own endpoint (``workflows/USER/NAME``), or None for other names."""
    from ..registry import KNOWN, Model

    if not re.fullmatch(r"(?:workflows|comfy)(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){2,6}", slug):
        return None
    facts = {"status": KNOWN, "category": "unknown", "in": [], "out": [], "first_seen": "", "last_seen": ""}
    return Model({"slug": slug, **facts})


def result_path(model: Model, language: str = "python") -> str:
    """Return the expression of the model's main answer: ``result["images"][0]["url"]``, ``result.data.video.url``."""
    output = main_output(model)
    if language.startswith("python"):
        return python_access(output.path)
    return javascript_access(output.path, optional=language == "typescript" and not output.required)


def download_line(model: Model, language: str = "python") -> str | None:
    """Return one statement that saves the model's main output file, or None when it gives no file.

    It needs ``urllib.request`` in Python, ``writeFile`` of ``node:fs/promises`` in JavaScript.
    """
    output = main_output(model)
    if not output.is_file:
        return None
    access, name = result_path(model, language), "output" + output.suffix
    if language.startswith("python"):
        return f'urllib.request.urlretrieve({access}, "{name}")'
    return f'await writeFile("{name}", Buffer.from(await (await fetch({access})).arrayBuffer()));'
