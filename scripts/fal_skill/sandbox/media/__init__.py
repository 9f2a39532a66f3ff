"""Real files of every medium, made on demand and without a model: pictures, clips, sound, meshes, archives.

The same recipe always gives the same bytes (for compressed audio and video: with the same version of PyAV).

>>> media = make("image", width=640, height=480, format="jpeg", label="a cat")
>>> media.content_type, media.extension
('image/jpeg', 'jpeg')
"""

from __future__ import annotations

from typing import Any

from .recipe import DEFAULT_FORMATS, FORMATS, MAX_SECONDS, Format, Media, Recipe, recipe

__all__ = ["DEFAULT_FORMATS", "FORMATS", "MAX_SECONDS", "Format", "Media", "Recipe", "make", "recipe"]


def make(kind: str, **wishes: Any) -> Media:
    """Return the file that ``recipe(kind, **wishes)`` describes; see there for the wishes, limits and errors."""
    return recipe(kind, **wishes).media()
