"""The proof of a snippet: it is run, unmodified, in a sandbox, and what happened is the evidence."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .local import Sandbox
from .settings import Settings

if TYPE_CHECKING:
    from ..registry import Model
    from ..snippets import Snippet

MAX_OUTPUT = 4000
"""Characters kept of the program's stdout and stderr."""
SECONDS = 90.0
TYPE_STRIPPING_NODE = (22, 18)
"""The first Node version that runs TypeScript files as they are."""
RECEIVERS = ("webhook",)
"""Patterns whose program waits for calls from outside and does not end by itself."""


class NotProvableError(Exception):
    """The program cannot be run here; the message says why."""


def proved(model: Model, snippet: Snippet, arguments: dict[str, Any], *, seconds: float = SECONDS) -> dict[str, Any]:
    """Return the evidence: ``{"ran", "ok", "why_not", "command", "exit_code", "stdout", "stderr", "jobs", …}``.

    ``ok``: the program ran, left with code 0, its calls were accepted, and it did nothing that it must not do. Files
    that the arguments name and that are not here are replaced by made ones of the same medium.
    """
    sandbox = Sandbox(Settings())
    try:
        folder = sandbox.folder / "program"
        folder.mkdir()
        try:
            command = _prepared(model, snippet, arguments, folder)
        except NotProvableError as reason:
            return {"ran": False, "ok": False, "why_not": str(reason)}
        sandbox.start()
        sandbox.wait_ready()
        code, out, err = _run(command, sandbox.environment(), folder, seconds)
        report = sandbox.report(final=True)
    finally:
        sandbox.stop()
    accepted = bool(report["jobs"]) and all(job["http_status"] in (None, 200) for job in report["jobs"])
    return {
        "ran": True,
        "ok": code == 0 and accepted and not report["violations"],
        "why_not": "",
        "command": [Path(command[0]).name, *command[1:]],
        "exit_code": code,
        "stdout": out,
        "stderr": err,
        "jobs": report["jobs"],
        "violations": report["violations"],
        "cost": report["cost"],
        "media": report["media"],
        "requests": report["counts"]["requests"],
        "seconds": report["seconds"],
        "snapshot": report["snapshot"],
    }


def _prepared(model: Model, snippet: Snippet, arguments: dict[str, Any], folder: Path) -> list[str]:
    """Write the program and what it needs into the folder; return the command that runs it."""
    if snippet.pattern in RECEIVERS:
        raise NotProvableError("a webhook receiver waits for calls and does not end by itself")
    for name, code in ((snippet.filename, snippet.code), *((file.filename, file.code) for file in snippet.more_files)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
    for kind, name in _local_files(model, arguments):
        _make_file(folder, kind, name)
    if snippet.language.startswith("python"):
        return [sys.executable, snippet.filename]
    return _node_command(snippet.filename, folder)


def _local_files(model: Model, arguments: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (medium, file name) of every local file that the arguments name."""
    found = []
    for place in model.file_inputs:
        values: list[Any] = [arguments]
        for part in re.split(r"\.", place.path):
            name, is_list = part.removesuffix("[]"), part.endswith("[]")
            values = [value[name] for value in values if isinstance(value, dict) and name in value]
            if is_list:
                values = [item for value in values if isinstance(value, list) for item in value]
        found += [
            (place.kind, text) for text in values if isinstance(text, str) and not re.match(r"^[a-z0-9]+:", text, re.I)
        ]
    return found


def _make_file(folder: Path, kind: str, name: str) -> None:
    from .media import make

    target = (folder / Path(name).expanduser()).resolve()
    if target.exists():
        return
    if not target.is_relative_to(folder.resolve()):
        raise NotProvableError(f"the file {name!r} does not exist")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(make(kind, label="placeholder").content)


def _node_command(filename: str, folder: Path) -> list[str]:
    node = shutil.which("node")
    if node is None:
        raise NotProvableError("node is not installed")
    modules = _node_modules()
    if modules is None:
        raise NotProvableError("@fal-ai/client is not installed here: npm install @fal-ai/client")
    (folder / "node_modules").symlink_to(modules, target_is_directory=True)
    (folder / "package.json").write_text('{"type": "module"}')
    text = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    if filename.endswith((".ts", ".mts")) and version < TYPE_STRIPPING_NODE:
        if not (modules / "typescript").is_dir():
            raise NotProvableError(f"node {text.strip()} does not run TypeScript, and typescript is not installed")
        filename = _transpiled(node, folder, filename)
    # What a page or Node 22 has, Node 20 has behind a switch.
    switch = ["--experimental-websocket"] if (20, 10) <= version < (22, 0) else []
    return [node, *switch, filename]


def _transpiled(node: str, folder: Path, filename: str) -> str:
    made = str(Path(filename).with_suffix(".js" if filename.endswith(".ts") else ".mjs"))
    work = (
        "const ts=require('typescript'),fs=require('fs');"
        "const options={module:'ESNext',target:'ES2022'};"
        "fs.writeFileSync(process.argv[2],ts.transpileModule(fs.readFileSync(process.argv[1],'utf8'),{compilerOptions:options}).outputText)"
    )
    done = subprocess.run([node, "-e", work, filename, made], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotProvableError(f"typescript could not be stripped: {done.stderr.strip()[-200:]}")
    return made


def _node_modules() -> Path | None:
    starts = [Path.cwd(), *Path(__file__).resolve().parents]
    for folder in dict.fromkeys(parent for start in starts for parent in (start, *start.parents)):
        for modules in (folder / "node_modules", folder / "tests" / "js" / "node_modules"):
            if (modules / "@fal-ai" / "client").is_dir():
                return modules
    return None


def _run(command: list[str], environment: dict[str, str], folder: Path, seconds: float) -> tuple[int, str, str]:
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=os.name == "posix",
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        out, err = process.communicate()
        err += f"\n(ended after {seconds:.0f} s)".encode()
    return process.returncode, _shown(out), _shown(err)


def _shown(data: bytes) -> str:
    text = data.decode(errors="replace")
    return text if len(text) <= MAX_OUTPUT else text[:MAX_OUTPUT] + "…"


def evidence_text(evidence: dict[str, Any]) -> str:
    """Return the evidence in a few words for a person."""
    if not evidence["ran"]:
        return f"not run: {evidence['why_not']}"
    jobs = ", ".join(f"{job['slug']} {job['http_status'] or job['status']}" for job in evidence["jobs"]) or "no job"
    text = f"run in the sandbox: exit code {evidence['exit_code']}; {jobs}; {evidence['requests']} requests"
    return text + "".join(f"; {item['code']}: {item['message']}" for item in evidence["violations"])
