"""Results that are read in a way in which the SDK or the model does not give them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...arguments import ERROR, WARNING
from ...fields import nearest_field
from ...registry import DIRECT, KNOWN, LIVE, MERGED, REPAIRED, Model, Schema
from .. import results
from ..call import JAVASCRIPT_SDK, OLD_JAVASCRIPT_SDK, PYTHON_SDK, STREAM, Access, Call
from ..problem import Problem
from ..values import EACH, Path
from .context import File, Source, all_calls

_SURE = frozenset({DIRECT, REPAIRED, LIVE, MERGED})
"""Merged types are of equal shape: their field names are the model's own (registry.md)."""
_REPLY = frozenset({
    "request_id", "status", "response_url", "status_url", "cancel_url", "queue_position", "gateway_request_id", "logs",
    "metrics", "error", "error_type", "detail",
})  # fmt: skip
_HANDLE = frozenset({
    "request_id", "response_url", "status_url", "cancel_url", "client", "get", "iter_events", "status", "cancel",
    "from_request_id", "__class__",
})  # fmt: skip
_STATUS_OBJECT = frozenset({"position", "logs", "metrics", "error", "error_type", "__class__", "__dict__"})

_STORE = re.compile(
    r"(?:^|[._])(?:insert|insert_one|insertOne|insert_many|insertMany|upsert|update|update_one|updateOne|create|save|add|"
    r"set|put|put_item|putItem|setItem|execute|executemany|write_text|write|writeFile|writeFileSync|dump|hset|append_row|"
    r"set_item|setDoc|addDoc|updateDoc|bulk_create|update_or_create)$"
)
_EXTRAS = frozenset({"seed", "timings", "prompt", "has_nsfw_concepts", "request_id"})
"""Fields beside what was asked for, which many models have: code may look for them where this one has none."""
_NOT_STORE = re.compile(
    r"^set[A-Z]\w*$|(?:^|\.)(?:stdout|stderr|console|res|response|reply|router|headers|searchParams)\.\w+$"
)
_DOWNLOAD = re.compile(
    r"download|urlretrieve|urlopen|requests\.get|httpx\.(?:get|stream|AsyncClient|Client)|aiohttp|iter_content|"
    r"arrayBuffer|createWriteStream|\.blob\(|\bcurl\b|\bwget\b|axios|fetch\(|\.stream\(|http\.get|upload|\bs3\b|\br2\b|bucket|"
    r"storage\.from|cloudinary|put_object|PutObject|requests as|session\.get|client\.get",
    re.IGNORECASE,
)
"""What code that keeps a copy of a file says; a file with any of it is given the benefit of the doubt."""


def output_problems(file: File) -> Iterator[Problem]:
    """Yield the results that are misread, calls that are not awaited, and URLs that are kept without their files."""
    for source, call in all_calls(file):
        wrapper = list(_wrapper(file, call))
        yield from wrapper
        if not wrapper:
            yield from _fields(file, call)
        if not call.awaited and any(access.path for access in call.accesses):
            message = f"{call.method} is asynchronous and is not awaited"
            yield file.problem(call.place, ERROR, "missing-await", message, "await it", call=call)
        yield from _stored(file, source, call)


def _wrapper(file: File, call: Call) -> Iterator[Problem]:
    """Yield the accesses that take the SDK's result for something else."""
    if call.client == PYTHON_SDK:
        yield from _python(file, call)
    elif call.client in (JAVASCRIPT_SDK, OLD_JAVASCRIPT_SDK):
        yield from _javascript(file, call)
    elif call.client in ("http", "curl"):
        # by HTTP the answer is the model's output itself
        accesses = [access for access in call.accesses if access.kind == results.OUTPUT]
        yield from _unwrapped(file, call, accesses, "over HTTP the answer is the output itself", WARNING)


def _python(file: File, call: Call) -> Iterator[Problem]:
    accesses = [access for access in call.accesses if access.kind == results.OUTPUT]
    right = any(not access.attribute and access.path and access.path[0] != "data" for access in accesses)
    for access in accesses:
        if access.attribute and not (access.optional and right):
            name = access.path[-1]
            how = f'result["{name}"]' if len(access.path) == 1 and name != "data" else "result[…]"
            message = f"the result is a dict: .{name} raises AttributeError"
            hint = "the output is the result itself, without .data" if name == "data" else f"write {how}"
            yield file.problem(access.place, ERROR, "result-access", message, hint, path=str(access), call=call)
    plain = [access for access in accesses if not access.attribute]
    yield from _unwrapped(file, call, plain, "the Python client gives the output itself", ERROR)
    for access in call.accesses:
        if access.kind == results.HANDLE and access.path:
            step = access.path[0]
            if not access.attribute:
                message = f"the handle is an object: [{step!r}] raises TypeError"
                hint = f"write handle.{step}" if step in _HANDLE else "handle.get() gives the output"
                yield file.problem(access.place, ERROR, "result-access", message, hint, path=str(access), call=call)
            elif step not in _HANDLE:
                hint = "handle.get() gives the output"
                message = f"a request handle has no {step}"
                yield file.problem(access.place, ERROR, "result-access", message, hint, path=str(access), call=call)


def _unwrapped(file: File, call: Call, accesses: list[Access], why: str, severity: str) -> Iterator[Problem]:
    """Yield the accesses to ``["data"]`` of an output that has no such field."""
    if any(access.path and access.path[0] != "data" for access in accesses):
        return  # the program tries both
    for access in accesses:
        if access.path and access.path[0] == "data" and _lacks(file, call, "data"):
            yield file.problem(
                access.place, severity, "result-access", f"{why}, and it has no field data", "leave out data",
                path=str(access), call=call,
            )  # fmt: skip
            return


def _lacks(file: File, call: Call, name: str) -> bool:
    """Whether the output of every model that the call may mean is known, and lacks a field."""
    models = [file.registry.get(slug) for slug in call.slugs]
    schemas = [model.output_schema if model is not None else None for model in models]
    return bool(schemas) and all(schema is not None and missing_step(schema, (name,)) == 0 for schema in schemas)


def _javascript(file: File, call: Call) -> Iterator[Problem]:
    accesses = [access for access in call.accesses if access.kind == results.WRAPPED and access.path]
    if accesses and not any(access.path[0] == "data" for access in accesses):
        for access in accesses:
            if access.path[0] not in ("requestId", "data", EACH) and isinstance(access.path[0], str):
                message = f"the result is {{data, requestId}}: {access} is undefined"
                hint = "write result.requestId" if access.path[0] == "request_id" else f"write result.data.{access}"
                yield file.problem(access.place, ERROR, "result-access", message, hint, path=str(access), call=call)
    if call.client == OLD_JAVASCRIPT_SDK:
        old = [access for access in call.accesses if access.kind == results.OUTPUT]
        yield from _unwrapped(file, call, old, "this client gives the output itself", WARNING)
    for access in call.accesses:
        name = access.path[0] if access.path and access.kind == results.REPLY else ""
        if isinstance(name, str) and name and name not in _REPLY and not access.optional:
            hint = "it has request_id" if name == "requestId" else "it has request_id, status_url, response_url"
            yield file.problem(
                access.place, ERROR, "result-access", f"the reply to a submit has no {name}", hint, path=str(access),
                call=call,
            )  # fmt: skip


def _fields(file: File, call: Call) -> Iterator[Problem]:
    """Yield the accesses to fields that the model's output does not have."""
    models = [model for model in map(file.registry.get, call.slugs) if model is not None]
    if not models or len(models) < len(call.slugs) or call.pattern == STREAM:
        return
    read = [(access, path) for access in call.accesses for path in (_output_path(call, access),) if path]
    found = [(access, path, [_missing(model, path) for model in models]) for access, path in read]
    right = any(None in steps for _, _, steps in found)
    said: set[Path] = set()
    for access, path, steps in found:
        if None in steps or not access.sure or (access.optional and (right or path[0] in _EXTRAS)):
            continue
        step = max(step for step in steps if step is not None)
        if path[: step + 1] in said:
            continue
        said.add(path[: step + 1])
        model = models[0]
        top = step == 0 or (step == 1 and _is_list(model, path[0]))
        top = top and not access.optional and call.certain and len(models) == 1
        is_sure = model.output_evidence in _SURE and model.status == KNOWN
        severity = ERROR if top and is_sure else WARNING
        yield file.problem(
            access.place, severity, "output-field", _said(model, path, step), _hinted(model, path, step),
            path=str(access), call=call,
        )  # fmt: skip


def _output_path(call: Call, access: Access) -> Path:
    """Return the part of an access that is about the model's output."""
    if access.attribute or (access.compared and access.kind != results.OUTPUT):
        return ()
    if access.kind == results.OUTPUT:
        return access.path
    if access.kind == results.WRAPPED and access.path and access.path[0] == "data":
        return access.path[1:]
    return ()


def _missing(model: Model, path: Path) -> int | None:
    return missing_step(model.output_schema, path) if model.output_schema else None


def missing_step(schema: Schema, path: Path) -> int | None:
    """Return the index of the first step of a path that the schema does not have; None where all may be there."""
    for place, step in enumerate(path):
        options = [option for option in (schema, *schema.get("anyOf", ())) if option and "anyOf" not in option]
        inner: Schema | None = None
        unsure = not options
        for option in options:
            kind = option.get("type")
            if isinstance(step, str):
                fields = option.get("properties")
                if fields and step in fields:
                    inner = fields[step]
                elif (not fields and kind in ("object", None)) or option.get("additionalProperties"):
                    unsure = True
            elif kind == "array":
                inner = option.get("items") if isinstance(option.get("items"), dict) else {}
            elif (kind is None and "properties" not in option) or step is EACH or kind == "string":
                unsure = True  # a loop over an object's keys, an index into a text
            if inner is not None:
                break
        if inner is None:
            return None if unsure else place
        schema = inner
    return None


def _is_list(model: Model, name: object) -> bool:
    """Whether a field of the output is a list and nothing else."""
    field = (model.output_schema or {}).get("properties", {}).get(name, {})
    return bool(field.get("type") == "array" and "anyOf" not in field)


def _at(schema: Schema, path: Path) -> Schema:
    for step in path:
        options = (schema, *schema.get("anyOf", ()))
        if isinstance(step, str):
            schema = next(
                (option["properties"][step] for option in options if step in option.get("properties", {})), {}
            )
        else:
            schema = next((option["items"] for option in options if isinstance(option.get("items"), dict)), {})
    return schema


def _said(model: Model, path: Path, step: int) -> str:
    before = str(Access(path[:step], results.OUTPUT, (0, 0)))  # type: ignore[arg-type]
    where = f"{before} of the output" if before else "the output"
    name = path[step]
    return f"{where} of {model.slug} " + (f"has no field {name}" if isinstance(name, str) else "is no list")


def _hinted(model: Model, path: Path, step: int) -> str:
    at = _at(model.output_schema or {}, path[:step])
    options = (at, *at.get("anyOf", ()))
    fields = [name for option in options for name in option.get("properties", {})]
    if not fields:
        is_list = any(option.get("type") == "array" for option in options)
        return "it is a list: take an item first" if is_list else ""
    near = nearest_field(str(path[step]), fields)
    return (f"did you mean {near}? " if near else "") + f"fields: {', '.join(fields[:10])}"


def _stored(file: File, source: Source, call: Call) -> Iterator[Problem]:
    """Yield a result's URL that goes into a store, in a file that nowhere keeps the file behind it."""
    for access in call.accesses:
        path = _output_path(call, access)
        if not access.sink or not path or path[-1] != "url" or not _STORE.search(access.sink):
            continue
        if _NOT_STORE.search(access.sink) or _DOWNLOAD.search(_without(source.unit.text, access.sink)):
            continue
        message = f"the output's URL is stored by {access.sink}, and nothing here keeps its file"
        hint = "download it, or copy it to your own storage, before the URL expires"
        yield file.problem(access.place, WARNING, "stored-url", message, hint, path=str(access), call=call)
        return


def _without(text: str, sink: str) -> str:
    return text.replace(sink, "")
