// npm install @fal-ai/client@^1.10.1     FAL_KEY must be in the environment (server side only)
import { pathToFileURL } from "node:url";
import { ApiError, fal } from "@fal-ai/client";

/** Speaks `text` and returns the URL of the mp3 (public and temporary). */
export async function announce(text) {
  // run = one direct HTTP call; subscribe would go through the queue and poll it
  const { data } = await fal.run("fal-ai/elevenlabs/tts/turbo-v2.5", {
    input: { text, voice: "Rachel" },
    abortSignal: AbortSignal.timeout(10_000), // a late announcement is a wrong one
  });
  return data.audio.url;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    console.log(await announce(process.argv[2] ?? "Gate 14 closes in five minutes"));
  } catch (error) {
    const reason = error instanceof ApiError ? `${error.status} ${JSON.stringify(error.body?.detail ?? error.message)}` : error;
    console.error("announcement failed:", reason);
    process.exitCode = 1;
  }
}
