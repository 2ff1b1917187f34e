"""Two commits beside each other: processor seconds of short runs, alternately, and their ratios with the spread.

    make bench-compare A B          (python benchmarks/compare.py A B [--repeat 5] [--only film])

A and B are commits of this repository, of which work trees are made in a temporary folder; both run in this environment
on the same files. A ratio below 1 is B's gain. Processor seconds change little where other work shares the machine; a
ratio is told apart from 1 where the smallest and the largest of its rounds lie on one side.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import common
from folder import write_photos
from photo import make_photo
from video import make_clip, photographs

FRAMES = 75


@dataclass(frozen=True)
class Side:
    """A commit, checked out, and what its runs find in the environment."""

    name: str
    environment: Mapping[str, str]

    def run(self, arguments: Sequence[str]) -> common.Spent:
        command = [sys.executable, "-c", "from tinct.cli import main; main()", *arguments]
        return common.measured(command, environment=dict(self.environment))


@contextmanager
def checked_out(commit: str, place: Path) -> Iterator[Side]:
    """Check out a commit into a folder; remove it from git's list of work trees afterwards."""
    git = ["git", "-C", str(common.HERE.parent), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(place), commit], check=True)
    try:
        environment = {
            "PYTHONPATH": str(place / "src"),
            "TINCT_CACHE": str(place / "cache"),  # the first run fills it, as a user's is filled
            "PYTHONDONTWRITEBYTECODE": "",
        }
        yield Side(commit, environment)
    finally:
        subprocess.run([*git, "remove", "--force", str(place)], check=True)


def runs(folder: Path) -> dict[str, list[str]]:
    """Make the inputs, and give the arguments of each run by its name."""
    photos = folder / "photos"
    photos.mkdir()
    write_photos(photos, 24, 640, 480)
    large, clip, target = make_photo(folder, 24, bands=1), folder / "clip.mp4", str(folder / "result")
    make_clip(clip, photographs(640, 360), 640, 360, FRAMES)
    film = ["video", str(clip), "-o", f"{target}.mp4", "--overwrite"]
    return {
        "help": ["--help"],
        "small photograph": ["colorize", str(photos / "0000.jpg"), "-o", f"{target}.jpg", "--overwrite", "--recolor"],
        "24 megapixels": ["colorize", str(large), "-o", f"{target}.jpg", "--overwrite", "--recolor"],
        "24 of 640x480": ["colorize", str(photos), "-o", target, "--overwrite", "--recolor"],
        f"film, {FRAMES} frames": film,
        "film with a hint": [*film, "--hint", f"{FRAMES // 2}@50%,50%=#b03020"],
    }


def compare(sides: Sequence[Side], arguments: Sequence[str], *, repeat: int) -> str:
    """Run both sides alternately; give a line of what they took."""
    rounds = [[side.run(arguments) for side in sides] for _ in range(repeat + 1)][1:]  # the first is a warm-up
    ratios = [second.cpu / first.cpu for first, second in rounds]
    first, second = (statistics.median(took[side].cpu for took in rounds) for side in (0, 1))
    memory = [max(took[side].megabytes for took in rounds) for side in (0, 1)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"{first:8.2f} {second:8.2f}   {spread:22} {memory[0]:6.0f} {memory[1]:6.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs=2, metavar="COMMIT")
    parser.add_argument("--repeat", type=int, default=5, help="rounds that count")
    parser.add_argument("--only", default="", metavar="TEXT", help="only runs with this in their names")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, second = options.commits
        with checked_out(first, folder / "a") as one, checked_out(second, folder / "b") as other:
            print(f"{'':20} {'A cpu s':>8} {'B cpu s':>8}   {'B / A (spread)':22} {'A MB':>6} {'B MB':>6}", flush=True)
            for what, arguments in runs(folder).items():
                if options.only in what:
                    print(f"{what:20} {compare((one, other), arguments, repeat=options.repeat)}", flush=True)


if __name__ == "__main__":
    main()
