"""Every pattern runs, unchanged, in the sandbox in every language, with an image, a video and a speech model.

TypeScript is run as the JavaScript that is left when its types are taken away, which ``test_typescript.py`` compares.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import node_project
from fal_skill.sandbox import Sandbox, Settings, pytest_plugin
from fal_skill.snippets import SnippetOptions
from snippets.fake_fal import PIXEL
from snippets.programs import program
from snippets.test_webhook_receivers import Receiver

fal_sandbox = pytest_plugin.fal_sandbox
fal_sandbox_server = pytest_plugin.fal_sandbox_server

FLUX = "fal-ai/flux/schnell"
CALLS = {
    FLUX: {"prompt": "a rain-soaked street", "image_size": "square"},
    "fal-ai/kling-video/v3/pro/image-to-video": {"start_image_url": "a.png", "prompt": "slow zoom"},
    "fal-ai/elevenlabs/tts/turbo-v2.5": {"text": "hello"},
}
STREAMED = {
    FLUX: {"prompt": "a rain-soaked street"},
    "fal-ai/flux-lora": {"prompt": "a rain-soaked street"},
    "fal-ai/elevenlabs/tts/turbo-v2.5": {"text": "hello"},
}
"""The sandbox, as fal, streams no video."""
LANGUAGES = ("python", "python-async", "javascript")
PATTERNS = ("subscribe", "run", "submit", "stream", "realtime", "batch")


@pytest.fixture(scope="session")
def fal_sandbox_settings() -> Settings:
    return Settings(queue_seconds=0.02, model_seconds=0.1)


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    if request.param == "javascript":
        node_modules()
    return str(request.param)


def node_modules() -> Path:
    """Return the installed npm packages, or skip the test."""
    try:
        return node_project.node_modules()
    except node_project.NodeMissingError as error:
        pytest.skip(f"JavaScript snippets are not run: {error}")


def command(path: Path) -> list[str]:
    """Return the command that runs the program."""
    if path.suffix == ".py":
        return [sys.executable, str(path)]
    if not (path.parent / "node_modules").exists():
        (path.parent / "node_modules").symlink_to(node_modules())
    return [node_project.node(), "--experimental-websocket", str(path)]


def ran(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in its own folder, with the environment of the sandbox."""
    return subprocess.run(
        [*command(path), *arguments], cwd=path.parent, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_snippet_does_its_work_and_gives_the_sandbox_nothing_to_object_to(
    tmp_path: Path, fal_sandbox: Sandbox, language: str, pattern: str
) -> None:
    calls = STREAMED if pattern == "stream" else CALLS
    options = SnippetOptions(download=pattern != "realtime", errors=True, unit_cost=0.01)

    def one(slug: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / slug.replace("/", "_")
        folder.mkdir()
        (folder / "a.png").write_bytes(PIXEL)
        done = ran(program(folder, slug, dict(calls[slug]), language, pattern, options))
        made = [
            path for path in folder.iterdir() if path.suffix not in (".py", ".mjs", ".json") and path.name != "a.png"
        ]
        saved = [path for path in made if path.is_file() and path.stat().st_size > 100]
        assert done.returncode == 0, f"{slug}\n{done.stdout}\n{done.stderr}"
        assert bool(saved) == options.download, f"{slug}\n{done.stdout}"
        return done

    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(one, calls))
    assert fal_sandbox.violations == []
    assert sorted(job.slug.removesuffix("/stream") for job in fal_sandbox.jobs) == sorted(calls)


def test_the_express_receiver_accepts_what_the_sandbox_signs(tmp_path: Path, fal_sandbox: Sandbox) -> None:
    node_modules()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = program(tmp_path, FLUX, {"prompt": "a"}, "javascript", "webhook", SnippetOptions(framework="express"))
    text = path.read_text()
    assert "app.listen(3000)" in text
    path.write_text(text.replace("app.listen(3000)", f'app.listen({port}, "127.0.0.1", () => console.log("ready"))'))
    with subprocess.Popen(command(path), cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None and server.stdout.readline() == "ready\n"
            submitted = ran(path, f"http://127.0.0.1:{port}/fal-webhook")
            assert submitted.returncode == 0, submitted.stderr
            url = server.stdout.readline()
        finally:
            server.terminate()
    assert url.startswith("https://") and "fal.media" in url
    assert fal_sandbox.violations == []


@pytest.mark.parametrize(
    ("name", "framework"), [("python", "fastapi"), ("python", "flask"), ("python-async", "fastapi")]
)
def test_the_python_receivers_accept_what_the_sandbox_signs(
    tmp_path: Path, fal_sandbox: Sandbox, name: str, framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(tmp_path, FLUX, {"prompt": "a"}, name, "webhook", SnippetOptions(framework=framework))
    receiver = Receiver(path, None, framework, monkeypatch)
    answers: list[bool] = []
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {key.lower(): value for key, value in self.headers.items()}
            answers.append(receiver.deliver(headers, body))
            self.send_response(200 if answers[-1] else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            arrived.set()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        # In a process of its own: as its user runs it, with its client closed at the end.
        stub = "import sys, types\nsys.modules['fastapi'] = sys.modules['flask'] = types.SimpleNamespace(\n"
        stub += "    FastAPI=lambda: None, Flask=lambda name: None, HTTPException=0, Request=0, BackgroundTasks=0,\n"
        stub += "    abort=0, request=0)\n"
        submit_side = path.read_text().split("@app.post")[0] + path.read_text()[path.read_text().index("if __name__") :]
        (tmp_path / "submit.py").write_text(stub + submit_side)
        done = ran(tmp_path / "submit.py", f"http://127.0.0.1:{server.server_address[1]}/fal-webhook")
        assert done.returncode == 0, done.stderr
        assert arrived.wait(10)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert answers == [True]
    assert os.environ["FAL_KEY"] and fal_sandbox.violations == []
