#!/usr/bin/env python3
"""Print the section of CHANGELOG.md on one version, for the notes of its release."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def section(text: str, version: str) -> str | None:
    """Return what stands between the version's heading and the next one, or None; ``(unreleased)`` is no release."""
    pattern = rf"^## {re.escape(version)} \((\d{{4}}-\d\d-\d\d)\)\n(.*?)(?=^## |\Z)"
    found = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    return found[2].strip() if found else None


def main() -> int:
    """Print the section that the command line names."""
    options = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    options.add_argument("version", help="such as 0.1.0, or the tag v0.1.0")
    options.add_argument("--file", type=Path, default=CHANGELOG)
    asked = options.parse_args()
    version = asked.version.removeprefix("v")
    found = section(asked.file.read_text(encoding="utf-8"), version)
    if not found:
        print(f"error: {asked.file.name} has no dated section '## {version} (YYYY-MM-DD)'", file=sys.stderr)
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
