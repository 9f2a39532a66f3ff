"""The size of a picture or clip that a call asks for: presets, pixels, aspect ratios and resolutions in one answer."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ...prices.inputs import IMAGE_SIZES

if TYPE_CHECKING:
    from collections.abc import Mapping

PRESETS = {
    **IMAGE_SIZES,
    # Few models take the ones below, and their pixels are not published: plausible sizes of that shape.
    "square_uhd": (2048, 2048),
    "portrait_3_2": (1024, 1536),
    "landscape_3_2": (1536, 1024),
    "portrait_hd": (1080, 1920),
    "landscape_hd": (1920, 1080),
}
"""Names that ``image_size`` takes, and their width and height in pixels."""

_SIZE_FIELDS = (
    "image_size", "video_size", "size", "output_size", "resolution", "target_resolution", "output_resolution",
    "operating_resolution", "aspect_ratio", "ratio",
)  # fmt: skip
_SHAPES = {"landscape": 16 / 9, "portrait": 9 / 16, "square": 1.0}
_STEEPEST = 20.0
"""Aspect ratios beyond this (or its inverse) are cut to it."""
_IMAGE_AREA = 1024.0 * 1024.0
_VIDEO_SHORT_SIDE = 720.0
_LARGEST = 16383.0

_TIMES = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*([:x×*/])\s*(\d{1,6}(?:\.\d{1,6})?)", re.IGNORECASE)
_LINES = re.compile(r"(?:true_)?(\d{3,4})p?", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?:auto_)?(\d(?:\.\d)?)k", re.IGNORECASE)
_MEGAPIXELS = re.compile(r"(\d{1,2}(?:\.\d)?)mp", re.IGNORECASE)


class Extent(NamedTuple):
    """What one value says of the size; None for what it leaves open."""

    exact: tuple[int, int] | None = None
    """Width and height in pixels."""
    ratio: float | None = None
    """Width by height."""
    area: float | None = None
    """Pixels."""
    short: float | None = None
    """Pixels of the shorter side."""

    def completed(self, other: Extent) -> Extent:
        """Return this extent with what it leaves open taken from the other."""
        return Extent(
            self.exact or other.exact, self.ratio or other.ratio, self.area or other.area, self.short or other.short
        )


def size(given: Mapping[str, Any], defaults: Mapping[str, Any], *, video: bool) -> tuple[int, int]:
    """Return (width, height) in pixels for these arguments and, where they are silent, the model's defaults.

    A model that says nothing makes pictures of 1024 x 1024 and clips in 720p of 16:9.
    """
    asked, usual = stated(given, video=video), stated(defaults, video=video)
    extent = asked.completed(usual._replace(exact=None)) if asked != Extent() else usual
    if extent.exact:
        return extent.exact
    ratio = extent.ratio or (16 / 9 if video else 1.0)
    if extent.area is None and (extent.short is not None or video):
        short = extent.short or _VIDEO_SHORT_SIDE
        width, height = (short * ratio, short) if ratio >= 1 else (short, short / ratio)
        return _even(width, 2), _even(height, 2)
    height = math.sqrt((extent.area or _IMAGE_AREA) / ratio)
    return _even(height * ratio, 8), _even(height, 8)


def stated(values: Mapping[str, Any], *, video: bool) -> Extent:
    """Return what all fields of a call that speak of size say together; the first that speaks of a part wins."""
    extent = Extent()
    for name in _SIZE_FIELDS:
        if name in values:
            extent = extent.completed(extent_of(values[name], video=video))
    return extent.completed(extent_of(values, video=video))


def extent_of(value: Any, *, video: bool) -> Extent:
    """Return what one value says: a preset, ``1024x768``, ``16:9``, ``1080p``, ``2K``, ``{"width", "height"}``."""
    if isinstance(value, str):
        return _extent_of_text(value.strip(), video)
    width, height = _pixels(value, "width"), _pixels(value, "height")
    if width and height:
        return Extent(exact=(width, height))
    if isinstance(value, dict) and isinstance(value.get("ratio"), str):
        return _extent_of_text(value["ratio"], video)
    return Extent()


def _extent_of_text(text: str, video: bool) -> Extent:
    if text in PRESETS:
        return Extent(exact=PRESETS[text])
    if text.lower() in _SHAPES:
        return Extent(ratio=_SHAPES[text.lower()])
    if match := _TIMES.fullmatch(text):
        first, sign, second = float(match[1]), match[2], float(match[3])
        if sign in "x×*X" and min(first, second) >= 64:
            return Extent(exact=(int(min(first, _LARGEST)), int(min(second, _LARGEST))))
        if first > 0 and second > 0:
            return Extent(ratio=min(_STEEPEST, max(1 / _STEEPEST, first / second)))
    elif match := _THOUSANDS.fullmatch(text):
        thousands = float(match[1])
        # Of clips, 2K and 4K name the lines of the screen; of pictures, the side of the square of that area.
        return Extent(short=540.0 * thousands) if video and thousands >= 2 else Extent(area=_IMAGE_AREA * thousands**2)
    elif match := _LINES.fullmatch(text):
        return Extent(short=float(match[1]))
    elif match := _MEGAPIXELS.fullmatch(text):
        return Extent(area=float(match[1]) * 1e6)
    return Extent()


def _pixels(value: Any, name: str) -> int | None:
    side = value.get(name) if hasattr(value, "get") else None
    if isinstance(side, bool) or not isinstance(side, (int, float)) or not side > 0:
        return None
    return int(max(1, min(side, _LARGEST)))


def _even(value: float, step: int) -> int:
    return max(step, min(int(_LARGEST) // step * step, round(value / step) * step))
