#!/usr/bin/env python3
"""Transcribe an interview with speaker labels on fal (ElevenLabs Scribe v2).

    pip install -r requirements.txt
    export FAL_KEY=...
    python transcribe.py interview.mp3

Writes interview.txt (one line per speaker turn) and interview.json (the raw
result, so the text can be rebuilt without paying again):

    python transcribe.py interview.mp3 --names "Anna,Herr Meier"
"""
import argparse
import json
import os
import sys
from pathlib import Path

import fal_client

MODEL = "fal-ai/elevenlabs/speech-to-text/scribe-v2"


def transcribe(audio: Path, language: str, keyterms: list[str], request_id: str | None) -> dict:
    if request_id:  # pick up a job that was already submitted
        return fal_client.sync_client.get_handle(MODEL, request_id).get(interval=3)

    print(f"Uploading {audio.name} ({audio.stat().st_size / 1e6:.1f} MB) ...")
    # Uploaded files get a public (unguessable) URL; let this one expire.
    url = fal_client.upload_file(audio, lifecycle=fal_client.StorageSettings(expires_in="1d"))

    arguments = {
        "audio_url": url,
        "language_code": language,
        "diarize": True,
        "tag_audio_events": False,  # no "(lacht)" etc. in the text
    }
    if keyterms:
        arguments["keyterms"] = keyterms

    return fal_client.subscribe(
        MODEL,
        arguments=arguments,
        interval=3,
        on_enqueue=lambda rid: print(f"Submitted. If this is interrupted: --request-id {rid}"),
    )


def to_turns(words: list[dict]) -> list[dict]:
    """Merge consecutive words of the same speaker into turns."""
    turns: list[dict] = []
    for w in words:
        spoken = w["type"] != "spacing"
        speaker = w.get("speaker_id")
        # Spacing, or a word without a label, belongs to the turn it follows.
        if not turns or (spoken and speaker and speaker != turns[-1]["speaker"]):
            if not spoken:
                continue
            turns.append({"speaker": speaker or "unknown", "start": w.get("start") or 0.0, "text": ""})
        turns[-1]["text"] += w["text"]
    for t in turns:
        t["text"] = " ".join(t["text"].split())  # no line breaks inside a turn
    return [t for t in turns if t["text"]]


def clock(seconds: float) -> str:
    s = int(seconds)
    return f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}"


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("audio", type=Path, nargs="?", default=Path("interview.mp3"))
    p.add_argument("--language", default="deu")
    p.add_argument("--names", default="", help="speaker names in order of first appearance, comma-separated")
    p.add_argument("--timestamps", action="store_true", help="start each line with [hh:mm:ss]")
    p.add_argument("--speakers", type=int, default=2, help="expected speakers; only used to warn")
    p.add_argument("--keyterms", default="", help="names/terms to spell right, comma-separated (costs more)")
    p.add_argument("--request-id", help="fetch the result of an earlier request")
    p.add_argument("--force", action="store_true", help="transcribe again even if the .json exists")
    args = p.parse_args()

    def items(s: str) -> list[str]:
        return [x.strip() for x in s.split(",") if x.strip()]

    raw, out = args.audio.with_suffix(".json"), args.audio.with_suffix(".txt")
    if raw.exists() and not args.force and not args.request_id:
        print(f"Using {raw} (--force to transcribe again)")
        result = json.loads(raw.read_text(encoding="utf-8"))
    else:
        if not args.request_id and not args.audio.is_file():
            sys.exit(f"No such file: {args.audio}")
        if not os.environ.get("FAL_KEY"):
            sys.exit("Set FAL_KEY first (https://fal.ai/dashboard/keys)")
        try:
            result = transcribe(args.audio, args.language, items(args.keyterms), args.request_id)
        except fal_client.FalClientHTTPError as e:
            sys.exit(f"fal answered HTTP {e.status_code}: {e}")
        raw.write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")

    words = result.get("words") or []
    turns = to_turns(words)
    if not turns:
        sys.exit(f"No speech in the result; {out} not written. See {raw}.")

    speakers = list(dict.fromkeys(t["speaker"] for t in turns))
    names = items(args.names)
    label = {s: names[i] if i < len(names) else f"Sprecher {i + 1}" for i, s in enumerate(speakers)}

    out.write_text(
        "".join(
            (f"[{clock(t['start'])}] " if args.timestamps else "") + f"{label[t['speaker']]}: {t['text']}\n"
            for t in turns
        ),
        encoding="utf-8",
    )

    end = max((w.get("end") or 0.0) for w in words)
    print(f"Wrote {out}: {len(turns)} turns, {len(speakers)} speakers, last word ends at {clock(end)}")
    if len(speakers) != args.speakers:
        counts = {label[s]: sum(len(t["text"].split()) for t in turns if t["speaker"] == s) for s in speakers}
        print(f"WARNING: expected {args.speakers} speakers, got words per speaker {counts}", file=sys.stderr)


if __name__ == "__main__":
    main()
