#!/usr/bin/env node
// Streams FLUX.1 [dev] from fal.ai and rewrites preview.png for every image that arrives.
//
// This talks to the endpoint's /stream URL with plain fetch. In @fal-ai/client 1.10.1,
// `for await (const e of await fal.stream(...))` crashes the process with an unhandled
// rejection on a refused input or a broken stream, and waits forever on a stalled one.

import { constants } from "node:fs";
import { access, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";

const EXIT = { OK: 0, LOCAL: 1, USAGE: 2, REFUSED: 3, SERVICE: 4, STREAM: 5, INTERRUPTED: 130 };
const MAX_TIMER_SECONDS = 2_000_000; // setTimeout fires at once above 2^31 ms

const USAGE = `Usage: FAL_KEY=... flux-preview [options] "prompt"

  -o, --out <file>         where to write the images      (default preview.png)
      --steps <n>          num_inference_steps            (default: the model's, 28)
      --guidance <x>       guidance_scale                 (default: the model's, 3.5)
      --seed <n>           seed
      --size <name>        image_size, e.g. square_hd, landscape_4_3, portrait_16_9
      --endpoint <id>      fal endpoint                   (default fal-ai/flux/dev)
      --first-timeout <s>  max wait for the first image   (default 120)
      --idle-timeout <s>   max wait between later events  (default 30)
  -h, --help

Exit codes: 0 finished, 1 local file/image problem, 2 usage, 3 input refused,
            4 fal or network error, 5 stream broke or stalled, 130 interrupted`;

class CliError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const log = (line) => process.stderr.write(`${line}\n`);

// ---------------------------------------------------------------- arguments

function readArgs(argv) {
  let parsed;
  try {
    parsed = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        out: { type: "string", short: "o", default: "preview.png" },
        steps: { type: "string" },
        guidance: { type: "string" },
        seed: { type: "string" },
        size: { type: "string" },
        endpoint: { type: "string", default: "fal-ai/flux/dev" },
        "first-timeout": { type: "string", default: "120" },
        "idle-timeout": { type: "string", default: "30" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (e) {
    throw new CliError(EXIT.USAGE, `${e.message}\n\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  if (values.help) return { help: true };

  const number = (name) => {
    if (values[name] === undefined) return undefined;
    const n = Number(values[name]);
    if (values[name].trim() === "" || !Number.isFinite(n)) {
      throw new CliError(EXIT.USAGE, `--${name} must be a number, got "${values[name]}"`);
    }
    return n;
  };
  const seconds = (name) => {
    const n = number(name);
    if (n <= 0 || n > MAX_TIMER_SECONDS) {
      throw new CliError(EXIT.USAGE, `--${name} must be between 0 and ${MAX_TIMER_SECONDS} seconds`);
    }
    return n;
  };

  const prompt = positionals.join(" ").trim();
  if (!prompt) throw new CliError(EXIT.USAGE, `No prompt given.\n\n${USAGE}`);

  return {
    out: path.resolve(values.out),
    endpoint: values.endpoint.replace(/^\/+|\/+$/g, ""),
    firstTimeout: seconds("first-timeout"),
    idleTimeout: seconds("idle-timeout"),
    // JSON.stringify drops the undefined ones, so fal applies its own defaults.
    input: {
      prompt,
      num_images: 1,
      output_format: "png",
      num_inference_steps: number("steps"),
      guidance_scale: number("guidance"),
      seed: number("seed"),
      image_size: values.size,
    },
  };
}

// ------------------------------------------------------------------- errors

/** Turns FastAPI-style {detail: [{loc, msg, type}]}, {detail: "..."}, {error}, {message} into text. */
function describeBody(body) {
  if (typeof body === "string") return body.trim().slice(0, 500);
  const d = body?.detail ?? body?.error ?? body?.message;
  if (Array.isArray(d)) {
    return d
      .map((x) => {
        const where = Array.isArray(x?.loc) ? x.loc.filter((p) => p !== "body").join(".") : "";
        const what = x?.msg ?? JSON.stringify(x);
        return `${where ? `${where}: ` : ""}${what}${x?.type ? ` [${x.type}]` : ""}`;
      })
      .join("\n  ");
  }
  if (typeof d === "string") return d;
  return JSON.stringify(d ?? body)?.slice(0, 500) ?? "";
}

async function httpError(response) {
  const text = await response.text().catch(() => "");
  let body = text;
  try {
    body = JSON.parse(text);
  } catch {}
  const id = response.headers.get("x-fal-request-id");
  const tail = `\n  ${describeBody(body) || "(empty response body)"}${id ? `\n  request id: ${id}` : ""}`;
  const s = response.status;
  if (s === 400 || s === 422) return new CliError(EXIT.REFUSED, `fal refused the input (HTTP ${s}):${tail}`);
  const hint =
    s === 401 ? "check FAL_KEY" :
    s === 403 ? "key not allowed, or account locked / out of balance" :
    s === 404 ? "no such endpoint, or it cannot stream" :
    s === 429 ? "rate or concurrency limit; try again later" :
    s >= 500 ? "fal-side failure; try again later" : "unexpected status";
  return new CliError(EXIT.SERVICE, `fal returned HTTP ${s} (${hint}):${tail}`);
}

const reasonOf = (e) => e?.cause?.message || e?.cause?.code || e?.message || String(e);

// ---------------------------------------------------------------------- SSE

/** Yields the `{event, data}` messages of a text/event-stream body. */
async function* readEvents(body) {
  const decoder = new TextDecoder();
  let buffer = "";
  let scanned = 0; // do not rescan a megabyte-long data: line for every chunk
  let event = "";
  let data = [];
  const line = (text) => {
    if (text === "") {
      const message = data.length ? { event, data: data.join("\n") } : null;
      event = "";
      data = [];
      return message;
    }
    const colon = text.indexOf(":");
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    return null;
  };
  for await (const chunk of body) {
    buffer += decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let nl; (nl = buffer.indexOf("\n", Math.max(start, scanned))) >= 0; start = nl + 1) {
      const message = line(buffer.slice(start, nl).replace(/\r$/, ""));
      if (message) yield message;
    }
    buffer = buffer.slice(start);
    scanned = buffer.length;
  }
  // A last message without its closing blank line: pass it on, JSON.parse tells if it is whole.
  if (buffer) line(buffer.replace(/\r$/, ""));
  if (data.length) yield { event, data: data.join("\n") };
}

// ------------------------------------------------------------------- images

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

async function loadImage(url, signal) {
  let bytes;
  const inline = /^data:[^,]*,/i.exec(url);
  if (inline) {
    const payload = url.slice(inline[0].length);
    bytes = /;base64,$/i.test(inline[0])
      ? Buffer.from(payload, "base64")
      : Buffer.from(decodeURIComponent(payload), "latin1");
  } else {
    const limit = AbortSignal.timeout(30_000);
    const response = await fetch(url, { signal: AbortSignal.any([signal, limit]) }); // no FAL_KEY here
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`image download returned HTTP ${response.status}`);
    }
    bytes = Buffer.from(await response.arrayBuffer());
  }
  // FLUX usually sends JPEG; the file is called .png, so make it one.
  if (bytes.subarray(0, 8).equals(PNG_SIGNATURE)) return bytes;
  return sharp(bytes).png({ compressionLevel: 3 }).toBuffer();
}

/**
 * Writes images one at a time. If images arrive faster than they can be downloaded and
 * written, the ones in between are skipped so that the file never lags behind.
 */
class PreviewWriter {
  written = 0;
  skipped = 0;
  lastWritten = 0; // number of the event whose image is in the file
  fatal = null;
  #next = null;
  #running = null;

  constructor(out, signal, onFatal) {
    Object.assign(this, { out, signal, onFatal });
    this.tmp = path.join(path.dirname(out), `.${path.basename(out)}.${process.pid}.tmp`);
  }

  push(image, n) {
    if (this.#next) this.skipped++;
    this.#next = { image, n };
    this.#running ??= this.#run().finally(() => (this.#running = null));
  }

  async drain() {
    while (this.#running) await this.#running;
  }

  async #run() {
    while (this.#next && !this.fatal) {
      const { image, n } = this.#next;
      this.#next = null;
      let png;
      try {
        png = await loadImage(image.url, this.signal);
      } catch (e) {
        if (!this.signal.aborted) log(`image ${n}: not usable, skipped (${reasonOf(e)})`);
        continue;
      }
      try {
        // Write + rename, so that a viewer never sees a half-written file.
        await writeFile(this.tmp, png);
        await rename(this.tmp, this.out);
      } catch (e) {
        await rm(this.tmp, { force: true }).catch(() => {});
        this.fatal = new CliError(EXIT.LOCAL, `Cannot write ${this.out}: ${e.message}`);
        this.onFatal(this.fatal);
        return;
      }
      this.written++;
      this.lastWritten = n;
      log(`image ${n}: wrote ${path.relative("", this.out) || this.out} (${Math.round(png.length / 1024)} kB)`);
    }
  }
}

// ---------------------------------------------------------------------- run

const imageOf = (event) => {
  const image = event?.images?.[0] ?? event?.image;
  return typeof image === "string" ? { url: image } : image?.url ? image : null;
};

/** The finished result carries these documented output fields; a cut-off stream does not get to them. */
const isResult = (event) =>
  imageOf(event) !== null && event.seed != null && Array.isArray(event.has_nsfw_concepts);

function errorInStream(name, event) {
  if (imageOf(event)) return null;
  const failed = name === "error" || event?.error != null || event?.detail != null;
  if (!failed) return null;
  const status = Number(event?.status_code ?? event?.status ?? event?.error?.status_code);
  const refused =
    status === 400 || status === 422 || (Array.isArray(event?.detail) && event.detail.some((x) => x?.loc));
  return refused
    ? new CliError(EXIT.REFUSED, `fal refused the input:\n  ${describeBody(event)}`)
    : new CliError(EXIT.SERVICE, `fal reported an error in the stream:\n  ${describeBody(event)}`);
}

async function run(args) {
  const key = process.env.FAL_KEY?.trim();
  if (!key) throw new CliError(EXIT.USAGE, "FAL_KEY is not set (create one at https://fal.ai/dashboard/keys).");

  // Find out before paying for a generation.
  await access(path.dirname(args.out), constants.W_OK).catch((e) => {
    throw new CliError(EXIT.LOCAL, `Cannot write to ${path.dirname(args.out)}: ${e.message}`);
  });

  const base = (process.env.FAL_RUN_URL || "https://fal.run").replace(/\/+$/, ""); // override for tests
  const url = `${base}/${args.endpoint}${args.endpoint.endsWith("/stream") ? "" : "/stream"}`;

  // Everything that ends the run early goes through this: timeout, Ctrl-C, disk failure.
  const controller = new AbortController();
  const stop = (error) => controller.abort(error);
  const onSignal = () => stop(new CliError(EXIT.INTERRUPTED, "Interrupted. fal may still bill this generation."));
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);

  const writer = new PreviewWriter(args.out, controller.signal, stop);
  let images = 0;
  let last = null;

  let watchdog;
  const started = Date.now();
  const arm = () => {
    clearTimeout(watchdog);
    const limit = images ? args.idleTimeout : args.firstTimeout;
    const flag = images ? "--idle-timeout" : "--first-timeout";
    watchdog = setTimeout(() => {
      stop(new CliError(EXIT.STREAM, `No ${images ? "further event" : "image"} for ${limit} s, gave up (${flag}).`));
    }, limit * 1000);
  };
  const heartbeat = setInterval(() => {
    if (!images) log(`waiting for the first image... ${Math.round((Date.now() - started) / 1000)} s`);
  }, 10_000);

  const handle = (name, text) => {
    let event;
    try {
      event = JSON.parse(text);
    } catch {
      if (name === "error") throw new CliError(EXIT.SERVICE, `fal reported an error in the stream:\n  ${text.slice(0, 500)}`);
      throw new CliError(EXIT.STREAM, "The stream broke off or is damaged: received an event that is not valid JSON.");
    }
    const error = errorInStream(name, event);
    if (error) throw error;
    const image = imageOf(event);
    if (!image) return; // e.g. a progress message: harmless
    last = event;
    images++;
    arm();
    writer.push(image, images);
  };

  try {
    arm();
    let response;
    try {
      response = await fetch(url, {
        method: "POST",
        headers: {
          authorization: `Key ${key}`,
          "content-type": "application/json",
          accept: "text/event-stream",
        },
        body: JSON.stringify(args.input),
        signal: controller.signal,
      });
    } catch (e) {
      throw new CliError(EXIT.SERVICE, `Cannot reach ${url}: ${reasonOf(e)}`);
    }
    if (!response.ok) throw await httpError(response);

    const type = response.headers.get("content-type") ?? "";
    if (!response.body) throw new CliError(EXIT.STREAM, "fal sent an empty response.");
    try {
      if (type.startsWith("text/event-stream")) {
        for await (const { event, data } of readEvents(response.body)) handle(event, data);
      } else if (type.includes("application/json")) {
        handle("", await response.text()); // not a stream, but it may be the finished image
      } else {
        await response.body.cancel();
        throw new CliError(EXIT.STREAM, `Expected text/event-stream, got "${type || "no content type"}".`);
      }
    } catch (e) {
      if (e instanceof CliError) throw e;
      throw new CliError(EXIT.STREAM, `The stream broke: ${reasonOf(e)}`);
    }

    clearTimeout(watchdog);
    await writer.drain();
    if (controller.signal.aborted) throw controller.signal.reason;
    if (!images) throw new CliError(EXIT.STREAM, "The stream ended without sending any image.");
    if (!isResult(last)) {
      throw new CliError(EXIT.STREAM, "The stream ended early: the finished image never arrived (no seed / has_nsfw_concepts in the last event).");
    }
    if (last.has_nsfw_concepts.some(Boolean)) {
      throw new CliError(EXIT.REFUSED, "fal's safety checker flagged the result; the final image is probably blacked out.");
    }
    if (writer.lastWritten !== images) {
      throw new CliError(EXIT.LOCAL, `The final image could not be saved. It is at:\n  ${imageOf(last).url.slice(0, 300)}`);
    }
    if (images === 1) log("note: only the finished image arrived, no intermediate ones");
    if (writer.skipped) log(`note: ${writer.skipped} image(s) skipped because newer ones arrived first`);
    log(`done: ${images} images in ${((Date.now() - started) / 1000).toFixed(1)} s, seed ${last.seed}`);
  } catch (e) {
    // After an abort, fetch rejects with its own error; the abort reason says what really happened.
    const error = controller.signal.aborted ? controller.signal.reason : e;
    clearTimeout(watchdog);
    // Save a preview that had already arrived, except when stopping was asked for or writing is what failed.
    await writer.drain();
    if (!controller.signal.aborted) stop(error); // closes the connection
    if (error instanceof CliError) {
      error.message += writer.written
        ? `\n${args.out} holds image ${writer.lastWritten} of this run.`
        : `\nNo image was written in this run${await access(args.out).then(() => `; ${args.out} is from an earlier one`, () => "")}.`;
    }
    throw error;
  } finally {
    clearTimeout(watchdog);
    clearInterval(heartbeat);
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

async function main() {
  try {
    const args = readArgs(process.argv.slice(2));
    if (args.help) process.stdout.write(`${USAGE}\n`);
    else await run(args);
    process.exitCode = EXIT.OK;
  } catch (e) {
    log(`error: ${e instanceof CliError ? e.message : (e?.stack ?? e)}`);
    process.exitCode = e instanceof CliError ? e.code : EXIT.LOCAL;
  }
  // Leave even if something (a half-open socket) would keep the process alive.
  setTimeout(() => process.exit(), 1000).unref();
}

await main();
