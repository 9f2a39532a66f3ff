"""The shipped code on systems that this one is not: Windows, consoles with old encodings, Python without POSIX."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import SCRIPTS

ALL_SCRIPTS = sorted(path.name for path in SCRIPTS.glob("*.py"))
MODULES = sorted(path.relative_to(SCRIPTS).as_posix() for path in SCRIPTS.rglob("*.py"))
POSIX_MODULES = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")
LINUX_ONLY = {"fal_skill/sandbox/namespaces.py"}
"""Modules that only Linux imports; whoever does so asks for the system first."""

# The libraries come first: on Windows they do without by themselves.
WITHOUT_POSIX = """
import asyncio, builtins, concurrent.futures, multiprocessing, os, runpy, shutil, signal, subprocess, sys, tempfile
real = builtins.__import__
def checked(name, globals=None, *rest):
    importer = (globals or {{}}).get("__name__", "")
    if name in {modules!r} and importer.split(".")[0] in ("fal_skill", "__main__"):
        raise ModuleNotFoundError(f"No module named {{name!r}}: {{importer}} runs on Windows too", name=name)
    return real(name, globals, *rest)
builtins.__import__ = checked
for name in ("fork", "forkpty", "getuid", "geteuid", "getgid", "killpg", "setsid", "mkfifo", "chown", "getpgid"):
    delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGXCPU", "SIGALRM", "SIGCHLD", "SIGUSR1", "SIGQUIT", "alarm", "setitimer"):
    delattr(signal, name)
"""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for name in MODULES:
        yield name, ast.parse((SCRIPTS / name).read_text(encoding="utf-8"))


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield (last part of the name, call)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node


def is_text_without_encoding(name: str, call: ast.Call) -> bool:
    """Whether a call opens text, or talks to a process in text, in whatever encoding the system prefers."""
    given = {keyword.arg for keyword in call.keywords}
    if "encoding" in given or None in given:
        return False
    if name in ("read_text", "write_text"):
        return len(call.args) < (1 if name == "read_text" else 2)
    if name in ("run", "Popen", "check_output"):
        values = {keyword.arg: keyword.value for keyword in call.keywords}
        asked = values.get("text") or values.get("universal_newlines")
        return isinstance(asked, ast.Constant) and asked.value is True
    if name in ("open", "fdopen", "NamedTemporaryFile", "TemporaryFile"):
        owner = getattr(call.func.value, "id", "") if isinstance(call.func, ast.Attribute) else ""
        if owner == "os" and name == "open":
            return False
        is_method = isinstance(call.func, ast.Attribute) and name == "open" and owner != "io"
        place = 0 if is_method or name.endswith("TemporaryFile") else 1
        modes = [k.value for k in call.keywords if k.arg == "mode"] + call.args[place : place + 1]
        mode = modes[0].value if modes and isinstance(modes[0], ast.Constant) else None
        if mode is None:
            return not modes and not name.endswith("TemporaryFile")
        return isinstance(mode, str) and "b" not in mode
    return False


def test_every_text_file_and_pipe_has_an_encoding() -> None:
    found = [
        f"{module}:{call.lineno} {name}"
        for module, tree in trees()
        for name, call in calls(tree)
        if module not in LINUX_ONLY and is_text_without_encoding(name, call)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('x')", True),
        ("open('x', 'w')", True),
        ("open('x', 'rb')", False),
        ("open('x', encoding='utf-8')", False),
        ("path.open()", True),
        ("path.open('rb')", False),
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(t)", True),
        ("path.write_text(t, encoding='utf-8')", False),
        ("os.open(path, flags)", False),
        ("subprocess.run(c, text=True)", True),
        ("subprocess.run(c, text=True, encoding='utf-8')", False),
        ("subprocess.run(c)", False),
        ("tempfile.NamedTemporaryFile()", False),
        ("tempfile.NamedTemporaryFile('w')", True),
    ],
)
def test_the_check_of_encodings_sees_what_it_should(code: str, expected: bool) -> None:
    ((name, call),) = calls(ast.parse(code))
    assert is_text_without_encoding(name, call) is expected


def test_files_are_replaced_and_not_renamed_over() -> None:
    """``rename`` fails on Windows when the target exists."""
    found = [f"{module}:{call.lineno}" for module, tree in trees() for name, call in calls(tree) if name == "rename"]
    assert found == []


def run_without_posix(code: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    program = WITHOUT_POSIX.format(modules=POSIX_MODULES) + code
    env = {"PYTHONPATH": str(SCRIPTS), "HOME": str(folder), "PATH": os.environ.get("PATH", "")}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=env, cwd=folder, timeout=120, check=False
    )


@pytest.mark.skipif(os.name == "nt", reason="this imitates Windows")
def test_every_module_can_be_imported_without_posix(tmp_path: Path) -> None:
    names = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in MODULES
        if name.startswith("fal_skill/") and name not in LINUX_ONLY
        if "python_preload" not in name and not name.endswith("/__main__.py")
    ]
    done = run_without_posix(f"import importlib\nfor name in {names!r}: importlib.import_module(name)", tmp_path)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.skipif(os.name == "nt", reason="this imitates Windows")
@pytest.mark.parametrize("script", ALL_SCRIPTS)
def test_every_script_starts_without_posix(tmp_path: Path, script: str) -> None:
    code = f"sys.argv = [{script!r}, '--help']\nrunpy.run_path({str(SCRIPTS / script)!r}, run_name='__main__')"
    done = run_without_posix(code, tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert b"exit codes:" in done.stdout


OLD = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252", "LC_ALL": "C"}


@pytest.mark.parametrize("script", ALL_SCRIPTS)
def test_a_pipe_gets_utf_8_whatever_the_console_speaks(tmp_path: Path, script: str) -> None:
    env = {**os.environ, **OLD, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script), "--help"], capture_output=True, env=env, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    done.stdout.decode("utf-8")


@pytest.mark.skipif(os.name == "nt", reason="a terminal is imitated by a pty, which Windows has not")
@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
@pytest.mark.parametrize(
    "command",
    [
        ["verify_slug.py", "fal-ai/schnell-\N{SNOWMAN}"],
        ["estimate_cost.py", "fal-ai/flux/dev", "--arguments", '{"prompt": "\N{SNOWMAN}"}'],
        ["install_skill.py", "--client", "all", "--dry-run"],
        ["install_skill.py", "--bundle", "\N{SNOWMAN}.tar"],
    ],
    ids=lambda command: command[0] + command[-1][:6].encode("ascii", "replace").decode(),
)
def test_an_old_console_shows_what_it_can(tmp_path: Path, command: list[str], encoding: str) -> None:
    import pty

    main, terminal = pty.openpty()
    env = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": encoding, "HOME": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, str(SCRIPTS / command[0]), *command[1:]], stdout=terminal, stderr=terminal, env=env
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            shown += part
        process.wait(timeout=60)
    os.close(main)
    assert b"Traceback" not in shown
    assert b"UnicodeEncodeError" not in shown
    shown.decode(encoding)
