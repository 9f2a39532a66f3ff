"""Narrate a text file with MiniMax speech 2.8 HD on fal: python narrate.py chapter1.txt -> chapter1.mp3"""

import sys
from pathlib import Path

import fal_client
import httpx

source = Path(sys.argv[1] if len(sys.argv) > 1 else "chapter1.txt")
target = source.with_suffix(".mp3")
if target.exists():
    sys.exit(f"{target} exists already; delete it to narrate (and pay) again")

text = source.read_text(encoding="utf-8").strip()
if not text:
    sys.exit(f"{source} is empty")
print(f"{len(text):,} characters, about ${len(text) / 1000 * 0.10:.2f}")  # $0.10 per 1,000, 2026-07-24

result = fal_client.subscribe(
    "fal-ai/minimax/speech-2.8-hd",
    arguments={
        "prompt": text,  # this model's field is "prompt", not "text"
        "voice_setting": {"voice_id": "Wise_Woman", "speed": 0.9},  # 1 is normal
        "audio_setting": {"format": "mp3"},
        "output_format": "url",  # the default is "hex"
    },
    on_enqueue=lambda request_id: print("request", request_id),
    interval=1,  # seconds between polls; the default asks ten times a second
)

url = result["audio"]["url"]
print(url)  # temporary, and paid for: printed first in case the download fails
response = httpx.get(url, follow_redirects=True, timeout=120)
response.raise_for_status()
target.write_bytes(response.content)
print(f"saved {target}, {result['duration_ms'] / 60000:.1f} min")
