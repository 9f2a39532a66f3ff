"""Progress, interrupts, keys, manifest: the small parts of a live run."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from fal_skill.errors import CredentialsError
from fal_skill.live.interrupts import Interrupts
from fal_skill.live.jobs import Call, digest_of
from fal_skill.live.keys import Credential, credential, required_credential
from fal_skill.live.ledger import Ledger
from fal_skill.live.manifest import cost_of, manifest, seed_of, shortened, written
from fal_skill.live.progress import Lines, LogReader, shown


def test_log_lines_are_told_once_although_every_poll_brings_all() -> None:
    reader = LogReader()
    first = [{"message": "a", "timestamp": 1}, {"message": "b", "timestamp": 2}]
    assert reader.new(None) == []
    assert reader.new(first) == ["a", "b"]
    assert reader.new(first) == []
    assert reader.new([*first, {"message": "b", "timestamp": 2}, {"message": "c", "timestamp": 3}]) == ["b", "c"]
    assert reader.new(["plain", {"no": "message"}, 3, {"message": ""}]) == ["plain"]


def test_a_model_that_logs_without_end_is_cut_off() -> None:
    reader = LogReader()
    lines = reader.new([{"message": str(number)} for number in range(2000)])
    assert len(lines) == 501 and lines[-1] == "further log lines are not shown"
    assert reader.new([{"message": f"more {number}"} for number in range(10)]) == []


def test_a_log_line_cannot_write_to_the_terminal_or_tell_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "very-secret-key-0123456789")
    line = shown("\x1b]0;title\x07 Key very-secret-key-0123456789\r\nnext" + "x" * 1000)
    assert "\x1b" not in line and "\n" not in line and "very-secret" not in line and len(line) <= 301


def test_plain_progress_says_each_state_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for state in ("in queue", "in queue", "in progress", "in progress"):
        lines.state("1a2b", state)
    for count in range(101):
        lines.count(count, 100)
    err = capsys.readouterr().err
    assert err.count("in queue") == 1 and err.count("in progress") == 1
    assert err.count(" of 100 finished") == 21


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_an_interrupt_waits_until_a_submission_is_written_down() -> None:
    steps = []
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        with interrupts.shielded():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("written down")
        steps.append("never")
    assert steps == ["written down"]
    assert interrupts.stop.is_set()


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_second_interrupt_does_not_wait() -> None:
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt), interrupts.shielded():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("the second interrupt was kept waiting")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({"FAL_KEY": "a:b"}, "Key a:b"),
        ({"FAL_KEY": "", "FAL_KEY_ID": "i", "FAL_KEY_SECRET": "s"}, "Key i:s"),
        ({"FAL_KEY": "a:b", "FAL_KEY_ID": "i", "FAL_KEY_SECRET": "s"}, "Key a:b"),
        ({"FAL_KEY_ID": "i"}, None),
        ({}, None),
    ],
)
def test_keys_are_found_as_the_sdk_finds_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], header: str | None
) -> None:
    for name in ("FAL_KEY", "FAL_KEY_ID", "FAL_KEY_SECRET", "FAL_FORCE_AUTH_BY_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FAL_HOME_DIR", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = credential()
    assert (found.header if found else None) == header
    if found is None:
        with pytest.raises(CredentialsError) as caught:
            required_credential()
        assert "FAL_KEY" in caught.value.hint
    else:
        assert "a:b" not in repr(found) + str(found) + f"{found}"


@pytest.mark.parametrize("key", ["abc def-1", "a-secret\n", " a-secret-2", "schlüssel", "k\x00ey-3"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(os, "environ", {"FAL_KEY": key})
    with pytest.raises(CredentialsError) as caught:
        credential()
    assert key not in caught.value.message + caught.value.hint


def test_the_token_of_a_sign_in_is_used_when_there_is_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import base64
    import time

    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + 9999}).encode()).decode().rstrip("=")
    (tmp_path / "auth0_token").write_text(f"refresh\neyJh.{claims}.sig")
    monkeypatch.delenv("FAL_KEY", raising=False)
    monkeypatch.setenv("FAL_HOME_DIR", str(tmp_path))
    found = credential()
    assert found == Credential("Bearer", f"eyJh.{claims}.sig")


def job(tmp_path: Path, **more: Any) -> Any:
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    made, _ = ledger.enter(Call("a/b", digest_of("a/b", {}), {}, str(tmp_path), **more))
    return made._replace(request_id="0f1e2d3c-9999", units=2.0)


def test_a_manifest_says_what_made_the_files_and_what_they_cost(tmp_path: Path) -> None:
    cost = cost_of(job(tmp_path, estimate=(0.01, 0.02)), None, 0.005, "fal's page, 2026-10-01")
    assert cost["billed"] == 0.01 and cost["billed_source"].startswith("x-fal-billable-units")
    content = manifest(job(tmp_path), {"prompt": "x", "seed": 3}, {"seed": 7}, [], cost)
    assert (content["seed"], content["arguments"], content["request_id"]) == (
        7,
        {"prompt": "x", "seed": 3},
        "0f1e2d3c-9999",
    )
    assert written(content, tmp_path, overwrite=False).name == "manifest.json"
    assert written(content, tmp_path, overwrite=False).name == "manifest.json", "the same job's own may be renewed"
    other = {**content, "request_id": "aaaabbbb-1"}
    assert written(other, tmp_path, overwrite=False).name == "manifest-aaaabbbb.json"
    assert written(other, tmp_path, overwrite=True).name == "manifest.json"


def test_what_is_billed_by_the_account_wins_and_unknown_stays_unknown(tmp_path: Path) -> None:
    made = job(tmp_path)
    assert cost_of(made._replace(billed=0.5), None, 0.1, "x")["billed"] == 0.5
    assert cost_of(made._replace(units=None), None, 0.1, "x")["billed"] is None
    assert cost_of(made, None, None, None)["billed"] is None


def test_a_private_manifest_holds_a_digest_of_the_arguments(tmp_path: Path) -> None:
    content = manifest(job(tmp_path, private=True), {"prompt": "a secret wish", "seed": 3}, None, [], {})
    assert "secret wish" not in json.dumps(content) and len(content["arguments_sha256"]) == 64
    assert content["seed"] is None


def test_embedded_files_do_not_fill_what_is_printed() -> None:
    short = shortened({"a": ["data:image/png;base64," + "A" * 10_000], "b": "x" * 10_000, "c": 1})
    assert len(json.dumps(short)) < 2200 and short["c"] == 1


@pytest.mark.parametrize(
    ("result", "arguments", "seed"), [({"seed": True}, {"seed": 3}, 3), ([], None, None), ({}, {}, None)]
)
def test_the_seed_is_the_results_or_else_the_calls(result: Any, arguments: Any, seed: int | None) -> None:
    assert seed_of(result, arguments) == seed
