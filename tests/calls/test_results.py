"""How results are read, and which ways of reading them are wrong."""

from __future__ import annotations

import pytest

from calls.linting import calls, codes, only, problems

PY = "import fal_client\n"
JS = 'import { fal } from "@fal-ai/client";\n'
PY_CALL = 'fal_client.subscribe("fal-ai/flux/schnell", {"prompt": "a"})'
JS_CALL = 'fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } })'


def paths(text: str, language: str = "python") -> list[str]:
    return [str(access) for access in calls(text, language)[0].accesses if access.path]


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ('r = {call}\nprint(r["images"][0]["url"])', "images[0].url"),
        ('{call}["images"][0]["url"]', "images[0].url"),
        ('r = {call}\nr.get("images", [])[0].get("url")', "images[0].url"),
        ('r = {call}\nimages = r["images"]\nimages[0]["url"]', "images[0].url"),
        ('r = {call}\nfor image in r["images"]:\n    image["url"]', "images[].url"),
        ('r = {call}\nurls = [image["url"] for image in r["images"]]', "images[].url"),
        ('if (r := {call})["images"]:\n    pass', "images"),
        ('r = {call}\nimages = r.get("images") or []\nimages[0]["url"]', "images[0].url"),
        ('def make():\n    return {call}\nr = make()\nr["images"][0]["url"]', "images[0].url"),
        ('def save(result):\n    result["images"][0]["url"]\nsave({call})', "images[0].url"),
        ('r = {call}\nfirst = r["images"][0]\nprint(first["url"])', "images[0].url"),
        ('r = {call}\nname = "images"\nr[name][0]["url"]', "images[0].url"),
    ],
)
def test_python_results_are_followed(reading: str, expected: str) -> None:
    text = PY + reading.replace("{call}", PY_CALL)
    assert expected in paths(text)
    assert codes(text) == []


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ("const r = await {call}; r.data.images[0].url;", "data.images[0].url"),
        ("(await {call}).data.images[0].url;", "data.images[0].url"),
        ("const { data } = await {call}; data.images[0].url;", "data.images[0].url"),
        ("const { data: { images: [first] } } = await {call}; first.url;", "data.images[0].url"),
        ("{call}.then((r) => r.data.images[0].url);", "data.images[0].url"),
        ("{call}.then(({ data }) => data.images[0].url);", "data.images[0].url"),
        ("const r = await {call}; r.data.images.map((image) => image.url);", "data.images[].url"),
        ("const r = await {call}; for (const image of r.data.images) { image.url }", "data.images[].url"),
        ("const r = await {call}; const { images } = r.data; images[0].url;", "data.images[0].url"),
        ("const r = await {call}; r?.data?.images?.[0]?.url ?? null;", "data.images[0].url"),
        ('const r = await {call}; r["data"]["images"][0]["url"];', "data.images[0].url"),
        (
            "const f = async () => { const r = await {call}; return r.data; }; (await f()).images[0].url",
            "data.images[0].url",
        ),
    ],
)
def test_javascript_results_are_followed(reading: str, expected: str) -> None:
    text = JS + reading.replace("{call}", JS_CALL)
    assert expected in paths(text, "javascript")
    assert codes(text, "javascript") == []


def test_a_submit_is_followed_through_its_handle() -> None:
    text = PY + 'h = fal_client.submit("fal-ai/flux/schnell", {"prompt": "a"})\nr = h.get()\nr["images"][0]["url"]'
    assert "images[0].url" in paths(text)
    assert codes(text) == []


def test_a_result_that_may_be_of_another_call_is_not_blamed() -> None:
    text = (
        PY
        + """
if video:
    r = fal_client.run("fal-ai/kling-video/v3/pro/text-to-video", {"prompt": "a"})
else:
    r = fal_client.run("fal-ai/flux/schnell", {"prompt": "a"})
print(r["images"][0]["url"])
"""
    )
    assert "output-field" not in codes(text)


WRONG = {
    "data in Python": (PY + f"r = {PY_CALL}\nprint(r.data)", "python", "result-access"),
    "attribute in Python": (PY + f"r = {PY_CALL}\nprint(r.images[0].url)", "python", "result-access"),
    "data item in Python": (PY + f'r = {PY_CALL}\nr["data"]["images"]', "python", "result-access"),
    "result of a handle as its item": (
        PY + 'h = fal_client.submit("fal-ai/flux/dev", {"prompt": "a"})\nh["request_id"]',
        "python",
        "result-access",
    ),
    "handle for the result": (
        PY + 'h = fal_client.submit("fal-ai/flux/dev", {"prompt": "a"})\nh.images',
        "python",
        "result-access",
    ),
    "no data in JavaScript": (JS + f"const r = await {JS_CALL}; r.images[0].url;", "javascript", "result-access"),
    "no data, taken apart": (
        JS + f"const {{ images }} = await {JS_CALL}; images[0].url;",
        "javascript",
        "result-access",
    ),
    "no data, in then": (JS + f"{JS_CALL}.then((r) => r.images[0].url);", "javascript", "result-access"),
    "request_id of a result": (JS + f"const r = await {JS_CALL}; save(r.request_id);", "javascript", "result-access"),
    "requestId of a submit": (
        JS + 'const { requestId } = await fal.queue.submit("fal-ai/flux/dev", { input: { prompt: "a" } });',
        "javascript",
        "result-access",
    ),
    "field that is not there": (PY + f'r = {PY_CALL}\nr["image"]["url"]', "python", "output-field"),
    "field that is not there in JavaScript": (
        JS + f"const r = await {JS_CALL}; r.data.image.url;",
        "javascript",
        "output-field",
    ),
    "list taken for an object": (PY + f'r = {PY_CALL}\nr["images"]["url"]', "python", "output-field"),
    "not awaited": (
        PY + 'r = fal_client.subscribe_async("fal-ai/flux/dev", {"prompt": "a"})\nr["images"]',
        "python",
        "missing-await",
    ),
    "not awaited in JavaScript": (JS + f"const r = {JS_CALL}; r.data.images;", "javascript", "missing-await"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_result_that_is_misread_is_an_error(mistake: str) -> None:
    text, language, code = WRONG[mistake]
    found = [problem.finding for problem in problems(text, language)]
    assert [(finding.severity, finding.code) for finding in found][:1] == [("error", code)], found


RIGHT = {
    "both ways in JavaScript": (
        JS + f"const r = await {JS_CALL}; const d = r.data ?? r; d.images?.[0]?.url;",
        "javascript",
    ),
    "fields that are tried one after another": (PY + f'r = {PY_CALL}\nx = r.get("images") or r.get("image")', "python"),
    "a field that is tested for": (
        PY + f'r = {PY_CALL}\nif "image" in r:\n    r["image"]["url"]\nr["images"]',
        "python",
    ),
    "methods of a dict": (PY + f"r = {PY_CALL}\nr.items(); r.keys(); dict(r)", "python"),
    "length of a list": (JS + f"const r = await {JS_CALL}; r.data.images.length;", "javascript"),
    "the id of a submit": (
        JS + 'const { request_id } = await fal.queue.submit("fal-ai/flux/dev", { input: { prompt: "a" } });',
        "javascript",
    ),
    "attributes of a handle": (
        PY + 'h = fal_client.submit("fal-ai/flux/dev", {"prompt": "a"})\nh.request_id, h.status_url, h.cancel()',
        "python",
    ),
    "gathered calls": (
        PY + "import asyncio\nasync def f():\n    return await "
        'asyncio.gather(fal_client.subscribe_async("fal-ai/flux/dev", {"prompt": "a"}))',
        "python",
    ),
    "a task": (
        PY + "import asyncio\nasync def f():\n    t = "
        'asyncio.create_task(fal_client.subscribe_async("fal-ai/flux/dev", {"prompt": "a"}))\n'
        '    r = await t\n    r["images"]',
        "python",
    ),
    "promises for later": (JS + f"const p = {JS_CALL}; const r = await p; r.data.images;", "javascript"),
    "the old client without data": (
        'import * as fal from "@fal-ai/serverless-client"; // fal: ignore[deprecated-package]\n'
        + f"const r = await {JS_CALL}; r.images[0].url;",
        "javascript",
    ),
    "events of a stream": (
        JS + 'const s = await fal.stream("fal-ai/flux/schnell", { input: { prompt: "a" } });\n'
        "for await (const e of s) console.log(e.partial);\nawait s.done();",
        "javascript",
    ),
    "the model is not known": (PY + 'r = fal_client.run("me/app", {})\nr["data"]["anything"]', "python"),
    "a file name": (PY + f'r = {PY_CALL}\nprint(r["images"][0]["url"].split("/")[-1])', "python"),
}


@pytest.mark.parametrize("habit", RIGHT)
def test_a_result_that_is_read_with_care_is_left_alone(habit: str) -> None:
    text, language = RIGHT[habit]
    assert codes(text, language) == []


def test_a_wrong_field_names_the_ones_there_are() -> None:
    (problem,) = problems(PY + f'r = {PY_CALL}\nr["image"]["url"]')
    assert "did you mean images?" in problem.finding.hint
    assert (problem.place.line, problem.finding.path) == (3, "image.url")


def test_a_field_is_blamed_once_however_often_it_is_read() -> None:
    assert codes(PY + f'r = {PY_CALL}\nr["image"]["url"]; r["image"]["width"]; r["image"]') == ["output-field"]


def test_jq_behind_curl_reads_the_result() -> None:
    call = only(
        "curl -X POST https://fal.run/fal-ai/flux/dev -d '{\"prompt\": \"a\"}' | jq -r '.images[0].url'", "shell"
    )
    assert [str(access) for access in call.accesses] == ["images[0].url"]


NARROWED = {
    "a walk that comes to texts": (
        PY + "def walk(node):\n    if isinstance(node, dict):\n        for v in node.values():\n"
        "            yield from walk(v)\n    elif isinstance(node, list):\n        node.sort()\n"
        '    elif isinstance(node, str) and node.startswith("https://"):\n        yield node\n'
        f"r = {PY_CALL}\nlist(walk(r))",
        "python",
    ),
    "an object of the program's own": (
        PY + f"r = {PY_CALL}\nif not isinstance(r, dict):\n    r.model_dump()\nr['images']",
        "python",
    ),
    "the other branch": (
        PY + f"r = {PY_CALL}\nx = r['images'] if isinstance(r, dict) else r.images",
        "python",
    ),
    "an attribute that is tested for": (
        PY + f"r = {PY_CALL}\nx = r.data if hasattr(r, 'data') else r['images']",
        "python",
    ),
    "after a return": (
        PY + "def first(r):\n    if isinstance(r, dict):\n        return r['images']\n    return r.images\n"
        f"r = {PY_CALL}\nfirst(r)",
        "python",
    ),
    "typeof": (
        JS + f'const r = await {JS_CALL};\nif (typeof r === "string") save(r.url); else save(r.requestId);',
        "javascript",
    ),
    "a list in JavaScript": (
        JS + f"const r = await {JS_CALL}; save(Array.isArray(r) && r.first.url, r.requestId);",
        "javascript",
    ),
    "instanceof": (
        JS + f"const r = await {JS_CALL}; save(r instanceof Response ? r.body.url : r.requestId);",
        "javascript",
    ),
}


@pytest.mark.parametrize("habit", NARROWED)
def test_a_name_that_is_found_to_be_something_else_is_not_judged_as_the_result(habit: str) -> None:
    text, language = NARROWED[habit]
    assert codes(text, language) == []


@pytest.mark.parametrize(
    "reading",
    [
        "if isinstance(r, dict):\n    print(r.images)",
        "if isinstance(other, str):\n    print(r.images)",
        "if not isinstance(r, str):\n    print(r.images)",
        "if isinstance(r, str):\n    pass\nelse:\n    print(r.images)",
        "if isinstance(r, str):\n    pass\nprint(r.images)",
    ],
)
def test_a_test_that_leaves_the_result_a_dict_excuses_nothing(reading: str) -> None:
    assert codes(PY + f"r = {PY_CALL}\n{reading}") == ["result-access"]


SHARED = (
    PY
    + """
def collect(model, arguments):
    return fal_client.subscribe(model, arguments)
trained = collect("fal-ai/flux-2-trainer", {"image_data_url": "https://x.example/a.zip"})
trained["diffusers_lora_file"]["url"]
image = collect("fal-ai/flux/dev", {"prompt": "a"})
image["images"][0]["url"]
"""
)


def test_each_call_of_a_function_for_several_models_is_judged_by_what_is_read_of_its_own_result() -> None:
    assert codes(SHARED) == []
    found = problems(SHARED + 'image["video"]["url"]\n')
    assert [(problem.finding.code, problem.place.line) for problem in found] == [("output-field", 9)]


def test_each_request_of_a_posting_function_is_judged_by_what_is_read_of_its_own_answer() -> None:
    post = "import httpx\ndef collect(model, body):\n    r = httpx.post('https://fal.run/' + model, json=body)\n"
    text = post + "    return r.json()\n" + SHARED.partition("arguments)\n")[2]
    assert codes(text) == []
    assert codes(text + 'image["video"]["url"]\n') == ["output-field"]
