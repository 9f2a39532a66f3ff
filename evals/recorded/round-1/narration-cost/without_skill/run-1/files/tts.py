#!/usr/bin/env python3
"""Narrate a chapter with MiniMax Speech 2.8 HD on fal.

    pip install fal-client
    export FAL_KEY=...
    python tts.py                                   # chapter1.txt -> chapter1.mp3
    python tts.py chapter2.txt                      # chapter2.txt -> chapter2.mp3
    python tts.py --dry-run                         # show payload and cost, send nothing
    python tts.py chapter1.txt --request-id ID      # fetch an already paid-for result again
"""
import argparse
import json
import os
import sys
from pathlib import Path

import fal_client
import httpx

ENDPOINT = "fal-ai/minimax/speech-2.8-hd"
VOICE = "Wise_Woman"
SPEED = 0.9              # 1.0 = normal; allowed 0.5 - 2.0
MAX_CHARS = 10_000       # MiniMax limit per request
USD_PER_1000_CHARS = 0.10  # list price; check the model page on fal


def build_arguments(text: str, speed: float) -> dict:
    return {
        "prompt": text,
        "voice_setting": {"voice_id": VOICE, "speed": speed, "vol": 1, "pitch": 0},
        "audio_setting": {"format": "mp3"},
        "language_boost": "English",
        "output_format": "url",  # a link to the file, not hex-encoded audio
    }


def main() -> None:
    ap = argparse.ArgumentParser(description="Chapter text to MP3 via fal")
    ap.add_argument("input", nargs="?", type=Path, default=Path("chapter1.txt"))
    ap.add_argument("-o", "--output", type=Path, help="default: input name with .mp3")
    ap.add_argument("--speed", type=float, default=SPEED)
    ap.add_argument("--dry-run", action="store_true")
    ap.add_argument("--request-id", help="download an earlier request instead of paying for a new one")
    a = ap.parse_args()
    out = a.output or a.input.with_suffix(".mp3")
    if out.resolve() == a.input.resolve():
        sys.exit("output would overwrite the input text")
    if not 0.5 <= a.speed <= 2.0:
        sys.exit("--speed must be between 0.5 and 2.0")

    text = a.input.read_text(encoding="utf-8-sig").strip()
    if not text:
        sys.exit(f"{a.input} is empty")
    if len(text) > MAX_CHARS:
        sys.exit(f"{a.input} has {len(text)} characters; the limit is {MAX_CHARS}. Split it first.")

    arguments = build_arguments(text, a.speed)
    print(f"{len(text)} characters, about ${len(text) / 1000 * USD_PER_1000_CHARS:.2f}")
    if text[-1] not in ".!?\"')]\u201d\u2019\u2026":
        print(f"WARNING: the text does not end like a sentence: ...{text[-40:]!r}", file=sys.stderr)
    if a.dry_run:
        print(ENDPOINT)
        print(json.dumps({**arguments, "prompt": text[:60] + "..."}, indent=2))
        return
    if not os.environ.get("FAL_KEY"):
        sys.exit("Set FAL_KEY first (https://fal.ai/dashboard/keys)")

    try:
        if a.request_id:
            result = fal_client.result(ENDPOINT, a.request_id)
        else:
            handle = fal_client.submit(ENDPOINT, arguments=arguments)
            print(f"request id: {handle.request_id}", flush=True)
            result = handle.get(interval=1.0)
    except fal_client.FalClientHTTPError as e:
        sys.exit(f"fal returned HTTP {e.status_code}: {e.response.text}")

    part = out.with_name(out.name + ".part")
    with httpx.stream("GET", result["audio"]["url"], follow_redirects=True, timeout=120) as r:
        r.raise_for_status()
        with part.open("wb") as f:
            for block in r.iter_bytes():
                f.write(block)
    head = part.read_bytes()[:3]
    if not (head == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE0 == 0xE0)):
        sys.exit(f"downloaded file is not MP3; left as {part}")
    part.replace(out)  # never leaves a half-written chapter under the final name

    ms = result.get("duration_ms")
    print(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB" + (f", {ms / 60000:.1f} min)" if ms else ")"))


if __name__ == "__main__":
    main()
