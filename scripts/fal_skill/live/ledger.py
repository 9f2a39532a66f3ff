"""The memory of what was submitted: one SQLite file, so that no job is lost and none is paid for twice.

The states of a call are those of ``jobs``."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import UnavailableError, UsageError
from ..folders import data_folder
from .jobs import (
    PREPARED,
    REFUSED,
    SENDING,
    SUBMITTED,
    UNCERTAIN,
    UNFINISHED,
    Call,
    Job,
    alive,
    digest_of,
    process_mark,
)
from .redaction import redacted_value

VERSION = 1
MAX_RESULT = 4 * 1024 * 1024
"""Longer results are not kept: the result's address gives them again for as long as fal keeps them."""
BUSY_SECONDS = 30.0

_SCHEMA = """
create table jobs (
    id integer primary key autoincrement,
    created_at real not null,
    changed_at real not null,
    state text not null,
    slug text not null,
    call text not null,
    sent_hash text,
    arguments text,
    private integer not null default 0,
    request_id text unique,
    sent_at real,
    finished_at real,
    batch text,
    item text,
    folder text,
    process integer,
    process_began text,
    estimate_low real,
    estimate_high real,
    units real,
    billed real,
    error text,
    result text,
    files text,
    unique (batch, item)
);
create index jobs_by_call on jobs (call, state);
create index jobs_by_state on jobs (state, id);
"""


_COLUMNS = ", ".join(Job._fields)


def default_path() -> Path:
    """Return the ledger's place in the user's data folder."""
    return Path(data_folder(), "ledger.sqlite3")


class Ledger:
    """An open ledger; safe to use from several threads and processes at a time."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the ledger, or make it.

        Raises:
            UsageError: others may read it: it holds prompts and may hold more.
            UnavailableError: it cannot be opened, or is of another version.
        """
        self.path = path or default_path()
        self._lock = threading.RLock()
        try:
            _guarded(self.path)
            self._db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._db.execute("pragma journal_mode = wal")
            # A job must not be forgotten even when the power fails: each commit reaches the disk.
            self._db.execute("pragma synchronous = full")
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from None

    def _prepare(self) -> None:
        if self._version() == VERSION:
            return
        with self._transaction():
            version = self._version()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"pragma user_version = {VERSION}")
            elif version != VERSION:
                raise UnavailableError(
                    f"the ledger {self.path} is of version {version}, this program knows {VERSION}",
                    hint="use the newer skill, or another --ledger",
                )

    def _version(self) -> int:
        return int(self._db.execute("pragma user_version").fetchone()[0])

    def _unusable(self, error: Exception) -> UnavailableError:
        reason = getattr(error, "strerror", None) or error
        return UnavailableError(f"the ledger {self.path} cannot be used: {reason}", hint="choose another with --ledger")

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("begin immediate")
                try:
                    yield
                except BaseException:
                    self._db.execute("rollback")
                    raise
                self._db.execute("commit")
            except sqlite3.Error as error:
                raise self._unusable(error) from None

    def _select(self, rest: str, values: Sequence[Any] = ()) -> list[Job]:
        with self._lock:
            try:
                rows = self._db.execute(f"select {_COLUMNS} from jobs {rest}", values).fetchall()
            except sqlite3.Error as error:
                raise self._unusable(error) from None
        return [Job(*row) for row in rows]

    # Entering calls

    def enter(self, call: Call, *, again: Collection[str] = ()) -> tuple[Job, bool]:
        """Enter a call that is about to be prepared; return (job, whether it is new and the caller's to send).

        In one step with the entry it is looked up whether the same call runs already, so that two processes cannot
        both find that it does not. A batch's item has one entry. ``again`` holds the states in which a call is entered
        anew all the same; the old entry stays on record.
        """
        with self._transaction():
            if call.batch is not None:
                known = self._select("where batch = ? and item = ?", (call.batch, call.item))
                if known and (known[0].state not in again or (known[0].state == SENDING and alive(known[0]))):
                    return self._mine(known[0])
                if known:
                    self._db.execute("update jobs set item = null where id = ?", (known[0].id,))
            else:
                for job in self._select(
                    "where call = ? and state in (?, ?, ?, ?) order by id desc", (call.digest, PREPARED, *UNFINISHED)
                ):
                    if job.state in again:
                        continue
                    if job.state != PREPARED or alive(job):
                        return job, False
                    self._db.execute("delete from jobs where id = ?", (job.id,))  # killed before it sent anything
            now = time.time()
            low, high = call.estimate
            cursor = self._db.execute(
                "insert into jobs (created_at, changed_at, state, slug, call, private, batch, item, folder, process,"
                " process_began, estimate_low, estimate_high) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    now, now, PREPARED, call.slug, call.digest, int(call.private), call.batch, call.item, call.folder,
                    os.getpid(), process_mark(os.getpid()), low, high,
                ),
            )  # fmt: skip
            return self._by_id(int(cursor.lastrowid or 0)), True

    def _mine(self, job: Job) -> tuple[Job, bool]:
        """Return a batch's entry, and whether it may be sent: nothing was, and no other process is at it."""
        if job.state == REFUSED or (job.state == PREPARED and not (alive(job) and job.process != os.getpid())):
            self._db.execute(
                "update jobs set state = ?, process = ?, process_began = ?, changed_at = ?, error = null where id = ?",
                (PREPARED, os.getpid(), process_mark(os.getpid()), time.time(), job.id),
            )
            return self._by_id(job.id), True
        return job, False

    def sending(self, job: Job, arguments: dict[str, Any]) -> None:
        """Note, for good, that the request's first byte is about to leave."""
        kept = None if job.private else json.dumps(redacted_value(arguments), ensure_ascii=False)
        now = time.time()
        self._change(
            job, state=SENDING, arguments=kept, sent_hash=digest_of(job.slug, arguments), sent_at=now, changed_at=now
        )

    def prepared(self, job: Job) -> None:
        """Note that the last attempt sent nothing, or was refused, and that another follows."""
        self._change(job, state=PREPARED)

    def submitted(self, job: Job, request_id: str, folder: Path | None = None) -> None:
        """Note the request id, and where the files belong if that is another place than was noted before."""
        place = {} if folder is None else {"folder": str(folder)}
        self._change(job, state=SUBMITTED, request_id=request_id, error=None, **place)

    def uncertain(self, job: Job, error: dict[str, Any]) -> None:
        """Note that there may be a job, and why nobody knows."""
        self._change(job, state=UNCERTAIN, error=error)

    def not_sent(self, job: Job, error: dict[str, Any]) -> None:
        """Note that nothing was sent, or that the reply says that there is no job."""
        self._change(job, state=REFUSED, error=error, finished_at=time.time())

    def moved(self, job: Job, folder: Path) -> Job:
        """Note another place for the job's files; return the job."""
        self._change(job, folder=str(folder))
        return self._by_id(job.id)

    def ended(
        self,
        job: Job,
        state: str,
        *,
        error: dict[str, Any] | None = None,
        result: Any = None,
        files: list[dict[str, Any]] | None = None,
        units: float | None = None,
        billed: float | None = None,
    ) -> None:
        """Note how the job ended, what was saved of it, and what it was billed (units, and USD where that is known)."""
        text = None if result is None or job.private else json.dumps(redacted_value(result, shapes=False))
        self._change(
            job,
            state=state,
            error=error,
            result=text if text is None or len(text) <= MAX_RESULT else None,
            files=json.dumps(files) if files is not None else None,
            units=units,
            billed=billed,
            finished_at=time.time(),
        )

    def found(self, job: Job, request_id: str) -> bool:
        """Give an uncertain call the id of the request that it turned out to be; False when that id is taken."""
        with self._transaction():
            if self._select("where request_id = ?", (request_id,)) or self._by_id(job.id).state not in (
                SENDING,
                UNCERTAIN,
            ):
                return False
            self._db.execute(
                "update jobs set state = ?, request_id = ?, error = null, changed_at = ? where id = ?",
                (SUBMITTED, request_id, time.time(), job.id),
            )
        return True

    def adopt(self, slug: str, request_id: str, folder: str) -> Job:
        """Enter a job that was submitted elsewhere; return the entry that there is already, if there is one."""
        known = self.job(request_id)
        if known is not None:
            return known
        with self._transaction():
            now = time.time()
            cursor = self._db.execute(
                "insert into jobs (created_at, changed_at, state, slug, call, request_id, folder)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (now, now, SUBMITTED, slug, f"adopted:{request_id}", request_id, folder),
            )
            return self._by_id(int(cursor.lastrowid or 0))

    def _change(self, job: Job, **values: Any) -> None:
        """Change columns of a row; a dictionary is kept as JSON, without credentials."""
        values.setdefault("changed_at", time.time())
        plain = {
            name: json.dumps(redacted_value(value)) if isinstance(value, dict) else value
            for name, value in values.items()
        }
        names = ", ".join(f"{name} = ?" for name in plain)
        with self._transaction():
            self._db.execute(f"update jobs set {names} where id = ?", (*plain.values(), job.id))

    # Looking up

    def _by_id(self, number: int) -> Job:
        return self._select("where id = ?", (number,))[0]

    def fresh(self, job: Job) -> Job:
        """Return the row as it is now."""
        return self._by_id(job.id)

    def job(self, name: str) -> Job | None:
        """Return the job of that request id (its beginning will do) or of that number (``job-7``), or None.

        Raises:
            UsageError: several jobs' ids begin so.
        """
        number = name.removeprefix("job-")
        if number != name and number.isascii() and number.isdigit():
            return next(iter(self._select("where id = ?", (int(number[:15]),))), None)
        exact = self._select("where request_id = ?", (name,))
        if exact or len(name) < 4:
            return exact[0] if exact else None
        # A range, not LIKE, so that the index answers and no character is special.
        found = self._select("where request_id >= ? and request_id < ? limit 2", (name, name + "\U0010ffff"))
        if len(found) > 1:
            raise UsageError(f"several request ids begin with {name!r}", hint="give more of it; see --list")
        return found[0] if found else None

    def latest(self, limit: int, state: str | None = None) -> list[Job]:
        """Return the newest jobs."""
        if state is not None:
            return self._select("where state = ? order by id desc limit ?", (state, limit))
        return self._select("order by id desc limit ?", (limit,))

    def unfinished(self) -> list[Job]:
        """Return all jobs that run, or may, oldest first; those that a living process is sending just now are not."""
        jobs = self._select("where state in (?, ?, ?) order by id", UNFINISHED)
        return [job for job in jobs if job.state != SENDING or not alive(job)]

    def counts(self) -> dict[str, int]:
        """Return the number of jobs by state."""
        with self._lock:
            rows = self._db.execute("select state, count(*) from jobs group by state").fetchall()
        return {str(state): int(count) for state, count in rows}

    def batch(self, name: str) -> list[Job]:
        """Return the entries of a batch, in its order."""
        return self._select("where batch = ? order by id", (name,))

    def item(self, batch: str, item: str) -> Job | None:
        """Return the entry of one item of a batch, or None."""
        return next(iter(self._select("where batch = ? and item = ?", (batch, item))), None)

    def knows(self, request_id: str) -> bool:
        """Return whether an entry has that request id."""
        return bool(self._select("where request_id = ?", (request_id,)))


def _guarded(path: Path) -> None:
    """Make the file, readable for its owner alone, or refuse one that others may read."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=0o700)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    if os.name != "posix":
        return
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise UsageError(f"the ledger {path} is no file")
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise UsageError(
            f"the ledger {path} can be read or written by everyone on this machine", hint=f"chmod 600 {path}"
        )
