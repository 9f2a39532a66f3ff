"""Local files in a call: found in the fields that hold files, told apart by content, uploaded before the submission."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ..errors import InvalidArgumentsError, shown
from ..registry.sources.names import is_url_list

if TYPE_CHECKING:
    import fal_client

    from ..registry import Model

REMOTE = re.compile(r"(?i)(https?|data|gs|s3):")
_STEP = re.compile(r"([^.\[\]]+)|(\[\])")
_FILE_FIELD = re.compile(r"(^|_)(url|file)$")
MAX_BYTES = 5 * 1024**3
"""Larger files are refused: no model is known to take one, and a mistaken path may name anything."""


class LocalFile(NamedTuple):
    """A file of this machine that a call names."""

    where: tuple[str | int, ...]
    """Its place in the arguments."""
    file: Path
    size: int
    """Bytes."""
    sha256: str

    @property
    def field(self) -> str:
        """Its place in the arguments, dotted."""
        text = ""
        for part in self.where:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text


def local_files(model: Model | None, arguments: dict[str, Any], base: Path | None = None) -> list[LocalFile]:
    """Return the local files that the call names, in order.

    Where the model's fields are known, whatever stands in a file field and is no URL must be a file. Where they are
    not, a value is taken for one if its field's name says so and the file exists.

    Raises:
        InvalidArgumentsError: a file does not exist, is no file, or is too large.
    """
    known = model is not None and model.has_schema
    if model is not None and known:
        paths = [[step[0] or step[1] for step in _STEP.findall(item.path)] for item in model.file_inputs]
        places = [place for path in paths for place in _places(arguments, path, ())]
    else:
        places = list(_named_places(arguments, (), ""))
    found = []
    for where in dict.fromkeys(places):
        value = _at(arguments, where)
        if not isinstance(value, str) or not value or REMOTE.match(value):
            continue
        file = _path(value, base)
        if known or file.is_file():
            found.append(_local(where, value, file))
    return found


def _local(where: tuple[str | int, ...], value: str, file: Path) -> LocalFile:
    name = LocalFile(where, file, 0, "").field
    try:
        if not file.is_file():
            raise InvalidArgumentsError(
                f"{name}: there is no file {shown(value)}",
                hint="give the file's path, or a URL that begins with https://",
            )
        size = file.stat().st_size
        if not 0 < size <= MAX_BYTES:
            raise InvalidArgumentsError(f"{name}: {shown(value)} has {size} bytes, expected 1 to {MAX_BYTES >> 30} GB")
        digest = hashlib.sha256()
        with file.open("rb") as source:
            while data := source.read(1 << 20):
                digest.update(data)
    except (OSError, ValueError) as error:
        raise InvalidArgumentsError(
            f"{name}: cannot read {shown(value)}: {getattr(error, 'strerror', error)}"
        ) from None
    return LocalFile(where, file, size, digest.hexdigest())


def _path(value: str, base: Path | None) -> Path:
    if value[:7].lower() == "file://":
        value = unquote(urlsplit(value).path)
    file = Path(value)
    with contextlib.suppress(RuntimeError):
        file = file.expanduser()
    return file if base is None or file.is_absolute() else base / file


def _places(value: Any, steps: list[str], done: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    if not steps:
        return [done]
    if steps[0] == "[]":
        items = enumerate(value) if isinstance(value, list) else ()
        return [place for index, item in items for place in _places(item, steps[1:], (*done, index))]
    if isinstance(value, dict) and steps[0] in value:
        return _places(value[steps[0]], steps[1:], (*done, steps[0]))
    return []


def _named_places(value: Any, done: tuple[str | int, ...], name: str) -> list[tuple[str | int, ...]]:
    if len(done) > 12:
        return []
    if isinstance(value, dict):
        return [place for key, item in value.items() for place in _named_places(item, (*done, key), key)]
    if isinstance(value, list):
        return [place for index, item in enumerate(value) for place in _named_places(item, (*done, index), name)]
    return [done] if isinstance(value, str) and (_FILE_FIELD.search(name) or is_url_list(name)) else []


def _at(value: Any, where: tuple[str | int, ...]) -> Any:
    for step in where:
        value = value[step]
    return value


def replaced(arguments: dict[str, Any], values: dict[tuple[str | int, ...], str]) -> dict[str, Any]:
    """Return a copy of the arguments with other values at these places."""

    def copy(value: Any, done: tuple[str | int, ...]) -> Any:
        if done in values:
            return values[done]
        if isinstance(value, dict):
            return {key: copy(item, (*done, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [copy(item, (*done, index)) for index, item in enumerate(value)]
        return value

    made = copy(arguments, ())
    assert isinstance(made, dict)
    return made


def by_content(arguments: dict[str, Any], files: list[LocalFile]) -> dict[str, Any]:
    """Return the arguments with each local file named by its content: equal for equal calls."""
    return replaced(arguments, {item.where: f"sha256:{item.sha256}" for item in files})


def uploaded(client: fal_client.SyncClient, file: LocalFile) -> str:
    """Upload the file to fal's storage and return its URL.

    Only the SDK's main way is used: its fallback would send the key along to a storage host (fal_client 1.0.3).
    """
    name = file.file.name
    if name.isascii() and name.isprintable():
        return str(client.upload_file(file.file, repository="fal_v3", fallback_repository=[]))
    # The SDK puts the name into a header, which takes ASCII alone; it fails on others.
    with tempfile.TemporaryDirectory() as folder:
        alias = Path(folder, "upload" + (file.file.suffix if file.file.suffix.isascii() else ""))
        try:
            alias.symlink_to(file.file.resolve())
        except OSError:
            shutil.copyfile(file.file, alias)
        return str(client.upload_file(alias, repository="fal_v3", fallback_repository=[]))
