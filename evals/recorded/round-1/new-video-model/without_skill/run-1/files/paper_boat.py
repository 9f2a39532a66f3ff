#!/usr/bin/env python3
"""Paper boat in a rain gutter: 8 s, 9:16, 480P, MiniMax H3 text-to-video on fal.

    pip install fal-client
    export FAL_KEY=...
    python paper_boat.py --check          # free: compare the request with fal's live schema
    python paper_boat.py                  # generates one paid clip -> paper_boat.mp4
    python paper_boat.py --resume ID      # fetch a clip already paid for, after a crash
"""
import argparse
import sys
from pathlib import Path

import fal_client
import httpx

ENDPOINT = "minimax/h3/text-to-video"  # no "fal-ai/" prefix
USD_PER_SECOND = {"480P": 0.05, "768P": 0.06, "2K": 0.13, "4K": 0.16}

ARGS = {
    "prompt": (
        "A small folded white paper boat drifts down a flooded street gutter in heavy rain. "
        "The camera tracks alongside it at water level, close up. Fast brown runoff carries the "
        "boat along the stone curb; it bobs, spins slowly and catches briefly on a wet leaf before "
        "the current pulls it free. Raindrops splash and ripple all around it, the paper darkening "
        "as it soaks. Overcast light, blurred reflections on wet asphalt, shallow depth of field, "
        "one continuous shot."
    ),
    "duration": 8,  # integer seconds
    "aspect_ratio": "9:16",
    "resolution": "480P",  # capital P; leaving this out gives 2K at 2.6x the price
}


def variants(schema, components):
    """A property's schema with $ref / anyOf / oneOf / allOf unfolded."""
    if "$ref" in schema:
        schema = {**components[schema["$ref"].rsplit("/", 1)[-1]],
                  **{k: v for k, v in schema.items() if k != "$ref"}}
    subs = [s for key in ("anyOf", "oneOf", "allOf") for s in schema.get(key, [])]
    return [schema] if not subs else [v for s in subs for v in variants(s, components)]


def accepts(schema, value):
    if schema.get("type") == "null":
        return False
    if "const" in schema:
        return schema["const"] == value
    if "enum" in schema:
        return value in schema["enum"]
    if schema.get("type") == "string":
        return isinstance(value, str) and len(value) <= schema.get("maxLength", len(value))
    if schema.get("type") in ("integer", "number"):
        return (isinstance(value, (int, float))
                and schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def check():
    """Compare ARGS with the schema fal publishes. Free, needs no key. Returns a list of problems."""
    r = httpx.get("https://fal.ai/api/openapi/queue/openapi.json",
                  params={"endpoint_id": ENDPOINT}, timeout=30, follow_redirects=True)
    r.raise_for_status()
    spec = r.json()
    components = spec["components"]["schemas"]
    body = spec["paths"][f"/{ENDPOINT}"]["post"]["requestBody"]
    schema = variants(body["content"]["application/json"]["schema"], components)[0]
    props = schema["properties"]
    problems = []
    for name, value in ARGS.items():
        if name not in props:
            problems.append(f"no input named {name!r}; the inputs are {sorted(props)}")
            continue
        options = variants(props[name], components)
        if not any(accepts(o, value) for o in options):
            problems.append(f"{name}={value!r} is not accepted; schema: {options}")
    problems += [f"required input {n!r} is missing" for n in schema.get("required", []) if n not in ARGS]
    return problems


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true", help="only check the request against the live schema (free)")
    p.add_argument("--skip-check", action="store_true", help="generate without the schema check")
    p.add_argument("--resume", metavar="ID", help="fetch an earlier request instead of paying for a new one")
    p.add_argument("-o", "--out", type=Path, default=Path("paper_boat.mp4"))
    a = p.parse_args()

    price = ARGS["duration"] * USD_PER_SECOND[ARGS["resolution"]]

    if a.check or not (a.resume or a.skip_check):
        try:
            problems = check()
        except (httpx.HTTPError, ValueError, KeyError, IndexError) as e:
            sys.exit(f"Could not read fal's schema for {ENDPOINT}: {e!r}\n"
                     f"Nothing was submitted. Look at https://fal.ai/models/{ENDPOINT}/api, "
                     "then use --skip-check to generate anyway.")
        if problems:
            sys.exit("The request does not match fal's live schema; nothing was submitted:\n  - "
                     + "\n  - ".join(problems))
        print(f"Schema check passed. Expected price ${price:.2f}.")
        if a.check:
            return

    try:
        if a.resume:
            handle = fal_client.SyncClient().get_handle(ENDPOINT, a.resume)
        else:
            handle = fal_client.submit(ENDPOINT, arguments=ARGS)
            print(f"Submitted, request id {handle.request_id} (expected price ${price:.2f})", flush=True)

        last = None
        for event in handle.iter_events(interval=3):
            if type(event).__name__ != last:
                last = type(event).__name__
                print(last, flush=True)
        url = handle.get()["video"]["url"]
    except fal_client.FalClientHTTPError as e:
        sys.exit(f"fal returned HTTP {e.status_code}: {e}")

    print(url)
    part = a.out.with_name(a.out.name + ".part")
    with httpx.stream("GET", url, timeout=120, follow_redirects=True) as r:
        r.raise_for_status()
        with part.open("wb") as f:
            for chunk in r.iter_bytes():
                f.write(chunk)
    part.replace(a.out)
    print(f"Saved {a.out} ({a.out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
