"""Which language a file is in, and whether it can have to do with fal at all."""

from __future__ import annotations

import re

PYTHON = "python"
JAVASCRIPT = "javascript"
TYPESCRIPT = "typescript"
TSX = "tsx"
SHELL = "shell"
MARKDOWN = "markdown"
NOTEBOOK = "notebook"
MARKUP = "markup"
JSON = "json"
TOML = "toml"
YAML = "yaml"
ENV = "env"
REQUIREMENTS = "requirements"
TEXT = "text"

CODE = frozenset({PYTHON, JAVASCRIPT, TYPESCRIPT, TSX})
"""Languages that are read as programs."""
TREE_SITTER = frozenset({JAVASCRIPT, TYPESCRIPT, TSX})
"""Languages that need the optional packages of tree-sitter."""

_SUFFIXES = {
    "py": PYTHON, "pyi": PYTHON, "pyw": PYTHON, "js": JAVASCRIPT, "mjs": JAVASCRIPT, "cjs": JAVASCRIPT,
    "jsx": JAVASCRIPT, "ts": TYPESCRIPT, "mts": TYPESCRIPT, "cts": TYPESCRIPT, "tsx": TSX, "md": MARKDOWN,
    "mdx": MARKDOWN, "markdown": MARKDOWN, "mdc": MARKDOWN, "ipynb": NOTEBOOK, "html": MARKUP, "htm": MARKUP,
    "vue": MARKUP, "svelte": MARKUP, "astro": MARKUP, "sh": SHELL, "bash": SHELL, "zsh": SHELL, "ksh": SHELL,
    "command": SHELL, "json": JSON, "jsonc": JSON, "json5": JSON, "webmanifest": JSON, "toml": TOML, "lock": TOML,
    "yaml": YAML, "yml": YAML, "env": ENV, "cfg": TEXT, "ini": TEXT, "txt": TEXT, "rst": TEXT, "dockerfile": SHELL,
    "j2": TEXT, "conf": TEXT, "properties": ENV,
}  # fmt: skip
_NAMES = {
    "dockerfile": SHELL, "containerfile": SHELL, "makefile": SHELL, "justfile": SHELL, "procfile": TEXT,
    "pipfile": TOML, "pipfile.lock": JSON, "package-lock.json": JSON, "pnpm-lock.yaml": YAML, "yarn.lock": TEXT,
    ".envrc": SHELL, ".bashrc": SHELL, ".zshrc": SHELL, ".profile": SHELL, ".npmrc": TEXT,
}  # fmt: skip
_FENCES = {
    "python": PYTHON, "py": PYTHON, "python3": PYTHON, "pycon": PYTHON, "ipython": PYTHON, "javascript": JAVASCRIPT,
    "js": JAVASCRIPT, "mjs": JAVASCRIPT, "node": JAVASCRIPT, "jsx": JAVASCRIPT, "typescript": TYPESCRIPT,
    "ts": TYPESCRIPT, "mts": TYPESCRIPT, "tsx": TSX, "bash": SHELL, "sh": SHELL, "shell": SHELL, "zsh": SHELL,
    "console": SHELL, "shell-session": SHELL, "terminal": SHELL, "curl": SHELL, "powershell": SHELL, "json": JSON,
    "jsonc": JSON, "json5": JSON, "html": MARKUP, "vue": MARKUP, "svelte": MARKUP, "astro": MARKUP, "toml": TOML,
    "yaml": YAML, "yml": YAML, "env": ENV, "dotenv": ENV, "dockerfile": SHELL, "ini": TEXT, "text": TEXT, "txt": TEXT,
    "diff": "diff",
}  # fmt: skip
_SHEBANG = re.compile(r"#!.*?\b(python|node|deno|bun|tsx|uv|(?:ba|z|k|da)?sh)[\d.]*(?:\s|$)")
_SHEBANG_LANGUAGES = {
    "python": PYTHON,
    "uv": PYTHON,
    "node": JAVASCRIPT,
    "deno": TYPESCRIPT,
    "bun": TYPESCRIPT,
    "tsx": TYPESCRIPT,
}

_LOOKS = (
    (PYTHON, re.compile(r"^\s*(?:import fal_client|from \w[\w.]* import |import \w+(?: as \w+)?$)", re.M)),
    (PYTHON, re.compile(r"^\s*(?:async )?def \w+\(", re.M)),
    (PYTHON, re.compile(r"\bfal_client\.\w+\(")),
    (TYPESCRIPT, re.compile(r"^\s*(?:import .* from [\"']|const \w+ = |export |let \w+ = |const \{)", re.M)),
    (TYPESCRIPT, re.compile(r"\bawait fal\.|\bfal\.(?:subscribe|run|stream|queue|realtime)\b")),
    (SHELL, re.compile(r"^\s*(?:\$ |curl |pip3? install|npm i|npx |uv |python3? |export |genmedia |claude |codex )",
                       re.M)),
    (JSON, re.compile(r"\A\s*\{\s*(?:\"|//)")),
)  # fmt: skip

_MENTION = re.compile(
    rb"fal(?:_client|-client|-ai|_ai\b|\.ai\b|\.run\b|\.media\b|_key\b|Client\b|_serverless|-serverless"
    rb"|\.(?:subscribe|queue|stream|realtime|storage|config|run)\b|run\.com)"
)
_OTHER_MENTIONS = (b"FAL_KEY", b"FAL_API_KEY", b"genmedia", b"@modelcontextprotocol/server-http")
_KEY = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}:[0-9a-f]{32}")


def mentions_fal(data: bytes) -> bool:
    """Whether a file's bytes can have to do with fal; most files are done with after this."""
    if _MENTION.search(data) is not None:
        return True
    return any(word in data for word in _OTHER_MENTIONS)


def language_of(path: str, head: str = "") -> str | None:
    """Return the language of a file by its name, or by its first line when it has no suffix; None for any other."""
    name = path.replace("\\", "/").rpartition("/")[2].lower()
    if name in _NAMES:
        return _NAMES[name]
    if name.startswith(("requirements", "constraints")) and name.endswith((".txt", ".in", ".lock")):
        return REQUIREMENTS
    if name == ".env" or name.startswith((".env.", ".dev.vars")) or name.endswith(".env"):
        return ENV
    if name.startswith("dockerfile."):
        return SHELL
    stem, dot, suffix = name.rpartition(".")
    if dot and stem:
        return _SUFFIXES.get(suffix)
    found = _SHEBANG.match(head)
    return _SHEBANG_LANGUAGES.get(found[1], SHELL) if found else None


def needs_head(path: str) -> bool:
    """Whether the language of a file may depend on its first line."""
    name = path.replace("\\", "/").rpartition("/")[2]
    return "." not in name.lstrip(".") and not name.startswith(".") and language_of(path) is None


def fence_language(info: str, text: str) -> str | None:
    """Return the language of a document's code block by its info string, or by its looks when it has none."""
    word = info.strip().lower().lstrip("{.").split(None, 1)[0].split(",")[0].rstrip("}") if info.strip() else ""
    word = word.partition(":")[0]
    if word in ("", "text", "txt", "code", "plaintext"):
        return looks_like(text)
    return _FENCES.get(word)


def looks_like(text: str) -> str | None:
    """Return the language that a text of unknown origin most likely is in, or None."""
    head = text[:8000]
    return next((language for language, look in _LOOKS if look.search(head)), None)
