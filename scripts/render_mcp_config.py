#!/usr/bin/env python3
"""Show or write how an MCP client is told of fal's MCP servers; a key never stands in the result."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from fal_skill.console import chosen_format, parser, print_json, print_text, run, warn
from fal_skill.errors import EXIT_DONE, EXIT_FINDINGS, EXIT_UNAVAILABLE, EXIT_USAGE, UsageError
from fal_skill.mcp import AS_OF, SERVERS, Config, cautions, config, system_name
from fal_skill.mcp_clients import CLIENTS, KEY_VARIABLE, PROJECT, USER

if TYPE_CHECKING:
    from fal_skill.configfiles import Written

EXAMPLES = (
    "render_mcp_config.py --client claude-code",
    "render_mcp_config.py --client cursor --scope project --write",
    "render_mcp_config.py --client codex --server platform --format text",
)


def document(made: Config) -> str:
    """Return the content as the text of a file."""
    import json

    if made.format == "toml":
        from fal_skill.configfiles import toml_text

        return toml_text(made.content or {})
    return json.dumps(made.content, indent=2, ensure_ascii=False) + "\n"


def as_text(made: Config, written: Written | None) -> str:
    """Return everything for a person."""
    lines = [f"{CLIENTS[made.client].title}: {SERVERS[made.server].name}, {made.url}"]
    if not made.supported:
        return "\n".join([*lines, "", "not possible without the key in a file", *(f"- {note}" for note in made.notes)])
    if made.command:
        lines += ["", "command:", f"  {made.command}"]
    where = made.file or "wherever your client keeps its configuration"
    lines += ["", f"{'or ' if made.command else ''}in {where}:", "", document(made).rstrip()]
    if made.environment:
        lines += ["", "set where the client starts:"]
        lines += [f'  {name}="{value}"' for name, value in made.environment.items()]
    if made.then:
        lines += ["", "then:", *(f"- {step}" for step in made.then)]
    lines += ["", "notes:", *(f"- {note}" for note in made.notes)]
    if written is not None:
        backup = f", former text in {written.backup}" if written.backup else ""
        lines += ["", f"written to {written.file}{backup}" if written.changed else f"{written.file} has it already"]
    return "\n".join(lines)


def as_dict(made: Config, written: Written | None) -> dict[str, Any]:
    """Return the JSON form."""
    values = made._asdict()
    values["text"] = document(made) if made.supported else None
    return {**values, "written": written._asdict() if written else None, "as_of": AS_OF}


def main() -> int:
    """Show or write the configuration that the command line asks for."""
    options = parser(
        "Show or write how an MCP client is told of fal's MCP servers. A key never stands in the result.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNAVAILABLE),
    )
    options.add_argument("--client", choices=CLIENTS, required=True)
    options.add_argument("--server", choices=SERVERS, default="relay", help="default: relay, today's server, by OAuth")
    options.add_argument("--scope", choices=(USER, PROJECT), help="default: user; project: below the current folder")
    options.add_argument("--name", help="name of the entry; default: fal, fal-key, fal-platform or fal-docs")
    options.add_argument("--write", action="store_true", help="merge it into the file, with a backup")
    asked = options.parse_args()
    made = config(
        asked.client,
        asked.server,
        scope=asked.scope,
        name=asked.name,
        system=system_name(sys.platform, os.name),
        environment=os.environ,
        home=os.path.expanduser("~"),  # noqa: PTH111 - pathlib would be most of this script's start
        folder=os.getcwd(),  # noqa: PTH109
    )
    written = None
    if asked.write:
        if not made.supported or made.file is None or made.content is None:
            raise UsageError(
                f"there is no file to write for {asked.client} and --server {asked.server}", hint=made.notes[-1]
            )
        from fal_skill.configfiles import merge, read_text

        for caution in cautions(read_text(made.file), os.environ.get(KEY_VARIABLE)):
            warn(f"warning: {made.file}: {caution}")
        try:
            written = merge(made.file, made.content, made.format)
        except UsageError:
            warn(f"to paste:\n{document(made)}")
            raise
    if chosen_format(asked.format) == "json":
        print_json(as_dict(made, written))
    else:
        print_text(as_text(made, written))
    if not made.supported:
        warn(f"error: {asked.client} cannot use --server {asked.server} without the key in a file")
        return EXIT_FINDINGS
    return EXIT_DONE


if __name__ == "__main__":
    run(main)
