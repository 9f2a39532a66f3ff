"""What changed is told in words; what was merely unknown before is no change."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fal_skill.registry import Model
from fal_skill.registry.diff import MAX_SHOWN, TITLES, difference

DATES = ("2026-08-02", "2026-11-23")


def model(
    slug: str = "a/b", *, evidence: str = "live", status: str = "known", required: Any = ("prompt",), **fields: Any
) -> Model:
    return Model(
        {
            "slug": slug, "status": status, "category": "text-to-image", "in": ["text"], "out": ["image"],
            "first_seen": "2025-01-01", "last_seen": "2026-08-02", "source": "x", "schema_date": "2026-08-02",
            "evidence": {"input": evidence, "output": evidence},
            "input": {
                "type": "object", "properties": {"prompt": {"type": "string"}, **fields}, "required": list(required),
            },
            "output": {"type": "object", "properties": {}}, "media": [["images[].url", "image", True]],
        }
    )  # fmt: skip


def told(before: Model | None, after: Model, **more: Any) -> list[tuple[str, str]]:
    old = {before.slug: before} if before else {}
    return [(change.kind, change.words) for change in difference(old, {after.slug: after}, DATES, **more).changes]


STEPS = {"type": "integer", "minimum": 1, "maximum": 12, "default": 4}


@pytest.mark.parametrize(
    ("before", "after", "kind", "words"),
    [
        (None, model(), "model-added", "text-to-image"),
        (model(), model(status="unlisted"), "model-unlisted", "last seen 2026-08-02"),
        (model(status="unlisted"), model(), "model-relisted", "was last seen 2026-08-02"),
        (model(), model(steps=STEPS), "field-added", "`steps`: int ≥ 1, ≤ 12 = 4"),
        (model(steps=STEPS), model(), "field-removed", "`steps` (int ≥ 1, ≤ 12 = 4)"),
        (model(steps=STEPS), model(steps=STEPS, required=["prompt", "steps"]), "newly-required", "`steps`"),
        (model(), model(required=[]), "no-longer-required", "`prompt`"),
        (model(f={"enum": ["a", "b"]}), model(f={"enum": ["b", "c"]}), "enum-changed", '`f` gained "c" and lost "a"'),
        (model(f={"type": "string"}), model(f={"type": "number"}), "type-changed", "`f`: text → number"),
        (model(f=STEPS), model(f={**STEPS, "default": 8}), "default-changed", "`f`: 4 → 8"),
        (model(f=STEPS), model(f={**STEPS, "maximum": 50}), "bounds-changed", "`f`: maximum 12 → 50"),
    ],
)
def test_each_kind_of_change_has_its_words(before: Model | None, after: Model, kind: str, words: str) -> None:
    assert told(before, after) == [(kind, words)]


def test_a_renamed_field_is_told_from_both_sides() -> None:
    before = model(image_url={"type": "string", "x-file": "image"}, required=["prompt", "image_url"])
    after = model(start_image_url={"type": "string", "x-file": "image"}, required=["prompt", "start_image_url"])
    assert [kind for kind, _ in told(before, after)] == ["newly-required", "field-removed", "field-added"]


def test_what_the_types_could_not_say_is_restored_and_not_changed() -> None:
    before = model(
        evidence="direct", steps={"type": "number", "x-int": True}, seed={"type": "number"}, on={"type": "boolean"}
    )
    after = model(
        steps=STEPS, seed={"anyOf": [{"type": "integer"}, {"type": "null"}]}, on={"type": "boolean", "default": False}
    )
    made = difference({"a/b": before}, {"a/b": after}, DATES)
    assert not made.drifted
    assert dict(made.restored) == {"bounds": 1, "default": 2, "integer": 2, "null": 1}
    assert "Nothing." in made.markdown() and "Restored" in made.markdown()


def test_digits_as_text_and_as_numbers_are_the_same_members() -> None:
    before = model(evidence="direct", f={"enum": ["5", "10"], "default": "5"})
    assert told(before, model(f={"enum": [5, 10], "default": 5})) == []


def test_an_enum_that_was_merged_with_others_says_nothing_of_what_is_lost() -> None:
    before = model(evidence="merged", f={"enum": ["a", "b", "of another model"]})
    assert told(before, model(f={"enum": ["a", "b"]})) == []
    assert told(before, model(f={"enum": ["a", "b", "new"]}))[0][1] == '`f` gained "new" and lost "of another model"'


def test_prices_are_compared_where_both_sides_know_one() -> None:
    before = {"a/b": {"unit_price": 0.02, "unit": "images"}, "c/d": {"unit_price": 1, "unit": "videos"}}
    after = {"a/b": {"unit_price": 0.03, "unit": "images"}, "e/f": {"unit_price": 1, "unit": "videos"}}
    assert told(model(), model(), prices=(before, after)) == [("price-changed", "$0.02 per images → $0.03 per images")]


def test_no_change_is_no_drift() -> None:
    made = difference({"a/b": model(f=STEPS)}, {"a/b": model(f=copy.deepcopy(STEPS))}, DATES)
    assert not made.drifted and made.as_dict()["changes"] == []


def test_breaking_changes_come_first_among_fields_and_are_marked() -> None:
    made = difference({"a/b": model(f=STEPS)}, {"a/b": model(g=STEPS)}, DATES)
    page = made.markdown()
    assert page.index("## Fields removed (breaking)") < page.index("## Fields added")
    assert [change["breaking"] for change in made.as_dict()["changes"]] == [True, False]


def test_markdown_is_bounded_and_json_is_not() -> None:
    after = {f"a/{number:03}": model(f"a/{number:03}") for number in range(200)}
    made = difference({}, after, DATES)
    assert made.markdown().count("\n- `a/") == MAX_SHOWN
    assert f"… and {200 - MAX_SHOWN} more" in made.markdown()
    assert len(made.as_dict()["changes"]) == 200
    assert next(iter(TITLES)) == "model-added"
