import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, createFalClient, fal } from "@fal-ai/client";

// One take: 10 s, silent. $1.12 at $0.112/s (fal's price as quoted on 2026-09-24).
const PHOTO = "./harbour.jpg";
const PROMPT =
  "Slow, steady cinematic dolly in toward the harbour, one continuous shot, constant speed, no cuts. " +
  "A few gulls glide and circle far off in the distance. Natural light, gentle movement on the water.";
const DURATION = "10"; // seconds, as a string: "3" to "15"

const MODEL = "fal-ai/kling-video/v3/pro/image-to-video";
// Says "sending", then holds the request id: another run collects the same job.
// Delete the file to start a new job.
const JOB = "harbour-job.txt";
const LOST =
  "a submit got no reply and may have made a job: look for it on https://fal.ai/dashboard, " +
  `put its id into ${JOB}, or delete the file to submit anew`;

// Whether a submit was refused or never sent.
function madeNoJob(error) {
  if (error instanceof ApiError) return error.status < 500;
  const code = error instanceof Error && error.cause?.code;
  return ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "UND_ERR_CONNECT_TIMEOUT"].includes(code || "");
}

async function submit() {
  const startImageUrl = await fal.storage.upload(
    new File([await readFile(PHOTO)], basename(PHOTO), { type: "image/jpeg" }),
  );
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
      input: {
        start_image_url: startImageUrl,
        prompt: PROMPT,
        duration: DURATION,
        generate_audio: false, // the default is true, and costs half as much again
      },
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

async function collect(requestId) {
  let failed = false;
  for (let attempt = 1; ; attempt++) {
    try {
      const status = await fal.queue.subscribeToStatus(MODEL, {
        requestId,
        pollInterval: 2000,
      });
      failed = "error" in status && Boolean(status.error);
      return await fal.queue.result(MODEL, { requestId });
    } catch (error) {
      const code = error instanceof ApiError ? error.status : undefined; // none: no answer
      if (code === 422 || (code && failed)) {
        console.error(`the job has failed: delete ${JOB} to start a new one`);
        throw error;
      }
      // The job may be paid for: ask for it again by its id.
      if (attempt === 6 || (code && code < 500)) {
        console.error(`run this again to collect ${requestId}`);
        throw error;
      }
      await sleep(1000 * attempt);
    }
  }
}

if (!process.env.FAL_KEY) {
  console.error("FAL_KEY is not set");
  process.exit(1);
}

try {
  const requestId = existsSync(JOB) ? (await readFile(JOB, "utf8")).trim() : await submit();
  if (["", "sending"].includes(requestId)) {
    console.error(LOST);
    process.exit(1);
  }
  console.log(`request ${requestId} (delete ${JOB} to start a new job)`);
  const result = await collect(requestId);
  const url = result.data.video.url;
  const response = await fetch(url);
  if (!response.ok) throw new Error(`download failed: HTTP ${response.status}`);
  const file = `harbour-${requestId}.mp4`;
  await writeFile(file, Buffer.from(await response.arrayBuffer()));
  console.log(url, "saved as", file);
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  // message is only the status text; body.detail is a text, or a list of { loc, msg, type }
  const detail = JSON.stringify(error.body?.detail ?? error.message);
  console.error(`fal answered ${error.status}: ${detail}`);
  process.exit(1);
}
