"""Documents: JSON, text, subtitles, archives, weights."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import TYPE_CHECKING

from . import plain

if TYPE_CHECKING:
    from .recipe import Recipe

_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every member of an archive, so that the same archive has the same bytes."""


def document(recipe: Recipe) -> bytes:
    """Return the content of an archive, weights or a plain file."""
    if recipe.format == "zip":
        return archive(
            {
                "frame_0001.png": plain.png(64, 64, 0x40),
                "frame_0002.png": plain.png(64, 64, 0x80),
                "metadata.json": _json({"made_by": "sandbox", "label": recipe.label}),
            }
        )
    if recipe.format == "safetensors":
        return _safetensors()
    if recipe.format == "lottie":
        frames = max(1, recipe.frames)
        size = {"w": recipe.width, "h": recipe.height}
        return _json({"v": "5.7.0", "fr": recipe.fps, "ip": 0, "op": frames, **size, "nm": "sandbox", "layers": []})
    if recipe.format == "txt":
        return f"{recipe.label or 'sandbox'}\n".encode("utf-8", "replace")
    if recipe.format == "srt":
        line = " ".join(recipe.label.split()) or "sandbox"
        return f"1\n00:00:00,000 --> 00:00:01,000\n{line}\n".encode("utf-8", "replace")
    if recipe.format == "bin":
        return bytes(range(256))
    return _json({"made_by": "sandbox", "label": recipe.label})


def archive(members: dict[str, bytes], alignment: int = 1) -> bytes:
    """Return a ZIP of these members, uncompressed, with each member's data at a multiple of ``alignment`` bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as pack:
        for name, data in members.items():
            member = zipfile.ZipInfo(name, _DATE)
            start = target.tell() + 30 + len(name.encode())  # 30: the fixed part of a local file header
            padding = -start % alignment
            if padding:
                padding += alignment if padding < 4 else 0  # an extra field is at least its own header of 4 bytes
                member.extra = struct.pack("<HH", 0x1986, padding - 4) + b"\0" * (padding - 4)
            pack.writestr(member, data)
    return target.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"


def _safetensors() -> bytes:
    """Return weights of two tensors of zeros in the safetensors format: header length, JSON header, data."""
    header: dict[str, object] = {"__metadata__": {"format": "pt", "made_by": "sandbox"}}
    size = 4 * 4 * 2
    for index, name in enumerate(("lora_A.weight", "lora_B.weight")):
        header[name] = {"dtype": "F16", "shape": [4, 4], "data_offsets": [index * size, (index + 1) * size]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"\0" * (2 * size)
