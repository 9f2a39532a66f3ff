"""Read a chapter aloud with MiniMax Speech 2.8 HD on fal.

    pip install 'fal-client>=1.0.3,<2'
    export FAL_KEY=...                      # https://fal.ai/dashboard/keys
    python narrate.py --dry-run             # characters and price, nothing is sent
    python narrate.py                       # chapter1.txt -> chapter1.mp3
    python narrate.py chapter2.txt          # chapter2.txt -> chapter2.mp3
"""
import argparse
import os
import sys
from pathlib import Path

import fal_client
import httpx

MODEL = "fal-ai/minimax/speech-2.8-hd"
USD_PER_1000_CHARS = 0.10  # quoted 2026-07-24; check https://fal.ai/models/fal-ai/minimax/speech-2.8-hd


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("chapter", nargs="?", type=Path, default=Path("chapter1.txt"))
    parser.add_argument("--speed", type=float, default=0.9, help="1.0 is normal (default: 0.9)")
    parser.add_argument("--dry-run", action="store_true", help="print the price and stop")
    parser.add_argument("--resume", metavar="REQUEST_ID", help="fetch a job that was already paid for")
    args = parser.parse_args()

    out = args.chapter.with_suffix(".mp3")
    text = args.chapter.read_text(encoding="utf-8").strip()
    if not text:
        sys.exit(f"{args.chapter} is empty")
    print(f"{args.chapter}: {len(text):,} characters, about ${len(text) / 1000 * USD_PER_1000_CHARS:.2f}")
    if args.dry_run:
        return
    if out.exists():
        sys.exit(f"{out} exists already; delete or rename it first (a new run is billed again)")

    try:
        if args.resume:
            result = fal_client.sync_client.get_handle(MODEL, args.resume).get(interval=1)
        else:
            # By default the client re-sends requests whose reply is lost, and a submission
            # sent twice is billed twice. One attempt until the job has an id, ten afterwards.
            attempts, fal_client.client.MAX_ATTEMPTS = fal_client.client.MAX_ATTEMPTS, 1
            try:
                handle = fal_client.submit(
                    MODEL,
                    arguments={
                        "prompt": text,
                        "voice_setting": {"voice_id": "Wise_Woman", "speed": args.speed},
                        "audio_setting": {"format": "mp3"},
                        "output_format": "url",  # the default is "hex"
                    },
                )
            except (httpx.ConnectError, httpx.ConnectTimeout):
                sys.exit("no connection to fal; nothing was sent")
            except httpx.TransportError as error:
                sys.exit(
                    f"{type(error).__name__}: fal did not answer, but may have started the job. Look on "
                    "https://fal.ai/dashboard: if it is there, use --resume with its id; if not, run again"
                )
            finally:
                fal_client.client.MAX_ATTEMPTS = attempts
            print(f"request id {handle.request_id} (if this run breaks: --resume {handle.request_id})", flush=True)
            result = handle.get(interval=1)
    except fal_client.FalClientHTTPError as error:
        # message: a list of {"loc", "msg", "type"} from the model, or a text from fal
        problems = error.message if isinstance(error.message, list) else [error.message]
        for problem in problems:
            print(error.status_code, problem, file=sys.stderr)
        sys.exit(1)

    # The URL is temporary: download at once. Write beside the target, then rename,
    # so that a broken download never looks like a finished chapter.
    response = httpx.get(result["audio"]["url"], follow_redirects=True, timeout=120)
    response.raise_for_status()
    part = out.with_name(out.name + ".part")
    part.write_bytes(response.content)
    os.replace(part, out)
    print(f"wrote {out}: {len(response.content):,} bytes, {result['duration_ms'] / 60000:.1f} minutes")


if __name__ == "__main__":
    main()
