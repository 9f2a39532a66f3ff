"""Which calls JavaScript and TypeScript code makes: every way of writing one that public code uses."""

from __future__ import annotations

import pytest

from calls.linting import calls, only
from fal_skill.calls import Fields, Unknown

FORMS = {
    "import": 'import { fal } from "@fal-ai/client";\nawait fal.subscribe("fal-ai/flux/schnell", { input: { '
    'prompt: "a" } });',
    "alias": 'import { fal as f } from "@fal-ai/client";\n'
    'await f.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } });',
    "require": 'const { fal } = require("@fal-ai/client");\n'
    'fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } });',
    "require whole": 'const c = require("@fal-ai/client");\nc.fal.subscribe("fal-ai/flux/schnell", { input: { prompt: '
    '"a" } });',
    "dynamic import": """
        async function f() {
          const { fal } = await import("@fal-ai/client");
          return fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } });
        }
    """,
    "no import in the excerpt": 'const r = await fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } });',
    "own module": 'import { fal } from "@/lib/fal";\nfal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } });',
    "createFalClient": """
        import { createFalClient } from "@fal-ai/client";
        const client = createFalClient({ credentials: process.env.FAL_KEY });
        await client.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } });
    """,
    "client on this": """
        import { createFalClient } from "@fal-ai/client";
        class Maker {
          constructor(key) { this.client = createFalClient({ credentials: key }); }
          make() { return this.client.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } }); }
        }
    """,
    "client from a function": """
        import { createFalClient } from "@fal-ai/client";
        const client = () => createFalClient({ credentials: key() });
        client().subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } });
    """,
    "receiver of unknown origin": 'api.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } })',
    "input in a variable": """
        import { fal } from "@fal-ai/client";
        const input = { prompt: "a" };
        await fal.subscribe("fal-ai/flux/schnell", { input, logs: true });
    """,
    "options in a variable": """
        import { fal } from "@fal-ai/client";
        const options = { input: { prompt: "a" } };
        await fal.subscribe("fal-ai/flux/schnell", options);
    """,
    "input set item by item": """
        import { fal } from "@fal-ai/client";
        const input = {};
        input.prompt = "a";
        await fal.subscribe("fal-ai/flux/schnell", { input });
    """,
    "constant": """
        import { fal } from "@fal-ai/client";
        const MODEL = "fal-ai/flux/schnell";
        await fal.subscribe(MODEL, { input: { prompt: "a" } });
    """,
    "template literal": """
        import { fal } from "@fal-ai/client";
        const family = "flux";
        await fal.subscribe(`fal-ai/${family}/schnell`, { input: { prompt: `a` } });
    """,
    "table": """
        import { fal } from "@fal-ai/client";
        const MODELS = { fast: { id: "fal-ai/flux/schnell" } };
        await fal.subscribe(MODELS.fast.id, { input: { prompt: "a" } });
    """,
    "full address": 'fal.subscribe("https://queue.fal.run/fal-ai/flux/schnell", { input: { prompt: "a" } })',
    "argument of a function around": """
        import { fal } from "@fal-ai/client";
        const run = async (model, input) => (await fal.subscribe(model, { input })).data;
        await run("fal-ai/flux/schnell", { prompt: "a" });
    """,
    "spread of constants": """
        import { fal } from "@fal-ai/client";
        const BASE = { prompt: "a" };
        await fal.subscribe("fal-ai/flux/schnell", { input: { ...BASE } });
    """,
    "Promise.all": """
        import { fal } from "@fal-ai/client";
        await Promise.all(items.map((i) => fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } })));
    """,
    "broken elsewhere": 'fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } });\nconst x = {;\nfunction (',
}
TYPED = {
    "cast input": 'fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } as FluxInput });',
    "satisfies": 'fal.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } satisfies Input });',
    "cast client": 'await (fal as any).subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } });',
    "type arguments": 'await fal.subscribe<Out>("fal-ai/flux/schnell", { input: { prompt: "a" } });',
    "field of the constructor": """
        class P {
          constructor(private readonly client: FalClient) {}
          make() { return this.client.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } }); }
        }
    """,
    "parameter": 'function f(c: FalClient) { return c.subscribe("fal-ai/flux/schnell", { input: { prompt: "a" } }); }',
    "enumeration": """
        enum Model { Fast = "fal-ai/flux/schnell" }
        fal.subscribe(Model.Fast, { input: { prompt: "a" } });
    """,
    "as const": """
        const MODELS = { fast: "fal-ai/flux/schnell" } as const;
        fal.subscribe(MODELS["fast"], { input: { prompt: "a" } });
    """,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("language", ["javascript", "typescript", "tsx"])
def test_every_form_of_a_subscribe_is_one_call_with_its_slug_and_input(form: str, language: str) -> None:
    call = only(FORMS[form], language)
    assert (call.slug, call.pattern, call.client) == ("fal-ai/flux/schnell", "subscribe", "@fal-ai/client")
    assert call.arguments == {"prompt": "a"}


@pytest.mark.parametrize("form", TYPED)
def test_types_do_not_stand_in_the_way(form: str) -> None:
    call = only(TYPED[form], "typescript")
    assert call.slug == "fal-ai/flux/schnell"
    assert call.arguments == {"prompt": "a"}


@pytest.mark.parametrize(
    ("code", "pattern"),
    [
        ("fal.run(M, { input: {} })", "run"),
        ("fal.queue.submit(M, { input: {}, webhookUrl: u })", "submit"),
        ("fal.queue.status(M, { requestId })", "status"),
        ("fal.queue.subscribeToStatus(M, { requestId })", "status"),
        ("fal.queue.result(M, { requestId })", "result"),
        ("fal.queue.cancel(M, { requestId })", "cancel"),
        ("fal.stream(M, { input: {} })", "stream"),
        ("fal.realtime.connect(M, { onResult })", "realtime"),
    ],
)
def test_each_function_of_the_client_has_its_pattern(code: str, pattern: str) -> None:
    call = only(f'import {{ fal }} from "@fal-ai/client";\nconst M = "fal-ai/flux/dev";\n{code};', "javascript")
    assert (call.pattern, call.slug) == (pattern, "fal-ai/flux/dev")


def test_what_is_sent_over_a_realtime_connection_is_its_input() -> None:
    call = only(
        'const c = fal.realtime.connect("fal-ai/fast-lcm-diffusion", { onResult });\nc.send({ prompt: "a" });',
        "javascript",
    )
    assert call.arguments == {"prompt": "a"}


def test_the_old_client_is_told_apart() -> None:
    call = only(
        'import * as fal from "@fal-ai/serverless-client";\nfal.run("fal-ai/flux/dev", { input: {} });', "javascript"
    )
    assert call.client == "@fal-ai/serverless-client"


def test_another_package_of_that_name_is_told_apart() -> None:
    call = only('import { fal } from "@ai-sdk/fal";\nconst model = fal.image("fal-ai/flux/dev");', "javascript")
    assert (call.client, call.slug) == ("@ai-sdk/fal", "fal-ai/flux/dev")


def test_a_method_of_the_same_name_is_no_call() -> None:
    assert calls("store.subscribe(listener); app.run('x'); observable.stream('a/b', {});", "javascript") == []


def test_optional_fields_of_a_conditional_spread_are_possible_fields() -> None:
    call = only(
        'fal.run("fal-ai/flux/dev", { input: { prompt: p, ...(seed && { seed: 1 }), ...(big ? { '
        "num_images: 2 } : {}) } })",
        "javascript",
    )
    assert isinstance(call.arguments, Fields)
    assert set(call.arguments) == {"prompt", "seed", "num_images"}
    assert call.arguments.maybe == {"seed", "num_images"}
    assert not call.arguments.more


def test_a_spread_of_something_unknown_may_hold_more() -> None:
    call = only('fal.run("fal-ai/flux/dev", { input: { ...options, prompt: "a" } })', "javascript")
    assert isinstance(call.arguments, Fields)
    assert call.arguments.more


def test_a_default_of_the_environment_is_a_slug_that_may_be_another() -> None:
    call = only('fal.run(process.env.MODEL ?? "fal-ai/flux/dev", { input: {} })', "javascript")
    assert (call.slug, call.certain) == ("fal-ai/flux/dev", False)


def test_undefined_is_not_sent_and_null_is() -> None:
    call = only('fal.run("fal-ai/flux/dev", { input: { prompt: "a", seed: undefined, loras: null } })', "javascript")
    assert call.arguments == {"prompt": "a", "loras": None}


def test_an_unknown_model_is_unresolved_and_not_dropped() -> None:
    call = only("export const f = (m, input) => fal.subscribe(m, { input });", "javascript")
    assert call.slugs == ()
    assert call.unresolved
    assert isinstance(call.arguments, Unknown)


@pytest.mark.parametrize(
    "code",
    [
        'fetch(`https://queue.fal.run/${M}`, { method: "POST", body: JSON.stringify({ prompt: "a" }) })',
        'axios.post(`https://queue.fal.run/${M}`, { prompt: "a" }, { headers })',
        'const body = JSON.stringify({ prompt: "a" }); fetch("https://queue.fal.run/" + M, { method: "POST", body })',
    ],
)
def test_http_without_the_client_is_a_call_too(code: str) -> None:
    call = only(f'const M = "fal-ai/flux/dev";\n{code};', "javascript")
    assert (call.client, call.pattern, call.slug) == ("http", "submit", "fal-ai/flux/dev")
    assert call.arguments == {"prompt": "a"}


@pytest.mark.parametrize(
    ("literal", "value"),
    [('"a\\nb"', "a\nb"), ("'it\\'s'", "it's"), ('"\\u00e9"', "é"), ('"\\x41"', "A"), ('"\\u{1F600}"', "😀"),
     ("0x10", 16), ("1_000", 1000), ("1e3", 1000.0), (".5", 0.5), ("-3", -3), ("true", True), ("null", None)],
)  # fmt: skip
def test_literals_have_the_value_that_javascript_gives_them(literal: str, value: object) -> None:
    call = only(f'fal.run("a/b", {{ input: {{ x: {literal} }} }})', "javascript")
    assert isinstance(call.arguments, Fields)
    assert call.arguments["x"] == value
