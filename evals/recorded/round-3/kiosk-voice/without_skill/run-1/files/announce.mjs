// Usage: FAL_KEY=... node announce.mjs ["text"]
// stdout: the mp3 URL and nothing else.  stderr: timing / errors.
import { fal } from "@fal-ai/client"; // reads FAL_KEY from the environment
import { pathToFileURL } from "node:url";

const ENDPOINT = "fal-ai/elevenlabs/tts/turbo-v2.5";

/** Speak `text` as Rachel and return the URL of the mp3. */
export async function announce(text, { timeoutMs = 10_000 } = {}) {
  // fal.run = one direct HTTPS request. fal.subscribe would go through the
  // queue: submit, poll status every 500 ms, then fetch the result.
  const { data } = await fal.run(ENDPOINT, {
    input: {
      text,
      voice: "Rachel",
      // Skip the normalization pass. Fine for "Gate 14"; use "auto" if you
      // start sending clock times, dates or prices.
      apply_text_normalization: "off",
    },
    // Covers the client's built-in retries (429/502/503/504/network) as well.
    abortSignal: AbortSignal.timeout(timeoutMs),
  });
  if (!data?.audio?.url) throw new Error(`No audio URL in response: ${JSON.stringify(data)}`);
  return data.audio.url;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (!process.env.FAL_KEY) {
    console.error("FAL_KEY is not set");
    process.exit(1);
  }
  const text = process.argv[2] ?? "Gate 14 closes in five minutes";
  const t0 = performance.now();
  try {
    console.log(await announce(text));
    console.error(`${Math.round(performance.now() - t0)} ms, ${text.length} characters`);
  } catch (err) {
    console.error(err.status ?? "", err.message, err.body ? JSON.stringify(err.body) : "");
    process.exit(1);
  }
}
