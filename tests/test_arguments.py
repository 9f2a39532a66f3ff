"""Arguments: what is an error, what a warning, and that every finding says what to do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fal_skill.arguments import (
    ERROR,
    MAX_DATA_URI,
    NOTE,
    SEVERITIES,
    WARNING,
    Finding,
    check_arguments,
    check_slug,
    has_errors,
)
from fal_skill.registry import DOUBTFUL, Model, Registry

SCHNELL = "fal-ai/flux/schnell"
KLING = "fal-ai/kling-video/v3/pro/image-to-video"
SPEECH = "fal-ai/minimax/speech-2.8-hd"
PHOTO = "https://example.com/a.png"


def model_of(schema: dict[str, Any], evidence: str = "direct") -> Model:
    seen = {"first_seen": "2026-01-01", "last_seen": "2026-01-01"}
    media: dict[str, Any] = {"category": "unknown", "in": [], "out": []}
    return Model({"slug": "a/b", "status": "known", **media, **seen, "evidence": {"input": evidence}, "input": schema})


@pytest.mark.parametrize(
    ("slug", "arguments", "expected"),
    [
        (SCHNELL, {"prompt": "x", "image_size": "landscape_16_9"}, []),
        (SCHNELL, {"prompt": "x", "image_size": {"width": 1024, "height": 512}}, []),
        (SCHNELL, {"prompt": "x", "num_images": 2, "seed": 7, "enable_safety_checker": False}, []),
        (SCHNELL, {}, [(ERROR, "missing-required", "prompt")]),
        (SCHNELL, {"prompt": 3}, [(ERROR, "wrong-type", "prompt")]),
        (SCHNELL, {"prompt": None}, [(ERROR, "wrong-type", "prompt")]),
        (SCHNELL, {"prompt": ["x"]}, [(ERROR, "wrong-type", "prompt")]),
        (SCHNELL, {"prompt": "x", "seed": None}, [(WARNING, "null-value", "seed")]),
        (SCHNELL, {"prompt": "x", "image_size": "16:9"}, [(ERROR, "not-in-enum", "image_size")]),
        (SCHNELL, {"prompt": "x", "image_size": 16}, [(ERROR, "wrong-type", "image_size")]),
        (SCHNELL, {"prompt": "x", "image_size": {"width": "wide"}}, [(WARNING, "wrong-type", "image_size.width")]),
        (SCHNELL, {"prompt": "x", "num_images": "two"}, [(ERROR, "wrong-type", "num_images")]),
        (SCHNELL, {"prompt": "x", "num_images": "2"}, [(WARNING, "wrong-type", "num_images")]),
        (SCHNELL, {"prompt": "x", "num_images": 1.5}, [(WARNING, "not-integer", "num_images")]),
        (SCHNELL, {"prompt": "x", "sync_mode": "true"}, [(WARNING, "wrong-type", "sync_mode")]),
        (SCHNELL, {"prompt": "x", "sync_mode": "maybe"}, [(ERROR, "wrong-type", "sync_mode")]),
        (SCHNELL, {"prompt": "x", "steps": 4}, [(WARNING, "unknown-field", "steps")]),
        (KLING, {"start_image_url": PHOTO, "duration": "5"}, []),
        (KLING, {"start_image_url": PHOTO, "duration": 5}, [(WARNING, "digit-type", "duration")]),
        (KLING, {"start_image_url": PHOTO, "duration": "20"}, [(ERROR, "not-in-enum", "duration")]),
        (KLING, {"start_image_url": "photo.png"}, [(WARNING, "local-file", "start_image_url")]),
        (KLING, {"start_image_url": "data:image/png;base64," + "A" * MAX_DATA_URI},
         [(WARNING, "large-data-uri", "start_image_url")]),
        (KLING, {"start_image_url": PHOTO, "multi_prompt": [{"duration": "5"}]},
         [(WARNING, "missing-required", "multi_prompt[0].prompt")]),
        (KLING, {"start_image_url": PHOTO, "elements": [{"frontal_image_url": "a.png"}]},
         [(WARNING, "local-file", "elements[0].frontal_image_url")]),
        ("fal-ai/nano-banana/edit", {"prompt": "x", "image_urls": PHOTO}, [(ERROR, "wrong-type", "image_urls")]),
        ("cassetteai/video-sound-effects-generator", {"video_url": "https://example.com/a.mp4"}, []),
        (KLING, {"start_image_url": {"url": PHOTO}}, [(WARNING, "wrong-type", "start_image_url")]),
        ("bytedance/seedance-2.0/text-to-video", {"prompt": "x", "duration": 4}, [(WARNING, "digit-type", "duration")]),
        ("bytedance/seedance-2.0/text-to-video", {"prompt": "x", "duration": 99}, [(ERROR, "wrong-type", "duration")]),
        ("argil/avatars/text-to-video", {"avatar": "x"}, [(WARNING, "missing-required", "avatar_id"),
         (WARNING, "missing-required", "text"), (WARNING, "unknown-field", "avatar")]),
        ("fal-ai/nano-banana/edit", {"prompt": "x", "image_urls": ["a.png"]},
         [(WARNING, "local-file", "image_urls[0]")]),
    ],
)  # fmt: skip
def test_the_severity_follows_the_evidence(
    registry: Registry, slug: str, arguments: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    found = check_arguments(registry.require(slug), arguments)
    assert [finding[:3] for finding in found] == expected


@pytest.mark.parametrize(
    ("slug", "arguments", "path", "hint"),
    [
        (KLING, {"image_url": PHOTO}, "start_image_url", "rename image_url to start_image_url"),
        (KLING, {"image_url": PHOTO}, "image_url", "did you mean start_image_url?"),
        (SPEECH, {"text": "hello"}, "prompt", "rename text to prompt"),
        (SPEECH, {"prompt": "x", "voice_id": "Wise_Woman"}, "voice_id", "voice_id belongs inside voice_setting"),
        (SCHNELL, {"promt": "x"}, "prompt", "rename promt to prompt"),
        (SCHNELL, {"prompt": "x", "image_size": "landscape_16x9"}, "image_size", 'did you mean "landscape_16_9"?'),
        (SCHNELL, {"prompt": 3}, "prompt", 'send text: "3"'),
        (KLING, {"start_image_url": 3}, "start_image_url", "upload a local file first"),
        (KLING, {"start_image_url": "a.png"}, "start_image_url", "upload the file first"),
        (KLING, {"start_image_url": [PHOTO]}, "start_image_url", "send the value itself"),
        (
            "fal-ai/nano-banana/edit",
            {"prompt": "x", "image_url": PHOTO},
            "image_urls",
            "rename image_url to image_urls",
        ),
        ("fal-ai/nano-banana/edit", {"prompt": "x", "image_urls": PHOTO}, "image_urls", "wrap it in a list"),
    ],
)
def test_the_hint_says_what_to_do(
    registry: Registry, slug: str, arguments: dict[str, Any], path: str, hint: str
) -> None:
    hints = [finding.hint for finding in check_arguments(registry.require(slug), arguments) if finding.path == path]
    assert any(hint in given for given in hints), hints


def test_every_required_field_of_every_model_is_an_error_when_it_is_missing(registry: Registry) -> None:
    for model in registry:
        if model.input_evidence == DOUBTFUL:
            continue
        for name in model.required:
            sent = {field: "x" for field in model.required if field != name}
            missing = [f for f in check_arguments(model, sent) if f.code == "missing-required" and f.path == name]
            assert missing, (model.slug, name)
            assert missing[0].severity == ERROR


def test_a_number_where_text_belongs_is_an_error_nearly_everywhere(registry: Registry) -> None:
    total = errors = 0
    for model in registry:
        for name, field in model.properties.items():
            if field.get("type") == "string" or any(isinstance(value, str) for value in field.get("enum", ())):
                total += 1
                found = check_arguments(model, {name: 12345})
                errors += any(f.severity == ERROR and f.path == name for f in found)
    assert total > 5000
    assert errors / total >= 0.99


def test_every_models_own_defaults_are_accepted(registry: Registry) -> None:
    for model in registry:
        defaults = {name: field["default"] for name, field in model.properties.items() if "default" in field}
        errors = [f for f in check_arguments(model, defaults) if f.severity == ERROR and f.code != "missing-required"]
        assert not errors, (model.slug, errors)


@pytest.mark.parametrize(
    ("evidence", "severity"), [("direct", ERROR), ("repaired", ERROR), ("live", ERROR), ("merged", WARNING)]
)
def test_an_enum_of_a_merged_type_only_warns(evidence: str, severity: str) -> None:
    model = model_of({"type": "object", "properties": {"style": {"enum": ["a", "b"]}}}, evidence)
    assert [finding[:2] for finding in check_arguments(model, {"style": "c"})] == [(severity, "not-in-enum")]


def test_limits_are_checked_where_a_live_document_states_them() -> None:
    schema = {"type": "object", "properties": {"steps": {"type": "integer", "minimum": 1, "maximum": 12}}}
    found = check_arguments(model_of(schema, "live"), {"steps": 50})
    assert [finding[:3] for finding in found] == [(ERROR, "out-of-range", "steps")]
    assert found[0].hint == "maximum is 12"


def test_a_finding_inside_an_object_is_an_error_where_a_live_document_states_it() -> None:
    inner = {"type": "object", "properties": {"width": {"type": "integer"}}, "required": ["width"]}
    schema = {"type": "object", "properties": {"size": inner}}
    assert check_arguments(model_of(schema, "live"), {"size": {}})[0].severity == ERROR
    assert check_arguments(model_of(schema, "direct"), {"size": {}})[0].severity == WARNING


def test_digits_that_the_types_print_as_text_are_compared_by_text() -> None:
    model = model_of({"type": "object", "properties": {"d": {"enum": ["6", "8"], "x-digits": True}}})
    assert [f[:2] for f in check_arguments(model, {"d": 8})] == [(WARNING, "digit-type")]
    assert [f[:2] for f in check_arguments(model, {"d": 8.0})] == [(WARNING, "digit-type")]
    assert [f[:2] for f in check_arguments(model, {"d": 9})] == [(ERROR, "not-in-enum")]
    assert [f[:2] for f in check_arguments(model, {"d": True})] == [(ERROR, "not-in-enum")]


def test_a_model_known_by_name_only_gets_a_note(registry: Registry) -> None:
    slug = next(model.slug for model in registry if not model.has_schema)
    found = check_arguments(registry.require(slug), {"anything": 1})
    assert [(finding.severity, finding.code) for finding in found] == [(NOTE, "no-schema")]


@pytest.mark.parametrize(
    ("slug", "code", "hint"),
    [
        ("fal-ai/flux-schnell", "unknown-slug", "fal-ai/flux/schnell"),
        ("fal-ai/veo3", "unlisted-slug", "--live"),
        ("minimax/h3-max-turbo/text-to-video", "unknown-slug", "--live"),  # priced after the snapshot
        ("workflows/me/mine", "user-endpoint", ""),
        ("cassetteai/music-generator", "slug-case", "CassetteAI/music-generator"),
        ("FAL-AI/Flux/Schnell", "slug-case", "fal-ai/flux/schnell"),
    ],
)
def test_a_slug_that_the_newest_source_lacks_is_never_said_not_to_exist(
    registry: Registry, slug: str, code: str, hint: str
) -> None:
    (found,) = check_slug(registry, slug)
    assert found.code == code
    assert found.severity in (WARNING, NOTE)
    assert hint in found.hint
    assert "does not exist" not in found.message


def test_a_listed_slug_has_no_findings_of_its_own(registry: Registry) -> None:
    assert check_slug(registry, SCHNELL) == []


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [10, 63, 65, 5000])
def test_deeply_nested_arguments_end_in_a_finding(registry: Registry, levels: int) -> None:
    assert has_errors(check_arguments(registry.require(SCHNELL), {"prompt": deep(levels)}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=12), children, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200)
@given(data=st.data())
def test_any_arguments_give_findings_and_never_an_error(registry: Registry, data: st.DataObject) -> None:
    model = registry.require(data.draw(st.sampled_from([SCHNELL, KLING, SPEECH, "fal-ai/flux-general"])))
    names = st.sampled_from(sorted(model.properties)) | st.text(max_size=12)
    found = check_arguments(model, data.draw(st.dictionaries(names, JSON, max_size=6)))
    for finding in found:
        assert isinstance(finding, Finding)
        assert finding.severity in SEVERITIES
        assert "\n" not in str(finding)
        assert len(str(finding)) < 1500
        assert (
            finding.code == "null-value"
            or finding.severity == NOTE
            or finding.hint
            or finding.code in ("too-deep", "does-not-fit")
        )
