"""What is known of functions of the languages' libraries and of the SDKs: what they give, and whether they change."""

from __future__ import annotations

from .values import ARRAY, BASE64, BOOLEAN, FILE, NUMBER, OBJECT, STRING, UPLOAD

KINDS_BY_ANNOTATION = {
    "str": STRING, "string": STRING, "int": NUMBER, "float": NUMBER, "number": NUMBER, "bool": BOOLEAN,
    "boolean": BOOLEAN, "list": ARRAY, "List": ARRAY, "list[]": ARRAY, "List[]": ARRAY, "Sequence[]": ARRAY,
    "string[]": ARRAY, "dict": OBJECT, "Path": FILE, "pathlib.Path": FILE, "File": FILE, "Blob": FILE,
}  # fmt: skip
KINDS_BY_CALL = {
    "str": STRING, "String": STRING, "repr": STRING, "input": STRING, "int": NUMBER, "float": NUMBER, "len": NUMBER,
    "round": NUMBER, "Number": NUMBER, "parseInt": NUMBER, "parseFloat": NUMBER, "bool": BOOLEAN, "Boolean": BOOLEAN,
    "open": FILE, "Path": FILE, "pathlib.Path": FILE, "random.randint": NUMBER, "random.random": NUMBER,
    "Math.floor": NUMBER, "Math.round": NUMBER, "Math.random": NUMBER, "Date.now": NUMBER, "json.dumps": STRING,
    "JSON.stringify": STRING, "uuid.uuid4": "", "Array.from": ARRAY, "sorted": ARRAY,
    "base64.b64encode": BASE64, "base64.standard_b64encode": BASE64, "btoa": BASE64,
    "fal_client.upload": UPLOAD, "fal_client.upload_file": UPLOAD, "fal_client.upload_image": UPLOAD,
    "fal_client.upload_async": UPLOAD, "fal_client.upload_file_async": UPLOAD,
    "fal_client.upload_image_async": UPLOAD,
    "fal_client.encode": BASE64, "fal_client.encode_file": BASE64, "fal_client.encode_image": BASE64,
}  # fmt: skip
TEXT_METHODS = frozenset({
    "strip", "lower", "upper", "replace", "format", "join", "trim", "toLowerCase", "toUpperCase", "padStart",
    "read_text", "getvalue", "slice", "substring", "rstrip", "lstrip", "title", "isoformat", "toISOString", "toFixed",
})  # fmt: skip
HARMLESS = frozenset({
    "print", "len", "str", "repr", "dict", "list", "sorted", "isinstance", "json.dumps", "json.dump", "copy.copy",
    "copy.deepcopy", "console.log", "console.error", "JSON.stringify", "Object.keys", "Object.entries", "Object.values",
    "Object.freeze", "structuredClone", "pprint", "pprint.pprint", "vars", "type", "asyncio.to_thread",
})  # fmt: skip
"""Functions that an object may be handed to and come back unchanged."""
COPIES = frozenset(
    {"dict", "copy.copy", "copy.deepcopy", "structuredClone", "Object.freeze", "frozenset", "list", "tuple"}
)
