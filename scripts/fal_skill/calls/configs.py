"""What JSON documents ask of fal: MCP servers in client configurations, and calls written down as data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .call import LOOKUP, MCP, RUN, Call
from .units import Unit
from .values import Fields, Place, Unknown, from_json

MAX_NODES = 20_000
"""Values of one document that are looked at."""

_SERVER_KEYS = frozenset({"mcpServers", "servers", "mcp", "mcp_servers", "context_servers", "amp.mcpServers"})
_SLUG_KEYS = ("endpoint_id", "endpointId", "application", "slug", "model", "model_id", "modelId", "app_id", "endpoint")
_INPUT_KEYS = ("input", "arguments", "payload")
_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'"(?:\\.|[^"\\\n])*"|,(?=\s*[}\]])', re.DOTALL)
_FAL_SLUG = re.compile(r"fal-ai/[\w.-]+(?:/[\w.-]+)*")


def parsed(text: str) -> Any:
    """Return a JSON document, comments and trailing commas allowed, or None when it cannot be read."""
    try:
        return json.loads(text)
    except RecursionError:
        return None
    except ValueError:
        pass
    try:
        plain = _COMMENT.sub(lambda match: match[0] if match[0][0] == '"' else " ", text)
        return json.loads(_TRAILING_COMMA.sub(lambda match: match[0] if match[0][0] == '"' else "", plain))
    except (ValueError, RecursionError):
        return None


def json_calls(unit: Unit) -> list[Call]:
    """Return the MCP servers of fal that a configuration names, and the calls that a document states as data."""
    document = parsed(unit.text)
    if document is not None:
        return [*_servers(unit, document), *_data_calls(unit, document)]
    return [call for line in _lines(unit) for call in _data_calls(line, parsed(line.text))]


def _lines(unit: Unit) -> Iterator[Unit]:
    """Yield each line of a text that may be JSON Lines."""
    for number, line in enumerate(unit.text.split("\n"), 1):
        if line.startswith("{") and "fal-ai/" in line:
            yield Unit(line, unit.language, unit.file, (unit.place(Place(number, 1)),), unit.is_example)


def servers(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the settings of each MCP server of a client's configuration."""
    for holder in _objects(document):
        for key in _SERVER_KEYS & holder.keys():
            entries = holder[key]
            if isinstance(entries, dict):
                yield from ((name, entry) for name, entry in entries.items() if isinstance(entry, dict))


def _servers(unit: Unit, document: Any) -> Iterator[Call]:
    for name, entry in servers(document):
        words = [word for word in (entry.get("args"), entry.get("command")) if word is not None]
        flat = [str(word) for part in words for word in (part if isinstance(part, list) else [part])]
        url = next((str(entry[key]) for key in ("url", "serverUrl", "httpUrl") if key in entry), "")
        url = url or next((word for word in flat if "fal.ai" in word), "")
        about_fal = "fal.ai" in " ".join([url, *flat]) or "fal" in re.split(r"[^a-z]", name.lower())
        about_fal = about_fal or "FAL_KEY" in json.dumps(entry)
        if not about_fal:
            continue
        options = Fields((key, from_json(part)) for key, part in entry.items())
        place = _place(unit, url or name)
        yield Call(unit.file, place, unit.language, MCP, MCP, options=options, url=url, method=name)


def _data_calls(unit: Unit, document: Any) -> Iterator[Call]:
    for holder in _objects(document):
        slug = next((holder[key] for key in _SLUG_KEYS if isinstance(holder.get(key), str)), "")
        if not _FAL_SLUG.fullmatch(slug):
            continue
        given = next((holder[key] for key in _INPUT_KEYS if isinstance(holder.get(key), dict)), None)
        if given is None and "endpoint_id" not in holder:
            continue
        arguments = from_json(given) if given is not None else None
        if isinstance(arguments, Fields) and not arguments:
            arguments = Unknown("")
        place = _place(unit, slug)
        yield Call(
            unit.file, place, unit.language, "data", RUN if given is not None else LOOKUP, (slug,), True, arguments,
            slug_places=(place,),
        )  # fmt: skip


def _objects(document: Any) -> Iterator[dict[str, Any]]:
    stack = [document]
    count = 0
    while stack and count < MAX_NODES:
        value = stack.pop()
        count += 1
        if isinstance(value, dict):
            yield value
            stack.extend(reversed(list(value.values())))
        elif isinstance(value, list):
            stack.extend(reversed(value))


def _place(unit: Unit, text: str) -> Place:
    """Return the place of a string in the document's text; its beginning when it is written differently there."""
    at = unit.text.find(json.dumps(text, ensure_ascii=False))
    if at < 0:
        return unit.place(Place(1, 1))
    line = unit.text.count("\n", 0, at) + 1
    return unit.place(Place(line, at - unit.text.rfind("\n", 0, at)))
