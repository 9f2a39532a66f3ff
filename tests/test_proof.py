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
