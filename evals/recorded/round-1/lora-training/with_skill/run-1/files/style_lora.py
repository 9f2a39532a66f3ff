# /// script
# requires-python = ">=3.10"
# dependencies = ["fal-client>=1.0.3,<2", "httpx", "pillow"]
# ///
"""Train a FLUX.2 style LoRA on fal from style.zip, then make one test image with it.

    python style_lora.py check     look at style.zip: no key, no cost
    python style_lora.py price     today's prices from fal: no cost
    python style_lora.py start     upload, submit the training, save its id, exit: PAYS for the training
    -- close the laptop --
    python style_lora.py status    look once at the training
    python style_lora.py finish    wait, download the LoRA, make the test image: PAYS for one image

The ids are kept in train-job.json and test-job.json. While those files exist, nothing is submitted (and
paid) a second time, however often you run or interrupt a command. FAL_KEY must be in the environment.
"""
import argparse
import json
import os
import time
import zipfile
from pathlib import Path, PurePosixPath

import fal_client
import httpx
from PIL import Image

HERE = Path(__file__).resolve().parent
ARCHIVE = HERE / "style.zip"
EXPECTED_IMAGES = 24
MIN_SIDE = 512  # my threshold for a warning, not a documented limit of fal

TRAINER = "fal-ai/flux-2-trainer"
STEPS = 1000
# The caption of every drawing without its own .txt; "zqstyle" is a word the model does not know yet.
CAPTION = "a drawing in zqstyle style"
TRAIN_JOB, LORA_FILE = HERE / "train-job.json", HERE / "style-lora.safetensors"

GENERATOR = "fal-ai/flux-2/lora"
PROMPT = "a lighthouse on a cliff at dusk, a drawing in zqstyle style"
TEST_JOB = HERE / "test-job.json"


# --- job files: written before and after each submission ---------------------------------------------

def write_job(path, job):
    part = path.with_suffix(".part")
    part.write_text(json.dumps(job, indent=2))
    os.replace(part, path)


def read_job(path):
    """The job's record, or None if none was started."""
    if not path.exists():
        return None
    text = path.read_text()
    job = json.loads(text) if text else {}
    if not job.get("request_id"):
        raise SystemExit(
            f"A submission got no clear reply, so a (billed) job may exist. Look for it on https://fal.ai/dashboard.\n"
            f'It is there:     write {{"request_id": "THE-ID"}} into {path.name} and run this again.\n'
            f"It is not there: delete {path.name} and run this again."
        )
    return job


def submit_once(path, slug, arguments):
    """Submit one job, never twice. fal has no idempotency key, so the SDK's own retries are off here."""
    fal_client.auth.fetch_auth_credentials()  # no key: stop before the job file is made
    with path.open("x"):  # an empty job file means "sending"; "x" also stops a second copy of this program
        pass
    attempts, fal_client.client.MAX_ATTEMPTS = fal_client.client.MAX_ATTEMPTS, 1
    try:
        handle = fal_client.submit(slug, arguments=arguments)
    except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
        not_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
        if not_sent or getattr(error, "status_code", 500) < 500:
            path.unlink()  # nothing was sent, or fal refused it: no job was made
            raise SystemExit(f"Not submitted, nothing to pay: {describe(error)}")
        print(describe(error))
        read_job(path)  # explains what to do, and exits
    finally:
        fal_client.client.MAX_ATTEMPTS = attempts
    job = {"slug": slug, "request_id": handle.request_id, "arguments": arguments}
    write_job(path, job)
    return job


def describe(error):
    detail = getattr(error, "message", None) or error
    if isinstance(detail, list):
        detail = "; ".join(f"{problem.get('loc')}: {problem.get('msg')}" for problem in detail)
    return f"{type(error).__name__} {getattr(error, 'status_code', '')} {detail}"


def collect(path, slug, job, interval):
    """Wait for a job and return its result. Asks again by id when the network drops; never resubmits."""
    if "result" in job:
        return job["result"]
    handle = fal_client.sync_client.get_handle(slug, job["request_id"])
    status = shown = None
    for delay in (2, 5, 15, 30, 60, None):
        try:
            for status in handle.iter_events(interval=interval):
                if type(status).__name__ != shown:
                    shown = type(status).__name__
                    print(f"{slug}: {shown}", flush=True)
            job["result"] = handle.get(interval=interval)
            write_job(path, job)
            return job["result"]
        except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
            code = getattr(error, "status_code", None)
            if code == 422 or (code and getattr(status, "error", None)):
                raise SystemExit(f"The job failed: {describe(error)}\nMend the cause, then delete {path.name} to start anew.")
            if delay is None or (code and code < 500):
                raise SystemExit(f"{describe(error)}\nThe job {job['request_id']} is kept: run the same command again.")
            print(f"{describe(error)} - asking again in {delay} s", flush=True)
        time.sleep(delay)


def download(url, file):
    part = file.with_name(file.name + ".part")
    with httpx.stream("GET", url, follow_redirects=True, timeout=120) as response:
        response.raise_for_status()
        with part.open("wb") as out:
            for chunk in response.iter_bytes():
                out.write(chunk)
    os.replace(part, file)  # a broken download never looks like a whole one
    print("saved", file.name, f"({file.stat().st_size:,} bytes)")


# --- commands ----------------------------------------------------------------------------------------

def check_archive():
    """Print what is in style.zip; return the problems that should stop a paid training."""
    images, captions, problems = [], set(), []
    with zipfile.ZipFile(ARCHIVE) as archive:
        for name in archive.namelist():
            path = PurePosixPath(name)
            suffix = path.suffix.lower()
            if name.endswith("/"):
                continue
            if path.parts[0] == "__MACOSX" or path.name.startswith("."):
                problems.append(f"{name}: a leftover of macOS; remove it (zip -d style.zip '{name}')")
            elif suffix in (".png", ".jpg", ".jpeg", ".webp"):
                images.append(path)
                try:
                    with archive.open(name) as file, Image.open(file) as image:
                        image.load()
                        size = image.size
                except Exception as error:
                    problems.append(f"{name}: cannot be read as an image ({error})")
                    continue
                if min(size) < MIN_SIDE:
                    problems.append(f"{name}: only {size[0]}x{size[1]} pixels")
            elif suffix == ".txt":
                captions.add(path.with_suffix(""))
            else:
                print(f"note: {name} is neither an image nor a caption; better left out")
    own = sum(image.with_suffix("") in captions for image in images)
    print(f"{ARCHIVE.name}: {len(images)} images, {own} with their own caption")
    if len(images) != EXPECTED_IMAGES:
        problems.insert(0, f"{len(images)} images, not {EXPECTED_IMAGES}")
    for problem in problems:
        print("PROBLEM:", problem)
    return problems


def price():
    key = os.environ.get("FAL_KEY") or exit("set FAL_KEY first")
    for slug, what in ((TRAINER, f"{STEPS} steps"), (GENERATOR, "one 1024x1024 image")):
        try:
            response = httpx.get(
                "https://api.fal.ai/v1/models/pricing",
                params={"endpoint_id": slug},
                headers={"Authorization": f"Key {key}"},
                timeout=30,
            )
        except httpx.TransportError as error:
            exit(describe(error))
        if response.is_error:
            print(f"{slug}: no price ({response.status_code} {response.text[:200]})")
            continue
        for entry in response.json()["prices"]:
            line = f"{slug}: {entry['unit_price']} {entry.get('currency', 'USD')} per {entry['unit']}  ({what}"
            if entry["unit"].lower().rstrip("s").endswith("step"):
                line += f" = {entry['unit_price'] * STEPS:.2f}"
            print(line + f")  https://fal.ai/models/{slug}")


def start(force):
    if job := read_job(TRAIN_JOB):
        print(f"already submitted: {job['request_id']}; now: status, finish (delete {TRAIN_JOB.name} to train anew, and pay anew)")
        return
    if left := [file.name for file in (LORA_FILE, TEST_JOB) if file.exists()]:
        raise SystemExit(f"Not submitted: {', '.join(left)} belongs to an earlier training; move it away first.")
    if check_archive() and not force:
        raise SystemExit("Not submitted. Mend style.zip, or pass --force if it is meant to be so.")
    print("uploading", ARCHIVE.name)
    try:
        url = fal_client.upload_file(ARCHIVE)
    except (httpx.HTTPError, fal_client.client.FalClientError) as error:
        hint = "\nA 403 here mostly means an exhausted balance: https://fal.ai/dashboard/billing" if "403" in str(error) else ""
        raise SystemExit(f"The upload failed, nothing was submitted: {describe(error)}{hint}")
    job = submit_once(TRAIN_JOB, TRAINER, {
        "image_data_url": url,
        "steps": STEPS,
        "learning_rate": 5e-05,
        "default_caption": CAPTION,
        "output_lora_format": "fal",
    })
    print(f"training submitted: {job['request_id']}\nIt runs on fal's machines: you may close the laptop. Later: python {Path(__file__).name} finish")


def started():
    return read_job(TRAIN_JOB) or exit("no training was started: python style_lora.py start")


def status():
    job = started()
    try:
        print(job["request_id"], fal_client.status(TRAINER, job["request_id"]))
    except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
        raise SystemExit(f"{describe(error)}\nThe job is kept; ask again later.")


def lora_url(url):
    """fal's URL of the LoRA while it lives; after that, our copy, uploaded again."""
    with httpx.stream("GET", url, follow_redirects=True, timeout=60) as response:
        if response.is_success:
            return url
    print("fal no longer has the LoRA: uploading", LORA_FILE.name)
    return fal_client.upload_file(LORA_FILE)


def finish(prompt):
    trained = collect(TRAIN_JOB, TRAINER, started(), interval=10)
    url = trained["diffusers_lora_file"]["url"]
    try:
        if not LORA_FILE.exists():
            download(trained["config_file"]["url"], HERE / "style-lora-config.json")
            download(url, LORA_FILE)
        job = read_job(TEST_JOB)
        if job is None:
            job = submit_once(TEST_JOB, GENERATOR, {
                "prompt": prompt,
                "loras": [{"path": lora_url(url), "scale": 1}],
                "image_size": "square_hd",
                "seed": 42,
            })
        else:
            print(f"the test image was already ordered: {job['request_id']} (delete {TEST_JOB.name} for another)")
        made = collect(TEST_JOB, GENERATOR, job, interval=1)
        image = made["images"][0]
        kind = (image.get("content_type") or "image/png").split("/")[-1]
        download(image["url"], HERE / f"test-{job['request_id'][:8]}.{kind}")
    except httpx.HTTPError as error:
        if isinstance(error, httpx.HTTPStatusError) and error.response.status_code in (403, 404, 410):
            raise SystemExit(f"{describe(error)}\nfal no longer has this file (output URLs are temporary).")
        raise SystemExit(f"{describe(error)}\nNothing is lost: run finish again.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["check", "price", "start", "status", "finish"])
    parser.add_argument("--force", action="store_true", help="start: train although check found problems")
    parser.add_argument("--prompt", default=PROMPT, help=f"finish: the test prompt (default: {PROMPT!r})")
    options = parser.parse_args()
    if options.command == "check":
        raise SystemExit(1 if check_archive() else 0)
    if options.command == "price":
        price()
    elif options.command == "start":
        start(options.force)
    elif options.command == "status":
        status()
    else:
        finish(options.prompt)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("\ninterrupted; run the same command again to go on")
    except fal_client.auth.MissingCredentialsError:
        raise SystemExit("set FAL_KEY first (https://fal.ai/dashboard/keys)")
