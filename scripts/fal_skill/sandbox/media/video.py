"""Clips: a bar that moves across a gradient once a second; by PyAV, or one small plain clip without it.

At most the first second is encoded; its packets are written again and again with later times, so that a minute of
film costs what a second costs. MP4, QuickTime and Matroska hold H.264 and AAC, WebM holds VP8 and Opus,
whatever codec was asked for.
"""

from __future__ import annotations

import io
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import plain
from .audio import tone_packets, tone_track
from .images import drawn
from .recipe import DRAWN_PIXELS, installed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import Packet, VideoFrame, VideoStream

    from .recipe import Recipe

_PLAIN_CLIP = Path(__file__).with_name("clip.mp4")
"""A clip of PLAIN_CLIP_SIZE, _SECONDS and _FPS (see recipe.py), made once by this module with PyAV."""
_BITEXACT = 1 << 23
_CODECS = {  # picture codec, sound codec, options
    # cpu-used is negative because a positive one adapts to the time that encoding takes, and so changes the bytes.
    "mp4": ("libx264", "aac", {"preset": "ultrafast", "crf": "32", "bf": "0", "sc_threshold": "0"}),
    "webm": ("libvpx", "libopus", {"deadline": "realtime", "cpu-used": "-8", "crf": "40", "lag-in-frames": "0"}),
}
_MUXERS = {"mkv": "matroska"}
_MOST_ENCODED = 30
"""Frames that are encoded at most; the rest repeats them."""
_PIXELS_ENCODED = 40_000_000
"""Pixels that are encoded at most, so that a clip in 4K costs no more than one in 720p."""


def clip(recipe: Recipe) -> bytes:
    """Return the content of a clip of the recipe's size, length and frame rate."""
    if recipe.format in ("gif", "webp"):
        return _animation(recipe)
    if not installed("av"):
        return _PLAIN_CLIP.read_bytes()
    return _encoded(recipe)


def _animation(recipe: Recipe) -> bytes:
    """Return an animation of two pictures that together last the asked time."""
    if recipe.format == "gif" and (recipe.width * recipe.height > DRAWN_PIXELS or not installed("PIL")):
        return plain.gif(recipe.width, recipe.height, recipe.seconds)
    if not installed("PIL"):
        return plain.webp(recipe.width, recipe.height)
    from PIL.Image import Transpose

    first = drawn(recipe)
    second = first.transpose(Transpose.FLIP_TOP_BOTTOM)
    half = round(recipe.seconds * 500)
    target = io.BytesIO()
    if recipe.format == "gif":
        frames = first.convert("P"), second.convert("P")
        frames[0].save(target, "GIF", save_all=True, append_images=[frames[1]], duration=half, loop=0)
    else:
        first.save(target, "WEBP", save_all=True, append_images=[second], duration=half, method=0, quality=60)
    return target.getvalue()


def _frames(recipe: Recipe, count: int) -> Iterator[VideoFrame]:
    """Yield the frames of the first second: luma is a row repeated, so that nothing is drawn pixel by pixel."""
    from av import VideoFrame

    width, height = recipe.width, recipe.height
    bar = max(2, width // 16)
    ramp = bytes(64 + 96 * x // width for x in range(width))
    for index in range(count):
        start = (width - bar) * index // count
        row = ramp[:start] + b"\xe0" * bar + ramp[start + bar :]
        frame = VideoFrame(width, height, "yuv420p")
        luma, *chroma = frame.planes
        luma.update(row.ljust(luma.line_size, b"\0") * luma.height)
        for plane, shade in zip(chroma, (b"\x90", b"\x70"), strict=True):
            plane.update(shade * plane.buffer_size)
        frame.pts = index
        yield frame


def _encoded(recipe: Recipe) -> bytes:
    import av
    from av import VideoStream

    codec, voice, options = _CODECS["webm" if recipe.format == "webm" else "mp4"]
    rate = Fraction(recipe.fps).limit_denominator(1001)
    affordable = _PIXELS_ENCODED // (recipe.width * recipe.height)
    once = max(1, min(recipe.frames, round(recipe.fps), _MOST_ENCODED, affordable))
    target = io.BytesIO()
    with av.open(
        target, "w", format=_MUXERS.get(recipe.format, recipe.format), options={"fflags": "+bitexact"}
    ) as container:
        track = container.add_stream(codec, rate=rate)
        assert isinstance(track, VideoStream)
        track.width, track.height, track.pix_fmt = recipe.width, recipe.height, "yuv420p"
        context = track.codec_context
        context.flags |= _BITEXACT
        context.gop_size = once
        context.thread_count = 1
        context.options = options
        sound = tone_track(container, voice, 48000, 1, 64_000) if recipe.sound else None
        packets = _video_packets(track, recipe, once)
        if sound is None:
            for packet in packets:
                container.mux(packet)
        else:
            tone = takewhile(lambda packet: _end(packet) <= recipe.seconds, tone_packets(sound, recipe.seconds))
            for packet in _interleaved(packets, tone):
                container.mux(packet)
    return target.getvalue()


def _video_packets(track: VideoStream, recipe: Recipe, once: int) -> Iterator[Packet[Any]]:
    from av import Packet

    encoded = [packet for frame in (*_frames(recipe, once), None) for packet in track.encode(frame)]
    step = 1 / track.codec_context.framerate
    stored = [(bytes(packet), packet.is_keyframe) for packet in encoded]
    for index in range(recipe.frames):
        data, key = stored[index % len(stored)]
        packet = Packet(data)
        packet.stream = track
        packet.time_base = step
        packet.pts = packet.dts = index
        packet.duration = 1
        packet.is_keyframe = key
        yield packet


def _end(packet: Packet[Any]) -> Fraction:
    return ((packet.pts or 0) + (packet.duration or 0)) * packet.time_base


def _interleaved(first: Iterator[Packet[Any]], second: Iterator[Packet[Any]]) -> Iterator[Packet[Any]]:
    """Yield the packets of two tracks in the order of their times, as a player wants to read them."""
    import heapq

    def time(packet: Packet[Any]) -> Fraction:
        return (packet.dts or 0) * packet.time_base

    yield from heapq.merge(first, second, key=time)
