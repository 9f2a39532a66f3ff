"""Defaults of the command line, of the environment and of functions in slugs, arguments and addresses."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.linting import PROMPT, calls, codes, only
from fal_skill.calls import Fields, Unknown

PARSER = """
import argparse, fal_client
MODEL = "fal-ai/flux/dev"
parser = argparse.ArgumentParser()
parser.add_argument("prompt")
parser.add_argument("-m", "--model-id", default=MODEL)
parser.add_argument("--images", type=int, default=2, dest="count")
parser.add_argument("--image", type=Path)
parser.add_argument("--fast", action="store_true")
"""


@pytest.mark.parametrize(
    "use",
    [
        'args = parser.parse_args()\nfal_client.run(args.model_id, {"num_images": args.count})',
        'args, rest = parser.parse_known_args()\nfal_client.run(args.model_id, {"num_images": args.count})',
        "def options():\n    return parser.parse_args()\nargs = options()\nprint(args)\n"
        'fal_client.run(args.model_id, {"num_images": args.count})',
        'def go(args):\n    fal_client.run(args.model_id, {"num_images": args.count})\ngo(parser.parse_args())',
        "class Maker:\n    def __init__(self):\n        self.args = parser.parse_args()\n    def go(self):\n"
        '        fal_client.run(self.args.model_id, {"num_images": self.args.count})',
    ],
)
def test_the_default_of_an_option_is_a_value_that_may_be_another(use: str) -> None:
    call = only(PARSER + use)
    assert (call.slug, call.certain) == ("fal-ai/flux/dev", False)
    assert isinstance(call.arguments, Fields)
    count = call.arguments["num_images"]
    assert (count.kind, count.choices) == ("number", (2,))


KINDS = ["string", "boolean", "file", ""]


def test_what_an_option_holds_is_known_by_its_type() -> None:
    call = only(
        PARSER + "a = parser.parse_args()\n"
        'fal_client.run(MODEL, {"prompt": a.prompt, "sync_mode": a.fast, "x": a.image, "y": a.other})'
    )
    assert isinstance(call.arguments, Fields)
    assert [call.arguments[name].kind for name in ("prompt", "sync_mode", "x", "y")] == [
        "string",
        "boolean",
        "file",
        "",
    ]


def test_an_option_without_a_default_leaves_the_model_open() -> None:
    call = only("""
        import argparse, fal_client
        parser = argparse.ArgumentParser()
        parser.add_argument("--model")
        args = parser.parse_args()
        fal_client.run(args.model, {})
    """)
    assert call.slugs == ()
    assert "args.model" in call.unresolved


def test_the_default_of_a_node_option_is_a_value_that_may_be_another() -> None:
    call = only(
        """
        import { parseArgs } from "node:util";
        import { fal } from "@fal-ai/client";
        const { values } = parseArgs({ options: {
          model: { type: "string", default: "fal-ai/flux/dev" }, seed: { type: "string" } } });
        await fal.run(values.model.trim(), { input: { prompt: "a", seed: values.seed } });
        """,
        "javascript",
    )
    assert (call.slug, call.certain) == ("fal-ai/flux/dev", False)
    assert call.arguments == {"prompt": "a", "seed": Unknown("values.seed", "string")}


def script(expression: str) -> str:
    return (
        f'import {{ fal }} from "@fal-ai/client"; fal.run("fal-ai/flux/dev", {{ input: {{ prompt: {expression} }} }});'
    )


STREAM = """
import { parseArgs } from "node:util";
function read(argv) {
  const { values } = parseArgs({ args: argv, options: { endpoint: { type: "string", default: "fal-ai/flux/dev" } } });
  return { endpoint: values.endpoint.replace(/^\\/+|\\/+$/g, ""), input: { prompt: "a" } };
}
async function run(args) {
  const base = (process.env.FAL_RUN_URL || "https://fal.run").replace(/\\/+$/, "");
  const url = `${base}/${args.endpoint}${args.endpoint.endsWith("/stream") ? "" : "/stream"}`;
  const response = await fetch(url, { method: "POST", body: JSON.stringify(args.input) });
}
"""


def test_a_stream_by_hand_is_seen_behind_the_defaults_that_its_address_is_made_of() -> None:
    call = only(STREAM + "await run(read(process.argv));", "javascript")
    assert (call.client, call.pattern, call.slug, call.certain) == ("http", "stream", "fal-ai/flux/dev", False)
    assert call.arguments == {"prompt": "a"}
    assert call.line == 10


def test_a_stream_by_hand_is_seen_though_nobody_tells_its_model() -> None:
    call = only(STREAM, "javascript")
    assert (call.client, call.pattern, call.slugs) == ("http", "stream", ())
    assert "fal.run" in call.unresolved


@pytest.mark.parametrize(
    "base",
    [
        'os.environ.get("FAL_URL", "https://queue.fal.run").rstrip("/")',
        'os.getenv("FAL_URL", "https://queue.fal.run/").rstrip("/")',
        '(os.environ.get("FAL_URL") or "https://queue.fal.run").removesuffix("/")',
        '"https://queue.fal.run//".rstrip("/")',
        '"https://QUEUE.fal.run".lower().strip()',
    ],
)
def test_an_address_that_the_environment_may_replace_is_an_address_of_fal(base: str) -> None:
    call = only(f'import os, httpx\nQ = {base}\nM = "fal-ai/flux/dev"\nhttpx.post(f"{{Q}}/{{M}}", json={PROMPT})')
    assert (call.client, call.pattern, call.slug, call.line) == ("http", "submit", "fal-ai/flux/dev", 4)


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ('import os\nQ = os.environ.get("FAL_URL", "https://queue.fal.run")', "python"),
        ('import os\nQ = os.getenv("FAL_URL", "https://queue.fal.run").rstrip("/")', "python"),
        ('q = settings.get("queue", "https://queue.fal.run/fal-ai/flux/dev")', "python"),
        ('const q = Deno.env.get("Q") ?? "https://queue.fal.run/fal-ai/flux/dev";', "javascript"),
        ('const q = config.get("queue", "https://queue.fal.run/fal-ai/flux/dev");', "javascript"),
    ],
)
def test_a_default_address_is_no_call(code: str, language: str) -> None:
    assert calls(code, language) == []


def test_each_model_that_a_posting_function_is_called_for_is_a_call() -> None:
    found = calls("""
        import httpx
        QUEUE = "https://queue.fal.run/"
        def submit(endpoint, arguments):
            return httpx.post(QUEUE + endpoint, json=arguments)
        submit("fal-ai/flux/dev", {"prompt": "a"})
        submit("fal-ai/flux/schnell", {"prompt": "b"})
    """)
    assert [(call.slug, call.arguments, call.line) for call in found] == [
        ("fal-ai/flux/dev", {"prompt": "a"}, 6),
        ("fal-ai/flux/schnell", {"prompt": "b"}, 7),
    ]


def test_the_other_branch_of_a_test_of_a_known_text_is_not_taken() -> None:
    slug = 'M = "fal-ai/flux"\nM2 = M if M.endswith("/dev") else M + "/dev"\n'
    assert only(f'import fal_client\n{slug}fal_client.run(M2, {{"prompt": "a"}})').slugs == ("fal-ai/flux/dev",)


SHORT = st.text("ab/. ", max_size=6)


@given(st.sampled_from(["strip", "lstrip", "rstrip", "removeprefix", "removesuffix"]), SHORT, SHORT)
def test_python_text_methods_give_what_python_gives(method: str, text: str, piece: str) -> None:
    made = only(f"import fal_client\nfal_client.run(M, {{'prompt': {text!r}.{method}({piece!r})}})").arguments
    assert made == {"prompt": getattr(text, method)(piece)}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"/a/b//".replace(/\\/+$/, "")', "/a/b"),
        ('"//a/b//".replace(/^\\/+|\\/+$/g, "")', "a/b"),
        ('"a-a".replace("a", "b")', "b-a"),
        ('"a-a".replaceAll("a", "b")', "b-b"),
        ('"A-a".replace(/a/i, "b")', "b-a"),
        ('" a ".trimEnd()', " a"),
        ('"aB".toUpperCase()', "AB"),
    ],
)
def test_javascript_text_methods_give_what_javascript_gives(expression: str, expected: str) -> None:
    text = script(expression)
    assert only(text, "javascript").arguments == {"prompt": expected}


@pytest.mark.parametrize(
    "expression",
    [
        '"aaa".replace(/(a+)+$/, "")', '"ab".replace(/[ab]/, "")', '"a".replace(/a/, "$&")', '"a".replace(/a/u, "")',
        '"a".replace(/a/, (x) => x)', '"a".replace(pattern, "")', '"aaa".replace(/a*a*a*b/, "")',
        '"a".replace(/(/, "")', '"a".replace(/\\p{L}/, "")',
    ],
)  # fmt: skip
def test_replacements_that_may_mean_something_else_are_not_made(expression: str) -> None:
    text = script(expression)
    found = only(text, "javascript").arguments
    assert isinstance(found, Fields)
    assert isinstance(found["prompt"], Unknown)


@given(st.text(string.printable, max_size=30))
def test_no_regular_expression_stops_the_reading(pattern: str) -> None:
    text = script(f'"a".replace(/{pattern}/, "")')
    calls(text, "javascript")


def test_a_default_of_an_option_that_does_not_fit_is_a_warning() -> None:
    text = PARSER.replace("default=2", 'default="many"') + "a = parser.parse_args()\n"
    call = 'fal_client.run("fal-ai/flux/dev", {"prompt": "a", "num_images": a.count})'
    assert codes(text + call) == ["wrong-type"]
