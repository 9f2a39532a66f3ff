#!/usr/bin/env python3
"""Train a FLUX.2 [dev] style LoRA on fal from style.zip, then make one test image.

    python style_lora.py check          free, offline: validates style.zip
    python style_lora.py train          uploads + queues the job (paid), then exits
    --- close the laptop, training runs on fal ---
    python style_lora.py finish         not ready: says so.  ready: saves LoRA + test image
    python style_lora.py finish --wait  same, but keeps polling

Job ids are kept in run/training.json and run/image.json. While such a file exists the
job is never submitted a second time unless you ask for it (--again / --new-image).
"""
import argparse
import hashlib
import io
import json
import os
import sys
import time
import zipfile
from pathlib import Path, PurePosixPath

import fal_client
import httpx
from PIL import Image, ImageOps

# ------------------------------------------------------------------ settings
HERE = Path(__file__).resolve().parent
STYLE_ZIP = HERE / "style.zip"
RUN = HERE / "run"

EXPECTED_IMAGES = 24
MIN_SIDE = 512            # shorter side, px. Below this there is little to learn from
MAX_SIDE = 2048           # larger drawings are scaled down for the upload

STEPS = 1000
TRIGGER = "mydrw style"   # made-up word so that it does not collide with a known style
DEFAULT_CAPTION = f"a drawing in {TRIGGER}"   # for drawings without a NAME.txt caption
TEST_PROMPT = f"a lighthouse on a cliff with a small boat below, a drawing in {TRIGGER}"

TRAINER = "fal-ai/flux-2-trainer"
GENERATOR = "fal-ai/flux-2/lora"
USD_PER_STEP = 0.008      # from memory; `train` shows fal's live price when it can

QUEUE = "https://queue.fal.run/"
IMAGE_EXT = {".png", ".jpg", ".jpeg", ".webp"}


# ------------------------------------------------------------------ dataset
def build_dataset():
    """Read style.zip -> (problems, notes, bytes of a clean zip)."""
    problems, notes = [], []
    images, captions, ignored, seen = {}, {}, [], {}
    try:
        src = zipfile.ZipFile(STYLE_ZIP)
    except (OSError, zipfile.BadZipFile) as e:
        return [f"cannot open {STYLE_ZIP.name}: {e}"], notes, b""

    with src:
        for info in src.infolist():
            p = PurePosixPath(info.filename)
            if info.is_dir() or "__MACOSX" in p.parts or p.name.startswith("."):
                continue
            ext, key = p.suffix.lower(), str(p.with_suffix(""))
            if ext == ".txt":
                captions[key] = src.read(info).decode("utf-8-sig", "replace").strip()
                continue
            if ext not in IMAGE_EXT:
                ignored.append(info.filename)
                continue
            try:
                im = Image.open(io.BytesIO(src.read(info)))
                im.load()
            except Exception as e:
                problems.append(f"{info.filename}: unreadable image ({e})")
                continue
            if key in images:
                problems.append(f"{info.filename}: another image has the same name")
                continue
            im = ImageOps.exif_transpose(im).convert("RGBA")
            if min(im.size) < MIN_SIDE:
                problems.append(f"{info.filename}: {im.width}x{im.height}px, "
                                f"shorter side is below {MIN_SIDE}px")
            # transparent drawings would otherwise end up on black
            flat = Image.new("RGB", im.size, "white")
            flat.paste(im, mask=im.getchannel("A"))
            digest = hashlib.sha256(repr(flat.size).encode() + flat.tobytes()).hexdigest()
            if digest in seen:
                problems.append(f"{info.filename}: identical to {seen[digest]}")
            seen.setdefault(digest, info.filename)
            flat.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
            images[key] = flat

    if len(images) != EXPECTED_IMAGES:
        problems.insert(0, f"{len(images)} usable images, expected {EXPECTED_IMAGES}")
    if ignored:
        notes.append("not uploaded (neither image nor .txt caption): " + ", ".join(ignored))
    captioned = [k for k in images if captions.get(k)]
    notes.append(f"{len(captioned)} of {len(images)} images have their own caption; "
                 f"the others get {DEFAULT_CAPTION!r}")

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        for i, (key, im) in enumerate(sorted(images.items()), 1):
            buf = io.BytesIO()
            im.save(buf, "PNG")
            z.writestr(f"{i:03d}.png", buf.getvalue())
            text = captions.get(key) or DEFAULT_CAPTION
            if TRIGGER not in text:
                text = f"{text.rstrip('.,')}, a drawing in {TRIGGER}"
            z.writestr(f"{i:03d}.txt", text)
    return problems, notes, out.getvalue()


def check():
    problems, notes, data = build_dataset()
    for n in notes:
        print("note:   ", n)
    for p in problems:
        print("PROBLEM:", p)
    print("style.zip is", "NOT ready" if problems else "ready",
          f"({len(data) / 1e6:.1f} MB to upload)")
    return problems, data


# ------------------------------------------------------------------ fal helpers
def client():
    key = os.environ.get("FAL_KEY", "").strip()
    if not key:
        sys.exit("FAL_KEY is not set (create one at https://fal.ai/dashboard/keys).")
    return fal_client.SyncClient(key=key)


def auth():
    return {"Authorization": f"Key {os.environ['FAL_KEY'].strip()}"}


def write(path, data):
    tmp = path.with_name(path.name + ".tmp")
    tmp.write_text(json.dumps(data, indent=2))
    tmp.replace(path)


def archive(path):
    if path.exists():
        path.replace(path.with_name(f"{path.stem}.{int(time.time())}.old.json"))


def check_schema(endpoint, arguments):
    """Compare our argument names with fal's published schema. None = could not check."""
    try:
        r = httpx.get("https://fal.ai/api/openapi/queue/openapi.json",
                      params={"endpoint_id": endpoint}, timeout=20, follow_redirects=True)
        r.raise_for_status()
        doc = r.json()
        body = doc["paths"]["/" + endpoint]["post"]["requestBody"]
        ref = body["content"]["application/json"]["schema"]["$ref"]
        schema = doc["components"]["schemas"][ref.rsplit("/", 1)[1]]
        known, required = set(schema["properties"]), set(schema.get("required", []))
    except Exception:
        return None
    return ([f"{endpoint} does not know {k!r}" for k in arguments if k not in known]
            + [f"{endpoint} requires {k!r}" for k in required if k not in arguments])


def live_price(endpoint):
    try:
        r = httpx.get("https://api.fal.ai/v1/models/pricing",
                      params={"endpoint_id": endpoint}, headers=auth(), timeout=20)
        r.raise_for_status()
        p = r.json()["prices"][0]
        return f"{p['unit_price']} {p.get('currency', 'USD')} per {p['unit']}"
    except Exception:
        return None


def submit_once(endpoint, arguments, path):
    """Queue one job with exactly one POST.

    Not fal_client.submit(): that repeats the POST (up to 10 times) after a timeout or a
    dropped connection, and each POST that did arrive is a separate, billed job.
    """
    RUN.mkdir(exist_ok=True)
    record = {"endpoint": endpoint, "request_id": None, "arguments": arguments,
              "started": time.strftime("%Y-%m-%d %H:%M:%S")}
    try:
        with open(path, "x") as f:      # "x": two simultaneous runs cannot both pass
            json.dump(record, f, indent=2)
    except FileExistsError:
        sys.exit(f"{path} already exists, not submitting again.")
    try:
        r = httpx.post(QUEUE + endpoint, json=arguments, headers=auth(), timeout=120)
    except (httpx.ConnectError, httpx.ConnectTimeout) as e:
        path.unlink()                   # never reached fal
        sys.exit(f"Could not reach fal ({e!r}). Nothing was submitted; run it again.")
    except httpx.HTTPError as e:
        sys.exit(f"Connection broke during the submit ({e!r}).\n" + unknown_help(path))
    if 400 <= r.status_code < 500 and r.status_code != 408:
        path.unlink()                   # rejected
        sys.exit(f"fal rejected the request: HTTP {r.status_code} {r.text[:500]}")
    try:
        r.raise_for_status()
        record["request_id"] = r.json()["request_id"]
    except (httpx.HTTPError, ValueError, KeyError):
        sys.exit(f"Unexpected answer: HTTP {r.status_code} {r.text[:500]}\n"
                 + unknown_help(path))
    write(path, record)
    return record


def unknown_help(path):
    again = "train --again" if path.stem == "training" else "finish --new-image"
    return ("fal may or may not have the job. Look at https://fal.ai/dashboard/requests :\n"
            f"  it is there      -> python style_lora.py adopt {path.stem} REQUEST_ID\n"
            f"  it is not there  -> python style_lora.py {again}")


def collect(c, path, wait):
    """Result of the job in `path`, or None if it is not finished yet."""
    record = json.loads(path.read_text())
    if record.get("result"):
        return record["result"]
    if not record["request_id"]:
        sys.exit(f"{path.name}: submitted without a recorded request id.\n" + unknown_help(path))
    handle = c.get_handle(record["endpoint"], record["request_id"])
    last = None
    while True:
        try:
            s = handle.status(with_logs=True)
        except httpx.TransportError as e:
            if not wait:
                sys.exit(f"Could not reach fal ({e!r}). The job is unaffected; try again later.")
            s, line = None, "offline, retrying"      # e.g. the laptop was asleep
        if isinstance(s, fal_client.Completed):
            break
        if isinstance(s, fal_client.Queued):
            line = f"queued, position {s.position}"
        elif s is not None:
            logs = [entry.get("message", "") for entry in s.logs or []]
            line = "running" + (f": {logs[-1]}" if logs else "")
        if line != last:
            print(f"[{time.strftime('%H:%M:%S')}] {path.stem} {line}", flush=True)
            last = line
        if not wait:
            return None
        time.sleep(15)
    again = "train --again" if path.stem == "training" else "finish --new-image"
    if s.error:
        sys.exit(f"{path.stem} failed on fal: {s.error}\nTo submit it anew: {again}")
    try:
        record["result"] = handle.get()
    except fal_client.FalClientHTTPError as e:
        sys.exit(f"{path.stem}: no result, HTTP {e.status_code}: {e}\n"
                 f"Run the same command once more; if it stays, submit it anew: {again}")
    write(path, record)
    return record["result"]


def download(url, dest):
    part = dest.with_name(dest.name + ".part")
    with httpx.stream("GET", url, timeout=120, follow_redirects=True) as r:
        r.raise_for_status()
        with open(part, "wb") as f:
            for chunk in r.iter_bytes(1 << 20):
                f.write(chunk)
    part.replace(dest)


def lora_url(result):
    f = result.get("diffusers_lora_file")
    if isinstance(f, dict) and f.get("url"):
        return f["url"]
    for v in result.values():           # in case fal renamed the field
        if isinstance(v, dict) and ".safetensors" in str(v.get("url")):
            return v["url"]
    sys.exit(f"No LoRA file in the training result, see {RUN / 'training.json'}")


# ------------------------------------------------------------------ commands
def cmd_train(args):
    path = RUN / "training.json"
    if path.exists() and not args.again:
        rid = json.loads(path.read_text())["request_id"]
        sys.exit(f"Already submitted (request {rid}). Use: finish"
                 if rid else unknown_help(path))
    problems, data = check()
    if problems:
        sys.exit("Not submitting: fix style.zip first (or change the limits at the top).")
    c = client()
    arguments = {"image_data_url": "", "steps": STEPS, "default_caption": DEFAULT_CAPTION}
    bad = check_schema(TRAINER, arguments)
    if bad:
        sys.exit("Not submitting: " + "; ".join(bad))
    if bad is None:
        print("note:    could not fetch fal's schema, argument names are unchecked")
    print(f"price:   {STEPS} steps, estimated ${STEPS * USD_PER_STEP:.2f}; "
          f"live price: {live_price(TRAINER) or 'not available, see the model page'}")
    if not args.yes and input("Submit this paid job? [y/N] ").strip().lower() != "y":
        sys.exit("Nothing submitted.")

    RUN.mkdir(exist_ok=True)
    dataset = RUN / "dataset.zip"
    dataset.write_bytes(data)
    print("uploading ...", flush=True)
    arguments["image_data_url"] = c.upload_file(
        dataset, lifecycle=fal_client.StorageSettings(expires_in="7d"))
    if args.again:
        for name in ("training.json", "image.json"):
            archive(RUN / name)
        for name in ("style_lora.safetensors", "test.png"):
            if (RUN / name).exists():
                (RUN / name).replace(RUN / f"old_{int(time.time())}_{name}")
    record = submit_once(TRAINER, arguments, path)
    print(f"Training queued, request {record['request_id']}.\n"
          "You can close the laptop now. Later: python style_lora.py finish")


def cmd_finish(args):
    c = client()
    tpath, ipath = RUN / "training.json", RUN / "image.json"
    if not tpath.exists():
        sys.exit("No training submitted yet. Use: train")
    result = collect(c, tpath, args.wait)
    if result is None:
        return print("Not finished yet. Come back later.")
    url, lora = lora_url(result), RUN / "style_lora.safetensors"
    if not lora.exists():
        print("downloading the LoRA ...", flush=True)
        download(url, lora)
    print(f"LoRA: {lora} ({lora.stat().st_size / 1e6:.0f} MB)")

    if args.new_image:
        archive(ipath)
        if (RUN / "test.png").exists():
            (RUN / "test.png").replace(RUN / f"old_{int(time.time())}_test.png")
    if not ipath.exists():
        try:                            # fal may have expired the file in the meantime
            alive = httpx.head(url, timeout=30, follow_redirects=True).is_success
        except httpx.HTTPError:
            alive = False
        if not alive:
            print("LoRA no longer on fal's storage, uploading the local copy ...", flush=True)
            url = c.upload_file(lora)
        arguments = {"prompt": args.prompt, "loras": [{"path": url, "scale": args.scale}],
                     "image_size": "square_hd", "num_images": 1,
                     "seed": 42, "output_format": "png"}
        bad = check_schema(GENERATOR, arguments)
        if bad:
            sys.exit("Not submitting the image: " + "; ".join(bad))
        submit_once(GENERATOR, arguments, ipath)
    image = collect(c, ipath, wait=True)
    if any(image.get("has_nsfw_concepts") or []):
        print("WARNING: fal's safety checker flagged the image, it may be black.")
    out = RUN / "test.png"
    if not out.exists():
        download(image["images"][0]["url"], out)
    print(f"Test image: {out}")


def cmd_adopt(args):
    path = RUN / f"{args.job}.json"
    record = json.loads(path.read_text())
    if record["request_id"]:
        sys.exit(f"{path.name} already has request {record['request_id']}.")
    write(path, {**record, "request_id": args.request_id})
    print("Recorded. Use: finish")


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="cmd", required=True)
    sub.add_parser("check")
    t = sub.add_parser("train")
    t.add_argument("--yes", action="store_true", help="do not ask before submitting")
    t.add_argument("--again", action="store_true", help="submit (and pay) a new training")
    f = sub.add_parser("finish")
    f.add_argument("--wait", action="store_true")
    f.add_argument("--new-image", action="store_true", help="generate (and pay) another image")
    f.add_argument("--prompt", default=TEST_PROMPT)
    f.add_argument("--scale", type=float, default=1.0, help="LoRA strength")
    a = sub.add_parser("adopt")
    a.add_argument("job", choices=["training", "image"])
    a.add_argument("request_id")
    args = p.parse_args()
    if args.cmd == "check":
        sys.exit(1 if check()[0] else 0)
    try:
        {"train": cmd_train, "finish": cmd_finish, "adopt": cmd_adopt}[args.cmd](args)
    except (httpx.HTTPError, fal_client.FalClientHTTPError) as e:
        # submits handle their own errors, so what ends up here is safe to repeat
        sys.exit(f"{args.cmd} stopped: {type(e).__name__}: {e}\nRun the same command again.")


if __name__ == "__main__":
    main()
