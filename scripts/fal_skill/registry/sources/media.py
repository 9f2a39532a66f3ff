"""Which media a model takes and gives, and the category that follows from them.

The category is a label for people; the media are the facts. Measured against fal's own categories of 1,036 models the
label is equal for nine in ten, and half of the rest are matters of taste: is a talking avatar image- or
audio-to-video?
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..model import Schema
from .names import file_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TEXT_FIELDS = (
    "prompt", "text", "texts", "prompts", "gen_text", "lyrics", "script", "input", "inputs", "messages", "input_text",
    "description", "instruction", "question", "query", "multi_prompt", "lyrics_prompt", "tags", "dialogue", "story",
    "caption", "transcript", "content", "positive_prompt", "edit_instruction", "structured_prompt",
)  # fmt: skip
AUXILIARY = re.compile(
    r"thumbnail|debug|preview|preprocess|visuali[sz]ation|viz_|mask|overlay|config|animations|texture|timings"
)
_MAIN = (
    "images[]", "image", "video", "videos[]", "audio", "audio_file", "audio_url", "audios[]", "model_glb", "model_mesh",
    "diffusers_lora_file", "lora_file",
)  # fmt: skip

_TRAINING = re.compile(
    r"(^|[/_-])(train(er|ing|s)?|fine-?tun(e|ing)|lora-portrait-trainer|turbo-flux-trainer)([/_-]|$)|trainer"
)
_TOKENS = (
    ("text-to-image", "text-to-image"), ("image-to-image", "image-to-image"), ("text-to-video", "text-to-video"),
    ("image-to-video", "image-to-video"), ("video-to-video", "video-to-video"), ("audio-to-video", "audio-to-video"),
    ("speech-to-video", "audio-to-video"), ("text-to-audio", "text-to-audio"), ("text-to-music", "text-to-audio"),
    ("text-to-sound-effects", "text-to-audio"), ("text-to-speech", "text-to-speech"),
    ("text-to-dialogue", "text-to-speech"), ("audio-to-audio", "audio-to-audio"),
    ("speech-to-speech", "speech-to-speech"), ("speech-to-text", "speech-to-text"), ("audio-to-text", "speech-to-text"),
    ("video-to-audio", "video-to-audio"), ("video-to-text", "video-to-text"), ("image-to-3d", "image-to-3d"),
    ("multi-image-to-3d", "image-to-3d"), ("text-to-3d", "text-to-3d"), ("3d-to-3d", "3d-to-3d"),
    ("image-to-text", "vision"), ("text-to-vector", "text-to-image"), ("reference-to-video", "image-to-video"),
    ("first-last-frame-to-video", "image-to-video"), ("image-to-svg", "image-to-image"),
)  # fmt: skip
_SPEECH = re.compile(r"tts|speech|voice|kokoro|dia\b|orpheus|chatterbox|zonos|f5-tts|vibevoice|csm|narrat|dialog")
_TRANSCRIBE = re.compile(r"whisper|speech-to-text|transcri|wizper|asr|scribe|diari|stt")


def output_files(schema: Schema | None) -> list[tuple[str, str, bool]]:
    """Return (path, kind, required) of every file URL in an output schema, the main one first."""
    found = list(_output_files(schema or {}, "", True, 0))

    def rank(item: tuple[str, str, bool]) -> tuple[bool, int, bool, int, str]:
        holder = item[0].removesuffix(".url")
        return (
            AUXILIARY.search(item[0]) is not None and holder not in _MAIN,
            _MAIN.index(holder) if holder in _MAIN else len(_MAIN),
            not item[2],
            item[0].count("."),
            item[0],
        )

    return sorted(found, key=rank)


def _output_files(schema: Schema, prefix: str, required: bool, depth: int) -> Iterator[tuple[str, str, bool]]:
    for name, field in schema.get("properties", {}).items():
        needed = required and name in schema.get("required", ())
        for option in (field, *field.get("anyOf", ())):
            path, inner = prefix + name, option
            while inner.get("type") == "array" and isinstance(inner.get("items"), dict):
                path, inner = path + "[]", inner["items"]
            fields = inner.get("properties", {})
            if "url" in fields:
                yield path + ".url", _output_kind(name, fields), needed
            elif fields and depth < 6:
                yield from _output_files(inner, path + ".", needed, depth + 1)
            elif inner.get("type") == "string" and re.search(r"(^|_)urls?$", name):
                yield path, file_kind(name), needed


def _output_kind(name: str, fields: dict[str, Schema]) -> str:
    kind = file_kind(name)
    if kind == "file" and "fps" in fields:
        return "video"
    if kind == "file" and "width" in fields:
        return "image"
    return kind


def media_out(files: Iterable[tuple[str, str, bool]], schema: Schema | None) -> list[str]:
    """Return the media that the model gives, main one first; ``text`` where it gives no file but some text."""
    listed = list(files)
    main = [kind for path, kind, _ in listed if not AUXILIARY.search(path)] or [kind for _, kind, _ in listed]
    if not main and schema is not None:
        return ["text"] if schema.get("properties") else []
    return list(dict.fromkeys(main))


def with_slug_hint(gives: list[str], slug: str) -> list[str]:
    """Return the media with a bare ``file`` made what the slug says it is (``sam-audio`` gives ``target``, a file)."""
    hint = next((kind for kind in ("audio", "video", "image", "3d") if kind in slug.lower()), "file")
    return list(dict.fromkeys(hint if kind == "file" else kind for kind in gives))


def media_in(files: Iterable[tuple[str, str]], schema: Schema | None) -> list[str]:
    """Return the media that the model takes, ``text`` first where it has a field for text."""
    fields = (schema or {}).get("properties", {})
    kinds = ["text"] if any(name in fields for name in TEXT_FIELDS) else []
    return kinds + sorted({kind for _, kind in files})


def category(slug: str, takes: Iterable[str], needs: Iterable[str], gives: Iterable[str], *, known: bool) -> str:
    """Return the category label.

    Args:
        slug: the endpoint id.
        takes: media of all input fields.
        needs: media of the required input fields.
        gives: media of the output, main one first.
        known: whether a schema stands behind the media.
    """
    name = slug.lower()
    if _TRAINING.search(name):
        return "training"
    for token, label in _TOKENS:
        if token in name:
            return label
    if not known:
        return "unknown"
    taken, needed, given = set(takes), set(needs), list(gives)
    main = next((kind for kind in given if kind in ("video", "3d", "audio", "image", "text", "weights")), "")
    source = needed or (taken - {"text"} if "text" not in taken else set())
    return _from_media(name, main, source, taken)


def _from_media(name: str, main: str, source: set[str], taken: set[str]) -> str:
    if main == "image":
        return "video-to-image" if "video" in source else "image-to-image" if "image" in source else "text-to-image"
    if main == "video":
        for kind, label in (("video", "video-to-video"), ("audio", "audio-to-video"), ("image", "image-to-video")):
            if kind in source:
                return label
        return "text-to-video"
    if main == "audio":
        if "video" in source:
            return "video-to-audio"
        if "audio" in source:
            return "text-to-speech" if "text" in taken and _SPEECH.search(name) else "audio-to-audio"
        return "text-to-speech" if _SPEECH.search(name) else "text-to-audio"
    if main == "3d":
        return "3d-to-3d" if "3d" in source else "image-to-3d" if "image" in source else "text-to-3d"
    if main == "weights":
        return "training"
    if main == "text":
        if "audio" in source or _TRANSCRIBE.search(name):
            return "speech-to-text"
        if "video" in source:
            return "video-to-text"
        if "image" in source or "image" in taken:
            return "vision"
        return "llm" if "text" in taken else "unknown"
    return "unknown"
