"""Somebody's configuration file: an entry is added, and nothing in the file is lost."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.configfiles import json_with, merge, toml_text, toml_with
from fal_skill.errors import UnavailableError, UsageError

ENTRY = {"mcpServers": {"fal": {"url": "https://mcp.fal.ai/mcp-relay"}}}
TOML = {"mcp_servers": {"fal": {"url": "https://mcp.fal.ai/mcp-relay"}}}
needs_tomllib = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 cannot read TOML")

names = st.text(max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(names.filter(lambda name: name not in ("mcpServers", "inputs")), values, max_size=4)
servers = st.dictionaries(
    names.filter(lambda name: name != "fal"), st.dictionaries(names, values, max_size=2), max_size=3
)
layouts = st.sampled_from([{}, {"indent": 2}, {"indent": 4}, {"indent": "\t"}, {"separators": (",", ":")}])


@given(outer=objects, inner=servers | st.none(), layout=layouts, newline=st.sampled_from(["\n", "\r\n"]))
def test_whatever_the_file_holds_is_held_afterwards_too(
    outer: dict[str, Any], inner: dict[str, Any] | None, layout: dict[str, Any], newline: str
) -> None:
    before = outer if inner is None else {**outer, "mcpServers": inner}
    text = json.dumps(before, **layout).replace("\n", newline) + newline
    after = json_with(text, ENTRY, "x")
    held = json.loads(after)
    assert held.pop("mcpServers") == {**(inner or {}), **ENTRY["mcpServers"]}
    before.pop("mcpServers", None)
    assert held == before
    assert list(held) == list(before)
    assert json_with(after, ENTRY, "x") == after


@given(st.text(max_size=60))
def test_any_text_is_either_refused_or_merged(text: str) -> None:
    try:
        after = json_with(text, ENTRY, "x")
    except UsageError:
        return
    assert json.loads(after)["mcpServers"]["fal"] == ENTRY["mcpServers"]["fal"]


def test_every_other_byte_stays(tmp_path: Path) -> None:
    text = '{\n    "a" : [1.50, "\\u00e9"],\n    "mcpServers": {\n        "x": {"url":"u"}\n    },\n    "z": 1E2\n}'
    file = tmp_path / "mcp.json"
    file.write_text(text)
    merge(file, ENTRY, "json")
    added = ',\n        "fal": {\n            "url": "https://mcp.fal.ai/mcp-relay"\n        }'
    assert file.read_text() == text.replace('{"url":"u"}', '{"url":"u"}' + added)


def test_a_file_in_one_line_stays_in_one_line() -> None:
    assert json_with('{"mcpServers": {"x": {}}}', ENTRY, "x").count("\n") == 0


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_bytes(b"\xef\xbb\xbf{}")
    merge(file, ENTRY, "json")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf{")


def test_an_input_is_added_to_the_list_once() -> None:
    content = {"inputs": [{"id": "fal-key", "password": True}], "servers": {"fal": {"url": "u"}}}
    text = json_with('{"inputs": [{"id": "other"}], "servers": {}}', content, "x")
    assert json.loads(text)["inputs"] == [{"id": "other"}, {"id": "fal-key", "password": True}]
    assert json_with(text, content, "x") == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, // mine\n "b": 2}', "comment in line 1"),
        ('{\n  /* mine */ "a": 1}', "comment in line 2"),
        ('{"a": "http://x",}', "not valid JSON"),
        ('{"a": 1', "not valid JSON"),
        ('{"a": 1, "a": 2}', "'a' twice"),
        ('{"mcpServers": {"fal": {"url": "mine"}}}', "already has mcpServers.fal"),
        ('{"mcpServers": []}', "mcpServers is not a table"),
        ('{"mcpServers": null}', "mcpServers is not a table"),
        ("[]", "not a JSON object"),
        ('{"a": NaN}', "NaN"),
        ("[" * 100_000, ""),
    ],
)
def test_what_cannot_be_merged_safely_is_refused_and_left_alone(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        merge(file, ENTRY, "json")
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert file.read_text() == text
    assert list(tmp_path.iterdir()) == [file]


def test_an_input_of_that_id_with_other_settings_is_refused() -> None:
    with pytest.raises(UsageError, match=r"inputs\.fal-key"):
        json_with('{"inputs": [{"id": "fal-key"}]}', {"inputs": [{"id": "fal-key", "password": True}]}, "x")


def test_the_former_text_is_kept_beside_the_file_each_time(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text("{}")
    file.chmod(0o600)
    first = merge(file, ENTRY, "json")
    second = merge(file, {"mcpServers": {"other": {"url": "u"}}}, "json")
    assert (first.changed, first.created, first.backup) == (True, False, f"{file}.bak")
    assert Path(f"{file}.bak").read_text() == "{}"
    assert second.backup == f"{file}.bak2"
    assert json.loads(Path(f"{file}.bak2").read_text()) == ENTRY
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "mcp.json"
    first, second = merge(file, ENTRY, "json"), merge(file, ENTRY, "json")
    assert (first.created, first.backup) == (True, None)
    assert (second.changed, second.backup) == (False, None)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights on Windows")
def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.json", tmp_path / "mcp.json"
    real.write_text("{}")
    link.symlink_to(real)
    merge(link, ENTRY, "json")
    assert link.is_symlink()
    assert json.loads(real.read_text()) == ENTRY


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user who may not write everywhere")
def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UnavailableError, match="cannot write"):
        merge(tmp_path / "mcp.json", ENTRY, "json")


def test_a_folder_in_its_place_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a file"):
        merge(tmp_path, ENTRY, "json")


def test_a_file_that_changes_meanwhile_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mcp.json"
    file.write_text("{}")
    real = os.fsync

    def changed_by_another(handle: int) -> None:
        real(handle)
        file.write_text('{"a": 1}')

    monkeypatch.setattr(os, "fsync", changed_by_another)
    with pytest.raises(UnavailableError, match="meanwhile"):
        merge(file, ENTRY, "json")
    assert file.read_text() == '{"a": 1}'


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(UsageError, match="not UTF-8"):
        merge(file, ENTRY, "json")


def test_toml_is_written_where_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    merge(file, TOML, "toml")
    assert file.read_text() == '[mcp_servers.fal]\nurl = "https://mcp.fal.ai/mcp-relay"\n'


@needs_tomllib
@pytest.mark.parametrize("text", ['model = "x" # mine', '# mine\n[mcp_servers.a]\nurl = "b"\n', "[a]\r\nb = 1\r\n"])
def test_toml_is_appended_to_and_its_comments_stay(text: str) -> None:
    import tomllib

    after = toml_with(text, TOML, "x")
    assert after.startswith(text)
    assert tomllib.loads(after)["mcp_servers"]["fal"] == TOML["mcp_servers"]["fal"]
    assert toml_with(after, TOML, "x") == after


@needs_tomllib
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "not valid TOML"),
        ("mcp_servers = { a = 1 }", "cannot|can be appended"),
        ('[mcp_servers.fal]\nurl = "mine"', "already has mcp_servers.fal"),
        ("mcp_servers = 3", "is not a table"),
    ],
)
def test_toml_that_cannot_be_appended_to_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        toml_with(text, TOML, "x")


@needs_tomllib
def test_toml_text_says_what_it_was_given() -> None:
    import tomllib

    content = {"mcp_servers": {"a-b": {"url": 'x"\\é', "args": ["-y", "b"], "on": True, "env": {"A": "B"}}}}
    assert tomllib.loads(toml_text(content)) == content


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="only Python 3.10 has no TOML")
def test_python_3_10_refuses_to_change_toml() -> None:
    with pytest.raises(UsageError, match=r"3\.11"):
        toml_with("a = 1", TOML, "x")
