"""Local files among the arguments: what a snippet uploads before it calls the model."""

from __future__ import annotations

import mimetypes
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ..literals import Expression

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..registry import Model

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_WEIGHTS = re.compile(r"\A(?:\.{0,2}/|~|[A-Za-z]:[\\/])|\.(?:safetensors|ckpt|pt|pth|bin|zip|tar|gz|json|ya?ml)\Z")
_FILE_NAME = re.compile(r"(?:^|_)urls?\Z")


class Upload(NamedTuple):
    """A local file and the variable that holds its URL once it is uploaded."""

    path: str
    variable: str
    """In snake case: ``image_url``, ``image_url_2``."""
    content_type: str

    @property
    def camel(self) -> str:
        """The variable's name in camel case."""
        head, *rest = self.variable.split("_")
        return head + "".join(word.capitalize() for word in rest)

    @property
    def file_name(self) -> str:
        """The last part of the path."""
        return re.split(r"[\\/]", self.path)[-1]


def local_path(value: object, kind: str = "file") -> str | None:
    """Return the path that a file field's value means on this machine, or None for a URL, data URI or other value.

    A weights field also takes names of public repositories such as ``owner/model``: there only what looks like a
    file counts.
    """
    if not isinstance(value, str) or not value.strip():
        return None
    if value.lower().startswith("file:"):
        return unquote(urlsplit(value).path)
    if value.startswith("//") or _SCHEME.match(value):
        # "C:\photo.png" does not match: a scheme has at least two characters here.
        return None
    if kind == "weights" and not _WEIGHTS.search(value):
        return None
    return value


def with_uploads(model: Model, arguments: dict[str, Any]) -> tuple[dict[str, Any], tuple[Upload, ...]]:
    """Return the arguments with each local file replaced by the variable of its URL, and those files."""
    return _Uploads(model).replaced(arguments)


def with_placeholders(model: Model, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as they will be once each local file is uploaded, for checking."""

    def url(path: str) -> str:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", re.split(r"[\\/]", path)[-1]) or "file"
        return f"https://v3.fal.media/files/uploaded/{name}"

    replaced, uploads = with_uploads(model, arguments)
    urls = {upload.variable: url(upload.path) for upload in uploads}

    def filled(value: Any) -> Any:
        if isinstance(value, Expression):
            return urls[value.code]
        if isinstance(value, dict):
            return {name: filled(item) for name, item in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        return value

    made: dict[str, Any] = filled(replaced)
    return made


class _Uploads:
    def __init__(self, model: Model) -> None:
        self._kinds = {item.path: item.kind for item in model.file_inputs}
        self._guess = not model.has_schema
        self._found: dict[str, str] = {}
        """Path of a local file: the field that it was first seen in."""

    def replaced(self, arguments: dict[str, Any]) -> tuple[dict[str, Any], tuple[Upload, ...]]:
        for path, kind, value in self._leaves(arguments, ""):
            local = local_path(value, kind)
            if local is not None:
                self._found.setdefault(local, path)
        uploads = tuple(self._named())
        variables = {upload.path: upload.variable for upload in uploads}

        def swapped(value: Any, path: str) -> Any:
            if isinstance(value, Expression):
                return value
            if isinstance(value, dict):
                return {name: swapped(item, f"{path}.{name}" if path else name) for name, item in value.items()}
            if isinstance(value, (list, tuple)):
                return [swapped(item, path + "[]") for item in value]
            kind = self._kind(path)
            local = local_path(value, kind) if kind else None
            return Expression(variables[local]) if local is not None else value

        return {name: swapped(value, name) for name, value in arguments.items()}, uploads

    def _kind(self, path: str) -> str | None:
        # A file may also be an object with a ``url``.
        kind = self._kinds.get(path) or self._kinds.get(path.removesuffix(".url"))
        if kind is None and self._guess and _FILE_NAME.search(path.split(".")[-1].removesuffix("[]")):
            return "file"
        return kind

    def _leaves(self, value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
        if isinstance(value, dict):
            for name, item in value.items():
                yield from self._leaves(item, f"{path}.{name}" if path else str(name))
        elif isinstance(value, (list, tuple)) and not isinstance(value, Expression):
            for item in value:
                yield from self._leaves(item, path + "[]")
        else:
            kind = self._kind(path)
            if kind is not None:
                yield path, kind, value

    def _named(self) -> Iterator[Upload]:
        names: dict[str, list[str]] = {}
        for path, field in self._found.items():
            names.setdefault(_variable(field), []).append(path)
        for variable, paths in names.items():
            for number, path in enumerate(paths, 1):
                content_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
                yield Upload(path, variable if len(paths) == 1 else f"{variable}_{number}", content_type)


def _variable(field: str) -> str:
    if field == "url":
        return "file_url"
    name = (
        re.sub(r"[^a-z0-9]+", "_", field.removesuffix(".url").split(".")[-1].removesuffix("[]").lower()).strip("_")
        or "file"
    )
    name = re.sub(r"_urls\Z", "_url", name)
    if not name.endswith("_url"):
        name += "_url"
    return name if name[0].isalpha() else "file_" + name
