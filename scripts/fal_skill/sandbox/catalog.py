"""From an address to the model behind it: ids of two to seven segments, namespaces, sub-paths."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..registry import Model, Registry

NAMESPACES = ("workflows", "comfy")
"""First segments of ids whose app has three segments; fal_client's ``APP_NAMESPACES``."""

STREAMING = (
    "fal-ai/any-llm",
    "fal-ai/elevenlabs/tts/turbo-v2.5",
    "fal-ai/flux-1",
    "fal-ai/flux-2",
    "fal-ai/flux-kontext-lora",
    "fal-ai/flux-krea-lora",
    "fal-ai/flux-lora",
    "fal-ai/flux-general",
    "fal-ai/flux",
    "fal-ai/gpt-image-1.5",
    "fal-ai/hidream-i1-dev",
    "fal-ai/hidream-i1-fast",
    "fal-ai/hidream-i1-full",
    "fal-ai/pony-v7",
    "openai/gpt-image-2",
)
"""Models (and what lies under them) that are known to offer ``/stream``: the streaming input types in fal's published
SDK types, and the samples of fal's documentation. The catalogue's own sign, ``stream_url``, is live data."""


class Target(NamedTuple):
    """What an address names."""

    slug: str
    app: str
    """The part of the id that status, result and cancel addresses keep."""
    model: Model | None
    """None for workflows, comfy apps and ids let through by a pattern: nothing is known of their arguments."""


class Missing(NamedTuple):
    """An address that names nothing."""

    detail: str


def app_of(slug: str) -> str:
    """Return the first two segments of an id, or three with a namespace."""
    parts = slug.split("/")
    return "/".join(parts[: 3 if parts[0] in NAMESPACES else 2])


class Catalog:
    """The models of a registry, found as fal finds them."""

    def __init__(self, registry: Registry, allow: tuple[str, ...]) -> None:
        self.registry = registry
        self._allow = allow
        self._find = lru_cache(maxsize=256)(self._found)

    @cached_property
    def apps(self) -> frozenset[str]:
        """The apps of all listed ids."""
        return frozenset(app_of(entry.slug) for entry in self.registry.entries)

    def find(self, slug: str) -> Target | Missing:
        """Return what the id names; the reason, in fal's words, when it names nothing."""
        return self._find(slug)

    def _found(self, slug: str) -> Target | Missing:
        parts = slug.split("/")
        app = app_of(slug)
        if any(not part for part in parts) or len(parts) < 2:
            return Missing(f"Application '{slug}' not found")
        model = self.registry.get(slug)
        if model is not None:
            return Target(slug, app, model)
        if (parts[0] in NAMESPACES and len(parts) >= 3) or any(fnmatchcase(slug, pattern) for pattern in self._allow):
            return Target(slug, app, None)
        if app in self.apps:
            return Missing(f"Path {slug[len(app) :] or '/'} not found")
        return Missing(f"Application '{parts[1]}' not found")

    def suggestions(self, slug: str) -> list[str]:
        """Return the listed ids that a wrong id most likely means."""
        return list(self.registry.suggest(slug)) if len(slug) <= 512 else []

    def streams(self, slug: str) -> bool:
        """Return whether a source says that the model offers ``/stream``."""
        return (
            slug.split("/")[0] in NAMESPACES
            or any(slug == known or slug.startswith(known + "/") for known in STREAMING)
            or self.registry.get(slug + "/stream") is not None
            or any(fnmatchcase(slug, pattern) for pattern in self._allow)
        )
