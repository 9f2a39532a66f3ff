"""Reading the snapshot: exact lookups, honest states, and no traceback from a damaged file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import SCRIPTS, RunScript, one_line_error
from fal_skill.errors import UnavailableError, UnknownSlugError, UsageError
from fal_skill.registry import CATEGORIES, KNOWN, LISTED, UNKNOWN, UNLISTED, Registry
from fal_skill.registry.snapshot import DATA_FILE

README_SLUGS = (
    "fal-ai/flux/schnell", "fal-ai/flux/dev", "fal-ai/flux-pro/v1.1", "fal-ai/flux-pro/v1.1-ultra", "fal-ai/fast-sdxl",
    "fal-ai/recraft/v4/text-to-image", "fal-ai/kling-video/v3/pro/text-to-video",
    "fal-ai/kling-video/v3/pro/image-to-video", "fal-ai/elevenlabs/tts/turbo-v2.5", "fal-ai/minimax/speech-2.8-hd",
)  # fmt: skip


def test_every_endpoint_of_every_source_is_known(registry: Registry) -> None:
    states = [entry.status for entry in registry.entries]
    assert len(states) == 1646
    assert states.count(KNOWN) == 1390
    assert states.count(UNLISTED) == 256
    assert sum(model.has_schema for model in registry) == 1574


def test_every_listed_slug_is_found_by_lookup_and_says_the_same(registry: Registry) -> None:
    for entry in registry.entries:
        model = registry.get(entry.slug)
        assert model is not None
        assert (model.slug, model.status, model.category, model.media_in, model.media_out) == entry[:5]
        assert model.category in CATEGORIES
        assert model.status in (KNOWN, LISTED, UNLISTED)


@pytest.mark.parametrize("slug", README_SLUGS)
def test_the_ten_models_of_the_readme_are_known_with_their_schemas(registry: Registry, slug: str) -> None:
    model = registry.require(slug)
    assert model.status == KNOWN
    assert model.has_schema
    assert model.file_outputs


@pytest.mark.parametrize(
    ("slug", "field", "default"),
    [
        ("fal-ai/flux/schnell", "num_inference_steps", 4),
        ("fal-ai/flux/dev", "num_inference_steps", 28),
        ("fal-ai/fast-sdxl", "num_inference_steps", 25),
        ("fal-ai/kling-video/v3/pro/image-to-video", "generate_audio", True),
        ("fal-ai/flux-pro/v1.1-ultra", "aspect_ratio", "16:9"),
    ],
)
def test_merged_defaults_are_mended(registry: Registry, slug: str, field: str, default: object) -> None:
    assert registry.require(slug).default(field) == default


def test_required_fields_and_files_are_the_models_own(registry: Registry) -> None:
    kling = registry.require("fal-ai/kling-video/v3/pro/image-to-video")
    assert kling.required == ("start_image_url",)
    assert ("start_image_url", "image", True) in kling.file_inputs
    assert kling.file_outputs[0].path == "video.url"
    assert registry.require("fal-ai/flux/schnell").file_outputs[0].path == "images[].url"


def test_an_unlisted_model_keeps_its_dates_and_schema(registry: Registry) -> None:
    veo = registry.require("fal-ai/veo3")
    assert (veo.status, veo.last_seen) == (UNLISTED, "2026-04-29")
    assert veo.required == ("prompt",)


@given(st.text(max_size=60))
def test_any_text_is_looked_up_without_an_error(text: str) -> None:
    assert Registry().status(text) in (KNOWN, UNLISTED, LISTED, UNKNOWN)


@pytest.mark.parametrize(
    "slug", ["", " ", "x" * 10_000, "../../etc/passwd", "fal-ai/", "\ud800", '"', "fal-ai/flux/schnell\n"]
)
def test_names_that_are_no_ids_are_unknown(registry: Registry, slug: str) -> None:
    assert registry.get(slug) is None
    with pytest.raises((UnknownSlugError, UsageError)):
        registry.require(slug)


def test_filters_combine(registry: Registry) -> None:
    found = registry.filter(category="image-to-video", media_in=["image"], media_out=["video"], status=[KNOWN])
    assert len(found) > 100
    assert all(e.category == "image-to-video" and "image" in e.media_in and "video" in e.media_out for e in found)


def damaged(tmp_path: Path, change: str) -> str:
    data = Path(DATA_FILE).read_bytes()
    middle = len(data) // 2
    made = {
        "empty": b"",
        "cut short": data[:middle],
        "no header": data[data.index(b"\n") + 1 :],
        "other format": data.replace(b'"format":1', b'"format":99', 1),
        "zeros": data[: data.index(b"\n") + 1] + bytes(len(data) // 2) + b"\n",
        "binary": b"\x00\xff" * 2000,
    }[change]
    path = tmp_path / "registry.jsonl"
    path.write_bytes(made)
    return str(path)


@pytest.mark.parametrize("change", ["empty", "cut short", "no header", "other format", "zeros", "binary"])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, change: str) -> None:
    path = damaged(tmp_path, change)
    with pytest.raises(UnavailableError, match=r"registry\.jsonl"):
        Registry(path).get("fal-ai/flux/schnell")


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be read"):
        Registry(str(tmp_path / "none.jsonl"))


def test_a_corrupt_record_is_named(tmp_path: Path) -> None:
    data = Path(DATA_FILE).read_bytes()
    start = data.index(b'{"slug":"fal-ai/flux/schnell"')
    path = tmp_path / "registry.jsonl"
    path.write_bytes(data[: start + 200] + b"\x01" * 20 + data[start + 220 :])
    with pytest.raises(UnavailableError, match="fal-ai/flux/schnell"):
        Registry(str(path)).get("fal-ai/flux/schnell")
    with pytest.raises(UnavailableError):
        Registry(str(path)).snapshots[0].verify()


@pytest.mark.parametrize("script", ["verify_slug.py", "fetch_schema.py"])
def test_a_script_with_a_damaged_registry_says_so_in_one_line(
    run_script: RunScript, tmp_path: Path, script: str
) -> None:
    copy = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__", "sandbox"))
    (copy / "fal_skill" / "registry" / "data" / "registry.jsonl").write_bytes(b'{"format":1')
    done = run_script(str(copy / script), "fal-ai/flux/schnell")
    assert done.code == 7
    assert "registry.jsonl" in one_line_error(done)
