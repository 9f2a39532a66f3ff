"""``api.fal.ai/v1``: models (list, find, search), prices, estimates. Its errors have a shape of their own.

Source: the OpenAPI document of that API of 2026-08, and what its users report (repeated ``endpoint_id`` parameters,
one unknown id fails a whole batch of prices).
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from .asking import Ask, RefusedError
from .auth import ABSENT, platform_refusal
from .catalog import Missing
from .inputs import BadBodyError, arguments_of
from .replies import Json

if TYPE_CHECKING:
    from starlette.responses import Response

    from ..registry import Entry, Model
    from .service import Service

MAX_IDS = 50
DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_FOUND = 1000
EXPANSIONS = ("openapi-3.0", "enterprise_status")
UNIT_WORDS = {
    "image": "images", "megapixel": "megapixels", "second": "seconds", "minute": "minutes", "video": "videos",
    "audio": "audios", "call": "requests", "1k_chars": "1000 characters", "video_token": "tokens",
    "compute_second": "compute seconds", "unknown": "units",
}  # fmt: skip
"""The price table's units in the free text that this API uses."""
UNSUPPORTED = ("account", "assets", "compute", "keys", "organization", "serverless", "storage", "workflows", "mcp")


class Platform:
    """The platform API."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, ask: Ask) -> Response:
        """Return the answer to a request at the platform's host."""
        ask.exchange.place = "platform"
        path = ask.path.removeprefix("v1/")
        if ask.standing != ABSENT:
            # Listing models needs no key, but a wrong one is refused everywhere.
            denied = platform_refusal(ask.standing)
            if denied is not None:
                return denied
        if path == "models":
            _only(ask, "GET")
            return self._models(ask)
        if path == "models/pricing":
            _only(ask, "GET")
            return self._prices(ask)
        if path == "models/pricing/estimate":
            _only(ask, "POST")
            return await self._estimate(ask)
        if path == "meta":
            return Json({"webhook_ip_ranges": ["127.0.0.0/8"]})
        if path.split("/")[0] in UNSUPPORTED or path.startswith("models/"):
            return error(501, "not_implemented", f"The sandbox does not imitate /v1/{path[:80]}")
        return error(404, "not_found", f"No such path: /{ask.path[:80]}")

    def _models(self, ask: Ask) -> Response:
        registry = self._service.catalog.registry
        ids = _ids(ask)
        expand = _expansions(ask)
        if ids:
            found = [model for slug in ids if (model := registry.get(slug)) is not None]
            return Json(
                {"models": [self._model(model, expand, ask) for model in found], "next_cursor": None, "has_more": False}
            )
        limit, start = _number(ask, "limit", DEFAULT_LIMIT), _offset(ask)
        entries = self._listed(ask)
        page = entries[start : start + limit]
        more = start + limit < len(entries)
        models = [self._model(model, expand, ask) for entry in page if (model := registry.get(entry.slug)) is not None]
        return Json({"models": models, "next_cursor": _cursor(start + limit) if more else None, "has_more": more})

    def _listed(self, ask: Ask) -> list[Entry]:
        registry = self._service.catalog.registry
        status, category, words = ask.query.get("status"), ask.query.get("category"), ask.query.get("q", "")
        if status not in (None, "active", "deprecated"):
            raise RefusedError(error(400, "validation_error", "status: expected active or deprecated"))
        if words:
            from ..registry.search import search

            entries: list[Entry] = [
                hit.entry for hit in search(registry.entries, words, category=category, limit=MAX_FOUND)
            ]
        else:
            entries = [entry for entry in registry.entries if category is None or entry.category == category]
        gone = status == "deprecated"
        return [entry for entry in entries if (entry.status == "unlisted") == gone]

    def _model(self, model: Model, expand: set[str], ask: Ask) -> dict[str, Any]:
        slug = model.slug
        metadata: dict[str, Any] = {
            "display_name": display_name(slug),
            "category": model.category,
            "description": f"{model.category} model {slug}, as the sandbox knows it",
            "status": "deprecated" if model.status == "unlisted" else "active",
            "tags": [],
            "updated_at": f"{model.last_seen}T00:00:00Z",
            "is_favorited": None if ask.standing == ABSENT else False,
            "thumbnail_url": "https://fal.ai/images/sandbox.png",
            "model_url": f"https://fal.run/{slug}",
            "date": f"{model.first_seen}T00:00:00Z",
            "highlighted": False,
            "kind": "training" if model.category == "training" else "inference",
            "pinned": False,
        }
        if self._service.catalog.streams(slug):
            metadata["stream_url"] = f"https://fal.run/{slug}/stream"
        made: dict[str, Any] = {"endpoint_id": slug, "metadata": metadata}
        if "openapi-3.0" in expand:
            from ..registry.documents import openapi_document

            made["openapi"] = (
                openapi_document(model)
                if model.has_schema
                else {"error": {"code": "expansion_failed", "message": "The schema is not in the snapshot"}}
            )
        if "enterprise_status" in expand:
            made["enterprise_status"] = "ready"
        return made

    def _prices(self, ask: Ask) -> Response:
        denied = platform_refusal(ask.standing)
        if denied is not None:
            return denied
        ids = _ids(ask)
        if not ids:
            return error(400, "validation_error", f"endpoint_id: 1 to {MAX_IDS} ids are required")
        prices = [self._price(slug) for slug in ids]
        return Json({"prices": prices, "next_cursor": None, "has_more": False})

    def _price(self, slug: str) -> dict[str, Any]:
        from ..prices import price_of

        if isinstance(self._service.catalog.find(slug), Missing):
            raise RefusedError(error(404, "not_found", f"Endpoint not found: {slug[:120]}"))
        price = price_of(slug)
        usd = None if price is None else price.quote.base_usd if price.quote.base_usd is not None else price.usd
        if price is None or usd is None:
            raise RefusedError(error(404, "not_found", f"The sandbox knows no price of {slug[:120]}"))
        unit = price.quote.raw_unit or UNIT_WORDS.get(price.unit, price.unit)
        return {"endpoint_id": slug, "unit_price": usd, "unit": unit, "currency": "USD"}

    async def _estimate(self, ask: Ask) -> Response:
        denied = platform_refusal(ask.standing)
        if denied is not None:
            return denied
        try:
            body = arguments_of(await ask.body(self._service.settings.max_json_bytes))
        except BadBodyError as bad:
            return error(400, "validation_error", str(bad))
        kind, endpoints = body.get("estimate_type"), body.get("endpoints")
        names = {"historical_api_price": "call_quantity", "unit_price": "unit_quantity"}
        if kind not in names or not isinstance(endpoints, dict) or not 1 <= len(endpoints) <= MAX_IDS:
            return error(
                400, "validation_error", "expected estimate_type (historical_api_price or unit_price) and endpoints"
            )
        total = 0.0
        for slug, wanted in endpoints.items():
            quantity = wanted.get(names[kind]) if isinstance(wanted, dict) else None
            if not isinstance(quantity, (int, float)) or isinstance(quantity, bool) or not 0 < quantity < 1e9:
                return error(400, "validation_error", f"endpoints: {slug[:80]}: {names[kind]} must be a number above 0")
            total += quantity * (self._price(slug)["unit_price"] if kind == "unit_price" else self._call_price(slug))
        return Json({"estimate_type": kind, "total_cost": round(total, 6), "currency": "USD"})

    def _call_price(self, slug: str) -> float:
        from ..prices import estimate

        self._price(slug)
        model = self._service.catalog.registry.get(slug)
        made = None if model is None else estimate(model, {})
        if made is None or made.low is None:
            return float(self._price(slug)["unit_price"])
        return float(made.low)


def display_name(slug: str) -> str:
    """Return a title made of the id."""
    return " ".join(word.capitalize() for word in slug.partition("/")[2].replace("-", " ").replace("/", " ").split())


def error(status: int, kind: str, message: str) -> Response:
    """Return an error of the platform API."""
    return Json({"error": {"type": kind, "message": message, "docs_url": "https://fal.ai/docs"}}, status)


def _only(ask: Ask, method: str) -> None:
    if ask.method != method:
        raise RefusedError(error(405, "validation_error", f"{ask.method} is not allowed here"))


def _ids(ask: Ask) -> list[str]:
    ids = [part for value in ask.query.getlist("endpoint_id") for part in value.split(",") if part]
    if len(ids) > MAX_IDS:
        raise RefusedError(error(400, "validation_error", f"endpoint_id: at most {MAX_IDS} ids"))
    return list(dict.fromkeys(ids))


def _expansions(ask: Ask) -> set[str]:
    wanted = {part for value in ask.query.getlist("expand") for part in value.split(",") if part}
    if not wanted.issubset(EXPANSIONS):
        raise RefusedError(error(400, "validation_error", f"expand: expected {' or '.join(EXPANSIONS)}"))
    return wanted


def _number(ask: Ask, name: str, default: int) -> int:
    text = ask.query.get(name)
    if text is None:
        return default
    if not text.isdigit() or not 1 <= int(text[:9]) <= MAX_LIMIT:
        raise RefusedError(error(400, "validation_error", f"{name}: expected a number from 1 to {MAX_LIMIT}"))
    return int(text)


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"o": offset}).encode()).decode()


def _offset(ask: Ask) -> int:
    text = ask.query.get("cursor")
    if text is None:
        return 0
    try:
        offset = json.loads(base64.urlsafe_b64decode(text))["o"]
        if isinstance(offset, int) and 0 <= offset < 10**9:
            return offset
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise RefusedError(error(400, "validation_error", "cursor: not one that was given out"))
