"""What can be asked of a snippet, and which questions make no sense together."""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass, replace

from ..errors import UsageError
from .values import parsed_values

LANGUAGES = ("python", "python-async", "javascript", "typescript")
PATTERNS = ("subscribe", "run", "submit", "stream", "realtime", "webhook", "batch")
FRAMEWORKS = {
    "python": ("fastapi", "flask"),
    "python-async": ("fastapi",),
    "javascript": ("express", "nextjs"),
    "typescript": ("express", "nextjs"),
}
"""Web frameworks that a webhook receiver can be written for, the default first."""

EXPIRATIONS = {"immediate": 60, "1h": 3600, "1d": 86400, "7d": 604800, "30d": 2592000, "1y": 31536000}
"""Names that both SDKs give to lifetimes, in seconds (fal_client.client and storage.js of @fal-ai/client 1.10.1)."""
MIN_TIMEOUT = 1
"""Seconds that a timeout must exceed: both SDKs refuse to send a start timeout of a second or less."""


@dataclass(frozen=True)
class SnippetOptions:
    """Parts that a snippet has only when asked for. Local files among the arguments are always uploaded."""

    download: bool = False
    """Save the main output file beside the program."""
    logs: bool = False
    """Print the model's log lines, each once."""
    errors: bool = False
    """Print what fal says of a failed request, and leave with code 1. Webhook and batch programs always do."""
    client_timeout: float | None = None
    """Seconds to wait for the whole job; it is cancelled then."""
    expires: str | None = None
    """Lifetime of the output files: a name of :data:`EXPIRATIONS` or a number of seconds."""
    browser: bool = False
    """JavaScript and TypeScript: code for a browser, with the key kept in a proxy on your server."""
    framework: str | None = None
    """Pattern webhook: which of :data:`FRAMEWORKS` receives the call; None: the first of the language."""
    max_cost: float = 1.0
    """Pattern batch: USD that the whole run may cost."""
    unit_cost: float | None = None
    """Pattern batch: USD of one job at most; None: estimated, and where that fails the program asks for it."""
    concurrency: int = 2
    """Pattern batch: jobs in flight. fal grants a new account two (fal's documentation, 2026)."""
    values: str | None = None
    """Pattern batch: where the program reads its values, in a form of :data:`.values.FORMS`; None: they stand in it."""
    out: str | None = None
    """Pattern batch: folder of the outputs, named by input file or row. It implies :attr:`download`."""

    @property
    def expires_seconds(self) -> int | None:
        """The asked lifetime of the outputs in seconds, or None."""
        if self.expires is None:
            return None
        seconds = EXPIRATIONS.get(self.expires)
        if seconds is None and re.fullmatch(r"[1-9][0-9]{0,8}", self.expires):
            seconds = int(self.expires)
        if seconds is None:
            names = ", ".join(EXPIRATIONS)
            raise UsageError(
                f"--expires is {self.expires[:40]!r}, expected a number of seconds or one of {names}",
                hint="without it fal applies the setting of the account",
            )
        return seconds


def _checked_files(options: SnippetOptions, language: str) -> SnippetOptions:
    """Return the options of a batch with what ``out`` implies; UsageError when outputs could become inputs."""
    if options.out is not None:
        if not options.out.strip() or options.out.startswith("~"):
            raise UsageError(f"--out is {options.out[:80]!r}, expected a folder", hint="write it out, as cutouts")
        options = replace(options, download=True)
    values = parsed_values(options.values, language) if options.values is not None else None
    if values is not None and values.is_folder and options.download:
        where = options.out or "."
        if os.path.normpath(where) == os.path.normpath(values.path):
            hint = "choose another folder by --out"
            raise UsageError(f"the outputs would lie in {where!r} with the inputs, and be sent as such", hint=hint)
    return options


def checked_options(options: SnippetOptions, language: str, pattern: str) -> SnippetOptions:
    """Return the options with the framework filled in; UsageError when they do not fit the language or pattern."""
    if language not in LANGUAGES:
        raise UsageError(f"unknown language {language[:40]!r}, expected one of {', '.join(LANGUAGES)}")
    if pattern not in PATTERNS:
        raise UsageError(f"unknown pattern {pattern[:40]!r}, expected one of {', '.join(PATTERNS)}")
    javascript = language in ("javascript", "typescript")
    if options.client_timeout is not None:
        if not options.client_timeout > MIN_TIMEOUT or options.client_timeout > 7 * 86400:
            raise UsageError(f"--client-timeout must be more than {MIN_TIMEOUT} second and at most a week")
        if pattern not in ("subscribe", "run", "submit"):
            raise UsageError(
                f"--client-timeout does not apply to pattern {pattern}", hint="it applies to subscribe, run, submit"
            )
    if options.logs and pattern not in ("subscribe", "submit"):
        raise UsageError(
            f"--logs does not apply to pattern {pattern}", hint="only the queue keeps logs: subscribe, submit"
        )
    if options.download and pattern == "realtime":
        raise UsageError("--download does not apply to pattern realtime: its messages carry the media themselves")
    if options.expires is not None:
        _ = options.expires_seconds
        if pattern == "realtime" or (pattern == "stream" and javascript):
            raise UsageError(f"--expires does not apply to {language} {pattern}: the SDK sends no such header there")
    if options.browser:
        if not javascript:
            raise UsageError("--browser needs --language javascript or typescript")
        if pattern not in ("subscribe", "run", "stream", "realtime"):
            raise UsageError(f"--browser does not apply to pattern {pattern}, which belongs on a server")
        if options.download:
            raise UsageError(
                "--browser and --download exclude each other: a page shows the URL, a server saves the file"
            )
    if options.framework is not None:
        if pattern != "webhook":
            raise UsageError("--framework applies to pattern webhook alone")
        if options.framework not in FRAMEWORKS[language]:
            known = ", ".join(FRAMEWORKS[language])
            raise UsageError(f"--framework {options.framework[:40]!r} is not offered for {language}, expected {known}")
    if pattern == "batch":
        if options.concurrency < 1 or options.concurrency > 100:
            raise UsageError("--concurrency must be between 1 and 100")
        if not 0 < options.max_cost < float("inf"):
            raise UsageError("--max-cost must be more than 0 USD")
        if options.unit_cost is not None and not 0 < options.unit_cost < float("inf"):
            raise UsageError("--unit-cost must be more than 0 USD")
        return _checked_files(options, language)
    if options.values is not None or options.out is not None:
        name = "--out" if options.values is None else "--values"
        raise UsageError(f"{name} applies to pattern batch alone", hint="add --pattern batch")
    if pattern == "webhook" and options.framework is None:
        return replace(options, framework=FRAMEWORKS[language][0])
    return options
