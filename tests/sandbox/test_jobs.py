from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fal_skill.sandbox.jobs import COMPLETED, IN_PROGRESS, IN_QUEUE, Job, JobBoard
from fal_skill.sandbox.outcomes import Outcome, result


def job(*, queue: float = 1.0, model: float = 2.0, app: str = "a/b", **options: Any) -> Job:
    return Job(
        slug=f"{app}/c", app=app, arguments={}, origin="queue", queue_seconds=queue, model_seconds=model,
        make_outcome=lambda job: result(dict, 1), make_previews=lambda count: [], **options,
    )  # fmt: skip


class World:
    """A board whose clock stands until it is moved."""

    def __init__(self, runners: int | None = None, keep: int = 1000) -> None:
        self.now = 0.0
        self.ended: list[Job] = []
        self.board = JobBoard(lambda: self.now, runners=runners, keep=keep, on_end=self.ended.append)

    def to(self, moment: float) -> None:
        self.now = moment
        self.board.advance()


def in_loop(work: Callable[[], None]) -> None:
    async def run() -> None:
        work()

    asyncio.run(run())


def test_states_follow_the_clock() -> None:
    def work() -> None:
        world, one = World(), job()
        world.board.submit(one)
        states = []
        for moment in (0.0, 0.9, 1.0, 2.9, 3.0):
            world.to(moment)
            states.append(one.state)
        assert states == [IN_QUEUE, IN_QUEUE, IN_PROGRESS, IN_PROGRESS, COMPLETED]
        assert one.inference_seconds == pytest.approx(2.0)

    in_loop(work)


def test_a_late_look_finds_the_same_history_as_many_looks() -> None:
    def work() -> None:
        seldom, often = World(runners=1), World(runners=1)
        for world in (seldom, often):
            for _ in range(5):
                world.board.submit(job())
        for step in range(200):
            often.to(step / 10)
        seldom.to(20.0)
        assert [one.ended_at for one in seldom.ended] == pytest.approx([one.ended_at for one in often.ended])

    in_loop(work)


def test_runners_bound_what_runs_and_priority_orders_what_waits() -> None:
    def work() -> None:
        world = World(runners=1)
        first, low, normal = job(), job(priority="low"), job()
        for one in (first, low, normal):
            world.board.submit(one)
        assert [world.board.position(one) for one in (first, normal, low)] == [0, 1, 2]
        world.to(100.0)
        assert world.ended == [first, normal, low]
        assert low.started_at == pytest.approx(5.0)

    in_loop(work)


def test_another_app_has_a_queue_of_its_own() -> None:
    def work() -> None:
        world = World(runners=1)
        world.board.submit(job())
        other = job(app="x/y")
        world.board.submit(other)
        world.to(1.0)
        assert other.state == IN_PROGRESS

    in_loop(work)


def test_the_start_timeout_ends_only_what_has_not_started() -> None:
    def work() -> None:
        world = World(runners=1)
        runs, waits = job(start_timeout=1.5), job(start_timeout=1.5)
        world.board.submit(runs)
        world.board.submit(waits)
        world.to(10.0)
        assert runs.outcome is not None and runs.outcome.ok
        assert waits.outcome is not None
        assert (waits.outcome.status, waits.ended_at) == (504, 1.5)

    in_loop(work)


@pytest.mark.parametrize(("collect", "kept"), [(True, 12), (False, 51)])
def test_forgetting_begins_with_what_was_taken_and_spares_what_is_pending(collect: bool, kept: int) -> None:
    def work() -> None:
        world = World(keep=10)
        pending = job(queue=1000.0)
        world.board.submit(pending)
        for number in range(300):
            world.board.submit(one := job(queue=0.0, model=0.0))
            world.to(float(number))
            if collect:
                world.board.collect(one)
        assert world.board.get(pending.id) is pending
        assert len(world.board.jobs) <= kept
        assert world.board.submitted == 301
        assert world.board.forgotten == 301 - len(world.board.jobs)

    in_loop(work)


def test_a_waiter_is_woken_by_the_timer_alone() -> None:
    async def work() -> Outcome | None:
        loop = asyncio.get_running_loop()
        board = JobBoard(loop.time, runners=None, keep=10, on_end=lambda job: None)
        one = job(queue=0.01, model=0.01)
        board.submit(one)
        await asyncio.wait_for(board.ended(one), 5)
        return one.outcome

    outcome = asyncio.run(work())
    assert outcome is not None and outcome.ok


PRIORITIES, APPS = st.sampled_from(["normal", "low"]), st.sampled_from(["a/b", "c/d"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.floats(0, 3), st.floats(0, 3), PRIORITIES, APPS),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.floats(0, 2)),
    ),
    max_size=40,
)


@given(steps=STEPS, runners=st.sampled_from([None, 1, 3]))
def test_every_job_ends_exactly_once_and_never_do_too_many_run(steps: list[Any], runners: int | None) -> None:
    def work() -> None:
        world = World(runners=runners)
        jobs: list[Job] = []
        for step in steps:
            if step[0] == "submit":
                jobs.append(job(queue=step[1], model=step[2], priority=step[3], app=step[4]))
                world.board.submit(jobs[-1])
            elif step[0] == "cancel" and jobs:
                one = jobs[step[1] % len(jobs)]
                world.board.advance()
                pending = one.state != COMPLETED
                assert world.board.cancel(one) is pending
            elif step[0] == "wait":
                world.to(world.now + step[1])
            for app in ("a/b", "c/d"):
                running = [one for one in jobs if one.app == app and one.state == IN_PROGRESS]
                assert runners is None or len(running) <= runners
        world.to(world.now + 1000)
        assert [one.state for one in jobs] == [COMPLETED] * len(jobs)
        assert sorted(one.number for one in world.ended) == list(range(1, len(jobs) + 1))
        assert world.board.in_flight == 0

    in_loop(work)
