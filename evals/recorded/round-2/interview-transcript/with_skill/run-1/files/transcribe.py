"""Transcribe interview.mp3 (German, two speakers) on fal; write one line per speaker turn.

    pip install "fal-client>=1.0.3,<2"
    export FAL_KEY=...
    python transcribe.py [interview.mp3]
"""

import hashlib
import json
import sys
from pathlib import Path

import fal_client

MODEL = "fal-ai/elevenlabs/speech-to-text/scribe-v2"
EXPECTED_SPEAKERS = 2
NAMES = {}  # after the first run, e.g. {"speaker_0": "Anna", "speaker_1": "Jonas"}; running again is free


def transcribe(audio):
    return fal_client.subscribe(
        MODEL,
        arguments={
            "audio_url": fal_client.upload_file(audio),
            "language_code": "deu",
            "diarize": True,
            "tag_audio_events": False,  # no "(lacht)" and the like in the text
        },
        interval=1,
        on_enqueue=lambda request_id: print("request", request_id, flush=True),
    )


def turns(words):
    """Merge consecutive words of one speaker into [speaker, text] pairs."""
    glue = "" if any(word["type"] == "spacing" for word in words) else " "
    merged = []
    for word in words:
        speaker = word.get("speaker_id")
        # Only a spoken word opens a turn: spaces, and words without a label, stay in the current one.
        opens = word["type"] == "word" and speaker and (not merged or merged[-1][0] != speaker)
        if opens:
            merged.append([speaker, [word["text"]]])
        elif merged:
            merged[-1][1].append(word["text"])
        elif word["type"] == "word":
            merged.append([speaker or "unknown", [word["text"]]])
    return [(speaker, " ".join(glue.join(parts).split())) for speaker, parts in merged]


def main():
    audio = Path(sys.argv[1] if len(sys.argv) > 1 else "interview.mp3")
    digest = hashlib.sha256(audio.read_bytes()).hexdigest()[:8]
    raw = audio.with_suffix(f".{digest}.json")  # the paid result of exactly this audio; delete it to pay for a new one
    if not raw.exists():
        raw.write_text(json.dumps(transcribe(audio), ensure_ascii=False, indent=1), encoding="utf-8")
    result = json.loads(raw.read_text(encoding="utf-8"))

    lines = turns(result["words"])
    if not lines:
        sys.exit(f"no speech found in {audio}; see {raw}")
    order = list(dict.fromkeys(speaker for speaker, _ in lines))
    label = {speaker: NAMES.get(speaker, f"Speaker {n}") for n, speaker in enumerate(order, 1)}
    out = audio.with_suffix(".txt")
    out.write_text("".join(f"{label[speaker]}: {text}\n" for speaker, text in lines), encoding="utf-8")

    minutes, seconds = divmod(int(max(word.get("end") or 0 for word in result["words"])), 60)
    print(f"{out}: {len(lines)} turns, labels {label}, last word at {minutes}:{seconds:02d}")
    if len(order) != EXPECTED_SPEAKERS:
        print(f"warning: {len(order)} speakers found, {EXPECTED_SPEAKERS} expected", file=sys.stderr)


if __name__ == "__main__":
    main()
