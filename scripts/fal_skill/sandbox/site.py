"""``fal.ai``: what can be read there without a key: a model's OpenAPI document and its ``llms.txt``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

from .asking import Ask
from .replies import Json, detail

if TYPE_CHECKING:
    from starlette.responses import Response

    from ..registry import Model
    from .service import Service


class Site:
    """The public site."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def answer(self, ask: Ask) -> Response:
        """Return the answer to a request at the site's host."""
        ask.exchange.place = "site"
        ask.allow("GET", "HEAD")
        registry = self._service.catalog.registry
        if ask.path == "api/openapi/queue/openapi.json":
            from ..registry.documents import openapi_document

            model = registry.get(ask.query.get("endpoint_id", ""))
            if model is None or not model.has_schema:
                return detail(404, "Endpoint not found")
            return Json(openapi_document(model))
        if ask.path.startswith("models/") and ask.path.endswith("/llms.txt"):
            slug = ask.path.removeprefix("models/").removesuffix("/llms.txt")
            model = registry.get(slug)
            return PlainTextResponse(llms_text(model)) if model is not None else detail(404, "Not found")
        if ask.path in ("llms.txt", "docs/llms.txt"):
            return PlainTextResponse(
                "# fal\n\n" + "\n".join(f"- https://fal.ai/models/{entry.slug}/llms.txt" for entry in registry.entries)
            )
        return detail(404, "The sandbox does not imitate this page")


def llms_text(model: Model) -> str:
    """Return the plain-text page of a model: address, price, inputs, outputs, an example."""
    from ..prices import price_of
    from ..registry.compact import input_lines, output_lines
    from .results import minimal_arguments

    price = price_of(model.slug)
    cost = (
        f"${price.usd} per {price.unit} (as of {price.as_of})"
        if price is not None and price.usd is not None
        else "not known to the sandbox"
    )
    lines = [
        f"# {model.slug}", "", "## Overview", "", f"- Endpoint: https://fal.run/{model.slug}",
        f"- Model ID: {model.slug}",
        f"- Category: {model.category}", "", "## Pricing", "", cost, "", "## Input Schema", "",
        *(f"- {name}: {text}" for name, text in input_lines(model).items()), "", "## Output Schema", "",
        *(f"- {name}: {text}" for name, text in output_lines(model).items()), "", "## Required Parameters Example", "",
        "```json", json.dumps(minimal_arguments(model), indent=2), "```", "",
    ]  # fmt: skip
    return "\n".join(lines)
