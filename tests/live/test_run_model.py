"""The contract of run_model.py, as a user runs it, against the sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import SCRIPTS, Done, RunScript, one_line_error
from fal_skill.sandbox.jobs import COMPLETED
from fal_skill.sandbox.local import Sandbox
from fal_skill.sandbox.queue import Queue
from fal_skill.sandbox.service import Service
from fal_skill.sandbox.settings import Settings
from live.conftest import RunLive, ledger_file

SCHNELL = "fal-ai/flux/schnell"
CAT = ("--arguments", '{"prompt": "a cat"}')
KLING = "fal-ai/kling-video/v3/pro/image-to-video"
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def with_faults(*faults: str, **more: Any) -> Settings:
    return Settings(queue_seconds=0.01, model_seconds=0.05, faults=faults, **more)


def lines(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


def listed(run: RunLive) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = run("run_model.py", "--list").json["jobs"]
    return jobs


def finish(box: Sandbox) -> None:
    """Bring all running jobs to their end now."""

    def end(service: Service) -> None:
        for job in service.board.jobs.values():
            if job.state != COMPLETED:
                service.board._end(job, service.clock(), None)

    box.call(end)


def submits(box: Sandbox) -> int:
    return sum(exchange.place == "submit" for exchange in box.service.journal.exchanges)


def test_a_run_brings_result_files_manifest_and_cost(live: RunLive, sandbox: Sandbox, tmp_path: Path) -> None:
    done = live(
        "run_model.py",
        SCHNELL,
        "--arguments",
        '{"prompt": "a cat", "num_images": 2}',
        "--out",
        "cats",
        "--max-cost",
        "0.01",
    )
    assert done.code == 0, done.err
    said = done.json
    assert set(said) == {"slug", "request_id", "state", "submitted_at", "result", "files", "manifest", "cost", "error"}
    assert (said["state"], said["request_id"], said["error"]) == ("done", sandbox.jobs[0].id, None)
    assert said["cost"]["estimated"] == {"low": 0.006, "high": 0.006} and said["cost"]["billable_units"] == 2
    manifest = json.loads((tmp_path / "cats" / "manifest.json").read_text())
    assert [file["sha256"] for file in manifest["files"]] == [file["sha256"] for file in said["files"]]
    assert all((tmp_path / "cats" / file["file"]).stat().st_size == file["bytes"] for file in manifest["files"])
    assert len(manifest["files"]) == 2 and manifest["seed"] == said["result"]["seed"]
    assert f"submitted {said['request_id']}" in done.err
    report = sandbox.report(final=True)
    assert report["violations"] == [] and all(file["fetched"] for file in report["media"])


def test_without_out_each_job_has_a_folder_of_its_own(live: RunLive, tmp_path: Path) -> None:
    for prompt in ("a", "b"):
        done = live("run_model.py", SCHNELL, "--arguments", json.dumps({"prompt": prompt}))
        assert Path(done.json["manifest"]) == tmp_path / "fal-output" / done.json["request_id"][:8] / "manifest.json"


@pytest.mark.parametrize("sandbox", [with_faults("lost-reply")], indirect=True)
def test_a_lost_reply_is_exactly_one_post_and_exit_code_6(live: RunLive, sandbox: Sandbox) -> None:
    done = live("run_model.py", SCHNELL, *CAT)
    assert done.code == 6
    assert "may have been submitted" in one_line_error(done)
    assert (submits(sandbox), len(sandbox.jobs)) == (1, 1)
    again = live("run_model.py", SCHNELL, *CAT)
    assert again.code == 6 and "has not ended" in one_line_error(again) and "--resume job-1" in again.err
    resumed = live("run_model.py", "--resume", "job-1")
    assert resumed.code == 6 and "fal.ai/dashboard" in resumed.err
    assert submits(sandbox) == 1
    forced = live("run_model.py", SCHNELL, *CAT, "--again")
    assert forced.code == 0 and submits(sandbox) == 2


def test_the_ledger_says_sending_when_the_request_reaches_the_server(
    live: RunLive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    submit = Queue._submit

    async def looking(queue: Queue, ask: Any) -> Any:
        with contextlib.closing(sqlite3.connect(ledger_file(tmp_path))) as db:
            seen.extend(db.execute("select state, request_id from jobs").fetchall())
        return await submit(queue, ask)

    monkeypatch.setattr(Queue, "_submit", looking)
    assert live("run_model.py", SCHNELL, *CAT).code == 0
    assert seen == [("sending", None)]


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("sandbox", [with_faults("lost-reply")], indirect=True)
def test_a_lost_job_is_found_in_fals_history_and_collected(live: RunLive, sandbox: Sandbox) -> None:
    assert live("run_model.py", SCHNELL, *CAT).code == 6
    time.sleep(0.1)
    done = live("run_model.py", "--collect")
    assert done.code == 0, done.err
    (said,) = lines(done)
    assert (said["request_id"], said["state"], len(said["files"])) == (sandbox.jobs[0].id, "done", 1)
    assert submits(sandbox) == 1


@pytest.mark.parametrize("fault", ["503", "504", "ingress-503", "500"])
def test_a_5xx_at_submit_is_not_answered_by_another_submit(
    fault: str, environment: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    from fal_skill.sandbox.local import running

    with running(with_faults(fault)) as box:
        done = run_in(box, environment, tmp_path, SCHNELL, *CAT)
        assert done.code == 6 and submits(box) == 1


def run_in(box: Sandbox, env: Callable[..., dict[str, str]], folder: Path, *arguments: str) -> Done:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "run_model.py"), *arguments],
        env=env(box), cwd=folder, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("sandbox", [with_faults("429,times=2")], indirect=True)
def test_a_429_says_that_there_is_no_job_and_is_tried_again(live: RunLive, sandbox: Sandbox) -> None:
    done = live("run_model.py", SCHNELL, *CAT)
    assert done.code == 0, done.err
    assert (submits(sandbox), len(sandbox.jobs)) == (3, 1)
    assert "nothing was submitted" in done.err


@pytest.mark.parametrize(
    ("sandbox", "code", "word", "state"),
    [
        (with_faults("failed-job"), 7, "the model failed", "failed"),
        (with_faults("failed-job=runner_disconnected"), 7, "runner was lost", "failed"),
        (with_faults("failed-job=generation_timeout"), 7, "took too long", "failed"),
        (with_faults("content-policy"), 4, "content checker", "failed"),
        (with_faults("expired-media"), 1, "is gone", "done"),
    ],
    indirect=["sandbox"],
)
def test_a_failed_job_has_the_exit_code_of_its_reason(live: RunLive, code: int, word: str, state: str) -> None:
    done = live("run_model.py", SCHNELL, *CAT)
    assert done.code == code
    assert word in one_line_error(done)
    assert done.json["state"] == state and done.json["error"]["exit_code"] == code
    assert done.json["error"]["retry"] and done.json["error"]["next_step"]


@pytest.mark.parametrize("sandbox", [with_faults("503,on=result,times=2")], indirect=True)
def test_a_5xx_at_the_result_is_asked_again_by_id(live: RunLive, sandbox: Sandbox) -> None:
    done = live("run_model.py", SCHNELL, *CAT)
    assert done.code == 0, done.err
    assert len(sandbox.jobs) == 1


@pytest.mark.parametrize("sandbox", [with_faults("slow-model=60")], indirect=True)
def test_a_job_that_takes_too_long_is_left_running_and_resumed(live: RunLive, sandbox: Sandbox, tmp_path: Path) -> None:
    done = live("run_model.py", SCHNELL, *CAT, "--wait", "0.2", "--out", "there")
    assert done.code == 6
    request_id = sandbox.jobs[0].id
    assert f"--resume {request_id}" in one_line_error(done)
    assert (done.json["request_id"], done.json["state"]) == (request_id, "submitted")
    (job,) = listed(live)
    assert (job["state"], job["request_id"]) == ("submitted", request_id)
    assert live("run_model.py", SCHNELL, *CAT).code == 6, "the same arguments still run"
    collected = live("run_model.py", "--collect")
    assert collected.code == 6 and lines(collected)[0]["state"] == "submitted"
    finish(sandbox)
    resumed = live("run_model.py", "--resume", request_id[:6])
    assert resumed.code == 0, resumed.err
    assert Path(resumed.json["files"][0]["file"]).parent == tmp_path / "there"
    assert len(sandbox.jobs) == 1
    assert live("run_model.py", SCHNELL, *CAT, "--wait", "0").code == 6 and len(sandbox.jobs) == 2, "it has ended"


@pytest.mark.parametrize("sandbox", [with_faults("slow-model=60")], indirect=True)
def test_watch_waits_for_all_and_takes_them_home(live: RunLive, sandbox: Sandbox) -> None:
    for prompt in ("a", "b"):
        assert live("run_model.py", SCHNELL, "--arguments", json.dumps({"prompt": prompt}), "--wait", "0").code == 6
    threading.Timer(1.0, finish, [sandbox]).start()
    done = live("run_model.py", "--watch")
    assert done.code == 0, done.err
    assert sorted(said["state"] for said in lines(done)) == ["done", "done"]
    assert live("run_model.py", "--collect").json == {"summary": {"jobs": 0}}


def test_a_job_of_another_program_is_resumed_by_slug_and_id(
    live: RunLive, sandbox: Sandbox, environment: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    code = f"import fal_client; print(fal_client.submit('{SCHNELL}', arguments={{'prompt': 'x'}}).request_id)"
    made = subprocess.run(
        [sys.executable, "-c", code], env=environment(sandbox), capture_output=True, text=True, check=True
    )
    done = live("run_model.py", SCHNELL, "--resume", made.stdout.strip())
    assert done.code == 0, done.err
    assert done.json["files"]
    unknown = live("run_model.py", "--resume", "deadbeef")
    assert unknown.code == 2 and "name its model too" in unknown.err
    foreign = live("run_model.py", SCHNELL, "--resume", "00000000-0000-0000-0000-000000000000")
    assert foreign.code == 1 and "does not know this request id" in one_line_error(foreign)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ([SCHNELL, "--arguments", "{}"], 4, "missing-required"),
        ([SCHNELL, "--arguments", '{"prompt": 3}'], 4, "wrong-type"),
        ([SCHNELL, "--arguments", "{}", "--force"], 4, "--force does not override errors"),
        ([SCHNELL, "--arguments", '{"prompt": "x", "stepz": 3}'], 4, "unknown-field"),
        (["fal-ai/nope", "--arguments", "{}"], 3, "fal's catalogue of"),
        ([SCHNELL, *CAT, "--max-cost", "0.001"], 8, "more than the cap"),
        (["fal-ai/fast-sdxl", *CAT, "--max-cost", "1"], 8, "cannot be guaranteed"),
        ([KLING, "--arguments", '{"start_image_url": "gone.png"}'], 4, "there is no file"),
    ],
)
def test_what_should_not_be_sent_is_not_sent(
    live: RunLive, sandbox: Sandbox, arguments: list[str], code: int, word: str
) -> None:
    done = live("run_model.py", *arguments)
    assert done.code == code
    assert word in one_line_error(done)
    assert submits(sandbox) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [SCHNELL, "--arguments", '{"prompt": "x", "stepz": 3}', "--force"],
        ["fal-ai/fast-sdxl", *CAT, "--max-cost", "1", "--allow-unknown-cost"],
    ],
)
def test_what_the_user_insists_on_is_sent(live: RunLive, sandbox: Sandbox, arguments: list[str]) -> None:
    done = live("run_model.py", *arguments)
    assert done.code == 0, done.err
    assert submits(sandbox) == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "no SLUG"),
        ([SCHNELL], "no --arguments"),
        ([SCHNELL, "--arguments", "[]"], "is an array"),
        (["--list", "--collect"], "cannot be combined"),
        (["--list", "--arguments", "{}"], "does not go with"),
        ([SCHNELL, "--list"], "takes no SLUG"),
        (["--collect", "--dry-run"], "does not go with"),
        ([SCHNELL, *CAT, "--max-cost", "much"], "is not an amount"),
        ([SCHNELL, *CAT, "--wait", "-1"], "--wait must be"),
        ([SCHNELL, *CAT, "--start-timeout", "1"], "--start-timeout must be"),
        ([SCHNELL, *CAT, "--concurrency", "0"], "--concurrency must be"),
        (["--batch", "nothing.jsonl"], "cannot read"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run_script: RunScript, arguments: list[str], word: str) -> None:
    done = run_script("run_model.py", *arguments)
    assert done.code == 2 and done.out == ""
    assert word in one_line_error(done)


def test_a_dry_run_needs_no_key_and_no_network(run_script: RunScript, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"123")
    arguments = json.dumps({"start_image_url": str(tmp_path / "photo.png"), "prompt": "x"})
    done = run_script(
        "run_model.py", KLING, "--arguments", arguments, "--dry-run", env={"HTTPS_PROXY": "http://127.0.0.1:9"}
    )
    assert done.code == 0, done.err
    request = done.json["request"]
    assert request["url"] == f"https://queue.fal.run/{KLING}"
    assert request["body"] == {"start_image_url": "<the URL of the uploaded photo.png>", "prompt": "x"}
    assert request["headers"]["Authorization"] == "Key [***]"
    assert done.json["uploads"][0]["bytes"] == 3 and done.json["would_send"]
    capped = run_script("run_model.py", SCHNELL, *CAT, "--dry-run", "--max-cost", "0")
    assert capped.code == 8 and not capped.json["would_send"]


def test_without_a_key_nothing_begins(run_script: RunScript, tmp_path: Path) -> None:
    done = run_script("run_model.py", SCHNELL, *CAT)
    assert done.code == 5
    assert "no fal key was found" in one_line_error(done) and "FAL_KEY" in done.err
    assert not (tmp_path / ".local").exists()


@pytest.mark.parametrize(
    ("key", "code", "word"), [("wrong:0123456789abcdef", 5, "does not accept the key"), ("two words", 5, "white space")]
)
def test_a_wrong_key_is_exit_code_5_and_never_shown(live: RunLive, key: str, code: int, word: str) -> None:
    done = live("run_model.py", SCHNELL, *CAT, "--debug", env={"FAL_KEY": key})
    assert done.code == code
    assert word in next(line for line in done.err.splitlines() if line.startswith("error:"))
    assert key not in done.out + done.err
    assert "Traceback" in done.err, "--debug shows it"


def test_an_empty_account_is_about_money_not_about_the_key(live: RunLive, sandbox: Sandbox) -> None:
    done = live("run_model.py", SCHNELL, *CAT, env={"FAL_KEY": sandbox.settings.empty_key})
    assert done.code == 5
    assert "top up" in one_line_error(done)


@pytest.mark.parametrize(
    ("environment_of", "word"),
    [
        ({**dict.fromkeys(PROXIES, "http://127.0.0.1:9")}, "refused"),
        ({"SSL_CERT_FILE": os.devnull, "FAL_SANDBOX": ""}, "secure connection failed"),
        ({"SSL_CERT_FILE": "/no/such/file", "FAL_SANDBOX": ""}, "secure connection failed"),
        ({"SSL_CERT_FILE": "", "FAL_SANDBOX": ""}, "secure connection failed"),
        (
            {**dict.fromkeys(PROXIES, ""), "FAL_RUN_HOST": "no-such-host.invalid", "FAL_SANDBOX": ""},
            "name of the host",
        ),
    ],
)
def test_network_failures_are_told_apart_and_leave_no_doubt(
    live: RunLive, sandbox: Sandbox, environment_of: dict[str, str], word: str
) -> None:
    done = live("run_model.py", SCHNELL, *CAT, "--quiet", env=environment_of)
    assert done.code == 7, done.err
    assert word in one_line_error(done)
    assert [job["state"] for job in listed(live)] in ([], ["refused"]) and submits(sandbox) == 0


def test_local_files_are_uploaded_first(live: RunLive, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    done = live(
        "run_model.py", KLING, "--arguments", '{"start_image_url": "photo.png", "prompt": "zoom"}', "--no-download"
    )
    assert done.code == 0, done.err
    (job,) = sandbox.jobs
    assert job.arguments["start_image_url"].startswith("https://v3.fal.media/")
    places = [exchange.place for exchange in sandbox.service.journal.exchanges]
    assert places.index("upload") < places.index("submit")
    assert [violation for violation in sandbox.violations if violation["code"] == "key-leak"] == []


def test_private_runs_keep_the_prompt_to_themselves(live: RunLive, tmp_path: Path) -> None:
    done = live("run_model.py", SCHNELL, "--arguments", '{"prompt": "a very secret wish"}', "--private", "--out", "p")
    assert done.code == 0, done.err
    kept = ledger_file(tmp_path).read_bytes() + (tmp_path / "p" / "manifest.json").read_bytes()
    assert b"secret wish" not in kept and b"arguments_sha256" in kept


def test_the_key_is_in_no_file_and_no_output(live: RunLive, sandbox: Sandbox, tmp_path: Path) -> None:
    secret = sandbox.key.partition(":")[2]
    said = [live("run_model.py", SCHNELL, *CAT, "--out", "o", "--debug")]
    assert said[0].code == 0, said[0].err
    arguments = {"prompt": f"my key is {sandbox.key}, please draw it"}
    batch(tmp_path, arguments)
    said.append(live("run_model.py", SCHNELL, "--arguments", json.dumps(arguments)))
    said.append(live("run_model.py", SCHNELL, "--batch", "calls.jsonl"))
    assert [done.code for done in said[1:]] == [2, 2] and submits(sandbox) == 1
    assert secret not in "".join(done.out + done.err for done in said)
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.name != "calls.jsonl":
            assert secret.encode() not in file.read_bytes(), file


def test_a_ledger_that_others_may_read_is_refused(live: RunLive, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "open.sqlite3").touch(mode=0o644)
    (tmp_path / "open.sqlite3").chmod(0o644)
    done = live("run_model.py", SCHNELL, *CAT, "--ledger", "open.sqlite3")
    assert done.code == 2 and "by everyone" in one_line_error(done) and submits(sandbox) == 0


def interrupted(box: Sandbox, env: dict[str, str], folder: Path, *arguments: str, polls: int = 1) -> tuple[int, str]:
    """Start the script, interrupt it when its job has been polled that often, return (exit code, stderr)."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "run_model.py"), SCHNELL, *CAT, *arguments],
        env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not (box.jobs and box.jobs[0].polls > polls) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    return process.returncode, err


@pytest.mark.parametrize("sandbox", [with_faults("slow-model=60")], indirect=True)
def test_ctrl_c_leaves_the_job_running_and_says_how_to_resume(
    sandbox: Sandbox,
    environment: Callable[..., dict[str, str]],
    tmp_path: Path,
) -> None:
    code, err = interrupted(sandbox, environment(sandbox), tmp_path)
    assert code == 6
    assert f"--resume {sandbox.jobs[0].id}" in err and "Traceback" not in err
    assert not sandbox.jobs[0].cancel_asked


def test_ctrl_c_during_the_submission_waits_for_its_reply(
    sandbox: Sandbox,
    environment: Callable[..., dict[str, str]],
    tmp_path: Path,
    live: RunLive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit = Queue._submit

    async def late(queue: Queue, ask: Any) -> Any:
        response = await submit(queue, ask)
        await asyncio.sleep(1.5)
        return response

    monkeypatch.setattr(Queue, "_submit", late)
    code, err = interrupted(sandbox, environment(sandbox), tmp_path, polls=-1)
    assert code == 6, err
    assert f"--resume {sandbox.jobs[0].id}" in err
    assert (listed(live)[0]["state"], submits(sandbox)) == ("submitted", 1)


@pytest.mark.parametrize("sandbox", [with_faults("slow-model=60")], indirect=True)
def test_ctrl_c_cancels_when_asked_to(
    sandbox: Sandbox,
    environment: Callable[..., dict[str, str]],
    tmp_path: Path,
    live: RunLive,
) -> None:
    code, err = interrupted(sandbox, environment(sandbox), tmp_path, "--cancel-on-interrupt")
    assert code == 130
    assert "asked to cancel" in err and sandbox.jobs[0].cancel_asked
    assert listed(live)[0]["state"] == "cancelled"


@pytest.mark.parametrize("sandbox", [with_faults("slow-model=60")], indirect=True)
def test_a_job_is_cancelled_by_its_id(live: RunLive, sandbox: Sandbox) -> None:
    assert live("run_model.py", SCHNELL, *CAT, "--wait", "0").code == 6
    done = live("run_model.py", "--cancel", sandbox.jobs[0].id)
    assert done.code == 0 and "asked to cancel" in done.json["answer"]
    collected = live("run_model.py", "--collect")
    assert collected.code == 1 and lines(collected)[0]["state"] == "cancelled"


def batch(folder: Path, *calls: Any) -> None:
    (folder / "calls.jsonl").write_text("\n".join(json.dumps(call) for call in calls))


def test_a_batch_runs_all_and_a_second_run_pays_for_nothing(live: RunLive, sandbox: Sandbox, tmp_path: Path) -> None:
    batch(tmp_path, *({"prompt": f"picture {number}"} for number in range(5)), {"prompt": "picture 0"})
    done = live(
        "run_model.py", SCHNELL, "--batch", "calls.jsonl", "--concurrency", "3", "--out", "out", "--max-cost", "0.02"
    )
    assert done.code == 0, done.err
    *results, summary = lines(done)
    assert sorted(result["line"] for result in results) == [1, 2, 3, 4, 5, 6]
    assert summary == {"summary": {"calls": 6, "done": 6}}
    assert (tmp_path / "out" / "00006" / "manifest.json").exists()
    again = live("run_model.py", SCHNELL, "--batch", "calls.jsonl", "--out", "out", "--max-cost", "0.02")
    assert again.code == 0 and submits(sandbox) == 6
    assert [result["request_id"] for result in lines(again)[:6]] == [job.id for job in sandbox.jobs] or submits(
        sandbox
    ) == 6
    batch(tmp_path, {"prompt": "a new one"}, *({"prompt": f"picture {number}"} for number in range(5)))
    grown = live("run_model.py", SCHNELL, "--batch", "calls.jsonl", "--out", "out")
    assert grown.code == 0 and submits(sandbox) == 7, "lines that moved are known by what they call"


def test_a_batch_stops_at_its_cap_and_counts_what_earlier_runs_submitted(
    live: RunLive, sandbox: Sandbox, tmp_path: Path
) -> None:
    batch(tmp_path, *({"prompt": f"picture {number}"} for number in range(4)))
    for _ in range(2):
        done = live("run_model.py", SCHNELL, "--batch", "calls.jsonl", "--max-cost", "0.0065", "--concurrency", "4")
        assert done.code == 8
        assert lines(done)[-1]["summary"] == {"calls": 4, "done": 2, "not-sent": 2}
    assert submits(sandbox) == 2
    assert live("run_model.py", SCHNELL, "--batch", "calls.jsonl", "--max-cost", "0.012").code == 0
    assert submits(sandbox) == 4


def test_a_batch_with_a_bad_line_does_not_begin(live: RunLive, sandbox: Sandbox, tmp_path: Path) -> None:
    batch(tmp_path, {"prompt": "fine"}, {"prompt": 3}, {})
    done = live("run_model.py", SCHNELL, "--batch", "calls.jsonl")
    assert done.code == 4 and "2 of 3 calls do not fit: line 2:" in one_line_error(done)
    assert submits(sandbox) == 0
    dry = live("run_model.py", SCHNELL, "--batch", "calls.jsonl", "--dry-run")
    assert dry.code == 4 and len(lines(dry)) == 3
    (tmp_path / "calls.jsonl").write_text('{"slug": "x"\n')
    assert live("run_model.py", "--batch", "calls.jsonl").code == 2


@pytest.mark.parametrize("sandbox", [with_faults("failed-job,times=2")], indirect=True)
def test_failed_calls_of_a_batch_are_sent_again_only_when_asked(
    live: RunLive, sandbox: Sandbox, tmp_path: Path
) -> None:
    batch(tmp_path, *({"slug": SCHNELL, "arguments": {"prompt": f"picture {number}"}} for number in range(4)))
    assert live("run_model.py", "--batch", "calls.jsonl").code == 7
    again = live("run_model.py", "--batch", "calls.jsonl")
    assert again.code == 1 and "failed in an earlier run" in again.out and submits(sandbox) == 4
    assert live("run_model.py", "--batch", "calls.jsonl", "--retry-failed").code == 0
    assert submits(sandbox) == 6


@pytest.mark.parametrize("sandbox", [with_faults("slow-model=60")], indirect=True)
def test_a_batch_interrupted_by_ctrl_c_goes_on_where_it_was(
    sandbox: Sandbox,
    environment: Callable[..., dict[str, str]],
    tmp_path: Path,
    live: RunLive,
) -> None:
    batch(tmp_path, *({"prompt": f"picture {number}"} for number in range(3)))
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "run_model.py"), SCHNELL, "--batch", "calls.jsonl", "--concurrency", "2"],
        env=environment(sandbox), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while len(sandbox.jobs) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 6 and "run the same command again" in err
    assert submits(sandbox) == 2
    finish(sandbox)
    sandbox.call(lambda service: service.faults.clear())
    done = live("run_model.py", SCHNELL, "--batch", "calls.jsonl", "--concurrency", "3")
    assert done.code == 0, done.err
    assert submits(sandbox) == 3


def test_two_processes_do_not_run_one_batch(live: RunLive, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    batch(tmp_path, {"prompt": "x"})
    assert live("run_model.py", SCHNELL, "--batch", "calls.jsonl").code == 0
    (lock,) = ledger_file(tmp_path).parent.glob("*.lock")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = live("run_model.py", SCHNELL, "--batch", "calls.jsonl")
    assert done.code == 2 and "another process" in one_line_error(done)


def test_the_list_shows_states_and_is_bounded(live: RunLive) -> None:
    for prompt in ("a", "b", "c"):
        live("run_model.py", SCHNELL, "--arguments", json.dumps({"prompt": prompt}), "--no-download")
    done = live("run_model.py", "--list", "--limit", "2")
    assert done.json["counts"] == {"done": 3} and len(done.json["jobs"]) == 2
    assert live("run_model.py", "--list", "--state", "failed").json["jobs"] == []
    text = live("run_model.py", "--list", "--format", "text")
    assert text.out.count("done       ") == 3 and "3 done  (" in text.out


def test_a_bar_on_the_terminal_leaves_stdout_to_the_result(
    sandbox: Sandbox, environment: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    pty = pytest.importorskip("pty")
    pytest.importorskip("rich")
    controller, terminal = pty.openpty()
    command = [sys.executable, str(SCRIPTS / "run_model.py"), SCHNELL, *CAT, "--format", "json"]
    env = environment(sandbox, TERM="xterm-256color")
    process = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=terminal)
    os.close(terminal)
    shown = bytearray()
    reader = threading.Thread(target=lambda: shown.extend(read_all(controller)))
    reader.start()
    out, _ = process.communicate(timeout=60)
    reader.join(10)
    os.close(controller)
    assert json.loads(out)["state"] == "done"
    assert b"in queue" in shown or b"in progress" in shown or b"downloading" in shown
    assert b"\x1b[" in shown


def read_all(descriptor: int) -> bytes:
    """Return what comes from a terminal until its other end is closed."""
    data = b""
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:
            return data
        if not part:
            return data
        data += part


def test_priority_and_start_timeout_reach_the_queue(live: RunLive, sandbox: Sandbox) -> None:
    assert live("run_model.py", SCHNELL, *CAT, "--priority", "low", "--start-timeout", "30", "--no-download").code == 0
    assert (sandbox.jobs[0].priority, sandbox.jobs[0].start_timeout) == ("low", 30)


@pytest.mark.parametrize("sandbox", [with_faults("slow-queue=60")], indirect=True)
def test_a_job_that_does_not_start_in_time_is_told_from_one_that_fails(live: RunLive) -> None:
    done = live("run_model.py", SCHNELL, *CAT, "--start-timeout", "1.1")
    assert done.code == 7 and "within the time that you set" in one_line_error(done)


def test_text_is_for_people(live: RunLive) -> None:
    done = live("run_model.py", SCHNELL, *CAT, "--format", "text")
    assert done.code == 0 and done.out.startswith("done  ") and "image/jpeg" in done.out and "billed $0.003" in done.out
