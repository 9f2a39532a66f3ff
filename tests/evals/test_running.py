"""Checks that run the answer's code in the isolated sandbox. Skipped, with the reason, where nothing can be isolated."""  # noqa: E501

from __future__ import annotations

from typing import Any

import pytest

from .fixtures import JAVASCRIPT, SCHNELL, SENT_ONCE, python


@pytest.fixture(autouse=True)
def isolated() -> None:
    from evals.grading.running import isolation_gap

    if isolation_gap():
        pytest.skip(f"untrusted code is not run here: {isolation_gap()}")


def graded(check: str, text: str, case_of: Any, **more: Any) -> Any:
    from evals.checks import check_named

    return check_named(check)(case_of(text, may_run=True, **more))


def test_a_good_program_runs_and_its_jobs_are_quoted(case_of: Any) -> None:
    result = graded("snippet_runs", SCHNELL, case_of)
    assert result.passed is True and "fal-ai/flux/schnell COMPLETED 200" in result.evidence


def test_javascript_runs_too(case_of: Any) -> None:
    from evals.grading.running import CannotRunError

    case = case_of(JAVASCRIPT, may_run=True)
    try:
        run = case.run(case.programs[0])
    except CannotRunError as reason:
        pytest.skip(f"JavaScript cannot be run here: {reason}")
    assert run.exit_code == 0 and run.accepted, run.summary()


@pytest.mark.parametrize(
    "code",
    [
        'import fal_client\nr = fal_client.subscribe("fal-ai/flux/schnell", arguments={"prompt": 5, "image_size": "no"})',  # noqa: E501
        'import fal_client\nr = fal_client.subscribe("fal-ai/flux-schnell", arguments={"prompt": "a"})',
        'import fal_client\nr = fal_client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})\nprint(r["video"])',  # noqa: E501
    ],
)
def test_a_program_that_fal_would_refuse_fails(code: str, case_of: Any) -> None:
    result = graded("snippet_runs", python(code), case_of)
    assert result.passed is False, result.evidence


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import fal_client, no_such_package_at_all\nfal_client.run('fal-ai/flux/schnell', arguments={'prompt': 'a'})", "not installed"),  # noqa: E501
        ("import fal_client\nfrom fastapi import FastAPI\napp = FastAPI()\nfal_client.run('fal-ai/flux/schnell', arguments={'prompt': 'a'})", "server"),  # noqa: E501
        ("import fal_client, os\nos.environ['MY_BUCKET_NAME']\nfal_client.run('fal-ai/flux/schnell', arguments={'prompt': 'a'})", "MY_BUCKET_NAME"),  # noqa: E501
    ],
)  # fmt: skip
def test_what_the_program_cannot_help_does_not_count(code: str, why: str, case_of: Any) -> None:
    result = graded("snippet_runs", python(code), case_of)
    assert result.passed is None and why in result.evidence


def test_arguments_and_files_that_a_user_would_have_are_made_up(case_of: Any) -> None:
    code = (
        "import argparse, fal_client\np = argparse.ArgumentParser()\np.add_argument('image')\np.add_argument('--prompt', required=True)\n"  # noqa: E501
        "a = p.parse_args()\nu = fal_client.upload_file(a.image)\n"
        "r = fal_client.subscribe('fal-ai/flux/dev/image-to-image', arguments={'image_url': u, 'prompt': a.prompt})\nprint(r['images'][0]['url'])"  # noqa: E501
    )
    result = graded("snippet_runs", python(code), case_of)
    assert result.passed is True, result.evidence


def test_the_sdks_own_resend_pays_twice(case_of: Any) -> None:
    result = graded("submit_once", SCHNELL, case_of)
    assert result.passed is False and "submitted 2 times" in result.evidence


def test_a_submit_that_is_sent_once_pays_once(case_of: Any) -> None:
    result = graded("submit_once", SENT_ONCE, case_of)
    assert result.passed is True, result.evidence


def test_a_promise_of_paying_once_is_held_against_a_run(case_of: Any) -> None:
    promise = "With this you can never be charged twice."
    assert graded("facts", SCHNELL + promise, case_of).passed is False
    assert graded("facts", SENT_ONCE + promise, case_of).passed is True


@pytest.mark.parametrize(("text", "passed"), [(SCHNELL, False), (SENT_ONCE, True)])
def test_failures_must_be_reported_without_a_traceback_and_with_the_id(text: str, passed: bool, case_of: Any) -> None:
    checks = {"failure_handling": {"faults": ["failed-job", "rejected", "collect-5xx"]}}
    result = graded("failure_handling", text, case_of, checks=checks)
    assert result.passed is passed, result.evidence


def test_a_false_claim_of_a_run_is_found_out(case_of: Any) -> None:
    code = python(
        "import fal_client\nr = fal_client.subscribe('fal-ai/flux/schnell', arguments={'prompt': 'a'})\nprint(r['video']['url'])"  # noqa: E501
    )
    claim = "I ran it in the local sandbox: exit code 0, one job COMPLETED 200."
    assert graded("proved", SCHNELL + claim, case_of).passed is True
    assert graded("proved", code + claim, case_of).passed is False
    assert graded("proved", SCHNELL + claim, case_of, transcript="$ ls\nREADME.md").passed is False


def test_a_program_cannot_reach_the_users_network_or_key(case_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "secret-of-the-user")
    code = (
        "import fal_client, os, socket\nassert os.environ['FAL_KEY'] != 'secret-of-the-user'\n"
        "s = socket.socket()\ns.settimeout(2)\ntry:\n    s.connect(('192.0.2.1', 80))\n    print('REACHED')\nexcept OSError:\n    print('shut in')\n"  # noqa: E501
        "fal_client.run('fal-ai/flux/schnell', arguments={'prompt': 'a'})"
    )
    case = case_of(python(code), may_run=True)
    run = case.run(case.programs[0])
    assert run.exit_code == 0 and "shut in" in run.output and "REACHED" not in run.output


def test_a_program_that_prints_without_end_is_cut_off(case_of: Any) -> None:
    case = case_of(
        python(
            "import fal_client\nwhile True:\n    print('x' * 1000)\nfal_client.run('fal-ai/flux/dev', arguments={})"
        ),
        may_run=True,
    )
    run = case.run(case.programs[0], seconds=5)
    assert run.exit_code != 0 and len(run.output) <= 256 * 1024


MANY = """
import sys, time, fal_client
for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1000):
    handle = fal_client.submit('fal-ai/flux/schnell', arguments={'prompt': f'lighthouse {number}'})
    handle.get()
"""


def test_a_program_that_is_still_sending_jobs_when_its_time_ends_did_not_hang(case_of: Any) -> None:
    case = case_of(python(MANY), may_run=True)
    busy = case.run(case.programs[0], seconds=6)
    assert busy.ended_by == "wall-clock" and busy.at_work and not busy.hung
    case = case_of(python(MANY.replace("range(", "range(1) or range(") + "time.sleep(60)\n"), may_run=True)
    idle = case.run(case.programs[0], seconds=8)
    assert idle.accepted and idle.hung


def test_a_text_that_is_left_to_the_user_is_filled_in_and_a_question_is_answered(case_of: Any) -> None:
    code = (
        'import fal_client\nPROMPT = ""  # yours\nif not PROMPT:\n    raise SystemExit("set PROMPT first")\n'
        'if input("Go on? [y/N] ").strip().lower() != "y":\n    raise SystemExit("not wanted")\n'
        "r = fal_client.subscribe('fal-ai/flux/schnell', arguments={'prompt': PROMPT})\nprint(r['images'][0]['url'])"
    )
    result = graded("snippet_runs", python(code), case_of)
    assert result.passed is True, result.evidence


def test_of_two_ways_to_start_a_program_the_one_that_ends_well_counts(case_of: Any) -> None:
    # The trial run does what it should, and says by its exit code that rows are left.
    code = MANY.replace("1000", "3") + "sys.exit(len(sys.argv) > 1)\n"
    text = python("# make.py\n" + code) + "\n```sh\npython make.py 1\npython make.py\n```\n"
    result = graded("snippet_runs", text, case_of, files={"make.py": code})
    assert result.passed is True, result.evidence


RESEND = """
import fal_client
for attempt in range(TIMES):
    handle = fal_client.submit('fal-ai/flux/schnell', arguments={'prompt': 'a lighthouse'})
    try:
        print(handle.get()['images'][0]['url'])
        break
    except fal_client.FalClientHTTPError as error:
        print(f'{handle.request_id} failed: {error.status_code} {error}')
else:
    raise SystemExit(1)
"""


def test_a_job_that_failed_unbilled_may_be_sent_once_more_and_a_finished_one_never(case_of: Any) -> None:
    failed = {"failure_handling": {"faults": ["failed-job"]}}
    collecting = {"failure_handling": {"faults": ["collect-5xx"]}}
    code = python("import fal_client\nfal_client.client.MAX_ATTEMPTS = 1\n" + RESEND.replace("TIMES", "2"))
    assert graded("failure_handling", code, case_of, checks=failed).passed is True
    assert graded("failure_handling", code, case_of, checks=collecting).passed is False


def test_where_reasons_are_asked_for_a_bare_status_is_none(case_of: Any) -> None:
    checks = {"failure_handling": {"faults": ["rejected"], "reasons": True}}
    bare = python(RESEND.replace("TIMES", "1").replace(" {error}", ""))
    told = python(RESEND.replace("TIMES", "1"))
    assert graded("failure_handling", bare, case_of, checks=checks).passed is False
    result = graded("failure_handling", told, case_of, checks=checks)
    assert result.passed is True, result.evidence


def test_jobs_that_are_posted_by_hand_are_seen_in_the_run(case_of: Any) -> None:
    code = (
        "import os, httpx, fal_client\nmodel = 'fal-ai/flux/' + 'schnell'\n"
        "base = '/'.join(['https://queue.fal.run', model])\n"
        "reply = httpx.post(base, json={'prompt': 'a'}, headers={'Authorization': 'Key ' + os.environ['FAL_KEY']})\n"
        "print(fal_client.result('fal-ai/flux/schnell', reply.json()['request_id']))"
    )
    result = graded("submit_once", python(code), case_of)
    assert result.passed is True and "1 job" in result.evidence, result.evidence


def test_pictures_that_users_have_are_grained_and_the_same_every_time() -> None:
    import io

    from evals.grading.placeholders import _made, placeholder
    from evals.grading.tasks import Input
    from PIL import Image, ImageFilter, ImageStat

    def detail(data: bytes) -> float:
        grey = Image.open(io.BytesIO(data)).convert("L").crop((100, 100, 500, 500))
        return float(ImageStat.Stat(grey.filter(ImageFilter.FIND_EDGES)).mean[0])

    for name in ("wall.jpg", "wall.png", "wall.webp"):
        given = Input(name, "image", 640, 640)
        assert placeholder(given) == placeholder(given)
        assert Image.open(io.BytesIO(placeholder(given))).size == (640, 640)
        assert detail(placeholder(given)) > 4 * detail(_made(given))


def test_a_mask_is_white_on_black() -> None:
    import io

    from evals.grading.placeholders import placeholder
    from evals.grading.tasks import Input
    from PIL import Image

    mask = Image.open(io.BytesIO(placeholder(Input("roof-mask.png", "mask", 320, 240))))
    assert mask.size == (320, 240)
    assert {value for _, value in mask.convert("L").getcolors() or ()} == {0, 255}


def test_long_tables_are_laid_out_short() -> None:
    from evals.grading.placeholders import MAX_ROWS, shortened

    rows = "id,prompt\n" + "".join(f"{number},x\n" for number in range(300))
    assert shortened("prompts.csv", rows.encode()).decode().count("\n") == MAX_ROWS + 1
    assert shortened("notes.txt", rows.encode()).decode() == rows


def test_a_program_that_remarks_on_the_stand_ins_output_has_done_its_work(case_of: Any) -> None:
    code = (
        "import sys, httpx, fal_client\n"
        "r = fal_client.subscribe('fal-ai/flux/schnell', arguments={'prompt': 'a'})\n"
        "data = httpx.get(r['images'][0]['url']).content\n"
        "open('out.jpg', 'wb').write(data)\n"
    )
    remark = code + "sys.exit('warning: no lighthouse in it')"
    crash = code + "raise RuntimeError('oops')"
    unfetched = code.replace("data = httpx.get(r['images'][0]['url']).content", "data = b''")
    unfetched += "sys.exit('warning: nothing in it')"
    assert graded("snippet_runs", python(remark), case_of).passed is True
    assert graded("snippet_runs", python(crash), case_of).passed is False
    assert graded("snippet_runs", python(unfetched), case_of).passed is False


def test_a_block_cut_from_a_delivered_file_is_no_program_of_its_own(case_of: Any) -> None:
    file = (
        "import sys, fal_client\n\ndef made(prompt):\n"
        "    r = fal_client.subscribe('fal-ai/flux/schnell', arguments={'prompt': prompt})\n"
        "    return r['images'][0]['url']\n\nprint(made('a lighthouse'))\n"
    )
    shown = "import fal_client\n\n" + file.split("\n\n")[1]
    result = graded("snippet_runs", python(shown), case_of, files={"make.py": file})
    assert result.passed is True and "make.py" in result.evidence and "block" not in result.evidence
    alone = graded("snippet_runs", python(shown), case_of)
    assert alone.passed is None and "module" in alone.evidence
    idle = "import fal_client\nif False:\n    fal_client.run('fal-ai/flux/schnell', arguments={'prompt': 'a'})"
    assert graded("snippet_runs", python(idle), case_of).passed is False


@pytest.mark.parametrize("suffix", ["", ".js", ".ts"])
def test_typescript_of_several_files_runs(suffix: str, case_of: Any) -> None:
    from evals.grading.running import CannotRunError

    files = {
        "lib/image.ts": (
            'import { fal } from "@fal-ai/client";\nexport async function image(prompt: string): Promise<string> {\n'
            '  const result = await fal.subscribe("fal-ai/flux/schnell", { input: { prompt } });\n'
            "  return result.data.images[0].url;\n}\n"
        ),
        "main.ts": f'import {{ image }} from "./lib/image{suffix}";\nconsole.log(await image("a kite" as string));\n',
    }
    case = case_of("Run `npx tsx main.ts`.", may_run=True, files=files)
    (program,) = case.programs
    try:
        run = case.run(program)
    except CannotRunError as reason:
        pytest.skip(f"TypeScript cannot be run here: {reason}")
    assert program.filename == "main.ts" and run.exit_code == 0 and run.accepted, run.summary()


def test_words_of_a_browser_in_a_prompt_make_no_browser_program(case_of: Any) -> None:
    code = "import fal_client\nfal_client.run('fal-ai/flux/schnell', arguments={'prompt': 'light in a window. dusk'})"
    assert graded("snippet_runs", python(code), case_of).passed is True


def test_a_file_that_a_program_will_make_is_not_laid_out(case_of: Any) -> None:
    code = (
        "import fal_client\nfrom pathlib import Path\nOUT = Path('dusk.jpg')\nphoto = Path('photo.jpg')\n"
        "if OUT.exists() or not photo.exists():\n    raise SystemExit('dusk.jpg already exists')\n"
        "fal_client.run('fal-ai/flux/schnell', arguments={'prompt': 'a'})"
    )
    result = graded("snippet_runs", python(code), case_of)
    assert result.passed is True, result.evidence
