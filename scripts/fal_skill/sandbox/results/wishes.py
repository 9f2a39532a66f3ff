"""What a call asks of its result: how many, how large, how long, in which format."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..media.recipe import AUDIO, DEFAULT_FORMATS, FORMATS, IMAGE, MAX_FPS, MAX_SECONDS, MIN_SECONDS, VIDEO
from .sizes import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ...registry import Model

MAX_COUNT = 32
"""A call that asks for more files than this gets this many; the models on fal stop at 4 to 10."""

_COUNT_FIELDS = ("num_images", "num_samples", "num_outputs", "number_of_images", "num_results", "num_videos",
                 "num_variations", "n", "num_layers", "batch_size", "max_images")  # fmt: skip
_SECOND_FIELDS = ("duration", "duration_seconds", "audio_duration_seconds", "music_duration", "total_seconds",
                  "seconds_total", "seconds", "video_length")  # fmt: skip
_MILLISECOND_FIELDS = ("music_length_ms", "duration_ms")
_FRAME_FIELDS = ("num_frames", "number_of_frames")
_FPS_FIELDS = ("fps", "frames_per_second", "frame_rate", "output_fps", "export_fps")
_FORMAT_FIELDS = ("output_format", "format", "image_format", "video_output_type", "output_container_and_codec",
                  "output_codec", "audio_format", "upload_audio_format", "audio_setting", "geometry_file_format",
                  "target_formats", "output_type")  # fmt: skip
_SPOKEN_FIELDS = ("text", "gen_text", "script", "transcript", "prompt", "text_input", "preview_text")
_LABEL_FIELDS = ("prompt", "text", *_SPOKEN_FIELDS[1:4], "instruction", "lyrics", "description")
_SOUND_FIELDS = ("generate_audio", "generate_audio_switch", "with_audio")

_CHARACTERS_A_SECOND = 15.0
"""Of speech: about 180 words a minute."""
_DEFAULT_SECONDS = {AUDIO: 10.0, VIDEO: 5.0}
_DEFAULT_FPS = 24.0
_TIME = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*(ms|s|sec|secs|seconds?|m|min|mins|minutes?)?\s*", re.IGNORECASE)
_UNITS = {"ms": 0.001, "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0}
_FORMAT_WORDS = {"jpg": "jpeg", "x264": "mp4", "h264": "mp4", "h265": "mp4", "vp9": "webm", "wave": "wav",
                 "raw": "pcm", "prores4444": "mov"}  # fmt: skip
_ENCODED = re.compile(r"(?:mp3|pcm|ulaw|alaw|opus)_(\d{4,6})(?:_(\d{1,3}))?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")

_TRANSPARENT = re.compile(r"background-removal|background/remove|remove-background|rembg|birefnet|transparent|layer")
_VECTOR = re.compile(r"vector|svg")


@dataclass(frozen=True)
class Wish:
    """What a call asks of its result."""

    slug: str
    label: str
    """The prompt or text, or the slug; free of lone surrogates."""
    count: int
    """Number of files in the main list."""
    image_size: tuple[int, int]
    """Width and height in pixels."""
    video_size: tuple[int, int]
    """Width and height in pixels."""
    audio_seconds: float
    video_seconds: float
    fps: float
    format_of: Callable[[str], str]
    """Kind of medium -> name of the format; a function because most results hold one kind of the seven."""
    sample_rate: int
    channels: int
    bitrate: int
    seed: int
    inline: bool
    """Whether files come as data: URIs (``sync_mode``)."""
    hexadecimal: bool
    """Whether sound comes as hexadecimal text where the schema allows it."""
    alpha: bool
    sound: bool
    digest: int
    """What everything that nobody asked for is drawn from."""


def wish(model: Model, arguments: Mapping[str, Any], seed_text: str) -> Wish:
    """Return what these arguments, and the model's defaults where they are silent, ask for; never raises."""
    defaults = {name: field["default"] for name, field in model.properties.items() if "default" in field}
    pools = (arguments, defaults)
    digest = int.from_bytes(hashlib.sha256(f"{model.slug}\n{seed_text}".encode("utf-8", "replace")).digest()[:8], "big")
    seed = arguments.get("seed")
    rate, bitrate = _sampling(pools)
    setting = arguments.get("audio_setting")
    channels = number(setting.get("channel")) if isinstance(setting, dict) else None
    return Wish(
        slug=model.slug,
        label=_label(arguments, model.slug),
        count=_count(pools),
        image_size=_scaled(size(arguments, defaults, video=False), pools),
        video_size=_scaled(size(arguments, defaults, video=True), pools),
        audio_seconds=_seconds(pools, AUDIO, _spoken(model, arguments)),
        video_seconds=_seconds(pools, VIDEO, None),
        fps=_fps(pools),
        format_of=partial(_format, model, pools),
        sample_rate=int(rate or 44100),
        channels=2 if channels == 2 else 1,
        bitrate=int(bitrate or 128_000),
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 1 << 63 else digest >> 33,
        inline=_first(pools, ("sync_mode",)) is True,
        hexadecimal=_first(pools, ("output_format",)) == "hex",
        alpha=_TRANSPARENT.search(model.slug) is not None,
        sound=_sound(model, pools),
        digest=digest,
    )


def number(value: Any) -> float | None:
    """Return a finite number that was given as a number or as digits; None for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) and len(value) < 40:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        made = float(value)
    except OverflowError:
        return None
    return made if math.isfinite(made) else None


def printable(text: str) -> str:
    """Return text that can be sent as UTF-8: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def seconds_in(value: Any, unit: float = 1.0) -> float | None:
    """Return the seconds that a value such as ``5``, ``"8s"`` or ``"2 min"`` means; None where it means none."""
    if isinstance(value, str):
        match = _TIME.fullmatch(value)
        return None if match is None else float(match[1]) * _UNITS.get((match[2] or "s").lower(), unit)
    plain = number(value)
    return None if plain is None else plain * unit


def format_in(value: Any, kind: str) -> str | None:
    """Return the format of that kind that a value names: ``jpg``, ``mp3_44100_128``, ``X264 (.mp4)``, ``mp4_h265``."""
    if isinstance(value, dict):
        return format_in(value.get("format") or value.get("container"), kind)
    if isinstance(value, list):
        return next((found for item in value[:8] if (found := format_in(item, kind))), None)
    if not isinstance(value, str):
        return None
    words = re.split(r"[^a-z0-9]+", value.lower()[:64])
    named = [word for word in words if word in FORMATS] + [
        _FORMAT_WORDS[word] for word in words if word in _FORMAT_WORDS
    ]
    for name in named:
        if FORMATS[name].kind == kind or (kind == VIDEO and name in ("gif", "webp")):
            return name
    return None


def _values(pools: tuple[Mapping[str, Any], ...], names: tuple[str, ...]) -> Iterator[Any]:
    for pool in pools:
        for name in names:
            if pool.get(name) is not None:
                yield pool[name]


def _first(pools: tuple[Mapping[str, Any], ...], names: tuple[str, ...]) -> Any:
    return next(_values(pools, names), None)


def _label(arguments: Mapping[str, Any], slug: str) -> str:
    for value in _values((arguments,), _LABEL_FIELDS):
        if isinstance(value, str) and value.strip():
            return printable(value)
    return slug


def _count(pools: tuple[Mapping[str, Any], ...]) -> int:
    for value in _values(pools, _COUNT_FIELDS):
        asked = number(value)
        if asked is not None:
            return int(max(1, min(asked, MAX_COUNT)))
    return 1


def _scaled(asked: tuple[int, int], pools: tuple[Mapping[str, Any], ...]) -> tuple[int, int]:
    factor = number(_first(pools, ("upscale_factor",)))
    if factor is None or factor <= 1:
        return asked
    factor = min(factor, 8192 / max(asked)) if max(asked) < 8192 else 1
    return int(asked[0] * factor), int(asked[1] * factor)


def _seconds(pools: tuple[Mapping[str, Any], ...], kind: str, spoken: float | None) -> float:
    for pool in pools:
        times = [seconds_in(value) for value in _values((pool,), _SECOND_FIELDS)]
        times += [seconds_in(value, 0.001) for value in _values((pool,), _MILLISECOND_FIELDS)]
        times += [
            frames / _fps(pools) for value in _values((pool,), _FRAME_FIELDS) if (frames := number(value)) is not None
        ]
        for found in times:
            if found is not None and found > 0:
                return max(MIN_SECONDS, min(found, MAX_SECONDS))
    return spoken or _DEFAULT_SECONDS[kind]


def _spoken(model: Model, arguments: Mapping[str, Any]) -> float | None:
    """Return how long the text takes to speak, for models that speak."""
    if model.category not in ("text-to-speech", "speech-to-speech") and "voice" not in model.properties:
        return None
    for value in _values((arguments,), _SPOKEN_FIELDS):
        if isinstance(value, str):
            return round(max(0.5, min(len(value) / _CHARACTERS_A_SECOND, MAX_SECONDS)), 2)
    return None


def _fps(pools: tuple[Mapping[str, Any], ...]) -> float:
    for value in _values(pools, _FPS_FIELDS):
        asked = number(value)
        if asked is not None and asked > 0:
            return max(1.0, min(asked, MAX_FPS))
    return _DEFAULT_FPS


def _format(model: Model, pools: tuple[Mapping[str, Any], ...], kind: str) -> str:
    for value in _values(pools, _FORMAT_FIELDS):
        named = format_in(value, kind)
        if named:
            return named
    if kind == IMAGE and _VECTOR.search(model.slug):
        return "svg"
    if kind == IMAGE and str(_first(pools, ("style",)) or "").startswith("vector_illustration"):
        return "svg"
    # A list of choices without a known default: the first of them.
    inputs = model.properties
    for name in _FORMAT_FIELDS:
        for choice in inputs.get(name, {}).get("enum", ()):
            named = format_in(choice, kind)
            if named:
                return named
    return DEFAULT_FORMATS[kind]


def _sampling(pools: tuple[Mapping[str, Any], ...]) -> tuple[float | None, float | None]:
    """Return the sample rate in Hz and the bit rate in bits a second that are asked for."""
    rate = bitrate = None
    for value in _values(pools, ("sample_rate", "output_format", "audio_setting")):
        if isinstance(value, dict):
            rate = rate or number(value.get("sample_rate"))
            bitrate = bitrate or number(value.get("bitrate") or value.get("bit_rate"))
        elif isinstance(value, str) and (match := _ENCODED.fullmatch(value)):
            rate, bitrate = rate or float(match[1]), bitrate or (float(match[2]) * 1000 if match[2] else None)
        elif isinstance(value, str) and value.lower().endswith("khz"):
            rate = rate or (number(value[:-3]) or 0) * 1000
        else:
            rate = rate or number(value)
    limits = (8000, 48000), (8000, 320_000)
    asked = (rate, bitrate)
    return tuple(  # type: ignore[return-value]
        None if not value else max(low, min(value, high)) for value, (low, high) in zip(asked, limits, strict=True)
    )


def _sound(model: Model, pools: tuple[Mapping[str, Any], ...]) -> bool:
    asked = _first(pools, _SOUND_FIELDS)
    return asked is True or (asked is None and "audio" in model.media_in)
