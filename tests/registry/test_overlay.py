"""The user's overlay: it wins, it adds what the types lack, and it is never half written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fal_skill.arguments import check_arguments
from fal_skill.errors import UnavailableError
from fal_skill.live import updates
from fal_skill.registry import LIVE, UNLISTED, Registry, default_registry, snapshot
from fal_skill.registry.overlay import LiveModel, sound_overlay, verify
from fal_skill.registry.snapshot import DATA_FILE, Snapshot, overlay_file

DATA = Path(__file__).parent / "data" / "openapi"
DAY = "2026-11-20"


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    default_registry.cache_clear()
    yield
    default_registry.cache_clear()


def put(text: str) -> None:
    Path(overlay_file()).parent.mkdir(parents=True, exist_ok=True)
    Path(overlay_file()).write_text(text, "utf-8")
    default_registry.cache_clear()


def of_documents(*names: str) -> str:
    models, as_of = updates.models_from_documents([f"{DATA / name}.json@{DAY}" for name in names])
    return updates.overlay_with(models, as_of, complete=False)


def complete(*, without: frozenset[str] = frozenset()) -> str:
    base = Registry(DATA_FILE)
    models = [
        LiveModel(entry.slug, None, None, None)
        for entry in base.entries
        if entry.status != UNLISTED and entry.slug not in without
    ]
    documents, _ = updates.models_from_documents([f"{DATA / 'flux-schnell'}.json@{DAY}"])
    models = [model for model in models if model.slug != "fal-ai/flux/schnell"] + documents
    return updates.overlay_with(models, DAY, complete=True)


def test_an_overlay_restores_what_the_types_lack_and_all_else_stays() -> None:
    put(of_documents("flux-schnell", "kling-v3-pro", "brand-new"))
    both, base = default_registry(), Registry(DATA_FILE)
    schnell = both.require("fal-ai/flux/schnell")
    assert schnell.input_evidence == LIVE
    assert schnell.properties["num_inference_steps"]["maximum"] == 12
    assert schnell.first_seen == base.require("fal-ai/flux/schnell").first_seen
    assert both.require("fal-ai/flux/dev").input_evidence != LIVE
    assert both.require("acme/brand-new/text-to-video").category == "text-to-video"
    assert len(both) == len(base) + 1
    assert both.as_of == base.as_of, "three documents are no listing of the catalogue"


def test_with_the_services_own_document_bounds_and_nested_fields_are_errors() -> None:
    put(of_documents("flux-schnell", "kling-v3-pro"))
    model = default_registry().require("fal-ai/flux/schnell")
    arguments = {"prompt": "x", "num_inference_steps": 50, "image_size": {"width": 0, "height": 512}, "seed": None}
    found = {(finding.severity, finding.code, finding.path) for finding in check_arguments(model, arguments)}
    assert ("error", "out-of-range", "num_inference_steps") in found
    assert ("error", "out-of-range", "image_size.width") in found
    assert not any(path == "seed" for _, _, path in found), "null is allowed there"


def test_a_document_without_an_output_keeps_the_snapshots() -> None:
    made = json.loads((DATA / "flux-schnell.json").read_text())
    del made["paths"]["/fal-ai/flux/schnell/requests/{request_id}"]
    file = Path(overlay_file()).parent.parent / "no-output.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(made))
    models, as_of = updates.models_from_documents([f"{file}@{DAY}"])
    put(updates.overlay_with(models, as_of, complete=False))
    model = default_registry().require("fal-ai/flux/schnell")
    assert model.file_outputs[0].path == "images[].url"
    assert model.output_evidence != LIVE


def test_documents_are_added_one_after_the_other() -> None:
    put(of_documents("flux-schnell"))
    put(of_documents("kling-v3-pro"))
    live = [model.slug for model in default_registry() if model.input_evidence == LIVE]
    assert live == ["fal-ai/flux/schnell", "fal-ai/kling-video/v3/pro/image-to-video"]
    assert all(default_registry().require(slug).status == "known" for slug in live)


def test_a_page_of_the_catalogue_is_read_and_failed_expansions_are_names_only() -> None:
    put(of_documents("page"))
    registry = default_registry()
    assert registry.require("fal-ai/flux/schnell").input_evidence == LIVE
    assert registry.status("acme/without-a-document") == "listed"
    assert registry.require("acme/without-a-document").category == "image-to-image"


def test_a_whole_catalogue_says_what_is_no_longer_listed() -> None:
    put(complete(without=frozenset({"fal-ai/flux/dev"})))
    registry = default_registry()
    assert registry.as_of == DAY
    assert registry.status("fal-ai/flux/dev") == UNLISTED
    assert registry.require("fal-ai/flux/dev").has_schema
    assert registry.status("fal-ai/recraft/v3/text-to-image") == "known"
    assert len(registry) == len(Registry(DATA_FILE))


def test_an_overlay_carries_a_checksum_that_is_true_of_it(tmp_path: Path) -> None:
    text = of_documents("flux-schnell")
    put(text)
    assert sound_overlay() is not None
    header = json.loads(text.partition("\n")[0])
    assert (header["format"], header["complete"], header["count"]) == (1, False, 1)
    broken = tmp_path / "broken.jsonl"
    broken.write_text(text.replace('"maximum":12', '"maximum":13'), "utf-8")
    with pytest.raises(UnavailableError, match="checksum"):
        verify(Snapshot(str(broken)))
    assert sound_overlay(str(broken)) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-40],
        lambda text: "",
        lambda text: text[:200],
        lambda text: "x" + text,
        lambda text: text + text,
    ],
)
def test_a_damaged_overlay_costs_a_warning_and_no_answer(damage: Any, capsys: pytest.CaptureFixture[str]) -> None:
    put(damage(of_documents("flux-schnell")))
    assert default_registry().require("fal-ai/flux/schnell").input_evidence != LIVE
    assert "warning: the registry file" in capsys.readouterr().err


def test_an_overlay_older_than_the_snapshot_is_not_used() -> None:
    models, _ = updates.models_from_documents([f"{DATA / 'flux-schnell'}.json"])
    put(updates.overlay_with(models, "2026-01-01", complete=False))
    assert default_registry().require("fal-ai/flux/schnell").input_evidence != LIVE


def test_the_same_words_of_the_service_give_the_same_bytes() -> None:
    assert of_documents("flux-schnell", "kling-v3-pro") == of_documents("flux-schnell", "kling-v3-pro")


def test_a_snapshot_made_from_the_service_keeps_what_it_does_not_say(tmp_path: Path) -> None:
    base = Registry(DATA_FILE)
    models = [LiveModel(entry.slug, None, None, None) for entry in base.entries if entry.status != UNLISTED]
    documents, _ = updates.models_from_documents([f"{DATA / 'flux-schnell'}.json@{DAY}"])
    models = [model for model in models if model.slug != "fal-ai/flux/schnell"] + documents
    file = tmp_path / "snapshot.jsonl"
    file.write_text(updates.snapshot_with(models, DAY, Path(DATA_FILE), complete=True), "utf-8")
    for _ in range(2):
        made = Registry(str(file))
        made.snapshots[0].verify()
        assert made.as_of == DAY and len(made) == len(base)
        assert made.require("fal-ai/flux/schnell").properties["num_images"]["maximum"] == 4
        for slug in ("fal-ai/flux/dev", "fal-ai/kling-video/v3/pro/image-to-video"):
            assert made.require(slug).input_schema == base.require(slug).input_schema
            assert made.require(slug).category == base.require(slug).category
        # The same again gives the same bytes.
        again = updates.snapshot_with(models, DAY, file, complete=True)
        assert again == file.read_text("utf-8")


def test_models_put_on_top_do_not_change_the_registry_below() -> None:
    base = Registry(snapshot.DATA_FILE)
    model = base.require("fal-ai/flux/dev")
    above = base.with_models([type(model)({**model.record, "status": UNLISTED})])
    assert above.status("fal-ai/flux/dev") == UNLISTED
    assert base.status("fal-ai/flux/dev") == "known"
