"""Sound: a quiet tone of about 440 Hz; uncompressed by hand, compressed by PyAV, a silent MP3 or FLAC without it.

A compressed file is one steady frame of the tone, encoded once and written as often as the length asks: the tone's
period divides the frame, so that any length costs the encoding of a few frames.
"""

from __future__ import annotations

import io
import math
import struct
import sys
from array import array
from typing import TYPE_CHECKING, Any

from .recipe import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import AudioStream, Packet
    from av.container import OutputContainer

    from .recipe import Recipe

_PITCH = 440.0
_LOUDNESS = 0.2
_BITEXACT = 1 << 23
"""FFmpeg's AV_CODEC_FLAG_BITEXACT: no version strings in the stream."""

_CODECS = {
    "mp3": ("mp3", "libmp3lame"),
    "aac": ("adts", "aac"),
    "m4a": ("ipod", "aac"),
    "ogg": ("ogg", "libopus"),
    "opus": ("ogg", "libopus"),
    "flac": ("flac", "flac"),
}
_RATES = {
    "libmp3lame": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "aac": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "libopus": (48000,),
}
"""Sample rates (Hz) that a codec takes."""


def sound(recipe: Recipe) -> bytes:
    """Return the content of a sound file of the recipe's length (compressed: rounded up to whole frames)."""
    samples = max(1, round(recipe.seconds * recipe.sample_rate))
    if recipe.format == "wav":
        data = _tone(samples, recipe.sample_rate, recipe.channels)
        return _wav_header(len(data), recipe.sample_rate, recipe.channels) + data
    if recipe.format == "pcm":
        return _tone(samples, recipe.sample_rate, recipe.channels)
    if recipe.format == "ulaw":
        return b"\xff" * (samples * recipe.channels)
    if recipe.format == "alaw":
        return b"\xd5" * (samples * recipe.channels)
    if not installed("av"):
        return _silent_flac(recipe, samples) if recipe.format == "flac" else _silent_mp3(recipe)
    return _encoded(recipe)


def _tone(samples: int, rate: int, channels: int, period: int = 0) -> bytes:
    """Return little-endian 16-bit samples of the tone."""
    length = period or max(2, round(rate / _PITCH))
    wave = array(
        "h",
        (
            round(_LOUDNESS * 32767 * math.sin(2 * math.pi * index / length))
            for index in range(length)
            for _ in range(channels)
        ),
    )
    if sys.byteorder == "big":
        wave.byteswap()
    one = wave.tobytes()
    whole, rest = divmod(samples, length)
    return one * whole + one[: rest * channels * 2]


def _wav_header(size: int, rate: int, channels: int) -> bytes:
    width = channels * 2
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * width, width, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", size)
    )


def _encoded(recipe: Recipe) -> bytes:
    import av

    container_format, codec = _CODECS[recipe.format]
    target = io.BytesIO()
    with av.open(target, "w", format=container_format, options={"fflags": "+bitexact"}) as container:
        track = tone_track(container, codec, recipe.sample_rate, recipe.channels, recipe.bitrate)
        for packet in tone_packets(track, recipe.seconds):
            container.mux(packet)
    return target.getvalue()


def tone_track(container: OutputContainer, codec: str, rate: int, channels: int, bitrate: int) -> AudioStream:
    """Return a new sound track of the container, its rate being the nearest one that the codec takes."""
    from av import AudioStream

    nearest = min(_RATES.get(codec, (rate,)), key=lambda known: abs(known - rate))
    track = container.add_stream(codec, rate=nearest, layout="stereo" if channels == 2 else "mono")
    assert isinstance(track, AudioStream)
    if codec != "flac":
        track.bit_rate = bitrate
    track.codec_context.flags |= _BITEXACT
    if codec == "libmp3lame":
        # Without the reservoir no frame refers to the data of another one.
        track.codec_context.options = {"reservoir": "0"}
    return track


def tone_packets(track: AudioStream, seconds: float) -> Iterator[Packet[Any]]:
    """Yield the packets of the tone for that many seconds; the container must have been opened for writing."""
    from av import AudioFrame, Packet

    context = track.codec_context
    rate, channels = context.sample_rate, context.layout.nb_channels
    track.container.start_encoding()  # type: ignore[attr-defined]
    block = context.frame_size or 1024
    period = block // max(1, round(_PITCH * block / rate))
    while block % period:
        period -= 1

    def frame(samples: int) -> AudioFrame:
        made = AudioFrame(format="s16", layout=context.layout.name, samples=samples)
        made.planes[0].update(_tone(samples, rate, channels, period).ljust(made.planes[0].buffer_size, b"\0"))
        made.sample_rate = rate
        made.pts = 0
        return made

    if track.codec_context.name == "flac":  # its frames are numbered and summed, so each is encoded
        yield from track.encode(frame(max(1, round(seconds * rate))))
        yield from track.encode(None)
        return
    few = [bytes(packet) for packet in (*track.encode(frame(block * 16)), *track.encode(None))]
    steady = few[len(few) // 2]
    for index in range(max(1, math.ceil(seconds * rate / block))):
        packet = Packet(steady)
        packet.stream = track
        packet.pts = packet.dts = index * block
        packet.duration = block
        packet.time_base = context.time_base
        packet.is_keyframe = True
        yield packet


def _silent_mp3(recipe: Recipe) -> bytes:
    """Return MPEG Layer III frames whose side information is zero, which is silence, at a constant bit rate."""
    low = recipe.sample_rate < 32000
    rates = (22050, 24000, 16000) if low else (44100, 48000, 32000)
    rate = min(rates, key=lambda known: abs(known - recipe.sample_rate))
    kbits = (
        (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
        if low
        else (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    )
    chosen = min(range(len(kbits)), key=lambda index: abs(kbits[index] * 1000 - recipe.bitrate))
    version = 0xF3 if low else 0xFB  # MPEG-2 or MPEG-1, Layer III, no checksum
    samples, slots = (576, 72) if low else (1152, 144)
    mode = 0x00 if recipe.channels == 2 else 0xC0
    size, remainder = divmod(slots * kbits[chosen] * 1000, rate)

    def frame(padding: int) -> bytes:
        head = bytes((0xFF, version, (chosen + 1) << 4 | rates.index(rate) << 2 | padding << 1, mode))
        return head.ljust(size + padding, b"\0")

    frames = []
    due = 0
    for _ in range(max(1, math.ceil(recipe.seconds * rate / samples))):
        due += remainder
        padding = due >= rate
        due -= rate * padding
        frames.append(frame(int(padding)))
    return b"".join(frames)


def _crc(data: bytes, polynomial: int, bits: int) -> int:
    value = 0
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
    return value


def _silent_flac(recipe: Recipe, samples: int) -> bytes:
    """Return a FLAC file of frames that hold one constant sample, zero."""
    block = 4096
    packed = recipe.sample_rate << 44 | (recipe.channels - 1) << 41 | 15 << 36 | samples
    # The last field is the MD5 sum of the samples; zeros mean that it is unknown.
    info = struct.pack(">HH", block, block) + b"\0" * 6 + packed.to_bytes(8, "big") + b"\0" * 16
    parts = [b"fLaC", b"\x80\x00\x00\x22", info]
    for number, start in enumerate(range(0, samples, block)):
        size = min(block, samples - start)
        # Block size: 16 bits at the end of the header; sample rate and depth: as in the stream's header.
        head = b"\xff\xf8" + bytes([0x70, (recipe.channels - 1) << 4]) + _utf8(number) + struct.pack(">H", size - 1)
        frame = head + bytes([_crc(head, 0x07, 8)]) + b"\0\0\0" * recipe.channels
        parts.append(frame + struct.pack(">H", _crc(frame, 0x8005, 16)))
    return b"".join(parts)


def _utf8(number: int) -> bytes:
    """Return the number in the UTF-8 like code of FLAC (up to 16 bits, ample for MAX_SECONDS)."""
    if number < 0x80:
        return bytes([number])
    if number < 0x800:
        return bytes([0xC0 | number >> 6, 0x80 | number & 0x3F])
    return bytes([0xE0 | number >> 12, 0x80 | number >> 6 & 0x3F, 0x80 | number & 0x3F])
