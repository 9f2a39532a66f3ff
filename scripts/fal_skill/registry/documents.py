"""A model as an OpenAPI document, in the shape that fal's own public per-model documents have."""

from __future__ import annotations

from typing import Any

from .model import Model, Schema

QUEUE_URL = "https://queue.fal.run"


def openapi_document(model: Model) -> dict[str, Any]:
    """Return an OpenAPI 3.1 document with the submit, status, cancel and result paths of one endpoint.

    Schemas are the snapshot's, so limits and null are missing; ``x-`` annotations are this project's own.
    """
    path = f"/{model.slug}"
    request = {"in": "path", "name": "request_id", "required": True, "schema": {"type": "string"}}
    status: Schema = {
        "type": "object",
        "properties": {
            "status": {"enum": ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]},
            "request_id": {"type": "string"},
            "response_url": {"type": "string"},
            "status_url": {"type": "string"},
            "cancel_url": {"type": "string"},
            "queue_position": {"type": "integer"},
        },
        "required": ["status", "request_id"],
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Queue OpenAPI for {model.slug}",
            "version": model.schema_date or model.last_seen,
            "x-fal-metadata": {"endpointId": model.slug, "category": model.category},
        },
        "servers": [{"url": QUEUE_URL}],
        "components": {
            "securitySchemes": {"apiKeyAuth": {"type": "apiKey", "in": "header", "name": "Authorization"}},
            "schemas": {
                "QueueStatus": status,
                "Input": model.input_schema or {"type": "object"},
                "Output": model.output_schema or {},
            },
        },
        "security": [{"apiKeyAuth": []}],
        "paths": {
            path: {
                "post": {
                    "requestBody": {"required": True, "content": _json("Input")},
                    "responses": {"200": _reply("QueueStatus")},
                }
            },
            f"{path}/requests/{{request_id}}": {
                "get": {"parameters": [request], "responses": {"200": _reply("Output")}}
            },
            f"{path}/requests/{{request_id}}/status": {
                "get": {"parameters": [request], "responses": {"200": _reply("QueueStatus")}}
            },
            f"{path}/requests/{{request_id}}/cancel": {
                "put": {"parameters": [request], "responses": {"200": {"description": "cancellation requested"}}}
            },
        },
    }


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _reply(name: str) -> dict[str, Any]:
    return {"description": name, "content": _json(name)}
