import { writeFile } from "node:fs/promises";
import { ApiError, fal } from "@fal-ai/client";

if (!process.env.FAL_KEY) {
  console.error("FAL_KEY is not set; make a key at https://fal.ai/dashboard/keys");
  process.exit(1);
}

const prompt = `A clean schematic transit map of an invented coastal city called "Veloria", in the style of a modern metro diagram.
Six colour-coded lines (red, blue, green, yellow, purple, orange) of even thickness, only horizontal, vertical and 45-degree
angles, on an off-white background. White-filled circles for interchanges, short ticks for ordinary stations.
Short, legible, horizontal sans-serif labels for invented stations such as "Harbor Gate", "Old Mill", "Lantern Square",
"Northfield", "Ferry Point", "Kite Hill", "Airport". A pale blue river crosses the city into a bay at the lower right.
Title "VELORIA METRO" at the top left, compact legend with lines 1 to 6 at the bottom left.
Flat vector look, crisp edges, no perspective, no real city names or logos.`;

try {
  const result = await fal.subscribe("openai/gpt-image-2", {
    input: {
      prompt,
      image_size: { width: 1024, height: 1024 },
      quality: "medium",
      num_images: 1,
      output_format: "png",
    },
  });

  const { url } = result.data.images[0];
  console.log(url); // public and temporary, so download now
  const response = await fetch(url);
  if (!response.ok) throw new Error(`download failed: HTTP ${response.status}`);
  const file = `transit-map-${result.requestId.slice(0, 8)}.png`; // a rerun does not overwrite an earlier map
  await writeFile(file, Buffer.from(await response.arrayBuffer()));
  console.log("saved", file);
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  // error.message is only the status text; fal's reason is in the body
  console.error(`fal: HTTP ${error.status}`, JSON.stringify(error.body?.detail ?? error.message));
  process.exitCode = 1;
}
