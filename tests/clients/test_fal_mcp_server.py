"""fal-mcp-server, an MCP server on fal that nobody here wrote; it needs ``mcp<2`` and so an environment of its own."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

import sandbox_programs
from fal_skill.sandbox import Sandbox

fal_sandbox = sandbox_programs.fal_sandbox
fal_sandbox_server = sandbox_programs.fal_sandbox_server
fal_sandbox_settings = sandbox_programs.fal_sandbox_settings

PACKAGES = ("fal-mcp-server==1.18.0", "mcp>=1.20,<2")
FOLDER = Path(__file__).parent / ".venv"

PROGRAM = """
import asyncio, json, os, sys
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

async def main():
    command = os.path.join(os.path.dirname(sys.executable), "fal-mcp")
    async with stdio_client(StdioServerParameters(command=command, env=dict(os.environ))) as (read, write):
        async with ClientSession(read, write) as session:
            await session.initialize()
            for name, arguments in json.loads(sys.argv[1]):
                answer = await session.call_tool(name, arguments)
                print(json.dumps(answer.content[0].text))

asyncio.run(main())
"""


@pytest.fixture(scope="session")
def python() -> Path | None:
    """A Python with the server installed, installed the first time; None where that is not possible.

    For the whole session: the installation must not be led to the sandbox.
    """
    found = FOLDER / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    mark = FOLDER / "installed"
    with (Path(tempfile.gettempdir()) / "fal-mcp-server-checks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of one test run
        if mark.exists() and mark.read_text() == str(PACKAGES):
            return found
        uv = shutil.which("uv")
        if uv is None:
            return None
        shutil.rmtree(FOLDER, ignore_errors=True)
        for command in (
            [uv, "venv", "--quiet", "--python", sys.executable, str(FOLDER)],
            [uv, "pip", "install", "--quiet", "--python", str(found), *PACKAGES],
        ):
            if subprocess.run(command, capture_output=True, timeout=240, check=False).returncode != 0:
                return None
        mark.write_text(str(PACKAGES))
    return found


def answers(python: Path | None, sandbox: Sandbox, *calls: tuple[str, dict[str, Any]]) -> list[str]:
    """Call these tools, one after the other, and return their texts."""
    if python is None:
        pytest.skip("fal-mcp-server could not be installed (needs uv, and a package index the first time)")
    done = subprocess.run(
        [str(python), "-c", PROGRAM, json.dumps(calls)], env=sandbox.environment(), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_its_tools_work_against_the_sandbox(python: Path | None, fal_sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("hello")
    image, music, models, price, uploaded = answers(
        python,
        fal_sandbox,
        ("generate_image", {"prompt": "a cat", "model": "fal-ai/flux/schnell"}),
        ("generate_music", {"prompt": "slow jazz"}),
        ("list_models", {"search": "kling"}),
        ("get_pricing", {"models": ["fal-ai/flux/dev"]}),
        ("upload_file", {"file_path": str(file)}),
    )
    assert "https://v3b.fal.media/files/" in image
    assert "https://v3b.fal.media/files/" in music
    assert "fal-ai/kling" in models
    assert "$0.025" in price
    assert "https://v3.fal.media/files/" in uploaded
    report = fal_sandbox.report(final=True)
    assert [job["http_status"] for job in report["jobs"]] == [200, 200]
    assert report["violations"] == []


def test_what_fal_would_refuse_is_refused(python: Path | None, fal_sandbox: Sandbox) -> None:
    (answer,) = answers(python, fal_sandbox, ("generate_image", {"prompt": "a cat", "model": "fal-ai/no-such-model"}))
    assert "fal-ai/no-such-model" in answer or "not found" in answer.lower()
    assert {violation["code"] for violation in fal_sandbox.violations} <= {"unknown-slug"}
