"""The result itself: the output schema, filled with what the call asks for."""

from __future__ import annotations

import base64
import math
import re
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from ...registry.sources.names import file_kind
from . import words
from .files import facts, field_recipe, file_name, published
from .schemas import DEEPEST, bounded, empty, fits, main_type, settled, shaped
from .wishes import MAX_COUNT, format_in, number, printable, wish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...registry import Model, Schema

_MAIN_LISTS = ("images", "image", "videos", "video", "audios", "audio")
_COUNTED_LISTS = re.compile(r"nsfw|^seeds$|^durations$|^filenames$")
"""Lists that have an item for each file of the main list."""
_TEXT_LISTS = ("texts", "prompts", "inputs")
"""Inputs that ask for one file for each of their items."""
_NEVER = ("file_data", "error", "error_type", "failed")
"""Optional fields that a successful result leaves out."""
_GATES = ("{}", "return_{}", "include_{}", "output_{}", "enable_{}", "with_{}", "generate_{}")
"""How a switch among the inputs is named that lets an optional output appear."""
_PARTIAL = ("output", "text", "reasoning", "reasoning_content", "description", "results")
"""Texts that grow while they are streamed."""
_TRUE = ("has_speech", "format_ok")
_FILE_LISTS = ("images", "image_layers")
"""Lists of files whose items have no type in the SDK's types."""
_FILE_FACTS = ("url", "content_type", "file_name", "file_size", "width", "height")
_LAST_FILE = ("duration", "sample_rate", "size_bytes", "file_size", "fps")
"""Fields beside a file that say something of it."""
_SOME_URL = "https://v3b.fal.media/files/b/file.png"


class Builder:
    """Makes one result, or one event of a stream."""

    def __init__(
        self,
        model: Model,
        arguments: Mapping[str, Any],
        seed_text: str,
        publish: Callable[[Any, str, str], str],
        step: tuple[int, int] = (1, 1),
    ) -> None:
        self.model = model
        self.arguments = arguments
        self.wish = wish(model, arguments, seed_text)
        self.kinds = {item.path: item.kind for item in model.file_outputs}
        self.publish = publish
        self.step = step
        self.draw = Random(self.wish.digest)
        self.last_file: dict[str, Any] = {}
        self.chosen: dict[str, Any] = {}
        """What kind of thing the list item in the making is, where the call asks for one item of each kind."""

    def result(self, schema: Schema) -> Any:
        """Return a value that fits the schema."""
        return self.value(schema, "", "", 0, 0)

    def value(self, schema: Schema, name: str, path: str, index: int, depth: int) -> Any:
        """Return a value of that schema for the field of that name; index is its place in a list."""
        schema = settled(schema, prefer_text=self.wish.hexadecimal and name == "audio")
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.choice(schema["enum"], name)
        kind = main_type(schema)
        if depth > DEEPEST:
            return empty(kind)
        if kind == "object":
            return self.object(schema, name, path, index, depth)
        if kind == "array":
            return self.list(schema, name, path, depth)
        if kind == "string":
            return self.text(schema, name, path, index)
        if kind in ("number", "integer"):
            return bounded(self.amount(schema, name, path, index), schema)
        if kind == "boolean":
            echo = self.echo(schema, name, path)
            return echo if echo is not None else self.step[0] < self.step[1] if name == "partial" else name in _TRUE
        if kind == "null":
            return None
        if name in _FILE_LISTS:
            known = self.file(name, path, index, ())
            return {fact: known[fact] for fact in _FILE_FACTS if fact in known}
        return words.anything(name, self.draw, index)

    def echo(self, schema: Schema, name: str, path: str) -> Any:
        """Return the argument, or the default, that a field of the result repeats; None where there is none."""
        if path != name or path in self.kinds or name in ("seed", "audio"):
            return None
        sent = self.arguments.get(name, self.model.default(name))
        return sent if isinstance(sent, (str, bool, int, float)) and fits(sent, schema) else None

    def choice(self, members: list[Any], name: str) -> Any:
        """Return one of the legal values: the argument of that name, else what suits best."""
        sent = self.chosen.get(name, self.arguments.get(name))
        if isinstance(sent, (str, int, float)) and sent in members:
            return members[members.index(sent)]
        return next((best for best in ("en", "assistant") if best in members), members[0])

    def object(self, schema: Schema, name: str, path: str, index: int, depth: int) -> dict[str, Any]:
        """Return an object with all required fields and those optional ones that a call like this one gets."""
        fields = schema.get("properties", {})
        required = schema.get("required", ())
        is_file = "url" in fields
        said = self.last_file.get(name)
        known = said if isinstance(said, dict) else {}
        if is_file:
            known = self.file(name, path, index, required)
        elif {"content", "content_type"} <= fields.keys() and {"width", "height"} & fields.keys():
            known = self.embedded(name, path, index, str(fields["content_type"].get("default")))
        made: dict[str, Any] = {}
        for field, inner in fields.items():
            if field in known and fits(known[field], inner):
                made[field] = known[field]
            elif field in required or (not is_file and self.appears(field, depth)):
                made[field] = self.value(inner, field, f"{path}.{field}" if path else field, index, depth + 1)
        return {**made, **{field: {} for field in required if field not in made}}

    def appears(self, field: str, depth: int) -> bool:
        """Whether an optional field belongs into this result: not where the inputs switch it off."""
        if field in _NEVER:
            return False
        if depth:
            return True
        inputs = self.model.properties
        kinds = inputs.get("output_type", {}).get("enum", ())
        if field in kinds:
            return bool(self.arguments.get("output_type", self.model.default("output_type")) == field)
        for gate in _GATES:
            switch = gate.format(field)
            if inputs.get(switch, {}).get("type") == "boolean":
                return bool(self.arguments.get(switch, self.model.default(switch)))
        return True

    def file(self, name: str, path: str, index: int, required: Any) -> dict[str, Any]:
        """Publish the file of a field, and return what can be said of it."""
        kind = self.kinds.get(f"{path}.url") or self.kinds.get(path)
        made = field_recipe(self.model, self.wish, name, kind, index, self.step)
        called = file_name(name, path, made, index, self.wish.digest)
        eager = "file_size" in required or ("bitrate" in required and made.kind == "video")
        url, size = published(made, called, self.wish, self.publish, eager=eager)
        self.last_file = facts(made, url, called, size)
        return self.last_file

    def embedded(self, name: str, path: str, index: int, content_type: str) -> dict[str, Any]:
        """Return what can be said of a file whose content stands in the result itself, as base64."""
        made = field_recipe(self.model, self.wish, name, self.kinds.get(path), index, self.step)
        usual = format_in(content_type.rpartition("/")[2], made.kind)
        made = replace(made, format=usual) if usual else made
        content = made()
        return facts(made, "", name, len(content)) | {"content": base64.b64encode(content).decode()}

    def list(self, schema: Schema, name: str, path: str, depth: int) -> list[Any]:
        """Return a list of as many items as the call asks for."""
        stated = schema.get("items")
        inner: Schema = stated if isinstance(stated, dict) else {}
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        field, kinds = self.kinds_asked(inner)
        count = int(max(least, min(most, len(kinds) or self.length(inner, name, depth))))
        listed = []
        for index in range(count):
            self.chosen = {field: kinds[index]} if index < len(kinds) else {}
            listed.append(self.value(inner, name, f"{path}[]", index, depth + 1))
        self.chosen = {}
        if schema.get("uniqueItems"):
            return [item for index, item in enumerate(listed) if item not in listed[:index]]
        return listed

    def kinds_asked(self, inner: Schema) -> tuple[str, Sequence[Any]]:
        """Return the field that says what an item is, and the kinds that the call lists: ``maps`` for ``map_type``."""
        for field, stated in settled(inner).get("properties", {}).items():
            members = stated.get("enum")
            for name, wanted in self.model.properties.items() if members else ():
                items = wanted.get("items")
                if wanted.get("type") == "array" and isinstance(items, dict) and items.get("enum") == members:
                    sent = self.arguments.get(name, self.model.default(name))
                    kinds = sent if isinstance(sent, list) else members
                    return field, tuple(dict.fromkeys(kind for kind in kinds if kind in members))[:MAX_COUNT]
        return "", ()

    def length(self, inner: Schema, name: str, depth: int) -> int:
        """Return how many items a list of that name has."""
        if depth <= 1 and (name in _MAIN_LISTS or _COUNTED_LISTS.search(name)):
            sent = next((sent for name in _TEXT_LISTS if isinstance(sent := self.arguments.get(name), list)), None)
            return max(1, min(32, len(sent))) if sent else self.wish.count
        if main_type(settled(inner)) in ("number", "integer"):
            return 4 if "box" in name else 3 if depth > 1 or "translation" in name else 1
        return 2 if name == "timestamp" else 1

    def text(self, schema: Schema, name: str, path: str, index: int) -> str:
        """Return a text: an argument's, a URL where the field holds a file, else words that suit the name."""
        echo = self.echo(schema, name, path)
        if echo is not None:
            return self.part(printable(echo), name)
        by_name = name.endswith(("_url", "_urls")) and fits(_SOME_URL, schema)
        if schema.get("x-file") or path in self.kinds or by_name:
            self.kinds.setdefault(path, schema.get("x-file") or file_kind(name))
            return str(self.file(name, path, index, ())["url"])
        if path in ("audio", "audio[]") and fits("00" * 99, schema):
            content = field_recipe(self.model, self.wish, name, "audio", index, self.step)()
            return content.hex() if self.wish.hexadecimal else base64.b64encode(content).decode()
        if name == "content_type" and name in self.last_file:
            return str(self.last_file[name])
        return shaped(self.part(words.text(name, self.wish), name), schema)

    def part(self, text: str, name: str) -> str:
        """Return the part of a text that has come by this step of a stream."""
        number, count = self.step
        return text if number >= count or name not in _PARTIAL else text[: max(1, len(text) * number // count)]

    def amount(self, schema: Schema, name: str, path: str, index: int) -> float:
        """Return a number: an argument's, what is known of the last file, else one that suits the name."""
        made = self.echo(schema, name, path)
        if made is None and name in _LAST_FILE:
            made = number(self.last_file.get("file_size" if name == "size_bytes" else name))
        if made is None:
            seconds = self.wish.video_seconds if "video" in self.model.media_out else self.wish.audio_seconds
            made = words.amount(name, self.wish, self.draw, seconds=seconds, index=index)
        # JSON has one kind of number, but a reader in Python or Java tells 24 and 24.0 apart.
        return made if isinstance(made, int) else int(made) if schema.get("x-int") or made.is_integer() else made
