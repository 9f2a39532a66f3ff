"""What ``run_model.py`` does, one function for each way to call it. Heavy imports happen where they are needed."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import EXIT_INTERRUPTED, chosen_format, print_json, print_text, read_arguments, warn
from ..errors import EXIT_DONE, SkillError, StillRunningError, UsageError, shown
from .jobs import CANCELLED, FAILED, SENDING, SUBMITTED, UNCERTAIN, UNFINISHED, Job, iso
from .ledger import Ledger
from .printing import print_dry_run, print_line, print_outcome, print_unfinished
from .world import World

if TYPE_CHECKING:
    from .batch import Result
    from .outcome import Outcome, Settings
    from .plan import Plan, Rules
    from .progress import Progress
    from .runner import Runner

DEFAULT_OUT = "fal-output"


def do_list(options: argparse.Namespace) -> int:
    """Show the newest jobs."""
    with _ledger(options) as ledger:
        counts, jobs = ledger.counts(), ledger.latest(options.limit, options.state)
    if chosen_format(options.format) == "json":
        print_json({"ledger": str(ledger.path), "counts": counts, "jobs": [job.as_dict() for job in jobs]})
        return EXIT_DONE
    for job in jobs:
        print_text(f"{iso(job.created_at)}  {job.state:9}  {job.name:36}  {job.slug}")
    total = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no jobs"
    print_text(f"{total}  ({ledger.path})")
    return EXIT_DONE


def do_call(options: argparse.Namespace) -> int:
    """Run one call."""
    from .plan import notes, over_budget, refusal

    rules = _rules(options)
    arguments = read_arguments(options.arguments)
    world = World(options, [options.slug])
    plan = world.plan(options.slug, arguments)
    error = refusal(plan, rules) or over_budget([plan], rules)
    if options.dry_run:
        print_dry_run(options, [(None, plan)], error)
        return EXIT_DONE if error is None else error.exit_code
    if error is not None:
        raise error
    for note in notes(plan, rules):
        warn(f"note: {note}")
    with _running(options, world) as runner:
        folder = Path(options.out) if options.out else Path(DEFAULT_OUT)
        job = _started(options, runner, plan, folder)
        outcome = _followed(options, runner, job, plan.arguments)
        runner.progress.close()
        return print_outcome(options, outcome)


def _started(options: argparse.Namespace, runner: Runner, plan: Plan, folder: Path) -> Job:
    try:
        job = runner.started(plan, folder, own_folder=not options.out)
    except KeyboardInterrupt:
        raise _stopped(options, runner) from None
    warn(f"submitted {job.request_id}")
    return job


def _stopped(options: argparse.Namespace, runner: Runner) -> BaseException:
    """Return what an interrupt before or during the submission comes to, by how far the submission was."""
    if runner.last is None:
        return SystemExit(EXIT_INTERRUPTED)
    job = runner.ledger.fresh(runner.last)
    if job.state == SUBMITTED:
        return _left_or_cancelled(options, runner, job)
    if job.state == SENDING:
        runner.ledger.uncertain(job, {"code": "interrupted", "message": "interrupted before the reply came"})
        return StillRunningError(
            f"interrupted before the reply came: {job.name} may have been submitted",
            hint="run_model.py --collect looks for it",
        )
    runner.ledger.not_sent(job, {"code": "interrupted", "message": "interrupted before it was submitted"})
    warn("interrupted: nothing was submitted")
    return SystemExit(EXIT_INTERRUPTED)


def _left_or_cancelled(options: argparse.Namespace, runner: Runner, job: Job) -> BaseException:
    """Leave an interrupted job running, or cancel it if that was asked for; return how the program ends."""
    runner.progress.close()
    if options.cancel_on_interrupt:
        said = runner.cancelled(job)
        runner.ledger.ended(job, CANCELLED, error={"code": "cancelled", "message": said})
        warn(f"interrupted: {job.name}: {said}")
        return SystemExit(EXIT_INTERRUPTED)
    return StillRunningError(
        f"interrupted; the job goes on at fal: {job.name}",
        hint=f"take its result: run_model.py --resume {job.name}",
    )


def _followed(
    options: argparse.Namespace, runner: Runner, job: Job, arguments: dict[str, Any] | None = None
) -> Outcome:
    """Return what became of a job; on Ctrl-C leave it running, or cancel it, and say so."""
    try:
        return runner.finished(job, arguments)
    except KeyboardInterrupt:
        raise _left_or_cancelled(options, runner, job) from None
    except StillRunningError as error:
        print_unfinished(options, job, error)
        raise


def do_resume(options: argparse.Namespace) -> int:
    """Take home one job."""
    world = World(options, [])
    with _ledger(options) as ledger:
        job = _named(options, ledger, options.resume)
    with _running(options, world) as runner:
        job = _settled(options, runner, [job])[0]
        if options.out:
            job = runner.ledger.moved(job, Path(options.out).absolute())
        if job.request_id is None:
            raise StillRunningError(
                f"{job.name} ({job.slug}) may have been submitted {iso(job.created_at)}: its reply was lost and fal's "
                "history does not show it",
                hint="look at fal.ai/dashboard; run the call with --again if it is not there",
            )
        outcome = _followed(options, runner, job)
        runner.progress.close()
        return print_outcome(options, outcome)


def do_cancel(options: argparse.Namespace) -> int:
    """Ask fal to cancel one job."""
    with _ledger(options) as ledger:
        job = _named(options, ledger, options.cancel)
    if job.request_id is None:
        raise UsageError(f"{job.name} has no request id: nothing can be cancelled")
    with _running(options, World(options, [])) as runner:
        said = runner.cancelled(job)
    if chosen_format(options.format) == "json":
        print_json({"request_id": job.request_id, "slug": job.slug, "answer": said})
    else:
        print_text(f"{job.request_id}  {job.slug}  {said}")
    return EXIT_DONE


def _named(options: argparse.Namespace, ledger: Ledger, name: str) -> Job:
    job = ledger.job(name)
    if job is not None:
        return job
    if options.slug:  # submitted elsewhere: with the slug, its id is enough
        return ledger.adopt(options.slug, name, str((Path(DEFAULT_OUT) / name[:8]).absolute()))
    raise UsageError(
        f"no job {shown(name)} is in the ledger {ledger.path}", hint="name its model too: run_model.py SLUG --resume ID"
    )


def do_collect(options: argparse.Namespace) -> int:
    """Take home every unfinished job that has ended; the others are left."""
    return _all_unfinished(options, wait=0.0)


def do_watch(options: argparse.Namespace) -> int:
    """Wait for every unfinished job and take it home."""
    return _all_unfinished(options, wait=options.wait)


def _all_unfinished(options: argparse.Namespace, wait: float | None) -> int:
    from concurrent.futures import ThreadPoolExecutor, as_completed

    from .batch import worst

    options.wait = wait
    world = World(options, [])
    with _ledger(options) as ledger:
        total = len(ledger.unfinished())
    if not total:
        if chosen_format(options.format) == "json":
            print_json({"summary": {"jobs": 0}}, compact=True)
        else:
            print_text("nothing is unfinished")
        return EXIT_DONE
    codes: list[int] = []

    def one(runner: Runner, job: Job) -> dict[str, Any] | Outcome:
        try:
            if job.request_id is None:
                raise StillRunningError(
                    "it may have been submitted: its reply was lost", hint="look at fal.ai/dashboard"
                )
            return runner.finished(job)
        except SkillError as error:
            codes.append(error.exit_code)
            return {
                "slug": job.slug, "request_id": job.request_id, "job": job.name, "state": job.state,
                "error": {"message": error.message, "next_step": error.hint, "exit_code": error.exit_code},
            }  # fmt: skip

    with _running(options, world, total=total) as runner:
        jobs = _settled(options, runner, runner.ledger.unfinished())
        with ThreadPoolExecutor(min(options.concurrency, len(jobs))) as pool:
            try:
                for number, future in enumerate(as_completed([pool.submit(one, runner, job) for job in jobs]), 1):
                    said = future.result()
                    if not isinstance(said, dict):
                        codes.append(said.exit_code)
                    print_line(options, said if isinstance(said, dict) else said.as_dict())
                    runner.progress.count(number, len(jobs))
            except BaseException:
                runner.interrupts.stop.set()
                raise
    return worst(codes)


def do_batch(options: argparse.Namespace) -> int:
    """Run the calls of a file."""
    from .batch import Batch, calls_in, items_of, only_one, unfit
    from .plan import over_budget

    file = Path(options.batch)
    rules = _rules(options)
    calls = calls_in(file, options.slug)
    world = World(options, [slug for _, slug, _ in calls])
    items = items_of([(line, world.plan(slug, arguments, file.parent)) for line, slug, arguments in calls])
    error = unfit(items, rules)
    if options.dry_run:
        error = error or over_budget([item.plan for item in items], rules)
        print_dry_run(options, [(item.line, item.plan) for item in items], error)
        return EXIT_DONE if error is None else error.exit_code
    if error is not None:
        raise error
    if rules.max_cost is not None:
        unknown = [item.plan for item in items if item.plan.ends[1] is None]
        error = over_budget(unknown, rules)
        if error is not None:
            raise error
    folder = Path(options.out) if options.out else Path(DEFAULT_OUT) / file.stem
    name = str(file.resolve())
    states: dict[str, int] = {}

    def tell(result: Result) -> None:
        states[result.state] = states.get(result.state, 0) + 1
        print_line(options, result.as_dict())

    with _running(options, world, total=len(items)) as runner, only_one(runner.ledger.path, name):
        _settled(options, runner, runner.ledger.batch(name))
        batch = Batch(runner, name, items, folder, rules)
        try:
            code = batch.run(options.concurrency, tell)
        except KeyboardInterrupt:
            runner.progress.close()
            raise StillRunningError(
                "interrupted; what was submitted goes on at fal", hint="run the same command again to go on"
            ) from None
    print_line(options, {"summary": {"calls": len(items), **states}})
    return code


def _settled(options: argparse.Namespace, runner: Runner, jobs: list[Job]) -> list[Job]:
    """Look for jobs whose reply was lost; return all jobs as they are now."""
    from .recovery import doubtful, searched

    if not doubtful(jobs):
        return jobs
    from .platform import Platform

    with Platform(runner.credential) as platform:
        search = searched(runner.ledger, platform, jobs)
    for job in search.found:
        warn(f"note: {job.slug}: the submission whose reply was lost is {job.request_id}, by fal's history")
    for job in search.open:
        why = f": {search.problem}" if search.problem else ""
        sent = f"{job.name} ({job.slug}) may have been submitted {iso(job.created_at)}"
        warn(f"warning: {sent}; fal's history does not tell{why}")
    return [runner.ledger.fresh(job) for job in jobs]


def _ledger(options: argparse.Namespace) -> Ledger:
    return Ledger(Path(options.ledger) if options.ledger else None)


def _rules(options: argparse.Namespace) -> Rules:
    from .plan import Rules

    return Rules(options.force, options.max_cost, options.allow_unknown_cost)


@contextlib.contextmanager
def _running(options: argparse.Namespace, world: World, total: int | None = None) -> Iterator[Runner]:
    from .interrupts import Interrupts
    from .keys import required_credential
    from .progress import chosen
    from .runner import Runner

    credential = required_credential()
    with _ledger(options) as ledger, Interrupts() as interrupts:
        progress: Progress = chosen(quiet=options.quiet, total=total)
        runner = Runner(ledger, credential, _settings(options), progress, interrupts, world.registry, world.prices)
        try:
            yield runner
        finally:
            progress.close()
            runner.close()


def _settings(options: argparse.Namespace) -> Settings:
    from .outcome import Settings

    again: set[str] = set()
    if options.again:
        # A batch's own jobs are never submitted twice; there it is the doubtful ones that the user decides about.
        again = {UNCERTAIN, SENDING} if options.mode == "batch" else {*UNFINISHED, SUBMITTED}
    if options.retry_failed:
        again |= {FAILED, CANCELLED}
    return Settings(
        wait=options.wait,
        download=not options.no_download,
        overwrite=options.overwrite,
        private=options.private,
        priority=options.priority,
        start_timeout=options.start_timeout,
        again=frozenset(again),
    )
