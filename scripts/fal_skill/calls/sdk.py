"""The functions of fal's clients: which pattern each one is, and what it takes.

Signatures are those of ``fal_client`` 1.0.3 (PyPI, 2026-09-21) and ``@fal-ai/client`` 1.10.1 (npm).
"""

from __future__ import annotations

from typing import NamedTuple

from .call import (
    AI_SDK,
    CANCEL,
    JAVASCRIPT_SDK,
    OLD_JAVASCRIPT_SDK,
    PYTHON_SDK,
    REALTIME,
    RESULT,
    RUN,
    STATUS,
    STREAM,
    SUBMIT,
    SUBSCRIBE,
    UPLOAD,
)


class Operation(NamedTuple):
    """One function of a client."""

    client: str
    method: str
    """Its name in the SDK: ``subscribe_async``, ``queue.submit``."""
    pattern: str
    takes: tuple[str, ...] = ()
    """The named arguments (Python) or options (JavaScript) that it takes."""
    is_async: bool = False
    gives: str = ""
    """What it gives back: output, wrapped, handle, reply, status-object, status, stream, url; empty for nothing."""


_PY = "application", "arguments"
_PY_ID = "application", "request_id"
_PYTHON: dict[str, tuple[str, tuple[str, ...], str]] = {
    "run": (RUN, (*_PY, "method", "path", "timeout", "start_timeout", "hint", "headers"), "output"),
    "submit": (
        SUBMIT,
        (*_PY, "path", "hint", "webhook_url", "priority", "headers", "start_timeout"),
        "handle",
    ),
    "subscribe": (
        SUBSCRIBE,
        (*_PY, "path", "hint", "with_logs", "interval", "on_enqueue", "on_queue_update", "priority", "headers",
         "start_timeout", "client_timeout"),
        "output",
    ),
    "stream": (STREAM, (*_PY, "path", "timeout", "headers"), "stream"),
    "status": (STATUS, (*_PY_ID, "with_logs"), "status-object"),
    "result": (RESULT, _PY_ID, "output"),
    "cancel": (CANCEL, _PY_ID, ""),
    "get_handle": (RESULT, _PY_ID, "handle"),
    "realtime": (
        REALTIME,
        ("application", "use_jwt", "path", "max_buffering", "token_expiration", "encode_message", "decode_message"),
        "",
    ),
    "ws_connect": (REALTIME, ("application", "use_jwt", "path", "max_buffering", "token_expiration"), ""),
    "upload": (
        UPLOAD,
        ("data", "content_type", "file_name", "repository", "fallback_repository", "lifecycle"),
        "url",
    ),
    "upload_file": (UPLOAD, ("path", "repository", "fallback_repository", "lifecycle"), "url"),
    "upload_image": (UPLOAD, ("image", "format", "repository", "fallback_repository", "lifecycle"), "url"),
}  # fmt: skip
"""Functions of ``fal_client``; all but get_handle exist with ``_async`` too."""

_JS_RUN = ("input", "method", "abortSignal", "storageSettings", "startTimeout", "hint")
_JS_SUBMIT = (*_JS_RUN, "webhookUrl", "priority", "headers")
_JS_FOLLOW = ("logs", "onEnqueue", "onQueueUpdate", "mode", "pollInterval", "timeout", "connectionMode")
_JS_ID = ("requestId", "abortSignal")
_JAVASCRIPT: dict[str, tuple[str, tuple[str, ...], str]] = {
    "run": (RUN, _JS_RUN, "wrapped"),
    "subscribe": (SUBSCRIBE, (*_JS_SUBMIT, *_JS_FOLLOW), "wrapped"),
    "stream": (
        STREAM,
        ("input", "queryParams", "timeout", "method", "accept", "connectionMode", "signal", "tokenProvider", "url",
         "endpointId"),
        "stream",
    ),
    "streaming.stream": (STREAM, (), "stream"),
    "queue.submit": (SUBMIT, _JS_SUBMIT, "reply"),
    "queue.status": (STATUS, (*_JS_ID, "logs"), "status"),
    "queue.streamStatus": (STATUS, (*_JS_ID, "logs", "connectionMode"), ""),
    "queue.subscribeToStatus": (STATUS, (*_JS_ID, *_JS_FOLLOW), "status"),
    "queue.result": (RESULT, _JS_ID, "wrapped"),
    "queue.cancel": (CANCEL, _JS_ID, ""),
    "realtime.connect": (REALTIME, (), ""),
    "storage.upload": (UPLOAD, (), "url"),
}  # fmt: skip
_JAVASCRIPT_OTHERS = frozenset({"config", "storage.transformInput", "queue", "storage", "realtime", "streaming"})
"""Members of the client that are no calls to a model."""
_AI_SDK = {"image": RUN, "imageModel": RUN, "video": RUN, "videoModel": RUN, "transcription": RUN, "speech": RUN}

_PYTHON_ROOTS = (
    "fal_client.SyncClient().", "fal_client.AsyncClient().", "fal_client.sync_client.", "fal_client.async_client.",
)  # fmt: skip
_JAVASCRIPT_ROOTS = (
    ("@fal-ai/client.fal.", JAVASCRIPT_SDK), ("@fal-ai/client.createFalClient().", JAVASCRIPT_SDK),
    ("@fal-ai/client.default.", JAVASCRIPT_SDK), ("@fal-ai/serverless-client.default.", OLD_JAVASCRIPT_SDK),
    ("@fal-ai/serverless-client.fal.", OLD_JAVASCRIPT_SDK),
    ("@fal-ai/serverless-client.", OLD_JAVASCRIPT_SDK), ("@fal-ai/client.", JAVASCRIPT_SDK),
    ("falClient.", JAVASCRIPT_SDK), ("fal.", JAVASCRIPT_SDK),
)  # fmt: skip
_AI_SDK_ROOTS = ("@ai-sdk/fal.fal.", "@ai-sdk/fal.createFal().")


def operation(reference: str, language: str) -> Operation | None:
    """Return what a reference stands for in fal's clients, or None when it is none of their functions."""
    if language == "python":
        return _python(reference)
    for root in _AI_SDK_ROOTS:
        if reference.startswith(root) and reference.removeprefix(root) in _AI_SDK:
            method = reference.removeprefix(root)
            return Operation(AI_SDK, method, _AI_SDK[method])
    client, method = _javascript_method(reference)
    if method not in _JAVASCRIPT:
        return None
    pattern, takes, gives = _JAVASCRIPT[method]
    if client == OLD_JAVASCRIPT_SDK and gives == "wrapped":
        gives = "output"  # the old client gave the model's output itself
    return Operation(client, method, pattern, takes, True, gives)


def _python(reference: str) -> Operation | None:
    method, is_async_client = _python_method(reference)
    name = method.removesuffix("_async")
    if name not in _PYTHON or (name == "get_handle" and not _on_client(reference)):
        return None
    pattern, takes, gives = _PYTHON[name]
    is_async = is_async_client or method.endswith("_async")
    return Operation(PYTHON_SDK, method, pattern, takes, is_async, gives)


def _on_client(reference: str) -> bool:
    return reference.replace("fal_client.client.", "fal_client.").startswith(_PYTHON_ROOTS)


def _python_method(reference: str) -> tuple[str, bool]:
    reference = reference.replace("fal_client.client.", "fal_client.", 1)
    for root in _PYTHON_ROOTS:
        if reference.startswith(root):
            return reference.removeprefix(root), root.startswith(("fal_client.Async", "fal_client.async"))
    return (reference.removeprefix("fal_client."), False) if reference.startswith("fal_client.") else ("", False)


def _javascript_method(reference: str) -> tuple[str, str]:
    for root, client in _JAVASCRIPT_ROOTS:
        if reference.startswith(root):
            return client, reference.removeprefix(root)
    return "", ""


def is_fal(reference: str) -> bool:
    """Whether a reference belongs to one of fal's clients."""
    return reference.startswith(("fal_client", "@fal-ai/", "@ai-sdk/fal", "fal.", "falClient."))


def unknown_method(reference: str, language: str) -> str:
    """Return the method that a reference names on a client and that the client does not have; otherwise empty."""
    if language == "python":
        method = _python_method(reference)[0]
        first = method.partition(".")[0]
        if not method or "(" in method or not first.isidentifier():
            return ""
        known = _PYTHON_CLIENT if _on_client(reference) else PYTHON_EXPORTS
        return "" if first in known or first.startswith("__") else method
    client, method = _javascript_method(reference)
    if client != JAVASCRIPT_SDK or "(" in method or method in _JAVASCRIPT or method in _JAVASCRIPT_OTHERS:
        return ""
    if reference.startswith("@fal-ai/client.") and not reference.startswith(
        ("@fal-ai/client.fal.", "@fal-ai/client.createFalClient().")
    ):
        return ""  # a named export, or the default that the package does not have
    return method


PYTHON_EXPORTS = frozenset({
    *_PYTHON, *(f"{name}_async" for name in _PYTHON), "encode", "encode_file", "encode_image", "sync_client",
    "async_client", "client", "auth", "SyncClient", "AsyncClient", "SyncRequestHandle", "AsyncRequestHandle", "Queued",
    "InProgress", "Completed", "Status", "FalClientError", "FalClientHTTPError", "FalClientTimeoutError",
    "RealtimeConnection", "AsyncRealtimeConnection", "StorageSettings", "StorageACL", "StorageACLRule",
    "StorageACLDecision", "ObjectExpiration", "set_get_current_app", "version_tuple", "_version", "_headers",
}) - {"get_handle", "get_handle_async"}  # fmt: skip
"""What ``fal_client`` exports."""
_PYTHON_CLIENT = frozenset({*_PYTHON, "key", "default_timeout", "_client", "_token_manager"})
"""What its client objects have; their methods go without ``_async``."""
