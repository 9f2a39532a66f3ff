"""Runs one client where nothing but loopback exists, beside a model that is a stub. A program of its own.

Called as ``python loopback.py ORDER.json``; the order names the command, its environment, folder and time limit.
Prints a JSON object: exit code, output, and each request that the stub got.
Outside Linux there are no network namespaces: the client then gets a proxy that leads nowhere.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from stub import Stub, handler

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def bring_loopback_up() -> None:
    """Switch on the loopback device of a fresh network namespace; it is off at first."""
    import fcntl

    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        answer = fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16sh22x", b"lo", 0))
        flags = struct.unpack("16sh22x", answer)[1]
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def filled(value: Any, port: int) -> Any:
    """Return the value with the stub's port in the place of ``{port}``."""
    if isinstance(value, str):
        return value.replace("{port}", str(port))
    if isinstance(value, list):
        return [filled(item, port) for item in value]
    return {key: filled(item, port) for key, item in value.items()}


def main() -> None:
    """Carry out the order named on the command line."""
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if order["namespace"]:
        bring_loopback_up()
    stub = Stub(order["skill"], Path(order["files"]) if order["files"] else None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(stub))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_port
    try:
        done = subprocess.run(
            filled(order["command"], port), env=filled(order["env"], port), cwd=order["folder"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=order["seconds"], check=False,
        )  # fmt: skip
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        code, out, err = None, late.stdout or b"", late.stderr or b""
    server.shutdown()
    result = {
        "code": code,
        "out": out.decode("utf-8", "replace"),
        "err": err.decode("utf-8", "replace"),
        "requests": stub.requests,
    }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
