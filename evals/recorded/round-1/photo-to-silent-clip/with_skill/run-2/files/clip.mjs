// One take per run: harbour.jpg -> silent 10 s clip, Kling v3 Pro on fal.
// Needs FAL_KEY in the environment. Each new take is billed (about $1.12).
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, createFalClient, fal } from "@fal-ai/client";

const MODEL = "fal-ai/kling-video/v3/pro/image-to-video";
const PHOTO = new URL("./harbour.jpg", import.meta.url);
const INPUT = {
  prompt:
    "Slow, steady dolly in towards the harbour, one continuous camera move. " +
    "A few gulls glide far off in the distance.",
  duration: "10", // text, not a number
  generate_audio: false, // the default is true, and costs half as much again
};

// While a take is under way this file says "sending", then holds its request id; a run that finds it
// collects that take instead of paying for another. It is removed once the clip is on disk.
const JOB = new URL("./clip-job.txt", import.meta.url);
const LOST =
  "The submit got no reply and may have made a (billed) job. Look on https://fal.ai/dashboard: " +
  "if it is there, put its request id into clip-job.txt and run again; if not, delete clip-job.txt.";

// True if the submit was refused or never left this machine.
function madeNoJob(error) {
  if (error instanceof ApiError) return error.status < 500;
  return ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "UND_ERR_CONNECT_TIMEOUT"].includes(error?.cause?.code ?? "");
}

async function submit() {
  const startImageUrl = await fal.storage.upload(
    new File([await readFile(PHOTO)], "harbour.jpg", { type: "image/jpeg" }),
  );
  // The SDK resends a submit whose reply is lost, which would be a second billed job. Send it once only.
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
    const { request_id: id } = await once.queue.submit(MODEL, {
      input: { start_image_url: startImageUrl, ...INPUT },
      abortSignal: sent.signal,
    });
    await writeFile(JOB, id);
    return id;
  } catch (error) {
    if (!madeNoJob(error)) throw new Error(LOST, { cause: error });
    await rm(JOB);
    throw error;
  }
}

async function collect(requestId) {
  for (let attempt = 1; ; attempt++) {
    let failed = false;
    try {
      const status = await fal.queue.subscribeToStatus(MODEL, { requestId, pollInterval: 2000 });
      failed = Boolean(status.error); // fal has no FAILED status: a failed job is COMPLETED with an error
      return await fal.queue.result(MODEL, { requestId });
    } catch (error) {
      const code = error instanceof ApiError ? error.status : undefined;
      if (code === 422 || (code && failed)) {
        await rm(JOB);
        console.error(`Take ${requestId} failed; the next run starts a new one.`);
        throw error;
      }
      if (attempt === 6 || (code && code < 500)) {
        console.error(`Run this again to collect take ${requestId}; that does not pay again.`);
        throw error;
      }
      await sleep(1000 * attempt);
    }
  }
}

async function main() {
  if (!process.env.FAL_KEY) throw new Error("FAL_KEY is not set (keys: https://fal.ai/dashboard/keys)");
  const resumed = existsSync(JOB);
  const requestId = resumed ? (await readFile(JOB, "utf8")).trim() : await submit();
  if (["", "sending"].includes(requestId)) throw new Error(LOST);
  console.log(`${resumed ? "collecting" : "submitted"} take ${requestId}`);

  const { data } = await collect(requestId);
  const response = await fetch(data.video.url); // public and temporary: keep our own copy
  if (!response.ok) throw new Error(`download failed: HTTP ${response.status}; run again to retry, no new charge`);
  const name = `harbour-${requestId}.mp4`;
  await writeFile(new URL(name, import.meta.url), Buffer.from(await response.arrayBuffer()));
  await rm(JOB);
  console.log(`saved ${name} (${data.video.url})`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  // The SDK's message is only "Unprocessable Entity" and the like; the reason is in the body.
  if (error instanceof ApiError) console.error(error.status, JSON.stringify(error.body?.detail ?? error.body));
  process.exitCode = 1;
}
