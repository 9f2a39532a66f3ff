"""What stands in a result's plain fields, by their names: numbers, texts, and values whose type nobody knows."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from .wishes import Wish

_TEXTS = {
    "language_code": "en", "language": "en", "target_lang": "en", "finish_reason": "stop", "role": "assistant",
    "type": "word", "speaker_id": "speaker_0", "error": "", "label": "object", "name": "object", "font": "sans-serif",
    "color": "#808080", "content_type": "application/octet-stream", "media_type": "file", "rle": "0 4 8 4",
    "path": "M 0 0 L 1 0 L 1 1 Z", "sdp": "v=0", "normalization_type": "dynamic", "sample_rate": "24000",
    "svg_content": '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>',
    "text_html": "<p>Sandbox</p>", "timebase": "1/24", "results": "{}", "aspect_ratio": "1:1",
    "resolution": "1024x1024",
    "bitrate": "128000", "codec": "aac", "container": "mp4", "pixel_format": "yuv420p", "profile": "High",
}  # fmt: skip
_UNIT = re.compile(r"score|probability|confidence|similarity|prediction|precision|likelihood|strength|rtf")
_COUNTED = re.compile(
    r"(^|_)(num|count|index|tokens|total|points|size|bytes|target|steps|evals|gaussians|id|level|action_id)(_|$)"
)
_PLACES = {"x": 0.25, "y": 0.25, "w": 0.5, "h": 0.5, "x_min": 0.25, "y_min": 0.25, "x_max": 0.75, "y_max": 0.75,
           "start": 0.0, "end": 1.0, "x1": 0.25, "y1": 0.25, "x2": 0.75, "y2": 0.75}  # fmt: skip


def text(name: str, wish: Wish) -> str:
    """Return a text for a field of that name."""
    if name in _TEXTS:
        return _TEXTS[name]
    if "prompt" in name:
        return wish.label
    if name.endswith(("_id", "_uri")) or name == "id":
        return f"{wish.digest:016x}"
    if name.endswith(("_b64", "_base64")):
        return base64.b64encode(wish.digest.to_bytes(8, "big")).decode()
    return f"Made by the sandbox for: {wish.label}"


def amount(name: str, wish: Wish, draw: Random, *, seconds: float, index: int) -> float:
    """Return a number for a field of that name."""
    if name in _PLACES:
        return _PLACES[name]
    if "seed" in name:
        return wish.seed + index
    if name == "duration_ms":
        return round(seconds * 1000)
    if "duration" in name or name == "length":
        return seconds
    if name.endswith("width"):
        return wish.image_size[0]
    if name.endswith("height"):
        return wish.image_size[1]
    if name.endswith("fps"):
        return wish.fps
    if name == "sample_rate":
        return wish.sample_rate
    if name in ("red", "green", "blue", "r", "g", "b"):
        return draw.randrange(256)
    if name.endswith("_ms"):
        return draw.randrange(10, 500)
    if name.endswith("_time"):
        return round(draw.uniform(0.1, 2.0), 3)
    if "box" in name:
        return (0.25, 0.25, 0.75, 0.75)[index % 4]
    if name.startswith("num_") or name.endswith("_count"):
        return wish.count
    if _UNIT.search(name):
        return round(draw.uniform(0.5, 1.0), 4)
    if name == "index" or name.endswith("_index"):
        return index
    if _COUNTED.search(name):
        return draw.randrange(1, 100)
    return round(draw.uniform(0.1, 2.0), 3)


def anything(name: str, draw: Random, index: int) -> Any:
    """Return a value for a field whose type is unknown."""
    if name in ("timings", "metrics"):
        return {"inference": round(draw.uniform(0.1, 2.0), 3)}
    if name == "timestamp":
        return float(index)
    if name in ("words", "timestamps", "chunks"):
        return {"text": "sandbox", "start": 0.0, "end": 1.0}
    if name == "points":
        return {"x": 0.5, "y": 0.5}
    if name == "objects":
        return {"x_min": 0.25, "y_min": 0.25, "x_max": 0.75, "y_max": 0.75}
    return {}
