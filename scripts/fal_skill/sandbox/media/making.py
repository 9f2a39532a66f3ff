"""The bytes of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import audio, documents, images, meshes, video

if TYPE_CHECKING:
    from collections.abc import Callable

    from .recipe import Recipe

_MAKERS: dict[str, Callable[[Recipe], bytes]] = {
    "image": images.picture,
    "video": video.clip,
    "audio": audio.sound,
    "3d": meshes.mesh,
    "archive": documents.document,
    "weights": documents.document,
    "file": documents.document,
}


def content(recipe: Recipe) -> bytes:
    """Return the content of the file."""
    return _MAKERS[recipe.kind](recipe)
