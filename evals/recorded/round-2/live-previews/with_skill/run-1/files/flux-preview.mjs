#!/usr/bin/env node
// Streams FLUX.1 [dev] from fal.ai and rewrites preview.png whenever a new preview arrives.
import { constants } from "node:fs";
import { access, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { fal } from "@fal-ai/client";
import sharp from "sharp";

const USAGE = `usage: FAL_KEY=… node flux-preview.mjs [options] "PROMPT"
  --model ID             default fal-ai/flux/dev; fal-ai/flux-lora is the same base model
  --out FILE             default preview.png
  --steps N  --size S  --seed N      passed to the model (default: the model's own)
  --first-timeout SEC    longest wait for the first preview, cold start included (120)
  --idle-timeout SEC     longest silence after that (30)
exit codes: 0 complete, 1 stream broke or stalled, 2 usage or key, 3 refused or blocked, 4 final image not saved`;

const BROKEN = 1, USAGE_ERROR = 2, REFUSED = 3, NOT_SAVED = 4;

class Failure extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// ---- one place where the program ends ----------------------------------------------------------
const started = Date.now();
const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
let requestId = null;
let previews = null;

function fail(error) {
  console.error(`error: ${error?.message ?? error}`);
  if (requestId) console.error(`request id: ${requestId}`);
  if (previews && !previews.final) {
    console.error(previews.written
      ? `${previews.file} holds preview ${previews.written}, NOT the finished image`
      : `${previews.file} was not written by this run`);
  }
  process.exit(error instanceof Failure ? error.code : BROKEN);
}
process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);

// ---- command line ------------------------------------------------------------------------------
async function readOptions() {
  let parsed;
  try {
    const string = (value) => ({ type: "string", ...(value && { default: value }) });
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        model: string("fal-ai/flux/dev"), out: string("preview.png"), steps: string(), size: string(), seed: string(),
        "first-timeout": string("120"), "idle-timeout": string("30"), help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new Failure(USAGE_ERROR, `${error.message}\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const prompt = positionals.join(" ").trim();
  if (!prompt) throw new Failure(USAGE_ERROR, `no prompt\n${USAGE}`);
  const number = (name, least) => {
    const value = Number(values[name]);
    if (values[name].trim() === "" || !Number.isFinite(value) || value < least) {
      throw new Failure(USAGE_ERROR, `--${name} must be a number of at least ${least}`);
    }
    return value;
  };

  const credentials = (process.env.FAL_KEY ?? "").trim();
  if (!credentials) throw new Failure(USAGE_ERROR, "FAL_KEY is not set (make a key at fal.ai/dashboard/keys)");
  if (!/^[\x21-\x7e]+$/.test(credentials)) throw new Failure(USAGE_ERROR, "FAL_KEY holds blanks or unprintable characters");

  // Find out before paying that the file cannot be written.
  const file = path.resolve(values.out);
  await access(path.dirname(file), constants.W_OK).catch((error) => {
    throw new Failure(USAGE_ERROR, `cannot write to ${path.dirname(file)}: ${error.code}`);
  });
  if ((await stat(file).catch(() => null))?.isDirectory()) throw new Failure(USAGE_ERROR, `${file} is a folder`);

  const input = { prompt, num_images: 1, output_format: "png" };
  if (values.steps !== undefined) input.num_inference_steps = number("steps", 1);
  if (values.seed !== undefined) input.seed = number("seed", 0);
  if (values.size !== undefined) input.image_size = values.size;
  return {
    credentials, file, input, model: values.model,
    // setTimeout fires at once beyond 2^31 ms, so a day is the most
    firstTimeout: Math.min(number("first-timeout", 0.1), 86400),
    idleTimeout: Math.min(number("idle-timeout", 0.1), 86400),
  };
}

// ---- preview.png -------------------------------------------------------------------------------
/** Writes the newest image. While one is being written later ones replace each other: never late, never out of order. */
class PreviewWriter {
  written = 0; // number of the preview that the file holds now
  final = false; // whether that is the finished image
  #next = null;
  #work = null;

  constructor(file) {
    this.file = file;
  }

  offer(number, url) {
    this.#next = { number, url };
    this.#work ??= this.#run();
  }

  /** Resolves when everything offered so far is on disk or has failed. Never rejects. */
  async settled() {
    while (this.#work) await this.#work;
  }

  async #run() {
    while (this.#next) {
      const { number, url } = this.#next;
      this.#next = null;
      try {
        await this.#save(url);
        this.written = number;
        console.log(`preview ${number} -> ${this.file} (${seconds()})`);
      } catch (error) {
        // One lost preview is no reason to stop; a lost final image is noticed at the end.
        console.error(`warning: preview ${number} not saved: ${error.cause?.code ?? error.message.split("\n")[0]}`);
      }
    }
    this.#work = null;
  }

  async #save(url) {
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) }); // data: URIs too
    if (!response.ok) throw new Error(`HTTP ${response.status} from ${new URL(url).host}`);
    // Previews may come as JPEG whatever output_format says. Decoding also rejects half an image.
    const png = await sharp(Buffer.from(await response.arrayBuffer())).png({ compressionLevel: 3 }).toBuffer();
    const temporary = `${this.file}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, png);
      await rename(temporary, this.file); // a viewer never sees half a file
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

// ---- what fal said -----------------------------------------------------------------------------
function reason(detail) {
  if (typeof detail === "string") return detail;
  if (!Array.isArray(detail)) return JSON.stringify(detail);
  return detail.map((item) => (item?.msg
    ? `${(item.loc ?? []).join(".")}: ${item.msg}${item.type ? ` [${item.type}]` : ""}`
    : JSON.stringify(item))).join("; ");
}

function explain(error, status, model) {
  // The client calls network errors "500", so only the status of a real reply counts.
  if (!(status >= 400)) return new Failure(BROKEN, `the stream broke: ${error.message}`);
  const text = reason(error.body?.detail ?? error.body?.error ?? error.message);
  const hint =
    status === 401 ? " -- check FAL_KEY"
    : status === 402 || (status === 403 && /locked|balance/i.test(text)) ? " -- top up at fal.ai/dashboard/billing, the key is fine"
    : status === 404 && model !== "fal-ai/flux-lora" ? ` -- ${model} has no /stream here; try --model fal-ai/flux-lora`
    : status === 429 ? " -- too many requests at a time, try later"
    : "";
  return new Failure(status < 500 ? REFUSED : BROKEN, `${status < 500 ? "refused" : "fal failed"} (HTTP ${status}): ${text}${hint}`);
}

// ---- the stream --------------------------------------------------------------------------------
async function main() {
  const { credentials, file, input, model, firstTimeout, idleTimeout } = await readOptions();
  previews = new PreviewWriter(file);

  let status; // of the reply to the stream's POST
  fal.config({
    credentials,
    retry: { maxRetries: 0 }, // by default the client sends the POST again on network errors: that may be billed twice
    fetch: async (url, init) => {
      let response;
      try {
        response = await fetch(url, init);
      } catch (error) {
        throw new Error(`no reply from fal: ${error.cause?.code ?? error.cause?.message ?? error.message}`);
      }
      status = response.status;
      requestId = response.headers.get("x-fal-request-id");
      const type = response.headers.get("content-type") ?? "no content type";
      if (response.ok && !type.startsWith("text/event-stream")) {
        throw new Error(`expected an event stream, got ${type}: ${(await response.text()).slice(0, 500)}`);
      }
      return response;
    },
  });

  let count = 0, last = null, lastUrl = null, timer;
  console.error(`${model}: waiting for the first preview (at most ${firstTimeout} s)`);
  const waiting = setInterval(() => console.error(`still waiting (${seconds()})`), 10_000);

  const stream = await fal.stream(model, { input });
  // The client's own `timeout` never fires (1.10.1 checks it right after a chunk has come), hence this watchdog.
  const interrupted = new Promise((_, reject) => {
    const watch = (limit) => {
      clearTimeout(timer);
      timer = setTimeout(() => reject(new Failure(BROKEN, `the stream stalled: nothing for ${limit} s`)), limit * 1000);
    };
    watch(firstTimeout);
    stream.on("data", (event) => {
      clearInterval(waiting);
      watch(idleTimeout);
      last = event;
      const problem = event?.error ?? event?.detail;
      if (problem) {
        reject(new Failure(BROKEN, `the model failed: ${reason(problem)}`));
        return;
      }
      const url = event?.images?.[0]?.url;
      if (typeof url !== "string" || url === lastUrl) return;
      lastUrl = url;
      previews.offer(++count, url);
    });
  });

  let failure = null;
  try {
    // done() rejects when the stream breaks; `for await` would just end.
    await Promise.race([stream.done(), interrupted]);
  } catch (error) {
    failure = error instanceof Failure ? error : explain(error, status, model);
  }
  clearInterval(waiting);
  clearTimeout(timer);
  if (failure) stream.abort(); // done() would now resolve with a partial image: it is not asked again
  await previews.settled();
  if (failure) throw failure;

  // An orderly end proves nothing: look at what came last.
  const complete = last?.images?.[0]?.url && ["seed", "timings", "has_nsfw_concepts"].some((name) => name in last);
  if (!complete) throw new Failure(BROKEN, `the stream ended after ${count} preview(s) without a finished image`);
  if (previews.written !== count) { // the finished image is paid for: once more
    previews.offer(count, lastUrl);
    await previews.settled();
    if (previews.written !== count) throw new Failure(NOT_SAVED, `the finished image could not be saved, ${lastUrl.startsWith("data:") ? "it came inline" : `fetch it soon: ${lastUrl}`}`);
  }
  previews.final = true;
  if (last.has_nsfw_concepts?.[0] === true) {
    throw new Failure(REFUSED, "the safety checker blocked the finished image (it is usually black)");
  }
  if (count === 1) console.error("note: fal sent one image only, no intermediate previews");
  console.log(`done: ${count} image(s) in ${seconds()}, ${file} is the finished image, seed ${last.seed ?? "unknown"}`);
}

main().then(() => process.exit(0), fail);
