"""The contract of verify_slug.py, as a user runs it."""

from __future__ import annotations

import json

import pytest

from conftest import RunScript, one_line_error

KEY = "01234567-89ab-cdef-0123-456789abcdef:0123456789abcdef0123456789abcdef"
"""Has a key's shape and opens nothing."""
RESULT_KEYS = {"slug", "status", "first_seen", "last_seen", "suggestions", "findings"}
CALL = '{"slug": "fal-ai/flux/schnell", "arguments": {"prompt": "x"}}'


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["fal-ai/flux/schnell"], 0, "known"),
        (["fal-ai/veo3"], 0, "unlisted"),
        (["fal-ai/flux-schnell"], 3, "unknown"),
        (["../../etc/passwd"], 3, "unknown"),
        (["x" * 10_000], 3, "unknown"),
        (["workflows/me/mine"], 0, "unknown"),
        (["fal-ai/flux/schnell", "--arguments", '{"prompt": "x"}'], 0, "known"),
        (["fal-ai/flux/schnell", "--arguments", "{}"], 4, "known"),
    ],
)
def test_results_have_the_documented_keys_and_exit_codes(
    run_script: RunScript, arguments: list[str], code: int, status: str
) -> None:
    done = run_script("verify_slug.py", *arguments)
    assert done.code == code, done.err
    (result,) = done.json["results"]
    assert set(result) == RESULT_KEYS
    assert result["status"] == status
    assert done.json["snapshot"] == "2026-08-02"
    if status == "unknown" and code == 3:
        assert one_line_error(done).startswith("error: unknown slug")


def test_a_wrong_slug_names_the_right_one(run_script: RunScript) -> None:
    done = run_script("verify_slug.py", "fal-ai/flux-schnell")
    assert "fal-ai/flux/schnell" in done.json["results"][0]["suggestions"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ([], "", "no SLUG"),
        ([""], "", "the slug is empty"),
        (["  "], "", "the slug is empty"),
        (["a/b", "--arguments", "{"], "", "is not valid JSON"),
        (["a/b", "--arguments", "[1]"], "", "is an array"),
        (["a/b", "--arguments", '"x"'], "", "is a string"),
        (["a/b", "--arguments", '{"a": NaN}'], "", "holds NaN"),
        (["a/b", "--arguments", '{"a": 1e400}'], "", "too large"),
        (["a/b", "--arguments", json.dumps({"a": KEY})], "", "looks like a fal key"),
        (["a/b", "--arguments", '{"a": 1, "a": 2}'], "", "the key 'a' twice"),
        (["a/b", "--arguments", "[" * 100_000], "", "nested too deeply"),
        (["a/b", "--arguments", "@no-such-file.json"], "", "No such file"),
        (["a/b", "--arguments", "@"], "", "cannot read --arguments"),
        (["a/b", "--arguments", "-"], "", "is not valid JSON"),
        (["a/b", "--arguments", "-"], b"\xff\xfe", "is not UTF-8"),
        (["a/b", "c/d", "--arguments", "{}"], "", "belongs to one SLUG"),
        (["a/b", "--jsonl"], "", "give no SLUG"),
        (["--nonsense"], "", "unrecognized arguments"),
        (["a/b", "--format", "xml"], "", "invalid choice"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run_script: RunScript, arguments: list[str], stdin: str | bytes, message: str
) -> None:
    done = run_script("verify_slug.py", *arguments, stdin=stdin)
    assert done.code == 2
    assert message in one_line_error(done)
    assert done.out == ""


def test_arguments_come_from_stdin_or_a_file(run_script: RunScript, tmp_path: object) -> None:
    done = run_script("verify_slug.py", "fal-ai/flux/schnell", "--arguments", "-", stdin='{"prompt": 3}')
    assert done.code == 4
    assert done.json["results"][0]["findings"][0]["code"] == "wrong-type"


def test_jsonl_gives_one_result_a_line_and_goes_on_after_a_bad_one(run_script: RunScript) -> None:
    lines = [CALL, "not json", '{"slug": 3}', "", '{"slug": "fal-ai/flux/schnell", "arguments": []}', CALL]
    done = run_script("verify_slug.py", "--jsonl", stdin="\n".join(lines))
    results = [json.loads(line) for line in done.out.splitlines()]
    assert [result.get("status", result.get("line")) for result in results] == ["known", 2, 3, 5, "known"]
    assert done.code == 2
    assert "Traceback" not in done.err


def test_jsonl_exit_code_is_that_of_the_first_bad_call(run_script: RunScript) -> None:
    bad = '{"slug": "fal-ai/flux/schnell", "arguments": {}}'
    assert run_script("verify_slug.py", "--jsonl", stdin=f"{CALL}\n{bad}\n").code == 4
    assert run_script("verify_slug.py", "--jsonl", stdin=f"{CALL}\n").code == 0


def test_text_is_for_people(run_script: RunScript) -> None:
    done = run_script("verify_slug.py", "fal-ai/flux/schnell", "--arguments", "{}", "--format", "text")
    assert "error[missing-required] prompt: the required field prompt is missing (add prompt: text)" in done.out


def test_without_jsonschema_the_script_says_what_to_install(run_script: RunScript, tmp_path: object) -> None:
    blocker = "import sys; sys.modules['jsonschema'] = None"
    (tmp_path / "sitecustomize.py").write_text(blocker)  # type: ignore[attr-defined]
    done = run_script("verify_slug.py", "fal-ai/flux/schnell", "--arguments", "{}", env={"PYTHONPATH": str(tmp_path)})
    assert done.code == 7
    assert "pip install jsonschema" in one_line_error(done)
    assert run_script("verify_slug.py", "fal-ai/flux/schnell", env={"PYTHONPATH": str(tmp_path)}).code == 0
