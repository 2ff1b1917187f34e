"""How long it takes until tinct does something: importing it, its help, and one small photograph.

    python benchmarks/startup.py [--model photo]

Each figure is the median of whole processes, behind a first that does not count; the bare interpreter's own start
stands beside them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import common
from tinct.coloring.photo.demo import PHOTOS, photo_file

RUN = "import sys; from tinct.cli import main; main()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--to", type=Path, help="write the JSON here instead of beside this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo = ["colorize", str(photo_file(PHOTOS[0])), "-o", f"{folder}/out.png", "--overwrite"]
        commands = {
            "interpreter": ["-c", "pass"],
            "import tinct": ["-c", "import tinct"],
            "import the core": ["-c", "import tinct; tinct.Colorizer"],
            "tinct --help": ["-c", RUN, "--help"],
            "tinct colorize of 512x512": ["-c", RUN, *photo, "--model", arguments.model],
        }
        results = {}
        for name, command in commands.items():
            whole = [sys.executable, *command]
            rounds = [common.measured(whole) for _ in range(arguments.repeat + 1)][1:]
            results[name] = {
                "seconds": round(statistics.median(run.wall for run in rounds), 3),
                "cpu_seconds": round(statistics.median(run.cpu for run in rounds), 3),
                "peak_megabytes": round(max(run.megabytes for run in rounds), 1),
            }
    # The process that measures costs wall time too; the bare interpreter carries the same cost.
    own = results["interpreter"]["seconds"]
    for values in results.values():
        values["seconds_above_interpreter"] = round(values["seconds"] - own, 3)
    common.write("startup", results, to=arguments.to)


if __name__ == "__main__":
    main()
