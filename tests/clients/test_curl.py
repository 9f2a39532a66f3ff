"""curl: no SDK at all, as fal's own pages show it."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

import sandbox_programs
from fal_skill.sandbox import Sandbox

fal_sandbox = sandbox_programs.fal_sandbox
fal_sandbox_server = sandbox_programs.fal_sandbox_server
fal_sandbox_settings = sandbox_programs.fal_sandbox_settings

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture
def curl(fal_sandbox: Sandbox) -> Any:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["curl", "--silent", "--show-error", *words], env=fal_sandbox.environment(), capture_output=True, text=True,
            timeout=30, check=False,
        )  # fmt: skip

    return run


def test_submit_wait_and_download(curl: Any, fal_sandbox: Sandbox, tmp_path: Any) -> None:
    key = ("--header", f"Authorization: Key {fal_sandbox.key}")
    body = ("--json", '{"prompt": "a cat"}')
    job = json.loads(curl(*key, *body, "https://queue.fal.run/fal-ai/flux/schnell").stdout)
    with_retries = ("--retry", "50", "--retry-delay", "1", "--retry-all-errors", "--fail")
    result = json.loads(curl(*key, *with_retries, job["response_url"]).stdout)
    file = tmp_path / "cat.jpg"
    assert curl("--fail", "--output", str(file), result["images"][0]["url"]).returncode == 0
    assert file.read_bytes().startswith(b"\xff\xd8")
    assert "hand-rolled-http" not in {violation["code"] for violation in fal_sandbox.violations}


def test_the_status_stream(curl: Any, fal_sandbox: Sandbox) -> None:
    key = ("--header", f"Authorization: Key {fal_sandbox.key}")
    job = json.loads(curl(*key, "--json", '{"prompt": "x"}', "https://queue.fal.run/fal-ai/flux/schnell").stdout)
    lines = curl(*key, "--no-buffer", f"{job['status_url']}/stream").stdout.splitlines()
    assert json.loads([line for line in lines if line][-1].removeprefix("data: "))["status"] == "COMPLETED"


@pytest.mark.parametrize("url", ["https://example.com/", "http://example.com/"])
def test_other_hosts_are_refused(curl: Any, url: str) -> None:
    assert curl(url).returncode != 0


def test_plain_http_is_led_to_https_and_the_key_has_leaked(curl: Any, fal_sandbox: Sandbox) -> None:
    words = ("--write-out", "%{http_code} %{redirect_url}", "--header", f"Authorization: Key {fal_sandbox.key}")
    reply = curl(*words, "http://queue.fal.run/fal-ai/flux/schnell?x=1")
    assert reply.stdout == "308 https://queue.fal.run/fal-ai/flux/schnell?x=1"
    assert "key-leak" in {violation["code"] for violation in fal_sandbox.violations}
