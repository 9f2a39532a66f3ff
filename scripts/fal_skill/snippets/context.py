"""What a template is given, and which templates make up a program."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..literals import WIDTH, Expression
from .batches import JobCost, Reads, varied, with_variable
from .environment import Imports, rendered
from .options import EXPIRATIONS, SnippetOptions
from .outputs import javascript_access, javascript_loop, main_output, python_access, python_loop
from .uploads import with_uploads
from .values import parsed_values

if TYPE_CHECKING:
    from ..registry import Model

_SUFFIXES = {"python": ".py", "python-async": ".py", "javascript": ".mjs", "typescript": ".mts"}
_PYTHON_EXTRAS = {"fastapi": "fastapi uvicorn cryptography", "flask": "flask cryptography"}


class Program:
    """One program to be written: a call, a language, a pattern and options that were checked."""

    def __init__(
        self,
        model: Model,
        arguments: dict[str, Any],
        language: str,
        pattern: str,
        options: SnippetOptions,
        cost: JobCost | None = None,
    ) -> None:
        self.model = model
        self.language = language
        self.pattern = pattern
        self.options = options
        self.cost = cost if options.unit_cost is None else JobCost(options.unit_cost)
        self.python = language.startswith("python")
        self.output = main_output(model)
        self.inline = arguments.get("sync_mode") is True
        self.values = parsed_values(options.values, language) if options.values is not None else None
        self.vary = varied(model, arguments, self.values) if pattern == "batch" else None
        if self.vary is not None:
            if self.values is not None and self.values.kind == "csv":
                self.values = self.values._replace(column=self.values.column or self.vary.field)
            arguments = with_variable(arguments, self.vary, "file_url" if self.python else "fileUrl")
        self.arguments, self.uploads = with_uploads(model, arguments)

    def files(self) -> list[tuple[str, str]]:
        """Return (file name, text) of each file, the main one first."""
        family = "python" if self.python else "javascript"
        made = [(self.filename, self._text(f"{family}-{self.pattern}.j2"))]
        suffix = ".ts" if self.language == "typescript" else ".js"
        if self.options.framework == "nextjs":
            made.append((f"lib/fal-submit{suffix}", self._text("javascript-webhook-lib.j2")))
        if self.options.browser and self.proxied:
            made.append((f"app/api/fal/proxy/route{suffix}", self._text("javascript-proxy.j2")))
        if self.options.browser and self.pattern == "realtime":
            made.append((f"app/api/fal/token/route{suffix}", self._text("javascript-token.j2")))
        return made

    @property
    def filename(self) -> str:
        """Name of the main file."""
        suffix = ".ts" if self.language == "typescript" else ".js"
        if self.options.framework == "nextjs":
            return f"app/api/fal/webhook/route{suffix}"
        if self.options.browser:
            return f"lib/fal-{self.pattern}{suffix}"
        return f"fal_{self.pattern}{_SUFFIXES[self.language]}"

    @property
    def proxied(self) -> bool:
        """Whether calls go through a proxy on the user's server; a realtime connection cannot."""
        return self.options.browser and (self.pattern != "realtime" or bool(self.uploads))

    def install(self) -> str:
        """Return the command that installs what the program imports."""
        if self.python:
            extra = _PYTHON_EXTRAS.get(self.options.framework or "", "")
            return f"pip install 'fal-client>=1.0.3,<2' {extra}".strip()
        extra = "express" if self.options.framework == "express" else ""
        extra = "@fal-ai/server-proxy@^1.2.1" if self.proxied else extra
        command = f"npm install @fal-ai/client@^1.10.1 {extra}".strip()
        if self.language == "typescript" and not self.in_application:
            types = "@types/node @types/express" if self.options.framework == "express" else "@types/node"
            command += f" && npm install -D tsx typescript {types}"
        return command

    @property
    def in_application(self) -> bool:
        """Whether the program is part of a web application, which runs it: a page, or a route of Next.js."""
        return self.options.browser or self.options.framework == "nextjs"

    def run(self) -> str:
        """Return the command that runs the program, or what runs it."""
        if self.in_application:
            return "your web application runs it"
        if self.pattern == "webhook" and self.python:
            server = "flask --app fal_webhook run" if self.options.framework == "flask" else "uvicorn fal_webhook:app"
            return server
        if self.python:
            return f"python {self.filename}"
        if self.language == "typescript":
            return f"npx tsx {self.filename}  # Node >= 22.18 runs it directly: node {self.filename}"
        return f"node {self.filename}"

    def reads(self) -> Reads | None:
        """Return what the program reads and writes, or None when its values stand in it."""
        if self.values is None or self.vary is None:
            return None
        return Reads(self.values, self.vary, self.options.out, self.cost, self.options.max_cost)

    def _text(self, name: str) -> str:
        values = self._common() | (self._python() if self.python else self._javascript())
        return _tidied(rendered(name, **values))

    def _common(self) -> dict[str, Any]:
        imports = Imports()
        slug, path = self.model.slug, f"/{self.pattern}"
        return {
            "imports": imports,
            "need": imports.need,
            "slug": slug,
            "alias": slug.split("/")[1] if "/" in slug else slug,
            "endpoint": slug + path if self.pattern == "stream" and not slug.endswith(path) else slug,
            "stem": re.sub(r"[^A-Za-z0-9.]+", "-", slug),
            "own_path": slug.endswith(path),
            "filename": self.filename,
            "arguments": self.arguments,
            "uploads": self.uploads,
            "output": self.output,
            "suffix": self.output.suffix,
            "options": self.options,
            "interval": self.output.poll_interval,
            "inline": self.inline,
            "vary": self.vary,
            "values": self.values,
            "cost": self.cost,
        }

    def _python(self) -> dict[str, Any]:
        asynchronous = self.language == "python-async"
        nested = asynchronous + self.options.errors if self.pattern not in ("webhook", "batch", "submit") else 0
        return {
            "asynchronous": asynchronous,
            "a": "await " if asynchronous else "",
            "d": "async " if asynchronous else "",
            "s": "_async" if asynchronous else "",
            "access": python_access(self.output.path),
            "files": python_loop(self.output.path) if self.output.is_file else None,
            "lifecycle": _lifecycle_header(self.options),
            "width": WIDTH - 4 * nested,
        }

    def _javascript(self) -> dict[str, Any]:
        ts = self.language == "typescript"
        optional = ts and not self.output.required
        base = "data" if self.pattern in ("stream", "webhook", "batch") else "result.data"
        nested = self.options.errors + self.options.browser
        expires = self.options.expires
        return {
            "ts": ts,
            "arguments": _camel(self.arguments, {upload.variable: upload.camel for upload in self.uploads}),
            "optional": optional,
            "access": javascript_access(self.output.path, base, optional),
            "files": javascript_loop(self.output.path, base, optional) if self.output.is_file else None,
            "timeout_ms": round((self.options.client_timeout or 0) * 1000),
            "expires_in": expires if expires in EXPIRATIONS else self.options.expires_seconds,
            "proxied": self.proxied,
            "width": WIDTH - 2 * nested,
        }


def _lifecycle_header(options: SnippetOptions) -> dict[str, str]:
    if options.expires_seconds is None:
        return {}
    return {"X-Fal-Object-Lifecycle-Preference": f'{{"expiration_duration_seconds": {options.expires_seconds}}}'}


def _camel(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, Expression):
        return Expression(names.get(value.code, value.code))
    if isinstance(value, dict):
        return {name: _camel(item, names) for name, item in value.items()}
    if isinstance(value, list):
        return [_camel(item, names) for item in value]
    return value


def _tidied(text: str) -> str:
    """Return the text without the blank lines that optional parts left: none at an end, never three in a row."""
    text = re.sub(r"[ \t]+\n", "\n", text).strip("\n")
    return re.sub(r"\n{4,}", "\n\n\n", text) + "\n"
