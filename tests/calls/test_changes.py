"""What a program does to its arguments before the call, where the text does not settle which field it does it to."""

from __future__ import annotations

import pytest

from calls.linting import PROMPT, codes, only
from fal_skill.calls import Fields, Unknown

TABLE = '{"prompt": "a", "start_image_url": "https://x.example/a.png", "cfg_scale": 0.6}'


def python(change: str, arguments: str = '{"prompt": "a"}') -> str:
    return f"""import fal_client
table = {TABLE}
args = {arguments}
{change}
fal_client.run("fal-ai/flux/schnell", args)
"""


def script(change: str, input_: str = "{}") -> str:
    return f"""import {{ fal }} from "@fal-ai/client";
const TABLE = {TABLE};
const input = {input_};
{change}
await fal.run("fal-ai/flux/schnell", {{ input }});
"""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (python("for k, v in table.items():\n    if k in props:\n        args[k] = v"), "python"),
        (python("for k, v in table.items():\n    if k not in props: continue\n    args[k] = v"), "python"),
        (python("for k in table:\n    if allowed(k):\n        args[k] = table[k]"), "python"),
        (python("args['cfg_scale' if old else 'seed'] = 1"), "python"),
        (python("args = {k: v for k, v in table.items() if k in props}"), "python"),
        (python("args.pop(name)", TABLE), "python"),
        (python("for k in list(args):\n    if k not in props:\n        del args[k]", TABLE), "python"),
        (script("for (const [k, v] of Object.entries(TABLE)) if (k in props) input[k] = v;"), "javascript"),
        (
            script(
                "for (const [k, v] of Object.entries(TABLE)) {\n  if (k in props) input[k] = v;\n"
                '  else if (k === "start_image_url") input.image_url = v;\n}'
            ),
            "javascript",
        ),
        (script('for (const k of ["cfg_scale", "seed"]) { if (known(k)) input[k] = 1; }'), "javascript"),
        (script("for (const k of Object.keys(input)) if (!(k in props)) delete input[k];", TABLE), "javascript"),
    ],
)
def test_a_field_whose_name_is_not_settled_is_never_held_against_a_program(text: str, language: str) -> None:
    assert codes(text, language) == []
    assert not only(text, language).complete


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (python('if "cfg_scale" in props:\n    args["cfg_scale"] = 0.6'), "python"),
        (python('if "num_images" in props and allowed:\n    args["num_images"] = "many"'), "python"),
        (
            python('if "cfg_scale" not in props:\n    del args["cfg_scale"]', '{"prompt": "a", "cfg_scale": 1}'),
            "python",
        ),
        (script('if (allowed.includes("wide")) input.image_size = "wide";', PROMPT), "javascript"),
        (script('if (props.hasOwnProperty("cfg_scale")) { input.cfg_scale = 1; }', PROMPT), "javascript"),
    ],
)
def test_a_field_that_the_program_tests_before_it_is_set_is_left_to_that_test(text: str, language: str) -> None:
    assert codes(text, language) == []
    found = only(text, language).arguments
    assert isinstance(found, Fields)
    assert found.doubtful


def test_a_field_under_a_plain_condition_is_checked_as_ever() -> None:
    assert codes(python('if seed:\n    args["cfg_scale"] = 1')) == ["unknown-field"]


def test_a_test_that_is_over_does_not_excuse_what_is_set_after_it() -> None:
    text = python('if "num_images" in props:\n    args["num_images"] = "x"\nargs["num_images"] = "many"')
    assert codes(text) == ["wrong-type"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (python("for k, v in table.items():\n    args[k] = v"), "python"),
        (script("for (const [k, v] of Object.entries(TABLE)) input[k] = v;"), "javascript"),
    ],
)
def test_a_loop_over_a_table_gives_each_field_its_own_value(text: str, language: str) -> None:
    found = only(text, language).arguments
    assert isinstance(found, Fields)
    assert found["cfg_scale"] == 0.6
    assert sorted(codes(text, language)) == ["unknown-field", "unknown-field"]


def test_fields_of_a_plain_loop_over_names_are_checked_but_their_values_are_not_guessed() -> None:
    text = python('for k in ("num_images", "cfg_scale"):\n    args[k] = table[k]')
    found = only(text).arguments
    assert isinstance(found, Fields)
    assert isinstance(found["num_images"], Unknown)
    assert found["num_images"].choices == ()
    assert codes(text) == ["unknown-field"]
