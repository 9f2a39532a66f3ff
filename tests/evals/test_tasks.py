from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fal_skill.arguments import check_arguments, has_errors
from fal_skill.errors import UsageError
from fal_skill.registry import Registry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tasks() -> Any:
    from evals.grading.tasks import load_tasks

    return load_tasks()


def test_there_are_at_least_30_tasks_of_every_kind(tasks: Any) -> None:
    kinds = {task.category for task in tasks}
    assert len(tasks) >= 30
    assert kinds >= {
        "image", "edit", "video", "audio", "3d", "transcription", "upscaling", "background-removal", "batch", "webhook",
        "streaming", "realtime", "migration", "debugging", "mcp", "cost", "new-model", "not-on-fal", "unlisted", "failures",  # noqa: E501
        "money-safety", "tricky-user",
    }  # fmt: skip


def test_ids_and_names_are_unique_and_names_hold_no_condition(tasks: Any) -> None:
    assert len({task.id for task in tasks}) == len({task.name for task in tasks}) == len(tasks)
    assert not [task.name for task in tasks if "skill" in task.name]  # the viewer's badge is found by the path


def test_every_check_has_its_assertion_and_every_check_is_used(tasks: Any) -> None:
    from evals.checks import NAMES

    for task in tasks:
        assert list(task.assertions) == list(task.checks) and not task.others, task.name
    assert {name for task in tasks for name in task.checks} == set(NAMES)


def test_given_files_exist(tasks: Any) -> None:
    for task in tasks:
        assert all(source.is_file() for _, source in task.placed_files()), task.name


def test_wanted_models_are_listed_and_unwanted_ones_are_not(tasks: Any, registry: Registry) -> None:
    from evals.grading.case import matches

    slugs = {entry.slug: entry.status for entry in registry.entries}
    for task in tasks:
        for pattern in task.options("slug_exists").get("any_of", ()):
            found = [slug for slug in slugs if matches(slug, [pattern])]
            if task.name not in ("hd-wallpapers-budget", "hard-code-my-key", "deadline-60s") or "*" not in pattern:
                assert [slug for slug in found if slugs[slug] == "known"], (task.name, pattern)
        for pattern in task.options("slug_exists").get("none_of", ()):
            assert all(slugs[slug] == "unlisted" for slug in slugs if matches(slug, [pattern])), (task.name, pattern)


def test_ids_in_prompts_are_known_to_the_registry(tasks: Any, registry: Registry) -> None:
    import re

    for task in tasks:
        for slug in re.findall(r"fal-ai(?:/[a-z0-9][\w.-]*)+", task.prompt):
            name = slug.rstrip(".")
            assert registry.get(name) is not None, (task.name, name)


def test_reference_calls_fit_their_models_and_have_a_price(tasks: Any, registry: Registry) -> None:
    from evals.checks.cost_accurate import _made, _reference

    for task in tasks:
        for call in task.options("cost_accurate").get("calls", ()):
            model = registry.get(call["slug"])
            assert model is not None
            arguments = {name: _made(value) for name, value in call["arguments"].items()}
            assert not has_errors(check_arguments(model, arguments)), (task.name, call)
            assert _reference(model, arguments, 1, call) is not None, (task.name, call)


def test_fields_that_a_task_asks_for_are_fields_of_its_model(tasks: Any, registry: Registry) -> None:
    for task in tasks:
        wanted = task.options("slug_exists").get("any_of", ())
        must = task.options("arguments_valid").get("must", {})
        models = [model for model in map(registry.get, wanted) if model is not None]
        for name, value in must.items() if models else ():
            fitting = [model for model in models if name in model.properties]
            assert fitting, (task.name, name)
            enum = fitting[0].properties[name].get("enum")
            assert enum is None or value in enum, (task.name, name, value, enum)


def test_a_task_may_be_an_id_a_name_a_json_file_or_a_text_file(tmp_path: Path) -> None:
    from evals.grading.tasks import find_task

    assert find_task("4").name == find_task("photo-to-silent-clip").name == "photo-to-silent-clip"
    (tmp_path / "a.json").write_text(json.dumps({"id": 7, "prompt": "draw", "assertions": ["It draws."]}))
    assert find_task(str(tmp_path / "a.json")).others == ("It draws.",)
    assert find_task(str(tmp_path / "a.json")).checks is None
    (tmp_path / "b.txt").write_text("draw a cat on fal")
    assert find_task(str(tmp_path / "b.txt")).prompt == "draw a cat on fal"


@pytest.mark.parametrize(
    "entry",
    [
        {"prompt": ""},
        {"prompt": "x", "checks": ["no_such_check"]},
        {"prompt": "x", "inputs": [{"path": "../x.png", "kind": "image"}]},
        {"prompt": "x", "files": "a"},
        ["x"],
    ],
)
def test_what_is_no_task_is_refused(entry: Any) -> None:
    from evals.grading.tasks import task_from

    with pytest.raises(UsageError):
        task_from(entry, "here")


def test_triggers_are_half_near_misses_split_60_to_40_and_unique() -> None:
    rows = json.loads((ROOT / "evals" / "triggers.json").read_text(encoding="utf-8"))
    assert len(rows) >= 60 and len({row["query"] for row in rows}) == len(rows)
    for label in (True, False):
        own = [row for row in rows if row["should_trigger"] is label]
        train = sum(row["split"] == "train" for row in own)
        assert len(own) == len(rows) / 2 and train / len(own) == pytest.approx(0.6, abs=0.01)
    negatives = " ".join(row["query"].lower() for row in rows if not row["should_trigger"])
    for near in ("replicate", "comfyui cloud", "diffusers", "falcon", "fall", "stability", "hugging"):
        assert near in negatives, near
