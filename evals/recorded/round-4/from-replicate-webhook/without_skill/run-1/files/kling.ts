import { ApiError, createFalClient } from "@fal-ai/client";

// Server-side only. Reads FAL_KEY from the environment (replaces REPLICATE_API_TOKEN).
const fal = createFalClient();

/** Kling 3.0 image-to-video, Standard: the cheaper of the two v3 tiers (the other is v3/pro). */
export const KLING_ENDPOINT = "fal-ai/kling-video/v3/standard/image-to-video";

/** The part of Replicate's Prediction that callers use, so code downstream can stay as it is. */
export interface Prediction {
  id: string;
  status: "starting" | "processing" | "succeeded" | "failed";
  /** Video URL, set when status is "succeeded". */
  output?: string;
  /** Set when status is "failed". */
  error?: string;
}

/** Was: replicate.predictions.create({ version, input, webhook, webhook_events_filter }) */
export async function createPrediction(
  input: { image: string | Blob; prompt: string }, // URL, data URI, or Blob/File (uploaded for you)
  webhook: string,
): Promise<Prediction & { endpoint: string }> {
  const { request_id } = await fal.queue.submit(KLING_ENDPOINT, {
    input: {
      start_image_url: input.image, // v3's name for it; not `image` or `image_url`
      prompt: input.prompt,
      generate_audio: false, // fal's default is true, which costs more
    },
    webhookUrl: webhook, // called once, when the request ends: no events filter needed
  });
  // Persist both: fal looks a request up by endpoint + id.
  return { id: request_id, endpoint: KLING_ENDPOINT, status: "starting" };
}

/** Was: replicate.predictions.get(id). Throws if the lookup itself fails (auth, unknown id, outage). */
export async function getPrediction(
  id: string,
  endpoint: string = KLING_ENDPOINT,
): Promise<Prediction> {
  const status = await fal.queue.status(endpoint, { requestId: id });
  if (status.status === "IN_QUEUE") return { id, status: "starting" };
  if (status.status === "IN_PROGRESS") return { id, status: "processing" };

  // COMPLETED means "ended", not "succeeded": a failed generation shows up as result() throwing.
  const reported = (status as { error?: string }).error; // not in the client's types
  try {
    const { data } = await fal.queue.result(endpoint as typeof KLING_ENDPOINT, { requestId: id });
    return { id, status: "succeeded", output: data.video.url };
  } catch (err) {
    if (!(err instanceof ApiError)) throw err;
    const detail: unknown = err.body?.detail;
    const lookupFailed = [401, 403, 404, 408, 429, 502, 503, 504].includes(err.status);
    // A list in `detail` is the model's own error report, whatever the HTTP status.
    if (lookupFailed && !reported && !Array.isArray(detail)) throw err;
    return { id, status: "failed", error: describe(detail) ?? reported ?? err.message };
  }
}

/**
 * For your webhook route. The body is used only for its request_id; the outcome is fetched from fal
 * with your key, so a forged call can't inject a result. Check that the returned id is one of yours.
 * If this throws, answer 5xx so that fal delivers again.
 */
export async function predictionFromWebhook(
  body: unknown,
  endpoint: string = KLING_ENDPOINT,
): Promise<Prediction> {
  const id = (body as { request_id?: unknown } | null)?.request_id;
  // Also keeps untrusted text out of the lookup URL.
  if (typeof id !== "string" || !/^[\w-]+$/.test(id)) throw new Error("Not a fal webhook body");
  const prediction = await getPrediction(id, endpoint);
  if (prediction.status === "starting" || prediction.status === "processing") {
    throw new Error(`fal request ${id} has not ended yet`);
  }
  return prediction;
}

function describe(detail: unknown): string | undefined {
  if (typeof detail === "string") return detail;
  if (!Array.isArray(detail) || detail.length === 0) return undefined;
  return detail.map((d) => d?.msg ?? JSON.stringify(d)).join("; ");
}
