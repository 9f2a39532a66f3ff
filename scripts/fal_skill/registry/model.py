"""What the registry knows of one model."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]
"""JSON Schema (2020-12), fully inlined, with the annotations of ``registry.md``:

``x-file`` (image, video, audio, 3d, archive, weights, file): a URL string, or a list of them, of that medium;
``x-int``: a number that is an integer by its name (a hint, never a rule);
``x-digits``: an enum of digits that may be numbers or strings: compare by text;
``x-unsure``: an enum or default taken from a type that other endpoints share.
"""

KNOWN = "known"
"""The newest source lists the model and its schema is here."""
LISTED = "listed"
"""The newest source lists the model, but its schema is not here."""
UNLISTED = "unlisted"
"""An older source listed the model and the newest does not: gone, or merely left out."""
UNKNOWN = "unknown"
"""No source has ever listed the name. That does not prove that it does not exist."""

DIRECT = "direct"
"""The type was stated for this endpoint."""
REPAIRED = "repaired"
"""The type was merged with others' at the source and mended from a source that states it for this endpoint."""
MERGED = "merged"
"""The type is shared with other endpoints at the source: its defaults and enums may be another's."""
DOUBTFUL = "doubtful"
"""Two owners' types had the same name at the source and one took the place of the other: nothing in it is sure."""
LIVE = "live"
"""The type is the service's own OpenAPI document."""

CATEGORIES = (
    "text-to-image", "image-to-image", "text-to-video", "image-to-video", "video-to-video", "audio-to-video",
    "text-to-audio", "text-to-speech", "audio-to-audio", "speech-to-speech", "speech-to-text", "video-to-audio",
    "video-to-text", "video-to-image", "text-to-3d", "image-to-3d", "3d-to-3d", "vision", "llm", "json", "training",
    "unknown",
)  # fmt: skip


class MediaPath(NamedTuple):
    """Where a file's URL stands in an input or output."""

    path: str
    """Dotted path; ``[]`` marks a list: ``image_url``, ``elements[].frontal_image_url``, ``images[].url``."""
    kind: str
    """image, video, audio, 3d, archive, weights or file."""
    required: bool


class Entry(NamedTuple):
    """One line of the catalogue: what a listing or a search needs, without the schemas."""

    slug: str
    status: str
    category: str
    media_in: tuple[str, ...]
    media_out: tuple[str, ...]
    last_seen: str


class Model:
    """One endpoint: its names, dates, schemas, and how sure we are of them."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record
        self.slug: str = record["slug"]
        self.status: str = record["status"]
        self.category: str = record["category"]
        self.media_in: tuple[str, ...] = tuple(record["in"])
        self.media_out: tuple[str, ...] = tuple(record["out"])
        self.first_seen: str = record["first_seen"]
        self.last_seen: str = record["last_seen"]
        """ISO date of the newest source that lists the slug."""
        self.source: str | None = record.get("source")
        """Id of the source that the schemas come from (see the snapshot's header), or None."""
        self.schema_date: str | None = record.get("schema_date")
        """ISO date of that source, or None."""
        self.input_evidence: str | None = record.get("evidence", {}).get("input")
        """``direct``, ``repaired``, ``merged`` or ``live``; None without a schema."""
        self.output_evidence: str | None = record.get("evidence", {}).get("output")
        self.input_schema: Schema | None = record.get("input")
        self.output_schema: Schema | None = record.get("output")

    def __repr__(self) -> str:
        return f"<Model {self.slug} {self.status} {self.category}>"

    @property
    def record(self) -> dict[str, Any]:
        """The registry's record of the model; not to be changed."""
        return self._record

    @property
    def has_schema(self) -> bool:
        """Whether the input schema is known."""
        return self.input_schema is not None

    @property
    def properties(self) -> dict[str, Schema]:
        """The input's fields by name; empty without a schema."""
        return dict((self.input_schema or {}).get("properties", {}))

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the input's required fields."""
        return tuple((self.input_schema or {}).get("required", ()))

    @cached_property
    def file_inputs(self) -> tuple[MediaPath, ...]:
        """The input fields that hold file URLs, nested ones included."""
        return tuple(_file_inputs(self.input_schema or {}))

    @cached_property
    def file_outputs(self) -> tuple[MediaPath, ...]:
        """The output fields that hold file URLs, the main one first."""
        return tuple(MediaPath(*item) for item in self._record.get("media", ()))

    def default(self, field: str) -> Any:
        """Return the stated default of a top-level input field, or None."""
        return self.properties.get(field, {}).get("default")


def _file_inputs(schema: Schema, prefix: str = "", required: bool = True) -> Iterator[MediaPath]:
    for name, field in schema.get("properties", {}).items():
        path = prefix + name
        needed = required and name in schema.get("required", ())
        for option in (field, *field.get("anyOf", ())):
            if "x-file" in option:
                yield MediaPath(path + ("[]" if option.get("type") == "array" else ""), option["x-file"], needed)
            items = option.get("items")
            if isinstance(items, dict):
                if "x-file" in items:
                    yield MediaPath(path + "[]", items["x-file"], needed)
                else:
                    yield from _file_inputs(items, path + "[].", needed)
            if "properties" in option:
                yield from _file_inputs(option, path + ".", needed)
