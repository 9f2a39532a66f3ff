"""Results that fit a model's output schema and the call that asks for them.

Everything nobody asked for is drawn from the slug and the ``seed_text``, so that the same call gives the same result.
Files are handed to ``publish`` as recipes: they cost nothing until somebody fetches them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .examples import minimal_arguments

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ...registry import Model, Schema

    Publish: TypeAlias = Callable[[bytes | Callable[[], bytes], str, str], str]
    """``publish(content or what makes it, content_type, file_name)`` returns the file's URL."""

__all__ = ["make_result", "minimal_arguments", "stream_events"]

_FILE: Schema = {
    "type": "object",
    "properties": {"url": {"type": "string"}, "content_type": {"type": "string"}, "file_name": {"type": "string"}},
    "required": ["url"],
}
_UNKNOWN_OUTPUTS: dict[str, Schema] = {
    "image": {"images": {"type": "array", "items": _FILE}},
    "video": {"video": _FILE},
    "audio": {"audio": _FILE},
    "3d": {"model_mesh": _FILE},
    "weights": {"lora_file": _FILE},
    "training": {"lora_file": _FILE},
}
"""Outputs of models whose schema the registry lacks, by the medium that it says they give."""


def make_result(model: Model, arguments: dict[str, Any], seed_text: str, publish: Publish) -> dict[str, Any]:
    """Return a result for this call.

    It validates against ``model.output_schema``. It has as many files as asked for (at most wishes.MAX_COUNT), of the
    asked size, length and format, echoes the seed and the prompt, and with ``sync_mode`` holds data: URIs. Input files
    are not read: where a size would follow from an input's, it is 1024 x 1024 (720p for clips). ``file_size`` is
    stated only where it is required or cheap to know.

    Args:
        model: the endpoint.
        arguments: a call in which ``check_arguments`` finds no error; with others the result is merely less apt.
        seed_text: what makes this call's result differ from another's, such as its arguments as text.
        publish: takes each file (its content, or a callable that returns it), and returns its URL.
    """
    return _event(model, arguments, seed_text, publish, (1, 1))


def stream_events(
    model: Model, arguments: dict[str, Any], seed_text: str, publish: Publish, count: int
) -> list[dict[str, Any]]:
    """Return the events of a streamed call; the last one is what ``make_result`` returns.

    The earlier ones fit the output schema too: their pictures are small previews, their texts are cut short, and
    ``partial`` is true where the schema has it.
    """
    steps = max(1, count)
    return [_event(model, arguments, seed_text, publish, (number, steps)) for number in range(1, steps + 1)]


def _event(
    model: Model, arguments: dict[str, Any], seed_text: str, publish: Publish, step: tuple[int, int]
) -> dict[str, Any]:
    from .build import Builder

    schema = model.output_schema
    if schema is None:
        medium = next(iter(model.media_out), model.category.rpartition("-to-")[2])
        fields = _UNKNOWN_OUTPUTS.get(medium, {"output": {"type": "string"}})
        schema = {"type": "object", "properties": fields}
    made = Builder(model, arguments, seed_text, publish, step).result(schema)
    return made if isinstance(made, dict) else {"output": made}
