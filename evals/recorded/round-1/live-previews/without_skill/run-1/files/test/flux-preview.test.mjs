// Runs the real CLI against a local stand-in for fal.run. No key, no network, no cost.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import sharp from "sharp";

const CLI = path.resolve(import.meta.dirname, "../flux-preview.mjs");
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const solid = (r, format = "jpeg") =>
  sharp({ create: { width: 64, height: 48, channels: 3, background: { r, g: 0, b: 0 } } })[format]().toBuffer();
const uri = async (r) => `data:image/jpeg;base64,${(await solid(r)).toString("base64")}`;
const preview = async (r) => ({ images: [{ url: await uri(r) }] });
const final = async (r, more = {}) => ({ ...(await preview(r)), seed: 7, has_nsfw_concepts: [false], prompt: "p", timings: {}, ...more });
const sse = (e) => `data: ${JSON.stringify(e)}\n\n`;
const stream = (res) => res.writeHead(200, { "content-type": "text/event-stream" });

async function cli(t, handler, { args = ["a cat"], env = {}, onStderr, old } = {}) {
  const dir = mkdtempSync(path.join(tmpdir(), "flux-preview-"));
  const requests = [];
  const server = createServer(async (req, res) => {
    let body = "";
    for await (const c of req) body += c;
    requests.push({ url: req.url, headers: req.headers, body: body && JSON.parse(body) });
    await handler(req, res, `http://127.0.0.1:${server.address().port}`);
  });
  await new Promise((r) => server.listen(0, "127.0.0.1", r));
  t.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const out = path.join(dir, "preview.png");
  if (old) writeFileSync(out, old);
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: dir,
    env: { ...process.env, FAL_KEY: "id:secret", FAL_RUN_URL: `http://127.0.0.1:${server.address().port}`, ...env },
  });
  let stderr = "";
  child.stderr.on("data", (d) => {
    stderr += d;
    onStderr?.(stderr, child, out);
  });
  const hung = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const code = await new Promise((r) => child.on("close", r));
  clearTimeout(hung);
  assert.doesNotMatch(stderr, /\n\s+at .*\(?(file|node):/, `crashed: ${stderr}`);
  assert.deepEqual(readdirSync(dir).filter((f) => f.endsWith(".tmp")), []);
  return { code, stderr, out, requests };
}

const red = async (file) => {
  const buf = readFileSync(file);
  assert.equal((await sharp(buf).metadata()).format, "png");
  return (await sharp(buf).raw().toBuffer())[0];
};
const near = (a, b) => assert.ok(Math.abs(a - b) < 4, `${a} is not near ${b}`);

test("every preview is written as a real PNG while the stream is still open", async (t) => {
  const seen = [];
  const r = await cli(t, async (_q, res) => {
    stream(res);
    res.write(": ping\n\n");
    for (const c of [40, 120]) {
      // split inside the data line, to exercise chunk reassembly; CRLF line ends
      const text = sse(await preview(c)).replaceAll("\n", "\r\n");
      res.write(text.slice(0, 100));
      await sleep(50);
      res.write(text.slice(100));
      await sleep(400);
    }
    res.end(sse(await final(200)));
  }, { onStderr: (s, _c, out) => existsSync(out) && seen.push(readFileSync(out)) });
  assert.equal(r.code, 0, r.stderr);
  assert.match(r.stderr, /image 1: wrote.*image 2: wrote.*image 3: wrote.*seed 7/s);
  near((await sharp(seen[0]).raw().toBuffer())[0], 40);
  near(await red(r.out), 200);
  assert.equal(r.requests[0].url, "/fal-ai/flux/dev/stream");
  assert.equal(r.requests[0].headers.authorization, "Key id:secret");
  assert.deepEqual(r.requests[0].body, { prompt: "a cat", num_images: 1, output_format: "png" });
});

test("images given as links are downloaded, without sending the key there", async (t) => {
  const r = await cli(t, async (q, res, base) => {
    if (q.method === "GET") return res.end(await solid(90));
    stream(res).end(sse({ ...(await final(1)), images: [{ url: `${base}/x.jpg` }] }));
  });
  assert.equal(r.code, 0, r.stderr);
  near(await red(r.out), 90);
  assert.equal(r.requests[1].headers.authorization, undefined);
  assert.match(r.stderr, /only the finished image/);
});

test("a slow image link is skipped over in favour of newer images", async (t) => {
  const r = await cli(t, async (q, res, base) => {
    if (q.method === "GET") return await sleep(800), res.end(await solid(10));
    stream(res).write(sse({ images: [{ url: `${base}/slow.jpg` }] }));
    await sleep(100);
    for (const c of [60, 70]) res.write(sse(await preview(c)));
    res.end(sse(await final(220)));
  });
  assert.equal(r.code, 0, r.stderr);
  assert.match(r.stderr, /2 image\(s\) skipped/);
  near(await red(r.out), 220);
});

test("one damaged preview does not end the run", async (t) => {
  const r = await cli(t, async (_q, res) => {
    stream(res).write(sse({ images: [{ url: "data:image/jpeg;base64,AAAA" }] }));
    await sleep(300);
    res.end(sse(await final(200)));
  });
  assert.equal(r.code, 0, r.stderr);
  assert.match(r.stderr, /image 1: not usable/);
});

test("refused input (422) names the field and leaves an old file alone", async (t) => {
  const r = await cli(t, (_q, res) => {
    res.writeHead(422, { "content-type": "application/json", "x-fal-request-id": "req-1" });
    res.end(JSON.stringify({ detail: [{ loc: ["body", "num_inference_steps"], msg: "too many", type: "less_than_equal" }] }));
  }, { args: ["cat", "--steps", "999"], old: "old" });
  assert.equal(r.code, 3);
  assert.match(r.stderr, /num_inference_steps: too many \[less_than_equal\][^]*req-1[^]*from an earlier one/);
  assert.equal(readFileSync(r.out, "utf8"), "old");
});

test("refusal sent inside the stream", async (t) => {
  const r = await cli(t, async (_q, res) => {
    stream(res).write(sse(await preview(40)));
    await sleep(200);
    res.end(sse({ detail: [{ loc: ["body", "prompt"], msg: "flagged", type: "content_policy_violation" }] }));
  });
  assert.equal(r.code, 3);
  assert.match(r.stderr, /content_policy_violation[^]*holds image 1/);
});

test("safety checker flag on the result", async (t) => {
  const r = await cli(t, async (_q, res) => stream(res).end(sse(await final(0, { has_nsfw_concepts: [true] }))));
  assert.equal(r.code, 3);
});

for (const [name, body] of [
  ["error field", sse({ error: "GPU out of memory" })],
  ["named error event", "event: error\ndata: GPU out of memory\n\n"],
]) {
  test(`server error inside the stream: ${name}`, async (t) => {
    const r = await cli(t, (_q, res) => stream(res).end(body));
    assert.equal(r.code, 4);
    assert.match(r.stderr, /GPU out of memory/);
  });
}

for (const status of [401, 403, 404, 429, 500, 503]) {
  test(`HTTP ${status}, body not JSON`, async (t) => {
    const r = await cli(t, (_q, res) => res.writeHead(status, { "content-type": "text/html" }).end("<h1>no</h1>"));
    assert.equal(r.code, 4);
    assert.match(r.stderr, new RegExp(`HTTP ${status}`));
    assert.equal(r.requests.length, 1);
  });
}

test("connection cut between events", async (t) => {
  const r = await cli(t, async (_q, res) => {
    stream(res).write(sse(await preview(40)));
    await sleep(300);
    res.destroy();
  });
  assert.equal(r.code, 5);
  assert.match(r.stderr, /stream broke[^]*holds image 1/);
  near(await red(r.out), 40);
});

test("connection closed politely before the finished image", async (t) => {
  const r = await cli(t, async (_q, res) => stream(res).end(sse(await preview(40))));
  assert.equal(r.code, 5);
  assert.match(r.stderr, /finished image never arrived/);
});

test("connection closed in the middle of an event", async (t) => {
  const r = await cli(t, async (_q, res) => stream(res).end(sse(await preview(40)) + sse(await final(9)).slice(0, 200)));
  assert.equal(r.code, 5);
  assert.match(r.stderr, /not valid JSON[^]*holds image 1/);
});

test("stream without any image", async (t) => {
  const r = await cli(t, (_q, res) => stream(res).end());
  assert.equal(r.code, 5);
});

test("stall after a preview, with keep-alive pings still coming", async (t) => {
  const r = await cli(t, async (_q, res) => {
    stream(res).write(sse(await preview(40)));
    const ping = setInterval(() => res.write(": ping\n\n"), 200);
    res.on("close", () => clearInterval(ping));
  }, { args: ["cat", "--idle-timeout", "1"] });
  assert.equal(r.code, 5);
  assert.match(r.stderr, /No further event for 1 s[^]*holds image 1/);
});

test("server accepts the request and never answers", async (t) => {
  const r = await cli(t, () => {}, { args: ["cat", "--first-timeout", "1"] });
  assert.equal(r.code, 5);
  assert.match(r.stderr, /No image for 1 s/);
});

test("error body that never finishes", async (t) => {
  const r = await cli(t, (_q, res) => res.writeHead(500).write("x"), { args: ["cat", "--first-timeout", "1"] });
  assert.equal(r.code, 5);
});

test("Ctrl-C", async (t) => {
  const r = await cli(t, async (_q, res) => stream(res).write(sse(await preview(40))), {
    onStderr: (s, child) => /image 1: wrote/.test(s) && !/error:/.test(s) && child.kill("SIGINT"),
  });
  assert.equal(r.code, 130);
  assert.match(r.stderr, /Interrupted/);
});

test("not an event stream", async (t) => {
  const r = await cli(t, (_q, res) => res.writeHead(200, { "content-type": "text/html" }).end("<p>hi"));
  assert.equal(r.code, 5);
});

test("nothing listens", async (t) => {
  const r = await cli(t, () => {}, { env: { FAL_RUN_URL: "http://127.0.0.1:1" } });
  assert.equal(r.code, 4);
  assert.match(r.stderr, /Cannot reach/);
});

for (const [name, opts] of [
  ["no key", { env: { FAL_KEY: "" } }],
  ["no prompt", { args: [] }],
  ["unknown option", { args: ["cat", "--nope"] }],
  ["bad number", { args: ["cat", "--steps", "many"] }],
]) {
  test(`usage: ${name}`, async (t) => {
    const r = await cli(t, () => {}, opts);
    assert.equal(r.code, 2);
    assert.equal(r.requests.length, 0);
  });
}

test("usage: output folder does not exist, nothing is sent", async (t) => {
  const r = await cli(t, () => {}, { args: ["cat", "-o", "nowhere/preview.png"] });
  assert.equal(r.code, 1);
  assert.equal(r.requests.length, 0);
});

test("output cannot be replaced (is a folder)", async (t) => {
  const r = await cli(t, async (_q, res) => {
    stream(res).write(sse(await preview(40))); // then stays open: the disk failure has to end it
  }, { args: ["cat", "-o", "."] });
  assert.equal(r.code, 1);
});
