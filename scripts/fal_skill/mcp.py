"""What makes an MCP client know fal's MCP servers, without a key in any file.

Where a server wants the key, the configuration names the environment variable ``FAL_KEY`` in the client's own notation,
or says plainly that the client cannot do that. Source for the servers: fal's pages of autumn 2026; for the key endpoint
those of about March 2026.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import UsageError
from .mcp_clients import CLIENTS, HEADER_VARIABLE, KEY_VARIABLE, USER, Server

if TYPE_CHECKING:
    from collections.abc import Mapping

AS_OF = "2026-11-23"
MIN_KEY_LENGTH = 8
GONE_PACKAGE = "@modelcontextprotocol/server-http"
"""Named in many copied configurations; npm has no such package (checked 2026-11-23)."""

SERVERS: dict[str, Server] = {
    "relay": Server(
        "fal", "https://mcp.fal.ai/mcp-relay", "", True,
        "fal's models: search, schema, price, run, jobs, upload; runs are billed as fal's MCP settings say",
    ),
    "key": Server(
        "fal-key", "https://mcp.fal.ai/mcp", "Bearer", False,
        "the key endpoint of about March 2026, replaced by the relay: whether it still answers is not confirmed",
    ),
    "platform": Server(
        "fal-platform", "https://api.fal.ai/v1/mcp/platform", "Key", False,
        "read-only: usage, billing and analytics of the account; some need an admin key",
    ),
    "docs": Server("fal-docs", "https://docs.fal.ai/mcp", "", False, "searches fal's documentation; no account"),
}  # fmt: skip


class Config(NamedTuple):
    """What to write where, so that a client knows a server."""

    client: str
    server: str
    url: str
    supported: bool
    """False: this client cannot reach this server without the key standing in a file."""
    scope: str
    file: str | None
    """Path for this machine; None: there is no file to write, or none is known."""
    places: dict[str, str]
    """The same file on each system, in its users' notation."""
    format: str
    """``json`` or ``toml``."""
    content: dict[str, Any] | None
    """What the file must hold, among what it holds already."""
    command: str | None
    """A command that does the same."""
    environment: dict[str, str]
    """Variables that must be set where the client starts: name -> what to set it to."""
    then: tuple[str, ...]
    """What is left to do."""
    notes: tuple[str, ...]


def system_name(platform: str, name: str) -> str:
    """Return which of :data:`SYSTEMS` ``sys.platform`` and ``os.name`` mean."""
    return "windows" if name == "nt" else "macos" if platform == "darwin" else "linux"


def path_on(place: str, system: str, environment: Mapping[str, str], home: str, folder: str) -> str:
    """Return a place as a path of this machine; project files lie in ``folder``."""
    config_home = environment.get("XDG_CONFIG_HOME") or posixpath.join(home, ".config")
    values = {
        "~": home,
        "$XDG_CONFIG_HOME": config_home if system == "linux" else posixpath.join(home, ".config"),
        "$CODEX_HOME": environment.get("CODEX_HOME") or posixpath.join(home, ".codex"),
        "%APPDATA%": environment.get("APPDATA") or posixpath.join(home, "AppData", "Roaming"),
    }
    first, _, rest = place.partition("/")
    made = posixpath.join(values[first], rest) if first in values else posixpath.join(folder, place)
    return os.path.normpath(made)


_SHOWN = {"$XDG_CONFIG_HOME": "~/.config", "$CODEX_HOME": "~/.codex"}


def shown_place(place: str, system: str) -> str:
    """Return a place as the users of a system write it."""
    first, _, rest = place.partition("/")
    made = f"{_SHOWN.get(first, first)}/{rest}" if rest else place
    if system == "windows":
        return made.replace("~/", "%USERPROFILE%/").replace("/", "\\")
    return made


def config(
    client: str,
    server: str = "relay",
    *,
    scope: str | None = None,
    name: str | None = None,
    system: str = "linux",
    environment: Mapping[str, str] | None = None,
    home: str = "~",
    folder: str = ".",
) -> Config:
    """Return what makes the client know the server, under ``name`` (default: the server's own).

    Raises UsageError for a client, server or scope that does not exist. ``supported`` is False where the client cannot
    reach the server without the key standing in a file; then there is no content.
    """
    if client not in CLIENTS:
        raise UsageError(f"unknown client {client[:40]!r}, expected one of {', '.join(CLIENTS)}")
    if server not in SERVERS:
        raise UsageError(f"unknown server {server[:40]!r}, expected one of {', '.join(SERVERS)}")
    asked, told = CLIENTS[client], SERVERS[server]
    if name is not None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            raise UsageError(f"--name is {name[:70]!r}, expected up to 64 letters, digits, - and _")
        told = told._replace(name=name)
    scope = scope or USER
    if scope not in (asked.files or {USER: {}}):
        raise UsageError(
            f"{asked.title} has no {scope} file for MCP servers", hint=f"it has: {', '.join(asked.files) or 'none'}"
        )
    places = asked.files.get(scope, {})
    entry = asked.entry(told)
    content: dict[str, Any] | None = None
    if entry is not None:
        content = dict(asked.more(told))
        table = content
        for key in asked.servers_at[:-1]:
            table = table.setdefault(key, {})
        table[asked.servers_at[-1]] = {told.name: entry}
    return Config(
        client=client,
        server=server,
        url=told.url,
        supported=entry is not None,
        scope=scope,
        file=path_on(places[system], system, environment or {}, home, folder) if entry is not None and places else None,
        places={name: shown_place(place, name) for name, place in places.items()},
        format=asked.format,
        content=content,
        command=asked.command(told, scope) if entry is not None else None,
        environment=_environment(told, content),
        then=asked.then(told) if entry is not None else (),
        notes=(told.note, *asked.notes(told)),
    )


def _environment(server: Server, content: dict[str, Any] | None) -> dict[str, str]:
    text = repr(content)
    if HEADER_VARIABLE in text:
        return {HEADER_VARIABLE: f"{server.scheme} ${KEY_VARIABLE}"}
    if KEY_VARIABLE in text:
        return {KEY_VARIABLE: "your key, from https://fal.ai/dashboard/keys"}
    return {}


def cautions(text: str, key: str | None = None) -> list[str]:
    """Return what is wrong about fal in a configuration: a key in clear text, a package that does not exist."""
    found = []
    if key and len(key) >= MIN_KEY_LENGTH and key in text:
        found.append(
            "the file holds your fal key in clear text, and so does every backup of it: take it out, make a new key"
        )
    if GONE_PACKAGE in text:
        found.append(
            f"the file starts {GONE_PACKAGE}, which does not exist on npm: whoever registers the name runs code here"
        )
    if re.search(r"https://mcp\.fal\.ai/mcp(?![\w-])", text):
        found.append(
            "the file names https://mcp.fal.ai/mcp, the key endpoint of about March 2026: today's is /mcp-relay"
        )
    return found
