"""Local files in a call are found where files belong, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fal_skill.errors import InvalidArgumentsError
from fal_skill.live.uploads import by_content, local_files, replaced, uploaded
from fal_skill.registry import Registry

KLING = "fal-ai/kling-video/v3/pro/image-to-video"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n123")
    return file


def places(registry: Registry, slug: str, arguments: dict[str, Any], base: Path | None = None) -> list[str]:
    return [file.field for file in local_files(registry.get(slug), arguments, base)]


def test_files_are_found_in_file_fields_nested_ones_too(registry: Registry, photo: Path) -> None:
    arguments = {
        "start_image_url": str(photo),
        "prompt": str(photo),
        "elements": [
            {"frontal_image_url": f"file://{photo}"},
            {"reference_image_urls": ["https://x/y.png", str(photo)]},
        ],
    }
    assert sorted(places(registry, KLING, arguments)) == [
        "elements[0].frontal_image_url",
        "elements[1].reference_image_urls[1]",
        "start_image_url",
    ]


@pytest.mark.parametrize(
    "value", ["https://x/y.png", "HTTP://x/y", "data:image/png;base64,AA", "gs://b/c", "", None, 3, ["x"]]
)
def test_what_is_no_path_is_left_alone(registry: Registry, value: Any) -> None:
    assert places(registry, KLING, {"start_image_url": value}) == []


@pytest.mark.parametrize("value", ["no-such-file.png", ".", "/dev/null", "a\0b"])
def test_what_must_be_a_file_and_is_none_is_an_error_before_anything_is_sent(registry: Registry, value: str) -> None:
    with pytest.raises(InvalidArgumentsError, match="start_image_url"):
        places(registry, KLING, {"start_image_url": value})


def test_an_empty_file_is_refused(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(InvalidArgumentsError, match="has 0 bytes"):
        places(registry, KLING, {"start_image_url": "empty.png"}, tmp_path)


def test_paths_of_a_batch_are_relative_to_its_file(registry: Registry, photo: Path) -> None:
    assert places(registry, KLING, {"start_image_url": "photo.png"}, photo.parent) == ["start_image_url"]


def test_without_known_fields_only_existing_files_in_fields_of_that_name_count(registry: Registry, photo: Path) -> None:
    arguments = {"image_url": str(photo), "style_urls": [str(photo)], "prompt": str(photo), "mask_url": "gone.png"}
    assert places(registry, "workflows/me/mine", arguments) == ["image_url", "style_urls[0]"]


def test_a_call_is_known_by_the_content_of_its_files(registry: Registry, photo: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.png"
    copy.write_bytes(photo.read_bytes())
    model = registry.get(KLING)
    calls = [{"start_image_url": str(file), "prompt": "x"} for file in (photo, copy)]
    one, other = (by_content(call, local_files(model, call)) for call in calls)
    assert one == other != calls[0]


def test_replacing_does_not_touch_the_original() -> None:
    arguments = {"a": [{"b": "x"}], "c": 1}
    assert replaced(arguments, {("a", 0, "b"): "y"}) == {"a": [{"b": "y"}], "c": 1}
    assert arguments == {"a": [{"b": "x"}], "c": 1}


class Client:
    """Stands for the SDK's client; remembers."""

    def upload_file(self, path: Path, **options: Any) -> str:
        self.seen = (Path(path).name, Path(path).read_bytes(), options)
        return "https://v3.fal.media/x"


@pytest.mark.parametrize(
    ("name", "sent"), [("photo.png", "photo.png"), ("schön 写真.png", "upload.png"), ("x.жпг", "upload")]
)
def test_the_sdk_is_given_names_that_its_header_can_carry(
    registry: Registry, tmp_path: Path, name: str, sent: str
) -> None:
    file = tmp_path / name
    file.write_bytes(b"12")
    client = Client()
    (found,) = local_files(registry.get(KLING), {"start_image_url": str(file)})
    assert uploaded(client, found) == "https://v3.fal.media/x"  # type: ignore[arg-type]
    assert client.seen[:2] == (sent, b"12")
    # The SDK's fallback would send the key along to a storage host.
    assert client.seen[2] == {"repository": "fal_v3", "fallback_repository": []}
