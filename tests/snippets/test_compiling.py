"""Every model, language and pattern renders to a program that compiles.

Subscribe is tried with every model; of the other patterns every 12th model is tried, with all options on and off.
The whole matrix is in ``tests/benchmarks/bench_snippets.py``.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from fal_skill.errors import UsageError
from fal_skill.registry import default_registry
from fal_skill.snippets import FRAMEWORKS, LANGUAGES, PATTERNS, SnippetOptions, written
from snippets.compilers import syntax_errors
from snippets.samples import sample_arguments

STRIDE = 12


def variants(language: str, pattern: str, *, of_files: bool = False) -> list[SnippetOptions]:
    """Return the options that together reach every line of a pattern's templates; ``of_files``: the model takes one."""
    queue, javascript = pattern in ("subscribe", "submit"), language in ("javascript", "typescript")
    lifetime = None if pattern == "realtime" or (javascript and pattern == "stream") else "7d"
    timeout = 90.0 if pattern in ("subscribe", "run", "submit") else None
    full = SnippetOptions(
        download=pattern != "realtime", errors=True, logs=queue, client_timeout=timeout, expires=lifetime, unit_cost=0.1
    )
    made = [SnippetOptions(), full]
    if pattern == "batch":
        made += [
            replace(full, values="texts.txt", out="made"),
            replace(full, values="texts.json" if javascript else "texts.csv", download=False),
        ]
        if of_files:
            made += [replace(full, values=f"files/*{ending}", out="made") for ending in ("", ".jpg")]
    if pattern == "webhook":
        made = [
            SnippetOptions(framework=name, download=save) for name in FRAMEWORKS[language] for save in (True, False)
        ]
    if javascript and pattern in ("subscribe", "run", "stream", "realtime"):
        made.append(SnippetOptions(browser=True, errors=True))
    return made


@pytest.mark.parametrize("language", LANGUAGES)
def test_subscribe_compiles_for_every_model(language: str) -> None:
    count = 0
    for model in default_registry():
        code = written(model, sample_arguments(model, local_files=True), language, "subscribe").code
        assert syntax_errors(code, language) == [], f"{model.slug}\n{code}"
        count += 1
    assert count > 1500


@pytest.mark.parametrize(("language", "pattern"), list(itertools.product(LANGUAGES, PATTERNS)))
def test_each_pattern_compiles_with_all_options_for_a_sample_of_models(language: str, pattern: str) -> None:
    count = 0
    for number, model in enumerate(default_registry()):
        if number % STRIDE:
            continue
        arguments = sample_arguments(model, local_files=number % (2 * STRIDE) == 0)
        for choice in variants(language, pattern, of_files=any("." not in item.path for item in model.file_inputs)):
            try:
                snippet = written(model, arguments, language, pattern, choice)
            except UsageError as error:
                assert "batch could vary" in error.message
                continue
            for code in (snippet.code, *(file.code for file in snippet.more_files)):
                assert syntax_errors(code, language) == [], f"{model.slug} {choice}\n{code}"
                count += 1
    assert count > 200


def test_a_program_that_does_not_compile_would_be_noticed() -> None:
    assert syntax_errors("x = (", "python") and syntax_errors("const x = ;", "javascript")
    assert syntax_errors("const x: = 1;", "typescript")
