"""Snippets run with the real SDKs: they give the result, and pay once whatever is lost on the way."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import node_project
from fal_skill.snippets import SnippetOptions
from snippets.fake_fal import DETAIL, PIXEL, FakeFal, Faults, fake_fal, fake_realtime
from snippets.programs import hurried, program, run

FLUX = "fal-ai/flux/schnell"
KLING = "fal-ai/kling-video/v3/pro/image-to-video"
LANGUAGES = ("python", "javascript")
EVERY_LANGUAGE = ("python", "python-async", "javascript")
"""Asynchronous Python shares its templates with the other: it runs where its own lines matter. TypeScript is the
JavaScript with types, which the compiler checks."""
every_language = pytest.mark.parametrize("language", EVERY_LANGUAGE, indirect=True)


@pytest.fixture
def fal() -> Iterator[FakeFal]:
    with fake_fal() as state:
        yield state


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    if request.param == "javascript":
        try:
            node_project.node_modules()
        except node_project.NodeMissingError as error:
            pytest.skip(f"JavaScript snippets are not run: {error}")
    return str(request.param)


@pytest.mark.parametrize("pattern", ["subscribe", "run", "submit"])
def test_the_result_is_printed_and_downloaded(tmp_path: Path, fal: FakeFal, language: str, pattern: str) -> None:
    options = SnippetOptions(download=True, errors=True)
    path = program(tmp_path, FLUX, {"prompt": 'say "hi"\n{{ x }}'}, language, pattern, options)
    done = run(fal, path)
    assert done.code == 0, done.stderr
    assert "saved as out.png" in done.stdout
    assert (tmp_path / "out.png").read_bytes() == PIXEL
    sent = [job.arguments for job in fal.submissions] or [arguments for _, arguments in fal.direct]
    assert sent == [{"prompt": 'say "hi"\n{{ x }}'}]


def test_a_local_file_is_uploaded_and_its_url_sent(tmp_path: Path, fal: FakeFal, language: str) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"jpeg")
    arguments = {"start_image_url": "photo.jpg", "end_image_url": "photo.jpg", "prompt": "zoom"}
    done = run(fal, program(tmp_path, KLING, arguments, language, "subscribe", SnippetOptions()))
    assert done.code == 0, done.stderr
    assert fal.uploads == [("photo.jpg", "image/jpeg", b"jpeg")]
    assert fal.submissions[0].arguments["start_image_url"] == f"{fal.base}/files/photo.jpg"
    assert fal.submissions[0].arguments["end_image_url"] == f"{fal.base}/files/photo.jpg"


@pytest.mark.parametrize("pattern", ["subscribe", "submit"])
def test_each_log_line_is_printed_once(tmp_path: Path, fal: FakeFal, language: str, pattern: str) -> None:
    fal.faults.polls_needed = 4
    done = run(fal, program(tmp_path, FLUX, {"prompt": "a"}, language, pattern, SnippetOptions(logs=True)))
    assert done.code == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("step")] == [f"step {n}" for n in range(4)]


@pytest.mark.parametrize("pattern", ["subscribe", "run", "submit"])
def test_a_refused_call_shows_the_detail_of_fal(tmp_path: Path, fal: FakeFal, language: str, pattern: str) -> None:
    fal.faults.refuse_submit = 403
    fal.faults.fail_job = 422
    options = SnippetOptions(errors=True)
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, pattern, options)
    done = run(fal, path)
    assert done.code == 1
    assert "403" in done.stderr and "refused" in done.stderr
    fal.faults.refuse_submit = None
    done = run(fal, path)
    assert done.code == 1
    assert "422" in done.stderr and DETAIL[0]["msg"] in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("pattern", ["subscribe", "submit"])
def test_the_lifetime_of_outputs_is_sent(tmp_path: Path, fal: FakeFal, language: str, pattern: str) -> None:
    done = run(fal, program(tmp_path, FLUX, {"prompt": "a"}, language, pattern, SnippetOptions(expires="7d")))
    assert done.code == 0, done.stderr
    headers = {name.lower(): value for name, value in fal.submissions[0].headers.items()}
    assert json.loads(headers["x-fal-object-lifecycle-preference"]) == {"expiration_duration_seconds": 604800}


@every_language
def test_a_client_timeout_cancels_the_job_and_ends_the_process(tmp_path: Path, fal: FakeFal, language: str) -> None:
    fal.faults.polls_needed = 10_000
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "subscribe", SnippetOptions(client_timeout=1.1))
    done = run(fal, path, timeout=30)
    assert done.code != 0
    assert [job.cancelled for job in fal.submissions] == [True]


@pytest.mark.parametrize("language", ["javascript"], indirect=True)
def test_a_client_timeout_that_is_caught_leaves_no_poll_behind(tmp_path: Path, fal: FakeFal, language: str) -> None:
    fal.faults.polls_needed, fal.faults.deaf, fal.faults.slow_status = 10_000, True, 0.2
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "subscribe", SnippetOptions(client_timeout=1.1))
    text = path.read_text()
    path.write_text(text.replace("const result", "try { const result") + '} catch (error) { console.log("caught"); }')
    done = run(fal, path, timeout=15)
    assert done.code == 0 and "caught" in done.stdout, done.stderr


def test_a_direct_call_that_takes_too_long_ends_and_is_not_repeated(
    tmp_path: Path, fal: FakeFal, language: str
) -> None:
    fal.faults.slow_run = 7
    # Long enough for the request to arrive on a machine that is busy with other tests.
    done = run(fal, program(tmp_path, FLUX, {"prompt": "a"}, language, "run", SnippetOptions(client_timeout=3)))
    assert done.code != 0
    assert len(fal.direct) == 1


def test_a_submit_that_waits_too_long_leaves_the_job_running_and_resumes_it(
    tmp_path: Path, fal: FakeFal, language: str
) -> None:
    fal.faults.polls_needed = 10_000
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "submit", SnippetOptions(client_timeout=1.1))
    done = run(fal, path, timeout=30)
    assert done.code != 0
    assert "run this again to collect" in done.stderr
    fal.faults.polls_needed = 1
    done = run(fal, path)
    assert done.code == 0, done.stderr
    assert len(fal.submissions) == 1 and not fal.submissions[0].cancelled


JOB = "fal-ai-flux-schnell-job.txt"


@every_language
@pytest.mark.parametrize("fault", ["lost_replies", "gateway_replies"])
def test_a_submission_whose_reply_is_lost_is_not_sent_again_by_this_run_or_the_next(
    tmp_path: Path, fal: FakeFal, language: str, fault: str
) -> None:
    setattr(fal.faults, fault, 1)
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "submit", SnippetOptions())
    for _ in range(2):
        done = run(fal, path)
        assert done.code != 0
        assert "may have made a job" in done.stderr and "https://fal.ai/dashboard" in done.stderr
        assert len(fal.submissions) == 1
        assert (tmp_path / JOB).read_text() == "sending"
    assert len(done.stderr.splitlines()) == 1


def test_an_id_put_into_the_job_file_by_hand_is_collected(tmp_path: Path, fal: FakeFal, language: str) -> None:
    fal.faults.lost_replies = 1
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "submit", SnippetOptions())
    assert run(fal, path).code != 0
    (tmp_path / JOB).write_text(fal.submissions[0].request_id + "\n")
    done = run(fal, path)
    assert done.code == 0, done.stderr
    assert "out.png" in done.stdout and len(fal.submissions) == 1


@every_language
def test_a_second_run_collects_the_same_job_and_a_deleted_file_starts_a_new_one(
    tmp_path: Path, fal: FakeFal, language: str
) -> None:
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "submit", SnippetOptions())
    for _ in range(2):
        done = run(fal, path)
        assert done.code == 0, done.stderr
        assert "out.png" in done.stdout and f"delete {JOB}" in done.stdout
        assert [job.request_id for job in fal.submissions] == [(tmp_path / JOB).read_text()]
    (tmp_path / JOB).unlink()
    assert run(fal, path).code == 0
    assert len(fal.submissions) == 2


@every_language
@pytest.mark.parametrize(("status", "errors"), [(429, False), (429, True), (422, True)])
def test_a_refused_submit_makes_no_job_shows_its_detail_and_can_be_run_again(
    tmp_path: Path, fal: FakeFal, language: str, status: int, errors: bool
) -> None:
    fal.faults.refuse_submit = status
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "submit", SnippetOptions(errors=errors))
    done = run(fal, path)
    assert done.code != 0 and "refused" in done.stderr
    assert [method for method, _ in fal.log] == ["POST"]
    assert not (tmp_path / JOB).exists()
    fal.faults.refuse_submit = None
    assert run(fal, path).code == 0


@pytest.mark.parametrize(
    ("language", "pattern"),
    [*((language, "submit") for language in EVERY_LANGUAGE), ("javascript", "webhook")],
    indirect=["language"],
)
def test_a_submit_that_reaches_no_server_can_be_run_again(tmp_path: Path, language: str, pattern: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = FakeFal(f"http://127.0.0.1:{closed.getsockname()[1]}")
        path = program(tmp_path, FLUX, {"prompt": "a"}, language, pattern, SnippetOptions())
        done = run(nowhere, path, *(["https://example.com/hook"] if pattern == "webhook" else []))
    assert done.code != 0 and "may have made a job" not in done.stderr
    assert not (tmp_path / JOB).exists()


@every_language
def test_without_a_key_nothing_is_sent_and_no_file_is_left(tmp_path: Path, fal: FakeFal, language: str) -> None:
    done = run(fal, program(tmp_path, FLUX, {"prompt": "a"}, language, "submit", SnippetOptions()), key=None)
    assert done.code != 0
    assert not fal.submissions and not (tmp_path / JOB).exists()


@pytest.fixture
def brief_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDKs give up at once; what the snippet then does by itself is left."""
    monkeypatch.setenv("FAKE_ATTEMPTS", "1")


@every_language
@pytest.mark.parametrize("fault", ["cut_status", "cut_results"])
@pytest.mark.usefixtures("brief_patience")
def test_a_connection_that_breaks_while_collecting_leads_to_collecting_again(
    tmp_path: Path, fal: FakeFal, language: str, fault: str
) -> None:
    setattr(fal.faults, fault, 5)
    done = run(fal, program(tmp_path, FLUX, {"prompt": "a"}, language, "submit", SnippetOptions(client_timeout=900)))
    assert done.code == 0, done.stderr
    assert "out.png" in done.stdout and len(fal.submissions) == 1


@every_language
@pytest.mark.usefixtures("brief_patience")
def test_collecting_ends_after_some_attempts_and_says_how_to_go_on(tmp_path: Path, fal: FakeFal, language: str) -> None:
    fal.faults.cut_results = 10_000
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "submit", SnippetOptions())
    done = run(fal, path)
    assert done.code != 0
    assert f"run this again to collect {fal.submissions[0].request_id}" in done.stdout + done.stderr
    fal.faults.cut_results = 0
    assert run(fal, path).code == 0
    assert len(fal.submissions) == 1


@pytest.mark.parametrize("language", ["python", "javascript"], indirect=True)
def test_the_sdk_itself_does_send_a_lost_submission_twice(tmp_path: Path, fal: FakeFal, language: str) -> None:
    """The reason for the code above; when this fails, the SDK has been mended and the code can go."""
    fal.faults.lost_replies = 1
    done = run(fal, program(tmp_path, FLUX, {"prompt": "a"}, language, "subscribe", SnippetOptions()))
    assert done.code == 0, done.stderr
    assert len(fal.submissions) == 2


@every_language
def test_a_gateway_error_while_collecting_leads_to_collecting_again(
    tmp_path: Path, fal: FakeFal, language: str
) -> None:
    fal.faults.broken_results = 1
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "submit", SnippetOptions())
    done = run(fal, path)
    assert done.code == 0, done.stderr
    assert f"{fal.base}/files/b/out.png" in done.stdout
    assert len(fal.submissions) == 1 and fal.submissions[0].collected == 2


@every_language
@pytest.mark.parametrize("status", [422, 500])
def test_a_failed_job_is_neither_waited_for_nor_silently_submitted_anew(
    tmp_path: Path, fal: FakeFal, language: str, status: int
) -> None:
    fal.faults.fail_job = status
    path = program(tmp_path, FLUX, {"prompt": "a"}, language, "submit", SnippetOptions())
    for looks in (1, 2):
        done = run(fal, path)
        assert done.code != 0
        assert f"delete {JOB} to start a new one" in done.stdout + done.stderr
        assert len(fal.submissions) == 1
        assert fal.submissions[0].collected <= looks * (1 if status == 422 else 4)
    (tmp_path / JOB).unlink()
    fal.faults.fail_job = None
    assert run(fal, path).code == 0
    assert len(fal.submissions) == 2


def test_a_stream_gives_its_events_and_the_last_is_the_result(tmp_path: Path, fal: FakeFal, language: str) -> None:
    options = SnippetOptions(download=True)
    done = run(fal, program(tmp_path, FLUX, {"prompt": "a"}, language, "stream", options))
    assert done.code == 0, done.stderr
    assert "partial" in done.stdout
    assert (tmp_path / "out.png").read_bytes() == PIXEL


@every_language
def test_a_refused_stream_ends_with_an_error(tmp_path: Path, fal: FakeFal, language: str) -> None:
    fal.faults.refuse_stream = True
    for errors in (True, False):
        options = SnippetOptions(errors=errors)
        done = run(fal, program(tmp_path, FLUX, {"prompt": "a"}, language, "stream", options))
        assert done.code != 0, (errors, done.stdout)
    options = SnippetOptions(errors=True)
    done = run(fal, program(tmp_path, FLUX, {"prompt": "a"}, language, "stream", options))
    assert ("422" if language == "javascript" else "refused") in done.stderr


def test_a_realtime_connection_sends_and_receives(tmp_path: Path, fal: FakeFal, language: str) -> None:
    with fake_realtime() as address:
        done = run(
            fal, program(tmp_path, FLUX, {"prompt": "a"}, language, "realtime", SnippetOptions()), realtime=address
        )
        assert done.code == 0, done.stderr
        assert "echo" in done.stdout and "/fal-ai/flux/schnell/realtime?fal_jwt_token=token" in done.stdout


def test_the_realtime_path_is_not_doubled_for_an_id_that_ends_in_it(
    tmp_path: Path, fal: FakeFal, language: str
) -> None:
    slug = "fal-ai/flux-2/klein/realtime"
    with fake_realtime() as address:
        done = run(
            fal, program(tmp_path, slug, {"prompt": "a"}, language, "realtime", SnippetOptions()), realtime=address
        )
        assert done.code == 0, done.stderr
        assert f"/{slug}?fal_jwt_token=token" in done.stdout


@every_language
def test_an_error_on_a_realtime_connection_ends_the_program(tmp_path: Path, fal: FakeFal, language: str) -> None:
    options = SnippetOptions(errors=True)
    with fake_realtime() as address:
        path = program(tmp_path, FLUX, {"prompt": "fail"}, language, "realtime", options)
        done = run(fal, path, realtime=address)
        assert done.code == 1
        assert "no such style" in done.stderr


BATCH = SnippetOptions(unit_cost=0.01, max_cost=0.03, concurrency=2)


def batch(folder: Path, language: str, prompts: list[str], options: SnippetOptions = BATCH) -> Path:
    """Write a batch program over these prompts."""
    path = program(folder, FLUX, {"prompt": "PLACE"}, language, "batch", options)
    text = path.read_text()
    assert '["PLACE"]' in text
    path.write_text(text.replace('["PLACE"]', json.dumps(prompts)))
    return path


def states(folder: Path) -> dict[str, str]:
    """Return the state of each prompt in the batch's file."""
    return {
        prompt: job["state"]
        for prompt, job in json.loads((folder / "fal-ai-flux-schnell-batch.json").read_text()).items()
    }


def test_a_batch_runs_each_prompt_once_and_a_second_run_sends_nothing(
    tmp_path: Path, fal: FakeFal, language: str
) -> None:
    path = batch(tmp_path, language, ["a", "b", "a"])
    for _ in range(2):
        done = run(fal, path)
        assert done.code == 0, done.stderr
        assert sorted(job.arguments["prompt"] for job in fal.submissions) == ["a", "b"]
        assert states(tmp_path) == {"a": "done", "b": "done"}


@every_language
def test_a_batch_stops_at_its_budget_over_all_runs(tmp_path: Path, fal: FakeFal, language: str) -> None:
    path = batch(tmp_path, language, ["a", "b", "c", "d", "e"])
    for _ in range(2):
        done = run(fal, path)
        assert done.code == 1, done.stderr
        assert len(fal.submissions) == 3  # 3 × 0.01 USD fit into 0.03
        assert "over budget" in done.stdout
        assert sorted(states(tmp_path).values()) == ["done", "done", "done", "new", "new"]


@every_language
def test_a_batch_counts_a_lost_reply_and_does_not_send_it_again(tmp_path: Path, fal: FakeFal, language: str) -> None:
    fal.faults.lost_replies = 1
    path = batch(tmp_path, language, ["a", "b", "c", "d"])
    for _ in range(2):
        done = run(fal, path)
        assert done.code == 1, done.stderr
        assert len(fal.submissions) == 3
        assert sorted(states(tmp_path).values()) == ["done", "done", "new", "sent"]
        assert "dashboard" in done.stdout


def test_a_batch_takes_any_text_for_a_prompt(tmp_path: Path, fal: FakeFal, language: str) -> None:
    prompts = ["constructor", "__proto__", "toString", ""]
    assert run(fal, batch(tmp_path, language, prompts, replace(BATCH, max_cost=1))).code == 0
    assert states(tmp_path) == dict.fromkeys(prompts, "done")
    assert sorted(job.arguments["prompt"] for job in fal.submissions) == sorted(prompts)


@every_language
def test_a_batch_goes_on_when_one_upload_fails(tmp_path: Path, fal: FakeFal, language: str) -> None:
    (tmp_path / "good.mp3").write_bytes(b"sound")
    options = SnippetOptions(unit_cost=0.01)
    path = program(tmp_path, "fal-ai/wizper", {"audio_url": "PLACE"}, language, "batch", options)
    path.write_text(path.read_text().replace('["PLACE"]', '["missing.mp3", "good.mp3"]'))
    done = run(fal, path)
    assert done.code == 1 and "missing.mp3" in done.stdout
    assert [job.arguments for job in fal.submissions] == [{"audio_url": f"{fal.base}/files/good.mp3"}]


def test_a_batch_resumes_a_submitted_job_by_its_id(tmp_path: Path, fal: FakeFal, language: str) -> None:
    path = batch(tmp_path, language, ["a"])
    assert run(fal, path).code == 0
    state = json.loads((tmp_path / "fal-ai-flux-schnell-batch.json").read_text())
    state["a"] = {"state": "submitted", "sent": 1, "id": fal.submissions[0].request_id}
    (tmp_path / "fal-ai-flux-schnell-batch.json").write_text(json.dumps(state))
    assert run(fal, path).code == 0
    assert len(fal.submissions) == 1
    assert states(tmp_path) == {"a": "done"}


def test_a_batch_sends_failed_jobs_again_only_when_told_to(tmp_path: Path, fal: FakeFal, language: str) -> None:
    fal.faults.fail_job = 422
    path = batch(tmp_path, language, ["a"])
    for _ in range(2):
        done = run(fal, path)
        assert done.code == 1, done.stderr
        assert states(tmp_path) == {"a": "failed"}
        assert DETAIL[0]["msg"] in done.stdout
        assert len(fal.submissions) == 1
    fal.faults = Faults()
    assert run(fal, path, "--retry-failed").code == 0
    assert states(tmp_path) == {"a": "done"}
    assert len(fal.submissions) == 2


@every_language
@pytest.mark.parametrize("status", [403, 429])
def test_a_batch_that_is_refused_costs_nothing_and_can_be_run_again(
    tmp_path: Path, fal: FakeFal, language: str, status: int
) -> None:
    fal.faults.refuse_submit = status
    path = hurried(batch(tmp_path, language, ["a", "b", "c"]), "0, 0")
    done = run(fal, path)
    assert done.code == 1 and "refused" in done.stdout, done.stderr
    assert states(tmp_path) == {"a": "new", "b": "new", "c": "new"}
    fal.faults.refuse_submit = None
    assert run(fal, path).code == 0
    assert states(tmp_path) == {"a": "done", "b": "done", "c": "done"}


@every_language
@pytest.mark.usefixtures("brief_patience")
def test_a_batch_collects_again_when_a_status_is_refused_half_way(tmp_path: Path, fal: FakeFal, language: str) -> None:
    fal.faults.polls_needed, fal.faults.broken_status = 4, 2
    done = run(fal, batch(tmp_path, language, ["a"]))
    assert done.code == 0, done.stderr
    assert states(tmp_path) == {"a": "done"} and len(fal.submissions) == 1


def test_a_batch_that_reaches_no_server_stays_new_and_spends_nothing(tmp_path: Path, language: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = FakeFal(f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert run(nowhere, hurried(batch(tmp_path, language, ["a"]), "0, 0")).code == 1
    assert states(tmp_path) == {"a": "new"}


def test_a_batch_without_a_known_price_does_not_start(tmp_path: Path, fal: FakeFal, language: str) -> None:
    done = run(fal, batch(tmp_path, language, ["a"], SnippetOptions(unit_cost=None)))
    assert done.code != 0
    assert "set UNIT_COST" in done.stderr
    assert not fal.submissions


@pytest.mark.parametrize("language", ["python", "python-async"], indirect=True)
def test_a_batch_without_a_key_stops_before_anything_is_noted(tmp_path: Path, fal: FakeFal, language: str) -> None:
    done = run(fal, batch(tmp_path, language, ["a"]), key="")
    assert done.code != 0 and "MissingCredentialsError" in done.stderr
    assert not (tmp_path / "fal-ai-flux-schnell-batch.json").exists() and not fal.log


def test_a_batch_over_files_uploads_local_ones(tmp_path: Path, fal: FakeFal, language: str) -> None:
    (tmp_path / "a.mp3").write_bytes(b"sound")
    options = SnippetOptions(unit_cost=0.01)
    done = run(fal, program(tmp_path, "fal-ai/wizper", {"audio_url": "a.mp3"}, language, "batch", options))
    assert done.code == 0, done.stderr
    assert [name for name, _, _ in fal.uploads] == ["a.mp3"]
    assert fal.submissions[0].arguments == {"audio_url": f"{fal.base}/files/a.mp3"}
