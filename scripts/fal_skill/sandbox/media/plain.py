"""Pictures of one colour or of plain stripes, of any size, made without any library.

They stand in where Pillow is not installed, and wherever the asked size is too large to draw: none of them ever holds
the raster in memory. A picture of 14142 x 14142 pixels (the largest that fal's ``image_size`` allows) takes
milliseconds as JPEG or WebP and a tenth of a second as PNG.
"""

from __future__ import annotations

import struct
import zlib

MAX_SIDE = 16383
"""Longest side in pixels that all of the formats can express (WebP: 14 bits)."""

_STRIPE = 16
"""Height in rows of one stripe of a PNG."""


def png(width: int, height: int, grey: int = 0x60) -> bytes:
    """Return a PNG of horizontal stripes: a palette of two greys, one bit a pixel, compressed row by row."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    dark, light = bytes([grey]) * 3, bytes([min(255, grey + 32)]) * 3
    row = (width + 7) // 8
    band = (b"\0" + b"\0" * row) * _STRIPE, (b"\0" + b"\xff" * row) * _STRIPE
    packer = zlib.compressobj(1)
    packed = [packer.compress(band[index % 2]) for index in range(height // _STRIPE)]
    packed.append(packer.compress((b"\0" + b"\0" * row) * (height % _STRIPE)))
    packed.append(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        chunk(b"PLTE", dark + light),
        chunk(b"IDAT", b"".join(packed)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg(width: int, height: int) -> bytes:
    """Return a flat grey baseline JPEG.

    The first block states the brightness; every other one says "no difference, no detail", which the Huffman
    tables below write as two bits.
    """

    def segment(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    # One quantisation step of 16, and a first DC difference of 4 steps: 4 * 16 / 8 = 8 levels above mid-grey.
    # DC: category 0 -> "0", category 3 -> "10". AC: end of block -> "0".
    dc_table = segment(0xC4, b"\x00" + bytes([1, 1] + [0] * 14) + bytes([0, 3]))
    ac_table = segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + bytes([0]))
    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    # First block: category 3 ("10"), the value 4 ("100"), end of block ("0"); the others: "0" and "0".
    bits = 6 + 2 * (blocks - 1)
    size = (bits + 7) // 8
    body = bytearray(size)
    body[0] = 0b10100000
    body[-1] |= (1 << (size * 8 - bits)) - 1  # the padding is ones
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            segment(0xDB, b"\x00" + bytes([16]) * 64),
            segment(0xC0, frame),
            dc_table,
            ac_table,
            segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"),
            bytes(body),
            b"\xff\xd9",
        )
    )


def webp(width: int, height: int, grey: int = 0x80) -> bytes:
    """Return a flat lossless WebP: five prefix codes of one symbol each, so that a pixel takes no bit at all."""
    bits = 0
    length = 0

    def put(value: int, count: int) -> None:
        nonlocal bits, length
        bits |= value << length
        length += count

    put(width - 1, 14)
    put(height - 1, 14)
    put(0, 1 + 3)  # no alpha, version 0
    put(0, 3)  # no transform, no colour cache, no meta prefix codes
    for symbol in (grey, grey, grey, 255, 0):  # green, red, blue, alpha, distance
        put(0b101, 3)  # a simple code, of one symbol, of eight bits
        put(symbol, 8)
    data = b"\x2f" + bits.to_bytes((length + 7) // 8 + 1, "little")
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def gif(width: int, height: int, seconds: float = 0.0) -> bytes:
    """Return a GIF: a grey canvas and, when it lasts, two frames that change one pixel in its corner."""
    hundredths = max(0, min(0xFFFF * 2, round(seconds * 100)))
    delays = [hundredths - hundredths // 2, hundredths // 2] if hundredths > 1 else [hundredths]
    parts = [b"GIF89a", struct.pack("<HHBBB", width, height, 0x80, 0, 0), b"\x80\x80\x80\xff\xff\xff"]
    if len(delays) > 1:
        parts.append(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")
    for index, delay in enumerate(delays):
        parts.append(struct.pack("<BBBBHBB", 0x21, 0xF9, 4, 0, delay, 0, 0))
        parts.append(struct.pack("<BHHHHB", 0x2C, 0, 0, 1, 1, 0))
        # LZW of two-bit codes for one pixel: clear (4), the pixel (0 or 1), end (5), three bits each.
        parts.append(b"\x02\x02" + (4 | index << 3 | 5 << 6).to_bytes(2, "little") + b"\x00")
    return b"".join(parts) + b"\x3b"
