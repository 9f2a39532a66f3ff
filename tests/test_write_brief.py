"""The deliverable: complete, honest, and true to the parts that it is made of."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from markdown_it import MarkdownIt

from conftest import RunScript, one_line_error
from fal_skill.brief import brief, markdown
from fal_skill.registry import KNOWN, Registry

SCHNELL = "fal-ai/flux/schnell"
CALL = {"prompt": "rain-soaked neon street at night", "image_size": "landscape_16_9"}
KLING = "fal-ai/kling-video/v3/pro/image-to-video"


def blocks(text: str) -> list[tuple[str, str]]:
    """Return (language, code) of each fenced block."""
    return [(token.info, token.content) for token in MarkdownIt().parse(text) if token.type == "fence"]


def test_one_command_gives_the_whole_deliverable(run_script: RunScript) -> None:
    done = run_script("write_brief.py", SCHNELL, "--arguments", json.dumps(CALL), "--format", "text")
    assert done.code == 0, done.err
    for part in (
        "# fal-ai/flux/schnell", "text-to-image", "known in the registry of 2026-08-02", "no findings", "**$0.003**",
        "as of 20", "https://fal.ai/models/fal-ai/flux/schnell", "https://scopeful.org/tools/fal",
        "https://api.fal.ai/v1/models/pricing", "pip install", "temporary", "Cheaper",
    ):  # fmt: skip
        assert part in done.out, part
    ((language, code),) = blocks(done.out)
    assert language == "python"
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    subscribe = next(call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "subscribe")
    assert ast.literal_eval(subscribe.args[0]) == SCHNELL
    assert ast.literal_eval(subscribe.keywords[0].value) == CALL


def test_json_has_the_documented_parts(run_script: RunScript) -> None:
    done = run_script("write_brief.py", SCHNELL, "--arguments", json.dumps(CALL), "--count", "10")
    made = done.json
    assert made["cost"]["high"] == pytest.approx(0.03)
    assert made["cost"]["count"] == 10
    assert made["result"] == 'result["images"][0]["url"]'
    assert made["snippet"]["code"]
    assert "temporary" in made["output_url_warning"]
    assert made["media"] == {"in": ["text"], "out": ["image"]}


def test_arguments_that_do_not_fit_are_said_and_exit_4(run_script: RunScript) -> None:
    done = run_script("write_brief.py", KLING, "--arguments", '{"image_url": "photo.jpg"}', "--format", "text")
    assert done.code == 4
    assert "rename image_url to start_image_url" in done.out
    assert one_line_error(done)


def test_a_local_file_becomes_an_upload_and_no_error(run_script: RunScript) -> None:
    done = run_script("write_brief.py", KLING, "--arguments", '{"start_image_url": "photo.jpg"}', "--format", "text")
    assert done.code == 0
    assert 'upload_file("photo.jpg")' in done.out


def test_no_code_is_shown_for_a_call_that_fails(registry: Registry) -> None:
    text = markdown(brief(registry, registry.require(KLING), {"image_url": "https://example.com/a.png"}))
    assert blocks(text) == []
    assert "mend the arguments" in text
    assert "were checked" not in text


@pytest.mark.parametrize("pattern", ["stream", "webhook"])
def test_a_pattern_that_saves_nothing_is_not_said_to(registry: Registry, pattern: str) -> None:
    made = brief(registry, registry.require(SCHNELL), CALL, pattern=pattern)
    assert made.expiry_warning is not None
    assert "as the code above" not in made.expiry_warning
    assert made.result == "images[].url"


def test_a_key_in_the_reason_is_refused_and_not_repeated(run_script: RunScript) -> None:
    key = "01234567-89ab-cdef-0123-456789abcdef:0123456789abcdef0123456789abcdef"
    done = run_script("write_brief.py", SCHNELL, "--arguments", json.dumps(CALL), "--reason", f"with {key}")
    assert done.code == 2
    assert key not in done.out + done.err


def test_a_users_own_endpoint_gets_a_brief_without_a_price(run_script: RunScript) -> None:
    done = run_script("write_brief.py", "workflows/me/mine", "--arguments", "{}", "--format", "text")
    assert done.code == 0, done.err
    assert "**unknown**" in done.out


def test_a_draft_of_the_same_model_is_offered_where_arguments_make_it_cheaper(registry: Registry) -> None:
    made = brief(registry, registry.require(KLING), {"start_image_url": "https://example.com/a.png"})
    changes = [variant.change for variant in made.variants if variant.slug == KLING]
    assert changes == [{"duration": "3", "generate_audio": False}]
    assert made.cost.high == pytest.approx(0.84)
    assert made.variants[-1].cost.high == pytest.approx(0.336)


def test_every_variant_costs_less(registry: Registry) -> None:
    for slug in (SCHNELL, KLING, "fal-ai/flux-pro/v1.1-ultra", "fal-ai/nano-banana-pro", "fal-ai/flux/dev"):
        made = brief(registry, registry.require(slug), {"prompt": "x"})
        for variant in made.variants:
            assert variant.cost.high is not None
            assert made.cost.high is not None
            assert variant.cost.high < made.cost.high, (slug, variant)


def test_an_unknown_price_is_said_with_its_reason(registry: Registry) -> None:
    text = markdown(brief(registry, registry.require("fal-ai/fast-sdxl"), {"prompt": "x"}))
    assert "**unknown** for 1 call, because" in text
    assert "compute second" in text


def test_reasons_name_the_nearest_relatives_first(registry: Registry) -> None:
    made = brief(registry, registry.require(KLING), {})
    family = next(reason for reason in made.why if reason.startswith("family"))
    assert "v3/standard/image-to-video" in family or "v3/4k/image-to-video" in family


def test_a_reason_in_the_users_words_comes_first(registry: Registry) -> None:
    assert brief(registry, registry.require(SCHNELL), CALL, reason=" fast drafts ").why[0] == "fast drafts"


@pytest.mark.parametrize("prompt", ["```\n# not a heading\n```", "````", "<script>", "a\r\nb", "{{ 7 * 7 }}", "%}"])
def test_a_prompt_cannot_break_out_of_its_code_block(registry: Registry, prompt: str) -> None:
    text = markdown(brief(registry, registry.require(SCHNELL), {"prompt": prompt}))
    ((_, code),) = blocks(text)
    texts = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
    assert prompt in texts


def minimal(registry: Registry, slug: str) -> dict[str, Any]:
    model = registry.require(slug)
    return dict.fromkeys(model.required, "https://example.com/a.png")


def test_every_listed_model_gets_a_brief(registry: Registry) -> None:
    slugs = [entry.slug for entry in registry.entries if entry.status == KNOWN][::23]
    for slug in slugs:
        assert slug in markdown(brief(registry, registry.require(slug), minimal(registry, slug)))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["fal-ai/flux-schnell"], 3),
        ([""], 2),
        ([], 2),
        ([SCHNELL, "--arguments", "{"], 2),
        ([SCHNELL, "--arguments", '{"prompt": "x"}', "--count", "0"], 2),
        ([SCHNELL, "--arguments", '{"prompt": "x"}', "--count", "many"], 2),
        ([SCHNELL, "--arguments", '{"prompt": "x"}', "--max-cost", "0.001"], 8),
        (["fal-ai/fast-sdxl", "--arguments", '{"prompt": "x"}', "--max-cost", "1"], 8),
        ([SCHNELL, "--arguments", '{"prompt": "x"}', "--max-cost", "cheap"], 2),
        ([SCHNELL, "--arguments", '{"prompt": "x"}', "--language", "cobol"], 2),
    ],
)
def test_bad_input_is_one_line_with_its_exit_code(run_script: RunScript, arguments: list[str], code: int) -> None:
    done = run_script("write_brief.py", *arguments)
    assert done.code == code
    assert one_line_error(done)
