// Replaces replicate.predictions.create() / .get() for Kling v3 image-to-video.
// npm install @fal-ai/client   (reads the key from FAL_KEY)
import { ApiError, createFalClient, fal } from "@fal-ai/client";

// Store this next to the request id: fal looks a job up by endpoint + id, not by id alone.
export const KLING = "fal-ai/kling-video/v3/standard/image-to-video";

export interface Video {
  id: string;
  status: "starting" | "processing" | "succeeded" | "failed"; // Replicate's words
  output: string | null; // video URL: public and temporary, copy it to your own storage
  error: string | null;
}

/** replicate.predictions.create(): returns the id to persist where you persisted prediction.id. */
export async function createVideo(args: {
  image: string | Blob; // public URL, or a Blob/File, which is uploaded to fal first
  prompt: string;
  webhook: string;
}): Promise<string> {
  const image = typeof args.image === "string" ? args.image : await fal.storage.upload(args.image);

  // The SDK resends a submit whose reply was lost, which makes a second, billed job (fal has no
  // idempotency key). It does not when its signal is aborted, so: send exactly once.
  const sent = new AbortController();
  const once = createFalClient({
    fetch: async (url, init) => {
      sent.signal.throwIfAborted();
      sent.abort();
      return fetch(url, { ...init, signal: null });
    },
  });
  const { request_id } = await once.queue.submit(KLING, {
    input: {
      start_image_url: image, // not `image`, and not `image_url` as in the v3 turbo tiers
      prompt: args.prompt,
      duration: "5", // text, "3" to "15"
      generate_audio: false, // fal's default is true, which costs half as much again
    },
    webhookUrl: args.webhook,
    abortSignal: sent.signal,
  });
  return request_id;
}

/**
 * replicate.predictions.get(): looks once, does not wait.
 * Throws when fal cannot answer now (5xx, network: ask again with the same id, never resubmit),
 * and ApiError 404 for an id it does not know (such as an old Replicate id).
 */
export async function getVideo(id: string, endpoint: string = KLING): Promise<Video> {
  const state = await fal.queue.status(endpoint, { requestId: id });
  if (state.status === "IN_QUEUE") return { id, status: "starting", output: null, error: null };
  if (state.status === "IN_PROGRESS") return { id, status: "processing", output: null, error: null };

  // COMPLETED also covers failures; fal has no FAILED or CANCELED. (`error` is missing in the SDK's type.)
  const failure = (state as { error?: string }).error;
  try {
    const { data } = await fal.queue.result(endpoint, { requestId: id });
    return { id, status: "succeeded", output: (data as { video: { url: string } }).video.url, error: null };
  } catch (error) {
    if (!(error instanceof ApiError) || !(failure || error.status === 422)) throw error;
    return { id, status: "failed", output: null, error: JSON.stringify(error.body?.detail ?? failure) };
  }
}
