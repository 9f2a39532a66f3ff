// Replaces Replicate's webhook validation and body (a prediction) in your receiver.
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { getVideo, type Video } from "./kling.js";

const JWKS_URL = "https://rest.fal.ai/.well-known/jwks.json";
let keys: KeyObject[] = [];
let fetchedAt = 0;

async function publicKeys(maxAge: number): Promise<KeyObject[]> {
  if (Date.now() - fetchedAt > maxAge) {
    const response = await fetch(JWKS_URL);
    if (!response.ok) throw new Error(`no webhook keys: HTTP ${response.status}`);
    const jwks = (await response.json()) as { keys: { x: string }[] };
    keys = jwks.keys.map(({ x }) => createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }));
    fetchedAt = Date.now();
  }
  return keys;
}

/** `body` must be the raw bytes: parsed and serialised again they have another hash. */
export async function isFromFal(header: (name: string) => string | null | undefined, body: Buffer): Promise<boolean> {
  const [requestId, userId, timestamp, signature] = ["request-id", "user-id", "timestamp", "signature"].map(
    (name) => header(`x-fal-webhook-${name}`) ?? "",
  );
  if (!requestId || !userId || !timestamp || !signature) return false;
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) return false;
  const digest = createHash("sha256").update(body).digest("hex");
  const message = Buffer.from([requestId, userId, timestamp, digest].join("\n"));
  for (const maxAge of [86_400_000, 60_000]) {
    // Keys rotate: fetch anew before refusing, at most once a minute.
    if ((await publicKeys(maxAge)).some((key) => verify(null, message, key, Buffer.from(signature, "hex")))) return true;
  }
  return false;
}

/** A verified delivery, in the shape that getVideo() returns. */
export async function readDelivery(body: Buffer): Promise<Video> {
  const { request_id: id, status, payload, error } = JSON.parse(body.toString());
  if (status !== "OK") {
    return { id, status: "failed", output: null, error: JSON.stringify(payload?.detail ?? error) };
  }
  if (!payload) return getVideo(id); // the output did not fit into the delivery
  return { id, status: "succeeded", output: payload.video.url, error: null };
}
