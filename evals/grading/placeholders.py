"""Stand-ins for the files that only a task's user has: pictures, masks, sound, archives, tables."""

from __future__ import annotations

import io
import random
import zipfile
from functools import lru_cache
from typing import Any

from fal_skill.errors import UnavailableError

from .tasks import Input

GRAIN_SEED = 1
MAX_ROWS = 16
"""Rows of a task's table that are laid out: the rest would be the same call again, and a minute of waiting."""
ARCHIVED = 24
"""Pictures in an archive that a task's user has."""
KINDS = {
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif"), "image"),
    **dict.fromkeys(("mp4", "mov", "webm"), "video"),
    **dict.fromkeys(("mp3", "wav", "m4a", "ogg", "flac"), "audio"),
    "zip": "archive",
    "glb": "3d",
}
TABLES = {
    "csv": b"id,prompt\n1,a lighthouse at dusk\n2,a kettle at dawn\n",
    "txt": b"a lighthouse at dusk\na kettle at dawn\n",
    "jsonl": b'{"id": 1, "prompt": "a lighthouse at dusk"}\n{"id": 2, "prompt": "a kettle at dawn"}\n',
}


def shortened(path: str, data: bytes) -> bytes:
    """Return a task's file as it is laid out: of a table its header and first rows."""
    if not path.endswith(".csv"):
        return data
    rows = data.decode("utf-8", "replace").splitlines(keepends=True)
    return "".join(rows[: MAX_ROWS + 1]).encode()


@lru_cache(maxsize=64)
def placeholder(given: Input) -> bytes:
    """Return a real file of the input's kind, in the format that its name asks for where that can be made."""
    if given.kind == "mask":
        return _mask(given)
    content = _made(given)
    return _grained(content) if given.kind == "image" else content


def _mask(given: Input) -> bytes:
    """Return a PNG mask: black, with a white band from side to side."""
    from PIL import Image

    mask = Image.new("L", (given.width, given.height), 0)
    mask.paste(255, (0, given.height // 3, given.width, given.height // 3 + max(1, given.height // 24)))
    target = io.BytesIO()
    mask.save(target, "PNG")
    return target.getvalue()


def _grained(content: bytes) -> bytes:
    """Return a picture with grain on it, as photographs have: programs rightly refuse what has no detail."""
    from PIL import Image, ImageChops, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(content))
        image.load()
    except (UnidentifiedImageError, OSError):
        return content
    kind, mode = image.format, image.mode
    if kind not in ("JPEG", "PNG", "WEBP") or mode not in ("RGB", "L"):
        return content
    side = 256
    grain = Image.frombytes("L", (side, side), random.Random(GRAIN_SEED).randbytes(side * side))
    sheet = Image.new("L", image.size)
    for left in range(0, image.width, side):
        for top in range(0, image.height, side):
            sheet.paste(grain, (left, top))
    # One part of grain in six: the picture beneath, and the name that stands on it, stay readable.
    target = io.BytesIO()
    ImageChops.blend(image, sheet.convert(mode), 1 / 6).save(target, kind)
    return target.getvalue()


def _made(given: Input) -> bytes:
    from fal_skill.sandbox import media

    suffix = given.path.rpartition(".")[2].lower()
    if given.kind == "archive":
        return _archive(given)
    wishes: dict[str, Any] = {
        "format": {"jpg": "jpeg"}.get(suffix, suffix),
        "width": given.width,
        "height": given.height,
        "seconds": given.seconds,
        "label": given.path,  # two files of one kind are not the same file
    }
    for attempt in (wishes, {}):
        try:
            return bytes(media.make(given.kind, **attempt).content)
        except (ValueError, KeyError, UnavailableError):
            continue
    return b"placeholder\n"


def _archive(given: Input) -> bytes:
    """Return a zip of pictures, as trainers take."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(1, ARCHIVED + 1):
            picture = Input(f"drawing-{number:02}.jpg", "image", given.width, given.height)
            entry = zipfile.ZipInfo(picture.path, (2026, 1, 1, 0, 0, 0))  # the same bytes every time
            archive.writestr(entry, placeholder(picture))
    return content.getvalue()


def made_up(path: str) -> bytes:
    """Return a file that a program turned out to need: a table, or a medium of the kind that its name has."""
    suffix = path.rpartition(".")[2].lower()
    return TABLES.get(suffix) or placeholder(Input(path, KINDS[suffix]))
