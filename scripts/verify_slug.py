#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["jsonschema>=4.20,<5", "fal-client>=1.0.3,<2", "httpx>=0.27,<1", "stamina>=25.1"]
# ///
"""Check endpoint ids, and calls to them, against the offline registry, or with --live against fal's catalogue."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fal_skill.console import (
    MAX_INPUT_BYTES,
    chosen_format,
    parse_json,
    parser,
    print_json,
    print_text,
    read_arguments,
    run,
    warn,
)
from fal_skill.errors import (
    EXIT_DONE,
    EXIT_INVALID_ARGUMENTS,
    EXIT_UNAVAILABLE,
    EXIT_UNKNOWN_SLUG,
    EXIT_USAGE,
    UsageError,
    shown,
)
from fal_skill.registry import KNOWN, UNKNOWN, Registry, default_registry

if TYPE_CHECKING:
    from fal_skill.arguments import Finding
    from fal_skill.live.lookup import Answer

EXAMPLES = (
    "verify_slug.py fal-ai/flux/schnell fal-ai/flux-schnell",
    """verify_slug.py fal-ai/flux/schnell --arguments '{"prompt": "a cat", "image_size": "square"}'""",
    """echo '{"slug": "fal-ai/flux/schnell", "arguments": {"prompt": "a cat"}}' | verify_slug.py --jsonl""",
)


def verified(
    registry: Registry, slug: str, arguments: dict[str, Any] | None, answer: Answer | None = None
) -> dict[str, Any]:
    """Return the result for one slug: its status, dates, suggestions and findings."""
    model = registry.get(slug)
    status = model.status if model else UNKNOWN
    findings: list[Finding] = []
    if status != KNOWN or arguments is not None:
        from fal_skill.arguments import check_arguments, check_slug

        findings = check_slug(registry, slug)
        if answer is not None:
            from fal_skill.live.lookup import in_live_words

            findings = in_live_words(findings, slug, answer)
        if model is not None and arguments is not None:
            findings += check_arguments(model, arguments)
    return {
        "slug": slug,
        "status": status,
        "first_seen": model.first_seen if model else None,
        "last_seen": model.last_seen if model else None,
        "suggestions": [] if status == KNOWN else [other for other in registry.suggest(slug, 4) if other != slug][:3],
        "findings": [finding.as_dict() for finding in findings],
    }


def exit_code(result: dict[str, Any]) -> int:
    """Return the exit code that a result calls for."""
    if result["status"] == UNKNOWN and not any(f["code"] == "user-endpoint" for f in result["findings"]):
        return EXIT_UNKNOWN_SLUG
    return EXIT_INVALID_ARGUMENTS if any(f["severity"] == "error" for f in result["findings"]) else EXIT_DONE


def print_result(result: dict[str, Any]) -> None:
    """Print one result for a person."""
    seen = f"  listed {result['first_seen']} to {result['last_seen']}" if result["first_seen"] else ""
    print_text(f"{result['status']:9}{shown(result['slug'], 120)[1:-1]}{seen}")
    for finding in result["findings"]:
        where = f" {finding['path']}:" if finding["path"] else ""
        hint = f" ({finding['hint']})" if finding["hint"] else ""
        print_text(f"  {finding['severity']}[{finding['code']}]{where} {finding['message']}{hint}")


def call_on(line: str, name: str) -> tuple[str, dict[str, Any] | None]:
    """Return the slug and arguments of one line of input."""
    value = parse_json(line, name)
    if not isinstance(value, dict) or not isinstance(value.get("slug"), str) or not value["slug"].strip():
        raise UsageError(f"""{name} is not an object with a slug, expected {{"slug": "…", "arguments": {{…}}}}""")
    arguments = value.get("arguments")
    if arguments is not None and not isinstance(arguments, dict):
        raise UsageError(f"{name}: the arguments are not an object")
    return value["slug"], arguments


def live_answer(registry: Registry, slugs: list[str]) -> Answer:
    """Return the registry with what the service says of these slugs."""
    from fal_skill.live.lookup import asked_live

    return asked_live(registry, slugs)


def verify_lines(registry: Registry, as_text: bool, live: bool) -> int:
    """Print one result for each line of stdin as it comes; a malformed line is reported and the rest goes on."""
    if sys.stdin is None:
        raise UsageError("--jsonl reads stdin, but stdin is closed")
    worst = EXIT_DONE
    lines = iter(lambda: sys.stdin.buffer.readline(MAX_INPUT_BYTES), b"")
    for number, data in enumerate(lines, 1):
        if not data.strip():
            continue
        try:
            slug, arguments = call_on(data.decode("utf-8"), f"line {number}")
            answer = live_answer(registry, [slug]) if live else None
            result = verified(answer.registry if answer else registry, slug, arguments, answer)
            if answer is not None:
                result["answered_by"] = answer.source.as_dict()
        except UnicodeDecodeError:
            result = {"line": number, "error": f"line {number} is not UTF-8 text"}
        except UsageError as error:
            result = {"line": number, "error": error.message}
        if "error" in result:
            warn(f"error: {result['error']}")
            worst = worst or EXIT_USAGE
        else:
            worst = worst or exit_code(result)
        if as_text and "error" not in result:
            print_result(result)
        elif not as_text:
            print_json(result, compact=True)
        sys.stdout.flush()
    return worst


def main() -> int:
    """Check what the command line or stdin names."""
    options = parser(
        "Check endpoint ids, and calls to them, against the offline registry. Status: known (schema at hand), listed "
        "(by name only), unlisted (an older source had it, the newest lacks it), unknown (never listed; may be newer).",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_USAGE, EXIT_UNKNOWN_SLUG, EXIT_INVALID_ARGUMENTS, EXIT_UNAVAILABLE),
    )
    options.add_argument("slugs", nargs="*", metavar="SLUG")
    options.add_argument("--arguments", metavar="JSON|@FILE|-", help="check this call to the one SLUG given")
    options.add_argument("--jsonl", action="store_true", help="read calls from stdin, one JSON object a line")
    options.add_argument("--live", action="store_true", help="ask fal's catalogue; without it, the snapshot answers")
    asked = options.parse_args()
    registry = default_registry()
    as_text = chosen_format(asked.format) == "text"
    if asked.jsonl:
        if asked.slugs or asked.arguments:
            raise UsageError("--jsonl takes its calls from stdin: give no SLUG and no --arguments")
        return verify_lines(registry, as_text, asked.live)
    if not asked.slugs:
        raise UsageError("no SLUG was given", hint="such as fal-ai/flux/schnell; see --help")
    if any(not slug.strip() for slug in asked.slugs):
        raise UsageError("the slug is empty", hint="expected an endpoint id such as fal-ai/flux/schnell")
    if asked.arguments is not None and len(asked.slugs) != 1:
        raise UsageError(f"--arguments belongs to one SLUG, {len(asked.slugs)} were given", hint="use --jsonl for many")
    arguments = None if asked.arguments is None else read_arguments(asked.arguments)
    answer = live_answer(registry, asked.slugs) if asked.live else None
    results = [verified(answer.registry if answer else registry, slug, arguments, answer) for slug in asked.slugs]
    said = {"answered_by": answer.source.as_dict()} if answer is not None else {}
    if as_text:
        live = answer is not None and answer.source.kind == "live"
        print_text(f"fal's catalogue of {answer.source.as_of}" if answer and live else f"snapshot of {registry.as_of}")
        for result in results:
            print_result(result)
    else:
        print_json({"snapshot": registry.as_of, **said, "results": results})
    for result in results:
        if exit_code(result) == EXIT_UNKNOWN_SLUG and not as_text:
            asked_fal = answer is not None and result["slug"] in answer.missing
            where = "fal's catalogue, nor in the snapshot" if asked_fal else "the snapshot"
            warn(f"error: unknown slug {shown(result['slug'])} (not in {where} of {registry.as_of})")
    return max(map(exit_code, results))


if __name__ == "__main__":
    run(main)
