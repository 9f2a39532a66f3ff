"""What can go wrong, and the exit code that says so.

The tree::

    SkillError
    ├── UsageError            2  the command line or its input is malformed
    ├── UnknownSlugError      3  no model of that name is known
    ├── InvalidArgumentsError 4  the arguments do not fit the model
    ├── CredentialsError      5  no key, a wrong key, or an empty balance
    ├── StillRunningError     6  submitted, not finished: resume it, do not submit again
    ├── UnavailableError      7  network, service or a file of this installation is unavailable
    │   └── MissingPackageError   an optional package is not installed
    └── OverBudgetError       8  the cost may pass the limit that was set

Every message is one line and says what was wrong; ``hint`` says what to do next.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_UNKNOWN_SLUG = 3
EXIT_INVALID_ARGUMENTS = 4
EXIT_CREDENTIALS = 5
EXIT_STILL_RUNNING = 6
EXIT_UNAVAILABLE = 7
EXIT_OVER_BUDGET = 8

EXIT_CODES: dict[int, str] = {
    EXIT_DONE: "done",
    EXIT_FINDINGS: "findings, or a failed check",
    EXIT_USAGE: "usage: the command line or its input is malformed",
    EXIT_UNKNOWN_SLUG: "unknown slug",
    EXIT_INVALID_ARGUMENTS: "invalid arguments",
    EXIT_CREDENTIALS: "credentials or balance",
    EXIT_STILL_RUNNING: "submitted and still running: resume, do not resubmit",
    EXIT_UNAVAILABLE: "network, service, or a needed file or package unavailable",
    EXIT_OVER_BUDGET: "over budget",
}


class SkillError(Exception):
    """An error that a user can act on; shown as one line, without a traceback."""

    exit_code = EXIT_FINDINGS

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SkillError):
    """The command line or its input is malformed."""

    exit_code = EXIT_USAGE


class UnknownSlugError(SkillError):
    """No model of that name is known to the registry."""

    exit_code = EXIT_UNKNOWN_SLUG


class InvalidArgumentsError(SkillError):
    """The arguments do not fit the model."""

    exit_code = EXIT_INVALID_ARGUMENTS


class CredentialsError(SkillError):
    """No key, a wrong key, or an empty balance."""

    exit_code = EXIT_CREDENTIALS


class StillRunningError(SkillError):
    """The job was submitted and has not finished."""

    exit_code = EXIT_STILL_RUNNING


class UnavailableError(SkillError):
    """The network, the service, or a file of this installation is unavailable."""

    exit_code = EXIT_UNAVAILABLE


class MissingPackageError(UnavailableError):
    """An optional package is not installed."""


class OverBudgetError(SkillError):
    """The cost may pass the limit that was set."""

    exit_code = EXIT_OVER_BUDGET


def exit_code_help(*codes: int) -> str:
    """Return the lines for ``--help`` that explain these exit codes."""
    return "exit codes:\n" + "\n".join(f"  {code}  {EXIT_CODES[code]}" for code in codes)


def shown(text: str, limit: int = 80) -> str:
    """Return a value for use in a message: quoted, on one line, and of bounded length."""
    text = text if len(text) <= limit else text[:limit] + "…"
    return ascii(text) if any(ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 for char in text) else repr(text)
