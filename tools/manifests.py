#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["pyyaml>=6,<7", "tomli>=2; python_version < '3.11'"]
# ///
"""Write the manifests that other programs read, from SKILL.md's frontmatter, pyproject.toml and LICENSE.

Made are ``.claude-plugin/plugin.json``, ``.claude-plugin/marketplace.json`` and the block of facts in AGENTS.md. With
``--check`` nothing is written, and the exit code is 1 when a file is not what it should be, or the sources disagree.

There is no gemini-extension.json: Gemini CLI 0.61.0 looks for an extension's skills in ``skills/NAME/`` alone, and this
repository's root is the skill. ``gemini skills install FILE.skill`` takes the release's bundle instead.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- facts: begin (made by tools/manifests.py) -->"
END = "<!-- facts: end -->"


class DisagreementError(Exception):
    """Two sources say different things."""


def frontmatter(root: Path) -> dict[str, Any]:
    """Return the fields of SKILL.md's frontmatter."""
    text = (root / "SKILL.md").read_text(encoding="utf-8")
    fields: dict[str, Any] = yaml.safe_load(text.split("---\n", 2)[1])
    return fields


def project(root: Path) -> dict[str, Any]:
    """Return pyproject.toml's project table."""
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def holder(root: Path) -> str:
    """Return who holds the copyright, by the licence."""
    found = re.search(r"^Copyright \(c\) [\d, -]+ (.+)$", (root / "LICENSE").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise DisagreementError("LICENSE names no holder of the copyright")
    return found[1].strip()


def person(root: Path) -> dict[str, str]:
    """Return the author as manifests want it: the first of pyproject's authors, else the copyright's holder."""
    authors = project(root).get("authors") or [{"name": holder(root)}]
    return {key: authors[0][key] for key in ("name", "email") if key in authors[0]}


def agreed_version(root: Path) -> str:
    """Return the version; DisagreementError when SKILL.md, pyproject.toml, the package and CHANGELOG.md differ."""
    package = (root / "scripts/fal_skill/__init__.py").read_text(encoding="utf-8")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = {
        "SKILL.md": str(frontmatter(root)["metadata"]["version"]),
        "pyproject.toml": str(project(root)["version"]),
        "scripts/fal_skill/__init__.py": _first(r'^__version__ = "(.+)"$', package),
        "CHANGELOG.md": _first(r"^## \[?(\d[\w.]*)", changes),
    }
    if len(set(found.values())) != 1:
        raise DisagreementError("versions differ: " + ", ".join(f"{name} {value}" for name, value in found.items()))
    return next(iter(found.values()))


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else "none"


def shared(root: Path) -> dict[str, Any]:
    """Return what a plugin's manifest and its entry in a marketplace have in common."""
    fields, table = frontmatter(root), project(root)
    if fields["name"] != table["name"]:
        raise DisagreementError(f"SKILL.md is named {fields['name']}, pyproject.toml {table['name']}")
    if fields["license"] != table["license"]:
        raise DisagreementError(f"SKILL.md has the licence {fields['license']}, pyproject.toml {table['license']}")
    urls = {key.lower(): url for key, url in table.get("urls", {}).items()}
    made = {
        "name": fields["name"],
        "version": agreed_version(root),
        "description": table["description"],
        "author": person(root),
        "license": fields["license"],
        "homepage": urls.get("homepage"),
        "repository": urls.get("repository") or urls.get("source"),
        "keywords": table.get("keywords"),
    }
    return {key: value for key, value in made.items() if value}


def plugin(root: Path) -> dict[str, Any]:
    """Return Claude's plugin manifest. The skill is the root itself, which is not where Claude looks unless told."""
    return {**shared(root), "skills": ["./"]}


def marketplace(root: Path) -> dict[str, Any]:
    """Return Claude's marketplace manifest: one plugin, this repository."""
    common = shared(root)
    return {
        "name": common["name"],
        "owner": common["author"],
        "metadata": {"description": common["description"], "version": common["version"]},
        "plugins": [{**common, "source": "./"}],
    }


def facts(root: Path) -> str:
    """Return the block of facts in AGENTS.md: version, Python, and every script with its purpose."""
    table = project(root)
    rows = []
    for script in sorted((root / "scripts").glob("*.py")):
        purpose = (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        rows.append(f"| `scripts/{script.name}` | {purpose.replace('|', chr(92) + '|')} |")
    lines = [
        f"- Version {agreed_version(root)}; Python {table['requires-python']}; licence {table['license']}.",
        f"- Packages at run time: {', '.join(_package(item) for item in table['dependencies'])}.",
        "",
        "| script | purpose |",
        "|---|---|",
        *rows,
    ]
    return "\n".join(lines)


def _package(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def with_facts(text: str, block: str) -> str:
    """Return AGENTS.md with this block between its two markers; DisagreementError when they are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise DisagreementError("AGENTS.md has lost the markers around its facts")
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"


def manifests(root: Path) -> dict[str, str]:
    """Return path -> text of everything that is made."""
    return {
        ".claude-plugin/plugin.json": json.dumps(plugin(root), indent=2, ensure_ascii=False) + "\n",
        ".claude-plugin/marketplace.json": json.dumps(marketplace(root), indent=2, ensure_ascii=False) + "\n",
        "AGENTS.md": with_facts((root / "AGENTS.md").read_text(encoding="utf-8"), facts(root)),
    }


def main() -> int:
    """Write the manifests, or check them."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0], allow_abbrev=False)
    options.add_argument("--check", action="store_true", help="write nothing; exit code 1 if something is out of date")
    options.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    asked = options.parse_args()
    try:
        made = manifests(asked.root)
    except DisagreementError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    stale = [
        name
        for name, text in made.items()
        if not (asked.root / name).is_file() or (asked.root / name).read_text(encoding="utf-8") != text
    ]
    for name in stale:
        if asked.check:
            print(f"error: {name} is out of date: run tools/manifests.py", file=sys.stderr)
        else:
            (asked.root / name).parent.mkdir(parents=True, exist_ok=True)
            (asked.root / name).write_text(made[name], encoding="utf-8", newline="\n")
            print(f"wrote {name}")
    return 1 if asked.check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
