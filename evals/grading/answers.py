"""An agent's answer, taken apart: what it says, and the files and code that it gives. All of it is untrusted text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fal_skill.calls.languages import CODE, MARKDOWN, fence_language, language_of
from fal_skill.errors import UnavailableError, UsageError

MAX_ANSWER_BYTES = 2 * 1024 * 1024
MAX_FILE_BYTES = 512 * 1024
MAX_FILES = 300
_SKIPPED_FOLDERS = frozenset(
    {
        ".git",
        "node_modules",
        "__pycache__",
        ".venv",
        "venv",
        ".claude",
        ".agents",
        ".codex",
        ".gemini",
        ".opencode",
    }
)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+(?=[\"'(`*\[]*[A-Z0-9])|\n")
_COMMENT = {
    "python": re.compile(r"(?:^|\s)#\s?(?!!)(.*)$"),
    "shell": re.compile(r"(?:^|\s)#\s?(?!!)(.*)$"),
    "javascript": re.compile(r"(?:^|\s)//\s?(.*)$|^\s*/?\*+\s?(.*?)\*?/?$"),
}
_DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
_NAME_IN_CODE = re.compile(r"\A(?:#!.*\n)?\s*(?:#|//|/\*|--)\s*(?:file(?:name)?:\s*)?([\w./\[\]-]+\.\w{1,5})\b")
_NAME_NEARBY = re.compile(
    r"[`*\"']?((?:[\w.\[\]()-]+/)*[\w.\[\]()-]+\.(?:py|m?js|cjs|tsx?|mts|jsx|sh|json|toml|ya?ml|ipynb|env))[`*\"']?"
)
_NAME_IN_INFO = re.compile(
    r"(?:title|file(?:name)?|path)\s*[=:]\s*[\"']?([\w./\[\]-]+\.\w{1,5})|^\w+:([\w./-]+\.\w{1,5})"
)


@dataclass(frozen=True)
class Passage:
    """A piece of what the answer says: a paragraph, a list item, a row of a table, a heading, or a comment in code."""

    text: str
    line: int
    heading: str = ""
    """The heading that it stands under."""
    kind: str = "prose"
    """prose, row, heading or comment."""
    file: str = ""
    """The file it stands in; empty for the answer itself."""

    @property
    def sentences(self) -> list[str]:
        """The passage, cut into sentences."""
        return [part.strip() for part in _SENTENCE_END.split(self.text) if part and part.strip()]


@dataclass(frozen=True)
class Block:
    """A piece of code that the answer gives: a fenced block, or a file."""

    code: str
    language: str
    """python, javascript, typescript, tsx, shell, json, …; empty when it is none of those known."""
    line: int
    """Line of the answer that its first line is on; 1 for a file."""
    name: str = ""
    """The file that it is, or is to be saved as; empty when the answer does not say."""
    is_file: bool = False

    @property
    def where(self) -> str:
        """Where it stands, in words."""
        return (
            self.name if self.is_file else f"the block at line {self.line}" + (f" ({self.name})" if self.name else "")
        )


@dataclass(frozen=True)
class Answer:
    """What an agent gave back."""

    text: str
    files: dict[str, str] = field(default_factory=dict)
    """Text files that it made, by their path."""
    transcript: str = ""
    """What the agent did on the way, if it was kept."""

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The fenced blocks of the answer, in reading order."""
        return tuple(_fences(self.text))

    @cached_property
    def code(self) -> tuple[Block, ...]:
        """The fenced blocks and the files that hold code, files first."""
        files = [Block(text, language_of(name) or "", 1, name, True) for name, text in self.files.items()]
        return (*(block for block in files if block.language and block.language != MARKDOWN), *self.blocks)

    @cached_property
    def prose(self) -> tuple[Passage, ...]:
        """What the answer says in words, without its code; Markdown files that it made included."""
        found = list(_passages(self.text, ""))
        for name, text in self.files.items():
            if name.lower().endswith((".md", ".markdown", ".mdx")):
                found += _passages(text, name)
        return tuple(found)

    @cached_property
    def comments(self) -> tuple[Passage, ...]:
        """The comments and docstrings in its code."""
        return tuple(passage for block in self.code for passage in _comments(block))

    @property
    def said(self) -> tuple[Passage, ...]:
        """Everything that is said in words: prose, then comments."""
        return (*self.prose, *self.comments)

    @cached_property
    def words(self) -> int:
        """The words of the answer's own prose: no code, also none within a line, no tables, no addresses, no marks."""
        return sum(
            len(_WORD.findall(_UNCOUNTED.sub(" ", passage.text)))
            for passage in self.prose
            if not passage.file and passage.kind != "row"
        )


_LABEL = re.compile(r"\*\*([^*\n]{2,60}?):?\*\*:?")
_UNCOUNTED = re.compile(r"(`+)(?!`)[^\n]*?(?<!`)\1(?!`)|https?://\S+")
_WORD = re.compile(r"\S*\w\S*")


def clean(text: str) -> str:
    """Return text without terminal escapes, control characters and marks that turn the reading direction."""
    return _CONTROLS.sub("\ufffd", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def quoted(text: str, limit: int = 200) -> str:
    """Return a piece of an answer fit to be quoted as evidence: clean, one line, short."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def read_answer(output: Path, files: Path | None = None, transcript: Path | None = None) -> Answer:
    """Return the answer in a file and the files in a folder; UsageError when the answer cannot be read.

    Links are not followed, and what is too large or not text is left out.
    """
    text = _bounded(output, MAX_ANSWER_BYTES)
    if text is None:
        raise UsageError(f"{output} is larger than {MAX_ANSWER_BYTES >> 20} MB")
    kept = read_files(files) if files is not None else {}
    told = (_bounded(transcript, 16 * MAX_ANSWER_BYTES) or "") if transcript is not None else ""
    return Answer(clean(text), kept, clean(told))


def read_files(folder: Path) -> dict[str, str]:
    """Return the text files below a folder by their path in it."""
    if not folder.is_dir():
        raise UsageError(f"no such folder: {str(folder)!r}")
    kept: dict[str, str] = {}
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(root, name)
            if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
                continue
            data = path.read_bytes()
            if b"\0" not in data[:4096]:
                kept[path.relative_to(folder).as_posix()] = clean(data.decode("utf-8", "replace"))
            if len(kept) >= MAX_FILES:
                return kept
    return kept


def _bounded(path: Path, limit: int) -> str | None:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UnavailableError(f"cannot read {path}: {error.strerror or error}") from None
    return None if len(data) > limit else data.decode("utf-8", "replace")


def _fences(text: str) -> Iterator[Block]:
    from markdown_it import MarkdownIt

    lines = text.split("\n")
    for token in MarkdownIt("commonmark").disable("inline").parse(text):
        if token.type in ("fence", "code_block") and token.map is not None and token.content.strip():
            first = token.map[0] + (2 if token.type == "fence" else 1)
            language = fence_language(token.info, token.content) or ""
            above = next(
                (line for line in reversed(lines[max(0, token.map[0] - 3) : token.map[0]]) if line.strip()), ""
            )
            yield Block(token.content, language, first, _name(token.info, token.content, above, language))


def _name(info: str, code: str, above: str, language: str) -> str:
    match = _NAME_IN_INFO.search(info) or _NAME_IN_CODE.search(code[:200])
    if match:
        return next(group for group in match.groups() if group)
    if language in CODE or language in ("shell", "json", "toml"):
        near = [name for name in _NAME_NEARBY.findall(above) if fence_language(name.rpartition(".")[2], "") == language]
        if len(near) == 1:
            return str(near[0])
    return ""


def _passages(text: str, file: str) -> Iterator[Passage]:
    from markdown_it import MarkdownIt

    heading, depth = "", 0
    row: list[str] = []
    line = 1
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.map is not None:
            line = token.map[0] + 1
        if token.type == "heading_open":
            depth = 1
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            yield Passage(" | ".join(row), line, heading, "row", file)
            row = []
        elif token.type in ("th_open", "td_open"):
            depth = 2
        elif token.type == "inline":
            content = token.content.strip()
            if depth == 2:
                row.append(content)
            elif depth == 1:
                heading = content
                yield Passage(content, line, "", "heading", file)
            elif label := _LABEL.fullmatch(content):
                heading = label[1].strip()  # "**Cheaper for drafts:**" above a list is a heading, too
                yield Passage(content, line, "", "heading", file)
            elif content:
                yield Passage(content, line, heading, "prose", file)
            depth = 0 if depth != 2 else depth
        elif token.type in ("th_close", "td_close"):
            depth = 0
        elif token.type == "html_block" and token.content.strip():
            yield Passage(re.sub(r"<[^>]{0,300}>", " ", token.content).strip(), line, heading, "prose", file)


def _comments(block: Block) -> Iterator[Passage]:
    language = "javascript" if block.language in ("javascript", "typescript", "tsx") else block.language
    pattern = _COMMENT.get(language)
    if pattern is None:
        return
    file = block.name if block.is_file else ""
    gathered: list[str] = []
    for offset, text in enumerate([*block.code.split("\n"), ""]):
        match = pattern.search(text) if len(text) < 2000 else None
        said = next((group for group in match.groups() if group), "") if match else ""
        if said:
            gathered.append(said.strip())
        elif gathered:  # comments on neighbouring lines are one text
            yield Passage(" ".join(gathered), block.line + offset - len(gathered), "", "comment", file)
            gathered = []
    if language == "python":
        for found in _DOCSTRING.finditer(block.code):
            text = " ".join(found[1].split())
            if text:
                yield Passage(text, block.line + block.code.count("\n", 0, found.start()), "", "comment", file)
