// Draws a transit map of an invented city with gpt-image-2 on fal.
//
//   node transit-map.js                        generate (one paid request)
//   node transit-map.js --resume <request id>  collect a request already submitted
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { fal } from "@fal-ai/client";

const MODEL = "openai/gpt-image-2";
const SIZE = { width: 1024, height: 1024 };

const prompt = `
A clean, official transit map poster for the invented city of Veldmere. Flat vector
graphic design in the tradition of classic metro diagrams: off-white background, thick
even-width lines running only horizontally, vertically or at 45 degrees (except the
circular line), smoothly rounded bends, small white station dots with dark outlines, and
larger white interchange circles. Crisp dark sans-serif horizontal labels, well spaced,
never overlapping a line.

Title in bold at the top left: "VELDMERE METRO".

Lines and stations, in order:
- Red Line, straight from west to east through the centre: "Saltgate", "Tannery",
  "Millrow", "Crown Square", "Lanternfield", "Orchard Park", "Eastholm".
- Blue Line, straight from north to south through the centre: "Northpoint",
  "Observatory", "Abbey Hill", "Crown Square", "Old Docks", "Brickfields", "Southmere".
- Yellow Line, a closed circle around the centre through "Abbey Hill", "Lanternfield",
  "Old Docks" and "Millrow".
- Green Line, from the upper left to the lower right: "Fernwick", "Abbey Hill",
  "Lanternfield", "Kiln Lane", "Gull Island".

Interchanges: "Crown Square" at the exact centre, "Abbey Hill", "Lanternfield",
"Old Docks" and "Millrow". Each station is drawn and labelled exactly once.

A pale blue river in the same angular style flows behind the lines, from the left edge to
the bottom right corner, passing between "Old Docks" and "Brickfields", labelled
"River Veld". A small legend at the bottom left shows four colour swatches: "Red Line",
"Blue Line", "Yellow Line", "Green Line". No other text, no real-world city names or
transit logos. Flat front view filling the frame, with even margins.
`.trim();

const input = {
  prompt,
  image_size: SIZE,
  quality: "medium", // the model's default is "high", which costs more
  num_images: 1,
  output_format: "png",
};

async function run() {
  if (!process.env.FAL_KEY) {
    throw new Error("FAL_KEY is not set. Create a key at https://fal.ai/dashboard/keys");
  }

  let requestId;
  const args = process.argv.slice(2);
  if (args[0] === "--resume" && args[1]) {
    requestId = args[1];
  } else if (args.length) {
    throw new Error("Usage: node transit-map.js [--resume <request id>]");
  } else {
    ({ request_id: requestId } = await fal.queue.submit(MODEL, { input }));
    console.log(`Submitted. If this is interrupted: node transit-map.js --resume ${requestId}`);
  }

  let last;
  await fal.queue.subscribeToStatus(MODEL, {
    requestId,
    pollInterval: 1500,
    onQueueUpdate: ({ status }) => {
      if (status !== last) console.log((last = status));
    },
  });
  const { data } = await fal.queue.result(MODEL, { requestId });

  const url = data?.images?.[0]?.url;
  if (!url) throw new Error(`No image in the response: ${JSON.stringify(data)}`);
  const res = await fetch(url);
  if (!res.ok) throw new Error(`Download failed (HTTP ${res.status}): ${url}`);
  const png = Buffer.from(await res.arrayBuffer());

  // Never overwrite an earlier (paid) image.
  let file = "transit-map.png";
  for (let n = 2; existsSync(file); n++) file = `transit-map-${n}.png`;
  await writeFile(file, png);

  const isPng = png.subarray(0, 8).toString("hex") === "89504e470d0a1a0a";
  const dims = isPng ? `${png.readUInt32BE(16)}x${png.readUInt32BE(20)}` : "unknown size";
  console.log(`Saved ${file} (${isPng ? "PNG" : "NOT a PNG"}, ${dims})\n${url}`);
  if (!isPng || dims !== `${SIZE.width}x${SIZE.height}`) {
    console.warn(`Warning: expected a ${SIZE.width}x${SIZE.height} PNG.`);
    process.exitCode = 1;
  }
}

run().catch((err) => {
  console.error(err.status ? `fal error ${err.status}: ${err.message}` : err.message);
  if (err.body) console.error(JSON.stringify(err.body, null, 2));
  if (err.status === 404) console.error(`Check the endpoint id: https://fal.ai/models/${MODEL}`);
  process.exitCode = 1;
});
