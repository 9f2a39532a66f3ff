"""Which versions of fal-client pyproject.toml allows, read without a packaging library."""

from __future__ import annotations

import re
from typing import NamedTuple

from conftest import ROOT


class Specifiers(NamedTuple):
    """``>=A,<B`` as two tuples of numbers."""

    least: tuple[int, ...]
    below: tuple[int, ...]

    def contains(self, version: str) -> bool:
        """Return whether a version such as ``1.0.3`` is allowed."""
        return self.least <= numbers(version) < self.below

    @property
    def oldest(self) -> str:
        """The oldest allowed version."""
        return ".".join(map(str, self.least))


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def specifiers(name: str) -> Specifiers:
    """Return what pyproject.toml says of a dependency; its form must be ``name>=A,<B``."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(rf'"{re.escape(name)}>=([\d.]+),<([\d.]+)"', text)
    assert found, f"pyproject.toml has no {name}>=A,<B"
    return Specifiers(numbers(found[1]), numbers(found[2]))
