"""The adapters, against fake programs that print what each client prints."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from fal_skill.errors import UsageError

NAME = "fal-ai-models-runner"
FAKE = """#!{python}
import json, os, sys, time
mode = os.environ.get("FAKE_MODE", "good")
prompt = sys.stdin.read()
skill = os.path.join("{skills}", "fal-ai-models-runner", "SKILL.md")
has_skill = os.path.exists(skill)
def say(event): print(json.dumps(event), flush=True)
if mode == "crash":
    print("boom", file=sys.stderr); sys.exit(3)
if mode == "garbage":
    print("\\x1b[31mnot json"); sys.exit(0)
if mode == "hang":
    time.sleep(60)
open("made.py", "w").write("print(1)\\n")
if mode == "look":
    answer = json.dumps({{"home": os.environ["HOME"], "cwd": os.getcwd(), "fal": sorted(k for k in os.environ if k.startswith("FAL")), "skill": has_skill, "files": sorted(os.listdir("."))}})
else:
    answer = "Answer to: " + prompt
use = has_skill and "fal" in prompt
{body}
"""  # noqa: E501
BODIES = {
    "claude": '''
say({"type": "system", "subtype": "init", "model": "fake-1", "tools": []})
say({"type": "assistant", "message": {"content": [{"type": "text", "text": "Let me look."}, {"type": "tool_use", "id": "1", "name": "Bash", "input": {"command": "ls"}}], "usage": {"input_tokens": 5, "output_tokens": 2}}})
if use: say({"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "2", "name": "Skill", "input": {"skill": "fal-ai-models-runner"}}], "usage": {"input_tokens": 5, "output_tokens": 2}}})
if mode == "expensive": say({"type": "assistant", "message": {"content": [], "usage": {"input_tokens": 10**6, "output_tokens": 1}}}); time.sleep(60)
bad = mode == "error"
say({"type": "result", "subtype": "success", "is_error": bad, "result": "limit reached" if bad else answer, "total_cost_usd": 0.25, "usage": {"input_tokens": 10, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 100, "output_tokens": 7}})
''',  # noqa: E501
    "codex": '''
say({"type": "thread.started", "thread_id": "t"}); say({"type": "turn.started"})
say({"type": "item.completed", "item": {"id": "0", "type": "reasoning", "text": "hm"}})
if use: say({"type": "item.completed", "item": {"id": "1", "type": "command_execution", "command": "bash -lc 'cat " + skill + "'", "aggregated_output": "", "exit_code": 0}})
if mode == "error": say({"type": "turn.failed", "error": {"message": "stream disconnected"}}); sys.exit(1)
say({"type": "item.completed", "item": {"id": "2", "type": "agent_message", "text": answer}})
say({"type": "turn.completed", "usage": {"input_tokens": 110, "cached_input_tokens": 100, "output_tokens": 8}})
''',  # noqa: E501
    "gemini": '''
say({"type": "init", "session_id": "s", "model": "fake-2"})
say({"type": "message", "role": "user", "content": prompt})
say({"type": "message", "role": "assistant", "content": "Let me look. ", "delta": True})
if use: say({"type": "tool_use", "tool_name": "activate_skill", "tool_id": "1", "parameters": {"name": "fal-ai-models-runner"}})
else: say({"type": "tool_use", "tool_name": "list_directory", "tool_id": "1", "parameters": {"path": "."}})
if mode == "error": say({"type": "result", "status": "error", "error": {"type": "x", "message": "quota"}}); sys.exit(0)
for part in (answer[:4], answer[4:]): say({"type": "message", "role": "assistant", "content": part, "delta": True})
say({"type": "result", "status": "success", "stats": {"total_tokens": 118, "input_tokens": 110, "output_tokens": 8, "tool_calls": 1}})
''',  # noqa: E501
    "opencode": '''
say({"type": "step_start", "part": {"type": "step-start"}})
if use: say({"type": "tool_use", "part": {"tool": "skill", "state": {"status": "completed", "input": {"name": "fal-ai-models-runner"}}}})
if mode == "error": say({"type": "error", "error": {"name": "APIError", "data": {"message": "no credit"}}}); sys.exit(0)
say({"type": "text", "part": {"type": "text", "text": answer}})
if mode != "no-usage": say({"type": "step_finish", "part": {"reason": "stop", "cost": 0.25, "tokens": {"input": 100, "output": 8, "reasoning": 5, "cache": {"read": 5, "write": 0}}}})
''',  # noqa: E501
}  # fmt: skip
SKILLS = {
    "claude": ".claude/skills",
    "codex": ".agents/skills",
    "gemini": ".agents/skills",
    "opencode": ".agents/skills",
}
ALL = list(BODIES)


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in BODIES.items():
        path = folder / name
        path.write_text(FAKE.format(python=sys.executable, skills=SKILLS[name], body=body))
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAL_KEY", "must-not-be-seen")
    return folder


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    folder = tmp_path / "a-skill"
    (folder / "evals").mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: x\ndescription: y\n---\n")
    (folder / "evals" / "evals.json").write_text("{}")
    return folder


def adapter(name: str, mode: str = "good") -> Any:
    from dataclasses import replace

    from evals.agents.adapters import adapter_named

    made = adapter_named(name)
    return replace(made, fixed={**made.fixed, "FAKE_MODE": mode})


@pytest.mark.parametrize("name", ALL)
def test_answer_usage_and_skill_are_read(name: str, fakes: Path, skill: Path) -> None:
    from evals.agents.execution import execute

    outcome = execute(adapter(name), "ask fal {model}", skill=skill)
    assert (outcome.status, outcome.why) == ("ok", "")
    assert outcome.answer is not None and outcome.answer.text == "Answer to: ask fal {model}"
    assert outcome.tokens == 118 and outcome.skill_used is True
    assert outcome.answer.files == {"made.py": "print(1)\n"}
    assert outcome.cost_usd == (0.25 if name in ("claude", "opencode") else None)


@pytest.mark.parametrize("name", ALL)
def test_without_the_skill_there_is_none(name: str, fakes: Path) -> None:
    from evals.agents.execution import execute

    outcome = execute(adapter(name), "ask fal")
    assert outcome.status == "ok" and outcome.skill_used is False


@pytest.mark.parametrize("name", ALL)
def test_each_run_has_a_folder_and_a_home_of_its_own_and_no_fal_key(name: str, fakes: Path, skill: Path) -> None:
    from evals.agents.execution import execute

    seen = []
    for _ in range(2):
        outcome = execute(adapter(name, "look"), "x", skill=skill)
        assert outcome.answer is not None
        seen.append(json.loads(outcome.answer.text))
    assert seen[0]["home"] != seen[1]["home"] and seen[0]["cwd"] != seen[1]["cwd"]
    assert seen[0]["fal"] == [] and seen[0]["skill"] is True
    assert seen[0]["home"] != os.environ.get("HOME")
    assert set(seen[0]["files"]) == {SKILLS[name].split("/")[0], "made.py"}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("mode", ["crash", "garbage", "error"])
def test_a_broken_run_is_an_error_and_no_answer(name: str, mode: str, fakes: Path) -> None:
    from evals.agents.execution import execute

    outcome = execute(adapter(name, mode), "ask fal")
    assert outcome.status == "error" and outcome.why and outcome.answer is None


def test_a_missing_program_is_an_error(tmp_path: Path) -> None:
    from evals.agents.adapters import adapter_named
    from evals.agents.execution import execute

    made = adapter_named("command", command=str(tmp_path / "nothing-here"))
    assert "could not be started" in execute(made, "x").why


def test_time_and_tokens_are_capped(fakes: Path) -> None:
    from evals.agents.execution import Caps, execute

    assert execute(adapter("claude", "hang"), "x", caps=Caps(seconds=1)).status == "timeout"
    outcome = execute(adapter("claude", "expensive"), "x", caps=Caps(seconds=30, tokens=1000))
    assert outcome.status == "over-cap" and outcome.seconds < 20
    assert execute(adapter("opencode"), "x", caps=Caps(cost_usd=0.1)).status == "over-cap"


def test_unknown_usage_is_none_and_not_zero(fakes: Path) -> None:
    from evals.agents.execution import execute

    outcome = execute(adapter("opencode", "no-usage"), "x")
    assert outcome.status == "ok" and outcome.tokens is None and outcome.cost_usd is None


def test_any_command_can_be_an_agent(tmp_path: Path) -> None:
    from evals.agents.adapters import adapter_named
    from evals.agents.execution import execute

    script = tmp_path / "mine.py"
    script.write_text("import sys\nprint('got', sys.argv[1])\n")
    made = adapter_named("command", command=f"{sys.executable} {script} {{prompt}}")
    outcome = execute(made, "a; rm -rf $HOME")
    assert outcome.answer is not None and outcome.answer.text == "got a; rm -rf $HOME"


def test_the_installed_skill_has_no_evals(fakes: Path, skill: Path, tmp_path: Path) -> None:
    from evals.agents.folders import place_skill

    copy = place_skill(skill, tmp_path / "other")
    own = place_skill(Path(__file__).resolve().parents[2], tmp_path / "own")
    assert (copy / "SKILL.md").is_file() and not (copy / "evals").exists()
    assert (own / "SKILL.md").is_file() and not (own / "evals").exists() and not (own / "tests").exists()


@pytest.mark.parametrize(
    "text",
    [
        "a: {command: x}",
        "a: {command: [x], prompt: shout}",
        "a: {command: [x], read: {nonsense: {path: x}}}",
        "- 1",
        ": [",
    ],
)
def test_a_bad_agents_file_is_refused(text: str, tmp_path: Path) -> None:
    from evals.agents.adapters import adapters

    (tmp_path / "agents.yaml").write_text(text)
    with pytest.raises(UsageError):
        adapters(tmp_path / "agents.yaml")


@pytest.mark.parametrize("name", ALL)
def test_trigger_rates_count_errors_apart(name: str, fakes: Path, skill: Path, tmp_path: Path) -> None:
    from evals.agents.triggers import Query, trigger_rates

    queries = [
        Query(0, "ask fal", True, "train"),
        Query(1, "ask nobody", False, "validation"),
        Query(2, "ask fal", True, "train"),
    ]
    made = trigger_rates(adapter(name), queries, skill, runs=2, jobs=2)
    assert [one["trigger_rate"] for one in made["results"]] == [1.0, 0.0, 1.0]  # queries of one text stay apart
    assert made["summary"]["passed"] == 3 and made["summary"]["recall"] == made["summary"]["precision"] == 1.0
    broken = trigger_rates(adapter(name, "crash"), queries[:1], skill, runs=2)
    assert (
        broken["summary"]["errors"] == 1 and broken["summary"]["failed"] == 0 and broken["results"][0]["pass"] is None
    )


def test_a_skill_that_is_used_after_another_tool_counts_as_triggered(fakes: Path, skill: Path) -> None:
    from evals.agents.execution import execute

    outcome = execute(adapter("claude"), "ask fal", skill=skill, stop_at_skill=True)
    assert outcome.skill_used is True  # the fake calls Bash first


def test_trigger_runs_that_ended_are_not_done_again(fakes: Path, skill: Path, tmp_path: Path) -> None:
    from evals.agents.triggers import Query, trigger_rates

    queries = [Query(0, "ask fal", True, "train")]
    first = trigger_rates(adapter("codex"), queries, skill, runs=1, keep=tmp_path / "kept")
    again = trigger_rates(adapter("codex", "crash"), queries, skill, runs=1, keep=tmp_path / "kept")
    assert first["results"] == again["results"]


def test_shards_part_the_runs() -> None:
    from evals.agents.campaign import plan, shard_of
    from evals.grading.tasks import load_tasks

    tasks = load_tasks()[:5]
    whole = plan(tasks, ["with_skill", "without_skill"], 3)
    parts = [plan(tasks, ["with_skill", "without_skill"], 3, shard_of(f"{index}/4")) for index in (1, 2, 3, 4)]
    assert len(whole) == 30
    assert sorted((one.task.id, one.condition, one.run) for part in parts for one in part) == sorted(
        (one.task.id, one.condition, one.run) for one in whole
    )
    for bad in ("0/4", "5/4", "a/b", "1", ""):
        with pytest.raises(UsageError):
            shard_of(bad)


def test_a_campaign_resumes_and_stops_at_its_budget(fakes: Path, skill: Path, tmp_path: Path) -> None:
    from evals.agents.campaign import Campaign, carry_out, plan
    from evals.agents.execution import Caps
    from evals.grading.tasks import load_tasks
    from evals.results.workspace import Iteration

    tasks = load_tasks()[:2]
    iteration = Iteration(tmp_path / "iteration-1")
    conditions: dict[str, Path | None] = {"with_skill": skill, "without_skill": None}
    planned = plan(tasks, conditions, 1)
    told: list[str] = []
    done = carry_out(
        Campaign(adapter("claude"), conditions, Caps(), total_cost_usd=0.5), planned, iteration, told.append
    )
    assert len(done) == 2 and any("stopped" in line for line in told)
    broken = carry_out(Campaign(adapter("claude", "crash"), conditions, Caps()), planned, iteration, told.append)
    assert [record.status for record in broken] == ["error", "error"]
    rest = carry_out(Campaign(adapter("claude"), conditions, Caps()), planned, iteration, told.append)
    assert [record.status for record in rest] == ["ok", "ok"]
    assert not carry_out(Campaign(adapter("claude"), conditions, Caps()), planned, iteration, told.append)
    assert all((folder / "transcript.jsonl").is_file() for folder, _ in iteration.runs())
