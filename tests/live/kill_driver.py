"""Starts ``run_model.py`` again and again and kills it with SIGKILL at random moments.

argv: SEED KILLS LONGEST -- the arguments of run_model.py. The modules are imported once and each run is a fork, so that
a run begins with its work and not with a third of a second of imports. The last run is not killed. Prints a JSON line.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from importlib import import_module
from pathlib import Path


def begun(arguments: list[str], log: int) -> int:
    """Fork a run of the script; return its process id."""
    process = os.fork()
    if process:
        return process
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["run_model.py", *arguments]
    code = 70
    try:
        from fal_skill.console import run

        run(import_module("run_model").main)
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os._exit(code)


def main() -> None:
    seed, kills, longest = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    arguments = sys.argv[5:]
    for name in ("commands", "plan", "runner", "batch", "recovery", "platform", "downloads", "manifest", "progress"):
        import_module(f"fal_skill.live.{name}")
    import_module("run_model")
    import_module("jsonschema")
    moments = random.Random(seed)
    log = os.open(Path("kills.log"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    killed = 0
    for _ in range(kills * 2):
        if killed == kills:
            break
        process = begun(arguments, log)
        time.sleep(moments.uniform(0.005, longest))
        ended, _ = os.waitpid(process, os.WNOHANG)
        if not ended:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            killed += 1
    _, status = os.waitpid(begun(arguments, log), 0)
    print(json.dumps({"killed": killed, "code": os.waitstatus_to_exitcode(status)}))


if __name__ == "__main__":
    main()
