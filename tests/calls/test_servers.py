"""MCP servers of fal in configurations: old addresses, packages that do not exist, keys in clear."""

from __future__ import annotations

import json

import pytest

from calls.linting import calls, codes

RELAY = "https://mcp.fal.ai/mcp-relay"
OLD = "https://mcp.fal.ai/mcp"


def config(entry: dict[str, object], key: str = "mcpServers") -> str:
    return json.dumps({key: {"fal": entry, "other": {"command": "x"}}}, indent=2)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (config({"url": RELAY}), "json", []),
        (config({"serverUrl": RELAY}), "json", []),
        (config({"type": "http", "url": RELAY}, "servers"), "json", []),
        (config({"command": "npx", "args": ["-y", "mcp-remote", RELAY]}), "json", []),
        (
            config({"url": "https://api.fal.ai/v1/mcp/platform", "headers": {"Authorization": "Key ${FAL_KEY}"}}),
            "json",
            [],
        ),
        (config({"url": OLD, "headers": {"Authorization": "Bearer ${FAL_KEY}"}}), "json", ["mcp-endpoint"]),
        (
            config(
                {
                    "command": "npx",
                    "args": ["-y", "@modelcontextprotocol/server-http", OLD],
                    "env": {"FAL_KEY": "$FAL_KEY"},
                }
            ),
            "json",
            ["mcp-endpoint", "mcp-package"],
        ),
        (config({"url": RELAY, "env": {"FAL_KEY": "fk9a8b7c6d5e4f3a2b1c0d9e8f"}}), "json", ["hard-coded-key"]),
        (
            '{\n  // comments are allowed\n  "mcpServers": {"fal": {"url": "https://mcp.fal.ai/mcp",}},\n}',
            "json",
            ["mcp-endpoint"],
        ),
        (f"claude mcp add --transport http fal {RELAY}", "shell", []),
        (
            f'claude mcp add --transport http fal {OLD} --header "Authorization: Bearer $FAL_KEY"',
            "shell",
            ["key-on-command-line", "mcp-endpoint"],
        ),
        (
            "claude mcp add --transport http fal https://api.fal.ai/v1/mcp/platform "
            "--header 'Authorization: Key ${FAL_KEY}'",  # single quotes: the client reads the variable
            "shell",
            [],
        ),
        (f"codex mcp add fal --url {OLD} --bearer-token-env-var FAL_KEY", "shell", ["mcp-endpoint"]),
        (f"npx -y @modelcontextprotocol/server-http {OLD}", "shell", ["mcp-package"]),
        (f"```bash\nclaude mcp add --transport http fal {OLD}\n```", "markdown", ["mcp-endpoint"]),
        (f"The address `{OLD}` is of March 2026; `@modelcontextprotocol/server-http` does not exist.", "markdown", []),
        (f'[mcp_servers.fal]\nurl = "{OLD}"\n', "toml", ["mcp-endpoint"]),
        (f'[mcp_servers.fal]\nurl = "{RELAY}"\n', "toml", []),
    ],
)
def test_a_server_is_checked(text: str, language: str, expected: list[str]) -> None:
    assert sorted(codes(text, language, "mcp.json")) == expected


def test_a_server_is_a_call_with_its_place() -> None:
    text = config({"url": RELAY})
    (call,) = calls(text, "json")
    assert (call.pattern, call.url) == ("mcp", RELAY)
    assert text.split("\n")[call.line - 1].strip() == f'"url": "{RELAY}"'


def test_servers_of_others_are_no_calls_to_fal() -> None:
    assert calls('{"mcpServers": {"github": {"url": "https://example.invalid/mcp"}}}', "json") == []


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ('{"endpoint_id": "fal-ai/flux/dev", "input": {"prompt": "a"}}', "fal-ai/flux/dev"),
        (
            '{"name": "run_model", "arguments": {"endpoint_id": "fal-ai/flux/dev", "input": {"prompt": "a"}}}',
            "fal-ai/flux/dev",
        ),
        ('[{"slug": "fal-ai/flux/dev", "arguments": {"prompt": "a"}}]', "fal-ai/flux/dev"),
        ('{"slug": "fal-ai/flux/dev", "arguments": {"prompt": "a"}}\n{"other": 1}\n', "fal-ai/flux/dev"),
    ],
)
def test_calls_written_as_data_are_calls(text: str, slug: str) -> None:
    (call,) = calls(text, "json")
    assert call.slug == slug
    assert call.arguments == {"prompt": "a"}


def test_a_call_written_as_data_is_checked() -> None:
    assert codes('{"endpoint_id": "fal-ai/flux/dev", "input": {"promt": "a"}}', "json") == [
        "missing-required",
        "unknown-field",
    ]
