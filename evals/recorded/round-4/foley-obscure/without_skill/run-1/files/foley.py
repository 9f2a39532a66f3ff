#!/usr/bin/env python3
"""Text -> foley WAV on fal.

    export FAL_KEY=...
    python foley.py --list                          # live sound-effect models, newest first (free)
    python foley.py "wet leather glove gripping a steel rail" --dry-run     # payload + price (free)
    python foley.py "wet leather glove gripping a steel rail"               # -> sfx/....wav, 4.0 s

Several prompts in one call make several effects. Every paid effect is logged in <out>/costs.csv.
"""
import argparse
import csv
import datetime as dt
import io
import json
import math
import os
import re
import sys
import time
from pathlib import Path

import fal_client
import httpx
import numpy as np
import soundfile as sf

API = "https://api.fal.ai/v1"

# Without --model, in this order; the first one fal's catalogue calls active is used.
# fields/usd are only a fallback for when the live schema / live price cannot be read.
KNOWN = {
    "beatoven/sound-effect-generation": {
        "fields": {"prompt", "negative_prompt", "duration", "refinement", "creativity", "seed"},
        "usd": 0.10,
    },
    "cassetteai/sound-effects-generator": {"fields": {"prompt", "duration"}, "usd": 0.01},
}
NEGATIVE = "music, melody, drums, speech, voice, singing"
LENGTH_FIELDS = ("duration", "duration_seconds", "seconds_total", "seconds", "audio_duration")


def say(*a):
    print(*a, file=sys.stderr, flush=True)


def api_get(path, **params):
    """GET on fal's platform API: metadata and prices, never billed."""
    r = httpx.get(f"{API}{path}", params=params, timeout=30,
                  headers={"Authorization": f"Key {os.environ['FAL_KEY']}"})
    r.raise_for_status()
    return r.json()


# ---- catalogue: is the model alive, what does it accept, what does it cost ----

def catalogue(model):
    """Catalogue entry; {} = fal does not list it; None = the catalogue could not be read."""
    try:
        hits = api_get("/models", endpoint_id=model, expand="openapi-3.0").get("models", [])
    except httpx.HTTPStatusError as e:
        if e.response.status_code == 404:
            return {}
        say(f"! catalogue lookup failed (HTTP {e.response.status_code})")
        return None
    except httpx.HTTPError as e:
        say(f"! catalogue lookup failed ({e!r})")
        return None
    return next((m for m in hits if m.get("endpoint_id") == model), {})


def input_schema(entry):
    """{field: json-schema}, required fields; or None if the entry has no usable schema."""
    doc = (entry or {}).get("openapi") or {}

    def deref(node):
        while isinstance(node, dict) and "$ref" in node:
            target = doc
            for part in node["$ref"].lstrip("#/").split("/"):
                target = target[part]
            node = target
        return node

    try:
        for path in doc["paths"].values():
            if "post" in path:
                body = path["post"]["requestBody"]["content"]["application/json"]["schema"]
                body = deref(body)
                return {k: deref(v) for k, v in body["properties"].items()}, set(body.get("required", []))
    except (KeyError, TypeError):
        pass
    return None


def prices(models):
    """{model: (unit_price, unit, currency)}; empty if prices cannot be read with this key."""
    out = {}
    for i in range(0, len(models), 50):
        try:
            for p in api_get("/models/pricing", endpoint_id=models[i:i + 50]).get("prices", []):
                out[p["endpoint_id"]] = (p["unit_price"], p["unit"], p["currency"])
        except httpx.HTTPError as e:
            say(f"! live price not readable ({getattr(getattr(e, 'response', None), 'status_code', repr(e))})")
    return out


def estimate(price, seconds):
    """Expected cost of one effect, or None when the billing unit can't be predicted (e.g. GPU time)."""
    amount, unit, _ = price
    u = unit.lower()
    if re.search(r"compute|gpu|char|token|mb|megapixel", u):
        return None
    n = re.match(r"\s*(\d+)\s*(?:s|sec|seconds?|min|minutes?)\b", u)
    per = int(n.group(1)) if n else 1
    if re.search(r"\bmin", u):
        return amount * seconds / 60 / per
    if re.search(r"\b\d*\s*(s|secs?|seconds?)\b", u):
        return amount * seconds / per
    return amount  # per generation / request / audio


def choose(requested):
    """-> (model, catalogue entry or None)."""
    for model in [requested] if requested else list(KNOWN):
        entry = catalogue(model)
        if entry is None and model in KNOWN:
            say(f"! continuing with {model}'s known inputs")
            return model, None
        status = ((entry or {}).get("metadata") or {}).get("status")
        if entry and status != "deprecated":
            return model, entry
        say(f"! {model}: {'deprecated' if entry else 'not in the catalogue' if entry == {} else 'could not be checked'}")
    sys.exit("No usable model. See what is live with --list, then pass --model <id>. Nothing was charged.")


def payload_for(model, entry, prompt, seconds, seed):
    found = input_schema(entry)
    if found:
        props, required = found
    elif model in KNOWN:
        props, required = dict.fromkeys(KNOWN[model]["fields"], {}), {"prompt"}
    else:
        sys.exit(f"fal returned no input schema for {model}; refusing to guess. Nothing was charged.")

    text = next((f for f in ("prompt", "text") if f in props), None)
    if not text:
        sys.exit(f"{model} takes no text prompt (inputs: {', '.join(props)}).")
    args = {text: prompt}

    length = next((f for f in LENGTH_FIELDS if f in props), None)
    if length:
        args[length] = fit(props[length], seconds)
    else:
        say(f"! {model} has no length input; the result will be cut to {seconds:g} s")
    if "negative_prompt" in props:
        args["negative_prompt"] = NEGATIVE
    if seed is not None:
        if "seed" in props:
            args["seed"] = seed
        else:
            say(f"! {model} has no seed input; --seed ignored")
    for f in ("output_format", "format", "audio_format"):
        wav = [v for v in props.get(f, {}).get("enum", []) if "wav" in str(v).lower()]
        if wav:
            args[f] = wav[0]
    missing = {f for f in required - set(args) if "default" not in props.get(f, {})}
    if missing:
        sys.exit(f"{model} also needs {', '.join(sorted(missing))}: not a text-to-sound model. Nothing was charged.")
    return args, length and float(args[length])


def fit(spec, seconds):
    """The shortest length the model accepts that is >= seconds (it is trimmed afterwards)."""
    for s in (spec, *spec.get("anyOf", [])):
        if s.get("enum"):
            ok = sorted((v for v in s["enum"] if float(v) >= seconds), key=float)
            if not ok:
                sys.exit(f"Model's longest length is {max(s['enum'], key=float)} s.")
            return ok[0]
    specs = (spec, *spec.get("anyOf", []))
    low = max((s["minimum"] for s in specs if "minimum" in s), default=0)
    high = min((s["maximum"] for s in specs if "maximum" in s), default=math.inf)
    if seconds > high:
        sys.exit(f"Model's longest length is {high:g} s.")
    value = max(seconds, low)
    types = {s.get("type") for s in specs}
    if "number" not in types:      # integer, or unknown: whole seconds are always safe
        value = math.ceil(value)
    return int(value) if value == int(value) else value


# ---- the paid part ----

def generate(model, args, timeout):
    """Run the job once -> (result json, billable units or None, request id)."""
    handle = fal_client.SyncClient(key=os.environ["FAL_KEY"]).submit(model, args)
    say(f"  request {handle.request_id}")
    deadline = time.monotonic() + timeout
    while not isinstance(handle.status(), fal_client.Completed):
        if time.monotonic() > deadline:
            try:
                handle.cancel()
            except Exception:
                pass
            raise RuntimeError(f"no result after {timeout:g} s; cancel requested for {handle.request_id}")
        time.sleep(0.5)
    # read directly rather than with handle.get(): the header says what fal billed
    r = retry(lambda: handle.client.get(handle.response_url))
    if r.is_error:
        raise RuntimeError(f"HTTP {r.status_code}: {r.text[:500]}")
    try:
        units = float(r.headers["x-fal-billable-units"])
    except (KeyError, ValueError):
        units = None
    return r.json(), units, handle.request_id


def retry(call, n=4):
    for i in range(n):
        try:
            r = call()
            if r.status_code < 500 or i == n - 1:
                return r
        except httpx.TransportError:
            if i == n - 1:
                raise
        time.sleep(2 ** i)


def audio_url(result):
    for k in ("audio", "audio_file", "audio_url", "sound", "output", "audios"):
        v = result.get(k)
        v = v[0] if isinstance(v, list) and v else v
        v = v.get("url") if isinstance(v, dict) else v
        if isinstance(v, str) and v.startswith("http"):
            return v
    raise RuntimeError(f"no audio in the result: {json.dumps(result)[:500]}")


def save_wav(blob, path, seconds):
    """Decode whatever came back, cut to exactly `seconds`, write 24-bit PCM WAV."""
    src = sf.info(io.BytesIO(blob))
    data, rate = sf.read(io.BytesIO(blob), dtype="float32", always_2d=True)
    want, got = round(seconds * rate), len(data)
    if got > want:
        data = data[:want].copy()
        fade = min(round(0.02 * rate), want)
        data[-fade:] *= np.linspace(1, 0, fade, dtype="float32")[:, None]
    elif got < want:
        data = np.pad(data, ((0, want - got), (0, 0)))
        if want - got > 0.1 * rate:
            say(f"! source was only {got / rate:.2f} s; padded with silence")
    peak = float(np.abs(data).max())
    if peak > 1:
        data /= peak
    if peak < 0.001:
        say("! the result is practically silent (peak below -60 dBFS)")
    if src.format not in ("WAV", "WAVEX", "FLAC", "AIFF"):
        say(f"! model returned {src.format}: the WAV holds lossy audio")
    sf.write(path, data, rate, subtype="PCM_24", format="WAV")
    return rate, data.shape[1]


def list_models(seconds):
    rows = {}
    for params in ({"q": "sound effect"}, {"q": "sfx"}, {"q": "foley"}, {"category": "text-to-audio"}):
        cursor = None
        for _ in range(5):
            page = api_get("/models", status="active", limit=50, **params, **({"cursor": cursor} if cursor else {}))
            for m in page.get("models", []):
                meta = m.get("metadata") or {}
                blurb = f"{m['endpoint_id']} {meta.get('display_name')} {meta.get('description')}".lower()
                from_media = re.match(r"(video|image|audio|speech)-to", meta.get("category") or "")
                if not from_media and re.search(r"sound.?effect|sfx|foley|text.to.(audio|sound)|sound generation", blurb):
                    rows[m["endpoint_id"]] = meta
            cursor = page.get("next_cursor")
            if not cursor:
                break
    cost = prices(list(rows))
    for model, meta in sorted(rows.items(), key=lambda r: r[1].get("date") or "", reverse=True):
        price = cost.get(model)
        each = estimate(price, seconds) if price else None
        print(f"{(meta.get('date') or '?')[:10]}  {model:<48} "
              f"{f'{price[0]:g} {price[2]}/{price[1]}' if price else 'price ?':<26}"
              f"{f'~{each:.4f} per {seconds:g} s' if each is not None else ''}\n"
              f"            {(meta.get('description') or '')[:110]}")
    if not rows:
        say("Nothing matched.")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("prompts", nargs="*", metavar="PROMPT")
    ap.add_argument("-s", "--seconds", type=float, default=4.0)
    ap.add_argument("-o", "--out", type=Path, default=Path("sfx"))
    ap.add_argument("-m", "--model", help="any text-to-sound model on fal (default: %s)" % next(iter(KNOWN)))
    ap.add_argument("--seed", type=int)
    ap.add_argument("--max-cost", type=float, default=0.25, help="refuse an effect estimated above this (default 0.25)")
    ap.add_argument("--timeout", type=float, default=300)
    ap.add_argument("--dry-run", action="store_true", help="show model, payload and price; spend nothing")
    ap.add_argument("--list", action="store_true", help="live sound-effect models, newest first; spend nothing")
    a = ap.parse_args()

    if not os.environ.get("FAL_KEY"):
        sys.exit("FAL_KEY is not set (https://fal.ai/dashboard/keys).")
    if a.list:
        return list_models(a.seconds)
    if not a.prompts:
        ap.error("give at least one PROMPT, or --list")
    if not 0.5 <= a.seconds <= 30:
        ap.error("--seconds must be 0.5 to 30")

    model, entry = choose(a.model)
    jobs = [(p, *payload_for(model, entry, p, a.seconds, a.seed)) for p in a.prompts]
    price = prices([model]).get(model)
    cur = price[2] if price else "USD"
    if price:
        each = estimate(price, jobs[0][2] or a.seconds)
        say(f"{model}: {price[0]:g} {cur} per {price[1]}, " +
            (f"about {each:.4f} {cur} per effect" if each is not None else "cost per effect known only after the run"))
    else:
        each = KNOWN.get(model, {}).get("usd")
        say(f"{model}: " + (f"assuming {each:.2f} USD per effect (remembered, not live)" if each else "price unknown"))
    if a.dry_run:
        for _, args, _ in jobs:
            print(json.dumps(args, indent=2))
        return
    if each is None:
        say("! --max-cost cannot be checked for this model")
    elif each > a.max_cost:
        sys.exit(f"Over --max-cost {a.max_cost:g}. Nothing was charged.")

    a.out.mkdir(parents=True, exist_ok=True)
    total, failed = 0.0, 0
    for prompt, args, _ in jobs:
        say(f"> {prompt}")
        try:
            result, units, rid = generate(model, args, a.timeout)
        except (fal_client.FalClientError, httpx.HTTPError, RuntimeError) as e:
            say(f"  FAILED: {e}\n  (if a request id is shown above, check https://fal.ai/dashboard before re-running)")
            failed += 1
            continue
        # Log the spend before touching the audio: it is charged whatever happens next.
        cost, basis = (units * price[0], "billed") if price and units is not None else (each, "estimate")
        total += cost or 0
        shown = f"{cost:.4f} {cur} ({basis})" if cost is not None else "unknown"
        slug = re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:50] or "effect"
        path = a.out / f"{slug}-{rid[:8]}.wav"
        ledger = a.out / "costs.csv"
        new = not ledger.exists()
        with ledger.open("a", newline="") as f:
            w = csv.writer(f)
            if new:
                w.writerow(["time", "file", "prompt", "model", "seconds", "cost", "currency", "basis", "request_id"])
            w.writerow([dt.datetime.now().isoformat(timespec="seconds"), path.name, prompt, model, a.seconds,
                        "" if cost is None else f"{cost:.6f}", cur, basis if cost is not None else "unknown", rid])
        try:
            url = audio_url(result)
            r = retry(lambda: httpx.get(url, timeout=60, follow_redirects=True))
            r.raise_for_status()
            rate, ch = save_wav(r.content, path, a.seconds)
        except (httpx.HTTPError, RuntimeError, sf.LibsndfileError) as e:
            say(f"  cost {shown}, but saving FAILED: {e}\n  result: {json.dumps(result)[:500]}")
            failed += 1
            continue
        print(f"{path}  {a.seconds:g} s  {rate} Hz  {ch} ch  24-bit  cost {shown}")
    if len(jobs) > 1:
        say(f"total {total:.4f} {cur}, {len(jobs) - failed} of {len(jobs)} saved")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
