"""Workspaces, benchmarks, gates, recordings, agreement and reports."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fal_skill.errors import UsageError

from .fixtures import SCHNELL

ROOT = Path(__file__).resolve().parents[2]
NASTY = (
    SCHNELL
    + '\n</script><script>document.title="OWNED"</script><img src=x onerror=alert(1)> \x1b[31mred\x1b[0m \u202eabc "quoted" {{ 7*7 }} &amp; ]]>\n'  # noqa: E501
)


def stored(root: Path, text: str, condition: str, run: int = 1, task: str = "hard-code-my-key", **meta: Any) -> Path:
    from evals.grading.tasks import find_task
    from evals.results.recorded import store

    answer = root / "answer.md"
    answer.parent.mkdir(parents=True, exist_ok=True)
    answer.write_text(text, encoding="utf-8")
    files = root / "made"
    files.mkdir(exist_ok=True)
    (files / "page.html").write_text("<p>hi</p></script>")
    return store(
        find_task(task),
        condition,
        run,
        "round-1",
        answer,
        files=files,
        meta={"date": "2026-01-02", **meta},
        root=root / "recorded",
    )


@pytest.fixture
def iteration(tmp_path: Path) -> Any:
    """An iteration with two conditions, one of them run twice with different results, graded without running code."""
    from evals.grading.tasks import load_tasks
    from evals.results.recorded import laid_out, recordings
    from evals.results.workspace import Iteration, RunRecord, grade_run

    stored(tmp_path, NASTY + "The URLs are temporary.", "with_skill", seconds=12.0, tokens=900)
    stored(tmp_path, NASTY, "with_skill", run=2, seconds=14.0, tokens=1100)
    stored(tmp_path, SCHNELL, "without_skill", seconds=10.0)
    made = Iteration(tmp_path / "ws" / "iteration-1")
    tasks = {task.name: task for task in load_tasks()}
    for folder, task in laid_out(list(recordings(tmp_path / "recorded")), made, tasks):
        assert grade_run(made, folder, task, may_run=False) is not None
    task = tasks["photo-to-glb"]
    folder = made.begin(task, "with_skill", 1)
    made.finish(folder, RunRecord(task.name, "with_skill", 1, status="error", why='it <b>crashed</b> "hard"'), None)
    return made


def test_the_workspace_is_what_both_readers_read(iteration: Any) -> None:
    from evals.results.benchmark import write_benchmark

    made = write_benchmark(iteration)
    evals = sorted(iteration.folder.glob("eval-*"))
    assert [path.name for path in evals] == ["eval-hard-code-my-key", "eval-photo-to-glb"]
    for place in evals:  # in all or in none of the places, or the viewer dies
        metadata = [json.loads(path.read_text()) for path in place.rglob("eval_metadata.json")]
        assert len(metadata) == 1 + sum(child.is_dir() for child in place.iterdir())
        assert all(
            one == metadata[0] and isinstance(one["eval_id"], int) and one["prompt"] and one["assertions"]
            for one in metadata
        )
    run = evals[0] / "with_skill" / "run-1"
    grading = json.loads((run / "grading.json").read_text())
    assert grading["expectations"] == grading["assertion_results"] and "timing" not in grading
    assert all(isinstance(one["passed"], bool) and '"' not in one["evidence"] for one in grading["expectations"])
    assert (
        grading["summary"]["total"]
        == len(grading["expectations"])
        == grading["summary"]["passed"] + grading["summary"]["failed"]
    )
    timing = json.loads((run / "timing.json").read_text())
    assert timing == {"total_tokens": 900, "duration_ms": 12000, "total_duration_seconds": 12.0}
    shown = {path.name: path.read_text() for path in (run / "outputs").iterdir()}
    assert set(shown) == {"answer.md", "page.html.txt"} and not any("</script" in text for text in shown.values())
    assert "</script>" in (run / "answer.md").read_text()
    summary = made["run_summary"]
    assert list(summary) == ["with_skill", "without_skill", "delta"]
    assert all(
        set(summary[name][key]) == {"mean", "stddev", "min", "max"}
        for name in list(summary)[:2]
        for key in ("pass_rate", "time_seconds", "tokens")
    )
    assert summary["with_skill"]["tokens"]["mean"] == 1000 and set(summary["delta"]) == {
        "pass_rate",
        "time_seconds",
        "tokens",
    }
    assert all(run["eval_name"] and isinstance(run["eval_id"], int) for run in made["runs"])


def test_an_aggregate_in_the_manner_of_skill_creator_finds_every_run(iteration: Any) -> None:
    """The reading rules of skill-creator's aggregate script, as far as they can go wrong."""
    seen = {}
    for place in sorted(iteration.folder.glob("eval-*")):
        for configuration in sorted(child for child in place.iterdir() if child.is_dir()):
            for run in sorted(configuration.glob("run-*")):
                number = int(run.name.split("-")[1])
                grading = run / "grading.json"
                if grading.exists():
                    value = json.loads(grading.read_text())
                    assert all("text" in one and "passed" in one for one in value["expectations"])
                    seen[place.name, configuration.name, number] = float(value["summary"]["pass_rate"])
    assert len(seen) == 3


def test_errors_are_in_no_pass_rate_and_flaky_and_telling_assertions_are_named(iteration: Any) -> None:
    from evals.results.benchmark import benchmark

    made = benchmark(iteration)
    assert [one["status"] for one in made["errors"]] == ["error"] and len(made["runs"]) == 3
    flaky = {one["check"] for one in made["assertions"]["flaky"]}
    assert "url_expiry" in flaky
    same = {one["check"] for one in made["assertions"]["non_discriminating"]}
    assert "slug_exists" in same and not same & flaky
    assert any("without an answer" in note for note in made["notes"])
    assert any("tokens were not measured for without_skill" in note for note in made["notes"])


def test_the_gate_holds_thresholds_and_the_last_benchmark(iteration: Any) -> None:
    from evals.results.benchmark import benchmark
    from evals.results.gate import failures, flips, thresholds

    made = benchmark(iteration)
    limits = {"condition": "with_skill", "at_least": {"slug_exists": 0.9}, "errors_allowed": True, "min_results": 1}
    assert failures(made, limits) == []
    assert any("url_expiry" in text for text in failures(made, {**limits, "at_least": {"url_expiry": 0.9}}))
    assert any("ended in an error" in text for text in failures(made, {**limits, "errors_allowed": False}))
    better = json.loads(json.dumps(made))
    for one in better["runs"]:
        one["checks"]["url_expiry"] = True
    assert any("url_expiry" in text and "did before" in text for text in failures(made, limits, better))
    assert failures(made, {**limits, "max_new_fails": 9}, better) == []
    unrun = json.loads(json.dumps(made))
    for one in unrun["runs"]:
        one["checks"]["url_expiry"] = None
    assert any("was the code not run?" in text for text in failures(unrun, limits, better))
    assert failures(unrun, limits, better, ran=False) == []
    other = {**better, "runs": [{**one, "eval_name": "another task"} for one in better["runs"]]}
    assert failures(made, limits, other) == [], "what the last benchmark does not hold cannot be worse than it"
    assert failures(made, limits, made) == [] and flips(made, made) == []
    better = json.loads(json.dumps(made))
    better["runs"][0]["checks"]["facts"] = not better["runs"][0]["checks"]["facts"]
    assert [one["check"] for one in flips(made, better)] == ["facts"]
    assert 0 < thresholds()["max_drop"] < 1


def test_recorded_answers_need_their_metadata_and_real_labels(tmp_path: Path) -> None:
    from evals.results.recorded import label, recordings

    place = stored(tmp_path, SCHNELL, "with_skill")
    with pytest.raises(UsageError):
        stored(tmp_path, SCHNELL, "with_skill")  # not over one that is there
    label(place, {"facts": True, "proved": False, "upload": None}, {"proved": "says nothing"}, "2026-01-03")
    one = next(iter(recordings(tmp_path / "recorded")))
    assert (
        one.labels == {"facts": True, "proved": False, "upload": None}
        and one.meta["source"] == "recorded from a coding agent"
    )
    assert json.loads((place / "labels.json").read_text())["labelled"] == "by hand"
    assert one.meta["prompt"] and one.answer.files == {"page.html": "<p>hi</p></script>"}
    (place / "labels.json").write_text('{"checks": {"nonsense": true}}')
    with pytest.raises(UsageError):
        list(recordings(tmp_path / "recorded"))
    (place / "meta.json").unlink()
    with pytest.raises(UsageError):
        list(recordings(tmp_path / "recorded"))


def test_agreement_is_measured_per_check() -> None:
    from evals.results.agreement import agreement, table

    rows: list[tuple[str, str, bool | None, bool | None, str]] = [
        ("a", "facts", False, False, ""), ("b", "facts", False, True, "e"), ("c", "facts", True, True, ""), ("d", "facts", None, None, ""),  # noqa: E501
        ("a", "upload", True, False, "e"),
    ]  # fmt: skip
    made = agreement(rows)
    assert (
        made["checks"]["facts"]["agreement"] == 0.75
        and made["checks"]["facts"]["recall"] == 0.5
        and made["checks"]["facts"]["precision"] == 1.0
    )
    assert made["checks"]["upload"]["precision"] == 0.0 and made["checks"]["upload"]["recall"] is None
    assert made["below_target"] == ["upload", "facts"] or set(made["below_target"]) == {"upload", "facts"}
    assert "labelled fail, found pass" in table(made)


def page_of(iteration: Any) -> str:
    from evals.grading.tasks import load_tasks
    from evals.results.benchmark import benchmark
    from evals.results.report import html

    return html(iteration, benchmark(iteration), {task.name: task for task in load_tasks()})


def test_the_page_loads_nothing_runs_nothing_and_escapes_everything(iteration: Any) -> None:
    page = page_of(iteration)
    low = page.lower()
    assert "<script" not in low and "<img" not in low and "http-equiv" in low and "default-src 'none'" in page
    assert "&lt;/script&gt;" in page and "\x1b" not in page and "\u202e" not in page and "{{ 7*7 }}" in page
    assert "prefers-color-scheme: dark" in page and "<svg" in page and 'src="' not in low and "@import" not in low
    assert "it &lt;b&gt;crashed" in page


def test_the_junit_file_is_xml_whatever_the_answers_hold(iteration: Any) -> None:
    from evals.results.benchmark import benchmark
    from evals.results.report import junit

    root = ElementTree.fromstring(junit(iteration, benchmark(iteration), ["url_expiry: 50% <&> fail"]))
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == {"with_skill", "without_skill", "gate"}
    for suite in suites.values():
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "0")) == len(cases)
        assert int(suite.get("failures", "0")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("errors", "0")) == len(suite.findall("testcase/error"))


def test_the_markdown_summary_has_a_row_per_check_and_the_gate(iteration: Any) -> None:
    from evals.results.benchmark import benchmark
    from evals.results.report import markdown

    text = markdown(benchmark(iteration), gate=["facts: 50%"])
    assert "| check | with_skill | without_skill | difference |" in text and "| url_expiry | 50% (1/2)" in text
    assert "Gate: FAILED" in text and "not measured" in text


def test_a_browser_shows_the_page_without_running_anything_of_an_answer(iteration: Any, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed: the page was not opened in a browser")
    page = tmp_path / "report.html"
    page.write_text(page_of(iteration), encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    shot = tmp_path / "report.png"
    for arguments in (
        ["--dump-dom"],
        ["--window-size=1100,1400", f"--screenshot={shot}"],
        ["--force-dark-mode", f"--screenshot={shot}"],
    ):
        try:
            done = subprocess.run(
                [browser, *flags, *arguments, page.as_uri()], capture_output=True, timeout=90, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip("Chromium did not end within 90 s here")
        if arguments == ["--dump-dom"]:
            dom = done.stdout.decode("utf-8", "replace")
            assert "OWNED" in dom and "<title>Evals of" in dom  # as text, and the title is still ours
            assert "<script" not in dom.lower() and "<img" not in dom.lower()
    from PIL import Image

    with Image.open(shot) as image:
        darkest, lightest = image.convert("L").getextrema()
        assert image.size[0] >= 800 and int(lightest) - int(darkest) > 60  # something is drawn


def script(*words: str, timeout: int = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT
    )


def test_grade_prints_checks_and_summary(tmp_path: Path) -> None:
    answer = tmp_path / "answer.md"
    answer.write_text(NASTY, encoding="utf-8")
    done = script(
        "evals/grade.py", "--task", "hard-code-my-key", "--output", str(answer), "--no-run", "--format", "json"
    )
    made = json.loads(done.stdout)
    assert done.returncode == 1 and set(made) >= {"checks", "summary"}
    assert made["checks"]["slug_exists"] == {"passed": True, "evidence": "fal-ai/flux/schnell is known"}
    assert made["checks"]["snippet_runs"]["passed"] is None
    assert set(made["summary"]) >= {"passed", "failed", "total", "pass_rate"}


def test_grade_takes_a_task_that_names_no_checks(tmp_path: Path) -> None:
    from evals.checks import NAMES

    (tmp_path / "answer.md").write_text(SCHNELL)
    (tmp_path / "task.json").write_text(json.dumps({"prompt": "draw a robot with fal"}))
    done = script(
        "evals/grade.py",
        "--task",
        str(tmp_path / "task.json"),
        "--output",
        str(tmp_path / "answer.md"),
        "--no-run",
        "--format",
        "json",
    )
    assert list(json.loads(done.stdout)["checks"]) == list(NAMES)


@pytest.mark.parametrize(
    "words",
    [
        ("--task", "no-such-task", "--output", "x"),
        ("--output", "x"),
        ("--task", "1", "--output", "/no/such/file"),
        ("--task", "1", "--output", "README.md", "--check", "nope"),
    ],
)
def test_grade_says_in_one_line_what_is_wrong(words: tuple[str, ...]) -> None:
    done = script("evals/grade.py", *words)
    assert done.returncode in (2, 7) and "Traceback" not in done.stderr and done.stderr.startswith("error: ")


def test_replay_grades_recorded_answers_and_holds_the_gate(tmp_path: Path) -> None:
    proved = "The URLs are temporary. Checked: `verify_slug.py` says no findings, snapshot of 2026-08-02."
    stored(tmp_path, SCHNELL + proved, "with_skill")
    stored(tmp_path, SCHNELL, "without_skill")
    common = [
        "evals/run.py",
        "--agent",
        "replay",
        "--recorded",
        str(tmp_path / "recorded"),
        "--workspace",
        str(tmp_path / "ws"),
        "--no-run",
    ]
    baseline = ["--baseline", str(tmp_path / "last.json")]
    outputs = [
        "--html",
        str(tmp_path / "r.html"),
        "--junit",
        str(tmp_path / "j.xml"),
        "--markdown",
        str(tmp_path / "s.md"),
    ]
    done = script(*common, *baseline, *outputs, "--gate", "--write-baseline", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads(done.stdout)
    assert made["gate"] == [] and made["checks"]["url_expiry"]["with_skill"]["pass_rate"] == 1.0
    assert all((tmp_path / name).stat().st_size > 200 for name in ("r.html", "j.xml", "s.md", "last.json"))
    bad = tmp_path / "recorded" / "round-1" / "hard-code-my-key" / "with_skill" / "run-1" / "answer.md"
    bad.write_text(SCHNELL.replace("flux/schnell", "flux-schnell"))
    worse = script(*common, *baseline, "--gate", "--format", "json")
    assert worse.returncode == 1 and any("slug_exists" in text for text in json.loads(worse.stdout)["gate"])


def test_of_each_task_and_condition_the_newest_round_counts(tmp_path: Path) -> None:
    from evals.results.recorded import newest, recordings

    for place in ("round-1/a/with_skill", "round-1/a/without_skill", "round-2/a/with_skill", "round-1/b/with_skill"):
        for run in (1, 2):
            folder = tmp_path / place / f"run-{run}"
            folder.mkdir(parents=True)
            (folder / "answer.md").write_text("x")
            (folder / "meta.json").write_text("{}")
    found = {f"{one.round}/{one.task}/{one.condition}" for one in newest(recordings(tmp_path))}
    assert found == {"round-2/a/with_skill", "round-1/a/without_skill", "round-1/b/with_skill"}
    assert len(newest(recordings(tmp_path))) == 6, "every run of it"


def test_replay_without_recordings_says_so(tmp_path: Path) -> None:
    done = script("evals/run.py", "--agent", "replay", "--recorded", str(tmp_path), "--workspace", str(tmp_path / "ws"))
    assert done.returncode == 2 and "record.py" in done.stderr


def test_a_judge_has_opinions_with_quotes_and_decides_nothing(tmp_path: Path, case_of: Any) -> None:
    from evals.grading.grader import grade
    from evals.grading.judge import with_opinions

    judge = tmp_path / "judge.py"
    judge.write_text(
        "import json, sys\nq = json.load(sys.stdin)\na = q['assertions'][0]\n"
        "print(json.dumps({'opinions': [{'assertion': a, 'passed': False, 'quote': 'it is the fastest of the family'},"
        " {'assertion': a, 'passed': False, 'quote': 'words that nobody wrote'}, {'assertion': 'another', 'passed': True, 'quote': 'it is the fastest'}]}))"  # noqa: E501
    )
    from dataclasses import replace

    case = case_of(SCHNELL)
    case.task = replace(case.task, others=("It is kind.",), checks={"concise": {}})
    plain = grade(case)
    judged = with_opinions(plain, case.answer, f"{sys.executable} {judge}")
    assert judged.checks == plain.checks and judged.summary == plain.summary
    assert [one["quote"] for one in judged.opinions] == ["it is the fastest of the family"]
    assert with_opinions(plain, case.answer, None) is plain
