"""A minimal valid call of a model, made from its input schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...registry.sources.names import file_kind
from .schemas import DEEPEST, bounded, empty, fits, main_type, settled, shaped

if TYPE_CHECKING:
    from ...registry import Model, Schema

_PROMPT = "A red fox in the snow"
_SPEECH = "Hello, this is a red fox."
_EXTENSIONS = {
    "image": "png", "video": "mp4", "audio": "mp3", "3d": "glb", "archive": "zip", "weights": "safetensors",
    "file": "bin",
}  # fmt: skip
_STEM_EXTENSIONS = {"media": "mp4", "impulse_response": "wav", "input_file": "glb"}
_TEXT_FIELDS = ("prompt", "text", "gen_text", "script", "lyrics", "instruction", "description", "messages")
_FILE_NAME = re.compile(r"(^|_)(url|urls)$|^(image|images|garment_image|model_image|mask|video)$")
_STEM = re.compile(r"_?urls?$")
_TEXTS = {
    "language": "en", "language_code": "en", "target_lang": "es", "color": "#336699", "voice": "Rachel",
    "id": "example", "negative_prompt": "blurry", "trigger_phrase": "TOK",

    "keypoints": '{"x": 100, "y": 100, "type": "positive"}', "audio": "UklGRiQAAABXQVZF", "target_sizes": "1024x1024",
    "text": _SPEECH, "transcript": _SPEECH, "script": _SPEECH, "gen_text": _SPEECH, "texts": _SPEECH,
    "text_input": _SPEECH,
    "first_text_input": _SPEECH, "second_text_input": _SPEECH, "preview_text": _SPEECH, "tags": "folk, acoustic",
    "original_tags": "folk, acoustic", "lyrics": "A red fox runs through the snow tonight", "city_name": "Paris",
    "model": "google/gemini-2.5-flash", "instruction": "Add a red fox",
    "lyrics_prompt": "[verse]\nA red fox in the snow",
}  # fmt: skip
"""Texts for fields whose name asks for something special."""
_NUMBERS = {
    "x1": 10, "y1": 10, "x2": 100, "y2": 100, "x_min": 10, "y_min": 10, "x_max": 100, "y_max": 100, "start": 0,
    "end": 1, "start_s": 0, "end_s": 1, "mask_start_seconds": 0, "mask_end_seconds": 1, "index": 0, "duration": 5,
    "canvas_size": 1024, "width": 1024, "height": 1024, "strength": 0.5, "scale": 1,
}  # fmt: skip


def minimal_arguments(model: Model) -> dict[str, Any]:
    """Return the smallest plausible call: the required fields, or a text (else a file) where none is required
    but one exists.

    Choices take the first legal value, file fields an https URL with the right extension. ``check_arguments`` finds no
    error in it. Empty for a model without a schema.
    """
    schema = settled(model.input_schema or {})
    fields = schema.get("properties", {})
    names = list(schema.get("required", ()))
    if not names:
        files = [item.path for item in model.file_inputs if item.path in fields]
        names = ([name for name in _TEXT_FIELDS if name in fields] or files)[:1]
    return {name: example(name, fields.get(name, {}), 0) for name in names}


def example(name: str, schema: Schema, depth: int) -> Any:
    """Return a plausible value for an input field."""
    if isinstance(schema.get("default"), (str, int, float, bool)) and not depth and schema["default"] != "":
        return schema["default"]
    schema = settled(schema)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = main_type(schema)
    if depth > DEEPEST:
        return empty(kind)
    if kind == "object":
        fields = schema.get("properties", {})
        # Where nothing is required, an empty object would say nothing: files and choices, else numbers, make it speak.
        needed = (
            schema.get("required")
            or [key for key, part in fields.items() if "x-file" in part or "enum" in part]
            or [key for key, part in fields.items() if main_type(part) in ("number", "integer")]
        )
        holder = name if _FILE_NAME.search(name) and name.endswith("url") else f"{name}_url"
        return {key: example(holder if key == "url" else key, fields.get(key, {}), depth + 1) for key in needed}
    if kind == "array":
        inner = schema.get("items") if isinstance(schema.get("items"), dict) else {}
        least = schema.get("minItems", 1)
        count = max(1, least, 2 if "crop" in name or name == "canvas_size" else 1)
        if "x-file" in schema and "x-file" not in (inner or {}):
            inner = {**(inner or {}), "x-file": schema["x-file"]}
        return [example(name, inner or {}, depth + 1) for _ in range(count)]
    if kind in ("number", "integer"):
        return bounded(_NUMBERS.get(name, 1), schema)
    if kind == "boolean":
        return False
    if kind == "null":
        return None
    if kind == "any" and "crop" in name:
        return 0.25
    return _text(name, schema)


def _text(name: str, schema: Schema) -> str:
    by_name = _FILE_NAME.search(name) and fits("https://example.com/image.png", schema)
    medium = schema.get("x-file") or (file_kind(name) if by_name else None)
    if medium is None and name in ("path", "model_name") and schema.get("type") == "string":
        medium = "weights"
    if medium:
        stem = _STEM.sub("", name) or "file"
        return f"https://example.com/{stem}.{_STEM_EXTENSIONS.get(stem) or _EXTENSIONS.get(medium, 'bin')}"
    usual = _PROMPT if "prompt" in name else "example" if name.endswith("_id") else "a red fox"
    return shaped(_TEXTS.get(name, usual), schema)
