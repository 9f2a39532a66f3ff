import { readFile, writeFile } from "node:fs/promises";
import { fal } from "@fal-ai/client"; // reads FAL_KEY from the environment

const photo = new URL("./harbour.jpg", import.meta.url);
const startImageUrl = await fal.storage.upload(
  new File([await readFile(photo)], "harbour.jpg", { type: "image/jpeg" }),
);

const result = await fal.subscribe("fal-ai/kling-video/v3/pro/image-to-video", {
  input: {
    start_image_url: startImageUrl,
    prompt: "Slow, steady dolly-in toward the harbour. A few small gulls glide in the distance.",
    duration: "10", // a string, "3" to "15"
    generate_audio: false, // the default is true, and costs half as much again
  },
  pollInterval: 2000,
  onEnqueue: (requestId) => console.log("request", requestId),
});

const { url } = result.data.video;
console.log(url); // public and temporary: save the file now
const response = await fetch(url);
if (!response.ok) throw new Error(`download failed: HTTP ${response.status}`);
const file = new URL(`./harbour-${result.requestId}.mp4`, import.meta.url);
await writeFile(file, Buffer.from(await response.arrayBuffer()));
console.log("saved", file.pathname);
