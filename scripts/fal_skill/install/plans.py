"""From a request to steps: which folders are written for which clients, and which are better left alone.

One client must not find the skill twice: Codex lists both, opencode takes either, Claude Code hides one. So the clients
that share ``.agents/skills`` share one copy, a second folder gets a link to the first, and for a client that finds the
skill already nothing is done but to say where.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from . import copies
from .clients import CLIENTS, SCOPES, Surroundings, goes_to, reads
from .copies import ABSENT, CHECKOUT, COPY, LINK, OTHER, Changes, Held, LinksUnavailableError
from .shipped import FOLDERS, NAME, contents, shipped_files, version

INSTALLED, UPDATED, UNCHANGED, LINKED = "installed", "updated", "unchanged", "linked"
SKIPPED, REMOVED, MISSING, REFUSED = "skipped", "removed", "absent", "refused"


class Source(NamedTuple):
    """The skill as it is to be installed."""

    root: Path
    version: str | None
    wanted: dict[str, bytes | Path]
    """Path -> bytes, or the folder that a link leads to."""
    digests: dict[str, str]


class Request(NamedTuple):
    """What the command line asks for."""

    clients: tuple[str, ...]
    scope: str
    force: bool = False
    only_update: bool = False


class Step(NamedTuple):
    """What happens at one place."""

    path: Path
    clients: tuple[str, ...]
    outcome: str
    changes: Changes = Changes()
    link_to: Path | None = None
    before: str | None = None
    """The version that was there."""
    notes: tuple[str, ...] = ()


def source(root: Path, *, link: bool) -> Source:
    """Return the shipped files below the root; with ``link`` the folders become links, and only single files copies.

    SKILL.md stays a copy then too: Codex 0.169.0 overlooks one that is a link.
    """
    files = shipped_files(root)
    found = contents(root, files)
    wanted: dict[str, bytes | Path] = {path: data for path, data in found.items() if not link or "/" not in path}
    if link:
        wanted |= {folder: root / folder for folder in FOLDERS}
    return Source(root, version(found["SKILL.md"]), wanted, copies.digests(wanted))


def targets(clients: tuple[str, ...], scope: str, around: Surroundings) -> dict[Path, tuple[str, ...]]:
    """Return place -> clients that it serves; the place that serves most comes first."""
    found: dict[Path, list[str]] = {}
    for client in dict.fromkeys(clients):
        found.setdefault(goes_to(client, scope, around) / NAME, []).append(client)
    return {path: tuple(found[path]) for path in sorted(found, key=lambda path: -len(found[path]))}


def install_steps(asked: Request, made: Source, around: Surroundings) -> list[Step]:
    """Return what an installation or an update does, in order; a refused step means that none shall be done."""
    steps: dict[Path, Step] = {}
    for path, clients in targets(asked.clients, asked.scope, around).items():
        if path not in steps:
            for step in _install(path, clients, asked, made, around, steps):
                steps[step.path] = step
    return [step._replace(notes=step.notes + _doubled(step, around)) for step in steps.values()]


def _install(
    path: Path, clients: tuple[str, ...], asked: Request, made: Source, around: Surroundings, done: dict[Path, Step]
) -> list[Step]:
    now = copies.held(path)
    if now.kind == LINK and now.leads_to is not None and not now.leads_to.exists():
        now = Held(ABSENT)
    if now.kind == LINK:
        return _beyond_link(path, clients, now, asked, made, around, done)
    if now.kind != ABSENT:
        return [_write(path, clients, now, asked, made)]
    if asked.only_update:
        return [Step(path, clients, MISSING, notes=("not installed there: nothing to update",))]
    copy = _copy_of(asked.scope, path, around, done)
    refreshed = [] if copy is None or copy in done else [_write(copy, _served(copy, asked, around), None, asked, made)]
    seen = {client: _elsewhere(client, path, around) for client in clients}
    if all(seen.values()) and not asked.force and copy not in done:
        notes = (*(_seen(client, places) for client, places in seen.items()), "--force installs it all the same")
        return [*(step for step in refreshed if any(step.path in places for places in seen.values())),
                Step(path, clients, SKIPPED, notes=notes)]  # fmt: skip
    if copy is not None:
        note = f"a link to {copy}, so that clients which read both folders find one skill"
        return [*refreshed, Step(path, clients, LINKED, link_to=copy, notes=(note,))]
    return [_write(path, clients, now, asked, made)]


def _seen(client: str, places: list[Path]) -> str:
    twice = CLIENTS[client].twice
    return f"{client} finds it in {', '.join(map(str, places))} already" + (f", and {twice}" if twice else "")


def _beyond_link(
    path: Path, clients: tuple[str, ...], now: Held, asked: Request, made: Source, around: Surroundings,
    done: dict[Path, Step],
) -> list[Step]:  # fmt: skip
    """Return the steps for a place that is a link: what it leads to is brought up to date if it is ours."""
    copy = _copy_of(asked.scope, path, around, done)
    if copy is not None and _same(copy, path):
        refreshed = [] if copy in done else [_write(copy, _served(copy, asked, around), None, asked, made)]
        return [*refreshed, Step(path, clients, UNCHANGED, notes=(f"is a link to {copy}",))]
    if asked.force:
        return [_write(path, clients, Held(ABSENT), asked, made)]
    notes = (f"is a link to {now.leads_to}: left alone", "--force puts a copy in its place")
    return [Step(path, clients, SKIPPED, notes=notes)]


def _write(path: Path, clients: tuple[str, ...], now: Held | None, asked: Request, made: Source) -> Step:
    now = copies.held(path) if now is None else now
    if now.kind == OTHER:
        return Step(path, clients, REFUSED, notes=("is no folder: remove or rename it first",))
    if os.path.realpath(path) == os.path.realpath(made.root):
        return Step(path, clients, UNCHANGED, before=made.version, notes=("is the folder that this script runs from",))
    if now.kind == CHECKOUT:
        return Step(path, clients, REFUSED, notes=("is a git checkout: update it with git pull, or move it away",))
    change = copies.changes(now, made.digests, force=asked.force)
    notes: tuple[str, ...] = ()
    if change.conflicts:
        many = f"{len(change.conflicts)} files were" if len(change.conflicts) > 1 else "1 file was"
        what = "changed here, and the new version changes them too"
        if now.recorded is None:
            what = "there before and differ: this program did not put them there"
        notes = (f"{many} {what}: {_some(change.conflicts)}", "--force overwrites them")
        return Step(path, clients, REFUSED, change, None, now.version, notes)
    if change.kept:
        notes = (f"kept, changed or added here: {_some(change.kept)}",)
    if change.replaced:
        notes += (f"overwritten, changed here: {_some(change.replaced)}",)
    if change.is_none and now.kind == COPY:
        return Step(path, clients, UNCHANGED, change, None, now.version, notes)
    return Step(path, clients, UPDATED if now.kind == COPY else INSTALLED, change, None, now.version, notes)


def uninstall_steps(asked: Request, around: Surroundings) -> list[Step]:
    """Return what an uninstallation does, in order; a refused step means that none shall be done."""
    places = targets(asked.clients, asked.scope, around)
    steps: list[Step] = []
    for path, clients in places.items():
        now = copies.held(path)
        if now.kind == ABSENT:
            others = dict.fromkeys(place for client in clients for place in _elsewhere(client, path, around))
            notes = tuple(f"it is still in {place}" for place in others)
            steps.append(Step(path, clients, MISSING, notes=notes))
            continue
        links = [link for link in _links_to(path, asked.scope, around) if link not in places]
        reasons = _reasons_to_stay(now, links)
        if reasons and (not asked.force or now.kind in (OTHER, CHECKOUT)):
            steps.append(Step(path, clients, REFUSED, before=now.version, notes=reasons))
            continue
        losers = [] if now.kind == LINK else _losers(path, clients, asked.scope, around)
        notes = (f"with it {', '.join(losers)} lose the skill too",) if losers else ()
        steps += [Step(link, (), REMOVED, notes=(f"was a link to {path}",)) for link in links]
        removed = Changes(removed=tuple(sorted(now.files)))
        steps.append(Step(path, clients, REMOVED, removed, None, now.version, notes))
    # Links go before what they lead to: nothing dangles in between.
    return sorted(steps, key=lambda step: bool(step.changes.removed))


def _losers(path: Path, clients: tuple[str, ...], scope: str, around: Surroundings) -> list[str]:
    """Return the other clients that find the skill in this place alone."""
    others = [name for name in CLIENTS if name not in clients and path.parent in reads(name, scope, around)]
    return [name for name in others if not _elsewhere(name, path, around)]


def _reasons_to_stay(now: Held, links: list[Path]) -> tuple[str, ...]:
    if now.kind == OTHER:
        return ("is no folder: remove it by hand",)
    if now.kind == CHECKOUT:
        return ("is a git checkout: remove it by hand",)
    reasons: tuple[str, ...] = ()
    if now.kind == COPY and now.recorded is None:
        reasons += ("was not put there by this program; --force removes it",)
    elif now.recorded is not None:
        own = tuple(path for path, old in sorted(now.files.items()) if old != now.recorded.get(path))
        reasons += (f"changed or added here: {_some(own)}; --force removes them too",) if own else ()
    reasons += tuple(f"{link} is a link to it; --force, or --client all, removes both" for link in links)
    return reasons


def done(step: Step, made: Source | None) -> Step:
    """Do one step; return it as it was done, which differs where a link had to become a copy."""
    if step.outcome == REMOVED:
        copies.take_away(step.path)
    elif step.outcome == LINKED and step.link_to is not None and made is not None:
        try:
            copies.put_link(step.path, step.link_to)
        except LinksUnavailableError:
            copies.put(step.path, made.wanted, (), made.version)
            note = f"a copy of its own, for links cannot be made here; clients that read both find {step.link_to} too"
            return step._replace(outcome=INSTALLED, link_to=None, notes=(note, *step.notes[1:]),
                                 changes=Changes(written=tuple(sorted(made.wanted))))  # fmt: skip
    elif step.outcome in (INSTALLED, UPDATED) and made is not None:
        copies.put(step.path, made.wanted, step.changes.kept, made.version)
    elif step.outcome == UNCHANGED and made is not None and _is_ours_to_note(step, made):
        copies.note_record(step.path, made.wanted, made.version)
    return step


def _is_ours_to_note(step: Step, made: Source) -> bool:
    return not copies.is_link(step.path) and os.path.realpath(step.path) != os.path.realpath(made.root)


def _places(scope: str, around: Surroundings) -> list[Path]:
    """Return all places to which this program installs in a scope."""
    return list(dict.fromkeys(goes_to(client, scope, around) / NAME for client in CLIENTS))


def _copy_of(scope: str, path: Path, around: Surroundings, done: dict[Path, Step]) -> Path | None:
    """Return another place of the scope that holds, or will hold after the steps so far, a copy in its own right."""
    for place in _places(scope, around):
        step = done.get(place)
        if place == path or (step is not None and step.outcome in (REFUSED, SKIPPED, MISSING, LINKED)):
            continue
        if step is not None or copies.held(place).kind == COPY:
            return place
    return None


def _served(path: Path, asked: Request, around: Surroundings) -> tuple[str, ...]:
    return tuple(client for client in asked.clients if path.parent in reads(client, asked.scope, around))


def _links_to(path: Path, scope: str, around: Surroundings) -> list[Path]:
    """Return the places of the scope that are links to the copy at this path; none when the path is a link itself."""
    if copies.is_link(path):
        return []
    return [place for place in _places(scope, around) if place != path and _same(place, path)]


def _elsewhere(client: str, path: Path, around: Surroundings) -> list[Path]:
    """Return the places, other than this one, in which a client finds the skill already."""
    found: dict[str, Path] = {}
    for scope in SCOPES:
        for folder in reads(client, scope, around):
            place = folder / NAME
            if (place / "SKILL.md").is_file() and not _same(place, path):
                found.setdefault(os.path.realpath(place), place)
    return list(found.values())


def _doubled(step: Step, around: Surroundings) -> tuple[str, ...]:
    """Return a note for each other copy that a client will find beside the one of this step."""
    if step.outcome not in (INSTALLED, UPDATED, UNCHANGED):
        return ()
    readers: dict[Path, list[str]] = {}
    for client in CLIENTS:
        if any(step.path.parent in reads(client, scope, around) for scope in SCOPES):
            for place in _elsewhere(client, step.path, around):
                readers.setdefault(place, []).append(client)
    return tuple(
        f"a second copy is in {place}, which {', '.join(clients)} would find too: remove one of the two"
        for place, clients in readers.items()
    )


def _same(one: Path, other: Path) -> bool:
    return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


def _some(paths: tuple[str, ...], most: int = 5) -> str:
    return ", ".join(paths[:most]) + (f" and {len(paths) - most} more" if len(paths) > most else "")
