# /// script
# requires-python = ">=3.9"
# dependencies = ["fal-client>=1.0,<2", "httpx", "pillow"]
# ///
"""Image -> textured GLB with fal. Nothing is sent or charged without --run.

  uv run make_glb.py price                  live unit prices from fal (free, needs FAL_KEY)
  uv run make_glb.py draft   [--run]        fal-ai/trellis: is the photo usable?
  uv run make_glb.py preview [--run]        fal-ai/trellis-2 at 512: pick seed / settings
  uv run make_glb.py final   [--run]        fal-ai/trellis-2 at 1024: the one to ship
  uv run make_glb.py fetch REQUEST_ID       download again a run you already paid for (free)
  uv run make_glb.py check FILE.glb         triangles, textures, size (free, local)

Options: --image chair.png  --seed 1  --set name=value (repeatable)  --max-tris 50000
"""
import argparse, hashlib, io, json, os, struct, sys, time
from pathlib import Path

OUT = Path("out")
LOG = OUT / "runs.jsonl"

# stage: endpoint, our settings (everything else = fal's default), output field
STAGES = {
    "draft": ("fal-ai/trellis", {"mesh_simplify": 0.95, "texture_size": "1024"}, "model_mesh"),
    "preview": ("fal-ai/trellis-2",
                {"resolution": "512", "texture_size": "1024", "decimation_target": 20000}, "model_glb"),
    "final": ("fal-ai/trellis-2",
              {"resolution": "1024", "texture_size": "2048", "decimation_target": 20000}, "model_glb"),
}
# USD per run, FROM MEMORY, not checked: compare with `price` / the model page before trusting.
PRICE = {"fal-ai/trellis": 0.02, "512": 0.25, "1024": 0.30, "1536": 0.35}

# Settings each endpoint takes (from the types in @fal-ai/client); a list = the only allowed values.
V1 = {"mesh_simplify": float, "texture_size": ["512", "1024", "2048"], "ss_guidance_strength": float,
      "ss_sampling_steps": int, "slat_guidance_strength": float, "slat_sampling_steps": int}
V2 = {"resolution": ["512", "1024", "1536"], "texture_size": ["1024", "2048", "4096"],
      "decimation_target": int, "remesh": bool, "remesh_band": float, "remesh_project": float}
for _s in ("ss", "shape_slat", "tex_slat"):
    V2.update({f"{_s}_guidance_strength": float, f"{_s}_guidance_rescale": float,
               f"{_s}_rescale_t": float, f"{_s}_sampling_steps": int})
ALLOWED = {"fal-ai/trellis": V1, "fal-ai/trellis-2": V2}


def parse_setting(endpoint, text):
    name, eq, value = text.partition("=")
    kind = ALLOWED[endpoint].get(name)
    if not eq or kind is None:
        sys.exit(f"--set {text}: {endpoint} takes: {', '.join(ALLOWED[endpoint])} (seed: use --seed)")
    if isinstance(kind, list):
        if value not in kind:
            sys.exit(f"--set {text}: must be one of {kind}")
        return name, value
    if kind is bool:
        if value.lower() not in ("true", "false"):
            sys.exit(f"--set {text}: must be true or false")
        return name, value.lower() == "true"
    try:
        return name, kind(value)
    except ValueError:
        sys.exit(f"--set {text}: must be {kind.__name__}")


def estimate(endpoint, settings):
    return PRICE[endpoint] if endpoint in PRICE else PRICE[settings["resolution"]]


def image_problem(path):
    """A crude 'is there an object in here?' test, to avoid paying for an empty picture."""
    from PIL import Image, ImageFilter
    im = Image.open(path)
    if im.width < 256 or im.height < 256:
        return f"only {im.width}x{im.height}"
    if "A" in im.getbands() and im.getchannel("A").getextrema()[0] < 250:
        mask = im.getchannel("A").point(lambda a: 255 if a > 20 else 0)
    else:
        edges = im.convert("L").resize((512, 512)).filter(ImageFilter.FIND_EDGES).crop((2, 2, 510, 510))
        mask = edges.point(lambda e: 255 if e > 20 else 0)
    box = mask.getbbox()
    area = (box[2] - box[0]) * (box[3] - box[1]) / (mask.width * mask.height) if box else 0
    return f"visible detail spans only {area:.1%} of the frame; no object found" if area < 0.10 else None


# ---------- GLB check (local) ----------

def inspect_glb(path):
    data = Path(path).read_bytes()
    if data[:4] != b"glTF":
        sys.exit(f"{path} is not a GLB")
    n = struct.unpack_from("<I", data, 12)[0]
    g = json.loads(data[20:20 + n])
    blob = data[20 + n + 8:]
    tris, verts, untextured = 0, 0, 0

    def visit(i):
        nonlocal tris, verts, untextured
        node = g["nodes"][i]
        if "mesh" in node:
            for p in g["meshes"][node["mesh"]]["primitives"]:
                v = g["accessors"][p["attributes"]["POSITION"]]["count"]
                c = g["accessors"][p["indices"]]["count"] if "indices" in p else v
                mode = p.get("mode", 4)
                tris += c // 3 if mode == 4 else max(c - 2, 0) if mode in (5, 6) else 0
                verts += v
                mat = g["materials"][p["material"]] if "material" in p else {}
                has_tex = "baseColorTexture" in mat.get("pbrMetallicRoughness", {})
                untextured += not (has_tex and "TEXCOORD_0" in p["attributes"])
        for c in node.get("children", []):
            visit(c)

    for root in g["scenes"][g.get("scene", 0)].get("nodes", []):
        visit(root)
    images = []
    for im in g.get("images", []):
        label = im.get("mimeType", "external")
        if "bufferView" in im:
            bv = g["bufferViews"][im["bufferView"]]
            o = bv.get("byteOffset", 0)
            try:
                from PIL import Image
                px = Image.open(io.BytesIO(blob[o:o + bv["byteLength"]]))
                label += f" {px.width}x{px.height}"
            except Exception:
                pass
        images.append(label)
    return {"tris": tris, "verts": verts, "textured": tris > 0 and not untextured,
            "images": images, "mb": round(len(data) / 1e6, 2), "extensions": g.get("extensionsUsed", [])}


def check(path, max_tris):
    r = inspect_glb(path)
    print(f"{path}: {r['tris']:,} triangles, {r['verts']:,} vertices, {r['mb']} MB\n"
          f"  textures: {r['images'] or 'none'}\n  extensions: {r['extensions'] or 'none'}")
    ok = r["textured"] and 0 < r["tris"] < max_tris
    if not r["textured"]:
        print("  FAIL: some or all of the mesh has no base-colour texture")
    if r["tris"] >= max_tris:
        small = str(path)[:-4] + "_small.glb"
        print(f"  FAIL: not under {max_tris:,}. Fix it locally for free, then check again:\n"
              f"    npx @gltf-transform/cli@4 weld {path} {small}\n"
              f"    npx @gltf-transform/cli@4 simplify {small} {small} "
              f"--ratio {0.9 * max_tris / r['tris']:.3f} --error 0.01")
    print("  PASS" if ok else "")
    return ok, r


# ---------- fal ----------

def log(**row):
    OUT.mkdir(exist_ok=True)
    with LOG.open("a") as f:
        f.write(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S"), **row}) + "\n")


def read_log():
    return [json.loads(line) for line in LOG.read_text().splitlines()] if LOG.exists() else []


def need_key():
    if not os.environ.get("FAL_KEY"):
        sys.exit("FAL_KEY is not set: create one at https://fal.ai/dashboard/keys, then export FAL_KEY=...")


def download(stage, handle, key, max_tris):
    import fal_client, httpx
    for event in handle.iter_events(interval=2.0):
        print("\r  " + type(event).__name__ + "   ", end="", flush=True)
    print()
    try:
        result = handle.get()
    except fal_client.FalClientHTTPError as e:
        log(key=key, request_id=handle.request_id, status="failed", error=str(e))
        sys.exit(f"fal refused or failed the run (HTTP {e.status_code}): {e}")
    units = None  # how many priced units fal counted, when it says so
    try:
        units = handle.client.get(handle.response_url).headers.get("x-fal-billable-units")
    except Exception:
        pass
    path = OUT / f"{stage}_{key}.glb"
    r = httpx.get(result[STAGES[stage][2]]["url"], follow_redirects=True, timeout=300)
    r.raise_for_status()
    OUT.mkdir(exist_ok=True)
    path.write_bytes(r.content)
    ok, info = check(path, max_tris)
    log(key=key, stage=stage, request_id=handle.request_id, status="done", file=str(path), passed=ok,
        billable_units=units, seed_returned=result.get("seed"), **info)
    if units:
        print(f"  billable units reported by fal: {units} (x unit price from `price`)")
    return ok


def generate(a):
    endpoint, settings, _ = STAGES[a.cmd]
    settings = {**settings, "seed": a.seed, **dict(parse_setting(endpoint, s) for s in a.set)}
    image = Path(a.image)
    if not image.exists():
        sys.exit(f"{image} not found")
    key = hashlib.sha256(json.dumps([endpoint, settings], sort_keys=True).encode()
                         + image.read_bytes()).hexdigest()[:8]
    spent = sum(r.get("estimate", 0) for r in read_log() if r.get("status") == "submitted")
    print(f"{endpoint}  {image}\n  {json.dumps(settings)}\n"
          f"  estimate ${estimate(endpoint, settings):.2f} (unverified); so far in {LOG}: ~${spent:.2f}")
    problem = image_problem(image)
    if problem:
        print(f"  STOP: {image}: {problem}")
    if not a.run:
        print("  Dry run: nothing sent. Add --run to spend.")
        return not problem
    if problem and not a.force:
        sys.exit("  Not sent. Use a real photo, or --force if this check is wrong.")
    same = [r for r in read_log() if r.get("key") == key and r["status"] in ("submitted", "done")]
    failed = {r.get("request_id") for r in read_log() if r["status"] == "failed"}
    same = [r for r in same if r["request_id"] not in failed]
    if same and not a.again:
        sys.exit(f"  Same image and settings already paid for: {same[-1].get('file', '')}\n"
                 f"  Re-download: fetch {same[-1]['request_id']}   Pay again anyway: --again")
    need_key()
    import fal_client
    client = fal_client.SyncClient()
    url = client.upload_file(str(image))
    handle = client.submit(endpoint, {"image_url": url, **settings})
    log(key=key, stage=a.cmd, endpoint=endpoint, request_id=handle.request_id, status="submitted",
        settings=settings, estimate=estimate(endpoint, settings))
    print(f"  request {handle.request_id}  (if interrupted: fetch {handle.request_id})")
    return download(a.cmd, handle, key, a.max_tris)


def fetch(a):
    rows = [r for r in read_log() if r.get("request_id") == a.target and r["status"] == "submitted"]
    if not rows:
        sys.exit(f"{a.target} is not in {LOG}")
    need_key()
    import fal_client
    handle = fal_client.SyncClient().get_handle(rows[0]["endpoint"], a.target)
    return download(rows[0]["stage"], handle, rows[0]["key"], a.max_tris)


def price():
    need_key()
    import httpx
    for endpoint in ALLOWED:
        r = httpx.get("https://api.fal.ai/v1/models/pricing", params={"endpoint_id": endpoint}, timeout=30,
                      headers={"Authorization": "Key " + os.environ["FAL_KEY"]})
        print(endpoint, r.status_code, r.text, f"\n  see also https://fal.ai/models/{endpoint}")
    return True


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("cmd", choices=[*STAGES, "price", "fetch", "check"])
    p.add_argument("target", nargs="?", help="REQUEST_ID for fetch, FILE.glb for check")
    p.add_argument("--image", default="chair.png")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--max-tris", type=int, default=50_000)
    p.add_argument("--run", action="store_true", help="really send it, and pay")
    p.add_argument("--again", action="store_true", help="repeat an identical paid run")
    p.add_argument("--force", action="store_true", help="send even if the image looks empty")
    a = p.parse_args()
    if a.cmd in ("fetch", "check") and not a.target:
        p.error(f"{a.cmd} needs an argument")
    if a.cmd == "check":
        ok = check(a.target, a.max_tris)[0]
    elif a.cmd == "price":
        ok = price()
    else:
        ok = fetch(a) if a.cmd == "fetch" else generate(a)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
