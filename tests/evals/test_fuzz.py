"""Whatever an agent writes, grading ends with a verdict."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .fixtures import JAVASCRIPT, SCHNELL

PIECES = st.one_of(
    st.text(max_size=200),
    st.sampled_from([
        SCHNELL, JAVASCRIPT, "```python\n", "```", "~~~js\n", "```json\n{", "| a | b |\n|---|---|\n| $1 | 2 |\n", "</script>", "\x1b]0;x\x07", "\u202e",  # noqa: E501
        "$1,000,000,000 to $2", "$0", "$.5/MP", "0.3¢", "USD 4", "fal-ai/", "`fal-ai/a/b/c`", "fal-ai/flux/schnell", "https://fal.ai/models//", "(" * 500,  # noqa: E501
        "import fal_client\nfal_client.run(", "# " * 50, ">" * 100, "FAILED status", "webhook HMAC", "\0", "\ud800", "- " * 60, "1920x1080 3 MP", "as of 2026-13-45",  # noqa: E501
    ]),
)  # fmt: skip
DOCUMENTS = st.lists(PIECES, max_size=8).map("\n".join)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@QUICK
@given(
    text=DOCUMENTS,
    files=st.dictionaries(st.sampled_from(["a.py", "b.mjs", "c.md", "d.json", "../e.py"]), DOCUMENTS, max_size=2),
)
def test_every_check_gives_a_verdict_with_evidence(text: str, files: dict[str, str], case_of: Any) -> None:
    from evals.checks import NAMES
    from evals.grading.grader import grade

    grading = grade(case_of(text, files=files))
    assert list(grading.checks) == list(NAMES)
    assert not grading.errors
    for result in grading.checks.values():
        assert result.passed in (True, False, None) and 0 < len(result.evidence) <= 701
        assert result.evidence.isprintable() or all(
            char.isprintable() or char in "\u200b\u00a0" or not char.isascii() for char in result.evidence
        )
    json.dumps(grading.as_dict())


@QUICK
@given(text=st.text(max_size=400), name=st.text(max_size=40))
def test_what_is_shown_is_safe_for_xml_and_terminals(text: str, name: str) -> None:
    from xml.etree import ElementTree
    from xml.sax.saxutils import escape

    from evals.results.report import visible

    made = visible(text + name)
    ElementTree.fromstring(f"<a>{escape(made)}</a>")
    assert "\x1b" not in made and "\u202e" not in made


@QUICK
@given(text=st.text(max_size=600))
def test_any_output_of_an_agent_can_be_read(text: str) -> None:
    from evals.agents.adapters import adapters

    for adapter in adapters().values():
        events, _ = adapter.events(text)
        assert isinstance(adapter.answer(text, events), str)
        assert adapter.read("tokens", events) is None or adapter.read("tokens", events) >= 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "message", "content", "item", "part", "usage", "result", "tokens", "name", "text"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@QUICK
@given(events=st.lists(JSON, max_size=5))
def test_events_of_any_shape_can_be_read(events: list[Any]) -> None:
    from evals.agents.adapters import READ, adapters

    text = "\n".join(json.dumps(event) for event in events)
    for adapter in adapters().values():
        made, _ = adapter.events(text)
        for name in READ:
            adapter.read(name, made)


@QUICK
@given(value=JSON)
def test_a_task_file_of_any_shape_is_read_or_refused(value: Any) -> None:
    from evals.grading.tasks import task_from

    from fal_skill.errors import UsageError

    try:
        task = task_from(value, "here")
    except UsageError:
        return
    assert task.prompt
