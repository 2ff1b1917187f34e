"""Films: frames a second and memory of `tinct video`, beside a plain PyAV decode-and-encode of the same clip.

    python benchmarks/video.py [--film FILM] [--model photo] [--frames 1000] [--sizes 640x360 1920x1080]

The clip is a pan over scikit-image's and scikit-learn's photographs with grain, cut every six seconds, or the film that
is named, scaled; grey, H.264, without sound. Both sides are whole processes with all cores, their start included, and
the same encoder with the same settings. Writes benchmarks/video.json:

    share      the plain transcode's processor seconds over tinct's
    peak       memory at the largest size, of the clip and of its first half
    smoothing  what smoothing over time takes of the processors' time, at the smallest size, motion included
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import common
from tinct.coloring.film.colorize import colorize_video
from tinct.coloring.film.smoothing import MotionSmoother
from tinct.coloring.photo.demo import PHOTOS, photo_file
from tinct.coloring.settings import VideoSettings
from tinct.media.video.probe import open_film
from tinct.media.video.recipe import choose_recipe

SEED = 1
RATE = 25
SHOT = 6 * RATE
GRAIN = 2.0

PLAIN = """
import json, sys, av
source, target, options, keys, threads = sys.argv[1:]
with av.open(source) as reader, av.open(target, "w") as writer:
    film = reader.streams.video[0]
    film.thread_type = "AUTO"
    made = writer.add_stream("libx264", rate=film.average_rate, options=json.loads(options))
    made.width, made.height, made.pix_fmt = film.width, film.height, "yuv420p"
    made.codec_context.gop_size, made.codec_context.thread_count = int(keys), int(threads)
    made.thread_type = "AUTO"
    for frame in reader.decode(film):
        writer.mux(made.encode(frame))
    writer.mux(made.encode(None))
"""


def photographs(width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """Give luma of a pan over each photograph in turn, for ever."""
    rng = np.random.default_rng(SEED)
    grain = [rng.normal(0, GRAIN, (height, width)).astype(np.float32) for _ in range(8)]
    for number, photo in enumerate(itertools.cycle(PHOTOS)):
        luma = cv2.imread(str(photo_file(photo)), cv2.IMREAD_GRAYSCALE).astype(np.float32)
        scale = 1.25 * max(width / luma.shape[1], height / luma.shape[0])
        room = np.array([luma.shape[1] * scale - width, luma.shape[0] * scale - height])
        for step in range(SHOT):
            left, top = room * (step / SHOT if number % 2 else 1 - step / SHOT)
            view = np.array([[scale, 0, -left], [0, scale, -top]])
            moved = cv2.warpAffine(luma, view, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
            moved += grain[step % len(grain)]
            yield np.clip(moved * (219 / 255) + 16, 16, 235).astype(np.uint8)


def film_frames(path: Path, width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """Give a film's luma, scaled, again and again."""
    while True:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.reformat(width, height, "yuv420p", interpolation="BICUBIC").to_ndarray()[:height]


def make_clip(path: Path, lumas: Iterator[NDArray[np.uint8]], width: int, height: int, count: int) -> None:
    """Write a grey clip."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_type = "AUTO"
        codes = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
        for luma in itertools.islice(lumas, count):
            codes[:height] = luma
            container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, "yuv420p")))
        container.mux(stream.encode(None))


def plain(clip: Path, target: Path) -> dict[str, float]:
    """Measure PyAV alone, with the settings that tinct would choose."""
    film = open_film(clip)
    options = json.dumps(dict(choose_recipe(film, target).options))
    keys = str(round(5 * film.rate))
    return measure("-c", PLAIN, str(clip), str(target), options, keys, str(common.core_count()))


def measure(*command: str) -> dict[str, float]:
    """Measure a Python process: wall seconds, processor seconds and peak memory."""
    spent = common.measured([sys.executable, *command])
    return {
        "seconds": round(spent.wall, 2),
        "cpu_seconds": round(spent.cpu, 2),
        "peak_megabytes": round(spent.megabytes),
    }


def smoothing_share(clip: Path, target: Path, model: str, frames: int) -> dict[str, float]:
    """Measure what part of the processors' time smoothing takes."""
    spent = 0.0

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **options: Any) -> Any:
            nonlocal spent
            start = time.thread_time()
            try:
                return function(*values, **options)
            finally:
                spent += time.thread_time() - start

        return call

    settings = VideoSettings(model=model, end=frames / RATE, overwrite=True)
    with patch.object(MotionSmoother, "push", timed(MotionSmoother.push)):
        start = time.process_time()
        colorize_video(clip, target, settings=settings)
        whole = time.process_time() - start
    return {"milliseconds_a_frame": round(1000 * spent / frames, 2), "share_of_time": round(spent / whole, 3)}


def rates(clip: Path, target: Path, model: str, frames: int) -> dict[str, Any]:
    """Measure both ways on one clip."""
    rows = {"plain": plain(clip, target)}
    target.unlink()
    rows["tinct"] = measure("-m", "tinct", "video", str(clip), "-o", str(target), "--model", model, "--overwrite")
    for row in rows.values():
        row["frames_a_second"] = round(frames / row["seconds"], 1)
    share = rows["plain"]["cpu_seconds"] / rows["tinct"]["cpu_seconds"]
    return {"frames": frames, **rows, "share": round(share, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--film", type=Path, help="a film to take the pictures from")
    parser.add_argument("--model", default="photo")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--sizes", nargs="+", default=["640x360", "1920x1080"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--to", type=Path, help="write the JSON here instead of beside this file")
    options = parser.parse_args()
    sizes = sorted((tuple(map(int, size.split("x"))) for size in options.sizes), key=lambda size: size[0] * size[1])
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        clip, target = Path(name) / "clip.mp4", Path(name) / "result.mp4"
        for width, height in sizes:
            shots = film_frames(options.film, width, height) if options.film else photographs(width, height)
            make_clip(clip, shots, width, height, options.frames)
            if not rows:
                smoothing = smoothing_share(clip, target, options.model, options.frames // 2)
            rows[f"{width}x{height}"] = rates(clip, target, options.model, options.frames)
        half = str(options.frames / 2 / RATE)
        first = measure(
            *("-m", "tinct", "video", str(clip), "-o", str(target), "--model", options.model),
            *("--end", half, "--overwrite"),
        )
    results = {
        "model": options.model,
        "film": options.film.name if options.film else "photographs",
        "sizes": rows,
        "peak_megabytes": {
            f"{options.frames // 2} frames": first["peak_megabytes"],
            f"{options.frames} frames": rows[f"{width}x{height}"]["tinct"]["peak_megabytes"],
        },
        "smoothing": smoothing,
    }
    common.write("video", results, seed=SEED, to=options.to)


if __name__ == "__main__":
    main()
