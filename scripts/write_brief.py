#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["jinja2>=3.1,<4", "jsonschema>=4.20,<5"]
# ///
"""Write everything that a user must be told about one call: verified, checked, priced, and as code."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from fal_skill.arguments import ERROR
from fal_skill.brief import brief, markdown
from fal_skill.console import chosen_format, parser, print_json, print_text, read_arguments, refuse_key, run, warn
from fal_skill.errors import (
    EXIT_DONE,
    EXIT_FINDINGS,
    EXIT_INVALID_ARGUMENTS,
    EXIT_OVER_BUDGET,
    EXIT_UNAVAILABLE,
    EXIT_UNKNOWN_SLUG,
    EXIT_USAGE,
)
from fal_skill.prices.budget import cap_broken, cap_from, count_from
from fal_skill.proof import prove, rerun_with_packages
from fal_skill.registry import default_registry
from fal_skill.snippets import LANGUAGES, PATTERNS, endpoint

EXAMPLES = (
    """write_brief.py fal-ai/flux/schnell --arguments '{"prompt": "a cat", "image_size": "landscape_16_9"}'""",
    """write_brief.py fal-ai/kling-video/v3/pro/image-to-video --count 10 --language typescript \\
      --arguments '{"start_image_url": "photo.jpg", "prompt": "slow zoom"}' --reason "cinematic motion" """.rstrip(),
)


def main() -> int:
    """Write the brief that the command line asks for."""
    options = parser(
        "Write everything that a user must be told about one call: verified, checked, priced, and as code.",
        examples=EXAMPLES,
        exit_codes=(
            EXIT_DONE,
            EXIT_FINDINGS,
            EXIT_USAGE,
            EXIT_UNKNOWN_SLUG,
            EXIT_INVALID_ARGUMENTS,
            EXIT_UNAVAILABLE,
            EXIT_OVER_BUDGET,
        ),
    )
    options.add_argument("slug", metavar="SLUG")
    options.add_argument("--arguments", metavar="JSON|@FILE|-", default="{}", help="what the model is given")
    options.add_argument("--count", default="1", metavar="N", help="how many such calls the cost is for")
    options.add_argument("--reason", default="", metavar="TEXT", help="why this model, in your words")
    options.add_argument("--language", choices=LANGUAGES, default="python")
    options.add_argument("--pattern", choices=PATTERNS, default="subscribe")
    options.add_argument("--max-cost", metavar="USD", help="exit 8 when all calls together may cost more")
    options.add_argument("--prove", action="store_true", help="run the code in the local sandbox and show the evidence")
    asked = options.parse_args()
    if asked.prove:
        code = rerun_with_packages(Path(__file__), sys.argv[1:])
        if code is not None:
            return code
    refuse_key(asked.reason, "--reason")
    count, cap = count_from(asked.count), cap_from(asked.max_cost)
    registry = default_registry()
    model = endpoint(registry, asked.slug)
    arguments = read_arguments(asked.arguments)
    made = brief(
        registry,
        model,
        arguments,
        count=count,
        reason=asked.reason,
        language=asked.language,
        pattern=asked.pattern,
    )
    errors = sum(finding.severity == ERROR for finding in made.findings)
    if asked.prove and not errors:
        made = replace(made, proof=prove(model, arguments, made.snippet))
    if chosen_format(asked.format) == "json":
        print_json(made.as_dict())
    else:
        print_text(markdown(made))
    if errors:
        warn(f"error: {errors} of the findings mean that the call fails: mend the arguments and run this again")
        return EXIT_INVALID_ARGUMENTS
    if made.proof is not None and not made.proof.passed:
        warn(f"error: {made.proof.summary}")
        return EXIT_FINDINGS
    broken = None if cap is None else cap_broken(made.cost, cap)
    if broken:
        warn(f"error: over budget: {broken}")
        return EXIT_OVER_BUDGET
    return EXIT_DONE


if __name__ == "__main__":
    run(main)
