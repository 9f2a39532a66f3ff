"""The platform client: pages, ids, prices, patience, and what it remembers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina

from fal_skill.errors import CredentialsError
from fal_skill.live.cache import Reply, ReplyCache
from fal_skill.live.http import HASTY, HttpError
from fal_skill.live.keys import Credential
from fal_skill.live.platform import Platform

KEY = Credential("Key", "id:secret-secret")
DATE = "Mon, 23 Nov 2026 08:00:00 GMT"


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    stamina.set_testing(True, attempts=4)
    yield
    stamina.set_testing(False)


class Service:
    """A platform API of a function's making, which counts and remembers."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    def platform(self, credential: Credential | None = KEY, cache: Path | None = None, **more: Any) -> Platform:
        client = httpx.Client(transport=httpx.MockTransport(self))
        return Platform(credential, client=client, cache=ReplyCache(cache), **more)


def listed(slug: str, **metadata: Any) -> dict[str, Any]:
    return {"endpoint_id": slug, "metadata": {"status": "active", **metadata}}


def ids(request: httpx.Request) -> list[str]:
    return request.url.params.get_list("endpoint_id")


def test_pages_follow_the_cursor_to_the_end() -> None:
    pages = {"": (["a/1", "a/2"], "x"), "x": (["a/3"], "y"), "y": ([], None)}

    def answer(request: httpx.Request) -> httpx.Response:
        slugs, following = pages[request.url.params.get("cursor", "")]
        return httpx.Response(
            200, json={"models": [listed(s) for s in slugs], "next_cursor": following, "has_more": bool(following)}
        )

    service = Service(answer)
    found = [model.slug for page in service.platform().pages(openapi=True, limit=2) for model in page]
    assert found == ["a/1", "a/2", "a/3"]
    assert service.requests[0].url.params["expand"] == "openapi-3.0"


def test_a_cursor_that_stands_still_ends_the_pages() -> None:
    service = Service(lambda request: httpx.Response(200, json={"models": [], "next_cursor": "x", "has_more": True}))
    assert len(list(service.platform().pages())) == 2


def test_ids_are_repeated_parameters_fifty_a_call() -> None:
    service = Service(
        lambda request: httpx.Response(200, json={"models": [listed(s) for s in ids(request)], "has_more": False})
    )
    found = service.platform().models([f"a/{n}" for n in range(120)])
    assert len(found) == 120
    assert [len(ids(request)) for request in service.requests] == [50, 50, 20]


def test_an_id_that_the_service_chokes_on_does_not_lose_the_others() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "a/7" in ids(request):
            return httpx.Response(404, json={"error": {"type": "not_found", "message": "not found"}})
        return httpx.Response(200, json={"models": [listed(s) for s in ids(request)], "has_more": False})

    found = Service(answer).platform().models([f"a/{n}" for n in range(10)])
    assert sorted(found) == [f"a/{n}" for n in range(10) if n != 7]


@pytest.mark.parametrize("named", [True, False])
def test_unknown_ids_do_not_lose_the_prices_of_the_others(named: bool) -> None:
    unknown = {"a/3", "a/30", "a/31"}

    def answer(request: httpx.Request) -> httpx.Response:
        bad = [slug for slug in ids(request) if slug in unknown]
        if bad:
            message = f"Endpoint not found: {bad[0]}" if named else "Not found"
            return httpx.Response(404, json={"error": {"type": "not_found", "message": message}})
        rows = [{"endpoint_id": s, "unit_price": 0.5, "unit": "images", "currency": "USD"} for s in ids(request)]
        return httpx.Response(200, json={"prices": rows})

    service = Service(answer)
    prices = service.platform().prices([f"a/{n}" for n in range(60)])
    assert set(prices.unknown) == unknown
    assert len(prices.known) == 57
    assert len(service.requests) < 30


def test_calls_for_prices_are_bounded() -> None:
    service = Service(lambda request: httpx.Response(404, json={"error": {"type": "not_found", "message": "no"}}))
    prices = service.platform().prices([f"a/{n}" for n in range(50)], max_calls=9)
    assert len(service.requests) == 9 and len(prices.unknown) == 50


def test_prices_need_a_key_and_models_do_not() -> None:
    service = Service(lambda request: httpx.Response(200, json={"models": [], "has_more": False}))
    platform = service.platform(None)
    assert platform.models(["a/b"]) == {}
    assert "authorization" not in service.requests[0].headers
    with pytest.raises(CredentialsError):
        platform.prices(["a/b"])
    assert len(service.requests) == 1


def test_the_key_goes_to_the_api_and_not_to_the_public_page() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "api.fal.ai":
            row = {**listed("a/b"), "openapi": {"error": {"code": "expansion_failed", "message": "x"}}}
            return httpx.Response(200, json={"models": [row], "has_more": False})
        return httpx.Response(200, json={"paths": {}})

    service = Service(answer)
    assert service.platform().openapi("a/b") == {"paths": {}}
    assert [(request.url.host, "authorization" in request.headers) for request in service.requests] == [
        ("api.fal.ai", True),
        ("fal.ai", False),
    ]


def test_busy_and_broken_replies_are_tried_again() -> None:
    replies = iter(
        [
            httpx.Response(429, headers={"retry-after": "1"}),
            httpx.Response(503),
            None,
            httpx.Response(200, json={"models": [], "has_more": False}),
        ]
    )

    def answer(request: httpx.Request) -> httpx.Response:
        reply = next(replies)
        if reply is None:
            raise httpx.ReadError("reset")
        return reply

    told: list[str] = []
    assert Service(answer).platform(tell=told.append).models(["a/b"]) == {}
    assert len(told) == 3 and "trying again in 1 s" in told[0]


@pytest.mark.parametrize(("wait", "patience"), [("600", {}), ("20", {"patience": HASTY})])
def test_a_wait_that_is_too_long_is_the_users_to_decide(wait: str, patience: dict[str, Any]) -> None:
    service = Service(lambda request: httpx.Response(429, headers={"retry-after": wait}))
    with pytest.raises(HttpError) as caught:
        service.platform(**patience).models(["a/b"])
    assert caught.value.exit_code == 7
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("reply", "exit_code"),
    [
        (httpx.Response(401, json={"error": {"type": "authorization_error", "message": "no"}}), 5),
        (httpx.Response(400, json={"error": {"type": "validation_error", "message": "no"}}), 4),
        (httpx.Response(200, text="<html>login</html>"), 7),
        (httpx.Response(200, json=[1]), 7),
        (httpx.Response(200, json={"models": "none"}), 7),
        (httpx.Response(302, headers={"location": "https://evil.example/"}), 7),
    ],
)
def test_what_cannot_be_mended_by_trying_fails_at_once(reply: httpx.Response, exit_code: int) -> None:
    service = Service(lambda request: reply)
    with pytest.raises(HttpError) as caught:
        service.platform().models(["a/b"])
    assert caught.value.exit_code == exit_code
    assert len(service.requests) == 1


def test_a_fresh_reply_is_not_asked_for_twice_and_a_stale_one_is_confirmed(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers.get("if-none-match") == '"v1"':
            return httpx.Response(304, headers={"date": DATE})
        return httpx.Response(
            200, json={"models": [listed("a/b")], "has_more": False}, headers={"etag": '"v1"', "date": DATE}
        )

    service = Service(answer)
    for ttl in (900, 900, 0):
        platform = service.platform(cache=tmp_path, ttl=ttl)
        assert list(platform.models(["a/b"])) == ["a/b"]
        assert platform.as_of == "2026-11-23"
    assert [request.headers.get("if-none-match") for request in service.requests] == [None, '"v1"']


def test_another_key_does_not_see_the_first_ones_replies(tmp_path: Path) -> None:
    service = Service(lambda request: httpx.Response(200, json={"models": [], "has_more": False}))
    service.platform(KEY, cache=tmp_path).models(["a/b"])
    service.platform(Credential("Key", "other:secret-secret"), cache=tmp_path).models(["a/b"])
    service.platform(None, cache=tmp_path).models(["a/b"])
    assert len(service.requests) == 3
    kept = [file.read_text() + file.name for file in tmp_path.iterdir()]
    assert len(kept) == 3 and not any("secret" in text for text in kept)
    assert all(file.stat().st_mode & 0o077 == 0 for file in tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"address": "x", "reply": {}}', '{"address": "u", "reply": {"body": 1}}']
)
def test_a_damaged_cache_is_no_answer_and_no_error(tmp_path: Path, content: str) -> None:
    cache = ReplyCache(tmp_path)
    cache.put("u", "", Reply({"x": 1}, DATE, "", "", time.time()))
    assert cache.get("u", "") is not None
    next(tmp_path.glob("*.json")).write_text(content)
    assert cache.get("u", "") is None


def test_a_cache_does_not_grow_without_end(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    for number in range(520):
        cache.put(str(number), "", Reply(number, DATE, "", "", time.time()))
    assert len(list(tmp_path.iterdir())) <= 500


def test_a_folder_that_cannot_be_written_costs_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    service = Service(lambda request: httpx.Response(200, json={"models": [], "has_more": False}))
    assert service.platform(cache=tmp_path / "file" / "below").models(["a/b"]) == {}


def test_estimates_history_and_billing_are_read_by_their_documents() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("estimate"):
            return httpx.Response(200, json={"estimate_type": "unit_price", "total_cost": 0.06, "currency": "USD"})
        if request.url.path.endswith("by-endpoint"):
            more = "cursor" not in request.url.params
            item = {
                "request_id": "r1" if more else "r2",
                "endpoint_id": "a/b",
                "started_at": "x",
                "sent_at": "2026-11-23T08:00:00Z",
                "ended_at": None,
                "json_input": {"prompt": "x"},
            }
            return httpx.Response(
                200, json={"items": [item], "next_cursor": "Mg==" if more else None, "has_more": more}
            )
        rows = [
            {"request_id": "r1", "cost_total": 0.02},
            {"request_id": "r1", "cost_total": 0.01},
            {"request_id": "zz", "cost_total": 9},
        ]
        return httpx.Response(200, json={"billing_events": rows})

    platform = Service(answer).platform()
    assert platform.estimate({"a/b": 2}) == 0.06
    assert [request.request_id for request in platform.requests("a/b", 0, 10)] == ["r1", "r2"]
    assert platform.billed("r1") == 0.03
    assert platform.billed("unknown") is None
