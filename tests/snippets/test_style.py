"""Python snippets look as the usual tools leave them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

from fal_skill.registry import default_registry
from fal_skill.snippets import PATTERNS, written
from snippets.test_compiling import variants
from snippets.test_typescript import CALLS


def test_python_snippets_are_formatted_sorted_and_free_of_unused_names(tmp_path: Path) -> None:
    for slug, language, pattern in itertools.product(CALLS, ("python", "python-async"), PATTERNS):
        model = default_registry().get(slug)
        assert model is not None
        for number, options in enumerate(variants(language, pattern, of_files=bool(model.file_inputs))):
            name = f"{slug.replace('/', '_')}_{language}_{pattern}_{number}.py"
            (tmp_path / name).write_text(written(model, dict(CALLS[slug]), language, pattern, options).code)
    ruff = [sys.executable, "-m", "ruff"]
    formatted = [*ruff, "format", "--isolated", "--check", "--diff", str(tmp_path)]
    checked = [*ruff, "check", "--isolated", "--no-cache", "--select", "E4,E7,E9,F,I,UP,C4", str(tmp_path)]
    for command in (formatted, checked):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
