import { setTimeout as sleep } from "node:timers/promises";
import { fal } from "@fal-ai/client";

const MODEL = "fal-ai/flux/schnell";
const MAX_WAIT_MS = 5 * 60 * 1000;

const { request_id } = await fal.queue.submit(MODEL, {
  input: { prompt: "a tram in the fog, ink drawing", image_size: "landscape_16_9" },
});

const deadline = Date.now() + MAX_WAIT_MS;
let status;
while (true) {
  status = await fal.queue.status(MODEL, { requestId: request_id });
  if (status.status !== "IN_QUEUE" && status.status !== "IN_PROGRESS") break;
  if (Date.now() >= deadline) {
    await fal.queue.cancel(MODEL, { requestId: request_id }).catch(() => {});
    throw new Error(`request ${request_id} still ${status.status} after ${MAX_WAIT_MS / 1000} s; asked fal to cancel it`);
  }
  await sleep(1000);
}

let result;
try {
  result = await fal.queue.result(MODEL, { requestId: request_id });
} catch (error) {
  // fal has no FAILED status: a failed job is COMPLETED with status.error, and the reason is in the result's error body.
  const what = status.error ? "generation failed" : "could not fetch the result";
  const reason = error.body?.detail ?? error.message;
  throw new Error(`${what} (request ${request_id}): ${JSON.stringify(reason)}`, { cause: error });
}

const url = result.data.images?.[0]?.url;
if (!url) throw new Error(`no image in the result (request ${request_id}): ${JSON.stringify(result.data)}`);
console.log(url);
