// Holds the fal key. Accepts POST { prompt }, returns { url, width, height } or { error }.
// Model, size and image count are fixed here so a caller can't run up a bigger bill per request.
const FAL_URL = "https://fal.run/fal-ai/flux/schnell";
const MAX_PROMPT = 1000;

export default {
  async fetch(request, env) {
    const origin = request.headers.get("Origin") ?? "";
    const allowed = (env.ALLOWED_ORIGINS ?? "").split(",").map((o) => o.trim()).filter(Boolean);
    if (!allowed.includes(origin)) return new Response("Forbidden", { status: 403 });

    const cors = {
      "Access-Control-Allow-Origin": origin,
      "Access-Control-Allow-Methods": "POST, OPTIONS",
      "Access-Control-Allow-Headers": "Content-Type",
      "Access-Control-Max-Age": "86400",
      Vary: "Origin",
    };
    const reply = (body, status = 200) => Response.json(body, { status, headers: cors });

    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: cors });
    if (request.method !== "POST") return reply({ error: "Use POST." }, 405);
    if (!env.FAL_KEY) return reply({ error: "FAL_KEY is not set on the worker." }, 500);

    const body = await request.json().catch(() => null);
    const prompt = typeof body?.prompt === "string" ? body.prompt.trim() : "";
    if (!prompt) return reply({ error: "Please enter a prompt." }, 400);
    if (prompt.length > MAX_PROMPT) return reply({ error: "The prompt is too long." }, 400);

    const ip = request.headers.get("CF-Connecting-IP") ?? "unknown";
    const perVisitor = await env.PER_VISITOR.limit({ key: ip });
    if (!perVisitor.success) return reply({ error: "Too many images; wait a minute." }, 429);
    const everyone = await env.EVERYONE.limit({ key: "all" });
    if (!everyone.success) return reply({ error: "The site is busy; wait a minute." }, 429);

    try {
      const response = await fetch(FAL_URL, {
        method: "POST",
        headers: { Authorization: `Key ${env.FAL_KEY}`, "Content-Type": "application/json" },
        body: JSON.stringify({
          prompt,
          image_size: "landscape_4_3",
          num_images: 1,
          num_inference_steps: 4,
          enable_safety_checker: true,
        }),
        signal: AbortSignal.timeout(60_000),
      });
      if (!response.ok) {
        // Details (bad key, no balance, ...) go to the worker's log, not to visitors.
        console.error("fal", response.status, await response.text());
        return reply({ error: "Image generation failed." }, 502);
      }

      const result = await response.json();
      if (result.has_nsfw_concepts?.[0]) return reply({ error: "The safety filter blocked this image." }, 422);
      const image = result.images?.[0];
      if (!image?.url) return reply({ error: "No image was returned." }, 502);
      return reply({ url: image.url, width: image.width, height: image.height });
    } catch (err) {
      console.error("fal request", err);
      return reply({ error: "Image generation failed or timed out." }, 502);
    }
  },
};
