"""chair.png -> textured GLB under 50,000 triangles, by fal.

pip install 'fal-client>=1.0.3,<2'      (FAL_KEY in the environment)

python image_to_glb.py draft            $0.02: is the picture good enough?
python image_to_glb.py trial            $0.25: the final model at its lowest resolution
python image_to_glb.py final            $0.30: the one to ship
python image_to_glb.py check FILE.glb   free: count triangles, look for a texture

Same picture and settings = same job: running it again collects, and does not pay again.
Prices: public quotes of 2026-11-12; check https://fal.ai/models/fal-ai/trellis-2
"""

import hashlib
import json
import os
import struct
import sys
import time
from pathlib import Path

import fal_client
import httpx

HERE = Path(__file__).resolve().parent
IMAGE = HERE / "chair.png"
OUT = HERE / "out"
MAX_TRIANGLES = 50_000

TRELLIS_2 = {
    "resolution": 1024,  # 512, 1024 or 1536: this sets the price
    # fal's schema does not say whether this counts triangles or vertices (about half as
    # many). 24,000 stays under 50,000 triangles either way. If `final` reports about
    # 24,000 triangles, it counts triangles, and you may go up to 48000.
    "decimation_target": 24_000,
    "texture_size": 2048,  # 1024, 2048 or 4096
    "seed": 1,
}
DOLLARS = {None: 0.02, 512: 0.25, 1024: 0.30, 1536: 0.35}  # by resolution; the draft model has none
PRESETS = {  # name: (model, result field, arguments)
    "draft": (
        "fal-ai/trellis",
        "model_mesh",
        {"mesh_simplify": 0.95, "texture_size": 1024, "seed": 1},
    ),
    "trial": ("fal-ai/trellis-2", "model_glb", TRELLIS_2 | {"resolution": 512}),
    "final": ("fal-ai/trellis-2", "model_glb", TRELLIS_2),
}


def submit(model, arguments, job):
    """Send the job once, and write its id down before anything waits for it."""
    image_url = fal_client.upload_file(str(IMAGE))
    fal_client.auth.fetch_auth_credentials()  # no key: stop before the file is made
    with job.open("x") as file:
        file.write("sending")
    # fal-client sends a submit again when its reply is lost, which makes a second,
    # billed job: allow one attempt.
    attempts, fal_client.client.MAX_ATTEMPTS = fal_client.client.MAX_ATTEMPTS, 1
    try:
        handle = fal_client.submit(model, arguments={"image_url": image_url, **arguments})
    except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
        not_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
        if not_sent or getattr(error, "status_code", 500) < 500:
            job.unlink()  # no job was made
            raise
        raise SystemExit(f"{type(error).__name__}: {lost(job)}")
    finally:
        fal_client.client.MAX_ATTEMPTS = attempts
    job.write_text(handle.request_id)
    return handle.request_id


def lost(job):
    return (
        "a submit got no reply and may have made a job: look for it on "
        f"https://fal.ai/dashboard, put its id into {job}, or delete the file to submit anew"
    )


def collect(model, request_id, job):
    handle = fal_client.sync_client.get_handle(model, request_id)
    status = shown = None
    for delay in (1, 2, 4, 8, 16, None):
        try:
            for status in handle.iter_events(interval=2):
                if status != shown:
                    print(status)
                    shown = status
            return handle.get(interval=2)
        except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
            code = getattr(error, "status_code", None)
            if code == 422 or (code and getattr(status, "error", None)):
                print(f"fal refused or failed the job: {error.message}")
                raise SystemExit(f"change the setting it names, or delete {job} to try the same again")
            # The job may be paid for: ask for it again by its id.
            if delay is None or (code and code < 500):
                print(f"run this again to collect {request_id}")
                raise
        time.sleep(delay)


def generate(preset):
    model, field, arguments = PRESETS[preset]
    identity = json.dumps([model, arguments], sort_keys=True).encode() + IMAGE.read_bytes()
    name = f"{IMAGE.stem}-{preset}-{hashlib.sha256(identity).hexdigest()[:8]}"
    OUT.mkdir(exist_ok=True)
    glb, job = OUT / f"{name}.glb", OUT / f"{name}.job.txt"
    if glb.exists():
        print("already made, nothing sent")
        return glb
    if not job.exists():
        print(f"{model}: about ${DOLLARS[arguments.get('resolution')]:.2f}")
        submit(model, arguments, job)
    request_id = job.read_text().strip()
    if request_id in ("", "sending"):
        raise SystemExit(lost(job))
    url = collect(model, request_id, job)[field]["url"]
    response = httpx.get(url, follow_redirects=True, timeout=120)  # the URL is temporary
    response.raise_for_status()
    part = glb.with_suffix(".part")
    part.write_bytes(response.content)
    os.replace(part, glb)
    return glb


def inspect(path):
    """Triangles as drawn (a mesh used by two nodes counts twice), and whether it has a colour texture."""
    data = path.read_bytes()
    if data[:4] != b"glTF":
        raise SystemExit(f"{path} is not a GLB")
    (length,) = struct.unpack_from("<I", data, 12)
    gltf = json.loads(data[20 : 20 + length])
    triangles = 0
    for node in gltf.get("nodes", []):
        if "mesh" not in node:
            continue
        for primitive in gltf["meshes"][node["mesh"]]["primitives"]:
            accessor = primitive.get("indices", primitive["attributes"]["POSITION"])
            count = gltf["accessors"][accessor]["count"]
            mode = primitive.get("mode", 4)
            triangles += count // 3 if mode == 4 else max(count - 2, 0) if mode > 4 else 0
    textured = any(
        "baseColorTexture" in material.get("pbrMetallicRoughness", {})
        for material in gltf.get("materials", [])
    )
    return triangles, textured, len(data)


def report(path):
    triangles, textured, size = inspect(path)
    print(f"{path}: {triangles:,} triangles, {'textured' if textured else 'NO TEXTURE'}, {size / 1e6:.1f} MB")
    if triangles >= MAX_TRIANGLES:
        ratio = 0.95 * MAX_TRIANGLES / triangles
        print("too many triangles; reduce them locally, free (UVs and texture are kept):")
        print(
            f"  npx @gltf-transform/cli simplify {path} {path.with_suffix('.web.glb')}"
            f" --ratio {ratio:.3f} --error 0.01"
        )
    return 0 if textured and triangles < MAX_TRIANGLES else 1


if __name__ == "__main__":
    match sys.argv[1:]:
        case [preset] if preset in PRESETS:
            sys.exit(report(generate(preset)))
        case ["check", file]:
            sys.exit(report(Path(file)))
        case _:
            sys.exit(__doc__)
