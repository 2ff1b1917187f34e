"""Recipes that come with tinct, cut down to what two busy cores can do, for docs/findings.md.

    python benchmarks/findings/run.py STUDY --data DATASET --out FOLDER [--encoder-weights FILE]

STUDY is a name of `STUDIES` below; the other recipes' arms are in everything.toml beside this. Run again, it goes on
where it stopped, and at the end writes the metrics and differences into benchmarks/findings/STUDY.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinct.study.arms import run_study
from tinct.study.folder import Study
from tinct.study.plan import Budget
from tinct.study.recipe import Recipe, list_recipes, parse_recipe

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from common import commit  # noqa: E402

TABLES = ("metrics", "differences", "overfitting", "cost", "groups", "quantisation", "curves")


@dataclass(frozen=True)
class Cut:
    """How a recipe is cut down.

    Attributes:
        recipe: its name.
        steps: of its longest training.
        seeds: of its trainings.
        crop: edge of the training squares in pixels.
        batch_size: photographs a step.
        network: instead of the recipe's.
    """

    recipe: str
    steps: int
    seeds: int
    crop: int
    batch_size: int
    network: str | None = None

    def budget(self) -> Budget:
        """Give it as a study takes it."""
        return Budget(
            "findings",
            steps=self.steps,
            points=8,
            crop=self.crop,
            batch_size=self.batch_size,
            bins_from=700,
            seeds=self.seeds,
            pictures=120,
            train_pictures=60,
            workers=0,
        )

    def read(self) -> Recipe:
        """Read the recipe, with the other network where there is one."""
        text = list_recipes()[self.recipe].read_text(encoding="utf-8")
        values: dict[str, Any] = tomllib.loads(text)
        if self.network is not None:
            text = text.replace(f'network = "{values["shared"]["network"]}"', f'network = "{self.network}"')
        return parse_recipe({**tomllib.loads(text), "plots": PLOTS}, name=self.recipe, text=text)


STUDIES = {
    # VGG-16's weights were not at hand, SqueezeNet's were; the decoder is the same.
    "regularization": Cut("regularization", steps=800, seeds=2, crop=128, batch_size=16, network="squeezenet1_1"),
    "regularization-cats": Cut("regularization", steps=3000, seeds=2, crop=128, batch_size=16, network="squeezenet1_1"),
    "temperature": Cut("temperature", steps=1000, seeds=3, crop=64, batch_size=8),
}
# Photographs stay out of the repository, and pictures of them cost time.
PLOTS = ["metrics", "axis", "curves", "groups", "quantisation", "cost"]


def main() -> None:
    """Run a study and keep its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--encoder-weights", type=Path)
    given = parser.parse_args()
    cut = STUDIES[given.study]
    at = commit()  # as it is now: the tree may change while a study runs
    run_study(
        cut.read(),
        data=given.data,
        out=given.out,
        budget=cut.budget(),
        encoder_weights=given.encoder_weights,
        told=lambda row: print(row.arm, row.seed, row.status, f"{row.minutes:.1f} min", flush=True),
    )
    keep(given.study, Study.open(given.out), at)


def keep(name: str, study: Study, at: str) -> None:
    """Write what a study found, without its pictures, into a file of its own."""
    record = study.record
    found: dict[str, Any] = {
        "study": name,
        "commit": at,
        "machine": record.machine,
        "versions": record.versions,
        "photographs": {split: getattr(record.data, split) for split in ("train", "val")},
        "seeds": record.seeds,
        "notes": record.notes,
    }
    for table in TABLES:
        file = study.path / "tables" / f"{table}.json"
        if file.is_file():
            found[table] = json.loads(file.read_text(encoding="utf-8"))
    (HERE / f"{name}.json").write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
