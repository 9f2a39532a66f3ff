#!/usr/bin/env python3
"""Print how fast check_calls reads mixed code on one core; the aim is 200,000 lines in 10 s.

uv run tests/benchmarks/bench_calls.py [FOLDER …]

Without folders two repositories are made up, of 250,000 lines each in nine languages: one in which one file in twelve
calls fal (most do not mention it and are done with after one search), and one in which every file does. Given folders
are read as they are.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from fal_skill.calls.files import Survey
from fal_skill.calls.lint import Linter
from fal_skill.registry import default_registry

LINES = 250_000
AIM_LINES, AIM_SECONDS = 200_000, 10.0

PYTHON_FAL = '''
async def make_{n}(client, prompt: str, *, size: str = "square_hd", seed: int | None = None) -> list[str]:
    """Return the addresses of the images that a prompt gives."""
    arguments = {{"prompt": f"{{prompt}}, number {n}", "image_size": size, "num_images": {images}}}
    if seed is not None:
        arguments["seed"] = seed
    handle = await fal_client.submit_async("{slug}", arguments=arguments)
    async for event in handle.iter_events(with_logs=True, interval=1):
        if isinstance(event, fal_client.InProgress):
            for line in event.logs or []:
                print(line["message"])
    result = await handle.get()
    return [image["url"] for image in result["images"]]
'''
PYTHON_OTHER = '''
def total_{n}(rows: list[dict[str, float]], *, default: float = 0.0) -> float:
    """Return the sum of a column, falling back to a default."""
    found = [row.get("value", default) for row in rows if row.get("kind") != "false"]
    for index, value in enumerate(found):
        if value < {n}:
            found[index] = max(value, default)
    return sum(found) if found else default
'''
SCRIPT_FAL = """
export async function make{n}(prompt: string, seed?: number) {{
  const input = {{ prompt: `${{prompt}}, number {n}`, image_size: "square_hd", ...(seed && {{ seed }}) }};
  const {{ data, requestId }} = await fal.subscribe("{slug}", {{
    input,
    logs: true,
    onQueueUpdate: (update) => {{
      if (update.status === "IN_PROGRESS") update.logs.map((log) => log.message).forEach(console.log);
    }},
  }});
  for (const image of data.images) {{
    const response = await fetch(image.url);
    await writeFile(`${{requestId}}.png`, Buffer.from(await response.arrayBuffer()));
  }}
  return data.images[0]?.url ?? null;
}}
"""
SCRIPT_OTHER = """
export function total{n}(rows: Row[], fallback = 0): number {{
  const found = rows.filter((row) => row.kind !== "false").map((row) => row.value ?? fallback);
  for (const [index, value] of found.entries()) {{
    if (value < {n}) found[index] = Math.max(value, fallback);
  }}
  return found.reduce((sum, value) => sum + value, 0);
}}
"""
SHELL_FAL = """
curl -s -X POST "https://queue.fal.run/{slug}" -H "Authorization: Key $FAL_KEY" \\\\
  -d '{{"prompt": "number {n}", "image_size": "square_hd"}}' | jq -r .request_id
"""
SHELL_OTHER = """
for file in data/{n}/*.csv; do
  sort "$file" | uniq -c > "out/$(basename "$file")" || exit 1
done
"""
SLUGS = ("fal-ai/flux/schnell", "fal-ai/flux/dev", "fal-ai/flux-pro/v1.1", "fal-ai/fast-sdxl")
PLAIN = 'import { fal } from "@fal-ai/client";\n'


def pieces(fal: str, other: str, before: str, about_fal: bool, rng: random.Random) -> str:
    """Return one file of about 250 lines; one function in three calls fal where the file is about it."""
    made = [before if about_fal else ""]
    while sum(part.count("\n") for part in made) < 250:
        chosen = fal if about_fal and rng.random() < 0.34 else other
        made.append(chosen.format(n=rng.randrange(10_000), slug=rng.choice(SLUGS), images=rng.randrange(1, 4)))
    return "".join(made)


def files(lines: int, share: float) -> Iterator[tuple[str, str]]:
    """Yield names and texts of a repository of about that many lines."""
    rng = random.Random(7)
    count = 0
    number = 0
    while count < lines:
        about_fal = rng.random() < share
        number += 1
        kind = rng.choice(["py", "py", "ts", "ts", "tsx", "js", "md", "sh", "json", "vue"])
        python = pieces(PYTHON_FAL, PYTHON_OTHER, "import fal_client\n", about_fal, rng)
        script = pieces(SCRIPT_FAL, SCRIPT_OTHER, PLAIN, about_fal, rng)
        if kind == "js":
            script = (
                script.replace(": string", "").replace("?: number", "").replace(": Row[]", "").replace(": number", "")
            )
        text = {
            "py": python, "ts": script, "tsx": script, "js": script,
            "md": f"# Page\n\n```python\n{python}```\n\nText between.\n\n```ts\n{script}```\n",
            "sh": pieces(SHELL_FAL, SHELL_OTHER, "set -e\n", about_fal, rng),
            "json": "{\n" + ",\n".join(f'  "key{i}": {{"value": {i}, "fallback": 0}}' for i in range(250)) + "\n}\n",
            "vue": f"<template><p>x</p></template>\n<script setup lang=\"ts\">\n{script}</script>\n",
        }[kind]  # fmt: skip
        count += text.count("\n") + 1
        yield f"part{number % 40}/file{number}.{kind}", text


def measured(linter: Linter, folder: str, name: str) -> None:
    """Check a folder and print how long it took, in this process's own time."""
    survey = Survey()
    start, own = time.perf_counter(), time.process_time()
    calls = findings = about_fal = 0
    for _, checked in linter.below([folder], survey):
        about_fal += 1
        calls += len(checked.calls)
        findings += len(checked.problems)
    wall, own = time.perf_counter() - start, time.process_time() - own
    rate = survey.lines / own if own else 0
    print(
        f"{name:38} {survey.files:6} files {survey.lines:8} lines  {about_fal:5} about fal {calls:6} calls "
        f"{findings:5} findings  {wall:6.2f} s wall {own:6.2f} s cpu  {rate:9.0f} lines/s  "
        f"{AIM_LINES} lines: {AIM_LINES / rate if rate else 0:5.2f} s (aim {AIM_SECONDS:g})"
    )


def main() -> None:
    """Measure the folders of the command line, or two that are made up."""
    start = time.perf_counter()
    linter = Linter(default_registry())
    print(f"start-up {(time.perf_counter() - start) * 1000:.0f} ms")
    if sys.argv[1:]:
        for folder in sys.argv[1:]:
            measured(linter, folder, folder[-38:])
        return
    for name, share in (("one file in twelve calls fal", 1 / 12), ("every file calls fal", 1.0)):
        with tempfile.TemporaryDirectory() as folder:
            for path, text in files(LINES, share):
                target = Path(folder, path)
                target.parent.mkdir(exist_ok=True)
                target.write_text(text, encoding="utf-8")
            measured(linter, folder, name)


if __name__ == "__main__":
    main()
