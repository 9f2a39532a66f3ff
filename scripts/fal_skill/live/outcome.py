"""How jobs are run, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StillRunningError
from .jobs import PREPARED, SENDING, SUBMITTED, UNCERTAIN, Job, iso
from .redaction import redacted_value
from .replies import Trouble

if TYPE_CHECKING:
    from .downloads import Saved


@dataclass(frozen=True)
class Settings:
    """How jobs are run."""

    wait: float | None = None
    """Seconds to wait for a job; None = until it ends, 0 = not at all."""
    download: bool = True
    overwrite: bool = False
    private: bool = False
    priority: str | None = None
    start_timeout: float | None = None
    again: frozenset[str] = frozenset()
    """States in which a call that is on record is submitted anew all the same."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    job: Job
    result: Any = None
    files: tuple[Saved, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    """Why the job failed, or which of its files could not be had."""
    cost: dict[str, Any] = field(default_factory=dict)
    manifest: Path | None = None

    @property
    def exit_code(self) -> int:
        """0 for a job that is done, else the code of its first trouble."""
        return self.troubles[0].failure.exit_code if self.troubles else 0

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values; embedded files in the result are named by their size."""
        from .manifest import shortened

        return {
            "slug": self.job.slug,
            "request_id": self.job.request_id,
            "state": self.job.state,
            "submitted_at": iso(self.job.sent_at or self.job.created_at),
            "result": redacted_value(shortened(self.result), shapes=False),
            "files": [file.as_dict() for file in self.files],
            "manifest": str(self.manifest) if self.manifest else None,
            "cost": self.cost,
            "error": self.troubles[0].as_dict() if self.troubles else None,
        }


class AlreadyRunningError(StillRunningError):
    """The same call is on record and has not ended; ``job`` is its entry."""

    def __init__(self, job: Job) -> None:
        ways = {
            SUBMITTED: f"it was submitted {iso(job.created_at)} as {job.name}",
            SENDING: f"it is being submitted just now ({job.name})",
            PREPARED: f"another process is about to submit it ({job.name})",
            UNCERTAIN: f"it may have been submitted {iso(job.created_at)} ({job.name}); its reply was lost",
        }
        super().__init__(
            f"the same call of {job.slug} has not ended: {ways.get(job.state, job.name)}",
            hint=f"take its result: run_model.py --resume {job.name}; to pay for another: --again",
        )
        self.job = job
