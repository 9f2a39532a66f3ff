import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fal } from "@fal-ai/client"; // reads FAL_KEY from the environment

// @fal-ai/client 1.10.1 has no types for this endpoint: without this, tsc accepts any field here.
type KlingV3TurboInput = {
  image_url: string;
  prompt?: string;
  duration?: "3" | "4" | "5" | "6" | "7" | "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15";
};

const result = await fal.subscribe("fal-ai/kling-video/v3/turbo/standard/image-to-video", {
  input: {
    image_url: "https://example.com/dune.jpg", // was start_image_url
    prompt: "sand blowing over the crest",
    duration: "5",
    // no cfg_scale, negative_prompt or generate_audio on this endpoint
  } satisfies KlingV3TurboInput,
  pollInterval: 2000,
});

const url: string = result.data.video.url; // same path as on v3/pro
const response = await fetch(url);
if (!response.ok) throw new Error(`download failed: HTTP ${response.status}`);
const file = basename(new URL(url).pathname);
await writeFile(file, Buffer.from(await response.arrayBuffer()));
console.log(url, "saved as", file);
