"""What --fix changes: only what is safe, and only where the text is what was read."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from calls.linting import checked, codes
from fal_skill.arguments import Finding
from fal_skill.calls.fixes import fixed, write
from fal_skill.calls.problem import Edit, Problem
from fal_skill.calls.values import Place


def mended(text: str, language: str = "python") -> str:
    text = dedent(text)
    return fixed(text, checked(text, language).problems)[0]


@pytest.mark.parametrize(
    ("before", "after", "language"),
    [
        ('import fal_client\nfal_client.run("fal-ai/bytedance/seedance-2.0/fast/image-to-video", arguments=a)',
         'import fal_client\nfal_client.run("bytedance/seedance-2.0/fast/image-to-video", arguments=a)', "python"),
        ('MODEL = "fal-ai/gpt-image-2"\nimport fal_client\nfal_client.run(MODEL, a)',
         'MODEL = "openai/gpt-image-2"\nimport fal_client\nfal_client.run(MODEL, a)', "python"),
        ("fal.run('fal-ai/Flux/Dev', { input: x })", "fal.run('fal-ai/flux/dev', { input: x })", "javascript"),
        ('# ü\n```python\nfal_client.run("flux/schnell", arguments=a)\n```\n',
         '# ü\n```python\nfal_client.run("fal-ai/flux/schnell", arguments=a)\n```\n', "markdown"),
        ("genmedia run fal-ai/gpt-image-2 --prompt a", "genmedia run openai/gpt-image-2 --prompt a", "shell"),
        ('{"model": "fal-ai/gpt-image-2"}', '{"model": "openai/gpt-image-2"}', "json"),
    ],
)  # fmt: skip
def test_a_renamed_model_gets_its_new_name(before: str, after: str, language: str) -> None:
    assert mended(before, language) == after
    assert "renamed-slug" not in codes(after, language)


def test_a_new_name_that_the_arguments_do_not_fit_is_left_to_the_author() -> None:
    text = 'import fal_client\nfal_client.run("fal-ai/gpt-image-2", {"promt": 1})\n'
    assert mended(text) == text


def test_an_old_import_moves_and_its_results_stay_the_same() -> None:
    assert mended(
        """\
        import * as fal from "@fal-ai/serverless-client";
        fal.config({ proxyUrl: "/api" });
        const result = await fal.subscribe("fal-ai/flux/dev", {
          input: { prompt: "a" },
        });
        console.log(result.images[0].url);
        const { request_id } = await fal.queue.submit("fal-ai/flux/dev", { input: { prompt: "b" } });
        """,
        "typescript",
    ) == dedent(
        """\
        import { fal } from "@fal-ai/client";
        fal.config({ proxyUrl: "/api" });
        const result = (await fal.subscribe("fal-ai/flux/dev", {
          input: { prompt: "a" },
        })).data;
        console.log(result.images[0].url);
        const { request_id } = await fal.queue.submit("fal-ai/flux/dev", { input: { prompt: "b" } });
        """
    )


@pytest.mark.parametrize(
    "text",
    [
        'import * as fal from "@fal-ai/serverless-client";\nexport default fal;',
        'import * as fal from "@fal-ai/serverless-client";\n'
        'fal.subscribe("fal-ai/flux/dev", { input: a }).then((r) => r.images);',
        'import * as fal from "@fal-ai/serverless-client";\nfal.withProxy({});',
        'import { subscribe } from "@fal-ai/serverless-client";',
        'import { route } from "@fal-ai/serverless-proxy/nextjs";',
        'import * as fal from\n  "@fal-ai/serverless-client";',
    ],
)
def test_an_import_whose_uses_cannot_all_move_stays(text: str) -> None:
    assert mended(text, "javascript") == text
    assert "deprecated-package" in codes(text, "javascript")


def test_a_wrong_import_of_the_new_client_is_mended() -> None:
    text = "import fal from '@fal-ai/client';\nawait fal.run('fal-ai/flux/dev', { input: { prompt: 'a' } });\n"
    assert mended(text, "javascript").startswith("import { fal } from '@fal-ai/client';\n")


def test_mending_twice_changes_nothing_more() -> None:
    text = (
        'import * as fal from "@fal-ai/serverless-client";\n'
        'const r = await fal.run("fal-ai/gpt-image-2", { input: a });\n'
    )
    once = mended(text, "javascript")
    assert once != text
    assert mended(once, "javascript") == once


def problem(*edits: Edit) -> Problem:
    return Problem("x", Place(1, 1), Finding("warning", "c", "", "m", ""), None, edits)


def test_an_edit_whose_text_is_not_there_is_not_made() -> None:
    wrong = problem(Edit(Place(1, 1), "abc", "x"))
    assert fixed("abd", [wrong]) == ("abd", [])
    beyond = problem(Edit(Place(9, 1), "", "x"))
    assert fixed("abd", [beyond]) == ("abd", [])


def test_all_edits_of_a_problem_are_made_or_none() -> None:
    half = problem(Edit(Place(1, 1), "a", "A"), Edit(Place(1, 2), "z", "Z"))
    assert fixed("ab", [half]) == ("ab", [])


def test_of_two_problems_with_one_place_the_first_is_mended() -> None:
    first, second = problem(Edit(Place(1, 1), "ab", "x")), problem(Edit(Place(1, 2), "bc", "y"))
    assert fixed("abc", [first, second]) == ("xc", [first])


def test_a_file_is_written_with_its_mode_mark_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    before = b"\xef\xbb\xbfa\r\nb\r\n"
    path.write_bytes(before)
    path.chmod(0o750)
    assert write(str(path), "A\r\nb\r\n", before)
    assert path.read_bytes() == b"\xef\xbb\xbfA\r\nb\r\n"
    assert path.stat().st_mode & 0o777 == 0o750
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"new")
    assert not write(str(path), "mended", b"old")
    assert path.read_bytes() == b"new"
