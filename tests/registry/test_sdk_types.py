"""The reader of the SDK's type file: the whole grammar, and a loud stop at anything else."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.registry.sources.schemas import fits, is_digit_enum, schema_of, stated_default
from fal_skill.registry.sources.sdk_types import (
    Keyword,
    Literal,
    Name,
    Object,
    Tuple,
    TypeSyntaxError,
    Union,
    parse,
    unquoted,
)

FILE = """
/** A file. */
export type File = { url: string; content_type?: string; };
export type Size = {
    /** The width. Default value: `512` */
    width?: number;
    height?: number
};
export type DevInput = {
    // a plain comment
    /**
     * What to paint.
     */
    prompt: string;
    image_url: string | Blob | File;
    image_urls?: Array<string>;
    masks?: Array<string | Blob | File> | string | Blob | File;
    /** The size. Default value: `landscape_4_3` */
    image_size?: Size | "square" | "landscape_4_3";
    duration?: "5" | "10";
    steps_count?: 6 | 8;
    /** Default value: `false` */
    raw?: boolean;
    upscale?: boolean;
    pair: [number, number];
    grid?: number[][];
    free?: Record<string, any>;
    "quoted-name"?: ('a' | 'it\\'s')[];
    nothing?: null | string;
};
export type SchnellInput = DevInput;
export declare type Out = { images: Array<File>; seed: number; anything?: any }
export type EndpointTypeMap = {
    "fal-ai/dev": { input: DevInput; output: Out; };
    "fal-ai/schnell": { input: SchnellInput, output: Out };
    "fal-ai/vague": { input: any; output: unknown };
};
export {};
"""


def test_every_construct_of_the_grammar_is_read() -> None:
    types = parse(FILE)
    assert set(types.endpoints) == {"fal-ai/dev", "fal-ai/schnell", "fal-ai/vague"}
    dev = types.types["DevInput"]
    assert isinstance(dev, Object)
    assert dev.fields["pair"].type == Tuple((Keyword("number"), Keyword("number")))
    assert dev.fields["grid"].type == Name("Array", (Name("Array", (Keyword("number"),)),))
    assert dev.fields["quoted-name"].type == Name("Array", (Union((Literal("a"), Literal("it's"))),))
    assert dev.fields["steps_count"].type == Union((Literal(6), Literal(8)))
    assert not dev.fields["prompt"].optional
    assert dev.fields["prompt"].doc == "What to paint."
    assert types.resolved("SchnellInput")[0] == "DevInput"


def test_types_become_schemas_with_defaults_files_and_required_fields() -> None:
    types = parse(FILE)
    schema = schema_of(types, Name("SchnellInput"))
    assert schema is not None
    assert schema["required"] == ["image_url", "pair", "prompt"]
    fields = schema["properties"]
    assert fields["image_url"] == {"type": "string", "x-file": "image"}
    assert fields["image_urls"] == {"type": "array", "items": {"type": "string", "x-file": "image"}}
    assert fields["masks"]["anyOf"][1]["items"] == {"type": "string", "x-file": "image"}
    assert fields["image_size"]["default"] == "landscape_4_3"
    assert fields["image_size"]["anyOf"][0] == {"enum": ["square", "landscape_4_3"]}
    assert fields["image_size"]["anyOf"][1]["properties"]["width"] == {"type": "number", "default": 512, "x-int": True}
    assert fields["duration"] == {"enum": ["5", "10"], "x-digits": True}
    assert fields["upscale"] == {"type": "boolean", "default": False}
    assert fields["pair"] == {"type": "array", "items": {"type": "number"}}
    assert fields["free"] == {"type": "object"}


def test_an_input_typed_any_has_no_schema() -> None:
    types = parse(FILE)
    assert schema_of(types, Keyword("any")) is None


@pytest.mark.parametrize(
    ("text", "line", "token"),
    [
        ("export type A = {\n  a: string & number;\n};", 2, "&"),
        ("export type A = {\n\n  a: keyof B;\n};", 3, "B"),
        ("export interface A { a: string }", 1, "interface"),
        ("import x from 'y';", 1, "import"),
        ("export type A = { a: string;\n  [key: string]: number };", 2, "["),
        ("export type A = { a: `x${string}` };", 1, "`x${string}`"),
        ("export type A = { a: () => void };", 1, ")"),
        ('export type A = { a: "open };', 1, '"open'),
        ("export type A = {\n  a: string;\n", 3, "end of file"),
        ("export type = string;", 1, "="),
        ("export type A = { a string }", 1, "string"),
    ],
)
def test_an_unknown_token_is_an_error_that_names_line_and_token(text: str, line: int, token: str) -> None:
    with pytest.raises(TypeSyntaxError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"line {line}: unexpected token {token!r}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("export type A = string;", "no EndpointTypeMap"),
        ('export type EndpointTypeMap = { "a/b": { input: A } };', "no output type"),
        ('export type EndpointTypeMap = { "a/b": string };', "no input type"),
        ("export type A = B; export type B = A; export type EndpointTypeMap = {};", None),
    ],
)
def test_a_file_without_endpoints_is_refused(text: str, message: str | None) -> None:
    if message is None:
        with pytest.raises(TypeSyntaxError, match="alias of itself"):
            parse(text).resolved("A")
    else:
        with pytest.raises(TypeSyntaxError, match=message):
            parse(text)


def test_a_type_that_contains_itself_ends() -> None:
    types = parse('export type A = { a?: A; }; export type EndpointTypeMap = { "a/b": { input: A; output: A } };')
    assert schema_of(types, Name("A")) is not None


@given(st.text(alphabet=string.printable, max_size=80))
def test_any_text_is_read_or_refused_by_name(text: str) -> None:
    try:
        parse(text)
    except TypeSyntaxError as error:
        assert str(error)


@given(st.text(max_size=30).filter(lambda text: "\n" not in text and "\r" not in text))
def test_string_literals_keep_their_text(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert unquoted(quoted) == text


@pytest.mark.parametrize(
    ("doc", "default"),
    [
        ("The steps. Default value: `4`", 4),
        ("Default value: `landscape_4_3`", "landscape_4_3"),
        ('Default value: `"16:9"`', "16:9"),
        ("Default value: `true` and more", True),
        ("The default value is 4", None),
        ("Default value: ``", None),
        ("", None),
    ],
)
def test_a_stated_default_is_read(doc: str, default: object) -> None:
    assert stated_default(doc) == default


@pytest.mark.parametrize(
    ("default", "schema", "expected"),
    [
        (4, {"type": "number"}, True),
        (True, {"type": "number"}, False),
        ("x", {"type": "number"}, False),
        ("x" * 201, {"type": "string"}, False),
        ("null", {"type": "string"}, False),
        ("32", {"enum": [16, 32]}, True),
        ("b", {"enum": ["a"]}, False),
        ("a", {"anyOf": [{"type": "number"}, {"enum": ["a"]}]}, True),
        ([], {"type": "array"}, True),
        (1, {}, True),
    ],
)
def test_a_default_is_kept_only_where_it_can_be_a_value_of_the_field(
    default: object, schema: dict[str, object], expected: bool
) -> None:
    assert fits(default, schema) is expected


@pytest.mark.parametrize(
    ("values", "expected"), [(["5", "10"], True), ([5, 10], True), (["5", "auto"], False), ([True], False), ([], False)]
)
def test_digit_enums_are_told_from_others(values: list[object], expected: bool) -> None:
    assert is_digit_enum(values) is expected
