import { fal } from "@fal-ai/client";

const MODEL = "fal-ai/flux/schnell";
const MAX_WAIT_MS = 5 * 60_000;

const { request_id } = await fal.queue.submit(MODEL, {
  input: { prompt: "a tram in the fog, ink drawing", image_size: "landscape_16_9" },
});
console.error(`request ${request_id}`);

let status;
const deadline = Date.now() + MAX_WAIT_MS;
while (true) {
  status = await fal.queue.status(MODEL, { requestId: request_id });
  if (status.status === "COMPLETED") break; // also when the job failed: fal has no FAILED or SUCCEEDED
  if (Date.now() > deadline) {
    await fal.queue.cancel(MODEL, { requestId: request_id }).catch(() => {});
    throw new Error(`gave up on ${request_id} while it was ${status.status}; asked fal to cancel it`);
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
}

const result = await fal.queue.result(MODEL, { requestId: request_id }).catch((error) => {
  const what = status.error ? "generation failed" : "could not fetch the result";
  const why = error.body?.detail ?? status.error ?? error.message;
  throw new Error(`${what}, request ${request_id}: ${JSON.stringify(why)}`, { cause: error });
});
const url = result.data.images?.[0]?.url;
if (!url) throw new Error(`no image, request ${request_id}: ${JSON.stringify(status.error ?? result.data)}`);
console.log(url);
