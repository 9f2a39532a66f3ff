"""fal keys in text: found, told apart from placeholders, and never repeated."""

from __future__ import annotations

import json

import pytest

from calls.linting import checked, codes, notes
from fal_skill.calls.sarif import sarif
from fal_skill.calls.secrets import is_key, redacted

KEY = "7d41a9c2-90b3-4c5e-8f6a-1b2c3d4e5f60:9f8e7d6c5b4a39281706f5e4d3c2b1a0"
"""Of a key's form, and no key: made up for this test."""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (f'FAL_KEY = "{KEY}"', "python"),
        (f'import os\nos.environ["FAL_KEY"] = "{KEY}"', "python"),
        (f'import os\nkey = os.getenv("FAL_KEY", "{KEY}")', "python"),
        (f'import fal_client\nfal_client.SyncClient(key="{KEY}")', "python"),
        (f'import {{ fal }} from "@fal-ai/client";\nfal.config({{ credentials: "{KEY}" }});', "typescript"),
        (f"FAL_KEY={KEY}\n", "env"),
        (f"curl https://fal.run/fal-ai/flux/dev -H 'Authorization: Key {KEY}'", "shell"),
        (f'# fal.ai\n```bash\nexport FAL_KEY="{KEY}"\n```\n', "markdown"),
        (
            json.dumps(
                {
                    "mcpServers": {
                        "fal": {"url": "https://mcp.fal.ai/mcp-relay", "headers": {"Authorization": f"Bearer {KEY}"}}
                    }
                }
            ),
            "json",
        ),
    ],
)
def test_a_key_in_the_text_is_an_error_and_is_never_repeated(text: str, language: str) -> None:
    report = checked(text, language)
    found = [problem for problem in report.problems if problem.finding.code == "hard-coded-key"]
    assert [problem.finding.severity for problem in found] == ["error"]
    shown = json.dumps([problem.as_dict() for problem in report.problems]) + json.dumps(
        sarif(report.problems, "2026-01-01")
    )
    assert KEY not in shown
    assert KEY.partition(":")[2] not in shown


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ('import os\nos.environ["FAL_KEY"] = "your-api-key"', "python"),
        ('import fal_client\nfal_client.SyncClient(key="YOUR_FAL_KEY")', "python"),
        ('import { fal } from "@fal-ai/client";\nfal.config({ credentials: "YOUR_FAL_KEY" });', "javascript"),
    ],
)
def test_a_place_for_a_key_is_a_note(text: str, language: str) -> None:
    assert codes(text, language) == []
    assert notes(text, language) == ["placeholder-key"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ('import os\nkey = os.environ["FAL_KEY"]', "python"),
        ('import os\nFAL_KEY = os.getenv("FAL_KEY", "")', "python"),
        ('KEY_NAME = "FAL_KEY"\nFAL_KEY_NAME = "FAL_KEY"', "python"),
        ("fal.config({ credentials: process.env.FAL_KEY });", "javascript"),
        ("FAL_KEY=\nFAL_KEY=your_key_here\nFAL_KEY=${FAL_KEY}\n", "env"),
        ("FAL_KEY: ${{ secrets.FAL_KEY }}\n", "yaml"),
        ('FAL_KEY = "00000000-0000-0000-0000-000000000000:00000000000000000000000000000000"', "yaml"),
    ],
)
def test_keys_from_the_environment_are_left_alone(text: str, language: str) -> None:
    assert codes(text, language) == []


@pytest.mark.parametrize(
    ("text", "language", "severity"),
    [
        ("NEXT_PUBLIC_FAL_KEY=\n", "env", "error"),
        ("fal.config({ credentials: process.env.NEXT_PUBLIC_FAL_KEY });", "typescript", "error"),
        ("fal.config({ credentials: import.meta.env.VITE_FAL_API_KEY });", "typescript", "error"),
        (
            '"use client";\nimport { fal } from "@fal-ai/client";\nfal.config({ credentials: userKey });',
            "tsx",
            "warning",
        ),
        ("<script>\nfal.config({ credentials: key });\n</script>", "markup", "warning"),
    ],
)
def test_a_key_that_reaches_the_browser_is_found(text: str, language: str, severity: str) -> None:
    found = [problem.finding for problem in checked(text, language, "page.html").problems]
    assert [(finding.severity, finding.code) for finding in found if finding.severity != "note"] == [
        (severity, "browser-key")
    ]


def test_a_proxy_in_the_browser_is_right() -> None:
    assert codes('"use client";\nfal.config({ proxyUrl: "/api/fal/proxy" });', "tsx") == []


@pytest.mark.parametrize(
    "text",
    [
        "your-key",
        "FAL_KEY",
        "xxxxxxxxxxxxxxxxxxxxxxxx",
        "<your key here>",
        "sk-…",
        "test-key-123456789012345",
        "",
        "a" * 40,
    ],
)
def test_placeholders_are_no_keys(text: str) -> None:
    assert not is_key(text)


@pytest.mark.parametrize("text", [KEY, f"Key {KEY}", "fk9a8b7c6d5e4f3a2b1c0d9e8f"])
def test_keys_are_keys(text: str) -> None:
    assert is_key(text)


def test_redaction_leaves_the_rest_of_the_text() -> None:
    assert redacted(f"before {KEY} after") == "before [key] after"


SPAWN = 'const child = spawn("node", [CLI], { env: { ...process.env, FAL_KEY: "id:secret" } });'


@pytest.mark.parametrize(
    ("text", "language", "path"),
    [
        (SPAWN, "javascript", "app.mjs"),
        ('subprocess.run(["app"], env={**os.environ, "FAL_KEY": "id:secret"})', "python", "app.py"),
        ('subprocess.run(["app"], env=os.environ | {"FAL_KEY": "id:secret"})', "python", "app.py"),
        ('import os\nos.environ["FAL_KEY"] = "id:secret"', "python", "tests/test_app.py"),
        ('import fal_client\nfal_client.SyncClient(key="id:secret")', "python", "src/conftest.py"),
        ('fal.config({ credentials: "id:secret" });', "javascript", "src/app.test.mjs"),
    ],
)
def test_a_dummy_for_a_test_or_for_a_child_process_is_no_place_for_a_key(text: str, language: str, path: str) -> None:
    assert [problem.finding.code for problem in checked(text, language, path).problems] == []


@pytest.mark.parametrize(
    ("text", "language", "path"),
    [
        (SPAWN.replace("id:secret", KEY), "javascript", "app.test.mjs"),
        (f'import os\nos.environ["FAL_KEY"] = "{KEY}"', "python", "tests/test_app.py"),
    ],
)
def test_a_real_key_is_an_error_in_a_test_too(text: str, language: str, path: str) -> None:
    assert codes(text, language, path) == ["hard-coded-key"]
