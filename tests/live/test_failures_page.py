"""The page that agents read and the table that the code uses are one."""

from __future__ import annotations

from conftest import ROOT
from fal_skill.errors import EXIT_CODES
from fal_skill.live.failures import FAILURES, as_markdown


def test_the_page_shows_the_table_of_the_code() -> None:
    page = (ROOT / "references" / "errors.md").read_text(encoding="utf-8")
    shown = page.partition("<!-- begin: failures -->\n")[2].partition("\n<!-- end: failures -->")[0]
    assert shown == as_markdown(), "paste what fal_skill.live.failures.as_markdown() returns between the marks"


def test_every_failure_has_a_documented_exit_code_and_a_next_step() -> None:
    for failure in FAILURES.values():
        assert failure.exit_code in EXIT_CODES
        assert failure.next_step
