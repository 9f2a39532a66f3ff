import { DurableObject } from "cloudflare:workers";

// The page sends only a prompt. All that sets the price is fixed here.
export default {
  async fetch(request, env) {
    const origin = request.headers.get("Origin");
    if (!env.ALLOWED_ORIGINS.includes(origin)) return new Response("Origin not allowed", { status: 403 });
    const headers = { "Access-Control-Allow-Origin": origin, Vary: "Origin" };
    const fail = (status, text) => new Response(text, { status, headers });

    if (request.method === "OPTIONS") {
      return new Response(null, {
        status: 204,
        headers: { ...headers, "Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type" },
      });
    }
    if (request.method !== "POST") return fail(405, "POST only");

    const body = await request.json().catch(() => null);
    const prompt = typeof body?.prompt === "string" ? body.prompt.trim() : "";
    if (!prompt || prompt.length > 500) return fail(400, "The prompt must have 1 to 500 characters.");

    const visitor = request.headers.get("CF-Connecting-IP") ?? "unknown";
    if (!(await env.PER_VISITOR.limit({ key: visitor })).success) return fail(429, "Too many requests: wait a minute.");
    const budget = env.BUDGET.get(env.BUDGET.idFromName("all"));
    if (!(await budget.take(env.IMAGES_PER_DAY))) return fail(429, "Today's images are used up. Come back tomorrow.");

    try {
      // Sent once, never retried: a lost reply cannot become a second bill.
      const reply = await fetch("https://fal.run/fal-ai/flux/schnell", {
        method: "POST",
        headers: { Authorization: `Key ${env.FAL_KEY}`, "Content-Type": "application/json" },
        body: JSON.stringify({ prompt, image_size: "landscape_4_3", num_images: 1 }),
      });
      if (!reply.ok) {
        console.error("fal answered", reply.status, await reply.text()); // read it with `wrangler tail`
        return fail(502, "The image could not be generated.");
      }
      const result = await reply.json();
      if (result.has_nsfw_concepts?.[0]) return fail(422, "The safety checker blocked this image: try another prompt.");

      // fal's URL is public and temporary, so the page gets the image itself.
      const image = await fetch(result.images[0].url);
      if (!image.ok) throw new Error(`download failed: HTTP ${image.status}`);
      return new Response(image.body, {
        headers: { ...headers, "Content-Type": image.headers.get("Content-Type") ?? "image/jpeg" },
      });
    } catch (problem) {
      console.error(problem);
      return fail(502, "The image could not be generated.");
    }
  },
};

// Counts the images of the (UTC) day for all visitors together.
export class Budget extends DurableObject {
  async take(limit) {
    const day = new Date().toISOString().slice(0, 10);
    const saved = await this.ctx.storage.get("today");
    const used = saved?.day === day ? saved.used : 0;
    if (used >= limit) return false;
    await this.ctx.storage.put("today", { day, used: used + 1 });
    return true;
  }
}
