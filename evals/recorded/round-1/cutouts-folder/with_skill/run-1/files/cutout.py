#!/usr/bin/env python3
# /// script
# requires-python = ">=3.9"
# dependencies = ["fal-client>=1.0.3,<2"]
# ///
"""Remove the background of every products/*.jpg with fal.ai -> cutouts/<name>.png

    export FAL_KEY=...              # https://fal.ai/dashboard/keys
    python cutout.py --dry-run      # what would be sent and what it would cost; sends nothing
    python cutout.py --limit 3      # try a few first
    python cutout.py                # the rest; Ctrl-C and rerun as often as you like

What was sent and paid is kept in cutouts-ledger.db beside this script. Do not delete it:
it is what prevents a second payment, and it holds the running total for the budget.
"""
import argparse
import hashlib
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import fal_client
import httpx

ROOT = Path(__file__).resolve().parent
PRODUCTS = ROOT / "products"
CUTOUTS = ROOT / "cutouts"
LEDGER = ROOT / "cutouts-ledger.db"

MODEL = "fal-ai/bria/background/remove"
QUOTED_PRICE = 0.018  # USD per generation, quote of 2026-07-24: for --dry-run without a key only
FLAT_UNITS = {"image", "images", "generation", "generations", "request", "requests"}
JOB_DEADLINE = 15 * 60  # seconds to wait for one job; after that the next run collects it
MAX_LOST_REPLIES = 3  # this many lost submit replies in one run: the network is bad, stop

# fal-client repeats a submit whose reply got lost (up to 10 times), and fal has no idempotency
# key: that would be a second, billed job. One attempt only; safe calls are repeated below.
fal_client.client.MAX_ATTEMPTS = 1

stop = threading.Event()  # Ctrl-C: leave as soon as possible
no_more = threading.Event()  # submit nothing new, but collect what is paid
lock = threading.RLock()
stop_reason = []


def halt(reason):
    with lock:
        stop_reason.append(reason)
        no_more.set()


def say(*words):
    with lock:
        print(*words, flush=True)


class Ledger:
    """One row per distinct picture (sha256 of its bytes).

    new -> sending -> submitted -> done | failed. "sending" is written to disk before the POST, so
    a row that is still "sending" later means that its reply was lost: it may have been paid.
    cost is the total of all attempts, reserved before sending.
    """

    def __init__(self, path):
        self.db = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        try:
            self.db.execute("PRAGMA locking_mode=EXCLUSIVE")  # a second run at a time is refused
            self.db.execute("PRAGMA synchronous=FULL")
            self.db.execute("BEGIN EXCLUSIVE")
            self.db.execute(
                "CREATE TABLE IF NOT EXISTS jobs (sha TEXT PRIMARY KEY, name TEXT, state TEXT NOT NULL, request_id TEXT,"
                " cost REAL NOT NULL DEFAULT 0, reserved REAL NOT NULL DEFAULT 0, unit_price REAL, measured REAL, url TEXT, error TEXT)"
            )
            self.db.execute("CREATE TABLE IF NOT EXISTS outputs (png TEXT PRIMARY KEY, sha TEXT NOT NULL)")
            self.db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise SystemExit(f"cannot lock {path.name} ({error}): is another run going on?")

    def one(self, sql, *values):
        with lock:
            return self.db.execute(sql, values).fetchone()

    def job(self, sha):
        return self.one("SELECT * FROM jobs WHERE sha=?", sha)

    def set(self, sha, **changes):
        with lock:
            names = ", ".join(f"{name}=?" for name in changes)
            self.db.execute(f"UPDATE jobs SET {names} WHERE sha=?", (*changes.values(), sha))

    def spent(self):
        return self.one("SELECT COALESCE(SUM(cost), 0) FROM jobs")[0]

    def dearest(self):
        return self.one("SELECT COALESCE(MAX(measured), 0) FROM jobs")[0]

    def reserve(self, sha, name, price, budget):
        """Count the job as paid and mark it "sending", or return False if the budget forbids it."""
        with lock:
            unit_price, price = price, max(price, self.dearest())
            if self.spent() + price > budget + 1e-9:
                return False
            self.db.execute("INSERT OR IGNORE INTO jobs (sha, state) VALUES (?, 'new')", (sha,))
            self.db.execute(
                "UPDATE jobs SET name=?, state='sending', request_id=NULL, url=NULL, error=NULL,"
                " cost=cost+?, reserved=?, unit_price=? WHERE sha=?",
                (name, price, price, unit_price, sha),
            )
            return True

    def refund(self, sha, state, error):
        """fal refused the submission, or it never left: no job, no cost."""
        with lock:
            self.db.execute(
                "UPDATE jobs SET state=?, error=?, cost=MAX(0, cost-reserved), reserved=0 WHERE sha=?",
                (state, error, sha),
            )

    def settle(self, sha, actual):
        """Replace what was reserved by what fal says it billed."""
        with lock:
            self.db.execute(
                "UPDATE jobs SET cost=MAX(0, cost-reserved+?), reserved=?, measured=? WHERE sha=?",
                (actual, actual, actual, sha),
            )

    def remember(self, png, sha):
        with lock:
            self.db.execute("INSERT OR REPLACE INTO outputs (png, sha) VALUES (?, ?)", (png.name, sha))


def code_of(error):
    return getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)


def patiently(call):
    """Repeat a call that costs nothing (upload, status, result, download) through passing trouble."""
    for delay in (1, 2, 4, 8, 16, None):
        try:
            return call()
        except (httpx.TransportError, httpx.HTTPStatusError, fal_client.FalClientHTTPError) as error:
            code = code_of(error)
            passing = code is None or code in (408, 409, 429) or code >= 500
            if delay is None or not passing or stop.wait(delay):
                raise


def text_of(detail):
    if isinstance(detail, list):
        return "; ".join(f"{item.get('msg')} ({item.get('type')})" if isinstance(item, dict) else str(item) for item in detail)
    return str(detail)


def reason(error):
    code = code_of(error)
    if isinstance(error, httpx.HTTPStatusError):
        return f"{code} from {error.request.url.host}"
    message = text_of(getattr(error, "message", None) or repr(error))
    return f"{code}: {message}" if code else message


def account_trouble(error):
    code = code_of(error)
    if code == 401:
        return "fal does not accept FAL_KEY (401)"
    if code == 403:
        return f"fal refuses the account ({reason(error)}); \"locked\" or \"balance\" means: top up at fal.ai/dashboard/billing"
    return None


def live_price():
    """USD per picture, from fal's pricing API. Anything but a flat price is refused: no cap could hold."""
    credentials = fal_client.auth.fetch_auth_credentials()
    try:
        response = httpx.get(
            "https://api.fal.ai/v1/models/pricing",
            params={"endpoint_id": MODEL},
            headers=credentials.as_headers(),
            timeout=30,
        )
        response.raise_for_status()
        price = next(p for p in response.json()["prices"] if p["endpoint_id"] == MODEL)
        usd, unit, currency = float(price["unit_price"]), str(price["unit"]).lower(), price.get("currency", "USD")
    except Exception as error:
        raise SystemExit(
            f"cannot read the price of {MODEL}: {error!r}\nWithout it the budget cannot be kept. Look at "
            f"https://fal.ai/models/{MODEL} and pass what one picture costs, e.g. --unit-cost {QUOTED_PRICE}"
        )
    if unit not in FLAT_UNITS or currency != "USD" or usd <= 0:
        raise SystemExit(
            f"{MODEL} now costs {usd} {currency} per {unit}: not a flat price per picture. "
            "Check its page and pass the most that one picture can cost with --unit-cost USD"
        )
    return usd


class Runner:
    def __init__(self, ledger, price, budget):
        self.ledger, self.price, self.budget = ledger, price, budget
        self.lost = 0

    def picture(self, sha, files):
        """Everything for one distinct picture; files are the jpgs that hold it and lack their png."""
        if stop.is_set():
            return
        name = files[0].name
        try:
            job = self.ledger.job(sha)
            state = job["state"] if job else "new"
            if state == "new" and (no_more.is_set() or not self.submit(sha, files[0])):
                return
            if self.ledger.job(sha)["state"] == "submitted":
                self.collect(sha, name)
            if self.ledger.job(sha)["state"] == "done":
                self.save(sha, files)
        except (httpx.HTTPError, fal_client.FalClientHTTPError, OSError) as error:
            if account_trouble(error):
                halt(account_trouble(error))
            say(f"later    {name}: {reason(error)} (rerun continues here)")
        except Exception as error:  # a full disk, a bug: do not spend on
            halt(f"{name}: {error!r}")

    def submit(self, sha, file):
        data = file.read_bytes()  # upload exactly the bytes that were hashed
        if hashlib.sha256(data).hexdigest() != sha:
            say(f"later    {file.name}: changed while running")
            return False
        url = patiently(lambda: fal_client.upload(data, "image/jpeg", file_name=file.name))
        for pause in (2, 5, 15, 30, None):
            outcome = self.send(sha, file, url)
            if outcome != "busy":
                return outcome == "sent"
            if pause is None or stop.wait(pause):
                break
        halt("fal goes on answering 429 (too many requests): rerun later, or with fewer --workers")
        return False

    def send(self, sha, file, url):
        """One POST, never repeated unless fal said that it made no job (429)."""
        with lock:
            if stop.is_set() or no_more.is_set():
                return "not sent"
            if not self.ledger.reserve(sha, file.name, self.price, self.budget):
                halt(f"budget: ${self.ledger.spent():.3f} of ${self.budget:.2f} counted, the next picture would go over")
                return "not sent"
        try:
            handle = fal_client.submit(MODEL, arguments={"image_url": url})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:  # nothing was sent
            self.ledger.refund(sha, "new", reason(error))
            halt("no connection to fal")
            return "not sent"
        except fal_client.FalClientHTTPError as error:
            code = error.status_code
            if code == 429:
                self.ledger.refund(sha, "new", reason(error))
                return "busy"
            if 400 <= code < 500 and code not in (408, 409, 499):  # refused: no job exists
                of_this_file = code in (400, 413, 422)
                self.ledger.refund(sha, "failed" if of_this_file else "new", reason(error))
                say(f"refused  {file.name}: {reason(error)}")
                if not of_this_file:
                    halt(account_trouble(error) or f"fal refused the submission ({reason(error)})")
            else:
                self.reply_lost(sha, file.name, error)
            return "not sent"
        except Exception as error:  # broken connection, timeout, garbled reply: the job may exist
            self.reply_lost(sha, file.name, error)
            return "not sent"
        self.ledger.set(sha, state="submitted", request_id=handle.request_id)
        return "sent"

    def reply_lost(self, sha, name, error):
        self.ledger.set(sha, error=reason(error))  # stays "sending", stays counted
        say(f"unclear  {name}: no reply to the submission ({reason(error)}); not sent again")
        with lock:
            self.lost += 1
            if self.lost >= MAX_LOST_REPLIES:
                halt("several submissions got no reply: the network is unreliable")

    def collect(self, sha, name):
        handle = fal_client.sync_client.get_handle(MODEL, self.ledger.job(sha)["request_id"])
        deadline = time.monotonic() + JOB_DEADLINE
        try:
            while True:
                status = patiently(handle.status)
                if isinstance(status, fal_client.Completed):
                    break
                if time.monotonic() > deadline:
                    say(f"later    {name}: still not finished, the next run collects it")
                    return
                if stop.wait(1):
                    return

            def fetch():
                reply = handle.client.get(handle.response_url, timeout=60)
                if reply.status_code >= 500 and not status.error:
                    reply.raise_for_status()  # a gateway's trouble, the job is done: ask again
                return reply

            reply = patiently(fetch)
        except fal_client.FalClientHTTPError as error:
            if error.status_code != 404:
                raise
            return self.failed(sha, name, "fal no longer knows this request")
        units = reply.headers.get("x-fal-billable-units")
        job = self.ledger.job(sha)
        reserved = job["reserved"]
        if units is not None:
            try:
                actual = float(units) * job["unit_price"]
            except ValueError:
                actual = reserved
            self.ledger.settle(sha, actual)
            if actual > reserved + 1e-9:
                halt(f"{name} was billed {units} units (${actual:.4f}, expected ${reserved:.4f}); rerun to go on at that price")
        if reply.status_code in (401, 403, 408, 429):
            reply.raise_for_status()
        if reply.status_code >= 400 or status.error:
            try:
                detail = reply.json().get("detail")
            except ValueError:
                detail = None
            return self.failed(sha, name, f"{reply.status_code}: {text_of(detail or status.error or reply.text[:200])}")
        try:
            url = reply.json()["image"]["url"]
        except (ValueError, KeyError, TypeError):
            return self.failed(sha, name, f"unexpected result: {reply.text[:200]}")
        self.ledger.set(sha, state="done", url=url, error=None)

    def failed(self, sha, name, why):
        self.ledger.set(sha, state="failed", error=why)
        say(f"failed   {name}: {why}")

    def save(self, sha, files):
        source = None
        for row in self.ledger.db.execute("SELECT png FROM outputs WHERE sha=?", (sha,)).fetchall():
            if is_png(CUTOUTS / row["png"]):
                source = CUTOUTS / row["png"]
        job = self.ledger.job(sha)
        for file in files:
            png = png_of(file)
            part = png.with_name(png.name + ".part")
            if source:
                shutil.copyfile(source, part)
            else:
                def download():
                    reply = httpx.get(job["url"], follow_redirects=True, timeout=120)
                    reply.raise_for_status()
                    return reply.content

                try:
                    part.write_bytes(patiently(download))
                except httpx.HTTPStatusError as error:
                    if error.response.status_code not in (403, 404, 410):
                        raise
                    return say(f"gone     {file.name}: {gone(error.response.status_code, file)}")
            if not is_png(part):
                return say(f"broken   {file.name}: paid, but the result is not a whole PNG: look at {part.name} and {job['url']}")
            os.replace(part, png)
            self.ledger.remember(png, sha)
            source = png
            say(f"ok       {png.name}   (${self.ledger.spent():.3f} of ${self.budget:.2f})")


def gone(code, file):
    return f"paid, but the result file answers {code}. A rerun tries it again for nothing; if it is gone for good: --retry {file.name}, which pays again"


def png_of(file):
    return CUTOUTS / (file.stem + ".png")


def is_png(path):
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return data.startswith(b"\x89PNG\r\n\x1a\n") and b"IEND" in data[-16:]


def plan(ledger):
    """Which distinct pictures still need work: {sha: [files]}, and why others do not."""
    files = sorted(f for f in PRODUCTS.iterdir() if f.is_file() and f.suffix.lower() in (".jpg", ".jpeg"))
    by_png, todo, notes, finished = {}, {}, [], 0
    for file in files:
        by_png.setdefault(png_of(file).name.lower(), []).append(file.name)
    for names in by_png.values():
        if len(names) > 1:
            raise SystemExit(f"{' and '.join(names)} would write the same png: rename one of them")
    for file in files:
        data = file.read_bytes()
        sha, png = hashlib.sha256(data).hexdigest(), png_of(file)
        made_from = ledger.one("SELECT sha FROM outputs WHERE png=?", png.name)
        job = ledger.job(sha)
        if png.exists():
            if made_from and made_from["sha"] != sha:
                notes.append(f"changed  {file.name}: differs from the picture that {png.name} was made of; delete {png.name} to make (and pay) it anew")
            elif made_from is None and job and job["state"] == "done":
                ledger.remember(png, sha)
            finished += 1
        elif not data.startswith(b"\xff\xd8"):
            notes.append(f"skipped  {file.name}: not a JPEG, not sent")
        elif job and job["state"] == "failed":
            notes.append(f"failed   {file.name}: {job['error']}; to pay for another try: --retry {file.name}")
        elif job and job["state"] == "sending":
            notes.append(
                f"unclear  {file.name}: sent, but no reply arrived, so it may have been paid. Look at fal.ai/dashboard: if the request "
                f"is there, --adopt {file.name} REQUEST_ID; if it is not, --retry {file.name}"
            )
        else:
            todo.setdefault(sha, []).append(file)
    return files, todo, notes, finished


def sha_of(name):
    file = PRODUCTS / Path(name).name
    if not file.is_file():
        raise SystemExit(f"no such file: {file}")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="show the plan, send nothing")
    parser.add_argument("--limit", type=int, help="send at most N new pictures in this run")
    parser.add_argument("--max-usd", type=float, default=5.0, help="budget of all runs together (default 5)")
    parser.add_argument("--unit-cost", type=float, help="USD per picture, instead of asking fal's pricing API")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--retry", nargs="+", default=[], metavar="NAME.jpg", help="send a failed, unclear or gone file once more: PAYS AGAIN")
    parser.add_argument("--adopt", nargs=2, metavar=("NAME.jpg", "REQUEST_ID"), help="collect a request found on the dashboard")
    options = parser.parse_args()
    if options.unit_cost is not None and not options.unit_cost > 0:
        raise SystemExit("--unit-cost must be more than 0")
    if not PRODUCTS.is_dir():
        raise SystemExit(f"no folder {PRODUCTS}")

    has_key = True
    try:
        fal_client.auth.fetch_auth_credentials()
    except fal_client.auth.MissingCredentialsError:
        has_key = False
    if not has_key and not options.dry_run:
        raise SystemExit("set FAL_KEY (fal.ai/dashboard/keys)")

    ledger = Ledger(LEDGER)
    if not options.dry_run:
        CUTOUTS.mkdir(exist_ok=True)
        for name in options.retry:
            job = ledger.job(sha_of(name))
            missing = not png_of(Path(name)).exists()
            if not job or not missing or job["state"] not in ("failed", "sending", "done"):
                raise SystemExit(f"{name} is not failed, unclear or gone: a plain run does what is left of it")
            ledger.set(job["sha"], state="new", reserved=0)  # what it cost so far stays counted
        if options.adopt:
            job = ledger.job(sha_of(options.adopt[0]))
            if not job or job["state"] != "sending":
                raise SystemExit(f"{options.adopt[0]} is not unclear: nothing to adopt")
            ledger.set(job["sha"], state="submitted", request_id=options.adopt[1])

    files, todo, notes, finished = plan(ledger)
    for line in notes:
        print(line)
    states = {sha: (ledger.job(sha)["state"] if ledger.job(sha) else "new") for sha in todo}
    paid = [sha for sha in todo if states[sha] != "new"]
    new = [sha for sha in todo if states[sha] == "new"]
    price, how = QUOTED_PRICE, "quote of 2026-07-24"
    if options.unit_cost:
        price, how = options.unit_cost, "--unit-cost"
    elif new and has_key:
        price, how = live_price(), "fal's pricing API, now"
    price_now = max(price, ledger.dearest())
    affordable = max(0, int((options.max_usd - ledger.spent() + 1e-9) / price_now))
    print(f"{len(files)} jpgs: {finished} finished, {len(paid)} already paid and to be fetched, {len(new)} to pay, {len(notes)} noted above")
    twins = sum(len(found) - 1 for found in todo.values())
    if twins:
        print(f"{twins} of them are byte-for-byte copies of another: paid once, the result is copied")
    print(f"${price_now:g} per picture ({how}): {len(new)} = ${len(new) * price_now:.2f}; counted so far ${ledger.spent():.3f} of ${options.max_usd:.2f}")
    if len(new) > affordable:
        print(f"the budget is enough for {affordable} of them")
    if options.dry_run:
        return 0
    if options.limit is not None:
        new = new[: max(0, options.limit)]
    if len(new) > affordable:  # reserve() checks again before each submission
        new = new[:affordable]
        stop_reason.append(f"the budget of ${options.max_usd:.2f}")

    def interrupted(number, frame):
        if stop.is_set():
            os._exit(130)  # the ledger is on disk already
        stop_reason.append("interrupted")
        no_more.set()
        stop.set()
        print("\nfinishing the submissions that are under way (again to leave at once) ...", flush=True)

    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)

    runner = Runner(ledger, price, options.max_usd)
    with ThreadPoolExecutor(max_workers=max(1, options.workers)) as pool:
        def run_all(shas):
            pending = {pool.submit(runner.picture, sha, todo[sha]) for sha in shas}
            futures = set(pending)
            while pending:
                _, pending = wait(pending, timeout=0.3)  # short waits, so that Ctrl-C is heard
            for future in futures:
                future.result()

        if new and not ledger.dearest():  # the first picture alone: what does fal really bill for it?
            run_all(new[:1])
            new = new[1:]
        run_all(paid + new)

    _, left, notes, finished = plan(ledger)
    if stop_reason:
        print("stopped:", stop_reason[0])
    print(f"{finished} of {len(files)} finished, {len(left)} pictures left, {len(notes)} need a look; ${ledger.spent():.3f} of ${options.max_usd:.2f} counted")
    for line in notes:
        print(line)
    return 0 if finished == len(files) and not notes else 1


if __name__ == "__main__":
    sys.exit(main())
