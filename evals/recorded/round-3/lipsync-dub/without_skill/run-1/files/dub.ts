// Dub a video: re-animate the lips of presenter.mp4 to voice_fr.wav with fal.
//
//   npm run dub                          presenter.mp4 + voice_fr.wav -> presenter_fr.mp4
//   npm run dub -- --dry-run             show the plan, upload nothing, spend nothing
//   npm run dub -- --sync remap          other answer to "the audio is longer than the video"
//   npm run dub -- --resume <requestId>  pick up a job already paid for
import { existsSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { ApiError, fal, type QueueStatus, ValidationError } from "@fal-ai/client";

const MODEL = "fal-ai/sync-lipsync/v2/pro";

const SYNC_MODES = ["cut_off", "loop", "bounce", "silence", "remap"] as const;
type SyncMode = (typeof SYNC_MODES)[number];

// ---------------------------------------------------------------- durations

function wavSeconds(b: Buffer): number {
  if (b.toString("latin1", 0, 4) !== "RIFF" || b.toString("latin1", 8, 12) !== "WAVE") throw new Error("not a WAV file");
  let byteRate = 0;
  for (let at = 12; at + 8 <= b.length; ) {
    const id = b.toString("latin1", at, at + 4);
    const size = b.readUInt32LE(at + 4);
    if (id === "fmt ") byteRate = b.readUInt32LE(at + 16);
    // a streamed WAV may claim a size larger than the file
    if (id === "data" && byteRate) return Math.min(size, b.length - at - 8) / byteRate;
    at += 8 + size + (size % 2);
  }
  throw new Error("WAV without fmt/data chunk");
}

function mp4Seconds(b: Buffer, from = 0, to = b.length): number | undefined {
  for (let at = from; at + 8 <= to; ) {
    let size = b.readUInt32BE(at);
    const type = b.toString("latin1", at + 4, at + 8);
    let head = 8;
    if (size === 1) { size = Number(b.readBigUInt64BE(at + 8)); head = 16; }
    if (size === 0) size = to - at;
    if (size < head) return undefined;
    const body = at + head;
    if (type === "moov") return mp4Seconds(b, body, Math.min(at + size, to));
    if (type === "mvhd") {
      return b[body] === 1
        ? Number(b.readBigUInt64BE(body + 24)) / b.readUInt32BE(body + 20)
        : b.readUInt32BE(body + 16) / b.readUInt32BE(body + 12);
    }
    at += size;
  }
  return undefined;
}

// ----------------------------------------------------------------- progress

/**
 * One live line on a terminal; when piped to a file or CI, one line per change.
 * fal polls twice a second and each poll returns the same status and the whole
 * log so far, so both are compared with what was already shown.
 */
class Progress {
  private readonly tty = process.stdout.isTTY === true;
  private readonly t0 = Date.now();
  private text = "";
  private lastLog = "";
  private readonly seen = new Set<string>();
  private timer?: NodeJS.Timeout;

  stage(text: string) {
    if (text === this.text) return;
    this.text = text;
    if (!this.tty) return void console.log(`[${this.elapsed()}] ${text}`);
    this.timer ??= setInterval(() => this.draw(), 1000);
    this.draw();
  }

  /** A line that stays. */
  line(text: string) {
    this.clear();
    console.log(text);
    if (this.timer) this.draw();
  }

  update(s: QueueStatus) {
    if (s.status !== "IN_QUEUE") {
      for (const log of s.logs ?? []) {
        const key = `${log.timestamp}|${log.message}`;
        if (this.seen.has(key)) continue;
        this.seen.add(key);
        const message = log.message.trim();
        if (!message || message === this.lastLog) continue;
        this.lastLog = message;
        // tqdm-style bars ("45%|####") are one line redrawn, not a hundred lines
        if (/\d%\s*\|/.test(message)) {
          const percent = /(\d+)%\s*\|/.exec(message)?.[1];
          if (this.tty && percent) this.stage(`processing ${percent}%`);
          continue;
        }
        this.line(`  ${message}`);
      }
    }
    if (s.status === "IN_QUEUE") this.stage(`in queue, position ${s.queue_position}`);
    else if (s.status === "IN_PROGRESS" && !this.text.startsWith("processing")) this.stage("processing");
    else if (s.status === "COMPLETED") this.stage("finished, fetching result");
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.clear();
  }

  private elapsed() {
    const s = Math.floor((Date.now() - this.t0) / 1000);
    return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  }
  private clear() {
    if (this.tty) process.stdout.write("\r\x1b[2K");
  }
  private draw() {
    const width = (process.stdout.columns || 80) - 1;
    process.stdout.write(`\r\x1b[2K${`[${this.elapsed()}] ${this.text}`.slice(0, width)}`);
  }
}

// --------------------------------------------------------------------- main

const { values: arg } = parseArgs({
  options: {
    video: { type: "string", default: "presenter.mp4" },
    audio: { type: "string", default: "voice_fr.wav" },
    out: { type: "string", default: "presenter_fr.mp4" },
    sync: { type: "string" },
    resume: { type: "string" },
    "dry-run": { type: "boolean", default: false },
  },
});

const progress = new Progress();
let requestId = arg.resume;

async function main() {
  if (arg.sync && !SYNC_MODES.includes(arg.sync as SyncMode)) throw new Error(`--sync must be one of ${SYNC_MODES.join(", ")}`);

  const [video, audio] = await Promise.all([readFile(arg.video), readFile(arg.audio)]);
  const videoSec = mp4Seconds(video);
  if (!videoSec) throw new Error(`cannot read the duration of ${arg.video}`);
  const audioSec = wavSeconds(audio);
  const gap = audioSec - videoSec;

  // Never rely on the API default (cut_off), which shortens to the shorter input.
  const sync = (arg.sync as SyncMode | undefined) ?? (gap > 0.05 ? "bounce" : gap < -0.05 ? "silence" : "cut_off");

  console.log(`${MODEL}`);
  console.log(`video ${videoSec.toFixed(2)} s, audio ${audioSec.toFixed(2)} s, sync_mode ${sync}`);
  if (gap > 0.05 && sync === "cut_off") console.warn(`warning: cut_off drops the last ${gap.toFixed(2)} s of the voice`);
  if (arg["dry-run"]) return;

  // Everything that can fail for free fails before the paid call.
  if (!process.env.FAL_KEY) throw new Error("FAL_KEY is not set (https://fal.ai/dashboard/keys)");
  if (existsSync(arg.out)) throw new Error(`${arg.out} already exists: move it or pass --out`);

  if (!requestId) {
    progress.stage("uploading");
    const [video_url, audio_url] = await Promise.all([
      fal.storage.upload(new File([video], basename(arg.video), { type: "video/mp4" })),
      fal.storage.upload(new File([audio], basename(arg.audio), { type: "audio/wav" })),
    ]);
    progress.stage("submitting");
    const job = await fal.queue.submit(MODEL, { input: { video_url, audio_url, sync_mode: sync } });
    requestId = job.request_id;
    progress.line(`request ${requestId}`);
  }

  await fal.queue.subscribeToStatus(MODEL, { requestId, logs: true, onQueueUpdate: (s) => progress.update(s) });
  const { data } = await fal.queue.result(MODEL, { requestId });

  progress.stage("downloading");
  const res = await fetch(data.video.url);
  if (!res.ok) throw new Error(`download failed: HTTP ${res.status} ${data.video.url}`);
  const result = Buffer.from(await res.arrayBuffer());
  await writeFile(`${arg.out}.part`, result);
  await rename(`${arg.out}.part`, arg.out);
  progress.stop();

  const outSec = mp4Seconds(result);
  console.log(`saved ${arg.out}${outSec ? ` (${outSec.toFixed(2)} s)` : ""}`);
  if (outSec && outSec < audioSec - 0.25) {
    console.warn(`warning: ${(audioSec - outSec).toFixed(2)} s shorter than the voice: the end of the sentence is missing`);
    process.exitCode = 2;
  }
}

main().catch((e: unknown) => {
  progress.stop();
  if (e instanceof ValidationError) {
    for (const f of e.fieldErrors) console.error(`fal rejected the input: ${f.loc.join(".")}: ${f.msg}`);
  } else if (e instanceof ApiError) {
    console.error(`fal error ${e.status}: ${e.message} ${e.body ? JSON.stringify(e.body) : ""}`);
  } else {
    console.error(e instanceof Error ? e.message : e);
  }
  if (requestId) console.error(`if the job itself did not fail: npm run dub -- --resume ${requestId}`);
  process.exitCode = 1;
});
