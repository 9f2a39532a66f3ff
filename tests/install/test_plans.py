"""Where the skill goes for whom, what stays, and that no client finds it twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fal_skill.install import copies
from fal_skill.install.clients import CLIENTS, goes_to, reads
from fal_skill.install.copies import RECORD, STAGING

SHIPPED = [
    "LICENSE",
    "SKILL.md",
    "references/a.md",
    "scripts/fal_skill/__init__.py",
    "scripts/run.py",
    "templates/t.j2",
]
INSTALLED = sorted([*SHIPPED, RECORD])
ALL = tuple(CLIENTS)


def files(place: Path) -> list[str]:
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())


def outcomes(steps: list[Any]) -> list[str]:
    return [step.outcome for step in steps]


def can_link(folder: Path) -> bool:
    try:
        (folder / "probe").symlink_to(folder / "nowhere")
    except OSError:
        return False
    (folder / "probe").unlink()
    return True


@pytest.fixture
def links(tmp_path: Path) -> None:
    if not can_link(tmp_path):
        pytest.skip("no symbolic links here")


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("client", ALL)
def test_exactly_the_shipped_files_go_where_the_client_looks(install: Any, client: str, scope: str) -> None:
    (step,) = install(client, scope=scope)
    assert step.outcome == "installed"
    assert step.path.parent in reads(client, scope, install.around)
    assert step.path.name == "fal-ai-models-runner"
    assert files(step.path) == INSTALLED


def test_the_scripts_can_be_run_and_nothing_else(install: Any) -> None:
    (step,) = install("codex")
    if os.name == "posix":
        assert step.path.joinpath("scripts/run.py").stat().st_mode & 0o111
        assert not step.path.joinpath("SKILL.md").stat().st_mode & 0o111


def test_a_second_run_changes_nothing(install: Any) -> None:
    install(*ALL)
    before = {path: path.lstat().st_mtime_ns for path in install.around.home.rglob("*")}
    assert outcomes(install(*ALL)) == ["unchanged", "unchanged"]
    assert {path: path.lstat().st_mtime_ns for path in install.around.home.rglob("*")} == before


def test_a_new_version_replaces_unchanged_files_and_drops_old_ones(install: Any) -> None:
    install("codex")
    install.release("1.1.0")
    install.write("references/b.md", "b")
    (install.root / "references/a.md").unlink()
    (step,) = install("codex")
    assert (step.outcome, step.before) == ("updated", "1.0.0")
    assert files(step.path) == sorted([*(name for name in INSTALLED if name != "references/a.md"), "references/b.md"])


def test_a_lost_file_comes_back(install: Any) -> None:
    (step,) = install("codex")
    (step.path / "scripts/run.py").unlink()
    assert install("codex")[0].changes.written == ("scripts/run.py",)
    assert files(step.path) == INSTALLED


def test_local_changes_stay_where_the_new_version_has_none(install: Any) -> None:
    (step,) = install("codex")
    (step.path / "SKILL.md").write_text("mine", encoding="utf-8")
    (step.path / "references/mine.md").write_text("mine", encoding="utf-8")
    install.write("references/a.md", "newer")
    (step,) = install("codex")
    assert step.changes.kept == ("SKILL.md", "references/mine.md")
    assert (step.path / "SKILL.md").read_text(encoding="utf-8") == "mine"
    assert (step.path / "references/mine.md").read_text(encoding="utf-8") == "mine"
    assert (step.path / "references/a.md").read_text(encoding="utf-8") == "newer"
    assert install("codex")[0].changes.kept == step.changes.kept, "and they stay local changes"


def test_a_local_change_to_what_the_new_version_changes_stops_all_places(install: Any) -> None:
    install("codex", scope="project")
    (step,) = install("codex", "claude-code", scope="project")[:1]
    (step.path / "SKILL.md").write_text("mine", encoding="utf-8")
    install.release("1.1.0")
    install.write("references/a.md", "newer")
    steps = install("codex", "claude-code", scope="project")
    assert steps[0].outcome == "refused"
    assert steps[0].changes.conflicts == ("SKILL.md",)
    assert (step.path / "references/a.md").read_text(encoding="utf-8") == "a"
    (forced, *_) = install("codex", scope="project", force=True)
    assert forced.changes.replaced == ("SKILL.md",)
    assert "1.1.0" in (step.path / "SKILL.md").read_text(encoding="utf-8")


def test_caches_are_no_local_changes(install: Any) -> None:
    (step,) = install("codex")
    (step.path / "scripts/__pycache__").mkdir()
    (step.path / "scripts/__pycache__/run.pyc").write_bytes(b"cache")
    assert outcomes(install("codex")) == ["unchanged"]
    assert outcomes(install("codex", uninstall=True)) == ["removed"]
    assert not step.path.exists()


def test_an_equal_folder_of_another_installer_is_taken_over(install: Any) -> None:
    (step,) = install("codex")
    (step.path / RECORD).unlink()
    assert outcomes(install("codex")) == ["unchanged"]
    assert (step.path / RECORD).is_file()


def test_a_different_folder_of_another_installer_is_left_alone_unless_forced(install: Any) -> None:
    place = install.place(".agents")
    (place / "evals").mkdir(parents=True)
    (place / "evals/evals.json").write_text("answers", encoding="utf-8")
    (place / "SKILL.md").write_text("another", encoding="utf-8")
    (step,) = install("codex")
    assert step.outcome == "refused"
    assert files(place) == ["SKILL.md", "evals/evals.json"]
    install("codex", force=True)
    assert files(place) == INSTALLED


@pytest.mark.parametrize("force", [False, True])
def test_a_git_checkout_is_never_touched(install: Any, force: bool) -> None:
    place = install.place(".claude")
    (place / ".git").mkdir(parents=True)
    (place / "SKILL.md").write_text("cloned", encoding="utf-8")
    assert outcomes(install("claude-code", force=force)) == ["refused"]
    assert outcomes(install("claude-code", uninstall=True, force=force)) == ["refused"]
    assert (place / "SKILL.md").read_text(encoding="utf-8") == "cloned"


def test_a_file_in_the_place_is_refused(install: Any) -> None:
    place = install.place(".agents")
    place.parent.mkdir(parents=True)
    place.write_text("a file", encoding="utf-8")
    assert outcomes(install("codex", force=True)) == ["refused"]


# One client, one copy.


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("first", ["codex", "claude-code"])
def test_two_folders_of_a_scope_share_one_copy(install: Any, first: str) -> None:
    install(first)
    install(*ALL)
    agents, claude = install.place(".agents"), install.place(".claude")
    assert os.path.realpath(agents) == os.path.realpath(claude)
    assert agents.is_symlink() is (first == "claude-code")
    assert not (claude if first == "codex" else agents).readlink().is_absolute(), "the home can be moved"
    install.release("1.1.0")
    install(*ALL, only_update=True)
    assert "1.1.0" in (claude / "SKILL.md").read_text(encoding="utf-8")


def test_a_client_that_finds_the_skill_already_gets_no_second_copy(install: Any) -> None:
    install("claude-code")
    (refreshed, step) = install("opencode")
    assert (refreshed.path, refreshed.outcome) == (install.place(".claude"), "unchanged")
    assert step.outcome == "skipped"
    assert "opencode finds it in" in step.notes[0]
    assert "one or the other" in step.notes[0]
    assert not step.path.exists()


def test_a_users_copy_is_not_doubled_by_a_projects_copy_unless_forced(install: Any) -> None:
    install("codex")
    assert outcomes(install("codex", scope="project")) == ["skipped"]
    (step,) = install("codex", scope="project", force=True)
    assert step.outcome == "installed"
    assert any("second copy" in note and "codex" in note for note in step.notes) or not step.notes


@pytest.mark.parametrize(
    ("client", "folder"),
    [
        ("codex", ".codex"),
        ("gemini-cli", ".gemini"),
        ("cursor", ".cursor"),
        ("vscode", ".copilot"),
        ("goose", ".claude"),
    ],
)
def test_a_copy_by_hand_in_a_clients_own_folder_is_found(install: Any, client: str, folder: str) -> None:
    place = install.place(folder)
    place.mkdir(parents=True)
    (place / "SKILL.md").write_text("by hand", encoding="utf-8")
    steps = install(client)
    assert steps[-1].outcome in ("skipped", "refused")
    assert str(place) in " ".join(note for step in steps for note in (*step.notes, str(step.path)))
    assert not install.place(".agents").exists()


def test_a_copy_at_the_root_of_the_repository_is_found_from_below(install: Any) -> None:
    (install.around.project / ".git").mkdir()
    install("codex", scope="project")
    below = install.around.project / "packages/app"
    below.mkdir(parents=True)
    install.around = install.around._replace(project=below)
    assert outcomes(install("codex", scope="project")) == ["skipped"]
    assert outcomes(install("gemini-cli", scope="project")) == ["installed"], "it reads the current folder alone"


def test_other_places_follow_the_clients_variables(install: Any, tmp_path: Path) -> None:
    install.around = install.around._replace(environ={"CLAUDE_CONFIG_DIR": str(tmp_path / "elsewhere")})
    (step,) = install("claude-code")
    assert step.path == tmp_path / "elsewhere/skills/fal-ai-models-runner"
    relative = install.around._replace(environ={"CLAUDE_CONFIG_DIR": "relative"})
    assert goes_to("claude-code", "user", relative) == relative.home / ".claude/skills"


# Links.


@pytest.mark.usefixtures("links")
def test_link_leads_to_the_folders_and_hides_evals_and_tests(install: Any) -> None:
    (step,) = install("codex", link=True)
    assert sorted(path.name for path in step.path.iterdir()) == sorted(
        [RECORD, "LICENSE", "SKILL.md", "references", "scripts", "templates"]
    )
    assert (step.path / "scripts").is_symlink()
    assert not (step.path / "SKILL.md").is_symlink(), "Codex overlooks a SKILL.md that is a link"
    install.write("references/a.md", "edited")
    assert (step.path / "references/a.md").read_text(encoding="utf-8") == "edited"
    assert outcomes(install("codex", link=True)) == ["unchanged"]
    install("codex", uninstall=True)
    assert (install.root / "references/a.md").is_file(), "the links went, not what they lead to"


@pytest.mark.usefixtures("links")
def test_a_copy_becomes_links_and_a_copy_again(install: Any) -> None:
    place = install("codex")[0].path
    assert outcomes(install("codex", link=True)) == ["updated"]
    assert (place / "scripts").is_symlink()
    assert outcomes(install("codex")) == ["updated"]
    assert not (place / "scripts").is_symlink()
    assert files(place) == INSTALLED


@pytest.mark.usefixtures("links")
def test_an_added_file_has_no_room_in_a_linked_folder(install: Any) -> None:
    place = install("codex")[0].path
    (place / "references/mine.md").write_text("mine", encoding="utf-8")
    (step,) = install("codex", link=True)
    assert step.outcome == "refused"
    assert step.changes.conflicts == ("references/mine.md",)


@pytest.mark.usefixtures("links")
def test_somebodys_own_link_is_left_alone_unless_forced(install: Any, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "SKILL.md").write_text("own", encoding="utf-8")
    place = install.place(".agents")
    place.parent.mkdir(parents=True)
    place.symlink_to(own, target_is_directory=True)
    assert outcomes(install("codex")) == ["skipped"]
    assert place.is_symlink()
    assert outcomes(install("codex", force=True)) == ["installed"]
    assert not place.is_symlink()
    assert (own / "SKILL.md").read_text(encoding="utf-8") == "own"


@pytest.mark.usefixtures("links")
def test_a_link_to_nothing_is_replaced(install: Any, tmp_path: Path) -> None:
    place = install.place(".agents")
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "gone", target_is_directory=True)
    assert outcomes(install("codex")) == ["installed"]
    assert files(place) == INSTALLED


# Update and uninstall.


def test_update_touches_only_what_is_there(install: Any) -> None:
    assert outcomes(install(*ALL, only_update=True)) == ["absent", "absent"]
    install("claude-code")
    assert sorted(outcomes(install(*ALL, only_update=True))) == ["absent", "unchanged"]
    assert not install.place(".agents").exists()


@pytest.mark.parametrize("clients", [("codex",), ("claude-code",), ALL])
def test_uninstall_leaves_nothing_behind(install: Any, clients: tuple[str, ...]) -> None:
    install(*clients)
    assert set(outcomes(install(*clients, uninstall=True))) == {"removed"}
    assert list(install.around.home.iterdir()) == []
    assert set(outcomes(install(*clients, uninstall=True))) == {"absent"}


def test_uninstall_keeps_folders_that_hold_other_skills(install: Any) -> None:
    other = install.around.home / ".agents/skills/other/SKILL.md"
    other.parent.mkdir(parents=True)
    other.write_text("other", encoding="utf-8")
    install("codex")
    install("codex", uninstall=True)
    assert other.is_file()


@pytest.mark.parametrize("change", ["SKILL.md", "references/mine.md"])
def test_uninstall_keeps_local_changes_unless_forced(install: Any, change: str) -> None:
    (step,) = install("codex")
    (step.path / change).write_text("mine", encoding="utf-8")
    (kept,) = install("codex", uninstall=True)
    assert kept.outcome == "refused"
    assert change in kept.notes[0]
    assert (step.path / change).read_text(encoding="utf-8") == "mine"
    assert outcomes(install("codex", uninstall=True, force=True)) == ["removed"]


@pytest.mark.usefixtures("links")
def test_a_copy_that_another_client_reads_by_a_link_is_not_pulled_away(install: Any) -> None:
    install(*ALL)
    (step,) = install("codex", uninstall=True)
    assert step.outcome == "refused"
    assert "is a link to it" in step.notes[0]
    assert outcomes(install("claude-code", uninstall=True)) == ["removed"], "the link can go alone"
    assert outcomes(install("codex", uninstall=True)) == ["removed"]


def test_uninstall_says_who_else_loses_the_skill(install: Any) -> None:
    install("codex")
    (step,) = install.plan("codex", uninstall=True)
    assert "gemini-cli" in step.notes[0]
    (step,) = install.plan("claude-code", uninstall=True)
    assert step.outcome == "absent"


# At once or not at all.


def test_a_failed_swap_brings_the_old_copy_back(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = install("codex")[0].path
    install.release("1.1.0")
    real = Path.replace

    def in_use(self: Path, target: Any) -> Path:
        if self.name == "new":
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", in_use)
    with pytest.raises(copies.UnavailableError, match="being used by another process"):
        install("codex")
    assert "1.0.0" in (place / "SKILL.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in place.parent.iterdir()) == [place.name]


def test_what_a_killed_run_left_is_put_right(install: Any) -> None:
    place = install("codex")[0].path
    staging = place.parent / STAGING
    (staging / "new").mkdir(parents=True)
    (place / "references/mine.md").write_text("mine", encoding="utf-8")
    place.replace(staging / "old")
    install.release("1.1.0")
    assert outcomes(install("codex")) == ["updated"]
    assert sorted(path.name for path in place.parent.iterdir()) == [place.name]
    assert files(place) == sorted([*INSTALLED, "references/mine.md"])


def test_what_a_killed_run_left_can_be_uninstalled(install: Any) -> None:
    place = install("codex")[0].path
    staging = place.parent / STAGING
    staging.mkdir()
    place.replace(staging / "old")
    assert outcomes(install("codex", uninstall=True)) == ["removed"]
    assert list(install.around.home.iterdir()) == []


def test_two_runs_at_once_do_not_mix(install: Any) -> None:
    place = install.place(".agents")
    (place.parent / STAGING / "new").mkdir(parents=True)
    with pytest.raises(copies.UnavailableError, match="another run is writing"):
        install("codex")
    old = 1_000_000_000
    os.utime(place.parent / STAGING, (old, old))
    assert outcomes(install("codex")) == ["installed"], "long ago: that run is dead"


def test_a_folder_that_cannot_be_written_is_one_error(install: Any) -> None:
    (install.around.home / ".agents").write_text("a file in the way", encoding="utf-8")
    with pytest.raises(copies.UnavailableError, match="cannot write"):
        install("codex")


# Windows, and other systems without links.


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise OSError(1314, "A required privilege is not held by the client")

    monkeypatch.setattr(os, "symlink", refused)


@pytest.mark.usefixtures("no_links")
def test_without_links_each_folder_gets_a_copy_and_a_word_about_it(install: Any) -> None:
    agents, claude = install(*ALL)
    assert outcomes([agents, claude]) == ["installed", "installed"]
    assert "links cannot be made here" in claude.notes[0]
    assert files(agents.path) == files(claude.path) == INSTALLED
    again = install(*ALL)
    assert outcomes(again) == ["unchanged", "unchanged"]
    assert any("opencode" in note and "second copy" in note for step in again for note in step.notes)


@pytest.mark.usefixtures("no_links")
def test_without_links_the_link_option_says_so_and_writes_nothing(install: Any) -> None:
    with pytest.raises(copies.LinksUnavailableError, match="required privilege"):
        install("codex", link=True)
    assert not install.place(".agents").exists()
    assert list(install.place(".agents").parent.iterdir()) == []


def test_a_junction_counts_as_a_link(install: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = install("codex")[0].path
    real = os.path.realpath
    monkeypatch.setattr(
        os.path, "realpath", lambda path, **_: str(tmp_path / "far") if Path(path) == place else real(path)
    )
    assert copies.is_link(place)


def test_the_record_names_files_with_slashes_on_every_system(install: Any) -> None:
    place = install("codex")[0].path
    assert "scripts/fal_skill/__init__.py" in (place / RECORD).read_text(encoding="utf-8")
    assert "\\" not in (place / RECORD).read_text(encoding="utf-8")
