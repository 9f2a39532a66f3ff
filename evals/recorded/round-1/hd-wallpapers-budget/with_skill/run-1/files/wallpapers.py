"""Make wallpapers of exactly 1920x1080 with FLUX.1 [dev] on fal: wallpapers/wallpaper_001.png ... _250.png

    python wallpapers.py --quote      the bill, before anything is sent (free)
    python wallpapers.py --first 1    image 1 only: shows the delivered size and the units that fal billed
    python wallpapers.py              the rest; run it again to resume, nothing is paid twice
    python wallpapers.py --redo 17    make image 17 again with a new seed (paid again, within --max-cost)

The key is read from FAL_KEY.
"""

import argparse
import io
import json
import math
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import fal_client
import httpx
from PIL import Image, ImageOps

MODEL = "fal-ai/flux/dev"
COUNT = 250
FINAL_SIZE = (1920, 1080)  # every saved file has exactly this size
REQUEST_SIZE = (1920, 1080)  # what fal is asked for
PRICE = Decimal("0.025")  # USD per megapixel, quote of 2026-11-12
MEGAPIXELS = math.ceil(REQUEST_SIZE[0] * REQUEST_SIZE[1] / 2**20)  # per image, rounded up: 2
SEED = 1000  # image n has seed SEED + n

HERE = Path(__file__).resolve().parent
PROMPTS = HERE / "prompts.txt"
OUT = HERE / "wallpapers"
STATE = HERE / "wallpapers-state.json"  # the ledger: keep it until the pack is complete

lock = threading.RLock()
stop = threading.Event()
jobs = {}


def halt(message):
    with lock:
        if not stop.is_set():
            print("STOP:", message)
        stop.set()


def note(job, **changes):
    """Write the ledger at each step, so that a crash never leads to a second payment."""
    with lock:
        job.update(changes)
        new = STATE.with_suffix(".new")
        new.write_text(json.dumps(jobs, indent=1))
        os.replace(new, STATE)


def file_of(number):
    return OUT / f"wallpaper_{number:03d}.png"


def spent():
    return sum(Decimal(str(job["mp"])) for job in jobs.values()) * PRICE


def quote(megapixels):
    each = megapixels * PRICE
    print(f"{REQUEST_SIZE[0]} x {REQUEST_SIZE[1]} = {math.prod(REQUEST_SIZE):,} pixels, billed as {megapixels} megapixels")
    print(f"{megapixels} MP x ${PRICE} = ${each:.3f} per image; {COUNT} images x ${each:.3f} = ${COUNT * each:.2f}")


def check_price():
    """Compare PRICE with fal's price of today. True: same, False: differs, None: not available."""
    try:
        response = httpx.get(
            "https://api.fal.ai/v1/models/pricing",
            params={"endpoint_id": MODEL},
            headers={"Authorization": f"Key {os.environ.get('FAL_KEY', '')}"},
            timeout=30,
        )
        response.raise_for_status()
        price = response.json()["prices"][0]
        live, unit = Decimal(str(price["unit_price"])), str(price["unit"])
    except (httpx.HTTPError, ValueError, LookupError, TypeError, ArithmeticError) as error:
        print(f"fal's live price is not available ({type(error).__name__}); assuming ${PRICE} per megapixel")
        return None
    print(f"fal's price today: {live} {price.get('currency', 'USD')} per {unit}")
    return live == PRICE and "megapixel" in unit.lower()


def submit(number, job, prompt, args):
    seed = SEED + number + 10_000 * job["redone"]
    with lock:
        if stop.is_set():
            return
        if spent() + args.mp * PRICE > args.max_cost:
            return halt(f"image {number} would pass --max-cost {args.max_cost:.2f}; ${spent():.2f} is committed")
        # Noted before it is sent: if the reply gets lost, it counts as paid and is not sent again.
        note(job, state="sent", mp=job["mp"] + args.mp, prompt=prompt, seed=seed, error=None)
    refund = {"state": "new", "mp": job["mp"] - args.mp}
    try:
        handle = fal_client.submit(
            MODEL,
            arguments={
                "prompt": prompt,
                "image_size": {"width": REQUEST_SIZE[0], "height": REQUEST_SIZE[1]},
                "num_images": 1,
                "output_format": "png",
                "seed": seed,
            },
        )
        note(job, state="submitted", id=handle.request_id)
    except fal_client.FalClientHTTPError as error:
        if error.status_code < 500:  # refused: no job, no cost
            note(job, **refund, error=f"{error.status_code}: {error.message}")
            if error.status_code in (400, 401, 402, 403, 404, 422):
                halt(f"fal refused the request, {error.status_code}: {error.message}")
        else:
            note(job, error=f"{error.status_code} on submitting")
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # never left this machine
        note(job, **refund, error=repr(error))
    except httpx.HTTPError as error:  # no reply: the job may exist
        note(job, error=repr(error))


def save(number, data):
    """Save as PNG of exactly FINAL_SIZE; returns the size that fal delivered."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    delivered = image.size
    if delivered[0] >= FINAL_SIZE[0] and delivered[1] >= FINAL_SIZE[1] and delivered != FINAL_SIZE:
        left, top = (delivered[0] - FINAL_SIZE[0]) // 2, (delivered[1] - FINAL_SIZE[1]) // 2
        image = image.crop((left, top, left + FINAL_SIZE[0], top + FINAL_SIZE[1]))
    elif delivered != FINAL_SIZE:  # too small: enlarge until it covers, then crop
        image = ImageOps.fit(image, FINAL_SIZE, Image.Resampling.LANCZOS)
    part = file_of(number).with_suffix(".part")
    image.save(part, format="PNG")
    os.replace(part, file_of(number))
    return delivered


def collect(number, job, args):
    """The job is paid for: errors here lead to asking again by id, never to another job."""
    status = None
    for delay in (1, 2, 4, 8, 16, 0):
        try:
            handle = fal_client.sync_client.get_handle(MODEL, job["id"])
            for status in handle.iter_events(interval=1):
                pass
            reply = handle.client.get(handle.response_url, timeout=60)  # not handle.get(): the headers are wanted
            if reply.status_code == 422 or (reply.status_code >= 400 and getattr(status, "error", None)):
                unbilled = args.mp if reply.status_code >= 500 else 0  # fal does not bill 5xx; a 422 it may
                state = "new" if unbilled else "failed"
                return note(job, state=state, mp=job["mp"] - unbilled, error=f"{reply.status_code}: {reply.text[:300]}")
            reply.raise_for_status()
            result = reply.json()
            units = reply.headers.get("x-fal-billable-units")
            if units and float(units) > args.mp and "units" not in job:
                note(job, mp=job["mp"] + float(units) - args.mp)
                halt(
                    f"fal billed image {number} as {units} units, not {args.mp}: {COUNT} images would cost "
                    f"${COUNT * Decimal(units) * PRICE:.2f}. To accept: --mp {math.ceil(float(units))} --max-cost USD"
                )
            note(job, units=units)
            if any(result.get("has_nsfw_concepts") or []):
                return note(job, state="flagged", error="blacked out by the safety checker")
            image = httpx.get(result["images"][0]["url"], follow_redirects=True, timeout=120)
            image.raise_for_status()  # the URL is temporary: download now
            delivered = save(number, image.content)
            return note(job, state="done", error=None, delivered=list(delivered))
        except (httpx.HTTPError, fal_client.FalClientHTTPError, OSError, ValueError) as error:
            note(job, error=repr(error))
        time.sleep(delay)


def run(number, prompt, args):
    job = jobs[str(number)]
    if job["state"] == "new":
        submit(number, job, prompt, args)
    if job["state"] == "submitted":
        collect(number, job, args)
        with lock:
            if job["state"] == "done":
                size = "{}x{}".format(*job["delivered"])
                print(f"{file_of(number).name}  delivered {size}, billed units {job['units'] or 'not shown'}")
            else:
                print(f"image {number}: {job['state']}, {job['error']}")


def report(args):
    states = {}
    for number, job in sorted((int(key), job) for key, job in jobs.items()):
        states.setdefault(job["state"], []).append(number)
    done = states.pop("done", [])
    print(f"\n{len(done)} of {COUNT} saved in {OUT}; committed ${spent():.2f} of at most ${args.max_cost:.2f}")
    resized = [n for n in done if tuple(jobs[str(n)]["delivered"]) != FINAL_SIZE]
    if resized:
        print(f"{len(resized)} were delivered in another size and brought to {FINAL_SIZE[0]}x{FINAL_SIZE[1]}")
    advice = {
        "new": "not made yet: run the program again",
        "submitted": "paid, not collected: run the program again, it is free",
        "sent": "no reply came, the job may exist: look at https://fal.ai/dashboard; --redo pays again",
        "flagged": "blacked out by the safety checker: change the prompt, then --redo (paid again)",
        "failed": "refused by the model: change the prompt, then --redo (paid again)",
    }
    for state, numbers in states.items():
        shown = " ".join(map(str, numbers[:12])) + (" ..." if len(numbers) > 12 else "")
        print(f"{state}: {len(numbers)} ({shown}): {advice[state]}")
    return len(done)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quote", action="store_true", help="print the arithmetic and leave")
    parser.add_argument("--first", type=int, default=COUNT, metavar="N", help="only images 1 to N")
    parser.add_argument("--redo", type=int, nargs="+", default=[], metavar="NUMBER", help="make these again; paid again")
    parser.add_argument("--max-cost", type=Decimal, metavar="USD", help="cap for all runs together (default: the quote)")
    parser.add_argument("--mp", type=int, default=MEGAPIXELS, help="megapixels billed per image (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=4, help="jobs at a time (default: %(default)s)")
    args = parser.parse_args()
    if args.max_cost is None:
        args.max_cost = COUNT * MEGAPIXELS * PRICE

    quote(args.mp)
    if not args.quote:
        try:
            fal_client.auth.fetch_auth_credentials()  # no key: stop before anything is noted
        except fal_client.auth.MissingCredentialsError:
            raise SystemExit("set FAL_KEY first: keys are made at https://fal.ai/dashboard/keys") from None
    if os.environ.get("FAL_KEY") and check_price() is False:
        raise SystemExit("fal's price is not the quoted one: set PRICE, and get the new sum approved")
    if args.quote:
        return

    prompts = [line.strip() for line in PROMPTS.read_text(encoding="utf-8").splitlines()]
    prompts = [line for line in prompts if line and not line.startswith("#")]
    if not prompts:
        raise SystemExit(f"{PROMPTS} has no prompts")
    OUT.mkdir(exist_ok=True)
    if STATE.exists():
        jobs.update(json.loads(STATE.read_text()))
    for number in range(1, COUNT + 1):
        job = jobs.setdefault(str(number), {"state": "new", "mp": 0, "redone": 0})
        if job["state"] == "done" and not file_of(number).exists():
            job["state"] = "submitted"  # collect it again: free
    for number in args.redo:
        job = jobs[str(number)]
        job.pop("units", None)
        job.update(state="new", redone=job["redone"] + 1)

    fal_client.client.MAX_ATTEMPTS = 1  # else the SDK repeats a submit whose reply was lost: two jobs, two bills
    numbers = args.redo or range(1, min(args.first, COUNT) + 1)
    pool = ThreadPoolExecutor(max_workers=args.workers)
    runs = [pool.submit(run, n, prompts[(n - 1) % len(prompts)], args) for n in numbers]
    try:
        for done in runs:
            done.result()
    except KeyboardInterrupt:
        halt("interrupted; jobs under way are kept, run the program again")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if report(args) < COUNT and not (args.first < COUNT or args.redo):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
