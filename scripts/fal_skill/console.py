"""The manners that all scripts share: formats, streams, JSON input, one-line errors.

Data goes to stdout, everything else to stderr. On a terminal the default format is text, otherwise JSON.
"""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import EXIT_DONE, EXIT_UNAVAILABLE, EXIT_USAGE, MissingPackageError, SkillError, UsageError, exit_code_help

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXIT_INTERRUPTED = 130
"""What a shell reports for a program ended by Ctrl-C."""
PACKAGES = {"yaml": "pyyaml", "PIL": "pillow", "fal_client": "fal-client"}
"""Names to install, where they differ from the names to import."""
KEY_SHAPE = r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}:[0-9a-z]{8,}"
"""A key as fal's dashboard shows it: a UUID and a secret."""
MIN_KEY_LENGTH = 6
MAX_INPUT_BYTES = 64 * 1024 * 1024
"""Upper bound for a JSON document read from a file or stdin."""


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """A fixed width spares each start the import that looks for the terminal's."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors have this package's form and exit code."""

    def error(self, message: str) -> NoReturn:
        """Print the error and the way to the help, and leave with the usage code."""
        warn(f"error: {message} (try {self.prog} --help)")
        raise SystemExit(EXIT_USAGE)


def parser(purpose: str, *, examples: Sequence[str] = (), exit_codes: Sequence[int] = ()) -> Parser:
    """Return a parser with ``--format``, and a help page that ends with examples and exit codes."""
    parts = []
    if examples:
        parts.append("examples:\n" + "\n".join(f"  {example}" for example in examples))
    if exit_codes:
        parts.append(exit_code_help(*exit_codes))
    made = Parser(
        description=purpose,
        epilog="\n\n".join(parts),
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--format", choices=["json", "text"], help="default: text on a terminal, JSON otherwise")
    return made


def chosen_format(asked: str | None) -> str:
    """Return ``text`` or ``json``: what was asked for, else what suits stdout."""
    return asked or ("text" if sys.stdout.isatty() else "json")


def print_json(value: Any, *, compact: bool = False) -> None:
    """Print a JSON document; lone surrogates stay escaped so that any stdout can take it."""
    if compact:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    else:
        text = json.dumps(value, ensure_ascii=False, indent=2)
    print_text(text)


def print_text(text: str) -> None:
    """Print text with a final newline; what stdout's encoding cannot hold is escaped, never fatal."""
    try:
        sys.stdout.write(text + "\n")
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: "1 file", "2 files"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def warn(message: str) -> None:
    """Print one line to stderr."""
    if sys.stderr is not None:
        print(message, file=sys.stderr)


def read_bounded(stream: Any, name: str) -> str:
    """Return the text of a binary stream, or raise UsageError when it is too long or not UTF-8."""
    data: bytes = stream.read(MAX_INPUT_BYTES + 1)
    if len(data) > MAX_INPUT_BYTES:
        raise UsageError(f"{name} is larger than {MAX_INPUT_BYTES >> 20} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def read_source(source: str, what: str) -> tuple[str, str]:
    """Return (text, name) of a value given as literal text, as ``@file``, or as ``-`` for stdin."""
    if source == "-":
        if sys.stdin is None:
            raise UsageError(f"{what} was to come from stdin, but stdin is closed")
        return read_bounded(sys.stdin.buffer, "stdin"), "stdin"
    if source.startswith("@"):
        name = source[1:]
        try:
            with open(name, "rb") as file:  # noqa: PTH123 - pathlib would cost the fast scripts a tenth of their time
                return read_bounded(file, name), name
        except OSError as error:
            raise UsageError(f"cannot read {what} from {name!r}: {error.strerror or error}") from None
        except ValueError:
            raise UsageError(f"cannot read {what} from {name!r}: not a file name") from None
    return source, what


def parse_json(text: str, name: str) -> Any:
    """Return the JSON value; NaN, Infinity and duplicate keys are refused because fal's server would not take them."""

    def refuse_constant(constant: str) -> NoReturn:
        raise UsageError(f"{name} holds {constant}, which JSON does not allow", hint="leave the field out")

    def finite(number: str) -> float:
        value = float(number)
        if value in (float("inf"), float("-inf")):
            raise UsageError(f"{name} holds the number {number[:20]}, which is too large", hint="leave the field out")
        return value

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise UsageError(f"{name} has the key {twice!r} twice in one object")
        return made

    try:
        return json.loads(text, parse_constant=refuse_constant, parse_float=finite, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{name} is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}",
            hint='expected an object such as {"prompt": "a cat"}',
        ) from None
    except RecursionError:
        raise UsageError(f"{name} is nested too deeply") from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise UsageError(f"{name} cannot be read: {error}") from None


def refuse_key(text: str, name: str) -> None:
    """Raise UsageError when a text that will be printed holds the user's key, or what has the shape of a fal key."""
    import re

    key = os.environ.get("FAL_KEY", "").strip()
    if (len(key) >= MIN_KEY_LENGTH and key in text) or re.search(KEY_SHAPE, text):
        raise UsageError(
            f"{name} holds what looks like a fal key, which must not get into code or output",
            hint="leave it out: the SDKs read the environment variable FAL_KEY",
        )


def read_arguments(source: str) -> dict[str, Any]:
    """Return the model arguments given as JSON, ``@file`` or ``-``; anything but a JSON object is a UsageError."""
    text, name = read_source(source, "--arguments")
    refuse_key(text, name)
    value = parse_json(text, name)
    if not isinstance(value, dict):
        kind = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
        raise UsageError(f"{name} is {kind}, expected a JSON object", hint='such as {"prompt": "a cat"}')
    return value


def install_hint(package: str, script: str) -> str:
    """Return how to get a missing package, in one line."""
    return f"run it with: uv run scripts/{script} …, or install it: pip install {PACKAGES.get(package, package)}"


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a script's main function and leave with its exit code; no traceback reaches the user."""
    if sys.stdout is None:
        warn("error: stdout is closed: there is nowhere to write the result")
        raise SystemExit(EXIT_UNAVAILABLE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Pipes get UTF-8 on every system; a console keeps its encoding, and what it cannot show is escaped.
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")
    try:
        code = main() or EXIT_DONE
        sys.stdout.flush()
    except SkillError as error:
        warn(f"error: {error.message}" + (f" ({error.hint})" if error.hint else ""))
        code = error.exit_code
    except ModuleNotFoundError as error:
        name = (error.name or "").split(".")[0]
        if name in ("", "fal_skill"):
            raise
        script = os.path.basename(sys.argv[0])  # noqa: PTH119 - see read_source
        warn(f"error: the package {name!r} is not installed ({install_hint(name, script)})")
        code = MissingPackageError.exit_code
    except BrokenPipeError:  # the reader has gone, as after `| head`
        code = EXIT_DONE
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT):
            raise
        warn(f"error: cannot write the output: {error.strerror}")
        code = EXIT_UNAVAILABLE
    try:
        sys.stdout.flush()
    except OSError:
        # Python would flush again at exit and complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(code)
