"""``exec --isolate``: what an untrusted program cannot do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fal_skill.errors import UsageError
from fal_skill.sandbox.isolation import Limits, Plan, scrubbed, working_folder

SCRIPT = Path(__file__).parents[2] / "scripts" / "sandbox.py"


def namespaces_allowed() -> bool:
    probe = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x10000000 | 0x40000000))"
    return (
        sys.platform.startswith("linux") and subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
    )


NAMESPACES = pytest.mark.skipif(not namespaces_allowed(), reason="this machine allows no user namespaces")


def isolated(code: str, *options: str, folder: Path, env: dict[str, str] | None = None) -> tuple[int, str, str, Any]:
    report = folder / "report.json"
    words = ["exec", "--isolate", "--report", str(report), *options, "--", sys.executable, "-c", code]
    made = subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False, cwd=folder, timeout=120,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    return made.returncode, made.stdout, made.stderr, json.loads(report.read_text()) if report.exists() else None


def test_the_program_runs_and_finds_the_sandbox(tmp_path: Path) -> None:
    code = "import fal_client; print(fal_client.run('fal-ai/flux/schnell', {'prompt': 'x'})['prompt'])"
    found = isolated(code, folder=tmp_path)
    assert found[:2] == (0, "x\n"), found
    assert found[3]["isolation"]["environment"] == "scrubbed"
    assert found[3]["jobs"][0]["slug"] == "fal-ai/flux/schnell"


def test_the_environment_is_scrubbed(tmp_path: Path) -> None:
    code = "import os; print(sorted(os.environ)); print(os.getcwd() == os.environ['HOME'])"
    env = {"MY_SECRET": "x", "FAL_KEY": "users-own:secret", "MY_SETTING": "y"}
    _, out, _, _ = isolated(code, "--env", "MY_SETTING", folder=tmp_path, env=env)
    assert "MY_SECRET" not in out
    assert "'MY_SETTING'" in out
    assert out.endswith("True\n")


@NAMESPACES
def test_nothing_but_the_sandbox_can_be_reached(tmp_path: Path) -> None:
    code = """
import os, socket
for address in (("8.8.8.8", 53), ("127.0.0.1", 22), ("127.0.0.1", PORT), ("192.0.2.2", 80)):
    try:
        with socket.socket() as plain:  # by number: names are led to the sandbox before the network is asked
            plain.settimeout(5)
            plain.connect(address)
        print("reached", address)
    except OSError as error:
        print(error.errno)
proxy, tls = os.environ["FAL_SANDBOX"].split(":")
socket.create_connection(("127.0.0.1", int(proxy)), timeout=5).close()
print("done")
"""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as outside:
        code = code.replace("PORT", str(outside.getsockname()[1]))
        exit_code, out, err, report = isolated(code, folder=tmp_path)
    assert (exit_code, "reached" in out) == (0, False), (out, err)
    assert report["isolation"]["network_namespace"] is True


@NAMESPACES
def test_the_programs_processes_end_with_it_whatever_they_did(tmp_path: Path) -> None:
    mark = f"mark-{os.getpid()}-{tmp_path.name}"
    code = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)  # {mark}"], start_new_session=True)
"""
    exit_code, _, _, report = isolated(code, folder=tmp_path)
    assert (exit_code, report["isolation"]["process_namespace"]) == (0, True)
    running = [
        folder for folder in Path("/proc").glob("[0-9]*") if mark in (folder / "cmdline").read_text(errors="replace")
    ]
    assert running == []


@NAMESPACES
def test_other_processes_cannot_be_seen(tmp_path: Path) -> None:
    code = "import os; print(len([name for name in os.listdir('/proc') if name.isdigit()]), os.getpid())"
    _, out, _, report = isolated(code, folder=tmp_path)
    if not report["isolation"]["process_namespace"]:
        assert report["isolation"]["why_not"]
        return
    count, pid = map(int, out.split())
    assert count <= 4
    assert pid < 10


@pytest.mark.parametrize(
    ("options", "code", "expected", "ended_by"),
    [
        (["--wall-time", "1"], "import time; time.sleep(100)", 124, "wall-clock"),
        (["--cpu-time", "1"], "while True: pass", 152, "cpu"),
        (["--memory-mb", "200"], "x = bytearray(10**9)", 1, None),
        (["--file-mb", "1"], "open('big', 'wb').write(bytes(10**7))", 1, None),
    ],
)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are those of Linux")
def test_limits_hold(tmp_path: Path, options: list[str], code: str, expected: int, ended_by: str | None) -> None:
    found = isolated(code, *options, folder=tmp_path)
    assert (found[0], found[3]["ended_by"]) == (expected, ended_by), found


@NAMESPACES
def test_a_program_of_too_many_processes_is_ended(tmp_path: Path) -> None:
    code = "import subprocess, time\nfor _ in range(40): subprocess.Popen(['sleep', '60'])\ntime.sleep(30)"
    exit_code, _, _, report = isolated(code, "--processes", "20", folder=tmp_path)
    # Root is not bound by RLIMIT_NPROC: there the guard counts. For others the 21st process cannot be started.
    assert (exit_code, report["ended_by"]) in ((137, "processes"), (1, None))


@NAMESPACES
def test_webhooks_reach_a_receiver_inside(tmp_path: Path) -> None:
    code = """
import fal_client, http.server, threading
got = threading.Event()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"])); self.send_response(200); self.end_headers(); got.set()
    def log_message(self, *arguments): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
fal_client.submit("fal-ai/flux/schnell", {"prompt": "x"}, webhook_url=f"http://127.0.0.1:{server.server_port}/")
print(got.wait(20))
"""
    exit_code, out, _, report = isolated(code, folder=tmp_path)
    assert (exit_code, out) == (0, "True\n")
    assert report["webhooks"][0]["attempts"][0]["status"] == 200


def test_files_that_the_command_names_are_copied_and_nothing_is_written_back(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import lib\nopen('made', 'w').write(open('data/x.txt').read())\nprint(lib.NAME)")
    (tmp_path / "lib.py").write_text("NAME = 'lib'")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.txt").write_text("x")
    command = [
        sys.executable, str(SCRIPT), "exec", "--isolate", "--quiet", "--copy", "lib.py", "--copy", "data",
        "--", sys.executable, "app.py",
    ]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (made.returncode, made.stdout) == (0, "lib\n"), made.stderr
    assert not (tmp_path / "made").exists()


def test_a_working_folder_of_ones_own_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    isolated("open('made', 'w').write('x')", "--workdir", str(folder), folder=tmp_path)
    assert (folder / "made").read_text() == "x"


@pytest.mark.parametrize("copies", [("no-such-file",), (".",)])
def test_what_cannot_be_copied_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: tuple[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        working_folder(Plan(Limits(), copies=copies), ["true"], tmp_path)


def test_fals_own_variables_are_never_passed_on(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        scrubbed({}, {"FAL_KEY": "x"}, tmp_path, ("FAL_KEY",))


def test_where_namespaces_are_missing_it_says_so(tmp_path: Path) -> None:
    """The refusal is brought about by a system call filter's stand-in: unshare is replaced by one that fails."""
    start = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
from fal_skill.sandbox import namespaces
def refuse(libc, name, *arguments):
    raise OSError(1, f"{name}: Operation not permitted")
namespaces._call = refuse
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    report = tmp_path / "report.json"
    code = "import fal_client; fal_client.run('fal-ai/flux/schnell', {'prompt': 'x'})"
    words = ["exec", "--isolate", "--report", str(report), "--", sys.executable, "-c", code]
    command = [sys.executable, "-c", start, str(SCRIPT), *words]
    made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "no network isolation" in made.stderr
    isolation = json.loads(report.read_text())["isolation"]
    assert (isolation["network_namespace"], "not permitted" in isolation["why_not"]) == (False, True)
