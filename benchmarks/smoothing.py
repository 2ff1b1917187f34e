"""Smoothing over time: how much a film's colours flicker, how right they are, and what it costs.

    python benchmarks/smoothing.py FILM... [--model photo] [--frames 60] [--pictures FOLDER]

Each colour film is made grey and coloured frame by frame, and what the network says is smoothed in each way. Beside
them stands the film's own flicker, which no colorizer should be expected to undercut. Writes benchmarks/smoothing.json:

    warping_error  mean change of chroma along the motion, in 8-bit steps, and over chroma's spread: see
                   tinct.study.flicker
    ciede2000      mean difference from the true colours, of every fifth frame; auc_within: see tinct.study.metrics
    milliseconds   of the smoothing alone a frame, on one core
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

import common
from tinct.color.bins import ColorBins
from tinct.color.decoding import annealed_shares, softmax
from tinct.color.resize import small_size
from tinct.color.spaces import YUV_TO_RGB, FloatArray, rgb_to_yuv
from tinct.color.upsample import fit_guide, yuv_colors
from tinct.coloring.film.smoothing import MotionSmoother, Smoother, Smoothing
from tinct.runtime.session import Session
from tinct.study.flicker import warping_error
from tinct.study.metrics import Truth, compare

# Root of height x width at which colours are compared.
SIZE = 256
COMPARED = 5

# What begins a film, and of how many frames the network is asked about one.
WAYS: dict[str, tuple[Callable[[], Smoother], int]] = {
    **{name: (Smoothing.parse(name).start, Smoothing.parse(name).every) for name in ("off", "paper", "motion")},
    **{f"motion, 1 frame asked of {every}": (MotionSmoother, every) for every in (1, 2, 4)},
    "motion, no look-ahead": (lambda: MotionSmoother(block=1, look_ahead=0), 1),
    "motion, look-ahead of 8": (lambda: MotionSmoother(block=8, look_ahead=8), 1),
}


def read(path: Path, count: int) -> Iterator[FloatArray]:
    """Give a film's first frames as small sRGB in 0..1."""
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == count:
                return
            rgb = frame.to_ndarray(format="rgb24")
            height, width = small_size(*rgb.shape[:2], size=SIZE)
            yield cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255)


def spread_out(luma: FloatArray, chroma: FloatArray) -> FloatArray:
    """Give chroma (k, l, 2) at the size of luma (h, w), guided by it."""
    planes = fit_guide(luma, chroma).planes
    red, blue = planes[0] * luma + planes[1], planes[2] * luma + planes[3]
    return np.stack([blue / YUV_TO_RGB[2, 1], red / YUV_TO_RGB[0, 2]], axis=-1).astype(np.float32)


def smooth(
    smoother: Smoother, answers: list[FloatArray], seen: list[Any], *, every: int
) -> tuple[list[FloatArray], float]:
    """Smooth a film on one core, with one answer of so many; give the results and milliseconds a frame."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    results = []
    started = time.perf_counter()
    for number, (values, luma) in enumerate(zip(answers, seen, strict=True)):
        known = number % every == 0
        results += smoother.push(values if known else None, luma, unknown=not known)
    results += smoother.flush()
    took = 1000 * (time.perf_counter() - started) / len(answers)
    cv2.setNumThreads(threads)
    return [values for values in results if values is not None], took


def measure(
    frames: list[FloatArray], session: Session, bins: ColorBins, colors: dict[str, list[Any]]
) -> dict[str, Any]:
    """Measure every way on one film; `colors` is filled with the coloured frames that were compared."""
    card = session.card
    yuv = [rgb_to_yuv(rgb) for rgb in frames]
    lumas = [np.ascontiguousarray(values[..., 0]) for values in yuv]
    height, width = small_size(*lumas[0].shape, size=session.card.working_size)
    seen = [cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA) for luma in lumas]
    levels = [np.rint(luma * 255).astype(np.uint8) for luma in seen]
    answers = [softmax(session.run(luma)) for luma in seen]
    truths = [Truth.of(rgb) for rgb in frames[::COMPARED]]

    def judged(chromas: list[FloatArray], name: str) -> dict[str, float]:
        found = warping_error(zip(lumas, chromas, strict=True))
        pictures = [yuv_colors(lumas[i], chromas[i]) for i in range(0, len(chromas), COMPARED)]
        colors[name] = pictures
        values = [compare(truth, rgb).values for truth, rgb in zip(truths, pictures, strict=True)]
        return {
            "warping_error": round(found.error, 4),
            "relative_warping_error": round(found.relative, 5),
            **{
                key: round(float(np.mean([value[key] for value in values])), 3)
                for key in ("ciede2000", "auc_within", "colorfulness")
            },
        }

    rows = {"true film": judged([values[..., 1:] for values in yuv], "true film")}
    for name, (start, every) in WAYS.items():
        results, took = smooth(start(), answers, levels, every=every)
        chromas = [
            annealed_shares(values, bins.centers, temperature=card.temperature, caution=card.caution)
            for values in results
        ]
        rows[name] = judged([spread_out(*pair) for pair in zip(lumas, chromas, strict=True)], name)
        rows[name]["milliseconds"] = round(took, 2)
    # The same after decoding: 2 numbers a pixel instead of as many as there are bins.
    decoded = [
        annealed_shares(values, bins.centers, temperature=card.temperature, caution=card.caution) for values in answers
    ]
    chromas, took = smooth(MotionSmoother(), decoded, levels, every=1)
    rows["motion, all asked, on chroma"] = judged(
        [spread_out(*pair) for pair in zip(lumas, chromas, strict=True)], "on chroma"
    )
    rows["motion, all asked, on chroma"]["milliseconds"] = round(took, 2)
    return rows


def against(rows: dict[str, Any]) -> dict[str, Any]:
    """Give each way's change in per cent from frame by frame."""
    base = rows["off"]
    return {
        name: {
            key: round(100 * (row[key] / base[key] - 1), 1)
            for key in ("warping_error", "relative_warping_error", "ciede2000", "auc_within", "colorfulness")
        }
        for name, row in rows.items()
        if name not in ("off", "true film")
    }


def save(folder: Path, film: str, colors: dict[str, list[Any]]) -> None:
    """Write every tenth frame of all ways, one below the other."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = [np.vstack([pictures[i] for pictures in colors.values()]) for i in range(0, len(colors["off"]), 2)]
    sheet = np.rint(255 * np.clip(np.hstack(columns), 0, 1)).astype(np.uint8)
    cv2.imwrite(str(folder / f"{film}.png"), sheet[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path, nargs="+", metavar="FILM")
    parser.add_argument("--model", default="photo")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--pictures", type=Path, help="write every tenth frame of each way to this folder")
    parser.add_argument("--to", type=Path, help="write the JSON here instead of beside this file")
    options = parser.parse_args()
    session = Session(options.model)
    bins = session.bins
    if bins is None:
        raise SystemExit("smoothing of distributions needs a model with colour bins")
    films = {}
    for path in options.films:
        frames = list(read(path, options.frames))
        colors: dict[str, list[Any]] = {}
        rows = measure(frames, session, bins, colors)
        films[path.name] = {"frames": len(frames), "ways": rows, "per_cent_from_off": against(rows)}
        if options.pictures:
            save(options.pictures, path.stem, colors)
    common.write("smoothing", {"model": session.card.name, "size": SIZE, "films": films}, to=options.to)


if __name__ == "__main__":
    main()
