"""Run by inspect_ai's own Python: an eval with a mock model and the skill tool; prints what the model was told.

``whole`` as second argument hands over every file of the skill; without it inspect_ai takes what it takes by itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelAPI, ModelOutput, get_model
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import Skill, bash, read_skills, skill

NAME = "fal-ai-models-runner"
COMMAND = f"python3 skills/{NAME}/scripts/verify_slug.py fal-ai/flux/schnell --format json"


async def one(self: Any, *_: Any, **__: Any) -> int:
    """Count tokens without the vocabulary that it would download."""
    return 1


def whole(place: Path, found: Skill) -> Skill:
    """Return the skill with every file: inspect_ai leaves out names that begin with an underscore, and templates/."""
    scripts = place / "scripts"
    files = {file.relative_to(scripts).as_posix(): file for file in scripts.rglob("*.*") if file.suffix != ".pyc"}
    files |= {f"fal_skill/templates/{file.name}": file for file in (place / "templates").iterdir()}
    return found.model_copy(update={"scripts": files})


for name in dir(ModelAPI):
    if name.startswith("count_"):
        setattr(ModelAPI, name, one)
place = Path(sys.argv[1])
(found,) = read_skills([place])
calls = [("skill", {"command": NAME}), ("bash", {"command": COMMAND})]
outputs = [ModelOutput.for_tool_call("mockllm/model", *call) for call in calls]
outputs.append(ModelOutput.from_content("mockllm/model", "done"))
tools = [skill([whole(place, found) if "whole" in sys.argv else found]), bash()]
task = Task(dataset=[Sample(input="make me an image")], solver=[use_tools(tools), generate()], sandbox="local")
model = get_model("mockllm/model", custom_outputs=outputs)
(log,) = eval(task, model=model, display="none", log_dir="logs")
if log.status != "success" or not log.samples:
    raise SystemExit(str(log.error))
told = [found.description, *(str(message.content) for message in log.samples[0].messages if message.role == "tool")]
sys.stdout.write(json.dumps(told))
