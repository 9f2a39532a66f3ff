"""Text in, foley WAV out:  python foley.py "wet leather glove gripping a steel rail" -s 4 -o glove.wav"""
import argparse
from pathlib import Path

import fal_client
import httpx

MODEL = "sonilo/v1.1/text-to-sound-effects"
USD_PER_SECOND = 0.0018  # quote of 2026-10-26; check https://fal.ai/models/sonilo/v1.1/text-to-sound-effects


def foley(prompt: str, seconds: float, out: Path) -> Path:
    result = fal_client.subscribe(
        MODEL,
        arguments={"prompt": prompt, "duration": seconds, "audio_format": "wav"},
        interval=0.5,  # seconds between polls; the default asks ten times a second
    )
    audio = result["audio"]
    print("url:", audio["url"])  # public and temporary, so download it now
    response = httpx.get(audio["url"], follow_redirects=True, timeout=60)
    response.raise_for_status()
    data = response.content

    is_wav = data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE"
    if not is_wav:  # keep what was paid for, but not under a false name
        out = out.with_suffix(".not-wav")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    if not is_wav:
        raise SystemExit(f"not a WAV ({audio.get('content_type')}); kept as {out}")
    print(f"saved {out}: {audio.get('duration')} s, {audio.get('sample_rate')} Hz, {audio.get('channels')} ch")
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompt")
    parser.add_argument("-s", "--seconds", type=float, default=4)
    parser.add_argument("-o", "--out", type=Path, default=Path("foley.wav"))
    args = parser.parse_args()
    print(f"estimated cost: ${args.seconds * USD_PER_SECOND:.4f}")
    foley(args.prompt, args.seconds, args.out)
