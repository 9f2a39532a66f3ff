"""Literals read back as the very value they were made from, or are refused."""

from __future__ import annotations

import ast
import json
import math
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fal_skill.errors import InvalidArgumentsError
from fal_skill.literals import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    Expression,
    javascript_literal,
    python_literal,
)

text = st.text(st.characters(exclude_categories=["Cs"]))
awkward = st.sampled_from(
    ['"', "'", "\"'", "\\", "\\n", "\n", "\r\n", "\t", "\0", "\x7f", "`${process.exit()}`", "{{ 7*7 }}", "{% raw %}",
     "</script>", "<!--<script>", "]]>", "\u2028\u2029", "\u202e\u2066", "\ufeff", "👩‍👩‍👧", "é",
     "#", "//", "*/", '"""', "__proto__"]
)  # fmt: skip
strings = st.one_of(text, awkward, st.lists(awkward).map("".join))
floats = st.floats(allow_nan=False, allow_infinity=False)
safe_integers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)


def values(integers: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    leaves = st.one_of(st.none(), st.booleans(), integers, floats, st.just(-0.0), strings)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(strings, inner, max_size=5)),
        max_leaves=20,
    )


def same(left: Any, right: Any) -> bool:
    """Equal in value, type, sign of zero and order of keys."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)


@given(values(st.integers()), st.integers(0, 12))
@settings(max_examples=400, deadline=None)
def test_python_reads_back_the_value_and_its_types(value: Any, indent: int) -> None:
    assert same(ast.literal_eval(python_literal(value, indent)), value)


NODE = shutil.which("node")
COMPARE = """
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const vm = require("vm");
const same = (a, b) => {
  if (a === null || typeof a !== "object") return Object.is(a, b);
  if (b === null || typeof b !== "object" || Array.isArray(a) !== Array.isArray(b)) return false;
  if (Object.getPrototypeOf(b) !== (Array.isArray(b) ? Array.prototype : Object.prototype)) return false;
  const keys = Reflect.ownKeys(a);
  return keys.length === Reflect.ownKeys(b).length
    && keys.every((key) => Object.hasOwn(b, key) && same(Object.getOwnPropertyDescriptor(a, key).value,
                                                         Object.getOwnPropertyDescriptor(b, key).value));
};
const wrong = cases.filter(([code, json]) => !same(JSON.parse(json), vm.runInThisContext(`"use strict"; (${code})`)));
process.stdout.write(JSON.stringify({ count: cases.length, wrong }));
"""


def evaluated(cases: list[tuple[str, str]]) -> dict[str, Any]:
    assert NODE is not None
    done = subprocess.run([NODE, "-e", COMPARE], input=json.dumps(cases), capture_output=True, text=True, check=True)
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


@pytest.mark.skipif(NODE is None, reason="node is not installed: JavaScript literals are parsed, not evaluated")
def test_node_reads_back_the_value() -> None:
    cases: list[tuple[str, str]] = []

    @given(values(safe_integers), st.integers(0, 12))
    @settings(max_examples=400, deadline=None, database=None)
    def collect(value: Any, indent: int) -> None:
        cases.append((javascript_literal(value, indent), json.dumps(value)))

    collect()
    outcome = evaluated(cases)
    assert outcome["count"] == len(cases) >= 100
    assert outcome["wrong"] == []


@given(values(safe_integers))
@settings(max_examples=200, deadline=None)
def test_javascript_is_one_expression_that_cannot_leave_a_script_element(value: Any) -> None:
    tree_sitter = pytest.importorskip("tree_sitter")
    import tree_sitter_javascript

    code = javascript_literal(value)
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))
    root = parser.parse(f"({code});".encode()).root_node
    assert not root.has_error
    assert root.named_child_count == 1
    assert "</" not in code and "<!--" not in code


@pytest.mark.parametrize("write", [python_literal, javascript_literal])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.nan, "nan"),
        ({"scale": math.inf}, "scale is inf"),
        ({"a": [1, -math.inf]}, r"a\[1\] is -inf"),
        ({"prompt": "x\ud800y"}, r"prompt holds the lone surrogate U\+D800"),
        ({"\udfff": 1}, r"lone surrogate U\+DFFF"),
        ({1: 2}, "not a string"),
        ({"when": b"bytes"}, "when is of type bytes"),
        (10**400, "digits|2\\^53"),
        ("x" * (MAX_CHARACTERS + 1), "limit"),
    ],
)
def test_what_cannot_be_sent_as_json_is_refused_by_place_and_reason(write: Any, value: Any, why: str) -> None:
    with pytest.raises(InvalidArgumentsError, match=why):
        write(value)


@pytest.mark.parametrize("write", [python_literal, javascript_literal])
def test_nesting_is_accepted_to_the_stated_depth_and_refused_beyond(write: Any) -> None:
    value: Any = "leaf"
    for _ in range(MAX_DEPTH):
        value = [value]
    assert write(value)
    with pytest.raises(InvalidArgumentsError, match="nested more than"):
        write([value])


def test_the_deepest_accepted_value_is_within_what_cpython_parses() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = {"k": value}
    assert ast.literal_eval(python_literal(value)) == value


@pytest.mark.parametrize("value", [MAX_SAFE_INTEGER + 1, -MAX_SAFE_INTEGER - 1])
def test_integers_that_javascript_would_round_are_refused_there_and_kept_in_python(value: int) -> None:
    with pytest.raises(InvalidArgumentsError, match=r"seed is an integer beyond 2\^53"):
        javascript_literal({"seed": value})
    assert ast.literal_eval(python_literal({"seed": value})) == {"seed": value}


@pytest.mark.parametrize(
    ("value", "python", "javascript"),
    [
        ({"prompt": "a cat", "n": 2}, '{"prompt": "a cat", "n": 2}', '{ prompt: "a cat", n: 2 }'),
        ([True, None, 1.5], "[True, None, 1.5]", "[true, null, 1.5]"),
        ({}, "{}", "{}"),
        ([], "[]", "[]"),
        ('say "hi"', "'say \"hi\"'", '"say \\"hi\\""'),
        (7.0, "7.0", "7"),
        ({"a-b": 1, "class": 2}, '{"a-b": 1, "class": 2}', '{ "a-b": 1, class: 2 }'),
        ({"__proto__": {"x": 1}}, '{"__proto__": {"x": 1}}', '{ ["__proto__"]: { x: 1 } }'),
        ("</script>", '"</script>"', '"<\\/script>"'),
        ("\u202eevil", '"\\u202eevil"', '"\\u202eevil"'),
        ({"url": Expression("image_url")}, '{"url": image_url}', "{ url: image_url }"),
        ({"prompt": Expression("prompt")}, '{"prompt": prompt}', "{ prompt }"),
    ],
)
def test_literals_look_as_a_person_would_write_them(value: Any, python: str, javascript: str) -> None:
    assert python_literal(value) == python
    assert javascript_literal(value) == javascript


def test_a_long_object_takes_one_line_for_each_field_at_the_given_indent() -> None:
    value = {"prompt": "x" * 60, "image_size": "landscape_16_9", "loras": [{"path": "https://example.com/a"}]}
    assert python_literal(value, 4) == (
        '{\n        "prompt": "' + "x" * 60 + '",\n        "image_size": "landscape_16_9",\n'
        '        "loras": [{"path": "https://example.com/a"}],\n    }'
    )
    assert javascript_literal(value, 2) == (
        '{\n    prompt: "' + "x" * 60 + '",\n    image_size: "landscape_16_9",\n'
        '    loras: [{ path: "https://example.com/a" }],\n  }'
    )
