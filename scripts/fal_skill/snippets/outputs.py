"""Where a model's answer stands in its result, as code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..literals import javascript_literal, python_literal

if TYPE_CHECKING:
    from ..registry import Model

TEXT_FIELDS = ("output", "text", "results", "result", "response", "answer", "caption", "transcript", "prompt")
"""Names under which endpoints return their text, the usual ones first (registry of 2026-08)."""

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")


class Output(NamedTuple):
    """The part of a result that the user asked the model for."""

    path: str
    """Dotted path as in :class:`MediaPath`: ``images[].url``, ``video.url``, ``text``; empty: the whole result."""
    is_file: bool
    required: bool
    """Whether the schema promises it."""
    kind: str
    """image, video, audio, 3d, archive, weights, file, text, or unknown."""

    @property
    def suffix(self) -> str:
        """The usual file name ending of such a file, or nothing."""
        return _SUFFIXES.get(self.kind, "")

    @property
    def poll_interval(self) -> float:
        """Seconds between two looks at a job: half for what takes seconds, two for what takes minutes."""
        return 2 if self.kind in ("video", "3d", "weights") else 0.5


_SUFFIXES = {
    "image": ".png", "video": ".mp4", "audio": ".mp3", "3d": ".glb", "archive": ".zip", "weights": ".safetensors",
}  # fmt: skip


def main_output(model: Model) -> Output:
    """Return the model's main file, else its text, else the whole result."""
    if model.file_outputs:
        path, kind, required = model.file_outputs[0]
        return Output(path, True, required, kind)
    schema = model.output_schema or {}
    texts = [name for name, field in schema.get("properties", {}).items() if field.get("type") == "string"]
    for name in TEXT_FIELDS:
        if name in texts:
            return Output(name, False, name in schema.get("required", ()), "text")
    if len(schema.get("properties", {})) == 1 and texts:
        return Output(texts[0], False, texts[0] in schema.get("required", ()), "text")
    return Output("", False, False, "unknown")


def steps(path: str) -> list[tuple[str, bool]]:
    """Return (name, is a list) for each part of a dotted path."""
    return [(part.removesuffix("[]"), part.endswith("[]")) for part in path.split(".")] if path else []


def python_access(path: str, base: str = "result") -> str:
    """Return the Python expression of the first value at the path."""
    return base + "".join(f"[{python_literal(name)}]" + ("[0]" if many else "") for name, many in steps(path))


def javascript_access(path: str, base: str = "result.data", optional: bool = False) -> str:
    """Return the JavaScript expression of the first value at the path; ``optional`` puts ``?.`` between the parts."""
    code = base
    for number, (name, many) in enumerate(steps(path)):
        chain = "?." if optional and number else ""
        if _IDENTIFIER.match(name):
            code += (chain or ".") + name
        else:
            code += f"{chain}[{javascript_literal(name)}]"
        if many:
            code += "?.[0]" if optional else "[0]"
    return code


class Loop(NamedTuple):
    """The way to every file of an output: ``for variable in collection``, then ``url``."""

    variable: str
    collection: str
    url: str


def python_loop(path: str, base: str = "result") -> Loop | None:
    """Return the loop over all files at a path that has a list, or None when it has none."""
    head, tail = _split(path)
    if head is None:
        return None
    collection = python_access(head, base)
    variable = _singular(head)
    return Loop(variable, collection, python_access(tail, variable))


def javascript_loop(path: str, base: str = "result.data", optional: bool = False) -> Loop | None:
    """Return the loop over all files at a path that has a list, or None when it has none."""
    head, tail = _split(path)
    if head is None:
        return None
    collection = javascript_access(head, base, optional) + (" ?? []" if optional else "")
    variable = _singular(head)
    return Loop(variable, collection, javascript_access(tail, variable))


def _split(path: str) -> tuple[str | None, str]:
    """Split at the last list; lists before it are entered at their first item."""
    parts = path.split(".")
    lists = [number for number, part in enumerate(parts) if part.endswith("[]")]
    if not lists:
        return None, path
    last = lists[-1]
    return ".".join(parts[: last + 1]).removesuffix("[]"), ".".join(parts[last + 1 :])


def _singular(path: str) -> str:
    name = path.split(".")[-1]
    return {"images": "image", "videos": "video", "audios": "audio", "masks": "mask"}.get(name, "item")
