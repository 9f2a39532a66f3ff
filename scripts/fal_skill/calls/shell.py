"""The fal calls of shell text: curl, the genmedia CLI, this skill's own scripts, and ``mcp add`` commands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from .call import CURL, GENMEDIA, LOOKUP, MCP, RUN, SCRIPT, STATUS, STREAM, SUBMIT, Access, Call
from .commands import Command, Word
from .http import target
from .languages import JAVASCRIPT, PYTHON, language_of
from .units import Unit, inner
from .values import EACH, STRING, Fields, Items, Path, Place, Unknown, Value, from_json, texts

_DATA = frozenset({"-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--json"})
_URL = re.compile(r"\A(?:https?://)?(?:queue\.)?(?:fal\.run|falrun\.com)/")
_MCP_URL = re.compile(r"\Ahttps?://[\w.-]*fal\.ai/\S*mcp")
_JQ_PATH = re.compile(r"\A\s*(?:\.[A-Za-z_]\w*|\[\d*\]|\.\[\d*\])+(?:\s*//.*)?\s*\Z")
_JQ_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d*)\]")
_SCRIPTS = {
    "run_model.py": RUN, "verify_slug.py": LOOKUP, "fetch_schema.py": LOOKUP, "estimate_cost.py": LOOKUP,
    "render_snippet.py": LOOKUP, "write_brief.py": LOOKUP,
}  # fmt: skip
_GENMEDIA = {"run": RUN, "schema": LOOKUP, "pricing": LOOKUP, "status": STATUS}
_GENMEDIA_FLAGS = frozenset({"--async", "--json", "--help", "--logs", "--download"})
_HOLE = "\ue000"
_BARE_HOLE = "\ue001"
"""Stand for an expansion inside a JSON string, and for one that is a whole JSON value."""
_FILLED = re.compile("[\ue000\ue001]")


def shell_calls(unit: Unit, found: list[Command]) -> list[Call]:
    """Return the fal calls of the commands of a unit."""
    calls: list[Call] = []
    followed = {id(command.piped_from): command for command in found if command.piped_from is not None}
    for command in found:
        made = _call(unit, command, followed.get(id(command)))
        if made is not None:
            calls.append(made)
    return calls


def embedded_units(unit: Unit, found: list[Command]) -> Iterator[Unit]:
    """Yield the programs that the commands hold: ``python - <<'EOF'``, ``python -c '…'``, ``cat > app.py <<'EOF'``."""
    for command in found:
        names = [word.text.rpartition("/")[2] for word in command.words]
        language = next((_interpreter(name) for name in names[:3] if _interpreter(name)), None)
        if command.document is not None:
            written = language_of(command.target) if command.target and names[:1] in (["cat"], ["tee"]) else None
            if names[:1] == ["tee"] and len(names) > 1:
                written = language_of(names[-1])
            chosen = written or language
            if chosen:
                yield inner(unit, command.document, chosen, command.document_line)
        for place, word in enumerate(command.words[:-1]):
            if language and word.text in ("-c", "-e", "--eval") and place:
                code = command.words[place + 1]
                if code.text:
                    yield inner(unit, code.text, language, code.place.line, column=code.place.column + 1)


def _interpreter(name: str) -> str | None:
    if re.fullmatch(r"python[\d.]*|ipython", name):
        return PYTHON
    return JAVASCRIPT if name in ("node", "bun", "deno", "tsx") else None


def _call(unit: Unit, command: Command, following: Command | None) -> Call | None:
    names = [word.text.rpartition("/")[2] for word in command.words]
    if command.name in ("curl", "http", "https", "wget", "xh"):
        return _curl(unit, command, following)
    for place, name in enumerate(names[:4]):
        if name == "genmedia" and place + 1 < len(names):
            return _genmedia(unit, command, place)
        if name in _SCRIPTS:
            return _script(unit, command, place, _SCRIPTS[name])
    if "mcp" in names[:3] or any(name == "mcp-remote" for name in names):
        return _mcp(unit, command)
    return None


def _placed(unit: Unit, place: Place) -> Place:
    return unit.place(place)


def _curl(unit: Unit, command: Command, following: Command | None) -> Call | None:
    url: Word | None = None
    method = ""
    bodies: list[Word] = []
    headers = []
    words = command.words[1:]
    index = 0
    while index < len(words):
        word = words[index]
        text = word.text
        value = words[index + 1] if index + 1 < len(words) else None
        if text in _DATA and value is not None:
            bodies.append(value)
            index += 1
        elif text in ("-X", "--request") and value is not None:
            method = value.text
            index += 1
        elif text in ("-H", "--header") and value is not None:
            headers.append(value)
            index += 1
        elif text.startswith("-X") and len(text) > 2:
            method = text[2:]
        elif text.startswith("-d") and len(text) > 2 and not text.startswith("--"):
            bodies.append(Word(text[2:], word.place))
        elif "=" in text and text.partition("=")[0] in _DATA:
            bodies.append(Word(text.partition("=")[2], word.place))
        elif url is None and _is_address(word):
            url = word
        index += 1
    if url is None:
        return None
    urls = texts(url.value) or ("*".join(url.value.shape) if isinstance(url.value, Unknown) else "",)
    urls = tuple(address if "://" in address else f"https://{address}" for address in urls)
    made = [found for found in (target(address, method) for address in urls) if found is not None]
    if not made:
        return None
    pattern = made[0].pattern
    slugs = tuple(dict.fromkeys(found.slug for found in made if "/" in found.slug and "*" not in found.slug))
    needs = pattern in (RUN, SUBMIT, STREAM)
    why = "" if slugs or not needs else f"the model is not settled: {urls[0][:80]}"
    arguments = _body(unit, command, bodies) if needs and (bodies or method.upper() == "POST") else None
    if arguments is None and needs and bodies:
        arguments = Unknown("")
    accesses = _jq(unit, following, "reply" if pattern == SUBMIT else "output" if needs else pattern)
    return Call(
        unit.file, _placed(unit, command.place), unit.language, CURL, pattern, slugs, isinstance(url.value, str),
        arguments, accesses=accesses, unresolved=why, end_line=_placed(unit, Place(command.end_line, 1)).line,
        method=method.upper(), url=urls[0][:200],
    )  # fmt: skip


def _is_address(word: Word) -> bool:
    values = texts(word.value) or (word.value.shape[:1] if isinstance(word.value, Unknown) else ())
    return any(_URL.match(value) for value in values)


def _body(unit: Unit, command: Command, bodies: list[Word]) -> Fields | Unknown | None:
    if not bodies:
        return None
    word = bodies[0]
    if word.text in ("@-", "@/dev/stdin"):
        source = command if command.document is not None else command.piped_from
        if source is not None and source.document is not None:
            return _json(unit, source.document, Place(source.document_line, 1))
        return Unknown("@-")
    if word.text.startswith("@"):
        return Unknown(word.text)
    return _json(unit, word.value, word.place)


def _json(unit: Unit, value: Value, place: Place) -> Fields | Unknown:
    """Return the JSON of a text whose holes are expansions."""
    pieces = value.shape if isinstance(value, Unknown) else (value,) if isinstance(value, str) else ()
    if not pieces or not any(piece.strip() for piece in pieces):
        return Unknown(value.source if isinstance(value, Unknown) else "")
    text = pieces[0]
    for piece in pieces[1:]:
        text += (_HOLE if _inside_string(text) else f'"{_BARE_HOLE}"') + piece
    try:
        made = _filled(json.loads(text))
    except (ValueError, RecursionError):
        return Unknown(pieces[0][:60])
    if not isinstance(made, Fields):
        return Unknown(pieces[0][:60])
    for name in made:
        at = text.find(json.dumps(name))
        if at >= 0:
            line = place.line + text.count("\n", 0, at)
            column = at - text.rfind("\n", 0, at) if "\n" in text[:at] else place.column + at + 1
            made.places[name] = _placed(unit, Place(line, column))
    return made


def _inside_string(text: str) -> bool:
    return len(re.findall(r'(?<!\\)(?:\\\\)*"', text)) % 2 == 1


def _filled(value: object) -> Value:
    if isinstance(value, str):
        if _FILLED.search(value) is None:
            return value
        return Unknown("$", "" if value == _BARE_HOLE else STRING)
    if isinstance(value, dict):
        return Fields((name, _filled(part)) for name, part in value.items() if not _FILLED.search(name))
    if isinstance(value, list):
        return Items(_filled(part) for part in value)
    return value


def _jq(unit: Unit, following: Command | None, kind: str) -> tuple[Access, ...]:
    """Return what a jq filter behind the call reads."""
    if following is None or following.name != "jq":
        return ()
    for word in following.words[1:]:
        if _JQ_PATH.match(word.text):
            path: Path = tuple(
                step[1] or (int(step[2]) if step[2] else EACH)
                for step in _JQ_STEP.finditer(word.text.partition("//")[0])
            )
            return (Access(path, kind, _placed(unit, word.place), "//" in word.text),)
    return ()


def _genmedia(unit: Unit, command: Command, place: int) -> Call | None:
    verb = command.words[place + 1].text
    if verb not in _GENMEDIA:
        return None
    words = command.words[place + 2 :]
    slug = words[0] if words and not words[0].text.startswith("-") else None
    arguments = Fields()
    index = 0 if slug is None else 1
    while index < len(words):
        name = words[index].text
        following = words[index + 1] if index + 1 < len(words) else None
        has_value = following is not None and not following.text.startswith("--")
        if name.startswith("--") and name not in _GENMEDIA_FLAGS:
            # genmedia takes everything after the dashes as the field, "=" included
            value = _coerced(following.value) if has_value and following is not None else True
            arguments.put(name[2:], value, _placed(unit, words[index].place))
            index += has_value
        elif name == "--download" and has_value:
            index += 1
        elif not name:
            arguments.more = True
        index += 1
    names = tuple(text for text in texts(slug.value) if "/" in text) if slug is not None else ()
    names = tuple(name for name in names if "<" not in name)
    why = "" if names else "genmedia chooses the model from the prompt, or the text leaves it open"
    literal = _placed(unit, slug.place) if slug is not None and slug.literal and names else None
    return Call(
        unit.file, _placed(unit, command.place), unit.language, GENMEDIA, _GENMEDIA[verb], names,
        bool(slug is not None and slug.text), arguments if verb == "run" else None, unresolved=why,
        slug_places=(literal,), end_line=_placed(unit, Place(command.end_line, 1)).line, method=verb,
    )  # fmt: skip


def _coerced(value: Value) -> Value:
    """Return a flag's value as genmedia sends it: digits become numbers, true and false booleans, JSON is parsed."""
    if isinstance(value, Unknown):
        return Unknown(value.source)
    if not isinstance(value, str):
        return value
    if value in ("true", "false"):
        return value == "true"
    if re.fullmatch(r"-?\d+(?:\.\d+)?", value):
        return float(value) if "." in value else int(value[:300])
    if value[:1] in ("[", "{"):
        try:
            return from_json(json.loads(value))
        except (ValueError, RecursionError):
            return value
    return value


def _script(unit: Unit, command: Command, place: int, pattern: str) -> Call | None:
    words = command.words[place + 1 :]
    slugs: list[Word] = []
    arguments: Fields | Unknown | None = None
    index = 0
    while index < len(words):
        text = words[index].text
        if text == "--arguments" and index + 1 < len(words):
            value = words[index + 1]
            arguments = Unknown(value.text) if value.text[:1] in ("@", "-") else _json(unit, value.value, value.place)
            index += 1
        elif text.startswith("--"):
            index += 0 if text in ("--jsonl", "--live", "--output", "--prove", "--dry-run") or "=" in text else 1
        elif any("/" in name and "<" not in name for name in texts(words[index].value)):
            slugs.append(words[index])
        index += 1
    names = tuple(dict.fromkeys(name for word in slugs for name in texts(word.value)))
    if not names:
        return None
    return Call(
        unit.file, _placed(unit, command.place), unit.language, SCRIPT, pattern, names, len(slugs) == 1, arguments,
        slug_places=tuple(_placed(unit, word.place) if word.literal else None for word in slugs),
        end_line=_placed(unit, Place(command.end_line, 1)).line, method=command.words[place].text.rpartition("/")[2],
    )  # fmt: skip


def _mcp(unit: Unit, command: Command) -> Call | None:
    url = next((word for word in command.words if _MCP_URL.match(word.text)), None)
    if url is None:
        return None
    options = Fields()
    for place, word in enumerate(command.words[:-1]):
        if word.text in ("--header", "-H", "--bearer-token-env-var", "--env", "-e"):
            options.put(word.text.lstrip("-"), command.words[place + 1].value, _placed(unit, word.place))
    return Call(
        unit.file, _placed(unit, url.place), unit.language, MCP, MCP, options=options, url=url.text, method=command.name
    )
