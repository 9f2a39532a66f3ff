"""Transcribe an interview on fal with speaker labels: one line per speaker turn.

    pip install "fal-client>=1.0.3,<2"
    export FAL_KEY=...                       # never in the code
    python transcribe.py interview.mp3       # writes interview.txt

Beside the .txt it keeps two files named after the content of the audio:
    interview.HASH.job    the request id: an interrupted run collects that job, and does not pay again
    interview.HASH.json   the full result with word times: later runs only write the .txt again, for free
Delete both to transcribe the same audio anew.
"""

import argparse
import hashlib
import json
import time
from collections import Counter
from pathlib import Path

import fal_client
import httpx

MODEL = "fal-ai/elevenlabs/speech-to-text/scribe-v2"


def submit(audio: Path, job: Path, language: str) -> str:
    fal_client.auth.fetch_auth_credentials()  # no key: stop here
    print(f"uploading {audio} ...")
    # Uploads are public to whoever has the URL, so let this one expire after a day.
    audio_url = fal_client.upload_file(audio, lifecycle=fal_client.StorageSettings(expires_in="1d"))
    job.write_text("sending")
    # fal-client resends a submit whose reply was lost, which may make a second, billed job.
    attempts, fal_client.client.MAX_ATTEMPTS = fal_client.client.MAX_ATTEMPTS, 1
    try:
        handle = fal_client.submit(
            MODEL,
            arguments={
                "audio_url": audio_url,
                "language_code": language,
                "diarize": True,
                "tag_audio_events": False,  # no "(lacht)" in the text
            },
        )
    except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
        never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
        if never_sent or getattr(error, "status_code", 500) < 500:
            job.unlink()  # no job was made
        raise
    finally:
        fal_client.client.MAX_ATTEMPTS = attempts
    job.write_text(handle.request_id)
    return handle.request_id


def collect(request_id: str, job: Path) -> dict:
    handle = fal_client.sync_client.get_handle(MODEL, request_id)
    status = shown = None
    for delay in (1, 2, 4, 8, 16, None):
        try:
            for status in handle.iter_events(interval=2):
                if type(status) is not shown:
                    print(type(status).__name__)
                    shown = type(status)
            return handle.get(interval=2)
        except (httpx.TransportError, fal_client.FalClientHTTPError) as error:
            code = getattr(error, "status_code", None)
            if code == 422 or (code and getattr(status, "error", None)):
                print(f"the job failed; delete {job} before trying again")
                raise
            if delay is None or (code and code < 500):
                print(f"run this again to collect request {request_id}")
                raise
        time.sleep(delay)


def to_turns(words: list[dict]) -> list[dict]:
    """Join the words of one speaker in a row. Spaces are items of their own and never start a turn."""
    turns = []
    for word in words:
        if word.get("type") == "spacing" or not word["text"].strip():
            if turns:
                turns[-1]["text"] += word["text"]
            continue
        speaker = word.get("speaker_id") or (turns[-1]["speaker"] if turns else "unknown")
        if not turns or turns[-1]["speaker"] != speaker:
            turns.append({"speaker": speaker, "start": word.get("start") or 0.0, "text": "", "words": 0})
        turns[-1]["text"] += word["text"]
        turns[-1]["words"] += 1
    for turn in turns:
        turn["text"] = " ".join(turn["text"].split())  # a turn stays on one line
    return turns


def clock(seconds: float) -> str:
    s = int(seconds)
    return f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Transcribe audio on fal, one line per speaker turn.")
    parser.add_argument("audio", type=Path, nargs="?", default=Path("interview.mp3"))
    parser.add_argument("--language", default="deu", help="language code (default: deu)")
    parser.add_argument("--speakers", type=int, default=2, help="how many to expect; only checked (default: 2)")
    parser.add_argument("--timestamps", action="store_true", help="begin each line with [hh:mm:ss]")
    args = parser.parse_args()

    audio = args.audio
    digest = hashlib.sha256(audio.read_bytes()).hexdigest()[:8]
    job = audio.with_name(f"{audio.stem}.{digest}.job")
    saved = audio.with_name(f"{audio.stem}.{digest}.json")

    if saved.exists():
        print(f"using {saved}")
        result = json.loads(saved.read_text(encoding="utf-8"))
    else:
        request_id = job.read_text().strip() if job.exists() else submit(audio, job, args.language)
        if request_id in ("", "sending"):
            raise SystemExit(
                "an earlier submit got no reply and may have made a job: look on https://fal.ai/dashboard; "
                f"if it is there put its request id into {job}, if not delete {job}"
            )
        print(f"request {request_id}")
        result = collect(request_id, job)
        saved.write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")

    turns = to_turns(result["words"])
    if not turns:
        raise SystemExit(f"no speech was found in {audio}; see {saved}")

    # Number the speakers in the order in which they first speak.
    labels: dict[str, str] = {}
    for turn in turns:
        labels.setdefault(turn["speaker"], f"Sprecher {len(labels) + 1}")
    lines = [
        (f"[{clock(turn['start'])}] " if args.timestamps else "") + f"{labels[turn['speaker']]}: {turn['text']}"
        for turn in turns
    ]
    text = audio.with_suffix(".txt")
    text.write_text("\n".join(lines) + "\n", encoding="utf-8")

    counts = Counter()
    for turn in turns:
        counts[labels[turn["speaker"]]] += turn["words"]
    end = max(word.get("end") or 0.0 for word in result["words"])
    print(f"{text}: {len(turns)} turns; the last word ends at {clock(end)}")
    print("words: " + ", ".join(f"{label} {count}" for label, count in counts.items()))
    print(f"language: {result['language_code']} ({result['language_probability']:.2f})")
    if len(labels) != args.speakers:
        print(f"WARNING: {len(labels)} speakers were told apart, not {args.speakers}: check the labels")


if __name__ == "__main__":
    main()
