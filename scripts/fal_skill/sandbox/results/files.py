"""Which file belongs into a field of a result, and what can be said of it."""

from __future__ import annotations

import base64
import math
import re
import zlib
from typing import TYPE_CHECKING, Any

from ...registry.sources.names import file_kind
from ..media.recipe import ARCHIVE, AUDIO, FILE, FORMATS, IMAGE, MESH, VIDEO, WEIGHTS, Recipe, recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...registry import Model
    from .wishes import Wish

_NAMED = (
    (re.compile(r"exr_frames|frames_zip|dataset|_dir(_|$)|preprocessed_(data|output)|archive"), "zip"),
    (re.compile(r"(^|_)(glb|gltf|fbx|obj|usdz|mtl|ply|stl|zip|svg|json|lottie|exr|srt|txt)s?(_|$)"), ""),
    (re.compile(r"caption_file|subtitle"), "srt"),
    (re.compile(r"gaussian|splats?(_|$)|world_file"), "ply"),
    (re.compile(r"config|timings|metadata|captions"), "json"),
    (re.compile(r"lora|safetensors|speaker_embedding"), "safetensors"),
    (re.compile(r"latents|raw_depths"), "bin"),
)
"""What a field's name says of its file's format; the empty string means the word itself."""
_STREAM_FACTS = ("bitrate", "container", "level", "pixel_format", "profile", "video_codec")
_STEM = re.compile(r"_?(url|file)$")
_PREVIEW = 4
"""The sides of a partial result's pictures are divided by this."""


def field_format(name: str) -> str | None:
    """Return the format that a field's name states, such as ``glb`` for ``running_armature_glb``."""
    for pattern, made in _NAMED:
        match = pattern.search(name)
        if match:
            return made or match[2]
    return None


def field_recipe(model: Model, wish: Wish, name: str, kind: str | None, index: int, step: tuple[int, int]) -> Recipe:
    """Return what the file of a result's field is to be.

    Args:
        model: whose result it is.
        wish: what the call asks for.
        name: the field that holds the file object or URL.
        kind: its medium where the registry knows it.
        index: its place in its list.
        step: (n, count) of a stream's events; all but the last one are previews.
    """
    known = kind or file_kind(name)
    given = [medium for medium in model.media_out if medium not in ("text", FILE)]
    stated = field_format(name)
    if stated and (known in (FILE, FORMATS[stated].kind, ARCHIVE) or stated in ("zip", "mtl")):
        known = FORMATS[stated].kind
    elif known == FILE and "color" in name:
        known = IMAGE
    elif known == FILE and len(given) == 1:
        known = given[0]
    if known not in (IMAGE, VIDEO, AUDIO, MESH, ARCHIVE, WEIGHTS):
        known = FILE
    number, count = step
    last = number >= count
    filmed = known == VIDEO or ("video" in given and IMAGE not in given)  # a clip's thumbnail has the clip's shape
    width, height = wish.video_size if filmed else wish.image_size
    label = f"{wish.slug}: {wish.label}" if wish.label != wish.slug else wish.slug
    return recipe(
        known,
        format=stated if stated and FORMATS[stated].kind == known else wish.format_of(known),
        width=width if last else max(1, width // _PREVIEW),
        height=height if last else max(1, height // _PREVIEW),
        seconds=wish.video_seconds if known == VIDEO else wish.audio_seconds,
        fps=wish.fps,
        sample_rate=wish.sample_rate,
        channels=wish.channels,
        bitrate=wish.bitrate,
        label=(f"{index + 1}. " if index else "") + (label if last else f"step {number} of {count}, {label}"),
        alpha=wish.alpha and not (known == IMAGE and "mask" in name),
        sound=wish.sound,
    )


def file_name(name: str, path: str, made: Recipe, index: int, digest: int) -> str:
    """Return a name for the file, unlike those of other calls and of other places in the result."""
    stem = re.sub(r"\W", "_", _STEM.sub("", name)) or "output"
    place = digest ^ zlib.crc32(f"{path} {index}".encode("utf-8", "replace"))
    return f"{stem}_{place:016x}.{made.extension}"


def data_uri(content: bytes, content_type: str) -> str:
    """Return the file as a data: URI."""
    return f"data:{content_type};base64,{base64.b64encode(content).decode()}"


def published(
    made: Recipe, name: str, wish: Wish, publish: Callable[[Any, str, str], str], *, eager: bool
) -> tuple[str, int | None]:
    """Return the file's URL, and its size in bytes where its content had to be made; else it is made when fetched."""
    if wish.inline:
        content = made()
        return data_uri(content, made.content_type), len(content)
    if eager or made.cheap:
        content = made()
        return publish(content, made.content_type, name), len(content)
    return publish(made, made.content_type, name), None


def facts(made: Recipe, url: str, name: str, size: int | None) -> dict[str, Any]:
    """Return all that can be said of a file, by the names that fal's file objects use.

    A fact that is not known is absent. ``bitrate`` of a clip or of uncompressed sound follows from its size.
    """
    known: dict[str, Any] = {"url": url, "content_type": made.content_type, "file_name": name, "media_type": made.kind}
    if size is not None:
        known["file_size"] = size
    if made.kind in (IMAGE, VIDEO):
        known |= {"width": made.width, "height": made.height, "aspect_ratio": _ratio(made.width, made.height)}
        known["resolution"] = {name: known[name] for name in ("width", "height", "aspect_ratio")}
    if made.kind == VIDEO:
        rate = round(made.fps) if float(made.fps).is_integer() else made.fps
        frames = {"fps": rate, "num_frames": made.frames, "frame_count": made.frames, "duration": made.seconds}
        coded = {"webm": "vp8", "gif": "gif", "webp": "webp"}.get(made.format, "h264")
        known |= frames | {"codec": coded, "video_codec": coded, "container": made.format, "timebase": f"1/{rate}"}
        known |= {"pixel_format": "yuv420p", "profile": "Constrained Baseline", "level": 31}
    if made.kind == AUDIO:
        known |= {"duration": made.seconds, "sample_rate": made.sample_rate, "channels": made.channels}
        known |= {
            "codec": {"wav": "pcm_s16le", "pcm": "pcm_s16le"}.get(made.format, made.format),
            "container": made.format,
        }
        known["bitrate"] = made.bitrate
    if size is not None and (made.kind == VIDEO or made.format in ("wav", "pcm", "flac")):
        known["bitrate"] = round(size * 8 / made.seconds)
    if made.kind == VIDEO:
        known["format"] = {fact: known[fact] for fact in _STREAM_FACTS if fact in known}
    return known


def _ratio(width: int, height: int) -> str:
    divisor = math.gcd(width, height)
    return f"{width // divisor}:{height // divisor}"
