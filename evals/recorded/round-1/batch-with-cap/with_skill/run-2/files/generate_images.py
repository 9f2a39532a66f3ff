#!/usr/bin/env python3
"""One square image per row of prompts.csv with fal-ai/flux/schnell. Run it again to resume.

    pip install -r requirements.txt
    export FAL_KEY=...                            # never written anywhere by this script
    python generate_images.py --dry-run           # plan and cost; no network, no key
    python generate_images.py --limit 2           # pays for two images
    python generate_images.py                     # the rest

Rules that the code keeps:
* A submission is written to the ledger (out/ledger.sqlite3) before it is sent, and is sent once. If its reply is lost,
  the row becomes "unknown": its money counts as spent and it is never sent again by itself.
* Waiting, reading a result and downloading are only ever repeated by request id, never by a new submission.
* A row is submitted again only if fal reported the job as failed with a 5xx (fal does not bill those), and at most once.
* The cap counts submissions, over all runs, at the most that one may cost; money is reserved before sending.
* Every wait has a deadline. Every row that ends without an image has a reason in out/failures.csv.

Exit codes: 0 every row has its image, 1 some do not (see failures.csv), 2 stopped (configuration, account, network, time),
3 stopped by the cost cap.
"""

import argparse
import csv
import json
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

import httpx

MODEL = "fal-ai/flux/schnell"
WIDTH = HEIGHT = 992  # under 1 megapixel by either reading (10^6 or 2^20 pixels); 1024x1024 may be billed as 2
QUOTED_PRICE = 0.003  # USD per megapixel, quoted 2026-10-02; the live price is read before anything is sent
CONCURRENCY = 4
MAX_SUBMITS = 2  # per row, over all runs; the second only after an unbilled 5xx failure
START_TIMEOUT = 15 * 60  # fal drops a job that has not started by then (504, not billed)
JOB_DEADLINE = 25 * 60  # then it is left for the next run, still under its id
MAX_NETWORK_TRIES = 8  # of things that are safe to repeat
MAX_BAD_IN_A_ROW = 10  # then something general is wrong: stop instead of spoiling every row
PAUSE_AFTER_UNKNOWN = 60  # the lost job may be running: keep its slot for a while

QUEUE = "https://queue.fal.run/"
PRICING = "https://api.fal.ai/v1/models/pricing"
REFUSED = {400, 401, 402, 403, 404, 413, 415, 422, 429}  # replies to a submission that say: no job was made
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError,
            httpx.LocalProtocolError, httpx.UnsupportedProtocol)

log = logging.getLogger("fal")


class Stop(Exception):
    """End the whole run; what is in the ledger stays resumable."""

    def __init__(self, reason, code=2, abort=False):
        super().__init__(reason)
        self.code, self.abort = code, abort


class RowFailed(Exception):
    """This row ends here. The state says what a later run may do with it."""

    def __init__(self, reason, state="failed"):
        super().__init__(reason)
        self.state = state


class SlotStuck(Exception):
    """A job of fal's is still open after its deadline: its slot must not be used for another one."""


# ---------------------------------------------------------------- ledger

# new -> sending -> submitted -> rendered -> done
# failed: over, with a reason. unknown: the reply to the submission was lost. flagged: fal blanked the image.
SCHEMA = """CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY, prompt TEXT NOT NULL, file TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'new',
  submits INTEGER NOT NULL DEFAULT 0, cost INTEGER NOT NULL DEFAULT 0, reserved INTEGER NOT NULL DEFAULT 0,
  billed_units REAL, flagged INTEGER NOT NULL DEFAULT 0, request_id TEXT, status_url TEXT, response_url TEXT, image_url TEXT, reason TEXT, changed TEXT)"""


class Ledger:
    """The state of every row. Costs are whole millionths of a dollar. Every change is on disk before it returns."""

    def __init__(self, path):
        self.lock = threading.RLock()
        # This second file is only a lock. The system frees it when the process dies, however it dies.
        self.guard = sqlite3.connect(str(path) + ".lock", timeout=0, isolation_level=None)
        try:
            self.guard.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            raise Stop(f"another run is using {path}") from None
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute(SCHEMA)

    def rows(self, where="1", *values):
        with self.lock:
            return [dict(row) for row in self.db.execute(f"SELECT * FROM jobs WHERE {where} ORDER BY rowid", values)]

    def row(self, key):
        return self.rows("id = ?", key)[0]

    def set(self, key, **changes):
        changes["changed"] = time.strftime("%Y-%m-%dT%H:%M:%S")
        names = ", ".join(f"{name} = ?" for name in changes)
        with self.lock:
            self.db.execute(f"UPDATE jobs SET {names} WHERE id = ?", (*changes.values(), key))

    def add(self, rows):
        with self.lock:
            self.db.execute("BEGIN")
            for key, prompt, file in rows:
                self.db.execute("INSERT OR IGNORE INTO jobs (id, prompt, file) VALUES (?, ?, ?)", (key, prompt, file))
            self.db.execute("COMMIT")

    def spent(self):
        with self.lock:
            return self.db.execute("SELECT COALESCE(SUM(cost), 0) FROM jobs").fetchone()[0]

    def reserve(self, key, amount, cap):
        """Take the money and note the submission, before it is sent."""
        with self.lock:
            if self.spent() + amount > cap:
                raise Stop(f"cost cap: ${self.spent() / 1e6:.3f} counted, the next image may cost ${amount / 1e6:.3f}", 3)
            row = self.row(key)
            self.set(key, state="sending", submits=row["submits"] + 1, cost=row["cost"] + amount, reserved=amount,
                     request_id=None, status_url=None, response_url=None, image_url=None)

    def release(self, key):
        """It is certain that no job was made: give the money back."""
        with self.lock:
            row = self.row(key)
            self.set(key, state="new", submits=row["submits"] - 1, cost=row["cost"] - row["reserved"], reserved=0)


# ---------------------------------------------------------------- fal

def reason_of(response):
    """What fal says of a failure, in one line."""
    try:
        body = response.json()
    except ValueError:
        return f"HTTP {response.status_code}: {response.text[:200].strip()}"
    detail = body.get("detail", body.get("error", body)) if isinstance(body, dict) else body
    if isinstance(detail, list):
        detail = "; ".join(
            f"{problem.get('type', '')} at {problem.get('loc', '')}: {problem.get('msg', '')}"
            if isinstance(problem, dict) else str(problem) for problem in detail)
    kind = response.headers.get("x-fal-error-type") or (body.get("error_type") if isinstance(body, dict) else None)
    return " ".join(f"HTTP {response.status_code}: {f'[{kind}] ' if kind else ''}{detail}".split())[:500]


def check_account(response):
    if response.status_code in (401, 402, 403):
        raise Stop(f"fal refuses the account or the key (a 'locked' or 'balance' text means: top up): {reason_of(response)}",
                   abort=True)


class Runner:
    def __init__(self, ledger, out, cap, deadline):
        self.ledger, self.out, self.cap, self.deadline = ledger, out, cap, deadline
        self.stop = threading.Event()  # submit nothing more; what is in flight is still collected
        self.abort = threading.Event()  # leave now; what is in flight is collected by the next run
        self.stopped_by = None
        self.bad_in_a_row = 0
        self.units = math.ceil(WIDTH * HEIGHT / 1_000_000)  # the stricter reading; raised if fal bills more
        self.price = None  # USD per unit
        key = os.environ.get("FAL_KEY", "").strip()
        if not key:
            raise Stop("FAL_KEY is not set (keys are made at fal.ai/dashboard/keys)")
        headers = {"Authorization": f"Key {key}"}
        timeout = httpx.Timeout(60, connect=20)
        # httpx repeats nothing by itself. Submissions use a new connection each: a stale one could lose the reply.
        self.sender = httpx.Client(headers=headers, timeout=timeout, limits=httpx.Limits(max_keepalive_connections=0))
        self.reader = httpx.Client(headers=headers, timeout=timeout)
        self.files = httpx.Client(timeout=timeout, follow_redirects=True)  # other hosts: they never get the key

    def end(self, reason, code=2, abort=False):
        with self.ledger.lock:
            if not self.stopped_by:
                self.stopped_by = (reason, code)
                log.error("STOPPING: %s", reason)
        self.stop.set()
        if abort:
            self.abort.set()

    def pause(self, seconds, until=None):
        """Wait, but not past an abort (or the event that is given)."""
        if (until or self.abort).wait(seconds):
            raise Stop("stopped")

    # ------------------------------------------------ price

    def read_price(self, assumed):
        if assumed is not None:
            self.price = assumed
        else:
            for attempt in range(4):
                try:
                    response = self.reader.get(PRICING, params={"endpoint_id": MODEL})
                    if response.status_code == 200:
                        break
                    problem = reason_of(response)
                    if response.status_code < 500 and response.status_code != 429:
                        raise Stop(f"cannot read the live price ({problem}); nothing was sent. "
                                   f"Check fal.ai/models/{MODEL}, then pass --assume-price {QUOTED_PRICE}")
                except httpx.HTTPError as error:
                    problem = repr(error)
                self.pause(5 * 2 ** attempt)
            else:
                raise Stop(f"cannot read the live price ({problem}); nothing was sent")
            try:
                entry = next(price for price in response.json()["prices"] if price["endpoint_id"] == MODEL)
                price, unit = float(entry["unit_price"]), str(entry["unit"]).lower()
                known = entry.get("currency", "USD") == "USD" and price > 0
            except (ValueError, KeyError, TypeError, StopIteration):
                raise Stop(f"the live price is unreadable, nothing was sent: {response.text[:200]}") from None
            if not known or not unit.startswith(("megapixel", "image")):
                raise Stop(f"{MODEL} is now billed by {unit!r} at {price}: no cap can be kept by that; nothing was sent")
            self.price = price
        seen = max((row["billed_units"] or 0 for row in self.ledger.rows()), default=0)
        self.units = max(self.units, seen)
        left = len(self.ledger.rows("state = 'new'"))
        log.info("price: $%s per unit, %g unit(s) per image; %d rows to send, $%.3f; counted so far $%.3f of $%.2f",
                 self.price, self.units, left, left * self.units * self.price, self.ledger.spent() / 1e6, self.cap / 1e6)

    # ------------------------------------------------ submit

    def submit(self, key, prompt):
        body = {"prompt": prompt, "image_size": {"width": WIDTH, "height": HEIGHT}, "num_images": 1, "output_format": "jpeg"}
        for attempt in range(MAX_NETWORK_TRIES):
            if self.stop.is_set() or time.monotonic() > self.deadline:
                raise Stop("time is up (--max-hours)")
            amount = math.ceil(self.units * self.price * 1e6)
            self.ledger.reserve(key, amount, self.cap)
            try:
                response = self.sender.post(QUEUE + MODEL, json=body, headers={"X-Fal-Request-Timeout": str(START_TIMEOUT)})
            except NOT_SENT as error:
                self.ledger.release(key)
                problem, wait = f"not sent: {error!r}", min(300, 5 * 2 ** attempt)
            except httpx.HTTPError as error:
                raise RowFailed(f"no reply to the submission, a job may exist and be billed: {error!r}", "unknown") from None
            else:
                if response.status_code in REFUSED:
                    self.ledger.release(key)
                    check_account(response)
                    if response.status_code == 404:
                        raise Stop(f"fal does not know {MODEL}: {reason_of(response)}")
                    if response.status_code != 429:
                        raise RowFailed(f"refused: {reason_of(response)}")
                    after = response.headers.get("retry-after", "")
                    problem = f"rate limited: {reason_of(response)}"
                    wait = min(300, max(int(after) if after.isdigit() else 0, 5 * 2 ** attempt))
                else:
                    try:
                        if response.status_code not in (200, 201, 202):
                            raise KeyError(response.status_code)
                        reply = response.json()
                        self.ledger.set(key, state="submitted", request_id=reply["request_id"], reason=None,
                                        status_url=reply["status_url"], response_url=reply["response_url"])
                    except (ValueError, KeyError, TypeError):
                        raise RowFailed("unclear reply to the submission, a job may exist and be billed: "
                                        + reason_of(response), "unknown") from None
                    return
            log.warning("row %s: %s; again in %d s", key, problem, wait)
            self.pause(wait, self.stop)
        raise Stop(f"gave up submitting after {MAX_NETWORK_TRIES} tries: {problem}")

    # ------------------------------------------------ collect

    def ask(self, url, until):
        """GET by request id, safe to repeat, until a reply that means something."""
        delay = 1
        while True:
            try:
                response = self.reader.get(url)
                check_account(response)
                if response.status_code < 500 and response.status_code not in (408, 409, 429):
                    return response
                problem = reason_of(response)
            except httpx.HTTPError as error:
                problem = repr(error)
            if time.monotonic() > until:
                raise SlotStuck(f"no answer from fal before the deadline, the next run asks again by id: {problem}")
            log.warning("asking again in %d s: %s", delay, problem)
            self.pause(delay)
            delay = min(60, delay * 2)

    def collect(self, key):
        """Wait for the job and note its image's address. True if the job failed in a way that is not billed."""
        row = self.ledger.row(key)
        until = time.monotonic() + JOB_DEADLINE
        while True:
            response = self.ask(row["status_url"], until)
            if response.status_code not in (200, 202):
                raise RowFailed(f"status of {row['request_id']}: {reason_of(response)}")
            try:
                status = response.json()
                name = status["status"]
            except (ValueError, KeyError, TypeError):
                raise SlotStuck(f"status of {row['request_id']} is unreadable: {response.text[:200]}") from None
            if name == "COMPLETED":
                break
            if time.monotonic() > until:
                raise SlotStuck(f"job {row['request_id']} is still {name}; the next run asks for it again by its id")
            self.pause(1)
        if status.get("error"):  # the job failed: its result repeats the error with its HTTP status
            reason = f"[{status.get('error_type')}] {status['error']}"
            for attempt in range(5):
                try:
                    response = self.reader.get(row["response_url"])
                    if response.status_code not in (408, 409, 429) and b'"detail"' in response.content:  # not a gateway's page
                        reason = f"{reason_of(response)} ({reason})"
                        if response.status_code >= 500:
                            self.ledger.set(key, reason=f"job {row['request_id']}: {reason}")
                            return True
                        break
                except httpx.HTTPError:
                    pass
                self.pause(2 ** attempt)
            raise RowFailed(f"job {row['request_id']}: {reason}")
        response = self.ask(row["response_url"], until)  # a 5xx here is asked again: the job is done and paid for
        if response.status_code != 200:
            raise RowFailed(f"result of {row['request_id']}: {reason_of(response)}")
        self.note_bill(key, response.headers.get("x-fal-billable-units"))
        try:
            result = response.json()
            image = result["images"][0]
            url = image["url"]
        except (ValueError, KeyError, IndexError, TypeError):
            raise RowFailed(f"result of {row['request_id']} has no image: {response.text[:200]}") from None
        if image.get("width") != image.get("height"):
            log.warning("row %s: fal made %sx%s, not a square", key, image.get("width"), image.get("height"))
        flagged = any(result.get("has_nsfw_concepts") or [])
        self.ledger.set(key, state="rendered", image_url=url, flagged=int(flagged), reason=None)
        return False

    def note_bill(self, key, header):
        try:
            units = float(header)
        except (TypeError, ValueError):
            return
        with self.ledger.lock:
            row = self.ledger.row(key)
            real = math.ceil(units * self.price * 1e6)
            extra = max(0, real - row["reserved"])
            if extra:
                log.warning("row %s was billed %g units, more than expected: counting that from now on", key, units)
            self.ledger.set(key, billed_units=units, cost=row["cost"] + extra, reserved=row["reserved"] + extra)
            self.units = max(self.units, units)

    def download(self, key):
        row = self.ledger.row(key)
        target = self.out / row["file"]
        for attempt in range(MAX_NETWORK_TRIES):
            try:
                response = self.files.get(row["image_url"])
                response.raise_for_status()
                data = response.content
                if data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
                    part = target.with_name(target.name + ".part")
                    part.write_bytes(data)
                    os.replace(part, target)
                    self.ledger.set(key, state="flagged" if row["flagged"] else "done",
                                    reason="fal's safety checker flagged it; such images are usually black, and billed"
                                    if row["flagged"] else None)
                    return
                problem = f"not an image: {data[:60]!r}"
            except httpx.HTTPError as error:
                problem = repr(error)
            self.pause(min(60, 2 ** attempt))
        raise RowFailed(f"download failed, the next run tries again: {problem}", "rendered")

    # ------------------------------------------------ rows

    def work_on(self, key):
        row = self.ledger.row(key)
        if row["state"] == "new" and not row["prompt"].strip():
            raise RowFailed("the prompt is empty")
        for _ in range(MAX_SUBMITS):
            if row["state"] == "new":
                if row["submits"] >= MAX_SUBMITS:
                    raise RowFailed(f"failed {row['submits']} times: {row['reason']}")
                self.submit(key, row["prompt"])
                row = self.ledger.row(key)
            if row["state"] == "submitted" and self.collect(key):
                row = self.ledger.row(key)
                if row["submits"] >= MAX_SUBMITS:
                    break
                log.warning("row %s: %s; once more in 20 s", key, row["reason"])
                self.ledger.set(key, state="new")
                row = self.ledger.row(key)
                self.pause(20, self.stop)
                continue
            return self.download(key)
        raise RowFailed(f"failed {row['submits']} times: {row['reason']}")

    def worker(self, todo):
        while not self.stop.is_set():
            try:
                key = todo.get_nowait()
            except queue.Empty:
                return
            good = False
            try:
                self.work_on(key)
                good = True
                row = self.ledger.row(key)
                log.info("row %s: %s, %s; $%.3f counted", key, row["state"], row["file"], self.ledger.spent() / 1e6)
                if row["state"] == "flagged":
                    self.write_failures()
            except RowFailed as error:
                self.ledger.set(key, state=error.state, reason=str(error))
                log.error("row %s: %s: %s", key, error.state, error)
                self.write_failures()
                if error.state == "unknown":
                    self.stop.wait(PAUSE_AFTER_UNKNOWN)
            except SlotStuck as error:
                self.ledger.set(key, reason=str(error))
                log.error("row %s: %s. Its slot stays closed for this run", key, error)
                return
            except Stop as error:
                if not self.stop.is_set():
                    self.end(str(error), error.code, error.abort)
                return
            except Exception as error:  # a bug or a full disk: nothing is worth going on blindly
                log.exception("row %s", key)
                self.end(f"unexpected: {error!r}", abort=True)
                return
            with self.ledger.lock:
                self.bad_in_a_row = 0 if good else self.bad_in_a_row + 1
                if self.bad_in_a_row >= MAX_BAD_IN_A_ROW:
                    self.end(f"{MAX_BAD_IN_A_ROW} rows in a row failed")

    def write_failures(self):
        """Every row without a good image that has a reason; rewritten whole, so it is never half a file."""
        with self.ledger.lock:
            part = self.out / "failures.csv.part"
            with part.open("w", newline="", encoding="utf-8") as file:
                names = ["id", "prompt", "state", "reason", "request_id", "submits", "changed"]
                writer = csv.DictWriter(file, names, extrasaction="ignore")
                writer.writeheader()
                writer.writerows(self.ledger.rows("state != 'done' AND reason IS NOT NULL"))
            os.replace(part, self.out / "failures.csv")

    def run(self, keys):
        todo = queue.Queue()
        for key in keys:
            todo.put(key)
        threads = [threading.Thread(target=self.worker, args=(todo,), name=f"slot-{n + 1}") for n in range(CONCURRENCY)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # short joins, so that signals are seen
                thread.join(0.5)
        if not todo.empty() and not self.stopped_by:
            self.end("every slot is held by a job that fal has not finished")
        self.write_failures()


# ---------------------------------------------------------------- command line

def read_prompts(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if "prompt" not in (reader.fieldnames or []):
            raise Stop(f"{path} has no column 'prompt', only {reader.fieldnames}")
        rows, names = [], set()
        for number, line in enumerate(reader, 1):
            key = (line.get("id") or str(number)).strip()
            if not re.fullmatch(r"\w[\w.-]{0,80}", key, re.ASCII):
                raise Stop(f"{path}: id {key!r} cannot be a file name")
            name = (key.zfill(3) if key.isdigit() else key) + ".jpg"
            if name.lower() in names:
                raise Stop(f"{path}: id {key!r} appears twice")
            names.add(name.lower())
            rows.append((key, line["prompt"] or "", name))
    return rows


def prepare(ledger, rows, images):
    if images and not ledger.rows():
        raise Stop("the output folder has images but the ledger is empty: without it nobody knows what was paid. "
                   "Put the ledger back, or choose a new --out")
    ledger.add(rows)
    prompts = {key: prompt for key, prompt, _ in rows}
    for row in ledger.rows():
        if row["id"] in prompts and row["prompt"] != prompts[row["id"]]:
            if row["submits"]:
                raise Stop(f"the prompt of id {row['id']} changed after it was sent; give the new prompt a new id")
            ledger.set(row["id"], prompt=prompts[row["id"]], state="new", reason=None)
        if row["state"] == "sending":
            ledger.set(row["id"], state="unknown", reason="the last run ended while sending it: a job may exist and be billed")
    return prompts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", default="prompts.csv")
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--max-cost", type=float, default=3.0, help="USD, over all runs on this ledger")
    parser.add_argument("--max-hours", type=float, default=8.0, help="submit nothing after that")
    parser.add_argument("--limit", type=int, help="work on at most so many rows in this run")
    parser.add_argument("--assume-price", type=float, help="USD per megapixel, instead of asking fal")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--adopt", action="append", default=[], metavar="ROW=REQUEST_ID",
                        help="an 'unknown' row whose job you found in fal's dashboard: collect it, pay nothing")
    parser.add_argument("--resend", action="append", default=[], metavar="ROW",
                        help="a failed or unknown row to submit anew; this may pay for it a second time")
    options = parser.parse_args()
    if not (0 < options.max_cost and 0 < options.max_hours and (options.assume_price is None or options.assume_price > 0)):
        parser.error("costs and hours must be above 0")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)

    rows = read_prompts(options.csv)
    if options.dry_run:
        units = math.ceil(WIDTH * HEIGHT / 1_000_000)
        cost = len(rows) * units * (options.assume_price or QUOTED_PRICE)
        print(f"{len(rows)} rows, {WIDTH}x{HEIGHT}, {MODEL}: ${cost:.2f} if each is sent once; cap ${options.max_cost:.2f}")
        return 0

    options.out.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(options.out / "run.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(message)s"))
    logging.getLogger().addHandler(handler)
    ledger = Ledger(options.out / "ledger.sqlite3")
    prompts = prepare(ledger, rows, any(options.out.glob("*.jpg")))
    runner = Runner(ledger, options.out, round(options.max_cost * 1e6), time.monotonic() + options.max_hours * 3600)

    for pair in options.adopt:
        key, _, request = pair.partition("=")
        if not request or not ledger.rows("id = ? AND state = 'unknown'", key):
            raise Stop(f"--adopt {pair}: not an 'unknown' row with a request id")
        base = f"{QUEUE}{'/'.join(MODEL.split('/')[:2])}/requests/{request}"
        ledger.set(key, state="submitted", request_id=request, status_url=base + "/status", response_url=base)
    for key in options.resend:
        if not ledger.rows("id = ? AND state IN ('failed', 'unknown', 'flagged')", key):
            raise Stop(f"--resend {key}: only failed, unknown or flagged rows")
        ledger.set(key, state="new", submits=0, reason=None)  # its cost so far stays counted
    for row in ledger.rows("state IN ('done', 'flagged')"):
        if not (options.out / row["file"]).exists():  # fetched again from its old address, not made again
            ledger.set(row["id"], state="rendered")

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(getattr(signal, name), lambda number, frame: runner.end(f"signal {number}", abort=True))
    runner.read_price(options.assume_price)

    order = ("submitted", "rendered", "new")  # first what is already paid for
    keys = [row["id"] for state in order for row in ledger.rows("state = ?", state) if row["id"] in prompts]
    runner.run(keys[: options.limit])

    mine = [row for row in ledger.rows() if row["id"] in prompts]
    counts = {}
    for row in mine:
        counts[row["state"]] = counts.get(row["state"], 0) + 1
    log.info("rows: %s; counted $%.3f of $%.2f", json.dumps(counts), ledger.spent() / 1e6, options.max_cost)
    if runner.stopped_by:
        log.info("stopped: %s. Run it again to go on", runner.stopped_by[0])
        return runner.stopped_by[1]
    return 0 if counts.get("done") == len(mine) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Stop as stop:
        logging.getLogger("fal").error("%s", stop)
        sys.exit(stop.code)
