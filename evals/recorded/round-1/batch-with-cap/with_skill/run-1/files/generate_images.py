#!/usr/bin/env python3
"""One square image per row of prompts.csv, made by fal-ai/flux/schnell.

    python generate_images.py --dry-run     # plan and live price; submits nothing
    python generate_images.py --limit 3     # the first 3 rows, to look at
    python generate_images.py               # everything; run it again to resume

Money rules
  * A submission is written to output/state.db, with its price, BEFORE it is sent, and it is sent once. If its reply
    is lost, the row becomes "uncertain": it counts as paid and is never sent again by itself.
  * The cap covers what was *submitted*, in all runs together. Deleting output/state.db forgets what was spent.
  * Waiting, fetching a result and downloading go by request id and cost nothing, however often they are repeated.
  * A row is submitted a second time, once, only if its job failed with a 5xx AND that reply itself says that 0 units
    were billed (x-fal-billable-units). Both tries count against the cap.

Every wait is bounded: retries, one job, failures in a row, the whole run.
Exit codes: 0 all rows done, 1 some rows have no image, 2 cannot start, 3 stopped early, 130 interrupted.
"""

from __future__ import annotations

import argparse
import csv
import logging
import math
import os
import queue
import re
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

import fal_client
import httpx

MODEL = "fal-ai/flux/schnell"
SIDE = 992  # pixels: 0.98 megapixel, billed as 1 whether a megapixel is 10**6 or 2**20 pixels (1024x1024 may be billed as 2)
ARGUMENTS = {
    "image_size": {"width": SIDE, "height": SIDE},
    "num_images": 1,
    "num_inference_steps": 4,
    "output_format": "jpeg",
    "enable_safety_checker": True,
}
UNIT_PRICE = 0.003  # USD per megapixel, quoted 2026-10-02; the live price replaces it
FALLBACK_RESERVE = 2 * UNIT_PRICE  # USD per image, when the live price cannot be read

SUBMITS_PER_ROW = 2
FAILURES_IN_A_ROW = 8  # then the run stops: something is wrong with more than one prompt
BACKOFF = (5, 15, 45, 120, 300, 300, 600, 600, 600)  # s, while fal refuses (429) or cannot be reached: 43 minutes
RESUBMIT_PAUSE = 30  # s
START_TIMEOUT = 600  # s: fal gives a job up that has not started by then
JOB_TIMEOUT = 3600  # s of waiting for one job in one run
POLL_ERRORS = 50  # in a row, with pauses of up to 60 s: 45 minutes
RESULT_TRIES = 6
DOWNLOAD_TRIES = 5
DOWNLOAD_SECONDS = 120
MAX_IMAGE_BYTES = 50_000_000
GRACE = 600  # s after the time limit, to collect what is in flight
MICRO = 1_000_000  # money is kept in whole millionths of a dollar

TRANSIENT = (httpx.HTTPError, fal_client.FalClientError, ValueError, KeyError, TypeError)
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
log = logging.getLogger("generate_images")


class Halt(Exception):
    """Stop the whole run: nothing more is submitted."""


class CannotStart(Exception):
    """Wrong input or set-up; nothing was submitted."""


def said(detail) -> str:
    """fal's error body as one line: a list of problems from the model, or a text from the platform."""
    if isinstance(detail, list):
        parts = []
        for one in detail:
            if isinstance(one, dict):
                where = ".".join(map(str, one.get("loc") or []))
                parts.append(f"{where}: {one.get('msg')} ({one.get('type')})")
            else:
                parts.append(str(one))
        detail = "; ".join(parts)
    return " ".join(str(detail).split())[:500]


def short(error: BaseException) -> str:
    if isinstance(error, fal_client.FalClientHTTPError):
        return f"HTTP {error.status_code}: {said(error.message)}"
    return f"{type(error).__name__}: {said(error)}"


# ---------------------------------------------------------------- input and state


def read_rows(path: Path) -> list[tuple[str, str, str]]:
    """Return (id, prompt, file name) of each row; the id is the column `id`, or else the row's number."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as source:
            reader = csv.DictReader(source)
            if "prompt" not in (reader.fieldnames or []):
                raise CannotStart(f"{path} has no column `prompt`")
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"cannot read {path}: {error}") from None
    found, names = [], set()
    for number, row in enumerate(rows, 1):
        row_id = (row.get("id") or "").strip() or str(number)
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", row_id):
            raise CannotStart(f"row {number}: id {row_id!r} cannot be a file name")
        name = (f"{int(row_id):04d}" if row_id.isdigit() else row_id) + ".jpg"
        if name.casefold() in names:
            raise CannotStart(f"row {number}: id {row_id!r} occurs twice")
        names.add(name.casefold())
        found.append((row_id, (row["prompt"] or "").strip(), name))
    if not found:
        raise CannotStart(f"{path} has no rows")
    return found


class State:
    """What was submitted and what became of it. The database is locked while a run is on: two runs cannot pay twice."""

    def __init__(self, path: Path, rows: list[tuple[str, str, str]]) -> None:
        self.lock = threading.RLock()
        self.db = sqlite3.connect(path, timeout=1, check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        try:
            self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.db.execute("PRAGMA synchronous = FULL")
            self.db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise CannotStart(f"{path}: {error}; is another run on?") from None
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, prompt TEXT NOT NULL, name TEXT NOT NULL,"
            " state TEXT NOT NULL DEFAULT 'new', kind TEXT, reason TEXT, request_id TEXT, seed TEXT)"
        )
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS submissions (n INTEGER PRIMARY KEY, row TEXT NOT NULL, state TEXT NOT NULL,"
            " micro INTEGER NOT NULL, request_id TEXT, units REAL, at TEXT DEFAULT CURRENT_TIMESTAMP)"
        )
        changed = []
        for row_id, prompt, name in rows:
            self.db.execute("INSERT OR IGNORE INTO rows (id, prompt, name) VALUES (?, ?, ?)", (row_id, prompt, name))
            known = self.row(row_id)
            if known["prompt"] != prompt:
                if known["state"] not in ("new", "failed"):
                    changed.append(row_id)
                self.db.execute("UPDATE rows SET prompt = ? WHERE id = ?", (prompt, row_id))
        if changed:
            self.db.execute("ROLLBACK")
            raise CannotStart(
                f"the prompt of rows {', '.join(changed[:10])} changed after they were paid for; "
                "give them new ids, or use another --out folder"
            )
        # Left by a run that was killed between noting and hearing back: the job may exist.
        self.db.execute(
            "UPDATE rows SET state = 'uncertain', kind = 'no-reply', reason = 'the program was killed while it submitted'"
            " WHERE state = 'sending'"
        )
        self.db.execute("COMMIT")

    def row(self, row_id: str) -> sqlite3.Row:
        with self.lock:
            return self.db.execute("SELECT * FROM rows WHERE id = ?", (row_id,)).fetchone()

    def rows(self) -> list[sqlite3.Row]:
        with self.lock:
            return self.db.execute("SELECT * FROM rows ORDER BY rowid").fetchall()

    def set(self, row_id: str, **values) -> None:
        with self.lock:
            names = ", ".join(f"{name} = ?" for name in values)
            self.db.execute(f"UPDATE rows SET {names} WHERE id = ?", (*values.values(), row_id))

    def spent(self) -> int:
        """Millionths of a dollar, of everything that was submitted or may have been."""
        with self.lock:
            return self.db.execute(
                "SELECT COALESCE(SUM(micro), 0) FROM submissions WHERE state != 'not-sent'"
            ).fetchone()[0]

    def open(self, row_id: str, micro: int, cap: int) -> int | None:
        """Note a submission before it is sent and return its number; None if the cap does not allow it."""
        with self.lock:
            if self.spent() + micro > cap:
                return None
            self.db.execute("BEGIN")
            n = self.db.execute(
                "INSERT INTO submissions (row, state, micro) VALUES (?, 'sending', ?)", (row_id, micro)
            ).lastrowid
            self.db.execute("UPDATE rows SET state = 'sending', request_id = NULL WHERE id = ?", (row_id,))
            self.db.execute("COMMIT")
            return n

    def close(self, n: int, row_id: str, submission: str, state: str, **values) -> None:
        """Note what became of a submission."""
        with self.lock:
            self.db.execute("BEGIN")
            self.db.execute(
                "UPDATE submissions SET state = ?, request_id = ? WHERE n = ?",
                (submission, values.get("request_id"), n),
            )
            self.set(row_id, state=state, **values)
            self.db.execute("COMMIT")

    def billed(self, request_id: str, units: float, micro: int) -> None:
        """Note the units that fal billed; the price of the submission can only grow by it."""
        with self.lock:
            self.db.execute(
                "UPDATE submissions SET units = ?, micro = MAX(micro, ?) WHERE request_id = ?",
                (units, micro, request_id),
            )


# ---------------------------------------------------------------- price


def live_price(authorization: str) -> tuple[float, str] | None:
    """Return fal's (unit price, unit), or None when it does not say."""
    try:
        reply = httpx.get(
            "https://api.fal.ai/v1/models/pricing",
            params={"endpoint_id": MODEL},
            headers={"Authorization": authorization},
            timeout=30,
        )
        if reply.status_code == 401:
            raise CannotStart("fal does not accept FAL_KEY (401); make a new one at https://fal.ai/dashboard/keys")
        reply.raise_for_status()
        for row in reply.json()["prices"]:
            if row["endpoint_id"] == MODEL and row.get("currency", "USD") == "USD":
                return float(row["unit_price"]), str(row["unit"]).lower()
        log.warning("fal's price list does not name %s in USD", MODEL)
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("the live price could not be read: %s", short(error))
    return None


def price_per_image(found: tuple[float, str] | None) -> tuple[float, float, str]:
    """Return USD per unit, USD to count per image, and where that comes from."""
    if found and found[0] > 0:
        usd, unit = found
        if unit.startswith("megapixel"):
            return usd, usd * math.ceil(SIDE * SIDE / 1_000_000), f"live price, ${usd:g} per megapixel"
        if unit.startswith("image"):
            return usd, usd, f"live price, ${usd:g} per image"
        log.warning("fal's unit is %r, which says nothing of an image", unit)
    return UNIT_PRICE, FALLBACK_RESERVE, f"twice the quote of 2026-10-02 (${UNIT_PRICE:g}), as there is no live price"


# ---------------------------------------------------------------- the run


class Run:
    def __init__(self, state: State, out: Path, cap: int, hours: float, unit_usd: float, reserve_usd: float) -> None:
        self.state, self.out, self.cap = state, out, cap
        self.unit_usd = unit_usd
        self.reserve = math.ceil(round(reserve_usd * MICRO, 3))
        self.deadline = time.monotonic() + hours * 3600
        self.interrupted = threading.Event()
        self.halted = threading.Event()
        self.why: str | None = None
        self.lock = threading.RLock()
        self.failures = 0
        self.client = fal_client.SyncClient(default_timeout=60)
        self.web = httpx.Client(follow_redirects=True, timeout=30)  # for downloads: sends no key

    # -- stopping

    def halt(self, why: str) -> None:
        with self.lock:
            if self.why is None:
                self.why = why
                log.error("STOP: %s", why)
            self.halted.set()

    def may_submit(self) -> bool:
        if time.monotonic() > self.deadline:
            self.halt("the time limit of the run is reached")
        return not (self.halted.is_set() or self.interrupted.is_set())

    def may_wait(self) -> bool:
        return not self.interrupted.is_set() and time.monotonic() < self.deadline + GRACE

    def sleep(self, seconds: float) -> None:
        self.interrupted.wait(seconds)

    def pause(self, seconds: float) -> None:
        """Sleep before a submission: ends early when nothing may be submitted any more."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.may_submit():
            self.sleep(min(1, max(0, end - time.monotonic())))

    # -- noting

    def fail(self, row_id: str, kind: str, reason: str, state: str = "failed") -> None:
        self.state.set(row_id, state=state, kind=kind, reason=reason)
        log.warning("row %s %s [%s] %s", row_id, state, kind, reason)
        with self.lock:
            write_reports(self.state, self.out)
            self.failures += 1
            if self.failures >= FAILURES_IN_A_ROW:
                self.halt(f"{self.failures} failures in a row, the last one: [{kind}] {reason}")

    # -- one row

    def row(self, row_id: str) -> bool:
        """Bring a row as far as it will go. False: its job may still be running, so its slot must stay taken."""
        while True:
            row = self.state.row(row_id)
            if row["state"] == "new":
                if not row["prompt"]:
                    self.fail(row_id, "empty", "the prompt is empty; nothing was submitted")
                    return True
                if not self.submit(row):
                    return True
                row = self.state.row(row_id)
            outcome = self.collect(row)
            if outcome != "again":
                return outcome != "running"
            self.pause(RESUBMIT_PAUSE)
            if not self.may_submit():
                return True  # its state is "new": the next run sends it

    def submit(self, row: sqlite3.Row) -> bool:
        """Send a row's job once. True if fal has taken it."""
        row_id = row["id"]
        for delay in (*BACKOFF, None):
            if not self.may_submit():
                return False
            n = self.state.open(row_id, self.reserve, self.cap)
            if n is None:
                self.halt(
                    f"the cap of ${self.cap / MICRO:.2f}: ${self.state.spent() / MICRO:.4f} is submitted, "
                    f"one more image counts ${self.reserve / MICRO:.4f}"
                )
                self.state.set(row_id, state="new")
                return False
            try:
                handle = self.client.submit(
                    MODEL, arguments={"prompt": row["prompt"], **ARGUMENTS}, start_timeout=START_TIMEOUT
                )
                self.state.close(n, row_id, "sent", "submitted", request_id=handle.request_id, kind=None, reason=None)
                return True
            except NOT_SENT as error:
                self.state.close(n, row_id, "not-sent", "new")
                problem, asked = f"fal cannot be reached, nothing was sent ({short(error)})", 0.0
            except fal_client.FalClientHTTPError as error:
                code = error.status_code
                if code in (401, 402, 403, 404):
                    self.state.close(n, row_id, "not-sent", "new")
                    self.halt(
                        f"fal refuses the submission, {short(error)} "
                        "(401: the key; 402, 403: most often the balance, https://fal.ai/dashboard/billing; 404: the model id)"
                    )
                    return False
                if code != 429:
                    if 400 <= code < 500 and code not in (408, 409, 499):
                        self.state.close(n, row_id, "not-sent", "new")
                        self.fail(row_id, "refused", f"at submission, {short(error)}")
                    else:
                        self.lost(n, row_id, short(error))
                    return False
                self.state.close(n, row_id, "not-sent", "new")
                after = {name.lower(): value for name, value in error.response_headers.items()}.get("retry-after", "")
                problem, asked = short(error), min(float(after), 600.0) if after.isdigit() else 0.0
            except sqlite3.Error:
                raise
            except Exception as error:  # the request went out and no usable reply came
                self.lost(n, row_id, short(error))
                return False
            if delay is None:
                self.halt(f"given up after {len(BACKOFF) + 1} tries: {problem}")
                return False
            log.info("row %s: %s; again in %g s", row_id, problem, max(delay, asked))
            self.pause(max(delay, asked))
        return False

    def lost(self, n: int, row_id: str, why: str) -> None:
        self.state.close(n, row_id, "uncertain", "uncertain")
        self.fail(row_id, "no-reply", f"the reply to the submission was lost, it may be billed: {why}", "uncertain")
        self.pause(RESUBMIT_PAUSE)

    def collect(self, row: sqlite3.Row) -> str:
        """Wait for a submitted job and bring its image home: "done", "failed", "again", "running" or "later"."""
        row_id, request_id = row["id"], row["request_id"]
        handle = self.client.get_handle(MODEL, request_id)
        end, errors, unknown, polls = time.monotonic() + JOB_TIMEOUT, 0, 0, 0
        status = None
        while True:
            if not self.may_wait():
                return "later"
            if time.monotonic() > end:
                self.fail(row_id, "slow", f"not finished after {JOB_TIMEOUT} s; run again to collect it", "submitted")
                return "running"
            try:
                status = handle.status()
                errors = unknown = 0
            except TRANSIENT as error:
                errors += 1
                code = getattr(error, "status_code", None)
                unknown = unknown + 1 if code == 404 else 0
                if code in (401, 402, 403):
                    self.halt(f"fal refuses to show the job of row {row_id}, {short(error)}")
                    return "later"
                if unknown >= 5:
                    self.fail(row_id, "expired", f"fal does not know the request {request_id} any more")
                    return "failed"
                if errors >= POLL_ERRORS:
                    self.fail(row_id, "unreachable", f"asking for the job failed: {short(error)}; run again", "submitted")
                    return "running"
                self.sleep(min(2**errors, 60))
                continue
            if isinstance(status, fal_client.Completed):
                break
            polls += 1
            self.sleep(1 if polls < 30 else 5)
        return self.fetch(row, handle, status)

    def fetch(self, row: sqlite3.Row, handle, status) -> str:
        row_id = row["id"]
        problem = ""
        for attempt in range(RESULT_TRIES):
            if attempt:
                self.sleep(2**attempt)
            if not self.may_wait():
                return "later"
            try:
                reply = handle.client.get(handle.response_url, timeout=60)  # not handle.get(): the headers are needed
                code = reply.status_code
                body = reply.json() if reply.content else None
            except TRANSIENT as error:
                if not isinstance(error, ValueError):
                    problem = short(error)
                    continue
                body = reply.text[:500]
            units = self.note_units(row_id, handle.request_id, reply)
            if code == 200 and isinstance(body, dict) and body.get("images"):
                return self.keep(row, body)
            detail = said(body.get("detail", body) if isinstance(body, dict) else body)
            if code in (401, 402, 403):
                self.halt(f"fal refuses the result of row {row_id}, HTTP {code}: {detail}")
            if status.error or code == 422:
                return self.job_failed(row_id, code, detail, status, units)
            if code in (401, 402, 403):
                return "later"
            problem = f"HTTP {code}: {detail}"
            if code in (404, 410) and attempt >= 2:
                self.fail(row_id, "expired", f"the result is gone, {problem}")
                return "failed"
        self.fail(row_id, "result", f"the job is done, its result cannot be read: {problem}; run again", "submitted")
        return "later"

    def note_units(self, row_id: str, request_id: str, reply: httpx.Response) -> float | None:
        """Note what fal says it billed for a request, and return it; None where it does not say."""
        try:
            units = float(reply.headers["x-fal-billable-units"])
        except (KeyError, ValueError):
            return None
        if not math.isfinite(units) or units < 0:
            return None
        micro = math.ceil(round(units * self.unit_usd * MICRO, 3))
        with self.lock:
            self.state.billed(request_id, units, micro)
            if micro > self.reserve:
                log.warning(
                    "row %s was billed %g units, $%.4f; every further image counts that", row_id, units, micro / MICRO
                )
                self.reserve = micro
        return units

    def job_failed(self, row_id: str, code: int, detail: str, status, units: float | None) -> str:
        kind = str(status.error_type or ("content_policy_violation" if "content_policy" in detail else f"http-{code}"))
        reason = f"the job failed, HTTP {code}: {detail}"
        if status.error and str(status.error) not in reason:
            reason += f" ({said(status.error)})"
        with self.state.lock:
            tries = self.state.db.execute(
                "SELECT COUNT(*) FROM submissions WHERE row = ? AND state = 'sent'", (row_id,)
            ).fetchone()[0]
        if code >= 500 and units == 0 and tries < SUBMITS_PER_ROW:  # failed for certain, and certainly not billed
            log.warning("row %s [%s] %s; one more try in %s s", row_id, kind, reason, RESUBMIT_PAUSE)
            self.state.set(row_id, state="new", kind=kind, reason=reason)
            return "again"
        self.fail(row_id, kind, reason)
        return "failed"

    def keep(self, row: sqlite3.Row, body: dict) -> str:
        row_id = row["id"]
        seed = str(body.get("seed", ""))
        if any(body.get("has_nsfw_concepts") or []):
            self.fail(row_id, "safety-checker", "fal's safety checker flagged the image (it is blacked out); not saved")
            return "failed"
        image = body["images"][0]
        url = image.get("url") if isinstance(image, dict) else None
        if not isinstance(url, str) or not url.startswith("https://"):
            self.fail(row_id, "no-image", f"the result has no usable image URL: {said(image)}")
            return "failed"
        problem = ""
        for attempt in range(DOWNLOAD_TRIES):
            if attempt:
                self.sleep(2**attempt)
            if not self.may_wait():
                return "later"
            try:
                data = self.download(url)
            except (httpx.HTTPError, ValueError) as error:
                problem = short(error)
                continue
            try:
                target = self.out / "images" / row["name"]
                part = target.with_suffix(".part")
                part.write_bytes(data)
                os.replace(part, target)
            except OSError as error:
                self.halt(f"row {row_id}: the image cannot be written: {error}")
                return "later"
            self.state.set(row_id, state="done", kind=None, reason=None, seed=seed)
            with self.lock:
                self.failures = 0
            if image.get("width") != image.get("height"):
                log.warning("row %s: the image is %s x %s", row_id, image.get("width"), image.get("height"))
            log.info("row %s done: %s (counted $%.4f)", row_id, row["name"], self.state.spent() / MICRO)
            return "done"
        self.fail(row_id, "download", f"the image is made, its download failed: {problem}; run again", "submitted")
        return "later"

    def download(self, url: str) -> bytes:
        end, data = time.monotonic() + DOWNLOAD_SECONDS, bytearray()
        with self.web.stream("GET", url) as reply:
            reply.raise_for_status()
            for chunk in reply.iter_bytes():
                data += chunk
                if len(data) > MAX_IMAGE_BYTES or time.monotonic() > end:
                    raise ValueError("the download is too large or too slow")
        if not data.startswith(b"\xff\xd8\xff"):
            raise ValueError("what was downloaded is no JPEG")
        return bytes(data)

    # -- all rows

    def worker(self, todo: queue.SimpleQueue) -> None:
        try:
            while not self.interrupted.is_set():
                try:
                    row_id = todo.get_nowait()
                except queue.Empty:
                    return
                if self.state.row(row_id)["state"] == "new" and not self.may_submit():
                    continue
                if not self.row(row_id):
                    log.warning("a slot stays taken by row %s, whose job may still be running", row_id)
                    return
        except Exception as error:  # a bug, or the state cannot be written: never go on spending
            log.exception("unexpected")
            self.halt(f"unexpected: {short(error)}")

    def all(self, row_ids: list[str], concurrency: int) -> None:
        todo: queue.SimpleQueue = queue.SimpleQueue()
        for row_id in row_ids:
            todo.put(row_id)
        threads = [threading.Thread(target=self.worker, args=(todo,), daemon=True) for _ in range(concurrency)]
        for thread in threads:
            thread.start()
        end = self.deadline + GRACE + 600
        while any(thread.is_alive() for thread in threads):
            if time.monotonic() > end:  # a connection that neither answers nor breaks; the state is safe
                self.halt("the time limit is over and a connection hangs")
                return
            for thread in threads:
                thread.join(0.2)
        if not todo.empty() and not self.interrupted.is_set():
            self.halt("every slot is taken by a job that does not end")


def write_reports(state: State, out: Path) -> None:
    """Write results.csv and failures.csv, whole."""
    advice = {
        "uncertain": "look for the prompt on https://fal.ai/dashboard; if it is there: --adopt ID=REQUEST_ID, if not: --resend ID",
        "submitted": "paid or running: run again, it is collected without a new charge",
        "failed": "mend the cause, then --retry-failed (a new charge)",
        "new": "run again",
    }
    rows = state.rows()
    for name, wanted in (
        ("results.csv", rows),
        ("failures.csv", [row for row in rows if row["state"] != "done" and row["reason"]]),
    ):
        part = out / (name + ".part")
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "prompt", "state", "kind", "reason", "file", "request_id", "seed", "next_step"])
            for row in wanted:
                done = row["state"] == "done"
                writer.writerow([
                    row["id"], row["prompt"], row["state"], row["kind"], row["reason"],
                    f"images/{row['name']}" if done else "", row["request_id"], row["seed"],
                    "" if done else advice.get(row["state"], "run again"),
                ])  # fmt: skip
        os.replace(part, out / name)


def prepare(state: State, rows: list[tuple[str, str, str]], out: Path, options) -> list[str]:
    """Do what the options ask for and return the ids of the rows to work on: what is paid for comes first."""
    known = {row_id for row_id, _, _ in rows}
    for pair in options.adopt:
        row_id, _, request_id = pair.partition("=")
        if row_id not in known or not request_id or state.row(row_id)["state"] != "uncertain":
            raise CannotStart(f"--adopt {pair}: not ID=REQUEST_ID of an uncertain row")
        with state.lock:
            state.db.execute(
                "UPDATE submissions SET state = 'sent', request_id = ? WHERE n ="
                " (SELECT MAX(n) FROM submissions WHERE row = ?)", (request_id, row_id),
            )  # fmt: skip
        state.set(row_id, state="submitted", request_id=request_id)
    for row_id in options.resend:
        if row_id not in known or state.row(row_id)["state"] != "uncertain":
            raise CannotStart(f"--resend {row_id}: not an uncertain row")
        state.set(row_id, state="new")
    collect, send = [], []
    for number, (row_id, _, name) in enumerate(rows, 1):
        row = state.row(row_id)
        within = options.limit is None or number <= options.limit
        if row["state"] == "failed" and options.retry_failed and within:
            state.set(row_id, state="new")
            send.append(row_id)
        elif row["state"] == "done" and not (out / "images" / name).exists():
            state.set(row_id, state="submitted")  # downloaded again by its id
            collect.append(row_id)
        elif row["state"] == "submitted":
            collect.append(row_id)
        elif row["state"] == "new" and within:
            send.append(row_id)
    return collect + send


def command_line() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, default=Path("prompts.csv"))
    parser.add_argument("--out", type=Path, default=Path("output"))
    parser.add_argument("--max-cost", type=float, default=3.0, metavar="USD", help="for all runs together (default 3)")
    parser.add_argument("--concurrency", type=int, default=4, choices=range(1, 5), help="jobs at a time (default 4)")
    parser.add_argument("--max-hours", type=float, default=8.0, help="time limit of this run (default 8)")
    parser.add_argument("--limit", type=int, metavar="N", help="submit only among the first N rows")
    parser.add_argument("--dry-run", action="store_true", help="show plan and price; submit nothing")
    parser.add_argument("--retry-failed", action="store_true", help="submit failed rows again (charged again)")
    parser.add_argument("--resend", action="append", default=[], metavar="ID", help="submit this uncertain row again")
    parser.add_argument("--adopt", action="append", default=[], metavar="ID=REQUEST_ID", help="collect an uncertain row")
    options = parser.parse_args()
    if not 0 < options.max_cost < math.inf or not 0 < options.max_hours <= 48 or (options.limit or 1) < 1:
        parser.error("--max-cost and --limit must be positive, --max-hours between 0 and 48")
    return options


def main() -> int:
    options = command_line()
    (options.out / "images").mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[logging.StreamHandler(), logging.FileHandler(options.out / "run.log", encoding="utf-8")],
    )
    log.setLevel(logging.INFO)

    # fal-client sends a submission again when its reply is lost: a second, billed job. Allow one attempt.
    if getattr(fal_client.client, "MAX_ATTEMPTS", None) is None:
        raise CannotStart("this fal-client is not the one in requirements.txt: its resending cannot be switched off")
    fal_client.client.MAX_ATTEMPTS = 1

    rows = read_rows(options.csv)
    try:
        authorization = fal_client.auth.fetch_auth_credentials().header_value
    except fal_client.auth.MissingCredentialsError:
        if not options.dry_run:
            raise CannotStart("FAL_KEY is not set; make a key at https://fal.ai/dashboard/keys") from None
        authorization = None
        log.warning("FAL_KEY is not set: no live price")
    state = State(options.out / "state.db", rows)
    unit_usd, reserve_usd, source = price_per_image(live_price(authorization) if authorization else None)
    cap = math.floor(round(options.max_cost * MICRO, 3))

    if options.dry_run:
        options.adopt, options.resend, options.retry_failed = [], [], False
    todo = prepare(state, rows, options.out, options)
    to_send = sum(state.row(row_id)["state"] == "new" for row_id in todo)
    log.info(
        "%d rows: %d to submit, %d to collect; %s at %dx%d; counted $%.4f per image (%s); so far $%.4f, then at most "
        "$%.4f of $%.2f",
        len(rows), to_send, len(todo) - to_send, MODEL, SIDE, SIDE, reserve_usd, source, state.spent() / MICRO,
        state.spent() / MICRO + to_send * reserve_usd, cap / MICRO,
    )  # fmt: skip
    if state.spent() + to_send * reserve_usd * MICRO > cap + 0.5:
        log.warning("the cap will be reached before the last row")
    if options.dry_run:
        return 0

    run = Run(state, options.out, cap, options.max_hours, unit_usd, reserve_usd)
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: run.interrupted.set())
    run.all(todo, options.concurrency)
    left = [row["id"] for row in state.rows() if row["state"] == "submitted"]
    if left and not run.why and not run.interrupted.is_set():
        log.info("once more for %d rows that are paid for and not yet here", len(left))
        run.all(left, options.concurrency)

    write_reports(state, options.out)
    counts: dict[str, int] = {}
    for row_id, _, _ in rows:
        name = state.row(row_id)["state"]
        counts[name] = counts.get(name, 0) + 1
    log.info(
        "end: %s; counted $%.4f of $%.2f", ", ".join(f"{n} {name}" for name, n in sorted(counts.items())),
        state.spent() / MICRO, cap / MICRO,
    )  # fmt: skip
    if run.interrupted.is_set():
        log.info("interrupted; run it again to resume")
        return 130
    if run.why:
        log.info("stopped early: %s", run.why)
        return 3
    missing = [name for row_id, _, name in rows[: options.limit] if state.row(row_id)["state"] != "done"]
    if missing:
        log.info("%d rows have no image: see %s", len(missing), options.out / "failures.csv")
    return 1 if missing else 0


if __name__ == "__main__":
    try:
        code = main()
    except CannotStart as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    logging.shutdown()
    os._exit(code) if threading.active_count() > 1 else sys.exit(code)
