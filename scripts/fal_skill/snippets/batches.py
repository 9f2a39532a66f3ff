"""What a batch varies from job to job, and what one job may cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from ..literals import Expression
from .uploads import with_placeholders

if TYPE_CHECKING:
    from ..registry import Model
    from .values import Values

TEXT_FIELDS = ("prompt", "text", "input", "gen_text", "input_text", "script", "lyrics", "query", "question")
"""Input fields that carry what a person varies first, the usual ones first."""


class Vary(NamedTuple):
    """The input field that takes another value in each job of a batch."""

    field: str
    name: str
    """The variable in the program: ``prompt``, ``text`` or ``path``."""
    many: str
    """The constant that holds all values: ``PROMPTS``, ``TEXTS`` or ``FILES``."""
    values: tuple[str, ...]
    """The values to begin with."""
    is_file: bool
    is_list: bool
    """Whether the field takes a list: each job sends a list of one."""
    is_object: bool = False
    """Whether the file is an object with a ``url``."""
    kind: str = "text"
    """Of a file: image, video, audio, 3d, archive, weights, or file."""


def varied(model: Model, arguments: dict[str, Any], source: Values | None = None) -> Vary:
    """Return what a batch of this call varies: its text, else its main input file.

    A source that is a folder asks for the file, a column that is named as a field for that field.

    Raises:
        UsageError: the model takes neither, or no file where the source is a folder.
    """
    files = {item.path for item in model.file_inputs}
    fields = model.properties
    column = source.column if source else ""
    texts = [name for name in TEXT_FIELDS if name in arguments or name in fields]
    texts = [name for name in texts if (source or isinstance(arguments.get(name, ""), str)) and name not in files]
    if (source and source.is_folder) or column in {path.removesuffix("[]") for path in files}:
        texts = []
    texts = [name for name in texts if name == column] or texts
    required = [name for name in texts if name in model.required or name in arguments]
    for name in required or texts:
        given = arguments.get(name)
        word = "prompt" if name == "prompt" else "text"
        values: tuple[str, ...] = (given,) if given else (f"first {word}", f"second {word}")
        return Vary(name, word, word.upper() + "S", values, False, False)
    tops = [item for item in model.file_inputs if "." not in item.path]
    names = {item.path.removesuffix("[]") for item in tops}
    wanted = {column} & names or set(arguments) & names
    if source is not None:  # what is required is given by the source, what stands in the arguments is fixed
        wanted = {column} & names or {item.path.removesuffix("[]") for item in tops if item.required} or wanted
    for item in sorted(tops, key=lambda item: (item.path.removesuffix("[]") not in wanted, not item.required)):
        name = item.path.removesuffix("[]")
        given = arguments.get(name)
        many = item.path.endswith("[]")
        schema = fields.get(name, {})
        is_object = (schema.get("items", {}) if many else schema).get("type") == "object"
        listed = given if isinstance(given, list) else [given]
        urls = [value.get("url") if isinstance(value, dict) else value for value in listed]
        values = tuple(value for value in urls if isinstance(value, str)) or ("first-file", "second-file")
        return Vary(name, "path", "FILES", values, True, many, is_object, item.kind)
    if source and source.is_folder:
        hint = "give texts: FILE.csv, FILE.txt or FILE.json"
        raise UsageError(f"{model.slug} takes no file that a batch over {source.path!r} could vary", hint=hint)
    raise UsageError(f"{model.slug} takes no text and no file that a batch could vary", hint="use --pattern submit")


def with_variable(arguments: dict[str, Any], vary: Vary, file_variable: str) -> dict[str, Any]:
    """Return the arguments with the varied field replaced by the program's variable."""
    value: Any = Expression(file_variable if vary.is_file else vary.name)
    value = {"url": value} if vary.is_object else value
    return {**arguments, vary.field: [value] if vary.is_list else value}


def checkable(model: Model, arguments: dict[str, Any], vary: Vary, source: Values | None) -> dict[str, Any]:
    """Return the arguments of a job as they will be sent, with made-up URLs and, from a source, a made-up value."""
    if source is not None:
        url = f"https://v3.fal.media/files/uploaded/file{source.suffix}"
        value: Any = url if vary.is_file else "a text of some length"
        value = {"url": value} if vary.is_object else value
        arguments = {**arguments, vary.field: [value] if vary.is_list else value}
    return with_placeholders(model, arguments)


class JobCost(NamedTuple):
    """USD that one job of a batch may cost at most: ``base``, and more for each 1000 characters of its text."""

    base: float
    per_1000_characters: float = 0.0
    caveat: str = ""
    """Why the figure may be off, or nothing."""


class Reads(NamedTuple):
    """What a batch's program reads when it runs, where it writes, and what it may spend."""

    values: Values
    vary: Vary
    out: str | None
    cost: JobCost | None
    max_cost: float


def job_cost(model: Model, arguments: dict[str, Any], vary: Vary) -> JobCost | None:
    """Return what one job may cost, or None when no fixed price is known."""
    from ..prices import DATED_QUOTE, estimate

    def high(text: str) -> float | None:
        return estimate(model, arguments if vary.is_file else {**arguments, vary.field: text}).high

    given = estimate(model, arguments)
    if given.high is None:
        return None
    caveat = "" if given.confidence == DATED_QUOTE else f"its price is of confidence {given.confidence}"
    short, long = high("x" * 1000), high("x" * 2000)
    if vary.is_file or short is None or long is None or long <= short:
        return JobCost(given.high, 0.0, caveat)
    base = max(0.0, short - (long - short))
    return JobCost(round(base, 9), round(long - short, 9), caveat)
