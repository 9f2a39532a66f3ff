import { setTimeout as sleep } from "node:timers/promises";
import { fal } from "@fal-ai/client";

const MODEL = "fal-ai/flux/schnell";
const MAX_WAIT_MS = 5 * 60 * 1000;

const { request_id } = await fal.queue.submit(MODEL, {
  input: { prompt: "a tram in the fog, ink drawing", image_size: "landscape_16_9" },
});

const deadline = Date.now() + MAX_WAIT_MS;
let status = await fal.queue.status(MODEL, { requestId: request_id });
while (status.status === "IN_QUEUE" || status.status === "IN_PROGRESS") {
  if (Date.now() > deadline) {
    throw new Error(`gave up waiting: request ${request_id} is still ${status.status}`);
  }
  await sleep(1000);
  status = await fal.queue.status(MODEL, { requestId: request_id });
}
if (status.status !== "COMPLETED") {
  throw new Error(`unexpected status for request ${request_id}: ${JSON.stringify(status)}`);
}

// fal has no FAILED status: a failed job is COMPLETED too, and asking for its result throws.
const result = await fal.queue.result(MODEL, { requestId: request_id }).catch((error) => {
  const what = status.error ? "generation failed" : "could not fetch the result";
  // error.message is only "Unprocessable Entity" and the like; fal's reason is in the body.
  const reason = error.body?.detail ? JSON.stringify(error.body.detail) : error.message;
  throw new Error(`${what} (request ${request_id}): ${reason}`, { cause: error });
});
console.log(result.data.images[0].url);
