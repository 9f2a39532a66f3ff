"""``*.fal.media``: taking uploads in every way the SDKs send them, and serving uploaded and generated files.

Source: fal_client 1.0.3 (``_upload_v3``, ``MultipartUpload``), @fal-ai/client 1.10.1 (``storage.js``).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.responses import FileResponse, Response

from .asking import Ask, RefusedError
from .auth import OTHER, OURS
from .files import Lifecycle, StoredFile
from .hosts import UPLOAD_HOST
from .journal import SDK
from .replies import Json, detail
from .rest import upload_path

if TYPE_CHECKING:
    from .service import Service

MAX_PARTS = 10_000
MAX_OPEN_UPLOADS = 1000
CACHE_SECONDS = 5_184_000
"""Cache time that fal's content network was seen to state (60 days)."""


@dataclass(slots=True)
class Part:
    """One received part of a multipart upload."""

    file: Path
    size: int
    etag: str


@dataclass(slots=True)
class Multipart:
    """A multipart upload that is not complete."""

    stored: StoredFile
    parts: dict[int, Part] = field(default_factory=dict)


class Storage:
    """The content network and its upload service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._open: dict[str, Multipart] = {}

    async def answer(self, ask: Ask) -> Response:
        """Return the answer to a request at one of the media hosts."""
        if ask.method in ("GET", "HEAD"):
            return await self._serve(ask)
        ask.exchange.place = "upload"
        segments = ask.path.split("/")
        if segments[0] == "upload":
            return await self._signed(ask, segments)
        if ask.path == "files/upload":
            return await self._single(ask)
        if ask.path == "files/upload/multipart":
            return self._begin(ask)
        head, found, tail = ask.path.partition("/multipart/")
        if found:
            self._authorize(ask)
            upload_id, _, what = tail.partition("/")
            return await self._part_or_end(ask, upload_id, what, f"/{head}")
        return detail(405, "Method Not Allowed", headers={"allow": "GET, HEAD"})

    async def _serve(self, ask: Ask) -> Response:
        ask.exchange.place = "file"
        service = self._service
        stored = service.files.get(f"/{ask.path}")
        if ask.standing != "absent" and (stored is None or stored.lifecycle.acl == "allow"):
            self._leak(ask)
        if stored is None or stored.content is None:
            return detail(404, "File not found")
        if stored.origin != "upload" and service.faults.strike("expired-media"):
            return detail(404, "File not found")
        if stored.lifecycle.acl != "allow" and ask.standing != OURS:
            return detail(403, "Forbidden") if stored.lifecycle.acl == "forbid" else detail(404, "File not found")
        file = await anyio.to_thread.run_sync(service.files.on_disk, stored)
        if ask.method == "GET":
            stored.fetched += 1
        ask.exchange.job_id = stored.job_id
        headers = {
            "content-type": stored.content_type,
            "cache-control": f"public, max-age={CACHE_SECONDS}",
            "access-control-allow-origin": "*",
        }
        return FileResponse(file, headers=headers)

    async def _single(self, ask: Ask) -> Response:
        ask.allow("POST")
        self._authorize(ask)
        content_type = ask.headers.get("content-type", "application/octet-stream")
        name = ask.headers.get("x-fal-file-name", "upload.bin")
        file, size = await self._received(ask)
        stored = self._announce(ask, name, content_type)
        self._service.files.received(stored, file, size)
        return Json({"access_url": stored.url})

    def _begin(self, ask: Ask) -> Response:
        ask.allow("POST")
        self._authorize(ask)
        if len(self._open) >= MAX_OPEN_UPLOADS:
            return detail(429, "Too many unfinished uploads")
        content_type = ask.headers.get("content-type", "application/octet-stream")
        stored = self._announce(ask, ask.headers.get("x-fal-file-name", "upload.bin"), content_type)
        upload_id = hashlib.sha256(stored.path.encode()).hexdigest()[:32]
        self._open[upload_id] = Multipart(stored)
        return Json({"access_url": stored.url, "uploadId": upload_id})

    async def _signed(self, ask: Ask, segments: list[str]) -> Response:
        """Uploads to an address that carries its own right, as JavaScript's storage client makes them."""
        service = self._service
        kind, rest = (segments[1] if len(segments) > 1 else ""), segments[2:]
        token = service.gate.token(ask.query.get("signature", ""))
        path = token.apps[0] if token is not None and token.apps else ""
        what = "/" + "/".join(rest)
        stored = service.files.get(path) if path else None
        if stored is None or not (what == path or what.startswith(path + "/")):
            return detail(403, "The signature does not fit this address")
        if ask.standing != "absent" and ask.agent != SDK:
            # fal_client itself sends the key along when it uploads by the old way; that is not the program's doing.
            self._leak(ask)
        if kind == "put":
            ask.allow("PUT")
            file, size = await self._received(ask)
            service.files.received(stored, file, size)
            return Response(status_code=200, headers={"etag": f'"{size:x}"'})
        upload_id = hashlib.sha256(path.encode()).hexdigest()[:32]
        self._open.setdefault(upload_id, Multipart(stored))
        return await self._part_or_end(ask, upload_id, what.removeprefix(path).strip("/"), path)

    async def _part_or_end(self, ask: Ask, upload_id: str, what: str, path: str) -> Response:
        upload = self._open.get(upload_id)
        if upload is None or upload.stored.path != path:
            return detail(404, "Upload not found")
        if what == "complete":
            ask.allow("POST")
            return await self._complete(ask, upload_id, upload)
        if not what.isdigit() or not 0 < int(what[:9]) <= MAX_PARTS:
            return detail(400, f"Part numbers go from 1 to {MAX_PARTS}")
        ask.allow("PUT")
        file, size = await self._received(ask)
        digest = await anyio.to_thread.run_sync(_digest, file)
        old = upload.parts.get(int(what))
        if old is not None:
            old.file.unlink(missing_ok=True)
        upload.parts[int(what)] = Part(file, size, f'"{digest}"')
        return Json({"partNumber": int(what), "etag": f'"{digest}"'}, headers={"etag": f'"{digest}"'})

    async def _complete(self, ask: Ask, upload_id: str, upload: Multipart) -> Response:
        try:
            body: Any = json.loads(await ask.body(self._service.settings.max_json_bytes) or b"{}")
            wanted = sorted((int(part["partNumber"]), str(part["etag"])) for part in body["parts"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return detail(400, 'Expected {"parts": [{"partNumber", "etag"}]}')
        known = sorted((number, part.etag) for number, part in upload.parts.items())
        if wanted != known or not known:
            return detail(400, "The parts named are not the parts received")
        whole = self._service.files.new_file()
        files = [upload.parts[number].file for number, _ in known]
        size = await anyio.to_thread.run_sync(_joined, files, whole)
        del self._open[upload_id]
        self._service.files.received(upload.stored, whole, size)
        return Json({"access_url": upload.stored.url})

    def _announce(self, ask: Ask, name: str, content_type: str) -> StoredFile:
        lifecycle = Lifecycle.of(ask.headers.get("x-fal-object-lifecycle"))
        return self._service.files.put(
            UPLOAD_HOST, upload_path(name), None, content_type[:200], origin="upload", lifecycle=lifecycle
        )

    async def _received(self, ask: Ask) -> tuple[Path, int]:
        files = self._service.files
        file = files.new_file()
        size = await ask.save(file, self._service.settings.max_upload_bytes)
        if not files.room_for(size):
            file.unlink(missing_ok=True)
            raise RefusedError(detail(507, "The sandbox has no room for more uploads"))
        return file, size

    def _authorize(self, ask: Ask) -> None:
        scheme, _, text = (ask.authorization or "").partition(" ")
        if scheme.lower() == "bearer" and self._service.gate.token(text.strip()) is not None:
            return
        if ask.standing != OTHER:
            self._leak(ask)
        raise RefusedError(detail(401, "Invalid or missing upload token"))

    def _leak(self, ask: Ask) -> None:
        if self._service.gate.holds_key(ask.authorization or ""):
            self._service.judge.key_leak(ask.exchange.host, f"{ask.method} of a file")


def _digest(file: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with file.open("rb") as source:
        while data := source.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def _joined(files: list[Path], whole: Path) -> int:
    size = 0
    with whole.open("wb") as out:
        for file in files:
            with file.open("rb") as source:
                while data := source.read(1 << 20):
                    size += out.write(data)
            file.unlink(missing_ok=True)
    return size
