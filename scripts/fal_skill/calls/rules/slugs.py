"""Models that no source lists, that are no longer listed, or that are listed under another name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...arguments import NOTE, WARNING, Finding, check_slug, has_errors
from .. import tree
from ..call import LOOKUP, MODEL_PATTERNS, REQUEST_PATTERNS, Call
from ..languages import ENV, JSON, MARKDOWN, TOML, YAML
from ..markdown import inline_code
from ..problem import Edit, Problem
from ..values import Fields, Place
from .context import File, Source, all_calls, chosen

_MENTION = re.compile(r"fal-ai/[\w.-]+(?:/[\w.-]+)*")
_QUOTED_MENTION = re.compile(r"""(?<![\w./@:-])["']?(fal-ai/[\w.-]+(?:/[\w.-]+)*)["']?(?=\s*(?:[,\]})#;]|$))""")
_NOT_MODELS = frozenset({
    "fal", "fal-js", "fal-java", "fal-swift", "fal-dart", "fal-kotlin", "client", "server-proxy", "serverless-client",
    "serverless-proxy", "serverless-nextjs", "skills", "genmedia-cli", "fal-client", "fal-serverless", "docs",
})  # fmt: skip
"""Names after ``fal-ai/`` that are repositories and packages."""
_CATALOGUE_SIZE = 25
"""A file that lists more models than this is a catalogue; each is still checked, but as a note."""


def slug_problems(file: File) -> Iterator[Problem]:
    """Yield what there is to say of the models that a file names."""
    said: set[tuple[str, Place]] = set()
    for _, call in all_calls(file):
        if call.pattern in MODEL_PATTERNS or call.pattern in (LOOKUP, *REQUEST_PATTERNS):
            for slug in call.slugs:
                place = call.slug_place(slug) or call.place
                if (slug, place) not in said:
                    said.add((slug, place))
                    yield from _called(file, call, slug, place)
            if call.unresolved and not call.slugs:
                yield file.problem(
                    call.place, NOTE, "unresolved-call", call.unresolved, "it was not checked", call=call
                )
    named = {slug for _, call in all_calls(file) for slug in call.slugs}
    for mention, place, severity in _mentions(file):
        if mention not in named:
            yield from _mentioned(file, mention, place, severity)
            named.add(mention)


def _called(file: File, call: Call, slug: str, place: Place) -> Iterator[Problem]:
    catalogue, registry = file.catalogue, file.registry
    if call.pattern in REQUEST_PATTERNS and (slug in catalogue.families or registry.get(slug) is not None):
        return  # the queue asks for the first two parts only
    for name in (slug, *(slug.removesuffix(suffix) for suffix in ("/stream", "/realtime", "/queue"))):
        if registry.get(name) is not None and name != slug:
            return
    findings = check_slug(registry, slug)
    if not findings:
        return
    successor = catalogue.successor(slug)
    if successor is not None and findings[0].code != "user-endpoint":
        edits = _rename(file, call, slug, successor)
        yield file.problem(
            place, WARNING, "renamed-slug", f"{slug} is listed as {successor}", f"write {successor}", call=call,
            edits=edits,
        )  # fmt: skip
        return
    for finding in findings:
        severity = finding.severity
        if finding.code == "unknown-slug" and _may_be_own(file, slug):
            severity = NOTE
            message = f"no source lists {slug}: an app of your own, or misspelt"
            finding = Finding(severity, finding.code, "", message, finding.hint)
        if call.pattern == LOOKUP or not call.certain:
            severity = chosen(severity, at_most=NOTE if call.pattern == LOOKUP else WARNING)
        yield file.problem(place, severity, finding.code, finding.message, finding.hint, call=call)


def _may_be_own(file: File, slug: str) -> bool:
    """Whether a slug may be an app that its user has deployed: its owner publishes no listed model."""
    owner = slug.partition("/")[0]
    return owner not in file.catalogue.owners and not file.registry.suggest(slug, 1)


def _rename(file: File, call: Call, slug: str, successor: str) -> tuple[Edit, ...]:
    """Return the edit that writes the successor, when the call fits it as it is."""
    place = call.slug_place(slug)
    if place is None:
        return ()
    model = file.registry.get(successor)
    if model is not None and isinstance(call.arguments, Fields):
        from .inputs import known_findings

        if has_errors(finding for finding, _ in known_findings(model, call.arguments)):
            return ()
    line = file.lines[place.line - 1] if place.line <= len(file.lines) else ""
    column = line.find(slug, place.column - 1)
    is_whole = column >= 0 and line[column + len(slug) : column + len(slug) + 1] not in ("/", "-", "_", ".")
    return (Edit(Place(place.line, column + 1), slug, successor),) if is_whole else ()


def _mentioned(file: File, slug: str, place: Place, severity: str) -> Iterator[Problem]:
    name = slug.partition("/")[2]
    if name in _NOT_MODELS or "/requests" in slug or slug.endswith(("/", ".")):
        return
    if file.registry.get(slug) is None:
        is_part = slug in file.catalogue.families
        if is_part or any(file.registry.get(slug.removesuffix(suffix)) for suffix in ("/stream", "/realtime")):
            return
    findings = check_slug(file.registry, slug)
    successor = file.catalogue.successor(slug) if findings else None
    for finding in findings:
        if successor is not None:
            message = f"{slug} is listed as {successor}"
            yield file.problem(
                place, severity, "renamed-slug", message, f"write {successor}", edits=(Edit(place, slug, successor),)
            )
        else:
            yield file.problem(
                place, chosen(finding.severity, at_most=severity), finding.code, finding.message, finding.hint
            )


def _mentions(file: File) -> Iterator[tuple[str, Place, str]]:
    """Yield each model that is named as a constant outside of a call, its place, and what weight it has at most."""
    for source in file.sources:
        if source.analysis is not None:
            yield from _constants(source)
    if file.language == MARKDOWN:
        for text, place in inline_code(file.text):
            if _MENTION.fullmatch(text.strip()):
                yield text.strip(), Place(place.line, place.column + len(text) - len(text.lstrip())), NOTE
    elif file.language in (JSON, YAML, TOML, ENV):
        for number, line in enumerate(file.lines, 1):
            if "fal-ai/" in line and len(line) < 2000:
                for match in _QUOTED_MENTION.finditer(line):
                    yield match[1], Place(number, match.start(1) + 1), WARNING


def _constants(source: Source) -> Iterator[tuple[str, Place, str]]:
    analysis = source.analysis
    assert analysis is not None
    found = []
    for node in analysis.program.nodes[tree.CONST]:
        if isinstance(node.value, str) and "fal-ai/" in node.value and _MENTION.fullmatch(node.value):
            parent = node.parent
            if parent is not None and parent.kind in (tree.COMPARE, tree.CALL) and parent.text != "case":
                test = parent.kind == tree.COMPARE or parent.parts[0].text in (
                    "startswith", "startsWith", "includes", "replace", "removeprefix", "endswith", "endsWith",
                )  # fmt: skip
                if test:
                    continue  # a name that the program looks for
            place = analysis.program.place(node)
            found.append((node.value, Place(place.line, place.column + 1), WARNING))
    severity = NOTE if source.unit.is_example or len(found) > _CATALOGUE_SIZE else WARNING
    yield from ((slug, place, severity) for slug, place, _ in found)
