"""How far the colours of what stands still wander within a film's shots, and how right they are, by kind of memory.

    python benchmarks/drift.py FILM... [--turns ONE OTHER] [--model photo] [--seconds 12]

Each film is made grey where it has colours, and colorized with each `--memory`. Writes benchmarks/drift.json:

    drift_v, drift_u  50th, 95th percentile and maximum over the cells of 16 x 16 pixels in which luma stands still
                      through the shot: the range of their V (U) in 8-bit steps, averaged over half a second each.
                      Of films that have colours only cells count in which those stand still, too: an animal as bright
                      as the wall behind it does not stand still when it leaps through
    cells             how many there are
    between_v, _u     the same over the shots of one scene, of the film that two clips cut by turns make: the range over
                      its shots of the mean V (U) of a cell, where luma is the same in all of them. A shot lasts
                      `TURN` seconds and goes on where the clip's last one ended, after as long a gap
    ciede2000         mean difference from the true colours of every twelfth frame, of films that have some
    seconds           of the whole run: processor time
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import common
import tinct
from tinct.color.spaces import FloatArray
from tinct.coloring.film.colorize import list_shots
from tinct.coloring.settings import MEMORIES
from tinct.study.metrics import Truth, compare

CELL, STILL, SPAN = 16, 6.0, 0.5
LEAST_CELLS = 8
COMPARED, COMPARED_SIZE = 12, 256
TURN, TURN_EDGE = 1.0, 480


def read(path: Path) -> tuple[FloatArray, FloatArray, list[NDArray[np.uint8]], float]:
    """Return luma at a quarter of the size, V and U of the cells, some small frames, and the rate."""
    luma, chroma, frames = [], [], []
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate or 25)
        for number, frame in enumerate(container.decode(video=0)):
            y, u, v = frame.to_ndarray(format="yuv444p")
            height, width = y.shape
            luma.append(cv2.resize(y, (width // 4, height // 4), interpolation=cv2.INTER_AREA).astype(np.float32))
            cells = (width // CELL, height // CELL)
            chroma.append([cv2.resize(p, cells, interpolation=cv2.INTER_AREA).astype(np.float32) for p in (v, u)])
            if number % COMPARED == 0:
                factor = COMPARED_SIZE / max(height, width)
                rgb = frame.to_ndarray(format="rgb24")
                frames.append(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
    return np.array(luma), np.array(chroma), frames, rate


def drift(
    luma: FloatArray, chroma: FloatArray, starts: list[int], rate: float, true: FloatArray | None = None
) -> dict[str, Any]:
    """Return percentiles of how far the chroma of still cells wanders within shots of two seconds and more.

    `true` is the film's own chroma, of which cells stand still too.
    """
    ranges = []
    bounds = [*(start for start in starts if start < len(luma)), len(luma)]
    for begin, end in pairwise(bounds):
        if end - begin < 2 * rate:
            continue
        moves = cv2.dilate(luma[begin:end].std(axis=0), np.ones((9, 9)))
        still = cv2.resize(moves, chroma.shape[:1:-1], interpolation=cv2.INTER_NEAREST) < STILL
        if still.sum() < LEAST_CELLS:
            continue
        if true is not None:
            still &= wandering(true[begin:end], rate).max(axis=0) < STILL
        ranges.append(wandering(chroma[begin:end], rate)[:, still])
    if not ranges:
        return {}
    found = np.concatenate(ranges, axis=1)
    return {"cells": found.shape[1]} | {
        name: [round(float(value), 2) for value in np.percentile(values, (50, 95, 100))]
        for name, values in zip(("drift_v", "drift_u"), found, strict=True)
    }


def wandering(chroma: FloatArray, rate: float) -> FloatArray:
    """Return the range of chroma (frames, 2, k, l), averaged over half a second each: (2, k, l)."""
    span = max(1, round(SPAN * rate))
    means = [chroma[at : at + span].mean(axis=0) for at in range(0, len(chroma) - span + 1, max(1, span // 2))]
    found: FloatArray = np.ptp(np.array(means), axis=0)
    return found


def by_turns(one: Path, other: Path, target: Path) -> list[tuple[int, int]]:
    """Write a film of both clips by turns, of the size of the first; return the frames of the first's shots."""
    clips = [read_rgb(one), read_rgb(other)]
    height, width = clips[0][0][0].shape[:2]
    length = round(TURN * clips[0][1])
    shots, written = [], 0
    with av.open(str(target), "w") as container:
        stream = container.add_stream("ffv1", rate=round(clips[0][1]))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for begin in range(0, len(clips[0][0]) - length + 1, 2 * length):
            for number, (frames, _) in enumerate(clips):
                at = begin % max(1, len(frames) - length)
                if number == 0:
                    shots.append((written, written + length))
                for rgb in frames[at : at + length]:
                    small = np.ascontiguousarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA))
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(small, format="rgb24")))
                    written += 1
        container.mux(stream.encode(None))
    return shots


def read_rgb(path: Path) -> tuple[list[NDArray[np.uint8]], float]:
    """Return a clip's frames, the longer edge at most `TURN_EDGE`, and its rate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        factor = min(1.0, TURN_EDGE / max(stream.width, stream.height))
        size = (2 * round(stream.width * factor / 2), 2 * round(stream.height * factor / 2))
        frames = [
            cv2.resize(frame.to_ndarray(format="rgb24"), size, interpolation=cv2.INTER_AREA)
            for frame in container.decode(video=0)
        ]
        return frames, float(stream.average_rate or 25)


def between(film: Path, shots: list[tuple[int, int]], memory: str, folder: Path, *, model: str) -> dict[str, Any]:
    """Colorize a film whose shots show one place, and measure how far its colours differ between them."""
    target = folder / f"turns_{memory}.mkv"
    settings = tinct.VideoSettings(model=model, memory=memory, recolor=True, sound="none")
    tinct.colorize_video(film, target, settings=settings)
    luma, chroma, _, _ = read(target)
    lights = np.array([luma[begin:end].mean(axis=0) for begin, end in shots])
    moves = np.max([luma[begin:end].std(axis=0) for begin, end in shots], axis=0)
    other = cv2.dilate(np.maximum(np.ptp(lights, axis=0) / 2, moves), np.ones((9, 9)))
    still = cv2.resize(other, chroma.shape[:1:-1], interpolation=cv2.INTER_NEAREST) < STILL
    means = np.array([chroma[begin:end].mean(axis=0) for begin, end in shots])
    found = np.ptp(means, axis=0)[:, still]
    rows: dict[str, Any] = {"shots": len(shots), "cells": int(still.sum())}
    for name, values in zip(("between_v", "between_u"), found, strict=True):
        rows[name] = [round(float(value), 2) for value in np.percentile(values, (50, 95, 100))]
    return rows


def measure(film: Path, memory: str, folder: Path, *, model: str, seconds: float) -> dict[str, Any]:
    """Colorize a film, and measure the result."""
    target = folder / f"{film.stem}_{memory}.mkv"
    settings = tinct.VideoSettings(model=model, memory=memory, recolor=True, end=seconds, sound="none")
    before = resource.getrusage(resource.RUSAGE_SELF)
    tinct.colorize_video(film, target, settings=settings)
    after = resource.getrusage(resource.RUSAGE_SELF)
    luma, chroma, colored, rate = read(target)
    _, own, true, _ = read(film)
    has_colors = np.ptp(own) > 40
    starts = [shot.frame for shot in list_shots(film)]
    found = drift(luma, chroma, starts, rate, own[: len(chroma)] if has_colors else None)
    if has_colors:
        pairs = zip(true, colored, strict=False)
        errors = [compare(Truth.of(rgb), result).values["ciede2000"] for rgb, result in pairs]
        found["ciede2000"] = round(float(np.mean(errors)), 3)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found | {"seconds": round(took, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--turns", nargs=2, type=Path, metavar="CLIP", help="cut these into one film, by turns")
    parser.add_argument("--model", default="photo")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--to", type=Path, help="write the JSON here instead of beside this file")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for film in options.films:
            results[film.stem] = {
                memory: measure(film, memory, Path(folder), model=options.model, seconds=options.seconds)
                for memory in MEMORIES
            }
        if options.turns:
            film = Path(folder) / "turns.mkv"
            shots = by_turns(*options.turns, film)
            name = " and ".join(path.stem for path in options.turns)
            results[f"{name} by turns"] = {
                memory: between(film, shots, memory, Path(folder), model=options.model) for memory in MEMORIES
            }
    common.write("drift", results, to=options.to)


if __name__ == "__main__":
    main()
