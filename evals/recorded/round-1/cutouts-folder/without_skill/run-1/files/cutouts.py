#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["fal-client>=1.0", "httpx", "pillow"]
# ///
"""Remove the background of every products/*.jpg with fal -> cutouts/<name>.png

    export FAL_KEY=...
    uv run cutouts.py --dry-run     # the plan and its cost, nothing paid
    uv run cutouts.py --limit 1     # pay for one image, look at it
    uv run cutouts.py               # the rest; Ctrl-C and rerun whenever you like

Every paid request is written to .cutouts-ledger.sqlite3 *before* it is sent and is
identified by the sha256 of the photo. That file is the record of what you paid for
and of the $5: keep it (deleting cutouts/ is harmless, deleting the ledger is not).
"""
from __future__ import annotations

import argparse
import hashlib
import io
import os
import signal
import sqlite3
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from pathlib import Path

import fal_client
import httpx
from PIL import Image, ImageOps

BASE = Path(__file__).resolve().parent  # not the cwd: one project, one ledger
SRC, OUT = BASE / "products", BASE / "cutouts"
LEDGER = BASE / ".cutouts-ledger.sqlite3"

MODEL = "fal-ai/bria/background/remove"  # flat price per image, so the cap can be exact
QUEUE_URL = "https://queue.fal.run/"
PRICING_URL = "https://api.fal.ai/v1/models/pricing"
FLAT_UNITS = {"image", "images", "generation", "generations", "request", "requests"}

CAP_USD = Decimal("5")
WORKERS = 4
POLL_SECONDS = 1.0
WAIT_SECONDS = 600       # per image; after that it is left for the next run to collect
MAX_UNKNOWN = 3          # stop the run after this many submissions with a lost answer

# Answers to the submit POST that mean "not accepted", hence not billed. Anything else
# that isn't a clean success (timeouts, 5xx, broken connection) counts as maybe-billed.
REJECTED = {400, 401, 402, 403, 404, 405, 413, 415, 422, 429}


class Fatal(Exception):
    """Stop the whole run."""


class CapReached(Exception):
    pass


class Failed(Exception):
    """Not done, and a plain rerun won't change that."""


class Later(Exception):
    """Not done yet; a rerun continues for free."""


def micro(usd: Decimal) -> int:
    return int((usd * 1_000_000).to_integral_value(ROUND_CEILING))


def dollars(m: int) -> str:
    return f"${m / 1_000_000:.3f}"


# ---------------------------------------------------------------- ledger

class Ledger:
    """States: submitting -> submitted -> done, or
       released  = certainly not accepted by fal, costs 0
       unknown   = sent, answer lost: may have been billed, counted as billed, never resent
       failed    = accepted, but no usable result; counted as billed, never resent
       abandoned = given up with --retry; still counted as billed
    """

    def __init__(self, path: Path):
        self.lock = threading.RLock()
        self.db = sqlite3.connect(path, timeout=0, isolation_level=None,
                                  check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        try:
            self.db.execute("PRAGMA synchronous=FULL")
            self.db.execute("PRAGMA locking_mode=EXCLUSIVE")  # held until exit/crash
            self.db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as e:
            raise Fatal(f"{path.name} is in use ({e}): is another run going?")
        self.db.execute("""CREATE TABLE IF NOT EXISTS requests(
            id INTEGER PRIMARY KEY, sha TEXT NOT NULL, name TEXT NOT NULL, model TEXT NOT NULL,
            state TEXT NOT NULL, cost INTEGER NOT NULL, request_id TEXT, status_url TEXT,
            response_url TEXT, image_url TEXT, error TEXT,
            created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)""")
        # The database itself refuses a second live request for the same photo.
        self.db.execute("""CREATE UNIQUE INDEX IF NOT EXISTS one_per_photo ON requests(sha)
            WHERE state NOT IN ('released', 'abandoned')""")
        self.db.execute("""CREATE TABLE IF NOT EXISTS files(
            name TEXT PRIMARY KEY, sha TEXT NOT NULL, written INTEGER NOT NULL)""")
        # We hold the lock, so 'submitting' can only be left over from a killed run.
        self.db.execute("""UPDATE requests SET state='unknown',
            error='run was killed while the request was being sent' WHERE state='submitting'""")
        self.db.execute("COMMIT")

    def live(self, sha: str):
        with self.lock:
            return self.db.execute("""SELECT * FROM requests WHERE sha=?
                AND state NOT IN ('released','abandoned')""", (sha,)).fetchone()

    def spent(self) -> int:
        with self.lock:
            return self.db.execute("SELECT COALESCE(SUM(cost),0) FROM requests").fetchone()[0]

    def reserve(self, job: Job, price: int, cap: int, redo: bool) -> int:
        """Book the money before the request goes out. One transaction."""
        with self.lock:
            if self.spent() + price > cap:
                raise CapReached
            self.db.execute("BEGIN")
            try:
                if redo:
                    self.db.execute("""UPDATE requests SET state='abandoned'
                        WHERE sha=? AND state IN ('unknown','failed')""", (job.sha,))
                id_ = self.db.execute("INSERT INTO requests(sha,name,model,state,cost) "
                                      "VALUES(?,?,?,'submitting',?)",
                                      (job.sha, job.name, MODEL, price)).lastrowid
                for p in job.paths:
                    self.set_file(p.name, job.sha, written=0)
                self.db.execute("COMMIT")
                return id_
            except BaseException:
                self.db.execute("ROLLBACK")
                raise

    def update(self, id_: int, **cols):
        with self.lock:
            self.db.execute(f"UPDATE requests SET {','.join(c + '=?' for c in cols)} WHERE id=?",
                            (*cols.values(), id_))

    def file(self, name: str):
        with self.lock:
            return self.db.execute("SELECT * FROM files WHERE name=?", (name,)).fetchone()

    def ever_paid(self, sha: str) -> bool:
        with self.lock:
            return self.db.execute("SELECT 1 FROM requests WHERE sha=? AND cost>0",
                                   (sha,)).fetchone() is not None

    def set_file(self, name: str, sha: str, written: int):
        with self.lock:
            self.db.execute("INSERT INTO files VALUES(?,?,?) ON CONFLICT(name) DO UPDATE "
                            "SET sha=excluded.sha, written=excluded.written",
                            (name, sha, written))

    def written_names(self, sha: str) -> list[str]:
        with self.lock:
            return [r["name"] for r in self.db.execute(
                "SELECT name FROM files WHERE sha=? AND written=1", (sha,))]


# ---------------------------------------------------------------- plan

@dataclass
class Job:
    sha: str
    paths: list[Path] = field(default_factory=list)  # identical photos share one job

    @property
    def name(self) -> str:
        return self.paths[0].name


def target(name: str) -> Path:
    return OUT / (Path(name).stem + ".png")


def make_plan(ledger: Ledger, retry: set[str]):
    """-> (jobs to pay for, jobs already paid for, number finished, notes, shas to redo)"""
    photos = sorted(p for p in SRC.iterdir()
                    if p.is_file() and p.suffix.lower() in (".jpg", ".jpeg")
                    and not p.name.startswith("."))
    if unknown := retry - {p.name for p in photos}:
        raise Fatal(f"--retry: no such photo in {SRC.name}/: {', '.join(sorted(unknown))}")
    by_target: dict[str, Path] = {}
    for p in photos:
        other = by_target.setdefault(p.stem.casefold(), p)
        if other is not p:
            raise Fatal(f"{other.name} and {p.name} would both become {p.stem}.png; rename one")

    jobs: dict[str, Job] = {}
    finished, notes, redo = 0, [], set()
    for p in photos:
        sha = hashlib.sha256(p.read_bytes()).hexdigest()
        known, row, png = ledger.file(p.name), ledger.live(sha), target(p.name)
        if p.name in retry and (row is None or row["state"] in ("unknown", "failed")):
            redo.add(sha)
        elif known is None and png.exists():
            notes.append(f"{p.name}: skipped, {OUT.name}/{png.name} already exists and is "
                         f"not in the ledger")
            continue
        elif row is None and known and known["sha"] != sha and ledger.ever_paid(known["sha"]):
            notes.append(f"{p.name}: skipped, paid for before and its contents have changed "
                         f"since (--retry {p.name} pays for the new version)")
            continue
        elif row and row["state"] in ("unknown", "failed"):
            notes.append(f"{p.name}: NOT resent, may already be billed ({row['error']}). "
                         f"Check https://fal.ai/dashboard/requests; --retry {p.name} pays again")
            continue
        elif (row and row["state"] == "done" and png.exists()
              and known and known["sha"] == sha and known["written"]):
            finished += 1
            continue
        jobs.setdefault(sha, Job(sha)).paths.append(p)
    pay = [j for j in jobs.values() if j.sha in redo or ledger.live(j.sha) is None]
    free = [j for j in jobs.values() if j not in pay]
    return pay, free, finished, notes, redo


# ---------------------------------------------------------------- price

def live_price(key: str) -> tuple[Decimal | None, str]:
    """Unit price from fal's pricing API, or (None, why not)."""
    try:
        r = httpx.get(PRICING_URL, params={"endpoint_id": MODEL}, timeout=30,
                      headers={"Authorization": f"Key {key}"})
        if r.status_code != 200:
            return None, f"pricing API answered {r.status_code}: {r.text[:200]}"
        entry = next(e for e in r.json()["prices"] if e["endpoint_id"] == MODEL)
        price, unit, cur = Decimal(str(entry["unit_price"])), entry["unit"], entry["currency"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError, StopIteration,
            InvalidOperation) as e:
        return None, f"could not read the pricing API ({type(e).__name__}: {e})"
    if cur.upper() != "USD" or unit.lower() not in FLAT_UNITS or price <= 0:
        return None, f"price is {price} {cur} per {unit!r}, not a flat USD price per image"
    return price, ""


# ---------------------------------------------------------------- work

class Runner:
    def __init__(self, ledger, key, price, unit_price, cap, redo):
        self.ledger, self.cap, self.redo = ledger, cap, redo
        self.price, self.unit_price = price, unit_price
        self.api = httpx.Client(headers={"Authorization": f"Key {key}"}, timeout=60)
        self.cdn = httpx.Client(timeout=120, follow_redirects=True)  # no key sent here
        self.uploader = fal_client.SyncClient(key=key)
        self.stop = threading.Event()         # no new requests
        self.interrupted = threading.Event()  # and don't wait for submitted ones either
        self.why = ""            # why we stopped early
        self.unknown = 0
        self.lock = threading.Lock()

    def halt(self, why: str):
        with self.lock:
            self.why = self.why or why
        self.stop.set()

    # -- one photo, from wherever it got to last time
    def process(self, job: Job) -> str:
        row = self.ledger.live(job.sha)
        if row is None or job.sha in self.redo:
            self.pay(job)
            row = self.ledger.live(job.sha)
        data = self.local_copy(job.sha)
        if data is None:
            if not row["image_url"]:
                self.collect(row)
                row = self.ledger.live(job.sha)
            data = self.download(row)
        for p in job.paths:
            write_atomic(target(p.name), data)
            self.ledger.set_file(p.name, job.sha, written=1)
        self.ledger.update(row["id"], state="done", error=None)
        return ", ".join(target(p.name).name for p in job.paths)

    def pay(self, job: Job):
        data = prepare(job.paths[0])      # an unreadable jpg fails here, for free
        if self.stop.is_set():
            raise Later("not started")
        try:
            url = self.uploader.upload(data, "image/jpeg", file_name=job.sha[:16] + ".jpg")
        except (fal_client.FalClientError, httpx.HTTPError) as e:
            if getattr(getattr(e, "response", None), "status_code", 0) in (401, 402, 403):
                raise Fatal(f"fal refused the upload: {e}")
            raise Later(f"upload failed, nothing paid ({e})")

        for attempt in range(6):
            if self.stop.is_set():
                raise Later("not started")
            id_ = self.ledger.reserve(job, self.price, self.cap, job.sha in self.redo)
            # Deliberately not fal_client.submit(): it silently re-POSTs on timeouts and
            # dropped connections, which can enqueue (and bill) the same photo twice.
            try:
                r = self.api.post(QUEUE_URL + MODEL, json={"image_url": url})
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as e:
                self.ledger.update(id_, state="released", cost=0, error=str(e))
                raise Later(f"could not connect, nothing paid ({e})")
            except httpx.HTTPError as e:
                self.lost(id_, f"answer lost: {type(e).__name__} {e}")
            if r.status_code in REJECTED:
                msg = f"{r.status_code} {r.text[:300]}"
                self.ledger.update(id_, state="released", cost=0, error=msg)
                if r.status_code == 429:
                    self.stop.wait(2 ** attempt)
                    continue
                if r.status_code in (401, 402, 403, 404):
                    raise Fatal(f"fal refused the request: {msg}")
                raise Failed(f"fal rejected it, nothing paid: {msg}")
            try:
                r.raise_for_status()
                d = r.json()
                cols = {k: d[k] for k in ("request_id", "status_url", "response_url")}
            except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
                self.lost(id_, f"unclear answer: {r.status_code} {r.text[:200]}")
            self.ledger.update(id_, state="submitted", **cols)
            return
        raise Later("rate limited by fal, nothing paid")

    def lost(self, id_: int, msg: str):
        self.ledger.update(id_, state="unknown", error=msg)
        with self.lock:
            self.unknown += 1
        if self.unknown >= MAX_UNKNOWN:
            self.halt(f"{self.unknown} requests went out without a clear answer")
        raise Failed(f"{msg}; counted as paid, will not be resent")

    def collect(self, row):
        """Wait for a submitted request and store where its image is. Costs nothing."""
        deadline, misses = time.monotonic() + WAIT_SECONDS, 0
        while True:
            code, d, _ = self.get_json(row["status_url"])
            if code in (200, 202):
                misses = 0
                if d.get("error"):
                    self.fail(row, f"fal: {d['error']}")
                if d.get("status") == "COMPLETED":
                    break
            else:
                misses += 1
                if misses > 8:
                    raise Later(f"status not available ({code}); request {row['request_id']}")
            if self.interrupted.is_set() or time.monotonic() > deadline:
                raise Later("submitted, the next run collects it")
            self.interrupted.wait(POLL_SECONDS * min(1 + misses, 8))

        for attempt in range(5):
            code, d, headers = self.get_json(row["response_url"])
            if code == 200:
                break
            if 400 <= code < 500 and code not in (408, 429):
                self.fail(row, f"fal: {code} {str(d)[:300]}")
            time.sleep(min(2 ** attempt, 8))
        else:
            raise Later(f"result not available ({code}); request {row['request_id']}")

        cost = row["cost"]
        try:  # if fal says it billed more than one unit, book that and expect it from now on
            if self.unit_price:
                cost = max(cost, micro(self.unit_price * Decimal(headers["x-fal-billable-units"])))
        except (KeyError, InvalidOperation):
            pass
        with self.lock:
            self.price = max(self.price, cost)
        try:
            image_url = d["image"]["url"]
        except (KeyError, TypeError):
            self.ledger.update(row["id"], cost=cost)
            self.fail(row, f"no image in result: {str(d)[:300]}")
        self.ledger.update(row["id"], cost=cost, image_url=image_url)

    def get_json(self, url):
        try:
            r = self.api.get(url)
        except httpx.HTTPError as e:
            return 0, {"detail": str(e)}, {}
        if r.status_code in (401, 403):
            raise Fatal(f"fal refused access: {r.status_code} {r.text[:300]}")
        try:
            d = r.json()
        except ValueError:
            d = {"detail": r.text[:300]}
        return r.status_code, d if isinstance(d, dict) else {"detail": d}, r.headers

    def fail(self, row, msg):
        self.ledger.update(row["id"], state="failed", error=msg)
        raise Failed(msg)

    def local_copy(self, sha) -> bytes | None:
        for name in self.ledger.written_names(sha):
            try:
                return as_png(target(name).read_bytes())
            except (OSError, ValueError):
                pass
        return None

    def download(self, row) -> bytes:
        err = ""
        for attempt in range(4):
            try:
                r = self.cdn.get(row["image_url"])
                if r.status_code in (403, 404, 410):
                    self.fail(row, f"paid, but fal no longer has the result ({r.status_code})")
                r.raise_for_status()
                return as_png(r.content)
            except (httpx.HTTPError, OSError, ValueError) as e:
                err = str(e)
                time.sleep(min(2 ** attempt, 4))
        raise Later(f"paid, download failed ({err}); the next run downloads it for free")


def prepare(path: Path) -> bytes:
    """JPEG bytes to send: the file as is, re-encoded only if rotated by EXIF or not RGB."""
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as im:
            im.load()
            if im.format == "JPEG" and im.mode in ("RGB", "L") \
                    and im.getexif().get(0x0112, 1) == 1:
                return data
            buf = io.BytesIO()
            ImageOps.exif_transpose(im).convert("RGB").save(
                buf, "JPEG", quality=95, subsampling=0, icc_profile=
                im.info.get("icc_profile") if im.mode == "RGB" else None)
            return buf.getvalue()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        raise Failed(f"not a readable image, nothing paid ({e})")


def as_png(data: bytes) -> bytes:
    """Fully decode (catches truncated files); return PNG bytes with an alpha channel."""
    try:
        with Image.open(io.BytesIO(data)) as im:
            im.load()
            if "A" not in im.getbands() and "transparency" not in im.info:
                raise ValueError("image has no transparency")
            if im.format == "PNG":
                return data
            buf = io.BytesIO()
            im.convert("RGBA").save(buf, "PNG")
            return buf.getvalue()
    except SyntaxError as e:  # Pillow's broken-PNG error
        raise ValueError(str(e))


def write_atomic(path: Path, data: bytes):
    tmp = path.with_name(f".{path.name}.part")
    with open(tmp, "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.replace(tmp, path)


# ---------------------------------------------------------------- main

def run(runner: Runner, free: list[Job], pay: list[Job], trouble: list[str]) -> int:
    done = 0

    def on_sigint(*_):
        if runner.interrupted.is_set():
            os._exit(130)  # second Ctrl-C; the ledger is safe at any instant
        print("\nCtrl-C: no new requests; recording what is in flight...", flush=True)
        runner.why = "interrupted"
        runner.interrupted.set()
        runner.stop.set()

    def settle(fut, job):
        nonlocal done
        try:
            print(f"  ok    {fut.result()}   (total {dollars(runner.ledger.spent())})", flush=True)
            done += len(job.paths)
        except CapReached:
            runner.halt(f"the next image would go over {dollars(runner.cap)}")
        except Fatal as e:
            runner.halt(str(e))
        except Later as e:
            if str(e) != "not started":
                trouble.append(f"{job.name}: {e}")
                print(f"  wait  {trouble[-1]}", flush=True)
        except Exception as e:  # Failed, full disk, ...: report, go on with the others
            trouble.append(f"{job.name}: {e if isinstance(e, Failed) else repr(e)}")
            print(f"  FAIL  {trouble[-1]}", flush=True)

    old = signal.signal(signal.SIGINT, on_sigint)
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            # First what is already paid; then one paid photo alone, so that a bad key or
            # a surprising price shows up once and not four times; then the rest.
            for jobs in (free, pay[:1], pay[1:]):
                todo, running = list(jobs), {}
                while running or (todo and not runner.stop.is_set()):
                    while todo and len(running) < WORKERS and not runner.stop.is_set():
                        job = todo.pop(0)
                        running[pool.submit(runner.process, job)] = job
                    for fut in wait(running, timeout=0.3, return_when=FIRST_COMPLETED).done:
                        settle(fut, running.pop(fut))
    finally:
        signal.signal(signal.SIGINT, old)
    return done


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--dry-run", action="store_true", help="show the plan and its cost; pay nothing")
    ap.add_argument("--limit", type=int, metavar="N", help="pay for at most N images this run")
    ap.add_argument("--price", type=Decimal, metavar="USD",
                    help="price per image, if fal's pricing API can't be read")
    ap.add_argument("--retry", nargs="+", default=[], metavar="X.jpg",
                    help="pay (again) for these unclear, failed or changed photos")
    a = ap.parse_args()
    if a.limit is not None and a.limit < 0:
        ap.error("--limit must be 0 or more")
    if a.price is not None and not (a.price.is_finite() and a.price > 0):
        ap.error("--price must be more than 0")
    if not SRC.is_dir():
        raise Fatal(f"no folder {SRC}")
    key, cap = os.environ.get("FAL_KEY", "").strip(), micro(CAP_USD)

    ledger = Ledger(LEDGER)
    pay, free, finished, notes, redo = make_plan(ledger, set(a.retry))
    if a.limit is not None:
        pay = pay[:a.limit]

    unit_price, price_note = live_price(key) if key and pay else (None, "FAL_KEY is not set")
    price = max(p for p in (unit_price, a.price, Decimal(0)) if p is not None)
    spent = ledger.spent()
    print(f"{finished} finished, {len(free)} already paid and to be collected, "
          f"{len(pay)} to pay for; {dollars(spent)} of {dollars(cap)} used so far")
    for job in pay + free:
        if len(job.paths) > 1:
            print(f"  identical, one request: {', '.join(p.name for p in job.paths)}")
    for n in notes:
        print("  " + n)
    if pay and price:
        fits = max(0, cap - spent) // micro(price)
        print(f"  ${price} each: {dollars(micro(price) * len(pay))} for {len(pay)}"
              + (f"; only {fits} fit under the cap" if fits < len(pay) else ""))
    if a.dry_run:
        if pay and not price:
            print(f"  price unknown: {price_note}")
        return 0
    if not pay and not free:
        return 1 if notes else 0
    if not key:
        raise Fatal("FAL_KEY is not set (https://fal.ai/dashboard/keys)")
    if pay and not price:
        raise Fatal(f"no price, so no way to keep the cap: {price_note}\n"
                    f"Look it up on https://fal.ai/models/{MODEL} and pass --price USD")

    OUT.mkdir(exist_ok=True)
    runner = Runner(ledger, key, micro(price), unit_price, cap, redo)
    trouble: list[str] = []
    done = run(runner, free, pay, trouble)

    print(f"\n{done} written this run; {dollars(ledger.spent())} of {dollars(cap)} used in total")
    if trouble:
        print("Not done:\n  " + "\n  ".join(trouble))
    if runner.why:
        print(f"Stopped: {runner.why}. Nothing paid for is paid again on a rerun.")
    return 130 if runner.why == "interrupted" else 1 if (runner.why or trouble or notes) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Fatal as e:
        sys.exit(f"error: {e}")
