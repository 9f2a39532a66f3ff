"""What stays beside the files of a job: which call made them, what it cost, and their checksums."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import write
from .jobs import Job, iso
from .redaction import redacted_value

if TYPE_CHECKING:
    from ..prices import Estimate
    from .downloads import Saved

FORMAT = 1
NAME = "manifest.json"
MAX_TEXT = 2_000
"""Longer texts in the manifest are cut: embedded files, and results of thousands of words."""


def cost_of(job: Job, estimate: Estimate | None, unit_price: float | None, price_source: str | None) -> dict[str, Any]:
    """Return what the job cost: estimated, and billed as far as that is known. USD.

    ``billed`` is the account's billing event where it could be read; else the billed units that the reply's header
    named, times the base price; else null.
    """
    billed, source = job.billed, "fal's billing events" if job.billed is not None else None
    if billed is None and job.units is not None and unit_price is not None:
        billed, source = round(job.units * unit_price, 9), f"x-fal-billable-units × unit price ({price_source})"
    return {
        "estimated": {"low": job.estimate_low, "high": job.estimate_high},
        "estimate": estimate.summary if estimate is not None else None,
        "billable_units": job.units,
        "billed": billed,
        "billed_source": source,
        "currency": "USD",
    }


def manifest(job: Job, arguments: dict[str, Any] | None, result: Any, files: list[Saved], cost: dict[str, Any]) -> Any:
    """Return the manifest's content. Paths of files are relative to it."""
    folder = Path(job.folder or ".")
    given = {"arguments_sha256": job.call} if job.private or arguments is None else {"arguments": arguments}
    return {
        "format": FORMAT,
        "slug": job.slug,
        "request_id": job.request_id,
        **redacted_value(shortened(given)),
        "seed": seed_of(result, None if job.private else arguments),
        "submitted_at": iso(job.sent_at or job.created_at),
        "files": [
            {
                "file": _relative(file.file, folder), "bytes": file.bytes, "sha256": file.sha256,
                "content_type": file.content_type, "path": file.path, "url": file.url,
            }
            for file in files
        ],
        "cost": cost,
    }  # fmt: skip


def seed_of(result: Any, arguments: dict[str, Any] | None) -> int | None:
    """Return the seed that the model used, by its result, or else the one that it was given."""
    for holder in (result, arguments):
        seed = holder.get("seed") if isinstance(holder, dict) else None
        if isinstance(seed, int) and not isinstance(seed, bool):
            return seed
    return None


def _relative(file: str, folder: Path) -> str:
    try:
        return Path(file).relative_to(folder).as_posix()
    except ValueError:
        return file


def shortened(value: Any, depth: int = 0) -> Any:
    """Return a JSON value with long texts cut and embedded files named by their size."""
    if isinstance(value, str):
        if len(value) <= MAX_TEXT:
            return value
        if value[:5].lower() == "data:":
            return f"{value[:60].partition(',')[0]},… ({len(value)} characters)"
        return f"{value[:MAX_TEXT]}… ({len(value)} characters)"
    if depth > 40:
        return "…"
    if isinstance(value, dict):
        return {key: shortened(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [shortened(item, depth + 1) for item in value]
    return value


def written(content: dict[str, Any], folder: Path, *, overwrite: bool) -> Path:
    """Write the manifest and return its place: another job's is never replaced, unless asked."""
    file = folder / NAME
    if not overwrite and file.exists() and _request_id(file) != content["request_id"]:
        file = folder / f"manifest-{str(content['request_id'])[:8]}.json"
    write(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    os.chmod(file, 0o644)  # noqa: PTH101
    return file


def _request_id(file: Path) -> Any:
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return document.get("request_id") if isinstance(document, dict) else None
