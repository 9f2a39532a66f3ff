#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "cryptography>=43",
#     "fal-client>=1.0.3,<2",
#     "httpx>=0.27",
#     "jsonschema>=4.20,<5",
#     "mcp>=1.20,<3",
#     "msgpack>=1.0,<2",
#     "pillow>=10",
#     "starlette>=0.40,<2",
#     "trustme>=1.2,<2",
#     "uvicorn>=0.30,<1",
#     "websockets>=13",
# ]
# ///
"""Run any program against a local fal: no key, no cost, no network. Thin: the work is in fal_skill.sandbox."""

from __future__ import annotations

from fal_skill.console import run
from fal_skill.sandbox.command import main

if __name__ == "__main__":
    run(main)
