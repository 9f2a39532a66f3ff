"""TypeScript snippets pass ``tsc --strict`` against the types of the real packages."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import node_project
from fal_skill.registry import default_registry
from fal_skill.snippets import PATTERNS, written
from snippets.test_compiling import variants

CALLS = {
    "fal-ai/flux/schnell": {"prompt": "a", "image_size": "landscape_16_9", "num_images": 2},
    "fal-ai/kling-video/v3/pro/image-to-video": {"start_image_url": "a.png", "prompt": "x", "duration": "5"},
    "fal-ai/elevenlabs/tts/turbo-v2.5": {"text": "a"},
    "fal-ai/wizper": {"audio_url": "a.mp3"},
    "fal-ai/trellis": {"image_url": "a.png"},
    "fal-ai/flux-2/klein/realtime": {"prompt": "a", "image_url": "https://example.com/a.png"},
    "alibaba/happy-horse/image-to-video": {"image_url": "a.png", "resolution": "720p"},
}
"""An image, a video, speech, a transcript, a mesh, a realtime path, and an id newer than the types of the SDK."""

STUBS = """
declare module "next/server" {
  export function after(task: () => unknown): void;
  export type NextRequest = Request;
}
declare module "next/types" {
  export type NextApiHandler = unknown;
}
"""
OPTIONS = {
    "strict": True,
    "noEmit": True,
    "noUnusedLocals": True,
    "module": "nodenext",
    "target": "es2022",
    "lib": ["es2023"],
    "types": ["node"],
    "skipLibCheck": True,
}


def compiled(folder: Path, programs: dict[str, str], timeout: float = 200) -> str:
    """Return what the compiler says of these files; nothing when it accepts them."""
    try:
        modules = node_project.node_modules()
    except node_project.NodeMissingError as error:
        pytest.skip(f"TypeScript is not compiled: {error}")
    for name, code in programs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code)
    (folder / "node_modules").symlink_to(modules)
    (folder / "stubs.d.ts").write_text(STUBS)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "include": ["**/*.ts", "**/*.mts"]}))
    tsc = modules / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        [node_project.node(), str(tsc), "-p", "."], cwd=folder, capture_output=True, text=True, timeout=timeout
    )
    return done.stdout


def test_every_pattern_passes_the_strict_compiler(tmp_path: Path) -> None:
    programs = {}
    for slug, arguments in CALLS.items():
        model = default_registry().get(slug)
        assert model is not None
        for pattern in PATTERNS:
            for number, options in enumerate(variants("typescript", pattern, of_files=bool(model.file_inputs))):
                folder = f"{slug.replace('/', '_')}/{pattern}{number}"
                snippet = written(model, dict(arguments), "typescript", pattern, options)
                programs[f"{folder}/{snippet.filename}"] = snippet.code
                programs |= {f"{folder}/{file.filename}": file.code for file in snippet.more_files}
    assert len(programs) > 100
    assert compiled(tmp_path, programs) == ""


ERASE = """
import ts from "typescript";
import { readFileSync } from "node:fs";
const options = { compilerOptions: { target: "es2022", module: "esnext", removeComments: true } };
const emit = (code) => ts.transpileModule(code, options).outputText
  .replaceAll("?.", ".").replaceAll(".[", "[") // optional results
  .replace(/\\((await [^()]+\\(\\))\\)/g, "$1"); // what stands before a cast
const pairs = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(pairs.map((pair) => pair.map(emit))));
"""


def test_typescript_is_the_javascript_with_types(tmp_path: Path) -> None:
    try:
        (tmp_path / "node_modules").symlink_to(node_project.node_modules())
    except node_project.NodeMissingError as error:
        pytest.skip(f"TypeScript is not compiled: {error}")
    pairs = []
    for slug, arguments in CALLS.items():
        model = default_registry().get(slug)
        assert model is not None
        for pattern in PATTERNS:
            for options in variants("typescript", pattern, of_files=bool(model.file_inputs)):
                both = [
                    written(model, dict(arguments), language, pattern, options)
                    for language in ("typescript", "javascript")
                ]
                pairs.append([snippet.code for snippet in both])
    (tmp_path / "erase.mjs").write_text(ERASE)
    command = [node_project.node(), "erase.mjs"]
    done = subprocess.run(command, cwd=tmp_path, input=json.dumps(pairs), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    for typed, plain in json.loads(done.stdout):
        assert typed == plain


def test_the_strict_compiler_would_notice_a_wrong_field_and_a_wrong_result(tmp_path: Path) -> None:
    model = default_registry().get("fal-ai/flux/schnell")
    assert model is not None
    good = written(model, {"prompt": "a"}, "typescript", "subscribe").code
    said = compiled(
        tmp_path, {"a.mts": good.replace("prompt:", "promt:"), "b.mts": good.replace(".images[0]", ".video[0]")}
    )
    assert "promt" in said and "video" in said
