"""Every claim about fal has an entry, every entry a use, and what a machine can check holds."""

from __future__ import annotations

import datetime
import re
import warnings
from typing import Any

import pytest

from docs.checks import KINDS, NEEDS_REGISTRY
from docs.conftest import RunProgram
from docs.pages import PAGES, REFERENCES, SKILL, cited, facts, sections, squeezed, text_of
from docs.scenarios import SCENARIOS
from fal_skill.registry import Registry
from fal_skill.sandbox import Sandbox

OLD_DAYS = 180
STATUSES = {"confirmed", "reported", "unverified"}


def checks() -> list[tuple[str, dict[str, Any]]]:
    """Return (id, check) of all entries; an entry may have several."""
    found = []
    for name, entry in facts().items():
        given = entry.get("check", [])
        found += [(name, check) for check in (given if isinstance(given, list) else [given])]
    return found


NAMED = [pytest.param(check, id=f"{name}-{check['kind']}") for name, check in checks() if check["kind"] != "scenario"]
PLAYED = sorted({check["name"] for _, check in checks() if check["kind"] == "scenario"})


def test_every_entry_is_complete() -> None:
    for name, entry in facts().items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), name
        assert set(entry) <= {"claim", "status", "source", "date", "check", "quotes"}, name
        assert entry["status"] in STATUSES, name
        assert isinstance(entry["claim"], str) and len(entry["claim"]) > 15, name
        assert isinstance(entry["source"], str) and entry["source"], name
        assert isinstance(entry["date"], datetime.date), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_cited_fact_has_an_entry(page: Any) -> None:
    assert not set(cited(page)) - set(facts())


def test_every_entry_is_used() -> None:
    used = {name for page in PAGES for name in cited(page)}
    assert not {name for name, entry in facts().items() if name not in used and not entry.get("quotes")}


@pytest.mark.parametrize("page", REFERENCES, ids=lambda page: page.name)
def test_every_section_that_speaks_of_fal_cites_its_facts(page: Any) -> None:
    """A section without a claim about fal says so by having none of the words that such claims have."""
    speaks = re.compile(r"\bfal('s| |\.)|\bHTTP\b|\bx-fal|\bSDK|\b[45]\d\d\b", re.IGNORECASE)
    ours = re.compile(r"scripts/[\w./]+|fal_skill[\w./]*|scopeful\.org/tools/fal")
    for section in sections(page):
        text = re.sub(r"```.*?```|<!--.*?-->|^Open this .*?$", "", section.text, flags=re.DOTALL | re.MULTILINE)
        if speaks.search(ours.sub("", text)):
            assert "<!-- facts:" in section.text, f"{page.name}: {section.heading}"


def test_quotes_stand_in_their_pages() -> None:
    pages = {page.name: squeezed(text_of(page)) for page in PAGES}
    for name, entry in facts().items():
        for page, quotes in (entry.get("quotes") or {}).items():
            for quote in quotes:
                assert squeezed(quote) in pages[page], f"{name}: {quote!r} is not in {page}"


def test_every_gotcha_of_the_skill_is_backed_by_a_fact() -> None:
    (gotchas,) = (section for section in sections(SKILL) if section.heading == "Gotchas")
    quotes = [
        squeezed(quote) for entry in facts().values() for quote in (entry.get("quotes") or {}).get("SKILL.md", [])
    ]
    for gotcha in re.split(r"\n- ", "\n" + gotchas.text.strip())[1:]:
        assert any(quote in squeezed(gotcha) for quote in quotes), gotcha


def test_unverified_claims_are_told_as_such() -> None:
    """A page that cites one has a word of doubt in the same section."""
    doubt = re.compile(
        r"not (confirmed|settled)|unverified|may be|may then|no page|documents no|has no|whether", re.IGNORECASE
    )
    unverified = {name for name, entry in facts().items() if entry["status"] == "unverified"}
    for page in REFERENCES:
        for section in sections(page):
            named = {
                name for listed in re.findall(r"<!-- facts: (.*?) -->", section.text) for name in listed.split(", ")
            }
            assert not named & unverified or doubt.search(section.text), f"{page.name}: {section.heading}"


def old(today: datetime.date) -> list[str]:
    """Return the ids of the entries that are older than they should be, and their dates."""
    limit = today - datetime.timedelta(days=OLD_DAYS)
    return sorted(f"{name} ({entry['date']})" for name, entry in facts().items() if entry["date"] < limit)


def test_old_entries_are_listed() -> None:
    """As a warning in the summary: an old fact is to be read again, it is not wrong."""
    latest = max(entry["date"] for entry in facts().values())
    assert len(old(latest + datetime.timedelta(days=OLD_DAYS + 1))) == len(facts())
    if listed := old(datetime.date.today()):
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(f"{len(listed)} facts are older than {OLD_DAYS} days: {', '.join(listed)}", stacklevel=1)


@pytest.mark.parametrize("check", NAMED)
def test_a_check_holds(check: dict[str, Any], registry: Registry) -> None:
    given = {name: value for name, value in check.items() if name != "kind"}
    if check["kind"] in NEEDS_REGISTRY:
        given["registry"] = registry
    KINDS[check["kind"]](**given)


@pytest.mark.parametrize("name", PLAYED)
def test_a_scenario_holds(name: str, sandbox: Sandbox, run_program: RunProgram) -> None:
    SCENARIOS[name](sandbox, run_program)


def test_every_scenario_is_named_by_a_fact() -> None:
    assert sorted(SCENARIOS) == PLAYED
