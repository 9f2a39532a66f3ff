"""The documentation as the tests see it: pages, fenced blocks, cited facts, slugs, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from markdown_it import MarkdownIt

from conftest import ROOT

FACTS_FILE = ROOT / "references" / "facts.yaml"
SKILL, README = ROOT / "SKILL.md", ROOT / "README.md"
REFERENCES = sorted((ROOT / "references").glob("*.md"))
PAGES = [SKILL, README, *REFERENCES]
MARK = re.compile(r"<!--\s*not run:\s*(.*?)\s*-->", re.DOTALL)
FACTS = re.compile(r"<!--\s*facts:\s*(.*?)\s*-->", re.DOTALL)
SLUG = re.compile(r"(?<![\w.@-])([A-Za-z][\w-]*)/[A-Za-z0-9][\w.-]*(?:/[\w.-]*\w)*")


class Block(NamedTuple):
    """One fenced block."""

    page: Path
    line: int
    language: str
    code: str
    not_run: str | None
    """Why it is not run, by the comment before it."""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


class Section(NamedTuple):
    """The part of a page under one heading, without its subsections."""

    page: Path
    heading: str
    text: str


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def blocks() -> tuple[Block, ...]:
    """Return all fenced blocks of all pages."""
    found = []
    for page in PAGES:
        tokens = MarkdownIt().parse(text_of(page))
        for index, token in enumerate(tokens):
            if token.type != "fence":
                continue
            before = tokens[index - 1].content if index and tokens[index - 1].type == "html_block" else ""
            mark = MARK.search(before)
            language = token.info.split()[0] if token.info else ""
            found.append(Block(page, (token.map or [0])[0] + 1, language, token.content, mark[1] if mark else None))
    return tuple(found)


@cache
def facts() -> dict[str, dict[str, Any]]:
    value = yaml.safe_load(FACTS_FILE.read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value


def cited(page: Path) -> Iterator[str]:
    """Yield the ids of facts that a page cites."""
    for listed in FACTS.findall(text_of(page)):
        yield from (name.strip() for name in listed.split(","))


def sections(page: Path) -> list[Section]:
    """Return the sections of a page, the part before the first heading included."""
    found, heading, lines = [], "", list[str]()
    fenced = False
    for line in text_of(page).splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and re.match(r"#{1,6} ", line):
            found.append(Section(page, heading, "\n".join(lines)))
            heading, lines = line.lstrip("# "), []
        else:
            lines.append(line)
    return [*found, Section(page, heading, "\n".join(lines))]


def slugs(page: Path, owners: set[str]) -> set[str]:
    """Return what looks like a model's slug on a page: segments of which the first owns models."""
    return {found[0] for found in SLUG.finditer(text_of(page)) if found[1] in owners}


def squeezed(text: str) -> str:
    """Return the text with every run of white space as one space: quotes may cross lines."""
    return re.sub(r"\s+", " ", text)
