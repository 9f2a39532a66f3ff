"""The lane itself, without any client: what is asked for, what is pinned, and what the stub reads from a request."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agents.lane import RECIPES, UnavailableClientError, asked_for, installed
from agents.stub import LAST_WORDS, Stub, handler

NAME = "fal-ai-models-runner"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ()), ("all", tuple(RECIPES)), ("codex", ("codex",)), (" codex , opencode ", ("codex", "opencode"))],
)
def test_clients_are_asked_for_by_name(value: str, expected: tuple[str, ...]) -> None:
    assert asked_for({"FAL_SKILL_CLIENTS": value}) == expected


def test_an_unknown_client_is_an_error() -> None:
    with pytest.raises(ValueError, match="emacs"):
        asked_for({"FAL_SKILL_CLIENTS": "codex,emacs"})


def test_every_package_is_pinned_and_every_client_has_a_module() -> None:
    for recipe in RECIPES.values():
        assert all(re.search(r".@[\d.]+$", package) for package in recipe.npm)
        assert all(re.search(r"==[\d.]+$", package) for package in recipe.pypi)
    modules = [file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py")]
    named = {found[1] for text in modules if (found := re.search(r'^CLIENT = "(.+)"$', text, re.MULTILINE))}
    assert named == set(RECIPES)


def test_a_client_that_cannot_be_installed_says_why_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UnavailableClientError, match=r"npm is not installed|POSIX"), installed("codex"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Base directory for this skill: /home/me/.claude/skills/{NAME}\n", f"/home/me/.claude/skills/{NAME}"),
        (
            f"- `r0` = `/home/me/.agents/skills`\n- {NAME}: … (file: r0/{NAME}/SKILL.md)",
            f"/home/me/.agents/skills/{NAME}",
        ),
        (f"<location>/a/{NAME}/SKILL.md</location>", f"/a/{NAME}"),
        (f"/a/{NAME}-other/SKILL.md", "the request names no folder"),
        ("nothing", "the request names no folder"),
    ],
)
def test_the_stub_knows_the_folder_from_the_request_alone(text: str, expected: str) -> None:
    assert Stub(NAME, None).folder(text) == expected


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Stub, str]]:
    (tmp_path / "file").write_bytes(b"served")
    stub = Stub(NAME, tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(stub))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def posted(address: str, body: dict[str, Any]) -> str:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
        return str(reply.read().decode())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"input": [{"type": "function_call_output"}] * 2}),
        ("/v1/chat/completions", {"messages": [{"role": "user"}]}),
        ("/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "hi"}]}]}),
        ("/v1/messages?beta=true", {"messages": [{"role": "user", "content": "hi"}]}),
    ],
)
def test_the_stub_ends_where_no_tool_is_offered_or_all_is_done(
    served: tuple[Stub, str], path: str, body: dict[str, Any]
) -> None:
    stub, address = served
    assert LAST_WORDS in posted(address + path, body)
    assert [request["path"] for request in stub.requests] == [path]


def test_the_stub_serves_files_below_its_folder(served: tuple[Stub, str]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{served[1]}/file", timeout=10) as reply:
        assert reply.read() == b"served"
    with pytest.raises(urllib.request.HTTPError) as refused:
        opener.open(f"{served[1]}/missing", timeout=10)
    refused.value.close()
    assert refused.value.code == 404


def test_the_runner_fills_in_the_port_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    sys.modules.pop("loopback", None)
    import loopback

    order = {"command": ["x", "http://h:{port}/"], "env": {"URL": "{port}"}}
    assert loopback.filled(order, 81) == {"command": ["x", "http://h:81/"], "env": {"URL": "81"}}
