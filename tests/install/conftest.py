"""A small skill to install, and a home and project to install it in."""

from __future__ import annotations

from pathlib import Path

import pytest

from fal_skill.install.clients import Surroundings
from fal_skill.install.plans import Request, Step, done, install_steps, source, uninstall_steps

SKILL_MD = '---\nname: fal-ai-models-runner\ndescription: "x"\nmetadata:\n  version: "{}"\n---\n\n# Body\n'


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    """A source tree of a few files, with evals, tests and a cache in it."""
    root = tmp_path / "source"
    texts = {
        "SKILL.md": SKILL_MD.format("1.0.0"),
        "LICENSE": "MIT",
        "README.md": "for people",
        "references/a.md": "a",
        "scripts/run.py": "#!/usr/bin/env python3\nprint('ran')\n",
        "scripts/fal_skill/__init__.py": "",
        "scripts/__pycache__/run.pyc": "cache",
        "templates/t.j2": "t",
        "evals/evals.json": "answers",
        "tests/test_x.py": "answers",
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8", newline="\n")
    return root


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    """An empty home and an empty project."""
    for name in ("home", "project"):
        (tmp_path / name).mkdir()
    return Surroundings(tmp_path / "home", tmp_path / "project", {})


class Installer:
    """The installer without its command line: one skill, one home, one project."""

    def __init__(self, root: Path, around: Surroundings) -> None:
        self.root = root
        self.around = around

    def plan(self, *clients: str, link: bool = False, uninstall: bool = False, **asked: object) -> list[Step]:
        request = Request(clients, **{"scope": "user", **asked})  # type: ignore[arg-type]
        if uninstall:
            return uninstall_steps(request, self.around)
        return install_steps(request, source(self.root, link=link), self.around)

    def __call__(self, *clients: str, link: bool = False, uninstall: bool = False, **asked: object) -> list[Step]:
        steps = self.plan(*clients, link=link, uninstall=uninstall, **asked)
        if any(step.outcome == "refused" for step in steps):
            return steps
        made = None if uninstall else source(self.root, link=link)
        return [done(step, made) for step in steps]

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text, encoding="utf-8", newline="\n")

    def release(self, version: str) -> None:
        self.write("SKILL.md", SKILL_MD.format(version))

    def place(self, folder: str, scope: str = "user") -> Path:
        base = self.around.home if scope == "user" else self.around.project
        return base / folder / "skills/fal-ai-models-runner"


@pytest.fixture
def install(skill: Path, around: Surroundings) -> Installer:
    return Installer(skill, around)
