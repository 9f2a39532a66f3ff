"""Code inside other files: documents, notebooks, pages, shell text; each call at its own line of the file."""

from __future__ import annotations

import json

import pytest

from calls.linting import calls, codes, only

PY = 'import fal_client\nr = fal_client.run("fal-ai/flux/dev", {"prompt": "a"})\n'
JS = 'import { fal } from "@fal-ai/client";\nconst r = await fal.run("fal-ai/flux/dev", { input: { prompt: "a" } });\n'


@pytest.mark.parametrize(
    ("info", "code", "language"),
    [
        ("python", PY, "python"), ("py", PY, "python"), ("Python", PY, "python"), ("python title='a'", PY, "python"),
        ("{.python}", PY, "python"), ("", PY, "python"), ("js", JS, "javascript"), ("typescript", JS, "typescript"),
        ("ts", JS, "typescript"), ("tsx", JS, "tsx"), ("", JS, "typescript"),
        ("bash", "curl https://fal.run/fal-ai/flux/dev -d '{\"prompt\": \"a\"}'", "shell"),
        ("json", '{"endpoint_id": "fal-ai/flux/dev", "input": {"prompt": "a"}}', "json"),
        ("diff", "-old line\n" + "".join(f"+{line}\n" for line in PY.splitlines()), "python"),
    ],
)  # fmt: skip
def test_a_code_block_is_read_in_its_language(info: str, code: str, language: str) -> None:
    call = only(f"# Title\n\n```{info}\n{code}\n```\n", "markdown")
    assert (call.slug, call.language) == ("fal-ai/flux/dev", language)


@pytest.mark.parametrize("info", ["ruby", "mermaid", "go"])
def test_blocks_in_other_languages_are_not_read(info: str) -> None:
    assert calls(f"```{info}\n{PY}```\n", "markdown") == []


@pytest.mark.parametrize(
    ("before", "prefix"),
    [("", ""), ("text\n\n", ""), ("1. item\n\n", "   "), ("> quote\n>\n", "> "), ("<Tabs>\n\n", ""), ("<Tabs>\n", "")],
)
def test_a_call_in_a_document_has_the_line_and_column_of_the_document(before: str, prefix: str) -> None:
    block = "".join(f"{prefix}{line}\n" for line in ("```python", *PY.splitlines(), "```"))
    text = f"{before}{block}\nafter\n"
    call = only(text, "markdown")
    line = text.split("\n")[call.line - 1]
    assert line[call.place.column - 1 :].startswith("fal_client.run")


def test_clients_of_an_earlier_block_are_known_in_a_later_one() -> None:
    text = (
        "```python\nimport fal_client\nclient = fal_client.SyncClient()\n```\n\n```python\n"
        "client.run('fal-ai/flux/dev', {})\n```"
    )
    assert only(text, "markdown").slug == "fal-ai/flux/dev"


def test_results_of_an_earlier_block_are_not_blamed_on_a_later_one() -> None:
    text = f"```python\n{PY}```\n\n```python\nprint(r['video']['url'])\n```"
    assert codes(text, "markdown") == []


def test_a_block_that_does_not_parse_says_nothing() -> None:
    assert codes("```python\nfal_client.run(<your model>, ...\n```", "markdown") == []


@pytest.mark.parametrize("one_string", [True, False])
def test_a_notebook_is_one_program_whose_calls_have_lines_of_the_file(one_string: bool) -> None:
    def source(text: str) -> str | list[str]:
        return text if one_string else text.splitlines(keepends=True)

    cells = [
        {"cell_type": "markdown", "source": ["fal_client.run('x/y', {})"]},
        {"cell_type": "code", "source": source("!pip install fal-client\nimport fal_client as f")},
        {"cell_type": "code", "source": source('# größer\nr = f.run("fal-ai/flux/dev", {"prompt": "a"})')},
        {"cell_type": "code", "source": source("r['images']")},
    ]
    text = json.dumps({"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4}, indent=1)
    call = only(text, "notebook")
    assert call.slug == "fal-ai/flux/dev"
    assert "f.run(" in text.split("\n")[call.line - 1]
    assert [str(access) for access in call.accesses] == ["images"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 1}', '{"cells": [1, null, {}]}', "{" * 3000])
def test_a_broken_notebook_has_no_calls(text: str) -> None:
    assert calls(text, "notebook") == []


@pytest.mark.parametrize(
    "page",
    [
        '<html><body>\n<script type="module">\nCODE</script></body></html>',
        '<template><p>{{ x }}</p></template>\n<script setup lang="ts">\nCODE</script>',
        "<script>\nCODE</script>\n<style>p { color: red }</style>",
    ],
)
def test_scripts_of_pages_are_read_in_place(page: str) -> None:
    text = page.replace("CODE", JS)
    call = only(text, "markup")
    assert call.slug == "fal-ai/flux/dev"
    assert text.split("\n")[call.line - 1][call.place.column - 1 :].startswith("fal.run")


def test_data_in_pages_is_not_read_as_code() -> None:
    assert calls('<script type="application/ld+json">{"a": "fal.run"}</script>', "markup") == []


CURL = {
    "quoted": 'curl -X POST https://queue.fal.run/fal-ai/flux/dev -H "Authorization: Key $FAL_KEY" -d '
    '\'{"prompt": "a"}\'',
    "lines": "curl --request POST \\\n  --url https://queue.fal.run/fal-ai/flux/dev \\\n  --data '{\n"
    '  "prompt": "a"\n}\'',
    "double quotes": 'curl https://queue.fal.run/fal-ai/flux/dev -d "{\\"prompt\\": \\"a\\"}"',
    "variable": 'MODEL="fal-ai/flux/dev"\ncurl "https://queue.fal.run/$MODEL" -d \'{"prompt": "a"}\'',
    "braces": 'export MODEL=fal-ai/flux/dev\ncurl "https://queue.fal.run/${MODEL}" --json \'{"prompt": "a"}\'',
    "substitution": 'ID=$(curl -s https://queue.fal.run/fal-ai/flux/dev -d \'{"prompt": "a"}\' | jq -r .request_id)',
    "here-document": 'curl https://queue.fal.run/fal-ai/flux/dev -d @- <<\'EOF\'\n{"prompt": "a"}\nEOF',
    "pipe": 'cat <<EOF | curl https://queue.fal.run/fal-ai/flux/dev -d @-\n{"prompt": "a"}\nEOF',
    "prompt sign": '$ curl https://queue.fal.run/fal-ai/flux/dev -d \'{"prompt": "a"}\'',
    "attached": 'curl -XPOST -d\'{"prompt": "a"}\' https://queue.fal.run/fal-ai/flux/dev',
    "query": "curl 'https://queue.fal.run/fal-ai/flux/dev?fal_webhook=https://x.example' -d '{\"prompt\": \"a\"}'",
}


@pytest.mark.parametrize("form", CURL)
def test_curl_to_fal_is_a_call(form: str) -> None:
    call = only(CURL[form], "shell")
    assert (call.slug, call.pattern, call.client) == ("fal-ai/flux/dev", "submit", "curl")
    assert call.arguments == {"prompt": "a"}


def test_expansions_inside_json_are_unknown_parts() -> None:
    text = 'curl https://fal.run/fal-ai/flux/dev -d "{\\"prompt\\": \\"$P\\", \\"seed\\": $N, \\"sync_mode\\": true}"'
    call = only(text, "shell")
    assert isinstance(call.arguments, dict)
    assert {name for name, value in call.arguments.items() if value is True} == {"sync_mode"}
    assert call.arguments["prompt"].kind == "string"
    assert call.arguments["seed"].kind == ""
    assert codes(text, "shell") == []


@pytest.mark.parametrize("body", ["-d @body.json", '-d "$BODY"', "-d '{broken'", "-d \"$(jq -n '{prompt: $p}')\""])
def test_a_body_that_the_text_does_not_settle_is_unknown(body: str) -> None:
    assert codes(f"curl https://fal.run/fal-ai/flux/dev {body}", "shell") == []


@pytest.mark.parametrize(
    ("text", "pattern", "slug"),
    [
        ("curl https://queue.fal.run/fal-ai/flux/requests/$ID/status -H \"$AUTH\"", "status", "fal-ai/flux"),
        ("curl -X PUT https://queue.fal.run/fal-ai/flux/requests/1/cancel", "cancel", "fal-ai/flux"),
        ("genmedia run fal-ai/flux/dev --prompt 'a cat' --json", "run", "fal-ai/flux/dev"),
        ("genmedia schema fal-ai/flux/dev --json", "lookup", "fal-ai/flux/dev"),
        ("python3 scripts/verify_slug.py fal-ai/flux/dev", "lookup", "fal-ai/flux/dev"),
        ("uv run scripts/run_model.py fal-ai/flux/dev --arguments '{\"prompt\": \"a\"}'", "run", "fal-ai/flux/dev"),
        ("python3 - <<'EOF'\nimport fal_client\nfal_client.run('fal-ai/flux/dev', {'prompt': 'a'})\nEOF",
         "run", "fal-ai/flux/dev"),
        (
            "cat > app.py <<'EOF'\nimport fal_client\nfal_client.run('fal-ai/flux/dev', {'prompt': 'a'})\n"
            "EOF", "run", "fal-ai/flux/dev"),
        ("python -c \"import fal_client; fal_client.run('fal-ai/flux/dev', {'prompt': 'a'})\"",
         "run", "fal-ai/flux/dev"),
        ("node -e 'fal.run(\"fal-ai/flux/dev\", { input: { prompt: \"a\" } })'", "run", "fal-ai/flux/dev"),
    ],
)  # fmt: skip
def test_commands_that_ask_fal_are_calls(text: str, pattern: str, slug: str) -> None:
    call = only(text, "shell")
    assert (call.pattern, call.slug) == (pattern, slug)
    assert codes(text, "shell") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("genmedia run fal-ai/flux/dev --promt 'a cat'", ["missing-required", "unknown-field"]),
        ("genmedia run fal-ai/flux/dev --prompt=hello", ["missing-required", "unknown-field"]),
        ("genmedia run fal-ai/nano-banana/edit --prompt a --image_urls https://x.example/a.png", ["wrong-type"]),
        ("genmedia run fal-ai/flux/dev --prompt 2024", ["wrong-type"]),
        ("genmedia run <endpoint_id> --<param> <value> --json", []),
        ("uv run scripts/run_model.py fal-ai/flux/dev --arguments '{}'", ["missing-required"]),
    ],
)
def test_commands_are_checked_as_they_are_sent(text: str, expected: list[str]) -> None:
    assert codes(text, "shell") == expected


def test_a_here_document_has_the_lines_of_its_file() -> None:
    text = "set -e\npython3 - <<'EOF'\nimport fal_client\n\nfal_client.run('fal-ai/flux/dev', {'prompt': 'a'})\nEOF\n"
    assert only(text, "shell").line == 5


def test_a_download_of_a_page_is_no_call() -> None:
    assert (
        calls("curl -O https://example.invalid/fal.run/x\ncurl https://fal.ai/models\necho https://fal.run/x", "shell")
        == []
    )
