"""Webhook deliveries: only what fal signed, in time, unaltered, and once."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from conftest import RunScript, one_line_error
from fal_skill.errors import UnavailableError, UsageError
from fal_skill.webhook_keys import MIN_AGE_SECONDS, key_set
from fal_skill.webhooks import SeenFile, SeenRequests, WebhookError, parsed_jwks, public_keys, verify

NOW = 1_790_000_000
BODY = b'{"request_id": "r-1", "status": "OK", "payload": {"images": [{"url": "https://v3b.fal.media/x.png"}]}}'
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def raw(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def jwk(private: Ed25519PrivateKey) -> dict[str, str]:
    x = base64.urlsafe_b64encode(raw(private)).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x}


KEYS = (raw(PRIVATE),)
JWKS = {"keys": [jwk(OTHER), jwk(PRIVATE)]}


def headers(
    body: bytes = BODY, at: int | str = NOW, private: Ed25519PrivateKey = PRIVATE, **changed: str
) -> dict[str, str]:
    """Return the headers of a genuine delivery; ``changed`` replaces values after the signing."""
    lines = ["r-1", "user_1", str(at), hashlib.sha256(body).hexdigest()]
    signature = private.sign("\n".join(lines).encode()).hex()
    values = {"Request-Id": lines[0], "User-Id": lines[1], "Timestamp": lines[2], "Signature": signature}
    return {f"X-Fal-Webhook-{name}": changed.get(name.replace("-", "_"), value) for name, value in values.items()}


def code(found: Callable[[], Any]) -> str:
    """Return the code of the WebhookError that it raises."""
    with pytest.raises(WebhookError) as caught:
        found()
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 200
    return caught.value.code


def test_a_genuine_delivery_is_accepted_and_says_what_it_is() -> None:
    assert verify(headers(), BODY, KEYS, NOW) == ("r-1", "user_1", NOW)


def test_a_signature_of_known_bytes_is_accepted() -> None:
    """The four lines as bytes, so that a change of the scheme on both sides cannot go unseen."""
    body = b"{}"
    text = b"id-1\nuser-1\n1790000000\n44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    given = {
        "request-id": "id-1",
        "user-id": "user-1",
        "timestamp": "1790000000",
        "signature": PRIVATE.sign(text).hex(),
    }
    assert (
        verify({f"x-fal-webhook-{name}": value for name, value in given.items()}, body, KEYS, NOW).request_id == "id-1"
    )


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_names_of_headers_count_in_any_case(case: Callable[[str], str]) -> None:
    assert verify({case(name): value for name, value in headers().items()}, BODY, KEYS, NOW)


def test_any_key_of_the_set_may_have_signed() -> None:
    assert verify(headers(), BODY, (raw(OTHER), b"too short", *KEYS), NOW)


@pytest.mark.parametrize("late", [-300, 0, 300, 299.9])
def test_a_timestamp_within_the_window_counts(late: float) -> None:
    assert verify(headers(), BODY, KEYS, NOW + late)


@pytest.mark.parametrize(
    ("late", "expected"), [(301, "too-old"), (10**9, "too-old"), (-301, "too-early"), (float("nan"), "too-old")]
)
def test_a_timestamp_outside_the_window_does_not(late: float, expected: str) -> None:
    assert code(lambda: verify(headers(), BODY, KEYS, NOW + late)) == expected


def test_another_key_is_refused() -> None:
    assert code(lambda: verify(headers(private=OTHER), BODY, KEYS, NOW)) == "bad-signature"


@pytest.mark.parametrize(
    "body", [BODY + b" ", BODY.replace(b"OK", b"ok"), b"", json.dumps(json.loads(BODY)).encode() + b"\n"]
)
def test_an_altered_body_is_refused(body: bytes) -> None:
    assert code(lambda: verify(headers(), body, KEYS, NOW)) == "bad-signature"


@pytest.mark.parametrize("changed", [{"Request_Id": "r-2"}, {"User_Id": "user_2"}, {"Timestamp": str(NOW + 1)}])
def test_every_signed_line_counts(changed: dict[str, str]) -> None:
    assert code(lambda: verify(headers(**changed), BODY, KEYS, NOW)) == "bad-signature"


@pytest.mark.parametrize("name", ["Request-Id", "User-Id", "Timestamp", "Signature"])
def test_every_header_is_needed(name: str) -> None:
    given = headers()
    del given[f"X-Fal-Webhook-{name}"]
    assert code(lambda: verify(given, BODY, KEYS, NOW)) == "missing-header"


@pytest.mark.parametrize(
    "changed",
    [
        {"Signature": "z" * 128},
        {"Signature": "ab"},
        {"Signature": "0x" + "0" * 126},
        {"Signature": "٣" * 128},
        {"Signature": "a" * 100_000},
        {"Request_Id": "r" * 100_000},
        {"Request_Id": ""},
        {"Request_Id": "r-1\nuser_1"},
        {"User_Id": "a b"},
        {"Timestamp": "soon"},
        {"Timestamp": "-1"},
        {"Timestamp": "1_790_000_000"},
        {"Timestamp": "1.79e9"},
        {"Timestamp": "9" * 500},
        {"Timestamp": "١٧٩"},
    ],
)
def test_a_malformed_header_is_refused(changed: dict[str, str]) -> None:
    assert code(lambda: verify(headers(**changed), BODY, KEYS, NOW)) == "bad-header"


def test_a_header_that_is_there_twice_is_refused() -> None:
    assert code(lambda: verify([*headers().items(), *headers().items()], BODY, KEYS, NOW)) == "bad-header"


def test_no_keys_and_no_bytes_have_codes_of_their_own() -> None:
    assert code(lambda: verify(headers(), BODY, (), NOW)) == "no-keys"
    assert code(lambda: verify(headers(), BODY.decode(), KEYS, NOW)) == "not-raw"  # type: ignore[arg-type]


def test_keys_of_other_kinds_are_passed_over() -> None:
    assert public_keys({"keys": [{"kty": "RSA", "n": "x"}, jwk(PRIVATE)]}) == KEYS


@pytest.mark.parametrize(
    "jwks",
    [
        None,
        [],
        {},
        {"keys": {}},
        {"keys": []},
        {"keys": [{"kty": "RSA"}]},
        {"keys": [{"kty": "OKP"}]},
        {"keys": [{"kty": "OKP", "x": "short"}]},
        {"keys": [{"kty": "OKP", "x": 5}]},
        {"keys": ["x"]},
    ],
)
def test_what_is_no_key_set_is_refused(jwks: Any) -> None:
    assert code(lambda: public_keys(jwks)) == "bad-jwks"


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff"])
def test_what_is_no_json_is_no_key_set(text: str | bytes) -> None:
    assert code(lambda: parsed_jwks(text)) == "bad-jwks"


header_names = st.sampled_from(
    ["x-fal-webhook-" + name for name in ("request-id", "user-id", "timestamp", "signature")]
)
anything = (
    st.text(max_size=40) | st.just(str(NOW)) | st.just("ab" * 64) | st.none() | st.binary(max_size=5) | st.integers()
)


@given(
    st.dictionaries(header_names | st.text(max_size=5), anything),
    st.binary(max_size=20),
    st.lists(st.binary(max_size=33)),
)
def test_whatever_comes_verify_raises_nothing_but_its_own_error(given: Any, body: bytes, keys: Any) -> None:
    with pytest.raises(WebhookError):
        verify(given, body, keys, NOW)


key_sets = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["keys", "kty", "crv", "x"]), inner),
    max_leaves=10,
)


@given(key_sets)
def test_whatever_a_key_set_holds_it_raises_nothing_but_its_own_error(value: Any) -> None:
    with pytest.raises(WebhookError):
        public_keys(value)


# Once


def stores(folder: Path, **options: Any) -> list[SeenRequests | SeenFile]:
    return [SeenRequests(**options), SeenFile(folder / "deep" / "seen.db", **options)]


def test_a_request_is_claimed_once(tmp_path: Path) -> None:
    for seen in stores(tmp_path):
        assert [seen.claim("a", NOW), seen.claim("b", NOW), seen.claim("a", NOW + 7200)] == [True, True, False]


def test_a_request_whose_work_failed_can_be_claimed_again(tmp_path: Path) -> None:
    for seen in stores(tmp_path):
        seen.claim("a", NOW)
        seen.forget("a")
        seen.forget("never seen")
        assert seen.claim("a", NOW)


def test_old_requests_are_forgotten(tmp_path: Path) -> None:
    for seen in stores(tmp_path, seconds=100):
        seen.claim("a", NOW)
        assert [seen.claim("a", NOW + 99), seen.claim("a", NOW + 100)] == [False, True]


def test_a_store_holds_no_more_than_its_capacity_and_drops_the_oldest(tmp_path: Path) -> None:
    for seen in stores(tmp_path, capacity=3):
        for number in range(5):
            assert seen.claim(str(number), NOW + number)
        assert [seen.claim(str(number), NOW + 9) for number in (4, 3, 2)] == [False, False, False]
        assert seen.claim("0", NOW + 9)


def test_a_claim_by_many_threads_succeeds_once(tmp_path: Path) -> None:
    for seen in stores(tmp_path):
        claimed: list[bool] = []
        threads = [threading.Thread(target=lambda: claimed.append(seen.claim("a", NOW))) for _ in range(8)]  # noqa: B023
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(claimed) == [False] * 7 + [True]


def test_a_store_that_is_no_store_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "seen.db"
    file.write_text("this is no database, and long enough to be seen as none" * 100)
    with pytest.raises(UnavailableError, match="cannot remember"):
        SeenFile(file).claim("a", NOW)


# Keys from an address


class KeyServer(NamedTuple):
    url: str
    answers: list[tuple[int, bytes]]
    """What it answers, one after the other; the last one again and again."""
    asked: list[str]


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    answers: list[tuple[int, bytes]] = [(200, json.dumps(JWKS).encode())]
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield KeyServer(f"http://127.0.0.1:{server.server_address[1]}/jwks.json", answers, asked)
        server.shutdown()
        thread.join()


def aged(folder: Path, seconds: float) -> None:
    """Make the cached set older."""
    (file,) = folder.iterdir()
    held = json.loads(file.read_text())
    held["fetched_at"] -= seconds
    file.write_text(json.dumps(held))


def test_keys_are_fetched_once_and_kept_for_a_day(key_server: KeyServer, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    assert key_set(key_server.url, folder=folder).keys == public_keys(JWKS)
    aged(folder, 23 * 3600)
    assert key_set(key_server.url, folder=folder).age == pytest.approx(23 * 3600, abs=60)
    assert len(key_server.asked) == 1
    aged(folder, 3600)
    assert key_set(key_server.url, folder=folder).age == 0
    assert len(key_server.asked) == 2


def test_a_fresh_set_is_not_fetched_again_however_often_it_is_wanted(key_server: KeyServer, tmp_path: Path) -> None:
    for _ in range(3):
        key_set(key_server.url, folder=tmp_path, max_age=0)
    assert len(key_server.asked) == 1
    aged(tmp_path, MIN_AGE_SECONDS + 1)
    key_set(key_server.url, folder=tmp_path, max_age=0)
    assert len(key_server.asked) == 2


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"url": "http://127.0.0.1/other"}', '{"url": "URL", "fetched_at": 1e999, "jwks": {}}']
)
def test_a_spoilt_cache_is_fetched_anew(key_server: KeyServer, tmp_path: Path, content: str) -> None:
    key_set(key_server.url, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(content.replace("URL", key_server.url))
    assert key_set(key_server.url, folder=tmp_path).age == 0
    assert len(key_server.asked) == 2


def test_a_cache_from_the_future_is_fetched_anew(key_server: KeyServer, tmp_path: Path) -> None:
    key_set(key_server.url, folder=tmp_path)
    aged(tmp_path, -3600)
    assert key_set(key_server.url, folder=tmp_path).age == 0


def test_the_sandboxs_keys_are_not_kept(key_server: KeyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_SANDBOX", "1:2")
    for _ in range(2):
        assert key_set(key_server.url, folder=tmp_path).keys == public_keys(JWKS)
    assert (len(key_server.asked), list(tmp_path.iterdir())) == (2, [])


@pytest.mark.parametrize("answer", [(500, b""), (404, b"{}"), (302, b"")])
def test_a_set_that_cannot_be_fetched_is_unavailable(
    key_server: KeyServer, tmp_path: Path, answer: tuple[int, bytes]
) -> None:
    key_server.answers[:] = [answer]
    with pytest.raises(UnavailableError, match=str(answer[0])):
        key_set(key_server.url, folder=tmp_path)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b" " * 300_000])
def test_a_fetched_document_that_is_no_key_set_is_refused_and_not_kept(
    key_server: KeyServer, tmp_path: Path, body: bytes
) -> None:
    key_server.answers[:] = [(200, body)]
    assert code(lambda: key_set(key_server.url, folder=tmp_path)) == "bad-jwks"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://rest.fal.ai/jwks.json", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_keys_come_over_https(url: str) -> None:
    with pytest.raises(UsageError, match="https"):
        key_set(url)


# The script


def recorded(folder: Path, given: dict[str, str], body: bytes = BODY, as_lines: bool = True) -> list[str]:
    """Write a delivery into files and return the options that name them."""
    lines = "POST /fal-webhook HTTP/1.1\nHost: example.com:443\n" + "\n".join(
        f"{name}: {value}" for name, value in given.items()
    )
    (folder / "headers").write_text(lines if as_lines else json.dumps(given))
    (folder / "body").write_bytes(body)
    (folder / "jwks").write_text(json.dumps(JWKS))
    return ["--headers", str(folder / "headers"), "--body", str(folder / "body"), "--jwks", str(folder / "jwks")]


@pytest.mark.parametrize("as_lines", [True, False])
def test_the_script_accepts_a_genuine_delivery(run_script: RunScript, tmp_path: Path, as_lines: bool) -> None:
    options = recorded(tmp_path, headers(at=int(time.time())), as_lines=as_lines)
    done = run_script("verify_webhook.py", *options)
    assert done.code == 0, done.err
    assert (done.json["valid"], done.json["request_id"]) == (True, "r-1")


def test_the_script_judges_an_old_delivery_as_at_its_time(run_script: RunScript, tmp_path: Path) -> None:
    options = recorded(tmp_path, headers())
    assert run_script("verify_webhook.py", *options, "--now", str(NOW)).code == 0
    done = run_script("verify_webhook.py", *options, "--now", str(NOW + 1000), "--format", "text")
    assert (done.code, done.out.startswith("INVALID (too-old)")) == (1, True)


def test_the_script_refuses_a_second_delivery(run_script: RunScript, tmp_path: Path) -> None:
    options = [*recorded(tmp_path, headers()), "--now", str(NOW), "--seen", str(tmp_path / "seen.db")]
    first, second = run_script("verify_webhook.py", *options), run_script("verify_webhook.py", *options)
    assert (first.code, second.code) == (0, 1)
    assert (second.json["valid"], second.json["code"]) == (False, "repeated")


def test_a_forged_delivery_does_not_use_up_its_request_id(run_script: RunScript, tmp_path: Path) -> None:
    rest = ["--now", str(NOW), "--seen", str(tmp_path / "seen.db")]
    forged = run_script("verify_webhook.py", *recorded(tmp_path, headers(private=PRIVATE), b"{}"), *rest)
    assert (forged.code, forged.json["code"]) == (1, "bad-signature")
    assert run_script("verify_webhook.py", *recorded(tmp_path, headers()), *rest).code == 0


def test_keys_that_fal_has_changed_since_are_fetched_before_a_delivery_is_refused(
    run_script: RunScript, tmp_path: Path, key_server: KeyServer
) -> None:
    key_server.answers[:] = [(200, json.dumps({"keys": [jwk(OTHER)]}).encode()), (200, json.dumps(JWKS).encode())]
    options = [*recorded(tmp_path, headers())[:4], "--jwks", key_server.url, "--now", str(NOW)]
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert run_script("verify_webhook.py", *options, env=env).json["code"] == "bad-signature"
    (folder,) = (tmp_path / "cache").rglob("jwks")
    aged(folder, 3600)
    assert run_script("verify_webhook.py", *options, env=env).code == 0
    assert len(key_server.asked) == 2


@pytest.mark.parametrize(
    ("changed", "exit_code"),
    [
        ({"--headers": "missing"}, 2),
        ({"--body": "missing"}, 2),
        ({"--jwks": "missing"}, 7),
        ({"--jwks": "http://example.com/jwks"}, 2),
        ({"--now": "soon"}, 2),
    ],
)
def test_bad_input_is_one_line_with_its_exit_code(
    run_script: RunScript, tmp_path: Path, changed: dict[str, str], exit_code: int
) -> None:
    options = recorded(tmp_path, headers())
    given = {**dict(zip(options[::2], options[1::2], strict=True)), **changed}
    done = run_script("verify_webhook.py", *(word for pair in given.items() for word in pair))
    assert done.code == exit_code
    assert one_line_error(done)


@pytest.mark.parametrize("text", ["", "nothing here", '{"a": 1}', "{"])
def test_headers_that_are_none_are_a_usage_error(run_script: RunScript, tmp_path: Path, text: str) -> None:
    options = recorded(tmp_path, headers())
    (tmp_path / "headers").write_text(text)
    done = run_script("verify_webhook.py", *options)
    assert done.code == 2
    assert one_line_error(done)
