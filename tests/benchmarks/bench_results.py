#!/usr/bin/env python3
"""Print what results and media cost: per model, per file, and as ratios to a baseline of the same run.

uv run tests/benchmarks/bench_results.py
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

FILES: list[tuple[str, dict[str, Any]]] = [
    ("image", {"format": "png", "width": 1024, "height": 1024, "label": "fal-ai/flux/schnell: a cat"}),
    ("image", {"format": "jpeg", "width": 1024, "height": 1024, "label": "fal-ai/flux/schnell: a cat"}),
    ("image", {"format": "webp", "width": 1024, "height": 1024, "label": "fal-ai/flux/schnell: a cat"}),
    ("image", {"format": "png", "width": 3840, "height": 2160}),
    ("image", {"format": "png", "width": 14142, "height": 14142}),
    ("image", {"format": "jpeg", "width": 14142, "height": 14142}),
    ("image", {"format": "webp", "width": 14142, "height": 14142}),
    ("video", {"format": "mp4", "width": 1280, "height": 720, "seconds": 5}),
    ("video", {"format": "mp4", "width": 1280, "height": 720, "seconds": 60, "sound": True}),
    ("video", {"format": "mp4", "width": 3840, "height": 2160, "seconds": 10}),
    ("video", {"format": "webm", "width": 1280, "height": 720, "seconds": 5}),
    ("audio", {"format": "mp3", "seconds": 10}),
    ("audio", {"format": "mp3", "seconds": 600}),
    ("audio", {"format": "wav", "seconds": 600}),
    ("audio", {"format": "flac", "seconds": 60}),
    ("3d", {}),
]
RUNS = 5


def taken(work: Callable[[], Any]) -> float:
    """Return the seconds that the work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def models() -> None:
    """Print the time of a minimal call, its check, its result and its validation, over every model with a schema."""
    from jsonschema import Draft202012Validator

    from fal_skill.arguments import check_arguments
    from fal_skill.registry import default_registry
    from fal_skill.sandbox.results import make_result, minimal_arguments

    known = [model for model in default_registry() if model.has_schema]
    calls: list[Any] = []
    results: list[Any] = []
    make_result(known[0], {}, "warm", lambda *_: "https://example.com/file")
    steps: dict[str, Callable[[], Any]] = {
        "minimal_arguments": lambda: calls.extend(minimal_arguments(model) for model in known),
        "check_arguments": lambda: [check_arguments(model, call) for model, call in zip(known, calls, strict=True)],
        "make_result": lambda: results.extend(
            make_result(model, call, "seed", lambda *_: "https://example.com/file")
            for model, call in zip(known, calls, strict=True)
        ),
        "validation": lambda: [
            list(Draft202012Validator(model.output_schema or {}).iter_errors(result))
            for model, result in zip(known, results, strict=True)
        ],
    }
    print(f"every model with a schema ({len(known)})     s   ms each")
    for name, work in steps.items():
        seconds = taken(work)
        print(f"  {name:28} {seconds:8.2f}  {seconds / len(known) * 1000:7.3f}")
    schnell = default_registry().get("fal-ai/flux/schnell")
    assert schnell is not None
    call = {"prompt": "a cat", "num_images": 4}
    made = make_result(schnell, call, "seed", lambda *_: "https://example.com/file")
    per_result = taken(
        lambda: [make_result(schnell, call, "seed", lambda *_: "https://example.com/file") for _ in range(1000)]
    )
    per_copy = taken(lambda: [json.loads(json.dumps(made)) for _ in range(1000)])
    ratio = per_result / per_copy
    print(f"flux/schnell, 4 images, nothing fetched: {per_result:.3f} ms a result, {ratio:.1f} x its JSON round trip")


def files() -> None:
    """Print the time and size of each kind of file, and the most memory the process had by then."""
    from fal_skill.sandbox.media import recipe

    print(f"one file, median of {RUNS}                                        ms       bytes   peak MB so far")
    for kind, wishes in FILES:
        made = recipe(kind, **wishes)
        content = made()  # the first one pays for imports
        median = statistics.median(taken(made) for _ in range(RUNS))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        what = f"{made.format} " + (
            f"{made.seconds:g} s" if kind == "audio" else f"{made.width}x{made.height}" if kind != "3d" else "cube"
        )
        what += f" {made.seconds:g} s{' with sound' if made.sound else ''}" if kind == "video" else ""
        print(f"  {what:40} {median * 1000:14.1f} {len(content):11,} {peak:10.0f}")


if __name__ == "__main__":
    models()
    files()
