"""Each check, on fixture answers that run nothing."""

from __future__ import annotations

from typing import Any

import pytest

from .fixtures import JAVASCRIPT, SCHNELL, python

KEY = "11223344-aabb-4ccd-8eef-0123456789ab:0f1e2d3c4b5a69788796a5b4c3d2e1f0"


def call(
    slug: str = "fal-ai/flux/schnell", arguments: str = '{"prompt": "a"}', read: str = 'print(r["images"][0]["url"])'
) -> str:
    return python(f'import fal_client\n\nr = fal_client.subscribe("{slug}", arguments={arguments})\n{read}')


@pytest.mark.parametrize(
    ("check", "text", "passed"),
    [
        ("slug_exists", SCHNELL, True),
        ("slug_exists", call("fal-ai/flux-schnell"), False),
        ("slug_exists", call("fal-ai/sora-2/text-to-video"), False),
        ("slug_exists", call("fal-ai/sora-2/text-to-video") + "Sora 2 is no longer listed by fal since April.", True),
        ("slug_exists", "Try `fal-ai/flux-schnell` today.", False),
        ("slug_exists", "There is no `fal-ai/flux-schnell`; the id is `fal-ai/flux/schnell`.", True),
        ("slug_exists", "The Kling family (`fal-ai/kling-video/v3`) has several tiers.", True),
        ("slug_exists", "Install `@fal-ai/client` first.", None),
        ("arguments_valid", SCHNELL, True),
        ("arguments_valid", call(arguments='{"image_size": "square"}'), False),
        ("arguments_valid", call("fal-ai/kling-video/v3/pro/image-to-video", '{"image_url": "https://a.b/c.png"}', ""), False),  # noqa: E501
        ("arguments_valid", call(arguments='{"prompt": p, "num_images": n}'), True),
        ("arguments_valid", "Just a word.", None),
        ("slug_rationale", SCHNELL, True),
        ("slug_rationale", call(), False),
        ("sdk_pattern", SCHNELL, True),
        ("sdk_pattern", "No code.", None),
        ("snippet_compiles", SCHNELL, True),
        ("snippet_compiles", JAVASCRIPT, True),
        ("snippet_compiles", python("import fal_client\nprint('a'"), False),
        ("snippet_compiles", "```js\nimport { fal } from \"@fal-ai/client\";\nconst a = {;\n```", False),
        ("snippet_compiles", '```json\n{"mcpServers": {"fal": {"url": "https://mcp.fal.ai/mcp-relay"}}\n```', False),
        ("snippet_compiles", "No code.", None),
        ("result_access", SCHNELL, True),
        ("result_access", JAVASCRIPT, True),
        ("result_access", call(read='print(r.data["images"])'), False),
        ("result_access", JAVASCRIPT.replace("result.data.images", "result.images"), False),
        ("result_access", call(read='print(r["video"]["url"])'), False),
        ("url_expiry", call() + "The URLs are temporary, so keep your own copy.", True),
        ("url_expiry", call() + "fal's CDN links aren't meant as permanent storage.", True),
        ("url_expiry", call() + "Download the file right away; hosted outputs may be deleted after some days.", True),
        ("url_expiry", python('import fal_client\n# output URLs expire: save the file now\nr = fal_client.run("fal-ai/flux/schnell", arguments={"prompt": "a"})'), True),  # noqa: E501
        ("url_expiry", call() + "The token expires after two minutes.", False),
        ("url_expiry", call() + "The links never expire.", False),
        ("url_expiry", call(), False),
        ("url_expiry", "Nothing is made.", None),
        ("cost_estimate", call() + "That is about $0.003 per image.", True),
        ("cost_estimate", call() + "Costs roughly 0.3 cents.", True),
        ("cost_estimate", call("fal-ai/fast-sdxl") + "It is billed by compute seconds, so there is no price per image; see the model page on fal.ai/models/fal-ai/fast-sdxl.", True),  # noqa: E501
        ("cost_estimate", call(), False),
        ("cheap_variant", call() + "To iterate cheaply use 512x512 and `num_images: 1`.", True),
        ("cheap_variant", call() + "While tuning the prompt, switch to the cheaper schnell model.", True),
        ("cheap_variant", call() + "Already the cheapest model for this.", True),
        ("cheap_variant", call() + "It costs $0.003.", False),
        ("no_secret", SCHNELL, True),
        ("no_secret", python(f'import os\nos.environ["FAL_KEY"] = "{KEY}"'), False),
        ("no_secret", f"Your key is {KEY}.", False),
        ("no_secret", '```bash\nclaude mcp add --transport http fal https://mcp.fal.ai/mcp --header "Authorization: Bearer $FAL_KEY"\n```', False),  # noqa: E501
        ("no_secret", '```json\n{"mcpServers": {"fal": {"command": "npx", "env": {"FAL_KEY": "<your-key>"}}}}\n```', False),  # noqa: E501
        ("no_secret", "```ts\nimport { fal } from \"@fal-ai/client\";\nfal.config({ credentials: import.meta.env.VITE_FAL_KEY });\n```", False),  # noqa: E501
        ("no_hand_rolled_http", SCHNELL, True),
        ("no_hand_rolled_http", python('import os, requests\nrequests.post("https://queue.fal.run/fal-ai/flux/schnell", headers={"Authorization": "Key " + os.environ["FAL_KEY"]}, json={"prompt": "a"})'), False),  # noqa: E501
        ("no_hand_rolled_http", "Nothing.", None),
        ("facts", SCHNELL, True),
        ("facts", call() + "Check whether the status is FAILED.", False),
        ("facts", call() + "There is no FAILED status.", True),
        ("facts", "fal signs webhooks with HMAC-SHA256 and a shared secret.", False),
        ("facts", "fal webhooks are signed with ED25519, not HMAC.", True),
        ("facts", "A webhook fires only once.", False),
        ("facts", "Run `npx -y @modelcontextprotocol/server-http` in your fal config.", False),
        ("facts", "`@modelcontextprotocol/server-http` does not exist on npm, so fal's blog is wrong.", True),
        ("facts", "The fal server at https://mcp.fal.ai/mcp has nine tools.", False),
        ("facts", "A 1920x1080 image on fal counts as 3 megapixels.", False),
        ("facts", "The SDK never retries a submit.", False),
        ("facts", "The output URLs of fal never expire.", False),
        ("facts", python('import fal_client\nh = fal_client.submit("fal-ai/flux/dev", arguments={"prompt": "a"}, headers={"Idempotency-Key": "1"})'), False),  # noqa: E501
        ("concise", SCHNELL, True),
        ("concise", "word " * 900, False),
        ("concise", (call() + "\n") * 2 + python("\n".join(f"a{n} = {n}" for n in range(9))) * 2, False),
        ("proved", SCHNELL, False),
        ("proved", SCHNELL + "I haven't run this.", False),
        ("proved", SCHNELL + "Its arguments were checked against the registry of 2026-08-02: no findings.", True),
        ("proved", call(arguments='{"promt": "a"}') + "The arguments were checked against the schema of 2026-08-02: no findings.", False),  # noqa: E501
        ("proved", SCHNELL + "You should verify the arguments against the schema before you run it, snapshot 2026-08-02.", False),  # noqa: E501
        ("proved", "Nothing.", None),
        ("fresh", call() + "It costs $0.003 per megapixel.", False),
        ("fresh", call() + "It costs $0.003 per megapixel (quote of 2026-10-02).", True),
        ("fresh", call() + "As of October 2026 the price is $0.003.", True),
        ("fresh", call("fal-ai/veo3", '{"prompt": "a"}', 'print(r["video"]["url"])'), False),
        ("fresh", call(), True),
    ],
)  # fmt: skip
def test_check(check: str, text: str, passed: bool | None, case_of: Any) -> None:
    from evals.checks import check_named

    result = check_named(check)(case_of(text))
    assert result.passed is passed, result.evidence
    assert result.evidence


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("about $0.05 per image, so 250 images come to $12.50", True),
        ("0.05 USD each; the whole pack is 12.5 USD", True),
        ("1920x1080 is billed as 3 MP: $0.075 per image, $18.75 in total", False),
        ("$0.025 per megapixel", False),
    ],
)
def test_the_bill_is_that_of_two_megapixels_an_image(text: str, passed: bool, case_of: Any) -> None:
    from evals.checks.cost_accurate import check
    from evals.grading.tasks import find_task

    case = case_of(call("fal-ai/flux/dev", '{"prompt": "a", "image_size": {"width": 1920, "height": 1080}}') + text)
    case.task = find_task("hd-wallpapers-budget")
    assert check(case).passed is passed, check(case).evidence


def test_a_price_that_nobody_knows_cannot_be_wrong(case_of: Any) -> None:
    from evals.checks.cost_accurate import check

    text = call("fal-ai/patina", '{"image_url": "https://a.b/c.png"}') + "About $0.02 per image."
    assert check(case_of(text)).passed is None


def test_the_users_own_key_is_not_repeated(case_of: Any) -> None:
    from evals.checks.no_secret import check

    prompt = f"my key is {KEY}, put it in"
    assert check(case_of(SCHNELL, prompt)).passed is True
    result = check(case_of(SCHNELL + f"I left out {KEY}.", prompt))
    assert result.passed is False and KEY not in result.evidence


def test_what_the_task_turns_on_must_be_said(case_of: Any) -> None:
    from evals.checks.facts import check

    options = {"facts": {"says": [{"pattern": "balance", "what": "it is the balance"}]}}
    assert check(case_of("fal says: top up the balance.", checks=options)).passed is True
    assert check(case_of("fal says: rotate the key.", checks=options)).passed is False


def test_a_budget_in_the_prompt_is_no_estimate(case_of: Any) -> None:
    from evals.checks.cost_estimate import check

    assert check(case_of(call() + "It stops at $5.", "stop at $5")).passed is False


def test_quoting_the_users_broken_code_is_not_a_claim(case_of: Any) -> None:
    from evals.checks.facts import check

    line = 'const s = "npx -y @modelcontextprotocol/server-http";'
    assert (
        check(
            case_of(
                f"What you have:\n\n```js\n{line}\n```\n\nThat package does not exist on fal's side.",
                f"is this ok? {line}",
            )
        ).passed
        is True
    )


@pytest.mark.parametrize(
    ("prompt", "options", "text", "passed"),
    [
        ("call me by webhook", {}, SCHNELL, False),
        ("stream partial images", {}, SCHNELL, False),
        ("draw", {"patterns": ["submit"]}, SCHNELL, False),
        ("draw", {"languages": ["javascript"]}, SCHNELL, False),
        ("draw", {"languages": ["javascript"]}, JAVASCRIPT, True),
        ("use a webhook", {}, python('import fal_client\nfal_client.submit("fal-ai/flux/dev", arguments={"prompt": "a"}, webhook_url="https://a.b/c")'), True),  # noqa: E501
    ],
)  # fmt: skip
def test_the_pattern_is_what_the_task_asks_for(
    prompt: str, options: dict[str, Any], text: str, passed: bool, case_of: Any
) -> None:
    from evals.checks.sdk_pattern import check

    result = check(case_of(text, prompt, checks={"sdk_pattern": options}))
    assert result.passed is passed, result.evidence


def test_files_must_be_uploaded(case_of: Any) -> None:
    from evals.checks.upload import check
    from evals.grading.tasks import Input

    given = (Input("a.png", "image"),)
    slug = "fal-ai/birefnet/v2"
    good = python(
        f'import fal_client\nu = fal_client.upload_file("a.png")\nfal_client.subscribe("{slug}", arguments={{"image_url": u}})'  # noqa: E501
    )
    assert check(case_of(good, inputs=given)).passed is True
    bad = python(f'import fal_client\nfal_client.subscribe("{slug}", arguments={{"image_url": "./a.png"}})')
    assert check(case_of(bad, inputs=given)).passed is False
    assert check(case_of(SCHNELL)).passed is None


def test_every_known_false_claim_says_why_and_by_what_source() -> None:
    from evals.checks.facts import claims

    assert len(claims()) >= 15
    assert all(claim.why and claim.source and (claim.said or claim.code) for claim in claims())
    assert len({claim.id for claim in claims()}) == len(claims())


SUBMITTED = (
    'import fal_client\n\njob = {"id": fal_client.submit("fal-ai/flux/dev", arguments={"prompt": "a"}).request_id}\n'
)
POSTED = 'import os\nimport httpx\n\nhttpx.post("https://queue.fal.run/fal-ai/flux/dev", json={"prompt": "a"}, headers={"Authorization": "Key " + os.environ["FAL_KEY"]})\n'  # noqa: E501
SERVER = """import fal_client
from fastapi import FastAPI
from pydantic import BaseModel
from typing import Literal

app = FastAPI()


class Wish(BaseModel):
    prompt: str
    {field}


@app.post("/wish")
def wish(body: Wish):
    return fal_client.submit("fal-ai/flux/dev", arguments=body.model_dump(), webhook_url="https://a.b/c").request_id
"""


@pytest.mark.parametrize(
    ("comment", "passed"),
    [
        ("link = r['images'][0]['url']  # short-lived: fetched now", True),
        ("# expires, so it is fetched now\npage_url = r['images'][0]['url']", True),
        ("token = sign(r)  # short-lived: fetched now", False),
        ("part = target.with_suffix('.part')  # temporary, renamed at the end", False),
        ("given_url = fal_client.upload_file('a.png')  # temporary", False),
    ],
)
def test_a_comment_on_the_line_that_reads_the_url_warns(comment: str, passed: bool, case_of: Any) -> None:
    from evals.checks.url_expiry import check

    code = f'import fal_client\nr = fal_client.run("fal-ai/flux/schnell", arguments={{"prompt": "a"}})\n{comment}'
    assert check(case_of(python(code))).passed is passed
    assert check(case_of(call(read=""), files={"make.py": code})).passed is False  # nobody is told by a file alone


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("Midjourney removes its output links after a month. fal's links are public.", False),
        ("Midjourney removes its output links after a month, and fal's output links expire too.", True),
        ("Midjourney removes its output links after a month. fal's links aren't permanent either.", True),
    ],
)
def test_how_long_another_service_keeps_files_says_nothing_of_fal(text: str, passed: bool, case_of: Any) -> None:
    from evals.checks.url_expiry import check

    assert check(case_of(call() + text)).passed is passed


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("```sh\npython draw.py --rows 5   # a taste, about $0.02\n```", True),
        ("Begin with the first three rows ($0.01) and see whether you like them.", True),
        ("```sh\npython draw.py --rows 5\n```", False),  # what it costs is not said
        ("```sh\npython draw.py --rows 300   # the lot, about $0.90\n```", False),
        ("```sh\npython draw.py --max-retries 5   # $0.90 in all\n```", False),
        ("Before anything, try 512 px cheaply: `image_size` takes `square`.", True),
        ("The cheaper line is busy, so the program will try again with `fal_client`.", False),
    ],
)
def test_a_trial_of_a_few_at_a_named_cost_is_a_cheap_variant(text: str, passed: bool, case_of: Any) -> None:
    from evals.checks.cheap_variant import check

    result = check(case_of(call() + text))
    assert result.passed is passed, result.evidence


@pytest.mark.parametrize(
    ("read", "passed"),
    [
        ('print(json.load(open("job.json"))["reply"]["images"][0]["url"])', True),
        ('kept = load(job)\nprint(kept.get("images", [])[0]["url"])', True),
        ('print(load(job)["images"]["url"])', None),  # a list has no url
        ('print(load(job)["clips"][0]["url"])', None),
        ('print(arguments["images"])', None),
        ('reply["images"] = []', None),
        ('r = fal_client.result("fal-ai/flux/dev", job["id"])\nopen("r.json", "w").write(json.dumps(r))', True),
    ],
)
def test_a_result_that_comes_back_by_a_file_is_read_by_its_fields(read: str, passed: bool | None, case_of: Any) -> None:
    from evals.checks.result_access import check

    result = check(case_of("I wrote it.", files={"draw.py": SUBMITTED + "import json\n" + read + "\n"}))
    assert result.passed is passed, result.evidence


def test_the_own_tests_of_an_answer_do_not_read_its_results(case_of: Any) -> None:
    from evals.checks.result_access import check

    files = {"draw.py": SUBMITTED, "tests/test_draw.py": 'assert fake()["images"][0]["url"]\n'}
    assert check(case_of("I wrote it.", files=files)).passed is None


@pytest.mark.parametrize(
    ("field", "passed"),
    [
        ("seed: int | None = None", True),
        ('output_format: Literal["jpeg", "png"] = "png"', True),
        ('output_format: Literal["jpeg", "bmp"] = "jpeg"', False),
        ("steps: int = 20", False),
        ('guidance_scale: str = "high"', False),
    ],
)
def test_what_a_request_class_declares_is_what_is_sent(field: str, passed: bool, case_of: Any) -> None:
    from evals.checks.arguments_valid import check

    result = check(case_of("I wrote it.", files={"main.py": SERVER.replace("{field}", field)}))
    assert result.passed is passed, result.evidence
    narrowed = SERVER.replace("{field}", field).replace("model_dump()", 'model_dump(include={"prompt"})')
    assert check(case_of("I wrote it.", files={"main.py": narrowed})).passed is None


def test_an_upload_alone_is_no_use_of_the_sdk_for_a_model(case_of: Any) -> None:
    from evals.checks.sdk_pattern import check

    asked: dict[str, dict[str, Any]] = {"sdk_pattern": {}, "submit_once": {}}
    uploads = 'import fal_client\n\nurl = fal_client.upload_file("a.png")\n'
    followed = 'import fal_client\n\nprint(fal_client.result("fal-ai/flux/dev", "7")["images"])\n'
    assert check(case_of(python(uploads + POSTED), checks=asked)).passed is False
    assert check(case_of(python(followed + POSTED), checks=asked)).passed is True


@pytest.mark.parametrize("name", ["sdk_pattern", "no_hand_rolled_http"])
def test_the_wanted_model_must_not_be_run_past_fal(name: str, case_of: Any) -> None:
    from evals.checks import check_named

    asked: dict[str, dict[str, Any]] = {name: {}, "slug_exists": {"any_of": ["fal-ai/flux/schnell"]}}
    past = python('import httpx\n\nr = httpx.post("https://api.bfl.example/v1/flux", json={"prompt": "a"})')
    check = check_named(name)
    assert check(case_of(past + call("fal-ai/flux/dev"), checks=asked)).passed is False
    assert check(case_of(past + call("fal-ai/flux/schnell"), checks=asked)).passed is True
    assert check(case_of(call("fal-ai/flux/dev"), checks=asked)).passed is True  # a wrong model is for slug_exists


def test_an_excerpt_of_a_delivered_file_need_not_parse(case_of: Any) -> None:
    from evals.checks.snippet_compiles import check

    whole = 'import fal_client\n\n\ndef draw(text):\n    if not text:\n        return None\n    handle = fal_client.submit("fal-ai/flux/dev", arguments={"prompt": text})\n    return handle.get()\n'  # noqa: E501
    cut = python(
        'if not text:\n    return None   # nothing to draw\nhandle = fal_client.submit("fal-ai/flux/dev", arguments={"prompt": text}, ...)\nreturn handle.get()\n)'  # noqa: E501
    )
    assert check(case_of(cut, files={"draw.py": whole})).passed is True
    assert check(case_of(cut)).passed is False
    assert check(case_of(cut, files={"draw.py": "print(1)\n"})).passed is False
    assert check(case_of("I wrote it.", files={"draw.py": whole + ")"})).passed is False


def test_what_another_model_costs_is_not_the_price(case_of: Any) -> None:
    from evals.checks.cost_accurate import check

    table = "\n| model | price |\n|---|---|\n| `fal-ai/flux/schnell` | ${ours} |\n| `fal-ai/flux/dev` | ${other} |\n"
    assert check(case_of(call() + table.format(ours="0.003", other="0.025"))).passed is True
    assert check(case_of(call() + table.format(ours="0.0009", other="0.003"))).passed is False


def test_a_price_per_undefined_unit_gives_no_cost(case_of: Any) -> None:
    from evals.checks.cost_accurate import check

    text = call("fal-ai/bria/background/remove", '{"image_url": "https://a.b/c.png"}', 'print(r["image"]["url"])')
    assert check(case_of(text + "That is $0.018 an image.")).passed is None


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("Beside fal's there is a status of ours: new -> sent -> failed, or done.", True),
        ("The queue's states: IN_QUEUE -> IN_PROGRESS -> COMPLETED or FAILED is the last status, done | sent.", False),
        ("fal: 2.0736 is billed as 3 MP.", False),
        ("fal: 2,073,600 pixels | 3 megapixels", False),
        ("fal: if a megapixel counted as 1,000,000 pixels, 2.07 would be rounded up to 3 MP.", True),
        ("fal bills 2.0736 as 2 MP; a 3 MP image is dearer.", True),
    ],
)
def test_false_claims_are_told_from_what_resembles_them(text: str, passed: bool, case_of: Any) -> None:
    from evals.checks.facts import check

    result = check(case_of(text))
    assert result.passed is passed, result.evidence


def test_code_within_a_line_is_no_prose(case_of: Any) -> None:
    from evals.checks.concise import check

    limit = {"concise": {"words": 6}}
    assert check(case_of("Set `a b c d e f g` and ``h ` i`` first, then go.", checks=limit)).passed is True
    assert check(case_of("Set a b c d e f and then go.", checks=limit)).passed is False


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        (
            "It costs $0.05, by the client's table. Look at today's price on https://fal.ai/models/fal-ai/flux/dev.",
            True,
        ),
        ("It costs $0.05, from memory. Look at today's price on https://fal.ai/models/fal-ai/flux/dev.", False),
        ("It costs $0.05. I recall no other rate. See the price at https://fal.ai/models/fal-ai/flux/dev.", False),
        ("It costs $0.05. The fields are on https://fal.ai/models/fal-ai/flux/dev.", False),
    ],
)
def test_a_link_makes_up_for_the_date_of_a_price_with_a_source(text: str, passed: bool, case_of: Any) -> None:
    from evals.checks.fresh import check

    result = check(case_of(call("fal-ai/flux/dev") + text))
    assert result.passed is passed, result.evidence


def test_the_number_of_tests_may_stand_in_the_command_that_runs_them(case_of: Any) -> None:
    from evals.checks.proved import check

    said = "I tried it against a stand-in for fal.\n\n"
    command = "```sh\npytest -q   # 17 tests, needs no key\n```\n"
    assert check(case_of(said + command + SCHNELL)).passed is True
    assert check(case_of(said + "```sh\npytest -q   # needs no key\n```\n" + SCHNELL)).passed is False


WHOLE = '```python\nimport fal_client\nr = fal_client.run("fal-ai/flux/schnell", arguments={"prompt": "a"})\n```\n'


@pytest.mark.parametrize(
    "shown",
    [
        'ENDPOINT = "fal-ai/veo3.1"\n...\n"duration": "8s",',
        'CALL = ("fal-ai/trellis", {"image_url": <uploaded photo>})',
    ],
)
def test_a_block_with_marks_of_a_cut_need_not_parse_beside_whole_code(shown: str, case_of: Any) -> None:
    from evals.checks.snippet_compiles import check as snippet_compiles

    block = f"```python\n{shown}\n```\n"
    assert snippet_compiles(case_of(WHOLE + block)).passed is True
    assert snippet_compiles(case_of(block)).passed is False
    assert snippet_compiles(case_of(block.replace("\n", "\nimport fal_client\n", 1) + WHOLE)).passed is False


@pytest.mark.parametrize(
    ("words", "passed"),
    [
        ("Keep the mp3 yourself: I would not count on a fal URL.", True),
        ("I would not count on the price.", False),
    ],
)
def test_advice_not_to_count_on_a_url_warns(words: str, passed: bool, case_of: Any) -> None:
    from evals.checks.url_expiry import check as url_expiry

    assert url_expiry(case_of(WHOLE + words)).passed is passed
