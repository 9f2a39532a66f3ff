#!/usr/bin/env python3
"""Generate a wallpaper pack with FLUX.1 [dev] on fal (fal-ai/flux/dev).

  python wallpapers.py quote          # the bill, no network, no cost
  python wallpapers.py run --limit 1  # buy image 1 only, show what fal metered
  python wallpapers.py run            # buy the rest; safe to stop and re-run
"""
import argparse
import io
import json
import math
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

ENDPOINT = "fal-ai/flux/dev"
QUEUE = "https://queue.fal.run"
COUNT = 250
FINAL_W, FINAL_H = 1920, 1080
# FLUX works on a 16-pixel grid and 1080 is not a multiple of 16 (67.5 x 16), so a
# 1080 request risks coming back as 1072. Ask for 1088, trim 4 rows top and bottom.
REQ_W, REQ_H = 1920, 1088
UNIT_PRICE = Decimal("0.025")  # USD per megapixel -- CHECK on the model page before buying
BASE_SEED = 20_000


def units(w, h, mp=1_000_000):
    return math.ceil(w * h / mp)


QUOTED_UNITS = units(REQ_W, REQ_H)  # 3: the higher of the two readings


def quote():
    print(f"{ENDPOINT}: ${UNIT_PRICE} per megapixel, each image rounded UP to a whole megapixel\n")
    for label, w, h in (("final size", FINAL_W, FINAL_H), ("requested", REQ_W, REQ_H)):
        print(f"{label:11}{w} x {h} = {w * h:,} px")
    for label, mp in (("1 MP = 1,000,000 px", 1_000_000), ("1 MP = 1,048,576 px", 1_048_576)):
        u = units(REQ_W, REQ_H, mp)
        each = u * UNIT_PRICE
        print(f"\n{label}: {REQ_W * REQ_H:,} / {mp:,} = {REQ_W * REQ_H / mp:.4f} -> {u} MP"
              f"\n  {u} x ${UNIT_PRICE} = ${each:.3f} per image;  {COUNT} x ${each:.3f} = ${COUNT * each:.2f}")


class Stop(Exception):
    """Something that would waste money if we carried on."""


class Ledger:
    """Append-only record of everything that may have cost money."""

    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()
        self.attempts, self.last, self.used, self.metered = {}, {}, 0, []
        if path.exists():
            for line in path.read_text().splitlines():
                if line.strip():
                    self._apply(json.loads(line))

    def _apply(self, e):
        n = e["n"]
        if e["event"] == "intent":
            self.attempts[n] = self.attempts.get(n, 0) + 1
            self.used += 1
        elif e["event"] == "rejected":  # fal never accepted it: not billable
            self.attempts[n] -= 1
            self.used -= 1
        if e.get("units") is not None:
            self.metered.append(e["units"])
        self.last[n] = e

    def _write(self, e):
        with self.path.open("a") as f:
            f.write(json.dumps(e) + "\n")
            f.flush()
            os.fsync(f.fileno())
        self._apply(e)

    def add(self, n, event, **kw):
        with self.lock:
            self._write({"n": n, "event": event, **kw})

    def reserve(self, n, cap):
        """Claim one paid request, or return None when the cap is reached."""
        with self.lock:
            if self.used >= cap:
                return None
            attempt = self.attempts.get(n, 0)
            self._write({"n": n, "event": "intent"})
            return attempt


def get(client, url, **kw):
    """GET is free and repeatable, so retry it."""
    import httpx
    for i in range(5):
        try:
            r = client.get(url, **kw)
            if r.status_code not in (408, 429, 502, 503, 504):
                return r
        except httpx.TransportError:
            if i == 4:
                raise
        time.sleep(2 ** i)
    return r


def submit(client, led, n, prompt, cap):
    """POST costs money: never repeat one unless fal certainly refused it.
    (fal_client.submit() retries POSTs after timeouts, so it is not used here.)"""
    import httpx
    for i in range(6):
        attempt = led.reserve(n, cap)
        if attempt is None:
            return None
        try:
            r = client.post(f"{QUEUE}/{ENDPOINT}", json={
                "prompt": prompt,
                "image_size": {"width": REQ_W, "height": REQ_H},
                "num_images": 1,
                "seed": BASE_SEED + n + 1000 * attempt,
                "output_format": "png",
            })
        except (httpx.ConnectError, httpx.ConnectTimeout) as e:
            led.add(n, "rejected", detail=repr(e))
            raise Stop(f"cannot reach fal: {e}")
        except httpx.TransportError as e:
            led.add(n, "unknown", detail=repr(e))
            return None
        if r.status_code == 429:
            led.add(n, "rejected", detail="429")
            time.sleep(2 ** i)
            continue
        if 400 <= r.status_code < 500:
            led.add(n, "rejected", detail=r.text[:500])
            raise Stop(f"fal refused the request: HTTP {r.status_code} {r.text[:300]}")
        if r.status_code >= 500:
            led.add(n, "unknown", detail=f"HTTP {r.status_code}")
            return None
        job = r.json()
        led.add(n, "submitted", request_id=job["request_id"],
                status_url=job["status_url"], response_url=job["response_url"])
        return led.last[n]
    raise Stop("fal keeps answering 429 (rate limited); try again later")


def fit(data):
    from PIL import Image
    im = Image.open(io.BytesIO(data)).convert("RGB")
    dx, dy = im.width - FINAL_W, im.height - FINAL_H
    if not (0 <= dx <= 16 and 0 <= dy <= 16):
        raise Stop(f"asked for {REQ_W}x{REQ_H}, got {im.width}x{im.height}: cannot be trimmed to "
                   f"{FINAL_W}x{FINAL_H}; stopped so no more money is spent")
    x, y = dx // 2, dy // 2
    return im.crop((x, y, x + FINAL_W, y + FINAL_H))


def one(client, plain, led, n, prompt, out, cap):
    target = out / f"wallpaper_{n:03d}.png"
    job = led.last.get(n)
    if not job or job["event"] != "submitted":  # otherwise: already paid for, only collect it
        job = submit(client, led, n, prompt, cap)
        if job is None:
            return
    deadline = time.time() + 900
    while True:
        r = get(client, job["status_url"])
        r.raise_for_status()
        if r.json().get("status") == "COMPLETED":
            break
        if time.time() > deadline:
            return  # stays 'submitted'; the next run collects it without paying again
        time.sleep(1)
    r = get(client, job["response_url"])
    if r.status_code in (401, 403, 429) or 502 <= r.status_code <= 504:
        raise Stop(f"HTTP {r.status_code} collecting image {n}; re-run later")
    raw = r.headers.get("x-fal-billable-units")
    metered = float(raw) if raw else None
    if r.status_code >= 400:
        led.add(n, "failed", units=metered, detail=r.text[:500])
        print(f"{n:03d} failed: HTTP {r.status_code} {r.text[:160]}")
        return
    res = r.json()
    if any(res.get("has_nsfw_concepts") or []):
        led.add(n, "flagged", units=metered)  # fal returns a black picture for these
        print(f"{n:03d} blocked by the safety checker (still billed), not saved")
    else:
        img = get(plain, res["images"][0]["url"])
        img.raise_for_status()
        im = fit(img.content)
        tmp = target.with_suffix(".part")
        im.save(tmp, "PNG")
        tmp.replace(target)
        led.add(n, "done", units=metered, seed=res.get("seed"), prompt=prompt)
        print(f"{n:03d} saved {target.name}  {im.width}x{im.height}  metered units: {raw or 'not reported'}")
    if metered is not None and metered > QUOTED_UNITS:
        raise Stop(f"fal metered {metered} units per image, the quote assumed {QUOTED_UNITS}")


def run(args):
    import httpx
    key = os.environ.get("FAL_KEY")
    if not key:
        sys.exit("FAL_KEY is not set")
    prompts = [p.strip() for p in Path(args.prompts).read_text(encoding="utf-8").splitlines()]
    prompts = [p for p in prompts if p and not p.startswith("#")]
    if not prompts:
        sys.exit("no prompts")
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    led = Ledger(out / "ledger.jsonl")
    if max(led.metered, default=0) > QUOTED_UNITS:
        sys.exit(f"fal metered {max(led.metered):g} units for one image, the quote assumed {QUOTED_UNITS}: "
                 "re-quote before buying more")

    def todo():
        return [n for n in range(1, COUNT + 1) if led.last.get(n, {}).get("event") != "done"]

    queue, stop = todo()[:args.limit], threading.Event()
    why = []

    def task(n):
        if stop.is_set():
            return
        try:
            one(client, plain, led, n, prompts[(n - 1) % len(prompts)], out, args.max_requests)
        except Stop as e:
            why.append(str(e))
            stop.set()
        except Exception as e:  # network trouble while collecting: the next run picks it up
            print(f"{n:03d} not finished: {e!r}")

    with httpx.Client(headers={"Authorization": f"Key {key}"}, timeout=120) as client, \
            httpx.Client(timeout=120, follow_redirects=True) as plain:  # no key sent to the image host
        if queue and not any(e["event"] == "done" for e in led.last.values()):
            task(queue.pop(0))  # the first image alone: checks size and price before the rest
            if not any(e["event"] == "done" for e in led.last.values()):
                stop.set()
                why.append(why.pop() if why else "the first image did not succeed")
        with ThreadPoolExecutor(args.workers) as pool:
            try:
                list(pool.map(task, queue))
            except KeyboardInterrupt:
                stop.set()
                why.append("interrupted")

    left = todo()
    print(f"\n{COUNT - len(left)}/{COUNT} images saved; {led.used} requests accepted (cap {args.max_requests}), "
          f"${led.used * QUOTED_UNITS * UNIT_PRICE:.3f} at the quoted rate")
    if led.metered:
        u = Decimal(str(led.metered[0]))
        print(f"fal reported {sum(led.metered):g} units so far = ${Decimal(str(sum(led.metered))) * UNIT_PRICE:.3f}; "
              f"at {u.normalize():f} per image, {COUNT} images = ${u * UNIT_PRICE * COUNT:.2f}")
    if why:
        sys.exit("STOPPED: " + "; ".join(why))
    if left and args.limit is None:
        print("missing:", ", ".join(f"{n:03d}" for n in left))
        if led.used >= args.max_requests:
            print("request cap reached: replacing the missing ones costs extra, "
                  f"re-run with --max-requests {led.used + len(left)} if that is approved")
        sys.exit(1)


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = ap.add_subparsers(dest="cmd", required=True)
    sub.add_parser("quote")
    p = sub.add_parser("run")
    p.add_argument("--limit", type=int, help="handle only this many unfinished images")
    p.add_argument("--max-requests", type=int, default=COUNT, help="hard spending cap, all runs together")
    p.add_argument("--workers", type=int, default=4)
    p.add_argument("--prompts", default="prompts.txt")
    p.add_argument("--out", default="wallpapers")
    a = ap.parse_args()
    quote() if a.cmd == "quote" else run(a)
