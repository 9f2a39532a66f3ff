"""fal's platform API: which models there are, their OpenAPI documents, prices, estimates, past requests.

Source: the OpenAPI document of ``https://api.fal.ai/v1`` (2026-08), and what its users report: ``endpoint_id`` is
repeated, not joined by commas; one unknown id fails a whole call for prices; 429 comes with Retry-After.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx

from ..errors import CredentialsError
from ..folders import cache_folder
from .cache import Reply, ReplyCache
from .http import PATIENT, Answer, HttpError, Parameters, Patience, Tell, new_client, read_json
from .keys import NO_KEY_HINT, Credential
from .replies import trouble

BASE = "https://api.fal.ai/v1"
PUBLIC_OPENAPI = "https://fal.ai/api/openapi/queue/openapi.json"
"""The same documents, one at a time and without a key; for models whose expansion failed."""
MAX_IDS = 50
"""Ids in one call, by the API's own limit."""
MAX_PAGES = 2_000
MAX_PRICE_CALLS = 60
"""Calls for the prices of 50 models: enough to leave out each that fal does not know."""
TTL_SECONDS = 900.0
"""How long a stored reply answers without asking again."""


class Listed(NamedTuple):
    """One model of the catalogue."""

    slug: str
    metadata: dict[str, Any]
    """``category``, ``status``, ``date``, ``updated_at``, ``stream_url``, … as fal sends them; may be empty."""
    openapi: dict[str, Any] | None
    """Its OpenAPI document, where it was asked for and could be made."""
    problem: str | None
    """Why there is no document, in fal's words."""

    @property
    def active(self) -> bool:
        """Whether fal still offers it."""
        return str(self.metadata.get("status")) != "deprecated"


class UnitPrice(NamedTuple):
    """The base price of a model: options such as resolution or audio are not in it."""

    slug: str
    usd: float
    """Price per unit, in ``currency``."""
    unit: str
    """fal's free word: ``images``, ``megapixels``, ``1000 characters``, …"""
    currency: str

    def as_row(self) -> dict[str, Any]:
        """Return the price in the API's own shape."""
        return {"endpoint_id": self.slug, "unit_price": self.usd, "unit": self.unit, "currency": self.currency}


class Prices(NamedTuple):
    """The answer to a question for prices."""

    known: dict[str, UnitPrice]
    unknown: tuple[str, ...]
    """Ids that fal has no price for."""


class PastRequest(NamedTuple):
    """One request in the account's history."""

    request_id: str
    slug: str
    sent_at: str
    ended_at: str | None
    arguments: Any
    """The input as fal stored it; None where it was not stored."""


class Platform:
    """A client of the platform API. Use it as a context manager, or close it."""

    def __init__(
        self,
        credential: Credential | None = None,
        *,
        client: httpx.Client | None = None,
        cache: ReplyCache | None = None,
        ttl: float = TTL_SECONDS,
        tell: Tell | None = None,
        patience: Patience = PATIENT,
    ) -> None:
        """Talk with this credential, or with none where the API allows that."""
        self._credential = credential
        self._client = client or new_client()
        self._cache = cache if cache is not None else ReplyCache(Path(cache_folder(), "platform"))
        self._ttl = ttl
        self._tell = tell
        self._patience = patience
        self.as_of = ""
        """ISO date of the oldest reply that this client has answered from, by the server's clock."""

    def __enter__(self) -> Platform:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def pages(
        self,
        *,
        query: str | None = None,
        category: str | None = None,
        status: str | None = None,
        openapi: bool = False,
        limit: int | None = None,
    ) -> Iterator[list[Listed]]:
        """Yield the catalogue, or what a search finds in it, page by page."""
        fixed = [
            (name, value)
            for name, value in (("q", query), ("category", category), ("status", status))
            if value is not None
        ]
        if limit is not None:
            fixed.append(("limit", str(limit)))
        if openapi:
            fixed.append(("expand", "openapi-3.0"))
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            body = self._get("models", fixed + ([("cursor", cursor)] if cursor else []))
            yield [listed_model(row) for row in _rows(body, "models")]
            following = body.get("next_cursor")
            if not body.get("has_more") or not isinstance(following, str) or following == cursor:
                return
            cursor = following
        raise HttpError(trouble("bad-reply", f"the catalogue has no end after {MAX_PAGES} pages"))

    def search(self, query: str, *, category: str | None = None, limit: int = 10) -> list[Listed]:
        """Return the first models that a search finds, fal's own order."""
        found: list[Listed] = []
        for page in self.pages(query=query, category=category, limit=limit):
            found += page
            if len(found) >= limit:
                break
        return found[:limit]

    def models(self, slugs: Iterable[str], *, openapi: bool = False) -> dict[str, Listed]:
        """Return those of the models that fal lists, by id; an id that is missing is not listed."""
        found: dict[str, Listed] = {}
        expand = [("expand", "openapi-3.0")] if openapi else []
        for part in _parts(slugs):
            try:
                body = self._get("models", [*_ids(part), *expand])
            except HttpError as error:
                if error.trouble.status not in (400, 404) or len(part) == 1:
                    if error.trouble.status == 404:
                        continue
                    raise
                half = len(part) // 2  # an id that the API chokes on must not lose the others
                found |= self.models(part[:half], openapi=openapi) | self.models(part[half:], openapi=openapi)
                continue
            rows = (listed_model(row) for row in _rows(body, "models"))
            found.update((row.slug, row) for row in rows if row.slug in part)
        return found

    def openapi(self, slug: str) -> dict[str, Any] | None:
        """Return the model's OpenAPI document; None when fal lists the model but has none, or does not list it."""
        listed = self.models([slug], openapi=True).get(slug)
        if listed is None:
            return None
        return listed.openapi or self.public_openapi(slug)

    def public_openapi(self, slug: str) -> dict[str, Any] | None:
        """Return the model's OpenAPI document from its public address, or None."""
        try:
            body = self._read(PUBLIC_OPENAPI, [("endpoint_id", slug)], keyed=False)
        except HttpError as error:
            if error.trouble.status == 404:
                return None
            raise
        return body if isinstance(body, dict) and "paths" in body else None

    def prices(self, slugs: Iterable[str], *, max_calls: int = MAX_PRICE_CALLS) -> Prices:
        """Return the base prices, 50 ids a call; unknown ids are named and do not lose the others.

        One unknown id fails a whole call with a 404. Where the reply names the id, the call is made again without
        it; where it does not, the ids are halved. ``max_calls`` bounds this for each 50; what is left is unknown.

        Raises:
            CredentialsError: there is no key; prices need one.
        """
        self._need_key("prices")
        known: dict[str, UnitPrice] = {}
        every: list[str] = []
        for part in _parts(slugs):
            every += part
            todo, calls = [part], 0
            while todo and calls < max_calls:
                group = todo.pop()
                calls += 1
                try:
                    body = self._get("models/pricing", _ids(group))
                except HttpError as error:
                    if error.trouble.status != 404:
                        raise
                    todo += _without_unknown(group, error.trouble.said)
                    continue
                known.update(_prices(body, group))
        return Prices(known, tuple(slug for slug in every if slug not in known))

    def estimate(self, quantities: dict[str, float], *, historical: bool = False) -> float:
        """Return what fal itself estimates, in USD: for so many units of each model, or (historical) so many calls."""
        self._need_key("estimates")
        kind, name = ("historical_api_price", "call_quantity") if historical else ("unit_price", "unit_quantity")
        endpoints = {slug: {name: quantity} for slug, quantity in quantities.items()}
        body = self._send("POST", "models/pricing/estimate", body={"estimate_type": kind, "endpoints": endpoints}).body
        cost = body.get("total_cost") if isinstance(body, dict) else None
        if not isinstance(cost, (int, float)) or isinstance(cost, bool):
            raise HttpError(trouble("bad-reply", "an estimate without total_cost"))
        return float(cost)

    def requests(self, slug: str, start: float, end: float) -> Iterator[PastRequest]:
        """Yield the account's requests to a model that were on record between two Unix times, with their inputs."""
        self._need_key("the history of requests")
        fixed = [
            ("endpoint_id", slug), ("start", _moment(start)), ("end", _moment(end)), ("limit", "100"),
            ("expand", "payloads"),
        ]  # fmt: skip
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            pages = fixed + ([("cursor", cursor)] if cursor else [])
            body = self._send("GET", "models/requests/by-endpoint", params=pages).body
            for row in _rows(body, "items"):
                request_id, sent = row.get("request_id"), row.get("sent_at")
                if isinstance(request_id, str) and row.get("endpoint_id") == slug:
                    ended = row.get("ended_at")
                    yield PastRequest(
                        request_id,
                        slug,
                        str(sent or ""),
                        ended if isinstance(ended, str) else None,
                        row.get("json_input"),
                    )
            following = body.get("next_cursor")
            if not body.get("has_more") or not isinstance(following, str) or following == cursor:
                return
            cursor = following

    def billed(self, request_id: str) -> float | None:
        """Return what a request cost in USD by the account's billing events; None while none is on record.

        Raises:
            HttpError: the key may not read billing (that takes an admin key), or the call failed.
        """
        self._need_key("billing events")
        rows = _rows(
            self._send("GET", "models/billing-events", params=[("request_id", request_id)]).body, "billing_events"
        )
        costs = [
            float(row["cost_total"])
            for row in rows
            if row.get("request_id") == request_id and isinstance(row.get("cost_total"), (int, float))
        ]
        return round(sum(costs), 9) if costs else None

    def _need_key(self, what: str) -> None:
        if self._credential is None:
            raise CredentialsError(f"{what} need a fal key, and none was found", hint=NO_KEY_HINT)

    def _get(self, path: str, params: Parameters) -> dict[str, Any]:
        body = self._read(f"{BASE}/{path}", params, keyed=True)
        if not isinstance(body, dict):
            raise HttpError(trouble("bad-reply", "a JSON object was expected"))
        return body

    def _read(self, url: str, params: Parameters, *, keyed: bool) -> Any:
        """Return the JSON reply to a GET: a stored one while it is fresh, or when fal says that it has not changed."""
        header = self._credential.header if keyed and self._credential is not None else ""
        address = f"{url}?{urlencode(list(params))}"
        stored = self._cache.get(address, header)
        if stored is not None and stored.fresh(self._ttl, time.time()):
            self._dated(stored.date, stored.stored_at)
            return stored.body
        conditions = {}
        if stored is not None and stored.etag:
            conditions["if-none-match"] = stored.etag
        if stored is not None and stored.last_modified:
            conditions["if-modified-since"] = stored.last_modified
        answer = self._request("GET", url, params, header, conditions)
        now = time.time()
        if answer.status == 304 and stored is not None:
            reply = stored._replace(stored_at=now, date=answer.headers.get("date", stored.date))
        else:
            reply = Reply(
                answer.body,
                answer.headers.get("date", ""),
                answer.headers.get("etag", ""),
                answer.headers.get("last-modified", ""),
                now,
            )
        self._cache.put(address, header, reply)
        self._dated(reply.date, now)
        return reply.body

    def _send(self, method: str, path: str, params: Parameters = (), body: Any = None) -> Answer:
        header = self._credential.header if self._credential is not None else ""
        return self._request(method, f"{BASE}/{path}", params, header, {}, body)

    def _request(
        self, method: str, url: str, params: Parameters, header: str, more: dict[str, str], body: Any = None
    ) -> Answer:
        headers = {"accept": "application/json", **more, **({"authorization": header} if header else {})}
        return read_json(
            self._client,
            method,
            url,
            params=params,
            headers=headers,
            body=body,
            tell=self._tell,
            patience=self._patience,
        )

    def _dated(self, date: str, stored_at: float) -> None:
        try:
            moment = parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError, OverflowError, IndexError):
            moment = stored_at
        day = time.strftime("%Y-%m-%d", time.gmtime(moment))
        self.as_of = min(self.as_of, day) if self.as_of else day


def _rows(body: Any, name: str) -> list[dict[str, Any]]:
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise HttpError(trouble("bad-reply", f"a list of {name} was expected"))
    return [row for row in rows if isinstance(row, dict)]


def listed_model(row: dict[str, Any]) -> Listed:
    """Return one row of a page of ``/v1/models``."""
    slug, metadata, document = row.get("endpoint_id"), row.get("metadata"), row.get("openapi")
    problem = None
    if isinstance(document, dict) and "paths" not in document:
        error = document.get("error")
        problem = str(error.get("message", "")) if isinstance(error, dict) else "a document without paths"
        document = None
    return Listed(
        slug if isinstance(slug, str) else "",
        metadata if isinstance(metadata, dict) else {},
        document if isinstance(document, dict) else None,
        problem,
    )


def _prices(body: dict[str, Any], group: list[str]) -> Iterator[tuple[str, UnitPrice]]:
    for row in _rows(body, "prices"):
        slug, usd, unit = row.get("endpoint_id"), row.get("unit_price"), row.get("unit")
        if slug in group and isinstance(usd, (int, float)) and not isinstance(usd, bool) and isinstance(unit, str):
            yield slug, UnitPrice(slug, float(usd), unit, str(row.get("currency", "USD")))


def _without_unknown(group: list[str], said: str) -> list[list[str]]:
    """Return the groups to ask for instead of one of which an id is unknown."""
    words = set(re.findall(r"[A-Za-z0-9._/-]+", said))
    named = [slug for slug in group if slug in words]
    if named:
        left = [slug for slug in group if slug not in named]
        return [left] if left else []
    half = len(group) // 2
    return [part for part in (group[:half], group[half:]) if part] if half else []


def _parts(slugs: Iterable[str]) -> Iterator[list[str]]:
    every = [slug for slug in dict.fromkeys(slugs) if slug.strip()]
    for start in range(0, len(every), MAX_IDS):
        yield every[start : start + MAX_IDS]


def _ids(slugs: Sequence[str]) -> list[tuple[str, str]]:
    return [("endpoint_id", slug) for slug in slugs]


def _moment(unix: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix))
