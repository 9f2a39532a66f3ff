#!/usr/bin/env python3
"""Print how long the offline scripts take, as medians and as ratios to a bare Python process of the same run.

uv run tests/benchmarks/bench_scripts.py [RUNS]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

CALL = '{"prompt": "a cat", "image_size": "landscape_16_9"}'
COMMANDS: dict[str, tuple[list[str], float | None]] = {
    "python -c pass": (["-c", "pass"], None),
    "verify_slug (known)": (["verify_slug.py", "fal-ai/flux/schnell"], 2.0),
    "verify_slug (unknown)": (["verify_slug.py", "fal-ai/flux-schnell"], None),
    "verify_slug --arguments": (["verify_slug.py", "fal-ai/flux/schnell", "--arguments", CALL], None),
    "fetch_schema": (["fetch_schema.py", "fal-ai/flux/schnell"], None),
    "find_model": (["find_model.py", "fast 16:9 draft of a street with flux schnell"], 3.0),
    "estimate_cost": (["estimate_cost.py", "fal-ai/flux/schnell", "--arguments", CALL], 3.0),
    "render_snippet": (["render_snippet.py", "fal-ai/flux/schnell", "--arguments", CALL], 6.0),
    "write_brief": (["write_brief.py", "fal-ai/flux/schnell", "--arguments", CALL], None),
}
CALLS = 10_000


def seconds(arguments: list[str], environment: dict[str, str]) -> float:
    """Return the wall time of one Python process."""
    command = [str(SCRIPTS / word) if word.endswith(".py") else word for word in arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], env=environment, check=False, **quiet)
    return time.perf_counter() - start


def processes(runs: int) -> None:
    """Print the whole-process times; the commands take turns, so that a noisy moment hits all of them."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as cache:
        # As on a user's machine, modules are compiled once; the first run, which does that, is not counted.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(runs + 1):
            for name, (arguments, _) in COMMANDS.items():
                taken[name].append(seconds(arguments, environment))
    bare = statistics.median(taken["python -c pass"][1:])
    print(f"whole process, median of {runs}          ms   ratio   aim")
    for name, (_, aim) in COMMANDS.items():
        median = statistics.median(taken[name][1:])
        print(f"  {name:32} {median * 1000:6.1f}  {median / bare:5.2f}   {aim or ''}")


def stream() -> None:
    """Print how many calls a second ``verify_slug.py --jsonl`` checks, start-up included."""
    from fal_skill.registry import default_registry

    registry = default_registry()
    models = [model for model in registry if model.has_schema]
    lines = []
    for number in range(CALLS):
        model = models[number * 7 % len(models)]
        fields = {name: field.get("default", "x") for name, field in model.properties.items()}
        lines.append(json.dumps({"slug": model.slug, "arguments": fields}))
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "verify_slug.py"), "--jsonl"],
        input="\n".join(lines).encode(),
        capture_output=True,
        check=False,
    )
    taken = time.perf_counter() - start
    assert done.stdout.count(b"\n") == CALLS
    print(f"verify_slug --jsonl: {CALLS} calls in {taken:.2f} s, {CALLS / taken:.0f} a second (aim: 2000)")


def snippets() -> None:
    """Print how long a subscribe snippet takes for every model, per language."""
    from fal_skill.registry import default_registry
    from fal_skill.snippets import LANGUAGES, render

    models = [model for model in default_registry() if model.has_schema]
    for language in LANGUAGES:
        start = time.perf_counter()
        for model in models:
            fields = {name: field["default"] for name, field in model.properties.items() if "default" in field}
            render(model, fields, language=language, pattern="subscribe")
        taken = time.perf_counter() - start
        each = taken / len(models) * 1000
        print(f"subscribe in {language}: {len(models)} models in {taken:.2f} s, {each:.2f} ms each")


if __name__ == "__main__":
    processes(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    stream()
    snippets()
