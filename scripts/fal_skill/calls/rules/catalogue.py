"""Every code that the linter reports: what it says, and why it is so."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """One thing that the linter looks for."""

    title: str
    why: str
    """The fact behind it, and where it is known from."""


_SNAPSHOT = "Checked against the offline registry; the snapshot's date is in every report."
_PY = "fal_client 1.0.3"
_JS = "@fal-ai/client 1.10.1"

RULES: dict[str, Rule] = {
    "unknown-slug": Rule(
        "No source lists this model", f"It is misspelt, or newer than the snapshot. {_SNAPSHOT}",
    ),
    "unlisted-slug": Rule(
        "The model is no longer listed",
        f"An older source had it and the newest lacks it: gone, or left out. {_SNAPSHOT}",
    ),
    "renamed-slug": Rule(
        "The model is listed under another name", f"Only the owner or the case of a letter differs. {_SNAPSHOT}",
    ),
    "slug-case": Rule("The catalogue writes it with other capitals", _SNAPSHOT),
    "user-endpoint": Rule("An endpoint of a user", "workflows/… and comfy/… are in no catalogue."),
    "unresolved-call": Rule(
        "The call could not be resolved", "Its model is settled only when the program runs, so it was not checked.",
    ),
    "not-parsed": Rule(
        "The text could not be read", "It mentions fal, and its parser refused it: nothing was checked.",
    ),
    "missing-required": Rule("A required field is missing", f"The model answers 422. {_SNAPSHOT}"),
    "unknown-field": Rule("The model has no such field", f"It is ignored or refused. {_SNAPSHOT}"),
    "wrong-type": Rule("A value has the wrong JSON type", f"The model answers 422. {_SNAPSHOT}"),
    "not-in-enum": Rule("A value is none of the legal ones", f"The model answers 422. {_SNAPSHOT}"),
    "digit-type": Rule("Digits as text or as a number", f"The types disagree on which one it is. {_SNAPSHOT}"),
    "null-value": Rule("null for an optional field", "Only one optional field in ten takes null."),
    "out-of-range": Rule("A value is out of range", "By the service's own OpenAPI document."),
    "not-integer": Rule("A fraction where an integer is meant", "By the name of the field."),
    "does-not-fit": Rule("The arguments do not fit the schema", _SNAPSHOT),
    "too-deep": Rule("The arguments are nested too deeply", "No model's schema is."),
    "local-file": Rule("A local path where a URL belongs", "The service cannot read the caller's files."),
    "large-data-uri": Rule("A large file inside the request", "fal advises uploads beyond a few KB."),
    "base64-file": Rule(
        "A file is sent as base64",
        "The request grows by a third and is slower; fal advises uploads beyond a few KB.",
    ),
    "file-object": Rule("A file object inside the arguments", "JSON cannot hold it: upload the file and send its URL."),
    "call-shape": Rule(
        "The SDK's function does not take this", f"By the signatures of {_PY} and the types of {_JS}.",
    ),
    "unknown-method": Rule("The SDK has no such function", f"By the members of {_PY} and the types of {_JS}."),
    "result-access": Rule(
        "The result is not read the way this SDK gives it",
        "Python gives the output itself as a dict; @fal-ai/client wraps it as {data, requestId}.",
    ),
    "output-field": Rule("The output has no such field", f"By the model's output schema. {_SNAPSHOT}"),
    "missing-await": Rule("An asynchronous call is not awaited", "What is read is the coroutine or the promise."),
    "tight-polling": Rule(
        "The status is asked for too often", "The SDKs ask every 0.1 s (Python) and 0.5 s (JavaScript) at most.",
    ),
    "time-unit": Rule(
        "Seconds and milliseconds are mixed up",
        "Python's interval and timeouts are seconds; JavaScript's pollInterval and timeout are milliseconds.",
    ),
    "failed-status": Rule(
        "fal has no such status",
        "The queue knows IN_QUEUE, IN_PROGRESS and COMPLETED; a failed request is COMPLETED with `error`, and its "
        "result answers 4xx or 5xx (Completed in fal_client, fal's queue documentation).",
    ),
    "status-object": Rule(
        "The status is an object, not a text or a dict", "fal_client gives Queued, InProgress or Completed.",
    ),
    "stored-url": Rule(
        "The output's URL is stored, its file is not",
        "Output URLs are temporary by account setting; fal's own pages disagree on how long they last.",
    ),
    "hard-coded-key": Rule("A fal key stands in the text", "Whoever reads the file can spend the account's balance."),
    "placeholder-key": Rule("A place in the code waits for a key", "Both SDKs read FAL_KEY from the environment."),
    "browser-key": Rule(
        "A fal key reaches the browser", "Whatever a page's code holds, its visitors can read; use a server proxy.",
    ),
    "key-on-command-line": Rule(
        "The shell writes the key into a client's configuration",
        "It is kept there, and in the shell's history, in clear.",
    ),
    "old-client": Rule("fal-client is held below 1.0", "1.0.0 is of 2026-04-28; 0.x gets no more changes."),
    "deprecated-package": Rule(
        "A deprecated package",
        "On npm the @fal-ai/serverless-* packages name @fal-ai/client and @fal-ai/server-proxy instead.",
    ),
    "wrong-import": Rule("The package does not export this", f"By the exports of {_JS}."),
    "mcp-endpoint": Rule(
        "The address of fal's earlier MCP server",
        "fal's documentation now names https://mcp.fal.ai/mcp-relay, with sign-in in the browser and no key.",
    ),
    "mcp-package": Rule(
        "An npm package that does not exist", "Whoever registers the name gets to run code; checked 2026-11-23.",
    ),
}  # fmt: skip


def rule(code: str) -> Rule:
    """Return what is known of a code."""
    return RULES.get(code, Rule(code.replace("-", " "), _SNAPSHOT))
