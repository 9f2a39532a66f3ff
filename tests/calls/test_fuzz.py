"""Whatever a text is, reading it never raises, and every place it gives lies in the text."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calls.linting import linter
from fal_skill.calls import extract
from fal_skill.calls.commands import commands
from fal_skill.calls.fixes import fixed

LANGUAGES = [
    "python", "javascript", "typescript", "tsx", "shell", "markdown", "notebook", "markup", "json", "toml", "yaml",
    "env", "requirements", "text",
]  # fmt: skip
PIECES = [
    "import fal_client", "from fal_client import *", "fal_client.subscribe(", '"fal-ai/flux/dev"', ", arguments=",
    "{", "}", "(", ")", "[", "]", '"prompt"', ": ", ", ", "\n", "    ", "await ", "async def f(x):",
    "def g(*a, **k):", "return ", "r = ", 'r["images"][0]', ".data", ".get(", "for x in ", "while True:", "if x:",
    "else:", "try:", "except E:", "lambda: ", "f\"{x}", '"', "'", "`", "${x}", "const ", "let { a, ...b } = ",
    "=> ", "await fal.subscribe(", "fal.queue.status(", "{ input: ", "...x", "?.", "??", "&&", "//", "#", "/*",
    "*/", "<script>", "</script>", "```python\n", "```\n", "curl ", "https://queue.fal.run/", "-d '", "$(",
    "<<EOF\n", "EOF\n", "FAL_KEY=", "genmedia run ", "mcp.fal.ai/mcp", "\\", "\0", "é", "\u2028", "\ufeff", "=",
    ":=", "*", "**", "@fal-ai/serverless-client", "import * as fal from ", "del ", "global x", "match x:", "case ",
    "class A(B):", "self.x", "yield ", "1e999", "0x", "-", "fal-client<1", "|", ";", "&", "!", "%magic", ">>> ",
    "...",
]  # fmt: skip

REAL = {
    "python": '''
import asyncio, os, time
import fal_client as f
MODEL = os.getenv("M", "fal-ai/flux/dev")
class Maker:
    client = f.AsyncClient(key=os.environ["FAL_KEY"])
    async def make(self, prompt: str, *, size=None, **more):
        args = {"prompt": f"a {prompt}", **more}
        if size:
            args["image_size"] = {"width": size[0], "height": size[1]}
        handle = await self.client.submit(MODEL, arguments=args)
        async for event in handle.iter_events(with_logs=True):
            if isinstance(event, f.InProgress):
                print([line["message"] for line in event.logs or []])
        result = await handle.get()
        return [image["url"] for image in result.get("images", [])]
while (status := f.status(MODEL, "1")) != "COMPLETED":
    time.sleep(1)
''',
    "typescript": """
import { fal, createFalClient } from "@fal-ai/client";
const MODELS = { fast: "fal-ai/flux/schnell", good: `fal-ai/flux/${"dev"}` } as const;
export class Maker {
  constructor(private readonly client = createFalClient({ credentials: () => process.env.FAL_KEY })) {}
  async make<T extends keyof typeof MODELS>(kind: T, { prompt, seed }: { prompt: string; seed?: number }) {
    const input = { prompt, ...(seed !== undefined && { seed }) };
    const { data: { images: [first, ...rest] }, requestId } = await this.client.subscribe(MODELS[kind], {
      input, logs: true,
      onQueueUpdate: (u) => { if (u.status === "IN_PROGRESS") u.logs.map((l) => console.log(l.message)); },
    });
    for (const image of rest) await fetch(image?.url ?? first.url);
    return requestId;
  }
}
""",
    "shell": """
#!/bin/bash
set -e; MODEL="fal-ai/flux/dev"
ID=$(curl -s -X POST "https://queue.fal.run/$MODEL" -H "Authorization: Key $FAL_KEY" \\
  -d "{\\"prompt\\": \\"$1\\"}" | jq -r .request_id)
URL="https://queue.fal.run/fal-ai/flux/requests/$ID/status"
while [ "$(curl -s "$URL" | jq -r .status)" != COMPLETED ]; do sleep 1; done
python3 - <<'EOF'
import fal_client
fal_client.run("fal-ai/flux/dev", {"prompt": "a"})
EOF
""",
    "json":
        '{"mcpServers": {"fal": {"command": "npx", "args": ["mcp-remote", "https://mcp.fal.ai/mcp"]}}, '
        '"endpoint_id": "fal-ai/flux/dev"}',
}  # fmt: skip
REAL["markdown"] = "\n".join(f"# {name}\n\n```{name}\n{text}\n```\n" for name, text in REAL.items())
REAL["markup"] = f'<p>x</p>\n<script lang="ts">{REAL["typescript"]}</script>\n'
REAL["notebook"] = (
    '{"cells": [{"cell_type": "code", "source": ["import fal_client\\n", '
    '"fal_client.run(\\"fal-ai/flux/dev\\", {})"]}]}'
)

texts = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.lists(st.sampled_from([*PIECES, "\n"]), max_size=40).map(" ".join),
)
several = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(text: str, language: str) -> None:
    lines = text.split("\n")
    extract(text, language, "x")
    report = linter().checked(text, language, "x")
    for problem in report.problems:
        assert 1 <= problem.place.line <= len(lines), problem
        assert problem.place.column >= 1
    for call in report.calls:
        assert 1 <= call.line <= len(lines)
        call.as_dict()
    again, _ = fixed(text, report.problems)
    assert again.count("\n") == text.count("\n")


@pytest.mark.parametrize("language", LANGUAGES)
@several
@given(text=texts)
def test_any_text_is_read_without_an_exception(language: str, text: str) -> None:
    read(text, language)


@pytest.mark.parametrize("language", sorted(REAL))
@several
@given(data=st.data())
def test_code_that_breaks_off_is_read_without_an_exception(language: str, data: st.DataObject) -> None:
    text = REAL[language]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    read(text[start:end], language)


@pytest.mark.parametrize("language", sorted(REAL))
@several
@given(data=st.data())
def test_code_with_a_piece_put_in_is_read_without_an_exception(language: str, data: st.DataObject) -> None:
    text = REAL[language]
    at = data.draw(st.integers(0, len(text)))
    read(text[:at] + data.draw(st.sampled_from(PIECES)) + text[at:], language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "import fal_client\nx = " + "(" * 500 + "1" + ")" * 500),
        ("python", "import fal_client\nx = " + " + ".join(["'a'"] * 3000) + "\nfal_client.run(x, {})"),
        ("python", "import fal_client\n" + "x = x['a']\n" * 2000 + "fal_client.run(x, x)"),
        ("python", "import fal_client\n" + "def f(a): return f(f(a))\n" + "fal_client.run(f(1), f(2))"),
        ("python", "import fal_client\nd = {}\n" + "d = {**d, **d}\n" * 200 + "fal_client.run('fal-ai/flux/dev', d)"),
        (
            "python",
            "import fal_client\n"
            + "if x:\n    a = {'k': 1}\nelse:\n    a = {'j': 2}\n" * 200
            + "fal_client.run('a/b', a)",
        ),
        ("python", "import fal_client\nx = 1" + "0" * 6000 + "\nfal_client.run('a/b', {'x': x})"),
        ("javascript", "fal.run('a/b', { input: " + "{ a: " * 2000 + "1" + " }" * 2000 + " })"),
        ("javascript", "const x = " + "[" * 3000 + "]" * 3000 + "; fal.run('a/b', { input: { x } })"),
        ("javascript", "fal.run('a/b', { input: {} })" + ".then((r) => r.data)" * 1000),
        ("javascript", "let a = 'x';" + "a = a + a;" * 500 + "fal.run(a, { input: { a } })"),
        ("shell", "curl https://fal.run/a/b -d " + "$(" * 2000),
        ("shell", "curl https://fal.run/a/b -d '" + '{"a":' * 5000),
        ("shell", "<<A\n" * 500),
        ("markdown", "```python\nfal_client\n" * 600),
        ("markdown", "> " * 500 + "```python\nfal_client.run('a/b', {})\n"),
        ("json", "[" * 100_000),
        ("json", '{"a":' * 900 + '"fal-ai/x"' + "}" * 900),
        ("notebook", '{"cells": ' + "[" * 5000),
        ("markup", "<script>" * 2000),
    ],
)
def test_hostile_text_is_read_in_bounded_work(language: str, text: str) -> None:
    read(text, language)


@several
@given(text=texts)
def test_shell_text_is_always_read_to_its_end(text: str) -> None:
    for command in commands(text):
        assert command.words
        assert command.place.line >= 1
