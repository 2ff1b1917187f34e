"""What dividing a film among processes costs, and whether one sees where its segments are joined.

    python benchmarks/joints.py FILM [--model photo] [--frames 1000] [--seconds 60]

The film is colorized in one pass and in segments, both written losslessly. Writes benchmarks/joints.json:

    cpu_a_frame   processor seconds of all processes a frame, decoding and encoding included
    joint         mean and largest difference in U and V between the two, in 8-bit steps, of the three frames on either
                  side of each joint
    elsewhere     the same of all other frames
    step          mean change in V from one frame to the next over the joints, in the film of one pass and in that of
                  segments: a seam would show as a larger one in the second
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

import common
import tinct
from tinct.coloring.film import segments
from tinct.coloring.film.colorize import colorize_video
from tinct.media.video.probe import open_film

AROUND = 3


def planes(path: Path) -> list[NDArray[np.int16]]:
    """Return U and V of each frame, (2, h, w)."""
    with av.open(str(path)) as container:
        found = []
        for frame in container.decode(video=0):
            both = [np.frombuffer(plane, np.uint8).reshape(plane.height, -1) for plane in frame.planes[1:]]
            found.append(np.stack([plane[:, : frame.width // 2] for plane in both]).astype(np.int16))
        return found


def processor_seconds() -> float:
    """Return what this process and those it waited for took."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--frames", type=int, default=segments.SEGMENT_FRAMES, help="of a segment")
    parser.add_argument("--seconds", type=float, default=None, help="of the film")
    asked = parser.parse_args()
    segments.SEGMENT_FRAMES = asked.frames
    settings = tinct.VideoSettings(model=asked.model, purpose="archive", end=asked.seconds)
    results: dict[str, Any] = {"film": asked.film.name, "segment": asked.frames, "around": segments.BEFORE}
    with tempfile.TemporaryDirectory() as folder:
        made: dict[str, list[NDArray[np.int16]]] = {}
        for name, workers in (("one pass", None), ("segments", 2)):
            before = processor_seconds()
            done = colorize_video(asked.film, Path(folder, f"{name}.mkv"), settings=settings, workers=workers)
            results[name] = {"cpu_a_frame": round((processor_seconds() - before) / done.frames, 4)}
            made[name] = planes(done.target)
        results |= {"frames": done.frames, "size": f"{done.width}x{done.height}", "shots": len(done.shots)}
        film = open_film(asked.film)
        span = (None, None if asked.seconds is None else film.pts_at(asked.seconds))
        starts = [frame.frame for frame in done.shots]
    results["joints"] = joints = joints_of(film, span, starts)
    apart = [np.abs(one - other) for one, other in zip(made["one pass"], made["segments"], strict=True)]
    near = {joint + step for joint in joints for step in range(-AROUND, AROUND)}
    for name, chosen in (("joint", near), ("elsewhere", set(range(len(apart))) - near)):
        values = [apart[index] for index in sorted(chosen)]
        results[name] = {"mean": round(float(np.mean(values)), 4), "most": int(np.max(values))}
    for name, frames in made.items():
        steps = [float(np.abs(frames[joint][1] - frames[joint - 1][1]).mean()) for joint in joints]
        results[name]["step"] = round(float(np.mean(steps)), 4)
    common.write("joints", results)


def joints_of(film: Any, span: tuple[int | None, int | None], starts: list[int]) -> list[int]:
    """Return the numbers of the first frames of all segments but the first, of a film of even frames."""
    smoothing = tinct.coloring.film.smoothing.Smoothing.parse("motion")
    cuts = [film.start_pts + start * film.frame_ticks for start in starts]
    divided = segments.divide(film, span, cuts=cuts, smoothing=smoothing)
    return [round(((one.start or 0) - film.start_pts) / film.frame_ticks) for one in divided[1:]]


if __name__ == "__main__":
    main()
