"""What a rendered snippet holds, and what is refused."""

from __future__ import annotations

import ast
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fal_skill.errors import InvalidArgumentsError, UnavailableError, UsageError
from fal_skill.registry import Model, default_registry
from fal_skill.snippets import (
    FRAMEWORKS,
    LANGUAGES,
    PATTERNS,
    SnippetOptions,
    download_line,
    environment,
    render,
    result_path,
    user_model,
    with_placeholders,
    with_uploads,
    written,
)

FLUX = "fal-ai/flux/schnell"
KLING = "fal-ai/kling-video/v3/pro/image-to-video"


def model(slug: str) -> Model:
    """Return a model that the snapshot must have."""
    found = default_registry().get(slug)
    assert found is not None
    return found


def code(
    slug: str, arguments: dict[str, Any], language: str = "python", pattern: str = "subscribe", **options: Any
) -> str:
    """Return all the code of a snippet."""
    return written(model(slug), arguments, language, pattern, SnippetOptions(**options)).text


def codes(snippet: Any) -> list[str]:
    """Return the codes of a snippet's findings."""
    return [finding.code for finding in snippet.findings]


def test_the_plain_python_snippet_is_what_a_person_would_write() -> None:
    assert code(FLUX, {"prompt": "a cat", "image_size": "square"}) == (
        "import fal_client\n"
        "\n"
        "result = fal_client.subscribe(\n"
        '    "fal-ai/flux/schnell",\n'
        '    arguments={"prompt": "a cat", "image_size": "square"},\n'
        "    interval=0.5,  # seconds; the default asks ten times a second\n"
        ")\n"
        "\n"
        'print(result["images"][0]["url"])\n'
    )


def test_the_plain_javascript_snippet_is_what_a_person_would_write() -> None:
    assert code(FLUX, {"prompt": "a cat", "image_size": "square"}, "javascript") == (
        'import { fal } from "@fal-ai/client";\n'
        "\n"
        'const result = await fal.subscribe("fal-ai/flux/schnell", {\n'
        '  input: { prompt: "a cat", image_size: "square" },\n'
        "});\n"
        "console.log(result.data.images[0].url);\n"
    )


@pytest.mark.parametrize(("language", "pattern"), list(itertools.product(LANGUAGES, PATTERNS)))
def test_a_snippet_has_no_line_that_was_not_asked_for(language: str, pattern: str) -> None:
    plain = code(FLUX, {"prompt": "a"}, language, pattern)
    for word in ("with_logs", "logs: true", "X-Fal-Object-Lifecycle", "storageSettings", "client_timeout", "new File("):
        assert word not in plain
    assert "saved" not in plain
    assert "\n\n\n\n" not in plain and not plain.startswith("\n") and plain.endswith("\n")
    assert not any(line != line.rstrip() for line in plain.splitlines())


@pytest.mark.parametrize(
    ("slug", "python", "javascript", "typescript"),
    [
        (FLUX, 'result["images"][0]["url"]', "result.data.images[0].url", "result.data.images[0].url"),
        (KLING, 'result["video"]["url"]', "result.data.video.url", "result.data.video.url"),
        ("fal-ai/wizper", 'result["text"]', "result.data.text", "result.data.text"),
        ("fal-ai/florence-2-large/ocr", 'result["results"]', "result.data.results", "result.data.results"),
        ("fal-ai/silero-vad", "result", "result.data", "result.data"),
    ],
)
def test_the_answer_is_read_where_the_output_schema_has_it(
    slug: str, python: str, javascript: str, typescript: str
) -> None:
    for language, path in (("python", python), ("javascript", javascript), ("typescript", typescript)):
        assert result_path(model(slug), language).replace("?", "") == path
        assert f"({path})" in code(slug, {}, language).replace("?", "")


def test_a_result_that_the_schema_does_not_promise_is_read_with_care_in_typescript() -> None:
    unsure = next(m for m in default_registry() if m.file_outputs and not m.file_outputs[0].required)
    assert "?." in result_path(unsure, "typescript")
    assert "?." not in result_path(unsure, "javascript")


def test_a_local_file_becomes_one_upload_for_each_distinct_path() -> None:
    arguments = {"start_image_url": "a.png", "end_image_url": "b.png", "elements": [{"frontal_image_url": "a.png"}]}
    text = code(KLING, arguments)
    assert text.count("upload_file(") == 2
    assert '"frontal_image_url": start_image_url' in text and '"end_image_url": end_image_url' in text


@pytest.mark.parametrize(
    ("value", "uploaded"),
    [
        ("photo.jpg", "photo.jpg"),
        ("./a b/photo.jpg", "./a b/photo.jpg"),
        ("C:\\photos\\me.png", "C:\\photos\\me.png"),
        ("file:///home/me/a%20b.png", "/home/me/a b.png"),
        ("http://example.com/a.png", None),
        ("HTTPS://example.com/a.png", None),
        ("data:image/png;base64,AAAA", None),
        ("gs://bucket/a.png", None),
        ("//example.com/a.png", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
def test_only_a_path_of_this_machine_is_uploaded(value: object, uploaded: str | None) -> None:
    replaced, uploads = with_uploads(model(KLING), {"start_image_url": value})
    assert [upload.path for upload in uploads] == ([uploaded] if uploaded else [])
    assert (replaced["start_image_url"] == value) is (uploaded is None)


def test_a_file_that_is_an_object_with_a_url_is_uploaded_and_varied() -> None:
    judge = model("fal-ai/arbiter/image")
    text = written(judge, {"inputs": [{"url": "a.png"}], "measurements": ["musiq"]}, "python", "subscribe").text
    assert 'upload_file("a.png")' in text and '"inputs": [{"url": inputs_url}]' in text
    batch = written(judge, {"inputs": [{"url": "a.png"}], "measurements": ["musiq"]}, "python", "batch").text
    assert 'FILES = ["a.png"]' in batch and '"inputs": [{"url": file_url}]' in batch


def test_a_path_in_a_field_that_holds_no_file_stays_text() -> None:
    assert with_uploads(model(FLUX), {"prompt": "photo.jpg"}) == ({"prompt": "photo.jpg"}, ())


def test_a_weights_field_keeps_the_name_of_a_public_repository() -> None:
    trained = next(
        m for m in default_registry() if any(f.kind == "weights" and "." not in f.path for f in m.file_inputs)
    )
    field = next(f.path.removesuffix("[]") for f in trained.file_inputs if f.kind == "weights" and "." not in f.path)
    assert with_uploads(trained, {field: "owner/model"})[1] == ()
    assert [upload.path for upload in with_uploads(trained, {field: "lora.safetensors"})[1]] == ["lora.safetensors"]


def test_a_model_without_schema_is_called_as_it_is_asked_and_printed_whole() -> None:
    own = user_model("workflows/me/storyboard")
    assert own is not None
    text = written(own, {"image_url": "a.png", "n": 2}, "python", "subscribe").text
    assert "upload_file" in text and "print(result)" in text
    assert user_model("fal-ai/flux") is None and user_model("workflows/../x") is None


def test_a_local_file_that_is_uploaded_is_no_finding() -> None:
    snippet = render(model(KLING), {"start_image_url": "a.png", "prompt": "x"})
    assert snippet.findings == ()
    assert with_placeholders(model(KLING), {"start_image_url": "dir/a b.png"}) == {
        "start_image_url": "https://v3.fal.media/files/uploaded/a_b.png"
    }


def test_arguments_that_do_not_fit_are_reported_with_the_code() -> None:
    snippet = render(model(FLUX), {"prompt": 3})
    assert snippet.has_errors and codes(snippet) == ["wrong-type"]
    ast.parse(snippet.code)


hostile = st.text(st.sampled_from("\"'\\\n\r`${}{%#%} /*<!--</script>\u2028\u202eé👩"), max_size=30)


@given(hostile, st.sampled_from(LANGUAGES), st.sampled_from(PATTERNS))
@settings(max_examples=150, deadline=None)
def test_a_prompt_cannot_become_code(prompt: str, language: str, pattern: str) -> None:
    plain = code(FLUX, {"prompt": "SAFE", "seed": 1}, language, pattern)
    text = code(FLUX, {"prompt": prompt + "SAFE", "seed": 1}, language, pattern)
    if language.startswith("python"):
        sent = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
        assert prompt + "SAFE" in sent
        kinds, plain_kinds = ([type(n) for n in ast.walk(ast.parse(part))] for part in (text, plain))
        assert kinds == plain_kinds
    else:
        assert len(text.splitlines()) <= len(plain.splitlines()) + 6
        assert "</" not in text and "<!--" not in text


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_value_that_cannot_be_written_is_refused_before_any_code(pattern: str) -> None:
    with pytest.raises(InvalidArgumentsError, match="lone surrogate"):
        render(model(FLUX), {"prompt": "\ud800"}, pattern=pattern)
    with pytest.raises(InvalidArgumentsError, match="seed is an integer beyond"):
        render(model(FLUX), {"prompt": "a", "seed": 2**60}, pattern=pattern, language="typescript")


@pytest.mark.parametrize(
    ("language", "pattern", "options", "why"),
    [
        ("ruby", "subscribe", {}, "unknown language"),
        ("python", "poll", {}, "unknown pattern"),
        ("python", "stream", {"client_timeout": 5}, "does not apply to pattern stream"),
        ("python", "subscribe", {"client_timeout": 1}, "more than 1 second"),
        ("python", "subscribe", {"client_timeout": float("nan")}, "more than 1 second"),
        ("python", "run", {"logs": True}, "only the queue keeps logs"),
        ("python", "subscribe", {"expires": "2w"}, "expected a number of seconds or one of"),
        ("python", "subscribe", {"expires": "0"}, "expected a number of seconds or one of"),
        ("javascript", "stream", {"expires": "1d"}, "sends no such header"),
        ("python", "realtime", {"download": True}, "carry the media themselves"),
        ("python", "realtime", {"expires": "1d"}, "sends no such header"),
        ("python", "subscribe", {"browser": True}, "javascript or typescript"),
        ("javascript", "batch", {"browser": True}, "belongs on a server"),
        ("javascript", "subscribe", {"browser": True, "download": True}, "exclude each other"),
        ("python", "subscribe", {"framework": "flask"}, "pattern webhook alone"),
        ("python-async", "webhook", {"framework": "flask"}, "expected fastapi"),
        ("python", "batch", {"concurrency": 0}, "between 1 and 100"),
        ("python", "batch", {"max_cost": 0}, "more than 0 USD"),
    ],
)
def test_options_that_make_no_sense_together_are_refused_with_the_reason(
    language: str, pattern: str, options: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError) as caught:
        render(model(FLUX), {"prompt": "a"}, language=language, pattern=pattern, options=SnippetOptions(**options))
    assert why in f"{caught.value.message} {caught.value.hint}"


def one(category: str) -> Model:
    """Return some model of the category."""
    return next(m for m in default_registry() if m.category == category and m.has_schema)


def test_a_pattern_is_refused_where_it_cannot_work_and_doubted_where_it_is_not_known() -> None:
    for pattern in ("stream", "realtime"):
        with pytest.raises(UsageError, match="trains a model"):
            render(one("training"), {}, pattern=pattern)
        assert "pattern-unknown" in codes(render(model(FLUX), {"prompt": "a"}, pattern=pattern))
    realtime = model("fal-ai/flux-2/klein/realtime")
    assert "pattern-unknown" not in codes(render(realtime, {"prompt": "a"}, pattern="realtime"))
    assert "pattern-unknown" in codes(render(realtime, {"prompt": "a"}, pattern="subscribe"))
    with pytest.raises(UsageError, match="realtime path"):
        render(realtime, {"prompt": "a"}, pattern="stream")
    assert "pattern-unknown" not in codes(render(model("fal-ai/flux-lora"), {"prompt": "a"}, pattern="stream"))
    assert "pattern-unfit" in codes(render(model(KLING), {"start_image_url": "a.png"}, pattern="run"))
    assert codes(render(model(FLUX), {"prompt": "a"}, pattern="run")) == []


def test_a_batch_of_a_model_that_takes_neither_text_nor_file_is_refused() -> None:
    bare = Model({**model(FLUX)._record, "input": {"type": "object", "properties": {"seed": {"type": "number"}}}})
    with pytest.raises(UsageError, match="no text and no file"):
        render(bare, {"seed": 1}, pattern="batch")


def test_a_batch_knows_what_one_job_may_cost_or_says_that_it_does_not() -> None:
    assert "UNIT_COST = 0.003  #" in render(model(FLUX), {"prompt": "a"}, pattern="batch").code
    unknown = render(model("fal-ai/fast-sdxl"), {"prompt": "a"}, pattern="batch")
    assert "cost-unknown" in codes(unknown) and "raise SystemExit" in unknown.code
    given_cost = SnippetOptions(unit_cost=0.5)
    assert "UNIT_COST = 0.5  #" in render(model(FLUX), {"prompt": "a"}, pattern="batch", options=given_cost).code


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_batch_of_a_model_billed_by_the_character_counts_the_longest_text(language: str) -> None:
    text = render(model("fal-ai/elevenlabs/tts/turbo-v2.5"), {"text": "hi"}, pattern="batch", language=language).code
    line = next(line for line in text.splitlines() if "UNIT_COST =" in line)
    assert "0.05" in line and ("max(map(len, TEXTS))" in line or "Math.max(...TEXTS.map" in line)


def test_a_download_from_a_model_that_gives_no_file_is_a_finding_and_prints_the_result() -> None:
    snippet = render(model("fal-ai/wizper"), {"audio_url": "a.mp3"}, options=SnippetOptions(download=True))
    assert "no-file-output" in codes(snippet)
    assert "write_bytes" not in snippet.code and 'print(result["text"])' in snippet.code


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_sent_inline_is_saved_under_a_name_of_its_own(language: str) -> None:
    text = code(FLUX, {"prompt": "a", "sync_mode": True}, language, download=True)
    assert '"output.png"' in text and "httpx" not in text and "basename" not in text


@pytest.mark.parametrize("language", ["javascript", "typescript"])
@pytest.mark.parametrize("pattern", ["subscribe", "run", "stream", "realtime"])
def test_browser_code_holds_no_key_and_its_proxy_lets_nobody_pass_by_default(language: str, pattern: str) -> None:
    options = SnippetOptions(browser=True, errors=True)
    snippet = written(model(KLING), {"start_image_url": "a.png", "prompt": "x"}, language, pattern, options)
    assert "FAL_KEY" not in snippet.code and "process." not in snippet.code and "node:" not in snippet.code
    files = {file.filename: file.code for file in snippet.more_files}
    proxy = next(text for name, text in files.items() if "proxy" in name)
    assert "isAuthenticated: async (request) => false" in proxy and "allowUnauthorizedRequests: false" in proxy
    assert f'allowedEndpoints: ["{KLING}' in proxy
    assert "@fal-ai/server-proxy" in snippet.install
    if pattern == "realtime":
        token = next(text for name, text in files.items() if "token" in name)
        assert "return false" in token


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_framework_has_a_submit_side_and_a_receiver(language: str) -> None:
    for framework in FRAMEWORKS[language]:
        text = code(FLUX, {"prompt": "a"}, language, "webhook", framework=framework)
        assert "jwks.json" in text and "300" in text and framework.replace("nextjs", "next/server") in text
        assert "webhook_url=webhook_url" in text or "webhookUrl," in text


@pytest.mark.parametrize(("language", "pattern"), list(itertools.product(LANGUAGES, ("submit", "batch", "webhook"))))
def test_where_money_is_at_stake_the_resend_is_off_and_one_comment_says_so(language: str, pattern: str) -> None:
    text = code(FLUX, {"prompt": "a"}, language, pattern)
    assert ("MAX_ATTEMPTS" if language.startswith("python") else "createFalClient") in text
    assert text.count("sends a submit again when its reply is lost") == 1


def test_the_json_form_has_the_documented_keys_and_the_files_of_a_larger_program() -> None:
    plain = render(model(FLUX), {"prompt": "a"}).as_dict()
    assert list(plain) == ["code", "filename", "language", "pattern", "install", "run", "findings"]
    json.dumps(plain)
    options = SnippetOptions(framework="nextjs")
    larger = render(model(FLUX), {"prompt": "a"}, language="typescript", pattern="webhook", options=options)
    assert [larger.filename, *(file.filename for file in larger.more_files)] == [
        "app/api/fal/webhook/route.ts",
        "lib/fal-submit.ts",
    ]


@pytest.mark.parametrize(
    ("language", "pattern", "options", "install", "run"),
    [
        ("python", "submit", {}, "pip install 'fal-client>=1.0.3,<2'", "python fal_submit.py"),
        ("python-async", "run", {}, "pip install 'fal-client>=1.0.3,<2'", "python fal_run.py"),
        ("javascript", "submit", {}, "npm install @fal-ai/client@^1.10.1", "node fal_submit.mjs"),
        (
            "typescript",
            "submit",
            {},
            "npm install @fal-ai/client@^1.10.1 && npm install -D tsx typescript @types/node",
            "npx tsx fal_submit.mts  # Node >= 22.18 runs it directly: node fal_submit.mts",
        ),
        (
            "python",
            "webhook",
            {"framework": "flask"},
            "pip install 'fal-client>=1.0.3,<2' flask cryptography",
            "flask --app fal_webhook run",
        ),
        (
            "python",
            "webhook",
            {},
            "pip install 'fal-client>=1.0.3,<2' fastapi uvicorn cryptography",
            "uvicorn fal_webhook:app",
        ),
        (
            "javascript",
            "subscribe",
            {"browser": True},
            "npm install @fal-ai/client@^1.10.1 @fal-ai/server-proxy@^1.2.1",
            "your web application runs it",
        ),
        (
            "typescript",
            "webhook",
            {"framework": "nextjs"},
            "npm install @fal-ai/client@^1.10.1",
            "your web application runs it",
        ),
    ],
)
def test_a_snippet_says_what_it_needs_and_how_it_is_run(
    language: str, pattern: str, options: dict[str, Any], install: str, run: str
) -> None:
    snippet = written(model(FLUX), {"prompt": "a"}, language, pattern, SnippetOptions(**options))
    assert (snippet.install, snippet.run) == (install, run)


def test_the_download_line_is_one_statement_that_saves_the_main_file() -> None:
    line = download_line(model(KLING))
    assert line == 'urllib.request.urlretrieve(result["video"]["url"], "output.mp4")'
    assert "result.data.video.url" in (download_line(model(KLING), "javascript") or "")
    assert download_line(model("fal-ai/wizper")) is None


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the templates that the renderer reads."""
    folder = tmp_path / "templates"
    folder.mkdir()
    for path in environment.TEMPLATE_FOLDERS[0].glob("*.j2"):
        (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(environment, "TEMPLATE_FOLDERS", (folder,))
    environment.environment.cache_clear()
    yield folder
    environment.environment.cache_clear()


def test_a_templates_folder_that_is_missing_or_damaged_is_said_in_one_line(templates: Path) -> None:
    assert "fal_client" in code(FLUX, {"prompt": "a"})
    damages: list[Any] = [
        lambda file: file.write_text("{% if %}"),
        lambda file: file.write_text("{{ nothing_of_this_name }}"),
        lambda file: file.write_bytes(b"\xff\xfe"),
        lambda file: file.unlink(),
    ]
    for name in ("python-subscribe.j2", "_python.j2"):
        whole = (templates / name).read_bytes()
        for damage in damages:
            damage(templates / name)
            environment.environment.cache_clear()
            with pytest.raises(UnavailableError) as caught:
                code(FLUX, {"prompt": "a"})
            assert "\n" not in caught.value.message
            (templates / name).write_bytes(whole)
    environment.environment.cache_clear()
    environment.TEMPLATE_FOLDERS[0].rename(templates.parent / "elsewhere")
    with pytest.raises(UnavailableError, match="templates folder"):
        code(FLUX, {"prompt": "a"})


def test_an_installed_package_finds_its_templates_inside_itself() -> None:
    beside, inside = environment.TEMPLATE_FOLDERS
    assert beside.name == inside.name == "templates"
    assert inside.parent.name == "fal_skill" and beside.is_dir()


def test_options_are_values(tmp_path: Path) -> None:
    options = SnippetOptions(expires="90")
    assert options.expires_seconds == 90 and replace(options, expires=None).expires_seconds is None
