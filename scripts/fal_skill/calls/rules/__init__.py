"""What the linter looks for, one module for each subject; ``catalogue.py`` says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..problem import Problem
from .catalogue import RULES, Rule, rule
from .context import Catalogue, File
from .inputs import input_problems
from .keys import key_problems
from .outputs import output_problems
from .packages import package_problems
from .servers import server_problems
from .slugs import slug_problems
from .waiting import waiting_problems

CHECKS: tuple[Callable[[File], Iterator[Problem]], ...] = (
    slug_problems,
    input_problems,
    output_problems,
    waiting_problems,
    key_problems,
    package_problems,
    server_problems,
)
"""Every check; each yields the problems of one file."""

__all__ = ["CHECKS", "RULES", "Catalogue", "File", "Rule", "rule"]
