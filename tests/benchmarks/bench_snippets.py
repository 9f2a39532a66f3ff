#!/usr/bin/env python3
"""Render every model in every language and pattern, compile each program, and print what it takes.

Prints the median and the worst time of one rendering per language and pattern, the ratio to the plainest one
(python subscribe), and the time of the whole matrix on all cores (aim: under 60 s on two). With ``--types`` the strict
TypeScript compiler reads the programs of every model too (a minute). Exit code 1 when a program does not compile.

    uv run tests/benchmarks/bench_snippets.py [--types] [--workers N]
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2] / "scripts"), str(HERE.parents[1])]

from fal_skill.errors import UsageError  # noqa: E402
from fal_skill.registry import default_registry  # noqa: E402
from fal_skill.snippets import LANGUAGES, PATTERNS, render, written  # noqa: E402
from snippets.compilers import syntax_errors  # noqa: E402
from snippets.samples import sample_arguments  # noqa: E402

CELLS = list(itertools.product(LANGUAGES, PATTERNS))
KNOWN_DIFFERENCES = (
    "fal-ai/kokoro/",
    "fal-ai/csm-1b",
    "fal-ai/auto-caption",
    "nano-banana-2/edit",
    "flash-image-preview/edit",
    "cassetteai/video-sound-effects-generator",
)
"""Models whose types in @fal-ai/client 1.10.1 contradict the registry's newer or repaired ones, or ask for more than a
file's URL."""


class Tried(NamedTuple):
    """What became of one model: seconds of rendering per cell, refusals, and programs that do not compile."""

    seconds: list[float | None]
    compiling: float
    broken: list[str]


def tried(slug: str) -> Tried:
    """Render and compile all cells of one model."""
    model = default_registry().get(slug)
    assert model is not None
    arguments = sample_arguments(model, local_files=True)
    seconds: list[float | None] = []
    broken, compiling = [], 0.0
    for language, pattern in CELLS:
        start = time.perf_counter()
        try:
            code = written(model, arguments, language, pattern).code
        except UsageError:
            seconds.append(None)
            continue
        rendered = time.perf_counter()
        seconds.append(rendered - start)
        broken += [f"{slug} {language} {pattern}: {error}" for error in syntax_errors(code, language)]
        compiling += time.perf_counter() - rendered
    return Tried(seconds, compiling, broken)


def milliseconds(values: list[float]) -> str:
    """Return median and worst in milliseconds."""
    return f"median {statistics.median(values) * 1000:6.3f} ms   worst {max(values) * 1000:7.2f} ms"


def whole_matrix(workers: int) -> list[str]:
    """Print the matrix's figures; return what does not compile."""
    slugs = [entry.slug for entry in default_registry().entries]
    start = time.perf_counter()
    with multiprocessing.Pool(workers) as pool:
        results = pool.map(tried, slugs, chunksize=40)
    elapsed = time.perf_counter() - start
    columns = {cell: [r.seconds[i] for r in results] for i, cell in enumerate(CELLS)}
    plain = statistics.median([value for value in columns["python", "subscribe"] if value is not None])
    for (language, pattern), column in columns.items():
        values = [value for value in column if value is not None]
        refused = f"   refused {len(column) - len(values)}" if len(values) < len(column) else ""
        ratio = statistics.median(values) / plain
        print(f"{language:13}{pattern:10} {milliseconds(values)}   ratio {ratio:4.1f}{refused}")
    count = sum(value is not None for r in results for value in r.seconds)
    rendering = sum(value for r in results for value in r.seconds if value is not None)
    compiling = sum(r.compiling for r in results)
    print(f"{count} programs of {len(slugs)} models: {elapsed:.1f} s with {workers} workers (aim: under 60 s on two)")
    print(f"of this {rendering:.1f} s of rendering and {compiling:.1f} s of compiling, in processor time")
    return [line for r in results for line in r.broken]


def checked_rendering() -> None:
    """Print what a rendering costs with all its checks, as ``render_snippet.py`` does it in process."""
    models = [model for number, model in enumerate(default_registry()) if number % 10 == 0]
    times = []
    for model in models:
        arguments = sample_arguments(model)
        start = time.perf_counter()
        render(model, arguments)
        times.append(time.perf_counter() - start)
    print(f"with the check of the arguments: {milliseconds(times)} ({len(models)} models, each for the first time)")


def types() -> list[str]:
    """Return what the strict TypeScript compiler objects to, over subscribe and batch for every model."""
    import node_project
    from snippets.test_typescript import compiled

    try:
        node_project.node_modules()
    except node_project.NodeMissingError as error:
        print(f"types are not checked: {error}")
        return []
    programs = {}
    for model in default_registry():
        for pattern in ("subscribe", "batch"):
            try:
                code = written(model, sample_arguments(model, local_files=True), "typescript", pattern).code
            except UsageError:
                continue
            programs[f"{model.slug}/{pattern}.mts"] = code
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        said = compiled(Path(folder), programs, timeout=900).splitlines()
    errors = [line for line in said if "error TS" in line]
    unknown = [line for line in errors if not any(name in line for name in KNOWN_DIFFERENCES)]
    print(f"tsc --strict over {len(programs)} programs: {time.perf_counter() - start:.1f} s, {len(errors)} objections")
    print(f"of these {len(errors) - len(unknown)} where the SDK's types are known to differ from the registry")
    return unknown


def main() -> int:
    """Print everything; 1 when a program does not compile."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--types", action="store_true")
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = options.parse_args()
    broken = whole_matrix(asked.workers)
    checked_rendering()
    if asked.types:
        broken += types()
    for line in broken[:20]:
        print("BROKEN", line)
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
