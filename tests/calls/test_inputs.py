"""Findings on arguments: only on what the text says, never on what it leaves open."""

from __future__ import annotations

import pytest

from calls.linting import checked, codes, problems

KLING = "fal-ai/kling-video/v3/pro/image-to-video"


def run(arguments: str, slug: str = "fal-ai/flux/schnell", before: str = "") -> str:
    return f"import fal_client\n{before}\nfal_client.run({slug!r}, arguments={arguments})"


@pytest.mark.parametrize(
    ("arguments", "slug", "expected"),
    [
        ('{"prompt": "a"}', "fal-ai/flux/schnell", []),
        ("{}", "fal-ai/flux/schnell", ["missing-required"]),
        ('{"prompt": "a", "image_size": "square_hdd"}', "fal-ai/flux/schnell", ["not-in-enum"]),
        ('{"prompt": "a", "steps": 4}', "fal-ai/flux/schnell", ["unknown-field"]),
        ('{"prompt": ["a"]}', "fal-ai/flux/schnell", ["wrong-type"]),
        ('{"prompt": p, "image_url": u}', KLING, ["missing-required", "unknown-field"]),
        ('{"start_image_url": u, "duration": 5}', KLING, ["digit-type"]),
        ('{"start_image_url": "photo.png"}', KLING, ["local-file"]),
        ('{"start_image_url": "YOUR_IMAGE_URL"}', KLING, []),
        ('{"start_image_url": "<image url>"}', KLING, []),
    ],
)
def test_known_arguments_are_checked(arguments: str, slug: str, expected: list[str]) -> None:
    assert codes(run(arguments, slug)) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        "args",
        "{**args}",
        "build(prompt)",
        "request.json()",
        '{"prompt": prompt, "image_size": size, "num_inference_steps": steps, "seed": seed}',
        '{"prompt": prompt, "image_size": {"width": w, "height": h}}',
        '{"prompt": prompt, "image_size": {"width": w, **rest}}',
        '{"prompt": f"a {x}", "image_size": sizes[i]}',
        '{key: "a"}',
        "json.loads(text)",
        "{name: value for name, value in form.items()}",
    ],
)
def test_unknown_parts_give_no_finding(arguments: str) -> None:
    assert codes(run(arguments)) == []


def test_a_field_that_is_set_on_some_paths_is_not_missing() -> None:
    assert (
        codes("""
        import fal_client
        args = {}
        if p:
            args["prompt"] = p
        fal_client.run("fal-ai/flux/schnell", args)
    """)
        == []
    )


def test_a_wrong_name_is_found_beside_unknown_parts() -> None:
    found = problems(run('{"prompt": prompt, "steps": steps, **extra}'))
    assert [(problem.finding.code, problem.finding.path) for problem in found] == [("unknown-field", "steps")]


def test_a_finding_stands_where_its_argument_does() -> None:
    (problem,) = problems("""\
        import fal_client
        fal_client.run(
            "fal-ai/flux/schnell",
            arguments={
                "prompt": "a",
                "image_size": "huge",
            },
        )
    """)
    assert (problem.place.line, problem.place.column) == (6, 9)


def test_each_alternative_of_a_value_is_checked() -> None:
    found = problems(run('{"prompt": "a", "image_size": "square" if s else "wide"}'))
    assert [(problem.finding.severity, problem.finding.code) for problem in found] == [("warning", "not-in-enum")]
    assert '"wide"' in found[0].finding.message


@pytest.mark.parametrize(
    ("before", "arguments", "slug"),
    [
        ("url = fal_client.upload_file(path)", '{"prompt": "a", "image_urls": url}', "fal-ai/nano-banana/edit"),
        (
            "def f(url: str):\n  return 1",
            '{"prompt": "a", "image_urls": f"https://{host}/a.png"}',
            "fal-ai/nano-banana/edit",
        ),
    ],
)
def test_text_where_a_list_belongs_is_found_though_its_words_are_unknown(
    before: str, arguments: str, slug: str
) -> None:
    found = problems(run(arguments, slug, before))
    assert [(problem.finding.code, problem.finding.path) for problem in found] == [("wrong-type", "image_urls")]
    assert "wrap it in a list" in found[0].finding.hint


def test_with_several_models_only_what_is_wrong_for_all_counts() -> None:
    code = "import fal_client\nm = 'fal-ai/flux/dev' if x else 'fal-ai/nano-banana'\nfal_client.run(m, {})"
    assert codes(code.replace("{}", '{"prompt": "a", "image_size": "square", "nonsense": 1}')) == ["unknown-field"]


def test_a_default_model_gives_warnings_at_most() -> None:
    found = problems('import fal_client, os\nfal_client.run(os.getenv("M", "fal-ai/flux/dev"), {})')
    assert [problem.finding.severity for problem in found] == ["warning"]


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        (
            "import fal_client\nu = fal_client.encode_file(p)\n"
            "fal_client.run('fal-ai/flux/dev/image-to-image', {'prompt': 'a', 'image_url': u})",
            "python",
            ["base64-file"],
        ),
        (
            "import fal_client, base64\nd = base64.b64encode(open(p,'rb').read()).decode()\n"
            "fal_client.run('fal-ai/flux/dev/image-to-image', {'prompt': 'a', 'image_url': "
            "f'data:image/png;base64,{d}'})",
            "python",
            ["base64-file"],
        ),
        (
            'const u = `data:image/png;base64,${buffer.toString("base64")}`;\n'
            'fal.run("fal-ai/flux/dev/image-to-image", { input: { prompt: "a", image_url: u } })',
            "javascript",
            ["base64-file"],
        ),
        (
            "import fal_client\nfal_client.run('fal-ai/flux/dev/image-to-image', {'prompt': 'a', "
            "'image_url': open('a.png', 'rb')})",
            "python",
            ["file-object"],
        ),
        (
            "import fal_client\nfal_client.run('fal-ai/flux/dev/image-to-image', {'prompt': 'a', "
            "'image_url': fal_client.upload_file('a.png')})",
            "python",
            [],
        ),
        ('fal.run("fal-ai/flux/dev/image-to-image", { input: { prompt: "a", image_url: file } })', "javascript", []),
    ],
)
def test_files_belong_into_uploads(code: str, language: str, expected: list[str]) -> None:
    assert codes(code, language) == expected


@pytest.mark.parametrize(
    ("code", "language", "words"),
    [
        ("fal_client.subscribe('fal-ai/flux/dev', input={'prompt': 'a'})", "python", "call it arguments"),
        ("fal_client.subscribe('fal-ai/flux/dev', prompt='a')", "python", "inside arguments"),
        (
            "fal_client.subscribe('fal-ai/flux/dev', {'prompt': 'a'}, webhook_url=u)",
            "python",
            "only submit takes a webhook",
        ),
        ("fal_client.submit('fal-ai/flux/dev', {'prompt': 'a'}, with_logs=True)", "python", ""),
        ("fal_client.subscribe('fal-ai/flux/dev')", "python", "pass arguments"),
        ("fal_client.status('fal-ai/flux/dev')", "python", "pass request_id"),
        ("fal_client.run('fal-ai/flux/dev', {'prompt': 'a'}, True)", "python", ""),
        ('fal.subscribe("fal-ai/flux/dev", { prompt: "a" })', "javascript", "input: { prompt"),
        ('fal.subscribe("fal-ai/flux/dev", { arguments: { prompt: "a" } })', "javascript", "write input"),
    ],
)
def test_what_the_function_does_not_take_is_an_error(code: str, language: str, words: str) -> None:
    before = "import fal_client\n" if language == "python" else ""
    found = [problem.finding for problem in problems(before + code, language)]
    assert ("error", "call-shape") in {(finding.severity, finding.code) for finding in found}
    assert any(words in finding.hint for finding in found)


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("fal_client.submit('fal-ai/flux/dev', {'prompt': 'a'}, webhook_url=u, priority='low')", "python"),
        ("fal_client.subscribe('fal-ai/flux/dev', {'prompt': 'a'}, **options)", "python"),
        ("fal_client.stream('fal-ai/flux/dev', {'prompt': 'a'}, headers={})", "python"),
        (
            'fal.subscribe("fal-ai/flux/dev", { input: { prompt: "a" }, logs: true, timeout: 60000, whatever: 1 })',
            "javascript",
        ),
        ('fal.subscribe("fal-ai/flux/dev", { ...options, prompt: "a" })', "javascript"),
        ('fal.subscribe("fal-ai/flux/dev", options)', "javascript"),
    ],
)
def test_what_the_function_takes_or_may_take_is_left_alone(code: str, language: str) -> None:
    assert codes(("import fal_client\n" if language == "python" else "") + code, language) == []


def test_an_empty_input_of_a_document_is_a_place_to_fill() -> None:
    assert codes('```js\nfal.subscribe("fal-ai/flux/dev", { input: {} });\n```', "markdown") == []


def test_unknown_models_are_not_checked_against_anything() -> None:
    report = checked(run('{"anything": 1}', "me/app"))
    assert [problem.finding.severity for problem in report.problems] == ["note"]
