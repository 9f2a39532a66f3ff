#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "jsonschema>=4.20,<5",
#     "markdown-it-py>=3,<5",
#     "pathspec>=0.12,<2",
#     "tree-sitter>=0.23",
#     "tree-sitter-javascript>=0.23",
#     "tree-sitter-typescript>=0.23",
# ]
# ///
"""Check the fal calls of a repository: models, arguments, results, polling, keys, packages."""

from __future__ import annotations

from fal_skill.calls.command import main
from fal_skill.console import run

if __name__ == "__main__":
    run(main)
