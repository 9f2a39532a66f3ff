"""``--live`` on the offline scripts: the service's word where it answers, the snapshot's with a warning where not."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from conftest import SCRIPTS, Done, RunScript
from fal_skill.sandbox.asking import Ask
from fal_skill.sandbox.local import Sandbox
from fal_skill.sandbox.platform import Platform
from live.conftest import RunLive

SCHNELL = "fal-ai/flux/schnell"
OFFLINE = {**dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9"), "FAL_KEY": "an-old-secret-key-1"}
COMMANDS: dict[str, list[str]] = {
    "verify_slug.py": [SCHNELL],
    "fetch_schema.py": [SCHNELL],
    "estimate_cost.py": [SCHNELL],
    "find_model.py": ["upscale a video", "--limit", "3"],
}


@pytest.fixture
def new_model(monkeypatch: pytest.MonkeyPatch) -> str:
    """The service lists a model that no snapshot knows, finds it, and no longer lists another."""
    slug = "acme/brand-new/text-to-video"
    answer = Platform.answer
    row = {
        "endpoint_id": slug,
        "metadata": {"category": "text-to-video", "status": "active", "date": "2026-11-01T00:00:00Z"},
        "openapi": {
            "paths": {f"/{slug}": {"post": {"requestBody": {"content": {"application/json": {"schema": {
                "type": "object", "required": ["text"],
                "properties": {"text": {"type": "string", "maxLength": 5}},
            }}}}}}},
        },
    }  # fmt: skip

    async def answered(platform: Platform, ask: Ask) -> Any:
        response: Any = await answer(platform, ask)
        if ask.path != "v1/models":
            return response
        body = json.loads(bytes(response.body))
        body["models"] = [model for model in body["models"] if model["endpoint_id"] != "fal-ai/flux/dev"]
        if slug in ask.query.getlist("endpoint_id") or "q" in ask.query:
            body["models"].insert(0, row)
        return type(response)(body)

    monkeypatch.setattr(Platform, "answer", answered)
    return slug


@pytest.mark.parametrize("name", COMMANDS)
def test_the_service_answers_and_is_named(live: RunLive, name: str) -> None:
    done = live(name, *COMMANDS[name], "--live")
    assert done.code == 0, done.err
    source = done.json["answered_by"]
    assert source["kind"] == "live" and source["as_of"] > "2026-08-02" and source["warning"] is None


@pytest.mark.parametrize("name", COMMANDS)
def test_offline_the_snapshot_answers_with_a_warning_and_its_date(run_script: RunScript, name: str) -> None:
    done = run_script(name, *COMMANDS[name], "--live", env=OFFLINE)
    without = run_script(name, *COMMANDS[name])
    assert done.code == without.code == 0
    assert done.err.startswith("warning: fal's service did not answer: the connection was refused")
    assert " 2026-" in done.err and "secret" not in done.err
    said = done.json
    assert said.pop("answered_by")["kind"] == "snapshot"
    assert said == without.json, "the answer is that of the snapshot"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_service_that_breaks_down_is_no_worse_than_none(
    live: RunLive, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(platform: Platform, ask: Ask) -> Any:
        raise RuntimeError("out of order")

    monkeypatch.setattr(Platform, "answer", broken)
    done = live(name, *COMMANDS[name], "--live")
    assert done.code == 0, done.err
    assert done.json["answered_by"]["kind"] == "snapshot" and "Traceback" not in done.err


def test_a_wrong_key_is_told_and_the_snapshot_answers(live: RunLive) -> None:
    done = live("verify_slug.py", SCHNELL, "--live", env={"FAL_KEY": "wrong:0123456789abcdef"})
    assert done.code == 0 and "does not accept the key" in done.err


def test_without_a_key_the_catalogue_answers_and_prices_do_not(live: RunLive) -> None:
    assert live("verify_slug.py", SCHNELL, "--live", env={"FAL_KEY": ""}).json["answered_by"]["kind"] == "live"
    done = live("estimate_cost.py", SCHNELL, "--live", env={"FAL_KEY": ""})
    assert done.code == 0 and "prices need a fal key" in done.err and done.json["low"] is not None


def test_a_newer_model_is_known_and_its_limits_are_checked(live: RunLive, new_model: str) -> None:
    done = live("verify_slug.py", new_model, "--arguments", '{"text": "too long"}', "--live")
    assert done.code == 4
    (result,) = done.json["results"]
    assert result["status"] == "known" and result["findings"][0]["code"] == "out-of-range"
    schema = live("fetch_schema.py", new_model, "--live")
    assert schema.json["evidence"] == "live" and schema.json["caveats"] == []
    assert "≤ 5 characters" in schema.json["input"]["text*"]


@pytest.mark.usefixtures("new_model")
def test_what_the_service_does_not_list_is_said_in_its_name(live: RunLive) -> None:
    done = live("verify_slug.py", "fal-ai/flux/dev", "fal-ai/never-heard-of", "fal-ai/veo3", "--live")
    gone, unknown, deprecated = done.json["results"]
    assert (gone["status"], unknown["status"], deprecated["status"]) == ("unlisted", "unknown", "unlisted")
    assert "does not list it" in gone["findings"][0]["message"]
    assert "does not list it" in unknown["findings"][0]["message"] and done.code == 3
    assert "calls it deprecated" in deprecated["findings"][0]["message"]
    assert not any("--live" in finding["hint"] for result in done.json["results"] for finding in result["findings"])


def test_a_search_adds_what_only_the_service_finds(live: RunLive, new_model: str) -> None:
    done = live("find_model.py", "flux dev", "--limit", "5", "--live")
    models = {model["slug"]: model for model in done.json["models"]}
    assert models[new_model]["score"] is None and models[new_model]["category"] == "text-to-video"
    assert models["fal-ai/flux/dev"]["status"] == "unlisted"
    text = live("find_model.py", "flux dev", "--limit", "5", "--live", "--format", "text")
    assert new_model in text.out


def test_lines_are_answered_one_by_one(live: RunLive, new_model: str) -> None:
    stdin = "\n".join(json.dumps({"slug": slug}) for slug in (SCHNELL, new_model))
    done = live("verify_slug.py", "--jsonl", "--live", stdin=stdin)
    assert [json.loads(line)["answered_by"]["kind"] for line in done.out.splitlines()] == ["live", "live"]


def test_a_users_own_endpoint_is_not_asked_for(live: RunLive, sandbox: Sandbox) -> None:
    done = live("verify_slug.py", "workflows/me/mine", "--live")
    assert done.code == 0 and sandbox.service.journal.total == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_without_live_nothing_heavy_is_imported(name: str) -> None:
    code = (
        f"import sys; sys.argv = {[name, *COMMANDS[name]]!r}; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        f"import runpy\ntry: runpy.run_path({str(SCRIPTS / name)!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = ('httpx', 'stamina', 'fal_client', 'rich', 'sqlite3', 'fal_skill.live')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_the_packages_live_says_what_to_install(run_script: RunScript, tmp_path: Any) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['stamina'] = None")
    done: Done = run_script("fetch_schema.py", SCHNELL, "--live", env={"PYTHONPATH": str(tmp_path)})
    assert done.code == 7 and "pip install stamina" in done.err
