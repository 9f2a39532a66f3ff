// Ported from fal-ai/kling-video/v3/pro/image-to-video.
import { writeFile } from "node:fs/promises";
import { ApiError, fal } from "@fal-ai/client"; // reads FAL_KEY from the environment

const MODEL = "fal-ai/kling-video/v3/turbo/standard/image-to-video";

// All four fields that this endpoint has. @fal-ai/client 1.10.1 has no types for it, so without this
// a leftover start_image_url, cfg_scale, negative_prompt or generate_audio would compile.
interface KlingV3TurboInput {
  image_url: string; // was start_image_url
  prompt?: string;
  duration?: "3" | "4" | "5" | "6" | "7" | "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15"; // text, not a number
  multi_prompt?: { prompt: string; duration?: string }[];
}

const input: KlingV3TurboInput = {
  image_url: "https://example.com/dune.jpg",
  prompt: "sand blowing over the crest",
  duration: "5",
};

try {
  const result = await fal.subscribe(MODEL, { input, pollInterval: 2000 });
  const url: string = result.data.video.url; // public and temporary: download at once
  const response = await fetch(url);
  if (!response.ok) throw new Error(`download failed: HTTP ${response.status} (request ${result.requestId})`);
  await writeFile("dune.mp4", Buffer.from(await response.arrayBuffer()));
  console.log(result.requestId, url, "saved as dune.mp4");
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  console.error(`fal answered ${error.status}:`, JSON.stringify(error.body?.detail ?? error.message));
  process.exitCode = 1;
}
