"""Pictures: a gradient in the label's colour with the label on it, drawn by Pillow; plain ones without it."""

from __future__ import annotations

import hashlib
import io
import struct
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from . import plain
from .recipe import DRAWN_PIXELS, installed

if TYPE_CHECKING:
    from PIL.Image import Image

    from .recipe import Recipe

_EXR_SIDE = 256
"""An EXR is uncompressed floats, so its sides are kept small."""


def picture(recipe: Recipe) -> bytes:
    """Return the content of a picture of exactly the recipe's size (EXR: at most 256 pixels a side)."""
    if recipe.format == "svg":
        return _svg(recipe)
    if recipe.format == "exr":
        return _exr(min(recipe.width, _EXR_SIDE), min(recipe.height, _EXR_SIDE))
    if recipe.width * recipe.height > DRAWN_PIXELS or not installed("PIL"):
        return plain_picture(recipe)
    target = io.BytesIO()
    image = drawn(recipe)
    if recipe.format == "jpeg":
        image.save(target, "JPEG", quality=75)
    elif recipe.format == "webp":
        image.save(target, "WEBP", quality=60, method=0)
    elif recipe.format == "gif":
        image.convert("P").save(target, "GIF")
    else:
        image.save(target, "PNG", compress_level=1)
    return target.getvalue()


def plain_picture(recipe: Recipe) -> bytes:
    """Return a picture without a drawing, made without a library."""
    if recipe.format == "jpeg":
        return plain.jpeg(recipe.width, recipe.height)
    if recipe.format == "webp":
        return plain.webp(recipe.width, recipe.height)
    if recipe.format == "gif":
        return plain.gif(recipe.width, recipe.height)
    return plain.png(recipe.width, recipe.height)


def colours(label: str) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return the dark and the light colour (RGB) that belong to a label."""
    digest = hashlib.sha256(label.encode("utf-8", "replace")).digest()
    red, green, blue = (value // 2 for value in digest[:3])
    return (red, green, blue), (255 - red // 2, 255 - green // 2, 255 - blue // 2)


def drawn(recipe: Recipe) -> Image:
    """Return the picture as a Pillow image: RGB, or RGBA where a transparent part is wanted."""
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    dark, light = colours(recipe.label)
    ramp = Image.linear_gradient("L").resize((recipe.width, recipe.height), Image.Resampling.NEAREST)
    image = ImageOps.colorize(ramp, dark, light)
    if recipe.label and recipe.width >= 64 and recipe.height >= 32:
        size = max(10, min(recipe.width // 32, recipe.height // 8))
        text = recipe.label.encode("ascii", "replace").decode("ascii")
        columns = max(8, int(recipe.width / (size * 0.6)) - 2)
        lines = [text[start : start + columns] for start in range(0, len(text), columns)][:4]
        ImageDraw.Draw(image).text((size, size), "\n".join(lines), fill=light, font=ImageFont.load_default(size))
    if recipe.alpha:
        image.putalpha(Image.radial_gradient("L").point(lambda value: 0 if value > 120 else 255).resize(image.size))
    return image


def _svg(recipe: Recipe) -> bytes:
    dark, light = (f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colours(recipe.label))
    text = escape("".join(char for char in recipe.label if char.isprintable()))
    width, height = recipe.width, recipe.height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<rect width="100%" height="100%" fill="{dark}"/>'
        f'<circle cx="50%" cy="50%" r="{min(width, height) // 4}" fill="{light}"/>'
        f'<text x="5%" y="10%" fill="{light}">{text}</text></svg>\n'
    ).encode("utf-8", "replace")


def _exr(width: int, height: int) -> bytes:
    """Return an uncompressed OpenEXR picture of three half-float channels: a grey ramp from top to bottom."""

    def attribute(name: str, kind: str, data: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(data)) + data

    channel = struct.pack("<IBxxxII", 1, 0, 1, 1)  # half float, linear, no subsampling
    window = struct.pack("<iiii", 0, 0, width - 1, height - 1)
    header = b"".join(
        (
            b"\x76\x2f\x31\x01\x02\0\0\0",
            attribute("channels", "chlist", b"".join(name + b"\0" + channel for name in (b"B", b"G", b"R")) + b"\0"),
            attribute("compression", "compression", b"\0"),
            attribute("dataWindow", "box2i", window),
            attribute("displayWindow", "box2i", window),
            attribute("lineOrder", "lineOrder", b"\0"),
            attribute("pixelAspectRatio", "float", struct.pack("<f", 1.0)),
            attribute("screenWindowCenter", "v2f", struct.pack("<ff", 0.0, 0.0)),
            attribute("screenWindowWidth", "float", struct.pack("<f", 1.0)),
            b"\0",
        )
    )
    size = width * 3 * 2
    first = len(header) + 8 * height
    offsets = b"".join(struct.pack("<Q", first + row * (size + 8)) for row in range(height))
    rows = (
        struct.pack("<iI", row, size) + struct.pack("<e", (row + 1) / height) * (width * 3) for row in range(height)
    )
    return header + offsets + b"".join(rows)
