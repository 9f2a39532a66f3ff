#!/usr/bin/env python3
"""Generate one square image per row of prompts.csv on fal. Safe to kill and re-run.

    pip install -r requirements.txt
    export FAL_KEY=...
    python generate.py --dry-run      # checks the CSV and shows the plan; no network
    python generate.py --limit 1      # smoke test: one paid image
    python generate.py                # the batch; run the same command to resume

Everything is in out/: images/, ledger.sqlite3 (money + request ids: do NOT delete),
run.log, failures.csv.
Exit code: 0 all rows have an image, 1 some rows do not, 2 stopped early / did not start.

How double charges are avoided
  * Every attempt is written to the ledger (and its price reserved) BEFORE the POST.
  * A POST is repeated only if fal certainly did not accept it (no connection, or 429).
    If the answer was lost (timeout, reset, 5xx) the row becomes `unknown`: its price stays
    counted and it is not sent again unless you say --retry-unknown.
    (fal_client is not used because its submit() re-POSTs up to 10 times on timeouts.)
  * A request with an id is only ever polled; the id survives restarts.

Attempt states
  submitting -> submitted -> generated -> done
  not_sent  never accepted, $0, next run tries it again
  failed    final error; next run skips it unless --retry-failed
  unknown   submit sent, answer lost; next run skips it unless --retry-unknown
"""
import argparse, csv, hashlib, json, logging, math, os, random, re, shutil
import signal, sqlite3, sys, threading, time
from datetime import datetime, timezone
from pathlib import Path

import httpx

MODEL = "fal-ai/flux/schnell"
SIDE = 1024
ARGS = {"image_size": {"width": SIDE, "height": SIDE}, "num_inference_steps": 4,
        "num_images": 1, "enable_safety_checker": True, "output_format": "jpeg"}
CONCURRENCY = 4
CAP_USD = 3.00

QUEUE = "https://queue.fal.run"
PRICING = "https://api.fal.ai/v1/models/pricing"

START_TIMEOUT = 300        # fal drops a request that has not started by then (s)
POLL_EVERY = 1.5
POLL_DEADLINE = 30 * 60    # longest wait for one request in one run (s)
RUN_DEADLINE = 10 * 3600   # whole run (s)
SUBMIT_TRIES = 8           # only for refused / never-connected submits
FETCH_TRIES = 6            # result and download GETs (free)
MAX_CHECKS = 3             # runs in which an unreadable result is fetched again
MAX_FAILS_IN_A_ROW = 10
MAX_UNKNOWN = 5            # per run
FATAL = {401, 402, 403, 404}   # bad key, no balance / locked, wrong endpoint: stop everything
USD = 1_000_000            # money is kept in integer micro-dollars

log = logging.getLogger("generate")


class Stop(Exception):
    """End the whole run, with a reason."""


def backoff(n):
    return min(60, 2 ** n) * random.uniform(0.7, 1.3)


def body_text(r):
    try:
        d = r.json()
        d = d.get("detail", d) if isinstance(d, dict) else d
        return (d if isinstance(d, str) else json.dumps(d))[:500]
    except ValueError:
        return r.text[:300]


# ---------------------------------------------------------------- ledger

class Ledger:
    def __init__(self, path):
        self.lock = threading.RLock()
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=1)
        self.db.row_factory = sqlite3.Row
        try:  # the exclusive lock is held until exit (also after a crash it is freed): one run at a time
            self.db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self.db.execute("PRAGMA synchronous=FULL")
            self.db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as e:
            raise Stop(f"another run is using {path} ({e})")
        self.db.execute("""CREATE TABLE IF NOT EXISTS attempts(
            n INTEGER PRIMARY KEY, row_id TEXT NOT NULL, fingerprint TEXT NOT NULL, state TEXT NOT NULL,
            cost INTEGER NOT NULL, at REAL NOT NULL, request_id TEXT, status_url TEXT, response_url TEXT,
            image_url TEXT, file TEXT, billed_units TEXT, checks INTEGER DEFAULT 0, reason TEXT)""")
        self.db.execute("COMMIT")

    def spent(self):
        with self.lock:
            return self.db.execute("SELECT COALESCE(SUM(cost),0) FROM attempts").fetchone()[0]

    def latest(self):
        with self.lock:
            q = "SELECT * FROM attempts WHERE n IN (SELECT MAX(n) FROM attempts GROUP BY row_id)"
            return {r["row_id"]: dict(r) for r in self.db.execute(q)}

    def reserve(self, row, price, cap):
        """Book the money, durably, before anything is sent. None = does not fit under the cap."""
        with self.lock:
            if self.spent() + price > cap:
                return None
            return self.db.execute(
                "INSERT INTO attempts(row_id,fingerprint,state,cost,at) VALUES(?,?,'submitting',?,?)",
                (row["id"], row["fp"], price, time.time())).lastrowid

    def set(self, n, **kw):
        with self.lock:
            self.db.execute(f"UPDATE attempts SET {','.join(k + '=?' for k in kw)} WHERE n=?",
                            (*kw.values(), n))


# ---------------------------------------------------------------- the run

class Run:
    def __init__(self, ledger, rows, out, key, price, unit_price, cap):
        self.led, self.rows, self.out = ledger, rows, out
        self.price, self.unit_price, self.cap = price, unit_price, cap
        self.stop, self.why, self.lock = threading.Event(), None, threading.RLock()
        self.fails = self.unknowns = 0
        self.t_end = time.monotonic() + RUN_DEADLINE
        # No keep-alive: a POST on a stale pooled connection would fail in an undecidable way.
        self.http = httpx.Client(timeout=httpx.Timeout(60, connect=15),
                                 limits=httpx.Limits(max_keepalive_connections=0))
        self.auth = {"Authorization": f"Key {key}"}

    def halt(self, why):
        with self.lock:
            if not self.why:
                self.why = why
                log.error("STOPPING: %s", why)
        self.stop.set()

    def wait(self, s):
        """Sleep; False when the run is being stopped."""
        if time.monotonic() > self.t_end:
            self.halt(f"run deadline of {RUN_DEADLINE / 3600:g} h reached")
        return not self.stop.wait(s)

    def problem(self, row, n, state, reason, **kw):
        self.led.set(n, state=state, reason=reason, **kw)
        log.error("row %s %s: %s", row["id"], state.upper(), reason)
        write_failures(self.led, self.rows, self.out)
        with self.lock:
            self.fails += 1
            self.unknowns += state == "unknown"
            fails, unknowns = self.fails, self.unknowns
        if fails >= MAX_FAILS_IN_A_ROW:
            self.halt(f"{fails} problems in a row, last: {reason}")
        if unknowns >= MAX_UNKNOWN:
            self.halt(f"{unknowns} submits with a lost answer (each may have been charged)")

    # -- submit: the only call that costs money

    def submit(self, row):
        """Returns the attempt once fal accepted it, else None (outcome is in the ledger)."""
        n = self.led.reserve(row, self.price, self.cap)
        if n is None:
            self.halt(f"cost cap: ${self.led.spent() / USD:.3f} counted, next image "
                      f"${self.price / USD:.4f}, cap ${self.cap / USD:.2f}")
            return None
        headers = {**self.auth, "X-Fal-Request-Timeout": str(float(START_TIMEOUT))}
        reason = "stopped before it was sent"
        for i in range(1, SUBMIT_TRIES + 1):
            if not self.wait(0):
                break
            self.led.set(n, at=time.time())
            try:
                r = self.http.post(f"{QUEUE}/{MODEL}", json={**ARGS, "prompt": row["prompt"]}, headers=headers)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as e:
                reason = f"could not connect: {e!r}"          # nothing was sent: repeating is safe
                delay = backoff(i)
            except httpx.HTTPError as e:
                return self.lost(row, n, f"sent, but no answer: {e!r}")
            else:
                if r.is_success:
                    try:
                        d = r.json()
                        rid = d["request_id"]
                        base = f"{QUEUE}/{'/'.join(MODEL.split('/')[:2])}/requests/{rid}"
                    except (ValueError, KeyError, TypeError):
                        return self.lost(row, n, f"HTTP {r.status_code} without a request id: {body_text(r)}")
                    own = lambda u, alt: u if str(u).startswith(QUEUE + "/") else alt  # never send the key elsewhere
                    a = dict(n=n, request_id=rid, status_url=own(d.get("status_url"), base + "/status"),
                             response_url=own(d.get("response_url"), base), checks=0)
                    self.led.set(n, state="submitted", **{k: a[k] for k in ("request_id", "status_url", "response_url")})
                    return a
                reason = f"submit refused, HTTP {r.status_code}: {body_text(r)}"
                if r.status_code in FATAL:
                    self.problem(row, n, "not_sent", reason, cost=0)
                    self.halt(reason)
                    return None
                if r.status_code >= 500 or r.status_code in (408, 409) or r.status_code < 400:
                    return self.lost(row, n, reason.replace("refused", "answer unclear"))
                if r.status_code != 429:
                    self.problem(row, n, "failed", reason, cost=0)
                    return None
                ra = r.headers.get("retry-after", "")
                delay = min(300, int(ra)) if ra.isdigit() else backoff(i)
            log.warning("row %s submit try %d/%d: %s", row["id"], i, SUBMIT_TRIES, reason)
            if i < SUBMIT_TRIES and not self.wait(delay):
                break
        self.problem(row, n, "not_sent", reason, cost=0)
        return None

    def lost(self, row, n, reason):
        self.problem(row, n, "unknown", reason)
        # It may be running at fal. Keep this slot empty until it cannot be, so that never more than 4 run.
        self.wait(START_TIMEOUT + 30)

    # -- everything below is GETs: free, so repeated (a bounded number of times)

    def poll(self, row, a):
        """True: finished at fal. False: still open there (or run stopping)."""
        end, bad, missing = time.monotonic() + POLL_DEADLINE, 0, 0
        last = "no answer yet"
        while time.monotonic() < end:
            delay = POLL_EVERY
            try:
                r = self.http.get(a["status_url"], headers=self.auth)
                if r.is_success:
                    d = r.json()
                    last, bad = d.get("status"), 0
                    if last == "COMPLETED":
                        a["error"] = d.get("error")
                        return True
                elif r.status_code in (401, 402, 403):
                    self.halt(f"polling refused, HTTP {r.status_code}: {body_text(r)}")
                    return False
                else:
                    last, bad = f"HTTP {r.status_code}: {body_text(r)}", bad + 1
                    missing += r.status_code in (404, 410)
                    if missing >= FETCH_TRIES:
                        self.problem(row, a["n"], "failed", f"fal no longer knows request {a['request_id']}: {last}")
                        return None
            except (httpx.HTTPError, ValueError) as e:
                last, bad = repr(e), bad + 1
            if not self.wait(backoff(min(bad, 5)) if bad else delay):
                return False
        reason = f"request {a['request_id']} still open after {POLL_DEADLINE}s ({last}); next run polls it again"
        self.problem(row, a["n"], "submitted", reason)
        return False

    def get(self, url, headers=None):
        """GET with bounded retries on network errors, 429 and 5xx. Response, or the reason (str)."""
        why = "stopped"
        for i in range(1, FETCH_TRIES + 1):
            try:
                r = self.http.get(url, headers=headers, follow_redirects=headers is None)
                if r.status_code < 500 and r.status_code not in (408, 429):
                    return r
                why = f"HTTP {r.status_code}: {body_text(r)}"
            except httpx.HTTPError as e:
                why = repr(e)
            if i < FETCH_TRIES and not self.wait(backoff(i)):
                break
        return why

    def result(self, row, a):
        if a.get("error"):
            self.problem(row, a["n"], "failed", f"fal error: {str(a['error'])[:500]}")
            return False
        r = self.get(a["response_url"], self.auth)
        if isinstance(r, str):
            if self.stop.is_set():
                return False
            checks = (a["checks"] or 0) + 1
            self.problem(row, a["n"], "failed" if checks >= MAX_CHECKS else "submitted",
                         f"finished, but the result could not be read: {r}", checks=checks)
            return False
        if r.status_code in (401, 402, 403):
            self.halt(f"reading the result refused, HTTP {r.status_code}: {body_text(r)}")
            return False
        if not r.is_success:
            self.problem(row, a["n"], "failed", f"fal error, HTTP {r.status_code}: {body_text(r)}")
            return False
        units = r.headers.get("x-fal-billable-units")
        self.check_bill(a["n"], units)
        try:
            d = r.json()
            url = d["images"][0]["url"]
            if not isinstance(url, str) or not url.startswith("http"):
                raise ValueError("no image url")
            nsfw = any(d.get("has_nsfw_concepts") or [])
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            self.problem(row, a["n"], "failed", f"no image in the result: {body_text(r)}")
            return False
        if nsfw:
            self.problem(row, a["n"], "failed", "safety checker flagged it (fal returns a black image)")
            return False
        a["image_url"] = url
        self.led.set(a["n"], state="generated", image_url=url, reason=None)
        return True

    def check_bill(self, n, units):
        """If fal says it billed more than was reserved, count that and stop."""
        try:
            billed = math.ceil(float(units) * self.unit_price * USD - 1e-6)
        except (TypeError, ValueError):
            return
        self.led.set(n, billed_units=units)
        if billed > self.price:
            self.led.set(n, cost=billed)
            self.halt(f"fal billed {units} units = ${billed / USD:.4f}, more than the ${self.price / USD:.4f} reserved")

    def download(self, row, a):
        r = self.get(a["image_url"])
        if isinstance(r, str) or not r.is_success:
            why = r if isinstance(r, str) else f"HTTP {r.status_code}"
            checks = (a["checks"] or 0) + 1
            # state `submitted` makes the next run ask for the result (and a fresh link) again, for free
            self.problem(row, a["n"], "failed" if checks >= MAX_CHECKS else "submitted",
                         f"made and paid, download failed: {why}; link: {a['image_url']}", checks=checks)
            return
        b = r.content
        ext = "jpg" if b[:3] == b"\xff\xd8\xff" else "png" if b[:8] == b"\x89PNG\r\n\x1a\n" else None
        if ext is None:
            self.problem(row, a["n"], "failed", f"link is not a JPEG/PNG ({r.headers.get('content-type')}): {a['image_url']}")
            return
        f = self.out / "images" / f"{row['name']}.{ext}"
        tmp = f.with_suffix(".part")
        with open(tmp, "wb") as fh:
            fh.write(b)
            fh.flush()
            os.fsync(fh.fileno())
        os.replace(tmp, f)
        self.led.set(a["n"], state="done", file=str(f.relative_to(self.out)), reason=None)
        with self.lock:
            self.fails = 0
        log.info("row %s -> %s  (counted so far $%.3f)", row["id"], f.name, self.led.spent() / USD)

    def worker(self, take):
        while not self.stop.is_set():
            row, a = take()
            if row is None:
                return
            try:
                if a is None:
                    a = self.submit(row)
                    if a is None:
                        continue
                if not a.get("image_url") or a.get("state") == "submitted":
                    finished = self.poll(row, a)
                    if finished is False:
                        return      # still open at fal: give up this slot, so never more than 4 run
                    if not finished or not self.result(row, a):
                        continue
                self.download(row, a)
            except Exception as e:      # disk full, bug...: stop rather than go on spending
                log.exception("row %s", row["id"])
                self.halt(f"unexpected error at row {row['id']}: {e!r}")

    def go(self, todo):
        it, lk = iter(todo), threading.Lock()

        def take():
            with lk:
                return next(it, (None, None))
        ts = [threading.Thread(target=self.worker, args=(take,)) for _ in range(CONCURRENCY)]
        for t in ts:
            t.start()
        for t in ts:
            while t.is_alive():
                t.join(0.5)     # short joins, so that Ctrl-C is seen


# ---------------------------------------------------------------- set-up and reports

def read_rows(path):
    rows, seen = [], set()
    with open(path, newline="", encoding="utf-8-sig") as f:
        rd = csv.DictReader(f)
        if "prompt" not in (rd.fieldnames or []):
            raise Stop(f"{path} has no column `prompt` (columns: {rd.fieldnames})")
        for i, r in enumerate(rd, 1):
            rid, prompt = (r.get("id") or str(i)).strip(), (r["prompt"] or "").strip()
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", rid):
                raise Stop(f"row {i}: id {rid!r} cannot be a file name")
            name = rid.zfill(4) if rid.isdigit() else rid
            if name.lower() in seen:
                raise Stop(f"row {i}: id {rid!r} occurs twice")
            if not prompt:
                raise Stop(f"row {i} (id {rid}): empty prompt")
            seen.add(name.lower())
            fp = hashlib.sha256(json.dumps([MODEL, ARGS, prompt], sort_keys=True).encode()).hexdigest()
            rows.append(dict(id=rid, name=name, prompt=prompt, fp=fp))
    return rows


def live_price(key):
    """(worst-case USD per image, USD per unit) from fal's price API."""
    try:
        r = httpx.get(PRICING, params={"endpoint_id": MODEL}, headers={"Authorization": f"Key {key}"}, timeout=30)
        if not r.is_success:
            raise ValueError(f"HTTP {r.status_code}: {body_text(r)}")
        p = next(p for p in r.json()["prices"] if p["endpoint_id"] == MODEL)
        unit, each = p["unit"].lower(), float(p["unit_price"])
        if p.get("currency", "USD") != "USD" or not (math.isfinite(each) and each > 0):
            raise ValueError(f"unusable price {p}")
        if "megapixel" in unit:
            per = math.ceil(SIDE * SIDE / 1e6) * each   # 1.05 MP rounded up = 2: the dearest reading
        elif unit.startswith("image"):
            per = each
        else:
            raise ValueError(f"price is per {unit!r}, so an image has no fixed price")
        log.info("fal price: $%g per %s -> at most $%.4f per image", each, p["unit"], per)
        return per, each
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as e:
        raise Stop(f"could not confirm the price ({e!r}); nothing was sent. Look at https://fal.ai/models/{MODEL} "
                   "and pass the most one image can cost, e.g. --price-per-image 0.006")


def write_failures(led, rows, out):
    with led.lock:
        last, tmp = led.latest(), out / "failures.csv.part"
        with open(tmp, "w", newline="", encoding="utf-8") as f:
            w = csv.writer(f)
            w.writerow("id state counted_usd utc request_id reason prompt".split())
            for r in rows:
                a = last.get(r["id"])
                if a and a["state"] != "done" and a["reason"]:
                    w.writerow([r["id"], a["state"], f"{a['cost'] / USD:.4f}",
                                datetime.fromtimestamp(a["at"], timezone.utc).isoformat(timespec="seconds"),
                                a["request_id"] or "", a["reason"], r["prompt"]])
        os.replace(tmp, out / "failures.csv")


def main():
    ap = argparse.ArgumentParser(description="prompts.csv -> one square image per row, on fal")
    ap.add_argument("--csv", type=Path, default=Path(__file__).parent / "prompts.csv")
    ap.add_argument("--out", type=Path, default=Path(__file__).parent / "out")
    ap.add_argument("--limit", type=int, help="submit at most this many new rows")
    ap.add_argument("--cap", type=float, default=CAP_USD, help="total USD over all runs in --out (default 3)")
    ap.add_argument("--price-per-image", type=float, help="use this USD price instead of asking fal")
    ap.add_argument("--retry-failed", action="store_true", help="submit failed rows once more (their cost stays counted)")
    ap.add_argument("--retry-unknown", action="store_true", help="also rows whose submit answer was lost: MAY charge twice")
    ap.add_argument("--dry-run", action="store_true", help="no network, no ledger")
    o = ap.parse_args()
    if not 0 < o.cap <= CAP_USD:
        ap.error(f"--cap must be between 0 and {CAP_USD} (CAP_USD in this file)")
    if o.price_per_image is not None and not 0 < o.price_per_image < 1:
        ap.error("--price-per-image must be between 0 and 1")

    rows = read_rows(o.csv)
    if o.dry_run:
        print(f"{len(rows)} rows OK, {len({r['prompt'] for r in rows})} different prompts\n"
              f"{MODEL} {json.dumps(ARGS)}\n{CONCURRENCY} at a time, cap ${o.cap:.2f} = "
              f"${o.cap / len(rows):.4f} per row")
        return 0
    key = os.environ.get("FAL_KEY", "").strip()
    if not key:
        raise Stop("FAL_KEY is not set")
    images, dbf = o.out / "images", o.out / "ledger.sqlite3"
    if images.is_dir() and any(images.iterdir()) and not dbf.exists():
        raise Stop(f"{images} has files but {dbf} is gone: without it spending is not known. Restore it or use a new --out")
    images.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(o.out).free < 500e6:
        raise Stop("less than 500 MB free on disk")
    led = Ledger(dbf)
    for h in (logging.StreamHandler(sys.stdout), logging.FileHandler(o.out / "run.log", encoding="utf-8")):
        h.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
        log.addHandler(h)
    log.setLevel(logging.INFO)

    last = led.latest()
    changed = [r["id"] for r in rows if r["id"] in last and last[r["id"]]["fingerprint"] != r["fp"]]
    if changed:
        raise Stop(f"prompt or settings changed since these rows were started: {changed[:10]}; use a new --out")
    for a in last.values():     # a killed run was between "about to send" and "got the id"
        if a["state"] == "submitting":
            a["state"] = "unknown"
            led.set(a["n"], state="unknown", reason="killed during submit; fal may or may not have accepted it")
    per, unit = (o.price_per_image, 0) if o.price_per_image else live_price(key)
    price, cap = math.ceil(per * USD - 1e-6), int(round(o.cap * USD))
    if price * len(rows) > cap:
        raise Stop(f"at ${per:.4f} per image {len(rows)} rows do not fit in ${o.cap:.2f}; nothing was sent")

    again = {"not_sent"} | ({"failed"} if o.retry_failed else set()) | ({"unknown"} if o.retry_unknown else set())
    open_, fresh = [], []
    for r in rows:
        a = last.get(r["id"])
        if a is None or a["state"] in again:
            fresh.append((r, None))
        elif a["state"] in ("submitted", "generated"):
            open_.append((r, a))        # already paid: polled / downloaded, never sent again
    open_.sort(key=lambda t: t[1]["state"] == "generated" or bool(t[1]["checks"]))  # still running at fal: first
    if o.limit is not None:
        fresh = fresh[:o.limit]
    done = sum(a["state"] == "done" for a in last.values())
    log.info("START rows=%d done=%d open=%d to_submit=%d price<=$%.4f counted=$%.3f cap=$%.2f",
             len(rows), done, len(open_), len(fresh), per, led.spent() / USD, o.cap)

    run = Run(led, rows, o.out, key, price, unit, cap)
    for s in (signal.SIGINT, signal.SIGTERM):
        signal.signal(s, lambda *_: run.halt("interrupted"))
    orphans = [a["at"] for a in last.values() if a["state"] == "unknown"]
    pause = max(orphans, default=0) + START_TIMEOUT + 30 - time.time()
    if fresh and pause > 0:
        log.info("waiting %.0f s: a submit of the last run may still be running at fal", pause)
        run.wait(min(pause, START_TIMEOUT + 30))
    run.go(open_ + fresh)

    write_failures(led, rows, o.out)
    count = {}
    ids, final = {r["id"] for r in rows}, led.latest()
    for i in ids:
        s = final[i]["state"] if i in final else "not_started"
        count[s] = count.get(s, 0) + 1
    log.info("END %s counted=$%.3f (upper bound) cap=$%.2f%s", count, led.spent() / USD, o.cap,
             f" STOPPED: {run.why}" if run.why else "")
    return 2 if run.why else 0 if count.get("done") == len(rows) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Stop as e:
        (log.error if log.handlers else lambda m, *a: print(m % a, file=sys.stderr))("NOT STARTED: %s", e)
        sys.exit(2)
