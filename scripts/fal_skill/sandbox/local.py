"""A running sandbox in this process: its own thread, loopback ports, temporary folder; all gone at the end."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from ..errors import UnavailableError
from .environment import child_environment, variables
from .settings import Settings

if TYPE_CHECKING:
    from ..registry import Registry
    from .jobs import Job
    from .service import Service
    from .webhooks import Post

Value = TypeVar("Value")

NEEDED = ("uvicorn", "starlette", "jsonschema")
FOLDER_PREFIX = "fal-sandbox-"
LOCK = "in-use"
START_SECONDS = 30.0
STOP_SECONDS = 10.0


def listening_socket(port: int = 0) -> socket.socket:
    """Return a bound loopback socket; UnavailableError when the port is taken."""
    # With the protocol named, asyncio switches Nagle's algorithm off: without that, every answer costs 40 ms.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
        # Connections that come before the server has finished its imports wait in this queue.
        sock.listen(1024)
    except OSError as error:
        sock.close()
        raise UnavailableError(
            f"port {port} cannot be used: {error.strerror or error}", hint="choose another, or leave --port out"
        ) from None
    return sock


class Folder:
    """A sandbox's temporary folder. While its owner lives it holds a lock, so that others know it for what it is."""

    def __init__(self) -> None:
        parent = Path(tempfile.gettempdir())
        self._remove_stale(parent)
        # Under another name until it is locked: a sandbox that starts at the same moment would take it for stale.
        made = Path(tempfile.mkdtemp(prefix=f".{FOLDER_PREFIX}{os.getpid()}-", dir=parent))
        self._lock = (made / LOCK).open("wb")
        # Windows renames no folder with an open file in it, and has no locks that could be missing.
        self.path = made.replace(parent / made.name[1:]) if _locked(self._lock) else made

    def remove(self) -> None:
        """Delete the folder and all that is in it."""
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def _remove_stale(self, parent: Path) -> None:
        """Delete what sandboxes left that were killed so hard that they could not clean up."""
        for folder in parent.glob(f"{FOLDER_PREFIX}*"):
            try:
                with (folder / LOCK).open("rb") as lock:
                    stale = _locked(lock)
            except OSError:
                continue  # just being made, or another user's
            if stale:
                shutil.rmtree(folder, ignore_errors=True)


def _locked(file: IO[bytes]) -> bool:
    """Lock the file; False where its owner holds it, or there are no such locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Sandbox:
    """One local fal and the way to talk to it; use ``running()`` to have it started and stopped."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        registry: Registry | None = None,
        port: int = 0,
    ) -> None:
        """Bind the ports and make the certificate; nothing is served yet."""
        for needed in NEEDED:
            # A server that cannot start must be told of before a program waits for its answers.
            if find_spec(needed) is None:
                raise ModuleNotFoundError(f"No module named {needed!r}", name=needed)
        from .certificates import Authority

        self.settings = settings or Settings()
        self._registry = registry
        self._authority = Authority()
        self._plain, self._tls = listening_socket(port), listening_socket()
        self.proxy_port: int = self._plain.getsockname()[1]
        self.tls_port: int = self._tls.getsockname()[1]
        self._more: list[tuple[socket.socket, socket.socket]] = []
        self._post: Post | None = None
        self._folder = Folder()
        self.folder = self._folder.path
        (self.folder / "files").mkdir()
        self.certificate = self.folder / "ca.pem"
        self.certificate.write_bytes(self._authority.certificate + self._public_authorities())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self.on_failure: Callable[[], None] = lambda: None
        """Called, in the server's thread, when the server fails: nobody would answer the program any more."""
        self.on_ready: Callable[[], None] = lambda: None
        """Called, on the server's event loop, when requests are answered."""
        self._service: Service | None = None
        self._thread = threading.Thread(target=self._serve, name="fal-sandbox", daemon=True)

    @property
    def url(self) -> str:
        """Address of the proxy, which also answers the admin calls."""
        return f"http://127.0.0.1:{self.proxy_port}"

    @property
    def key(self) -> str:
        """The key that this sandbox accepts."""
        return self.settings.key

    @property
    def service(self) -> Service:
        """The state behind all surfaces; only its own loop may change it, see ``call``."""
        if self._service is None:
            self.wait_ready()
        if self._service is None:
            raise UnavailableError("the sandbox is not running")
        return self._service

    @property
    def jobs(self) -> list[Job]:
        """All jobs in the order in which they came."""
        return list(self.service.board.jobs.values())

    @property
    def violations(self) -> list[dict[str, Any]]:
        """What the program did that it must not do, so far."""
        return [remark.as_dict() for remark in self.service.journal.violations]

    def variables(self, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment variables that lead a program here."""
        return variables(
            key=self.settings.empty_key if self.settings.no_balance else self.key,
            proxy_port=self.proxy_port,
            tls_port=self.tls_port,
            certificate=self.certificate,
            allow_hosts=self.settings.allow_hosts,
            inherited=inherited,
        )

    def environment(self, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return a whole environment for a child process, without the user's own key."""
        before = dict(os.environ if inherited is None else inherited)
        return child_environment(self.variables(before), before)

    def also_listen(self, tls: socket.socket, plain: socket.socket, post: Post) -> None:
        """Serve these bound sockets of another network namespace too, and post webhooks there; before ``start``."""
        self._more.append((tls, plain))
        self._post = post

    def start(self) -> None:
        """Begin to serve, in a thread of its own; does not wait: what connects early waits in the sockets' queue."""
        self._thread.start()

    def wait_ready(self) -> None:
        """Wait until requests are answered; UnavailableError when that fails."""
        if not self._ready.wait(START_SECONDS):
            raise UnavailableError(f"the sandbox did not start within {START_SECONDS:.0f} s")
        if self._failure is not None:
            raise UnavailableError(f"the sandbox could not start: {self._failure}") from self._failure

    def stop(self) -> None:
        """End all connections, close the ports, delete the files."""
        try:
            if self._thread.ident is not None:
                self._ready.wait(START_SECONDS)
                if self._loop is not None and self._stopping is not None and not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(self._stopping.set)
                self._thread.join(STOP_SECONDS)
        finally:
            for sock in (self._plain, self._tls, *(sock for pair in self._more for sock in pair)):
                sock.close()
            self._folder.remove()

    def call(self, work: Callable[[Service], Value]) -> Value:
        """Return what the function makes of the service, run on the sandbox's own loop."""
        self.wait_ready()
        if self._loop is None:
            raise UnavailableError("the sandbox is not running")

        async def on_loop() -> Value:
            return work(self.service)

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result(START_SECONDS)

    def add_fault(self, notation: str) -> None:
        """Order a fault, in the notation of ``faults``; UsageError when it is not one."""
        self.call(lambda service: service.faults.add(notation))

    def reset(self) -> None:
        """Forget jobs, files, journal and ordered faults."""
        self.call(lambda service: service.reset())

    def report(self, *, final: bool = False) -> dict[str, Any]:
        """Return the report so far; with ``final`` also name the jobs that nobody collected."""
        from .report import report_of

        return self.call(lambda service: report_of(service, final=final))

    def _public_authorities(self) -> bytes:
        if not self.settings.allow_hosts:
            return b""
        # Allowed hosts keep their own certificates, so the child must still know the public authorities.
        import ssl

        paths = ssl.get_default_verify_paths()
        for name in (paths.cafile, paths.openssl_cafile):
            if name and Path(name).is_file():
                return b"\n" + Path(name).read_bytes()
        try:
            import certifi
        except ModuleNotFoundError:
            return b""
        return b"\n" + Path(certifi.where()).read_bytes()

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._failure = error
            self.on_failure()
        finally:
            self._ready.set()

    async def _main(self) -> None:
        from ..registry import default_registry
        from .app import Application
        from .front import Gateway
        from .server import Server
        from .service import Service

        loop = asyncio.get_running_loop()
        self._loop, self._stopping = loop, asyncio.Event()
        loop.set_exception_handler(self._unforeseen)
        service = Service(self.settings, self._registry or default_registry(), self.folder / "files", loop.time)
        if self._post is not None:
            service.webhooks.post = self._post
        context = self._authority.context()
        application = Application(service, lambda client: server.cut(client))
        server = Server(application, context)
        gateway = Gateway(
            server.connection,
            context,
            allow_hosts=self.settings.allow_hosts,
            refused=lambda host, why: self._refused(service, host, why),
        )
        more_tls, more_plain = [tls for tls, _ in self._more], [plain for _, plain in self._more]
        await server.listen([self._tls, *more_tls], [self._plain, *more_plain], gateway)
        self._service = service
        self._ready.set()
        self.on_ready()
        try:
            await self._stopping.wait()
        finally:
            service.board.clear()
            await service.webhooks.close()
            await server.close()

    def _refused(self, service: Service, host: str, why: str) -> None:
        service.journal.refuse(host)
        service.journal.note("connection", host, f"{host}: {why}")

    def _unforeseen(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # Broken connections and failed handshakes end up here; they are the client's affair.
        if self._service is not None:
            error = context.get("exception")
            what = f"{context.get('message', '')} {type(error).__name__ if error else ''}".strip()
            self._service.journal.note("connection", what, f"{what}: {error}"[:300] if error else what)


@contextmanager
def running(settings: Settings | None = None, **options: Any) -> Iterator[Sandbox]:
    """Start a sandbox in this process, yield it when it answers, stop it at the end."""
    sandbox = Sandbox(settings, **options)
    try:
        sandbox.start()
        sandbox.wait_ready()
        yield sandbox
    finally:
        sandbox.stop()
