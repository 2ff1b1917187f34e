"""Ten colours of vehicles: every candidate in every colour space, trained on train/ and measured on test/.

    python benchmarks/recognition/vehicle.py FOLDER [--weights squeezenet.npz] [--size 48] [--only NETWORK ...]

Writes benchmarks/recognition/vehicle.json after each row; run again, it goes on. FOLDER has train/ and test/.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from table import HERE, Table, every_space, run_table, split_fold

from tinct.data.duplicates import near_duplicates
from tinct.data.labelled import find_labelled, load
from tinct.learn.recognize.candidates import ALL_NETWORKS, Choices, choose_candidates
from tinct.learn.recognize.folds import leaks


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--only", nargs="+", default=[name for name in ALL_NETWORKS if name != "pretrained"])
    parser.add_argument("--spaces", nargs="+")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--width", type=float, help="of two_branch; 1 is as published")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    wanted = parser.parse_args()
    loaded = load(find_labelled(wanted.folder), size=(wanted.size, wanted.size))
    table = Table(HERE / "vehicle.json", seed=0)
    groups = near_duplicates(loaded.compared)
    fold = split_fold(loaded)
    table.results["set"] = {
        "train": len(fold[0].train),
        "test": len(fold[0].val),
        "test_pictures_with_a_copy_in_train": leaks(groups, fold[0].train, fold[0].val),
    }
    candidates = []
    for network in wanted.only:
        options = {"width": wanted.width} if network == "two_branch" and wanted.width else None
        if network == "pretrained":
            candidates += choose_candidates("picture", Choices([network], weights=str(wanted.weights)))
        elif wanted.spaces:
            candidates += choose_candidates(
                "picture", Choices([network], wanted.spaces, options=options), size=loaded.size
            )
        else:
            candidates += every_space([network], size=loaded.size, options=options)
    epochs = None if wanted.epochs is None else lambda candidate: wanted.epochs
    run_table(
        table, "table", candidates, loaded, fold, seeds=tuple(wanted.seeds), epochs=epochs, facts={"size": wanted.size}
    )


if __name__ == "__main__":
    main()
