#!/usr/bin/env python3
"""Generate one square image per row of prompts.csv on fal. Resumable: run the same command again.

    pip install -r requirements.txt
    export FAL_KEY=...
    python generate.py --dry-run     # plan and worst-case cost, no network
    python generate.py --limit 1     # one real image (counts towards the budget)
    python generate.py               # the rest
    python generate.py --status      # counts, money, problems; no network

out/images/0001.png ...   images, named by the id column
out/ledger.sqlite         every submission ever made and what it may have cost. Never delete it:
                          it is both the resume state and the spending counter.
out/failures.csv          every row without an image that was tried, with the reason
out/run.log               full log

How a double charge is prevented
  * The money is reserved and the submission is written to disk BEFORE the POST.
  * The POST is never repeated unless it certainly did not reach fal (no connection) or fal
    refused it (429). If the answer is lost (timeout, 5xx, crash), the row becomes `unknown`: its money
    stays counted and it is not sent again unless you pass --retry-unknown.
    (fal_client is not used because it silently repeats the POST up to 10 times.)
  * Polling, fetching the result and downloading are free; only those are retried freely (bounded).
  * A job is submitted a second time only if fal itself reports that it failed with a server error (5xx).
    --attempts 1 switches that off. fal's own hidden queue retries are switched off.
  * Only one process can run on an output folder.

Exit code: 0 every row has an image; 1 finished, some rows have none; 2 not started (setup);
3 stopped early (budget, account problem, repeated failures, time limit, signal).
"""
import argparse
import csv
import json
import logging
import math
import os
import queue
import re
import shutil
import signal
import sqlite3
import struct
import sys
import threading
import time
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from urllib.parse import urlsplit

import httpx

MODEL = "fal-ai/flux/schnell"
QUEUE = os.environ.get("FAL_QUEUE_URL", "https://queue.fal.run").rstrip("/")
API = os.environ.get("FAL_API_URL", "https://api.fal.ai").rstrip("/")

# Every wait in this program is bounded by one of these (seconds / counts).
START_TIMEOUT = 300      # fal drops the job if it has not started by then
ROW_TIMEOUT = 900        # from submission to "completed"
OUTAGE_TIMEOUT = 3600    # no network at all: wait this long, then stop
DOWNLOAD_TIMEOUT = 180
RATE_LIMIT_TRIES = 15    # 429 answers per submission
RESULT_TRIES = 4
DOWNLOAD_TRIES = 5
BREAKER = 8              # failures in a row -> stop submitting
UNIT = float(os.environ.get("TEST_TIME_SCALE", "1"))  # the tests shorten the sleeps

log = logging.getLogger("generate")


class Setup(Exception):
    """Nothing was started."""


# ---------------------------------------------------------------- ledger

SCHEMA = """
CREATE TABLE IF NOT EXISTS attempt (
  id INTEGER PRIMARY KEY, row_id TEXT NOT NULL, prompt TEXT NOT NULL, model TEXT NOT NULL, size INTEGER NOT NULL,
  state TEXT NOT NULL, cost_micro INTEGER NOT NULL, request_id TEXT, status_url TEXT, response_url TEXT,
  cancel_url TEXT, image_url TEXT, reason TEXT, retryable INTEGER NOT NULL DEFAULT 0,
  created REAL NOT NULL, updated REAL NOT NULL);
CREATE INDEX IF NOT EXISTS attempt_row ON attempt(row_id);
"""
# state: submitting -> submitted -> generated -> done
#        not_sent (certainly not accepted, cost 0, may be sent again)
#        refused  (fal rejected the input at submission, cost 0, final)
#        unknown  (may have been accepted; cost kept, never sent again by itself)
#        failed   (accepted, no usable image; cost kept)


class Ledger:
    def __init__(self, path, budget_micro=0):
        self.budget = budget_micro
        self.lock = threading.RLock()
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.executescript(SCHEMA)

    def spent(self):
        with self.lock:
            return self.db.execute("SELECT COALESCE(SUM(cost_micro),0) FROM attempt").fetchone()[0]

    def reserve(self, row_id, prompt, size, cost):
        """Book the money and the intent, durably. None if the budget does not allow it."""
        with self.lock:
            if self.spent() + cost > self.budget:
                return None
            now = time.time()
            return self.db.execute(
                "INSERT INTO attempt(row_id,prompt,model,size,state,cost_micro,created,updated) "
                "VALUES(?,?,?,?,'submitting',?,?,?)", (row_id, prompt, MODEL, size, cost, now, now)).lastrowid

    def update(self, attempt_id, **fields):
        fields["updated"] = time.time()
        with self.lock:
            self.db.execute(f"UPDATE attempt SET {','.join(k + '=?' for k in fields)} WHERE id=?",
                            (*fields.values(), attempt_id))

    def get(self, attempt_id):
        with self.lock:
            return self.db.execute("SELECT * FROM attempt WHERE id=?", (attempt_id,)).fetchone()

    def latest(self, row_id):
        with self.lock:
            return self.db.execute("SELECT * FROM attempt WHERE row_id=? AND state<>'not_sent' "
                                   "ORDER BY id DESC LIMIT 1", (row_id,)).fetchone()

    def last_any(self, row_id):
        with self.lock:
            return self.db.execute("SELECT * FROM attempt WHERE row_id=? ORDER BY id DESC LIMIT 1",
                                   (row_id,)).fetchone()

    def accepted(self, row_id):
        with self.lock:
            return self.db.execute("SELECT COUNT(*) FROM attempt WHERE row_id=? AND state NOT IN "
                                   "('not_sent','refused')", (row_id,)).fetchone()[0]

    def recover(self):
        with self.lock:
            return self.db.execute(
                "UPDATE attempt SET state='unknown', updated=?, reason='the program died between sending the "
                "request and storing the answer; fal may have generated and billed it' WHERE state='submitting'",
                (time.time(),)).rowcount


def usd(micro):
    return f"${micro / 1e6:.4f}"


def single_instance(path):
    """Exclusive lock that the operating system drops when the process ends, however it ends."""
    db = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        db.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as e:
        raise Setup(f"another generate.py is already running on this output folder ({e})")
    return db


# ---------------------------------------------------------------- input, price

def file_name(row_id):
    return f"{row_id.zfill(4)}.png"


def read_rows(path):
    with open(path, newline="", encoding="utf-8-sig") as f:
        reader = csv.DictReader(f)
        if "prompt" not in (reader.fieldnames or []):
            raise Setup(f"{path}: no column `prompt` (found {reader.fieldnames})")
        rows = [((r.get("id") or str(i)).strip(), (r["prompt"] or "").strip()) for i, r in enumerate(reader, 1)]
    if not rows:
        raise Setup(f"{path}: no rows")
    seen = set()
    for row_id, prompt in rows:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", row_id):
            raise Setup(f"{path}: id {row_id!r} cannot be a file name")
        if file_name(row_id).lower() in seen:
            raise Setup(f"{path}: duplicate id {row_id!r}")
        if not prompt:
            raise Setup(f"{path}: empty prompt in id {row_id}")
        seen.add(file_name(row_id).lower())
    return rows


def cost_micro(unit_price, unit, size):
    """Worst-case price of one image, in millionths of a dollar."""
    unit = unit.lower()
    if "megapixel" in unit:
        n = math.ceil(size * size / 1_000_000)  # fal rounds up to whole megapixels
    elif "image" in unit:
        n = 1
    else:
        raise Setup(f"{MODEL} is billed per {unit!r}: the cost of an image cannot be known before it is made")
    cost = int((Decimal(str(unit_price)) * n * 1_000_000).to_integral_value(ROUND_CEILING))
    if cost <= 0:
        raise Setup(f"price {unit_price} per {unit} makes no sense; refusing to run without a price")
    return cost


def live_price(key):
    """(unit price, unit) from fal's pricing API."""
    problem = ""
    for i in range(3):
        try:
            r = httpx.get(f"{API}/v1/models/pricing", params={"endpoint_id": MODEL},
                          headers={"Authorization": f"Key {key}"}, timeout=20)
            if r.status_code == 200:
                for p in r.json()["prices"]:
                    if p["endpoint_id"] == MODEL and p.get("currency", "USD").upper() == "USD":
                        return p["unit_price"], p["unit"]
            problem = f"HTTP {r.status_code}: {r.text[:200]}"
            if r.status_code in (401, 403):
                break
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as e:
            problem = repr(e)
        time.sleep(2 * (i + 1) * UNIT)
    raise Setup(f"could not read the current price of {MODEL} ({problem}). Look it up on "
                f"https://fal.ai/models/{MODEL} and pass it: --price-per-megapixel 0.003")


# ---------------------------------------------------------------- helpers

def describe(r):
    """The reason in an HTTP error, short."""
    try:
        body = r.json()
        detail = body.get("detail", body.get("error", body)) if isinstance(body, dict) else body
        if isinstance(detail, list):
            detail = "; ".join(f"{'.'.join(map(str, d.get('loc', [])))}: {d.get('msg')} ({d.get('type')})"
                               if isinstance(d, dict) else str(d) for d in detail)
        text = detail if isinstance(detail, str) else json.dumps(detail)
    except ValueError:
        text = r.text
    kind = r.headers.get("x-fal-error-type")
    return f"HTTP {r.status_code}{f' [{kind}]' if kind else ''}: {' '.join(text.split())[:400]}"


def job_error(r):
    """Is this 5xx the job's own error, not one of a gateway in front of it?"""
    if r.headers.get("x-fal-error-type"):
        return True
    try:
        body = r.json()
    except ValueError:
        return False
    return isinstance(body, dict) and ("detail" in body or "error" in body)


def check_png(path):
    with open(path, "rb") as f:
        head = f.read(24)
        if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError(f"not a PNG (starts with {head[:16]!r})")
        f.seek(-12, os.SEEK_END)
        if f.read(12)[4:8] != b"IEND":
            raise ValueError("PNG is cut off")
    w, h = struct.unpack(">II", head[16:24])
    if w != h:
        raise ValueError(f"image is {w}x{h}, not square")


# ---------------------------------------------------------------- the run

class Run:
    def __init__(self, args, rows, ledger, key, cost, unit_price):
        self.a, self.rows, self.ledger, self.cost, self.unit_price = args, dict(rows), ledger, cost, unit_price
        self.images = args.out / "images"
        self.no_new = threading.Event()   # finish what is in flight, submit nothing more
        self.quit = threading.Event()     # leave now; in-flight jobs are picked up by the next run
        self.stop_reason = None
        self.lock = threading.Lock()
        self.bad_in_a_row = 0
        self.submissions = 0
        self.todo = queue.Queue()
        auth = {"Authorization": f"Key {key}"}
        timeout = httpx.Timeout(60, connect=15)
        # Submissions never reuse a connection: a stale one could lose the answer.
        self.submit_http = httpx.Client(headers=auth, timeout=timeout, limits=httpx.Limits(max_keepalive_connections=0))
        self.http = httpx.Client(headers=auth, timeout=timeout)
        self.dl_http = httpx.Client(timeout=timeout, follow_redirects=True)  # no key to the image host

    # -- stopping

    def stop(self, reason):
        with self.lock:
            if not self.no_new.is_set():
                self.stop_reason = reason
                log.error("STOP, nothing more is submitted: %s", reason)
                self.no_new.set()

    def sleep(self, seconds):
        self.quit.wait(seconds * UNIT)

    def outcome(self, good):
        with self.lock:
            self.bad_in_a_row = 0 if good else self.bad_in_a_row + 1
            n = self.bad_in_a_row
        if n >= BREAKER:
            self.stop(f"{n} failures in a row; see the reasons in failures.csv")

    def bad(self, row_id, attempt_id, state, reason, count=True, **fields):
        self.ledger.update(attempt_id, state=state, reason=reason, **fields)
        log.error("row %s: %s: %s", row_id, state, reason)
        write_failures(self.a.out, self.rows, self.ledger)
        if count:
            self.outcome(False)

    # -- submit: the only call that costs money

    def submit(self, row_id):
        """Attempt id if fal accepted the job, else None (already recorded)."""
        with self.lock:
            if self.a.limit is not None and self.submissions >= self.a.limit:
                return None
            self.submissions += 1
        prompt = self.rows[row_id]
        aid = self.ledger.reserve(row_id, prompt, self.a.size, self.cost)
        if aid is None:
            self.stop(f"budget: {usd(self.ledger.spent())} of {usd(self.ledger.budget)} is spent or reserved, the "
                      f"next image ({usd(self.cost)}) does not fit")
            return None
        body = {"prompt": prompt, "image_size": {"width": self.a.size, "height": self.a.size}, "num_images": 1,
                "num_inference_steps": 4, "output_format": "png"}
        headers = {"X-Fal-No-Retry": "1", "X-Fal-Request-Timeout": str(START_TIMEOUT)}
        offline_since, limited = None, 0
        while True:  # ends: every branch returns, except two that are bounded
            if self.quit.is_set() or self.no_new.is_set():
                self.ledger.update(aid, state="not_sent", cost_micro=0, reason="stopped before it was sent")
                return None
            try:
                r = self.submit_http.post(f"{QUEUE}/{MODEL}", json=body, headers=headers)
            except (httpx.ConnectError, httpx.ConnectTimeout) as e:  # no connection: nothing was sent
                offline_since = offline_since or time.monotonic()
                if time.monotonic() - offline_since > OUTAGE_TIMEOUT * UNIT:
                    self.bad(row_id, aid, "not_sent", f"no connection to fal: {e!r}", count=False, cost_micro=0)
                    self.stop(f"no connection to fal for {OUTAGE_TIMEOUT} s")
                    return None
                log.warning("row %s: no connection (%r), waiting", row_id, e)
                self.sleep(30)
                continue
            except Exception as e:  # sent, answer lost
                self.bad(row_id, aid, "unknown", f"answer to the submission lost: {e!r}; fal may have "
                                                 "generated and billed it")
                return None
            offline_since = None
            if r.status_code == 429:
                limited += 1
                if limited >= RATE_LIMIT_TRIES:
                    self.bad(row_id, aid, "not_sent", f"rate limited {limited} times: {describe(r)}", cost_micro=0)
                    return None
                after = r.headers.get("retry-after", "")
                self.sleep(min(int(after) if after.isdigit() else 2 ** min(limited, 6), 60))
                continue
            break
        if r.is_success:
            try:
                d = r.json()
                rid = d["request_id"]
                if not re.fullmatch(r"[A-Za-z0-9._-]+", rid):
                    raise ValueError(f"odd request_id {rid!r}")
            except (ValueError, KeyError, TypeError) as e:
                self.bad(row_id, aid, "unknown", f"submission answered without a usable request_id ({e!r}): "
                                                 f"{r.text[:200]}")
                return None
            base = f"{QUEUE}/{'/'.join(MODEL.split('/')[:2])}/requests/{rid}"

            def url(name, default):  # never send the key to another host
                u = d.get(name)
                return u if isinstance(u, str) and urlsplit(u)[:2] == urlsplit(QUEUE)[:2] else default

            log.info("row %s: submitted %s", row_id, rid)
            self.ledger.update(aid, state="submitted", request_id=rid, status_url=url("status_url", base + "/status"),
                               response_url=url("response_url", base), cancel_url=url("cancel_url", base + "/cancel"))
            return aid
        why = describe(r)
        if r.status_code in (400, 413, 422):
            self.bad(row_id, aid, "refused", f"fal refused the input: {why}", cost_micro=0)
        elif r.status_code in (401, 402, 403, 404, 405) or r.is_redirect:
            self.bad(row_id, aid, "not_sent", why, count=False, cost_micro=0)
            self.stop(f"fal refuses submissions (key, balance or endpoint): {why}")
        else:
            ref = r.headers.get("x-fal-request-id")
            self.bad(row_id, aid, "unknown", f"submission answered {why}{f' (request {ref})' if ref else ''}; "
                                             "fal may have accepted it")
        return None

    # -- wait, fetch, download: free

    def wait(self, row_id, att):
        """'completed' or 'gone' (now `unknown`), or None if that could not be established (row stays `submitted`)."""
        deadline = time.monotonic() + ROW_TIMEOUT * UNIT
        offline, pause, cancelled, last, missing = 0.0, 1.0, False, "no answer", 0
        while not self.quit.is_set():
            t0 = time.monotonic()
            if t0 > deadline:
                if cancelled:
                    break
                cancelled, deadline = True, t0 + 30 * UNIT
                log.warning("row %s: not finished after %s s (%s), cancelling", row_id, ROW_TIMEOUT, last)
                try:
                    self.http.put(att["cancel_url"])
                except httpx.HTTPError as e:
                    log.warning("row %s: cancel: %r", row_id, e)
            try:
                r = self.http.get(att["status_url"])
                missing = missing + 1 if r.status_code == 404 else 0
                if missing >= 12:  # ~40 s
                    self.bad(row_id, att["id"], "unknown", f"fal does not know this job (any more): {describe(r)}")
                    return "gone"
                if r.status_code in (200, 202):
                    last = str(r.json().get("status"))
                    if last == "COMPLETED":
                        return "completed"
                elif r.status_code in (401, 403):
                    last = describe(r)
                    self.stop(f"fal refuses status requests: {last}")
                    break
                else:
                    last = describe(r)
            except httpx.TransportError as e:  # network down: the job's clock stands still, within a limit
                last = repr(e)
                self.sleep(15)
                offline += time.monotonic() - t0
                deadline += time.monotonic() - t0
                if offline > OUTAGE_TIMEOUT * UNIT:
                    break
                continue
            except (httpx.HTTPError, ValueError, AttributeError) as e:
                last = repr(e)
            self.sleep(pause)
            pause = min(pause * 1.3, 5)
        if not self.quit.is_set():
            self.bad(row_id, att["id"], "submitted", f"job not finished, last status: {last}. The next run looks again")
        return None

    def fetch(self, row_id, att):
        """Store the image address, or the job's failure. True if there is an address."""
        aid, r, why = att["id"], None, ""
        for i in range(RESULT_TRIES):
            if i:
                self.sleep(2 ** i)
            if self.quit.is_set():
                return False
            try:
                r = self.http.get(att["response_url"])
            except httpx.HTTPError as e:
                r, why = None, repr(e)
                continue
            why = describe(r) if not r.is_success else ""
            if r.is_success or (400 <= r.status_code < 500 and r.status_code not in (404, 408, 409, 425, 429)
                                and "in progress" not in r.text.lower()):
                break
        if r is None or r.status_code in (404, 408, 409, 425, 429) or "in progress" in why.lower():
            self.bad(row_id, aid, "submitted", f"result not readable: {why}. The next run asks again")
        elif r.status_code in (401, 403):
            self.bad(row_id, aid, "submitted", why, count=False)
            self.stop(f"fal refuses result requests: {why}")
        elif r.status_code >= 500:
            if job_error(r):
                self.bad(row_id, aid, "failed", f"generation failed at fal: {why}", retryable=1)
            else:
                self.bad(row_id, aid, "submitted", f"result not readable: {why}. The next run asks again")
        elif not r.is_success:
            self.bad(row_id, aid, "failed", f"fal rejected the job: {why}")
        else:
            self.check_bill(row_id, att, r)
            try:
                d = r.json()
                address = d["images"][0]["url"]
                if not isinstance(address, str) or not address.startswith(("https://", "http://127.0.0.1")):
                    raise ValueError(f"odd image address {str(address)[:80]!r}")
            except (ValueError, KeyError, IndexError, TypeError) as e:
                self.bad(row_id, aid, "failed", f"result has no image ({e!r}): {r.text[:200]}")
                return False
            if any(d.get("has_nsfw_concepts") or []):
                self.bad(row_id, aid, "failed", "safety checker blocked the image (fal returns a black one, and "
                                                "bills it)", count=False, image_url=address)
                return False
            self.ledger.update(aid, state="generated", image_url=address, reason=None)
            return True
        return False

    def check_bill(self, row_id, att, r):
        """If fal says what it billed and that is more than reserved: book it and stop."""
        try:
            billed = math.ceil(float(r.headers["x-fal-billable-units"]) * float(self.unit_price) * 1e6 - 1e-6)
        except (KeyError, ValueError, OverflowError):
            return
        if billed > att["cost_micro"]:
            self.ledger.update(att["id"], cost_micro=billed)
            self.stop(f"row {row_id} was billed {usd(billed)}, not {usd(att['cost_micro'])} as calculated")

    def download(self, row_id, att):
        target = self.images / file_name(row_id)
        part = target.with_suffix(".part")
        why = ""
        for i in range(DOWNLOAD_TRIES):
            if i:
                self.sleep(3 ** i)
            if self.quit.is_set():
                return
            try:
                end = time.monotonic() + DOWNLOAD_TIMEOUT
                with self.dl_http.stream("GET", att["image_url"]) as r:
                    if r.status_code != 200:
                        raise ValueError(f"HTTP {r.status_code}")
                    with open(part, "wb") as f:
                        for chunk in r.iter_bytes():
                            f.write(chunk)
                            if time.monotonic() > end or f.tell() > 50_000_000:
                                raise ValueError("download too slow or too large")
                        f.flush()
                        os.fsync(f.fileno())
                check_png(part)
                os.replace(part, target)
                self.ledger.update(att["id"], state="done", reason=None)
                self.outcome(True)
                log.info("row %s: done -> %s", row_id, target.name)
                return
            except (httpx.HTTPError, ValueError, OSError) as e:
                why = str(e) or repr(e)
        part.unlink(missing_ok=True)
        self.bad(row_id, att["id"], "generated", f"download failed: {why}. The next run tries again, free; "
                                                 f"address: {att['image_url']}")

    # -- one row

    def process(self, row_id):
        """False: the job may still be running at fal, so its slot must stay occupied."""
        force = self.may_force(row_id)
        for _ in range(self.a.attempts + 3):  # upper bound; normally 1 round
            if self.quit.is_set():
                return True
            att = self.ledger.latest(row_id)
            state = att["state"] if att else None
            if state in (None, "refused", "failed", "unknown"):
                if state is not None and not force:
                    if not (att["retryable"] and self.ledger.accepted(row_id) < self.a.attempts):
                        return True
                    self.sleep(15)
                if self.no_new.is_set():
                    return True
                force = False
                aid = self.submit(row_id)
                if aid is None:
                    return True
                att = self.ledger.get(aid)
                state = "submitted"
            if state == "submitted":
                if self.wait(row_id, att) is None:
                    return time.time() - att["created"] > 7200  # an older job cannot be running any more
                if self.ledger.get(att["id"])["state"] == "unknown":
                    return True
                if not self.fetch(row_id, att):
                    if self.ledger.get(att["id"])["state"] == "submitted":
                        return True
                    continue  # failed: the next round decides about a second attempt
                att = self.ledger.get(att["id"])
                state = "generated"
            if state == "generated":
                self.download(row_id, att)
            return True
        return True

    def may_force(self, row_id):
        att = self.ledger.latest(row_id)
        return bool(att) and ((self.a.retry_failed and att["state"] in ("failed", "refused"))
                              or (self.a.retry_unknown and att["state"] == "unknown"))

    def worker(self):
        while not (self.quit.is_set() or self.no_new.is_set()):
            try:
                row_id = self.todo.get_nowait()
            except queue.Empty:
                return
            try:
                free = self.process(row_id)
                if self.bad_in_a_row >= 2 and not self.no_new.is_set():  # trouble: slow down before the next one
                    self.sleep(min(10 * 2 ** self.bad_in_a_row, 600))
                if not free:
                    if not self.quit.is_set():
                        log.warning("row %s may still be running at fal; one slot less for this run", row_id)
                    return
            except Exception as e:  # e.g. disk full: stop, do not burn money
                log.exception("row %s", row_id)
                self.stop(f"internal error on row {row_id}: {e!r}")
                return

    def go(self):
        order = {"submitted": 0, "generated": 1}
        work = []
        for row_id in self.rows:
            att = self.ledger.latest(row_id)
            state = att["state"] if att else None
            if state in order or state is None or self.may_force(row_id) or (
                    state == "failed" and att["retryable"] and self.ledger.accepted(row_id) < self.a.attempts):
                work.append((order.get(state, 2), len(work), row_id))
        for _, _, row_id in sorted(work):
            self.todo.put(row_id)
        for s in (signal.SIGINT, signal.SIGTERM):
            signal.signal(s, self.on_signal)
        threads = [threading.Thread(target=self.worker, daemon=True) for _ in range(self.a.concurrency)]
        for t in threads:
            t.start()
        soft = time.monotonic() + self.a.max_hours * 3600
        hard = soft + 2 * ROW_TIMEOUT + OUTAGE_TIMEOUT
        while any(t.is_alive() for t in threads):
            now = time.monotonic()
            if now > soft:
                self.stop(f"time limit of {self.a.max_hours} h")
            if now > hard:
                log.error("threads hang; leaving. The ledger is intact, run again to resume")
                break
            time.sleep(0.2)
        if not self.todo.empty() and not self.no_new.is_set() and not self.quit.is_set():
            self.stop("every slot is held by a job that does not finish at fal; run again later")

    def on_signal(self, num, _frame):
        self.stop_reason = self.stop_reason or f"signal {num}"
        self.no_new.set()
        self.quit.set()


# ---------------------------------------------------------------- reports

def write_failures(out, rows, ledger, _lock=threading.Lock()):
    """Rows that were tried and have no image. Written whole and swapped in."""
    with _lock:
        tmp = out / "failures.csv.tmp"
        with open(tmp, "w", newline="", encoding="utf-8") as f:
            w = csv.writer(f)
            w.writerow(["id", "state", "reason", "request_id", "submissions", "counted_usd", "prompt"])
            for row_id, prompt in rows.items():
                a = ledger.latest(row_id) or ledger.last_any(row_id)
                if a and a["state"] != "done" and a["reason"]:
                    w.writerow([row_id, a["state"], a["reason"], a["request_id"] or "", ledger.accepted(row_id),
                                f"{a['cost_micro'] / 1e6:.4f}", prompt])
        os.replace(tmp, out / "failures.csv")


def counts(rows, ledger):
    c = {}
    for row_id in rows:
        a = ledger.latest(row_id)
        s = a["state"] if a else "pending"
        c[s] = c.get(s, 0) + 1
    return c


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--csv", type=Path, default=Path(__file__).with_name("prompts.csv"))
    p.add_argument("--out", type=Path, default=Path(__file__).with_name("out"))
    p.add_argument("--budget", type=Decimal, default=Decimal("3.00"), help="dollars, over all runs together")
    p.add_argument("--size", type=int, default=992, help="side in pixels (992x992 is just below 1 megapixel)")
    p.add_argument("--concurrency", type=int, choices=(1, 2, 3, 4), default=4)
    p.add_argument("--attempts", type=int, choices=(1, 2, 3), default=2,
                   help="submissions per row, the later ones only after a 5xx failure reported by fal")
    p.add_argument("--limit", type=int, help="at most this many submissions in this run")
    p.add_argument("--max-hours", type=float, default=8)
    p.add_argument("--price-per-megapixel", type=Decimal, help="use this instead of asking fal's pricing API")
    p.add_argument("--retry-failed", action="store_true", help="one more submission for failed/refused rows")
    p.add_argument("--retry-unknown", action="store_true",
                   help="submit `unknown` rows again; you may pay twice for those")
    p.add_argument("--dry-run", action="store_true")
    p.add_argument("--status", action="store_true")
    a = p.parse_args(argv)
    if not 256 <= a.size <= 1536 or a.size % 32:
        p.error("--size: 256 to 1536, a multiple of 32")
    if not a.budget.is_finite() or a.budget <= 0:
        p.error("--budget must be positive")
    return a


def main(argv=None):
    a = parse(argv)
    try:
        rows = read_rows(a.csv)
        ids = dict(rows)
        ledger_path = a.out / "ledger.sqlite"
        if (a.dry_run or a.status) and not ledger_path.exists():
            ledger = Ledger(":memory:")
        else:
            a.out.mkdir(parents=True, exist_ok=True)
            (a.out / "images").mkdir(exist_ok=True)
            if not ledger_path.exists() and any((a.out / "images").iterdir()):
                raise Setup(f"{a.out}/images has files but the ledger is gone, so what was spent is unknown. "
                            "Restore ledger.sqlite or use a new --out")
            ledger = Ledger(ledger_path, int(a.budget * 1_000_000))
        if a.status:
            print(f"rows: {counts(ids, ledger)}\ncounted so far: {usd(ledger.spent())} (upper bound)")
            for row_id in ids:
                x = ledger.latest(row_id)
                if x and x["state"] != "done" and x["reason"]:
                    print(f"  {row_id}: {x['state']}: {x['reason']}")
            return 0
        if a.dry_run:
            cost = cost_micro(a.price_per_megapixel or Decimal("0.003"), "megapixels", a.size)
            print(f"rows: {counts(ids, ledger)}; model {MODEL}, {a.size}x{a.size}\n"
                  f"{usd(cost)} per image (assumed price; the run asks fal), all rows once: {usd(cost * len(rows))}, "
                  f"counted so far: {usd(ledger.spent())}, budget {a.budget}")
            return 0

        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", handlers=[
            logging.FileHandler(a.out / "run.log", encoding="utf-8"), logging.StreamHandler()], force=True)
        logging.getLogger("httpx").setLevel(logging.WARNING)
        lock = single_instance(a.out / "lock.sqlite")  # noqa: F841 (held until exit)

        n = ledger.recover()
        if n:
            log.warning("%d submission(s) cut off by a crash are now `unknown`, money kept as spent", n)
        for row_id, prompt in rows:
            x = ledger.latest(row_id)
            if x and x["prompt"] != prompt:
                raise Setup(f"the prompt of id {row_id} changed since it was submitted; give it a new id or use a "
                            "new --out")
            if x and x["state"] == "done" and not (a.out / "images" / file_name(row_id)).exists():
                log.warning("row %s: file is missing, downloading it again (free)", row_id)
                ledger.update(x["id"], state="generated")
        if counts(ids, ledger).get("done") == len(rows):
            log.info("all %d rows are done, nothing to do", len(rows))
            return 0
        key = os.environ.get("FAL_KEY", "").strip()
        if not key:
            raise Setup("FAL_KEY is not set")
        if shutil.disk_usage(a.out).free < 1_500_000_000:
            raise Setup("less than 1.5 GB of disk space left")
        price, unit = (a.price_per_megapixel, "megapixels") if a.price_per_megapixel else live_price(key)
        cost = cost_micro(price, unit, a.size)
        log.info("model %s, %dx%d; %s per %s -> %s per image; counted so far %s of %s; rows %s", MODEL, a.size, a.size,
                 price, unit, usd(cost), usd(ledger.spent()), usd(ledger.budget), counts(ids, ledger))
    except (Setup, OSError, sqlite3.Error, ArithmeticError, ValueError, csv.Error) as e:
        print(f"not started: {e}", file=sys.stderr)
        log.error("not started: %s", e)
        return 2

    run = Run(a, rows, ledger, key, cost, price)
    run.go()
    write_failures(a.out, ids, ledger)
    c = counts(ids, ledger)
    log.info("rows %s; counted %s of %s (upper bound); reasons in %s", c, usd(ledger.spent()), usd(ledger.budget),
             a.out / "failures.csv")
    if c.get("done") == len(rows):
        return 0
    if run.stop_reason:
        log.error("stopped early: %s", run.stop_reason)
        return 3
    return 1


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # do not wait for a hung thread
