"""``sandbox.py exec`` as its users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox_calls import until

SCRIPT = Path(__file__).parents[2] / "scripts" / "sandbox.py"
ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found by /proc")

SUBSCRIBE = """
import fal_client
result = fal_client.subscribe("fal-ai/flux/schnell", {"prompt": "a cat"})
print(result["images"][0]["url"])
"""
WRONG = """
import fal_client
try:
    fal_client.run("fal-ai/flux/schnell", {})
except fal_client.FalClientHTTPError as error:
    print(error.status_code)
"""


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FAL_")}
    return {**kept, "FAL_KEY": "users-own:secret"}


def started(*words: str, folder: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        text=True, env=environment(), cwd=folder, start_new_session=True,
    )  # fmt: skip


def done(*words: str, folder: Path | None = None) -> tuple[int, str, str]:
    process = started(*words, folder=folder)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def ran(code: str, *options: str, folder: Path | None = None) -> tuple[int, str, str]:
    return done("exec", *options, "--", sys.executable, "-c", code, folder=folder)


def left_behind() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("fal-sandbox-*")}


def test_an_unmodified_program_finds_the_sandbox_and_its_output_is_its_own() -> None:
    code, out, err = ran(SUBSCRIBE)
    assert code == 0
    assert out.startswith("https://v3b.fal.media/files/")
    (summary,) = err.splitlines()
    assert "1 job," in summary


def test_the_program_never_sees_the_users_key() -> None:
    code, out, _ = ran("import os; print(os.environ['FAL_KEY'], 'secret' in str(os.environ))")
    assert code == 0
    key, seen = out.split()
    assert (len(key), seen) == (69, "False")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(0)", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.abort()", 134),
    ],
)  # fmt: skip
def test_the_exit_code_is_the_programs_own(code: str, expected: int) -> None:
    assert ran(code, "--quiet") == (expected, "", "")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["exec"], "no command"), (["exec", "--"], "no command"),
        (["exec", "--", "no-such-program"], "no such program"),
        (["exec", "--fault", "teapot", "--", "true"], "unknown fault"),
        (["serve", "--", "true"], "serve runs no command"),
        (["exec", "--report", "/no/such/folder/x.json", "--", "true"], "cannot write the report"),
        (["exec", "--model-time", "-1", "--", "true"], "--model-time"), (["exec", "true"], "unrecognized"),
        (["dance"], "invalid choice"), (["exec", "--isolate", "--workdir", "/no/such", "--", "true"], "no such folder"),
        (["exec", "--isolate", "--env", "FAL_KEY", "--", "true"], "--env"),
    ],
)  # fmt: skip
def test_usage_errors_are_one_line_and_code_2(words: list[str], part: str) -> None:
    code, out, err = done(*words)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert part in line


def test_help_states_purpose_examples_faults_and_exit_codes() -> None:
    code, out, _ = done("--help")
    assert code == 0
    for part in ("Run any program against a local fal", "examples:", "exit codes:", "lost-reply", "--isolate"):
        assert part in out


def test_the_report_is_written_for_good_and_bad_ends(tmp_path: Path) -> None:
    for code, expected in ((SUBSCRIBE, 0), (SUBSCRIBE + "raise SystemExit(4)", 4)):
        file = tmp_path / "report.json"
        assert ran(code, "--report", str(file))[0] == expected
        report = json.loads(file.read_text())
        assert (report["exit_code"], report["jobs"][0]["slug"]) == (expected, "fal-ai/flux/schnell")


def test_the_report_can_go_to_stdout() -> None:
    code, out, _ = ran("pass", "--report", "-", "--quiet")
    assert (code, json.loads(out)["exit_code"]) == (0, 0)


@pytest.mark.parametrize(("options", "expected"), [([], 0), (["--strict"], 1)])
def test_strict_makes_violations_an_exit_code(options: list[str], expected: int) -> None:
    code, out, err = ran(WRONG, *options)
    assert (code, out) == (expected, "422\n")
    assert "violation [rejected-arguments]" in err


def test_strict_leaves_a_good_program_and_a_failed_ones_own_code_alone() -> None:
    assert ran(SUBSCRIBE, "--strict", "--quiet")[0] == 0
    assert ran(WRONG + "raise SystemExit(5)", "--strict", "--quiet")[0] == 5


def test_options_reach_the_sandbox() -> None:
    code = """
import fal_client, time
began = time.monotonic()
fal_client.run("someone/own-app", {})
assert time.monotonic() - began < 0.2
try:
    fal_client.run("someone/own-app", {"x": 1})
except fal_client.FalClientHTTPError as error:
    print(error.status_code)
"""
    options = ("--model-time", "0", "--allow-slug", "someone/*", "--fault", "500,nth=2,on=run", "--quiet")
    assert ran(code, *options) == (0, "500\n", "")


def test_a_program_with_an_empty_balance_is_refused() -> None:
    code = WRONG.replace("{}", "{'prompt': 'x'}")
    assert ran(code, "--no-balance", "--quiet") == (0, "403\n", "")


def test_the_wall_clock_limit_ends_a_program(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    code, _, err = ran("import time; time.sleep(100)", "--wall-time", "0.5", "--report", str(file))
    assert code == 124
    assert "wall-clock" in err
    assert json.loads(file.read_text())["ended_by"] == "wall-clock"


ORPHANS = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)  # {mark}"], start_new_session=True)
print("started", flush=True)
time.sleep({seconds})
"""


def alive(mark: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "cmdline").read_text():
                found.append(folder.name)
        except OSError:
            continue
    return found


@ON_LINUX
def test_what_the_program_left_running_ends_with_it() -> None:
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    process = started("exec", "--quiet", "--", sys.executable, "-c", ORPHANS.format(mark=mark, seconds=0))
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert alive(mark) == []
    assert not [name for name in left_behind() if name.startswith(f"fal-sandbox-{process.pid}-")]


@ON_LINUX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_or_killed_it_leaves_no_process_and_no_file(number: int) -> None:
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    process = started("exec", "--", sys.executable, "-c", ORPHANS.format(mark=mark, seconds=100))
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    assert alive(mark)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (128 + number, 1, 130)
    assert "sandbox: exit code" in err
    until(lambda: not alive(mark))
    assert not [name for name in left_behind() if name.startswith(f"fal-sandbox-{process.pid}-")]


TERMINAL = """
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""


@ON_LINUX
@pytest.mark.parametrize(
    ("code", "typed", "expected", "shown"),
    [
        ("import time; print('on', flush=True); time.sleep(100)", "\x03", 130, "KeyboardInterrupt"),
        ("print('on', flush=True); print('hello', input())", "you\n", 0, "hello you"),
    ],
    ids=["ctrl-c", "input"],
)
def test_at_a_terminal_the_program_is_in_the_foreground(code: str, typed: str, expected: int, shown: str) -> None:
    command = [sys.executable, "-c", TERMINAL, sys.executable, str(SCRIPT), "exec", "--", sys.executable, "-c", code]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
    assert process.stdin is not None
    assert process.stdout is not None
    until(lambda: process.stdout is not None and process.stdout.readline() == "on\n")
    process.stdin.write(typed)
    process.stdin.flush()
    out = process.stdout.read()
    process.stdin.close()
    process.stdout.close()
    assert process.wait(timeout=30) == expected
    assert shown in out
    assert out.count("sandbox: exit code") == 1


@ON_LINUX
def test_a_program_that_ignores_signals_is_ended_all_the_same() -> None:
    stubborn = """
import signal, time
for number in (1, 2, 15):
    signal.signal(number, signal.SIG_IGN)
print("on", flush=True)
time.sleep(100)
"""
    process = started("exec", "--quiet", "--", sys.executable, "-c", stubborn)
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 137


@ON_LINUX
def test_killed_outright_its_program_ends_and_the_next_run_takes_its_files_away() -> None:
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    process = started(
        "exec", "--", sys.executable, "-c", f"import time; print('on', flush=True); time.sleep(100)  # {mark}"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    folder = f"fal-sandbox-{process.pid}-"
    assert any(name.startswith(folder) for name in left_behind())
    process.kill()
    process.communicate(timeout=30)
    until(lambda: not alive(mark))
    ran("pass", "--quiet")
    assert not any(name.startswith(folder) for name in left_behind())


def test_a_signal_that_does_not_end_is_passed_on() -> None:
    code = """
import signal, sys
signal.signal(signal.SIGUSR1, lambda *arguments: sys.exit(7))
print("on", flush=True)
signal.pause()
"""
    process = started("exec", "--quiet", "--", sys.executable, "-c", code)
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=30)
    assert process.returncode == 7


def test_it_runs_from_any_folder_even_one_with_a_blank_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "app.py").write_text(SUBSCRIBE)
    assert done("exec", "--quiet", "--", sys.executable, "app.py", folder=folder)[0] == 0


def test_a_missing_package_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "trustme.py").write_text("raise ModuleNotFoundError(\"No module named 'trustme'\", name='trustme')")
    made: Any = subprocess.run(
        [sys.executable, str(SCRIPT), "exec", "--", "true"], env={**environment(), "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (made.returncode, made.stdout) == (7, "")
    assert made.stderr.startswith("error: the package 'trustme' is not installed")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks, and nothing is taken for stale there")
def test_a_sandbox_that_starts_meanwhile_does_not_take_a_new_folder_for_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fal_skill.sandbox import local

    locked = local._locked

    def locked_late(file: Any) -> bool:
        if "+" in file.mode or "w" in file.mode:  # the owner's: another sandbox looks around just before it is locked
            local.Folder._remove_stale(object.__new__(local.Folder), tmp_path)
        return locked(file)

    monkeypatch.setattr(local.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(local, "_locked", locked_late)
    folder = local.Folder()
    assert folder.path.is_dir() and (folder.path / local.LOCK).exists()
    local.Folder._remove_stale(object.__new__(local.Folder), tmp_path)
    assert folder.path.is_dir(), "its owner lives"
    folder._lock.close()
    local.Folder._remove_stale(object.__new__(local.Folder), tmp_path)
    assert not folder.path.exists(), "its owner is gone"
