"""Train a FLUX.2 style LoRA on fal from style.zip, then make one test image with it.

    pip install "fal-client>=1.0.3,<2"
    export FAL_KEY=...
    python style_lora.py     # 1st run: shows the price, asks, submits the training, ends
    python style_lora.py     # any time later: still training, or saves the LoRA and the test image

Training runs on fal's servers. Nothing is submitted (or paid) twice: the request ids are kept in
train-job.txt and image-job.txt; delete one of them to start that job anew.
"""

import os
import time
from pathlib import Path

import fal_client
import httpx

TRAINER = "fal-ai/flux-2-trainer"
GENERATOR = "fal-ai/flux-2/lora"  # loads LoRAs of that trainer

STEPS = 1000
# The zip holds no captions and the trainer has no trigger-word field: this caption goes with
# every drawing, and the made-up word in it becomes the trigger.
STYLE = "drwnstyle24 style"
CAPTION = f"a drawing in {STYLE}"
PROMPT = f"a drawing in {STYLE}, a lighthouse on a cliff with a small boat below"

TRAIN_JOB, IMAGE_JOB = Path("train-job.txt"), Path("image-job.txt")
LORA, CONFIG = Path("style-lora.safetensors"), Path("style-lora-config.json")


def confirm_price():
    """Show fal's price of today, and ask before money is spent."""
    try:
        reply = httpx.get(
            "https://api.fal.ai/v1/models/pricing",
            params={"endpoint_id": [TRAINER, GENERATOR]},
            headers={"Authorization": f"Key {os.environ['FAL_KEY']}"},
            timeout=30,
        )
        reply.raise_for_status()
        for price in reply.json()["prices"]:
            line = f"{price['endpoint_id']}: {price['unit_price']} {price.get('currency', 'USD')} per {price['unit']}"
            if price["endpoint_id"] == TRAINER and price["unit"].rstrip("s") == "step":
                line += f" x {STEPS} = {price['unit_price'] * STEPS:.2f}"
            print(line)
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        print(f"price not available ({type(error).__name__}): see https://fal.ai/models/{TRAINER}")
    if input(f"Submit {STEPS} training steps? [y/N] ").strip().lower() != "y":
        raise SystemExit("nothing was submitted")


def submit(model, arguments, job):
    """Send one job exactly once and keep its request id in the file `job`."""
    with job.open("x") as file:
        file.write("sending")
    # fal-client sends a submit again when its reply is lost: a second, billed job. Allow one attempt.
    attempts, fal_client.client.MAX_ATTEMPTS = fal_client.client.MAX_ATTEMPTS, 1
    try:
        handle = fal_client.submit(model, arguments=arguments)
    except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
        not_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
        if not_sent or getattr(error, "status_code", 500) < 500:
            job.unlink()  # no job was made
            raise
        raise SystemExit(f"{type(error).__name__}: {lost(job)}")
    finally:
        fal_client.client.MAX_ATTEMPTS = attempts
    job.write_text(handle.request_id)


def lost(job):
    return (
        "the submit got no reply and may have made a job: look for it on https://fal.ai/dashboard, "
        f"put its id into {job}, or delete that file to submit anew"
    )


def collect(model, job, wait):
    """The job's result; None if it is not finished and we do not wait."""
    request_id = job.read_text().strip()
    if request_id in ("", "sending"):
        raise SystemExit(lost(job))
    handle = fal_client.sync_client.get_handle(model, request_id)
    status = handle.status()
    while not isinstance(status, fal_client.Completed):
        if not wait:
            print(f"{request_id}: {status}")
            return None
        time.sleep(1)
        status = handle.status()
    try:
        return handle.get(interval=1)
    except fal_client.FalClientHTTPError as error:
        if error.status_code == 422 or getattr(status, "error", None):
            raise SystemExit(f"{model} failed: {error.message}\nmend it, delete {job}, and run this again")
        raise  # finished and perhaps paid for: ask for the same id again


def download(url, path):
    part = path.with_name(path.name + ".part")
    with httpx.stream("GET", url, follow_redirects=True, timeout=60) as response:
        response.raise_for_status()
        with part.open("wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
    part.replace(path)
    print("saved", path)


def main():
    if not os.environ.get("FAL_KEY"):
        raise SystemExit("set FAL_KEY first: https://fal.ai/dashboard/keys")

    if not TRAIN_JOB.exists():
        confirm_price()
        arguments = {
            "image_data_url": fal_client.upload_file("style.zip"),
            "steps": STEPS,
            "default_caption": CAPTION,
            "output_lora_format": "fal",  # "comfy" is for ComfyUI
        }
        submit(TRAINER, arguments, TRAIN_JOB)
        print("training submitted: you can close the laptop; run this again later")
        return

    trained = collect(TRAINER, TRAIN_JOB, wait=False)
    if trained is None:
        return
    lora_url = trained["diffusers_lora_file"]["url"]
    # fal's output URLs are public and temporary: keep copies
    if not LORA.exists():
        download(lora_url, LORA)
    if not CONFIG.exists():
        download(trained["config_file"]["url"], CONFIG)

    if not IMAGE_JOB.exists():
        arguments = {
            "prompt": PROMPT,
            "loras": [{"path": lora_url, "scale": 1}],
            "image_size": "square_hd",  # 1024x1024, as the drawings
            "seed": 24,  # fixed, so that runs can be compared
            "output_format": "png",
        }
        submit(GENERATOR, arguments, IMAGE_JOB)
    image = collect(GENERATOR, IMAGE_JOB, wait=True)
    download(image["images"][0]["url"], Path("test-image.png"))


try:
    main()
except (httpx.HTTPError, fal_client.FalClientHTTPError) as error:
    raise SystemExit(f"{type(error).__name__}: {error}\nrun this again: a job that exists is collected, not paid again")
