"""Which field was meant by a name that a model does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SAME_MEANING = (
    ("prompt", "text", "gen_text", "input_text", "script", "lyrics", "description", "instruction", "input"),
    ("image_url", "start_image_url", "image_urls", "input_image_url", "input_image_urls", "first_frame_url",
     "first_image_url", "reference_image_url", "reference_image_urls", "image", "images", "init_image",
     "human_image_url", "model_image", "frontal_image_url"),
    ("end_image_url", "tail_image_url", "last_frame_url", "end_frame_url", "last_image_url", "end_image"),
    ("video_url", "video_urls", "input_video_url", "source_video_url", "reference_video_url", "video"),
    ("audio_url", "audio_urls", "reference_audio_url", "ref_audio_url", "source_audio_url", "audio", "input_audio"),
    ("mask_url", "mask_image_url", "mask", "mask_image"),
    ("num_inference_steps", "steps", "num_steps", "number_of_steps", "inference_steps", "sampling_steps"),
    ("num_images", "n", "num_outputs", "number_of_images", "batch_size", "count", "num_samples", "max_images"),
    ("image_size", "size", "aspect_ratio", "resolution", "width", "height"),
    ("output_format", "format", "response_format", "file_format", "image_format"),
    ("guidance_scale", "guidance", "cfg_scale", "cfg", "guidance_strength"),
    ("duration", "seconds", "length", "video_length", "num_frames", "duration_seconds", "music_length_ms"),
    ("voice", "voice_id", "voice_setting", "speaker", "voice_name"),
    ("generate_audio", "with_audio", "audio_enabled", "enable_audio", "sound"),
    ("upscale_factor", "scale", "scale_factor", "upscaling_factor", "upscale", "factor"),
    ("model_url", "mesh_url", "input_model_url", "glb_url"),
    ("strength", "image_prompt_strength", "denoising_strength", "prompt_strength", "image_strength"),
    ("loras", "lora", "lora_url", "lora_path", "lora_weights"),
    ("language", "language_code", "language_boost", "lang"),
    ("fps", "frames_per_second", "frame_rate", "target_fps"),
)  # fmt: skip
"""Names that models give to the same thing, the commonest first."""


def nearest_field(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that the name most likely means: a word of the same meaning, else a near spelling."""
    from difflib import get_close_matches

    given = list(dict.fromkeys(candidates))
    plain = name.lower().replace("-", "_")
    for group in SAME_MEANING:
        if plain in group:
            for word in group:
                if word in given and word != name:
                    return word
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in reversed(given)}
    close = get_close_matches(plain[:100], folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else None
