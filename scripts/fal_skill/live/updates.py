"""From what the service says to files: the user's overlay, or a snapshot, and the prices beside it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..prices.table import refreshed_file
from ..registry import overlay
from ..registry.overlay import LiveModel
from ..registry.sources import merge
from ..registry.sources.listing import checked_date
from ..registry.sources.openapi import described

LIVE_ORIGIN = "fal's platform API: list, OpenAPI documents"
DOCUMENT_ORIGIN = "OpenAPI documents of single endpoints"
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024


def models_from_documents(values: list[str]) -> tuple[list[LiveModel], str]:
    """Return what OpenAPI documents on disk say, and their date.

    Args:
        values: ``FILE`` or ``FILE@YYYY-MM-DD``. A file holds one document, a list of them, or a page of
            ``/v1/models?expand=openapi-3.0``.

    Raises:
        UsageError: a file cannot be read, or holds nothing that describes an endpoint.
    """
    found: dict[str, LiveModel] = {}
    dates = []
    for value in values:
        name, mark, date = value.rpartition("@")
        path = Path(name if mark and len(date) == 10 else value)
        dates.append(checked_date(date, name) if mark and len(date) == 10 else _file_date(path))
        models = _models_in(path)
        if not models:
            raise UsageError(f"{path} describes no endpoint", hint="expected an OpenAPI document, or a page of models")
        found.update((model.slug, model) for model in models)
    return [found[slug] for slug in sorted(found)], max(dates)


def _models_in(path: Path) -> list[LiveModel]:
    from .platform import listed_model
    from .refresh import live_model

    document = _json(path)
    if isinstance(document, dict) and isinstance(document.get("models"), list):
        rows = [listed_model(row) for row in document["models"] if isinstance(row, dict)]
        return [live_model(row)[0] for row in rows if row.slug]
    documents = document if isinstance(document, list) else [document]
    models = []
    for one in documents:
        try:
            said = described(one)
        except UsageError as error:
            raise UsageError(f"{path}: {error.message}", hint=error.hint) from None
        models.append(LiveModel(said.slug, said, said.category, None))
    return models


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise UsageError(f"{path} is larger than {MAX_DOCUMENT_BYTES >> 20} MB")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid JSON: {error}") from None


def _file_date(path: Path) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(path.stat().st_mtime))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


def overlay_with(models: list[LiveModel], as_of: str, *, complete: bool) -> str:
    """Return the text of an overlay that says what the service says, on top of the snapshot that ships.

    A complete one replaces the present overlay; single documents are added to it. Either way what the present one
    knows of a model is kept where the service says less.
    """
    base = overlay.base_sources()
    present = overlay.sound_overlay()
    name, origin = ("platform-api", LIVE_ORIGIN) if complete else ("openapi", DOCUMENT_ORIGIN)
    source = overlay.live_source(models, as_of, name, origin)
    older = list(base)
    if present is not None:
        older = [*merge.snapshot_sources(Path(present.path), {source.id}), *base]
    made = overlay.records(models, source, older, complete=complete)
    named = [source, *base]
    if not complete and present is not None:
        fresh = {record["slug"] for record in made}
        kept = [record for record in overlay.own_records(present) if record["slug"] not in fresh]
        made = sorted([*made, *kept], key=lambda record: str(record["slug"]))
        named = [source, *overlay.header_sources(present.header), *base]
        complete = bool(present.header.get("complete", False))
    return overlay.overlay_text(made, named, complete=complete)


def snapshot_with(models: list[LiveModel], as_of: str, present: Path | None, *, complete: bool) -> str:
    """Return the text of a snapshot file that says what the service says, and all that the present file knows.

    Args:
        models: the whole catalogue.
        as_of: ISO date of the service's word.
        present: the file to start from; None = from scratch.
        complete: whether the models are the whole catalogue.

    Raises:
        UsageError: they are not: single documents cannot make a snapshot.
    """
    if not complete:
        raise UsageError(
            "single OpenAPI documents do not make a snapshot", hint="leave --output out: they go into your overlay"
        )
    source = overlay.live_source(models, as_of, "platform-api", LIVE_ORIGIN)
    older = merge.snapshot_sources(present, {source.id}) if present is not None else []
    made = overlay.records(models, source, older, complete=True)
    return merge.text_of(made, [source, *(each for each in older if each.id != source.id)])


def prices_file() -> Path:
    """Return the place of the base prices that a refresh has brought."""
    return Path(refreshed_file())


def stored_prices() -> dict[str, dict[str, Any]]:
    """Return the base prices of the last refresh, by slug; empty where there are none."""
    try:
        document = json.loads(prices_file().read_bytes())
        return {row["endpoint_id"]: row for row in document["prices"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def store_prices(prices: dict[str, dict[str, Any]], as_of: str) -> None:
    """Write the base prices, in the API's own shape."""
    rows = [prices[slug] for slug in sorted(prices)]
    merge.write(prices_file(), json.dumps({"as_of": as_of, "prices": rows}, indent=0) + "\n")
