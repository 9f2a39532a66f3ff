"""A batch over a table, a list or a folder: paid once, resumed, bounded, and honest about what is not done.

The programs run unchanged in the sandbox; only MAX_WAIT is shortened where a test waits for it.
"""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fal_skill.errors import UsageError
from fal_skill.registry import default_registry
from fal_skill.sandbox import Sandbox, pytest_plugin
from fal_skill.snippets import SnippetOptions, render
from snippets import test_in_sandbox
from snippets.fake_fal import PIXEL
from snippets.programs import hurried, program
from snippets.test_in_sandbox import command, node_modules, ran

fal_sandbox = pytest_plugin.fal_sandbox
fal_sandbox_server = pytest_plugin.fal_sandbox_server
fal_sandbox_settings = test_in_sandbox.fal_sandbox_settings

FLUX = "fal-ai/flux/schnell"
CUTOUT = "fal-ai/birefnet/v2"
KLING = "fal-ai/kling-video/v3/pro/image-to-video"
ROWS = SnippetOptions(values="prompts.csv", out="images", unit_cost=0.01, max_cost=1.0, concurrency=2)
STATE = "fal-ai-flux-schnell-batch.json"
every_language = pytest.mark.parametrize("language", ["python", "python-async", "javascript"], indirect=True)


@pytest.fixture
def language(request: pytest.FixtureRequest) -> str:
    if request.param == "javascript":
        node_modules()
    return str(request.param)


def rows(folder: Path, language: str, prompts: list[str], options: SnippetOptions = ROWS) -> Path:
    """Write these prompts as a source that the language reads, and the program over it."""
    if language == "javascript":
        options = replace(options, values="prompts.json")
        (folder / "prompts.json").write_text(json.dumps(prompts))
    else:
        with (folder / "prompts.csv").open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file).writerows([["id", "prompt"], *([str(n), text] for n, text in enumerate(prompts))])
    return program(folder, FLUX, {}, language, "batch", options)


def states(folder: Path) -> dict[str, str]:
    """Return the state of each prompt."""
    return {prompt: job["state"] for prompt, job in json.loads((folder / STATE).read_text()).items()}


def made(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


@every_language
def test_each_row_gives_one_file_of_its_number_and_a_second_run_makes_no_job_and_fetches_nothing(
    tmp_path: Path, fal_sandbox: Sandbox, language: str
) -> None:
    path = rows(tmp_path, language, ["a, b", "", 'line\n"two"', "é 😀", "a, b"])
    for fetched in (True, False):
        done = ran(path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1] == "3 done"
        assert sorted(job.arguments["prompt"] for job in fal_sandbox.jobs) == sorted(["a, b", 'line\n"two"', "é 😀"])
        for file in (tmp_path / "images").iterdir():
            assert (file.read_bytes() != b"kept") is fetched
            file.write_bytes(b"kept")
    # The number is the row's, also behind an empty one; a repeated text is one job.
    assert [name.split(".")[0] for name in made(tmp_path / "images")] == ["0001", "0003", "0004"]
    assert fal_sandbox.violations == []


@every_language
def test_each_file_of_a_folder_gives_an_output_of_its_name(tmp_path: Path, fal_sandbox: Sandbox, language: str) -> None:
    products = tmp_path / "products"
    products.mkdir()
    for name in ("mug.jpg", "LAMP.JPG", ".hidden.jpg", "notes.txt"):
        (products / name).write_bytes(PIXEL)
    options = SnippetOptions(values="products/*.jpg", out="cutouts/web", unit_cost=0.01)
    path = program(tmp_path, CUTOUT, {}, language, "batch", options)
    for _ in range(2):
        done = ran(path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(fal_sandbox.jobs) == 2
    assert made(tmp_path / "cutouts" / "web") == ["LAMP.png", "mug.png"]
    assert fal_sandbox.violations == []


@pytest.mark.parametrize("language", ["python", "javascript"], indirect=True)
def test_files_of_one_stem_and_rows_that_were_moved_never_replace_an_output(
    tmp_path: Path, fal_sandbox: Sandbox, language: str
) -> None:
    products = tmp_path / "products"
    products.mkdir()
    for name in ("mug.jpg", "mug.png"):
        (products / name).write_bytes(PIXEL)
    options = SnippetOptions(values="products/*", out="cutouts", unit_cost=0.01)
    assert ran(program(tmp_path, CUTOUT, {}, language, "batch", options)).returncode == 0
    assert made(tmp_path / "cutouts") == ["mug.png", "mug_.png"]
    assert ran(rows(tmp_path, language, ["a", "b"])).returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "images").iterdir()}
    assert ran(rows(tmp_path, language, ["new", "a", "b"])).returncode == 0
    assert len(list((tmp_path / "images").iterdir())) == 3
    assert {path: path.read_bytes() for path in before} == before


@every_language
def test_a_second_output_of_a_job_is_numbered(tmp_path: Path, fal_sandbox: Sandbox, language: str) -> None:
    (tmp_path / "list.txt").write_text("a\n\nb\r\n", encoding="utf-8-sig", newline="")
    options = replace(ROWS, values="list.txt")
    done = ran(program(tmp_path, FLUX, {"num_images": 2}, language, "batch", options))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [name.split(".")[0] for name in made(tmp_path / "images")] == ["0001-2", "0001", "0003-2", "0003"]
    assert sorted(job.arguments["prompt"] for job in fal_sandbox.jobs) == ["a", "b"]


@every_language
def test_a_missing_output_is_fetched_again_from_the_stored_result(
    tmp_path: Path, fal_sandbox: Sandbox, language: str
) -> None:
    path = rows(tmp_path, language, ["a", "b"])
    assert ran(path).returncode == 0
    lost = sorted((tmp_path / "images").iterdir())[0]
    content = lost.read_bytes()
    lost.unlink()
    done = ran(path)
    assert done.returncode == 0, done.stdout
    assert lost.read_bytes() == content
    assert len(fal_sandbox.jobs) == 2


@every_language
def test_a_download_that_fails_is_reported_and_never_sends_the_job_again(
    tmp_path: Path, fal_sandbox: Sandbox, language: str
) -> None:
    fal_sandbox.add_fault("expired-media")
    path = rows(tmp_path, language, ["a"])
    path.write_text(path.read_text().replace("(0, 2, 8)", "(0, 0)").replace("[0, 2, 8]", "[0, 0]"))
    for arguments in ((), ("--retry-failed",)):
        done = ran(path, *arguments)
        assert done.returncode == 1
        assert "\nunsaved: a" in done.stdout and "404" in done.stdout
        assert done.stdout.splitlines()[-1] == "1 unsaved"
        assert len(fal_sandbox.jobs) == 1
    fal_sandbox.call(lambda service: service.faults.faults.clear())
    assert ran(path).returncode == 0
    assert len(fal_sandbox.jobs) == 1 and states(tmp_path) == {"a": "done"}


@every_language
def test_a_lost_reply_is_unclear_counts_and_is_not_sent_again(
    tmp_path: Path, fal_sandbox: Sandbox, language: str
) -> None:
    fal_sandbox.add_fault("lost-reply")
    path = rows(tmp_path, language, ["a", "b", "c"], replace(ROWS, max_cost=0.02, concurrency=1))
    for _ in range(2):
        done = ran(path)
        assert done.returncode == 1, done.stdout
        assert len(fal_sandbox.jobs) == 2
        assert done.stdout.splitlines()[-1] == "1 unclear, 1 done, 1 not sent"
        assert "stopped: over budget" in done.stdout and "dashboard" in done.stdout
        assert sorted(states(tmp_path).values()) == ["done", "new", "sent"]


@every_language
def test_ctrl_c_ends_a_run_in_order_and_the_next_one_goes_on(
    tmp_path: Path, fal_sandbox: Sandbox, language: str
) -> None:
    fal_sandbox.add_fault("slow-model=2")
    prompts = [f"prompt {number}" for number in range(4)]
    path = rows(tmp_path, language, prompts)
    with subprocess.Popen(command(path), cwd=tmp_path, stdout=subprocess.PIPE, text=True) as running:
        try:
            while not (tmp_path / STATE).exists() or list(states(tmp_path).values()).count("submitted") < 2:
                assert running.poll() is None
                time.sleep(0.02)
            running.send_signal(signal.SIGINT)
            said = running.communicate(timeout=30)[0]
        finally:
            running.kill()
    assert running.returncode == 1
    assert "stopped: Ctrl-C" in said and said.splitlines()[-1] == "2 still running, 2 not sent"
    assert len(fal_sandbox.jobs) == 2
    done = ran(path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(fal_sandbox.jobs) == 4 and len(made(tmp_path / "images")) == 4
    assert fal_sandbox.violations == []


@every_language
def test_a_job_that_hangs_is_left_after_max_wait_and_collected_by_the_next_run(
    tmp_path: Path, fal_sandbox: Sandbox, language: str
) -> None:
    fal_sandbox.add_fault("slow-model=3")
    path = rows(tmp_path, language, ["a"])
    text = path.read_text()
    assert text.count("MAX_WAIT = 15 * 60") == 1
    path.write_text(text.replace("MAX_WAIT = 15 * 60", "MAX_WAIT = 0.5"))
    done = ran(path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "1 still running" and "no result yet" in done.stdout
    path.write_text(text)
    assert ran(path).returncode == 0
    assert len(fal_sandbox.jobs) == 1 and states(tmp_path) == {"a": "done"}


@every_language
def test_a_refused_key_ends_the_run_and_is_said_once(
    tmp_path: Path, fal_sandbox: Sandbox, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAL_KEY", "wrong-id:wrong-secret")
    prompts = [f"prompt {number}" for number in range(6)]
    path = rows(tmp_path, language, prompts, replace(ROWS, concurrency=1))
    done = ran(path)
    assert done.returncode == 1 and not fal_sandbox.jobs
    assert done.stdout.count("stopped: 401") == 1
    assert done.stdout.splitlines()[-1] == "6 not sent"
    # One was tried, the others were not.
    assert [job["sent"] for job in json.loads((tmp_path / STATE).read_text()).values()] == [0] * 6
    assert len([job for job in json.loads((tmp_path / STATE).read_text()).values() if job.get("error")]) == 1
    monkeypatch.setenv("FAL_KEY", fal_sandbox.key)
    assert ran(path).returncode == 0 and len(fal_sandbox.jobs) == 6


@every_language
def test_a_job_that_fal_did_not_take_is_tried_again_after_a_pause(
    tmp_path: Path, fal_sandbox: Sandbox, language: str
) -> None:
    fal_sandbox.add_fault("429,times=3")
    path = hurried(rows(tmp_path, language, ["a", "b"], replace(ROWS, concurrency=1)), "0, 0, 1, 1")
    done = ran(path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(fal_sandbox.jobs) == 2 and states(tmp_path) == {"a": "done", "b": "done"}
    assert [job["sent"] for job in json.loads((tmp_path / STATE).read_text()).values()] == [1, 1]


@every_language
def test_when_fal_takes_nothing_the_run_ends_and_nothing_is_counted(
    tmp_path: Path, fal_sandbox: Sandbox, language: str
) -> None:
    fal_sandbox.add_fault("429,times=all")
    path = hurried(rows(tmp_path, language, ["a", "b", "c"], replace(ROWS, concurrency=1)), "0, 0")
    done = ran(path)
    assert done.returncode == 1 and not fal_sandbox.jobs
    assert "stopped: fal takes no jobs" in done.stdout and done.stdout.splitlines()[-1] == "3 not sent"
    assert [job["sent"] for job in json.loads((tmp_path / STATE).read_text()).values()] == [0] * 3


@every_language
def test_each_failure_is_listed_with_its_reason_at_the_end(tmp_path: Path, fal_sandbox: Sandbox, language: str) -> None:
    fal_sandbox.add_fault("content-policy")
    done = ran(rows(tmp_path, language, ["a", "b"], replace(ROWS, concurrency=1)))
    assert done.returncode == 1
    listed = done.stdout.split("\nfailed: a")[1]
    assert "content_policy_violation" in listed and listed.splitlines()[-1] == "1 failed, 1 done"
    kept = json.loads((tmp_path / STATE).read_text())["a"]
    assert kept["state"] == "failed" and "content_policy_violation" in json.dumps(kept["error"])


@pytest.mark.parametrize("language", ["python", "javascript"], indirect=True)
def test_a_list_without_values_is_not_called_done(tmp_path: Path, fal_sandbox: Sandbox, language: str) -> None:
    done = ran(rows(tmp_path, language, []))
    assert (done.returncode, done.stdout) == (1, "no values\n")


def test_a_column_that_is_missing_ends_the_run_before_anything_is_sent(tmp_path: Path, fal_sandbox: Sandbox) -> None:
    done = ran(rows(tmp_path, "python", ["a"], replace(ROWS, values="prompts.csv:caption")))
    assert done.returncode == 1 and "KeyError: 'caption'" in done.stderr
    assert not fal_sandbox.jobs and not (tmp_path / STATE).exists()


@pytest.mark.parametrize("language", ["python", "javascript"], indirect=True)
def test_outputs_that_would_replace_listed_inputs_are_refused_before_anything_is_sent(
    tmp_path: Path, fal_sandbox: Sandbox, language: str
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(PIXEL)
    (tmp_path / "list.txt").write_text("photos/a.png\n")
    options = SnippetOptions(values="list.txt", out="./photos", unit_cost=0.01)
    done = ran(program(tmp_path, CUTOUT, {}, language, "batch", options))
    assert done.returncode == 1 and "outputs would replace them" in done.stderr
    assert not fal_sandbox.jobs


@pytest.mark.parametrize(
    ("slug", "values", "arguments", "varied"),
    [
        (FLUX, "a.csv", {}, 'row["prompt"]'),
        (FLUX, "a.csv:caption", {}, 'row["caption"]'),
        (KLING, "a.csv", {"start_image_url": "a.png"}, 'row["prompt"]'),
        (KLING, "a.csv:start_image_url", {"prompt": "zoom"}, 'row["start_image_url"]'),
        (KLING, "shots/*.png", {"prompt": "zoom"}, '"start_image_url": file_url'),
        (CUTOUT, "a.csv", {}, 'row["image_url"]'),
        (CUTOUT, "a.txt", {}, '"image_url": file_url'),
        ("fal-ai/elevenlabs/tts/turbo-v2.5", "a.txt", {}, '"text": text'),
    ],
)
def test_a_folder_varies_the_file_and_a_list_the_text_while_the_rest_stays(
    slug: str, values: str, arguments: dict[str, Any], varied: str
) -> None:
    model = default_registry().require(slug)
    options = SnippetOptions(values=values, out="made", unit_cost=0.1)
    snippet = render(model, arguments, pattern="batch", options=options)
    assert varied in snippet.code and not snippet.has_errors
    for value in arguments.values():
        assert f'"{value}"' in snippet.code


@pytest.mark.parametrize(
    ("slug", "language", "pattern", "options", "why"),
    [
        (FLUX, "python", "submit", {"values": "a.csv"}, "pattern batch alone"),
        (FLUX, "python", "subscribe", {"out": "made"}, "pattern batch alone"),
        (FLUX, "python", "batch", {"values": "photos/*.jpg"}, "takes no file"),
        (FLUX, "javascript", "batch", {"values": "a.csv"}, "--language python"),
        (FLUX, "typescript", "batch", {"values": "a.CSV:b"}, "no reader for CSV"),
        (FLUX, "python", "batch", {"values": "a.xlsx"}, "none of the forms"),
        (FLUX, "python", "batch", {"values": ""}, "none of the forms"),
        (CUTOUT, "python", "batch", {"values": "photos/**/*.jpg"}, "none of the forms"),
        (CUTOUT, "python", "batch", {"values": "photos"}, "none of the forms"),
        (CUTOUT, "python", "batch", {"values": "~/photos/*.jpg"}, "write the folder out"),
        (CUTOUT, "python", "batch", {"values": "*"}, "put the files into a folder"),
        (CUTOUT, "python", "batch", {"values": "./photos/*.png", "out": "photos/"}, "with the inputs"),
        (CUTOUT, "python", "batch", {"values": "*.png", "download": True}, "with the inputs"),
        (CUTOUT, "python", "batch", {"out": "~/made"}, "expected a folder"),
        (CUTOUT, "python", "batch", {"out": ""}, "expected a folder"),
    ],
)
def test_a_source_that_does_not_fit_is_refused_with_the_reason(
    slug: str, language: str, pattern: str, options: dict[str, Any], why: str
) -> None:
    model = default_registry().require(slug)
    with pytest.raises(UsageError) as caught:
        render(model, {}, language=language, pattern=pattern, options=SnippetOptions(**options))
    assert why in f"{caught.value.message} {caught.value.hint}"


def test_the_varied_field_need_not_stand_in_the_arguments() -> None:
    flux, options = default_registry().require(FLUX), SnippetOptions(values="a.csv")
    assert not render(flux, {}, pattern="batch", options=options).has_errors
    assert render(flux, {}, pattern="batch").has_errors
    assert render(flux, {"image_size": 3}, pattern="batch", options=options).has_errors


def test_out_implies_the_download() -> None:
    code = render(default_registry().require(FLUX), {}, pattern="batch", options=ROWS).code
    assert 'OUT = Path("images")' in code and "write_bytes" in code
