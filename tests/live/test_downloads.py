"""Files come home whole, under safe names, once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.live.downloads import DownloadError, Downloads, Reference, references, refuse_strange_hosts
from fal_skill.live.filetypes import family, name_for, safe_name, sniffed
from fal_skill.registry import Registry

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
URL = "https://v3b.fal.media/files/b/1/cat.png"


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    stamina.set_testing(True, attempts=4)
    yield
    stamina.set_testing(False)


def downloads(answer: Callable[[httpx.Request], httpx.Response], **options: Any) -> Downloads:
    def streamed(request: httpx.Request) -> httpx.Response:
        """Return the answer as a network gives it: not read yet."""
        made = answer(request)
        if not hasattr(made, "_content"):
            return made
        return httpx.Response(made.status_code, headers=made.headers, stream=Whole(made.content))

    hooks: dict[str, list[Callable[..., Any]]] = {"request": [refuse_strange_hosts]}
    client = httpx.Client(transport=httpx.MockTransport(streamed), event_hooks=hooks, follow_redirects=True)
    return Downloads(client=client, **options)


class Whole(httpx.SyncByteStream):
    """A body that is read from the network."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data


def serving(data: bytes, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(200, content=data, headers={"content-type": "image/png", **headers})


def reference(url: str = URL, **known: Any) -> Reference:
    return Reference(**{"path": "images[0].url", "url": url, "name": None, "content_type": None, "size": None, **known})


def leftovers(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.name.startswith("."))


def test_a_file_comes_home_with_its_checksum(tmp_path: Path) -> None:
    saved = downloads(serving(PNG)).save(reference(), tmp_path)
    assert Path(saved.file).read_bytes() == PNG
    assert (saved.bytes, saved.sha256) == (len(PNG), hashlib.sha256(PNG).hexdigest())
    assert Path(saved.file).name == "cat.png"
    assert leftovers(tmp_path) == []


def test_a_broken_download_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    ranges: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked = request.headers.get("range")
        ranges.append(asked)
        headers = {"etag": '"v1"', "content-type": "image/png"}
        if asked is None:
            return httpx.Response(200, stream=cut(PNG[:1000]), headers={**headers, "content-length": str(len(PNG))})
        start = int(asked[6:-1])
        assert request.headers["if-range"] == '"v1"'
        if start < 3000:
            return httpx.Response(
                206,
                stream=cut(PNG[start:3000]),
                headers={**headers, "content-range": f"bytes {start}-{len(PNG) - 1}/{len(PNG)}"},
            )
        return httpx.Response(
            206, content=PNG[start:], headers={**headers, "content-range": f"bytes {start}-{len(PNG) - 1}/{len(PNG)}"}
        )

    saved = downloads(answer).save(reference(), tmp_path)
    assert Path(saved.file).read_bytes() == PNG
    assert ranges == [None, "bytes=1000-", "bytes=3000-"]
    assert leftovers(tmp_path) == []


def cut(data: bytes) -> httpx.SyncByteStream:
    class Cut(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield data
            raise httpx.ReadError("cut off")

    return Cut()


def test_what_an_earlier_run_left_is_used_only_with_its_etag(tmp_path: Path) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=cut(PNG[:1000]), headers={"etag": '"v1"', "content-length": str(len(PNG))})

    with pytest.raises(DownloadError):
        downloads(broken).save(reference(), tmp_path)
    assert len(leftovers(tmp_path)) == 2
    # The file has changed meanwhile: the server sends it whole.
    saved = downloads(serving(PNG[::-1][:50] + PNG, etag='"v2"')).save(reference(), tmp_path)
    assert Path(saved.file).read_bytes() == PNG[::-1][:50] + PNG


def test_a_file_that_comes_short_is_not_taken(tmp_path: Path) -> None:
    def short(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Whole(PNG[:100]), headers={"content-length": str(len(PNG))})

    with pytest.raises(DownloadError, match="100 of"):
        downloads(short).save(reference(), tmp_path)
    assert [file.name for file in tmp_path.iterdir() if not file.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("data", "headers", "known", "problem"),
    [
        (b"<html><body>Not here</body></html>", {}, {}, "text/html"),
        (b'{"detail": "gone"}', {}, {"content_type": "video/mp4"}, "application/json"),
        (PNG, {"content-type": "video/mp4"}, {}, "expected video"),
        (b"", {}, {}, "empty"),
        (PNG, {}, {"size": 3}, "the result says 3"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_not_kept(
    tmp_path: Path, data: bytes, headers: dict[str, str], known: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DownloadError, match=problem) as caught:
        downloads(serving(data, **headers)).save(reference(**known), tmp_path)
    assert caught.value.lasting
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [404, 410])
def test_an_expired_file_is_gone_for_good(tmp_path: Path, status: int) -> None:
    calls: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(1)
        return httpx.Response(status)

    with pytest.raises(DownloadError) as caught:
        downloads(answer).save(reference(), tmp_path)
    assert (caught.value.lasting, caught.value.trouble.failure.code, len(calls)) == (True, "expired", 1)


def test_busy_servers_are_asked_again(tmp_path: Path) -> None:
    replies = iter(
        [httpx.Response(503), httpx.Response(429, headers={"retry-after": "1"}), httpx.Response(200, content=PNG)]
    )
    assert downloads(lambda request: next(replies)).save(reference(), tmp_path).bytes == len(PNG)


def test_no_file_is_overwritten_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_text("mine")
    assert Path(downloads(serving(PNG)).save(reference(), tmp_path).file).name == "cat-2.png"
    assert (tmp_path / "cat.png").read_text() == "mine"
    same = downloads(serving(PNG)).save(reference(), tmp_path)
    assert Path(same.file).name == "cat-2.png", "the same content is not kept twice"
    assert Path(downloads(serving(PNG), overwrite=True).save(reference(), tmp_path).file).name == "cat.png"
    assert (tmp_path / "cat.png").read_bytes() == PNG


@pytest.mark.parametrize(
    "url",
    [
        "http://v3.fal.media/x.png", "https://127.0.0.1/x", "https://localhost/x", "https://10.0.0.1/x",
        "https://169.254.169.254/latest/meta-data", "https://[::1]/x", "https://printer.local/x", "https://intranet/x",
    ],
)  # fmt: skip
def test_a_result_cannot_lead_into_this_machines_own_network(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="not a public https one"):
        downloads(serving(PNG)).save(reference(url), tmp_path)


def test_a_redirect_cannot_either(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="not a public https one"):
        downloads(lambda request: httpx.Response(302, headers={"location": "http://127.0.0.1/"})).save(
            reference(), tmp_path
        )


def test_embedded_files_are_written_too(tmp_path: Path) -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    saved = downloads(serving(b"")).save(reference(url), tmp_path, "schnell-1")
    assert Path(saved.file).read_bytes() == PNG
    assert Path(saved.file).name == "schnell-1.png"
    assert len(saved.url) < 100


@given(st.text(max_size=200))
def test_any_name_becomes_one_harmless_segment(name: str) -> None:
    safe = safe_name(name)
    assert safe and safe == safe.strip(" ") and not safe.startswith(".")
    assert not set(safe) & set('<>:"/\\|?*\0')
    assert safe.isprintable() and len(safe.encode("utf-8", "replace")) <= 120
    assert safe.upper().split(".")[0] not in {"CON", "NUL", "PRN", "AUX", "COM1", "LPT1"}


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\Users\\x\\cat.png", "cat.png"), (".hidden", "hidden"), ("", "file"),
        ("con.png", "_con.png"), ("a b?.png", "a b_.png"), ("x" * 300 + ".jpeg", "x" * 95 + ".jpeg"),
        ("é.png", "é.png"),
    ],
)  # fmt: skip
def test_names_keep_what_is_harmless(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("url", "given_name", "stated", "actual", "name"),
    [
        (URL, None, "image/png", "image/png", "cat.png"),
        (URL, "dog.jpeg", None, "image/jpeg", "dog.jpeg"),
        (URL, "dog.png", "image/jpeg", "image/jpeg", "dog.jpg"),
        ("https://x.y/a%2Fb.mp4?sig=1", None, None, "video/mp4", "b.mp4"),
        ("https://x.y/", None, "video/mp4", None, "fallback.mp4"),
        ("https://x.y/model", "mesh.obj", "application/octet-stream", None, "mesh.obj"),
        ("https://x.y/z", None, None, None, "z"),
    ],
)
def test_the_extension_is_that_of_the_content(
    url: str, given_name: str | None, stated: str | None, actual: str | None, name: str
) -> None:
    assert name_for(url, given_name, stated, actual, "fallback") == name


@given(st.binary(max_size=64))
def test_no_bytes_break_the_sniffing(head: bytes) -> None:
    assert family(sniffed(head)) in ("image", "video", "audio", "3d", "archive", "text", "")


def test_a_results_files_are_found_and_the_echo_of_the_input_is_not(registry: Registry) -> None:
    model = registry.require("fal-ai/flux/schnell")
    result = {
        "images": [{"url": URL, "file_name": "cat.png", "content_type": "image/png", "file_size": 12, "width": 8}],
        "preview_url": "https://v3.fal.media/p.jpg",
        "input": {"image_url": "https://v3.fal.media/mine.png"},
        "page": "https://example.com/about",
        "nested": {"mask": {"url": "data:image/png;base64,AAAA"}},
    }
    found = references(result, model, {"image_url": "https://v3.fal.media/mine.png"})
    assert [(item.path, item.name, item.size) for item in found] == [
        ("images[0].url", "cat.png", 12),
        ("preview_url", None, None),
        ("nested.mask.url", None, None),
    ]
