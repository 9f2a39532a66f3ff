#!/usr/bin/env python3
"""Photo -> PBR maps (normal, roughness, height) with PATINA on fal.

    python pbr_maps.py --check            # free: look at the photo and fal's live schema, run nothing
    export FAL_KEY=...
    python pbr_maps.py wall.jpg -o maps   # one paid request
    python pbr_maps.py --request-id ID    # fetch the maps of an earlier request, no new run
"""
import argparse
import json
import os
import re
import sys
from pathlib import Path

import fal_client
import httpx
from PIL import Image, ImageChops, ImageFilter, ImageStat

# Written from memory, without access to fal. --check and the pre-run check compare these with fal's live schema.
ENDPOINT = "fal-ai/patina"
IMAGE_FIELD = "image_url"
MAPS_FIELD = "maps"
SCHEMA_URL = "https://fal.ai/api/openapi/queue/openapi.json"

MAPS = ("normal", "roughness", "height")
# How a map may be labelled in the response.
ALIASES = {
    "normal": {"normal", "normals", "normalmap"},
    "roughness": {"roughness", "rough", "roughnessmap"},
    "height": {"height", "displacement", "heightmap"},
}


def check_photo(path):
    """Stop on a picture with no surface detail: there is nothing in it to derive maps from."""
    with Image.open(path) as im:
        im.load()
        g = im.convert("L")
    print(f"{path}: {g.width}x{g.height}")
    # Remove slow changes (lighting, gradients); what is left is texture.
    texture = ImageChops.difference(g, g.filter(ImageFilter.GaussianBlur(max(g.size) / 40)))
    m = max(g.size) // 10  # the blur is unreliable at the border
    detail = ImageStat.Stat(texture.crop((m, m, g.width - m, g.height - m))).mean[0]
    print(f"  detail: {detail:.2f} (a textured photo is usually well above 2)")
    return detail >= 1.0


def resolve(spec, node):
    while isinstance(node, dict) and "$ref" in node:
        target = spec
        for part in node["$ref"].lstrip("#/").split("/"):
            target = target[part]
        node = target
    return node


def input_schema(endpoint):
    r = httpx.get(SCHEMA_URL, params={"endpoint_id": endpoint}, timeout=30, follow_redirects=True)
    r.raise_for_status()
    spec = r.json()
    for ops in spec.get("paths", {}).values():
        body = ops.get("post", {}).get("requestBody")
        if body:
            return spec, resolve(spec, body["content"]["application/json"]["schema"])
    raise ValueError("no input schema in fal's answer")


def enum_of(spec, node):
    """All enum values anywhere inside one property (handles anyOf / array items / $ref)."""
    node = resolve(spec, node)
    found = list(node.get("enum", []))
    for child in [node.get("items")] + node.get("anyOf", []) + node.get("allOf", []) + node.get("oneOf", []):
        if child:
            found += enum_of(spec, child)
    return found


def build_arguments(spec, schema):
    """Arguments without the image, checked against the live schema. Returns (arguments, problems)."""
    props, required = schema.get("properties", {}), set(schema.get("required", []))
    arguments, problems = {}, []
    if IMAGE_FIELD not in props:
        problems.append(f"no '{IMAGE_FIELD}' input")
    if MAPS_FIELD in props:
        allowed = enum_of(spec, props[MAPS_FIELD])
        missing = [m for m in MAPS if allowed and m not in allowed]
        if missing:
            problems.append(f"'{MAPS_FIELD}' does not offer {missing}; it offers {allowed}")
        arguments[MAPS_FIELD] = list(MAPS)
    else:
        print(f"  note: no '{MAPS_FIELD}' input, so the maps cannot be chosen; taking what the model returns")
    if "output_format" in props and "png" in enum_of(spec, props["output_format"]):
        arguments["output_format"] = "png"  # never JPEG: its artefacts show up as bumps
    extra = required - set(arguments) - {IMAGE_FIELD}
    if extra:
        problems.append(f"required inputs this script does not send: {sorted(extra)}")
    return arguments, problems


def find_files(node, path=()):
    if isinstance(node, dict):
        if isinstance(node.get("url"), str):
            yield path, node
        else:
            for k, v in node.items():
                yield from find_files(v, path + (str(k),))
    elif isinstance(node, list):
        for i, v in enumerate(node):
            yield from find_files(v, path + (str(i),))
    elif isinstance(node, str) and node.startswith("https://"):
        yield path, {"url": node}


def map_name(path, file):
    """Which map a returned file is, by its label only. None when unlabelled: never guessed from the order."""
    fields = " ".join(str(v) for k, v in file.items() if k not in ("url", "file_name", "content_type") and isinstance(v, str))
    for text in (fields, " ".join(path), str(file.get("file_name") or ""), file["url"].split("?")[0].rsplit("/", 1)[-1]):
        words = set(re.split(r"[^a-z]+", text.lower()))
        hits = [m for m in MAPS if words & ALIASES[m]]
        if len(hits) == 1:
            return hits[0]
    return None


def extension(data):
    for magic, ext in ((b"\x89PNG", "png"), (b"\xff\xd8", "jpg"), (b"RIFF", "webp"), (b"v/1\x01", "exr"), (b"II*\0", "tif")):
        if data.startswith(magic):
            return ext
    return "bin"


def save(result, out):
    out.mkdir(parents=True, exist_ok=True)
    (out / "result.json").write_text(json.dumps(result, indent=2))
    saved, other = set(), 0
    for path, file in find_files(result):
        r = httpx.get(file["url"], timeout=120, follow_redirects=True)
        r.raise_for_status()
        name = map_name(path, file)
        if name is None or name in saved:
            name = f"other_{other}"
            other += 1
        saved.add(name)
        target = out / f"{name}.{extension(r.content)}"
        target.write_bytes(r.content)  # bytes as returned, so 16-bit stays 16-bit
        try:
            with Image.open(target) as im:
                print(f"  {target}: {im.width}x{im.height} {im.mode}")
        except OSError:  # e.g. EXR, which Pillow cannot read
            print(f"  {target}: {len(r.content)} bytes")
    missing = [m for m in MAPS if m not in saved]
    if missing:
        print(f"MISSING: {', '.join(missing)}. See {out / 'result.json'} and any other_* file.", file=sys.stderr)
        return 3
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("image", nargs="?", type=Path, default=Path("wall.jpg"))
    p.add_argument("-o", "--out", type=Path, default=Path("maps"))
    p.add_argument("--endpoint", default=ENDPOINT)
    p.add_argument("--check", action="store_true", help="check photo and live schema, run nothing (free, no key)")
    p.add_argument("--force", action="store_true", help="run although the photo has almost no detail")
    p.add_argument("--request-id", help="fetch an earlier request instead of running")
    a = p.parse_args()

    if a.request_id:
        return save(fal_client.result(a.endpoint, a.request_id), a.out)

    photo_ok = check_photo(a.image)
    if not photo_ok:
        print("  This picture has almost no surface detail. Is it the right file?", file=sys.stderr)
        if not a.check and not a.force:
            print("Stopped before spending anything (--force to run anyway).", file=sys.stderr)
            return 2

    try:
        spec, schema = input_schema(a.endpoint)
    except (httpx.HTTPError, ValueError, KeyError) as e:
        print(f"Could not read the schema of {a.endpoint}: {e}\n"
              f"Check the id at https://fal.ai/models/{a.endpoint} (then --endpoint ID). Nothing was run.", file=sys.stderr)
        return 2
    arguments, problems = build_arguments(spec, schema)
    if a.check or problems:
        print(f"Live inputs of {a.endpoint}:")
        for name, prop in schema.get("properties", {}).items():
            r = resolve(spec, prop)
            flag = "*" if name in schema.get("required", []) else " "
            print(f" {flag} {name}: {enum_of(spec, prop) or r.get('type', '')} default={prop.get('default', r.get('default'))}")
        print(f"Would send: {json.dumps({IMAGE_FIELD: '<uploaded photo>', **arguments})}")
    if problems:
        print("Schema differs from this script: " + "; ".join(problems) + ". Nothing was run.", file=sys.stderr)
        return 2
    if a.check:
        return 0 if photo_ok else 2

    if not (os.getenv("FAL_KEY") or (os.getenv("FAL_KEY_ID") and os.getenv("FAL_KEY_SECRET"))):
        print("Set FAL_KEY first (https://fal.ai/dashboard/keys). Nothing was run.", file=sys.stderr)
        return 2
    arguments[IMAGE_FIELD] = fal_client.upload_file(a.image)
    handle = fal_client.submit(a.endpoint, arguments)
    print(f"  request {handle.request_id} (if this is interrupted: --request-id {handle.request_id})")
    return save(handle.get(), a.out)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except fal_client.FalClientHTTPError as e:
        sys.exit(f"fal answered {e.status_code}: {e}")
    except httpx.HTTPError as e:
        sys.exit(f"Network error: {e!r}. If a request id was printed, use --request-id to fetch it without paying again.")
