import { setTimeout as sleep } from "node:timers/promises";
import { fal } from "@fal-ai/client";

const MODEL = "fal-ai/flux/schnell";
const POLL_MS = 500;
const TIMEOUT_MS = 5 * 60 * 1000; // queue wait + run; then cancel and give up

const { request_id } = await fal.queue.submit(MODEL, {
  input: { prompt: "a tram in the fog, ink drawing", image_size: "landscape_16_9" },
});

const signal = AbortSignal.timeout(TIMEOUT_MS);
let status;
try {
  // The queue only has IN_QUEUE, IN_PROGRESS and COMPLETED. A failed job is COMPLETED too.
  do {
    if (status) await sleep(POLL_MS, undefined, { signal });
    status = await fal.queue.status(MODEL, { requestId: request_id, abortSignal: signal });
    if (!["IN_QUEUE", "IN_PROGRESS", "COMPLETED"].includes(status.status)) {
      throw new Error(`unexpected queue status: ${status.status}`);
    }
  } while (status.status !== "COMPLETED");

  // Throws if the job failed; otherwise the model's output is in result.data.
  const result = await fal.queue.result(MODEL, { requestId: request_id, abortSignal: signal });
  const url = result.data?.images?.[0]?.url;
  if (status.error || !url) {
    throw new Error(status.error ?? `no image in result: ${JSON.stringify(result.data)}`);
  }
  console.log(url);
} catch (err) {
  let reason = err.message;
  if (signal.aborted) {
    reason = `timed out after ${TIMEOUT_MS / 1000}s (last status: ${status?.status ?? "none"})`;
    if (status?.status !== "COMPLETED") {
      await fal.queue
        .cancel(MODEL, { requestId: request_id, abortSignal: AbortSignal.timeout(10_000) })
        .catch((e) => console.error(`cancel failed: ${e.message}`));
    }
  }
  console.error(`generation failed (request ${request_id}): ${reason}`);
  if (status?.error) console.error(status.error_type ?? "error", "-", status.error);
  if (err.body) console.error(JSON.stringify(err.body, null, 2)); // fal's reason, e.g. which field was rejected
  process.exitCode = 1;
}
