"""What calls cost. Every figure here is worked out by hand from the price in the comment beside it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from fal_skill.errors import UsageError
from fal_skill.prices import MAX_COUNT, Estimate, estimate
from fal_skill.registry import Model, Registry

TODAY = datetime.date(2026, 11, 23)
PROMPT = {"prompt": "x"}
IMAGE = "https://example.com/a.png"


def cost(registry: Registry, slug: str, arguments: dict[str, Any] | None = None, count: int = 1) -> Estimate:
    model = registry.get(slug)
    assert model is not None, slug
    return estimate(model, arguments or {}, count, today=TODAY)


EXACT: list[tuple[str, dict[str, Any], int, float]] = [
    # $0.003 per megapixel, rounded up for each image; landscape_4_3 is 1024x768
    ("fal-ai/flux/schnell", {}, 1, 0.003),
    ("fal-ai/flux/schnell", {"image_size": "landscape_16_9"}, 1, 0.003),
    ("fal-ai/flux/schnell", {"image_size": "square"}, 1, 0.003),
    ("fal-ai/flux/schnell", {"num_images": 4}, 1, 0.012),
    ("fal-ai/flux/schnell", {"num_images": 4}, 25, 0.3),
    ("fal-ai/flux/schnell", {"num_images": "2"}, 1, 0.006),
    ("fal-ai/flux/schnell", {"num_images": None}, 1, 0.003),
    ("fal-ai/flux/schnell", {"image_size": {"width": 1920, "height": 1080}}, 1, 0.006),
    ("fal-ai/flux/schnell", {"image_size": {"width": 1080, "height": 1920}, "num_images": 3}, 1, 0.018),
    ("fal-ai/flux/dev", {}, 1, 0.025),
    ("fal-ai/flux/dev", {"image_size": "portrait_4_3", "num_images": 2}, 10, 0.5),
    ("fal-ai/flux-pro/v1.1", {}, 1, 0.04),
    # $0.06 per image, whatever its size
    ("fal-ai/flux-pro/v1.1-ultra", {}, 1, 0.06),
    ("fal-ai/flux-pro/v1.1-ultra", {"aspect_ratio": "21:9", "num_images": 4}, 1, 0.24),
    ("fal-ai/recraft/v4/text-to-image", {"image_size": "square_hd"}, 1, 0.04),
    ("fal-ai/recraft/v4/text-to-image", {"image_size": {"width": 2048, "height": 2048}}, 1, 0.04),
    # $0.03 for the first megapixel, $0.015 for each further one; a megapixel is 1024x1024
    ("fal-ai/flux-2-pro", {"image_size": "square_hd"}, 1, 0.03),
    ("fal-ai/flux-2-pro", {"image_size": "square"}, 1, 0.03),
    ("fal-ai/flux-2-pro", {"image_size": {"width": 1920, "height": 1080}}, 1, 0.045),
    # $0.07 for the first megapixel, however small the image
    ("fal-ai/flux-2-max", {"image_size": "square"}, 1, 0.07),
    # per second: 0.168 with sound, which is the default; 0.112 without; 0.196 with voice control
    ("fal-ai/kling-video/v3/pro/text-to-video", {}, 1, 0.84),
    ("fal-ai/kling-video/v3/pro/text-to-video", {"generate_audio": False}, 1, 0.56),
    ("fal-ai/kling-video/v3/pro/text-to-video", {"duration": "15"}, 1, 2.52),
    ("fal-ai/kling-video/v3/pro/text-to-video", {"duration": 10, "generate_audio": True}, 3, 5.04),
    ("fal-ai/kling-video/v3/pro/image-to-video", {"start_image_url": IMAGE}, 1, 0.84),
    ("fal-ai/kling-video/v3/pro/image-to-video", {"generate_audio": False, "duration": "10"}, 1, 1.12),
    ("fal-ai/kling-video/v3/pro/image-to-video", {"elements": [{"voice_id": "v1"}]}, 1, 0.98),
    ("fal-ai/kling-video/v3/pro/image-to-video", {"elements": [{"voice_id": "v"}], "generate_audio": False}, 1, 0.56),
    ("fal-ai/kling-video/v3/pro/image-to-video", {"elements": [{"frontal_image_url": IMAGE}]}, 1, 0.84),
    # two shots of 4 and 6 seconds, and a duration that says the same
    ("fal-ai/kling-video/v3/pro/text-to-video",
     {"multi_prompt": [{"prompt": "a", "duration": "4"}, {"prompt": "b", "duration": "6"}], "duration": "10"}, 1, 1.68),
    # $0.05 and $0.10 per 1,000 characters
    ("fal-ai/elevenlabs/tts/turbo-v2.5", {"text": "a" * 1000}, 1, 0.05),
    ("fal-ai/elevenlabs/tts/turbo-v2.5", {"text": "a" * 250, "next_text": "b" * 900}, 2, 0.025),
    ("fal-ai/minimax/speech-2.8-hd", {"prompt": "ü" * 500}, 1, 0.05),
    # $0.40 or $0.60 at 4k with sound; 0.20 or 0.40 without; durations are written "8s"
    ("fal-ai/veo3.1", {}, 1, 3.2),
    ("fal-ai/veo3.1", {"duration": "4s", "resolution": "4k", "generate_audio": False}, 1, 1.6),
    ("fal-ai/veo3.1", {"duration": "6s", "resolution": "4k"}, 1, 3.6),
    # 480p $0.05, 720p $0.10, 1080p $0.15, and 1080p is the default: three times the base price
    ("fal-ai/wan-25-preview/text-to-video", {}, 1, 0.75),
    ("fal-ai/wan-25-preview/text-to-video", {"resolution": "480p", "duration": "10"}, 1, 0.5),
    # TURBO 0.03, BALANCED 0.06 (the default), QUALITY 0.09
    ("fal-ai/ideogram/v3", {}, 1, 0.06),
    ("fal-ai/ideogram/v3", {"rendering_speed": "TURBO", "num_images": 3}, 1, 0.09),
    # 1K and 2K $0.15, 4K $0.30
    ("fal-ai/nano-banana-pro", {"resolution": "2K"}, 1, 0.15),
    ("fal-ai/nano-banana-pro", {"resolution": "4K", "num_images": 2}, 1, 0.6),
    # 1K $0.08; web search adds 0.015, thinking hard 0.002
    ("fal-ai/nano-banana-2", {"enable_web_search": True, "thinking_level": "high"}, 1, 0.097),
    ("fal-ai/nano-banana-2", {"resolution": "0.5K"}, 1, 0.06),
    # a table of quality and size: high and 1024x768 are the defaults
    ("openai/gpt-image-2", {}, 1, 0.145),
    ("openai/gpt-image-2", {"quality": "high", "image_size": {"width": 1024, "height": 1536}}, 2, 0.33),
    # vector styles cost double
    ("fal-ai/recraft/v3/text-to-image", {"style": "vector_illustration/engraving"}, 1, 0.08),
    ("fal-ai/recraft/v3/text-to-image", {"style": "digital_illustration"}, 1, 0.04),
    # $0.02 for an image made, $0.002 for each image sent
    ("xai/grok-imagine-image/edit", {"image_urls": [IMAGE, IMAGE]}, 1, 0.024),
    # $0.80 for each minute begun
    ("fal-ai/elevenlabs/music", {"music_length_ms": 61_000}, 1, 1.6),
    ("fal-ai/elevenlabs/music", {"music_length_ms": 30_000}, 1, 0.8),
    # 480p $0.20, 720p $0.40; more than 81 frames cost 1.25 times as much
    ("fal-ai/wan-flf2v", {"resolution": "480p"}, 1, 0.2),
    ("fal-ai/wan-flf2v", {"num_frames": 100}, 1, 0.5),
    # of 2025: $0.08 per second, 81 frames at 16 per second; flat prices per video and per call
    ("fal-ai/wan/v2.2-a14b/text-to-video", {}, 1, 0.405),
    ("fal-ai/minimax/video-01", {}, 2, 1.0),
    ("fal-ai/bagel/understand", {}, 1, 0.05),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "arguments", "count", "usd"), EXACT)
def test_a_call_whose_price_is_settled_costs_exactly_that(
    registry: Registry, slug: str, arguments: dict[str, Any], count: int, usd: float
) -> None:
    made = cost(registry, slug, {**PROMPT, **arguments}, count)
    assert (made.low, made.high) == (pytest.approx(usd), pytest.approx(usd)), made


RANGES: list[tuple[str, dict[str, Any], float, float, str]] = [
    # a megapixel of 1,000,000 pixels makes 1024x1024 two of them
    ("fal-ai/flux/schnell", {"image_size": "square_hd"}, 0.003, 0.006, "1 or 2 megapixels"),
    ("fal-ai/flux/dev", {"image_size": "square_hd", "num_images": 2}, 0.05, 0.1, "1 or 2 megapixels"),
    # whether 0.75 megapixels are billed as one is not said: 0.02 a megapixel
    ("fal-ai/qwen-image", {}, 0.015, 0.02, "rounded up"),
    # an unstated default leaves both prices open: 0.084 or 0.126 a second, for 5 seconds
    ("fal-ai/kling-video/v3/standard/text-to-video", {}, 0.42, 0.63, "generate_audio"),
    # the model chooses 4 to 15 seconds at 0.3034
    ("bytedance/seedance-2.0/text-to-video", {}, 1.2136, 4.551, "duration is left to the model: 4 to 15"),
    # 1280x720x24x5/1024 tokens at $2.40 per million, and five per cent more
    ("fal-ai/bytedance/seedance/v1.5/pro/text-to-video", {}, 0.2592, 0.27216, "tokens are width x height"),
    ("fal-ai/bytedance/seedance/v1.5/pro/text-to-video", {"generate_audio": False}, 0.1296, 0.13608, "tokens"),
    # the shots last 10 s, duration says 5: 0.84 or 1.68
    ("fal-ai/kling-video/v3/pro/text-to-video",
     {"multi_prompt": [{"prompt": "a", "duration": "4"}, {"prompt": "b", "duration": "6"}]}, 0.84, 1.68, "shots"),
    # up to 3 images for each of 2 generations at $0.03
    ("fal-ai/bytedance/seedream/v4/text-to-image", {"num_images": 2, "max_images": 3}, 0.06, 0.18, "max_images"),
    # ten seconds at $0.007, twice if each of the two samples is billed
    ("mirelo-ai/sfx-v1/video-to-audio", {"video_url": "https://x/a.mp4"}, 0.07, 0.14, "samples"),
    # the web search is billed once or for each image
    ("fal-ai/nano-banana-2", {"enable_web_search": True, "num_images": 2}, 0.175, 0.19, "enable_web_search"),
    # quality auto may be any of them at 1024x768
    ("openai/gpt-image-2", {"quality": "auto"}, 0.005, 0.145, "quality"),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "arguments", "low", "high", "told"), RANGES)
def test_what_is_open_gives_a_range_and_says_why(
    registry: Registry, slug: str, arguments: dict[str, Any], low: float, high: float, told: str
) -> None:
    made = cost(registry, slug, {**PROMPT, **arguments})
    assert (made.low, made.high) == (pytest.approx(low), pytest.approx(high)), made
    assert any(told in assumption for assumption in made.assumptions), made.assumptions


UNKNOWN: list[tuple[str, dict[str, Any], str]] = [
    ("fal-ai/fast-sdxl", PROMPT, "compute seconds"),
    ("fal-ai/elevenlabs/tts/turbo-v2.5", {}, "text holds no text"),
    ("fal-ai/elevenlabs/tts/turbo-v2.5", {"text": ""}, "text holds no text"),
    ("fal-ai/elevenlabs/tts/turbo-v2.5", {"prompt": "the wrong field"}, "text holds no text"),
    ("fal-ai/minimax/speech-2.8-hd", {"prompt": 12}, "prompt holds no text"),
    ("fal-ai/bria/background/remove", {"image_url": IMAGE}, "'generations'"),
    ("fal-ai/pixverse/v5/text-to-video", PROMPT, "'video segments'"),
    ("fal-ai/minimax/hailuo-2.3/pro/text-to-video", PROMPT, "'units'"),
    ("fal-ai/turbo-flux-trainer", {"steps": 1000}, "'steps'"),
    ("fal-ai/sync-lipsync/v2", {"video_url": "https://x/a.mp4", "audio_url": "https://x/a.mp3"}, "length of the"),
    ("fal-ai/topaz/upscale/video", {"video_url": "https://x/a.mp4"}, "length of the video"),
    ("fal-ai/lyria2", PROMPT, "length of the output"),
    ("fal-ai/clarity-upscaler", {"image_url": IMAGE}, "size of the output"),
    ("fal-ai/flux-kontext/dev", {**PROMPT, "image_url": IMAGE}, "size of the output"),
    ("fal-ai/qwen-image-edit", {**PROMPT, "image_url": IMAGE}, "image_size is left out"),
    ("fal-ai/flux/schnell", {"num_images": -1}, "num_images is -1"),
    ("fal-ai/flux/schnell", {"num_images": 1.5}, "num_images is 1.5"),
    ("fal-ai/flux/schnell", {"num_images": True}, "num_images is true"),
    ("fal-ai/flux/schnell", {"num_images": 10**400}, "num_images is a huge number"),
    ("fal-ai/flux/schnell", {"image_size": "huge"}, "image_size is huge"),
    ("fal-ai/flux/schnell", {"image_size": {"width": 0, "height": 5}}, "image_size is an object"),
    ("fal-ai/kling-video/v3/pro/text-to-video", {"duration": "long"}, "duration is long"),
    ("fal-ai/kling-video/v3/pro/text-to-video", {"generate_audio": "yes"}, "no price is known for generate_audio"),
    ("fal-ai/veo3.1", {"resolution": "8k"}, "no price is known for resolution 8k"),
    ("fal-ai/pika/v2.2/text-to-video", {"duration": 10}, "a duration other than 5"),
    ("bytedance/seedance-2.0/reference-to-video", {"video_urls": ["https://x/a.mp4"]}, "reference videos"),
    ("bytedance/seedance-2.0/fast/reference-to-video", {"video_urls": ["https://x/a.mp4"]}, "a video is sent"),
]


@pytest.mark.parametrize(("slug", "arguments", "because"), UNKNOWN)
def test_what_the_arguments_do_not_settle_is_unknown_with_the_reason_and_never_zero(
    registry: Registry, slug: str, arguments: dict[str, Any], because: str
) -> None:
    made = cost(registry, slug, arguments)
    assert (made.low, made.high, made.quantity, made.confidence) == (None, None, None, "unknown")
    assert made.because is not None and because in made.because, made.because
    assert made.as_dict()["low"] is None


def test_an_unknown_cost_still_shows_the_price_of_a_unit(registry: Registry) -> None:
    made = cost(registry, "fal-ai/fast-sdxl")
    assert made.rate == "$0.00125 per compute second"
    assert made.unit == "compute_second"


def test_a_model_without_any_price_is_unknown_for_that_reason(registry: Registry) -> None:
    made = cost(registry, "fal-ai/aura-sr")
    assert made.because == "no source at hand has a price for this model"
    assert (made.unit, made.as_of, made.source) == (None, None, None)


@pytest.mark.parametrize("count", [0, -1, MAX_COUNT + 1, True, 1.5, "2", None])
def test_a_count_that_is_none_is_refused(registry: Registry, count: Any) -> None:
    with pytest.raises(UsageError, match="count"):
        cost(registry, "fal-ai/flux/schnell", {}, count)


def test_the_largest_count_multiplies(registry: Registry) -> None:
    made = cost(registry, "fal-ai/flux/schnell", {}, MAX_COUNT)
    assert made.high == pytest.approx(3000)
    assert made.quantity == (MAX_COUNT, MAX_COUNT)
    assert made.as_dict()["count"] == MAX_COUNT


@pytest.mark.parametrize(
    ("today", "confidence"),
    [
        (datetime.date(2026, 11, 23), "dated-quote"),
        (datetime.date(2027, 10, 2), "dated-quote"),
        (datetime.date(2027, 10, 3), "order-of-magnitude"),
        (datetime.date(2030, 2, 28), "order-of-magnitude"),
    ],
)
def test_a_price_older_than_a_year_is_an_order_of_magnitude_and_says_so(
    registry: Registry, today: datetime.date, confidence: str
) -> None:
    model = registry.get("fal-ai/flux/schnell")
    assert model is not None
    made = estimate(model, PROMPT, today=today)
    assert (made.as_of, made.confidence) == ("2026-10-02", confidence)
    assert any("more than a year ago" in text for text in made.assumptions) == (confidence == "order-of-magnitude")


def test_a_price_from_2025_is_an_order_of_magnitude(registry: Registry) -> None:
    made = cost(registry, "fal-ai/kling-video/v2/master/text-to-video", PROMPT)
    assert (made.as_of, made.confidence) == ("2025-10-30", "order-of-magnitude")


def test_one_price_for_a_model_with_options_is_only_a_base_price(registry: Registry) -> None:
    made = cost(registry, "fal-ai/ideogram/v3/reframe", {"image_url": IMAGE, "image_size": "square_hd"})
    assert made.confidence == "base-price"
    assert "the source states one price; rendering_speed, style may change it" in " ".join(made.assumptions)


def test_a_price_announced_for_later_counts_from_its_day_on() -> None:
    model = Model(
        {"slug": "mirelo-ai/sfx2.0/text-to-audio", "status": "unknown", "category": "unknown", "in": [], "out": [],
         "first_seen": "", "last_seen": ""}
    )  # fmt: skip
    before = estimate(model, {"duration": 10}, today=datetime.date(2026, 12, 12))
    after = estimate(model, {"duration": 10}, today=datetime.date(2026, 12, 13))
    assert (before.low, after.low) == (pytest.approx(0.1), pytest.approx(0.15))


def test_an_argument_that_the_model_lacks_is_named_as_not_counted(registry: Registry) -> None:
    made = cost(registry, "fal-ai/kling-video/v3/pro/text-to-video", {"seconds": 15, "prompt": "x"})
    assert "not counted, since the model has no such argument: 'seconds'" in made.assumptions


def test_defaults_that_were_counted_are_named(registry: Registry) -> None:
    told = cost(registry, "fal-ai/kling-video/v3/pro/text-to-video", PROMPT).assumptions
    assert "duration is its default, 5" in told
    assert "generate_audio is true, its default; the price depends on it" in told


def test_the_json_keys_are_the_public_ones(registry: Registry) -> None:
    made = cost(registry, "fal-ai/flux/schnell", {"image_size": "square_hd"}).as_dict()
    assert list(made)[:10] == [
        "slug", "low", "high", "currency", "unit", "quantity", "assumptions", "as_of", "source", "confidence",
    ]  # fmt: skip
    assert made["quantity"] == {"low": 1, "high": 2}
    assert made["check"]["page"] == "https://fal.ai/models/fal-ai/flux/schnell"


def test_the_summary_is_one_line_with_amount_unit_and_date(registry: Registry) -> None:
    made = cost(registry, "fal-ai/kling-video/v3/pro/text-to-video", PROMPT)
    assert made.summary == "$0.84 (5 seconds at $0.168 per second, as of 2026-09-24; dated-quote)"
    assert cost(registry, "fal-ai/fast-sdxl").summary.startswith("unknown, because it is billed by compute seconds")
