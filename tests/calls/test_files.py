"""Which files are read, and that nothing outside of what was named is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fal_skill.calls.files import Survey, source_files
from fal_skill.calls.languages import language_of, mentions_fal
from fal_skill.errors import UsageError

CODE = 'import fal_client\nfal_client.run("fal-ai/flux/dev", {})\n'


def found(*paths: Path, max_bytes: int = 1 << 20) -> list[str]:
    return sorted(Path(source.path).name for source in source_files([str(path) for path in paths], Survey(), max_bytes))


def write(folder: Path, *names: str, text: str = CODE) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.py", "python"), ("a.pyi", "python"), ("a.js", "javascript"), ("a.mjs", "javascript"),
        ("a.jsx", "javascript"),
        ("a.ts", "typescript"), ("a.d.ts", "typescript"), ("a.tsx", "tsx"), ("a.md", "markdown"), ("A.MDX", "markdown"),
        ("a.ipynb", "notebook"), ("a.vue", "markup"), ("a.sh", "shell"), ("Dockerfile", "shell"), ("a.json", "json"),
        ("pyproject.toml", "toml"), ("requirements-dev.txt", "requirements"), (".env", "env"), (".env.local", "env"),
        ("ci.yml", "yaml"), ("a.png", None), ("a.pyc", None), ("LICENSE", None), ("a.go", None),
    ],
)  # fmt: skip
def test_the_language_is_told_by_the_name(name: str, language: str | None) -> None:
    assert language_of(name) == language


@pytest.mark.parametrize(
    ("head", "language"),
    [("#!/usr/bin/env python3", "python"), ("#!/bin/sh", "shell"), ("#!/usr/bin/env node", "javascript"),
     ("#!/usr/bin/env -S uv run --script", "python"), ("text", None)],
)  # fmt: skip
def test_a_script_without_a_suffix_is_told_by_its_first_line(head: str, language: str | None) -> None:
    assert language_of("bin/tool", head) == language


@pytest.mark.parametrize(
    "text", ["import fal_client", 'from "@fal-ai/client"', "https://queue.fal.run/x", "FAL_KEY=1", "genmedia run"]
)
def test_a_text_about_fal_is_told(text: str) -> None:
    assert mentions_fal(text.encode())


@pytest.mark.parametrize(
    "text", ["false", "default fallback falcon falsy", "FALSE", "falling.runner", "", "scaffold.run()"]
)
def test_a_text_about_other_things_is_told(text: str) -> None:
    assert not mentions_fal(text.encode())


def test_files_that_do_not_mention_fal_are_counted_and_not_read_further(tmp_path: Path) -> None:
    write(tmp_path, "a.py")
    write(tmp_path, "b.py", text="print('false')\n")
    survey = Survey()
    assert [Path(source.path).name for source in source_files([str(tmp_path)], survey)] == ["a.py"]
    assert (survey.files, survey.lines) == (2, 5)


def test_gitignore_is_respected_as_git_does(tmp_path: Path) -> None:
    names = [
        "a.py",
        "build/b.py",
        "keep/c.py",
        "keep/gen.py",
        "sub/d.py",
        "sub/x.log.py",
        "sub/deep/e.py",
        "out.py",
        "sub/out.py",
    ]
    write(tmp_path, *names)
    (tmp_path / ".gitignore").write_text("build/\n*.log.py\n!keep/gen.py\n/out.py\n# comment\n\ngen.py\n")
    (tmp_path / "sub" / ".gitignore").write_text("deep/\n")
    assert found(tmp_path) == ["a.py", "c.py", "d.py", "out.py"]
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed: its answer cannot be compared")
    subprocess.run([git, "init", "-q", str(tmp_path)], check=True)
    listed = subprocess.run(
        [git, "-C", str(tmp_path), "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert sorted(Path(name).name for name in listed if name.endswith(".py")) == found(tmp_path)


def test_the_repositorys_ignore_files_hold_for_a_folder_in_it(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("gen.py\n")
    write(tmp_path, "src/a.py", "src/gen.py")
    assert found(tmp_path / "src") == ["a.py"]


def test_what_is_named_is_read_though_it_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("vendor/\ngen.py\n")
    write(tmp_path, "vendor/a.py", "gen.py")
    assert found(tmp_path / "vendor") == ["a.py"]
    assert found(tmp_path / "gen.py") == ["gen.py"]


def test_dependencies_and_caches_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "node_modules/x/a.js", ".venv/lib/b.py", "src/__pycache__/c.py", ".git/hooks/d.py", "e.py")
    assert found(tmp_path) == ["e.py"]
    assert found(tmp_path / "node_modules") == ["a.js"]


def test_hidden_configurations_are_read(tmp_path: Path) -> None:
    write(tmp_path, ".cursor/mcp.json", ".mcp.json", ".env", text='{"url": "https://mcp.fal.ai/mcp"}')
    assert found(tmp_path) == [".env", ".mcp.json", "mcp.json"]


def test_links_are_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    write(outside, "secret.py", "folder/b.py")
    write(inside, "a.py")
    (inside / "link.py").symlink_to(outside / "secret.py")
    (inside / "folder").symlink_to(outside / "folder", target_is_directory=True)
    (inside / "loop").symlink_to(inside, target_is_directory=True)
    (inside / "nowhere.py").symlink_to(inside / "missing.py")
    survey = Survey()
    assert [Path(source.path).name for source in source_files([str(inside)], survey)] == ["a.py"]
    assert survey.skipped == {"link": 4}


def test_a_file_that_is_reached_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, "sub/a.py")
    assert found(tmp_path, tmp_path / "sub", tmp_path / "sub" / "a.py") == ["a.py"]


def test_sizes_are_bounded(tmp_path: Path) -> None:
    write(tmp_path, "big.py", text=CODE + "#" * 5000)
    write(tmp_path, "small.py")
    survey = Survey()
    names = [Path(source.path).name for source in source_files([str(tmp_path)], survey, 1000)]
    assert names == ["small.py"]
    assert [Path(path).name for path in survey.too_large] == ["big.py"]


def test_binary_and_minified_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"fal_client\0\0\0")
    (tmp_path / "b.js").write_text("fal.run('x');" * 5000)
    survey = Survey()
    assert list(source_files([str(tmp_path)], survey)) == []
    assert survey.skipped == {"binary": 1, "minified": 1}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marked_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.py").write_text(CODE, encoding=encoding)
    (source,) = source_files([str(tmp_path)], Survey())
    assert source.text.startswith("import fal_client") or source.text.startswith("\ufeffimport")


def test_text_that_is_no_utf8_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"# caf\xe9\n" + CODE.encode())
    (source,) = source_files([str(tmp_path)], Survey())
    assert "fal_client.run" in source.text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_a_pipe_does_not_hang_the_walk(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    write(tmp_path, "a.py")
    assert found(tmp_path) == ["a.py"]
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        found(tmp_path / "pipe.py")


def test_a_path_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        found(tmp_path / "missing")


@pytest.mark.parametrize("pattern", ["[", "**/**/[a-", "\\", "!", "a/**/b/**/", "\0"])
def test_odd_ignore_files_do_no_harm(tmp_path: Path, pattern: str) -> None:
    (tmp_path / ".gitignore").write_text(pattern + "\n")
    write(tmp_path, "a.py")
    assert found(tmp_path) == ["a.py"]
