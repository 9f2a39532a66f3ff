"""Comments that keep the linter quiet, the SARIF log, and the catalogue of codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calls.linting import checked, codes
from fal_skill.calls import rules
from fal_skill.calls.rules import RULES
from fal_skill.calls.sarif import sarif

CALL = 'fal_client.run("fal-ai/flux-schnell", a)'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{CALL}", ["unknown-slug"]),
        (f"{CALL}  # fal: ignore", []),
        (f"{CALL}  # fal: ignore[unknown-slug]", []),
        (f"{CALL}  # fal: ignore[other, unknown-slug]", []),
        (f"{CALL}  # fal: ignore[other]", ["unknown-slug"]),
        (f"# fal: ignore[unknown-slug]\n{CALL}", []),
        (f"# fal: ignore\n\n{CALL}", ["unknown-slug"]),
        (f"x = 1  # fal: ignore\n{CALL}", ["unknown-slug"]),
        (f"{CALL}\n# fal: ignore", ["unknown-slug"]),
        (
            '# fal: ignore[unknown-field]\nfal_client.run(\n    "fal-ai/flux/dev",\n'
            '    {"prompt": "a", "steps": 1},\n)',
            [],
        ),
    ],
)
def test_a_comment_keeps_its_line_quiet(text: str, expected: list[str]) -> None:
    assert codes("import fal_client\n" + text) == expected


def test_comments_of_other_languages_count_too() -> None:
    assert codes('// fal: ignore\nfal.run("fal-ai/flux-schnell", { input: a })', "javascript") == []
    assert codes("curl https://fal.run/fal-ai/flux-schnell # fal: ignore", "shell") == []
    assert (
        codes(
            '<!-- fal: ignore -->\n`x`\n```js\nfal.run("fal-ai/flux-schnell", { input: a }) // fal: ignore\n```',
            "markdown",
        )
        == []
    )


def test_suppressed_problems_are_counted() -> None:
    assert checked(f"import fal_client\n{CALL}  # fal: ignore").suppressed == 1


def test_a_sarif_log_names_each_rule_once_and_each_place() -> None:
    report = checked(f"import fal_client\n{CALL}\nfal_client.subscribe('fal-ai/flux/dev')\n{CALL}", path="src/ü b.py")
    log = sarif(report.problems, "2026-08-02")
    run = log["runs"][0]
    identifiers = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert log["version"] == "2.1.0"
    assert identifiers == sorted(set(identifiers))
    for result in run["results"]:
        assert identifiers[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        location = result["locations"][0]["physicalLocation"]
        assert location["artifactLocation"]["uri"] == "src/%C3%BC%20b.py"
        assert location["region"]["startLine"] >= 1
        assert location["region"]["startColumn"] >= 1


def test_every_code_that_a_rule_reports_is_in_the_catalogue() -> None:
    folder = Path(str(rules.__file__)).parent
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "catalogue.py")
    used = set(re.findall(r'"((?:[a-z0-9]+-)+[a-z0-9]+)"', text)) & set(RULES)
    reported = set(re.findall(r'(?:ERROR|WARNING|NOTE|severity), "([a-z0-9-]+)"', text))
    assert reported
    assert reported <= set(RULES)
    assert used >= reported


def test_every_code_of_the_argument_checks_is_in_the_catalogue() -> None:
    import fal_skill.arguments as arguments

    text = Path(str(arguments.__file__)).read_text(encoding="utf-8")
    found = set(re.findall(r'Finding\(\s*(?:ERROR|WARNING|NOTE|self\.severity\([^)]*\)), "([a-z-]+)"', text))
    assert found
    assert found - {"no-schema"} <= set(RULES)
