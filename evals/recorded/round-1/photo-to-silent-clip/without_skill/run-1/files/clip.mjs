// 10 s silent clip from harbour.jpg with Kling 3.0 Pro on fal.
//   node clip.mjs                        one paid take
//   node clip.mjs --resume <request_id>  fetch a take already submitted (no new charge)
//   node clip.mjs --price                fal's current listed price, generates nothing
import { createWriteStream } from "node:fs";
import { readFile, appendFile, rename } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fal } from "@fal-ai/client";

const ENDPOINT = "fal-ai/kling-video/v3/pro/image-to-video";
const PHOTO = new URL("./harbour.jpg", import.meta.url);

const INPUT = {
  prompt:
    "Single continuous shot. Slow, steady camera dolly in across the harbour, smooth and constant speed, " +
    "no pan, tilt or shake. A few gulls glide far in the distance, small against the sky. " +
    "Gentle ripples on the water. Composition, light and colours stay true to the photo.",
  negative_prompt: "blur, distort, and low quality, camera shake, cuts, birds close to the camera",
  duration: "10", // a string, "3" to "15"; the default is "5"
  generate_audio: false, // the default is true, which costs more
};

// The client retries a failed POST. For the paid submit that could buy the same take twice, so stop instead.
async function safeFetch(url, init) {
  const isSubmit = init?.method === "POST" && new URL(url).hostname === "queue.fal.run";
  if (!isSubmit) return fetch(url, init);
  const unsure = (why) =>
    new Error(`Submit failed (${why}). fal may still have accepted it: check your fal dashboard before rerunning.`);
  const res = await fetch(url, init).catch((e) => { throw unsure(e.cause?.code ?? e.message); });
  if (res.status >= 500) throw unsure(`HTTP ${res.status}`);
  return res;
}

async function price() {
  const res = await fetch(`https://api.fal.ai/v1/models/pricing?endpoint_id=${encodeURIComponent(ENDPOINT)}`, {
    headers: { Authorization: `Key ${process.env.FAL_KEY}` },
  });
  if (!res.ok) throw new Error(`Price lookup: HTTP ${res.status}. See https://fal.ai/models/${ENDPOINT}`);
  console.log(JSON.stringify(await res.json(), null, 2));
}

async function submit() {
  const photo = new Blob([await readFile(PHOTO)], { type: "image/jpeg" });
  const start_image_url = await fal.storage.upload(photo);
  const { request_id } = await fal.queue.submit(ENDPOINT, { input: { ...INPUT, start_image_url } });
  console.log(`submitted: ${request_id}\nif interrupted: node clip.mjs --resume ${request_id}`);
  await appendFile(new URL("./takes.log", import.meta.url), `${new Date().toISOString()} ${request_id}\n`);
  return request_id;
}

async function collect(requestId) {
  let last;
  await fal.queue.subscribeToStatus(ENDPOINT, {
    requestId,
    pollInterval: 5000,
    onQueueUpdate: (s) => {
      const line = s.status === "IN_QUEUE" ? `in queue (position ${s.queue_position})` : s.status.toLowerCase();
      if (line !== last) console.log((last = line));
    },
  });
  const { data } = await fal.queue.result(ENDPOINT, { requestId });
  const out = `harbour-${requestId}.mp4`;
  const file = new URL(`./${out}`, import.meta.url);
  const part = new URL(`./${out}.part`, import.meta.url);
  const res = await fetch(data.video.url);
  if (!res.ok) throw new Error(`Download: HTTP ${res.status} from ${data.video.url}`);
  await pipeline(Readable.fromWeb(res.body), createWriteStream(part));
  await rename(part, file);
  console.log(`saved ${out}\nsource ${data.video.url}`);
}

try {
  if (!process.env.FAL_KEY) throw new Error("FAL_KEY is not set.");
  fal.config({ fetch: safeFetch });
  const [flag, id] = process.argv.slice(2);
  if (flag === "--price") await price();
  else if (flag === "--resume" && id) await collect(id);
  else if (flag === undefined) await collect(await submit());
  else throw new Error("usage: node clip.mjs [--price | --resume <request_id>]");
} catch (e) {
  console.error(e.message || `fal error ${e.status ?? ""}`);
  if (e.body) console.error(JSON.stringify(e.body, null, 2));
  process.exitCode = 1;
}
