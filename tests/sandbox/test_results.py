"""Results: they fit every model's output schema and the call; minimal calls made from the schemas are valid."""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Callable
from typing import Any

import av
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from fal_skill.arguments import check_arguments, has_errors
from fal_skill.registry import Model, Registry
from fal_skill.sandbox.media import Recipe
from fal_skill.sandbox.media.recipe import PLAIN_CLIP_SIZE, installed
from fal_skill.sandbox.results import make_result, minimal_arguments, stream_events
from fal_skill.sandbox.results.sizes import PRESETS
from fal_skill.sandbox.results.wishes import MAX_COUNT

SCHNELL = "fal-ai/flux/schnell"
KLING = "fal-ai/kling-video/v3/pro/text-to-video"


class Shelf:
    """Keeps what is published, as the sandbox's storage does."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | Recipe] = {}
        self.types: dict[str, str] = {}

    def __call__(self, content: Any, content_type: str, file_name: str) -> str:
        url = f"https://v3b.fal.media/files/b/{file_name}"
        assert url not in self.files, f"{file_name} is published twice"
        self.files[url] = content
        self.types[url] = content_type
        return url

    def content(self, url: str) -> bytes:
        held = self.files[url]
        return held if isinstance(held, bytes) else held()


Call = Callable[..., tuple[dict[str, Any], Shelf]]


@pytest.fixture
def call(registry: Registry) -> Call:
    """Return the result of a minimal call with these arguments, and the shelf with its files."""

    def made(slug: str, seed_text: str = "seed", **arguments: Any) -> tuple[dict[str, Any], Shelf]:
        model = registry.get(slug)
        assert model is not None
        shelf = Shelf()
        given = {**minimal_arguments(model), **arguments}
        assert not has_errors(check_arguments(model, given)), check_arguments(model, given)
        result = make_result(model, given, seed_text, shelf)
        Draft202012Validator(model.output_schema or {}).validate(result)
        return result, shelf

    return made


def model_of(output: dict[str, Any], **inputs: dict[str, Any]) -> Model:
    """Return a made-up model with this output schema and these input fields."""
    seen = {"first_seen": "2026-01-01", "last_seen": "2026-01-01"}
    media: dict[str, Any] = {"category": "unknown", "in": [], "out": []}
    schemas = {"input": {"type": "object", "properties": inputs}, "output": output}
    return Model({"slug": "a/b", "status": "known", **media, **seen, **schemas})


def picture(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image.width, image.height


def seconds(content: bytes) -> float:
    with av.open(io.BytesIO(content)) as container:
        return (container.duration or 0) / 1_000_000


# Every model


def test_every_model_takes_its_minimal_call_and_its_result_fits_its_output_schema(registry: Registry) -> None:
    wrong: dict[str, Any] = {}
    checked = 0
    for model in registry:
        if not model.has_schema:
            continue
        checked += 1
        arguments = minimal_arguments(model)
        findings = check_arguments(model, arguments)
        if has_errors(findings):
            wrong[model.slug] = findings
        result = make_result(model, arguments, "seed", Shelf())
        errors = list(Draft202012Validator(model.output_schema or {}).iter_errors(result))
        if errors:
            wrong[model.slug] = [f"{error.json_path}: {error.message}" for error in errors]
        json.dumps(result, allow_nan=False).encode()
    assert checked > 1500
    assert wrong == {}


def test_every_model_that_gives_files_gives_some(registry: Registry) -> None:
    for model in registry:
        required = [item for item in model.file_outputs if item.required]
        if model.has_schema and required:
            shelf = Shelf()
            text = json.dumps(make_result(model, minimal_arguments(model), "seed", shelf))
            assert shelf.files or '"data:' in text, model.slug
            for url in shelf.files:
                assert url in text, model.slug


def test_a_result_without_a_required_field_would_be_noticed(call: Call, registry: Registry) -> None:
    result, _ = call(SCHNELL)
    model = registry.get(SCHNELL)
    assert model is not None
    del result["images"][0]["url"]
    assert list(Draft202012Validator(model.output_schema or {}).iter_errors(result))


def test_a_minimal_call_says_something_even_where_nothing_is_required(registry: Registry) -> None:
    model = registry.get(KLING)
    assert model is not None and not model.required
    assert list(minimal_arguments(model)) == ["prompt"]


def test_a_minimal_call_takes_https_urls_with_the_extension_of_the_medium(registry: Registry) -> None:
    for slug, field, extension in [
        ("fal-ai/kling-video/v3/pro/image-to-video", "start_image_url", ".png"),
        ("fal-ai/sync-lipsync/v2", "audio_url", ".mp3"),
        ("fal-ai/sync-lipsync/v2", "video_url", ".mp4"),
        ("fal-ai/meshy/rigging", "model_url", ".glb"),
        ("fal-ai/flux-lora-fast-training", "images_data_url", ".zip"),
    ]:
        model = registry.get(slug)
        assert model is not None
        url = minimal_arguments(model)[field]
        assert url.startswith("https://") and url.endswith(extension), (slug, url)


def test_a_model_without_schemas_still_gives_a_file_of_its_medium(registry: Registry) -> None:
    bare = next(model for model in registry if not model.has_schema and model.category == "image-to-video")
    shelf = Shelf()
    result = make_result(bare, {"prompt": "x"}, "seed", shelf)
    assert shelf.types[result["video"]["url"]] == "video/mp4"
    assert minimal_arguments(bare) == {}


# Pictures


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, (1024, 768)),  # the default, landscape_4_3
        *(({"image_size": preset}, PRESETS[preset]) for preset in ("square_hd", "square", "portrait_16_9")),
        ({"image_size": {"width": 640, "height": 352}}, (640, 352)),
        ({"image_size": {"width": 640.0, "height": 352.0}}, (640, 352)),
    ],
)
def test_pictures_have_the_asked_size(call: Call, arguments: dict[str, Any], expected: tuple[int, int]) -> None:
    result, shelf = call(SCHNELL, **arguments)
    (image,) = result["images"]
    assert (image["width"], image["height"]) == expected
    assert picture(shelf.content(image["url"])) == expected


def test_there_are_as_many_pictures_as_asked_each_with_its_own_url_and_content(call: Call) -> None:
    result, shelf = call(SCHNELL, num_images=4, image_size="square")
    assert len({image["url"] for image in result["images"]}) == 4
    assert result["has_nsfw_concepts"] == [False] * 4
    assert len({shelf.content(url) for url in shelf.files}) == 4


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"maps": ["normal", "height"]}, ["normal", "height"]),
        ({"maps": ["height", "height", "no such map"]}, ["height"]),
        ({}, ["basecolor", "normal", "roughness", "metalness", "height"]),
    ],
)
def test_a_call_that_lists_kinds_gets_one_file_of_each(call: Call, sent: dict[str, Any], expected: list[str]) -> None:
    result, _ = call("fal-ai/patina", image_url="https://example.com/wall.jpg", **sent)
    assert [image["map_type"] for image in result["images"]] == expected


@pytest.mark.parametrize(("count", "expected"), [(0, 1), (1, 1), (10**9, MAX_COUNT), (2.0, 2), ("3", 3)])
def test_the_number_of_pictures_is_bounded(registry: Registry, count: Any, expected: int) -> None:
    model = registry.get(SCHNELL)
    assert model is not None
    assert len(make_result(model, {"prompt": "x", "num_images": count}, "s", Shelf())["images"]) == expected


@pytest.mark.parametrize(
    ("slug", "arguments", "content_type"),
    [
        (SCHNELL, {"output_format": "png"}, "image/png"),
        (SCHNELL, {}, "image/jpeg"),
        ("fal-ai/fast-sdxl", {"format": "png"}, "image/png"),
        ("fal-ai/recraft/vectorize", {}, "image/svg+xml"),
    ],
)
def test_pictures_come_in_the_asked_format(call: Call, slug: str, arguments: Any, content_type: str) -> None:
    result, shelf = call(slug, **arguments)
    file = result["images"][0] if "images" in result else result["image"]
    assert file["content_type"] == shelf.types[file["url"]] == content_type
    assert file["file_name"].endswith("." + content_type.partition("/")[2].partition("+")[0])


def test_sync_mode_returns_data_uris_that_decode(call: Call) -> None:
    result, shelf = call(SCHNELL, sync_mode=True, num_images=2, image_size="square")
    assert shelf.files == {}
    for image in result["images"]:
        head, _, body = image["url"].partition(",")
        assert head == "data:image/jpeg;base64"
        assert picture(base64.b64decode(body)) == (512, 512)
        assert image.get("file_size") in (None, len(base64.b64decode(body)))


def test_a_background_remover_gives_transparent_pictures(call: Call) -> None:
    result, shelf = call("fal-ai/bria/background/remove")
    with Image.open(io.BytesIO(shelf.content(result["image"]["url"]))) as image:
        assert image.mode == "RGBA"


def test_a_realtime_picture_stands_in_the_result_as_base64(call: Call) -> None:
    result, shelf = call("fal-ai/flux-2/klein/realtime")
    (image,) = result["images"]
    assert picture(base64.b64decode(image["content"])) == (image["width"], image["height"])
    assert shelf.files == {}


# What is repeated


def test_seed_and_prompt_are_repeated(call: Call) -> None:
    result, _ = call(SCHNELL, prompt="a cät", seed=42)
    assert (result["seed"], result["prompt"]) == (42, "a cät")
    assert result["timings"]["inference"] > 0


def test_without_a_seed_the_result_has_one_that_depends_on_the_call_alone(call: Call) -> None:
    seeds = [call(SCHNELL, seed_text)[0]["seed"] for seed_text in ("one", "one", "two")]
    assert seeds[0] == seeds[1] != seeds[2]
    assert all(0 <= seed < 1 << 31 for seed in seeds)
    assert call(SCHNELL, seed=-1)[0]["seed"] >= 0  # -1 asks for any


def test_lone_surrogates_never_reach_the_result(call: Call) -> None:
    result, _ = call(SCHNELL, prompt="a \ud800 cat")
    assert result["prompt"] == "a ? cat"
    json.dumps(result, ensure_ascii=False).encode()


def test_the_same_call_gives_the_same_result_and_the_same_bytes(call: Call) -> None:
    for slug, arguments in [
        (SCHNELL, {"image_size": "square"}),
        (KLING, {"duration": "3"}),
        ("fal-ai/hyper3d/rodin", {}),
    ]:
        (first, shelf), (second, other) = call(slug, **arguments), call(slug, **arguments)
        assert first == second
        for url in shelf.files:
            assert shelf.content(url) == other.content(url)


def test_files_cost_nothing_until_they_are_fetched(call: Call) -> None:
    for slug in (SCHNELL, KLING, "fal-ai/elevenlabs/tts/turbo-v2.5"):
        result, shelf = call(slug)
        assert all(isinstance(held, Recipe) for held in shelf.files.values())
        assert "file_size" not in json.dumps(result)


def test_a_stated_file_size_is_right(registry: Registry) -> None:
    stated = 0
    for model in registry:
        if not model.has_schema or model.category not in ("text-to-3d", "image-to-3d", "training", "video-to-video"):
            continue
        shelf = Shelf()
        for value in files_in(make_result(model, minimal_arguments(model), "seed", shelf)):
            if "file_size" in value and value["url"] in shelf.files:
                stated += 1
                assert value["file_size"] == len(shelf.content(value["url"])), model.slug
    assert stated > 100


def files_in(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [file for item in value for file in files_in(item)]
    if isinstance(value, dict):
        return ([value] if "url" in value else []) + [file for item in value.values() for file in files_in(item)]
    return []


# Clips and sound


@pytest.mark.parametrize(
    ("slug", "arguments", "expected", "shape"),
    [
        (KLING, {}, 5, (1280, 720)),
        (KLING, {"duration": "10", "aspect_ratio": "9:16"}, 10, (720, 1280)),
        ("fal-ai/veo3.1/fast", {"duration": "8s", "resolution": "1080p"}, 8, (1920, 1080)),
        ("fal-ai/ltx-2-19b/text-to-video", {"num_frames": 49, "fps": 24}, 49 / 24, None),
    ],
)
def test_a_clip_has_the_asked_length_and_shape(
    call: Call, slug: str, arguments: Any, expected: float, shape: tuple[int, int] | None
) -> None:
    result, shelf = call(slug, **arguments)
    content = shelf.content(result["video"]["url"])
    assert seconds(content) == pytest.approx(expected, abs=0.05)
    with av.open(io.BytesIO(content)) as container:
        video = container.streams.video[0]
        assert shape is None or (video.width, video.height) == shape


def test_a_clip_has_sound_when_the_model_makes_it(call: Call) -> None:
    for generate_audio in (True, False):
        result, shelf = call(KLING, generate_audio=generate_audio, duration="3")
        with av.open(io.BytesIO(shelf.content(result["video"]["url"]))) as container:
            assert bool(container.streams.audio) is generate_audio


@pytest.mark.parametrize(
    ("value", "content_type"),
    [("VP9 (.webm)", "video/webm"), ("GIF (.gif)", "image/gif"), ("PRORES4444 (.mov)", "video/quicktime")],
)
def test_a_clip_comes_in_the_asked_container(call: Call, value: str, content_type: str) -> None:
    result, shelf = call("fal-ai/ltx-2-19b/text-to-video", video_output_type=value, num_frames=9)
    assert shelf.types[result["video"]["url"]] == result["video"]["content_type"] == content_type


def test_what_a_file_object_says_of_a_clip_is_true_of_the_clip(call: Call) -> None:
    result, shelf = call("bria/video/background-removal/v3")
    video = result["video"]
    content = shelf.content(video["url"])
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        assert video["file_size"] == len(content)
        assert video["duration"] == pytest.approx((container.duration or 0) / 1e6, abs=0.01)
        assert video["fps"] == stream.average_rate
        assert (video["resolution"]["width"], video["resolution"]["height"]) == (stream.width, stream.height)


def test_without_pyav_the_result_describes_the_plain_clip_that_it_serves(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    installed.cache_clear()
    try:
        result, shelf = call("fal-ai/ltx-2-19b/text-to-video", num_frames=49, video_output_type="VP9 (.webm)")
        content = shelf.content(result["video"]["url"])
    finally:
        monkeypatch.undo()
        installed.cache_clear()
    assert (result["video"]["content_type"], result["video"]["width"]) == ("video/mp4", PLAIN_CLIP_SIZE[0])
    assert seconds(content) == pytest.approx(result["video"]["duration"])


@pytest.mark.parametrize("form", ["mp3", "wav", "flac", "pcm"])
def test_speech_lasts_as_long_as_its_text_and_comes_in_the_asked_format(registry: Registry, form: str) -> None:
    model = registry.get("fal-ai/minimax/speech-2.8-hd")
    assert model is not None
    shelf = Shelf()
    arguments = {
        "prompt": "word " * 30,
        "audio_setting": {"format": form, "sample_rate": 16000},
        "output_format": "url",
    }
    result = make_result(model, arguments, "seed", shelf)
    assert result["duration_ms"] == 10_000
    assert result["audio"]["file_name"].endswith("." + form)
    content = shelf.content(result["audio"]["url"])
    assert (len(content) / 32000 if form == "pcm" else seconds(content)) == pytest.approx(10, abs=0.1)


def test_hexadecimal_sound_comes_as_text_only_where_the_schema_allows_it(call: Call) -> None:
    file = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}
    output = {"type": "object", "properties": {"audio": {"anyOf": [file, {"type": "string"}]}}}
    either = model_of(output, output_format={"enum": ["url", "hex"]}, duration={"type": "number"})
    made = make_result(either, {"output_format": "hex", "duration": 1}, "s", Shelf())["audio"]
    assert bytes.fromhex(made)[:3] in (b"ID3", b"\xff\xfb\x90")
    assert "url" in make_result(either, {"output_format": "url"}, "s", Shelf())["audio"]
    assert "url" in call("fal-ai/minimax/speech-2.8-hd", output_format="hex")[0]["audio"]


# Optional fields


def test_optional_outputs_follow_their_switch(call: Call) -> None:
    slug = "fal-ai/elevenlabs/tts/turbo-v2.5"
    assert "timestamps" not in call(slug)[0]
    assert "timestamps" in call(slug, timestamps=True)[0]


def test_a_successful_result_holds_no_error_field(registry: Registry) -> None:
    for model in registry:
        if "error" in (model.output_schema or {}).get("properties", {}):
            assert "error" not in make_result(model, minimal_arguments(model), "seed", Shelf()), model.slug


# Streams


def test_a_stream_grows_to_the_result(registry: Registry) -> None:
    model = registry.get("fal-ai/llava-next")
    assert model is not None
    arguments = {**minimal_arguments(model), "prompt": "describe it in many words"}
    events = stream_events(model, arguments, "seed", Shelf(), 4)
    assert [event["partial"] for event in events] == [True, True, True, False]
    lengths = [len(event["output"]) for event in events]
    assert lengths == sorted(lengths) and len(set(lengths)) == 4
    assert events[-1] == make_result(model, arguments, "seed", Shelf())
    assert all(events[-1]["output"].startswith(event["output"]) for event in events)


def test_a_streamed_picture_starts_as_a_small_preview(registry: Registry) -> None:
    model = registry.get("fal-ai/flux/dev")
    assert model is not None
    shelf = Shelf()
    events = stream_events(model, {"prompt": "x", "image_size": "square_hd"}, "seed", Overwriting(shelf), 3)
    sizes = [(event["images"][0]["width"], event["images"][0]["height"]) for event in events]
    assert sizes == [(256, 256), (256, 256), (1024, 1024)]
    for event in events:
        Draft202012Validator(model.output_schema or {}).validate(event)


class Overwriting:
    """Storage that gives each file an address of its own."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.count = 0

    def __call__(self, content: Any, content_type: str, file_name: str) -> str:
        self.count += 1
        return self.shelf(content, content_type, f"{self.count}/{file_name}")


@pytest.mark.parametrize("count", [-1, 0, 1])
def test_a_stream_has_at_least_its_result(registry: Registry, count: int) -> None:
    model = registry.get(SCHNELL)
    assert model is not None
    assert len(stream_events(model, {"prompt": "x"}, "seed", Shelf(), count)) == 1
