"""What the benchmarks of recognition share: candidates in a table that is written after each, so that a run goes on."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import common  # noqa: E402
from tinct.data.labelled import Loaded  # noqa: E402
from tinct.learn.recognize.candidates import Candidate, Choices, choose_candidates  # noqa: E402
from tinct.learn.recognize.folds import Fold  # noqa: E402
from tinct.learn.recognize.trial import Bench, run_trial  # noqa: E402

SPACES = ("rgb", "hsv", "hsl", "lab", "yuv", "xyz")


class Table:
    """Rows of candidates in a JSON file."""

    def __init__(self, path: Path, *, seed: int | None) -> None:
        """Open it, with what an earlier run found."""
        self.path, self.seed = path, seed
        self.results: dict[str, Any] = json.loads(path.read_text())["results"] if path.is_file() else {}

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Give the rows of one table."""
        return self.results.setdefault(name, [])

    def has(self, name: str, **facts: Any) -> bool:
        """Say whether there is a row of these facts already."""
        return any(all(row.get(key) == value for key, value in facts.items()) for row in self.rows(name))

    def add(self, name: str, row: dict[str, Any]) -> None:
        """Add a row and write the file."""
        self.rows(name).append(row)
        self.write()
        print(name, json.dumps(row), flush=True)

    def write(self) -> None:
        """Write the file, with command, commit and machine."""
        report = {
            "benchmark": f"recognition/{self.path.stem}",
            "command": shlex.join(["python", *sys.argv]),
            "commit": common.commit(),
            "seed": self.seed,
            "machine": common.machine(),
            "results": self.results,
        }
        beside = self.path.with_suffix(".part")
        beside.write_text(json.dumps(report, indent=1) + "\n")
        beside.replace(self.path)


def run_table(
    table: Table,
    name: str,
    candidates: list[Candidate],
    loaded: Loaded,
    folds: list[Fold],
    *,
    seeds: tuple[int, ...] = (0,),
    epochs: Callable[[Candidate], int] | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Measure candidates that have no row yet."""
    bench = Bench(loaded, folds)
    for candidate in candidates:
        for seed in seeds:
            if table.has(name, candidate=candidate.name, seed=seed, **(facts or {})):
                continue
            fitting = Choices(seed=seed).fitting_for(candidate)
            if epochs is not None:
                fitting = replace(fitting, epochs=epochs(candidate))
            outcome = run_trial(candidate, bench, fitting=fitting)
            table.add(name, {"seed": seed, **(facts or {}), **bench.judge(outcome).to_json()})


def every_space(networks: list[str], *, size: tuple[int, int], **options: Any) -> list[Candidate]:
    """Give networks in each of the six spaces and in the stack."""
    found = []
    for network in networks:
        found += choose_candidates("picture", Choices([network], [*SPACES, "rgb+hsv+lab"], **options), size=size)
    return found


def split_fold(loaded: Loaded) -> list[Fold]:
    """Give the one fold of a train and a test split."""
    return [Fold(loaded.of("train"), loaded.of("test"))]


def chance(loaded: Loaded) -> float:
    """Give the share of the largest class."""
    return float(np.bincount(loaded.labelled.labels).max() / len(loaded.labelled.labels))
