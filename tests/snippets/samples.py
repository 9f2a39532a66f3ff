"""Arguments for any model, made from its schema: the required fields, each with the plainest legal value."""

from __future__ import annotations

from typing import Any

from fal_skill.registry import Model

EXTENSIONS = {"image": "png", "video": "mp4", "audio": "mp3", "3d": "glb", "archive": "zip", "weights": "safetensors"}


def sample_arguments(model: Model, *, local_files: bool = False) -> dict[str, Any]:
    """Return a legal call of the model; ``local_files`` puts paths where files belong."""
    schema = model.input_schema
    if schema is None:
        return {"prompt": "a cat"}
    made: dict[str, Any] = _value({**schema, "type": "object"}, local_files, "")
    return made


def _value(schema: dict[str, Any], local_files: bool, name: str) -> Any:
    if "x-file" in schema and schema.get("type", "string") == "string":
        file = f"{name or 'input'}.{EXTENSIONS.get(schema['x-file'], 'bin')}"
        return file if local_files else f"https://example.com/{file}"
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema:
        return _value(schema["anyOf"][0], local_files, name)
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {field: _value(fields.get(field, {}), local_files, field) for field in schema.get("required", ())}
    if kind == "array":
        return [_value(schema.get("items", {}), local_files, name)]
    return {"string": "a rain-soaked neon street", "number": 1, "integer": 1, "boolean": True}.get(str(kind), "value")
