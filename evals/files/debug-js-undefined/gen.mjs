import { fal } from "@fal-ai/client";

const MODEL = "fal-ai/flux/schnell";

const { request_id } = await fal.queue.submit(MODEL, {
  input: { prompt: "a tram in the fog, ink drawing", image_size: "landscape_16_9" },
});

let status;
do {
  status = await fal.queue.status(MODEL, { requestId: request_id });
  if (status.status === "FAILED") {
    throw new Error("generation failed");
  }
} while (status.status !== "SUCCEEDED" && status.status !== "COMPLETED");

const result = await fal.queue.result(MODEL, { requestId: request_id });
console.log(result.images?.[0]?.url);
