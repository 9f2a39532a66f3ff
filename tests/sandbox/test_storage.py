from __future__ import annotations

import io
import json
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest
from PIL import Image

from fal_skill.sandbox import Sandbox, Settings, running
from fal_skill.sandbox.files import Lifecycle, safe_name
from sandbox_calls import RUN, SCHNELL, http_client

CDN = "https://v3.fal.media"
REST = "https://rest.fal.ai"


def upload_headers(client: httpx.Client, **more: str) -> dict[str, str]:
    reply = client.post(f"{REST}/storage/auth/token?storage_type=fal-cdn-v3", json={})
    assert reply.status_code == 200
    given = reply.json()
    return {"authorization": f"{given['token_type']} {given['token']}", "content-type": "text/plain", **more}


def initiated(client: httpx.Client, kind: str = "initiate", **headers: str) -> Any:
    body = {"file_name": "a b.txt", "content_type": "text/plain"}
    reply = client.post(f"{REST}/storage/upload/{kind}?storage_type=fal-cdn-v3", json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_the_token_reply_can_be_read_by_python_of_any_version(client: httpx.Client) -> None:
    given = client.post(f"{REST}/storage/auth/token?storage_type=fal-cdn-v3", json={}).json()
    assert given["base_url"] == CDN
    # fromisoformat of Python 3.10 knows no "Z"; the client compares with an aware time.
    assert not given["expires_at"].endswith("Z")
    assert datetime.fromisoformat(given["expires_at"]) > datetime.now(timezone.utc)


def test_a_single_upload_can_be_fetched_by_anyone(client: httpx.Client, anyone: httpx.Client) -> None:
    headers = upload_headers(client, **{"x-fal-file-name": "note.txt"})
    url = anyone.post(f"{CDN}/files/upload", content=b"hello", headers=headers).json()["access_url"]
    assert url.endswith("_note.txt")
    reply = anyone.get(url)
    assert (reply.status_code, reply.content, reply.headers["content-type"]) == (200, b"hello", "text/plain")


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [("bytes=1-2", 206, b"el"), ("bytes=3-", 206, b"lo"), ("bytes=-2", 206, b"lo"), ("bytes=9-", 416, None)],
)
def test_parts_of_a_file_can_be_fetched(
    client: httpx.Client, anyone: httpx.Client, asked: str, status: int, content: bytes | None
) -> None:
    url = anyone.post(f"{CDN}/files/upload", content=b"hello", headers=upload_headers(client)).json()["access_url"]
    reply = anyone.get(url, headers={"range": asked})
    assert reply.status_code == status
    assert content is None or reply.content == content
    assert anyone.head(url).headers["content-length"] == "5"


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Key wrong"])
def test_uploads_need_the_upload_token(anyone: httpx.Client, authorization: str | None) -> None:
    headers = {"authorization": authorization} if authorization else {}
    for path in ("files/upload", "files/upload/multipart"):
        assert anyone.post(f"{CDN}/{path}", content=b"x", headers=headers).status_code == 401


def test_a_multipart_upload_is_joined_in_the_order_of_its_part_numbers(
    client: httpx.Client, anyone: httpx.Client
) -> None:
    headers = upload_headers(client, **{"x-fal-file-name": "big.bin"})
    begun = anyone.post(f"{CDN}/files/upload/multipart", headers=headers).json()
    base = f"{begun['access_url']}/multipart/{begun['uploadId']}"
    etags = {
        number: anyone.put(f"{base}/{number}", content=part, headers=headers).headers["etag"]
        for number, part in ((2, b"two"), (1, b"one"))
    }
    # The Python client reports parts in the order in which they were done.
    parts = [{"partNumber": number, "etag": etag} for number, etag in etags.items()]
    reply = anyone.post(f"{base}/complete", json={"parts": parts}, headers=headers)
    assert reply.status_code == 200
    assert anyone.get(begun["access_url"]).content == b"onetwo"


@pytest.mark.parametrize(
    "parts", [[], [{"partNumber": 1, "etag": "wrong"}], [{"partNumber": 2, "etag": "x"}], "x", [1]]
)
def test_a_multipart_upload_with_other_parts_than_were_sent_is_refused(
    client: httpx.Client, anyone: httpx.Client, parts: Any
) -> None:
    headers = upload_headers(client)
    begun = anyone.post(f"{CDN}/files/upload/multipart", headers=headers).json()
    base = f"{begun['access_url']}/multipart/{begun['uploadId']}"
    anyone.put(f"{base}/1", content=b"one", headers=headers)
    assert anyone.post(f"{base}/complete", json={"parts": parts}, headers=headers).status_code == 400
    assert anyone.get(begun["access_url"]).status_code == 404


@pytest.mark.parametrize("part", ["0", "x", "99999"])
def test_part_numbers_have_bounds(client: httpx.Client, anyone: httpx.Client, part: str) -> None:
    headers = upload_headers(client)
    begun = anyone.post(f"{CDN}/files/upload/multipart", headers=headers).json()
    url = f"{begun['access_url']}/multipart/{begun['uploadId']}/{part}"
    assert anyone.put(url, content=b"x", headers=headers).status_code == 400


def test_initiate_and_put_as_javascript_does_it(client: httpx.Client, anyone: httpx.Client) -> None:
    given = initiated(client)
    assert anyone.get(given["file_url"]).status_code == 404
    assert anyone.put(given["upload_url"], content=b"hello").status_code == 200
    assert anyone.get(given["file_url"]).content == b"hello"


def test_initiate_multipart_as_javascript_does_it(client: httpx.Client, anyone: httpx.Client) -> None:
    given = initiated(client, "initiate-multipart")
    path, _, query = given["upload_url"].partition("?")
    parts = [anyone.put(f"{path}/{number}?{query}", content=part).json() for number, part in ((1, b"one"), (2, b"two"))]
    assert anyone.post(f"{path}/complete?{query}", json={"parts": parts}).status_code == 200
    assert anyone.get(given["file_url"]).content == b"onetwo"


def test_an_upload_address_works_for_its_own_file_only(client: httpx.Client, anyone: httpx.Client) -> None:
    first, second = initiated(client), initiated(client)
    mixed = first["upload_url"].partition("?")[0] + "?" + second["upload_url"].partition("?")[2]
    assert anyone.put(mixed, content=b"x").status_code == 403
    assert anyone.put(first["upload_url"].partition("?")[0], content=b"x").status_code == 403


@pytest.mark.parametrize("body", [{}, {"file_name": "x"}, {"content_type": "x"}, {"file_name": 1, "content_type": "x"}])
def test_an_upload_without_name_or_type_is_a_422(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post(f"{REST}/storage/upload/initiate", json=body).status_code == 422


def test_generated_media_is_real_and_of_the_asked_size(client: httpx.Client, anyone: httpx.Client) -> None:
    asked = {"prompt": "a cat", "image_size": {"width": 320, "height": 200}, "output_format": "png"}
    (image,) = client.post(f"{RUN}/{SCHNELL}", json=asked).json()["images"]
    reply = anyone.get(image["url"])
    assert reply.headers["content-type"] == image["content_type"] == "image/png"
    picture = Image.open(io.BytesIO(reply.content))
    assert (picture.format, picture.size, (image["width"], image["height"])) == ("PNG", (320, 200), (320, 200))


def test_generated_files_are_found_at_every_media_host(client: httpx.Client, anyone: httpx.Client) -> None:
    url = client.post(f"{RUN}/{SCHNELL}", json={"prompt": "a cat"}).json()["images"][0]["url"]
    assert url.startswith("https://v3b.fal.media/files/b/")
    assert anyone.get(url.replace("v3b.fal.media", "fal.media")).content == anyone.get(url).content


LIFECYCLE = json.dumps({"expiration_duration_seconds": 1})


@pytest.mark.parametrize("way", ["single", "initiate", "generated"])
def test_what_was_given_a_short_life_answers_404_after_it(way: str) -> None:
    with (
        running(Settings(queue_seconds=0, model_seconds=0)) as sandbox,
        http_client(sandbox, headers={"authorization": f"Key {sandbox.key}"}) as client,
        http_client(sandbox) as anyone,
    ):
        now = sandbox.service.clock()
        sandbox.call(lambda service: setattr(service.files, "_clock", lambda: now))
        if way == "single":
            headers = upload_headers(client, **{"x-fal-object-lifecycle": LIFECYCLE})
            url = anyone.post(f"{CDN}/files/upload", content=b"hello", headers=headers).json()["access_url"]
        elif way == "initiate":
            given = initiated(client, **{"x-fal-object-lifecycle": LIFECYCLE})
            anyone.put(given["upload_url"], content=b"hello")
            url = given["file_url"]
        else:
            headers = {"x-fal-object-lifecycle-preference": LIFECYCLE}
            url = client.post(f"{RUN}/{SCHNELL}", json={"prompt": "x"}, headers=headers).json()["images"][0]["url"]
        assert anyone.get(url).status_code == 200
        sandbox.call(lambda service: setattr(service.files, "_clock", lambda: now + 1.0))
        assert anyone.get(url).status_code == 404


@pytest.mark.parametrize(("acl", "status"), [("allow", 200), ("hide", 404), ("forbid", 403)])
def test_who_may_see_a_file_follows_its_acl(client: httpx.Client, anyone: httpx.Client, acl: str, status: int) -> None:
    wish = json.dumps({"initial_acl": {"default": acl}})
    headers = upload_headers(client, **{"x-fal-object-lifecycle": wish})
    url = anyone.post(f"{CDN}/files/upload", content=b"hello", headers=headers).json()["access_url"]
    assert anyone.get(url).status_code == status
    assert client.get(url).status_code == 200


def test_uploads_have_a_limit() -> None:
    with (
        running(Settings(max_upload_bytes=1000)) as sandbox,
        http_client(sandbox, headers={"authorization": f"Key {sandbox.key}"}) as client,
    ):
        given = initiated(client)
        assert client.put(given["upload_url"], content=b"x" * 1001).status_code == 413
        assert client.put(given["upload_url"], content=(b"x" * 600 for _ in range(2))).status_code == 413
        assert client.get(given["file_url"]).status_code == 404
        assert list((sandbox.folder / "files").iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "1",
        '{"expiration_duration_seconds": -1}',
        '{"initial_acl": "x"}',
        '{"expiration_duration_seconds": true}',
    ],
)
def test_a_lifecycle_that_cannot_be_read_asks_for_nothing(text: str | None) -> None:
    assert Lifecycle.of(text) == Lifecycle()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a b.png", "a_b.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.gif", "y.gif"),
        ("", "file"),
        ("..", "file"),
        ("é☃", "file"),
    ],
)
def test_file_names_become_one_harmless_segment(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_other_hosts_of_fal_have_nothing_to_say(anyone: httpx.Client) -> None:
    reply = anyone.get("https://auth.fal.ai/login")
    assert (reply.status_code, reply.json()) == (404, {"detail": "The sandbox has no service at auth.fal.ai"})


def test_a_sandbox_in_use_reports_what_was_fetched(
    client: httpx.Client, anyone: httpx.Client, fal_sandbox: Sandbox
) -> None:
    urls = [
        image["url"]
        for image in client.post(f"{RUN}/{SCHNELL}", json={"prompt": "x", "num_images": 2}).json()["images"]
    ]
    anyone.get(urls[0])
    media = {entry["url"]: entry for entry in fal_sandbox.report()["media"]}
    assert [media[url]["fetched"] for url in urls] == [True, False]
    assert media[urls[0]]["bytes"] > 0
