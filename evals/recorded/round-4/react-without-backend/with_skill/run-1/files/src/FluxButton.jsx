import { useEffect, useState } from "react";

// Your Worker's address, printed by `wrangler deploy`. It is not a secret.
const API_URL = "https://flux-api.YOUR-SUBDOMAIN.workers.dev";

export default function FluxButton() {
  const [prompt, setPrompt] = useState("");
  const [image, setImage] = useState(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);

  // Frees the previous image's memory.
  useEffect(() => () => image && URL.revokeObjectURL(image), [image]);

  async function generate(event) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const response = await fetch(API_URL, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ prompt }),
      });
      if (!response.ok) throw new Error((await response.text()) || `HTTP ${response.status}`);
      setImage(URL.createObjectURL(await response.blob()));
    } catch (problem) {
      setError(problem.message);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={generate}>
      <input
        aria-label="Prompt"
        placeholder="A lighthouse at dusk"
        value={prompt}
        onChange={(event) => setPrompt(event.target.value)}
        maxLength={500}
        required
      />
      <button type="submit" disabled={busy || !prompt.trim()}>
        {busy ? "Generating…" : "Generate"}
      </button>
      {error && <p role="alert">{error}</p>}
      {image && (
        <figure>
          <img src={image} alt="Generated image" style={{ maxWidth: "100%" }} />
          <figcaption>
            <a href={image} download="flux.jpg">Download</a>
          </figcaption>
        </figure>
      )}
    </form>
  );
}
