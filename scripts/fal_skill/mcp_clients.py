"""The MCP clients: where each keeps its servers, and how it takes a value from a variable instead of from the file.

Sources: the clients' documentation (2026-07 to 2026-11); and, tried on 2026-11-23 against a loopback server with a
variable in a header, Claude Code 2.1.197, Codex 0.169.0, Gemini CLI 0.61.0, opencode 1.18.33 and mcp-remote 0.15.1.
Cursor, Windsurf, VS Code, Zed and Claude Desktop were not run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MCP_REMOTE = "mcp-remote@0.15"
"""The bridge for clients that only start programs: npm package and the minor version that was tried."""
KEY_VARIABLE = "FAL_KEY"
HEADER_VARIABLE = "FAL_MCP_AUTHORIZATION"
"""Holds the whole header value, where a client or bridge can only take a value from a variable as it is."""
INPUT_ID = "fal-key"
SYSTEMS = ("linux", "macos", "windows")
USER, PROJECT = "user", "project"


class Server(NamedTuple):
    """One of fal's MCP servers."""

    name: str
    """The name that the client's configuration gives it."""
    url: str
    scheme: str
    """``Bearer`` or ``Key``: what stands before the key in the Authorization header; empty: no key."""
    signs_in: bool
    """Whether the client signs in by OAuth in a browser."""
    note: str


class Client(NamedTuple):
    """An MCP client: where its files are, and how it is told of a server."""

    title: str
    files: dict[str, dict[str, str]]
    """Scope -> system -> path. ``~``, ``%APPDATA%`` and ``$NAME`` stand for themselves."""
    servers_at: tuple[str, ...]
    """Keys that lead to the table of servers in the file."""
    entry: Callable[[Server], dict[str, Any] | None]
    """The server's settings; None: it cannot be done without a key in the file."""
    command: Callable[[Server, str], str | None]
    then: Callable[[Server], tuple[str, ...]]
    notes: Callable[[Server], tuple[str, ...]]
    format: str = "json"
    more: Callable[[Server], dict[str, Any]] = lambda server: {}
    """What else the file must hold."""


def everywhere(path: str) -> dict[str, str]:
    """Return the same path for all systems."""
    return dict.fromkeys(SYSTEMS, path)


def remote(key: str, server: Server, value: str, **others: Any) -> dict[str, Any]:
    """Return the settings of a server that the client itself reaches over HTTP."""
    made: dict[str, Any] = {**others, key: server.url}
    if server.scheme:
        made["headers"] = {"Authorization": f"{server.scheme} {value}"}
    return made


def bridge(server: Server) -> dict[str, Any]:
    """Return the settings of a program that the client starts and that reaches the server for it."""
    arguments = ["-y", MCP_REMOTE, server.url]
    if server.scheme:
        # No space after the colon: some clients split arguments at spaces (mcp-remote's README).
        # mcp-remote itself puts the variable's value in.
        arguments += ["--header", f"Authorization:${{{HEADER_VARIABLE}}}"]
    return {"command": "npx", "args": arguments}


def no_command(server: Server, scope: str) -> str | None:
    """Return None: the client has no command for it."""
    return None


def nothing(server: Server) -> tuple[str, ...]:
    """Return no lines."""
    return ()


def sign_in(how: str) -> Callable[[Server], tuple[str, ...]]:
    """Return a function that says how to sign in, for servers that want it; NAME stands for the entry's name."""
    return lambda server: (how.replace("NAME", server.name),) if server.signs_in else ()


def with_key(*lines: str) -> Callable[[Server], tuple[str, ...]]:
    """Return a function that says these lines for servers that want a key."""
    return lambda server: lines if server.scheme else ()


def _claude_command(server: Server, scope: str) -> str:
    # Single quotes: otherwise the shell would put the key itself into the saved file.
    header = f" --header 'Authorization: {server.scheme} ${{{KEY_VARIABLE}}}'" if server.scheme else ""
    return f"claude mcp add --transport http --scope {scope} {server.name} {server.url}{header}"


def _gemini_command(server: Server, scope: str) -> str:
    header = f" --header 'Authorization: {server.scheme} ${KEY_VARIABLE}'" if server.scheme else ""
    return f"gemini mcp add --transport http --scope {scope}{header} {server.name} {server.url}"


def _codex_command(server: Server, scope: str) -> str | None:
    if scope == PROJECT or server.scheme == "Key":
        return None
    token = f" --bearer-token-env-var {KEY_VARIABLE}" if server.scheme else ""
    return f"codex mcp add {server.name} --url {server.url}{token}"


def _codex_entry(server: Server) -> dict[str, Any]:
    if server.scheme == "Bearer":
        return {"url": server.url, "bearer_token_env_var": KEY_VARIABLE}
    if server.scheme:
        return {"url": server.url, "env_http_headers": {"Authorization": HEADER_VARIABLE}}
    return {"url": server.url}


def _vscode_command(server: Server, scope: str) -> str | None:
    if scope == PROJECT or server.scheme:
        return None
    return f"""code --add-mcp '{{"name":"{server.name}","type":"http","url":"{server.url}"}}'"""


def _vscode_inputs(server: Server) -> dict[str, Any]:
    if not server.scheme:
        return {}
    return {"inputs": [{"type": "promptString", "id": INPUT_ID, "description": "fal API key", "password": True}]}


def _opencode_entry(server: Server) -> dict[str, Any]:
    made = remote("url", server, f"{{env:{KEY_VARIABLE}}}", type="remote", enabled=True)
    if server.scheme:
        made["oauth"] = False
    return made


def _claude_desktop_notes(server: Server) -> tuple[str, ...]:
    if server.scheme:
        return (
            "Claude Desktop cannot keep a key out of its file: it expands no variables there, gives the programs it "
            "starts only a few (HOME, PATH, …), and its connectors take no header: use the relay, or another client",
        )
    return (
        f"best without a file: Settings, Connectors, Add custom connector, URL {server.url}",
        "the file starts a bridge program and needs Node.js; a url entry in that file is skipped as invalid",
    )


CLIENTS: dict[str, Client] = {
    "claude-code": Client(
        "Claude Code",
        {USER: everywhere("~/.claude.json"), PROJECT: everywhere(".mcp.json")},
        ("mcpServers",),
        lambda server: remote("url", server, f"${{{KEY_VARIABLE}}}", type="http"),
        _claude_command,
        sign_in("in Claude Code: /mcp, choose NAME, Authenticate"),
        lambda server: (
            "Claude Code rewrites ~/.claude.json while it runs: prefer the command, or close it before --write",
            *with_key(
                "the single quotes of the command matter: without them the shell puts the key itself into the file",
                "an unset variable is sent as the text ${FAL_KEY}: a 401 can mean just that",
            )(server),
        ),
    ),
    "claude-desktop": Client(
        "Claude Desktop",
        {
            USER: {
                "linux": "$XDG_CONFIG_HOME/Claude/claude_desktop_config.json",
                "macos": "~/Library/Application Support/Claude/claude_desktop_config.json",
                "windows": "%APPDATA%/Claude/claude_desktop_config.json",
            }
        },
        ("mcpServers",),
        lambda server: None if server.scheme else bridge(server),
        no_command,
        lambda server: ("quit Claude Desktop and start it again",),
        _claude_desktop_notes,
    ),
    "cursor": Client(
        "Cursor",
        {USER: everywhere("~/.cursor/mcp.json"), PROJECT: everywhere(".cursor/mcp.json")},
        ("mcpServers",),
        lambda server: remote("url", server, f"${{env:{KEY_VARIABLE}}}"),
        no_command,
        sign_in("in Cursor: open the list of MCP servers in the settings and connect NAME"),
        with_key("Cursor must be started where FAL_KEY is set; from the dock it may not see the shell's variables"),
    ),
    "windsurf": Client(
        "Windsurf",
        {USER: everywhere("~/.codeium/windsurf/mcp_config.json")},
        ("mcpServers",),
        lambda server: remote("serverUrl", server, f"${{env:{KEY_VARIABLE}}}"),
        no_command,
        lambda server: ("press refresh in the MCP panel of Cascade", *sign_in("sign in when it asks")(server)),
        with_key("Windsurf must be started where FAL_KEY is set"),
    ),
    "vscode": Client(
        "VS Code",
        {
            USER: {
                "linux": "$XDG_CONFIG_HOME/Code/User/mcp.json",
                "macos": "~/Library/Application Support/Code/User/mcp.json",
                "windows": "%APPDATA%/Code/User/mcp.json",
            },
            PROJECT: everywhere(".vscode/mcp.json"),
        },
        ("servers",),
        lambda server: remote("url", server, f"${{input:{INPUT_ID}}}", type="http"),
        _vscode_command,
        sign_in("start the server from the MCP list and allow the sign-in"),
        with_key("VS Code asks for the key once and keeps it itself; ${env:…} is not expanded in headers"),
        more=_vscode_inputs,
    ),
    "codex": Client(
        "Codex",
        {USER: everywhere("$CODEX_HOME/config.toml"), PROJECT: everywhere(".codex/config.toml")},
        ("mcp_servers",),
        _codex_entry,
        _codex_command,
        sign_in("codex mcp login NAME"),
        lambda server: (
            "a project's .codex/config.toml counts only in projects that Codex trusts",
            *with_key("Codex ignores a table named headers: it takes variables by name")(server),
        ),
        format="toml",
    ),
    "gemini-cli": Client(
        "Gemini CLI",
        {USER: everywhere("~/.gemini/settings.json"), PROJECT: everywhere(".gemini/settings.json")},
        ("mcpServers",),
        lambda server: remote("httpUrl", server, f"${KEY_VARIABLE}"),
        _gemini_command,
        sign_in("in Gemini CLI: /mcp auth NAME"),
        with_key("the single quotes of the command matter: without them the shell puts the key itself into the file"),
    ),
    "opencode": Client(
        "opencode",
        {USER: everywhere("$XDG_CONFIG_HOME/opencode/opencode.json"), PROJECT: everywhere("opencode.json")},
        ("mcp",),
        _opencode_entry,
        no_command,
        sign_in("opencode mcp auth NAME"),
        lambda server: (
            "opencode 2 documents the table mcp.servers (without `enabled`); 1.18.33 takes both forms",
            "an opencode.jsonc in the same folder counts too; put the entry there if you use it",
        ),
    ),
    "zed": Client(
        "Zed",
        {
            USER: {
                "linux": "$XDG_CONFIG_HOME/zed/settings.json",
                "macos": "~/.config/zed/settings.json",
                "windows": "%APPDATA%/Zed/settings.json",
            }
        },
        ("context_servers",),
        lambda server: {**bridge(server), "env": {}} if server.scheme else remote("url", server, ""),
        no_command,
        sign_in("sign in when Zed asks: Settings, AI, MCP Servers"),
        lambda server: (
            "Zed's settings usually have comments, and then they are not written to: paste the entry",
            *with_key(
                "Zed expands no variables in headers, so a bridge program (Node.js) reads the variable; start Zed from "
                "a terminal where it is set"
            )(server),
        ),
    ),
    "generic-stdio": Client(
        "a client that only starts programs",
        {},
        ("mcpServers",),
        bridge,
        lambda server, scope: None if server.scheme else f"npx -y {MCP_REMOTE} {server.url}",
        sign_in("the bridge opens a browser for the sign-in"),
        lambda server: (
            "needs Node.js 18 or newer",
            *with_key(
                "works only with clients that hand their environment on to the programs they start; many pass on a few "
                "variables alone, and then the key would have to stand in the file: use the relay there"
            )(server),
        ),
    ),
}  # fmt: skip
