"""Evidence that a snippet works: it is run, unchanged, in the local sandbox, and what it did there is kept."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from .console import counted
from .errors import UnavailableError
from .folders import cache_folder
from .snippets import BatchInputs, Upload, with_uploads

if TYPE_CHECKING:
    from .registry import Model
    from .snippets import Snippet

SECONDS = 120.0
"""Wall-clock limit of one run; the sandbox's models take a quarter of a second."""
OUTPUT_CHARACTERS = 600
SANDBOX_PACKAGES = ("fal_client", "starlette", "uvicorn", "trustme", "websockets", "msgpack")
NODE_PACKAGES = ("@fal-ai/client@1.10.1", "typescript@5")
NPM_SECONDS = 300.0
RERUN_MARK = "FAL_SKILL_RERUN"
UNPROVABLE = {"webhook": "a webhook needs a server of yours that fal can reach"}


@dataclass(frozen=True)
class Proof:
    """What came of running a snippet in the sandbox."""

    ran: bool
    because: str
    """Why it was not run; empty when it was."""
    exit_code: int | None = None
    seconds: float | None = None
    sdk: str = ""
    """The SDK that ran, with its version."""
    jobs: tuple[dict[str, Any], ...] = ()
    """For each job: slug, status, http_status, findings."""
    files_made: int = 0
    files_fetched: int = 0
    violations: tuple[str, ...] = ()
    output: str = ""
    """The end of what the program printed."""
    stand_ins: tuple[str, ...] = ()
    """Local files that do not exist, and for which made-up ones stood in."""
    shortened: str = ""
    """Which part of a batch's values was run, when not all: ``the first 20 of 300 in prompts.csv``."""

    @property
    def passed(self) -> bool:
        """Whether the program ran to its end, every job was accepted, and it did nothing that it must not do."""
        accepted = bool(self.jobs) and all(job["http_status"] == 200 for job in self.jobs)
        return self.ran and self.exit_code == 0 and accepted and not self.violations

    @property
    def summary(self) -> str:
        """The evidence on one line."""
        if not self.ran:
            return f"not run: {self.because}"
        ends = Counter(f"{job['slug']} {job['status']} {job['http_status']}" for job in self.jobs)
        jobs = ", ".join(end if count == 1 else f"{count} × {end}" for end, count in ends.items()) or "no job"
        files = f"{counted(self.files_made, 'file')} made, {self.files_fetched} downloaded"
        wrong = f"; violations: {', '.join(self.violations)}" if self.violations else ""
        verdict = "ran" if self.passed else "FAILED"
        absent = f"; {', '.join(self.stand_ins)} does not exist here, a made-up file stood in" if self.stand_ins else ""
        part = f"; run with {self.shortened}" if self.shortened else ""
        how = f"exit code {self.exit_code}, {jobs}; {files}{part}{absent}{wrong}"
        return f"{verdict} in the local sandbox with {self.sdk}: {how}"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "passed": self.passed, "summary": self.summary}


def prove(model: Model, arguments: dict[str, Any], snippet: Snippet) -> Proof:
    """Run the snippet in a sandbox of its own and return the evidence.

    Local files are read where they exist; a missing one is stood in for by a small file of the right kind. Nothing
    leaves this machine, except that npm may have to install the JavaScript SDK once.

    Raises:
        MissingPackageError: the sandbox's packages are not installed (as ModuleNotFoundError).
        UnavailableError: node or npm are needed and missing.
    """
    because = UNPROVABLE.get(snippet.pattern, "")
    if because or any("proxy" in file.filename for file in snippet.more_files):
        return Proof(False, because or "code for a browser needs a page and a server")
    if missing := missing_package():
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
    reads = snippet.reads
    if reads is not None:  # the program takes this field from its source
        arguments = {name: value for name, value in arguments.items() if name != reads.vary.field}
        if outside := next((path for path in (reads.values.path, reads.out or "") if not _inside(path)), None):
            return Proof(False, f"{outside} lies outside the working folder: prove it with a folder below this one")
    _, uploads = with_uploads(model, arguments)
    python = snippet.language.startswith("python")
    with _folder(python) as folder:
        given = BatchInputs(reads, folder) if reads is not None else None
        if given is not None:
            uploads = (*uploads, *given.uploads)
        stand_ins = tuple(upload.path for upload in uploads if not Path(upload.path).expanduser().is_file())
        if given is not None:
            stand_ins = (*given.stand_ins, *stand_ins)
        for upload in uploads:
            if not _placed(upload, model, folder):
                return Proof(False, f"{upload.path} does not exist and lies outside the working folder")
        for name, code in [(snippet.filename, snippet.code), *((f.filename, f.code) for f in snippet.more_files)]:
            (folder / name).write_text(code, encoding="utf-8")
        command = [sys.executable, snippet.filename] if python else _node_command(folder, snippet)
        shortened = given.shortened if given is not None else ""
        return replace(_run(command, folder, _sdk(python)), stand_ins=stand_ins, shortened=shortened)


def missing_package() -> str | None:
    """Return the first package that the sandbox needs and this Python lacks, or None."""
    return next((package for package in SANDBOX_PACKAGES if find_spec(package) is None), None)


def rerun_with_packages(script: Path, words: Sequence[str]) -> int | None:
    """Run a script again by uv with the sandbox's packages, where this Python lacks them; return its exit code.

    None when nothing is missing, or uv is not installed: then the caller goes on and says what to install.
    """
    uv = shutil.which("uv")
    if missing_package() is None or uv is None or os.environ.get(RERUN_MARK):
        return None
    wanted = [f"--with={name}" for name in declared_packages(script.with_name("sandbox.py"))]
    command = [uv, "run", "--quiet", *wanted, str(script), *words]
    return subprocess.run(command, env={**os.environ, RERUN_MARK: "1"}, check=False).returncode


def declared_packages(script: Path) -> list[str]:
    """Return the requirements in a script's PEP 723 block."""
    block = script.read_text(encoding="utf-8").partition("# /// script")[2].partition("# ///")[0]
    return re.findall(r'"([A-Za-z][^"]*)"', block.partition("dependencies")[2])


def _run(command: list[str], folder: Path, sdk: str) -> Proof:
    from .sandbox import running

    with running() as sandbox:
        began = time.monotonic()
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=sandbox.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Proof(False, f"it did not end within {SECONDS:.0f} s")
        seconds = time.monotonic() - began
        report = sandbox.report(final=True)
    made = [entry for entry in report["media"] if entry["origin"] == "generated"]
    return Proof(
        ran=True,
        because="",
        exit_code=done.returncode,
        seconds=round(seconds, 2),
        sdk=sdk,
        jobs=tuple({key: job[key] for key in ("slug", "status", "http_status", "findings")} for job in report["jobs"]),
        files_made=len(made),
        files_fetched=sum(entry["fetched"] for entry in made),
        violations=tuple(f"{remark['code']}: {remark['message']}" for remark in report["violations"]),
        output=done.stdout.decode("utf-8", "replace")[-OUTPUT_CHARACTERS:],
    )


@contextmanager
def _folder(python: bool) -> Iterator[Path]:
    """Yield an empty folder; for JavaScript one from which the SDK can be imported."""
    parent = None if python else node_project()
    with tempfile.TemporaryDirectory(prefix="fal-proof-", dir=parent) as name:
        yield Path(name)


def _placed(upload: Upload, model: Model, folder: Path) -> bool:
    """Put the file, or a stand-in, where the snippet looks for it; return whether it is there."""
    path = PurePath(upload.path)
    source = Path(upload.path).expanduser()
    if not _inside(upload.path):
        return source.is_file()
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, target)
        return True
    from .sandbox import media

    kind = next((file.kind for file in model.file_inputs if file.path.split(".")[-1] in upload.variable), "file")
    if kind == "file":
        kind = next((kind for kind in ("image", "video", "audio") if upload.content_type.startswith(kind)), "file")
    wishes: dict[str, Any] = {"format": path.suffix.lstrip(".").lower()} if path.suffix else {}
    try:
        made = media.make(kind, **wishes)
    except (ValueError, KeyError, UnavailableError):
        made = media.make(kind)
    target.write_bytes(made.content)
    return True


def _inside(text: str) -> bool:
    """Return whether a path lies in the folder that a program is started in."""
    path = PurePath(text)
    return not (path.is_absolute() or ".." in path.parts or text.startswith("~"))


def _sdk(python: bool) -> str:
    if not python:
        return f"{NODE_PACKAGES[0]} on node"
    try:
        return f"fal-client {version('fal-client')}"
    except PackageNotFoundError:
        return "fal-client"


def node_project(extras: tuple[str, ...] = ()) -> Path:
    """Return a folder in the user's cache with the JavaScript SDK installed, installing it the first time.

    ``extras``: further packages, as npm writes them (``"sharp@0.34"``).
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise UnavailableError("node and npm are needed to run JavaScript", hint="or prove --language python")
    packages = (*NODE_PACKAGES, *extras)
    folder = Path(cache_folder()) / "node" / "-".join(name.replace("/", "_") for name in packages)
    mark = folder / "installed"
    if not mark.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", *packages]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, timeout=NPM_SECONDS, check=False,
                encoding="utf-8", errors="replace",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"npm did not install the SDK within {NPM_SECONDS:.0f} s") from None
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UnavailableError(f"npm could not install {packages[0]}: {reason[:200]}")
        mark.touch()
    return folder


def _node_command(folder: Path, snippet: Snippet) -> list[str]:
    node = shutil.which("node") or "node"
    if snippet.language == "javascript":
        return [node, snippet.filename]
    # Node before 22.6 cannot strip types itself.
    program = (
        'import ts from "typescript"; import { readFileSync, writeFileSync } from "node:fs";'
        "const [from, to] = process.argv.slice(1);"
        "const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };"
        "writeFileSync(to, ts.transpileModule(readFileSync(from, 'utf8'), { compilerOptions: options }).outputText);"
    )
    target = str(PurePath(snippet.filename).with_suffix(".mjs"))
    command = [node, "--input-type=module", "-e", program, snippet.filename, target]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, timeout=SECONDS, check=False, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        raise UnavailableError(f"typescript could not compile the snippet: {done.stderr.strip()[-200:]}")
    return [node, target]
