"""Small films made for tests, by PyAV alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from photographs import photograph_file

HEIGHT, WIDTH = 64, 96
RATE = 25
QUARTER = (0, 65536, 0, -65536, 0, 0, HEIGHT << 16, 0, 1 << 30)  # a display matrix: turned by a quarter


def scene(moment: float, *, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A pattern that moves: uint8 luma in 28..228."""
    rows, columns = np.mgrid[0:height, 0:width]
    return (128 + 60 * np.sin((columns - 6 * moment) / 6) + 40 * np.sin((rows + 2 * moment) / 9)).astype(np.uint8)


def woven(number: int, *, top_first: bool = True) -> np.ndarray:
    """An interlaced frame of `scene`: every other line is half a frame later."""
    early, late = scene(number), scene(number + 0.5)
    frame = early.copy()
    later = 1 if top_first else 0
    frame[later::2] = late[later::2]
    return frame


def uneven(number: int) -> int:
    """Times in milliseconds that are not evenly spaced."""
    return number * 40 + 7 * (number % 3)


def noise(number: int, shape: tuple[int, int], bits: int = 8, *, low: int = 0) -> np.ndarray:
    kind = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(number).integers(low, 1 << bits, shape).astype(kind)


def greys(*names: str) -> list[np.ndarray]:
    """Photographs, in grey, at 160 x 256."""
    pictures = [cv2.imread(str(photograph_file(name)), cv2.IMREAD_GRAYSCALE) for name in names]
    return [cv2.resize(picture, (256, 160), interpolation=cv2.INTER_AREA) for picture in pictures]


def pan(picture: np.ndarray, count: int = 12, *, speed: float = 3) -> list[np.ndarray]:
    """Frames of 80 x 128 pixels, of a camera that moves over a picture by so many pixels a frame."""
    places = [(64 + speed * index, 40 + 0.4 * speed * index) for index in range(count)]
    return [cv2.getRectSubPix(picture, (128, 80), place) for place in places]


def fill(frame: av.VideoFrame, planes: Iterable[np.ndarray]) -> None:
    for plane, values in zip(frame.planes, planes, strict=False):
        rows = np.frombuffer(plane, values.dtype).reshape(plane.height, -1)
        rows[:, : values.shape[1]] = values


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    form: str = "yuv420p",
    frames: int = 40,
    planes: Callable[[int], Iterable[np.ndarray]] = lambda number: (scene(number),),
    times: Callable[[int], int] = lambda number: number,
    time_base: Fraction = Fraction(1, RATE),
    rate: Fraction = Fraction(RATE),
    size: tuple[int, int] = (WIDTH, HEIGHT),
    muxer: str | None = None,
    options: dict[str, str] | None = None,
    flags: int = 0,
    before: Callable[[Any, Any], None] = lambda container, stream: None,
    **context: Any,
) -> Path:
    """Write a film; grey where `planes` gives Y alone."""
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, form
        stream.codec_context.time_base = time_base
        stream.time_base = time_base
        stream.codec_context.flags |= flags
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        before(container, stream)
        for number in range(frames):
            frame = av.VideoFrame(*size, form)
            for plane in frame.planes:
                np.frombuffer(plane, np.uint8)[:] = 128
            fill(frame, planes(number))
            frame.pts, frame.time_base = times(number), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def stored_luma(path: Path) -> list[np.ndarray]:
    """Each frame's Y of an 8-bit 4:2:0 film, as PyAV gives it."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray()[: frame.height].copy() for frame in container.decode(video=0)]


def write_picture(path: Path, codec: str, form: str, colors: np.ndarray) -> None:
    """Write (H, W, 3) codes of red, green and blue as one picture, in one of FFmpeg's formats of RGB."""
    context = av.CodecContext.create(codec, "w")
    height, width = colors.shape[:2]
    context.width, context.height, context.pix_fmt, context.time_base = width, height, form, Fraction(1, RATE)
    frame = av.VideoFrame(width, height, form)
    order = colors.dtype.newbyteorder(">" if form.endswith("be") else "<")
    if form.startswith("gbr"):
        fill(frame, [np.ascontiguousarray(colors[..., channel]).astype(order) for channel in (1, 2, 0)])
    else:
        fill(frame, [colors.reshape(height, -1).astype(order)])
    frame.pts = 0
    path.write_bytes(b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None))))


def read_picture(path: Path) -> np.ndarray:
    """Return a picture's 8-bit codes (H, W, 3) of red, green and blue, as PyAV decodes them."""
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


SUBTITLES = "1\n00:00:00,100 --> 00:00:00,500\nHallo <i>Welt</i>\n\n2\n00:00:00,700 --> 00:00:01,200\nZwei\nZeilen\n\n"


def add_tracks(
    source: Path,
    target: Path,
    *,
    sounds: Iterable[tuple[str, str]] = (("aac", "deu"), ("flac", "eng")),
    subtitles: str = "",
    attachment: bytes = b"",
    seconds: float = 1.6,
    delay: int = 0,
) -> Path:
    """Copy a film with its chapters and give it sound (an encoder and a language each) and whatever else is named."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        new.set_chapters(old.chapters())
        picture = new.add_stream_from_template(old.streams.video[0], opaque=True)
        tracks = []
        for number, (codec, language) in enumerate(sounds):
            stream = new.add_stream(codec, rate=48000)
            if codec.startswith("wma"):
                stream.bit_rate = 128_000
            stream.metadata["language"] = language
            # The last one is the one to play.
            stream.disposition = av.stream.Disposition(number == len(list(sounds)) - 1)
            tracks.append(stream)
        new.metadata.update({"title": "Ein Film", "comment": "found in an attic"})
        text = None
        if subtitles:
            written = source.with_suffix(".srt")
            written.write_text(subtitles)
            text = av.open(str(written))
            captions = new.add_stream_from_template(text.streams[0])
            captions.metadata["language"] = "fra"
        if attachment:
            new.add_attachment("font.ttf", "font/ttf", attachment)
        packets = []
        for packet in old.demux(picture.index):
            if packet.size:
                packet.stream = picture
                packets.append(packet)
        for number, stream in enumerate(tracks):
            packets += _sound(stream, seconds, pitch=200 * (number + 1), delay=delay)
        if text is not None:
            for packet in text.demux():
                if packet.size:
                    packet.stream = captions
                    packets.append(packet)
            text.close()
        new.mux(sorted(packets, key=lambda packet: (packet.dts or packet.pts or 0) * packet.time_base))
    return target


def _sound(stream, seconds, *, pitch, delay=0):
    packets = []
    kind = "fltp" if stream.codec_context.name in ("aac", "ac3", "libmp3lame", "wmav1", "wmav2") else "s16"
    for start in range(0, int(48000 * seconds), 1024):
        wave = 0.3 * np.sin(np.arange(start, start + 1024) * (2 * np.pi * pitch / 48000))
        if kind == "fltp":
            frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]).astype(np.float32), "fltp", "stereo")
        else:
            samples = np.repeat(np.rint(wave * 32767).astype(np.int16), 2)[None]
            frame = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 48000 * delay + start, Fraction(1, 48000)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def packets_of(path: Path, kind: str, number: int = 0) -> list[tuple[Fraction, bytes]]:
    """When each packet of the n-th stream of a kind is due, in seconds, and what it holds."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[number]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in container.demux(stream) if packet.size]
