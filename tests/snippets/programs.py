"""Running a rendered snippet with the real SDK against the fake fal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import node_project
from fal_skill.registry import default_registry
from fal_skill.snippets import SnippetOptions, written
from snippets.fake_fal import FakeFal

KEY = "key-id:key-secret"

HASTE = 20
"""Pauses are this many times shorter than the snippets ask for."""

PYTHON_START = f"""
import asyncio, os, runpy, sys, time
pause, async_pause = time.sleep, asyncio.sleep
time.sleep = lambda seconds: pause(seconds / {HASTE})
asyncio.sleep = lambda seconds, *result: async_pause(seconds / {HASTE}, *result)
import fal_client.client as client
base = sys.argv[1]
client.RUN_URL_FORMAT, client.QUEUE_URL_FORMAT = base + "/run/", base + "/queue/"
client.REST_URL, client.CDN_URL = base + "/rest", base + "/cdn"
client.MAX_ATTEMPTS = int(os.environ.get("FAKE_ATTEMPTS", client.MAX_ATTEMPTS))
client.REALTIME_URL_FORMAT = sys.argv[2] + "/"
sys.argv = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
NODE_START = """
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";
const pause = timers.setTimeout;
timers.setTimeout = (delay, ...rest) => pause(delay / HASTE, ...rest);
syncBuiltinESMExports();
const later = globalThis.setTimeout;
globalThis.setTimeout = (task, delay, ...rest) => later(task, delay / HASTE, ...rest);
const until = AbortSignal.timeout.bind(AbortSignal);
AbortSignal.timeout = (delay) => until(delay / HASTE);
const base = process.env.FAKE_FAL;
const hosts = {
  "https://queue.fal.run": "/queue", "https://fal.run": "/run", "https://rest.fal.ai": "/rest",
};
const real = globalThis.fetch;
const Socket = globalThis.WebSocket;
globalThis.WebSocket = class extends (Socket ?? Object) {
  constructor(url) { super(url.replace("wss://fal.run", process.env.FAKE_REALTIME)); }
};
globalThis.fetch = (url, init) => {
  const text = String(url);
  const host = Object.keys(hosts).find((name) => text.startsWith(name + "/"));
  return real(host ? base + hosts[host] + text.slice(host.length) : url, init);
};
""".replace("HASTE", str(HASTE))


class Outcome(NamedTuple):
    """How a program ended."""

    code: int
    stdout: str
    stderr: str


def program(
    folder: Path, slug: str, arguments: dict[str, object], language: str, pattern: str, options: SnippetOptions
) -> Path:
    """Write the snippet into the folder and return its path."""
    model = default_registry().get(slug)
    assert model is not None
    snippet = written(model, arguments, language, pattern, options)
    for name, code in [(snippet.filename, snippet.code), *((file.filename, file.code) for file in snippet.more_files)]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    return folder / snippet.filename


def run(
    fal: FakeFal, path: Path, *arguments: str, key: str | None = KEY, realtime: str = "", timeout: float = 60
) -> Outcome:
    """Run the program in its folder against the fake fal."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAL_")}
    environment |= {"FAKE_FAL": fal.base, "FAKE_REALTIME": realtime, "HOME": str(path.parent)} | (
        {"FAL_KEY": key} if key else {}
    )
    if path.suffix == ".py":
        command = [sys.executable, "-c", PYTHON_START, fal.base, realtime, str(path)]
    else:
        start = path.parent / "start.mjs"
        start.write_text(NODE_START)
        modules = path.parent / "node_modules"
        if not modules.exists():
            modules.symlink_to(node_project.node_modules())
        command = [node_project.node(), "--experimental-websocket", "--import", str(start), str(path)]
    done = subprocess.run(
        [*command, *arguments], cwd=path.parent, env=environment, capture_output=True, text=True, timeout=timeout
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def hurried(path: Path, pauses: str) -> Path:
    """Return the program with other pauses before what was not sent is tried again."""
    text = path.read_text()
    assert text.count("2, 10, 60, 300, 1800") == 1
    path.write_text(text.replace("2, 10, 60, 300, 1800", pauses))
    return path
