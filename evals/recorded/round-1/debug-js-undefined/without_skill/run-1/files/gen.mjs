import { setTimeout as sleep } from "node:timers/promises";
import { fal } from "@fal-ai/client";

const MODEL = "fal-ai/flux/schnell";
const POLL_MS = 500;
const GIVE_UP_MS = 5 * 60 * 1000;

const { request_id } = await fal.queue.submit(MODEL, {
  input: { prompt: "a tram in the fog, ink drawing", image_size: "landscape_16_9" },
});

const deadline = Date.now() + GIVE_UP_MS;
let status;
while (true) {
  status = await fal.queue.status(MODEL, { requestId: request_id });
  // The queue only knows IN_QUEUE, IN_PROGRESS and COMPLETED. A failed job is COMPLETED too.
  if (status.status === "COMPLETED") break;
  if (status.status !== "IN_QUEUE" && status.status !== "IN_PROGRESS") {
    throw new Error(`request ${request_id}: unexpected status ${JSON.stringify(status)}`);
  }
  if (Date.now() >= deadline) {
    // Best effort: don't leave it to run (and bill) after we stop waiting.
    const cancel = await fal.queue.cancel(MODEL, { requestId: request_id })
      .then(() => "cancel requested", (err) => `cancel failed: ${err.message}`);
    throw new Error(`request ${request_id}: still ${status.status} after ${GIVE_UP_MS / 1000}s (${cancel})`);
  }
  await sleep(POLL_MS);
}

// For a failed job, this call throws; fal's explanation is in err.body, not in err.message.
const result = await fal.queue.result(MODEL, { requestId: request_id }).catch((err) => {
  const why = err.body ? JSON.stringify(err.body.detail ?? err.body) : status.error ?? err.message;
  throw new Error(`request ${request_id}: could not get a result (${err.status ?? err.name}): ${why}`, { cause: err });
});
if (status.error) {
  throw new Error(`request ${request_id}: generation failed: ${status.error}`);
}

const url = result.data.images?.[0]?.url;
if (!url) {
  throw new Error(`request ${request_id}: no image in result: ${JSON.stringify(result.data)}`);
}
console.log(url);
