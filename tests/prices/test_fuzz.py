"""No arguments, however strange, break an estimate or make it absurd."""

from __future__ import annotations

import datetime
import json
from math import isfinite
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fal_skill.prices import default_prices, estimate
from fal_skill.prices.inputs import IMAGE_SIZES
from fal_skill.registry import Model, Registry

TODAY = datetime.date(2026, 11, 23)
SLUGS = default_prices().slugs()
FIELDS = (
    "prompt", "text", "image_size", "num_images", "max_images", "duration", "resolution", "generate_audio", "quality",
    "aspect_ratio", "num_frames", "fps", "multi_prompt", "elements", "voice_id", "video_urls", "music_length_ms",
    "num_samples", "rendering_speed", "style", "inputs", "width", "height", "image_urls", "enable_web_search",
)  # fmt: skip

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["5", "8s", "auto", "1080p", "4k", "16:9", "0:0", "1K", "high", *IMAGE_SIZES]),
    st.integers(min_value=-(10**400), max_value=10**400),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(("width", "height", "duration", "text", "voice_id", "x")), inner, max_size=3),
    ),
    max_leaves=8,
)
arguments = st.dictionaries(st.one_of(st.sampled_from(FIELDS), st.text(max_size=10)), values, max_size=6)


@settings(deadline=None, max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(slug=st.sampled_from(SLUGS), call=arguments, count=st.integers(1, 1000))
def test_any_arguments_give_a_range_above_zero_or_a_reason(
    registry: Registry, slug: str, call: dict[str, Any], count: int
) -> None:
    model = registry.get(slug) or Model(
        {
            "slug": slug,
            "status": "unknown",
            "category": "unknown",
            "in": [],
            "out": [],
            "first_seen": "",
            "last_seen": "",
        }
    )
    made = estimate(model, call, count, today=TODAY)
    if made.low is None or made.high is None:
        assert made.low is None and made.high is None and made.because
    else:
        assert 0 < made.low <= made.high and isfinite(made.high)
        assert made.because is None and made.quantity is not None and made.quantity[0] <= made.quantity[1]
    json.dumps(made.as_dict(), allow_nan=False).encode("ascii")
    assert "\n" not in made.summary
