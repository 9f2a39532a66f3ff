import { readFile, writeFile } from "node:fs/promises";
import { fal } from "@fal-ai/client"; // reads FAL_KEY from the environment

const photo = await readFile(new URL("./harbour.jpg", import.meta.url));
const startImageUrl = await fal.storage.upload(new File([photo], "harbour.jpg", { type: "image/jpeg" }));

const { data, requestId } = await fal.subscribe("fal-ai/kling-video/v3/pro/image-to-video", {
  input: {
    start_image_url: startImageUrl,
    prompt: "Slow, steady dolly in. A few gulls glide far off in the distance. One continuous shot.",
    duration: "10", // a string, "3" to "15"
    generate_audio: false, // the default is true, and costs half as much again
  },
  pollInterval: 2000,
  onEnqueue: (id) => console.log("request", id), // a lost run can be collected by this id
});

console.log(data.video.url); // public and temporary: save it now
const response = await fetch(data.video.url);
if (!response.ok) throw new Error(`download failed: HTTP ${response.status}`);
const file = new URL(`./harbour-${requestId}.mp4`, import.meta.url); // one file per take
await writeFile(file, Buffer.from(await response.arrayBuffer()));
console.log("saved", file.pathname);
