"""How many units a call will be billed for, as far as its arguments tell.

Every function returns a Quantity: two ends, and in words what was assumed; or, where the arguments do not settle it,
no ends and the reason.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from .inputs import MAX_NUMBER, Inputs, Value, number, pixels, texts, whole
from .quotes import MEGAPIXEL_BINARY, MEGAPIXEL_DECIMAL, MEGAPIXEL_GRACE, UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .quotes import Quote

IMAGE_COUNTS = ("num_images", "num_outputs", "num_samples", "num_results")
SECONDS = ("duration", "duration_seconds", "seconds", "seconds_total", "total_seconds", "music_duration")
MILLISECONDS = ("music_length_ms", "duration_ms", "length_ms")
FRAMES = ("num_frames",)
FRAME_RATES = ("frames_per_second", "fps", "export_fps")
SPEECH_TEXTS = ("text", "gen_text", "text_input", "script", "prompt", "inputs")

SHORT_SIDES = {"480p": 480, "720p": 720, "768p": 768, "1080p": 1080, "4k": 2160}
"""Pixels of the short side of a video frame by the name of its resolution."""
TOKEN_FRAME_RATE = 24
"""Frames a second in fal's formula for video tokens: width x height x 24 x seconds / 1024."""
TOKEN_MARGIN = 1.05
"""Frames are cut to codec-friendly sides: fal's own per-second figures lie up to five per cent above the formula."""

UNKNOWN_UNITS = {
    "compute_second": "it is billed by compute seconds, and how long a call computes is not known before it runs",
}


class Quantity(NamedTuple):
    """Units billed for one call, from ``low`` to ``high``; both None when ``because`` tells why."""

    low: float | None
    high: float | None
    assumptions: tuple[str, ...] = ()
    because: str | None = None
    images: tuple[int, int] = (1, 1)
    """Fewest and most images (or other outputs) that these units make up."""


def unknown(because: str) -> Quantity:
    """Return the quantity that the arguments do not settle."""
    return Quantity(None, None, (), because)


def quantity_of(quote: Quote, inputs: Inputs) -> Quantity:
    """Return how many units of the quote one call is billed for."""
    unit = quote.unit
    if unit == "image":
        return _images(inputs)
    if unit == "megapixel":
        return _megapixels(quote, inputs)
    if unit == "second":
        return _at_least(quote.minimum, _seconds(quote, inputs))
    if unit == "minute":
        return _minutes(quote, _seconds(quote, inputs))
    if unit == "1k_chars":
        return _characters(quote, inputs)
    if unit == "video_token":
        return _video_tokens(quote, inputs)
    if unit in ("video", "audio", "call"):
        return _calls(quote, inputs)
    word = repr(quote.raw_unit) if quote.raw_unit else "its unit"
    return unknown(UNKNOWN_UNITS.get(unit) or f"fal bills it in {word}, and what one of those is, is not stated")


def named(count: float, unit: str) -> str:
    """Return a quantity in words: ``5 seconds``, ``1 image``."""
    word = UNITS.get(unit, unit)
    if unit == "1k_chars":
        return f"{count * 1000:,.10g} characters"
    return f"{count:,.10g} {word}" + ("" if count == 1 else "s")


def _told(field: str, found: Value) -> tuple[str, ...]:
    """Return the assumption that a default brings along."""
    words = {
        "default": f"{field} is its default, {_shown(found.value)}",
        "source": f"{field} is {_shown(found.value)}, the default that the price's source states",
        "unsure": f"{field} is {_shown(found.value)}, a default that may belong to another endpoint",
    }
    return (words[found.origin],) if found.origin in words else ()


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        size = pixels(value)
        return f"{size[0]}x{size[1]}" if size else "an object"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) <= MAX_NUMBER else "a huge number"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else str(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _not_usable(field: str, found: Value, wanted: str) -> Quantity:
    return unknown(f"{field} is {_shown(found.value)}, which is not {wanted}")


def _counted(inputs: Inputs, fields: Iterable[str] = IMAGE_COUNTS) -> Quantity:
    """Return how many outputs the call asks for."""
    field = inputs.first(fields)
    if field is None:
        return Quantity(1, 1)
    found = inputs.value(field)
    if not found.known:
        return Quantity(1, 1, (f"{field} is left out and taken as 1",))
    count = whole(found.value)
    if count is None:
        return _not_usable(field, found, "a positive whole number")
    told = _told(field, found) if count > 1 else ()
    return Quantity(count, count, told, None, (count, count))


def _images(inputs: Inputs) -> Quantity:
    counted = _counted(inputs)
    if counted.low is None or counted.high is None:
        return counted
    if "image" not in inputs.model.media_out and inputs.model.has_schema:
        lists = [path.path.removesuffix("[]") for path in inputs.model.file_inputs if path.path.endswith("_urls[]")]
        sent = sum(inputs.files(field) for field in lists)
        if sent > 1:
            return Quantity(sent, sent, ("one image is billed for each image sent",), None, (sent, sent))
    most = inputs.value("max_images")
    if not most.known:
        return counted
    factor = whole(most.value)
    if factor is None:
        return _not_usable("max_images", most, "a positive whole number")
    if factor == 1:
        return counted
    low, high = int(counted.low), int(counted.high) * factor
    told = f"max_images lets each of {low} generation(s) return up to {factor} images"
    return Quantity(low, high, (*counted.assumptions, told), None, (low, high))


def _megapixels(quote: Quote, inputs: Inputs) -> Quantity:
    counted = _counted(inputs)
    if counted.low is None or counted.high is None:
        return counted
    if inputs.model.media_out and "image" not in inputs.model.media_out:
        return unknown("it is billed by megapixels of output, and how many frames there are is not in the arguments")
    field = quote.field or "image_size"
    found = inputs.value(field)
    told = _told(field, found)
    size = pixels(found.value) if found.known else None
    if not found.known and {"width", "height"} <= {*inputs.properties, *inputs.arguments}:
        sides = {side: inputs.value(side) for side in ("width", "height")}
        size = pixels({side: value.value for side, value in sides.items()})
        told = tuple(word for side, value in sides.items() for word in _told(side, value))
        field = "width and height"
    if size is None:
        if found.known:
            return _not_usable(field, found, "a size known here: give width and height")
        if field in inputs:
            return unknown(f"it is billed by megapixels, {field} is left out, and its default is not known")
        return unknown("it is billed by megapixels, and the size of the output is not in the arguments")
    area = size[0] * size[1]
    readings = [quote.pixels_per_megapixel] if quote.pixels_per_megapixel else [MEGAPIXEL_DECIMAL, MEGAPIXEL_BINARY]
    plain = [area / reading for reading in readings]
    ceiled = [
        float(ceil(share / MEGAPIXEL_GRACE if reading == MEGAPIXEL_DECIMAL else share))
        for share, reading in zip(plain, readings, strict=True)
    ]
    shape = f"{size[0]}x{size[1]}"
    if quote.rounding == "up":
        low, high = min(ceiled), max(ceiled)
        rule = f"{shape} is rounded up to {low:g} megapixel" + ("s" if low != 1 else "")
        if low != high:
            rule = f"{shape} is {low:g} or {high:g} megapixels: a megapixel may be 1,048,576 or 1,000,000 pixels"
    elif quote.rounding == "none":
        low, high = min(plain), max(plain)
        rule = f"{shape} is billed pro rata"
    else:
        low, high = min(plain), max(ceiled)
        rule = f"{shape} is {low:.3g} megapixels; the high end is rounded up, which the source does not settle"
    assumptions = (*told, *counted.assumptions, rule)
    return Quantity(low * counted.low, high * counted.high, assumptions, None, counted.images)


def _seconds(quote: Quote, inputs: Inputs) -> Quantity:
    fields = (quote.field,) if quote.field else (*SECONDS, *MILLISECONDS)
    field = inputs.first(fields)
    if field is None:
        return _seconds_of_frames(inputs)
    found = inputs.value(field)
    scale = 0.001 if field in MILLISECONDS else 1.0
    ends = _ends(field, found, inputs)
    if ends.low is None or ends.high is None:
        return ends
    low, high = ends.low * scale, ends.high * scale
    told = list(ends.assumptions)
    shots = inputs.arguments.get("multi_prompt")
    if isinstance(shots, list) and shots:
        lengths = [number(shot.get("duration", 5)) for shot in shots if isinstance(shot, dict)]
        total = sum(length for length in lengths if length is not None)
        if total and len(lengths) == len(shots) and None not in lengths:
            told.append(f"the shots of multi_prompt last {total:g} s together; {field} and their sum are both counted")
            low, high = min(low, total), max(high, total)
        else:
            return unknown("the shots of multi_prompt have no usable durations")
    samples = _counted(inputs, ("num_samples", "num_videos", "num_outputs"))
    if samples.high is None:
        return samples
    if samples.high > 1:
        told += [*samples.assumptions, f"whether each of {samples.high:g} samples is billed is not stated"]
        high *= samples.high
    return Quantity(low, high, tuple(told))


def _ends(field: str, found: Value, inputs: Inputs) -> Quantity:
    """Return the ends of a number: one when it is known, those of the legal values when it is left to the model."""
    exact = number(found.value) if found.known else None
    if exact is not None:
        return Quantity(exact, exact, _told(field, found))
    legal = [value for value in map(number, inputs.legal(field)) if value is not None]
    if legal and (not found.known or "auto" in texts(field, found.value)):
        why = "left to the model" if found.known else "left out, and its default is not known"
        return Quantity(min(legal), max(legal), (f"{field} is {why}: {min(legal):g} to {max(legal):g}",))
    if not found.known:
        return unknown(f"{field} is left out, and its default is not known")
    return _not_usable(field, found, "a positive number of seconds")


def _seconds_of_frames(inputs: Inputs) -> Quantity:
    model = inputs.model
    if not model.has_schema:
        return unknown("no duration is given, and the model's schema is not known here")
    takes = {path.kind for path in model.file_inputs if path.required} & {"audio", "video"}
    if takes:
        because = f"it depends on the length of the {' and '.join(sorted(takes))} that is sent"
        return unknown(f'{because} (to count it, add "duration": SECONDS to the arguments of estimate_cost)')
    frames, rate = inputs.first(FRAMES), inputs.first(FRAME_RATES)
    plain = model.media_out == ("video",) and not {"audio", "video"} & {*model.media_in}
    if frames is None or rate is None or not plain:  # interpolation and editing count other frames than these
        return unknown("the length of the output is not in the arguments")
    count, speed = inputs.value(frames), inputs.value(rate)
    length, per_second = number(count.value), number(speed.value)
    if length is None or per_second is None:
        return unknown(f"{frames} or {rate} has no usable value")
    told = (*_told(frames, count), *_told(rate, speed), f"the clip lasts {frames} / {rate} seconds")
    return Quantity(length / per_second, length / per_second, told)


def _at_least(minimum: float | None, found: Quantity) -> Quantity:
    if minimum is None or found.low is None or found.high is None or found.low >= minimum:
        return found
    told = (*found.assumptions, f"at least {minimum:g} are billed")
    return found._replace(low=max(found.low, minimum), high=max(found.high, minimum), assumptions=told)


def _minutes(quote: Quote, found: Quantity) -> Quantity:
    if found.low is None or found.high is None:
        return found
    low, high = found.low / 60, found.high / 60
    if quote.rounding == "up":
        told = (*found.assumptions, "the length is rounded up to whole minutes")
        return found._replace(low=float(ceil(low)), high=float(ceil(high)), assumptions=told)
    if quote.rounding == "none":
        return found._replace(low=low, high=high)
    told = (*found.assumptions, "the high end is rounded up to whole minutes, which the source does not settle")
    return found._replace(low=low, high=float(ceil(high)), assumptions=told)


def _calls(quote: Quote, inputs: Inputs) -> Quantity:
    counted = _counted(inputs, ("num_videos", "num_samples", "num_outputs") if quote.unit != "call" else ())
    if quote.unit != "video" or counted.low is None:
        return counted
    tiered = {field for tier in quote.tiers for field in tier.when}
    for field in (*SECONDS, *FRAMES):
        if field in tiered:
            continue
        given = inputs.arguments.get(field)
        usual = inputs.properties.get(field, {}).get("default")
        if given is not None and usual is not None and texts(field, given) != texts(field, usual):
            return unknown(
                f"it is priced per video, and what a {field} other than {_shown(usual)} costs, is not stated"
            )
    return counted


def _characters(quote: Quote, inputs: Inputs) -> Quantity:
    model = inputs.model
    if model.media_out and "audio" not in model.media_out and "video" not in model.media_out:
        return unknown("it is billed by characters, and the length of the answer is not known before it is given")
    required = [name for name in SPEECH_TEXTS if name in model.required]
    field = quote.field or inputs.first((*required, *SPEECH_TEXTS))
    if field is None:
        return unknown("it is billed by characters, and which argument holds the text is not known")
    value = inputs.arguments.get(field)
    parts = [part.get("text") for part in value if isinstance(part, dict)] if isinstance(value, list) else [value]
    length = sum(len(part) for part in parts if isinstance(part, str))
    if not length:
        return unknown(f"it is billed by characters, and {field} holds no text")
    return Quantity(length / 1000, length / 1000, (f"the {length:,} characters of {field} are billed pro rata",))


def _video_tokens(quote: Quote, inputs: Inputs) -> Quantity:
    if inputs.has("video_urls") or inputs.has("video_url"):
        return unknown("a video is sent: its seconds are billed too, and its length is not in the arguments")
    found = _seconds(quote, inputs)
    if found.low is None or found.high is None:
        return found
    resolution = inputs.value("resolution")
    known = [text for text in texts("resolution", resolution.value) if text in SHORT_SIDES] if resolution.known else []
    if not known:
        if resolution.known:
            return _not_usable("resolution", resolution, "a resolution whose frame is known here")
        return unknown("resolution is left out, and its default is not known")
    short = SHORT_SIDES[known[0]]
    usual = short * short * 16 / 9
    areas = [usual]
    ratio = inputs.value("aspect_ratio")
    width, _, height = (str(ratio.value) if isinstance(ratio.value, str) else "").partition(":")
    sides = number(width), number(height)
    told = [*found.assumptions, *_told("resolution", resolution)]
    if sides[0] and sides[1]:
        areas.append(short * short * max(sides[0], sides[1]) / min(sides[0], sides[1]))
    elif "aspect_ratio" in inputs:
        told.append("the frame has the area of a 16:9 one")
    told.append(
        f"tokens are width x height x {TOKEN_FRAME_RATE} x seconds / 1024 of a {known[0]} frame; "
        "the high end allows 5 % for sides rounded up"
    )
    per_second = TOKEN_FRAME_RATE / 1024
    low, high = found.low * min(areas) * per_second, found.high * max(areas) * per_second * TOKEN_MARGIN
    return Quantity(float(int(low)), float(ceil(high)), tuple(told))
