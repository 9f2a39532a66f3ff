"""Run by pydantic-ai-skills' own Python: a stub model loads the skill, runs a script; prints what it was told."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic_ai import Agent, models
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai_skills import SkillsCapability

NAME = "fal-ai-models-runner"
# Its tool knows options alone; an empty name makes "--", behind which stands what has no name.
SCRIPT = {"skill_name": NAME, "script_name": "scripts/verify_slug.py"}
CALLS = [
    ToolCallPart("load_capability", {"id": NAME}),
    ToolCallPart("run_skill_script", {**SCRIPT, "args": {"format": "json", "": "fal-ai/flux/schnell"}}),
]
models.ALLOW_MODEL_REQUESTS = False
told: list[str] = []


def model(messages: list[Any], info: AgentInfo) -> ModelResponse:
    """Ask for one thing after the other, and note each request."""
    told.append(f"{info.instructions}\n" + "\n".join(str(part.content) for part in messages[-1].parts))
    return ModelResponse(parts=[CALLS[len(told) - 1] if len(told) <= len(CALLS) else TextPart("done")])


agent = Agent(FunctionModel(model), capabilities=[SkillsCapability(sys.argv[1])])
agent.run_sync("make me an image")
sys.stdout.write(json.dumps(told))
