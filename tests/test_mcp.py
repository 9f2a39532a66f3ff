"""MCP configurations: for each client its own form, never a key, and a plain word where a client cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import RunScript, one_line_error
from fal_skill.errors import UsageError
from fal_skill.mcp import SERVERS, cautions, config
from fal_skill.mcp_clients import CLIENTS, PROJECT, SYSTEMS, USER

RELAY, PLATFORM = "https://mcp.fal.ai/mcp-relay", "https://api.fal.ai/v1/mcp/platform"
KEY = "11111111-2222-3333-4444-555555555555:0123456789abcdef"
BRIDGE = {"command": "npx", "args": ["-y", "mcp-remote@0.15", RELAY]}
RELAY_CONTENT = {
    "claude-code": {"mcpServers": {"fal": {"type": "http", "url": RELAY}}},
    "claude-desktop": {"mcpServers": {"fal": BRIDGE}},
    "cursor": {"mcpServers": {"fal": {"url": RELAY}}},
    "windsurf": {"mcpServers": {"fal": {"serverUrl": RELAY}}},
    "vscode": {"servers": {"fal": {"type": "http", "url": RELAY}}},
    "codex": {"mcp_servers": {"fal": {"url": RELAY}}},
    "gemini-cli": {"mcpServers": {"fal": {"httpUrl": RELAY}}},
    "opencode": {"mcp": {"fal": {"type": "remote", "enabled": True, "url": RELAY}}},
    "zed": {"context_servers": {"fal": {"url": RELAY}}},
    "generic-stdio": {"mcpServers": {"fal": BRIDGE}},
}
HEADER = {
    "claude-code": "${FAL_KEY}",
    "cursor": "${env:FAL_KEY}",
    "windsurf": "${env:FAL_KEY}",
    "vscode": "${input:fal-key}",
    "gemini-cli": "$FAL_KEY",
    "opencode": "{env:FAL_KEY}",
}
FILES = {
    "claude-code": "~/.claude.json",
    "cursor": "~/.cursor/mcp.json",
    "windsurf": "~/.codeium/windsurf/mcp_config.json",
    "vscode": "~/.config/Code/User/mcp.json",
    "codex": "~/.codex/config.toml",
    "gemini-cli": "~/.gemini/settings.json",
    "opencode": "~/.config/opencode/opencode.json",
    "zed": "~/.config/zed/settings.json",
    "claude-desktop": "~/.config/Claude/claude_desktop_config.json",
    "generic-stdio": None,
}


def test_every_client_of_the_command_line_is_in_these_tables() -> None:
    assert set(CLIENTS) == set(RELAY_CONTENT) == set(FILES)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_relay_needs_no_key_in_any_client(client: str) -> None:
    made = config(client)
    assert made.content == RELAY_CONTENT[client]
    assert made.environment == {}
    assert made.file == FILES[client]


@pytest.mark.parametrize("client", HEADER)
@pytest.mark.parametrize(("server", "scheme"), [("key", "Bearer"), ("platform", "Key")])
def test_a_key_is_named_in_the_clients_own_notation(client: str, server: str, scheme: str) -> None:
    made = config(client, server)
    text = json.dumps(made.content)
    assert f'"Authorization": "{scheme} {HEADER[client]}"' in text
    assert SERVERS[server].url in text


def test_codex_takes_the_key_by_the_name_of_a_variable() -> None:
    bearer = config("codex", "key").content
    other = config("codex", "platform")
    assert bearer == {"mcp_servers": {"fal-key": {"url": SERVERS["key"].url, "bearer_token_env_var": "FAL_KEY"}}}
    assert other.content is not None
    entry = other.content["mcp_servers"]["fal-platform"]
    assert entry == {"url": PLATFORM, "env_http_headers": {"Authorization": "FAL_MCP_AUTHORIZATION"}}
    assert other.environment == {"FAL_MCP_AUTHORIZATION": "Key $FAL_KEY"}


@pytest.mark.parametrize("client", ["zed", "generic-stdio"])
def test_a_bridge_gets_its_header_without_a_space(client: str) -> None:
    made = config(client, "platform")
    assert '"--header", "Authorization:${FAL_MCP_AUTHORIZATION}"' in json.dumps(made.content)
    assert made.environment == {"FAL_MCP_AUTHORIZATION": "Key $FAL_KEY"}


def test_vs_code_asks_for_the_key_and_hides_it() -> None:
    made = config("vscode", "platform")
    assert made.content is not None
    (asked,) = made.content["inputs"]
    assert (asked["type"], asked["id"], asked["password"]) == ("promptString", "fal-key", True)


@pytest.mark.parametrize("server", ["key", "platform"])
def test_claude_desktop_is_said_to_be_unable_to_hold_a_key_safely(server: str) -> None:
    made = config("claude-desktop", server)
    assert not made.supported
    assert made.content is made.file is made.command is None
    assert any("cannot keep a key out of its file" in note for note in made.notes)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("server", SERVERS)
def test_commands_leave_the_variable_to_the_client_and_not_to_the_shell(client: str, server: str) -> None:
    command = config(client, server).command
    if command and "$" in command:
        before, quoted, _ = command.split("'")
        assert "$" not in before
        assert "$" in quoted


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("server", SERVERS)
def test_the_package_that_does_not_exist_is_never_named(client: str, server: str) -> None:
    assert "server-http" not in repr(config(client, server))


@pytest.mark.parametrize("system", SYSTEMS)
def test_files_are_found_on_each_system(system: str) -> None:
    environment = {"APPDATA": "C:/Users/me/AppData/Roaming", "XDG_CONFIG_HOME": "/xdg", "CODEX_HOME": "/codex"}
    made = config("vscode", system=system, environment=environment, home="/home/me")
    expected = {
        "linux": "/xdg/Code/User/mcp.json",
        "macos": "/home/me/Library/Application Support/Code/User/mcp.json",
        "windows": "C:/Users/me/AppData/Roaming/Code/User/mcp.json",
    }
    assert made.file == expected[system]
    assert config("codex", system=system, environment=environment, home="/home/me").file == "/codex/config.toml"
    assert made.places["windows"] == "%APPDATA%\\Code\\User\\mcp.json"


def test_project_files_lie_below_the_folder() -> None:
    places = {
        name: config(name, scope=PROJECT, folder="/p").file for name, one in CLIENTS.items() if PROJECT in one.files
    }
    assert places == {
        "claude-code": "/p/.mcp.json",
        "cursor": "/p/.cursor/mcp.json",
        "vscode": "/p/.vscode/mcp.json",
        "codex": "/p/.codex/config.toml",
        "gemini-cli": "/p/.gemini/settings.json",
        "opencode": "/p/opencode.json",
    }


@pytest.mark.parametrize(
    ("client", "server", "options"),
    [
        ("emacs", "relay", {}),
        ("cursor", "other", {}),
        ("windsurf", "relay", {"scope": PROJECT}),
        ("cursor", "relay", {"name": "a b"}),
        ("cursor", "relay", {"name": ""}),
    ],
)
def test_what_does_not_exist_is_a_usage_error(client: str, server: str, options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        config(client, server, **options)  # type: ignore[arg-type]


def test_a_name_of_ones_own_is_used_throughout() -> None:
    made = config("codex", name="mine")
    assert made.content == {"mcp_servers": {"mine": {"url": RELAY}}}
    assert made.command == f"codex mcp add mine --url {RELAY}"
    assert made.then == ("codex mcp login mine",)


def test_old_configurations_are_recognised() -> None:
    old = f'{{"fal-ai": {{"args": ["@modelcontextprotocol/server-http", "https://mcp.fal.ai/mcp"], "key": "{KEY}"}}}}'
    found = cautions(old, KEY)
    assert [word in " ".join(found) for word in ("clear text", "does not exist on npm", "March 2026")] == [True] * 3
    assert KEY not in " ".join(found)
    assert cautions(json.dumps(RELAY_CONTENT), KEY) == []
    assert cautions("x" * 100, "x") == []


# The script


@pytest.mark.parametrize("client", CLIENTS)
def test_the_script_shows_each_client_as_json_and_as_text(run_script: RunScript, client: str) -> None:
    done = run_script("render_mcp_config.py", "--client", client, "--format", "json", env={"FAL_KEY": KEY})
    assert done.code == 0, done.err
    assert done.json["content"] == RELAY_CONTENT[client]
    assert done.json["written"] is None
    text = run_script("render_mcp_config.py", "--client", client, "--format", "text").out
    assert RELAY in text


def test_the_key_itself_appears_nowhere(run_script: RunScript, tmp_path: Path) -> None:
    for client in CLIENTS:
        for server in SERVERS:
            options = ["--client", client, "--server", server, "--format", "text"]
            done = run_script("render_mcp_config.py", *options, env={"FAL_KEY": KEY})
            assert done.code == (1 if client == "claude-desktop" and server in ("key", "platform") else 0)
            assert KEY not in done.out + done.err
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"mcpServers": {"old": {"headers": {"Authorization": f"Bearer {KEY}"}}}}))
    done = run_script("render_mcp_config.py", "--client", "cursor", "--write", env={"FAL_KEY": KEY})
    assert done.code == 0
    assert "clear text" in done.err
    assert KEY not in done.out + done.err


def test_writing_keeps_what_was_there_and_is_done_once(run_script: RunScript, tmp_path: Path) -> None:
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{"mcpServers": {"other": {"url": "https://example.com/mcp"}}}')
    first = run_script("render_mcp_config.py", "--client", "cursor", "--write").json["written"]
    second = run_script("render_mcp_config.py", "--client", "cursor", "--write").json["written"]
    assert (first["changed"], second["changed"]) == (True, False)
    assert json.loads(file.read_text())["mcpServers"] == {
        "other": {"url": "https://example.com/mcp"},
        "fal": {"url": RELAY},
    }
    assert Path(first["backup"]).read_text() == '{"mcpServers": {"other": {"url": "https://example.com/mcp"}}}'


def test_a_file_with_comments_is_refused_and_what_to_paste_is_shown(run_script: RunScript, tmp_path: Path) -> None:
    file = tmp_path / ".config" / "zed" / "settings.json"
    file.parent.mkdir(parents=True)
    file.write_text('// mine\n{"theme": "x"}')
    env = {"XDG_CONFIG_HOME": ""}
    done = run_script("render_mcp_config.py", "--client", "zed", "--write", env=env)
    assert done.code == 2
    assert "comment in line 1" in one_line_error(done)
    assert RELAY in done.err
    assert file.read_text() == '// mine\n{"theme": "x"}'
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--client", "emacs"], 2),
        (["--client", "cursor", "--server", "other"], 2),
        (["--client", "windsurf", "--scope", "project"], 2),
        (["--client", "generic-stdio", "--write"], 2),
        (["--client", "claude-desktop", "--server", "key", "--write"], 2),
        (["--client", "cursor", "--name", "a/b"], 2),
        (["--client", "claude-desktop", "--server", "platform"], 1),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run_script: RunScript, arguments: list[str], code: int) -> None:
    done = run_script("render_mcp_config.py", *arguments)
    assert done.code == code
    assert one_line_error(done)


def test_user_and_project_are_the_scopes() -> None:
    assert {scope for client in CLIENTS.values() for scope in client.files} == {USER, PROJECT}
