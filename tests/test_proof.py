"""Evidence: a snippet that works is shown to have run, and one that does not is shown to have failed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conftest import SCRIPTS, RunScript
from fal_skill import proof as proving
from fal_skill.proof import Proof, declared_packages, prove
from fal_skill.registry import Registry
from fal_skill.snippets import SnippetOptions, render
from node_project import NodeMissingError, node_modules
from snippets.fake_fal import PIXEL

SCHNELL = "fal-ai/flux/schnell"
KLING = "fal-ai/kling-video/v3/pro/image-to-video"


def proved(registry: Registry, slug: str, arguments: dict[str, Any], language: str = "python") -> Proof:
    model = registry.require(slug)
    snippet = render(model, arguments, language=language, options=SnippetOptions(download=True))
    return prove(model, arguments, snippet)


def test_a_snippet_that_works_is_proved(registry: Registry) -> None:
    made = proved(registry, SCHNELL, {"prompt": "a cat", "num_images": 2})
    assert made.passed, made
    assert [job["slug"] for job in made.jobs] == [SCHNELL]
    assert (made.files_made, made.files_fetched) == (2, 2)
    assert made.summary.startswith("ran in the local sandbox with fal-client")


def test_a_missing_local_file_is_stood_in_for(registry: Registry) -> None:
    made = proved(registry, KLING, {"start_image_url": "photos/me.jpg", "prompt": "zoom"})
    assert made.passed, made
    assert made.stand_ins == ("photos/me.jpg",)
    assert "photos/me.jpg does not exist here" in made.summary


def test_a_file_outside_the_working_folder_that_is_missing_stops_the_proof(registry: Registry) -> None:
    made = proved(registry, KLING, {"start_image_url": "/no/such/photo.jpg"})
    assert not made.ran
    assert "does not exist" in made.summary


def test_code_that_fails_is_no_proof(registry: Registry) -> None:
    model = registry.require(SCHNELL)
    snippet = replace(render(model, {"prompt": "x"}), code="raise SystemExit(3)")
    made = prove(model, {"prompt": "x"}, snippet)
    assert (made.ran, made.exit_code, made.passed) == (True, 3, False)
    assert made.summary.startswith("FAILED")


def test_code_that_is_refused_is_no_proof(registry: Registry) -> None:
    model = registry.require(SCHNELL)
    code = f"import fal_client\ntry:\n    fal_client.run({SCHNELL!r}, arguments={{}})\nexcept Exception:\n    pass"
    made = prove(model, {"prompt": "x"}, replace(render(model, {"prompt": "x"}), code=code))
    assert made.exit_code == 0
    assert not made.passed


def test_a_webhook_is_not_claimed_to_have_run(registry: Registry) -> None:
    model = registry.require(SCHNELL)
    made = prove(model, {"prompt": "x"}, render(model, {"prompt": "x"}, pattern="webhook"))
    assert not made.ran
    assert not made.passed


@pytest.mark.parametrize("language", ["javascript", "typescript"])
def test_javascript_is_proved_with_the_real_client(
    registry: Registry, language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        modules = node_modules()
    except NodeMissingError as error:
        pytest.skip(str(error))
    (tmp_path / "node_modules").symlink_to(modules)
    monkeypatch.setattr(proving, "node_project", lambda: tmp_path)
    made = proved(registry, SCHNELL, {"prompt": "a cat"}, language)
    assert made.passed, made
    monkeypatch.chdir(tmp_path)
    for slug, values in ((SCHNELL, "texts.json"), ("fal-ai/birefnet/v2", "products/*.jpg")):
        made = batch(registry, slug, values, language)
        assert made.passed and len(made.jobs) == made.files_fetched == 2, made


def batch(registry: Registry, slug: str, values: str, language: str = "python", **options: Any) -> Proof:
    model = registry.require(slug)
    wanted = SnippetOptions(values=values, out="made", concurrency=4, **{"unit_cost": 0.01, **options})
    return prove(model, {}, render(model, {}, language=language, pattern="batch", options=wanted))


def test_a_batch_is_proved_with_the_first_values_of_its_file(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.csv").write_text("id,prompt\n" + "".join(f'{n},"cat, {n}"\n' for n in range(30)))
    made = batch(registry, SCHNELL, "prompts.csv")
    assert made.passed and len(made.jobs) == made.files_fetched == 20, made
    assert made.shortened == "the first 20 of 30 in prompts.csv" and made.shortened in made.summary
    assert f"20 × {SCHNELL} COMPLETED 200" in made.summary
    assert not (tmp_path / "made").exists() and made.stand_ins == ()


def test_a_proof_runs_no_more_values_than_the_budget_pays_for(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.txt").write_text("a\n\nb\nc\n")
    made = batch(registry, SCHNELL, "texts.txt", max_cost=0.02)
    assert made.passed and len(made.jobs) == 2, made
    assert made.shortened == "the first 2 of 3 in texts.txt"


@pytest.mark.parametrize(
    ("slug", "values", "stand_ins"),
    [
        (SCHNELL, "lists/prompts.csv:caption", ("lists/prompts.csv",)),
        (SCHNELL, "prompts.json", ("prompts.json",)),
        (KLING, "shots/*.jpg", ("shots/first.jpg", "shots/second.jpg")),
        ("fal-ai/wizper", "calls.txt", ("calls.txt", "first-file.mp3", "second-file.mp3")),
    ],
)
def test_values_that_are_missing_are_stood_in_for(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slug: str, values: str, stand_ins: object
) -> None:
    monkeypatch.chdir(tmp_path)
    made = batch(registry, slug, values)
    assert made.passed and len(made.jobs) == 2, made
    assert made.stand_ins == stand_ins and made.shortened == ""


def test_a_folder_is_proved_with_copies_of_its_files(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "products").mkdir()
    for name in ("a.JPG", "b.jpg", "c.txt"):
        (tmp_path / "products" / name).write_bytes(PIXEL)
    made = batch(registry, "fal-ai/birefnet/v2", "products/*.jpg")
    assert made.passed and len(made.jobs) == 2 and made.stand_ins == (), made


@pytest.mark.parametrize("values", ["/no/such/*.jpg", "../photos/*.jpg"])
def test_a_batch_that_reads_or_writes_outside_the_working_folder_is_not_run(registry: Registry, values: str) -> None:
    assert not batch(registry, KLING, values).ran
    model = registry.require(SCHNELL)
    options = SnippetOptions(values="a.txt", out="/no/such/folder")
    assert not prove(model, {}, render(model, {}, pattern="batch", options=options)).ran


def test_a_table_without_the_column_is_no_proof(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.csv").write_text("id,caption\n1,a\n")
    made = batch(registry, SCHNELL, "prompts.csv")
    assert made.ran and not made.passed
    assert "KeyError: 'prompt'" in made.output


def test_both_scripts_show_the_evidence(run_script: RunScript) -> None:
    call = json.dumps({"prompt": "a cat"})
    done = run_script("write_brief.py", SCHNELL, "--arguments", call, "--prove", "--format", "text")
    assert done.code == 0, done.err
    assert "Proof: ran in the local sandbox" in done.out
    done = run_script("render_snippet.py", SCHNELL, "--arguments", call, "--prove", "--format", "json")
    assert done.code == 0, done.err
    assert done.json["proof"]["passed"] is True


def test_the_sandboxs_packages_are_read_from_its_script() -> None:
    declared = declared_packages(SCRIPTS / "sandbox.py")
    assert any(name.startswith("starlette") for name in declared)
    assert all(">=" in name for name in declared)
