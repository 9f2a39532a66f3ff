"""What a file is to be, before it is made: recipes, formats and limits.

A recipe is cheap and states exactly what its file will be (size, length, content type, extension), so that a result can
name the file at once and the bytes are made only when somebody fetches them.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from .plain import MAX_SIDE

IMAGE, VIDEO, AUDIO, MESH, ARCHIVE, WEIGHTS, FILE = "image", "video", "audio", "3d", "archive", "weights", "file"

DRAWN_PIXELS = 9_000_000
"""Pictures of more pixels than this (4K UHD has 8.3 million) are plain stripes or one colour, never drawn."""
VIDEO_PIXELS = 9_000_000
"""Clips of more pixels a frame are scaled down evenly to this."""
MAX_SECONDS = 600.0
"""Longer audio and video is cut to this."""
MAX_WAVE_BYTES = 64_000_000
"""Uncompressed audio beyond this is cut; 600 s of 48 kHz mono are 58 million bytes."""
MIN_SECONDS = 0.1
MAX_FPS = 120.0
MAX_LABEL = 120
"""Characters of a label that are drawn."""

PLAIN_CLIP_SIZE = (320, 180)
PLAIN_CLIP_SECONDS = 2.0
PLAIN_CLIP_FPS = 24.0


class Format(NamedTuple):
    """A file format."""

    kind: str
    content_type: str
    extension: str


FORMATS: dict[str, Format] = {
    "png": Format(IMAGE, "image/png", "png"),
    "jpeg": Format(IMAGE, "image/jpeg", "jpeg"),
    "webp": Format(IMAGE, "image/webp", "webp"),
    "gif": Format(IMAGE, "image/gif", "gif"),
    "svg": Format(IMAGE, "image/svg+xml", "svg"),
    "exr": Format(IMAGE, "image/x-exr", "exr"),
    "mp4": Format(VIDEO, "video/mp4", "mp4"),
    "webm": Format(VIDEO, "video/webm", "webm"),
    "mov": Format(VIDEO, "video/quicktime", "mov"),
    "mkv": Format(VIDEO, "video/x-matroska", "mkv"),
    "mp3": Format(AUDIO, "audio/mpeg", "mp3"),
    "wav": Format(AUDIO, "audio/wav", "wav"),
    "pcm": Format(AUDIO, "audio/pcm", "pcm"),
    "ulaw": Format(AUDIO, "audio/basic", "ulaw"),
    "alaw": Format(AUDIO, "audio/x-alaw-basic", "alaw"),
    "flac": Format(AUDIO, "audio/flac", "flac"),
    "aac": Format(AUDIO, "audio/aac", "aac"),
    "m4a": Format(AUDIO, "audio/mp4", "m4a"),
    "ogg": Format(AUDIO, "audio/ogg", "ogg"),
    "opus": Format(AUDIO, "audio/opus", "opus"),
    "glb": Format(MESH, "model/gltf-binary", "glb"),
    "gltf": Format(MESH, "model/gltf+json", "gltf"),
    "obj": Format(MESH, "model/obj", "obj"),
    "mtl": Format(MESH, "model/mtl", "mtl"),
    "ply": Format(MESH, "application/ply", "ply"),
    "splat": Format(MESH, "application/octet-stream", "splat"),
    "stl": Format(MESH, "model/stl", "stl"),
    "usdz": Format(MESH, "model/vnd.usdz+zip", "usdz"),
    "fbx": Format(MESH, "application/octet-stream", "fbx"),
    "zip": Format(ARCHIVE, "application/zip", "zip"),
    "safetensors": Format(WEIGHTS, "application/octet-stream", "safetensors"),
    "json": Format(FILE, "application/json", "json"),
    "lottie": Format(FILE, "application/json", "json"),
    "txt": Format(FILE, "text/plain", "txt"),
    "srt": Format(FILE, "application/x-subrip", "srt"),
    "bin": Format(FILE, "application/octet-stream", "bin"),
}
"""The formats that can be made, by name."""

DEFAULT_FORMATS = {
    IMAGE: "png",
    VIDEO: "mp4",
    AUDIO: "mp3",
    MESH: "glb",
    ARCHIVE: "zip",
    WEIGHTS: "safetensors",
    FILE: "json",
}
"""The format of a kind when none is asked for."""

_ANIMATED = {VIDEO: ("gif", "webp")}
"""Picture formats that also serve as a clip."""
_NEEDS_AV = {"webm": "mp4", "mov": "mp4", "mkv": "mp4", "aac": "wav", "m4a": "wav", "ogg": "wav", "opus": "wav"}
"""Formats that only PyAV writes, and what is made without it."""


@lru_cache(maxsize=8)
def installed(package: str) -> bool:
    """Whether an optional package can be imported."""
    return importlib.util.find_spec(package) is not None


@dataclass(frozen=True)
class Media:
    """A file."""

    content: bytes
    content_type: str
    extension: str


@dataclass(frozen=True)
class Recipe:
    """What a file will be; calling it returns the bytes, the same ones each time."""

    kind: str
    format: str
    """A name in FORMATS."""
    width: int = 1024
    """Pixels."""
    height: int = 1024
    """Pixels."""
    seconds: float = 5.0
    fps: float = 24.0
    """Frames a second."""
    sample_rate: int = 44100
    """Hz."""
    channels: int = 1
    bitrate: int = 128_000
    """Bits a second, of compressed audio."""
    label: str = ""
    """Drawn on pictures, and the source of their colour."""
    alpha: bool = False
    """Whether a PNG or WebP has a transparent part."""
    sound: bool = False
    """Whether a clip has a sound track."""

    @property
    def content_type(self) -> str:
        """The MIME type of the file."""
        return FORMATS[self.format].content_type

    @property
    def extension(self) -> str:
        """The file name's extension, without the dot."""
        return FORMATS[self.format].extension

    @property
    def frames(self) -> int:
        """Number of frames of a clip."""
        return max(1, round(self.seconds * self.fps))

    @property
    def cheap(self) -> bool:
        """Whether the bytes are made in well under a millisecond."""
        return self.kind in (MESH, ARCHIVE, WEIGHTS, FILE) or self.format in ("svg", "exr")

    def __call__(self) -> bytes:
        """Return the content of the file."""
        from . import making  # the makers are imported when the first file is made

        return making.content(self)

    def media(self) -> Media:
        """Return the file itself."""
        return Media(self(), self.content_type, self.extension)


def _finite(value: float, low: float, high: float) -> float:
    return low if not math.isfinite(value) else min(high, max(low, value))


def _side(value: float) -> int:
    return int(_finite(value, 1, MAX_SIDE))


def _clip(made: Recipe) -> Recipe:
    """Return the recipe with the size that the clip will really have."""
    if made.format == "mp4" and not installed("av"):
        width, height = PLAIN_CLIP_SIZE
        return replace(made, width=width, height=height, seconds=PLAIN_CLIP_SECONDS, fps=PLAIN_CLIP_FPS, sound=False)
    width, height = made.width, made.height
    if width * height > VIDEO_PIXELS:
        scale = math.sqrt(VIDEO_PIXELS / (width * height))
        width, height = int(width * scale), int(height * scale)
    if made.format not in _ANIMATED[VIDEO]:  # the usual pixel format halves the colour planes
        width, height = max(16, width // 2 * 2), max(16, height // 2 * 2)
    return replace(made, width=width, height=height, seconds=made.frames / made.fps)


def recipe(
    kind: str,
    *,
    format: str | None = None,
    width: float = 1024,
    height: float = 1024,
    seconds: float = 5.0,
    fps: float = 24.0,
    sample_rate: int = 44100,
    channels: int = 1,
    bitrate: int = 128_000,
    label: str = "",
    alpha: bool = False,
    sound: bool = False,
) -> Recipe:
    """Return what the file will be, within the limits of this module and with the packages that are installed.

    ``kind`` is image, video, audio, 3d, archive, weights or file; ``format`` a name in FORMATS, where one that does not
    suit the kind means the kind's default. Sides are cut to MAX_SIDE, lengths to MAX_SECONDS. Without PyAV a clip is a
    plain one of two seconds, compressed audio other than MP3 and FLAC becomes WAV, and the recipe says so.
    Raises ValueError for an unknown kind.
    """
    if kind not in DEFAULT_FORMATS:
        raise ValueError(f"unknown kind of media: {kind!r}")
    chosen = format or DEFAULT_FORMATS[kind]
    if chosen not in FORMATS or (FORMATS[chosen].kind != kind and chosen not in _ANIMATED.get(kind, ())):
        chosen = DEFAULT_FORMATS[kind]
    if chosen in _NEEDS_AV and not installed("av"):
        chosen = _NEEDS_AV[chosen]
    made = Recipe(
        kind=kind,
        format=chosen,
        width=_side(width),
        height=_side(height),
        seconds=_finite(seconds, MIN_SECONDS, MAX_SECONDS),
        fps=_finite(fps, 1.0, MAX_FPS),
        sample_rate=int(_finite(sample_rate, 8000, 48000)),
        channels=2 if channels == 2 else 1,
        bitrate=int(_finite(bitrate, 8000, 320_000)),
        label=label[:MAX_LABEL],
        alpha=alpha and chosen in ("png", "webp"),
        sound=sound and kind == VIDEO,
    )
    if kind == VIDEO:
        return _clip(made)
    if kind == AUDIO and chosen in ("wav", "pcm", "flac"):
        longest = MAX_WAVE_BYTES / (made.sample_rate * made.channels * 2)
        return replace(made, seconds=min(made.seconds, longest))
    return made
