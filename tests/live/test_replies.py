"""The table of failures: every reply and every exception has a row, with its exit code and next step."""

from __future__ import annotations

import json
import re
import socket
import ssl
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import fal_client
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from fal_skill.errors import EXIT_CODES, SkillError
from fal_skill.live.failures import FAILURES, STATUSES, TYPES
from fal_skill.live.replies import one_line, retry_after, trouble, trouble_of_exception, trouble_of_reply
from fal_skill.registry import Registry

REQUEST = httpx.Request("POST", "https://queue.fal.run/fal-ai/flux/schnell")


def detail(kind: str, *loc: str, msg: str = "said") -> dict[str, Any]:
    return {"detail": [{"loc": ["body", *loc], "msg": msg, "type": kind, "input": None}]}


@pytest.mark.parametrize(
    ("status", "headers", "body", "code", "exit_code"),
    [
        (401, {}, {"detail": "Cannot access application 'flux'"}, "unauthorized", 5),
        (402, {}, {"detail": "Payment required"}, "balance", 5),
        (403, {}, {"detail": "User is locked. Reason: Exhausted balance."}, "balance", 5),
        (403, {}, {"detail": "Access denied to this application"}, "forbidden", 5),
        (404, {}, {"detail": "Path /nope not found"}, "unknown-endpoint", 3),
        (400, {}, {"detail": "Bad", "error_type": "bad_request"}, "bad-request", 4),
        (413, {}, "too large", "too-large", 4),
        (422, {}, detail("missing", "prompt"), "invalid-arguments", 4),
        (422, {}, detail("content_policy_violation"), "content-policy", 4),
        (422, {}, detail("image_too_small", "image_url"), "input-file", 4),
        (422, {}, detail("no_media_generated"), "no-media", 4),
        (422, {}, {"detail": "a text"}, "invalid-arguments", 4),
        (429, {"Retry-After": "3"}, {"detail": "slow", "error_type": "concurrent_requests_limit"}, "rate-limited", 7),
        (500, {}, detail("internal_server_error"), "model-error", 7),
        (500, {}, {"detail": "x", "error_type": "internal_error"}, "server-error", 7),
        (502, {}, "<html><title>502 Bad Gateway</title>nginx</html>", "server-error", 7),
        (503, {"X-Fal-Error-Type": "runner_disconnected"}, {"detail": "x"}, "runner-lost", 7),
        (504, {"X-Fal-Request-Timeout-Type": "user"}, {"error_type": "request_timeout"}, "start-timeout", 7),
        (504, {}, {"detail": "x", "error_type": "startup_timeout"}, "startup-timeout", 7),
        (504, {}, detail("generation_timeout"), "generation-timeout", 7),
        (504, {}, "", "gateway-timeout", 7),
        (499, {}, {"detail": "x", "error_type": "client_cancelled"}, "cancelled", 1),
        (418, {}, {"weird": [1, 2]}, "bad-request", 4),
        (599, {}, b"\xff\xfe", "server-error", 7),
    ],
)  # fmt: skip
def test_replies_have_the_row_that_their_status_and_type_name(
    status: int, headers: dict[str, str], body: Any, code: str, exit_code: int
) -> None:
    said = trouble_of_reply(status, headers, body)
    assert (said.failure.code, said.failure.exit_code) == (code, exit_code)
    assert said.as_error().exit_code == exit_code
    assert said.as_error().hint


def test_a_404_on_a_request_id_is_not_about_the_model() -> None:
    said = trouble_of_reply(404, {}, {"status": "NOT_FOUND"}, about_request=True)
    assert said.failure.code == "unknown-request"
    assert "NOT_FOUND" in said.message


def test_platform_errors_have_a_shape_of_their_own() -> None:
    said = trouble_of_reply(404, {}, {"error": {"type": "not_found", "message": "Endpoint not found: a/b"}})
    assert said.said == "Endpoint not found: a/b"
    assert said.error_type == "not_found"


def test_fields_of_a_422_carry_our_own_hint(registry: Registry) -> None:
    model = registry.require("fal-ai/kling-video/v3/pro/image-to-video")
    arguments = {"image_url": "https://x/y.png", "prompt": "z"}
    said = trouble_of_reply(
        422, {}, detail("missing", "start_image_url", msg="Field required"), model=model, arguments=arguments
    )
    assert said.fields[0].path == "start_image_url"
    assert said.fields[0].hint == "rename image_url to start_image_url"
    assert "rename image_url" in said.message


def chained(outer: Exception, inner: BaseException) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (chained(httpx.ConnectError("x"), socket.gaierror(-2, "Name or service not known")), "dns"),
        (chained(httpx.ConnectError("x"), ssl.SSLCertVerificationError("certificate verify failed")), "tls"),
        (httpx.ConnectError("[Errno 111] Connection refused"), "refused"),
        (httpx.ProxyError("407 Proxy Authentication Required"), "proxy"),
        (httpx.ConnectTimeout("x"), "connect-timeout"),
        (httpx.ReadTimeout("x"), "read-timeout"),
        (httpx.PoolTimeout("x"), "read-timeout"),
        (httpx.ReadError("x"), "broken-connection"),
        (httpx.RemoteProtocolError("x"), "broken-connection"),
        (httpx.LocalProtocolError("Illegal header value"), "malformed-key"),
        (httpx.UnsupportedProtocol("x"), "bad-address"),
        (httpx.InvalidURL("x"), "bad-address"),
        (httpx.TooManyRedirects("x"), "redirects"),
        (httpx.DecodingError("x"), "bad-reply"),
        (json.JSONDecodeError("x", "y", 0), "bad-reply"),
        (KeyError("request_id"), "bad-reply"),
        (PermissionError(13, "Permission denied"), "disk"),
        (fal_client.auth.MissingCredentialsError("No credentials found."), "no-key"),
    ],
)
def test_exceptions_have_the_row_that_their_cause_names(error: Exception, code: str) -> None:
    said = trouble_of_exception(error)
    assert said.failure.code == code
    assert isinstance(said.as_error(), SkillError)


def test_the_sdks_own_error_is_read_by_its_reply() -> None:
    response = httpx.Response(403, json={"detail": "User is locked"}, request=REQUEST)
    error = fal_client.FalClientHTTPError("User is locked", 403, {}, response)
    assert trouble_of_exception(error).failure.code == "balance"


def test_every_row_says_what_to_do_and_has_a_documented_exit_code() -> None:
    for code, row in FAILURES.items():
        assert row.code == code and row.meaning and row.next_step
        assert row.exit_code in EXIT_CODES
        assert row.retry in ("no", "yes", "later", "resume")
    assert set(TYPES.values()) | set(STATUSES.values()) <= FAILURES.keys()


def test_the_page_on_errors_names_no_type_that_the_table_lacks() -> None:
    page = (ROOT / "references" / "errors.md").read_text("utf-8")
    table = page.partition("## By type")[2].partition("\n## ")[0]
    named = {
        word
        for row in table.splitlines()
        if row.startswith("| `")
        for word in re.findall(r"`([a-z_]+)`", row.split("|")[1])
    }
    assert len(named) > 20
    assert named - TYPES.keys() <= {"missing", "value_error", "greater_than"}


@given(
    st.integers(100, 599),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["detail", "error", "loc", "msg", "type", "message", "x"]), inner)
        ),
    ),
)
def test_no_reply_can_break_the_reading(status: int, headers: dict[str, str], body: Any) -> None:
    said = trouble_of_reply(status, headers, body)
    assert "\n" not in said.as_error("some-id").message


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("0", 0.0), ("999999", 3600.0), ("soon", None), ("", None), ("-1", None)]
)
def test_retry_after_is_read_and_bounded(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_retry_after_may_be_a_date() -> None:
    moment = datetime.now(timezone.utc) + timedelta(seconds=30)
    seconds = retry_after({"Retry-After": format_datetime(moment, usegmt=True)})
    assert seconds is not None and 25 < seconds <= 30


def test_keys_in_replies_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "very-secret-key-0123456789")
    said = trouble_of_reply(401, {}, {"detail": "bad key very-secret-key-0123456789"})
    assert "very-secret" not in said.message + json.dumps(said.as_dict())


def test_the_id_is_put_into_the_next_step() -> None:
    assert trouble("still-running").as_error("1a2b").hint == "run_model.py --resume 1a2b"


def test_text_of_a_reply_becomes_one_line() -> None:
    assert one_line("a\r\nb\x1b c\t" + "d" * 9, 8) == "a b c dd…"
