"""No credential gets out, in whatever form it stands in the text."""

from __future__ import annotations

import base64
import io
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.live.redaction import MARK, RedactedStream, credentials, forms, redacted, redacted_value, without

KEY = "0a1b2c3d-1111-2222-3333-444455556666:fedcba9876543210fedcba9876543210"

keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=80)
texts = st.text(max_size=60)
wrappings = st.sampled_from(
    [
        lambda key: key,
        lambda key: quote(key, safe=""),
        lambda key: quote_plus(key),
        lambda key: json.dumps(key),
        lambda key: json.dumps({"headers": {"Authorization": f"Key {key}"}}),
        lambda key: repr(key),
        lambda key: key.upper(),
        lambda key: f"https://x/?fal_key={quote(key)}",
        lambda key: base64.b64encode(f"Key {key}".encode()).decode(),
        lambda key: base64.urlsafe_b64encode(f"ab{key}z".encode()).decode(),
    ]
)


@given(keys, texts, texts, wrappings)
def test_no_form_of_a_key_survives_in_any_text(key: str, before: str, after: str, wrapped: object) -> None:
    text = before + wrapped(key) + after  # type: ignore[operator]
    clean = without(text, (key,))
    for form in forms(key):
        assert form.lower() not in clean.lower()


@given(keys, texts)
def test_redaction_is_done_in_one_go(key: str, text: str) -> None:
    once = redacted(text + key, (key,))
    assert redacted(once, (key,)) == once


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts | st.just(KEY),
        lambda inner: st.lists(inner) | st.dictionaries(texts | st.just(KEY), inner),
    )
)
def test_values_of_any_shape_lose_the_key_and_keep_their_shape(value: object) -> None:
    clean = redacted_value(value, (KEY,))
    assert KEY not in json.dumps(clean)
    assert isinstance(clean, type(value))


@given(texts)
def test_text_without_credentials_is_left_alone(text: str) -> None:
    assert without(text, (KEY,)) == text


def test_the_secret_half_of_a_key_counts_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", KEY)
    monkeypatch.setenv("FAL_KEY_SECRET", "another-secret-value")
    assert redacted("fedcba9876543210fedcba9876543210 / another-secret-value") == f"{MARK} / {MARK}"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Key {KEY}",
        "authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijk",
        '{"Authorization": "Key abcdef0123456789abcdef"}',
        f"wss://fal.run/x?fal_jwt_token={KEY}&max_buffering=1",
        f"FAL_KEY={KEY} python app.py",
        "proxy http://user:hunter2hunter2@proxy.local:3128 failed",
        f"a stray {KEY} in a log line",
        f"percent {quote(KEY, safe='')}",
    ],
)
def test_what_looks_like_a_credential_is_taken_out_without_being_known(text: str) -> None:
    clean = redacted(text, ())
    for secret in (KEY, "fedcba98", "eyJhbGci", "abcdef0123456789", "hunter2"):
        assert secret not in clean
    assert MARK in clean


@pytest.mark.parametrize(
    "text",
    [
        "Key takeaways of the meeting, in a poster",
        "https://v3b.fal.media/files/b/0a1b2c3d/abc_cat.png",
        "a 16:9 street, https://example.com/a.png?size=10:20",
        "request 0a1b2c3d-1111-2222-3333-444455556666 is IN_QUEUE",
    ],
)
def test_prompts_addresses_and_request_ids_are_not_credentials(text: str) -> None:
    assert redacted(text, ()) == text


def test_short_values_are_not_taken_for_keys() -> None:
    assert credentials({"FAL_KEY": "test"}) == ()
    assert redacted("this is a test", credentials({"FAL_KEY": "test"})) == "this is a test"


def test_a_key_that_is_a_part_of_the_mark_does_not_loop() -> None:
    assert without("[***][***]", ("[***][",)) == f"{MARK}***]"


def test_the_stream_cleans_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", KEY)
    out = io.StringIO()
    stream = RedactedStream(out)
    assert stream.write(f"sent Key {KEY}\n") > 10
    assert KEY not in out.getvalue()
    assert not stream.isatty()
