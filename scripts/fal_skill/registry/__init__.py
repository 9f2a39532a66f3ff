"""Which models exist, what they take and give, and how sure we are of each.

>>> registry = default_registry()
>>> registry.get("fal-ai/flux/schnell").required
('prompt',)
"""

from .model import (
    CATEGORIES,
    DIRECT,
    DOUBTFUL,
    KNOWN,
    LISTED,
    LIVE,
    MERGED,
    REPAIRED,
    UNKNOWN,
    UNLISTED,
    Entry,
    MediaPath,
    Model,
    Schema,
)
from .snapshot import Registry, default_registry

__all__ = [
    "CATEGORIES",
    "DIRECT",
    "DOUBTFUL",
    "KNOWN",
    "LISTED",
    "LIVE",
    "MERGED",
    "REPAIRED",
    "UNKNOWN",
    "UNLISTED",
    "Entry",
    "MediaPath",
    "Model",
    "Registry",
    "Schema",
    "default_registry",
]
