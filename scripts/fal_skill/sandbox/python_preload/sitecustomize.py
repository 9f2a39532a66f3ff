"""Leads the sockets of an unmodified Python program to the fal sandbox. Loaded by PYTHONPATH, see environment.py.

Why it is needed: httpx, requests, urllib and newer websockets honour HTTPS_PROXY; aiohttp (unless told), websockets
before version 15 and plain sockets do not. All of them ask getaddrinfo where to connect, so that answer is changed.
Programs that bring their own list of certificate authorities (certifi) are made to trust the sandbox's as well.
It can go when no client of fal ignores HTTPS_PROXY and SSL_CERT_FILE.

It runs in every Python process below the sandbox, so it imports next to nothing, and a failure in it must not matter.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

FAL_DOMAINS = ("fal.run", "fal.ai", "fal.media", "falrun.com")
HERE = ("", "localhost", "::1", "::", "0.0.0.0")


def _is_fal(name: str) -> bool:
    return any(name == domain or name.endswith("." + domain) for domain in FAL_DOMAINS)


def _is_here(name: str) -> bool:
    return name in HERE or (name.startswith("127.") and name.replace(".", "").isdigit())


def _text(value: object) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _lead(where: str, certificate: str, allowed: list[str]) -> None:
    import _socket

    proxy_port, tls_port = (int(port) for port in where.split(":"))
    ports = {"443": tls_port, "https": tls_port, "80": proxy_port, "http": proxy_port}
    own_name = _socket.gethostname().lower()
    ask = _socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if host is None:
            return ask(host, port, *rest, **named)
        name = _text(host).lower().rstrip(".").partition("%")[0]
        foreign_and_allowed = not _is_fal(name) and (name in allowed or "*" in allowed)
        if _is_here(name) or name == own_name or foreign_and_allowed:
            return ask(host, port, *rest, **named)
        led = ports.get(_text(port))
        if led is None:
            message = f"{name}:{_text(port)} is not reached from the fal sandbox (see --allow-host)"
            raise _socket.gaierror(_socket.EAI_NONAME, message)
        kind = rest[1] if len(rest) > 1 else named.get("type", 0)
        return ask("127.0.0.1", led, _socket.AF_INET, kind)

    _socket.getaddrinfo = getaddrinfo
    sys.meta_path.insert(0, _Trust(certificate))


class _Trust:
    """Waits for the import of ssl, and makes every context with its own authorities trust the sandbox's too."""

    def __init__(self, certificate: str) -> None:
        self.certificate = certificate

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "ssl":
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec

        spec = find_spec(name)
        loader: Any = spec.loader if spec is not None else None
        if loader is not None:
            run = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                self.patch(module)

            loader.exec_module = exec_module
        return spec

    def patch(self, ssl: Any) -> None:
        certificate, load = self.certificate, ssl.SSLContext.load_verify_locations

        def load_verify_locations(context: Any, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
            load(context, cafile, capath, cadata)
            if cafile != certificate:
                try:  # noqa: SIM105 - contextlib would be imported into every program
                    load(context, certificate)
                except OSError:
                    pass  # the sandbox has ended and taken its certificate along

        ssl.SSLContext.load_verify_locations = load_verify_locations


def _give_way() -> None:
    """Leave no trace in the program's sys.path, and load the sitecustomize that this file stands in front of."""
    here = __file__.replace("\\", "/").rpartition("/")[0]
    sys.path[:] = [folder for folder in sys.path if folder.replace("\\", "/").rstrip("/") != here]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        __import__("sitecustomize")  # the next one on the path
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours


def _main() -> None:
    import os

    where = os.environ.get("FAL_SANDBOX", "")
    if where:
        try:
            allowed = os.environ.get("FAL_SANDBOX_ALLOW", "").lower().split(",")
            _lead(where, os.environ.get("FAL_SANDBOX_CA", ""), allowed)
        except Exception as error:  # the program must run all the same; most clients honour the proxy
            sys.stderr.write(f"fal sandbox: this program is not led to it by address: {error!r}\n")
    _give_way()


_main()
