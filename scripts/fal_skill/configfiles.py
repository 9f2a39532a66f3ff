"""Adding an entry to somebody's configuration file without losing anything in it.

JSON is changed where the entry goes and nowhere else: every other byte stays. TOML only ever gets a table appended.
What comes out is parsed and compared before it is written; the file is replaced at once and its former text kept
beside it. What cannot be done safely (comments, invalid text, an entry that is there with other settings) is refused
with a UsageError.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, NamedTuple

from .errors import UnavailableError, UsageError

MAX_BYTES = 64 * 1024 * 1024
MAX_BACKUPS = 100
_SPACE = " \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Written(NamedTuple):
    """What was done to a file."""

    file: str
    changed: bool
    """False: everything was there already, and nothing was written."""
    created: bool
    backup: str | None
    """Where the former text is; None when there was none."""


def merge(path: str | Path, content: dict[str, Any], format: str) -> Written:
    """Put the content into the file, which is made if it is missing; a symbolic link is followed, not replaced.

    ``content`` is nested tables (and, in JSON, lists of objects with an ``id``) that end in entries. Raises UsageError
    when it cannot be done safely, UnavailableError when the file cannot be read or written.
    """
    file = Path(path).resolve()
    before = read(file)
    text = "" if before is None else _decoded(before, file)
    after = (toml_with if format == "toml" else json_with)(text, content, str(file))
    if before is not None and after == text:
        return Written(str(file), changed=False, created=False, backup=None)
    mark = _BYTE_ORDER_MARK if before is not None and before.startswith(_BYTE_ORDER_MARK) else b""
    backup = None if before is None else _backup(file, before)
    _replace(file, mark + after.encode("utf-8"), before)
    return Written(str(file), changed=True, created=before is None, backup=backup)


def json_with(text: str, content: dict[str, Any], name: str) -> str:
    """Return JSON text with the content added; UsageError when it is not plain JSON or holds something else there."""
    if not text.strip():
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    value = _strict(text, name)
    if not isinstance(value, dict):
        raise UsageError(f"{name} is not a JSON object", hint="paste the configuration by hand")
    wanted = _merged(value, content, name, ())
    for where, item in _missing(value, content, ()):
        text = _inserted(text, where, item)
    if _strict(text, name) != wanted:
        raise UsageError(f"{name} could not be changed safely", hint="paste the configuration by hand")
    return text


def toml_with(text: str, content: dict[str, Any], name: str) -> str:
    """Return TOML text with the content's tables appended; UsageError when that cannot be done safely."""
    if not text.strip():
        return toml_text(content)
    value = _toml(text, name)
    wanted = _merged(value, content, name, ())
    if wanted == value:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    added = toml_text(content).replace("\n", newline)
    made = text + ("" if text.endswith("\n") else newline) + newline + added
    try:
        fits = _toml(made, name) == wanted
    except UsageError:
        fits = False
    if not fits:
        raise UsageError(
            f"{name} defines {next(iter(content))} in a form that nothing can be appended to: nothing was written",
            hint="paste the configuration by hand",
        )
    return made


def _toml(text: str, name: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib

        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{name} is not valid TOML: {error}: nothing was written", hint="mend it first") from None
        except RecursionError:
            raise UsageError(f"{name} is nested too deeply: nothing was written") from None
    raise UsageError(
        f"{name} is TOML, which Python reads from version 3.11 on: nothing was written",
        hint="use the command, or paste the configuration by hand",
    )


def toml_text(content: dict[str, Any]) -> str:
    """Return tables of entries as TOML: ``{"mcp_servers": {"fal": {"url": "…"}}}`` becomes ``[mcp_servers.fal]`` …"""
    parts = []
    for table, entries in content.items():
        for name, entry in entries.items():
            lines = [f"[{table}.{name}]", *(f"{key} = {_toml_value(item)}" for key, item in entry.items())]
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value)  # a JSON string, number or boolean is one of TOML too


def _merged(value: dict[str, Any], content: dict[str, Any], name: str, where: tuple[str, ...]) -> dict[str, Any]:
    made = dict(value)
    for key, item in content.items():
        held = value.get(key)
        path = (*where, key)
        if key not in value:
            made[key] = item
        elif isinstance(item, list) and isinstance(held, list):
            made[key] = held + [one for one in item if one not in held]
            clash = {one["id"] for one in item if one not in held} & {
                one.get("id") for one in held if isinstance(one, dict)
            }
            if clash:
                raise _taken(name, (*path, str(min(clash))))
        elif held == item:
            pass
        elif isinstance(item, dict) and _is_table(item):
            if not isinstance(held, dict):
                raise UsageError(f"{name}: {'.'.join(path)} is not a table: nothing was written")
            made[key] = _merged(held, item, name, path)
        else:
            raise _taken(name, path)
    return made


def _is_table(item: dict[str, Any]) -> bool:
    """Whether it is a table of entries, and no entry itself: entries are compared whole, never mixed."""
    return bool(item) and all(isinstance(one, dict) for one in item.values())


def _taken(name: str, where: tuple[str, ...]) -> UsageError:
    return UsageError(
        f"{name} already has {'.'.join(where)} with other settings: nothing was written",
        hint="remove that entry first, or choose another name with --name",
    )


def _missing(value: Any, content: dict[str, Any], where: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    """Return (place, item) of what is to be inserted; a place that is a list gets the item appended."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, item in content.items():
        path = (*where, key)
        if key not in value:
            found.append((path, item))
        elif isinstance(item, list):
            found += [(path, one) for one in item if one not in value[key]]
        elif value[key] != item:
            found += _missing(value[key], item, path)
    return found


def _strict(text: str, name: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise UsageError(f"{name} has the key {twice!r} twice in one object: nothing was written")
        return made

    def refused(constant: str) -> Any:
        raise UsageError(f"{name} holds {constant}, which JSON does not allow: nothing was written")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refused)
    except json.JSONDecodeError as error:
        line = _comment_line(text)
        if line:
            message = f"{name} has a comment in line {line}, and only JSON without comments is written to"
        else:
            message = f"{name} is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise UsageError(f"{message}: nothing was written", hint="paste the configuration by hand") from None
    except RecursionError:
        raise UsageError(f"{name} is nested too deeply: nothing was written") from None
    except ValueError as error:
        raise UsageError(f"{name} cannot be read: {error}") from None


def _comment_line(text: str) -> int:
    """Return the line of the first comment outside strings, or 0."""
    quoted = escaped = False
    line = 1
    for index, char in enumerate(text):
        if char == "\n":
            line += 1
            quoted = escaped = False
        elif quoted:
            quoted, escaped = escaped or char != '"', char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char == "/" and text[index + 1 : index + 2] in ("/", "*"):
            return line
    return 0


def _inserted(text: str, where: tuple[str, ...], item: Any) -> str:
    """Return the text of a JSON document with the item as last member of the object, or of the list, at that place."""
    *parents, last = where
    start = _first(text, 0)
    for key in parents:
        start = _members(text, start)[key]
    members = _members(text, start)
    is_list = last in members
    if is_list:
        start = members[last]
    end = json.JSONDecoder().raw_decode(text, start)[1]  # behind the closing bracket
    newline = "\r\n" if "\r\n" in text else "\n"
    close = end - 1
    before = len(text[:close].rstrip(_SPACE))
    is_empty = before == start + 1
    is_one_line = "\n" not in text[start:end] and not is_empty
    unit = _unit(text)
    depth = _indent(text, start)
    inner = depth + unit
    shown = json.dumps(item, indent=unit, ensure_ascii=False)
    if not is_list:
        shown = f"{json.dumps(last, ensure_ascii=False)}: {shown}"
    comma = "" if is_empty else ","
    if is_one_line:
        compact = json.dumps(item, ensure_ascii=False)
        shown = compact if is_list else f"{json.dumps(last, ensure_ascii=False)}: {compact}"
        return f"{text[:before]}{comma} {shown}{text[before:]}"
    lines = shown.replace("\n", newline + inner)
    tail = newline + depth if is_empty else text[before:close]
    return f"{text[:before]}{comma}{newline}{inner}{lines}{tail}{text[close:]}"


def _first(text: str, index: int) -> int:
    while text[index] in _SPACE:
        index += 1
    return index


def _members(text: str, start: int) -> dict[str, int]:
    """Return where the value of each member of the object at ``start`` begins."""
    decoder = json.JSONDecoder()
    found: dict[str, int] = {}
    index = _first(text, start + 1)
    while text[index] != "}":
        key, index = decoder.raw_decode(text, index)
        index = _first(text, _first(text, index) + 1)  # the colon
        found[key] = index
        index = _first(text, decoder.raw_decode(text, index)[1])
        if text[index] == ",":
            index = _first(text, index + 1)
    return found


def _unit(text: str) -> str:
    """Return what the text indents by, two spaces if it does not."""
    for line in text.splitlines():
        body = line.lstrip(" \t")
        if body and body != line:
            return line[: len(line) - len(body)]
    return "  "


def _indent(text: str, index: int) -> str:
    line = text[text.rfind("\n", 0, index) + 1 : index]
    return line[: len(line) - len(line.lstrip(" \t"))]


def read(file: Path) -> bytes | None:
    """Return what the file holds, None when it does not exist; UsageError when it is no file or too large."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise UsageError(f"{file} is not a file")
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnavailableError(f"cannot read {file}: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{file} is larger than {MAX_BYTES >> 20} MB: nothing was written")
    return data


def read_text(path: str | Path) -> str:
    """Return the text of a file, empty when it does not exist; raises as :func:`read` does."""
    file = Path(path).resolve()
    data = read(file)
    return "" if data is None else _decoded(data, file)


def _decoded(data: bytes, file: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} is not UTF-8 text: {error.reason} at byte {error.start}: nothing was written"
        ) from None


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def _write_new(file: Path, data: bytes, mode: int) -> None:
    # Never readable by more people than the original, not even for a moment; and no file is overwritten.
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _backup(file: Path, data: bytes) -> str:
    for number in range(1, MAX_BACKUPS):
        name = file.with_name(f"{file.name}.bak" if number == 1 else f"{file.name}.bak{number}")
        try:
            _write_new(name, data, _mode(file))
        except FileExistsError:
            continue
        except OSError as error:
            raise UnavailableError(f"cannot write the backup {name}: {error.strerror or error}") from None
        return str(name)
    raise UnavailableError(
        f"there are {MAX_BACKUPS - 1} backups of {file} already", hint="delete those you do not need"
    )


def _replace(file: Path, data: bytes, before: bytes | None) -> None:
    temporary = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write_new(temporary, data, 0o666 if before is None else _mode(file))
        if before is not None:
            temporary.chmod(_mode(file))
        if read(file) != before:
            raise UnavailableError(f"{file} was changed by another program meanwhile", hint="run this again")
        temporary.replace(file)
    except OSError as error:
        raise UnavailableError(f"cannot write {file}: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
