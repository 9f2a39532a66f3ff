"""What a downloaded file is, by its first bytes, and a name for it that is safe on any system."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

HEAD_BYTES = 1024
MAX_NAME = 100
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}")

_SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF8", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"WAVE", 8, "audio/wav"),
    (b"AVI ", 8, "video/x-msvideo"),
    (b"ftypavif", 4, "image/avif"),
    (b"ftypM4A", 4, "audio/mp4"),
    (b"ftypqt", 4, "video/quicktime"),
    (b"ftyp", 4, "video/mp4"),
    (b"\x1aE\xdf\xa3", 0, "video/webm"),
    (b"OggS", 0, "audio/ogg"),
    (b"fLaC", 0, "audio/flac"),
    (b"ID3", 0, "audio/mpeg"),
    (b"\xff\xfb", 0, "audio/mpeg"),
    (b"\xff\xf3", 0, "audio/mpeg"),
    (b"\xff\xf2", 0, "audio/mpeg"),
    (b"\xff\xf1", 0, "audio/aac"),
    (b"glTF", 0, "model/gltf-binary"),
    (b"ply\n", 0, "model/ply"),
    (b"PK\x03\x04", 0, "application/zip"),
    (b"%PDF", 0, "application/pdf"),
    (b"\x1f\x8b", 0, "application/gzip"),
)
_EXTENSIONS = {
    "image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "image/avif": ".avif",
    "image/svg+xml": ".svg", "audio/wav": ".wav", "audio/mp4": ".m4a", "audio/ogg": ".ogg", "audio/flac": ".flac",
    "audio/mpeg": ".mp3", "audio/aac": ".aac", "video/mp4": ".mp4", "video/webm": ".webm", "video/quicktime": ".mov",
    "video/x-msvideo": ".avi", "model/gltf-binary": ".glb", "model/ply": ".ply", "application/zip": ".zip",
    "application/pdf": ".pdf", "application/gzip": ".gz", "text/html": ".html", "application/json": ".json",
}  # fmt: skip
_SAME = (
    {".jpg", ".jpeg", ".jpe"}, {".mp4", ".m4v", ".m4a", ".mov"}, {".ogg", ".oga", ".ogv", ".opus"}, {".gz", ".tgz"},
    {".webm", ".mkv"}, {".mp3", ".mpga"}, {".zip", ".usdz", ".3mf", ".npz"},
)  # fmt: skip
"""Extensions that one signature may carry."""


def sniffed(head: bytes) -> str | None:
    """Return the media type that the first bytes show, or None where they show none."""
    for mark, offset, kind in _SIGNATURES:
        if head[offset : offset + len(mark)] == mark:
            if kind in ("image/webp", "audio/wav", "video/x-msvideo") and head[:4] != b"RIFF":
                continue
            return kind
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "text/html"
    if b"<svg" in text and text.startswith((b"<?xml", b"<svg", b"<!--")):
        return "image/svg+xml"
    if text.startswith(b"<?xml"):
        return "application/xml"
    if text.startswith((b'{"', b"{\n", b'[{"')):
        return "application/json"
    return None


def family(kind: str | None) -> str:
    """Return ``image``, ``video``, ``audio``, ``3d``, ``archive``, ``text`` or ``""`` of a media type."""
    if not kind:
        return ""
    plain = kind.partition(";")[0].strip().lower()
    if plain in ("application/json", "application/xml"):
        return "text"
    if plain in ("application/zip", "application/gzip"):
        return "archive"
    head = plain.partition("/")[0]
    return {"model": "3d"}.get(head, head) if head in ("image", "video", "audio", "text", "model") else ""


def safe_name(name: str, fallback: str = "file") -> str:
    """Return a file name that is one harmless segment on Linux, macOS and Windows; never empty, never hidden."""
    text = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    text = _FORBIDDEN.sub("_", "".join(char for char in text if char.isprintable()))
    text = text.strip(" .") or fallback
    if _RESERVED.match(text):
        text = f"_{text}"
    suffix = PurePosixPath(text).suffix
    suffix = suffix if _EXTENSION.fullmatch(suffix) else ""
    stem = text[: len(text) - len(suffix)] if suffix else text
    while len((stem + suffix).encode("utf-8", "replace")) > MAX_NAME and stem:
        stem = stem[:-1]
    return (stem.rstrip(" .") or fallback) + suffix


def name_for(url: str, given: str | None, content_type: str | None, actual: str | None, fallback: str) -> str:
    """Return the file's name: the one that the model gave it, else its address's, with the extension that fits.

    Args:
        url: the address.
        given: ``file_name`` in the result, or None.
        content_type: what the server or the result says that it is.
        actual: what its first bytes say that it is.
        fallback: the stem to use when there is no name.
    """
    address = "" if url[:5].lower() == "data:" else unquote(urlsplit(url).path)
    name = safe_name(given or address.rsplit("/", 1)[-1] or fallback, fallback)
    suffix = PurePosixPath(name).suffix.lower()
    wanted = _EXTENSIONS.get(actual or "") or _extension(content_type)
    if not wanted or suffix == wanted or any(suffix in group and wanted in group for group in _SAME):
        return name
    if actual is None and suffix:
        return name  # the bytes settle nothing, so the name that was given stands
    stem = name[: len(name) - len(suffix)] if suffix and _EXTENSION.fullmatch(suffix) else name
    return safe_name(stem + wanted, fallback)


def _extension(content_type: str | None) -> str:
    plain = (content_type or "").partition(";")[0].strip().lower()
    if plain in ("", "application/octet-stream", "binary/octet-stream"):
        return ""
    return _EXTENSIONS.get(plain) or mimetypes.guess_extension(plain) or ""
