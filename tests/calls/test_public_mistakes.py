"""Mistakes that public repositories make today, in the forms in which they make them; every one must be found."""

from __future__ import annotations

import pytest

from calls.linting import problems


def genmedia(rest: str) -> tuple[str, str]:
    return "shell", f"genmedia run {rest}"


def python(slug: str, arguments: str, function: str = "subscribe") -> tuple[str, str]:
    return "python", f"import fal_client\nfal_client.{function}({slug!r}, arguments={arguments})"


MISTAKES = [
    (genmedia("fal-ai/hunyuan-3d/v3.1/pro/image-to-3d --image_url https://x.example/a.png"), "input_image_url"),
    (genmedia("fal-ai/minimax/speech-2.6-turbo --text 'hello'"), "rename text to prompt"),
    (genmedia("fal-ai/creatify/aurora --visual_direction x --image_url $I --audio_url $A"), "visual_direction"),
    (genmedia("fal-ai/fashn/tryon/v1.5 --model_image $M --garment_image $G --garment_type tops"), "garment_type"),
    (genmedia("fal-ai/docres --image_url $URL"), "task"),
    (genmedia("openai/gpt-image-2/edit --prompt a --image_urls $URLS --input_fidelity high"), "input_fidelity"),
    (genmedia("fal-ai/nano-banana/edit --prompt a --image_urls https://x.example/a.png"), "wrap it in a list"),
    (genmedia("fal-ai/flux/dev --prompt=hello"), "prompt"),
    (python("fal-ai/kling-video/v2.6/pro/image-to-video", '{"prompt": p, "image_url": u}'), "start_image_url"),
    (python("fal-ai/kling-video/v3/pro/image-to-video", '{"prompt": p, "image_url": u}'), "start_image_url"),
    (python("fal-ai/clarity-upscaler", '{"image_url": u, "scale_factor": 2}'), "upscale_factor"),
    (python("fal-ai/fast-lightning-sdxl", '{"prompt": p, "num_inference_steps": 4}'), 'send "4"'),
    (python("fal-ai/f5-tts", '{"gen_text": p, "ref_audio_url": u}'), "model_type"),
    (python("fal-ai/kokoro/american-english", '{"text": p}'), "did you mean prompt?"),
    (python("fal-ai/veo3.1", '{"prompt": p, "duration": "4"}'), '"4s"'),
    (python("fal-ai/nano-banana/edit", '{"prompt": p, "image_url": u}'), "rename image_url to image_urls"),
    (python("fal-ai/flux-pro/v1.1-ultra", '{"prompt": p, "image_size": "square"}'), "aspect_ratio"),
    (
        python(
            "fal-ai/kling-video/v3/standard/text-to-video",
            '{"prompt": p, "duration": 20, "resolution": "1080p"}',
            "submit",
        ),
        "resolution",
    ),
    (python("fal-ai/flux/dev", '{"prompt": p, "webhook_url": hook}', "submit"), "query parameter fal_webhook"),
    (python("fal-ai/bytedance/seedance-2.0/fast/image-to-video", "a"), "bytedance/seedance-2.0/fast/image-to-video"),
    (python("fal-ai/flux.2/dev", "a"), "fal-ai/flux-2"),
    (python("fal-ai/fibo-edit/edit", "a"), "bria/fibo-edit/edit"),
    (python("fal-ai/musicgen-medium", "a"), "music"),
    (
        (
            "python",
            "import fal_client\nasync def f():\n  h = await fal_client.submit_async(m, a)\n"
            "  return await h.get_async()",
        ),
        "a request handle has no get_async",
    ),
    (
        ("python", "import fal_client\nfal_client.get_model_schema('fal-ai/flux/dev')"),
        "has no function get_model_schema",
    ),
    (
        ("typescript", "fal.queue.submit('fal-ai/kling-video/v1.6/pro/image-to-video', { prompt: p, image_url: u });"),
        "is not under input",
    ),
    (
        ("typescript", "const job = await fal.jobs.get(model, id);"),
        "has no function jobs.get",
    ),
    (
        (
            "typescript",
            "const r: any = await fal.subscribe('fal-ai/flux/schnell', { input: { prompt } });\nshow(r.images[0].url);",
        ),
        "result.data.images[0].url",
    ),
    (
        (
            "typescript",
            'const s = await fal.queue.status(m, { requestId });\nif (s.status === "FAILED") throw new Error();',
        ),
        "never says FAILED",
    ),
    (("shell", "claude mcp add fal --transport http https://mcp.fal.ai/mcp"), "mcp-relay"),
    (
        ("json", '{"mcpServers": {"fal": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-http"]}}}'),
        "does not exist",
    ),
]


@pytest.mark.parametrize(("code", "words"), MISTAKES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_mistake_of_public_code_is_found(code: tuple[str, str], words: str) -> None:
    language, text = code
    found = [f"{problem.finding.message} {problem.finding.hint}" for problem in problems(text, language)]
    assert any(words in each for each in found), found
