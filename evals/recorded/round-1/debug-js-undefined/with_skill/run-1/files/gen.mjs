import { fal } from "@fal-ai/client";

const MODEL = "fal-ai/flux/schnell";
const MAX_WAIT_MS = 5 * 60 * 1000;

const { request_id } = await fal.queue.submit(MODEL, {
  input: { prompt: "a tram in the fog, ink drawing", image_size: "landscape_16_9" },
});
console.error(`request ${request_id}`);

const abortSignal = AbortSignal.timeout(MAX_WAIT_MS);
try {
  // Resolves on COMPLETED, which fal also reports for failed jobs: there is no FAILED status.
  await fal.queue.subscribeToStatus(MODEL, { requestId: request_id, pollInterval: 1000, abortSignal });

  // Throws if the job failed.
  const result = await fal.queue.result(MODEL, { requestId: request_id, abortSignal });
  console.log(result.data.images[0].url);
} catch (error) {
  // fal's reason is in body.detail; error.message is only e.g. "Unprocessable Entity".
  const reason = abortSignal.aborted
    ? `not finished after ${MAX_WAIT_MS / 1000} s`
    : JSON.stringify(error.body?.detail ?? error.message);
  throw new Error(`no image from request ${request_id}: ${reason}`, { cause: error });
}
