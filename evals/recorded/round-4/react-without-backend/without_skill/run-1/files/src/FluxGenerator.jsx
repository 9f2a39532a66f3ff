import { useEffect, useRef, useState } from "react";

// Public address of the worker in ../worker. It is not a secret; the fal key never reaches the browser.
const GENERATE_URL = import.meta.env.VITE_GENERATE_URL;

export default function FluxGenerator() {
  const [prompt, setPrompt] = useState("");
  const [image, setImage] = useState(null); // { url, width, height, prompt }
  const [error, setError] = useState("");
  const [loading, setLoading] = useState(false);
  const request = useRef(null);

  useEffect(() => () => request.current?.abort(), []);

  async function handleSubmit(event) {
    event.preventDefault();
    const text = prompt.trim();
    if (!text || loading) return;

    const controller = new AbortController();
    request.current = controller;
    setLoading(true);
    setError("");

    try {
      if (!GENERATE_URL) throw new Error("VITE_GENERATE_URL is not set.");
      const response = await fetch(GENERATE_URL, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ prompt: text }),
        signal: controller.signal,
      });
      const data = await response.json().catch(() => ({}));
      if (!response.ok) throw new Error(data.error || `Request failed (${response.status}).`);
      if (!data.url) throw new Error("The server returned no image.");
      setImage({ ...data, prompt: text });
    } catch (err) {
      if (controller.signal.aborted) return;
      setError(err instanceof TypeError ? "Could not reach the image server." : err.message);
    } finally {
      if (!controller.signal.aborted) setLoading(false);
    }
  }

  return (
    <section>
      <form onSubmit={handleSubmit}>
        <label>
          Prompt{" "}
          <input
            value={prompt}
            onChange={(e) => setPrompt(e.target.value)}
            maxLength={1000}
            placeholder="A lighthouse at dusk, watercolor"
          />
        </label>{" "}
        <button type="submit" disabled={loading || !prompt.trim()}>
          {loading ? "Generating…" : "Generate"}
        </button>
      </form>

      {error && <p role="alert">{error}</p>}

      {image && (
        <img
          src={image.url}
          width={image.width}
          height={image.height}
          alt={image.prompt}
          style={{ maxWidth: "100%", height: "auto" }}
        />
      )}
    </section>
  );
}
