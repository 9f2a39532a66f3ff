import { fal, ApiError, ValidationError } from "@fal-ai/client";

const ENDPOINT = "fal-ai/kling-video/v3/turbo/standard/image-to-video";

/** The v3/pro call as it runs today. */
const PRO_INPUT = {
  prompt: "sand blowing over the crest",
  start_image_url: "https://example.com/dune.jpg",
  duration: "5",
  cfg_scale: 0.6,
  negative_prompt: "blur",
  generate_audio: false, // v3/pro defaults to true
};

// @fal-ai/client 1.10.1 has no types for this endpoint (its input is Record<string, any>), so the
// compiler cannot check field names. We check them against the schema fal publishes instead.
type Schema = {
  $ref?: string;
  type?: string;
  enum?: unknown[];
  anyOf?: Schema[];
  allOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
};

async function fetchInputSchema(): Promise<{ input: Schema; deref: (s: Schema) => Schema }> {
  const url = `https://fal.ai/api/openapi/queue/openapi.json?endpoint_id=${ENDPOINT}`;
  const res = await fetch(url);
  if (!res.ok) throw new Error(`Schema request failed (HTTP ${res.status}): ${url}`);
  const doc: any = await res.json();
  const deref = (s: Schema): Schema =>
    s.$ref
      ? deref(s.$ref.replace(/^#\//, "").split("/").reduce((o: any, k) => o?.[k], doc) ?? {})
      : s;
  const body = doc.paths?.[`/${ENDPOINT}`]?.post?.requestBody?.content?.["application/json"]?.schema;
  const input = body && deref(body);
  if (!input?.properties) throw new Error(`No input schema for ${ENDPOINT} in ${url}`);
  return { input, deref };
}

/** Map the pro input onto the fields the turbo endpoint declares. Throws rather than guess. */
function portInput(schema: Schema, deref: (s: Schema) => Schema) {
  const props = schema.properties!;
  const input: Record<string, unknown> = {};
  const notes: string[] = [];

  for (const [key, value] of Object.entries(PRO_INPUT)) {
    if (key in props) input[key] = value;
    else if (key === "start_image_url" && "image_url" in props) {
      input.image_url = value;
      notes.push("start_image_url is called image_url here");
    } else if (key === "start_image_url" || key === "prompt") {
      throw new Error(`No field for ${key}. Declared fields: ${Object.keys(props).join(", ")}`);
    } else notes.push(`dropped ${key}=${JSON.stringify(value)}: not a field of this endpoint`);
  }

  if (!("generate_audio" in props)) {
    const other = Object.keys(props).filter((k) => /audio|sound/i.test(k));
    if (other.length) throw new Error(`Audio is controlled by ${other.join(", ")}: set it to off by hand.`);
    notes.push("no audio switch declared: check the first clip for a sound track");
  }

  if ("duration" in input) {
    const flat = (s: Schema): Schema[] => {
      const d = deref(s);
      return [d, ...[...(d.anyOf ?? []), ...(d.allOf ?? []), ...(d.oneOf ?? [])].flatMap(flat)];
    };
    const parts = flat(props.duration!);
    const allowed = parts.flatMap((p) => p.enum ?? []);
    const types = parts.map((p) => p.type);
    if (allowed.includes(5) || (!allowed.length && !types.includes("string") && types.some((t) => t === "integer" || t === "number"))) {
      input.duration = 5;
      notes.push("duration is the number 5 here, not the string");
    } else if (allowed.length && !allowed.includes("5")) {
      throw new Error(`5 s not offered; duration must be one of ${JSON.stringify(allowed)}`);
    }
  }

  const missing = (schema.required ?? []).filter((k) => !(k in input));
  if (missing.length) throw new Error(`Endpoint also requires: ${missing.join(", ")}`);
  return { input, notes };
}

async function main() {
  const { input: schema, deref } = await fetchInputSchema();
  const { input, notes } = portInput(schema, deref);
  console.log("input:", JSON.stringify(input, null, 2));
  for (const n of notes) console.warn("note:", n);
  if (process.argv.includes("--dry-run")) return; // nothing submitted, nothing billed

  if (!process.env.FAL_KEY) throw new Error("Set FAL_KEY (server side only).");
  const { data, requestId } = await fal.subscribe(ENDPOINT, {
    input,
    onEnqueue: (id) => console.log("request id:", id), // keep it: lets you fetch the result later
  });
  const url = data?.video?.url; // same output shape as v3/pro
  if (!url) throw new Error(`Request ${requestId}: no video.url in ${JSON.stringify(data)}`);
  console.log("video:", url);
}

main().catch((e) => {
  if (e instanceof ValidationError) console.error("422:", JSON.stringify(e.fieldErrors, null, 2));
  else if (e instanceof ApiError) console.error(`HTTP ${e.status} (${e.requestId}):`, JSON.stringify(e.body));
  else console.error(e instanceof Error ? e.message : e);
  process.exit(1);
});
