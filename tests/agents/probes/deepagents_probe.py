"""Run by deepagents' own Python: a fake model reads the skill and runs a script; prints what the model was told."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from deepagents import create_deep_agent
from deepagents.backends import LocalShellBackend
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

NAME = "fal-ai-models-runner"
told: list[str] = []


class Model(GenericFakeChatModel):
    """Says what it was given to say, and notes each request."""

    def bind_tools(self, tools: Any, **_: Any) -> Model:
        """Return itself: what it calls is settled."""
        return self

    def _generate(self, messages: Any, *arguments: Any, **options: Any) -> Any:
        told.append("\n".join(str(message.content) for message in messages))
        return super()._generate(messages, *arguments, **options)


skills = Path(sys.argv[1])
script = f"python3 {skills}/{NAME}/scripts/verify_slug.py fal-ai/flux/schnell --format json"
calls = [("read_file", {"file_path": f"{skills}/{NAME}/SKILL.md"}), ("execute", {"command": script})]
says = [AIMessage("", tool_calls=[{"id": name, "name": name, "args": given}]) for name, given in calls]
backend = LocalShellBackend(root_dir=skills, virtual_mode=False, inherit_env=True)
agent = create_deep_agent(model=Model(messages=iter([*says, AIMessage("done")])), backend=backend, skills=[str(skills)])
agent.invoke({"messages": [("user", "make me an image")]})
sys.stdout.write(json.dumps(told))
