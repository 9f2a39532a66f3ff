"""Collecting the whole catalogue from the platform API: politely, in parts that survive an interruption."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import CredentialsError, UsageError
from ..folders import cache_folder
from ..registry.overlay import LiveModel
from ..registry.sources.openapi import Described, described
from .platform import MAX_IDS, Listed, Platform

CONNECTIONS = 4
"""Calls under way at a time."""
LIST_LIMIT = 250
"""Ids asked for in one page of the bare list; the API gives fewer where it likes."""
RESUMED_SECONDS = 3600.0
"""Parts older than this are not used again: the catalogue moves."""

Tell = Callable[[str], None]


class Collected(NamedTuple):
    """The catalogue as the service told it."""

    as_of: str
    """ISO date, by the server's clock."""
    models: list[LiveModel]
    problems: dict[str, str]
    """Models whose document could not be had or read, and why."""
    prices: dict[str, dict[str, Any]]
    """Base prices in the API's own shape, by slug; empty without a key."""
    resumed: int
    """Parts that an earlier, interrupted run had left."""


def state_folder() -> Path:
    """Return the folder in which a refresh keeps its parts."""
    return Path(cache_folder(), "refresh")


def collected(
    new_platform: Callable[[], Platform], *, prices: bool, fresh: bool, tell: Tell, folder: Path | None = None
) -> Collected:
    """Return the whole catalogue, with types and, where a key is at hand, prices.

    Args:
        new_platform: makes a client for each of the parallel calls.
        prices: whether to ask for prices too.
        fresh: whether to forget what an interrupted run has left.
        tell: hears how far it is.
        folder: where to keep the parts.

    Raises:
        HttpError: the service cannot be had; what is done so far stays and is used by the next run.
    """
    parts = _Parts(folder or state_folder(), fresh=fresh)
    with new_platform() as platform:
        listing = parts.read("list")
        if listing is None:
            tell("reading the list of models")
            slugs: dict[str, dict[str, Any]] = {}
            for page in platform.pages(limit=LIST_LIMIT):
                slugs.update((row.slug, row.metadata) for row in page if row.slug)
                tell(f"{len(slugs)} models listed")
            listing = parts.write("list", {"as_of": platform.as_of, "slugs": slugs})
        as_of, every = str(listing["as_of"]), sorted(listing["slugs"])
    jobs: list[tuple[str, Callable[[Platform], Any]]] = []
    for group in _groups(every):
        jobs.append((f"models-{_digest(group)}", lambda platform, group=group: _described_part(platform, group)))  # type: ignore[misc]
        if prices:
            jobs.append((f"prices-{_digest(group)}", lambda platform, group=group: _price_part(platform, group)))  # type: ignore[misc]
    resumed = sum(parts.has(name) for name, _ in jobs)
    if resumed:
        tell(f"{resumed} of {len(jobs)} parts are at hand from an interrupted run")
    _work(new_platform, parts, jobs, tell)
    models: list[LiveModel] = []
    problems: dict[str, str] = {}
    known_prices: dict[str, dict[str, Any]] = {}
    for name, _ in jobs:
        content = parts.read(name) or {}
        known_prices.update(content.get("prices", {}))
        problems.update(content.get("problems", {}))
        for slug, said in content.get("described", {}).items():
            models.append(_live_model(slug, said, listing["slugs"][slug]))
    # A price must not be lost because the list changed between two calls, nor a model because its part lacked it.
    missing = set(every) - {model.slug for model in models}
    models += [_live_model(slug, None, listing["slugs"][slug]) for slug in sorted(missing)]
    problems.update(dict.fromkeys(missing - problems.keys(), "listed, but not found by its id"))
    return Collected(as_of, sorted(models), problems, known_prices, resumed)


def live_model(listed: Listed) -> tuple[LiveModel, str | None]:
    """Return what the service says of one model, and why its types are not known where they are not."""
    said, problem = _read(listed)
    return _live_model(listed.slug, said._asdict() if said else None, listed.metadata), problem


def forget(folder: Path | None = None) -> None:
    """Delete the parts."""
    shutil.rmtree(folder or state_folder(), ignore_errors=True)


def _work(
    new_platform: Callable[[], Platform], parts: _Parts, jobs: list[tuple[str, Callable[[Platform], Any]]], tell: Tell
) -> None:
    todo = iter([(name, work) for name, work in jobs if not parts.has(name)])
    total, finished = len(jobs), sum(parts.has(name) for name, _ in jobs)
    with new_platform() as platform, ThreadPoolExecutor(CONNECTIONS) as pool:
        running: set[Future[None]] = set()

        def begin() -> None:
            following = next(todo, None)
            if following is not None:
                name, work = following
                running.add(pool.submit(lambda: parts.write(name, work(platform)) and None))

        for _ in range(CONNECTIONS):
            begin()
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
                finished += 1
                begin()
            if finished * 10 // total != (finished - len(done)) * 10 // total:
                tell(f"{finished} of {total} parts")


def _described_part(platform: Platform, group: list[str]) -> dict[str, Any]:
    found = platform.models(group, openapi=True)
    said: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for slug, listed in found.items():
        types, problem = _read(listed)
        said[slug] = types._asdict() if types else None
        if problem:
            problems[slug] = problem
    return {"described": said, "problems": problems}


def _price_part(platform: Platform, group: list[str]) -> dict[str, Any]:
    try:
        return {"prices": {price.slug: price.as_row() for price in platform.prices(group).known.values()}}
    except CredentialsError:
        return {"prices": {}}


def _read(listed: Listed) -> tuple[Described | None, str | None]:
    if listed.openapi is None:
        return None, listed.problem or "no document"
    try:
        return described(listed.openapi, listed.slug), None
    except (UsageError, RecursionError, TypeError, ValueError, KeyError) as error:
        return None, f"a document that cannot be read: {error}"


def _live_model(slug: str, said: dict[str, Any] | None, metadata: dict[str, Any]) -> LiveModel:
    category = metadata.get("category")
    return LiveModel(
        slug,
        Described(**said) if said else None,
        category if isinstance(category, str) else None,
        _day(metadata.get("date")),
        metadata.get("status") != "deprecated",
    )


def _day(text: Any) -> str | None:
    day = text[:10] if isinstance(text, str) else ""
    try:
        time.strptime(day, "%Y-%m-%d")
    except ValueError:
        return None
    return day


def _groups(slugs: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(slugs), MAX_IDS):
        yield slugs[start : start + MAX_IDS]


def _digest(group: list[str]) -> str:
    return hashlib.sha256("\n".join(group).encode()).hexdigest()[:20]


class _Parts:
    """The parts of a refresh on disk."""

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        self._folder = folder
        began = folder / "list.json"
        if fresh or not began.exists() or not 0 <= time.time() - began.stat().st_mtime < RESUMED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def has(self, name: str) -> bool:
        return (self._folder / f"{name}.json").exists()

    def read(self, name: str) -> Any:
        try:
            return json.loads((self._folder / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return None

    def write(self, name: str, content: Any) -> Any:
        file = self._folder / f"{name}.json"
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(content), encoding="utf-8")
        temporary.replace(file)
        return content
