// Dub presenter.mp4 with voice_fr.wav: FAL_KEY=… npx tsx dub.mts [bounce|remap|loop|cut_off]
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, createFalClient, fal, type QueueStatus } from "@fal-ai/client";

const MODEL = "fal-ai/sync-lipsync/v3"; // "fal-ai/sync-lipsync/v2/pro" takes the same three fields
const VIDEO = "presenter.mp4";
const AUDIO = "voice_fr.wav";
const MODES = ["bounce", "remap", "loop", "cut_off"] as const;
const MODE = (process.argv[2] ?? "bounce") as (typeof MODES)[number]; // what to do when the voice outlasts the picture
if (!MODES.includes(MODE)) fail(`unknown mode ${MODE}: use ${MODES.join(", ")}`);
if (!process.env.FAL_KEY) fail("set FAL_KEY first (fal.ai/dashboard/keys)");

const video = readFileSync(VIDEO);
const audio = readFileSync(AUDIO);
const NAME = `presenter_fr_${MODEL.split("/").slice(2).join("-")}_${MODE}`;
const OUT = `${NAME}.mp4`;
// Says "sending", then holds the request id: another run collects the same job instead of paying again.
// Other files, another mode or another model make another job.
const JOB = `${NAME}_${createHash("sha256").update(video).update(audio).digest("hex").slice(0, 8)}.job.txt`;
const LOST = `the submit got no reply and may have made a job: look for it on https://fal.ai/dashboard, put its id into ${JOB}, or delete that file to submit anew`;

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

// ---- progress: one line per *change*; on a terminal also one live line, rewritten in place
function progress() {
  const started = Date.now();
  const live = process.stdout.isTTY;
  const seen = new Set<string>();
  let last = "";
  const seconds = () => `${Math.round((Date.now() - started) / 1000)}s`;
  const clear = () => live && process.stdout.write("\r\x1b[K");
  const line = (text: string) => {
    clear();
    console.log(`[${seconds()}] ${text}`);
  };
  const timer = live ? setInterval(() => process.stdout.write(`\r\x1b[K  … ${last || "waiting"} ${seconds()}`), 1000) : undefined;
  return {
    update(status: QueueStatus) {
      const text =
        status.status === "IN_QUEUE" ? `queued, position ${status.queue_position}`
        : status.status === "IN_PROGRESS" ? "lip-syncing"
        : "finished";
      const changed = text !== last;
      last = text;
      if (changed && status.status !== "COMPLETED") line(text);
      // Every poll brings all earlier log lines again, or null.
      for (const log of ("logs" in status && status.logs) || []) {
        const key = `${log.timestamp} ${log.message}`;
        if (!seen.has(key)) line(`  ${log.message}`);
        seen.add(key);
      }
      if (changed && status.status === "COMPLETED") line(text);
    },
    stop() {
      clearInterval(timer);
      clear();
    },
  };
}

// ---- lengths, without ffprobe; undefined if the header is not where it usually is
function mp4Seconds(file: Buffer) {
  const at = file.lastIndexOf("mvhd");
  if (at < 0) return undefined;
  return file[at + 4] === 1
    ? Number(file.readBigUInt64BE(at + 28)) / file.readUInt32BE(at + 24)
    : file.readUInt32BE(at + 20) / file.readUInt32BE(at + 16);
}
function wavSeconds(file: Buffer) {
  const fmt = file.indexOf("fmt ");
  const data = file.indexOf("data", fmt);
  return fmt < 0 || data < 0 ? undefined : file.readUInt32LE(data + 4) / file.readUInt32LE(fmt + 16);
}

// ---- submit once, collect as often as needed
function madeNoJob(error: unknown) {
  if (error instanceof ApiError) return error.status < 500;
  const code = error instanceof Error && (error.cause as { code?: string } | undefined)?.code;
  return ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "UND_ERR_CONNECT_TIMEOUT"].includes(code || "");
}

async function submit() {
  console.log(`uploading ${VIDEO} and ${AUDIO}`);
  const [videoUrl, audioUrl] = await Promise.all([
    fal.storage.upload(new File([new Uint8Array(video)], VIDEO, { type: "video/mp4" })),
    fal.storage.upload(new File([new Uint8Array(audio)], AUDIO, { type: "audio/wav" })),
  ]);
  // The SDK sends a submit again when its reply is lost, which makes a second, billed job:
  // not if its signal is aborted.
  const sent = new AbortController();
  const once = createFalClient({
    fetch: async (url, init) => {
      sent.signal.throwIfAborted();
      sent.abort();
      return fetch(url, { ...init, signal: null });
    },
  });
  await writeFile(JOB, "sending", { flag: "wx" });
  try {
    const { request_id } = await once.queue.submit(MODEL, {
      input: { video_url: videoUrl, audio_url: audioUrl, sync_mode: MODE },
      abortSignal: sent.signal,
    });
    await writeFile(JOB, request_id);
    return request_id;
  } catch (error) {
    if (!madeNoJob(error)) throw new Error(LOST, { cause: error });
    await rm(JOB);
    throw error;
  }
}

async function collect(requestId: string) {
  const show = progress();
  let failed = false;
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        const status = await fal.queue.subscribeToStatus(MODEL, {
          requestId,
          logs: true,
          pollInterval: 2000,
          onQueueUpdate: show.update,
        });
        failed = "error" in status && Boolean(status.error); // there is no FAILED status
        return await fal.queue.result(MODEL, { requestId });
      } catch (error) {
        const code = error instanceof ApiError ? error.status : undefined; // none: no answer
        if (code === 422 || (code && failed)) {
          show.stop();
          console.error(`the job has failed: mend the cause, delete ${JOB}, run again`);
          throw error;
        }
        // The job may be paid for: ask for it again by its id.
        if (attempt === 6 || (code && code < 500)) {
          show.stop();
          console.error(
            code === 404
              ? `fal does not know ${requestId} (expired, or another account's): delete ${JOB} to start a new job`
              : `run this again to collect ${requestId}`,
          );
          throw error;
        }
        await sleep(1000 * attempt);
      }
    }
  } finally {
    show.stop();
  }
}

async function main() {
  const [picture, voice] = [mp4Seconds(video), wavSeconds(audio)];
  console.log(`video ${picture?.toFixed(1) ?? "?"} s, voice ${voice?.toFixed(1) ?? "?"} s, ${MODEL}, sync_mode ${MODE}`);

  const requestId = existsSync(JOB) ? (await readFile(JOB, "utf8")).trim() : await submit();
  if (["", "sending"].includes(requestId)) fail(LOST);
  console.log(`request ${requestId} (delete ${JOB} to start a new job)`);

  const result = await collect(requestId);
  const url: string = result.data.video.url; // public and temporary: download now
  const response = await fetch(url);
  if (!response.ok) throw new Error(`download failed: HTTP ${response.status}; run this again`);
  const dubbed = Buffer.from(await response.arrayBuffer());
  await writeFile(OUT, dubbed);
  const length = mp4Seconds(dubbed);
  console.log(`saved ${OUT}${length ? `, ${length.toFixed(1)} s` : ""}`);
  if (length && voice && length < voice - 0.5)
    console.warn(`WARNING: the result is ${(voice - length).toFixed(1)} s shorter than the voice: speech was cut off`);
}

main().catch((error) => {
  // For a 422 error.message says only "Unprocessable Entity"; the reason is in the body.
  if (error instanceof ApiError) fail(`fal ${error.status}: ${JSON.stringify(error.body?.detail ?? error.message)}`);
  fail(error instanceof Error ? error.message : String(error));
});
