"""The Python snippets use only what the installed fal-client has: names, parameters, and the internals they rely on."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
from typing import Any

import fal_client
import pytest

from fal_skill.registry import default_registry
from fal_skill.snippets import PATTERNS, written
from snippets.test_compiling import variants

CALLS = {
    "fal-ai/flux/schnell": {"prompt": "a"},
    "fal-ai/kling-video/v3/pro/image-to-video": {"start_image_url": "a.png", "prompt": "x"},
    "fal-ai/flux-2/klein/realtime": {"prompt": "a"},
}


def dotted(node: ast.expr) -> str:
    """Return ``fal_client.client.X`` for an attribute chain that starts at fal_client, else nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) and node.id == "fal_client" else ""


def resolved(name: str) -> Any:
    """Return what the installed package has under a dotted name."""
    found: Any = fal_client
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


def programs() -> list[ast.Module]:
    """Return the syntax trees of all Python snippets."""
    made = []
    for language, pattern in itertools.product(("python", "python-async"), PATTERNS):
        for slug, arguments in CALLS.items():
            model = default_registry().get(slug)
            assert model is not None
            for options in variants(language, pattern):
                made.append(ast.parse(written(model, dict(arguments), language, pattern, options).code))
    return made


TREES = programs()
NAMES = sorted(
    {name for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.expr) and (name := dotted(node))}
)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_sdk_exists(name: str) -> None:
    resolved(name)


def test_every_call_fits_the_signature() -> None:
    seen = set()
    for tree in TREES:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (name := dotted(node.func)):
                keywords = {keyword.arg: None for keyword in node.keywords if keyword.arg}
                inspect.signature(resolved(name)).bind(*node.args, **keywords)
                seen.add(name.removesuffix("_async"))
    assert {
        f"fal_client.{name}" for name in ("subscribe", "run", "submit", "stream", "realtime", "upload_file")
    } <= seen


@pytest.mark.parametrize("handle", [fal_client.SyncRequestHandle, fal_client.AsyncRequestHandle])
def test_a_handle_has_what_the_snippets_ask_of_it(handle: Any) -> None:
    assert "request_id" in {field.name for field in dataclasses.fields(handle)}
    assert {"with_logs", "interval"} <= set(inspect.signature(handle.iter_events).parameters)
    assert "interval" in inspect.signature(handle.get).parameters
    assert callable(handle.cancel)


def test_statuses_and_errors_have_the_fields_that_the_snippets_read() -> None:
    assert {"error", "logs"} <= {field.name for field in dataclasses.fields(fal_client.Completed)}
    assert {"message", "status_code"} <= {field.name for field in dataclasses.fields(fal_client.FalClientHTTPError)}
    error = fal_client.client.RealtimeError("CODE", "why")
    assert (error.error, error.reason) == ("CODE", "why")


def test_the_number_of_attempts_is_read_when_a_request_is_made() -> None:
    """Otherwise lowering it for one submit would have no effect; the loopback tests prove the effect itself."""
    assert isinstance(fal_client.client.MAX_ATTEMPTS, int)
    for function in (fal_client.client._maybe_retry_request, fal_client.client._async_maybe_retry_request):
        assert "MAX_ATTEMPTS" in function.__code__.co_names
