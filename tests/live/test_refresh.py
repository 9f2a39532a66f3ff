"""A refresh of the whole catalogue: complete, resumable, in one step; and the check for drift."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from conftest import ROOT, SCRIPTS, RunScript, one_line_error
from fal_skill.live.cache import ReplyCache
from fal_skill.live.http import HttpError
from fal_skill.live.keys import Credential
from fal_skill.live.platform import Platform
from fal_skill.live.refresh import collected
from fal_skill.registry.overlay import sound_overlay
from fal_skill.sandbox.local import Sandbox
from live.conftest import RunLive

DOCUMENTS = ROOT / "tests" / "registry" / "data" / "openapi"


def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".cache" / "fal-ai-models-runner"


class Catalogue:
    """A platform API of so many models, which can break down."""

    def __init__(self, count: int, *, fails_after: int = 10**9) -> None:
        self.slugs = [f"acme/model-{number:03}" for number in range(count)]
        self.calls = 0
        self.fails_after = fails_after
        self.document = json.loads((DOCUMENTS / "flux-schnell.json").read_text())

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self.calls > self.fails_after:
            return httpx.Response(403, json={"error": {"type": "authorization_error", "message": "enough"}})
        asked = request.url.params.get_list("endpoint_id")
        if request.url.path.endswith("pricing"):
            rows = [{"endpoint_id": slug, "unit_price": 0.1, "unit": "images", "currency": "USD"} for slug in asked]
            return httpx.Response(200, json={"prices": rows})
        if asked:
            rows = [
                {"endpoint_id": slug, "metadata": {"status": "active"}, "openapi": self.described(slug)}
                for slug in asked
            ]
            return httpx.Response(200, json={"models": rows, "has_more": False})
        start = int(request.url.params.get("cursor", "0"))
        page = [{"endpoint_id": slug, "metadata": {"status": "active"}} for slug in self.slugs[start : start + 100]]
        more = start + 100 < len(self.slugs)
        return httpx.Response(
            200, json={"models": page, "has_more": more, "next_cursor": str(start + 100) if more else None}
        )

    def described(self, slug: str) -> object:
        if slug.endswith("7"):
            return {"error": {"code": "expansion_failed", "message": "no"}}
        text = json.dumps(self.document).replace("fal-ai/flux/schnell", slug)
        return json.loads(text)

    def platform(self) -> Platform:
        client = httpx.Client(transport=httpx.MockTransport(self))
        return Platform(Credential("Key", "id:secret-secret"), client=client, cache=ReplyCache(None))


def test_all_models_are_collected_with_types_and_prices(tmp_path: Path) -> None:
    catalogue = Catalogue(230)
    found = collected(catalogue.platform, prices=True, fresh=False, tell=lambda text: None, folder=tmp_path)
    assert [model.slug for model in found.models] == catalogue.slugs
    assert len(found.prices) == 230
    assert len(found.problems) == 23
    assert sum(model.described is not None for model in found.models) == 207
    assert catalogue.calls == 3 + 5 + 5


def test_an_interrupted_refresh_goes_on_where_it_was(tmp_path: Path) -> None:
    catalogue = Catalogue(230, fails_after=7)
    with pytest.raises(HttpError):
        collected(catalogue.platform, prices=True, fresh=False, tell=lambda text: None, folder=tmp_path)
    catalogue.fails_after = 10**9
    before = catalogue.calls
    found = collected(catalogue.platform, prices=True, fresh=False, tell=lambda text: None, folder=tmp_path)
    assert len(found.models) == 230 and found.resumed >= 3
    assert catalogue.calls - before == 10 - found.resumed


def test_old_parts_and_unwanted_ones_are_not_used(tmp_path: Path) -> None:
    catalogue = Catalogue(60)
    for fresh, age in ((False, 0), (True, 0), (False, 7200)):
        if age:
            os.utime(tmp_path / "list.json", (time.time() - age,) * 2)
        assert (
            collected(catalogue.platform, prices=False, fresh=fresh, tell=lambda text: None, folder=tmp_path).resumed
            == 0
        )


def test_the_script_makes_an_overlay_that_the_other_scripts_read(
    live: RunLive, run_script: RunScript, tmp_path: Path
) -> None:
    done = live("refresh_registry.py", "--source", "live", "--no-prices", "--diff", "--format", "json")
    assert done.code == 0, done.err
    assert done.json["written"] and done.json["models"] > 1600 and done.json["live"] > 1300
    overlay = sound_overlay(str(cache(tmp_path) / "registry" / "overlay.jsonl"))
    assert overlay is not None and overlay.header["complete"]
    schema = run_script("fetch_schema.py", "fal-ai/flux/schnell", env={"HOME": str(tmp_path / "home")})
    assert schema.json["evidence"] == "live"
    assert schema.json["snapshot"] == done.json["snapshot"]
    assert not (cache(tmp_path) / "refresh").exists()


def test_a_check_writes_nothing_and_serves_the_update_that_follows(
    live: RunLive, sandbox: Sandbox, tmp_path: Path
) -> None:
    done = live("refresh_registry.py", "--source", "live", "--no-prices", "--check", "--format", "json")
    assert done.code == 0, done.err
    assert not done.json["written"] and done.json["diff"]["counts"] == {}
    assert not (cache(tmp_path) / "registry").exists()
    asked = sandbox.service.journal.total
    done = live("refresh_registry.py", "--source", "live", "--no-prices", "--format", "json")
    assert done.code == 0 and done.json["written"]
    assert sandbox.service.journal.total == asked


def test_drift_is_exit_code_1_and_told_in_both_forms(run_script: RunScript, tmp_path: Path) -> None:
    file = str(DOCUMENTS / "brand-new.json") + "@2026-11-20"
    page = tmp_path / "drift.md"
    done = run_script(
        "refresh_registry.py", "--source", "openapi", file, "--check", "--format", "json", "--markdown", str(page)
    )
    assert done.code == 1
    assert done.json["diff"]["counts"] == {"model-added": 1}
    assert "`acme/brand-new/text-to-video`: text-to-video" in page.read_text()
    text = run_script("refresh_registry.py", "--source", "openapi", file, "--check", "--format", "text")
    assert text.code == 1 and text.out == page.read_text()


def test_documents_at_hand_go_into_the_overlay(run_script: RunScript) -> None:
    files = [str(DOCUMENTS / name) for name in ("flux-schnell.json", "page.json")]
    done = run_script("refresh_registry.py", "--source", "openapi", *files, "--format", "json")
    assert done.code == 0, done.err
    assert (done.json["live"], done.json["written"]) == (1, True)
    checked = run_script("verify_slug.py", "fal-ai/flux/schnell", "--arguments", '{"prompt": "x", "num_images": 9}')
    assert checked.code == 4
    assert checked.json["results"][0]["findings"][0]["code"] == "out-of-range"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "openapi"], "needs a FILE"),
        (["--source", "openapi", "nothing.json"], "cannot read"),
        (["--source", "openapi", str(ROOT / "pyproject.toml")], "not valid JSON"),
        (["--source", "openapi", str(DOCUMENTS / "flux-schnell.json") + "@2026-99-99", "--output", "x"], "do not make"),
        (["--source", "live", "--source", "npm"], "cannot be mixed"),
        (["--source", "moon"], "unknown source"),
    ],
)
def test_wrong_sources_are_one_line(run_script: RunScript, arguments: list[str], message: str) -> None:
    done = run_script("refresh_registry.py", *arguments)
    assert done.code == 2
    assert message in one_line_error(done)


def test_without_the_network_a_refresh_is_one_line_and_leaves_the_overlay(
    run_script: RunScript, tmp_path: Path
) -> None:
    run_script("refresh_registry.py", "--source", "openapi", str(DOCUMENTS / "flux-schnell.json"))
    overlay = tmp_path / ".cache" / "fal-ai-models-runner" / "registry" / "overlay.jsonl"
    before = overlay.read_bytes()
    env = {"HTTPS_PROXY": "http://127.0.0.1:9", "FAL_KEY": "some-key-that-is-secret"}
    done = run_script("refresh_registry.py", "--source", "live", env=env)
    assert done.code == 7
    assert "some-key" not in done.err + done.out and "Traceback" not in done.err
    assert overlay.read_bytes() == before


def test_killed_at_any_point_the_overlay_stays_whole(
    sandbox: Sandbox, environment: Callable[..., dict[str, str]], tmp_path: Path, live: RunLive
) -> None:
    assert live("refresh_registry.py", "--source", "openapi", str(DOCUMENTS / "kling-v3-pro.json")).code == 0
    overlay = cache(tmp_path) / "registry" / "overlay.jsonl"
    command = [sys.executable, str(SCRIPTS / "refresh_registry.py"), "--source", "live", "--no-prices"]
    for wait in (0.4, 0.9, 1.4):
        process = subprocess.Popen(
            command, env=environment(sandbox), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert sound_overlay(str(overlay)) is not None
    assert live("refresh_registry.py", "--source", "live", "--no-prices").code == 0
    whole = sound_overlay(str(overlay))
    assert whole is not None and whole.header["complete"]
