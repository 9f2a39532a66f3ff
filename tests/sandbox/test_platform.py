from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from fal_skill.registry import Registry
from fal_skill.sandbox import Sandbox

API = "https://api.fal.ai/v1"


def slugs(reply: httpx.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [model["endpoint_id"] for model in reply.json()["models"]]


def failed(reply: httpx.Response, status: int, kind: str) -> None:
    """This API has an error shape of its own."""
    assert (reply.status_code, reply.json()["error"]["type"]) == (status, kind)
    assert reply.json()["error"]["message"]


def test_pages_together_hold_every_listed_model_once(anyone: httpx.Client, registry: Registry) -> None:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        reply = anyone.get(f"{API}/models", params={"limit": "700", **cursor})
        found += slugs(reply)
        if not reply.json()["has_more"]:
            assert reply.json()["next_cursor"] is None
            break
        cursor = {"cursor": reply.json()["next_cursor"]}
    assert found == [entry.slug for entry in registry.entries if entry.status != "unlisted"]


def test_deprecated_models_are_listed_apart(anyone: httpx.Client, registry: Registry) -> None:
    found = slugs(anyone.get(f"{API}/models", params={"status": "deprecated", "limit": "1000"}))
    assert found == [entry.slug for entry in registry.entries if entry.status == "unlisted"][:1000]


def test_models_are_found_by_id_with_their_schemas(anyone: httpx.Client) -> None:
    ids = ["fal-ai/flux/dev", "no/such-model", "fal-ai/flux/schnell"]
    reply = anyone.get(f"{API}/models", params={"endpoint_id": ids, "expand": "openapi-3.0"})
    assert slugs(reply) == ["fal-ai/flux/dev", "fal-ai/flux/schnell"]
    document = reply.json()["models"][0]["openapi"]
    assert document["components"]["schemas"]["Input"]["required"] == ["prompt"]
    assert reply.json()["models"][0]["metadata"]["stream_url"] == "https://fal.run/fal-ai/flux/dev/stream"


def test_search_and_category_narrow_the_list(anyone: httpx.Client) -> None:
    found = anyone.get(f"{API}/models", params={"q": "kling", "category": "image-to-video", "limit": "5"}).json()
    assert found["models"]
    for model in found["models"]:
        assert "kling" in model["endpoint_id"]
        assert model["metadata"]["category"] == "image-to-video"


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"}, {"limit": "x"}, {"cursor": "x"}, {"cursor": base64.b64encode(b'{"o": -1}').decode()},
        {"status": "gone"}, {"expand": "everything"}, {"endpoint_id": [f"a/{number}" for number in range(51)]},
    ],
)  # fmt: skip
def test_wrong_parameters_are_validation_errors(anyone: httpx.Client, params: dict[str, Any]) -> None:
    failed(anyone.get(f"{API}/models", params=params), 400, "validation_error")


def test_a_wrong_key_is_refused_even_where_none_is_needed(anyone: httpx.Client) -> None:
    failed(anyone.get(f"{API}/models", headers={"authorization": "Key wrong"}), 401, "authorization_error")


def test_prices_need_a_key(anyone: httpx.Client) -> None:
    failed(anyone.get(f"{API}/models/pricing?endpoint_id=fal-ai/flux/dev"), 401, "authorization_error")
    failed(anyone.post(f"{API}/models/pricing/estimate", json={}), 401, "authorization_error")


def test_an_empty_balance_does_not_matter_here(anyone: httpx.Client, fal_sandbox: Sandbox) -> None:
    headers = {"authorization": f"Key {fal_sandbox.settings.empty_key}"}
    assert anyone.get(f"{API}/models/pricing?endpoint_id=fal-ai/flux/dev", headers=headers).status_code == 200


def test_prices_are_those_of_the_price_table(client: httpx.Client) -> None:
    ids = ["fal-ai/flux/dev", "fal-ai/flux/schnell"]
    prices = client.get(f"{API}/models/pricing", params={"endpoint_id": ids}).json()["prices"]
    assert prices == [
        {"endpoint_id": "fal-ai/flux/dev", "unit_price": 0.025, "unit": "megapixels", "currency": "USD"},
        {"endpoint_id": "fal-ai/flux/schnell", "unit_price": 0.003, "unit": "megapixels", "currency": "USD"},
    ]


def test_one_unknown_id_fails_a_batch_of_prices(client: httpx.Client) -> None:
    reply = client.get(f"{API}/models/pricing", params={"endpoint_id": ["fal-ai/flux/dev", "no/such-model"]})
    failed(reply, 404, "not_found")


def test_prices_need_an_id(client: httpx.Client) -> None:
    failed(client.get(f"{API}/models/pricing"), 400, "validation_error")


@pytest.mark.parametrize(
    ("kind", "quantity"), [("unit_price", "unit_quantity"), ("historical_api_price", "call_quantity")]
)
def test_estimates_multiply(client: httpx.Client, kind: str, quantity: str) -> None:
    body = {"estimate_type": kind, "endpoints": {"fal-ai/flux/dev": {quantity: 4}}}
    reply = client.post(f"{API}/models/pricing/estimate", json=body)
    assert reply.json() == {"estimate_type": kind, "total_cost": pytest.approx(0.1), "currency": "USD"}


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"{}", b'{"estimate_type": "x", "endpoints": {}}',
        b'{"estimate_type": "unit_price", "endpoints": {}}',
        b'{"estimate_type": "unit_price", "endpoints": {"fal-ai/flux/dev": 3}}',
        b'{"estimate_type": "unit_price", "endpoints": {"fal-ai/flux/dev": {"unit_quantity": -1}}}',
        b'{"estimate_type": "unit_price", "endpoints": {"fal-ai/flux/dev": {"call_quantity": 1}}}',
    ],
)  # fmt: skip
def test_estimates_of_nothing_are_validation_errors(client: httpx.Client, body: bytes) -> None:
    failed(client.post(f"{API}/models/pricing/estimate", content=body), 400, "validation_error")


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "nothing", 404, "not_found"), ("GET", "models/usage", 501, "not_implemented"),
        ("GET", "keys", 501, "not_implemented"), ("POST", "models", 405, "validation_error"),
        ("GET", "models/pricing/estimate", 405, "validation_error"),
    ],
)  # fmt: skip
def test_what_is_not_imitated_says_so(client: httpx.Client, method: str, path: str, status: int, kind: str) -> None:
    failed(client.request(method, f"{API}/{path}"), status, kind)


def test_the_public_openapi_address(anyone: httpx.Client) -> None:
    address = "https://fal.ai/api/openapi/queue/openapi.json"
    document = anyone.get(address, params={"endpoint_id": "fal-ai/flux/schnell"}).json()
    assert "/fal-ai/flux/schnell" in document["paths"]
    assert anyone.get(address, params={"endpoint_id": "no/such-model"}).status_code == 404


def test_the_plain_text_page_of_a_model(anyone: httpx.Client) -> None:
    text = anyone.get("https://fal.ai/models/fal-ai/flux/schnell/llms.txt").text
    assert text.startswith("# fal-ai/flux/schnell\n")
    assert "$0.003 per megapixel" in text
    assert "- prompt*: text" in text
    assert anyone.get("https://fal.ai/models/no/such-model/llms.txt").status_code == 404


def test_every_model_has_a_plain_text_page(registry: Registry) -> None:
    from fal_skill.sandbox.site import llms_text

    for model in registry:
        assert llms_text(model).startswith(f"# {model.slug}\n")


def test_meta_names_the_webhook_senders(anyone: httpx.Client) -> None:
    assert anyone.get(f"{API}/meta").json() == {"webhook_ip_ranges": ["127.0.0.0/8"]}
