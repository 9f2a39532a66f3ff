"""The snapshot on disk: one header line, then one JSON record per slug, sorted by slug.

A lookup maps the file and bisects it by line, so that it reads the few pages it needs and parses one record.
A listing reads the first columns of every line with one regular expression and parses no JSON.
"""

from __future__ import annotations

import json
import mmap
import os
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import UnavailableError, UnknownSlugError, UsageError, shown
from ..folders import cache_folder
from .model import UNKNOWN, Entry, Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .search import Hit

FORMAT = 1
"""Version of the file format; a reader refuses any other."""

DATA_FILE = os.path.join(os.path.dirname(__file__), "data", "registry.jsonl")  # noqa: PTH118, PTH120 - start-up time
OVERLAY_NAME = os.path.join("registry", "overlay.jsonl")  # noqa: PTH118 - start-up time
"""The user's overlay, below the cache folder: what the service itself said of its models at the last refresh."""
MAX_SLUG_LENGTH = 512
"""Longer names cannot be ids; the longest known one has about 90 characters."""

_COLUMNS = (
    rb'\{"slug":"([^"\\]+)","status":"([a-z]+)","category":"([a-z0-9-]+)",'
    rb'"in":\[([^\]]*)\],"out":\[([^\]]*)\],"first_seen":"[0-9-]*","last_seen":"([0-9-]*)"'
)
_PREFIX = b'{"slug":"'


def inlined(value: Any, definitions: dict[str, Any]) -> Any:
    """Return the value with each ``{"$ref": "#/defs/NAME"}`` replaced by its definition."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if reference is not None:
            name = reference.removeprefix("#/defs/")
            rest = {key: inlined(item, definitions) for key, item in value.items() if key != "$ref"}
            return {**inlined(definitions[name], definitions), **rest}
        return {key: inlined(item, definitions) for key, item in value.items()}
    if isinstance(value, list):
        return [inlined(item, definitions) for item in value]
    return value


class Snapshot:
    """One registry file."""

    def __init__(self, path: str) -> None:
        """Open the file; UnavailableError when it is missing, cut short or not a registry."""
        self.path = path
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - start-up time
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is empty"
            raise self._broken(f"cannot be read: {reason}") from None
        end = self._map.find(b"\n")
        if self._map[-1:] != b"\n" or end < 0:
            raise self._broken("is cut short: its last line is incomplete")
        self._start = end + 1
        try:
            self.header: dict[str, Any] = json.loads(self._map[:end])
        except ValueError:
            raise self._broken("has no valid header line") from None
        if not isinstance(self.header, dict) or self.header.get("format") != FORMAT:
            raise self._broken(f"is not of registry format {FORMAT}")
        if self.header.get("body_bytes", len(self._map) - self._start) != len(self._map) - self._start:
            raise self._broken("is not as long as its header says")

    def _broken(self, what: str) -> UnavailableError:
        return UnavailableError(
            f"the registry file {self.path} {what}", hint="reinstall the skill, or run scripts/refresh_registry.py"
        )

    def _line(self, slug: str) -> bytes | None:
        data, wanted = self._map, slug.encode("utf-8", "surrogatepass")
        low, high = self._start, len(data)
        while low < high:
            middle = data.rfind(b"\n", low, (low + high) // 2) + 1 or low
            end = data.find(b"\n", middle)
            key_end = data.find(b'"', middle + len(_PREFIX), end)
            if end < 0 or key_end < 0 or data[middle : middle + len(_PREFIX)] != _PREFIX:
                raise self._broken(f"is corrupt near byte {middle}")
            key = data[middle + len(_PREFIX) : key_end]
            if key == wanted:
                return data[middle:end]
            if key < wanted:
                low = end + 1
            else:
                high = middle
        return None

    def get(self, slug: str) -> Model | None:
        """Return the model of that exact slug, or None."""
        line = self._line(slug)
        if line is None:
            return None
        try:
            record = json.loads(line)
            return Model(inlined(record, self.header["defs"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._broken(f"has a corrupt record for {slug!r}") from None

    def entries(self) -> Iterator[Entry]:
        """Yield the catalogue line of every model, sorted by slug."""
        import re

        columns = re.compile(_COLUMNS)
        decoded: dict[tuple[bytes, ...], Any] = {}  # few distinct combinations, and decoding is what takes the time

        def words(column: bytes) -> tuple[str, ...]:
            return tuple(column.decode().replace('"', "").split(",")) if column else ()

        position, data = self._start, self._map
        while position < len(data):
            match = columns.match(data, position)
            if match is None:
                raise self._broken(f"is corrupt near byte {position}")
            slug, *rest = match.groups()
            key = tuple(rest)
            if key not in decoded:
                status, category, media_in, media_out, last_seen = rest
                decoded[key] = (
                    status.decode(),
                    category.decode(),
                    words(media_in),
                    words(media_out),
                    last_seen.decode(),
                )
            yield Entry(slug.decode(), *decoded[key])
            position = data.find(b"\n", match.end()) + 1

    def verify(self) -> None:
        """Read every record; UnavailableError at the first that is corrupt, out of order or missing."""
        previous = ""
        count = 0
        for line in self._map[self._start :].splitlines():
            try:
                slug = json.loads(line)["slug"]
            except (ValueError, KeyError, TypeError):
                raise self._broken(f"is corrupt after the record {previous!r}") from None
            if slug <= previous or self.get(slug) is None:
                raise self._broken(f"is out of order at {slug!r}")
            previous = slug
            count += 1
        if count != self.header.get("count") or count != sum(1 for _ in self.entries()):
            raise self._broken(f"has {count} records, its header says {self.header.get('count')}")


class Registry:
    """The models known offline: a snapshot, and overlays that win over it."""

    def __init__(self, *paths: str) -> None:
        """Read these registry files, the most trusted first; without any, the snapshot that ships with the skill."""
        self.snapshots = [Snapshot(path) for path in paths or (DATA_FILE,)]
        self._models: dict[str, Model] = {}

    @property
    def as_of(self) -> str:
        """ISO date of the newest source that lists the whole catalogue."""
        whole = [snapshot for snapshot in self.snapshots if snapshot.header.get("complete", True)]
        return str(whole[0].header["as_of"])

    @property
    def sources(self) -> list[dict[str, str]]:
        """The dated sources of the snapshot, newest first: ``id``, ``as_of``, ``origin``."""
        return [source for snapshot in self.snapshots for source in snapshot.header["sources"]]

    def get(self, slug: str) -> Model | None:
        """Return the model of that slug, or None when no source has ever listed it.

        Sources differ in letter case (``a14b`` and ``a14B``): where just one name differs in nothing else, it is meant.
        """
        if not slug or len(slug) > MAX_SLUG_LENGTH:
            return None
        if slug in self._models:
            return self._models[slug]
        for snapshot in self.snapshots:
            model = snapshot.get(slug)
            if model is not None:
                self._models[slug] = model
                return model
        spelled = self._spellings.get(slug.lower(), slug.lower())
        return self.get(spelled) if spelled != slug else None

    def with_models(self, models: Iterable[Model]) -> Registry:
        """Return a registry that knows these models as given, and all others as this one does."""
        made = Registry(*(snapshot.path for snapshot in self.snapshots))
        made._models.update((model.slug, model) for model in models)
        return made

    def status(self, slug: str) -> str:
        """Return ``known``, ``listed``, ``unlisted`` or ``unknown``."""
        model = self.get(slug)
        return model.status if model else UNKNOWN

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The catalogue line of every model, sorted by slug."""
        merged: dict[str, Entry] = {}
        for snapshot in reversed(self.snapshots):
            merged.update((entry.slug, entry) for entry in snapshot.entries())
        return tuple(merged[slug] for slug in sorted(merged))

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """The one way to write each name that has capital letters, by its lower-case form."""
        lower = [entry.slug.lower() for entry in self.entries]
        return {
            entry.slug.lower(): entry.slug
            for entry in self.entries
            if entry.slug != entry.slug.lower() and lower.count(entry.slug.lower()) == 1
        }

    def __iter__(self) -> Iterator[Model]:
        for entry in self.entries:
            model = self.get(entry.slug)
            if model is not None:
                yield model

    def __len__(self) -> int:
        return len(self.entries)

    def require(self, slug: str) -> Model:
        """Return the model of that slug.

        Raises:
            UsageError: the slug is empty.
            UnknownSlugError: no source has ever listed it; the hint names the likely ones.
        """
        if not slug.strip():
            raise UsageError("the slug is empty", hint="expected an endpoint id such as fal-ai/flux/schnell")
        model = self.get(slug)
        if model is None:
            likely = self.suggest(slug)
            hint = (
                f"did you mean {', '.join(likely)}?"
                if likely
                else "find one: scripts/find_model.py 'what it should do'"
            )
            raise UnknownSlugError(f"unknown slug {shown(slug)}: no source up to {self.as_of} lists it", hint=hint)
        return model

    def suggest(self, slug: str, limit: int = 3) -> list[str]:
        """Return the known slugs that a wrong one most likely means, the likeliest first."""
        from .suggest import suggestions

        # Nobody who misspelt something else should be sent to a model for adult content.
        likely = suggestions(self.entries, slug, limit + 3)
        return [other for other in likely if "nsfw" not in other or "nsfw" in slug.lower()][:limit]

    def search(self, words: str, *, category: str | None = None, limit: int = 10) -> list[Hit]:
        """Return the models that fit a task in plain words, the fittest first."""
        from .search import search

        return search(self.entries, words, category=category, limit=limit)

    def filter(
        self,
        *,
        category: str | None = None,
        media_in: Iterable[str] = (),
        media_out: Iterable[str] = (),
        status: Iterable[str] = (),
    ) -> list[Entry]:
        """Return the catalogue lines that have the category and all of these media and one of these states."""
        wanted_in, wanted_out, states = set(media_in), set(media_out), set(status)
        return [
            entry
            for entry in self.entries
            if (category is None or entry.category == category)
            and wanted_in.issubset(entry.media_in)
            and wanted_out.issubset(entry.media_out)
            and (not states or entry.status in states)
        ]


def overlay_file() -> str:
    """Return the place of the user's overlay, whether or not there is one."""
    return os.path.join(cache_folder(), OVERLAY_NAME)  # noqa: PTH118 - start-up time


@lru_cache(maxsize=1)
def default_registry() -> Registry:
    """Return the registry that ships with the skill, with the user's overlay on top where there is a newer one.

    A damaged overlay costs a warning, never an answer: it can be made again.
    """
    overlay = overlay_file()
    if os.path.exists(overlay):  # noqa: PTH110 - start-up time
        try:
            both = Registry(overlay, DATA_FILE)
        except UnavailableError as error:
            from ..console import warn

            warn(f"warning: {error.message}; it is not used (scripts/refresh_registry.py --source live makes it again)")
        else:
            if both.snapshots[0].header["as_of"] >= both.snapshots[1].header["as_of"]:
                return both
    return Registry()
