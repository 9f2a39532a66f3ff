"""What the validators of the specification, of Anthropic and of OpenAI want, asked of an installed copy.

The rules are those of skill-creator's quick_validate.py, of Codex's, and of the loaders that are stricter than they.
tests/docs/test_skill.py has those on the description's words and on lengths.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from conftest import ROOT
from fal_skill.install.bundle import bundled
from fal_skill.install.clients import Surroundings
from fal_skill.install.plans import Request, done, install_steps, source

CODEX_KEYS = {"name", "description", "license", "allowed-tools", "metadata"}
"""Fewer than the specification and Anthropic allow: they take compatibility too."""
RESERVED = ("anthropic", "claude")
MAX_NAME, MAX_DESCRIPTION, MAX_BODY_LINES = 64, 1024, 500


def complaints(data: bytes, folder: str) -> list[str]:
    """Return what is wrong with a SKILL.md in a folder of that name; empty: every validator takes it."""
    if data.startswith(b"\xef\xbb\xbf"):
        return ["byte order mark"]
    if b"\r" in data:
        return ["carriage return"]
    text = data.decode("utf-8")
    if not text.startswith("---\n") or "\n---\n" not in text:
        return ["no frontmatter"]
    front, _, body = text[4:].partition("\n---\n")
    found = []
    if "---" in front:
        found.append("--- inside the frontmatter")
    for line in front.splitlines():
        value = line.partition(":")[2].strip()
        if value.startswith(("{", "[", "&", "*", "!")):
            found.append("flow style, anchor or tag")
        if value and not value.startswith(('"', "'", ">", "|")) and re.search(r": |\s#", value):
            found.append("colon or comment in an unquoted value")
    keys = re.findall(r"^([^\s#:][^:]*):", front, re.MULTILINE)
    if len(keys) != len(set(keys)):
        found.append("a key twice")
    try:
        fields = yaml.safe_load(front)
    except yaml.YAMLError:
        return [*found, "not YAML"]
    name, description = fields.get("name"), fields.get("description")
    if set(fields) - CODEX_KEYS:
        found.append("unexpected key")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or len(name) > MAX_NAME:
        found.append("name")
    elif name != folder:
        found.append("name is not the folder's")
    elif any(word in name for word in RESERVED):
        found.append("reserved word in the name")
    if not isinstance(description, str) or not description.strip() or len(description) > MAX_DESCRIPTION:
        found.append("description")
    elif "<" in description or ">" in description:
        found.append("angle bracket in the description")
    if not all(isinstance(value, str) for value in fields.get("metadata", {}).values()):
        found.append("metadata that is not text")
    if len(body.splitlines()) >= MAX_BODY_LINES:
        found.append("body too long")
    return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real skill as it is installed for Codex."""
    home = tmp_path_factory.mktemp("home")
    made = source(ROOT, link=False)
    (step,) = install_steps(Request(("codex",), "user"), made, Surroundings(home, home / "project", {}))
    return done(step, made).path


def test_an_installed_copy_passes_every_rule(copy: Path) -> None:
    assert complaints((copy / "SKILL.md").read_bytes(), copy.name) == []


def test_an_unpacked_bundle_passes_every_rule(tmp_path: Path) -> None:
    made = bundled(ROOT, tmp_path / "x.skill", dry_run=False)
    with zipfile.ZipFile(made.file) as archived:
        archived.extractall(tmp_path / "unpacked")
    (folder,) = (tmp_path / "unpacked").iterdir()
    assert complaints((folder / "SKILL.md").read_bytes(), folder.name) == []


def replaced(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda data: re.sub(old.encode(), new.encode(), data, count=1, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda data: b"\xef\xbb\xbf" + data, "byte order mark"),
        (lambda data: data.replace(b"\n", b"\r\n"), "carriage return"),
        (lambda data: b"\n" + data, "no frontmatter"),
        (replaced(r"^license:", "license: MIT\nlicense:"), "a key twice"),
        (replaced(r"^license: .*", "license: a --- b"), "--- inside the frontmatter"),
        (replaced(r"^metadata:\n.*", 'metadata: {version: "1"}'), "flow style, anchor or tag"),
        (replaced(r"^license: .*", "license: Use when: x"), "colon or comment in an unquoted value"),
        (replaced(r"^license: .*", "license: MIT\ncompatibility: any"), "unexpected key"),
        (replaced(r"^name: .*", "name: Fal"), "name"),
        (replaced(r"^name: .*", "name: fal--ai"), "name"),
        (replaced(r"^name: .*", "name: another"), "name is not the folder's"),
        (replaced(r"^description: .*", "description: ''"), "description"),
        (replaced(r"^description: .*", "description: " + "x" * 1025), "description"),
        (replaced(r"^description: .*", 'description: "run <model>"'), "angle bracket in the description"),
        (replaced(r'version: ".*"', "version: 0.1"), "metadata that is not text"),
        (lambda data: data + b"\n" * 500, "body too long"),
    ],
)
def test_each_rule_is_one_that_can_be_broken(copy: Path, change: Callable[[bytes], bytes], complaint: str) -> None:
    assert complaint in complaints(change((copy / "SKILL.md").read_bytes()), copy.name)


def test_a_line_parser_reads_the_same_as_yaml_does(copy: Path) -> None:
    """As skill-creator's utils.parse_skill_md and readers that cut at the second ``---`` do."""
    text = (copy / "SKILL.md").read_text(encoding="utf-8")
    front = text.split("---", 2)[1]
    fields = yaml.safe_load(front)
    for key in ("name", "description"):
        line = next(line for line in front.splitlines() if line.startswith(f"{key}:"))
        assert line.partition(":")[2].strip().strip('"') == fields[key]


def test_the_specifications_own_validator_takes_an_installed_copy(copy: Path) -> None:
    command = shutil.which("agentskills", path=str(Path(sys.executable).parent)) or shutil.which("agentskills")
    if command is None:
        pytest.skip("skills-ref (command agentskills) is not installed; it needs Python 3.11")
    run = subprocess.run([command, "validate", str(copy)], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
