#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["jinja2>=3.1,<4", "jsonschema>=4.20,<5"]
# ///
"""Print a program that calls a model: checked arguments, one of four languages, one of seven patterns."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from fal_skill.arguments import ERROR, check_slug
from fal_skill.console import chosen_format, parser, print_json, print_text, read_arguments, run, warn
from fal_skill.errors import (
    EXIT_DONE,
    EXIT_FINDINGS,
    EXIT_INVALID_ARGUMENTS,
    EXIT_UNAVAILABLE,
    EXIT_UNKNOWN_SLUG,
    EXIT_USAGE,
)
from fal_skill.proof import prove, rerun_with_packages
from fal_skill.registry import default_registry
from fal_skill.snippets import FRAMEWORKS, LANGUAGES, PATTERNS, SnippetOptions, endpoint, render

EXAMPLES = (
    """render_snippet.py fal-ai/flux/schnell --arguments '{"prompt": "a cat"}'""",
    """render_snippet.py fal-ai/kling-video/v3/pro/image-to-video --pattern submit --download \\
      --arguments '{"start_image_url": "photo.jpg", "prompt": "slow zoom"}'""",
    """render_snippet.py fal-ai/flux/schnell --arguments @call.json --language typescript --pattern webhook \\
      --framework nextjs""",
    """render_snippet.py fal-ai/flux/schnell --pattern batch --values prompts.csv --out images --max-cost 3""",
    """render_snippet.py fal-ai/birefnet/v2 --pattern batch --values 'products/*.jpg' --out cutouts --max-cost 5""",
)


def main() -> int:
    """Print the program that the command line asks for."""
    options = parser(
        "Print a program that calls a model. Local files among the arguments become uploads.",
        examples=EXAMPLES,
        exit_codes=(EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_UNKNOWN_SLUG, EXIT_INVALID_ARGUMENTS, EXIT_UNAVAILABLE),
    )
    options.add_argument("slug", metavar="SLUG")
    options.add_argument("--arguments", metavar="JSON|@FILE|-", default="{}", help="what the model is given")
    options.add_argument("--language", choices=LANGUAGES, default="python")
    options.add_argument("--pattern", choices=PATTERNS, default="subscribe")
    options.add_argument("--download", action="store_true", help="save the output file: its URL is temporary")
    options.add_argument("--logs", action="store_true", help="print the model's log lines, each once")
    options.add_argument(
        "--errors", action="store_true", help="print what fal says of a failed request (webhook, batch: always)"
    )
    options.add_argument("--client-timeout", type=float, metavar="SECONDS", help="cancel the job after this time")
    options.add_argument("--expires", metavar="1h|1d|7d|30d|1y|SECONDS", help="lifetime of the output files")
    options.add_argument("--browser", action="store_true", help="code for a page, with the key in a server proxy")
    options.add_argument("--framework", choices=sorted({name for names in FRAMEWORKS.values() for name in names}))
    options.add_argument("--concurrency", type=int, default=2, metavar="N", help="pattern batch: jobs in flight")
    options.add_argument("--max-cost", type=float, default=1.0, metavar="USD", help="pattern batch: what all may cost")
    options.add_argument("--unit-cost", type=float, metavar="USD", help="pattern batch: what one job may cost at most")
    options.add_argument(
        "--values",
        metavar="FILE|DIR/*",
        help="pattern batch: read by the program: FILE.csv[:COLUMN], .txt (lines), .json (list), DIR/*.EXT, DIR/*",
    )
    options.add_argument("--out", metavar="DIR", help="pattern batch: save outputs here, named by input file or row")
    options.add_argument("--force", action="store_true", help="print the program although the arguments do not fit")
    options.add_argument(
        "--prove", action="store_true", help="run the program in the local sandbox and show the evidence"
    )
    asked = options.parse_args()
    if asked.prove:
        code = rerun_with_packages(Path(__file__), sys.argv[1:])
        if code is not None:
            return code
    registry = default_registry()
    model = endpoint(registry, asked.slug)
    wanted = SnippetOptions(
        download=asked.download,
        logs=asked.logs,
        errors=asked.errors,
        client_timeout=asked.client_timeout,
        expires=asked.expires,
        browser=asked.browser,
        framework=asked.framework,
        concurrency=asked.concurrency,
        max_cost=asked.max_cost,
        unit_cost=asked.unit_cost,
        values=asked.values,
        out=asked.out,
    )
    arguments = read_arguments(asked.arguments)
    snippet = render(model, arguments, language=asked.language, pattern=asked.pattern, options=wanted)
    snippet = replace(snippet, findings=(*check_slug(registry, model.slug), *snippet.findings))
    refused = snippet.has_errors and not asked.force
    proof = prove(model, arguments, snippet) if asked.prove and not refused else None
    if chosen_format(asked.format) == "json":
        made = {**snippet.as_dict(), "code": None, "more_files": []} if refused else snippet.as_dict()
        print_json({**made, "proof": proof.as_dict()} if proof else made)
    else:
        for finding in snippet.findings:
            warn(str(finding))
        if not refused:
            print_text(snippet.text.rstrip("\n"))
    if refused:
        count = sum(finding.severity == ERROR for finding in snippet.findings)
        warn(f"error: no code: {count} of the findings mean that the call fails (mend the arguments, or add --force)")
        return EXIT_INVALID_ARGUMENTS
    if proof is not None:
        warn(f"{'proof' if proof.passed else 'error: no proof'}: {proof.summary}")
        return EXIT_DONE if proof.passed else EXIT_FINDINGS
    return EXIT_DONE


if __name__ == "__main__":
    run(main)
