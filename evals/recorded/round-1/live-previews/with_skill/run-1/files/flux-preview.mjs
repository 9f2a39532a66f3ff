#!/usr/bin/env node
// Generates one image with FLUX dev on fal.ai and rewrites preview.png at every preview that the stream brings.
// Exit codes: 0 finished, 1 the stream broke, stalled or brought nothing, 2 refused or wrong usage, 130 interrupted.
import { randomUUID } from "node:crypto";
import { access, constants, rename, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { createFalClient } from "@fal-ai/client";
import sharp from "sharp";

const MODEL = "fal-ai/flux/dev";
const FALLBACK = "fal-ai/flux-lora"; // FLUX.1 [dev] as well, if no LoRA is given; its /stream is listed by fal
const PREVIEW_TIMEOUT = 5_000; // ms to download one image
const FINAL_TIMEOUT = 30_000;
const USAGE = `usage: flux-preview.mjs [options] PROMPT

  --out FILE          written at every preview, and at the end with the finished image (preview.png)
  --model ID          fal endpoint with a /stream path (${MODEL}; ${FALLBACK} if that has none)
  --size NAME         square_hd, square, portrait_4_3, portrait_16_9, landscape_4_3, landscape_16_9
  --steps N           denoising steps
  --seed N
  --idle-timeout S    give up after so many seconds without an event (90)`;

/** A failure that the user is told about in one line, without a stack trace. */
class Failure extends Error {
  constructor(message, { exitCode = 1, status } = {}) {
    super(message);
    this.exitCode = exitCode;
    this.status = status;
  }
}

function readOptions() {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        out: { type: "string", default: "preview.png" },
        model: { type: "string" },
        size: { type: "string" },
        steps: { type: "string" },
        seed: { type: "string" },
        "idle-timeout": { type: "string", default: "90" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new Failure(`${error.message}\n\n${USAGE}`, { exitCode: 2 });
  }
  const { values, positionals } = parsed;
  if (values.help) return { help: true };
  const integer = (name) => {
    if (values[name] === undefined) return undefined;
    const number = Number(values[name]);
    if (!/^\d+$/.test(values[name]) || !Number.isSafeInteger(number)) {
      throw new Failure(`--${name} must be a whole number`, { exitCode: 2 });
    }
    return number;
  };
  const prompt = positionals.join(" ").trim();
  if (!prompt) throw new Failure(USAGE, { exitCode: 2 });
  const idle = Number(values["idle-timeout"]);
  if (!(idle > 0 && idle <= 3600)) throw new Failure("--idle-timeout must be 1 to 3600 seconds", { exitCode: 2 });
  const input = { prompt, output_format: "png" };
  if (values.size) input.image_size = values.size;
  if (values.steps) input.num_inference_steps = integer("steps");
  if (values.seed) input.seed = integer("seed");
  return { input, model: values.model, out: resolve(values.out), idle: idle * 1000 };
}

/** Writes each image to the same file, in the order in which they came. */
class PreviewFile {
  received = 0;
  written = 0;
  saved; // the image that the file holds
  #waiting = [];
  #working;

  constructor(path, signal) {
    this.path = path;
    this.signal = signal;
  }

  show(image) {
    this.received += 1;
    this.#waiting.push(image);
    this.#working ??= this.#work();
  }

  idle() {
    return this.#working ?? Promise.resolve();
  }

  async #work() {
    while (this.#waiting.length && !this.signal.aborted) {
      const image = this.#waiting.shift();
      try {
        await this.save(image, PREVIEW_TIMEOUT);
      } catch (error) {
        if (!this.signal.aborted) console.error(`warning: a preview was not written: ${reason(error)}`);
      }
    }
    this.#working = undefined;
  }

  async save(image, timeout) {
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(timeout)]);
    const response = await fetch(image.url, { signal }); // reads data: URIs as well
    if (!response.ok) throw new Error(`download failed: HTTP ${response.status}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    // previews may be JPEG whatever output_format says
    const isPng = bytes.subarray(0, 4).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47]));
    const png = isPng ? bytes : await sharp(bytes).png().toBuffer();
    // by rename, so that a viewer never sees half a file
    const temporary = `${this.path}.${randomUUID()}.tmp`;
    try {
      await writeFile(temporary, png);
      await rename(temporary, this.path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    this.saved = image;
    this.written += 1;
    const size = image.width && image.height ? `, ${image.width}x${image.height}` : "";
    console.log(`image ${this.written} -> ${this.path} (${Math.ceil(png.length / 1024)} KB${size})`);
  }
}

/** The text of an error with its causes: Node's fetch says only "fetch failed" or "terminated" at the top. */
function reason(error) {
  const texts = [];
  for (let e = error; e && texts.length < 4; e = e.cause) texts.push(e.code ? `${e.message} [${e.code}]` : e.message || String(e));
  return [...new Set(texts)].join(": ");
}

/** fal's `detail` is a text, or a list of { loc, msg, type }. */
function detailText(detail) {
  if (Array.isArray(detail)) {
    return detail.map((d) => `${(d?.loc ?? []).filter((part) => part !== "body").join(".") || "input"}: ${d?.msg ?? JSON.stringify(d)}`).join("; ");
  }
  return typeof detail === "string" ? detail : JSON.stringify(detail);
}

function refusal(status, error, model, requestId) {
  const text = error?.body?.detail !== undefined ? detailText(error.body.detail) : reason(error);
  const hints = {
    401: "check FAL_KEY",
    402: "check the balance: fal.ai/dashboard/billing",
    403: /lock|balance/i.test(text) ? "top up at fal.ai/dashboard/billing" : "this key may not use the endpoint",
    404: `is the id right? ${model} may have no /stream path: see its page on fal.ai`,
    422: "change the input: the same is refused again",
    429: "too many requests at a time: try again later",
  };
  const hint = hints[status] ?? (status >= 500 ? "a failure at fal: try again" : undefined);
  return new Failure(
    `fal ${status < 500 ? "refused the request with" : "answered"} ${status}: ${text}${hint ? ` (${hint})` : ""}${requestId ? ` [request ${requestId}]` : ""}`,
    { exitCode: status < 500 ? 2 : 1, status },
  );
}

async function generate(model, { input, out, idle }) {
  const abort = new AbortController(); // ends the stream
  const abortFile = new AbortController(); // ends the downloads
  const file = new PreviewFile(out, abortFile.signal);
  let answer; // fal's HTTP response
  let stopped; // why there was none, or why the stream is unusable
  const client = createFalClient({
    retry: { maxRetries: 0 }, // the SDK would send the POST again after a lost reply: a second, billed image
    fetch: async (url, init) => {
      try {
        answer = await fetch(url, init);
      } catch (error) {
        stopped = error; // the SDK drops the cause
        throw error;
      }
      const type = answer.headers.get("content-type") ?? "";
      if (answer.ok && !type.startsWith("text/event-stream")) {
        // the SDK would read this as raw chunks, without catching a broken connection
        await answer.body?.cancel();
        stopped = new Error(`the reply is ${type || "of no type"}, not an event stream`);
        throw stopped;
      }
      return answer;
    },
  });

  let fail;
  const failed = new Promise((_, reject) => (fail = reject));
  failed.catch(() => {}); // also when it loses the race below
  // The watchdog is ours because the SDK's `timeout` is only looked at when data arrives: a silent stream hangs.
  let last = Date.now();
  let told = last;
  const watchdog = setInterval(() => {
    const now = Date.now();
    if (now - last >= idle) return fail(new Failure(`no event for ${idle / 1000} s: gave up`));
    if (now - last >= 10_000 && now - told >= 10_000) {
      told = now;
      console.error(`still waiting for ${answer ? "the next image" : "fal's answer"} (${Math.round((now - last) / 1000)} s)`);
    }
  }, 250);
  const interrupt = () => fail(new Failure("interrupted", { exitCode: 130 }));
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);

  let stream;
  try {
    stream = await client.stream(model, { input, signal: abort.signal });
    let event;
    stream.on("data", (data) => {
      last = Date.now();
      if (data?.images?.[0]?.url) {
        event = data;
        file.show(data.images[0]);
      } else if (data?.detail ?? data?.error) {
        fail(new Failure(`the model failed: ${detailText(data.detail ?? data.error)}`)); // sent as an event, after the 200
      }
    });
    // done() rejects on an error, where `for await` would just end; its value is not needed
    await Promise.race([stream.done(), failed]);
    clearInterval(watchdog);
    if (!event) throw new Failure("the stream ended without an image");
    await Promise.race([finish(file, event.images[0]), failed]);
    return { event, received: file.received, requestId: stream.requestId };
  } catch (error) {
    abort.abort();
    // the previews that did come are still written
    const patience = setTimeout(() => abortFile.abort(), error.exitCode === 130 ? 0 : PREVIEW_TIMEOUT);
    await file.idle();
    clearTimeout(patience);
    abortFile.abort();
    const kept = file.written ? `; ${out} holds an unfinished preview` : `; ${out} was not written`;
    if (error instanceof Failure) {
      error.message += kept;
      throw error;
    }
    if (answer && !answer.ok) throw refusal(answer.status, error, model, stream?.requestId);
    const what = !answer && !stopped ? "the request could not be made" : stopped ? "no usable answer from fal" : "the stream broke";
    throw new Failure(`${what}: ${reason(stopped ?? error)}${kept}${stream?.requestId ? ` [request ${stream.requestId}]` : ""}`);
  } finally {
    clearInterval(watchdog);
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

/** The last image is paid for: fetch it again if it did not come. */
async function finish(file, image) {
  await file.idle();
  for (let attempt = 1; file.saved !== image; attempt += 1) {
    try {
      await file.save(image, FINAL_TIMEOUT);
    } catch (error) {
      if (file.signal.aborted) return;
      const where = image.url.startsWith("data:") ? "" : `; its URL was ${image.url}`;
      if (attempt === 3) throw new Failure(`the finished image could not be saved: ${reason(error)}${where}`);
      await new Promise((wake) => setTimeout(wake, 1000 * attempt));
    }
  }
}

async function main() {
  const options = readOptions();
  if (options.help) return console.log(USAGE);
  if (!process.env.FAL_KEY && !(process.env.FAL_KEY_ID && process.env.FAL_KEY_SECRET)) {
    throw new Failure("FAL_KEY is not set: make a key at fal.ai/dashboard/keys", { exitCode: 2 });
  }
  await access(dirname(options.out), constants.W_OK).catch(() => {
    throw new Failure(`cannot write into ${dirname(options.out)}`, { exitCode: 2 });
  });

  let model = options.model ?? MODEL;
  let result;
  try {
    result = await generate(model, options);
  } catch (error) {
    if (options.model || error.status !== 404) throw error;
    console.error(`${error.message}\ntrying ${FALLBACK} instead`); // a 404 made nothing
    model = FALLBACK;
    result = await generate(model, options);
  }
  const { event, received, requestId } = result;
  if (event.has_nsfw_concepts?.[0]) console.error("warning: the safety checker flagged the image; it may be black");
  if (received === 1) console.error("note: only one image came, so there were no previews on the way");
  console.log(`finished: ${options.out} by ${model}, seed ${event.seed}${requestId ? `, request ${requestId}` : ""}`);
}

try {
  await main();
} catch (error) {
  console.error(`error: ${error instanceof Failure ? error.message : error.stack}`);
  process.exitCode = error.exitCode ?? 1;
}
setTimeout(() => process.exit(), 2000).unref(); // only if something still holds the process
