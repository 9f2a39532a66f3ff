"""What a program asks of fal: the calls that extraction finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .values import EACH, Fields, Path, Place, Unknown, as_json, is_known

SUBSCRIBE = "subscribe"
RUN = "run"
SUBMIT = "submit"
STREAM = "stream"
REALTIME = "realtime"
STATUS = "status"
RESULT = "result"
CANCEL = "cancel"
UPLOAD = "upload"
LOOKUP = "lookup"
"""A question about a model that does not run it."""
MCP = "mcp"
"""An MCP server that a configuration connects to."""

MODEL_PATTERNS = frozenset({SUBSCRIBE, RUN, SUBMIT, STREAM, REALTIME})
"""The patterns that run a model."""
REQUEST_PATTERNS = frozenset({STATUS, RESULT, CANCEL})
"""The patterns that ask about a request by its id; they need no more of a slug than its first two parts."""

PYTHON_SDK = "fal_client"
JAVASCRIPT_SDK = "@fal-ai/client"
OLD_JAVASCRIPT_SDK = "@fal-ai/serverless-client"
AI_SDK = "@ai-sdk/fal"
HTTP = "http"
CURL = "curl"
GENMEDIA = "genmedia"
SCRIPT = "skill-script"


@dataclass(frozen=True, slots=True)
class Access:
    """One way in which a program reads a result."""

    path: Path
    """Keys (str), indexes (int) and EACH from what the call gives back: ("data", "images", 0, "url")."""
    kind: str
    """What the path starts from: output, wrapped, reply, handle, status, stream, response."""
    place: Place
    optional: bool = False
    """Whether the program is prepared for it to be missing: ``.get``, ``?.``, ``or``, or a test before."""
    attribute: bool = False
    """Whether the last step is a Python attribute (``result.data``) and not an item."""
    sure: bool = True
    """Whether the value read can only come from this call."""
    sink: str = ""
    """The function that the value is handed to, as it is written, or empty."""
    compared: tuple[Any, ...] = ()
    """The constants that the value is compared with."""

    def __str__(self) -> str:
        text = ""
        for step in self.path:
            text += (
                "[]" if step is EACH else f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
            )
        return text


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call to fal that a text makes."""

    file: str
    place: Place
    language: str
    client: str
    """Who makes it: fal_client, @fal-ai/client, http, curl, genmedia, skill-script, mcp, …"""
    pattern: str
    """subscribe, run, submit, stream, realtime, status, result, cancel, upload, lookup or mcp."""
    slugs: tuple[str, ...] = ()
    """The models that it may call: one where the text settles it, several where it chooses, none when unresolved."""
    certain: bool = True
    """Whether no model but these can be meant; False when the slug is a default that a caller may replace."""
    arguments: Fields | Unknown | None = None
    """The model's input. Parts that the text leaves open are Unknown; None when the call takes none."""
    options: Fields = field(default_factory=Fields)
    """The other named arguments: ``with_logs``, ``interval``, ``webhookUrl``, …"""
    accesses: tuple[Access, ...] = ()
    """How its result is read."""
    unresolved: str = ""
    """Why the slug, or the whole call, could not be resolved; empty when it was."""
    slug_places: tuple[Place | None, ...] = ()
    """Where each slug stands as a literal, when it does."""
    end_line: int = 0
    awaited: bool = True
    """Whether an asynchronous call is awaited, or handed on."""
    method: str = ""
    """The function as the SDK calls it: ``subscribe_async``, ``queue.submit``."""
    url: str = ""
    """The address of a call by HTTP or of an MCP server, as far as it is known."""
    misfits: tuple[str, ...] = ()
    """Arguments that the SDK's function does not take."""
    lacking: tuple[str, ...] = ()
    """Arguments that the SDK's function needs and is not given."""

    @property
    def line(self) -> int:
        """The line that the call begins on, from 1."""
        return self.place.line

    @property
    def slug(self) -> str | None:
        """The model, when there is one that may be meant."""
        return self.slugs[0] if len(self.slugs) == 1 else None

    def slug_place(self, slug: str) -> Place | None:
        """Return where one of the slugs stands as a literal, when it does."""
        places = dict(zip(self.slugs, self.slug_places, strict=False))
        return places.get(slug)

    @property
    def complete(self) -> bool:
        """Whether every argument is known."""
        return isinstance(self.arguments, Fields) and is_known(self.arguments)

    def as_dict(self) -> dict[str, Any]:
        """Return the call as its JSON object (see ``check_calls.py``)."""
        return {
            "file": self.file,
            "line": self.place.line,
            "column": self.place.column,
            "language": self.language,
            "client": self.client,
            "slug": self.slug,
            "slugs": list(self.slugs),
            "pattern": self.pattern,
            "arguments": as_json(self.arguments),
            "result_access": list(dict.fromkeys(str(access) for access in self.accesses if access.path)),
            "unresolved": self.unresolved or None,
        }
