"""Media: every file is what its name says, of the asked size and length, the same each time, at a bounded cost."""

from __future__ import annotations

import io
import json
import struct
import sys
import wave
import zipfile
from collections.abc import Iterator
from typing import Any

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fal_skill.sandbox.media import FORMATS, MAX_SECONDS, Media, Recipe, make, recipe
from fal_skill.sandbox.media.recipe import MAX_LABEL, PLAIN_CLIP_SECONDS, PLAIN_CLIP_SIZE, VIDEO_PIXELS, installed


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make a package look as if it were not installed."""

    def hide(*packages: str) -> None:
        for package in packages:
            monkeypatch.setitem(sys.modules, package, None)
        installed.cache_clear()

    yield hide
    monkeypatch.undo()
    installed.cache_clear()


class Probe:
    """What PyAV, which reads files as ffprobe does, says of a clip or sound, having decoded all of it."""

    def __init__(self, content: bytes) -> None:
        with av.open(io.BytesIO(content)) as container:
            self.seconds = (container.duration or 0) / 1_000_000
            self.streams = {stream.type: stream for stream in container.streams}
            self.codecs = {stream.type: stream.codec_context.name for stream in container.streams}
            self.size = (0, 0)
            self.fps = 0.0
            if video := self.streams.get("video"):
                self.size = (video.width, video.height)
                self.fps = float(video.average_rate)
            if audio := self.streams.get("audio"):
                self.rate, self.channels = audio.sample_rate, audio.channels
            self.frames = self.samples = 0
            for frame in container.decode():
                if isinstance(frame, av.VideoFrame):
                    self.frames += 1
                else:
                    self.samples += frame.samples


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "gif"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (63, 31), (640, 480), (1024, 1024), (17, 2000), (3840, 2160)])
def test_a_picture_has_the_asked_size_and_format(form: str, width: int, height: int) -> None:
    media = make("image", format=form, width=width, height=height, label="fal-ai/flux: a cät 猫")
    with Image.open(io.BytesIO(media.content)) as image:
        image.load()
        assert (image.size, image.format, media.content_type) == ((width, height), form.upper(), f"image/{form}")


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "gif"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 9), (640, 480), (1023, 17), (16383, 3)])
def test_a_picture_without_pillow_has_the_asked_size_and_format_too(
    without: Any, form: str, width: int, height: int
) -> None:
    without("PIL")
    media = make("image", format=form, width=width, height=height)
    with Image.open(io.BytesIO(media.content)) as image:
        image.load()
        assert (image.size, image.format) == ((width, height), form.upper())


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "gif"])
def test_the_largest_picture_fal_allows_is_served_without_its_raster(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 14142 x 14142 is the limit of fal's image_size. Pillow refuses to open so many pixels by default.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    media = make("image", format=form, width=14142, height=14142, label="x")
    assert len(media.content) < 1_000_000
    with Image.open(io.BytesIO(media.content)) as image:
        assert image.size == (14142, 14142)


def test_a_large_plain_picture_decodes_to_its_end() -> None:
    for form in ("png", "jpeg", "webp"):
        with Image.open(io.BytesIO(make("image", format=form, width=5000, height=4000).content)) as image:
            image.load()
            assert image.convert("RGB").getpixel((4999, 3999)) in {(96, 96, 96), (128, 128, 128), (136, 136, 136)}


def test_the_label_changes_the_picture_and_never_breaks_it() -> None:
    labels = ["a cat", "a dog", "", "\ud800 \x00 猫", "x" * 100_000]
    contents = [make("image", width=256, height=256, label=label).content for label in labels]
    assert len(set(contents)) == len(labels)
    for content in contents:
        Image.open(io.BytesIO(content)).load()
    assert len(recipe("image", label=labels[-1]).label) == MAX_LABEL


def test_a_transparent_picture_has_transparent_and_opaque_parts() -> None:
    with Image.open(io.BytesIO(make("image", width=64, height=64, alpha=True).content)) as image:
        assert image.mode == "RGBA"
        assert (image.getpixel((0, 0))[3], image.getpixel((32, 32))[3]) == (0, 255)


def test_svg_is_xml_of_the_asked_size_and_escapes_the_label() -> None:
    from xml.etree import ElementTree

    root = ElementTree.fromstring(make("image", format="svg", width=300, height=200, label="<a> & \x07 b").content)
    assert root.get("viewBox") == "0 0 300 200"
    assert "<a> &" in "".join(root.itertext())


def test_exr_is_read_by_ffmpeg() -> None:
    with av.open(io.BytesIO(make("image", format="exr", width=40, height=30).content)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (40, 30)


@pytest.mark.parametrize("form", ["wav", "mp3", "flac", "aac", "m4a", "ogg", "opus"])
@pytest.mark.parametrize(
    ("seconds", "rate", "channels"), [(0.1, 44100, 1), (3, 24000, 2), (7.3, 48000, 1), (2, 8000, 1)]
)
def test_sound_has_the_asked_length_rate_and_channels(form: str, seconds: float, rate: int, channels: int) -> None:
    made = recipe("audio", format=form, seconds=seconds, sample_rate=rate, channels=channels)
    probe = Probe(made())
    frame = 1152 / rate  # compressed sound comes in whole frames
    assert probe.seconds == pytest.approx(seconds, abs=0.001 if form in ("wav", "flac") else 2 * frame)
    assert probe.channels == channels
    assert probe.rate == (48000 if form in ("ogg", "opus") else rate)  # Opus always plays at 48 kHz
    assert made.content_type == FORMATS[form].content_type


def test_a_wav_is_exact_to_the_sample_and_audible() -> None:
    with wave.open(io.BytesIO(make("audio", format="wav", seconds=1.5, sample_rate=16000).content)) as sound:
        assert (sound.getnframes(), sound.getframerate(), sound.getsampwidth()) == (24000, 16000, 2)
        assert max(struct.unpack("<24000h", sound.readframes(24000))) > 3000


@pytest.mark.parametrize(("form", "width"), [("pcm", 2), ("ulaw", 1), ("alaw", 1)])
def test_raw_sound_has_a_sample_for_each_tick(form: str, width: int) -> None:
    assert len(make("audio", format=form, seconds=2, sample_rate=8000).content) == 2 * 8000 * width


@pytest.mark.parametrize(
    ("seconds", "rate", "channels"), [(0.1, 44100, 1), (3, 22050, 2), (12.5, 48000, 1), (65, 44100, 1)]
)
@pytest.mark.parametrize("form", ["mp3", "flac"])
def test_without_pyav_mp3_and_flac_are_silent_and_of_the_asked_length(
    without: Any, form: str, seconds: float, rate: int, channels: int
) -> None:
    without("av")
    made = recipe("audio", format=form, seconds=seconds, sample_rate=rate, channels=channels)
    assert (made.format, made.seconds) == (form, seconds)
    probe = Probe(made())
    assert probe.seconds == pytest.approx(seconds, abs=0.06)
    assert probe.samples == pytest.approx(seconds * rate, abs=2400)
    assert (probe.rate, probe.channels) == (rate, channels)


def test_without_pyav_other_sound_is_a_wav_and_says_so(without: Any) -> None:
    without("av")
    for form in ("aac", "m4a", "ogg", "opus"):
        media = make("audio", format=form, seconds=1)
        assert (media.content_type, media.extension, media.content[:4]) == ("audio/wav", "wav", b"RIFF")


@pytest.mark.parametrize(
    ("form", "width", "height", "seconds", "fps"),
    [
        ("mp4", 640, 360, 5, 24),
        ("mp4", 360, 640, 8.5, 24),
        ("mp4", 1920, 1080, 3, 25),
        ("mp4", 64, 64, 0.1, 30),
        ("mp4", 320, 180, 61, 16),
        ("mp4", 320, 180, 4, 29.97),
        ("webm", 640, 360, 5, 24),
        ("webm", 1280, 720, 2, 30),
        ("mov", 640, 360, 2, 24),
        ("mkv", 640, 360, 2, 24),
    ],
)
def test_a_clip_has_the_asked_length_size_and_rate(
    form: str, width: int, height: int, seconds: float, fps: float
) -> None:
    made = recipe("video", format=form, width=width, height=height, seconds=seconds, fps=fps)
    probe = Probe(made())
    assert probe.size == (width, height)
    assert probe.seconds == pytest.approx(seconds, abs=0.6 / fps)
    assert probe.seconds == pytest.approx(made.seconds, abs=0.002)
    assert probe.fps == pytest.approx(fps, rel=0.001)
    assert probe.frames == made.frames


@pytest.mark.parametrize(("form", "codec"), [("mp4", "aac"), ("webm", "opus"), ("mov", "aac")])
def test_a_clip_with_sound_has_a_track_as_long_as_the_picture(form: str, codec: str) -> None:
    probe = Probe(make("video", format=form, width=320, height=180, seconds=4, sound=True).content)
    assert probe.codecs["audio"] == codec
    assert probe.samples / probe.rate == pytest.approx(4, abs=0.05)
    assert (probe.frames, probe.seconds) == (96, pytest.approx(4, abs=0.01))


def test_an_odd_size_of_a_clip_is_made_even_and_the_recipe_says_so() -> None:
    made = recipe("video", width=333, height=187, seconds=0.5)
    assert (made.width, made.height) == (332, 186)
    assert Probe(made()).size == (332, 186)


def test_a_clip_of_more_pixels_than_the_limit_keeps_its_shape() -> None:
    made = recipe("video", width=14142, height=14142, seconds=600)
    assert made.width * made.height <= VIDEO_PIXELS
    assert made.width == made.height


@pytest.mark.parametrize("form", ["gif", "webp"])
def test_an_animation_has_the_asked_size_and_length(form: str) -> None:
    with Image.open(io.BytesIO(make("video", format=form, width=320, height=200, seconds=3).content)) as image:
        lengths = []
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            lengths.append(image.info["duration"])
        assert (image.size, sum(lengths)) == ((320, 200), 3000)


def test_without_libraries_a_gif_still_lasts_as_long_as_asked(without: Any) -> None:
    without("PIL", "av")
    with Image.open(io.BytesIO(make("video", format="gif", width=320, height=200, seconds=3).content)) as image:
        assert (image.size, image.n_frames, image.info["duration"]) == ((320, 200), 2, 1500)


@pytest.mark.parametrize("form", ["mp4", "webm", "mov", "mkv"])
def test_without_pyav_a_clip_is_the_plain_one_and_its_recipe_says_so(without: Any, form: str) -> None:
    without("av")
    made = recipe("video", format=form, width=1920, height=1080, seconds=30, fps=60, sound=True)
    probe = Probe(made())
    assert (made.content_type, made.extension) == ("video/mp4", "mp4")
    assert probe.size == (made.width, made.height) == PLAIN_CLIP_SIZE
    assert probe.seconds == pytest.approx(made.seconds) == pytest.approx(PLAIN_CLIP_SECONDS)
    assert (probe.fps, probe.frames, made.sound) == (made.fps, made.frames, False)


def test_glb_is_gltf_2_with_chunks_and_accessors_that_add_up() -> None:
    content = make("3d").content
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack_from("<I4s", content, 12)
    document = json.loads(content[20 : 20 + size])
    data_size, data_kind = struct.unpack_from("<I4s", content, 20 + size)
    data = content[28 + size :]
    assert (kind, data_kind, len(data), size % 4, data_size % 4) == (b"JSON", b"BIN\0", data_size, 0, 0)
    assert document["asset"]["version"] == "2.0"
    assert document["buffers"] == [{"byteLength": data_size}]
    widths = {"VEC3": 12, "VEC2": 8, "SCALAR": 2}
    for accessor in document["accessors"]:
        view = document["bufferViews"][accessor["bufferView"]]
        assert view["byteLength"] == accessor["count"] * widths[accessor["type"]]
        assert view["byteOffset"] + view["byteLength"] <= data_size
    indices = struct.unpack_from("<36H", data, document["bufferViews"][2]["byteOffset"])
    assert set(indices) == set(range(24))
    (image,) = document["images"]
    view = document["bufferViews"][image["bufferView"]]
    texture = Image.open(io.BytesIO(data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]))
    assert (texture.format, texture.size) == ("PNG", (64, 64))
    assert document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] == {"index": 0}


def test_every_face_of_the_cube_looks_outwards() -> None:
    document = make("3d", format="obj").content.decode().splitlines()
    points = [tuple(map(float, line.split()[1:])) for line in document if line.startswith("v ")]
    normals = [tuple(map(float, line.split()[1:])) for line in document if line.startswith("vn ")]
    faces = [line.split()[1:] for line in document if line.startswith("f ")]
    assert (len(points), len(normals), len(faces)) == (8, 6, 6)
    for face in faces:
        a, b, c = (points[int(corner.split("//")[0]) - 1] for corner in face[:3])
        u, v = ([y - x for x, y in zip(a, other, strict=True)] for other in (b, c))
        cross = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
        assert cross == normals[int(face[0].split("//")[1]) - 1]


def test_the_other_meshes_have_the_shape_of_their_format() -> None:
    stl = make("3d", format="stl").content
    assert (struct.unpack_from("<I", stl, 80)[0], len(stl)) == (12, 84 + 12 * 50)
    ply = make("3d", format="ply").content.decode().splitlines()
    assert (ply[0], len(ply)) == ("ply", ply.index("end_header") + 1 + 8 + 6)
    gltf = json.loads(make("3d", format="gltf").content)
    assert gltf["buffers"][0]["uri"].startswith("data:application/octet-stream;base64,")
    assert len(make("3d", format="splat").content) == 8 * 32
    assert make("3d", format="fbx").content.startswith(b"; FBX 7.4.0")
    assert make("3d", format="mtl").content.startswith(b"newmtl")


def test_usdz_is_an_uncompressed_zip_with_data_at_multiples_of_64() -> None:
    content = make("3d", format="usdz").content
    with zipfile.ZipFile(io.BytesIO(content)) as pack:
        (member,) = pack.infolist()
        name_size, extra_size = struct.unpack_from("<HH", content, member.header_offset + 26)
        assert member.compress_type == zipfile.ZIP_STORED
        assert (member.header_offset + 30 + name_size + extra_size) % 64 == 0
        assert pack.read(member).startswith(b"#usda 1.0")


def test_weights_are_safetensors_whose_header_adds_up() -> None:
    content = make("weights").content
    (size,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + size])
    tensors = [value for key, value in header.items() if key != "__metadata__"]
    assert max(tensor["data_offsets"][1] for tensor in tensors) == len(content) - 8 - size
    for tensor in tensors:
        start, end = tensor["data_offsets"]
        assert end - start == 2 * tensor["shape"][0] * tensor["shape"][1]


def test_documents_are_what_they_are_called() -> None:
    with zipfile.ZipFile(io.BytesIO(make("archive").content)) as pack:
        assert pack.testzip() is None
        Image.open(io.BytesIO(pack.read("frame_0001.png"))).load()
    assert json.loads(make("file", label='a "cat"').content)["label"] == 'a "cat"'
    assert json.loads(make("file", format="lottie", width=64, height=32).content)["w"] == 64
    assert make("file", format="txt", label="cat").content == b"cat\n"
    assert b"-->" in make("file", format="srt", label="two\nlines").content


def test_an_unknown_kind_is_an_error_and_an_unsuitable_format_is_the_default() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        recipe("smell")
    assert recipe("image", format="mp3").format == "png"
    assert recipe("audio", format="no-such").format == "mp3"


_SIDES = st.one_of(st.integers(-5, 10**9), st.floats(allow_nan=True, allow_infinity=True))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(sorted({form.kind for form in FORMATS.values()})),
    form=st.one_of(st.none(), st.sampled_from(sorted(FORMATS)), st.text(max_size=5)),
    width=_SIDES,
    height=_SIDES,
    seconds=st.floats(max_value=3) | st.just(float("nan")) | st.just(-1.0),
    fps=st.floats(),
    label=st.text(max_size=200),
)
def test_any_wish_gives_a_bounded_recipe_and_the_same_bytes_twice(
    kind: str, form: str | None, width: float, height: float, seconds: float, fps: float, label: str
) -> None:
    made = recipe(kind, format=form, width=width, height=height, seconds=seconds, fps=fps, label=label)
    assert 1 <= made.width <= 16383
    assert 1 <= made.height <= 16383
    assert 0 < made.seconds <= MAX_SECONDS
    assert made.frames >= 1
    if made.width * made.height < 300_000:
        media = made.media()
        assert isinstance(made, Recipe) and isinstance(media, Media)
        assert media.content
        assert media == made.media()
