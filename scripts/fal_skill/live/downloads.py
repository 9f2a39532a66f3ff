"""Taking a result's files home: to a temporary file first, resumed where it broke off, checked, then named."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import ipaddress
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

import httpx
import stamina

from .filetypes import HEAD_BYTES, family, name_for, sniffed
from .replies import Trouble, trouble, trouble_of_exception, trouble_of_reply

if TYPE_CHECKING:
    from ..registry import Model

TIMEOUT = httpx.Timeout(60.0, connect=15.0)
ATTEMPTS = 6
PATIENCE_SECONDS = 180.0
MAX_FILES = 500
_RANGE = re.compile(r"bytes (\d+)-\d*/(\d+|\*)")
_OUTPUT_HOST = re.compile(r"(^|\.)fal\.media$")
_URL_FIELD = re.compile(r"(^|_)urls?$")


class DownloadError(Exception):
    """A file could not be taken home; ``trouble`` says why."""

    def __init__(
        self, said: Trouble, *, again: bool = False, pause: float | None = None, lasting: bool = False
    ) -> None:
        super().__init__(said.message)
        self.trouble = said
        self.again = again
        self.pause = pause
        self.lasting = lasting
        """Whether no later attempt can succeed."""


class Reference(NamedTuple):
    """A file that a result names."""

    path: str
    """Where in the result: ``images[0].url``."""
    url: str
    name: str | None
    content_type: str | None
    size: int | None
    """Bytes, where the result says so."""


class Saved(NamedTuple):
    """A file at home."""

    path: str
    """Where in the result it was named."""
    file: str
    """Where it is."""
    url: str
    """Its address; of an embedded file only the beginning."""
    bytes: int
    sha256: str
    content_type: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the file as JSON values."""
        return self._asdict()


def references(result: Any, model: Model | None, arguments: Any = None) -> list[Reference]:
    """Return the files that a result names: file objects, the model's file outputs, addresses on fal's media hosts.

    Addresses that the call itself named are left out: they are echoes of the input.
    """
    known = {file.path for file in model.file_outputs} if model is not None else set()
    sent = set(_texts(arguments))
    found: dict[str, Reference] = {}
    for path, holder, value in _strings(result, "", None):
        if value in sent or value in found or len(found) >= MAX_FILES or not _is_address(value):
            continue
        general = re.sub(r"\[\d+\]", "[]", path)
        name = path.rpartition(".")[2].partition("[")[0]
        is_file = holder is not None and name == "url"
        named = _URL_FIELD.search(name) and (
            value[:5].lower() == "data:" or _OUTPUT_HOST.search(urlsplit(value).hostname or "")
        )
        if is_file or general in known or named:
            about = holder if is_file and holder is not None else {}
            size = about.get("file_size")
            found[value] = Reference(
                path,
                value,
                _text(about.get("file_name")),
                _text(about.get("content_type")),
                size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None,
            )
    return list(found.values())


def _is_address(value: str) -> bool:
    try:
        return bool(re.match(r"(?i)https?://|data:[^,]*,", value)) and urlsplit(value[:4096]) is not None
    except ValueError:
        return False


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _strings(
    value: Any, path: str, holder: dict[str, Any] | None, depth: int = 0
) -> Iterator[tuple[str, dict[str, Any] | None, str]]:
    if isinstance(value, str):
        yield path, holder, value
    elif depth > 30:
        return
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, f"{path}.{key}" if path else str(key), value, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{path}[{index}]", None, depth + 1)


def _texts(value: Any) -> Iterator[str]:
    for _, _, text in _strings(value, "", None):
        yield text


def refuse_strange_hosts(request: httpx.Request) -> None:
    """Refuse an address that is not public and secure: a result must not lead into this machine's own network."""
    host = request.url.host.lower().rstrip(".")
    try:
        local = not ipaddress.ip_address(host).is_global
    except ValueError:
        local = host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".lan")) or "." not in host
    if request.url.scheme != "https" or local:
        said = trouble("download", f"the address is not a public https one: {request.url.host}")
        raise DownloadError(said, lasting=True)


def new_client() -> httpx.Client:
    """Return a client for downloads. It carries no credential: media hosts must not see the key."""
    return httpx.Client(
        timeout=TIMEOUT,
        follow_redirects=True,
        max_redirects=5,
        headers={"accept-encoding": "identity"},
        event_hooks={"request": [refuse_strange_hosts]},
    )


class Downloads:
    """Downloads into folders, by one client."""

    def __init__(
        self, *, client: httpx.Client | None = None, overwrite: bool = False, ended: Callable[[], bool] = bool
    ):
        """Use this client. ``overwrite`` replaces files of the same name; ``ended`` tells when to give up."""
        self._client = client
        self._overwrite = overwrite
        self._ended = ended

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def save(self, reference: Reference, folder: Path, fallback: str = "file") -> Saved:
        """Take one file home and return where it is.

        Raises:
            DownloadError: it is gone, it is not what it should be, or it could not be had.
            OSError: it cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{hashlib.sha256(reference.url.encode(errors='replace')).hexdigest()[:20]}.part"
        if reference.url[:5].lower() == "data:":
            content_type = _decode(reference.url, part)
        else:
            content_type = self._fetch_patiently(reference, part)
        size = part.stat().st_size
        with part.open("rb") as file:
            actual = sniffed(file.read(HEAD_BYTES))
        self._check(reference, part, size, actual, content_type)
        digest = _sha256(part)
        name = name_for(reference.url, reference.name, reference.content_type or content_type, actual, fallback)
        target = self._named(part, folder / name, digest)
        kind = actual or reference.content_type or content_type
        address = reference.url if reference.url[:5].lower() != "data:" else reference.url[:60].partition(",")[0] + ",…"
        return Saved(reference.path, str(target), address, size, digest, kind)

    def _check(self, reference: Reference, part: Path, size: int, actual: str | None, content_type: str | None) -> None:
        expected = family(reference.content_type) or family(content_type)
        problem = ""
        if size == 0:
            problem = "it is empty"
        elif reference.size is not None and reference.size != size:
            problem = f"it has {size} bytes, the result says {reference.size}"
        elif (family(actual) == "text" and actual != "image/svg+xml" and expected not in ("", "text")) or (
            expected in ("image", "video", "audio") and family(actual) in {"image", "archive", "3d"} - {expected}
        ):
            problem = f"it is {actual}, expected {expected}"
        if problem:
            _forget(part)
            raise DownloadError(trouble("download", f"{reference.path}: {problem}"), lasting=True)

    def _fetch_patiently(self, reference: Reference, part: Path) -> str | None:
        def wait(error: Exception) -> bool | float:
            if self._ended():
                return False
            if isinstance(error, DownloadError):
                return (True if error.pause is None else error.pause) if error.again else False
            return isinstance(error, httpx.TransportError)

        try:
            for attempt in stamina.retry_context(
                on=wait, attempts=ATTEMPTS, timeout=PATIENCE_SECONDS, wait_initial=0.3, wait_max=15.0
            ):
                with attempt:
                    return self._fetch(reference, part)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = trouble_of_exception(error)
            raise DownloadError(trouble("download", f"{reference.path}: {said.failure.meaning}: {said.said}")) from None
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _fetch(self, reference: Reference, part: Path) -> str | None:
        """Fetch what is missing of the file; return its content type as the server states it."""
        mark = part.with_suffix(".etag")
        have = part.stat().st_size if part.exists() and mark.exists() else 0
        headers = {}
        if have:
            headers = {"range": f"bytes={have}-", "if-range": mark.read_text("latin-1")}
        if self._client is None:
            self._client = new_client()
        with self._client.stream("GET", reference.url, headers=headers) as response:
            if response.status_code == 416 and have:
                _forget(part)
                raise DownloadError(trouble("download", f"{reference.path}: its size has changed"), again=True)
            if not response.is_success:
                self._refused(reference, response)
            start, total = _extent(response, have)
            etag = response.headers.get("etag", "")
            if etag and not etag.startswith("W/"):
                mark.write_text(etag, "latin-1")
            else:
                mark.unlink(missing_ok=True)
            if total is not None and shutil.disk_usage(part.parent).free < total - start:
                raise OSError(28, f"No space left for {total} bytes")
            with part.open("r+b" if start else "wb") as file:
                file.truncate(start)
                file.seek(start)
                for chunk in response.iter_bytes() if _coded(response) else response.iter_raw():
                    file.write(chunk)
                    if self._ended():
                        raise DownloadError(trouble("download", "interrupted"))
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            if total is not None and size != total:
                if size > total:
                    _forget(part)
                raise DownloadError(trouble("download", f"{reference.path}: {size} of {total} bytes came"), again=True)
            content_type = response.headers.get("content-type")
            return content_type if isinstance(content_type, str) else None

    def _refused(self, reference: Reference, response: httpx.Response) -> None:
        response.read()
        said = trouble_of_reply(response.status_code, dict(response.headers), response.content)
        if response.status_code in (404, 410):
            raise DownloadError(trouble("expired", f"{reference.path}: HTTP {response.status_code}"), lasting=True)
        again = response.status_code in (408, 425, 429) or response.status_code >= 500
        told = trouble("download", f"{reference.path}: HTTP {response.status_code} {said.said}")
        raise DownloadError(told, again=again, pause=said.retry_after)

    def _named(self, part: Path, wanted: Path, digest: str) -> Path:
        """Give the finished file its name; one that is taken by other content is never touched, unless asked."""
        if self._overwrite:
            part.replace(wanted)
            part.with_suffix(".etag").unlink(missing_ok=True)
            return wanted
        for number in range(1, 10_000):
            target = wanted if number == 1 else wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
            if _moved(part, target):
                part.with_suffix(".etag").unlink(missing_ok=True)
                return target
            if target.is_file() and target.stat().st_size == part.stat().st_size and _sha256(target) == digest:
                _forget(part)
                return target
        raise OSError(17, f"no free name for {wanted}")


def _extent(response: httpx.Response, have: int) -> tuple[int, int | None]:
    """Return (first byte of this reply, size of the whole file or None)."""
    if response.status_code == 206 and have:
        match = _RANGE.match(response.headers.get("content-range", ""))
        if match is None or int(match[1]) != have:
            raise DownloadError(trouble("download", "the server sent another part than asked for"), again=False)
        return have, int(match[2]) if match[2] != "*" else None
    length = response.headers.get("content-length", "")
    return 0, int(length) if length.isdigit() and not _coded(response) else None


def _coded(response: httpx.Response) -> bool:
    return str(response.headers.get("content-encoding", "identity")).lower() not in ("", "identity")


def _moved(part: Path, target: Path) -> bool:
    """Move the file to a name that nobody has; False when somebody has it."""
    try:
        os.link(part, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links: reserve the name, then replace the reservation
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        part.replace(target)
        return True
    part.unlink()
    return True


def _decode(url: str, part: Path) -> str | None:
    """Write the content of a data: URI; return its content type."""
    head, _, body = url[5:].partition(",")
    try:
        raw = unquote_to_bytes(body)
        data = base64.b64decode(raw + b"=" * (-len(raw) % 4)) if head.lower().endswith(";base64") else raw
    except (ValueError, binascii.Error):
        raise DownloadError(trouble("download", "an embedded file is not valid base64"), lasting=True) from None
    part.write_bytes(data)
    return head.partition(";")[0] or None


def _forget(part: Path) -> None:
    with contextlib.suppress(OSError):
        part.unlink(missing_ok=True)
        part.with_suffix(".etag").unlink(missing_ok=True)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while data := source.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
