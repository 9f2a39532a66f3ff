"""Which calls Python code makes: every way of writing one that public code uses."""

from __future__ import annotations

import pytest

from calls.linting import calls, only
from fal_skill.calls import Fields, Unknown, is_known

FLUX = "fal-ai/flux/schnell"

FORMS = {
    "module": 'import fal_client\nfal_client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})',
    "alias": 'import fal_client as f\nf.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})',
    "from-import": 'from fal_client import subscribe\nsubscribe("fal-ai/flux/schnell", {"prompt": "a"})',
    "from-import alias": 'from fal_client import subscribe as go\ngo("fal-ai/flux/schnell", {"prompt": "a"})',
    "submodule": "from fal_client.client import SyncClient\n"
    'SyncClient().subscribe("fal-ai/flux/schnell", {"prompt": "a"})',
    "inside a function": """
        def f():
            import fal_client
            return fal_client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "guarded import": """
        try:
            import fal_client
        except ImportError:
            fal_client = None
        fal_client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "importlib": """
        import importlib
        client = importlib.import_module("fal_client")
        client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "module from a helper": """
        fal_client = require_fal_client(key)
        fal_client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "client object": """
        import fal_client
        client = fal_client.SyncClient(key=KEY)
        client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "client on self": """
        from fal_client import AsyncClient
        class Maker:
            def __init__(self, key):
                self._client = AsyncClient(key=key)
            async def make(self):
                return await self._client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "client as a parameter": """
        import fal_client
        async def make(client: fal_client.AsyncClient):
            return await client.subscribe("fal-ai/flux/schnell", {"prompt": "a"})
    """,
    "client from a function": """
        import fal_client
        def client():
            return fal_client.SyncClient(key=KEY) if KEY else fal_client
        client().subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "bound method": """
        import fal_client
        subscribe = fal_client.subscribe
        subscribe("fal-ai/flux/schnell", {"prompt": "a"})
    """,
    "async": """
        import fal_client
        async def f():
            return await fal_client.subscribe_async("fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "to_thread": """
        import asyncio, fal_client
        async def f():
            await asyncio.to_thread(fal_client.subscribe, "fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "run_in_executor": """
        import fal_client
        async def f(loop):
            await loop.run_in_executor(None, fal_client.subscribe, "fal-ai/flux/schnell", {"prompt": "a"})
    """,
    "lambda": """
        import fal_client
        job = lambda: fal_client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "named application": """
        import fal_client
        fal_client.subscribe(application="fal-ai/flux/schnell", arguments={"prompt": "a"})
    """,
    "constant": """
        import fal_client
        MODEL = "fal-ai/flux/schnell"
        fal_client.subscribe(MODEL, arguments={"prompt": "a"})
    """,
    "f-string": """
        import fal_client
        FAMILY = "flux"
        fal_client.subscribe(f"fal-ai/{FAMILY}/schnell", arguments={"prompt": "a"})
    """,
    "sum of texts": """
        import fal_client
        BASE = "fal-ai/"
        fal_client.subscribe(BASE + "flux" + "/schnell", arguments={"prompt": "a"})
    """,
    "path argument": 'import fal_client\nfal_client.subscribe("fal-ai/flux", {"prompt": "a"}, path="/schnell")',
    "arguments in a variable": """
        import fal_client
        arguments: dict[str, object] = {"prompt": "a"}
        fal_client.subscribe("fal-ai/flux/schnell", arguments=arguments)
    """,
    "arguments of dict()": 'import fal_client\nfal_client.subscribe("fal-ai/flux/schnell", arguments=dict(prompt="a"))',
    "arguments from a function": """
        import fal_client
        def build():
            return {"prompt": "a"}
        fal_client.subscribe("fal-ai/flux/schnell", arguments=build())
    """,
    "arguments set item by item": """
        import fal_client
        args = {}
        args["prompt"] = "a"
        fal_client.subscribe("fal-ai/flux/schnell", arguments=args)
    """,
    "receiver of unknown origin": (
        'from app import client\nclient.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})'
    ),
    "attribute of the class": """
        import fal_client
        class Maker:
            MODEL = "fal-ai/flux/schnell"
            def make(self):
                fal_client.subscribe(self.MODEL, arguments={"prompt": "a"})
    """,
    "enumeration": """
        import enum, fal_client
        class Model(str, enum.Enum):
            FAST = "fal-ai/flux/schnell"
        fal_client.subscribe(Model.FAST.value, arguments={"prompt": "a"})
    """,
    "table": """
        import fal_client
        MODELS = {"fast": "fal-ai/flux/schnell", "good": "fal-ai/flux/dev"}
        fal_client.subscribe(MODELS["fast"], arguments={"prompt": "a"})
    """,
    "argument of a function around": """
        import fal_client
        def run(model, arguments):
            return fal_client.subscribe(model, arguments=arguments, with_logs=True)
        run("fal-ai/flux/schnell", {"prompt": "a"})
    """,
    "argument of two functions around": """
        import fal_client
        def run(model, arguments):
            return fal_client.subscribe(model, arguments=arguments)
        def retried(model, arguments):
            return run(model, arguments)
        retried("fal-ai/flux/schnell", {"prompt": "a"})
    """,
    "excerpt with omissions": 'fal_client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"}, ...)',
    "indented excerpt": '    result = fal_client.subscribe("fal-ai/flux/schnell", arguments={"prompt": "a"})\n'
    "    print(result)",
    "console session": '>>> import fal_client\n>>> fal_client.subscribe("fal-ai/flux/schnell", {"prompt": "a"})\n',
    "top-level await": 'r = await fal_client.subscribe_async("fal-ai/flux/schnell", {"prompt": "a"})',
    "file that breaks off": (
        'import fal_client\nfal_client.subscribe("fal-ai/flux/schnell", {"prompt": "a"})\ndef f(:\n  x'
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_subscribe_is_one_call_with_its_slug_and_arguments(form: str) -> None:
    call = only(FORMS[form])
    assert (call.slug, call.pattern, call.client) == (FLUX, "subscribe", "fal_client")
    assert isinstance(call.arguments, Fields)
    assert call.arguments.get("prompt") == "a"


@pytest.mark.parametrize(
    ("code", "pattern"),
    [
        ("fal_client.run(M, {})", "run"),
        ("fal_client.submit(M, {})", "submit"),
        ("fal_client.stream(M, {})", "stream"),
        ("fal_client.status(M, rid, with_logs=True)", "status"),
        ("fal_client.result(M, rid)", "result"),
        ("fal_client.cancel(M, rid)", "cancel"),
        ("fal_client.sync_client.get_handle(M, rid)", "result"),
        ("fal_client.realtime(M)", "realtime"),
        ("fal_client.upload_file('a.png')", "upload"),
    ],
)
def test_each_function_of_the_client_has_its_pattern(code: str, pattern: str) -> None:
    call = only(f"import fal_client\nM = 'fal-ai/flux/dev'\n{code}")
    assert call.pattern == pattern
    assert call.slug == (None if pattern == "upload" else "fal-ai/flux/dev")


def test_what_other_objects_do_under_the_same_names_is_no_call() -> None:
    assert (
        calls("import asyncio, uvicorn\nasyncio.run(main())\nuvicorn.run(app)\nbus.subscribe('topic', handler)") == []
    )


def test_a_client_of_another_library_is_told_by_its_import() -> None:
    code = (
        "import fal_client\nfrom {module} import AsyncClient\nasync def f(c: AsyncClient):\n"
        "    await c.stream('GET', url)"
    )
    assert calls(code.replace("{module}", "httpx")) == []
    assert len(calls(code.replace("{module}", "fal_client"))) == 1


def test_a_model_that_only_the_caller_knows_is_unresolved_and_not_dropped() -> None:
    call = only("import fal_client\ndef f(model, args):\n    return fal_client.run(model, arguments=args)")
    assert call.slugs == ()
    assert "model" in call.unresolved
    assert isinstance(call.arguments, Unknown)


def test_a_slug_with_an_unknown_piece_is_not_guessed() -> None:
    call = only('import fal_client\nfal_client.run(f"fal-ai/kling-video/{version}/pro/image-to-video", {})')
    assert call.slugs == ()
    assert "fal-ai/kling-video/*/pro/image-to-video" in call.unresolved


def test_a_choice_of_models_gives_all_of_them() -> None:
    call = only('import fal_client\nm = "fal-ai/flux/dev" if good else "fal-ai/flux/schnell"\nfal_client.run(m, {})')
    assert call.slugs == ("fal-ai/flux/dev", "fal-ai/flux/schnell")
    assert call.slug is None


def test_a_table_read_with_an_unknown_key_gives_all_its_models() -> None:
    call = only("""
        import fal_client
        MODELS = {"a": "fal-ai/flux/dev", "b": "fal-ai/flux/schnell"}
        fal_client.run(MODELS[name], {})
    """)
    assert set(call.slugs) == {"fal-ai/flux/dev", "fal-ai/flux/schnell"}


def test_a_default_is_a_slug_that_may_be_another() -> None:
    call = only('import fal_client, os\nfal_client.run(os.getenv("MODEL", "fal-ai/flux/dev"), {})')
    assert (call.slug, call.certain) == ("fal-ai/flux/dev", False)


def test_each_call_of_a_wrapping_function_is_reported_where_it_stands() -> None:
    found = calls("""
        import fal_client
        def run(model, **kw):
            return fal_client.run(model, arguments=kw)
        run("fal-ai/flux/dev", prompt="a")
        run("fal-ai/flux/schnell", prompt="b")
    """)
    assert [(call.slug, call.line) for call in found] == [("fal-ai/flux/dev", 5), ("fal-ai/flux/schnell", 6)]


def test_unknown_parts_are_marked_and_known_parts_are_kept() -> None:
    call = only("""
        import fal_client
        def f(prompt: str, seed=None, **extra):
            args = {"prompt": prompt, "image_size": {"width": w, "height": 512}, **extra}
            if seed:
                args["seed"] = seed
            fal_client.run("fal-ai/flux/dev", arguments=args)
    """)
    arguments = call.arguments
    assert isinstance(arguments, Fields)
    assert arguments["prompt"] == Unknown("prompt", "string")
    assert arguments["image_size"]["height"] == 512
    assert isinstance(arguments["image_size"]["width"], Unknown)
    assert arguments.more
    assert arguments.maybe == {"seed"}
    assert not is_known(arguments)
    assert not call.complete


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ('args["seed"] = 1', {"prompt": "a", "seed": 1}),
        ('args.update({"seed": 1})', {"prompt": "a", "seed": 1}),
        ("args.update(seed=1)", {"prompt": "a", "seed": 1}),
        ('args |= {"seed": 1}', {"prompt": "a", "seed": 1}),
        ('args = args | {"seed": 1}', {"prompt": "a", "seed": 1}),
        ('args = {**args, "seed": 1}', {"prompt": "a", "seed": 1}),
        ('args.setdefault("seed", 1)', {"prompt": "a", "seed": 1}),
        ('del args["prompt"]', {}),
        ('args.pop("prompt")', {}),
        ('args["prompt"] = "b"', {"prompt": "b"}),
        ("args = {k: v for k, v in args.items() if v is not None}", {"prompt": "a"}),
        ("print(args)", {"prompt": "a"}),
    ],
)
def test_changes_between_an_object_and_its_call_count(change: str, expected: dict[str, object]) -> None:
    call = only(f'import fal_client\nargs = {{"prompt": "a"}}\n{change}\nfal_client.run("fal-ai/flux/dev", args)')
    assert call.arguments == expected
    assert call.complete


def test_an_object_that_another_function_gets_may_have_more_fields() -> None:
    call = only('import fal_client\nargs = {"prompt": "a"}\nadd_options(args)\nfal_client.run("fal-ai/flux/dev", args)')
    assert call.arguments == {"prompt": "a"}
    assert not call.complete


def test_the_last_assignment_before_the_call_counts() -> None:
    call = only("""
        import fal_client
        args = {"prompt": "first"}
        args = {"prompt": "second"}
        fal_client.run("fal-ai/flux/dev", args)
        args = {"prompt": "third"}
    """)
    assert call.arguments == {"prompt": "second"}


def test_branches_that_both_may_have_run_are_united() -> None:
    call = only("""
        import fal_client
        if wide:
            args = {"prompt": "a", "image_size": "landscape_16_9"}
        else:
            args = {"prompt": "a", "seed": 1}
        fal_client.run("fal-ai/flux/dev", args)
    """)
    assert isinstance(call.arguments, Fields)
    assert call.arguments["prompt"] == "a"
    assert call.arguments.maybe == {"image_size", "seed"}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("fal_client.upload_file(p)", "upload"),
        ("fal_client.encode_file(p)", "base64"),
        ('f"data:image/png;base64,{data}"', "base64"),
        ("base64.b64encode(data).decode()", "base64"),
        ("open(p, 'rb')", "file"),
        ("str(x)", "string"),
        ("f'a {x}'", "string"),
        ("len(x)", "number"),
        ("a == b", "boolean"),
    ],
)
def test_what_is_certain_of_an_unknown_value_is_its_kind(value: str, kind: str) -> None:
    call = [each for each in calls(f"import base64, fal_client\nfal_client.run('a/b', {{'x': {value}}})") if each.slugs]
    assert isinstance(call[0].arguments, Fields)
    assert call[0].arguments["x"].kind == kind


def test_a_call_tells_its_place_in_characters() -> None:
    call = only('import fal_client\n"é"; r = fal_client.run("fal-ai/flux/dev", {"prompt": "a"})')
    assert (call.place.line, call.place.column) == (2, 10)
    place = call.slug_place("fal-ai/flux/dev")
    assert place is not None
    assert (place.line, place.column) == (2, 25)


@pytest.mark.parametrize(
    "code",
    ["import requests\nrequests.post({url}, json={body})", "import httpx\nhttpx.post({url}, json={body})",
     "import requests, json\nrequests.post({url}, data=json.dumps({body}))",
     "import aiohttp\nasync def f(s):\n    async with s.post({url}, json={body}) as r:\n        await r.json()",
     "import urllib.request, json\nurllib.request.Request({url}, data=json.dumps({body}).encode(), method='POST')"],
)  # fmt: skip
def test_http_without_the_client_is_a_call_too(code: str) -> None:
    url, body = 'f"https://queue.fal.run/{MODEL}"', '{"prompt": "a"}'
    call = only('MODEL = "fal-ai/flux/dev"\n' + code.replace("{url}", url).replace("{body}", body))
    assert (call.client, call.pattern, call.slug) == ("http", "submit", "fal-ai/flux/dev")
    assert call.arguments == {"prompt": "a"}


@pytest.mark.parametrize(
    ("url", "pattern"),
    [
        ("https://fal.run/fal-ai/flux/dev", "run"),
        ("https://fal.run/fal-ai/flux/dev/stream", "stream"),
        ("https://queue.fal.run/fal-ai/flux/dev", "submit"),
        ("https://queue.fal.run/fal-ai/flux/dev?fal_webhook=https://x.example/h", "submit"),
        ("https://queue.fal.run/fal-ai/flux/requests/1", "result"),
        ("https://queue.fal.run/fal-ai/flux/requests/1/status", "status"),
        ("https://queue.fal.run/fal-ai/flux/requests/1/cancel", "cancel"),
    ],
)
def test_an_address_tells_the_pattern(url: str, pattern: str) -> None:
    assert only(f"import requests\nrequests.request('POST', {url!r}, headers=h)").pattern == pattern


def test_an_address_that_is_only_printed_is_no_call() -> None:
    assert calls('print("https://queue.fal.run/fal-ai/flux/dev")\nassert u.startswith("https://fal.run/")') == []
