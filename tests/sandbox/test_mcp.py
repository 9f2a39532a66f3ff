from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from fal_skill.sandbox import Sandbox
from fal_skill.sandbox.tools import RELAY_TOOLS
from sandbox_calls import http_client, submitted

pytest.importorskip("mcp.client.streamable_http", reason="the client of the MCP SDK is not installed")
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

RELAY = "https://mcp.fal.ai/mcp-relay"
SCHNELL = {"endpoint_id": "fal-ai/flux/schnell", "input": {"prompt": "a cat"}}


def talk(url: str, work: Callable[[ClientSession], Awaitable[Any]], http: Any = None) -> Any:
    """Open a session with the official client, which finds the sandbox by its environment, and return work's result."""

    async def run() -> Any:
        async with (
            streamable_http_client(url, http_client=http) as streams,
            ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            return await work(session)

    return asyncio.run(run())


def called(tool: str, **arguments: Any) -> Any:
    async def work(session: ClientSession) -> Any:
        answer = await session.call_tool(tool, arguments)
        assert not answer.is_error, answer
        return json.loads(answer.content[0].text)

    return talk(RELAY, work)


def test_the_relay_has_todays_eleven_tools(fal_sandbox: Sandbox) -> None:
    async def work(session: ClientSession) -> list[str]:
        return [tool.name for tool in (await session.list_tools()).tools]

    assert talk(RELAY, work) == list(RELAY_TOOLS)
    assert len(RELAY_TOOLS) == 11


def test_the_older_server_wants_the_key_as_bearer_and_has_nine_tools(fal_sandbox: Sandbox) -> None:
    async def work(session: ClientSession) -> list[Any]:
        return [(tool.name, tool.input_schema) for tool in (await session.list_tools()).tools]

    import httpx2

    http = httpx2.AsyncClient(headers={"authorization": f"Bearer {fal_sandbox.key}"})
    tools = dict(talk("https://mcp.fal.ai/mcp", work, http))
    assert len(tools) == 9
    assert "action" in tools["check_job"]["properties"]


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Key {key}"])
def test_the_older_server_refuses_others(fal_sandbox: Sandbox, authorization: str | None) -> None:
    headers = {"authorization": authorization.format(key=fal_sandbox.key)} if authorization else {}
    with http_client(fal_sandbox) as client:
        assert client.post("https://mcp.fal.ai/mcp", json={}, headers=headers).status_code == 401


def test_run_model_makes_a_job_of_this_sandbox(fal_sandbox: Sandbox) -> None:
    answer = called("run_model", **SCHNELL)
    assert answer["status"] == "completed"
    assert answer["result"]["images"][0]["url"].startswith("https://v3b.fal.media/")
    (job,) = fal_sandbox.report(final=True)["jobs"]
    assert (job["request_id"], job["origin"], job["collected"]) == (answer["request_id"], "mcp", True)


def test_a_job_is_submitted_checked_collected(fal_sandbox: Sandbox) -> None:
    given = called("submit_job", **SCHNELL)
    ids = {"endpoint_id": "fal-ai/flux/schnell", "request_id": given["request_id"]}
    while called("check_job", **ids)["status"] != "COMPLETED":
        pass
    assert called("get_job_result", **ids)["result"]["images"]
    assert called("cancel_job", **ids) == {"status": "ALREADY_COMPLETED"}
    assert fal_sandbox.report(final=True)["violations"] == []


def test_jobs_of_the_queue_are_known_to_the_tools(client: httpx.Client) -> None:
    job = submitted(client)
    assert called("check_job", endpoint_id="fal-ai/flux/schnell", request_id=job["request_id"])["status"]


def test_mistakes_are_answered_in_words(fal_sandbox: Sandbox) -> None:
    answer = called("run_model", endpoint_id="fal-ai/flux/schnel", input={})
    assert "fal-ai/flux/schnell" in answer["did_you_mean"]
    assert called("run_model", endpoint_id="fal-ai/flux/schnell", input={})["http_status"] == 422
    assert "error" in called("check_job", endpoint_id="fal-ai/flux/schnell", request_id="nothing")
    assert "error" in called("get_model_schema", endpoint_id="no/such-model")
    assert "error" in called("upload_file", data="not base64!")


def test_models_schemas_and_prices_are_told(fal_sandbox: Sandbox) -> None:
    found = called("search_models", query="kling image to video", limit=3)["models"]
    assert len(found) == 3
    assert called("get_model_schema", endpoint_id="fal-ai/flux/schnell")["input"]["required"] == ["prompt"]
    prices = called("get_pricing", endpoint_id="fal-ai/flux/dev,fal-ai/flux/schnell")["prices"]
    assert [price["unit_price"] for price in prices] == [0.025, 0.003]
    assert called("recommend_model", task="a cheap picture")["recommendations"]
    assert called("search_docs", query="webhooks")["results"] == []


def test_a_file_is_uploaded_by_either_way(fal_sandbox: Sandbox) -> None:
    url = called("upload_file", data=base64.b64encode(b"hello").decode(), file_name="a.txt")["url"]
    given = called("upload_file", prepare_upload=True, file_size=5, file_name="b.txt")
    with http_client(fal_sandbox) as client:
        assert client.get(url).content == b"hello"
        assert client.put(given["upload_url"], content=b"hello").status_code == 200
        assert client.get(given["url"]).content == b"hello"
