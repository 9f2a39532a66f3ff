"""A model that is a stub, in four wire formats: it asks for the skill, runs one of its scripts, and ends.

It proves the plumbing (found, advertised, loadable, files reachable), not that a model would choose the skill. Like a
model it knows nothing but the requests: the skill's folder is read from what the client says of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

SCRIPT = "scripts/verify_slug.py fal-ai/flux/schnell --format json"
LAST_WORDS = "that was the stub"
Event = dict[str, Any]


class Stub:
    """What the stub was asked, and what it says next."""

    def __init__(self, skill: str, files: Path | None) -> None:
        self.skill = skill
        self.files = files
        self.requests: list[dict[str, Any]] = []

    def folder(self, text: str) -> str:
        """Return the skill's folder as the request names it."""
        name = re.escape(self.skill)
        direct = re.search(rf"(/[^\s\"'`\\<>]*/{name})(?=[/\"'`\\<\s])", text)
        if direct:
            return direct[1]
        # Codex abbreviates: `r0` = `/home/me/.agents/skills`, and then (file: r0/NAME/SKILL.md).
        root = re.search(rf"\(file: (r\d+)/{name}/SKILL\.md\)", text)
        where = re.search(rf"`{root[1]}` = `([^`]+)`", text) if root else None
        return f"{where[1]}/{self.skill}" if where else "the request names no folder"

    def run(self, text: str) -> str:
        """Return the command that runs a script of the skill."""
        return f"python3 {self.folder(text)}/{SCRIPT}"


def event_stream(events: list[tuple[str | None, Any]]) -> bytes:
    """Return server-sent events; a name of None leaves the event's name out."""
    parts = []
    for name, data in events:
        text = data if isinstance(data, str) else json.dumps(data)
        parts.append((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
    return "".join(parts).encode()


def responses(stub: Stub, asked: Event, text: str) -> bytes:
    """OpenAI Responses, as Codex speaks it."""
    turn = sum(item.get("type") == "function_call_output" for item in asked["input"])
    if turn < 2:
        command = f"cat {stub.folder(text)}/SKILL.md" if turn == 0 else stub.run(text)
        arguments = json.dumps({"cmd": command})
        item = {"type": "function_call", "id": f"fc_{turn}", "call_id": f"call_{turn}", "name": "exec_command",
                "arguments": arguments}  # fmt: skip
    else:
        item = {"type": "message", "role": "assistant", "id": "msg_1",
                "content": [{"type": "output_text", "text": LAST_WORDS, "annotations": []}]}  # fmt: skip
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    reply = {"id": f"resp_{turn}", "object": "response", "status": "completed", "output": [item], "usage": usage}
    return event_stream([
        ("response.created", {"type": "response.created", "response": {"id": f"resp_{turn}"}}),
        ("response.output_item.done", {"type": "response.output_item.done", "output_index": 0, "item": item}),
        ("response.completed", {"type": "response.completed", "response": reply}),
    ])  # fmt: skip


def chat(stub: Stub, asked: Event, text: str) -> bytes:
    """OpenAI chat completions, as opencode speaks it."""
    turn = sum(message["role"] == "tool" for message in asked["messages"])
    names = {tool["function"]["name"] for tool in asked.get("tools", [])}
    delta: Event = {"role": "assistant"}
    if "skill" in names and turn < 2:
        name, arguments = ("skill", {"name": stub.skill}) if turn == 0 else (
            "bash", {"command": stub.run(text), "description": "Verify an id"})  # fmt: skip
        call = {"index": 0, "id": f"call_{turn}", "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)}}  # fmt: skip
        delta["tool_calls"] = [call]
    else:
        delta["content"] = LAST_WORDS
    base = {"id": f"chat-{turn}", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    finish = "tool_calls" if "tool_calls" in delta else "stop"
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return event_stream([
        (None, {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}),
        (None, {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": usage}),
        (None, "[DONE]"),
    ])  # fmt: skip


def gemini(stub: Stub, asked: Event, text: str) -> bytes:
    """Gemini's streamGenerateContent."""
    parts = [part for content in asked["contents"] for part in content["parts"]]
    turn = sum("functionResponse" in part for part in parts)
    declared = {tool["name"] for tools in asked.get("tools", []) for tool in tools.get("functionDeclarations", [])}
    if "activate_skill" in declared and turn < 2:
        name, arguments = ("activate_skill", {"name": stub.skill}) if turn == 0 else (
            "run_shell_command", {"command": stub.run(text), "description": "Verify an id"})  # fmt: skip
        part: Event = {"functionCall": {"name": name, "args": arguments}}
    else:
        part = {"text": LAST_WORDS}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    candidate = {"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [part]}}
    return event_stream([(None, {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "stub"})])


def messages(stub: Stub, asked: Event, text: str) -> bytes:
    """Anthropic messages, as Claude Code speaks it."""
    blocks = [block for message in asked["messages"] if isinstance(message["content"], list)
              for block in message["content"]]  # fmt: skip
    turn = sum(block.get("type") == "tool_result" for block in blocks)
    names = {tool["name"] for tool in asked.get("tools", [])}
    if "Skill" in names and turn < 2:
        name, arguments = ("Skill", {"skill": stub.skill}) if turn == 0 else (
            "Bash", {"command": stub.run(text), "description": "Verify an id"})  # fmt: skip
        block: Event = {"type": "tool_use", "id": f"toolu_{turn}", "name": name, "input": {}}
        delta: Event = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
    else:
        block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": LAST_WORDS}
    stop = "tool_use" if block["type"] == "tool_use" else "end_turn"
    usage = {"input_tokens": 1, "output_tokens": 1}
    start = {"id": f"msg_{turn}", "type": "message", "role": "assistant", "model": asked.get("model", "stub"),
             "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}  # fmt: skip
    events: list[Event] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    return event_stream([(event["type"], event) for event in events])


WIRES: list[tuple[str, Callable[[Stub, Event, str], bytes]]] = [
    (r"/v1/responses$", responses),
    (r"/v1/chat/completions$", chat),
    (r":streamGenerateContent", gemini),
    (r"/v1/messages(\?|$)", messages),
]


def handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    """Return the handler class of a server that speaks for the stub."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = json.loads(body or b"{}")
            speak = next((speak for pattern, speak in WIRES if re.search(pattern, self.path)), None)
            stub.requests.append({"path": self.path, "body": asked})
            if speak is None:
                self.reply(404, "application/json", b'{"error": {"message": "the stub does not speak that"}}')
                return
            text = json.dumps(asked, ensure_ascii=False).replace("\\\\", "\\").replace("\\n", "\n").replace('\\"', '"')
            self.reply(200, "text/event-stream", speak(stub, asked, text))

        def do_GET(self) -> None:
            file = stub.files / Path(self.path).name if stub.files else None
            if file is not None and file.is_file():
                self.reply(200, "application/octet-stream", file.read_bytes())
            else:
                self.reply(404, "text/plain", b"not here")

        def do_HEAD(self) -> None:
            self.do_GET()

        def reply(self, status: int, kind: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
