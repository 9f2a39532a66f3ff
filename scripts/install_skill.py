#!/usr/bin/env python3
"""Install this skill where a coding agent looks for it, or pack it as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fal_skill.console import chosen_format, parser, print_json, print_text, run, warn
from fal_skill.errors import EXIT_DONE, EXIT_FINDINGS, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError
from fal_skill.install.bundle import Bundle, bundled
from fal_skill.install.clients import CLIENTS, SCOPES, USER, here
from fal_skill.install.plans import MISSING, REFUSED, Request, Step, done, install_steps, source, uninstall_steps
from fal_skill.install.shipped import NAME, source_root

ALL = "all"
MOST_PATHS = 50
"""Of each list of files in the JSON; the counts are whole."""
EXAMPLES = (
    "install_skill.py --client claude-code",
    "install_skill.py --client all --scope project --dry-run",
    "install_skill.py --client codex --update",
    f"install_skill.py --bundle {NAME}.skill",
)


def as_dict(step: Step) -> dict[str, Any]:
    """Return the JSON form of a step."""
    change = step.changes
    return {
        "path": str(step.path),
        "clients": list(step.clients),
        "outcome": step.outcome,
        "version_before": step.before,
        "link_to": str(step.link_to) if step.link_to else None,
        "counts": {name: len(paths) for name, paths in change._asdict().items()},
        "kept": list(change.kept[:MOST_PATHS]),
        "replaced": list(change.replaced[:MOST_PATHS]),
        "conflicts": list(change.conflicts[:MOST_PATHS]),
        "notes": list(step.notes),
    }


def as_text(step: Step, version: str | None) -> str:
    """Return the lines on a step for a person."""
    change = step.changes
    counts = ", ".join(
        f"{len(paths)} {name}" for name, paths in change._asdict().items() if paths and name != "conflicts"
    )
    now = f" {step.before} -> {version}" if step.before and version and step.before != version else ""
    clients = f" for {', '.join(step.clients)}" if step.clients else ""
    lines = [f"{step.outcome}{now}: {step.path}{clients}" + (f" ({counts})" if counts else "")]
    lines += [f"  {note}" for note in step.notes]
    hints = [f"  {name}: {CLIENTS[name].then}" for name in step.clients if CLIENTS[name].then]
    return "\n".join(lines + (hints if step.outcome == "installed" else []))


def print_bundle(made: Bundle, asked: Any) -> None:
    """Print what was packed."""
    if chosen_format(asked.format) == "json":
        print_json({
            "bundle": str(made.file), "bytes": made.size, "sha256": made.sha256, "count": len(made.files),
            "dry_run": asked.dry_run, "files": made.files,
        })  # fmt: skip
    else:
        print_text(f"{made.sha256}  {made.file}")
        print_text(f"{len(made.files)} files, {made.size} bytes" + (" (dry run: not written)" if asked.dry_run else ""))


def checked(asked: Any) -> tuple[str, ...]:
    """Return the clients that are asked for; UsageError for options that do not go together."""
    if asked.bundle:
        others = ("client", "uninstall", "update", "link", "force", "scope")
        given = [f"--{name}" for name in others if getattr(asked, name)]
        if given:
            raise UsageError(f"--bundle writes one file and installs nothing: it does not go with {', '.join(given)}")
        return ()
    if not asked.client:
        raise UsageError("no --client was given", hint=f"one of {', '.join(CLIENTS)}, {ALL}; or --bundle FILE")
    if asked.uninstall and (asked.update or asked.link):
        raise UsageError("--uninstall does not go with --update or --link")
    return tuple(CLIENTS) if ALL in asked.client else tuple(dict.fromkeys(asked.client))


def main() -> int:
    """Do what the command line asks for."""
    options = parser(
        f"Install this skill ({NAME}) where a coding agent looks for it, or pack it as one file. Exactly the shipped "
        "files go there (no evals, tests, caches). Local changes stay; where they are in the way, nothing is written.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    options.add_argument("--client", action="append", choices=(*CLIENTS, ALL), help="may be given more than once")
    options.add_argument("--scope", choices=SCOPES, help="default: user; project: below the current folder")
    options.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    options.add_argument("--uninstall", action="store_true", help="take the skill away again")
    options.add_argument("--update", action="store_true", help="only where it is installed already")
    options.add_argument("--link", action="store_true", help="link to this folder's files instead of copying them")
    options.add_argument("--force", action="store_true", help="overwrite or remove local changes; allow a second copy")
    options.add_argument("--bundle", metavar="FILE", help="write the shipped files as a .skill or .zip archive")
    asked = options.parse_args()
    clients = checked(asked)
    if asked.bundle:
        print_bundle(bundled(source_root(), Path(asked.bundle), dry_run=asked.dry_run), asked)
        return EXIT_DONE
    request = Request(clients, asked.scope or USER, force=asked.force, only_update=asked.update)
    made = None if asked.uninstall else source(source_root(), link=asked.link)
    steps = uninstall_steps(request, here()) if made is None else install_steps(request, made, here())
    refused = [step for step in steps if step.outcome == REFUSED]
    is_done = not refused and not asked.dry_run
    if is_done:
        steps = [done(step, made) for step in steps]
    version = made.version if made else None
    if chosen_format(asked.format) == "json":
        print_json({
            "skill": NAME, "version": version, "scope": request.scope, "dry_run": asked.dry_run, "done": is_done,
            "results": [as_dict(step) for step in steps],
        })  # fmt: skip
    else:
        print_text("\n".join(as_text(step, version) for step in steps))
        if asked.dry_run:
            print_text("dry run: nothing was written")
    for step in refused:
        warn(f"error: {step.path}: {'; '.join(step.notes)}: nothing was written")
    if asked.update and all(step.outcome == MISSING for step in steps):
        warn("error: the skill is installed in none of these places (leave out --update to install it)")
        return EXIT_FINDINGS
    return EXIT_FINDINGS if refused else EXIT_DONE


if __name__ == "__main__":
    run(main)
