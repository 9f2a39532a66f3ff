"""Building the snapshot: which source wins, what is mended, and that nothing is lost on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import RunScript, one_line_error
from fal_skill.errors import UsageError
from fal_skill.prices.table import DATA_FILE as PRICES_FILE
from fal_skill.registry import Registry
from fal_skill.registry.sources import listing, merge

FACTS_HEADER = {"as_of": "2026-08-02"}


def facts_text(*records: dict[str, Any]) -> str:
    return "\n".join(json.dumps(record) for record in (FACTS_HEADER, *records)) + "\n"


def record(slug: str, fields: dict[str, Any], *, shared: bool, required: list[str] | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": fields}
    if required:
        schema["required"] = required
    image = {
        "type": "object",
        "properties": {"url": {"type": "string"}, "width": {"type": "number"}},
        "required": ["url"],
    }
    output = {"type": "object", "properties": {"images": {"type": "array", "items": image}}, "required": ["images"]}
    return {"slug": slug, "input": schema, "output": output, "shared": {"input": shared, "output": False}}


OLD_TYPES = """
export type SchnellInput = {
    prompt: string;
    /** Default value: `4` */
    num_inference_steps?: number;
    style?: "photo" | "line";
};
export type Out = { images: Array<string> };
export type EndpointTypeMap = {
    "fal-ai/flux/schnell": { input: SchnellInput; output: Out };
    "fal-ai/old": { input: SchnellInput; output: Out };
};
"""
MERGED_TYPES = """
export type DevInput = {
    prompt: string;
    /** Default value: `28` */
    num_inference_steps?: number;
    style?: "photo";
};
export type SchnellInput = DevInput;
export type NewInput = DevInput;
export type Out = { images: Array<string> };
export type EndpointTypeMap = {
    "fal-ai/flux/dev": { input: DevInput; output: Out };
    "fal-ai/flux/schnell": { input: SchnellInput; output: Out };
    "fal-ai/new": { input: NewInput; output: Out };
};
"""


@pytest.fixture
def older() -> listing.Source:
    return listing.sdk_types(OLD_TYPES.replace("fal-ai/old", "fal-ai/other"), "old", "2025-12-15")


def by_slug(*sources: listing.Source) -> dict[str, dict[str, Any]]:
    return {item["slug"]: item for item in merge.records(sources)}


def test_a_merged_type_takes_defaults_and_enum_members_from_an_older_source_that_states_it() -> None:
    old = listing.sdk_types(
        OLD_TYPES.replace('    "fal-ai/old": { input: SchnellInput; output: Out };\n', ""), "old", "2025-12-15"
    )
    made = by_slug(listing.sdk_types(MERGED_TYPES, "new", "2026-04-07"), old)["fal-ai/flux/schnell"]
    assert made["evidence"]["input"] == "repaired"
    assert made["input"]["properties"]["num_inference_steps"]["default"] == 4
    assert made["input"]["properties"]["style"]["enum"] == ["photo", "line"]
    assert made["source"] == "new"


def test_a_merged_type_that_nothing_mends_loses_its_defaults_and_says_so() -> None:
    made = by_slug(listing.sdk_types(MERGED_TYPES, "new", "2026-04-07"))["fal-ai/new"]
    assert made["evidence"]["input"] == "merged"
    assert "default" not in made["input"]["properties"]["num_inference_steps"]


def test_a_type_of_its_own_is_direct_and_keeps_its_defaults() -> None:
    made = by_slug(listing.sdk_types(MERGED_TYPES, "new", "2026-04-07"))["fal-ai/flux/dev"]
    assert made["evidence"]["input"] == "direct"
    assert made["input"]["properties"]["num_inference_steps"]["default"] == 28


def test_two_endpoints_that_name_one_type_are_not_direct(older: listing.Source) -> None:
    assert {claim.input_evidence for claim in older.claims.values()} == {"merged"}


COLLIDED_TYPES = """
export type AvatarInput = { avatar_id: string };
export type Out = { video: string };
export type EndpointTypeMap = {
    "argil/avatars": { input: AvatarInput; output: Out };
    "veed/avatars": { input: AvatarInput; output: Out };
    "veed/other": { input: Out; output: Out };
};
"""


def test_one_type_name_of_two_owners_makes_both_doubtful() -> None:
    made = by_slug(listing.sdk_types(COLLIDED_TYPES, "new", "2026-04-07"))
    evidence = {slug: record["evidence"]["input"] for slug, record in made.items()}
    assert evidence == {"argil/avatars": "doubtful", "veed/avatars": "doubtful", "veed/other": "merged"}


def test_the_newest_source_wins_and_a_dropped_endpoint_is_unlisted_since_its_last_date(older: listing.Source) -> None:
    facts = listing.facts(facts_text(record("fal-ai/flux/schnell", {"prompt": {"type": "string"}}, shared=False)), "f")
    made = by_slug(older, facts)
    assert made["fal-ai/flux/schnell"]["source"] == "facts-2026-08-02"
    assert made["fal-ai/flux/schnell"]["status"] == "known"
    assert made["fal-ai/other"]["status"] == "unlisted"
    assert made["fal-ai/other"]["last_seen"] == "2025-12-15"
    assert made["fal-ai/other"]["input"]["required"] == ["prompt"]


def test_a_name_without_types_is_listed_or_unlisted_by_its_dates() -> None:
    names = listing.history(
        json.dumps(
            {"until": "2026-08-02", "slugs": {"a/b": ["2024-11-11", "2026-08-02"], "a/c": ["2024-11-11", "2025-01-01"]}}
        ),
        "h",
    )
    made = by_slug(names)
    assert made["a/b"]["status"] == "listed"
    assert made["a/c"]["status"] == "unlisted"
    assert "input" not in made["a/b"]


def test_the_same_sources_give_the_same_bytes_in_any_order(older: listing.Source) -> None:
    newer = listing.sdk_types(MERGED_TYPES, "new", "2026-04-07")
    assert merge.document([older, newer]) == merge.document([newer, older])


def test_a_snapshot_read_back_as_a_source_loses_nothing(older: listing.Source, tmp_path: Path) -> None:
    newer = listing.sdk_types(MERGED_TYPES, "new", "2026-04-07")
    names = listing.history(json.dumps({"until": "2026-08-02", "slugs": {"a/b": ["2024-11-11", "2025-08-02"]}}), "h")
    path = tmp_path / "registry.jsonl"
    merge.write(path, merge.document([older, newer, names]))
    first = path.read_bytes()
    merge.write(path, merge.document(merge.snapshot_sources(path)))
    assert path.read_bytes() == first
    merge.write(path, merge.document([newer, *merge.snapshot_sources(path, {"new"})]))
    assert path.read_bytes() == first


def test_records_are_sorted_and_whole(older: listing.Source, tmp_path: Path) -> None:
    path = tmp_path / "registry.jsonl"
    merge.write(path, merge.document([older]))
    registry = Registry(str(path))
    registry.snapshots[0].verify()
    assert [entry.slug for entry in registry.entries] == sorted(older.claims)
    for model in registry:
        assert model.output_schema == older.claims[model.slug].output


def test_the_shipped_snapshot_is_whole(registry: Registry) -> None:
    registry.snapshots[0].verify()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("[]\n", "is not a JSON object"),
        ('{"as_of": "yesterday"}\n', "expected YYYY-MM-DD"),
        ('{"as_of": "2026-08-02"}\n{"slug": "a/b"}\n', "has no input schema"),
        ('{"as_of": "2026-08-02"}\n{"input": {}, "output": {}}\n', "has no slug"),
        ('{"as_of": "2026-08-02"}\nnot json\n', "line 2 is not valid JSON"),
    ],
)
def test_malformed_facts_are_refused_with_the_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        listing.facts(text, "facts")


@pytest.mark.parametrize(
    "text", ["{}", '{"until": "2026-08-02"}', '{"until": "2026-08-02", "slugs": {"a/b": ["2026-01-01"]}}', "nope"]
)
def test_a_malformed_history_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        listing.history(text, "history")


def test_refresh_builds_a_snapshot_twice_alike(run_script: RunScript, tmp_path: Path) -> None:
    types, output = tmp_path / "endpoints.d.ts", tmp_path / "out" / "registry.jsonl"
    types.write_text(MERGED_TYPES, encoding="utf-8")
    arguments = ["--source", "sdk-types", f"{types}@2026-04-07", "--output", str(output)]
    done = run_script("refresh_registry.py", *arguments, "--format", "json")
    assert done.code == 0, done.err
    assert done.json["models"] == 3
    first = output.read_bytes()
    assert run_script("refresh_registry.py", *arguments).code == 0
    assert output.read_bytes() == first


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (["sdk-types"], 2),
        (["sdk-types", "no-such-file.d.ts@2026-01-01"], 2),
        (["sdk-types", "no-date.d.ts"], 2),
        (["facts", "no-such-file.jsonl"], 2),
        (["rumours", "x"], 2),
        (["npm", "latest"], 2),
        (["npm", "9.9.9"], 2),
    ],
)
def test_bad_sources_are_one_line_errors_and_leave_the_snapshot_alone(
    run_script: RunScript, tmp_path: Path, source: list[str], code: int
) -> None:
    output = tmp_path / "registry.jsonl"
    done = run_script("refresh_registry.py", "--source", *source, "--output", str(output))
    assert done.code == code
    assert one_line_error(done)
    assert not output.exists()


ROW = {"endpoint_id": "fal-ai/flux/schnell", "unit_price": 0.003, "unit": "megapixels", "currency": "USD"}


def test_the_price_table_is_rebuilt_alike_and_keeps_its_other_quotes(run_script: RunScript, tmp_path: Path) -> None:
    reply, output = tmp_path / "reply.json", tmp_path / "prices.json"
    reply.write_text(json.dumps({"prices": [ROW]}), encoding="utf-8")
    output.write_bytes(Path(PRICES_FILE).read_bytes())
    arguments = ["--prices", "pricing-api", f"{reply}@2026-11-20", "--output", str(output)]
    done = run_script("refresh_registry.py", *arguments)
    assert done.code == 0, done.err
    first = output.read_bytes()
    assert b'"as_of":"2026-11-20"' in first
    assert len(first) > len(Path(PRICES_FILE).read_bytes())
    assert run_script("refresh_registry.py", *arguments).code == 0
    assert output.read_bytes() == first


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--source", "npm", "--prices", "pages", "x"],
        ["--prices", "pages", "no-such-file.json"],
        ["--prices", "litellm", "no-such-file.json"],
        ["--prices", "rumours", __file__],
    ],
)
def test_bad_price_sources_are_one_line_errors(run_script: RunScript, arguments: list[str]) -> None:
    done = run_script("refresh_registry.py", *arguments)
    assert done.code == 2
    assert one_line_error(done)
