"""Running a job: entered in the ledger, submitted once, followed, its result and files taken home."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fal_client
import httpx

from ..errors import SkillError, UnavailableError
from .interrupts import Interrupts
from .jobs import CANCELLED, DONE, FAILED, Call, Job
from .keys import Credential
from .ledger import Ledger
from .outcome import AlreadyRunningError, Outcome, Settings
from .plan import Plan
from .progress import LogReader, Progress
from .replies import Trouble, trouble, trouble_of_exception
from .submission import MaybeSubmittedError, NotSubmittedError, new_client, submit_once
from .uploads import LocalFile, replaced, uploaded

if TYPE_CHECKING:
    from ..prices import PriceTable
    from ..registry import Registry
    from .downloads import DownloadError, Downloads, Reference, Saved

SUBMIT_ATTEMPTS = 5
CONNECT_ATTEMPTS = 3
SUBMIT_PATIENCE_SECONDS = 90.0
UPLOAD_ATTEMPTS = 4
RESULT_ATTEMPTS = 5
FIRST_POLL_SECONDS = 0.1
SLOWEST_POLL_SECONDS = 5.0
POLL_SHARE = 0.08
"""A job is polled each time that it has aged by this share: what polling adds to its time stays below it."""


class Runner:
    """Runs jobs with one credential and one ledger; from any number of threads."""

    def __init__(
        self,
        ledger: Ledger,
        credential: Credential,
        settings: Settings,
        progress: Progress,
        interrupts: Interrupts,
        registry: Callable[[], Registry],
        prices: Callable[[], PriceTable],
    ) -> None:
        self.ledger = ledger
        self.settings = settings
        self.progress = progress
        self.interrupts = interrupts
        self.credential = credential
        self._registry = registry
        self._prices = prices
        self._client = new_client(credential)
        self._uploaded: dict[str, str] = {}
        self._billing_readable = True
        self.last: Job | None = None
        """The call that was entered last: what an interrupt may have struck."""

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
        if "_downloads" in self.__dict__:
            self._downloads.close()

    @cached_property
    def _downloads(self) -> Downloads:
        from .downloads import Downloads

        return Downloads(overwrite=self.settings.overwrite, ended=self.interrupts.stop.is_set)

    # Submitting

    def started(
        self,
        plan: Plan,
        folder: Path,
        *,
        own_folder: bool = False,
        batch: str | None = None,
        item: str | None = None,
    ) -> Job:
        """Enter the call, upload its files, submit it once; return its entry.

        Its files belong into ``folder``, or with ``own_folder`` into one below it that is named by the request id.

        For an item of a batch that is on record, nothing is sent and the entry is returned as it is.

        Raises:
            AlreadyRunningError: the same call has not ended.
            SkillError: it was not submitted; or, with exit code 6, may have been.
        """
        call = Call(
            plan.slug,
            plan.digest,
            plan.arguments,
            str(folder.absolute()),
            self.settings.private,
            plan.ends,
            batch,
            item,
        )
        job, ours = self.ledger.enter(call, again=self.settings.again)
        if not ours:
            if batch is None:
                raise AlreadyRunningError(job)
            return job
        self.last = job
        try:
            urls = {file.where: self._upload(job, file) for file in plan.files}
        except SkillError as error:
            self.ledger.not_sent(job, {"code": "upload", "message": error.message})
            raise
        return self._submitted(job, replaced(plan.arguments, urls), folder.absolute() if own_folder else None)

    def _upload(self, job: Job, file: LocalFile) -> str:
        url = self._uploaded.get(file.sha256)
        if url is not None:
            return url
        for attempt in range(1, UPLOAD_ATTEMPTS + 1):
            self.progress.state(job.name, f"uploading {file.file.name} ({file.size:,} bytes)")
            try:
                url = uploaded(self._client, file)
                break
            except (httpx.HTTPError, fal_client.FalClientError, OSError, KeyError, ValueError) as error:
                said = trouble_of_exception(error)
                if attempt == UPLOAD_ATTEMPTS or said.failure.retry == "no" or self.interrupts.stop.wait(attempt):
                    told = said._replace(said=f"upload of {file.field}: {said.said}")
                    raise told.as_error() from None
        assert url is not None
        self._uploaded[file.sha256] = url
        return url

    def _submitted(self, job: Job, arguments: dict[str, Any], above: Path | None) -> Job:
        deadline = time.monotonic() + SUBMIT_PATIENCE_SECONDS
        for attempt in range(1, SUBMIT_ATTEMPTS + 1):
            self.progress.state(job.name, f"submitting {job.slug}")
            with self.interrupts.shielded():
                try:
                    receipt = submit_once(
                        self._client,
                        job.slug,
                        arguments,
                        sending=lambda: self.ledger.sending(job, arguments),
                        priority=self.settings.priority,
                        start_timeout=self.settings.start_timeout,
                    )
                except MaybeSubmittedError as error:
                    return self._after_a_lost_reply(job, error)
                except NotSubmittedError as error:
                    said = error.trouble
                    pause = said.retry_after or 0.5 * 2**attempt
                    # Trying again is safe here and only here: fal has no job.
                    worth_it = said.failure.retry != "no" and (not error.sent or said.failure.code == "rate-limited")
                    most = SUBMIT_ATTEMPTS if error.sent else CONNECT_ATTEMPTS
                    if attempt >= most or not worth_it or time.monotonic() + pause > deadline:
                        self.ledger.not_sent(job, said.as_dict())
                        raise said.as_error() from None
                    self.ledger.prepared(job)
                else:
                    own = above / receipt.request_id[:8] if above is not None else None
                    self.ledger.submitted(job, receipt.request_id, own)
                    return self.ledger.fresh(job)
            self.progress.state(
                job.name, f"{said.failure.meaning}; trying again in {pause:.0f} s, nothing was submitted"
            )
            if self.interrupts.stop.wait(pause):
                break
        self.ledger.not_sent(job, {"code": "interrupted", "message": "interrupted before it was submitted"})
        raise UnavailableError("interrupted before it was submitted")

    def _after_a_lost_reply(self, job: Job, error: MaybeSubmittedError) -> Job:
        """Return the job if the reply's header named it and fal knows it; otherwise note that nobody knows."""
        self.ledger.uncertain(job, error.trouble.as_dict())
        if error.request_id is not None:
            try:
                self._client.get_handle(job.slug, error.request_id).status()
            except (httpx.HTTPError, fal_client.FalClientError, ValueError, KeyError):
                pass
            else:
                self.ledger.found(job, error.request_id)
                return self.ledger.fresh(job)
        raise error.trouble.as_error(job.name)

    # Following and collecting

    def finished(self, job: Job, arguments: dict[str, Any] | None = None) -> Outcome:
        """Wait for the job and take its result home.

        Raises:
            StillRunningError: it has not ended within the time to wait, or cannot be asked.
            SkillError: fal does not know it, or the result could not be had.
        """
        if job.request_id is None:
            raise trouble("maybe-submitted").as_error(job.name)
        try:
            handle = self._client.get_handle(job.slug, job.request_id)
        except ValueError as error:
            raise trouble("bad-address", str(error)).as_error(job.request_id) from None
        status = self._awaited(job, handle)
        return self._collected(job, handle, status, arguments or self._arguments(job))

    def _awaited(self, job: Job, handle: fal_client.SyncRequestHandle) -> fal_client.Completed:
        began, reader, name = time.monotonic(), LogReader(), job.name[:8]
        while True:
            try:
                status = handle.status(with_logs=True)
            except (httpx.HTTPError, fal_client.FalClientError, ValueError, KeyError) as error:
                raise self._not_told(job, error) from None
            for line in reader.new(getattr(status, "logs", None)):
                self.progress.log(name, line)
            if isinstance(status, fal_client.Completed):
                return status
            if isinstance(status, fal_client.Queued):
                self.progress.state(name, f"in queue, {status.position} before it")
            else:
                self.progress.state(name, "in progress")
            if self.settings.download:
                import_module(f"{__package__}.downloads")  # while the job runs: it costs more than the first poll
            aged = time.monotonic() - began
            pause = min(max(FIRST_POLL_SECONDS, aged * POLL_SHARE), SLOWEST_POLL_SECONDS)
            if self.settings.wait is not None:
                pause = min(pause, self.settings.wait - aged)
            if pause <= 0 or self.interrupts.stop.wait(pause):
                raise trouble("still-running").as_error(job.request_id)

    def _not_told(self, job: Job, error: Exception) -> SkillError:
        said = trouble_of_exception(error, about_request=True)
        if said.failure.exit_code in (1, 5):
            return said.as_error(job.request_id)
        # The network is at fault, not the job: it goes on.
        running = trouble("still-running", f"its status could not be read: {said.message}")
        return running.as_error(job.request_id)

    def _collected(
        self,
        job: Job,
        handle: fal_client.SyncRequestHandle,
        status: fal_client.Completed,
        arguments: dict[str, Any] | None,
    ) -> Outcome:
        self.progress.state(job.name[:8], "collecting the result")
        model = self._registry().get(job.slug)
        failed: Trouble | None = None
        result: Any = None
        for attempt in range(1, RESULT_ATTEMPTS + 1):
            try:
                result = handle.get()
                break
            except fal_client.FalClientHTTPError as error:
                said = trouble_of_exception(error, about_request=True, model=model, arguments=arguments)
                if status.error or error.status_code in (400, 422, 499):
                    failed = said
                    break
                if said.failure.exit_code in (1, 5):
                    raise said.as_error(job.request_id) from None
            except (httpx.HTTPError, ValueError, KeyError) as error:
                said = trouble_of_exception(error)
            # The job is done and paid for: whatever happens on the way home, it is asked for again, never submitted.
            if attempt == RESULT_ATTEMPTS or self.interrupts.stop.wait(2.0**attempt / 4):
                lost = trouble("download", f"the result: {said.message}")
                raise lost.as_error(job.request_id)
        units = self._client.billed_units(str(job.request_id))
        job = job._replace(units=units, billed=self._billed(job, units))
        cost = self._cost(job, arguments)
        if failed is not None:
            state = CANCELLED if failed.failure.code == "cancelled" else FAILED
            self.ledger.ended(job, state, error=failed.as_dict(), units=job.units, billed=job.billed)
            return Outcome(self.ledger.fresh(job), None, (), (failed,), cost)
        return self._taken_home(job, result, arguments, cost)

    def _taken_home(self, job: Job, result: Any, arguments: dict[str, Any] | None, cost: dict[str, Any]) -> Outcome:
        from .manifest import shortened

        saved: list[Saved] = []
        troubles: list[Trouble] = []
        place: Path | None = None
        if self.settings.download:
            try:
                saved, troubles, place = self._downloaded(job, result, arguments, cost)
            except OSError as error:
                raise trouble("disk", f"{error.strerror or error}").as_error(job.request_id) from None
        files = [file.as_dict() for file in saved]
        self.ledger.ended(
            job,
            DONE,
            error=troubles[0].as_dict() if troubles else None,
            result=shortened(result),
            files=files,
            units=job.units,
            billed=job.billed,
        )
        return Outcome(self.ledger.fresh(job), result, tuple(saved), tuple(troubles), cost, place)

    def _downloaded(
        self, job: Job, result: Any, arguments: dict[str, Any] | None, cost: dict[str, Any]
    ) -> tuple[list[Saved], list[Trouble], Path]:
        """Return the files, what could not be had for good, and the manifest; SkillError when another try may help."""
        from .downloads import Saved, references
        from .manifest import manifest, written

        folder = Path(job.folder or ".")
        saved: list[Saved] = []
        troubles: list[Trouble] = []
        later: Trouble | None = None
        found = references(result, self._registry().get(job.slug), arguments)
        for number, reference in enumerate(found, 1):
            self.progress.state(job.name[:8], f"downloading {number} of {len(found)}")
            one = self._saved(reference, folder, f"{job.slug.rpartition('/')[2]}-{number}")
            if isinstance(one, Saved):
                saved.append(one)
            elif one.lasting:
                troubles.append(one.trouble)
            else:
                later = one.trouble
        folder.mkdir(parents=True, exist_ok=True)
        place = written(manifest(job, arguments, result, saved, cost), folder, overwrite=self.settings.overwrite)
        if later is not None:
            raise later.as_error(job.request_id)
        return saved, troubles, place

    def _saved(self, reference: Reference, folder: Path, fallback: str) -> Saved | DownloadError:
        from .downloads import DownloadError

        try:
            return self._downloads.save(reference, folder, fallback)
        except DownloadError as error:
            return error

    def _billed(self, job: Job, units: float | None) -> float | None:
        """Return what the account's billing events say of the job, USD; asked only where no header told the units."""
        if units is not None or not self._billing_readable:
            return None
        from .platform import Platform

        try:
            with Platform(self.credential) as platform:
                return platform.billed(str(job.request_id))
        except SkillError:
            self._billing_readable = False  # it takes an admin key; asking for every job would be idle
            return None

    def _cost(self, job: Job, arguments: dict[str, Any] | None) -> dict[str, Any]:
        from ..prices import estimate
        from .manifest import cost_of

        model, table = self._registry().get(job.slug), self._prices()
        price = table.get(job.slug)
        unit = None
        if price is not None and price.unit not in ("unknown", "compute_second"):
            unit = price.quote.base_usd if price.quote.base_usd is not None else price.usd
        source = f"{table.named(price.sources[0])}, {price.as_of}" if price is not None and price.sources else None
        made = estimate(model, arguments, prices=table) if model is not None and arguments is not None else None
        return cost_of(job, made, unit, source)

    def _arguments(self, job: Job) -> dict[str, Any] | None:
        return json.loads(job.arguments) if job.arguments else None

    def cancelled(self, job: Job) -> str:
        """Ask fal to cancel the job; return what it answered, in words."""
        try:
            self._client.get_handle(job.slug, str(job.request_id)).cancel()
        except fal_client.FalClientHTTPError as error:
            if error.status_code == 400:
                return "it had ended already: its result can be collected"
            return f"fal did not cancel it: {trouble_of_exception(error, about_request=True).message}"
        except (httpx.HTTPError, ValueError) as error:
            return f"fal could not be asked to cancel it: {trouble_of_exception(error).message}"
        return "fal was asked to cancel it; a job that has begun may still be billed"
