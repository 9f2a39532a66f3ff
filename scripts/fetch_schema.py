#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["fal-client>=1.0.3,<2", "httpx>=0.27,<1", "stamina>=25.1"]
# ///
"""Print what a model takes and gives, from the offline registry, or with --live from fal's own document."""

from __future__ import annotations

from typing import Any

from fal_skill.console import chosen_format, parser, print_json, print_text, run, warn
from fal_skill.errors import EXIT_DONE, EXIT_UNAVAILABLE, EXIT_UNKNOWN_SLUG, EXIT_USAGE
from fal_skill.registry import LIVE, MERGED, UNLISTED, Model, default_registry

MAX_RESULT_FIELDS = 12
EXAMPLES = (
    "fetch_schema.py fal-ai/flux/schnell",
    "fetch_schema.py fal-ai/kling-video/v3/pro/image-to-video --output",
    "fetch_schema.py fal-ai/flux/schnell --style json-schema --format json",
)


def compact(model: Model, side: str) -> dict[str, str]:
    """Return the fields of one side, a line each."""
    from fal_skill.registry.compact import input_lines, output_lines

    return output_lines(model) if side == "output" else input_lines(model)


def openapi(model: Model) -> dict[str, Any]:
    """Return an OpenAPI 3.1 document of the endpoint's queue: what the snapshot knows, in the shape that tools read."""
    from fal_skill.registry.documents import openapi_document

    return openapi_document(model)


def caveats(model: Model) -> list[str]:
    """Return what a reader of the schema must know about its evidence."""
    said = []
    if model.status == UNLISTED:
        said.append(f"unlisted since {model.last_seen}: it may be gone, or merely left out")
    if model.input_evidence == MERGED:
        said.append("the type is shared with other models at its source: defaults are left out, enums may be theirs")
    if model.input_evidence != LIVE:
        said.append("limits (min, max, length) and null are not in the snapshot")
    return said


def main() -> int:
    """Print the schema that the command line names."""
    options = parser(
        "Print what a model takes and gives, from the offline registry.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_USAGE, EXIT_UNKNOWN_SLUG, EXIT_UNAVAILABLE),
    )
    options.add_argument("slug", metavar="SLUG")
    options.add_argument("--style", choices=["compact", "json-schema", "openapi"], default="compact")
    options.add_argument("--output", action="store_true", help="the output's schema instead of the input's")
    options.add_argument("--live", action="store_true", help="ask fal; needs httpx and stamina (default: the snapshot)")
    asked = options.parse_args()
    registry = default_registry()
    answered: dict[str, Any] = {}
    if asked.live:
        from fal_skill.live.lookup import asked_live

        answer = asked_live(registry, [asked.slug])
        registry, answered = answer.registry, {"answered_by": answer.source.as_dict()}
    model = registry.require(asked.slug)
    side = "output" if asked.output else "input"
    schema = model.output_schema if asked.output else model.input_schema
    if schema is None:
        warn(f"note: {model.slug} is known by name only; its {side} is not in the snapshot of {registry.as_of}")
    body: Any = compact(model, side) if asked.style == "compact" else schema
    if asked.style == "openapi":
        body = openapi(model)
    results = [f"{file.path} ({file.kind})" for file in model.file_outputs[:6]]
    fields = sorted((model.output_schema or {}).get("properties", {}))[:MAX_RESULT_FIELDS]
    if chosen_format(asked.format) == "json":
        described = {
            "slug": model.slug,
            "status": model.status,
            "category": model.category,
            "snapshot": registry.as_of,
            **answered,
            "schema_date": model.schema_date,
            "evidence": model.output_evidence if asked.output else model.input_evidence,
            "style": asked.style,
            side if asked.style != "openapi" else "openapi": body,
            "result_files": results,
            "result_fields": fields,
            "caveats": caveats(model),
        }
        print_json(described)
        return EXIT_DONE
    if asked.style != "compact":
        print_json(body)
        return EXIT_DONE
    print_text(f"{model.slug}  {model.category}  schema of {model.schema_date} ({model.input_evidence})")
    print_text(f"{side} (* required, = default):")
    for name, line in body.items():
        print_text(f"  {name}: {line}")
    if not asked.output:
        print_text("result: " + ", ".join(results or fields))
    for said in caveats(model):
        print_text(f"note: {said}")
    return EXIT_DONE


if __name__ == "__main__":
    run(main)
