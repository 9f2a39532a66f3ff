"""Which media a model takes and gives, and the category that follows from them.

The category is a label for people; the media are the facts. Measured against fal's own categories of 1,036 models the
label is equal for nine in ten, and half of the rest are matters of taste: is a talking avatar image- or
audio-to-video?
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..model import Schema
from .names import file_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TEXT_FIELDS = (
    "prompt", "text", "texts", "prompts", "gen_text", "lyrics", "script", "input", "inputs", "messages", "input_text",
    "description", "instruction", "question", "query", "multi_prompt", "lyrics_prompt", "tags", "dialogue", "story",
    "caption", "transcript", "content", "positive_prompt", "edit_instruction", "structured_prompt", "text_prompt",
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
_EDIT = re.compile(
    r"(^|[/_-])(edit|editor|editing|replace|remove|removal|erase|eraser|inpaint|outpaint|upscale|upscaler|relight|remix|"
    r"restyle|retouch|reframe|expand|colorize|restore)([/_-]|$)"
)
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


class Traits(NamedTuple):
    """What a category is told from."""

    slug: str
    fields: frozenset[str]
    """Names of the top-level input fields."""
    required: frozenset[str]
    takes: frozenset[str]
    """Media of all input fields."""
    offers: frozenset[str]
    """Media of the top-level input fields."""
    needs: frozenset[str]
    """Media of the required input fields."""
    gives: tuple[str, ...]
    """Media of the output, main one first."""

    @property
    def main(self) -> str:
        """The medium that the model is for."""
        order = ("video", "3d", "audio", "image", "text", "weights", "archive")
        return next((kind for kind in self.gives if kind in order), "")

    @property
    def source(self) -> frozenset[str]:
        """The media that it works on: what it needs, or all that it takes where it takes no text."""
        return self.needs or (self.takes - {"text"} if "text" not in self.takes else frozenset())


def category(traits: Traits, *, known: bool) -> str:
    """Return the category label; ``known`` says whether a schema stands behind the media."""
    name = traits.slug.lower()
    if _TRAINING.search(name):
        return "training"
    for token, label in _TOKENS:
        if token in name:
            return label
    if not known:
        return "unknown"
    by_main = {"image": _image, "video": _video, "audio": _audio, "3d": _mesh, "text": _text}
    if traits.main in by_main:
        return by_main[traits.main](traits)
    if traits.main == "weights":
        return "audio-to-audio" if "audio" in traits.source else "training"
    return "image-to-image" if traits.main == "archive" and "image" in traits.source else "unknown"


def _image(traits: Traits) -> str:
    if "video" in traits.source:
        return "video-to-image"
    edits = "image" in traits.offers and _EDIT.search(traits.slug)
    return "image-to-image" if "image" in traits.source or edits else "text-to-image"


def _video(traits: Traits) -> str:
    if "video" in traits.source or ("video" in traits.offers and not traits.required):
        return "video-to-video"
    if {"image", "audio"} <= traits.source and "prompt" not in traits.required:
        return "image-to-video"  # a talking head; with a required prompt the picture is a scene, and the sound leads
    for kind in ("audio", "image"):
        if kind in traits.source:
            return f"{kind}-to-video"
    return "text-to-video"


def _audio(traits: Traits) -> str:
    speech = _SPEECH.search(traits.slug.lower())
    if "video" in traits.source:
        return "video-to-audio"
    if "audio" in traits.source:
        return "text-to-speech" if "text" in traits.takes and speech else "audio-to-audio"
    return "text-to-speech" if speech else "text-to-audio"


def _mesh(traits: Traits) -> str:
    if "3d" in traits.source:
        return "3d-to-3d"
    return "image-to-3d" if "image" in traits.source or "image" in traits.offers else "text-to-3d"


def _text(traits: Traits) -> str:
    if traits.slug.endswith("/realtime"):  # media travel inside the messages, which the types do not tell
        return (
            "image-to-image"
            if "image" in traits.takes
            else "speech-to-speech"
            if "audio" in traits.takes
            else "unknown"
        )
    if "audio" in traits.source or _TRANSCRIBE.search(traits.slug.lower()):
        return "speech-to-text"
    if "video" in traits.source or "video" in traits.offers:
        return "video-to-text"
    if "image" in traits.takes:
        return "vision"
    return "llm" if "text" in traits.takes else "unknown"
