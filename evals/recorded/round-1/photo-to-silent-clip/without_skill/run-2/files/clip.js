// harbour.jpg -> 10 s silent clip, Kling 3 Pro image-to-video on fal.
//
//   node clip.js                 one take (this is the only form that costs money)
//   node clip.js --dry-run       print the request, send nothing
//   node clip.js --price         ask fal for the current list price, no generation
//   node clip.js --resume <id>   fetch a take that was already submitted
//
// Needs FAL_KEY in the environment (not for --dry-run).

import { createWriteStream } from 'node:fs';
import { appendFile, mkdir, readFile, rename } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { fal } from '@fal-ai/client';

const MODEL = 'fal-ai/kling-video/v3/pro/image-to-video';
const PHOTO = new URL('./harbour.jpg', import.meta.url);
const OUT = new URL('./out/', import.meta.url);

const INPUT = {
  prompt:
    'Slow, steady dolly in: the camera glides forward into the harbour at a constant speed, ' +
    'one continuous shot. A few gulls drift and wheel far off in the distance, small against the sky.',
  duration: '10', // a string, "3" to "15"; the default is "5"
  generate_audio: false, // the default is true, and audio costs more
};

const { values: args } = parseArgs({
  options: {
    'dry-run': { type: 'boolean' },
    price: { type: 'boolean' },
    resume: { type: 'string' },
  },
});

try {
  await main();
} catch (err) {
  console.error(`\nFailed: ${err.status ? `HTTP ${err.status} ` : ''}${err.message}`);
  if (err.body) console.error(JSON.stringify(err.body, null, 2));
  process.exitCode = 1;
}

async function main() {
  if (args['dry-run']) {
    console.log(MODEL, { ...INPUT, start_image_url: '<uploaded harbour.jpg>' });
    return;
  }
  if (!process.env.FAL_KEY) throw new Error('FAL_KEY is not set');
  if (args.price) return price();

  const requestId = args.resume ?? (await submit());
  console.log(`If this stops, don't start again (that's a second charge). Run: node clip.js --resume ${requestId}`);

  let last;
  await fal.queue.subscribeToStatus(MODEL, {
    requestId,
    pollInterval: 5000,
    onQueueUpdate: ({ status }) => {
      if (status !== last) console.log((last = status));
    },
  });
  const { data } = await fal.queue.result(MODEL, { requestId });
  await save(data.video.url, requestId);
}

async function submit() {
  await mkdir(OUT, { recursive: true });
  const photo = new File([await readFile(PHOTO)], 'harbour.jpg', { type: 'image/jpeg' });
  const start_image_url = await fal.storage.upload(photo);
  const { request_id } = await fal.queue.submit(MODEL, { input: { ...INPUT, start_image_url } });
  await appendFile(new URL('takes.log', OUT), `${new Date().toISOString()} ${request_id}\n`);
  console.log(`Submitted ${request_id}`);
  return request_id;
}

async function save(url, requestId) {
  await mkdir(OUT, { recursive: true });
  const file = new URL(`harbour-${requestId}.mp4`, OUT);
  const part = new URL(`${file.href}.part`);
  const res = await fetch(url);
  if (!res.ok) throw new Error(`download of ${url} gave HTTP ${res.status}`);
  await pipeline(Readable.fromWeb(res.body), createWriteStream(part));
  await rename(part, file);
  console.log(`Saved out/harbour-${requestId}.mp4`);
  if (hasAudioTrack(await readFile(file))) {
    console.warn('Warning: the file has an audio track. Drop it with: ffmpeg -i in.mp4 -c copy -an out.mp4');
  }
}

// An MP4 track's kind is in its 'hdlr' box: 'vide' or 'soun', 8 bytes after the box name ends.
function hasAudioTrack(mp4) {
  for (let i = mp4.indexOf('hdlr'); i !== -1; i = mp4.indexOf('hdlr', i + 4)) {
    if (mp4.toString('latin1', i + 12, i + 16) === 'soun') return true;
  }
  return false;
}

async function price() {
  const res = await fetch(`https://api.fal.ai/v1/models/pricing?endpoint_id=${encodeURIComponent(MODEL)}`, {
    headers: { Authorization: `Key ${process.env.FAL_KEY}` },
  });
  if (!res.ok) throw new Error(`pricing API gave HTTP ${res.status}: ${await res.text()}`);
  console.log(JSON.stringify(await res.json(), null, 2));
}
